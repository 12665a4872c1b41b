/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI bus of one function: see fake-pci.h. */
#include "fake-pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_PCI_CAPS 0x40

void pci_ident_set(struct pci_dev *pci, const struct pci_ident *ident)
{
	pci->ident = *ident;
}

int pci_bar_add(struct pci_dev *pci, unsigned int bar, enum bus_kind kind, bool is64, bool prefetch,
		uint64_t size, struct err *err)
{
	(void)is64;
	(void)prefetch;
	if (bar >= PCI_NR_BARS || !size || size & (size - 1))
		return err_set(err, EINVAL, "BAR %u", bar);
	pci->bar_kind[bar] = kind;
	pci->bar_size[bar] = size;
	return 0;
}

int pci_cap_add(struct pci_dev *pci, uint8_t id, const void *body, uint8_t len, struct err *err)
{
	unsigned int off = pci->cfg_end, next = (off + 2u + len + 3) & ~3u;

	if (next > sizeof(pci->cfg))
		return err_set(err, ENOSPC, "capabilities");
	pci->cfg[off] = id;
	pci->cfg[off + 1] = (uint8_t)next;
	memcpy(pci->cfg + off + 2, body, len);
	pci->cfg_end = next;
	return (int)off;
}

void pci_cap_hook(struct pci_dev *pci, unsigned int off, unsigned int len)
{
	memset(pci->hook + off, true, len);
}

int pci_msix_add(struct pci_dev *pci, unsigned int nr, unsigned int bar, uint32_t table,
		 uint32_t pba, struct err *err)
{
	(void)table;
	(void)pba;
	if (!nr || nr > FAKE_PCI_VECTORS || !pci->bar_size[bar])
		return err_set(err, EINVAL, "MSI-X");
	pci->nr_vectors = nr;
	return 0;
}

bool pci_msix_enabled(const struct pci_dev *pci)
{
	return __atomic_load_n(&pci->msix, __ATOMIC_SEQ_CST);
}

void pci_msix_fire(struct pci_dev *pci, unsigned int nr)
{
	if (nr >= pci->nr_vectors)
		abort(); /* the real one ignores it; a device should know better */
	__atomic_fetch_add(&pci->fired[nr], 1, __ATOMIC_SEQ_CST);
}

void pci_intx_set(struct pci_dev *pci, bool level)
{
	__atomic_store_n(&pci->intx, level, __ATOMIC_SEQ_CST);
}

int pci_msix_fd(struct pci_dev *pci, unsigned int nr)
{
	(void)pci;
	(void)nr;
	return -1;
}

bool pci_bus_master(const struct pci_dev *pci)
{
	return __atomic_load_n(&pci->master, __ATOMIC_SEQ_CST);
}

const char *pci_name(const struct pci_dev *pci)
{
	return pci->name;
}

struct pci_dev *fake_pci_new(const struct dev_env *env, const struct pci_ops *ops,
			     const void *config, struct err *err)
{
	struct pci_dev *pci = calloc(1, sizeof(*pci));

	if (!pci)
		return NULL;
	pci->ops = ops;
	pci->name = "fake0";
	pci->cfg_end = FAKE_PCI_CAPS;
	pci->master = true;
	if (ops->init(env, pci, config, &pci->state, err)) {
		free(pci);
		return NULL;
	}
	return pci;
}

void fake_pci_free(struct pci_dev *pci)
{
	if (!pci)
		return;
	pci->ops->exit(pci->state);
	free(pci);
}

static uint64_t fake_pci_access(struct pci_dev *pci, unsigned int bar, uint64_t off, uint32_t size,
				bool write, uint64_t val)
{
	struct bus_access acc = {
		.addr = 0x10000 * (bar + 1) + off, .off = off, .size = size, .write = write
	};
	uint64_t mask = size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;

	if (bar >= PCI_NR_BARS || off >= pci->bar_size[bar] || pci->bar_size[bar] - off < size)
		return mask;
	acc.data = write ? val & mask : mask;
	pci->ops->bar(pci->state, bar, &acc);
	return acc.data & mask;
}

uint64_t fake_pci_read(struct pci_dev *pci, unsigned int bar, uint64_t off, uint32_t size)
{
	return fake_pci_access(pci, bar, off, size, false, 0);
}

void fake_pci_write(struct pci_dev *pci, unsigned int bar, uint64_t off, uint32_t size,
		    uint64_t val)
{
	fake_pci_access(pci, bar, off, size, true, val);
}

static bool fake_pci_hooked(const struct pci_dev *pci, unsigned int off, uint32_t size)
{
	return memchr(pci->hook + off, true, size);
}

uint32_t fake_pci_cfg_read(struct pci_dev *pci, unsigned int off, uint32_t size)
{
	struct bus_access acc = { .addr = off, .off = off, .size = size };

	if (off + size > sizeof(pci->cfg))
		return UINT32_MAX;
	memcpy(&acc.data, pci->cfg + off, size);
	if (fake_pci_hooked(pci, off, size))
		pci->ops->cfg(pci->state, &acc);
	return (uint32_t)acc.data;
}

void fake_pci_cfg_write(struct pci_dev *pci, unsigned int off, uint32_t size, uint32_t val)
{
	struct bus_access acc = {
		.addr = off, .off = off, .size = size, .write = true, .data = val
	};

	if (off + size <= sizeof(pci->cfg) && fake_pci_hooked(pci, off, size))
		pci->ops->cfg(pci->state, &acc);
}

unsigned int fake_pci_find_cap(struct pci_dev *pci, uint8_t type)
{
	unsigned int off;

	for (off = FAKE_PCI_CAPS; off < pci->cfg_end; off = pci->cfg[off + 1]) {
		if (pci->cfg[off + 3] == type)
			return off;
	}
	return 0;
}

unsigned int fake_pci_fired(struct pci_dev *pci, unsigned int vector)
{
	return __atomic_load_n(&pci->fired[vector], __ATOMIC_SEQ_CST);
}

int fake_pci_intx(struct pci_dev *pci)
{
	return __atomic_load_n(&pci->intx, __ATOMIC_SEQ_CST);
}

void fake_pci_set(struct pci_dev *pci, bool msix, bool master)
{
	__atomic_store_n(&pci->msix, msix, __ATOMIC_SEQ_CST);
	__atomic_store_n(&pci->master, master, __ATOMIC_SEQ_CST);
}
