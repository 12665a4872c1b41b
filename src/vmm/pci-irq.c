/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a function interrupts: MSI-X, MSI (PCI Local Bus Specification 3.0, 6.8)
 * or its INTx pin, which is silent while either is enabled. A signal takes
 * msi_lock for reading, whatever changes where signals go takes it for writing:
 * once a write that masks is over, nothing more goes out.
 */
#include "vmm/pci-priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define PCI_MSI_BODY	   22 /* after id and next: 64-bit address, a mask for each vector */
#define PCI_MSI_MAX	   32
#define PCI_MSIX_BODY	   10
#define PCI_MSIX_CTRL	   3 /* words of an entry: address, address, data, control */
#define PCI_MSIX_PBA_BYTES 8

/* --- INTx --- */

unsigned int pci_irq(unsigned int slot, unsigned int pin)
{
	return (slot + pin - 1) % PCI_NR_LINES ? PCI_IRQ_B : PCI_IRQ_A;
}

/* Functions share lines: one is up as long as anybody holds it up. */
static void pci_line_drive(struct pci_host *host, unsigned int slot, bool up)
{
	unsigned int gsi = pci_irq(slot, 1);
	uint32_t *line = &host->line[gsi == PCI_IRQ_B];
	uint32_t was;

	pthread_mutex_lock(&host->line_lock);
	was = *line;
	*line = up ? was | 1u << slot : was & ~(1u << slot);
	if (!was != !*line)
		host->env->irq_set(host->env->ctx, gsi, !!*line);
	pthread_mutex_unlock(&host->line_lock);
}

void pci_intx_set(struct pci_dev *pci, bool level)
{
	pthread_mutex_lock(&pci->intx_lock);
	pci->intx_level = level;
	pci_line_drive(pci->host, pci->slot, level && !pci->intx_off);
	pthread_mutex_unlock(&pci->intx_lock);
}

bool pci_intx_level(struct pci_dev *dev)
{
	bool level;

	pthread_mutex_lock(&dev->intx_lock);
	level = dev->intx_level;
	pthread_mutex_unlock(&dev->intx_lock);
	return level;
}

static void pci_intx_update_locked(struct pci_dev *dev)
{
	bool off = !dev->cfg[PCI_INTERRUPT_PIN] || dev->msi.enabled || dev->msix.enabled ||
		   (pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

	pthread_mutex_lock(&dev->intx_lock);
	dev->intx_off = off;
	pci_line_drive(dev->host, dev->slot, dev->intx_level && !off);
	pthread_mutex_unlock(&dev->intx_lock);
}

/* --- vectors --- */

static int pci_vecs_new(struct pci_dev *dev, struct pci_vecs *vecs, unsigned int nr,
			struct err *err)
{
	const struct dev_env *env = dev->host->env;
	unsigned int i;

	vecs->nr = nr;
	for (i = 0; i < nr; i++) {
		vecs->vec[i].msi = env->msi_new(env->ctx, err);
		if (!vecs->vec[i].msi) {
			err_prefix(err, "%s", dev->name);
			return -ENOSPC;
		}
	}
	return 0;
}

static void pci_vecs_free(struct pci_dev *dev, struct pci_vecs *vecs)
{
	unsigned int i;

	for (i = 0; i < vecs->nr; i++) {
		if (vecs->vec[i].msi)
			dev->host->env->msi_free(vecs->vec[i].msi);
	}
	vecs->nr = 0;
}

void pci_irq_free(struct pci_dev *dev)
{
	pci_vecs_free(dev, &dev->msi);
	pci_vecs_free(dev, &dev->msix);
}

static void pci_vec_send(struct pci_dev *dev, const struct pci_vec *vec)
{
	uint64_t one = 1;

	if (write(dev->host->env->msi_fd(vec->msi), &one, sizeof(one)) < 0)
		log_guest("%s: interrupt lost: %s", dev->name, strerror(errno));
}

static void pci_vec_route(struct pci_dev *dev, struct pci_vec *vec, uint64_t addr, uint32_t data)
{
	if (vec->routed && vec->addr == addr && vec->data == data)
		return;
	vec->routed = dev->host->env->msi_set(vec->msi, addr, data) == 0;
	vec->addr = addr;
	vec->data = data;
}

/* Vector NR of VECS, unmasked or not, now goes by ADDR and DATA; what was held back leaves. */
static void pci_vec_update(struct pci_dev *dev, struct pci_vecs *vecs, unsigned int nr,
			   bool unmasked, uint64_t addr, uint32_t data)
{
	struct pci_vec *vec = &vecs->vec[nr];

	if (unmasked)
		pci_vec_route(dev, vec, addr, data);
	vec->live = unmasked && vec->routed;
	if (!vec->live || !(vecs->pending >> nr & 1))
		return;
	vecs->pending &= ~(1ull << nr);
	pci_vec_send(dev, vec);
}

static void pci_vecs_fire(struct pci_dev *dev, struct pci_vecs *vecs, unsigned int nr)
{
	pthread_rwlock_rdlock(&dev->msi_lock);
	if (vecs->enabled && vecs->vec[nr].live)
		pci_vec_send(dev, &vecs->vec[nr]);
	else if (vecs->enabled)
		__atomic_fetch_or(&vecs->pending, 1ull << nr, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&dev->msi_lock);
}

/* --- MSI --- */

int pci_msi_add(struct pci_dev *pci, unsigned int nr, struct err *err)
{
	uint8_t body[PCI_MSI_BODY] = { 0 };
	unsigned int log = 0, i;
	int off;

	if (!nr || nr > PCI_MSI_MAX || (nr & (nr - 1)))
		return err_set(err, EINVAL, "%s: MSI with %u vectors", pci->name, nr);
	if (!pci->host->env->msi_new)
		return 0;
	while (1u << log < nr)
		log++;
	body[0] = (uint8_t)(PCI_MSI_FLAGS_64BIT | log << 1);
	body[1] = PCI_MSI_FLAGS_MASKBIT >> 8;
	off = pci_cap_add(pci, PCI_CAP_ID_MSI, body, sizeof(body), err);
	if (off < 0)
		return off;
	pci->msi.cap = (unsigned int)off;
	pci->wmask[off + PCI_MSI_FLAGS] = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;
	pci->wmask[off + PCI_MSI_ADDRESS_LO] = 0xfc;
	for (i = PCI_MSI_ADDRESS_LO + 1; i < PCI_MSI_DATA_64 + 2; i++)
		pci->wmask[off + (int)i] = 0xff;
	for (i = 0; i < 4; i++)
		pci->wmask[off + PCI_MSI_MASK_64 + (int)i] = (uint8_t)(((1ull << nr) - 1) >> i * 8);
	return pci_vecs_new(pci, &pci->msi, nr, err);
}

/* How many vectors the guest granted (6.8.1.3): never more than there are. */
static unsigned int pci_msi_granted(const struct pci_dev *dev)
{
	unsigned int log = (dev->cfg[dev->msi.cap + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_QSIZE) >> 4;

	return log < 5 && 1u << log < dev->msi.nr ? 1u << log : dev->msi.nr;
}

static void pci_msi_update_locked(struct pci_dev *dev)
{
	unsigned int cap = dev->msi.cap, i, granted;
	uint32_t data, mask;
	uint64_t addr;

	if (!cap)
		return;
	__atomic_store_n(&dev->msi.enabled, dev->cfg[cap + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE,
			 __ATOMIC_RELEASE);
	if (!dev->msi.enabled)
		dev->msi.pending = 0;
	addr = pci_get32(dev, cap + PCI_MSI_ADDRESS_LO) |
	       (uint64_t)pci_get32(dev, cap + PCI_MSI_ADDRESS_HI) << 32;
	data = pci_get16(dev, cap + PCI_MSI_DATA_64);
	mask = pci_get32(dev, cap + PCI_MSI_MASK_64);
	granted = pci_msi_granted(dev);
	for (i = 0; i < dev->msi.nr; i++)
		pci_vec_update(dev, &dev->msi, i,
			       dev->msi.enabled && dev->master && i < granted && !(mask >> i & 1),
			       addr, (data & ~(granted - 1)) | i);
}

bool pci_msi_enabled(const struct pci_dev *pci)
{
	return __atomic_load_n(&pci->msi.enabled, __ATOMIC_ACQUIRE);
}

void pci_msi_fire(struct pci_dev *pci, unsigned int nr)
{
	if (nr < pci->msi.nr)
		pci_vecs_fire(pci, &pci->msi, nr);
}

/* --- MSI-X --- */

int pci_msix_add(struct pci_dev *pci, unsigned int nr, unsigned int bar, uint32_t table,
		 uint32_t pba, struct err *err)
{
	uint8_t body[PCI_MSIX_BODY];
	uint64_t size =
		bar < PCI_NR_BARS && pci->bar[bar].kind == BUS_MMIO ? pci->bar[bar].size : 0;
	unsigned int i;
	int off;

	if (!nr || nr > PCI_MAX_VECS || (table | pba) % 8 || table + nr * 16ull > size ||
	    (uint64_t)pba + PCI_MSIX_PBA_BYTES > size)
		return err_set(err, EINVAL, "%s: %u MSI-X vectors do not fit BAR %u", pci->name, nr,
			       bar);
	if (!pci->host->env->msi_new)
		return 0;
	body[0] = (uint8_t)(nr - 1);
	body[1] = 0;
	for (i = 0; i < 4; i++) {
		body[2 + i] = (uint8_t)((table | bar) >> (i * 8));
		body[6 + i] = (uint8_t)((pba | bar) >> (i * 8));
	}
	off = pci_cap_add(pci, PCI_CAP_ID_MSIX, body, sizeof(body), err);
	if (off < 0)
		return off;
	pci->msix.cap = (unsigned int)off;
	pci->wmask[off + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	pci->msix_bar = bar;
	pci->msix_table = table;
	pci->msix_pba = pba;
	return pci_vecs_new(pci, &pci->msix, nr, err);
}

static void pci_msix_vec_update(struct pci_dev *dev, unsigned int nr, bool masked)
{
	const uint32_t *entry = dev->entry[nr];

	masked |= entry[PCI_MSIX_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT;
	pci_vec_update(dev, &dev->msix, nr, !masked, entry[0] | (uint64_t)entry[1] << 32, entry[2]);
}

static void pci_msix_update_locked(struct pci_dev *dev)
{
	unsigned int i;
	uint16_t flags;
	bool masked;

	if (!dev->msix.cap)
		return;
	flags = pci_get16(dev, dev->msix.cap + PCI_MSIX_FLAGS);
	__atomic_store_n(&dev->msix.enabled, !!(flags & PCI_MSIX_FLAGS_ENABLE), __ATOMIC_RELEASE);
	if (!dev->msix.enabled)
		dev->msix.pending = 0;
	masked = !dev->msix.enabled || !dev->master || (flags & PCI_MSIX_FLAGS_MASKALL);
	for (i = 0; i < dev->msix.nr; i++)
		pci_msix_vec_update(dev, i, masked);
}

bool pci_msix_enabled(const struct pci_dev *pci)
{
	return __atomic_load_n(&pci->msix.enabled, __ATOMIC_ACQUIRE);
}

void pci_msix_fire(struct pci_dev *pci, unsigned int nr)
{
	if (nr < pci->msix.nr)
		pci_vecs_fire(pci, &pci->msix, nr);
}

int pci_msix_fd(struct pci_dev *pci, unsigned int nr)
{
	int fd = -1;

	pthread_rwlock_rdlock(&pci->msi_lock);
	if (nr < pci->msix.nr && pci->msix.vec[nr].live)
		fd = pci->host->env->msi_fd(pci->msix.vec[nr].msi);
	pthread_rwlock_unlock(&pci->msi_lock);
	return fd;
}

/* --- the table and the pending bits in their BAR --- */

static void pci_msix_read(struct pci_dev *dev, uint64_t off, struct bus_access *acc, bool table)
{
	uint8_t bytes[sizeof(dev->entry)] = { 0 };
	size_t len = table ? dev->msix.nr * sizeof(dev->entry[0]) : PCI_MSIX_PBA_BYTES;
	uint64_t pending;
	unsigned int i;

	pthread_rwlock_rdlock(&dev->msi_lock);
	pending = __atomic_load_n(&dev->msix.pending, __ATOMIC_RELAXED);
	memcpy(bytes, table ? (const void *)dev->entry : (const void *)&pending, len);
	pthread_rwlock_unlock(&dev->msi_lock);
	acc->data = 0;
	for (i = 0; i < acc->size && off + i < len; i++)
		acc->data |= (uint64_t)bytes[off + i] << (i * 8);
}

/* Aligned words of 4 or 8 bytes are all the specification knows (6.8.2); others are dropped. */
static void pci_msix_write(struct pci_dev *dev, uint64_t off, const struct bus_access *acc)
{
	unsigned int nr = (unsigned int)(off / 16), word = off % 16 / 4;

	if (off % acc->size || acc->size < 4)
		return;
	pthread_mutex_lock(&dev->host->cfg_lock);
	pthread_rwlock_wrlock(&dev->msi_lock);
	dev->entry[nr][word] = (uint32_t)acc->data;
	if (acc->size == 8)
		dev->entry[nr][word + 1] = (uint32_t)(acc->data >> 32);
	dev->entry[nr][PCI_MSIX_CTRL] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	dev->entry[nr][0] &= ~3u;
	pci_msix_update_locked(dev);
	pthread_rwlock_unlock(&dev->msi_lock);
	if (dev->ops->msix_changed)
		dev->ops->msix_changed(dev->state);
	pthread_mutex_unlock(&dev->host->cfg_lock);
}

bool pci_msix_access(struct pci_dev *dev, unsigned int bar, struct bus_access *acc)
{
	uint64_t off = acc->off;

	if (!dev->msix.cap || bar != dev->msix_bar)
		return false;
	if (off - dev->msix_pba < PCI_MSIX_PBA_BYTES) {
		if (!acc->write)
			pci_msix_read(dev, off - dev->msix_pba, acc, false);
		return true;
	}
	if (off - dev->msix_table >= dev->msix.nr * 16ull)
		return false;
	if (acc->write)
		pci_msix_write(dev, off - dev->msix_table, acc);
	else
		pci_msix_read(dev, off - dev->msix_table, acc, true);
	return true;
}

/* --- all of it --- */

bool pci_bus_master(const struct pci_dev *pci)
{
	return __atomic_load_n(&pci->master, __ATOMIC_ACQUIRE);
}

/* What msix_changed() is about. */
static uint32_t pci_msix_state(const struct pci_dev *dev)
{
	return dev->msix.cap ? pci_get16(dev, dev->msix.cap + PCI_MSIX_FLAGS) |
				       (uint32_t)dev->master << 16
			     : 0;
}

void pci_irq_update_locked(struct pci_dev *dev)
{
	uint32_t state = dev->msix_state;

	pthread_rwlock_wrlock(&dev->msi_lock);
	__atomic_store_n(&dev->master, pci_get16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER,
			 __ATOMIC_RELEASE);
	pci_msi_update_locked(dev);
	pci_msix_update_locked(dev);
	pthread_rwlock_unlock(&dev->msi_lock);
	pci_intx_update_locked(dev);
	dev->msix_state = pci_msix_state(dev);
	if (dev->msix_state != state && dev->ops && dev->ops->msix_changed)
		dev->ops->msix_changed(dev->state);
}

void pci_irq_reset_locked(struct pci_dev *dev)
{
	unsigned int i;

	pthread_rwlock_wrlock(&dev->msi_lock);
	memset(dev->entry, 0, sizeof(dev->entry));
	for (i = 0; i < PCI_MAX_VECS; i++)
		dev->entry[i][PCI_MSIX_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	dev->msi.pending = dev->msix.pending = 0;
	pthread_rwlock_unlock(&dev->msi_lock);
	pci_intx_set(dev, false);
}

void pci_irq_save(struct pci_dev *dev, struct buf *out)
{
	unsigned int i, word;

	pthread_rwlock_rdlock(&dev->msi_lock);
	for (i = 0; i < dev->msix.nr; i++)
		for (word = 0; word < 4; word++)
			dev_save_u32(out, dev->entry[i][word]);
	dev_save_u64(out, __atomic_load_n(&dev->msi.pending, __ATOMIC_RELAXED));
	dev_save_u64(out, __atomic_load_n(&dev->msix.pending, __ATOMIC_RELAXED));
	pthread_rwlock_unlock(&dev->msi_lock);
	dev_save_u8(out, pci_intx_level(dev));
}

static uint64_t pci_vecs_all(const struct pci_vecs *vecs)
{
	return vecs->nr >= 64 ? UINT64_MAX : (1ull << vecs->nr) - 1;
}

void pci_irq_load_locked(struct pci_dev *dev, struct dev_state_in *in)
{
	unsigned int i, word;

	pthread_rwlock_wrlock(&dev->msi_lock);
	for (i = 0; i < dev->msix.nr; i++) {
		for (word = 0; word < 4; word++)
			dev->entry[i][word] = dev_load_u32(in);
		dev->entry[i][PCI_MSIX_CTRL] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	dev->msi.pending = dev_load_u64(in) & pci_vecs_all(&dev->msi);
	dev->msix.pending = dev_load_u64(in) & pci_vecs_all(&dev->msix);
	pthread_rwlock_unlock(&dev->msi_lock);
	pci_intx_set(dev, dev_load_u8(in) & 1);
}

static void pci_vecs_describe(struct pci_dev *dev, const struct pci_vecs *vecs, const char *label,
			      struct dev_rows *rows)
{
	unsigned int i, live = 0;
	uint64_t pending;
	bool enabled;

	if (!vecs->cap)
		return;
	pthread_rwlock_rdlock(&dev->msi_lock);
	enabled = vecs->enabled;
	pending = __atomic_load_n(&vecs->pending, __ATOMIC_RELAXED);
	for (i = 0; i < vecs->nr; i++)
		live += vecs->vec[i].live;
	pthread_rwlock_unlock(&dev->msi_lock);
	dev_row(rows, label, "%u vectors, %s, %u unmasked, %d pending", vecs->nr,
		enabled ? "enabled" : "disabled", live, __builtin_popcountll(pending));
}

void pci_irq_describe(struct pci_dev *dev, struct dev_rows *rows)
{
	if (dev->cfg[PCI_INTERRUPT_PIN]) {
		pthread_mutex_lock(&dev->intx_lock);
		dev_row(rows, "intx", "pin A, irq %u%s%s", pci_irq(dev->slot, 1),
			dev->intx_level ? ", raised" : "", dev->intx_off ? ", silent" : "");
		pthread_mutex_unlock(&dev->intx_lock);
	}
	pci_vecs_describe(dev, &dev->msi, "msi", rows);
	pci_vecs_describe(dev, &dev->msix, "msix", rows);
}
