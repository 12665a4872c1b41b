/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of a VM by a control group (version 2) of its own, below the topmost
 * group that this user may change. Without such a delegation there are none,
 * and that is said.
 */
#ifndef VITRINE_FARM_CGROUP_H
#define VITRINE_FARM_CGROUP_H

#include <stdint.h>

#include "base/err.h"

/*
 * Make the group of VM NAME with these limits (0: none): its cgroup.procs, into which a process
 * writes "0" to join, to be closed by the caller. -errno: there are no limits.
 */
int cgroup_open(const char *name, unsigned int cpu_weight, uint64_t memory_high, struct err *err);
/* Remove NAME's group when its last process has gone, for which it has three seconds; silent where
 * there is none. */
void cgroup_remove(const char *name);

#endif
