/* SPDX-License-Identifier: MIT */
/*
 * What the firmware says about processors and interrupt controllers: the ACPI MADT, or the
 * MP tables where there is no ACPI (MultiProcessor Specification 1.4, chapter 4).
 */
#ifndef GUEST_ACPI_H
#define GUEST_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#define PLATFORM_MAX_CPUS  64
#define PLATFORM_IRQ_LEVEL 1
#define PLATFORM_IRQ_LOW   2

struct platform {
	const char *source; /* "ACPI", "MP tables" or "none" */
	uint32_t apic_ids[PLATFORM_MAX_CPUS];
	unsigned int nr_cpus;
	uint64_t ioapic_pa;    /* 0 without */
	uint8_t irq_pins[16];  /* I/O APIC pin of each ISA line */
	uint8_t irq_flags[16]; /* PLATFORM_IRQ_* */
};

/* Reads the tables at the first call; never NULL. */
const struct platform *platform_get(void);

#endif
