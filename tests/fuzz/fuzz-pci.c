/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest gone mad on the PCI bus: configuration space by both mechanisms, BARs
 * moved anywhere, MSI-X table and pending bits, interrupts from two functions,
 * resets, snapshots and snapshots made up. Each step begins with a byte, its low
 * three bits say what it is (see fuzz_step), the others how.
 */
#include <linux/pci_regs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-function.h"
#include "vmm/acpi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_FNS 2

struct fuzz {
	struct fake_env *fake;
	void *host;
	struct fake_function *fn[FUZZ_FNS]; /* in slots 1 (MSI-X) and 2 (MSI) */
	const uint8_t *data;
	size_t len;
};

/* Where BARs hurt: nowhere, all ones, RAM, ECAM, the APICs, ports of others, each other. */
static const uint32_t fuzz_bases[] = { 0,	   0xffffffff, 0x1000,	   0xe0000000,
				       0xfee00000, 0xfec00000, 0xcf8,	   0xcf0,
				       0xc0000000, 0xd0000000, 0xffff0000, 0x80000000 };

static uint64_t fuzz_take(struct fuzz *fz, unsigned int nr)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < nr && fz->len; i++, fz->len--)
		val |= (uint64_t)*fz->data++ << (i * 8);
	return val;
}

static void fuzz_bus(struct fuzz *fz, enum bus_kind kind, uint64_t addr, uint32_t size, bool write)
{
	struct bus_access acc = { .addr = addr, .size = size, .write = write };

	if (write)
		acc.data = fuzz_take(fz, size);
	bus_dispatch(fz->fake->env.bus, kind, &acc);
	if (!write && size < 8 && acc.data >> (size * 8))
		abort();
}

static void fuzz_config(struct fuzz *fz, unsigned int how)
{
	unsigned int slot = fuzz_take(fz, 1) & 3, reg = (unsigned int)fuzz_take(fz, 1);
	uint32_t size = 1u << (how & 1 ? 2 : how >> 3 & 1);

	if (how & 2)
		fake_cfg_write(fz->fake, slot, reg, size, (uint32_t)fuzz_take(fz, size));
	else
		fake_cfg_read(fz->fake, slot, reg, size);
}

/* Any register through memory, mostly where somebody is. */
static void fuzz_ecam(struct fuzz *fz, unsigned int how)
{
	uint32_t off = (uint32_t)fuzz_take(fz, 3);

	if (how & 8)
		off = (off & 0xfff) | (off >> 12 & 3) << 15;
	fuzz_bus(fz, BUS_MMIO, ACPI_ECAM_BASE + (off & 0xfffff), 1u << (how >> 1 & 3), how & 1);
}

static void fuzz_bar(struct fuzz *fz, unsigned int how)
{
	const struct fake_function *fn = fz->fn[how >> 4 & 1];
	unsigned int bar = fuzz_take(fz, 1) % PCI_NR_BARS;
	uint64_t off = fuzz_take(fz, 2);

	if (fn->mapped[bar])
		fuzz_bus(fz, bar == FAKE_BAR_PORTS ? BUS_PIO : BUS_MMIO,
			 fn->base[bar] + (bar == FAKE_BAR_PORTS ? off & 0x3f : off),
			 1u << (how >> 1 & 3), how & 1);
}

static void fuzz_move(struct fuzz *fz, unsigned int how)
{
	unsigned int bar = fuzz_take(fz, 1) % PCI_NR_BARS;
	uint32_t base = fuzz_bases[fuzz_take(fz, 1) % (sizeof(fuzz_bases) / sizeof(fuzz_bases[0]))];

	fake_cfg_write(fz->fake, 1 + (how & 1), PCI_BASE_ADDRESS_0 + bar * 4, 4,
		       base + (how & 2 ? (uint32_t)fuzz_take(fz, 2) << 4 : 0));
	fake_cfg_write(fz->fake, 1 + (how & 1), PCI_COMMAND, 1, how >> 2);
}

static void fuzz_interrupt(struct fuzz *fz, unsigned int how)
{
	struct pci_dev *pci = fz->fn[how & 1]->pci;
	unsigned int nr = (unsigned int)fuzz_take(fz, 1);

	switch (how >> 1 & 3) {
	case 0:
		pci_intx_set(pci, nr & 1);
		break;
	case 1:
		pci_msix_fire(pci, nr);
		break;
	case 2:
		pci_msi_fire(pci, nr);
		break;
	case 3:
		if (pci_msix_fd(pci, nr) >= 0 && !pci_msix_enabled(pci))
			abort();
		break;
	}
}

static void fuzz_load(struct fuzz *fz)
{
	struct dev_state_in in = { .len = fuzz_take(fz, 2) % 4096 };

	if (in.len > fz->len)
		in.len = fz->len;
	in.data = fz->data;
	pci_host_ops.load(fz->host, &in, NULL);
	fz->data += in.len;
	fz->len -= in.len;
}

/* A true state with one byte of it changed. */
static void fuzz_load_bent(struct fuzz *fz)
{
	struct buf saved = BUF_INIT;
	struct dev_state_in in = { 0 };

	pci_host_ops.save(fz->host, &saved);
	saved.data[fuzz_take(fz, 2) % saved.len] ^= (char)fuzz_take(fz, 1);
	in.data = (const uint8_t *)saved.data;
	in.len = saved.len;
	pci_host_ops.load(fz->host, &in, NULL);
	buf_free(&saved);
}

static void fuzz_life(struct fuzz *fz, unsigned int how)
{
	struct sample_pci pci[SAMPLE_PCI];
	struct sample_row row[8];
	struct dev_rows rows = { .row = row, .max = 8, .device = "pci" };

	switch (how & 3) {
	case 0:
		pci_host_ops.reset(fz->host);
		break;
	case 1:
		pci_host_ops.describe(fz->host, &rows);
		if (pci_host_sample(fz->host, pci) != FUZZ_FNS + 1)
			abort();
		break;
	case 2:
		fuzz_load_bent(fz);
		break;
	case 3:
		fuzz_load(fz);
		break;
	}
}

static void fuzz_step(struct fuzz *fz)
{
	uint8_t op = (uint8_t)fuzz_take(fz, 1);
	unsigned int how = op >> 3;

	switch (op & 7) {
	case 0:
		fuzz_config(fz, how);
		break;
	case 1:
		fuzz_ecam(fz, how);
		break;
	case 2:
		fuzz_bus(fz, BUS_PIO, 0xcf4 + fuzz_take(fz, 1) % 16, 1u << (how & 3), how & 4);
		break;
	case 3:
		fuzz_bar(fz, how);
		break;
	case 4:
		fuzz_move(fz, how);
		break;
	case 5:
		fuzz_interrupt(fz, how);
		break;
	case 6:
		fuzz_life(fz, how);
		break;
	case 7:
		fuzz_bus(fz, how & 8 ? BUS_PIO : BUS_MMIO, fuzz_take(fz, how & 8 ? 2 : 5),
			 1u << (how & 3), how & 4);
		break;
	}
}

/* What must hold whatever the guest did. */
static void fuzz_check(const struct fuzz *fz)
{
	static const uint64_t size[PCI_NR_BARS] = { 32, 4096, 16384, 0, 0, 65536 };
	unsigned int i, bar;

	for (i = 0; i < FUZZ_FNS; i++) {
		for (bar = 0; bar < PCI_NR_BARS; bar++) {
			if (fz->fn[i]->mapped[bar] && (!size[bar] || !fz->fn[i]->base[bar] ||
						       fz->fn[i]->base[bar] % size[bar]))
				abort();
		}
	}
	if (pci_msix_enabled(fz->fn[0]->pci) && fz->fake->level[pci_irq(1, 1)])
		abort();
	if (pci_msi_enabled(fz->fn[1]->pci) && fz->fake->level[pci_irq(2, 1)])
		abort();
}

static void fuzz_plug(struct fuzz *fz, unsigned int i, const char *name,
		      enum fake_messages messages)
{
	const struct fake_function_config config = { messages, 4, &fz->fn[i] };
	const struct pci_plug plug = { &fake_function_ops, name, &config };

	if (pci_host_plug(fz->host, &fz->fake->env, &plug, NULL))
		abort();
}

static void fuzz_left(void *ctx, uint64_t base, uint64_t len, const char *name)
{
	(void)ctx;
	(void)base;
	(void)len;
	(void)name;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_env *fake; /* made once: its memory is what takes time */
	struct fuzz fz = { .data = data, .len = size };

	if (!fake)
		fake = fake_env_new();
	fz.fake = fake;
	if (!fake || pci_host_ops.init(&fake->env, &fz.host, NULL))
		return 0;
	fuzz_plug(&fz, 0, "one", FAKE_MSIX);
	fuzz_plug(&fz, 1, "two", FAKE_MSI);
	while (fz.len) {
		fuzz_step(&fz);
		fuzz_check(&fz);
	}
	pci_host_ops.exit(fz.host);
	bus_each(fake->env.bus, BUS_PIO, fuzz_left, NULL);
	bus_each(fake->env.bus, BUS_MMIO, fuzz_left, NULL);
	if (fake_msi_count(fake) || fake->level[PCI_IRQ_A] || fake->level[PCI_IRQ_B])
		abort();
	return 0;
}
