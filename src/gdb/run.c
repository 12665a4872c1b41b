/* SPDX-License-Identifier: MIT */
/*
 * Running and stopping: thread choice, vCont and its elders, stop replies, non-stop mode, and the
 * packets that attach to, leave, end or restart the machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "session-int.h"

/* --- threads -------------------------------------------------------------------------------- */

int gdb_thread_get(struct gdb_session *s, int tid, struct gdb_thread *thread)
{
	if (tid < 1 || s->ops->thread_next(s->ctx, tid - 1, thread) || thread->id != tid)
		return -ESRCH;
	return 0;
}

static int gdb_thread_default(struct gdb_session *s)
{
	struct gdb_thread first;

	if (s->stop.tid > 0)
		return s->stop.tid;
	return s->ops->thread_next(s->ctx, 0, &first) ? -ESRCH : first.id;
}

int gdb_thread_selected(struct gdb_session *s)
{
	return s->g_tid > 0 ? s->g_tid : gdb_thread_default(s);
}

void gdb_put_thread(struct gdb_session *s, struct rsp_buf *buf, int tid)
{
	rsp_buf_printf(buf, "%s%x", s->multiprocess ? "p1." : "", (unsigned int)tid);
}

/* --- stop replies --------------------------------------------------------------------------- */

static const char *const gdb_stop_words[] = {
	[GDB_STOP_SWBREAK] = "swbreak",	      [GDB_STOP_HWBREAK] = "hwbreak",
	[GDB_STOP_WATCH] = "watch",	      [GDB_STOP_RWATCH] = "rwatch",
	[GDB_STOP_AWATCH] = "awatch",	      [GDB_STOP_HISTORY_BEGIN] = "replaylog",
	[GDB_STOP_HISTORY_END] = "replaylog",
};

/* Only what the client said it understands: others take swbreak for a register. */
static void gdb_put_reason(struct gdb_session *s, struct rsp_buf *buf, const struct gdb_stop *stop)
{
	switch (stop->kind) {
	case GDB_STOP_SWBREAK:
	case GDB_STOP_HWBREAK:
		if (stop->kind == GDB_STOP_SWBREAK ? s->swbreak : s->hwbreak)
			rsp_buf_printf(buf, "%s:;", gdb_stop_words[stop->kind]);
		break;
	case GDB_STOP_WATCH:
	case GDB_STOP_RWATCH:
	case GDB_STOP_AWATCH:
		rsp_buf_printf(buf, "%s:%" PRIx64 ";", gdb_stop_words[stop->kind], stop->addr);
		break;
	case GDB_STOP_HISTORY_BEGIN:
		rsp_buf_str(buf, "replaylog:begin;");
		break;
	case GDB_STOP_HISTORY_END:
		rsp_buf_str(buf, "replaylog:end;");
		break;
	default:
		break;
	}
}

/* The registers every client wants at once, to save it the asking. */
static void gdb_put_expedited(struct gdb_session *s, struct rsp_buf *buf, int tid)
{
	static const enum gdb_reg_role roles[] = { GDB_ROLE_PC, GDB_ROLE_SP, GDB_ROLE_FP };
	const struct gdb_reg *reg;
	struct gdb_err err;
	size_t i, len;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		reg = gdb_reg_by_role(s->arch, roles[i]);
		if (!reg)
			continue;
		len = buf->len;
		rsp_buf_printf(buf, "%02" PRIx32 ":", reg->regnum);
		if (gdb_put_reg(s, buf, tid, reg, &err))
			buf->len = len;
		else
			rsp_buf_byte(buf, ';');
	}
}

static bool gdb_stop_final(const struct gdb_stop *stop)
{
	return stop->kind == GDB_STOP_EXITED || stop->kind == GDB_STOP_KILLED;
}

static unsigned int gdb_stop_signal(const struct gdb_stop *stop)
{
	if (stop->signal == GDB_SIG_ASKED)
		return 0;
	return stop->signal > 0 ? (unsigned int)stop->signal & 0xff : GDB_SIG_TRAP;
}

void gdb_put_stop(struct gdb_session *s, struct rsp_buf *buf, const struct gdb_stop *stop)
{
	struct gdb_thread thread;

	if (gdb_stop_final(stop)) {
		rsp_buf_printf(buf, "%c%02x", stop->kind == GDB_STOP_EXITED ? 'W' : 'X',
			       stop->kind == GDB_STOP_EXITED ? (unsigned int)stop->code & 0xff
							     : gdb_stop_signal(stop));
		if (s->multiprocess)
			rsp_buf_str(buf, ";process:1");
		return;
	}
	rsp_buf_printf(buf, "T%02x", gdb_stop_signal(stop));
	gdb_put_reason(s, buf, stop);
	if (gdb_thread_get(s, stop->tid, &thread))
		return;
	gdb_put_expedited(s, buf, stop->tid);
	rsp_buf_str(buf, "thread:");
	gdb_put_thread(s, buf, stop->tid);
	rsp_buf_byte(buf, ';');
	if (thread.core >= 0)
		rsp_buf_printf(buf, "core:%x;", (unsigned int)thread.core);
}

/* --- non-stop mode -------------------------------------------------------------------------- */

static size_t gdb_stops_count(const struct gdb_session *s)
{
	return s->stops.len / sizeof(struct gdb_stop);
}

static struct gdb_stop *gdb_stops(struct gdb_session *s)
{
	return (struct gdb_stop *)(void *)s->stops.data;
}

static void gdb_stops_pop(struct gdb_session *s)
{
	if (!gdb_stops_count(s))
		return;
	s->stops.len -= sizeof(struct gdb_stop);
	memmove(s->stops.data, s->stops.data + sizeof(struct gdb_stop), s->stops.len);
}

/* One stop per thread at most: a second before the first was fetched replaces it. */
static void gdb_stops_put(struct gdb_session *s, const struct gdb_stop *stop)
{
	struct gdb_stop copy = *stop, *old = gdb_stops(s);
	size_t i;

	copy.text = NULL;
	for (i = s->notified ? 1 : 0; i < gdb_stops_count(s); i++) {
		if (old[i].tid == stop->tid) {
			old[i] = copy;
			return;
		}
	}
	rsp_buf_put(&s->stops, &copy, sizeof(copy));
}

static struct gdb_going *gdb_going_find(struct gdb_session *s, int tid)
{
	struct gdb_going *going = (struct gdb_going *)(void *)s->going.data;
	size_t i;

	for (i = 0; i < s->going.len / sizeof(*going); i++)
		if (going[i].tid == tid)
			return &going[i];
	return NULL;
}

static void gdb_going_add(struct gdb_session *s, int tid)
{
	struct gdb_going going = { .tid = tid };

	if (!gdb_going_find(s, tid))
		rsp_buf_put(&s->going, &going, sizeof(going));
}

static void gdb_going_remove(struct gdb_session *s, struct gdb_going *going)
{
	struct gdb_going *last;

	s->going.len -= sizeof(*going);
	last = (struct gdb_going *)(void *)(s->going.data + s->going.len);
	*going = *last;
}

void gdb_notify(struct gdb_session *s)
{
	if (!s->nonstop || s->notified || !gdb_stops_count(s))
		return;
	s->notified = true;
	rsp_buf_clear(&s->reply);
	rsp_buf_str(&s->reply, "Stop:");
	gdb_put_stop(s, &s->reply, gdb_stops(s));
	gdb_send_notification(s, s->reply.data, s->reply.len);
}

static void gdb_nonstop_one(struct gdb_session *s, struct gdb_going *going,
			    const struct gdb_stop *stop)
{
	struct gdb_stop copy = *stop;

	copy.tid = going->tid;
	if (going->asked && copy.kind == GDB_STOP_SIGNAL && copy.signal == GDB_SIG_INT)
		copy.signal = GDB_SIG_ASKED;
	gdb_going_remove(s, going);
	gdb_stops_put(s, &copy);
}

/* tid 0 is all that run; a thread the client knows to stand is nothing new. */
static void gdb_nonstop_take(struct gdb_session *s, const struct gdb_stop *stop)
{
	struct gdb_going *going;

	if (gdb_stop_final(stop)) {
		gdb_stops_put(s, stop);
	} else if (stop->tid) {
		going = gdb_going_find(s, stop->tid);
		if (going)
			gdb_nonstop_one(s, going, stop);
	} else {
		while (s->going.len)
			gdb_nonstop_one(s, (struct gdb_going *)(void *)s->going.data, stop);
	}
	gdb_notify(s);
}

int gdb_pkt_stopped_next(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	if (!s->notified)
		return GDB_OK;
	gdb_stops_pop(s);
	if (!gdb_stops_count(s) || s->first_alone) {
		s->notified = s->first_alone = false;
		return GDB_OK;
	}
	gdb_put_stop(s, &s->reply, gdb_stops(s));
	return GDB_REPLY;
}

static bool gdb_any_running(struct gdb_session *s)
{
	struct gdb_thread t = { .id = 0 };
	int n;

	for (n = 0; n < GDB_THREADS_MAX && !s->ops->thread_next(s->ctx, t.id, &t); n++)
		if (t.running)
			return true;
	return false;
}

int gdb_pkt_nonstop(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t on;
	int rc;

	if (!s->ops->can_nonstop || !s->ops->can_nonstop(s->ctx))
		return GDB_UNKNOWN;
	if (!gdb_cursor_hex(c, &on) || c->left)
		return -EINVAL;
	if (s->nonstop && !on && gdb_any_running(s))
		return gdb_fail(err, -EBUSY, "threads are running");
	rc = s->ops->set_nonstop ? s->ops->set_nonstop(s->ctx, on != 0, err) : 0;
	if (rc)
		return rc;
	s->nonstop = on != 0;
	s->notified = s->first_alone = false;
	rsp_buf_clear(&s->stops);
	rsp_buf_clear(&s->going);
	return GDB_OK;
}

/*
 * `?` in non-stop mode: the threads that stand.  The first is the reply; the others are told as if
 * they stopped just now, because gdb 13 fails an assertion when it finds two before it listens.
 */
static int gdb_nonstop_status(struct gdb_session *s)
{
	struct gdb_thread t = { .id = 0 };
	struct gdb_stop stop;
	int n;

	rsp_buf_clear(&s->stops);
	rsp_buf_clear(&s->going);
	s->notified = false;
	for (n = 0; n < GDB_THREADS_MAX && !s->ops->thread_next(s->ctx, t.id, &t); n++) {
		stop = (struct gdb_stop){ .kind = GDB_STOP_SIGNAL,
					  .tid = t.id,
					  .signal = GDB_SIG_ASKED };
		if (t.running)
			gdb_going_add(s, t.id);
		else
			gdb_stops_put(s, t.id == s->stop.tid ? &s->stop : &stop);
	}
	if (!gdb_stops_count(s))
		return GDB_OK;
	s->notified = s->first_alone = true;
	gdb_put_stop(s, &s->reply, gdb_stops(s));
	return GDB_REPLY;
}

/* --- stops in general ----------------------------------------------------------------------- */

static void gdb_stop_remember(struct gdb_session *s, const struct gdb_stop *stop)
{
	int was = gdb_thread_selected(s);

	s->stop = *stop;
	s->stop.text = NULL;
	if (s->stop.tid <= 0)
		s->stop.tid = was > 0 ? was : 0;
	s->g_tid = s->stop.tid;
}

static void gdb_stop_send(struct gdb_session *s, const struct gdb_stop *stop)
{
	if (stop->text && stop->text[0]) {
		gdb_send_console(s, stop->text, strlen(stop->text));
		gdb_send_console(s, "\n", 1);
	}
	rsp_buf_clear(&s->reply);
	gdb_put_stop(s, &s->reply, &s->stop);
	gdb_send(s, s->reply.data, s->reply.len);
}

void gdb_stop_take(struct gdb_session *s, const struct gdb_stop *stop)
{
	bool attaching = s->state == GDB_ATTACHING;

	if (s->state == GDB_STOPPED && s->nonstop) {
		gdb_nonstop_take(s, stop);
		return;
	}
	if (gdb_stop_final(stop) && s->state == GDB_STOPPED) {
		gdb_bp_remove_all(s);
		s->stop = *stop;
		s->stop.text = NULL;
		s->state = GDB_DETACHED;
		return;
	}
	if (!attaching && s->state != GDB_RUNNING)
		return;
	s->state = GDB_STOPPED;
	gdb_stop_remember(s, stop);
	/* Attaching is no interrupt by the user; clients would show it as one. */
	if (attaching && stop->kind == GDB_STOP_SIGNAL && stop->signal == GDB_SIG_INT)
		s->stop.signal = GDB_SIG_TRAP;
	if (!attaching || s->stop_reply)
		gdb_stop_send(s, stop);
	s->stop_reply = false;
	if (gdb_stop_final(stop)) {
		gdb_bp_remove_all(s);
		s->state = GDB_DETACHED;
	}
}

int gdb_pkt_status(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	if (s->state == GDB_DETACHED && !gdb_stop_final(&s->stop)) {
		rsp_buf_str(&s->reply, s->nonstop ? "OK" : "W00");
		return GDB_REPLY;
	}
	if (s->nonstop && s->state == GDB_STOPPED)
		return gdb_nonstop_status(s);
	if (s->stop.tid <= 0 && !gdb_stop_final(&s->stop))
		gdb_stop_remember(s, &s->stop);
	gdb_put_stop(s, &s->reply, &s->stop);
	return GDB_REPLY;
}

/* --- resuming ------------------------------------------------------------------------------- */

static struct gdb_resume *gdb_plan(struct gdb_session *s)
{
	return (struct gdb_resume *)(void *)s->plan.data;
}

static size_t gdb_plan_count(const struct gdb_session *s)
{
	return s->plan.len / sizeof(struct gdb_resume);
}

static int gdb_plan_add(struct gdb_session *s, const struct gdb_resume *resume)
{
	rsp_buf_put(&s->plan, resume, sizeof(*resume));
	return s->plan.failed ? -ENOMEM : 0;
}

/* Carries the plan out.  The state changes first: the stop may come from within the call. */
static int gdb_plan_run(struct gdb_session *s, struct gdb_err *err)
{
	size_t count = gdb_plan_count(s), i;
	int rc;

	if (!s->nonstop)
		s->state = GDB_RUNNING;
	else
		for (i = 0; i < count; i++)
			gdb_going_add(s, gdb_plan(s)[i].tid);
	rc = s->ops->resume(s->ctx, gdb_plan(s), count, err);
	if (!rc)
		return s->nonstop ? GDB_OK : GDB_SILENT;
	rsp_buf_clear(&s->late);
	if (!s->nonstop)
		s->state = GDB_STOPPED;
	else
		for (i = 0; i < count; i++)
			gdb_going_remove(s, gdb_going_find(s, gdb_plan(s)[i].tid));
	return rc;
}

/* One action of vCont, and whom it is for. */
struct gdb_vcont {
	struct gdb_resume resume;
	bool stop;
	int tid;
};

static int gdb_take_action(struct gdb_session *s, struct gdb_cursor *c, struct gdb_vcont *v,
			   struct gdb_err *err)
{
	uint64_t signal = 0;
	char kind = c->left ? (char)*c->at : '\0';

	*v = (struct gdb_vcont){ .tid = GDB_TID_ALL, .resume.sstep = s->sstep };
	if (!kind || !strchr("cCsStr", kind))
		return gdb_fail(err, -EINVAL, "unknown vCont action");
	gdb_cursor_char(c, kind);
	v->stop = kind == 't';
	if (kind == 's' || kind == 'S')
		v->resume.action = GDB_STEP;
	if ((kind == 'C' || kind == 'S') && !gdb_cursor_hex(c, &signal))
		return gdb_fail(err, -EINVAL, "no signal");
	v->resume.signal = (int)(signal & 0xff);
	if (kind == 'r') {
		v->resume.action = GDB_RANGE_STEP;
		if (!gdb_cursor_range(c, &v->resume.start, &v->resume.end))
			return gdb_fail(err, -EINVAL, "bad range");
	}
	return gdb_cursor_char(c, ':') ? gdb_cursor_thread(c, &v->tid) : 0;
}

#define GDB_TID_TAKEN (-2)

/* The ids of all threads; the count or -errno. */
static int gdb_vcont_threads(struct gdb_session *s, int *tids, struct gdb_err *err)
{
	struct gdb_thread t = { .id = 0 };
	int n = 0;

	while (!s->ops->thread_next(s->ctx, t.id, &t)) {
		if (n == GDB_THREADS_MAX)
			return gdb_fail(err, -E2BIG, "more than %d threads", GDB_THREADS_MAX);
		tids[n++] = t.id;
	}
	return n;
}

/* Gives the action to every thread it is for that has none yet: the leftmost counts. */
static int gdb_vcont_assign(struct gdb_session *s, const struct gdb_vcont *v, int *tids, int count,
			    int *left)
{
	struct gdb_resume resume = v->resume;
	struct gdb_going *going;
	int i, rc = 0;

	for (i = 0; i < count && *left && !rc; i++) {
		if (tids[i] == GDB_TID_TAKEN || (v->tid > 0 && tids[i] != v->tid))
			continue;
		resume.tid = tids[i];
		tids[i] = GDB_TID_TAKEN;
		--*left;
		going = s->nonstop ? gdb_going_find(s, resume.tid) : NULL;
		if (v->stop && going) {
			going->asked = true;
			rc = s->ops->interrupt(s->ctx, resume.tid);
		} else if (!v->stop && !going) {
			rc = gdb_plan_add(s, &resume);
		}
		if (v->tid == GDB_TID_ANY)
			break;
	}
	return rc;
}

#define GDB_ACTIONS_MAX 1024

int gdb_pkt_vcont(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	int tids[GDB_THREADS_MAX], count, left, n, rc = 0;
	struct gdb_vcont v;

	count = left = gdb_vcont_threads(s, tids, err);
	if (count < 0)
		return count;
	rsp_buf_clear(&s->plan);
	for (n = 0; !rc && gdb_cursor_char(c, ';'); n++) {
		rc = n < GDB_ACTIONS_MAX ? gdb_take_action(s, c, &v, err) : -E2BIG;
		if (!rc)
			rc = gdb_vcont_assign(s, &v, tids, count, &left);
	}
	if (rc)
		return rc;
	if (c->left || !n)
		return gdb_fail(err, -EINVAL, "bad vCont");
	if (gdb_plan_count(s))
		return gdb_plan_run(s, err);
	if (s->nonstop)
		return GDB_OK;
	if (left == count)
		return gdb_fail(err, -ESRCH, "no such thread");
	gdb_put_stop(s, &s->reply, &s->stop);
	return GDB_REPLY;
}

int gdb_pkt_vcont_list(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	rsp_buf_str(&s->reply, "vCont;c;C;s;S;t;r");
	return GDB_REPLY;
}

/* The address of `c` and `s` is the new program counter of the thread they are about. */
static int gdb_go_from(struct gdb_session *s, struct gdb_cursor *c, int tid, struct gdb_err *err)
{
	uint64_t pc;

	if (!c->left)
		return 0;
	if (!gdb_cursor_hex(c, &pc) || c->left)
		return gdb_fail(err, -EINVAL, "bad address");
	return gdb_set_pc(s, tid, pc, err);
}

/* c, C, s, S: continue all threads or the one that Hc chose, or step one while the others stand. */
static int gdb_go(struct gdb_session *s, struct gdb_cursor *c, enum gdb_action action, int signal,
		  struct gdb_err *err)
{
	struct gdb_resume resume = { .action = action, .signal = signal, .sstep = s->sstep };
	int one = s->c_tid > 0 ? s->c_tid : gdb_thread_default(s), rc;
	struct gdb_thread t = { .id = 0 };

	if (s->nonstop)
		return gdb_fail(err, -EINVAL, "in non-stop mode only vCont resumes");
	rc = one < 0 ? one : gdb_go_from(s, c, one, err);
	rsp_buf_clear(&s->plan);
	while (!rc && !s->ops->thread_next(s->ctx, t.id, &t)) {
		resume.tid = t.id;
		if (t.id == one || (action == GDB_CONTINUE && s->c_tid <= 0))
			rc = gdb_plan_add(s, &resume);
	}
	if (!rc && !gdb_plan_count(s))
		rc = -ESRCH;
	return rc ? rc : gdb_plan_run(s, err);
}

int gdb_pkt_continue(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	return gdb_go(s, c, GDB_CONTINUE, 0, err);
}

int gdb_pkt_step(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	return gdb_go(s, c, GDB_STEP, 0, err);
}

static int gdb_go_signal(struct gdb_session *s, struct gdb_cursor *c, enum gdb_action action,
			 struct gdb_err *err)
{
	uint64_t signal;

	if (!gdb_cursor_hex(c, &signal))
		return gdb_fail(err, -EINVAL, "no signal");
	if (c->left && !gdb_cursor_char(c, ';'))
		return gdb_fail(err, -EINVAL, "bad signal");
	return gdb_go(s, c, action, (int)(signal & 0xff), err);
}

int gdb_pkt_continue_signal(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	return gdb_go_signal(s, c, GDB_CONTINUE, err);
}

int gdb_pkt_step_signal(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	return gdb_go_signal(s, c, GDB_STEP, err);
}

static int gdb_go_back(struct gdb_session *s, bool step, struct gdb_err *err)
{
	int tid = gdb_thread_selected(s), rc;

	if (!s->ops->reverse || !s->ops->can_reverse || !s->ops->can_reverse(s->ctx) || s->nonstop)
		return GDB_UNKNOWN;
	if (tid < 0)
		return tid;
	s->state = GDB_RUNNING;
	rc = s->ops->reverse(s->ctx, tid, step, err);
	if (!rc)
		return GDB_SILENT;
	s->state = GDB_STOPPED;
	rsp_buf_clear(&s->late);
	return rc;
}

int gdb_pkt_back_continue(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	return gdb_go_back(s, false, err);
}

int gdb_pkt_back_step(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	return gdb_go_back(s, true, err);
}

int gdb_pkt_interrupt(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	int rc = 0;

	(void)c;
	(void)err;
	if (s->state == GDB_RUNNING || s->nonstop)
		rc = s->ops->interrupt(s->ctx, GDB_TID_ANY);
	return rc ? rc : GDB_OK;
}

/* --- how a step is made --------------------------------------------------------------------- */

int gdb_pkt_sstep_bits(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	unsigned int mask;

	(void)c;
	(void)err;
	if (!s->ops->sstep_mask)
		return GDB_UNKNOWN;
	mask = s->ops->sstep_mask(s->ctx);
	rsp_buf_printf(&s->reply, "ENABLE=%x", GDB_SSTEP_ENABLE);
	if (mask & GDB_SSTEP_NOIRQ)
		rsp_buf_printf(&s->reply, ",NOIRQ=%x", GDB_SSTEP_NOIRQ);
	if (mask & GDB_SSTEP_NOTIMER)
		rsp_buf_printf(&s->reply, ",NOTIMER=%x", GDB_SSTEP_NOTIMER);
	return GDB_REPLY;
}

int gdb_pkt_sstep_get(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	if (!s->ops->sstep_mask)
		return GDB_UNKNOWN;
	rsp_buf_printf(&s->reply, "0x%x", s->sstep);
	return GDB_REPLY;
}

int gdb_pkt_sstep_set(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t value;

	if (!s->ops->sstep_mask)
		return GDB_UNKNOWN;
	gdb_cursor_str(c, "0x");
	if (!gdb_cursor_hex(c, &value) || c->left)
		return -EINVAL;
	if (value & ~(uint64_t)s->ops->sstep_mask(s->ctx))
		return gdb_fail(err, -EINVAL, "this machine cannot step that way");
	s->sstep = (unsigned int)value;
	return GDB_OK;
}

/* --- leaving, ending, starting -------------------------------------------------------------- */

int gdb_pkt_detach(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t pid = 1;

	if (c->left && (!gdb_cursor_char(c, ';') || !gdb_cursor_hex(c, &pid) || c->left))
		return -EINVAL;
	if (pid != 1)
		return gdb_fail(err, -ESRCH, "no such process");
	gdb_release(s);
	return GDB_OK;
}

/* Without a way to end the machine it is let go. */
static int gdb_end(struct gdb_session *s, struct gdb_err *err)
{
	int rc;

	if (!s->ops->kill) {
		gdb_release(s);
		return 0;
	}
	gdb_bp_remove_all(s);
	rc = s->ops->kill(s->ctx, err);
	if (rc)
		return rc;
	s->stop = (struct gdb_stop){ .kind = GDB_STOP_KILLED, .signal = 9 };
	s->state = GDB_DETACHED;
	return 0;
}

int gdb_pkt_kill(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	gdb_end(s, err);
	if (!s->extended)
		s->broken = true;
	return GDB_SILENT;
}

int gdb_pkt_vkill(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t pid;

	if (!s->ops->kill)
		return GDB_UNKNOWN;
	if (!gdb_cursor_hex(c, &pid) || c->left)
		return -EINVAL;
	if (pid != 1)
		return gdb_fail(err, -ESRCH, "no such process");
	return gdb_end(s, err);
}

int gdb_pkt_attach(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t pid;
	int rc = 0;

	if (!gdb_cursor_hex(c, &pid) || c->left)
		return -EINVAL;
	if (s->state == GDB_DETACHED)
		rc = gdb_attach(s);
	if (rc)
		return gdb_fail(err, rc, "cannot stop the machine");
	if (s->nonstop)
		return GDB_OK;
	if (s->state == GDB_ATTACHING) {
		s->stop_reply = true;
		return GDB_SILENT;
	}
	return gdb_pkt_status(s, c, err);
}

/* vRun: the machine starts anew and its first stop is the reply. */
int gdb_pkt_run(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	enum gdb_state was = s->state;
	int rc;

	(void)c;
	if (!s->ops->restart)
		return GDB_UNKNOWN;
	if (s->nonstop)
		return gdb_fail(err, -EBUSY, "not in non-stop mode");
	s->state = GDB_RUNNING;
	rc = s->ops->restart(s->ctx, err);
	if (!rc)
		return GDB_SILENT;
	s->state = was;
	return rc;
}

/* R has no reply; what follows it waits for the machine. */
int gdb_pkt_restart(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	enum gdb_state was = s->state;

	(void)c;
	if (!s->ops->restart)
		return GDB_UNKNOWN;
	s->state = GDB_ATTACHING;
	if (s->ops->restart(s->ctx, err))
		s->state = was;
	return GDB_SILENT;
}
