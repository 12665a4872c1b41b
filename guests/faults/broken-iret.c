/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a page fault handler that returns without taking the error code off the stack.
 * IRET takes it for rip and rip for cs: #GP at the IRET, and there is no handler for that.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"
#include "trap.h"

static struct gate fault_idt[256];

/* The #PF handler. */
static __attribute__((naked)) void fault_here(void)
{
	__asm__ volatile("iretq");
}

static FAULT_NOINLINE void fault_touch(volatile int *wild)
{
	*wild = 1;
}

void kmain(void)
{
	gate_set(&fault_idt[TRAP_PF], fault_here, SEL_CODE64, 0);
	idt_load(fault_idt, TRAP_PF + 1);
	fault_announce("broken-iret", "returning from #PF with the error code still on the stack");
	fault_touch((volatile int *)FAULT_UNMAPPED);
	cpu_halt_forever();
}
