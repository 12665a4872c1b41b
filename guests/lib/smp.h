/* SPDX-License-Identifier: MIT */
/*
 * Processors: each has a struct cpu at its GS base. smp_start() brings the others up.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "desc.h"

#define SMP_MAX_CPUS 64

struct cpu {
	struct cpu *self; /* at gs:0 */
	uint32_t index, apic_id;
	volatile bool online;
	volatile uint64_t counter; /* the guest's own: whatever it counts */
	volatile uint64_t ticks;   /* of its local timer */
	const char *task;	   /* a word for what it does */
	struct desc_tables tables;
};

extern struct cpu smp_cpus[SMP_MAX_CPUS];
extern unsigned int smp_nr_cpus; /* online */

/* Gives the first processor its struct cpu, GDT and TSS; guest_start() did it. */
void smp_init_boot_cpu(void);

/*
 * Starts all other processors that the firmware tables name, by INIT and SIPI, and runs fn on
 * each with interrupts off, on its own stack. Needs the local APIC, the IDT and timer ticks.
 */
void smp_start(void (*fn)(struct cpu *));

static inline struct cpu *smp_self(void)
{
	struct cpu *cpu;

	__asm__("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

#endif
