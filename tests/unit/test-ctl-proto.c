/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl/proto: framing in any portions, bounds, requests and what is refused, replies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/proto.h"

/* All texts that INPUT splits into, fed STEP bytes at a time, joined by '|'; "!" for a refusal. */
static void split(const char *input, size_t step, struct buf *out)
{
	size_t len = strlen(input), at, n;
	struct proto_stream st;
	const char *text;
	ssize_t got;

	proto_stream_init(&st);
	for (at = 0; at < len; at += n) {
		n = len - at < step ? len - at : step;
		assert_int_equal(proto_stream_feed(&st, input + at, n), 0);
		while ((got = proto_stream_next(&st, &text))) {
			if (got > 0)
				buf_add(out, text, (size_t)got);
			buf_addc(out, got > 0 ? '|' : '!');
		}
	}
	proto_stream_free(&st);
}

static void check_split(const char *input, const char *want)
{
	struct buf out = BUF_INIT;
	size_t step;

	for (step = 1; step <= strlen(input); step++) {
		buf_clear(&out);
		split(input, step, &out);
		assert_string_equal(buf_str(&out), want);
	}
	buf_free(&out);
}

static void test_split(void **state)
{
	(void)state;
	check_split("{\"a\":1}{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|");
	check_split(" \r\n{\"a\":\n [1,{}]}\n{}", "{\"a\":\n [1,{}]}|{}|");
	check_split("{\"a\":\"}{\\\"}\"}\n", "{\"a\":\"}{\\\"}\"}|");
	check_split("garbage\n{}", "garbage\n|{}|");
	check_split("}{}", "}|{}|");
	check_split("{\"a\n{}", "{\"a\n|{}|");
	check_split("{\"open\":1", "");
}

static void test_too_deep(void **state)
{
	struct proto_stream st;
	const char *text;
	int i;

	(void)state;
	proto_stream_init(&st);
	for (i = 0; i < PROTO_DEPTH_MAX + 2; i++)
		proto_stream_feed(&st, "[", 1);
	proto_stream_feed(&st, "]]\n{}", 5);
	assert_int_equal(proto_stream_next(&st, &text), -EMSGSIZE);
	assert_int_equal(proto_stream_next(&st, &text), 2);
	assert_memory_equal(text, "{}", 2);
	proto_stream_free(&st);
}

static void test_too_long(void **state)
{
	char *big = malloc(PROTO_MESSAGE_MAX + 1);
	struct proto_stream st;
	const char *text;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', PROTO_MESSAGE_MAX + 1);
	big[0] = '"';
	proto_stream_init(&st);
	assert_int_equal(proto_stream_feed(&st, big, PROTO_MESSAGE_MAX + 1), 0);
	assert_int_equal(proto_stream_next(&st, &text), -EMSGSIZE);
	assert_int_equal(proto_stream_next(&st, &text), 0);
	assert_int_equal(proto_stream_feed(&st, "rest\n{}", 7), 0);
	assert_int_equal(proto_stream_next(&st, &text), 2);
	/* whoever never lets us look at what came in is refused, not stored */
	while (proto_stream_feed(&st, big, PROTO_MESSAGE_MAX) == 0)
		assert_true(st.in.len <= 2 * PROTO_MESSAGE_MAX);
	proto_stream_free(&st);
	free(big);
}

static void check_refused(const char *text, const char *part)
{
	struct proto_request req;
	struct err err = ERR_INIT;

	assert_int_equal(proto_request_parse(text, strlen(text), &req, &err), -EINVAL);
	assert_non_null(strstr(err.text, part));
	proto_request_free(&req);
}

static void test_request(void **state)
{
	const char *good = "{\"execute\":\"stop\",\"arguments\":{\"a\":1},\"id\":[7]}";
	struct proto_request req;
	struct err err = ERR_INIT;
	long long val = 5;
	const char *str;
	bool flag = true;

	(void)state;
	assert_int_equal(proto_request_parse(good, strlen(good), &req, &err), 0);
	assert_string_equal(req.cmd, "stop");
	assert_true(json_is_array(req.id));
	assert_int_equal(proto_need_int(req.args, "a", 0, 9, &val, &err), 0);
	assert_int_equal(val, 1);
	assert_int_equal(proto_opt_int(req.args, "b", 0, 9, &val, &err), 0);
	assert_int_equal(val, 1);
	assert_int_equal(proto_need_int(req.args, "a", 2, 9, &val, &err), -EINVAL);
	assert_int_equal(proto_need_string(req.args, "a", &str, &err), -EINVAL);
	assert_int_equal(proto_opt_bool(req.args, "a", &flag, &err), -EINVAL);
	proto_request_free(&req);
	check_refused("{}", "'execute' is missing");
	check_refused("[]", "must be an object");
	check_refused("7", "must be an object");
	check_refused("{", "not JSON");
	check_refused("{\"execute\":7}", "must be a string");
	check_refused("{\"execute\":\"a\",\"arguments\":[]}", "must be an object");
	check_refused("{\"execute\":\"a\",\"exec\":1}", "unexpected member 'exec'");
	check_refused("{\"execute\":\"a\",\"execute\":\"b\"}", "duplicate");
}

static void test_replies(void **state)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	json_t *id = json_integer(3), *obj;

	(void)state;
	proto_return(&out, NULL, id);
	assert_string_equal(buf_str(&out), "{\"return\": {}, \"id\": 3}\r\n");
	buf_clear(&out);
	err_set(&err, ENOSYS, "no \xff such");
	proto_error(&out, &err, NULL);
	obj = json_loads(buf_str(&out), 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(obj, "error"), "class")),
		"CommandNotFound");
	json_decref(obj);
	json_decref(id);
	assert_string_equal(proto_error_class(ENODEV), "DeviceNotFound");
	assert_string_equal(proto_error_class(EINVAL), "GenericError");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	 cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_request),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
