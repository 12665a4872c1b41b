/* SPDX-License-Identifier: MIT */
/*
 * The framing of GDB's remote serial protocol ("Overview", "Packet Acknowledgment" in appendix E
 * of the GDB manual): a parser fed with bytes in any portions, an encoder, and the bounded buffer
 * that packets are built in.  Pure: no I/O.
 */
#ifndef GDB_RSP_H
#define GDB_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growable buffer with a bound.  A put beyond the bound, or without memory, puts nothing and
 * sets `failed`, which stays until rsp_buf_clear(); so a run of puts needs one check at its end.
 */
struct rsp_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

void rsp_buf_init(struct rsp_buf *buf, size_t max);
void rsp_buf_free(struct rsp_buf *buf);
void rsp_buf_clear(struct rsp_buf *buf);

/* Makes room for n more bytes and returns where they go (not yet counted in len), or NULL. */
uint8_t *rsp_buf_room(struct rsp_buf *buf, size_t n);

void rsp_buf_put(struct rsp_buf *buf, const void *data, size_t len);
void rsp_buf_byte(struct rsp_buf *buf, uint8_t byte);
void rsp_buf_str(struct rsp_buf *buf, const char *str);
void rsp_buf_printf(struct rsp_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Bytes as pairs of lower-case hex digits. */
void rsp_buf_hex(struct rsp_buf *buf, const void *data, size_t len);

/* Bytes with # $ * } escaped, as binary replies carry them. */
void rsp_buf_escaped(struct rsp_buf *buf, const void *data, size_t len);

/* How long data[0..len) gets when escaped, at most max: the count of bytes that fit. */
size_t rsp_escaped_fit(const uint8_t *data, size_t len, size_t max);

/*
 * Appends lead ('$' reply, '%' notification), the payload run-length encoded, '#' and checksum.
 * The payload must have # and $ escaped already (only binary ones can contain them).
 */
void rsp_frame(struct rsp_buf *out, char lead, const uint8_t *payload, size_t len);

enum rsp_event {
	RSP_NONE,   /* all input consumed, nothing complete */
	RSP_PACKET, /* payload, len: a packet with a good checksum, un-escaped */
	RSP_BAD,    /* a packet with a wrong checksum, or longer than max */
	RSP_ACK,
	RSP_NAK,
	RSP_INTERRUPT, /* 0x03 between packets */
};

struct rsp_parser {
	uint8_t *payload; /* ends with a NUL that len does not count */
	size_t len;
	size_t max;
	int state;
	uint8_t sum;
	uint8_t want;
	bool escaped;
	bool too_long;
	bool ignore_sum; /* no-ack mode: the transport is trusted */
};

/* 0 or -ENOMEM.  max: the longest payload in bytes. */
int rsp_parser_init(struct rsp_parser *p, size_t max);
void rsp_parser_free(struct rsp_parser *p);
void rsp_parser_reset(struct rsp_parser *p);

/*
 * Consumes bytes up to and including the first event; returns how many.  The payload is valid
 * until the next call.
 */
size_t rsp_parse(struct rsp_parser *p, const uint8_t *data, size_t len, enum rsp_event *event);

/* The value of a hex digit, or -1. */
int rsp_hex_digit(int c);

#endif
