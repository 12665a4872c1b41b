/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's binary statistics (KVM_GET_STATS_FD, Linux 5.14): a few counters by name, read with one
 * pread() each and without disturbing the guest.
 */
#ifndef VITRINE_VMM_KVMSTATS_H
#define VITRINE_VMM_KVMSTATS_H

#include <stddef.h>
#include <stdint.h>

#define KVMSTATS_NONE (~0ull)

struct kvmstats;

/*
 * The NR counters NAMES of FD, a VM or a vCPU (borrowed, as are the names). NULL without memory
 * or where KVM has no statistics; the functions below take that.
 */
struct kvmstats *kvmstats_open(int fd, const char *const *names, size_t nr);
void kvmstats_close(struct kvmstats *stats);
/* Counter INDEX now, or KVMSTATS_NONE. Any thread. */
uint64_t kvmstats_get(const struct kvmstats *stats, size_t index);

#endif
