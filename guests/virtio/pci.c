/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI by configuration mechanism 1: see pci.h. The firmware, here the VMM, has placed the BARs. */
#include "pci.h"

#include "cpu.h"

#define PCI_ADDRESS    0xcf8
#define PCI_DATA       0xcfc
#define PCI_CAPS       0x34
#define PCI_STATUS     0x06
#define PCI_STATUS_CAP 0x10
#define PCI_MAX_CAPS   48

static void pci_select(unsigned int slot, unsigned int reg)
{
	outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (reg & 0xfc));
}

uint32_t pci_read(unsigned int slot, unsigned int reg, unsigned int width)
{
	uint32_t value;

	pci_select(slot, reg);
	value = inl(PCI_DATA) >> (reg & 3) * 8;
	return width == 4 ? value : value & ((1u << width * 8) - 1);
}

void pci_write16(unsigned int slot, unsigned int reg, uint16_t value)
{
	pci_select(slot, reg);
	outw((uint16_t)(PCI_DATA + (reg & 2)), value);
}

/* A list that bites its own tail ends all the same. */
unsigned int pci_cap_next(unsigned int slot, unsigned int at, uint8_t id)
{
	unsigned int tries;

	if (!(pci_read(slot, PCI_STATUS, 2) & PCI_STATUS_CAP))
		return 0;
	for (tries = 0; tries < PCI_MAX_CAPS; tries++) {
		at = pci_read(slot, at ? at + 1 : PCI_CAPS, 1) & 0xfc;
		if (!at || pci_read(slot, at, 1) == id)
			return at;
	}
	return 0;
}

uint64_t pci_bar(unsigned int slot, unsigned int bar, bool *io)
{
	uint32_t low = pci_read(slot, PCI_BAR0 + bar * 4, 4);
	uint64_t base;

	*io = low & 1;
	if (*io)
		return low & ~3u;
	base = low & ~15u;
	if ((low & 6) == 4) /* 64 bits */
		base |= (uint64_t)pci_read(slot, PCI_BAR0 + bar * 4 + 4, 4) << 32;
	return base;
}
