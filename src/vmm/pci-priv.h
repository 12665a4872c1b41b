/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the PCI bus share: pci.c, pci-cfg.c, pci-bar.c, pci-irq.c; nobody else. */
#ifndef VITRINE_VMM_PCI_PRIV_H
#define VITRINE_VMM_PCI_PRIV_H

#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/pci.h"

#define PCI_NR_SLOTS SAMPLE_PCI
#define PCI_NR_LINES 2
#define PCI_CFG_KEPT 256 /* conventional functions: nothing lies above, where reads give zero */
#define PCI_MAX_VECS 64

/* Guarded by host->cfg_lock, but base and mapped: written under host->map_lock as well. */
struct pci_bar {
	struct pci_dev *dev;
	unsigned int index;
	enum bus_kind kind;
	bool is64, prefetch;
	uint64_t size;	/* 0: there is none */
	uint64_t first; /* where it is when the machine starts */
	uint64_t base;
	bool mapped;
	struct sample_ledger *row;
};

/* A message and where it goes. Guarded by dev->msi_lock. */
struct pci_vec {
	struct dev_msi *msi; /* NULL: cannot be had */
	bool live;	     /* a signal goes out at once */
	bool routed;	     /* the route says ADDR and DATA */
	uint64_t addr;
	uint32_t data;
};

/* The vectors of MSI or of MSI-X. */
struct pci_vecs {
	unsigned int cap; /* offset of the capability; 0: there is none */
	unsigned int nr;
	bool enabled;	  /* atomic */
	uint64_t pending; /* bit for each vector; atomic, cleared under the write lock */
	struct pci_vec vec[PCI_MAX_VECS];
};

struct pci_dev {
	struct pci_host *host;
	const struct pci_ops *ops; /* NULL: the host bridge */
	void *state;
	char name[sizeof(((struct sample_row *)0)->device)];
	unsigned int slot;

	/* configuration space: guarded by host->cfg_lock */
	uint8_t cfg[PCI_CFG_KEPT];
	uint8_t wmask[PCI_CFG_KEPT]; /* bits a guest may write */
	uint8_t hook[PCI_CFG_KEPT / 8];
	unsigned int cap_end, cap_last;
	struct pci_bar bar[PCI_NR_BARS];
	bool master; /* atomic */

	/* INTx */
	pthread_mutex_t intx_lock;
	bool intx_level, intx_off; /* what the device says; whether the pin is silent */

	/* MSI and MSI-X; the lock is taken for reading to signal */
	pthread_rwlock_t msi_lock;
	struct pci_vecs msi, msix;
	unsigned int msix_bar;
	uint32_t msix_table, msix_pba; /* offsets in that BAR */
	uint32_t entry[PCI_MAX_VECS][4];
	uint32_t msix_state; /* what msix_changed() was last told of */
};

/* A mapped BAR, for the bus's router. */
struct pci_decode {
	uint64_t base, len;
	struct pci_bar *bar;
};

struct pci_host {
	const struct dev_env *env;
	/* cfg_lock: changes of configuration space and MSI-X tables, one after the other; held in
	 * ops->bar_moved and ops->msix_changed, never in ops->bar and ops->cfg. */
	pthread_mutex_t cfg_lock;
	uint32_t address; /* CONFIG_ADDRESS; atomic */
	uint8_t cf9;	  /* atomic */
	struct pci_dev *slot[PCI_NR_SLOTS];
	unsigned int nr; /* slots in use */
	uint64_t next_io, next_mem, next_mem64;

	pthread_rwlock_t map_lock;
	struct pci_decode decode[2][PCI_NR_SLOTS * PCI_NR_BARS]; /* by enum bus_kind */
	unsigned int nr_decode[2];

	pthread_mutex_t line_lock;
	uint32_t line[PCI_NR_LINES]; /* who drives it, a bit for each slot */
};

/* Little-endian fields of DEV's configuration space. */
uint16_t pci_get16(const struct pci_dev *dev, unsigned int off);
uint32_t pci_get32(const struct pci_dev *dev, unsigned int off);
void pci_set16(struct pci_dev *dev, unsigned int off, uint16_t val);
void pci_set32(struct pci_dev *dev, unsigned int off, uint32_t val);

/* --- pci-cfg.c */
/* An access to DEV's configuration space at acc->off (below PCI_CFG_SIZE), any size and place. */
void pci_cfg_access(struct pci_dev *dev, struct bus_access *acc);
/* What a firmware leaves behind: BARs placed and decoded, no bus master. cfg_lock held. */
void pci_cfg_reset_locked(struct pci_dev *dev);
/* Writable bits of SAVED into DEV. cfg_lock held. */
void pci_cfg_load_locked(struct pci_dev *dev, const uint8_t saved[PCI_CFG_KEPT]);

/* --- pci-bar.c */
extern const struct bus_router pci_router;
/* A place for each BAR of DEV, from the windows. -ENOSPC. */
int pci_bar_place(struct pci_dev *dev, struct err *err);
/* Map, move and unmap DEV's BARs as its configuration space has it now. cfg_lock held. */
void pci_bar_update_locked(struct pci_dev *dev);
void pci_bar_unmap_locked(struct pci_dev *dev);

/* --- pci-irq.c */
/* Bring vectors and pin in line with configuration space. cfg_lock held. */
void pci_irq_update_locked(struct pci_dev *dev);
void pci_irq_reset_locked(struct pci_dev *dev);
void pci_irq_free(struct pci_dev *dev);
bool pci_intx_level(struct pci_dev *dev);
/* An access to the MSI-X table or pending bits in BAR; false: it is neither. */
bool pci_msix_access(struct pci_dev *dev, unsigned int bar, struct bus_access *acc);
void pci_irq_save(struct pci_dev *dev, struct buf *out);
void pci_irq_load_locked(struct pci_dev *dev, struct dev_state_in *in);
void pci_irq_describe(struct pci_dev *dev, struct dev_rows *rows);

#endif
