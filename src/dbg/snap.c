/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots without the debugger in them: our int3s are taken out before RAM is copied or replaced.
 */
#include <errno.h>

#include "dbg/dbg-priv.h"
#include "vmm/snapshot.h"

static void dbg_take_out(struct dbg *dbg)
{
	pthread_mutex_lock(&dbg->lock);
	dbg_unpatch_all(dbg);
	pthread_mutex_unlock(&dbg->lock);
}

int dbg_snapshot_save(struct dbg *dbg, const char *tag, struct err *err)
{
	bool held = dbg_change_begin(dbg);
	int ret;

	dbg_take_out(dbg);
	ret = vm_snapshot_save(dbg->vm, tag, err);
	dbg_change_end(dbg, held);
	return ret;
}

/* Whatever the vCPUs were about to do, and why they stopped, is not so any more. */
int dbg_snapshot_load(struct dbg *dbg, const char *tag, struct err *err)
{
	bool ran = vm_state(dbg->vm) == VM_STATE_RUNNING;
	int ret;

	vm_pause(dbg->vm, VM_STATE_PAUSED, "to load a snapshot");
	if (vm_state(dbg->vm) == VM_STATE_SHUTDOWN)
		return err_set(err, EPERM, "the guest has ended");
	dbg_take_out(dbg);
	dbg_record_clear(dbg);
	ret = vm_snapshot_load(dbg->vm, tag, err);
	dbg_arm(dbg);
	if (!ret && ran)
		ret = vm_resume(dbg->vm, err);
	return ret;
}
