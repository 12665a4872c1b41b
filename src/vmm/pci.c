/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host bridge of bus 0 as a device of the machine: see pci.h. Configuration
 * space by mechanism 1 (ports 0xcf8..0xcff) and through memory (ECAM), the reset
 * register that lies among those ports, and the functions in their slots.
 */
#include "vmm/pci-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/acpi.h"

#define PCI_CONF_PORT	0xcf8
#define PCI_CONF_DATA	4 /* from there */
#define PCI_CONF_CF9	1
#define PCI_ADDR_ENABLE 0x80000000u
#define PCI_ADDR_KEPT	0x8ffffffcu /* bits 24..27: registers above 0xff, as AMD has them */

#define PCI_CF9_RESET 0x04
#define PCI_CF9_KEPT  0x0a /* hard, full: kind of reset, for when it comes */

/* A generic host bridge, for which no guest has quirks. */
static const struct pci_ident pci_host_ident = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsys_vendor = 0x1af4,
	.subsys = 0x1100,
	.class_code = 0x060000,
};

/* --- functions --- */

static struct pci_dev *pci_dev_new(struct pci_host *host, const char *name,
				   const struct pci_ops *ops, struct err *err)
{
	struct pci_dev *dev = calloc(1, sizeof(*dev));

	if (!dev) {
		err_sys(err, ENOMEM, "%s", name);
		return NULL;
	}
	dev->host = host;
	dev->ops = ops;
	dev->slot = host->nr;
	dev->cap_end = PCI_STD_HEADER_SIZEOF;
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	pthread_mutex_init(&dev->intx_lock, NULL);
	pthread_rwlock_init(&dev->msi_lock, NULL);
	return dev;
}

static void pci_dev_free(struct pci_dev *dev)
{
	pci_irq_free(dev);
	pthread_rwlock_destroy(&dev->msi_lock);
	pthread_mutex_destroy(&dev->intx_lock);
	free(dev);
}

/* Into the next slot, with all a firmware does for it. */
static void pci_dev_start(struct pci_dev *dev)
{
	struct pci_host *host = dev->host;

	pthread_mutex_lock(&host->cfg_lock);
	host->slot[host->nr++] = dev;
	pci_cfg_reset_locked(dev);
	pthread_mutex_unlock(&host->cfg_lock);
}

/* Out of the last slot. */
static void pci_dev_stop(struct pci_dev *dev)
{
	struct pci_host *host = dev->host;

	pthread_mutex_lock(&host->cfg_lock);
	if (dev->ops)
		pci_bar_unmap_locked(dev);
	pthread_mutex_unlock(&host->cfg_lock);
	if (dev->ops)
		dev->ops->exit(dev->state);
	pci_intx_set(dev, false);
	host->slot[--host->nr] = NULL;
	pci_dev_free(dev);
}

static int pci_plug_check(const struct pci_host *host, const struct pci_plug *plug, struct err *err)
{
	unsigned int i;

	if (host->nr == PCI_NR_SLOTS)
		return err_set(err, ENOSPC, "%s: all %d slots of the PCI bus are taken", plug->name,
			       PCI_NR_SLOTS);
	if (strlen(plug->name) >= sizeof(host->slot[0]->name))
		return err_set(err, ENAMETOOLONG,
			       "%s: the name of a device has at most %zu letters", plug->name,
			       sizeof(host->slot[0]->name) - 1);
	for (i = 0; i < host->nr; i++) {
		if (!strcmp(host->slot[i]->name, plug->name))
			return err_set(err, EEXIST, "%s: there is such a device already",
				       plug->name);
	}
	return 0;
}

int pci_host_plug(void *state, const struct dev_env *env, const struct pci_plug *plug,
		  struct err *err)
{
	struct pci_host *host = state;
	struct pci_dev *dev;
	int ret;

	ret = pci_plug_check(host, plug, err);
	if (ret)
		return ret;
	dev = pci_dev_new(host, plug->name, plug->ops, err);
	if (!dev)
		return -ENOMEM;
	ret = plug->ops->init(env, dev, plug->config, &dev->state, err);
	if (ret)
		goto err_free;
	ret = pci_bar_place(dev, err);
	if (ret)
		goto err_exit;
	pci_dev_start(dev);
	return 0;

err_exit:
	plug->ops->exit(dev->state);
err_free:
	pci_dev_free(dev);
	return ret;
}

const char *pci_name(const struct pci_dev *pci)
{
	return pci->name;
}

/* --- ways to configuration space --- */

/* Bus, slot, function and register as ECAM counts them (PCI Express 3.0, 7.2.2). */
static void pci_host_config(struct pci_host *host, uint32_t where, struct bus_access *acc)
{
	unsigned int slot = where >> 15 & (PCI_NR_SLOTS - 1), func = where >> 12 & 7;

	if (where >> 20 || func || slot >= host->nr)
		return; /* nobody: reads are all ones already */
	acc->off = where & (PCI_CFG_SIZE - 1);
	pci_cfg_access(host->slot[slot], acc);
}

static void pci_ecam_io(void *opaque, struct bus_access *acc)
{
	pci_host_config(opaque, (uint32_t)acc->off, acc);
}

static void pci_data_io(struct pci_host *host, struct bus_access *acc)
{
	uint32_t addr = __atomic_load_n(&host->address, __ATOMIC_RELAXED);
	uint32_t where = (addr & 0xffff00) << 4 | (addr >> 16 & 0xf00) | (addr & 0xfc);

	if (addr & PCI_ADDR_ENABLE)
		pci_host_config(host, where | (acc->off & 3), acc);
}

static void pci_address_io(struct pci_host *host, struct bus_access *acc)
{
	if (acc->write)
		__atomic_store_n(&host->address, acc->data & PCI_ADDR_KEPT, __ATOMIC_RELAXED);
	else
		acc->data = __atomic_load_n(&host->address, __ATOMIC_RELAXED);
}

static void pci_cf9_io(struct pci_host *host, struct bus_access *acc)
{
	if (!acc->write) {
		acc->data = __atomic_load_n(&host->cf9, __ATOMIC_RELAXED);
		return;
	}
	__atomic_store_n(&host->cf9, acc->data & PCI_CF9_KEPT, __ATOMIC_RELAXED);
	if (acc->data & PCI_CF9_RESET)
		host->env->request(host->env->ctx, DEV_REQ_RESET, 0);
}

/* The address register is one of 32 bits; bytes of that place mean other things, or nothing. */
static void pci_ports_io(void *opaque, struct bus_access *acc)
{
	struct pci_host *host = opaque;

	if (acc->off >= PCI_CONF_DATA)
		pci_data_io(host, acc);
	else if (acc->off + acc->size > PCI_CONF_DATA)
		bus_split(acc, acc->size == 8 ? 4 : 1, pci_ports_io, host);
	else if (acc->size == 4)
		pci_address_io(host, acc);
	else if (acc->off == PCI_CONF_CF9 && acc->size == 1 && !acc->part)
		pci_cf9_io(host, acc);
}

/* --- the device --- */

static int pci_host_claim(struct pci_host *host, struct err *err)
{
	struct bus *bus = host->env->bus;
	int ret;

	ret = bus_register(bus, BUS_PIO, PCI_CONF_PORT, 8, "pci config", pci_ports_io, host, err);
	if (!ret)
		ret = bus_register(bus, BUS_MMIO, ACPI_ECAM_BASE, PCI_ECAM_LEN, "pci ecam",
				   pci_ecam_io, host, err);
	if (!ret)
		bus_set_router(bus, &pci_router, host);
	return ret;
}

static void pci_host_free(struct pci_host *host)
{
	bus_set_router(host->env->bus, NULL, NULL);
	bus_unregister(host->env->bus, host);
	pthread_mutex_destroy(&host->line_lock);
	pthread_rwlock_destroy(&host->map_lock);
	pthread_mutex_destroy(&host->cfg_lock);
	free(host);
}

static void pci_host_exit(void *state)
{
	struct pci_host *host = state;

	while (host->nr)
		pci_dev_stop(host->slot[host->nr - 1]);
	pci_host_free(host);
}

static int pci_host_init(const struct dev_env *env, void **state, struct err *err)
{
	struct pci_host *host = calloc(1, sizeof(*host));
	struct pci_dev *bridge;
	int ret;

	if (!host)
		return err_sys(err, ENOMEM, "PCI bus");
	host->env = env;
	host->next_io = PCI_PORT_BASE;
	host->next_mem = PCI_MEM_BASE;
	host->next_mem64 = pci_mem64_base(env->mem);
	pthread_mutex_init(&host->cfg_lock, NULL);
	pthread_rwlock_init(&host->map_lock, NULL);
	pthread_mutex_init(&host->line_lock, NULL);
	ret = pci_host_claim(host, err);
	bridge = ret ? NULL : pci_dev_new(host, "pci", NULL, err);
	if (!bridge) {
		pci_host_free(host);
		return ret ? ret : -ENOMEM;
	}
	pci_ident_set(bridge, &pci_host_ident);
	pci_dev_start(bridge);
	*state = host;
	return 0;
}

uint64_t pci_mem64_base(const struct mem *mem)
{
	return (mem_high_end(mem) + PCI_MEM64_LEN - 1) & ~(PCI_MEM64_LEN - 1);
}

static void pci_host_reset(void *state)
{
	struct pci_host *host = state;
	unsigned int i;

	__atomic_store_n(&host->address, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&host->cf9, 0, __ATOMIC_RELAXED);
	for (i = 0; i < host->nr; i++) {
		if (host->slot[i]->ops)
			host->slot[i]->ops->reset(host->slot[i]->state);
		pthread_mutex_lock(&host->cfg_lock);
		pci_cfg_reset_locked(host->slot[i]);
		pthread_mutex_unlock(&host->cfg_lock);
	}
}

static void pci_host_hold(void *state, bool on)
{
	struct pci_host *host = state;
	unsigned int i;

	for (i = 0; i < host->nr; i++) {
		if (host->slot[i]->ops && host->slot[i]->ops->hold)
			host->slot[i]->ops->hold(host->slot[i]->state, on);
	}
}

static void pci_host_pause(void *state, bool on)
{
	struct pci_host *host = state;
	unsigned int i;

	for (i = 0; i < host->nr; i++) {
		if (host->slot[i]->ops && host->slot[i]->ops->pause)
			host->slot[i]->ops->pause(host->slot[i]->state, on);
	}
}

/* --- what it says of itself --- */

static void pci_describe_bar(const struct pci_bar *bar, struct dev_rows *rows)
{
	static const char *const kinds[] = { "memory", "memory, prefetchable", "64-bit memory",
					     "64-bit memory, prefetchable" };
	const char *kind = bar->kind == BUS_PIO ? "ports" : kinds[bar->is64 * 2 + bar->prefetch];
	char label[8];

	snprintf(label, sizeof(label), "bar%u", bar->index);
	if (bar->mapped)
		dev_row(rows, label, "0x%llx-0x%llx %s", (unsigned long long)bar->base,
			(unsigned long long)(bar->base + bar->size - 1), kind);
	else
		dev_row(rows, label, "nowhere, 0x%llx bytes of %s", (unsigned long long)bar->size,
			kind);
}

static const char *pci_cap_name(uint8_t id)
{
	switch (id) {
	case PCI_CAP_ID_MSI:
		return "msi";
	case PCI_CAP_ID_MSIX:
		return "msix";
	case PCI_CAP_ID_VNDR:
		return "vendor";
	}
	return "other";
}

/* The list was made here and a guest cannot write it: it ends. */
static void pci_describe_caps(const struct pci_dev *dev, struct dev_rows *rows)
{
	unsigned int at = dev->cfg[PCI_CAPABILITY_LIST];
	char text[sizeof(((struct sample_row *)0)->value)] = "";
	size_t len = 0;

	for (; at && len < sizeof(text); at = dev->cfg[at + 1])
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s 0x%02x",
					len ? ", " : "", pci_cap_name(dev->cfg[at]), at);
	if (len)
		dev_row(rows, "capabilities", "%s", text);
}

static void pci_describe_dev_locked(struct pci_dev *dev, struct dev_rows *rows)
{
	struct pci_bar *bar;

	dev_row(rows, "pci", "00:%02x.0 %04x:%04x class %06x%s", dev->slot,
		pci_get16(dev, PCI_VENDOR_ID), pci_get16(dev, PCI_DEVICE_ID),
		pci_get32(dev, PCI_CLASS_REVISION) >> 8, dev->master ? ", bus master" : "");
	for (bar = dev->bar; bar < dev->bar + PCI_NR_BARS; bar++) {
		if (bar->size)
			pci_describe_bar(bar, rows);
	}
	pci_describe_caps(dev, rows);
	pci_irq_describe(dev, rows);
}

static void pci_host_describe(void *state, struct dev_rows *rows)
{
	struct pci_host *host = state;
	uint32_t addr = __atomic_load_n(&host->address, __ATOMIC_RELAXED);
	struct pci_dev *dev;
	unsigned int i;

	dev_row(rows, "address", "0x%08x%s", addr, addr & PCI_ADDR_ENABLE ? "" : " (disabled)");
	dev_row(rows, "port 0xcf9", "0x%02x", __atomic_load_n(&host->cf9, __ATOMIC_RELAXED));
	for (i = 0; i < host->nr; i++) {
		dev = host->slot[i];
		rows->device = dev->name;
		pthread_mutex_lock(&host->cfg_lock);
		pci_describe_dev_locked(dev, rows);
		pthread_mutex_unlock(&host->cfg_lock);
		if (dev->ops)
			dev->ops->describe(dev->state, rows);
	}
}

static void pci_dev_sample_locked(const struct pci_dev *dev, struct sample_pci *out)
{
	const struct pci_bar *bar;
	unsigned int i;

	*out = (struct sample_pci){ .vendor = pci_get16(dev, PCI_VENDOR_ID),
				    .device = pci_get16(dev, PCI_DEVICE_ID),
				    .subsys_vendor = pci_get16(dev, PCI_SUBSYSTEM_VENDOR_ID),
				    .subsys = pci_get16(dev, PCI_SUBSYSTEM_ID),
				    .class_code = pci_get32(dev, PCI_CLASS_REVISION) >> 8,
				    .slot = (uint8_t)dev->slot,
				    .pin = dev->cfg[PCI_INTERRUPT_PIN],
				    .line = dev->cfg[PCI_INTERRUPT_LINE] };
	snprintf(out->name, sizeof(out->name), "%s", dev->name);
	for (i = 0; i < PCI_NR_BARS; i++) {
		bar = &dev->bar[i];
		out->bar[i].size = bar->size;
		out->bar[i].base = bar->base;
		out->bar[i].mapped = bar->mapped;
		out->bar[i].io = bar->kind == BUS_PIO;
		out->bar[i].is64 = bar->is64;
		out->bar[i].prefetch = bar->prefetch;
	}
}

unsigned int pci_host_sample(void *state, struct sample_pci out[SAMPLE_PCI])
{
	struct pci_host *host = state;
	unsigned int i;

	pthread_mutex_lock(&host->cfg_lock);
	for (i = 0; i < host->nr; i++)
		pci_dev_sample_locked(host->slot[i], &out[i]);
	pthread_mutex_unlock(&host->cfg_lock);
	return i;
}

/* --- snapshots --- */

static void pci_dev_save(struct pci_dev *dev, struct buf *out)
{
	struct buf own = BUF_INIT;

	pthread_mutex_lock(&dev->host->cfg_lock);
	dev_save_bytes(out, dev->cfg, sizeof(dev->cfg));
	pthread_mutex_unlock(&dev->host->cfg_lock);
	pci_irq_save(dev, out);
	if (dev->ops)
		dev->ops->save(dev->state, &own);
	dev_save_u32(out, (uint32_t)own.len);
	dev_save_bytes(out, own.data, own.len);
	out->failed |= own.failed;
	buf_free(&own);
}

static void pci_host_save(void *state, struct buf *out)
{
	struct pci_host *host = state;
	unsigned int i;

	dev_save_u32(out, __atomic_load_n(&host->address, __ATOMIC_RELAXED));
	dev_save_u8(out, __atomic_load_n(&host->cf9, __ATOMIC_RELAXED));
	dev_save_u32(out, host->nr);
	for (i = 0; i < host->nr; i++)
		pci_dev_save(host->slot[i], out);
}

static int pci_dev_load_own(struct pci_dev *dev, struct dev_state_in *in, struct err *err)
{
	struct dev_state_in own = { .len = dev_load_u32(in) };

	if (in->failed || own.len > in->len - in->pos)
		return err_set(err, EINVAL, "%s: saved state is too short", dev->name);
	own.data = in->data + in->pos;
	in->pos += own.len;
	return dev->ops ? dev->ops->load(dev->state, &own, err) : 0;
}

/* The device's own state comes before its BARs move, so that bar_moved() finds it whole. */
static int pci_dev_load(struct pci_dev *dev, struct dev_state_in *in, struct err *err)
{
	uint8_t cfg[PCI_CFG_KEPT], head[4];
	int ret;

	dev_load_bytes(in, cfg, sizeof(cfg));
	memcpy(head, dev->cfg, sizeof(head));
	if (in->failed || memcmp(cfg, head, sizeof(head)))
		return err_set(err, EINVAL, "%s: saved state is of another device", dev->name);
	pthread_mutex_lock(&dev->host->cfg_lock);
	pci_cfg_load_locked(dev, cfg);
	pci_irq_load_locked(dev, in);
	pthread_mutex_unlock(&dev->host->cfg_lock);
	ret = pci_dev_load_own(dev, in, err);
	pthread_mutex_lock(&dev->host->cfg_lock);
	pci_bar_update_locked(dev);
	pci_irq_update_locked(dev);
	pthread_mutex_unlock(&dev->host->cfg_lock);
	return ret;
}

static int pci_host_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct pci_host *host = state;
	unsigned int i;
	int ret;

	__atomic_store_n(&host->address, dev_load_u32(in) & PCI_ADDR_KEPT, __ATOMIC_RELAXED);
	__atomic_store_n(&host->cf9, dev_load_u8(in) & PCI_CF9_KEPT, __ATOMIC_RELAXED);
	if (dev_load_u32(in) != host->nr)
		return err_set(err, EINVAL, "pci: saved state is of another set of devices");
	for (i = 0; i < host->nr; i++) {
		ret = pci_dev_load(host->slot[i], in, err);
		if (ret)
			return ret;
	}
	return dev_load_end(in, "pci", err);
}

const struct device_ops pci_host_ops = {
	.name = "pci",
	.init = pci_host_init,
	.reset = pci_host_reset,
	.exit = pci_host_exit,
	.describe = pci_host_describe,
	.save = pci_host_save,
	.load = pci_host_load,
	.hold = pci_host_hold,
	.pause = pci_host_pause,
};
