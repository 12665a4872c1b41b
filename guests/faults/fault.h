/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the fault kernels: the announcement each makes first, and the attribute that keeps the
 * culprit, fault_here(), a function of its own.
 */
#ifndef FAULTS_FAULT_H
#define FAULTS_FAULT_H

#include "print.h"

#define FAULT_NOINLINE __attribute__((noinline))

/* An address that no table maps. */
#define FAULT_UNMAPPED 0xffffffffdead0000ul

#define fault_announce(name, text) printf("fault: " name ": " text "\n")

#endif
