/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PCI function that remembers what was asked of it, and a guest's ways to reach it. */
#ifndef VITRINE_TESTS_FAKE_FUNCTION_H
#define VITRINE_TESTS_FAKE_FUNCTION_H

#include "fake-env.h"
#include "vmm/pci.h"

#define FAKE_BAR_PORTS 0 /* 32 ports */
#define FAKE_BAR_MSIX  1 /* 4 KiB; the table at 0, pending bits at 2 KiB */
#define FAKE_BAR_MEM   2 /* 16 KiB, 64-bit, takes 2 and 3 */
#define FAKE_BAR_LOW   5 /* 64 KiB, 32-bit */
#define FAKE_MSIX_PBA  0x800
#define FAKE_HOOK_LEN  8

enum fake_messages { FAKE_INTX_ONLY, FAKE_MSI, FAKE_MSIX };

struct fake_function {
	struct pci_dev *pci;
	unsigned int hook; /* offset of the capability it answers for */
	uint64_t base[PCI_NR_BARS];
	bool mapped[PCI_NR_BARS];
	unsigned int nr_moved, nr_changed, nr_reset, nr_bar, nr_cfg;
	unsigned int last_bar;
	struct bus_access last, last_cfg;
	uint32_t word; /* saved and loaded */
};

struct fake_function_config {
	enum fake_messages messages;
	unsigned int nr_vectors;
	struct fake_function **out; /* where the function is told, or NULL */
};

extern const struct pci_ops fake_function_ops;

/* Configuration registers of the function in SLOT by mechanism 1: address, then data. */
uint32_t fake_cfg_read(struct fake_env *fake, unsigned int slot, unsigned int reg, uint32_t size);
void fake_cfg_write(struct fake_env *fake, unsigned int slot, unsigned int reg, uint32_t size,
		    uint32_t val);
/* Accesses to memory nobody but a device answers. */
uint64_t fake_mem_read(struct fake_env *fake, uint64_t addr, uint32_t size);
void fake_mem_write(struct fake_env *fake, uint64_t addr, uint32_t size, uint64_t val);

#endif
