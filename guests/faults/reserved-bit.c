/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a 2 MiB page at a frame that is aligned to 4 KiB only. Bits 13 to 20 of such an
 * entry are reserved (Intel SDM volume 3, 4.5): #PF with the RSVD bit, and no handler.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "paging.h"

#define FAULT_VA 0xffffffffb0200000ul
#define FAULT_PA 0x00402000ul

static struct gate fault_idt[256];

static FAULT_NOINLINE int fault_here(volatile int *large)
{
	return *large;
}

void kmain(void)
{
	page_map(FAULT_VA, FAULT_PA, PAGE_2M, PTE_W | PTE_NX);
	idt_load(fault_idt, 256);
	fault_announce("reserved-bit", "reading a 2 MiB page whose entry has reserved bits set");
	fault_here((volatile int *)FAULT_VA);
	cpu_halt_forever();
}
