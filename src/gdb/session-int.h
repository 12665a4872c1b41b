/* SPDX-License-Identifier: MIT */
/*
 * What the files of the session share and nobody else sees: its state, the packet table's
 * types, and the cursor that all parsing of packets goes through.
 */
#ifndef GDB_SESSION_INT_H
#define GDB_SESSION_INT_H

#include "rsp.h"
#include "session.h"

/* Any thread, and all threads, where the protocol has 0 and -1. */
#define GDB_TID_ANY 0
#define GDB_TID_ALL (-1)

/* A stop that the client asked for in non-stop mode: shown as signal 0. */
#define GDB_SIG_ASKED (-1)

#define GDB_THREADS_MAX 4096
#define GDB_BPS_MAX	4096
#define GDB_CODES_MAX	64
#define GDB_QUEUE_MAX	(2 * GDB_PACKET_MAX)
#define GDB_DOC_MAX	(1u << 20)

enum gdb_state {
	GDB_CLOSED,    /* no client */
	GDB_QUIET,     /* a client that has not said anything yet */
	GDB_ATTACHING, /* the machine was interrupted; packets wait until it stands */
	GDB_STOPPED,   /* packets are served (non-stop mode: always) */
	GDB_RUNNING,   /* all-stop: packets wait for the stop */
	GDB_DETACHED,  /* after D, or when the machine is gone */
};

/* A breakpoint that the client has set. */
struct gdb_bp_key {
	enum gdb_bp_type type;
	uint64_t addr;
	uint64_t len;
};

/* Non-stop mode: a thread that the client believes running. */
struct gdb_going {
	int tid;
	bool asked; /* vCont;t: it stops with signal 0 */
};

/* Which document is cached in doc, so that it is made once and not per chunk. */
enum gdb_doc {
	GDB_DOC_NONE,
	GDB_DOC_FEATURES,
	GDB_DOC_MEMORY_MAP,
	GDB_DOC_THREADS,
	GDB_DOC_EXEC_FILE,
};

struct gdb_session {
	const struct gdb_target_ops *ops;
	void *ctx;
	const struct gdb_arch *arch;
	enum gdb_state state;

	/* Transport. */
	struct rsp_parser parser;
	struct rsp_buf out; /* bytes to send; out_sent of them are gone */
	size_t out_sent;
	struct rsp_buf wait; /* frames not yet acknowledged, oldest first, from wait_head on */
	size_t wait_head;
	size_t in_flight;     /* length of the one that was sent */
	struct rsp_buf queue; /* packets that came while running: length, payload */
	size_t queue_head;
	bool no_ack;
	bool want_no_ack;
	bool broken;

	/* What the client said of itself in qSupported. */
	bool multiprocess;
	bool error_text;
	bool swbreak;
	bool hwbreak;
	bool extended;

	/* Threads and stops. */
	int g_tid;	      /* Hg */
	int c_tid;	      /* Hc */
	int list_tid;	      /* where qsThreadInfo goes on */
	struct gdb_stop stop; /* the last one; without text */
	bool stop_reply;      /* the stop now awaited has a reply of its own */
	bool in_packet;	      /* a handler is at work */
	struct rsp_buf late;  /* struct gdb_stop that came within it */
	struct rsp_buf late_text;
	bool nonstop;
	bool notified;	      /* a %Stop is out and not answered yet */
	bool first_alone;     /* `?` was answered with one stop; more follow as %Stop */
	struct rsp_buf stops; /* non-stop: struct gdb_stop to tell, oldest first */
	struct rsp_buf going; /* non-stop: struct gdb_going */
	struct rsp_buf plan;  /* struct gdb_resume of the vCont at hand */

	struct gdb_bp_key *bps;
	size_t bp_count;
	size_t bp_cap;

	bool physical;
	unsigned int sstep;

	struct rsp_buf reply; /* payload of the reply under construction */
	struct rsp_buf doc;
	enum gdb_doc doc_kind;
	uint8_t *scratch; /* GDB_PACKET_MAX bytes: memory on its way */

	struct gdb_session_stats stats;
	void (*trace)(void *arg, bool in, const uint8_t *payload, size_t len);
	void *trace_arg;
};

/* --- parsing -------------------------------------------------------------------------------- */

struct gdb_cursor {
	const uint8_t *at;
	size_t left;
};

/* All consume what they match; what they do not match stays. */
bool gdb_cursor_char(struct gdb_cursor *c, char want);
bool gdb_cursor_str(struct gdb_cursor *c, const char *want);

/* 1 to 16 significant hex digits. */
bool gdb_cursor_hex(struct gdb_cursor *c, uint64_t *value);

/* Hex digits up to max bytes, until something else comes; the count of bytes, -1 if odd. */
ssize_t gdb_cursor_bytes(struct gdb_cursor *c, uint8_t *to, size_t max);

/* HEX, as in m, M, X, Z: "addr,len". */
bool gdb_cursor_range(struct gdb_cursor *c, uint64_t *addr, uint64_t *len);

/* A thread id; "p1" alone is all threads.  -ESRCH for another process, -EINVAL for nonsense. */
int gdb_cursor_thread(struct gdb_cursor *c, int *tid);

/* --- packets -------------------------------------------------------------------------------- */

/* What a handler returns besides -errno. */
enum gdb_result {
	GDB_OK,	     /* reply "OK" */
	GDB_REPLY,   /* reply with s->reply */
	GDB_SILENT,  /* no reply, or not now */
	GDB_UNKNOWN, /* empty reply: not supported */
};

typedef int gdb_handler(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err);

gdb_handler gdb_pkt_read_regs, gdb_pkt_write_regs, gdb_pkt_read_reg, gdb_pkt_write_reg;
gdb_handler gdb_pkt_read_hex, gdb_pkt_read_binary, gdb_pkt_write_hex, gdb_pkt_write_binary;
gdb_handler gdb_pkt_search, gdb_pkt_crc, gdb_pkt_phys_get, gdb_pkt_phys_set;
gdb_handler gdb_pkt_bp_insert, gdb_pkt_bp_remove;
gdb_handler gdb_pkt_status, gdb_pkt_vcont_list, gdb_pkt_vcont, gdb_pkt_continue, gdb_pkt_step;
gdb_handler gdb_pkt_continue_signal, gdb_pkt_step_signal, gdb_pkt_back_continue;
gdb_handler gdb_pkt_back_step, gdb_pkt_interrupt, gdb_pkt_stopped_next, gdb_pkt_nonstop;
gdb_handler gdb_pkt_detach, gdb_pkt_kill, gdb_pkt_vkill, gdb_pkt_attach, gdb_pkt_run;
gdb_handler gdb_pkt_restart, gdb_pkt_sstep_bits, gdb_pkt_sstep_get, gdb_pkt_sstep_set;
gdb_handler gdb_pkt_supported, gdb_pkt_no_ack, gdb_pkt_extended, gdb_pkt_set_thread;
gdb_handler gdb_pkt_alive, gdb_pkt_current, gdb_pkt_threads_first, gdb_pkt_threads_next;
gdb_handler gdb_pkt_thread_text, gdb_pkt_attached, gdb_pkt_xfer, gdb_pkt_monitor, gdb_pkt_ok;
gdb_handler gdb_pkt_none, gdb_pkt_qemu_supported, gdb_pkt_host_info, gdb_pkt_process_info;
gdb_handler gdb_pkt_register_info, gdb_pkt_thread_stop;

/* --- session.c ------------------------------------------------------------------------------ */

/* Sends a payload as a reply packet now (stop replies, console output). */
void gdb_send(struct gdb_session *s, const void *payload, size_t len);
void gdb_send_notification(struct gdb_session *s, const void *payload, size_t len);

/* Text as O packets. */
void gdb_send_console(struct gdb_session *s, const char *text, size_t len);

/* Attaches to the machine: stopped now, or interrupted and stopped later.  0 or -errno. */
int gdb_attach(struct gdb_session *s);

/* Removes all breakpoints and lets the machine go. */
void gdb_release(struct gdb_session *s);

/* --- threads and stops (run.c) -------------------------------------------------------------- */

/* The thread with this id; 0 or -ESRCH. */
int gdb_thread_get(struct gdb_session *s, int tid, struct gdb_thread *thread);

/* The thread that register and memory packets mean, or -ESRCH. */
int gdb_thread_selected(struct gdb_session *s);

/* Appends "p1.N" or "N". */
void gdb_put_thread(struct gdb_session *s, struct rsp_buf *buf, int tid);

/* Appends a whole stop reply (T, W or X). */
void gdb_put_stop(struct gdb_session *s, struct rsp_buf *buf, const struct gdb_stop *stop);

/* Non-stop mode: tells of the oldest stop unless the client still has one to fetch. */
void gdb_notify(struct gdb_session *s);

/* A stop arrived and no handler is at work. */
void gdb_stop_take(struct gdb_session *s, const struct gdb_stop *stop);

/* --- registers (regs.c) --------------------------------------------------------------------- */

static inline size_t gdb_reg_bytes(const struct gdb_reg *reg)
{
	return (reg->bitsize + 7) / 8;
}

const struct gdb_reg *gdb_reg_by_role(const struct gdb_arch *arch, enum gdb_reg_role role);

/* Appends a register's value as hex, or x's when it has none. */
int gdb_put_reg(struct gdb_session *s, struct rsp_buf *buf, int tid, const struct gdb_reg *reg,
		struct gdb_err *err);

/* Sets the program counter (the address of `c` and `s`). */
int gdb_set_pc(struct gdb_session *s, int tid, uint64_t pc, struct gdb_err *err);

/* --- breakpoints (bps.c) -------------------------------------------------------------------- */

void gdb_bp_remove_all(struct gdb_session *s);

#endif
