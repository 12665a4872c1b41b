/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0: the host bridge, configuration mechanism 1 and ECAM, and the
 * functions plugged into it. BARs may be sized, moved and disabled by the guest
 * at any time; interrupts go by MSI-X, MSI or INTx, whichever is enabled.
 */
#ifndef VITRINE_VMM_PCI_H
#define VITRINE_VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/device.h"

#define PCI_NR_BARS  6
#define PCI_CFG_SIZE 4096

/*
 * Where functions are. The DSDT says the same: bus 0 alone, its configuration space in one MiB at
 * ACPI_ECAM_BASE, windows for BARs (the 64-bit one begins above RAM), INTx on two ISA lines, level
 * triggered, so that guests with and without an IOAPIC see the same numbers.
 */
#define PCI_ECAM_LEN  0x100000ull
#define PCI_PORT_BASE 0xc000ull
#define PCI_PORT_END  0x10000ull
#define PCI_MEM_BASE  0xc0000000ull
#define PCI_MEM_END   0xe0000000ull
#define PCI_MEM64_LEN 0x100000000ull
#define PCI_IRQ_A     10
#define PCI_IRQ_B     11

struct pci_dev;

/* What a function says of itself in its configuration header. */
struct pci_ident {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	uint8_t revision;
	bool intx; /* has an interrupt pin */
};

/*
 * One kind of PCI function. Callbacks of configuration space and BARs come in the thread of the
 * vCPU that made the access, without any lock of PCI's held that a callback could want.
 */
struct pci_ops {
	const char *name; /* "virtio-blk", ...; the instance's name is given by its plug */
	bool full;	  /* a real chip, fully virtualized; default: para-virtual (the ledger) */
	/* Set up: pci_ident_set(), pci_bar_add(), pci_cap_add(), pci_msix_add(). CONFIG is the
	 * plug's. ENV outlives the device. */
	int (*init)(const struct dev_env *env, struct pci_dev *pci, const void *config,
		    void **state, struct err *err);
	void (*reset)(void *state);
	void (*exit)(void *state);
	void (*describe)(void *state, struct dev_rows *rows);
	void (*save)(void *state, struct buf *out);
	int (*load)(void *state, struct dev_state_in *in, struct err *err);
	/* As device_ops.hold. May be NULL. */
	void (*hold)(void *state, bool on);
	/* As device_ops.pause. May be NULL. */
	void (*pause)(void *state, bool on);
	/* An access to BAR: acc->off counts from the BAR's start. */
	void (*bar)(void *state, unsigned int bar, struct bus_access *acc);
	/* BAR now answers at BASE of the I/O or memory space, or nowhere (MAPPED false): for
	 * ioeventfds. One call at a time; the last one before exit says nowhere. May be NULL. */
	void (*bar_moved)(void *state, unsigned int bar, uint64_t base, bool mapped);
	/* An access to configuration bytes of a capability marked as the device's own
	 * (pci_cap_hook()), at acc->off; a read finds data preset with the stored bytes, a write
	 * has been stored already (and is seen by later reads). May be NULL. */
	void (*cfg)(void *state, struct bus_access *acc);
	/* MSI-X or bus mastering was enabled or disabled, or a vector (un)masked or moved:
	 * pci_msix_fd() may say something else now. One call at a time. May be NULL. */
	void (*msix_changed)(void *state);
};

/* One function to plug: what `vitrine run` makes of --disk, --net and so on. */
struct pci_plug {
	const struct pci_ops *ops;
	const char *name;   /* unique: "disk0", "net0"; also the ledger's and the screen's name */
	const void *config; /* what ops->init understands; outlives the machine */
};

/* The fixed set-up calls, for init only. */
void pci_ident_set(struct pci_dev *pci, const struct pci_ident *ident);
/* BAR of SIZE bytes (a power of two) in I/O or memory space; a 64-bit one takes two numbers. */
int pci_bar_add(struct pci_dev *pci, unsigned int bar, enum bus_kind kind, bool is64, bool prefetch,
		uint64_t size, struct err *err);
/* A vendor capability (ID, then LEN bytes of BODY after id and next). Returns its offset in
 * configuration space, or -ENOSPC. */
int pci_cap_add(struct pci_dev *pci, uint8_t id, const void *body, uint8_t len, struct err *err);
/* Hand accesses to LEN bytes at configuration offset OFF to ops->cfg. */
void pci_cap_hook(struct pci_dev *pci, unsigned int off, unsigned int len);
/* MSI-X with NR vectors (at most 64), table and pending bits in BAR at TABLE and PBA (multiples of
 * 8; 16 bytes a vector, and 8 bytes). Accesses there never reach ops->bar. The BAR comes first. 0
 * without a capability where the machine has no MSI. */
int pci_msix_add(struct pci_dev *pci, unsigned int nr, unsigned int bar, uint32_t table,
		 uint32_t pba, struct err *err);
/* MSI with NR vectors (1, 2, 4, ... 32), each with a mask and a pending bit. */
int pci_msi_add(struct pci_dev *pci, unsigned int nr, struct err *err);

/* At run time, from any thread; a device may hold its own lock. */
bool pci_msix_enabled(const struct pci_dev *pci);
/* Signal vector NR: delivered, or pending while masked. Out of range or disabled: ignored. */
void pci_msix_fire(struct pci_dev *pci, unsigned int nr);
/* The same by MSI. A vector beyond those the guest granted stays pending: use only 0 then. */
bool pci_msi_enabled(const struct pci_dev *pci);
void pci_msi_fire(struct pci_dev *pci, unsigned int nr);
/* Level of the INTx pin; silent while MSI or MSI-X is enabled or the command register says so. */
void pci_intx_set(struct pci_dev *pci, bool level);
/* The eventfd behind vector NR for a back-end in the kernel (vhost), or -1 while it is masked,
 * disabled or not routable. */
int pci_msix_fd(struct pci_dev *pci, unsigned int nr);
/* Bus master enabled: a function that is not may not touch memory nor signal MSI. */
bool pci_bus_master(const struct pci_dev *pci);
const char *pci_name(const struct pci_dev *pci);

/* First address of the 64-bit window: above RAM. */
uint64_t pci_mem64_base(const struct mem *mem);
/* The interrupt line (GSI, ISA IRQ) of pin PIN (1: A) of the function in SLOT. */
unsigned int pci_irq(unsigned int slot, unsigned int pin);

/*
 * The bus as a device of the machine. Plugs come through pci_host_plug() after the host bridge was
 * started and before the first vCPU runs; torn down in reverse by pci_host_ops.exit.
 */
extern const struct device_ops pci_host_ops;
int pci_host_plug(void *host, const struct dev_env *env, const struct pci_plug *plug,
		  struct err *err);
/* Every function as it is now, for the sample page; returns how many. */
unsigned int pci_host_sample(void *host, struct sample_pci out[SAMPLE_PCI]);

#endif
