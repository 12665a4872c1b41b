/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: all gates carry the code selector of another GDT; here that is beyond the limit.
 * The interrupt ends in #GP, whose gate has the same selector, and so has that of #DF.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "trap.h"

#define FAULT_SELECTOR 0x48

static struct gate fault_idt[256];

static FAULT_NOINLINE void fault_here(void)
{
	__asm__ volatile("int $0x30");
}

void kmain(void)
{
	for (unsigned int i = 0; i < 256; i++)
		gate_set(&fault_idt[i], trap_stubs[i], FAULT_SELECTOR, 0);
	idt_load(fault_idt, 256);
	fault_announce("wrong-selector", "int 0x30 through a gate with selector 0x48");
	fault_here();
	cpu_halt_forever();
}
