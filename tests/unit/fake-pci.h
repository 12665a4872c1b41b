/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI bus of one function that is all ears: BARs are reached directly,
 * interrupts are counted. It stands in for vmm/pci.c, so a test links one of
 * them only.
 */
#ifndef VITRINE_TESTS_FAKE_PCI_H
#define VITRINE_TESTS_FAKE_PCI_H

#include "vmm/pci.h"

#define FAKE_PCI_VECTORS 64

struct pci_dev {
	const struct pci_ops *ops;
	const char *name;
	void *state;
	struct pci_ident ident;
	uint64_t bar_size[PCI_NR_BARS];
	enum bus_kind bar_kind[PCI_NR_BARS];
	uint8_t cfg[256]; /* capabilities only, from 0x40 on */
	unsigned int cfg_end;
	bool hook[256];
	unsigned int nr_vectors;
	/* any thread from here on */
	bool msix, master;
	int intx;
	unsigned int fired[FAKE_PCI_VECTORS];
	unsigned int nr_fired;
};

/* Plug OPS with CONFIG into ENV; NULL with ERR filled. */
struct pci_dev *fake_pci_new(const struct dev_env *env, const struct pci_ops *ops,
			     const void *config, struct err *err);
void fake_pci_free(struct pci_dev *pci);
uint64_t fake_pci_read(struct pci_dev *pci, unsigned int bar, uint64_t off, uint32_t size);
void fake_pci_write(struct pci_dev *pci, unsigned int bar, uint64_t off, uint32_t size,
		    uint64_t val);
/* Configuration space, capabilities only. */
uint32_t fake_pci_cfg_read(struct pci_dev *pci, unsigned int off, uint32_t size);
void fake_pci_cfg_write(struct pci_dev *pci, unsigned int off, uint32_t size, uint32_t val);
/* Offset of the NTH capability of virtio's type TYPE, 0: there is none. */
unsigned int fake_pci_find_cap(struct pci_dev *pci, uint8_t type);
/* Interrupts of VECTOR (pin: level) so far. */
unsigned int fake_pci_fired(struct pci_dev *pci, unsigned int vector);
int fake_pci_intx(struct pci_dev *pci);
void fake_pci_set(struct pci_dev *pci, bool msix, bool master);

#endif
