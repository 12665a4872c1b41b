/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a wild pointer before there is an IDT at all. The page fault finds no gate, nor
 * does the general protection fault about that, nor the double fault.
 */
#include <stddef.h>

#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"

static FAULT_NOINLINE void fault_here(volatile int *wild)
{
	*wild = 1;
}

void kmain(void)
{
	fault_announce("no-idt", "writing to an unmapped address without an IDT");
	idt_load(NULL, 0);
	fault_here((volatile int *)FAULT_UNMAPPED);
	cpu_halt_forever();
}
