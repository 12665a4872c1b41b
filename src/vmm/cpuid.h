/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest's processors say of themselves: the host's CPUID with a topology of our own. */
#ifndef VITRINE_VMM_CPUID_H
#define VITRINE_VMM_CPUID_H

#include <stdint.h>

#include "base/err.h"

/*
 * Set the CPUID of the vCPU behind VCPU_FD: what KVM supports, APIC id INDEX of
 * NR_CPUS single-thread cores in one package. MAXPHYADDR receives the width of
 * guest-physical addresses in bits.
 */
int cpuid_set(int vcpu_fd, unsigned int index, unsigned int nr_cpus, uint8_t *maxphyaddr,
	      struct err *err);

#endif
