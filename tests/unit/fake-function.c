/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI function for tests: see fake-function.h. */
#include "fake-function.h"

#include <errno.h>
#include <stdlib.h>

static int fake_function_setup(struct pci_dev *pci, const struct fake_function_config *config,
			       struct fake_function *fn, struct err *err)
{
	static const struct pci_ident ident = { .vendor = 0x1234,
						.device = 0x5678,
						.subsys_vendor = 0x9abc,
						.subsys = 0xdef0,
						.class_code = 0xff0102,
						.revision = 3,
						.intx = true };
	static const uint8_t body[FAKE_HOOK_LEN];
	int ret;

	pci_ident_set(pci, &ident);
	if ((ret = pci_bar_add(pci, FAKE_BAR_PORTS, BUS_PIO, false, false, 32, err)) ||
	    (ret = pci_bar_add(pci, FAKE_BAR_MSIX, BUS_MMIO, false, false, 4096, err)) ||
	    (ret = pci_bar_add(pci, FAKE_BAR_MEM, BUS_MMIO, true, true, 16384, err)) ||
	    (ret = pci_bar_add(pci, FAKE_BAR_LOW, BUS_MMIO, false, false, 65536, err)))
		return ret;
	ret = pci_cap_add(pci, 0x09, body, sizeof(body), err);
	if (ret < 0)
		return ret;
	fn->hook = (unsigned int)ret + 2;
	pci_cap_hook(pci, fn->hook, FAKE_HOOK_LEN);
	if (config->messages == FAKE_MSIX)
		return pci_msix_add(pci, config->nr_vectors, FAKE_BAR_MSIX, 0, FAKE_MSIX_PBA, err);
	return config->messages == FAKE_MSI ? pci_msi_add(pci, config->nr_vectors, err) : 0;
}

static int fake_function_init(const struct dev_env *env, struct pci_dev *pci, const void *config,
			      void **state, struct err *err)
{
	const struct fake_function_config *cfg = config;
	struct fake_function *fn = calloc(1, sizeof(*fn));
	int ret;

	(void)env;
	if (!fn)
		return err_sys(err, ENOMEM, "fake");
	fn->pci = pci;
	ret = fake_function_setup(pci, cfg, fn, err);
	if (ret) {
		free(fn);
		return ret;
	}
	if (cfg->out)
		*cfg->out = fn;
	*state = fn;
	return 0;
}

static void fake_function_reset(void *state)
{
	struct fake_function *fn = state;

	fn->nr_reset++;
	fn->word = 0;
	pci_intx_set(fn->pci, false);
}

static void fake_function_exit(void *state)
{
	struct fake_function *fn = state;
	unsigned int i;

	for (i = 0; i < PCI_NR_BARS; i++) {
		if (fn->mapped[i])
			abort(); /* an eventfd would be left in the kernel */
	}
	free(fn);
}

static void fake_function_describe(void *state, struct dev_rows *rows)
{
	struct fake_function *fn = state;

	dev_row(rows, "accesses", "%u", fn->nr_bar);
}

static void fake_function_save(void *state, struct buf *out)
{
	struct fake_function *fn = state;

	dev_save_u32(out, fn->word);
}

static int fake_function_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct fake_function *fn = state;

	fn->word = dev_load_u32(in);
	return dev_load_end(in, "fake", err);
}

/* Reads answer with the BAR's number above the offset. */
static void fake_function_bar(void *state, unsigned int bar, struct bus_access *acc)
{
	struct fake_function *fn = state;

	if (!acc->write)
		acc->data = bar << 20 | acc->off;
	fn->last = *acc;
	fn->last_bar = bar;
	fn->nr_bar++;
}

static void fake_function_bar_moved(void *state, unsigned int bar, uint64_t base, bool mapped)
{
	struct fake_function *fn = state;

	fn->base[bar] = base;
	fn->mapped[bar] = mapped;
	fn->nr_moved++;
}

static void fake_function_cfg(void *state, struct bus_access *acc)
{
	struct fake_function *fn = state;

	fn->last_cfg = *acc;
	fn->nr_cfg++;
	if (!acc->write)
		acc->data ^= 0xff;
}

static void fake_function_msix_changed(void *state)
{
	struct fake_function *fn = state;

	fn->nr_changed++;
}

const struct pci_ops fake_function_ops = {
	.name = "fake",
	.init = fake_function_init,
	.reset = fake_function_reset,
	.exit = fake_function_exit,
	.describe = fake_function_describe,
	.save = fake_function_save,
	.load = fake_function_load,
	.bar = fake_function_bar,
	.bar_moved = fake_function_bar_moved,
	.cfg = fake_function_cfg,
	.msix_changed = fake_function_msix_changed,
};

uint32_t fake_cfg_read(struct fake_env *fake, unsigned int slot, unsigned int reg, uint32_t size)
{
	fake_out(fake, 0xcf8, 4, 0x80000000u | slot << 11 | (reg & 0xfc));
	return fake_in(fake, (uint16_t)(0xcfc + (reg & 3)), size);
}

void fake_cfg_write(struct fake_env *fake, unsigned int slot, unsigned int reg, uint32_t size,
		    uint32_t val)
{
	fake_out(fake, 0xcf8, 4, 0x80000000u | slot << 11 | (reg & 0xfc));
	fake_out(fake, (uint16_t)(0xcfc + (reg & 3)), size, val);
}

uint64_t fake_mem_read(struct fake_env *fake, uint64_t addr, uint32_t size)
{
	struct bus_access acc = { .addr = addr, .size = size };

	bus_dispatch(fake->env.bus, BUS_MMIO, &acc);
	return acc.data;
}

void fake_mem_write(struct fake_env *fake, uint64_t addr, uint32_t size, uint64_t val)
{
	struct bus_access acc = { .addr = addr, .size = size, .write = true, .data = val };

	bus_dispatch(fake->env.bus, BUS_MMIO, &acc);
}
