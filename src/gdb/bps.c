/* SPDX-License-Identifier: MIT */
/*
 * Breakpoint packets: Z and z with conditions and commands.  The session remembers what the client
 * has set, so that setting and clearing are idempotent and leaving clears everything.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "agent.h"
#include "session-int.h"

static struct gdb_bp_key *gdb_bp_find(struct gdb_session *s, const struct gdb_bp *bp)
{
	struct gdb_bp_key *key;
	size_t i;

	for (i = 0; i < s->bp_count; i++) {
		key = &s->bps[i];
		if (key->type == bp->type && key->addr == bp->addr && key->len == bp->len)
			return key;
	}
	return NULL;
}

/* Room for one more before anything is inserted, so that nothing is ever inserted unremembered. */
static int gdb_bp_reserve(struct gdb_session *s, struct gdb_err *err)
{
	struct gdb_bp_key *bps;
	size_t cap = s->bp_cap ? 2 * s->bp_cap : 16;

	if (s->bp_count < s->bp_cap)
		return 0;
	if (cap > GDB_BPS_MAX)
		return gdb_fail(err, -ENOSPC, "more than %d breakpoints", GDB_BPS_MAX);
	bps = realloc(s->bps, cap * sizeof(*bps));
	if (!bps)
		return -ENOMEM;
	s->bps = bps;
	s->bp_cap = cap;
	return 0;
}

/* "Xlen,hex" once or several times; the bytes go to scratch, *used of which is taken. */
static int gdb_take_codes(struct gdb_session *s, struct gdb_cursor *c, struct gdb_code *codes,
			  size_t *count, size_t *used, struct gdb_err *err)
{
	uint64_t len;
	ssize_t n;

	while (gdb_cursor_char(c, 'X')) {
		if (*count == GDB_CODES_MAX)
			return gdb_fail(err, -E2BIG, "more than %d expressions", GDB_CODES_MAX);
		if (!gdb_cursor_hex(c, &len) || !gdb_cursor_char(c, ',') ||
		    len > GDB_PACKET_MAX - *used)
			return gdb_fail(err, -EINVAL, "bad expression length");
		n = gdb_cursor_bytes(c, s->scratch + *used, (size_t)len);
		if (n < 0 || (uint64_t)n != len)
			return gdb_fail(err, -EINVAL, "expression cut short");
		codes[*count] = (struct gdb_code){ s->scratch + *used, (size_t)n };
		if (gdb_agent_check(&codes[*count]))
			return gdb_fail(err, -EINVAL, "expression with bad bytecode");
		*used += (size_t)n;
		++*count;
	}
	return 0;
}

/* Conditions ";X..." and commands ";cmds:persist,X...". */
static int gdb_take_options(struct gdb_session *s, struct gdb_cursor *c, struct gdb_bp *bp,
			    struct gdb_code *conds, struct gdb_code *cmds, struct gdb_err *err)
{
	uint64_t persist;
	size_t used = 0;
	int rc = 0;

	while (!rc && gdb_cursor_char(c, ';')) {
		if (gdb_cursor_str(c, "cmds:")) {
			if (!gdb_cursor_hex(c, &persist) || !gdb_cursor_char(c, ','))
				return gdb_fail(err, -EINVAL, "bad breakpoint commands");
			bp->persist = persist != 0;
			rc = gdb_take_codes(s, c, cmds, &bp->cmd_count, &used, err);
		} else {
			rc = gdb_take_codes(s, c, conds, &bp->cond_count, &used, err);
		}
	}
	if (!rc && c->left)
		rc = gdb_fail(err, -EINVAL, "unknown breakpoint option");
	return rc;
}

/* "type,addr,kind"; -EOPNOTSUPP for types that do not exist. */
static int gdb_take_bp(struct gdb_cursor *c, struct gdb_bp *bp)
{
	uint64_t type;

	if (!gdb_cursor_hex(c, &type) || !gdb_cursor_char(c, ',') ||
	    !gdb_cursor_range(c, &bp->addr, &bp->len))
		return -EINVAL;
	if (type > GDB_BP_ACCESS)
		return -EOPNOTSUPP;
	bp->type = (enum gdb_bp_type)type;
	return 0;
}

int gdb_pkt_bp_insert(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_code conds[GDB_CODES_MAX], cmds[GDB_CODES_MAX];
	struct gdb_bp bp = { .conds = conds, .cmds = cmds };
	int tid = gdb_thread_selected(s), rc;

	if (!s->ops->bp_insert)
		return GDB_UNKNOWN;
	rc = gdb_take_bp(c, &bp);
	if (!rc)
		rc = gdb_take_options(s, c, &bp, conds, cmds, err);
	if (!rc && tid < 0)
		rc = tid;
	if (!rc)
		rc = gdb_bp_reserve(s, err);
	if (!rc)
		rc = s->ops->bp_insert(s->ctx, tid, &bp, err);
	if (rc)
		return rc == -EOPNOTSUPP ? GDB_UNKNOWN : rc;
	if (!gdb_bp_find(s, &bp))
		s->bps[s->bp_count++] = (struct gdb_bp_key){ bp.type, bp.addr, bp.len };
	return GDB_OK;
}

int gdb_pkt_bp_remove(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_bp bp = { .cond_count = 0 };
	struct gdb_bp_key *key;
	int rc;

	if (!s->ops->bp_insert)
		return GDB_UNKNOWN;
	rc = gdb_take_bp(c, &bp);
	if (rc)
		return rc == -EOPNOTSUPP ? GDB_UNKNOWN : rc;
	key = gdb_bp_find(s, &bp);
	if (!key)
		return GDB_OK;
	rc = s->ops->bp_remove(s->ctx, bp.type, bp.addr, bp.len, err);
	if (!rc)
		*key = s->bps[--s->bp_count];
	return rc;
}

void gdb_bp_remove_all(struct gdb_session *s)
{
	const struct gdb_bp_key *key;
	struct gdb_err err;

	while (s->bp_count) {
		key = &s->bps[--s->bp_count];
		s->ops->bp_remove(s->ctx, key->type, key->addr, key->len, &err);
	}
}
