/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the host is off: memory available and memory pressure, as far as the
 * control group that this process lives in lets it have them.
 */
#ifndef VITRINE_BALLOON_HOST_H
#define VITRINE_BALLOON_HOST_H

#include "balloon/policy.h"
#include "base/err.h"

/* /proc/meminfo's TEXT: total and available, bytes. -EINVAL where a line is missing. */
int host_parse_meminfo(const char *text, struct policy_host *out);
/* /proc/pressure/memory's TEXT: avg10 of "some" and "full". -EINVAL; OUT's become -1. */
int host_parse_pressure(const char *text, struct policy_host *out);
/*
 * A control group's limit: TEXT of memory.max, memory.current and memory.stat. Where it leaves
 * less than OUT says, it is what counts; cache that can be dropped counts as available.
 */
void host_apply_limit(const char *max, const char *current, const char *stat,
		      struct policy_host *out);
/* Ask this host, or the files of a tree like /proc that VITRINE_PROC names (tests). Pressure is
 * unknown where the kernel does not measure it. -errno. */
int host_read(struct policy_host *out, struct err *err);
/* The folder of this process's control group (version 2) below /sys/fs/cgroup. -ENOENT. */
int host_cgroup(char *path, size_t len);

#endif
