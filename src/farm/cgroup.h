/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of a VM by a control group (version 2) of its own, below the topmost
 * group that this user may change. Without such a delegation there are none,
 * and that is said.
 */
#ifndef VITRINE_FARM_CGROUP_H
#define VITRINE_FARM_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Put process PID into the group of VM NAME with these limits (0: none). -errno: none hold. */
int cgroup_limit(const char *name, pid_t pid, unsigned int cpu_weight, uint64_t memory_high,
		 struct err *err);
/* Remove NAME's group, which must be empty by now; silent where there is none. */
void cgroup_remove(const char *name);

#endif
