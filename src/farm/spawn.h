/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting more of this very program. */
#ifndef VITRINE_FARM_SPAWN_H
#define VITRINE_FARM_SPAWN_H

#include <sys/types.h>

#include "base/err.h"
#include "farm/conf.h"

/* Run this program with ARGV; standard input is empty, OUT_FD and ERR_FD (-1: /dev/null) are its
 * outputs, GROUP_FD (-1: this one's) the cgroup.procs of its control group. The child's id or
 * -errno. */
pid_t spawn_self(const struct words *argv, int out_fd, int err_fd, int group_fd, struct err *err);
/* An ended child's exit status, 128 plus the signal where one killed it; -1: it runs (WAIT off). */
int spawn_reap(pid_t pid, int wait);

#endif
