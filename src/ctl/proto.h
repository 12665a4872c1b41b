/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP on the wire: bytes into JSON texts, JSON texts into requests, and the
 * objects that go back. No sockets and no VM: pure, and fuzzed.
 */
#ifndef VITRINE_CTL_PROTO_H
#define VITRINE_CTL_PROTO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define PROTO_MESSAGE_MAX (1u << 20)
#define PROTO_DEPTH_MAX	  256

/*
 * Splits a byte stream into JSON texts by counting braces outside strings. A
 * text ends where its braces are balanced; one that does not start with a
 * brace, or has a raw newline in a string, ends at the newline.
 */
struct proto_stream {
	struct buf in;
	size_t start;	/* where the present text begins in IN; dropped by the next feed */
	size_t scanned; /* bytes of it looked at already */
	size_t given;	/* bytes that the text returned last had */
	unsigned int depth;
	bool in_string, escaped;
	bool skipping; /* inside a text that was refused: drop up to the next newline */
};

void proto_stream_init(struct proto_stream *st);
void proto_stream_free(struct proto_stream *st);
/* Append LEN bytes. -EMSGSIZE: beyond what one message and one read can be. */
int proto_stream_feed(struct proto_stream *st, const void *data, size_t len);
/*
 * The next text: its length (in *TEXT, valid until the next call of either), 0 where more
 * bytes are needed, -EMSGSIZE where a text is too long or too deep: it is skipped
 * up to a newline and the stream goes on.
 */
ssize_t proto_stream_next(struct proto_stream *st, const char **text);

/* A request; all members borrow from ROOT. */
struct proto_request {
	json_t *root;
	const char *cmd;
	const json_t *args; /* an object, or NULL */
	json_t *id;	    /* any type, or NULL */
};

/* Understand TEXT. -EINVAL with the reason; REQ->id is set where it could be read.
 * Always followed by proto_request_free(). */
int proto_request_parse(const char *text, size_t len, struct proto_request *req, struct err *err);
void proto_request_free(struct proto_request *req);

/* The objects that go back, one line each appended to OUT. RET, DATA are taken over (may be NULL).
 */
void proto_greeting(struct buf *out);
void proto_return(struct buf *out, json_t *ret, json_t *id);
void proto_error(struct buf *out, const struct err *err, json_t *id);
void proto_event(struct buf *out, const char *name, json_t *data);
/* QMP's class of an error code: CommandNotFound (ENOSYS), DeviceNotFound (ENODEV), GenericError. */
const char *proto_error_class(int code);

/* Arguments out of ARGS (may be NULL). The _need forms fail with -EINVAL and a text. */
int proto_need_string(const json_t *args, const char *key, const char **out, struct err *err);
int proto_need_int(const json_t *args, const char *key, long long lo, long long hi, long long *out,
		   struct err *err);
/* *OUT stays as it is where KEY is missing; -EINVAL where it has another type or range. */
int proto_opt_int(const json_t *args, const char *key, long long lo, long long hi, long long *out,
		  struct err *err);
int proto_opt_bool(const json_t *args, const char *key, bool *out, struct err *err);

#endif
