/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a crashed guest in words, for a terminal without a dashboard. Pure. */
#ifndef VITRINE_CTL_REPORT_H
#define VITRINE_CTL_REPORT_H

#include "base/buf.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define REPORT_FLIGHTS 32

/*
 * "guest crashed: VERDICT", then the registers, the instruction and the last 32
 * exits of the vCPU that stopped; appended to OUT.
 */
void report_crash(const struct vm_view *view, struct sym_table *syms, struct buf *out);
/* The last NR exits, oldest first, one line each; VCPU -1: of all. Appended to OUT. */
void report_flights(const struct vm_view *view, const struct sym_table *syms, int vcpu,
		    unsigned int nr, struct buf *out);

#endif
