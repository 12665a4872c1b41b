/* SPDX-License-Identifier: MIT */
/*
 * Framing of the remote serial protocol: buffer, encoder, parser.  The parser is a state machine
 * that keeps nothing but one bounded payload; nothing a client sends can make it grow.
 */
#include "rsp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char rsp_digits[] = "0123456789abcdef";

void rsp_buf_init(struct rsp_buf *buf, size_t max)
{
	*buf = (struct rsp_buf){ .max = max };
}

void rsp_buf_free(struct rsp_buf *buf)
{
	free(buf->data);
	*buf = (struct rsp_buf){ .max = buf->max };
}

void rsp_buf_clear(struct rsp_buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

uint8_t *rsp_buf_room(struct rsp_buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : 256;
	uint8_t *data;

	if (buf->failed || n > buf->max - buf->len) {
		buf->failed = true;
		return NULL;
	}
	if (buf->data && n <= buf->cap - buf->len)
		return buf->data + buf->len;
	while (cap < buf->len + n)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data) {
		buf->failed = true;
		return NULL;
	}
	buf->data = data;
	buf->cap = cap;
	return data + buf->len;
}

void rsp_buf_put(struct rsp_buf *buf, const void *data, size_t len)
{
	uint8_t *to = rsp_buf_room(buf, len);

	if (!to || !len)
		return;
	memcpy(to, data, len);
	buf->len += len;
}

void rsp_buf_byte(struct rsp_buf *buf, uint8_t byte)
{
	rsp_buf_put(buf, &byte, 1);
}

void rsp_buf_str(struct rsp_buf *buf, const char *str)
{
	rsp_buf_put(buf, str, strlen(str));
}

void rsp_buf_printf(struct rsp_buf *buf, const char *fmt, ...)
{
	va_list ap;
	uint8_t *to;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	to = rsp_buf_room(buf, (size_t)len + 1);
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf((char *)to, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)len;
}

void rsp_buf_hex(struct rsp_buf *buf, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t *to = len > buf->max / 2 ? NULL : rsp_buf_room(buf, len * 2);
	size_t i;

	if (!to) {
		buf->failed = true;
		return;
	}
	for (i = 0; i < len; i++) {
		to[2 * i] = (uint8_t)rsp_digits[bytes[i] >> 4];
		to[2 * i + 1] = (uint8_t)rsp_digits[bytes[i] & 15];
	}
	buf->len += len * 2;
}

static const bool rsp_specials[256] = { ['#'] = true, ['$'] = true, ['*'] = true, ['}'] = true };

static bool rsp_special(uint8_t byte)
{
	return rsp_specials[byte];
}

void rsp_buf_escaped(struct rsp_buf *buf, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t *to = len > buf->max / 2 ? NULL : rsp_buf_room(buf, len * 2);
	size_t i, n = 0;

	if (!to) {
		buf->failed = true;
		return;
	}
	for (i = 0; i < len; i++) {
		if (rsp_special(bytes[i])) {
			to[n++] = '}';
			to[n++] = bytes[i] ^ 0x20;
		} else {
			to[n++] = bytes[i];
		}
	}
	buf->len += n;
}

size_t rsp_escaped_fit(const uint8_t *data, size_t len, size_t max)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		n += rsp_special(data[i]) ? 2 : 1;
		if (n > max)
			break;
	}
	return i;
}

/*
 * A run is written as the byte, '*' and a count character, extra repeats + 29.  The count must be
 * printable and must not look like framing to a client that scans for it.
 */
#define RSP_RUN_MIN 4
#define RSP_RUN_MAX 98

/* Mostly false, and then at the first comparison. */
static bool rsp_run_begins(const uint8_t *data, size_t len)
{
	return len >= RSP_RUN_MIN && data[1] == data[0] && data[2] == data[0] && data[3] == data[0];
}

static size_t rsp_run(const uint8_t *data, size_t len)
{
	size_t n = RSP_RUN_MIN;

	if (len > RSP_RUN_MAX)
		len = RSP_RUN_MAX;
	while (n < len && data[n] == data[0])
		n++;
	return n;
}

static size_t rsp_run_usable(size_t n)
{
	int count = (int)n - 1 + 29;

	while (count == '#' || count == '$' || count == '+' || count == '-')
		count--;
	return (size_t)(count - 29 + 1);
}

/*
 * Encodes into `to`, which has room for len bytes: a run never takes more than it stands for.
 * The byte behind an escape starts no run: clients differ in which of the two they undo first.
 */
static size_t rsp_rle(uint8_t *to, const uint8_t *data, size_t len)
{
	size_t i = 0, out = 0, n;

	while (i < len) {
		to[out++] = data[i];
		if (!rsp_run_begins(data + i, len - i) || (i && data[i - 1] == '}')) {
			i++;
			continue;
		}
		n = rsp_run(data + i, len - i);
		n = rsp_run_usable(n);
		to[out++] = '*';
		to[out++] = (uint8_t)(n - 1 + 29);
		i += n;
	}
	return out;
}

void rsp_frame(struct rsp_buf *out, char lead, const uint8_t *payload, size_t len)
{
	uint8_t *to = len > out->max ? NULL : rsp_buf_room(out, len + 4);
	uint8_t sum = 0;
	size_t i, n;

	if (!to) {
		out->failed = true;
		return;
	}
	*to++ = (uint8_t)lead;
	n = rsp_rle(to, payload, len);
	for (i = 0; i < n; i++)
		sum = (uint8_t)(sum + to[i]);
	to[n] = '#';
	to[n + 1] = (uint8_t)rsp_digits[sum >> 4];
	to[n + 2] = (uint8_t)rsp_digits[sum & 15];
	out->len += n + 4;
}

int rsp_hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum {
	RSP_IDLE,
	RSP_BODY,
	RSP_SUM_HIGH,
	RSP_SUM_LOW,
};

int rsp_parser_init(struct rsp_parser *p, size_t max)
{
	*p = (struct rsp_parser){ .max = max };
	p->payload = malloc(max + 1);
	return p->payload ? 0 : -ENOMEM;
}

void rsp_parser_free(struct rsp_parser *p)
{
	free(p->payload);
	*p = (struct rsp_parser){ 0 };
}

void rsp_parser_reset(struct rsp_parser *p)
{
	p->state = RSP_IDLE;
	p->len = 0;
	p->ignore_sum = false;
}

static void rsp_parser_begin(struct rsp_parser *p)
{
	p->state = RSP_BODY;
	p->len = 0;
	p->sum = 0;
	p->escaped = false;
	p->too_long = false;
}

/* Everything between packets that is not an acknowledgement or an interrupt is line noise. */
static enum rsp_event rsp_parse_idle(struct rsp_parser *p, uint8_t c)
{
	switch (c) {
	case '$':
		rsp_parser_begin(p);
		return RSP_NONE;
	case '+':
		return RSP_ACK;
	case '-':
		return RSP_NAK;
	case 0x03:
		return RSP_INTERRUPT;
	default:
		return RSP_NONE;
	}
}

static void rsp_parse_body(struct rsp_parser *p, uint8_t c)
{
	if (c == '#') {
		p->state = RSP_SUM_HIGH;
		return;
	}
	if (c == '$') { /* never sent raw: the packet before it was cut short */
		rsp_parser_begin(p);
		return;
	}
	p->sum = (uint8_t)(p->sum + c);
	if (c == '}' && !p->escaped) {
		p->escaped = true;
		return;
	}
	if (p->escaped)
		c ^= 0x20;
	p->escaped = false;
	if (p->len == p->max) {
		p->too_long = true;
		return;
	}
	p->payload[p->len++] = c;
}

static enum rsp_event rsp_parse_end(struct rsp_parser *p, uint8_t c)
{
	int high = rsp_hex_digit(p->want), low = rsp_hex_digit(c);

	p->state = RSP_IDLE;
	if (p->too_long || p->escaped)
		return RSP_BAD;
	if (!p->ignore_sum && (high < 0 || low < 0 || (high << 4 | low) != p->sum))
		return RSP_BAD;
	p->payload[p->len] = '\0';
	return RSP_PACKET;
}

static enum rsp_event rsp_parse_byte(struct rsp_parser *p, uint8_t c)
{
	switch (p->state) {
	case RSP_BODY:
		rsp_parse_body(p, c);
		return RSP_NONE;
	case RSP_SUM_HIGH:
		p->want = c;
		p->state = RSP_SUM_LOW;
		return RSP_NONE;
	case RSP_SUM_LOW:
		return rsp_parse_end(p, c);
	default:
		return rsp_parse_idle(p, c);
	}
}

size_t rsp_parse(struct rsp_parser *p, const uint8_t *data, size_t len, enum rsp_event *event)
{
	size_t i;

	*event = RSP_NONE;
	for (i = 0; i < len && *event == RSP_NONE; i++)
		*event = rsp_parse_byte(p, data[i]);
	return i;
}
