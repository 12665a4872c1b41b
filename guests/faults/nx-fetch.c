/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: code copied into a data page, and the page is not executable. fault_here is that
 * page; it holds a return instruction.
 */
#include "cpu.h"
#include "desc.h"
#include "fault.h"
#include "guest.h"

static struct gate fault_idt[256];
static uint8_t fault_here[64] __attribute__((section(".data.page"), aligned(4096))) = { 0xc3 };

static FAULT_NOINLINE void fault_call(void (*code)(void))
{
	code();
}

void kmain(void)
{
	idt_load(fault_idt, 256);
	fault_announce("nx-fetch", "calling code in a page that is not executable");
	fault_call((void (*)(void))fault_here);
	cpu_halt_forever();
}
