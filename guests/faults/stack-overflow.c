/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: recursion without end, caught by a guard page, but #PF and #DF have no stack of
 * their own (no IST), so that their frames hit the same guard page.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "trap.h"

static struct gate fault_idt[256];

static FAULT_NOINLINE int fault_here(volatile int *up)
{
	volatile int depth = *up + 1;

	return depth ? fault_here(&depth) + depth : 0;
}

void kmain(void)
{
	volatile int depth = 0;

	for (unsigned int i = 0; i < 256; i++)
		gate_set(&fault_idt[i], trap_stubs[i], SEL_CODE64, 0);
	idt_load(fault_idt, 256);
	fault_announce("stack-overflow", "recursing into a guard page");
	fault_here(&depth);
	cpu_halt_forever();
}
