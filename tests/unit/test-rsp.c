/* SPDX-License-Identifier: MIT */
/*
 * Framing of the remote protocol: every count of a run, escapes, buffers at their bounds, and
 * the parser on good, bad and cut packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gdb/rsp.h"

/* What a client makes of a frame: its payload expanded, or -1. */
static int decode(const struct rsp_buf *frame, uint8_t *to, size_t max)
{
	const uint8_t *d = frame->data;
	size_t i, n = 0, end = frame->len - 3;
	uint8_t sum = 0;
	int count;

	if (frame->len < 4 || d[0] != '$' || d[end] != '#')
		return -1;
	for (i = 1; i < end; i++) {
		sum = (uint8_t)(sum + d[i]);
		if (d[i] == '#' || d[i] == '$')
			return -1;
		if (d[i] != '*') {
			to[n++] = d[i];
			continue;
		}
		if (i == 1 || ++i == end || d[i] < ' ' || d[i] > '~' || strchr("#$+-", d[i]))
			return -1;
		sum = (uint8_t)(sum + d[i]);
		for (count = d[i] - 29; count; count--, n++) {
			if (n == max)
				return -1;
			to[n] = to[n - 1];
		}
	}
	if (rsp_hex_digit(d[end + 1]) << 4 != (sum & 0xf0) ||
	    rsp_hex_digit(d[end + 2]) != (sum & 15))
		return -1;
	return (int)n;
}

static void test_runs(void **state)
{
	uint8_t payload[320], back[400];
	struct rsp_buf frame;
	size_t n;

	(void)state;
	rsp_buf_init(&frame, 4096);
	for (n = 0; n <= 300; n++) {
		memset(payload, '0', n);
		payload[n] = 'x';
		rsp_buf_clear(&frame);
		rsp_frame(&frame, '$', payload, n + 1);
		assert_int_equal(decode(&frame, back, sizeof(back)), (int)n + 1);
		assert_memory_equal(back, payload, n + 1);
		if (n > 8)
			assert_true(frame.len < n);
	}
	rsp_buf_free(&frame);
}

static void test_escapes(void **state)
{
	static const uint8_t data[] = { '#', '$', '*', '}', 'a', 3, 3, 3, 3, 3, 3 };
	struct rsp_buf buf;

	(void)state;
	rsp_buf_init(&buf, 100);
	rsp_buf_escaped(&buf, data, sizeof(data));
	assert_int_equal(buf.len, 15);
	assert_memory_equal(buf.data,
			    "}\x03}\x04}\x0a}\x5d"
			    "a\3\3\3\3\3\3",
			    15);
	assert_int_equal(rsp_escaped_fit(data, sizeof(data), 15), sizeof(data));
	assert_int_equal(rsp_escaped_fit(data, sizeof(data), 14), sizeof(data) - 1);
	assert_int_equal(rsp_escaped_fit(data, sizeof(data), 3), 1);
	assert_int_equal(rsp_escaped_fit(data, sizeof(data), 1), 0);
	rsp_buf_free(&buf);
}

static void test_buf_bound(void **state)
{
	struct rsp_buf buf;

	(void)state;
	rsp_buf_init(&buf, 8);
	rsp_buf_str(&buf, "12345678");
	assert_false(buf.failed);
	rsp_buf_byte(&buf, '9');
	assert_true(buf.failed);
	assert_int_equal(buf.len, 8);
	rsp_buf_clear(&buf);
	assert_false(buf.failed);
	rsp_buf_hex(&buf, "abcde", 5);
	assert_true(buf.failed);
	rsp_buf_clear(&buf);
	rsp_frame(&buf, '$', (const uint8_t *)"12345", 5);
	assert_true(buf.failed);
	rsp_buf_clear(&buf);
	rsp_frame(&buf, '$', (const uint8_t *)"1234", 4);
	assert_false(buf.failed);
	assert_memory_equal(buf.data, "$1234#ca", 8);
	rsp_buf_clear(&buf);
	rsp_buf_put(&buf, "", 0);
	rsp_buf_escaped(&buf, "", 0);
	rsp_buf_printf(&buf, "%s", "");
	assert_false(buf.failed);
	assert_int_equal(buf.len, 0);
	rsp_buf_free(&buf);
}

/* Parses all of it and gives the first event; *payload (of 16) is what came. */
static enum rsp_event parse(struct rsp_parser *p, const char *bytes, size_t len)
{
	enum rsp_event event = RSP_NONE;
	size_t at = 0;

	while (at < len && event == RSP_NONE)
		at += rsp_parse(p, (const uint8_t *)bytes + at, 1, &event);
	return event;
}

static void test_parse(void **state)
{
	static const struct {
		const char *bytes;
		enum rsp_event event;
		const char *payload;
	} cases[] = {
		{ "$qC#b4", RSP_PACKET, "qC" },
		{ "$qC#B4", RSP_PACKET, "qC" },
		{ "$#00", RSP_PACKET, "" },
		{ "junk$qC#b4", RSP_PACKET, "qC" },
		{ "$qfThr$qC#b4", RSP_PACKET, "qC" },
		{ "$}\x03#80", RSP_PACKET, "#" },
		{ "$12345678#a4", RSP_PACKET, "12345678" },
		{ "$123456789#dd", RSP_BAD, NULL },
		{ "$qC#b5", RSP_BAD, NULL },
		{ "$qC#zz", RSP_BAD, NULL },
		{ "$qC}#31", RSP_BAD, NULL },
		{ "$qC#b", RSP_NONE, NULL },
		{ "+", RSP_ACK, NULL },
		{ "-", RSP_NAK, NULL },
		{ "\x03", RSP_INTERRUPT, NULL },
		{ "$a\x03#64", RSP_PACKET, "a\x03" },
		{ "%Stop#00", RSP_NONE, NULL },
	};
	struct rsp_parser p;
	size_t i;

	(void)state;
	assert_int_equal(rsp_parser_init(&p, 8), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rsp_parser_reset(&p);
		assert_int_equal(parse(&p, cases[i].bytes, strlen(cases[i].bytes)), cases[i].event);
		if (cases[i].payload)
			assert_string_equal((const char *)p.payload, cases[i].payload);
	}
	rsp_parser_reset(&p);
	p.ignore_sum = true;
	assert_int_equal(parse(&p, "$qC#00", 6), RSP_PACKET);
	rsp_parser_free(&p);
}

/* Whatever bytes are put in come out, through escape, frame and parser. */
static void test_round_trip(void **state)
{
	uint8_t data[256];
	struct rsp_buf escaped, frame;
	struct rsp_parser p;
	enum rsp_event event;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	rsp_buf_init(&escaped, 1024);
	rsp_buf_init(&frame, 1024);
	rsp_buf_escaped(&escaped, data, sizeof(data));
	rsp_frame(&frame, '$', escaped.data, escaped.len);
	assert_int_equal(rsp_parser_init(&p, 256), 0);
	assert_int_equal(rsp_parse(&p, frame.data, frame.len, &event), frame.len);
	assert_int_equal(event, RSP_PACKET);
	assert_int_equal(p.len, sizeof(data));
	assert_memory_equal(p.payload, data, sizeof(data));
	rsp_parser_free(&p);
	rsp_buf_free(&frame);
	rsp_buf_free(&escaped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),	   cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_buf_bound),  cmocka_unit_test(test_parse),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("rsp", tests, NULL, NULL);
}
