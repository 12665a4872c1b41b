/* SPDX-License-Identifier: MIT */
/*
 * Queries: features, threads, documents (qXfer), the monitor, and what QEMU's and LLDB's clients
 * ask beyond GDB's own protocol.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "session-int.h"
#include "xml.h"

int gdb_pkt_none(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)s;
	(void)c;
	(void)err;
	return GDB_UNKNOWN;
}

int gdb_pkt_ok(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)s;
	(void)c;
	(void)err;
	return GDB_OK;
}

/* --- features ------------------------------------------------------------------------------- */

static void gdb_take_feature(struct gdb_session *s, struct gdb_cursor *c)
{
	if (gdb_cursor_str(c, "multiprocess+"))
		s->multiprocess = true;
	else if (gdb_cursor_str(c, "swbreak+"))
		s->swbreak = true;
	else if (gdb_cursor_str(c, "hwbreak+"))
		s->hwbreak = true;
	else if (gdb_cursor_str(c, "error-message+"))
		s->error_text = true;
	while (c->left && !gdb_cursor_char(c, ';')) {
		c->at++;
		c->left--;
	}
}

static bool gdb_has_exec_file(struct gdb_session *s)
{
	return s->ops->exec_file && s->ops->exec_file(s->ctx);
}

/* Only what is there is announced; a client never asks for the rest. */
int gdb_pkt_supported(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct rsp_buf *r = &s->reply;

	(void)err;
	if (c->left && !gdb_cursor_char(c, ':'))
		return GDB_UNKNOWN;
	while (c->left)
		gdb_take_feature(s, c);
	rsp_buf_printf(r,
		       "PacketSize=%x;QStartNoAckMode+;vContSupported+;multiprocess+;"
		       "QPassSignals+;QProgramSignals+;binary-upload+;error-message+;"
		       "qXfer:features:read+;qXfer:threads:read+",
		       GDB_PACKET_MAX);
	if (s->ops->region_next)
		rsp_buf_str(r, ";qXfer:memory-map:read+");
	if (gdb_has_exec_file(s))
		rsp_buf_str(r, ";qXfer:exec-file:read+");
	if (s->ops->bp_insert)
		rsp_buf_str(r, ";swbreak+;hwbreak+;ConditionalBreakpoints+;BreakpointCommands+");
	if (s->ops->can_nonstop && s->ops->can_nonstop(s->ctx))
		rsp_buf_str(r, ";QNonStop+");
	if (s->ops->reverse && s->ops->can_reverse && s->ops->can_reverse(s->ctx))
		rsp_buf_str(r, ";ReverseStep+;ReverseContinue+");
	return GDB_REPLY;
}

int gdb_pkt_no_ack(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	s->want_no_ack = true;
	return GDB_OK;
}

int gdb_pkt_extended(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	s->extended = true;
	return GDB_OK;
}

/* --- threads -------------------------------------------------------------------------------- */

int gdb_pkt_set_thread(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	bool general = gdb_cursor_char(c, 'g');
	struct gdb_thread thread;
	int tid, rc;

	if (!general && !gdb_cursor_char(c, 'c'))
		return GDB_UNKNOWN;
	rc = gdb_cursor_thread(c, &tid);
	if (!rc && c->left)
		rc = -EINVAL;
	if (!rc && tid > 0)
		rc = gdb_thread_get(s, tid, &thread);
	if (rc)
		return gdb_fail(err, rc, "no such thread");
	if (general)
		s->g_tid = tid;
	else
		s->c_tid = tid;
	return GDB_OK;
}

int gdb_pkt_alive(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_thread thread;
	int tid, rc = gdb_cursor_thread(c, &tid);

	if (!rc && c->left)
		rc = -EINVAL;
	if (!rc)
		rc = gdb_thread_get(s, tid, &thread);
	return rc ? gdb_fail(err, rc, "no such thread") : GDB_OK;
}

int gdb_pkt_current(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	int tid = gdb_thread_selected(s);

	(void)c;
	if (tid < 0)
		return gdb_fail(err, tid, "no threads");
	rsp_buf_str(&s->reply, "QC");
	gdb_put_thread(s, &s->reply, tid);
	return GDB_REPLY;
}

int gdb_pkt_threads_next(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_thread t;
	char lead = 'm';

	(void)c;
	(void)err;
	while (s->reply.len < GDB_PACKET_MAX - 64 &&
	       !s->ops->thread_next(s->ctx, s->list_tid, &t)) {
		rsp_buf_byte(&s->reply, (uint8_t)lead);
		gdb_put_thread(s, &s->reply, t.id);
		s->list_tid = t.id;
		lead = ',';
	}
	if (!s->reply.len)
		rsp_buf_byte(&s->reply, 'l');
	return GDB_REPLY;
}

int gdb_pkt_threads_first(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	s->list_tid = 0;
	return gdb_pkt_threads_next(s, c, err);
}

int gdb_pkt_thread_text(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_thread t;
	int tid, rc = gdb_cursor_thread(c, &tid);

	if (!rc && c->left)
		rc = -EINVAL;
	if (!rc)
		rc = gdb_thread_get(s, tid, &t);
	if (rc)
		return gdb_fail(err, rc, "no such thread");
	rsp_buf_hex(&s->reply, t.name, strnlen(t.name, sizeof(t.name)));
	if (t.state[0]) {
		rsp_buf_hex(&s->reply, " [", 2);
		rsp_buf_hex(&s->reply, t.state, strnlen(t.state, sizeof(t.state)));
		rsp_buf_hex(&s->reply, "]", 1);
	}
	return GDB_REPLY;
}

/* LLDB: why this thread stands. */
int gdb_pkt_thread_stop(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SIGNAL, .signal = GDB_SIG_ASKED };
	struct gdb_thread t;
	int rc = gdb_cursor_thread(c, &stop.tid);

	if (!rc && c->left)
		rc = -EINVAL;
	if (!rc)
		rc = gdb_thread_get(s, stop.tid, &t);
	if (rc)
		return gdb_fail(err, rc, "no such thread");
	gdb_put_stop(s, &s->reply, stop.tid == s->stop.tid ? &s->stop : &stop);
	return GDB_REPLY;
}

/* The machine was there before the debugger: leaving means detaching. */
int gdb_pkt_attached(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	rsp_buf_byte(&s->reply, '1');
	return GDB_REPLY;
}

/* --- documents ------------------------------------------------------------------------------ */

/* "OBJECT:read:ANNEX:"; GDB_DOC_NONE for what is not there. */
static enum gdb_doc gdb_take_doc(struct gdb_session *s, struct gdb_cursor *c)
{
	uint64_t pid;

	if (gdb_cursor_str(c, "features:read:target.xml:"))
		return GDB_DOC_FEATURES;
	if (gdb_cursor_str(c, "threads:read::"))
		return GDB_DOC_THREADS;
	if (s->ops->region_next && gdb_cursor_str(c, "memory-map:read::"))
		return GDB_DOC_MEMORY_MAP;
	if (gdb_has_exec_file(s) && gdb_cursor_str(c, "exec-file:read:")) {
		gdb_cursor_hex(c, &pid);
		return gdb_cursor_char(c, ':') ? GDB_DOC_EXEC_FILE : GDB_DOC_NONE;
	}
	return GDB_DOC_NONE;
}

/* A document is made when it is asked for from its start, and kept for the chunks that follow. */
static int gdb_doc_make(struct gdb_session *s, enum gdb_doc kind, uint64_t offset)
{
	if (kind == s->doc_kind && offset)
		return 0;
	rsp_buf_clear(&s->doc);
	s->doc_kind = kind;
	if (kind == GDB_DOC_FEATURES) {
		s->arch = s->ops->arch(s->ctx);
		gdb_xml_target(&s->doc, s->arch);
	} else if (kind == GDB_DOC_THREADS) {
		gdb_xml_threads(&s->doc, s->ops, s->ctx, s->multiprocess);
	} else if (kind == GDB_DOC_MEMORY_MAP) {
		gdb_xml_memory_map(&s->doc, s->ops, s->ctx);
	} else {
		rsp_buf_str(&s->doc, s->ops->exec_file(s->ctx));
	}
	if (!s->doc.failed)
		return 0;
	s->doc_kind = GDB_DOC_NONE;
	return -ENOMEM;
}

static bool gdb_known_object(const struct gdb_session *s, struct gdb_cursor c)
{
	return gdb_cursor_str(&c, "features:read:") || gdb_cursor_str(&c, "threads:read:") ||
	       (s->ops->region_next && gdb_cursor_str(&c, "memory-map:read:")) ||
	       (s->ops->exec_file && gdb_cursor_str(&c, "exec-file:read:"));
}

int gdb_pkt_xfer(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	bool known = gdb_known_object(s, *c);
	enum gdb_doc kind = gdb_take_doc(s, c);
	uint64_t offset, len;
	size_t n;

	if (kind == GDB_DOC_NONE)
		return known ? gdb_fail(err, -ENOENT, "no such annex") : GDB_UNKNOWN;
	if (!gdb_cursor_range(c, &offset, &len) || c->left)
		return -EINVAL;
	if (gdb_doc_make(s, kind, offset))
		return gdb_fail(err, -ENOMEM, "the document is too long");
	if (offset > s->doc.len)
		return gdb_fail(err, -EINVAL, "behind the end of the document");
	n = s->doc.len - (size_t)offset;
	if (n > len)
		n = (size_t)len;
	n = rsp_escaped_fit(s->doc.data + offset, n, GDB_PACKET_MAX - 8);
	rsp_buf_byte(&s->reply, offset + n < s->doc.len ? 'm' : 'l');
	rsp_buf_escaped(&s->reply, s->doc.data + offset, n);
	return GDB_REPLY;
}

/* --- the monitor ---------------------------------------------------------------------------- */

#define GDB_LINE_MAX	  4096
#define GDB_MONITOR_MAX	  (2u << 20)
#define GDB_MONITOR_CHUNK 4096

/* Collects a command's output and sends it on in portions as it comes. */
struct gdb_monitor {
	struct gdb_sink sink;
	struct gdb_session *s;
	char text[GDB_MONITOR_CHUNK];
	size_t len;
	size_t total;
};

static void gdb_monitor_flush(struct gdb_monitor *m)
{
	gdb_send_console(m->s, m->text, m->len);
	m->len = 0;
}

static void gdb_monitor_write(struct gdb_sink *sink, const char *text, size_t len)
{
	struct gdb_monitor *m = (struct gdb_monitor *)(void *)sink;
	size_t n;

	if (len > GDB_MONITOR_MAX - m->total)
		len = GDB_MONITOR_MAX - m->total;
	m->total += len;
	while (len) {
		if (m->len == sizeof(m->text))
			gdb_monitor_flush(m);
		n = sizeof(m->text) - m->len;
		if (n > len)
			n = len;
		memcpy(m->text + m->len, text, n);
		m->len += n;
		text += n;
		len -= n;
	}
}

static void gdb_monitor_str(struct gdb_monitor *m, const char *text)
{
	gdb_monitor_write(&m->sink, text, strlen(text));
}

/* Clients show no error of qRcmd in words; therefore the words go out as output. */
int gdb_pkt_monitor(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	struct gdb_monitor m = { .sink.write = gdb_monitor_write, .s = s };
	char line[GDB_LINE_MAX];
	ssize_t n;
	int rc;

	if (!s->ops->monitor)
		return GDB_UNKNOWN;
	n = gdb_cursor_bytes(c, (uint8_t *)line, sizeof(line) - 1);
	if (n < 0 || c->left)
		return gdb_fail(err, -EINVAL, "bad command line");
	line[n] = '\0';
	if (strlen(line) != (size_t)n)
		return gdb_fail(err, -EINVAL, "NUL in the command line");
	rc = s->ops->monitor(s->ctx, line, &m.sink, err);
	if (m.total == GDB_MONITOR_MAX) {
		m.total = 0;
		gdb_monitor_str(&m, "\n[the rest of the output is cut]\n");
	}
	if (rc) {
		m.total = 0;
		gdb_monitor_str(&m, err->text[0] ? err->text : strerror(-rc));
		gdb_monitor_str(&m, "\n");
	}
	gdb_monitor_flush(&m);
	return GDB_OK;
}

/* --- QEMU's --------------------------------------------------------------------------------- */

int gdb_pkt_qemu_supported(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	rsp_buf_str(&s->reply, s->ops->sstep_mask ? "sstepbits;sstep;PhyMemMode" : "PhyMemMode");
	return GDB_REPLY;
}

/* --- LLDB's --------------------------------------------------------------------------------- */

static void gdb_put_machine(struct gdb_session *s)
{
	rsp_buf_str(&s->reply, "triple:");
	rsp_buf_hex(&s->reply, s->arch->triple, strlen(s->arch->triple));
	rsp_buf_printf(&s->reply, ";endian:%s;ptrsize:%" PRIu32 ";",
		       s->arch->big_endian ? "big" : "little", s->arch->ptr_bytes);
}

int gdb_pkt_host_info(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	if (!s->arch->triple)
		return GDB_UNKNOWN;
	gdb_put_machine(s);
	return GDB_REPLY;
}

int gdb_pkt_process_info(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	if (!s->arch->triple)
		return GDB_UNKNOWN;
	rsp_buf_str(&s->reply, "pid:1;");
	gdb_put_machine(s);
	return GDB_REPLY;
}

static const char *gdb_lldb_generic(enum gdb_reg_role role)
{
	static const char *const words[] = {
		[GDB_ROLE_NONE] = NULL, [GDB_ROLE_PC] = "pc",	    [GDB_ROLE_SP] = "sp",
		[GDB_ROLE_FP] = "fp",	[GDB_ROLE_FLAGS] = "flags",
	};

	return words[role];
}

/* Where LLDB keeps the register: in the order of g, the others behind. */
static size_t gdb_lldb_offset(const struct gdb_arch *arch, const struct gdb_reg *reg)
{
	size_t offset = 0, i;

	for (i = 0; i < arch->reg_count; i++) {
		const struct gdb_reg *r = &arch->regs[i];

		if (r->in_g == reg->in_g ? r < reg : r->in_g)
			offset += gdb_reg_bytes(r);
	}
	return offset;
}

static void gdb_put_lldb_reg(struct gdb_session *s, const struct gdb_reg *reg)
{
	bool vector = reg->bitsize >= 128;
	const char *generic = gdb_lldb_generic(reg->role);

	rsp_buf_printf(&s->reply, "name:%s;bitsize:%" PRIu32 ";offset:%zu;", reg->name,
		       reg->bitsize, gdb_lldb_offset(s->arch, reg));
	rsp_buf_printf(&s->reply, "encoding:%s;format:%s;set:%s;", vector ? "vector" : "uint",
		       vector ? "vector-uint8" : "hex", reg->group ? reg->group : "general");
	if (generic)
		rsp_buf_printf(&s->reply, "generic:%s;", generic);
}

/* Numbers of p and P: LLDB counts through, which fits tables that are dense. */
int gdb_pkt_register_info(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t regnum;
	size_t i;

	if (!gdb_cursor_hex(c, &regnum) || c->left)
		return -EINVAL;
	for (i = 0; i < s->arch->reg_count; i++) {
		if (s->arch->regs[i].regnum != regnum)
			continue;
		gdb_put_lldb_reg(s, &s->arch->regs[i]);
		return GDB_REPLY;
	}
	return gdb_fail(err, -ENOENT, "no more registers");
}
