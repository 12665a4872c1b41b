/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: numbers, sizes, nearest words, buffers, errors. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/time.h"

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

static void time_agrees(int64_t sec)
{
	time_t then = sec;
	struct tm mine, libc;

	time_to_utc(sec, &mine);
	assert_non_null(gmtime_r(&then, &libc));
	assert_int_equal(mine.tm_sec, libc.tm_sec);
	assert_int_equal(mine.tm_min, libc.tm_min);
	assert_int_equal(mine.tm_hour, libc.tm_hour);
	assert_int_equal(mine.tm_mday, libc.tm_mday);
	assert_int_equal(mine.tm_mon, libc.tm_mon);
	assert_int_equal(mine.tm_year, libc.tm_year);
	assert_int_equal(mine.tm_wday, libc.tm_wday);
	assert_int_equal(mine.tm_yday, libc.tm_yday);
	assert_int_equal(time_from_utc(&mine), sec);
}

/* Each day of eight centuries, and the ends of what a guest can set. */
static void test_calendar(void **state)
{
	struct tm odd = { .tm_year = 126, .tm_mon = 25, .tm_mday = -3, .tm_hour = 99 };
	struct tm libc = odd;
	int64_t day;

	(void)state;
	for (day = -146097; day < 146097; day++)
		time_agrees(day * 86400 + day * 7919 % 86400);
	time_agrees(-62167219200); /* year 0 */
	time_agrees(253402300799); /* the last second of 9999 */
	assert_int_equal(time_from_utc(&odd), timegm(&libc));
	odd.tm_mon = -14;
	odd.tm_mday = 400;
	libc = odd;
	assert_int_equal(time_from_utc(&odd), timegm(&libc));
}

static void test_small_file(void **state)
{
	char path[] = "/tmp/vitrine-base-XXXXXX", text[8] = "before";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(io_read_small(path, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(io_write_small(path, "12345678"), 0);
	assert_int_equal(io_read_small(path, text, sizeof(text)), 7);
	assert_string_equal(text, "1234567");
	unlink(path);
	assert_int_equal(io_read_small(path, text, sizeof(text)), -ENOENT);
	assert_string_equal(text, "");
	assert_int_equal(io_write_small(path, "made"), -ENOENT);
	assert_int_equal(io_read_small("/", text, sizeof(text)), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_u64),     cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_nearest), cmocka_unit_test(test_buf_ceiling),
		cmocka_unit_test(test_err_text),      cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_small_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
