/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of the processor that asks (Intel SDM volume 3, chapter 11), xAPIC mode.
 */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_TIMER_VECTOR    0x40
#define LAPIC_SPURIOUS_VECTOR 0xff

bool lapic_present(void);

/* Maps it (first call) and enables it on this processor, LINT0 as ExtINT on the first one. */
void lapic_enable(void);
uint32_t lapic_id(void);
void lapic_eoi(void);

void lapic_send_init(uint32_t apic_id);
void lapic_send_sipi(uint32_t apic_id, uint32_t start_pa);

/* Measures the timer against the PIT's ticks; interrupts are on. */
void lapic_timer_calibrate(void);

/* Periodic interrupts on LAPIC_TIMER_VECTOR; calibrated before. */
void lapic_timer_start(unsigned int hz);

#endif
