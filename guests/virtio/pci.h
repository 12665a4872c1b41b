/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI as a small kernel needs it: configuration mechanism 1 on bus 0, capabilities, BARs. */
#ifndef GUEST_VIRTIO_PCI_H
#define GUEST_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_VENDOR	   0x00
#define PCI_DEVICE	   0x02
#define PCI_COMMAND	   0x04
#define PCI_BAR0	   0x10
#define PCI_SUBSYSTEM	   0x2e
#define PCI_COMMAND_IO	   0x1
#define PCI_COMMAND_MEM	   0x2
#define PCI_COMMAND_MASTER 0x4

/* Registers of the function in SLOT (0..31) of bus 0; WIDTH is 1, 2 or 4. */
uint32_t pci_read(unsigned int slot, unsigned int reg, unsigned int width);
void pci_write16(unsigned int slot, unsigned int reg, uint16_t value);
/* The next capability ID after AT (0: the first); 0: no more. */
unsigned int pci_cap_next(unsigned int slot, unsigned int at, uint8_t id);
/* Where BAR lies; *IO says whether in I/O space. */
uint64_t pci_bar(unsigned int slot, unsigned int bar, bool *io);

#endif
