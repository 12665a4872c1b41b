/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tui: layouts over every size, and the key table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tui/keys.h"
#include "tui/layout.h"

static bool rect_inside(struct rect part, int rows, int cols)
{
	return part.row >= 0 && part.col >= 0 && part.row + part.rows <= rows &&
	       part.col + part.cols <= cols;
}

static bool rect_overlap(struct rect a, struct rect b)
{
	return a.rows && b.rows && a.row < b.row + b.rows && b.row < a.row + a.rows &&
	       a.col < b.col + b.cols && b.col < a.col + a.cols;
}

/* Every cell of the terminal belongs to exactly one rectangle. */
static void check_layout(int rows, int cols, enum request screen, const char *zoom)
{
	struct rect part[LAYOUT_PANES + 4];
	struct layout lay;
	long cells = 0;
	unsigned int nr = 0;

	layout_make(rows, cols, screen, zoom, &lay);
	part[nr++] = lay.header;
	part[nr++] = lay.rule;
	part[nr++] = lay.verbs;
	part[nr++] = lay.screens;
	for (unsigned int i = 0; i < lay.nr; i++)
		part[nr++] = lay.pane[i].area;
	for (unsigned int i = 0; i < nr; i++) {
		cells += (long)part[i].rows * part[i].cols;
		if (!rect_inside(part[i], rows, cols))
			fail_msg("%dx%d screen %d: rectangle %u sticks out", cols, rows, screen, i);
		for (unsigned int j = 0; j < i; j++)
			if (rect_overlap(part[i], part[j]))
				fail_msg("%dx%d screen %d: %u over %u", cols, rows, screen, i, j);
	}
	if (lay.size == LAYOUT_NONE)
		assert_int_equal(lay.nr, 0);
	else if (cells != (long)rows * cols)
		fail_msg("%dx%d screen %d: %ld cells used", cols, rows, screen, cells);
	else
		assert_string_equal(lay.pane[0].id, zoom		  ? zoom
						    : lay.size < LAYOUT_M ? layout_main(screen)
									  : lay.pane[0].id);
	for (unsigned int i = 0; i < lay.nr; i++)
		if (lay.pane[i].framed && (lay.pane[i].area.rows < 4 || lay.pane[i].area.cols < 30))
			fail_msg("%dx%d screen %d: %s is %dx%d", cols, rows, screen, lay.pane[i].id,
				 lay.pane[i].area.cols, lay.pane[i].area.rows);
}

static void test_sweep(void **state)
{
	(void)state;
	for (int rows = 1; rows <= 120; rows++)
		for (int cols = 1; cols <= 300; cols++)
			for (int screen = REQ_SCREEN_FLEET; screen <= REQ_SCREEN_AUTOPSY; screen++)
				check_layout(rows, cols, (enum request)screen, NULL);
	check_layout(24, 80, REQ_SCREEN_VGA, "vga");
	check_layout(60, 200, REQ_SCREEN_CPU, "stack");
	check_layout(40, 120, REQ_HELP, NULL);
}

static void test_classes(void **state)
{
	struct layout lay;

	(void)state;
	assert_int_equal(layout_class_of(9, 200), LAYOUT_NONE);
	assert_int_equal(layout_class_of(10, 40), LAYOUT_XS);
	assert_int_equal(layout_class_of(24, 80), LAYOUT_S);
	assert_int_equal(layout_class_of(40, 120), LAYOUT_M);
	assert_int_equal(layout_class_of(45, 160), LAYOUT_L);
	assert_int_equal(layout_class_of(60, 200), LAYOUT_XL);
	layout_make(24, 80, REQ_SCREEN_CPU, NULL, &lay);
	assert_int_equal(lay.body.rows, 20);
	layout_make(24, 80, REQ_SCREEN_VGA, "vga", &lay);
	assert_int_equal(lay.body.rows, 24);
}

/* The wall and the VGA screen must hold 80x25 exactly. */
static void test_vga_fits(void **state)
{
	static const int sizes[][2] = { { 40, 120 }, { 45, 160 }, { 55, 200 }, { 60, 200 } };
	struct layout lay;

	(void)state;
	for (int i = 0; i < 4; i++) {
		layout_make(sizes[i][0], sizes[i][1], REQ_SCREEN_VGA, NULL, &lay);
		assert_string_equal(lay.pane[0].id, "vga");
		assert_true(lay.pane[0].area.rows >= 27 && lay.pane[0].area.cols >= 82);
	}
}

static void test_keys_unique(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < keys_table_len; i++) {
		assert_int_equal(keys_table[i].req, i + 1);
		assert_ptr_equal(keys_row(keys_table[i].req), &keys_table[i]);
		if (keys_table[i].key)
			assert_int_equal(keys_lookup(keys_table[i].key), keys_table[i].req);
	}
	for (unsigned int i = 0; i < keys_aliases_len; i++)
		assert_int_equal(keys_lookup(keys_aliases[i].key), keys_aliases[i].req);
	assert_int_equal(keys_lookup(0), REQ_NONE);
	assert_int_equal(keys_lookup('~'), REQ_NONE);
	assert_null(keys_row(REQ_NONE));
	assert_null(keys_row(REQ_NR));
}

/* Whatever asks for something can be asked for without a function key. */
static void test_keys_no_fkey_only(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < keys_table_len; i++) {
		bool found = keys_table[i].key != 0;

		for (unsigned int j = 0; j < keys_aliases_len; j++)
			found |= keys_aliases[j].req == keys_table[i].req &&
				 keys_aliases[j].key < VKEY_F1;
		if (!found)
			fail_msg("%s has no key", keys_table[i].name);
	}
}

static void test_key_names(void **state)
{
	char text[KEYS_NAME_MAX];

	(void)state;
	assert_string_equal(keys_name('s', text), "s");
	assert_string_equal(keys_name(12, text), "Ctrl-L");
	assert_string_equal(keys_name(VKEY_F1 + 11, text), "F12");
	assert_string_equal(keys_name(27, text), "Esc");
	assert_int_equal(keys_from_name("Tab"), '\t');
	assert_int_equal(keys_from_name("Enter"), '\n');
	assert_int_equal(keys_from_name("F12"), VKEY_F1 + 11);
	assert_int_equal(keys_from_name("Ctrl-]"), 0x1d);
	assert_int_equal(keys_from_name("PgUp"), VKEY_PGUP);
	assert_int_equal(keys_from_name("nonsense"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_vga_fits),
		cmocka_unit_test(test_keys_unique),
		cmocka_unit_test(test_keys_no_fkey_only),
		cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
