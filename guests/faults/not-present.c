/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a page is used after it was unmapped; the IDT is loaded but nobody filled it.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "paging.h"

#define FAULT_VA 0xffffffffb0001000ul

static struct gate fault_idt[256];

static FAULT_NOINLINE int fault_here(volatile int *freed)
{
	return *freed;
}

void kmain(void)
{
	page_map(FAULT_VA, frame_alloc(), PAGE_4K, PTE_W | PTE_NX);
	*(volatile int *)FAULT_VA = 1;
	page_unmap(FAULT_VA);
	idt_load(fault_idt, 256);
	fault_announce("not-present", "reading a page after it was unmapped, the IDT is empty");
	fault_here((volatile int *)FAULT_VA);
	cpu_halt_forever();
}
