/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: an IDT with handlers for interrupts, and none for exceptions but the first few.
 * The page fault's gate is not present: #NP; so are the gates of #NP and #DF.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "trap.h"

static struct gate fault_idt[256];

static FAULT_NOINLINE void fault_here(volatile int *wild)
{
	*wild = 1;
}

void kmain(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		if (i < TRAP_DF || i >= TRAP_IRQ_BASE)
			gate_set(&fault_idt[i], trap_stubs[i], SEL_CODE64, 0);
	}
	idt_load(fault_idt, 256);
	fault_announce("idt-missing", "writing to an unmapped address, the #PF gate is missing");
	fault_here((volatile int *)FAULT_UNMAPPED);
	cpu_halt_forever();
}
