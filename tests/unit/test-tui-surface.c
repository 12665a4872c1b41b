/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui: cells, clipping, wide characters, malformed text, boxes, ASCII. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/surface.h"

static struct surface *sf;

static int setup(void **state)
{
	(void)state;
	sf = surface_new(3, 10);
	return sf ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	surface_free(sf);
	return 0;
}

static void expect_dump(const char *want)
{
	struct buf out = BUF_INIT;

	surface_dump(sf, &out);
	assert_string_equal(buf_str(&out), want);
	buf_free(&out);
}

static void test_clip(void **state)
{
	struct rect clip = { 1, 2, 1, 4 };

	(void)state;
	assert_int_equal(surface_text(sf, clip, 0, 0, STYLE_GOOD, "abcdefgh"), 4);
	surface_text(sf, clip, 1, 0, STYLE_GOOD, "below");
	surface_text(sf, clip, -1, 0, STYLE_GOOD, "above");
	surface_put(sf, (struct rect){ 0, 0, 100, 100 }, 50, 50, 'x', 0);
	surface_put(sf, (struct rect){ -5, -5, 100, 100 }, 0, 0, 'x', 0);
	expect_dump("\n  abcd\n\n");
	assert_int_equal(surface_cell(sf, 1, 2)->style, STYLE_GOOD);
	assert_int_equal(surface_cell(sf, 1, 6)->style, STYLE_NORMAL);
	assert_int_equal(surface_cell(sf, 99, -1)->ch, ' ');
}

static void test_wide(void **state)
{
	struct rect all = surface_area(sf);

	(void)state;
	assert_int_equal(surface_text(sf, all, 0, 0, 0, "日x"), 3);
	expect_dump("日x\n\n\n");
	surface_put(sf, all, 0, 1, 'y', 0); /* the right half: the left must go */
	expect_dump(" yx\n\n\n");
	surface_put(sf, all, 1, 9, 0x65e5, 0); /* no room for two columns */
	surface_text(sf, all, 2, 0, 0, "日");
	surface_put(sf, all, 2, 0, 'a', 0);
	expect_dump(" yx\n\na\n");
}

static void test_malformed(void **state)
{
	struct rect all = surface_area(sf);

	(void)state;
	surface_text(sf, all, 0, 0, 0, "a\x1b[\x80\xff");
	surface_text(sf, all, 1, 0, 0, "\xc0\xaf\xed\xa0\x80|");
	surface_text(sf, all, 2, 0, 0, "e\xcc\x81\xe2\x94");
	expect_dump("a.[\xef\xbf\xbd\xef\xbf\xbd\n"
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\n"
		    "e\xef\xbf\xbd\xef\xbf\xbd\n");
}

static void test_box(void **state)
{
	struct rect in = surface_box(sf, surface_area(sf), "abc", false);

	(void)state;
	assert_int_equal(in.row, 1);
	assert_int_equal(in.col, 1);
	assert_int_equal(in.rows, 1);
	assert_int_equal(in.cols, 8);
	expect_dump("┌─ abc ──┐\n│        │\n└────────┘\n");
	in = surface_box(sf, (struct rect){ 0, 0, 1, 1 }, "abc", false);
	assert_int_equal(in.rows, 0);
}

static void test_ascii(void **state)
{
	(void)state;
	surface_set_ascii(sf, true);
	surface_box(sf, surface_area(sf), "▶日█", true);
	expect_dump("+- >>?# -+\n|        |\n+--------+\n");
}

static void test_resize(void **state)
{
	(void)state;
	assert_int_equal(surface_resize(sf, 0, -4), 0);
	assert_int_equal(surface_rows(sf), 1);
	assert_int_equal(surface_cols(sf), 1);
	assert_int_equal(surface_resize(sf, 2, 5), 0);
	surface_fill(sf, surface_area(sf), '#', STYLE_BAD);
	expect_dump("#####\n#####\n");
	surface_attr(sf, surface_area(sf), 1, 3, 9, CELL_BOLD);
	assert_int_equal(surface_cell(sf, 1, 4)->attr, CELL_BOLD);
	assert_int_equal(surface_cell(sf, 1, 2)->attr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_box, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ascii, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resize, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
