/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui: the serial terminal: text, colours, scroll-back, answers, keys, resizing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tui/keys.h"
#include "tui/term.h"

static char replies[256];
static size_t nr_replies;

static void on_reply(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	if (nr_replies + len < sizeof(replies)) {
		memcpy(replies + nr_replies, data, len);
		nr_replies += len;
		replies[nr_replies] = '\0';
	}
}

static struct term *term;
static struct surface *sf;

static int setup(void **state)
{
	(void)state;
	nr_replies = 0;
	replies[0] = '\0';
	term = term_new(5, 20, on_reply, NULL);
	sf = surface_new(5, 20);
	return term && sf ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	term_free(term);
	surface_free(sf);
	return 0;
}

static void feed(const char *text)
{
	term_feed(term, text, strlen(text));
}

static void expect(int scroll, const char *want)
{
	struct buf out = BUF_INIT;

	surface_clear(sf);
	term_draw(term, sf, surface_area(sf), scroll);
	surface_dump(sf, &out);
	assert_string_equal(buf_str(&out), want);
	buf_free(&out);
}

static void test_text(void **state)
{
	(void)state;
	feed("hello\r\n\x1b[1;31mred\x1b[0m \xe2\x94\x80\xe6\x97\xa5!\x1b[2;1H\x1b[10C#");
	expect(0, "hello\nred ─日!  #\n\n\n\n");
	assert_int_equal(STYLE_ANSI_FG(surface_cell(sf, 1, 0)->style), 1);
	assert_int_equal(STYLE_ANSI_BG(surface_cell(sf, 1, 0)->style), STYLE_ANSI_DEFAULT);
	assert_true(surface_cell(sf, 1, 0)->attr & CELL_BOLD);
	assert_int_equal(STYLE_ANSI_FG(surface_cell(sf, 1, 4)->style), STYLE_ANSI_DEFAULT);
	assert_true(surface_cell(sf, 1, 11)->attr & CELL_REVERSE); /* the cursor */
}

static void test_colours(void **state)
{
	(void)state;
	feed("\x1b[38;2;250;10;10;44mA\x1b[38;5;250;49mB");
	expect(0, "AB\n\n\n\n\n");
	assert_int_equal(STYLE_ANSI_FG(surface_cell(sf, 0, 0)->style), 9);
	assert_int_equal(STYLE_ANSI_BG(surface_cell(sf, 0, 0)->style), 4);
	assert_int_equal(STYLE_ANSI_FG(surface_cell(sf, 0, 1)->style), 7);
}

static void test_scrollback(void **state)
{
	char line[32];

	(void)state;
	for (int i = 0; i < TERM_SCROLLBACK + 100; i++) {
		snprintf(line, sizeof(line), "line %d\r\n", i);
		feed(line);
	}
	assert_int_equal(term_history(term), TERM_SCROLLBACK);
	expect(0, "line 10096\nline 10097\nline 10098\nline 10099\n\n");
	expect(3, "line 10093\nline 10094\nline 10095\nline 10096\nline 10097\n");
	expect(TERM_SCROLLBACK, "line 96\nline 97\nline 98\nline 99\nline 100\n");
}

static void test_altscreen(void **state)
{
	(void)state;
	feed("shell\r\n\x1b[?1049h\x1b[H\x1b[2Jvi\x1b[?25l");
	expect(0, "vi\n\n\n\n\n");
	feed("\x1b[?1049l\x1b[?25h");
	expect(0, "shell\n\n\n\n\n");
}

static void test_replies(void **state)
{
	(void)state;
	feed("\x1b[999;999H\x1b[6n");
	assert_string_equal(replies, "\x1b[5;20R");
	nr_replies = 0;
	term_key(term, VKEY_UP);
	term_key(term, 'x');
	term_key(term, 3);
	term_key(term, VKEY_ENTER);
	assert_string_equal(replies, "\x1b[Ax\x03\r");
	nr_replies = 0;
	feed("\x1b[?1h");
	term_key(term, VKEY_UP);
	assert_string_equal(replies, "\x1bOA");
}

static void test_resize(void **state)
{
	(void)state;
	feed("1\r\n2\r\n3\r\n4\r\n5\r\n6");
	assert_int_equal(term_history(term), 1);
	term_resize(term, 3, 20);
	expect(0, "4\n5\n6\n\n\n");
	term_resize(term, 6, 20);
	assert_int_equal(term_history(term), 0);
	surface_resize(sf, 6, 20);
	expect(0, "1\n2\n3\n4\n5\n6\n");
	term_resize(term, -5, 100000);
	assert_int_equal(term_rows(term), 2);
}

/* A scroll region that the new size has no room for is forgotten; the cursor stays. */
static void test_region_outgrown(void **state)
{
	(void)state;
	term_resize(term, 24, 20);
	feed("\x1b[20;24r\x1b[24;1Hx");
	term_resize(term, 5, 20);
	feed("\n\n\n\x1bM\x1b[r\x1b[2J\x1b[1;1Hy");
	expect(0, "y\n\n\n\n\n");
}

/* A charset that is none begins nothing: not the repeating of nothing, which has no end. */
static void test_no_charset(void **state)
{
	(void)state;
	feed("\x1b([b\xff\x1b(]0;t\x1b(Bz");
	expect(0, "b\xef\xbf\xbd"
		  "0;tz\n\n\n\n\n");
}

/* Titles, clipboards and device control are swallowed, wherever the bytes are cut. */
static void test_strings(void **state)
{
	static const char text[] = "a\x1b]0;title\x07"
				   "b\x1bP1$r0m\x1b\\c\x1b]52;c;\x18"
				   "d\x1b]x\x1b[1me\x1b^x\x1b\0\\f\x7f";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		term_feed(term, text + i, 1);
	expect(0, "abcdef\n\n\n\n\n");
	term_feed(term, text, sizeof(text) - 1);
	expect(0, "abcdefabcdef\n\n\n\n\n");
	assert_int_equal(nr_replies, 0);
}

/* A string that never ends does not swallow everything after it. */
static void test_endless_string(void **state)
{
	(void)state;
	feed("\x1b]");
	for (int i = 0; i < 4097; i++)
		feed("x");
	feed("after");
	expect(0, "after\n\n\n\n\n");
}

/* Sequences no terminal has: cut down to what the parser holds, the text after them intact. */
static void test_sequences(void **state)
{
	(void)state;
	feed("\x1b[");
	for (int i = 0; i < 1000; i++)
		feed(i & 1 ? ";" : ":1");
	feed("ma\x1b[99999999999999999999Cb\r\x1b[1Cc\x1b[");
	for (int i = 0; i < 1000; i++)
		feed("$");
	feed("pd\x1b");
	for (int i = 0; i < 1000; i++)
		feed("(");
	feed("Be\x1b[1\xc3\xa9\x1b\xc3\xa9[b\x1b\r[2C\x1b\x1b[1C\x1b\x18!");
	expect(0, "acd!\xc3\xa9\xc3\xa9[b           b\n\n\n\n\n");
}

/* Repeat the last character; with none there is nothing to repeat, not an endless loop. */
static void test_repeat(void **state)
{
	(void)state;
	feed("\x1b[4b\x1b[bx\x1b[3b\xe2\x94\x80\x1b[2b\x1b[?1b!\r\n-\x1b[99999b");
	expect(0, "xxxx───!\n--------------------\n-\n\n\n");
}

/* A window smaller than the screen shows the part with the cursor. */
static void test_window(void **state)
{
	(void)state;
	feed("1\r\n2\r\n3\r\n4");
	surface_resize(sf, 2, 3);
	expect(0, "3\n4\n");
	feed("\x1b[H");
	expect(0, "1\n2\n");
}

static void test_text_all(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	feed("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n");
	term_text(term, &out);
	assert_string_equal(buf_str(&out), "1\n2\n3\n4\n5\n6\n");
	buf_free(&out);
}

/* Found in the scroll-back and on the screen, both ways, whatever the case; never outside. */
static void test_find(void **state)
{
	char line[24];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(line, sizeof(line), "Line %d\r\n", i);
		feed(line);
	}
	assert_int_equal(term_pushed(term), 16);
	assert_int_equal(term_find(term, 20, -1, "line 3"), 3);
	assert_int_equal(term_find(term, 0, 1, "LINE 19"), 19);
	assert_int_equal(term_find(term, 19, -1, "line 1"), 19);
	assert_int_equal(term_find(term, 9, -1, "line 1"), 1);
	assert_int_equal(term_find(term, 0, 1, "line 77"), -1);
	assert_int_equal(term_find(term, -1, -1, "line"), -1);
	assert_int_equal(term_find(term, 100000, 1, "line"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scrollback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_altscreen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_region_outgrown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_charset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_string, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sequences, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_all, setup, teardown),
	};

#ifndef HAVE_VTERM
	puts("built without libvterm: skipped");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
