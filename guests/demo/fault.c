/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions on request. Each is made by a function named after it; the shell survives all but
 * "triple".
 */
#include "demo.h"

#include <stddef.h>

#include "cpu.h"
#include "desc.h"
#include "string.h"

#define FAULT_UNMAPPED	    0xffffffffdead0000ul
#define FAULT_NON_CANONICAL 0x0001000000000000ul

static volatile int fault_zero;
static uint8_t fault_data[16] = { 0xc3 };

static void fault_divide(void)
{
	fault_zero = 1 / fault_zero;
}

static void fault_invalid_opcode(void)
{
	__asm__ volatile("ud2");
}

static void fault_breakpoint(void)
{
	__asm__ volatile("int3");
}

static void fault_general_protection(void)
{
	fault_zero = *(volatile int *)FAULT_NON_CANONICAL;
}

static void fault_not_present(void)
{
	*(volatile int *)FAULT_UNMAPPED = 1;
}

static void fault_read_only(void)
{
	*(volatile uint8_t *)fault_not_present = 0;
}

static void fault_no_execute(void)
{
	((void (*)(void))fault_data)();
}

static void fault_bad_selector(void)
{
	__asm__ volatile("movw %w0, %%ds" : : "r"(0x1234));
}

static int fault_recurse(volatile int *up)
{
	volatile int here = *up + 1;

	return here ? fault_recurse(&here) + here : 0;
}

static void fault_stack_overflow(void)
{
	fault_zero = 0;
	fault_recurse(&fault_zero);
}

static void fault_triple(void)
{
	idt_load(NULL, 0);
	__asm__ volatile("ud2");
}

static const struct fault {
	const char *kind;
	void (*make)(void);
} faults[] = {
	{ "de", fault_divide },
	{ "bp", fault_breakpoint },
	{ "ud", fault_invalid_opcode },
	{ "gp", fault_general_protection },
	{ "sel", fault_bad_selector },
	{ "pf", fault_not_present },
	{ "ro", fault_read_only },
	{ "nx", fault_no_execute },
	{ "stack", fault_stack_overflow },
	{ "triple", fault_triple },
};

#define NR_FAULTS (sizeof(faults) / sizeof(*faults))

const char *fault_kind(unsigned int i)
{
	return i < NR_FAULTS ? faults[i].kind : NULL;
}

bool fault_make(const char *kind)
{
	for (unsigned int i = 0; i < NR_FAULTS; i++) {
		if (!strcmp(kind, faults[i].kind)) {
			faults[i].make();
			return true;
		}
	}
	return false;
}
