/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MultiProcessor Specification's table (version 1.4): for kernels without ACPI. */
#ifndef VITRINE_VMM_MPTABLE_H
#define VITRINE_VMM_MPTABLE_H

#include "base/err.h"
#include "vmm/boot.h"

/* Place the floating pointer and the configuration table for NR_CPUS processors in the ROM. */
int mptable_place(struct boot_ctx *ctx, unsigned int nr_cpus, struct err *err);

#endif
