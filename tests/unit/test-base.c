/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: numbers, sizes, nearest words, buffers, errors. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"

static void test_parse_u64(void **state)
{
	uint64_t val;

	(void)state;
	assert_true(parse_u64("0", &val) && val == 0);
	assert_true(parse_u64("0xffffffffffffffff", &val) && val == UINT64_MAX);
	assert_true(parse_u64("010", &val) && val == 10);
	assert_false(parse_u64("", &val));
	assert_false(parse_u64("-1", &val));
	assert_false(parse_u64("12x", &val));
	assert_false(parse_u64("18446744073709551616", &val));
	assert_false(parse_range("65", 1, 64, &val));
	assert_true(parse_range("64", 1, 64, &val));
}

static void test_parse_size(void **state)
{
	uint64_t val;
	char text[16];

	(void)state;
	assert_true(parse_size("128M", &val) && val == 128ull << 20);
	assert_true(parse_size("1g", &val) && val == 1ull << 30);
	assert_true(parse_size("4KiB", &val) && val == 4096);
	assert_false(parse_size("M", &val));
	assert_false(parse_size("1MM", &val));
	assert_false(parse_size("99999999999T", &val));
	assert_string_equal(parse_size_text(128ull << 20, text), "128M");
	assert_string_equal(parse_size_text(1536ull << 20, text), "1.5G");
	assert_string_equal(parse_size_text(640 * 1024, text), "640K");
}

static void test_parse_nearest(void **state)
{
	static const char *const list[] = { "run", "attach", "monitor", NULL };

	(void)state;
	assert_string_equal(parse_nearest("atach", list), "attach");
	assert_string_equal(parse_nearest("rum", list), "run");
	assert_null(parse_nearest("something-else", list));
}

static void test_buf_ceiling(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 8);
	buf_puts(&buf, "1234");
	assert_false(buf.failed);
	buf_printf(&buf, "%s", "56789");
	assert_true(buf.failed);
	assert_string_equal(buf_str(&buf), "1234");
	buf_clear(&buf);
	buf_printf(&buf, "%d", 12345678);
	assert_string_equal(buf_str(&buf), "12345678");
	buf_drop(&buf, 3);
	assert_string_equal(buf_str(&buf), "45678");
	buf_free(&buf);
	assert_string_equal(buf_str(&buf), "");
}

static void test_err_text(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&err, ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(err.text, "open x: No such file or directory");
	assert_int_equal(err_prefix(&err, "image"), -ENOENT);
	assert_string_equal(err.text, "image: open x: No such file or directory");
	assert_int_equal(err_set(NULL, EINVAL, "nobody listens"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_u64),     cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_nearest), cmocka_unit_test(test_buf_ceiling),
		cmocka_unit_test(test_err_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
