/* SPDX-License-Identifier: MIT */
/*
 * The session: transport (acknowledgement, retransmission, queueing while the machine runs), the
 * states of a connection, and the table of packets.  Nothing a client sends may crash, hang or
 * grow it; every buffer here has a bound.
 */
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-int.h"

int gdb_fail(struct gdb_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* --- cursor --------------------------------------------------------------------------------- */

bool gdb_cursor_char(struct gdb_cursor *c, char want)
{
	if (!c->left || *c->at != (uint8_t)want)
		return false;
	c->at++;
	c->left--;
	return true;
}

bool gdb_cursor_str(struct gdb_cursor *c, const char *want)
{
	size_t len = strlen(want);

	if (c->left < len || memcmp(c->at, want, len))
		return false;
	c->at += len;
	c->left -= len;
	return true;
}

bool gdb_cursor_hex(struct gdb_cursor *c, uint64_t *value)
{
	size_t n;
	int digit;

	*value = 0;
	for (n = 0; n < c->left; n++) {
		digit = rsp_hex_digit(c->at[n]);
		if (digit < 0)
			break;
		if (*value >> 60)
			return false;
		*value = *value << 4 | (uint64_t)digit;
	}
	c->at += n;
	c->left -= n;
	return n > 0;
}

ssize_t gdb_cursor_bytes(struct gdb_cursor *c, uint8_t *to, size_t max)
{
	size_t n = 0;
	int high, low;

	while (n < max && c->left >= 2) {
		high = rsp_hex_digit(c->at[0]);
		low = rsp_hex_digit(c->at[1]);
		if (high < 0)
			break;
		if (low < 0)
			return -1;
		to[n++] = (uint8_t)(high << 4 | low);
		c->at += 2;
		c->left -= 2;
	}
	if (n < max && c->left == 1 && rsp_hex_digit(c->at[0]) >= 0)
		return -1;
	return (ssize_t)n;
}

bool gdb_cursor_range(struct gdb_cursor *c, uint64_t *addr, uint64_t *len)
{
	return gdb_cursor_hex(c, addr) && gdb_cursor_char(c, ',') && gdb_cursor_hex(c, len);
}

/* "-1" or hex; TIDs are ints. */
static int gdb_cursor_id(struct gdb_cursor *c, int *id)
{
	uint64_t value;

	if (gdb_cursor_str(c, "-1")) {
		*id = GDB_TID_ALL;
		return 0;
	}
	if (!gdb_cursor_hex(c, &value))
		return -EINVAL;
	if (value > INT32_MAX)
		return -ESRCH;
	*id = (int)value;
	return 0;
}

int gdb_cursor_thread(struct gdb_cursor *c, int *tid)
{
	int pid, rc;

	if (!gdb_cursor_char(c, 'p'))
		return gdb_cursor_id(c, tid);
	rc = gdb_cursor_id(c, &pid);
	if (rc)
		return rc;
	*tid = GDB_TID_ALL;
	if (gdb_cursor_char(c, '.'))
		rc = gdb_cursor_id(c, tid);
	if (rc)
		return rc;
	return pid > 1 ? -ESRCH : 0;
}

/* --- sending -------------------------------------------------------------------------------- */

static void gdb_out_compact(struct gdb_session *s)
{
	if (s->out_sent < s->out.len && s->out_sent < s->out.cap / 2)
		return;
	memmove(s->out.data, s->out.data + s->out_sent, s->out.len - s->out_sent);
	s->out.len -= s->out_sent;
	s->out_sent = 0;
}

/* A client that does not read is given up; its breakpoints go when the connection does. */
static void gdb_out_check(struct gdb_session *s)
{
	if (s->out.failed || s->wait.failed)
		s->broken = true;
}

/* Sends the oldest frame that waits for its turn. */
static void gdb_wait_send(struct gdb_session *s)
{
	const uint8_t *frame = s->wait.data + s->wait_head, *end;
	size_t left = s->wait.len - s->wait_head;

	if (!left) {
		s->wait.len = s->wait_head = 0;
		return;
	}
	end = memchr(frame, '#', left);
	s->in_flight = end ? (size_t)(end - frame) + 3 : left;
	rsp_buf_put(&s->out, frame, s->in_flight);
	gdb_out_check(s);
}

static void gdb_wait_done(struct gdb_session *s)
{
	if (!s->in_flight)
		return;
	s->wait_head += s->in_flight;
	s->in_flight = 0;
	gdb_wait_send(s);
}

/*
 * Again, unless the first copy has not left yet: then the NAK cannot be about it, and a flood of
 * them would be a way to fill our memory.
 */
static void gdb_wait_resend(struct gdb_session *s)
{
	if (!s->in_flight || s->out_sent < s->out.len)
		return;
	s->stats.resent++;
	rsp_buf_put(&s->out, s->wait.data + s->wait_head, s->in_flight);
	gdb_out_check(s);
}

void gdb_send(struct gdb_session *s, const void *payload, size_t len)
{
	if (s->trace)
		s->trace(s->trace_arg, false, payload, len);
	s->stats.packets_out++;
	if (s->no_ack) {
		rsp_frame(&s->out, '$', payload, len);
	} else {
		rsp_frame(&s->wait, '$', payload, len);
		if (!s->in_flight)
			gdb_wait_send(s);
	}
	gdb_out_check(s);
}

void gdb_send_notification(struct gdb_session *s, const void *payload, size_t len)
{
	if (s->trace)
		s->trace(s->trace_arg, false, payload, len);
	s->stats.packets_out++;
	rsp_frame(&s->out, '%', payload, len);
	gdb_out_check(s);
}

#define GDB_CONSOLE_CHUNK 8192

void gdb_send_console(struct gdb_session *s, const char *text, size_t len)
{
	struct rsp_buf buf;
	size_t n;

	rsp_buf_init(&buf, 2 * GDB_CONSOLE_CHUNK + 1);
	while (len && !s->broken) {
		n = len < GDB_CONSOLE_CHUNK ? len : GDB_CONSOLE_CHUNK;
		rsp_buf_clear(&buf);
		rsp_buf_byte(&buf, 'O');
		rsp_buf_hex(&buf, text, n);
		if (buf.failed)
			break;
		gdb_send(s, buf.data, buf.len);
		text += n;
		len -= n;
	}
	rsp_buf_free(&buf);
}

/* --- packets -------------------------------------------------------------------------------- */

#define PKT_EXACT      0x1u /* nothing may follow the name */
#define PKT_UNATTACHED 0x2u /* makes sense without the machine */
#define PKT_ERR_TEXT   0x4u /* clients understand E.text here even unasked */
#define PKT_RUNNING    0x8u /* served while the machine runs */

struct gdb_packet {
	const char *name;
	gdb_handler *handler;
	unsigned int flags;
};

/* The first name that fits counts, so a name comes before those that are its beginning. */
static const struct gdb_packet gdb_packets[] = {
	{ "m", gdb_pkt_read_hex, 0 },
	{ "x", gdb_pkt_read_binary, 0 },
	{ "g", gdb_pkt_read_regs, PKT_EXACT },
	{ "p", gdb_pkt_read_reg, 0 },
	{ "vContSupported", gdb_pkt_none, PKT_UNATTACHED },
	{ "vCont?", gdb_pkt_vcont_list, PKT_EXACT | PKT_UNATTACHED },
	{ "vCont", gdb_pkt_vcont, PKT_ERR_TEXT },
	{ "M", gdb_pkt_write_hex, 0 },
	{ "X", gdb_pkt_write_binary, 0 },
	{ "G", gdb_pkt_write_regs, 0 },
	{ "P", gdb_pkt_write_reg, 0 },
	{ "Z", gdb_pkt_bp_insert, PKT_ERR_TEXT },
	{ "z", gdb_pkt_bp_remove, PKT_ERR_TEXT },
	{ "H", gdb_pkt_set_thread, 0 },
	{ "T", gdb_pkt_alive, 0 },
	{ "?", gdb_pkt_status, PKT_EXACT | PKT_UNATTACHED },
	{ "!", gdb_pkt_extended, PKT_EXACT | PKT_UNATTACHED },
	{ "c", gdb_pkt_continue, 0 },
	{ "C", gdb_pkt_continue_signal, 0 },
	{ "s", gdb_pkt_step, 0 },
	{ "S", gdb_pkt_step_signal, 0 },
	{ "bc", gdb_pkt_back_continue, PKT_EXACT },
	{ "bs", gdb_pkt_back_step, PKT_EXACT },
	{ "D", gdb_pkt_detach, PKT_UNATTACHED },
	{ "k", gdb_pkt_kill, PKT_EXACT | PKT_UNATTACHED },
	{ "R", gdb_pkt_restart, PKT_UNATTACHED },
	{ "r", gdb_pkt_restart, PKT_EXACT | PKT_UNATTACHED },
	{ "vCtrlC", gdb_pkt_interrupt, PKT_EXACT | PKT_RUNNING },
	{ "vStopped", gdb_pkt_stopped_next, PKT_EXACT },
	{ "vKill;", gdb_pkt_vkill, PKT_UNATTACHED | PKT_ERR_TEXT },
	{ "vAttach;", gdb_pkt_attach, PKT_UNATTACHED | PKT_ERR_TEXT },
	{ "vRun", gdb_pkt_run, PKT_UNATTACHED | PKT_ERR_TEXT },
	{ "qSupported", gdb_pkt_supported, PKT_UNATTACHED },
	{ "QStartNoAckMode", gdb_pkt_no_ack, PKT_EXACT | PKT_UNATTACHED },
	{ "QNonStop:", gdb_pkt_nonstop, PKT_ERR_TEXT },
	{ "QPassSignals:", gdb_pkt_ok, PKT_UNATTACHED },
	{ "QProgramSignals:", gdb_pkt_ok, PKT_UNATTACHED },
	{ "qSymbol:", gdb_pkt_ok, PKT_UNATTACHED },
	{ "qC", gdb_pkt_current, PKT_EXACT },
	{ "qfThreadInfo", gdb_pkt_threads_first, PKT_EXACT },
	{ "qsThreadInfo", gdb_pkt_threads_next, PKT_EXACT },
	{ "qThreadExtraInfo,", gdb_pkt_thread_text, 0 },
	{ "qThreadStopInfo", gdb_pkt_thread_stop, 0 },
	{ "qAttached", gdb_pkt_attached, 0 },
	{ "qXfer:", gdb_pkt_xfer, 0 },
	{ "qSearch:memory:", gdb_pkt_search, 0 },
	{ "qCRC:", gdb_pkt_crc, PKT_ERR_TEXT },
	{ "qRcmd,", gdb_pkt_monitor, 0 },
	{ "qqemu.Supported", gdb_pkt_qemu_supported, PKT_EXACT },
	{ "qqemu.sstepbits", gdb_pkt_sstep_bits, PKT_EXACT },
	{ "qqemu.sstep", gdb_pkt_sstep_get, PKT_EXACT },
	{ "Qqemu.sstep=", gdb_pkt_sstep_set, 0 },
	{ "Qqemu.sstep:", gdb_pkt_sstep_set, 0 },
	{ "qqemu.PhyMemMode", gdb_pkt_phys_get, PKT_EXACT },
	{ "Qqemu.PhyMemMode:", gdb_pkt_phys_set, 0 },
	{ "qHostInfo", gdb_pkt_host_info, PKT_EXACT },
	{ "qProcessInfo", gdb_pkt_process_info, PKT_EXACT },
	{ "qRegisterInfo", gdb_pkt_register_info, 0 },
};

static const struct gdb_packet gdb_packet_unknown = { "", gdb_pkt_none, PKT_UNATTACHED };

/* The entry for a packet; *c goes behind its name. */
static const struct gdb_packet *gdb_packet_find(struct gdb_cursor *c)
{
	const struct gdb_packet *pkt;
	struct gdb_cursor rest;
	size_t i;

	for (i = 0; i < sizeof(gdb_packets) / sizeof(gdb_packets[0]); i++) {
		pkt = &gdb_packets[i];
		rest = *c;
		if (!gdb_cursor_str(&rest, pkt->name))
			continue;
		if ((pkt->flags & PKT_EXACT) && rest.left)
			continue;
		*c = rest;
		return pkt;
	}
	return &gdb_packet_unknown;
}

/* E.text must not contain what frames packets; Enn is the errno in decimal. */
static void gdb_reply_error(struct gdb_session *s, const struct gdb_packet *pkt, int code,
			    const struct gdb_err *err)
{
	const char *text = err->text[0] ? err->text : strerror(-code);

	s->stats.errors++;
	rsp_buf_clear(&s->reply);
	if (!s->error_text && !(pkt->flags & PKT_ERR_TEXT)) {
		rsp_buf_printf(&s->reply, "E%02d", -code > 99 ? 99 : -code);
		return;
	}
	rsp_buf_str(&s->reply, "E.");
	for (; *text; text++)
		rsp_buf_byte(&s->reply,
			     strchr("#$*}", *text) || (uint8_t)*text < ' ' ? '.' : (uint8_t)*text);
}

static void gdb_late_stops(struct gdb_session *s);

static void gdb_packet_serve(struct gdb_session *s, const struct gdb_packet *pkt,
			     struct gdb_cursor *c)
{
	struct gdb_err err = { "" };
	int rc;

	rsp_buf_clear(&s->reply);
	s->in_packet = true;
	if (s->state == GDB_DETACHED && !(pkt->flags & PKT_UNATTACHED))
		rc = gdb_fail(&err, -ESRCH, "not attached to the machine");
	else
		rc = pkt->handler(s, c, &err);
	if (rc == GDB_REPLY && s->reply.failed)
		rc = gdb_fail(&err, -ENOMEM, "the reply is too long");
	if (rc < 0)
		gdb_reply_error(s, pkt, rc, &err);
	else if (rc == GDB_OK)
		rsp_buf_str(&s->reply, "OK");
	else if (rc == GDB_UNKNOWN)
		s->stats.unknown++;
	if (rc != GDB_SILENT)
		gdb_send(s, s->reply.data, s->reply.len);
	s->in_packet = false;
	if (s->want_no_ack) {
		s->want_no_ack = false;
		s->no_ack = true;
		s->parser.ignore_sum = true;
		s->wait.len = s->wait_head = s->in_flight = 0;
	}
	gdb_late_stops(s);
	gdb_notify(s);
}

/* --- the queue of packets that came too early ----------------------------------------------- */

static bool gdb_queue_put(struct gdb_session *s, const uint8_t *payload, size_t len)
{
	uint32_t n = (uint32_t)len;

	if (sizeof(n) + len > GDB_QUEUE_MAX - s->queue.len)
		return false;
	rsp_buf_put(&s->queue, &n, sizeof(n));
	rsp_buf_put(&s->queue, payload, len);
	return !s->queue.failed;
}

static bool gdb_must_wait(const struct gdb_session *s)
{
	return s->state == GDB_RUNNING || s->state == GDB_ATTACHING;
}

static void gdb_queue_run(struct gdb_session *s)
{
	struct gdb_cursor c;
	uint32_t n;

	while (s->queue_head < s->queue.len && !gdb_must_wait(s) && !s->broken) {
		memcpy(&n, s->queue.data + s->queue_head, sizeof(n));
		c.at = s->queue.data + s->queue_head + sizeof(n);
		c.left = n;
		s->queue_head += sizeof(n) + n;
		gdb_packet_serve(s, gdb_packet_find(&c), &c);
	}
	if (s->queue_head == s->queue.len) {
		rsp_buf_clear(&s->queue);
		s->queue_head = 0;
	}
}

/* --- stops ---------------------------------------------------------------------------------- */

static void gdb_late_put(struct gdb_session *s, const struct gdb_stop *stop)
{
	struct gdb_stop copy = *stop;

	if (s->late.len >= GDB_THREADS_MAX * sizeof(copy))
		return;
	if (stop->text && s->state == GDB_RUNNING) {
		rsp_buf_clear(&s->late_text);
		rsp_buf_put(&s->late_text, stop->text, strnlen(stop->text, 4096));
		rsp_buf_byte(&s->late_text, '\0');
	}
	copy.text = NULL;
	rsp_buf_put(&s->late, &copy, sizeof(copy));
}

/* Stops that were told from within an operation count once its packet is answered. */
static void gdb_late_stops(struct gdb_session *s)
{
	struct gdb_stop stop;
	size_t at;

	for (at = 0; at + sizeof(stop) <= s->late.len; at += sizeof(stop)) {
		memcpy(&stop, s->late.data + at, sizeof(stop));
		if (s->late_text.len && !s->late_text.failed)
			stop.text = (const char *)s->late_text.data;
		gdb_stop_take(s, &stop);
		rsp_buf_clear(&s->late_text);
	}
	rsp_buf_clear(&s->late);
}

void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop)
{
	if (s->in_packet) {
		gdb_late_put(s, stop);
		return;
	}
	gdb_stop_take(s, stop);
	gdb_queue_run(s);
}

int gdb_attach(struct gdb_session *s)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SIGNAL };
	int rc;

	if (s->ops->stop_query(s->ctx, &stop)) {
		s->stop = stop;
		s->stop.text = NULL;
		s->state = GDB_STOPPED;
		return 0;
	}
	s->state = GDB_ATTACHING;
	rc = s->ops->interrupt(s->ctx, GDB_TID_ANY);
	if (rc)
		s->state = GDB_DETACHED;
	return rc;
}

void gdb_release(struct gdb_session *s)
{
	if (s->state != GDB_STOPPED && !gdb_must_wait(s))
		return;
	gdb_bp_remove_all(s);
	s->state = GDB_DETACHED;
	s->ops->detach(s->ctx);
}

/* --- input ---------------------------------------------------------------------------------- */

/* A packet is acknowledged when it is taken, not when it is served. */
static void gdb_take_packet(struct gdb_session *s)
{
	struct gdb_cursor c = { s->parser.payload, s->parser.len };
	const struct gdb_packet *pkt;

	s->stats.packets_in++;
	if (s->trace)
		s->trace(s->trace_arg, true, c.at, c.left);
	if (s->state == GDB_QUIET && gdb_attach(s))
		s->state = GDB_DETACHED;
	pkt = gdb_packet_find(&c);
	if (gdb_must_wait(s) && !(pkt->flags & PKT_RUNNING)) {
		if (!gdb_queue_put(s, s->parser.payload, s->parser.len))
			s->stats.bad_packets++;
		else if (!s->no_ack)
			rsp_buf_byte(&s->out, '+');
		return;
	}
	if (!s->no_ack)
		rsp_buf_byte(&s->out, '+');
	/* A client that asks for more has what it got. */
	while (s->in_flight && !s->broken)
		gdb_wait_done(s);
	gdb_packet_serve(s, pkt, &c);
}

static void gdb_take_event(struct gdb_session *s, enum rsp_event event)
{
	switch (event) {
	case RSP_PACKET:
		gdb_take_packet(s);
		break;
	case RSP_BAD:
		s->stats.bad_packets++;
		if (!s->no_ack)
			rsp_buf_byte(&s->out, '-');
		break;
	case RSP_ACK:
		gdb_wait_done(s);
		break;
	case RSP_NAK:
		gdb_wait_resend(s);
		break;
	case RSP_INTERRUPT:
		if (s->state == GDB_RUNNING || (s->state == GDB_STOPPED && s->nonstop))
			s->ops->interrupt(s->ctx, GDB_TID_ANY);
		break;
	case RSP_NONE:
		break;
	}
	gdb_out_check(s);
}

void gdb_session_input(struct gdb_session *s, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	enum rsp_event event;
	size_t n;

	if (s->state == GDB_CLOSED)
		return;
	s->stats.bytes_in += len;
	while (len && !s->broken) {
		n = rsp_parse(&s->parser, bytes, len, &event);
		bytes += n;
		len -= n;
		gdb_take_event(s, event);
		gdb_queue_run(s);
	}
}

const uint8_t *gdb_session_output(const struct gdb_session *s, size_t *len)
{
	*len = s->out.len - s->out_sent;
	return *len ? s->out.data + s->out_sent : NULL;
}

void gdb_session_sent(struct gdb_session *s, size_t n)
{
	if (n > s->out.len - s->out_sent)
		n = s->out.len - s->out_sent;
	s->stats.bytes_out += n;
	s->out_sent += n;
	if (n)
		gdb_out_compact(s);
}

void gdb_session_describe(struct gdb_session *s)
{
	if (s->doc_kind == GDB_DOC_FEATURES)
		s->doc_kind = GDB_DOC_NONE;
}

int gdb_session_console(struct gdb_session *s, const char *text, size_t len)
{
	if (s->state != GDB_RUNNING)
		return -EAGAIN;
	gdb_send_console(s, text, len);
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

struct gdb_session *gdb_session_new(const struct gdb_target_ops *ops, void *ctx)
{
	struct gdb_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->ctx = ctx;
	s->scratch = malloc(GDB_PACKET_MAX);
	if (!s->scratch || rsp_parser_init(&s->parser, GDB_PACKET_MAX)) {
		free(s->scratch);
		free(s);
		return NULL;
	}
	rsp_buf_init(&s->out, GDB_OUTPUT_MAX);
	rsp_buf_init(&s->wait, GDB_OUTPUT_MAX);
	rsp_buf_init(&s->queue, GDB_QUEUE_MAX);
	rsp_buf_init(&s->reply, 2 * GDB_PACKET_MAX);
	rsp_buf_init(&s->doc, GDB_DOC_MAX);
	rsp_buf_init(&s->late, GDB_THREADS_MAX * sizeof(struct gdb_stop));
	rsp_buf_init(&s->late_text, 8192);
	rsp_buf_init(&s->stops, GDB_THREADS_MAX * sizeof(struct gdb_stop));
	rsp_buf_init(&s->going, GDB_THREADS_MAX * sizeof(struct gdb_going));
	rsp_buf_init(&s->plan, GDB_THREADS_MAX * sizeof(struct gdb_resume));
	return s;
}

void gdb_session_free(struct gdb_session *s)
{
	if (!s)
		return;
	gdb_session_disconnect(s);
	rsp_parser_free(&s->parser);
	rsp_buf_free(&s->out);
	rsp_buf_free(&s->wait);
	rsp_buf_free(&s->queue);
	rsp_buf_free(&s->reply);
	rsp_buf_free(&s->doc);
	rsp_buf_free(&s->late);
	rsp_buf_free(&s->late_text);
	rsp_buf_free(&s->stops);
	rsp_buf_free(&s->going);
	rsp_buf_free(&s->plan);
	free(s->scratch);
	free(s->bps);
	free(s);
}

static void gdb_session_clear(struct gdb_session *s)
{
	rsp_parser_reset(&s->parser);
	rsp_buf_clear(&s->out);
	rsp_buf_clear(&s->wait);
	rsp_buf_clear(&s->queue);
	rsp_buf_clear(&s->late);
	rsp_buf_clear(&s->stops);
	rsp_buf_clear(&s->going);
	s->out_sent = s->wait_head = s->in_flight = s->queue_head = 0;
	s->no_ack = s->want_no_ack = s->broken = false;
	s->multiprocess = s->error_text = s->swbreak = s->hwbreak = s->extended = false;
	s->g_tid = s->c_tid = GDB_TID_ANY;
	s->list_tid = 0;
	s->stop = (struct gdb_stop){ .kind = GDB_STOP_SIGNAL };
	s->stop_reply = s->nonstop = s->notified = s->first_alone = s->physical = false;
	s->doc_kind = GDB_DOC_NONE;
	s->stats = (struct gdb_session_stats){ 0 };
}

void gdb_session_connect(struct gdb_session *s)
{
	gdb_session_disconnect(s);
	gdb_session_clear(s);
	s->arch = s->ops->arch(s->ctx);
	s->sstep = s->ops->sstep_mask ? s->ops->sstep_mask(s->ctx) : 0;
	s->state = GDB_QUIET;
}

void gdb_session_disconnect(struct gdb_session *s)
{
	if (s->state == GDB_CLOSED)
		return;
	gdb_release(s);
	s->state = GDB_CLOSED;
}

bool gdb_session_attached(const struct gdb_session *s)
{
	return s->state == GDB_STOPPED || gdb_must_wait(s);
}

bool gdb_session_running(const struct gdb_session *s)
{
	return s->state == GDB_RUNNING;
}

bool gdb_session_broken(const struct gdb_session *s)
{
	return s->broken;
}

void gdb_session_stats(const struct gdb_session *s, struct gdb_session_stats *stats)
{
	*stats = s->stats;
}

void gdb_session_trace(struct gdb_session *s,
		       void (*trace)(void *arg, bool in, const uint8_t *payload, size_t len),
		       void *arg)
{
	s->trace = trace;
	s->trace_arg = arg;
}
