/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots: RAM and the whole state of the machine under a tag, in memory. After
 * the first one only what changed is copied. [main], while every vCPU stands; with
 * a debugger attached, go through dbg_snapshot_*(), which keeps its patches out.
 */
#ifndef VITRINE_VMM_SNAPSHOT_H
#define VITRINE_VMM_SNAPSHOT_H

#include <stdint.h>

#include "base/err.h"
#include "vmm/vm.h"

#define VM_SNAPSHOT_TAG 64
#define VM_SNAPSHOT_MAX 32

struct vm_snapshot_info {
	char tag[VM_SNAPSHOT_TAG];
	int64_t when;	    /* seconds since the epoch */
	uint64_t guest_ns;  /* age of the guest, without the time it stood */
	uint64_t ram_bytes; /* that are not zero */
};

/* What the last save or load has cost. */
struct vm_snapshot_cost {
	uint64_t copied; /* bytes of RAM */
	uint64_t ns;
	uint64_t held; /* bytes that all snapshots together take */
};

/*
 * Save under TAG (letters, digits, ".-_"; at most 63), replacing one of that name. -EINVAL, -ENOSPC
 * above VM_SNAPSHOT_MAX, -EPERM where the guest cannot go on anyway.
 */
int vm_snapshot_save(struct vm *vm, const char *tag, struct err *err);
/* -ENOENT. The VM is VM_STATE_PAUSED afterwards, also where it had crashed. */
int vm_snapshot_load(struct vm *vm, const char *tag, struct err *err);
int vm_snapshot_delete(struct vm *vm, const char *tag, struct err *err);
/* The N-th, oldest first; false: there are no more. */
bool vm_snapshot_get(struct vm *vm, unsigned int n, struct vm_snapshot_info *out);
struct vm_snapshot_cost vm_snapshot_cost(const struct vm *vm);

#endif
