/* SPDX-License-Identifier: MIT */
/*
 * One debugger's session with one target: bytes in, bytes out.  No file descriptors, no threads
 * and no clock: the embedder moves the bytes and tells of stops.  All calls on one session must
 * come from one thread (or under one lock of the embedder's).
 *
 * The flow: gdb_session_new() once; per connection gdb_session_connect(), then
 * gdb_session_input() with whatever arrived and send what gdb_session_output() offers,
 * and at the end gdb_session_disconnect().  One client at a time: refuse further ones.
 */
#ifndef GDB_SESSION_H
#define GDB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target.h"

/* The longest packet taken, and the longest made; announced as PacketSize. */
#define GDB_PACKET_MAX 0x20000

/* Output that a client leaves unread beyond this breaks the session (see gdb_session_broken). */
#define GDB_OUTPUT_MAX (16u << 20)

struct gdb_session;

/* ops and ctx must outlive the session.  NULL without memory. */
struct gdb_session *gdb_session_new(const struct gdb_target_ops *ops, void *ctx);

/* Frees it; a client still connected is disconnected first.  NULL is fine. */
void gdb_session_free(struct gdb_session *s);

/*
 * A client has connected: protocol state starts anew.  The machine is left alone until the client
 * has sent its first good packet, so that a port scan stops nothing.
 */
void gdb_session_connect(struct gdb_session *s);

/* The connection is gone: as `D`, breakpoints removed and ops->detach called (once). */
void gdb_session_disconnect(struct gdb_session *s);

/* Takes all of the bytes, whatever they are; calls ops and produces output. */
void gdb_session_input(struct gdb_session *s, const void *data, size_t len);

/* Bytes waiting to be sent; valid until the next call.  *len may be 0. */
const uint8_t *gdb_session_output(const struct gdb_session *s, size_t *len);

/* The first n of them were sent. */
void gdb_session_sent(struct gdb_session *s, size_t n);

/*
 * The machine (in non-stop mode: the thread stop->tid) has stopped.  In all-stop mode the whole
 * machine must stand still already.  May be called from within ops->resume, ->interrupt and
 * ->restart.  Nothing happens when no client is there or none waits for a stop.
 */
void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop);

/*
 * The description is another one from now on.  It counts when the client fetches it again (gdb
 * does at `unset tdesc filename`): until then both go on with the old one.
 */
void gdb_session_describe(struct gdb_session *s);

/*
 * Text for the user's console while the machine runs (a breakpoint's printf).  In all-stop mode
 * dropped while the machine is stopped, as the protocol has no place for it then: -EAGAIN.
 */
int gdb_session_console(struct gdb_session *s, const char *text, size_t len);

/* Has the client's first packet come (and it has not detached since)? */
bool gdb_session_attached(const struct gdb_session *s);

/* Does the client wait for a stop (all-stop), that is, is the machine running on its behalf? */
bool gdb_session_running(const struct gdb_session *s);

/* The connection should be closed once the output is sent: killed, or output left unread. */
bool gdb_session_broken(const struct gdb_session *s);

/* Counters for a panel or a log. */
struct gdb_session_stats {
	uint64_t packets_in;
	uint64_t packets_out;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t bad_packets; /* checksum or length wrong */
	uint64_t resent;
	uint64_t errors;  /* E replies */
	uint64_t unknown; /* empty replies */
};

void gdb_session_stats(const struct gdb_session *s, struct gdb_session_stats *stats);

/*
 * Shows each packet's payload as it passes (`in`: from the client), for a traffic log.
 * NULL turns it off.
 */
void gdb_session_trace(struct gdb_session *s,
		       void (*trace)(void *arg, bool in, const uint8_t *payload, size_t len),
		       void *arg);

#endif
