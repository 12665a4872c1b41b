/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be looked after while the guest runs, a few times a second: a
 * breakpoint whose address is not mapped yet, a patch that the guest has written
 * over, handlers that the IDT names anew, a process that was left. No timer runs
 * where there is none of it.
 */
#include <errno.h>

#include "dbg/dbg-priv.h"
#include "vmm/mem.h"

#define TEND_MS	  50
#define TEND_SLOW 5 /* handlers: every so many times */

static bool tend_patch_is_gone(struct dbg *dbg, const struct dbg_break *brk)
{
	uint8_t now;

	return mem_read(vm_mem(dbg->vm), brk->gpa, &now, 1) == 0 && now != 0xcc;
}

static bool tend_is_inside(const struct dbg *dbg)
{
	unsigned int i;

	for (i = 0; i < DBG_MAX_CATCHES; i++) {
		if (dbg->catches.ct[i].id && dbg->catches.ct[i].inside)
			return true;
	}
	return false;
}

static bool tend_waits_for_handler(const struct dbg *dbg)
{
	const struct dbg_catch *ct;

	for (ct = dbg->catches.ct; ct < dbg->catches.ct + DBG_MAX_CATCHES; ct++) {
		if (ct->id && ct->kind <= DBG_CATCH_INTERRUPT && ct->why[0])
			return true;
	}
	return false;
}

static bool tend_has_handlers(const struct dbg *dbg)
{
	return dbg_catches_any(dbg, DBG_CATCH_EXCEPTION) ||
	       dbg_catches_any(dbg, DBG_CATCH_INTERRUPT);
}

/* Whether the table is to be gone through again now; NEEDED: or later. */
static bool tend_is_due(struct dbg *dbg, bool *needed)
{
	bool due = tend_waits_for_handler(dbg) || tend_is_inside(dbg);
	size_t i;

	*needed = due || tend_has_handlers(dbg);
	due |= *needed && dbg->tend_count % TEND_SLOW == 0;
	for (i = 0; i < dbg->nr; i++) {
		if (dbg->brk[i].engine == DBG_PATCH) {
			*needed = true;
			due |= tend_patch_is_gone(dbg, &dbg->brk[i]);
		} else if (dbg->brk[i].engine == DBG_PENDING) {
			*needed = due = true;
		}
	}
	return due;
}

/* A step in progress is not disturbed. */
static bool tend_may(const struct dbg *dbg)
{
	unsigned int i;

	if (vm_state(dbg->vm) != VM_STATE_RUNNING || dbg->stepping_off)
		return false;
	for (i = 0; i < vm_nr_vcpus(dbg->vm); i++) {
		if (dbg->vcpu[i].res.action == DBG_HOLD && dbg->alone)
			continue;
		if (dbg->vcpu[i].res.action != DBG_CONTINUE || dbg->vcpu[i].off)
			return false;
	}
	return true;
}

static void tend_tick(evutil_socket_t fd, short what, void *arg)
{
	struct dbg *dbg = arg;
	bool needed, due, held;

	(void)fd;
	(void)what;
	dbg->tend_count++;
	pthread_mutex_lock(&dbg->lock);
	due = tend_is_due(dbg, &needed) && tend_may(dbg);
	pthread_mutex_unlock(&dbg->lock);
	if (!needed) {
		event_del(dbg->tend);
		dbg->tended = false;
		return;
	}
	if (!due)
		return;
	held = dbg_change_begin(dbg);
	dbg_catch_leave(dbg);
	dbg_change_end(dbg, held);
}

void dbg_tend_update(struct dbg *dbg)
{
	const struct timeval every = { .tv_usec = TEND_MS * 1000 };
	bool needed;

	if (dbg->tended || !dbg->tend)
		return;
	pthread_mutex_lock(&dbg->lock);
	tend_is_due(dbg, &needed);
	pthread_mutex_unlock(&dbg->lock);
	if (needed)
		dbg->tended = event_add(dbg->tend, &every) == 0;
}

int dbg_tend_create(struct dbg *dbg, struct err *err)
{
	dbg->tend = event_new(vm_event_base(dbg->vm), -1, EV_PERSIST, tend_tick, dbg);
	return dbg->tend ? 0 : err_set(err, ENOMEM, "event loop");
}

void dbg_tend_destroy(struct dbg *dbg)
{
	if (dbg->tend)
		event_free(dbg->tend);
}
