/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tui: every panel on many sizes, from good, odd and hostile views. Nothing may
 * crash, draw outside its area, or give JSON that is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "view-fixture.h"

#include "inspect/sym.h"
#include "tui/history.h"
#include "tui/lines.h"
#include "tui/panel.h"
#include "tui/panel-parts.h"

static const char *const ids[] = { "fleet",   "cpu",	 "paging", "ept",  "tables",
				   "irq",     "devices", "exits",  "vga",  "serial",
				   "autopsy", "help",	 "regs",   "code", "stack" };

#define NR_IDS (sizeof(ids) / sizeof(ids[0]))

static uint32_t seed;

static uint32_t rnd(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* Draw in the middle of a larger surface: its rim must stay as it is. */
static void draw_inside(struct panel *pan, const struct panel_ctx *ctx, int rows, int cols)
{
	struct surface *sf = surface_new(rows + 2, cols + 2);

	assert_non_null(sf);
	surface_fill(sf, surface_area(sf), '#', STYLE_NORMAL);
	panel_draw(pan, ctx, sf, (struct rect){ 1, 1, rows, cols });
	for (int row = 0; row < rows + 2; row++)
		for (int col = 0; col < cols + 2; col++)
			if (row == 0 || col == 0 || row == rows + 1 || col == cols + 1)
				if (surface_cell(sf, row, col)->ch != '#')
					fail_msg("%s at %dx%d draws at %d,%d", pan->ops->id, cols,
						 rows, row, col);
	surface_free(sf);
}

static const enum request requests[] = {
	REQ_UP,	  REQ_DOWN,  REQ_PAGE_DOWN, REQ_PAGE_UP, REQ_END,
	REQ_HOME, REQ_ENTER, REQ_EXPLAIN,   REQ_BACK,	 REQ_LEFT
};

static void exercise(const char *id, const struct panel_ctx *ctx)
{
	static const int sizes[][2] = { { 20, 80 }, { 37, 120 }, { 57, 200 }, { 1, 1 },	  { 2, 40 },
					{ 5, 24 },  { 12, 46 },	 { 3, 300 },  { 100, 30 } };
	struct panel pan;
	uint64_t addr;

	assert_int_equal(panel_init(&pan, panel_find(id)), 0);
	pan.focused = true;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		draw_inside(&pan, ctx, sizes[i][0], sizes[i][1]);
		panel_request(&pan, ctx, requests[i % (sizeof(requests) / sizeof(requests[0]))]);
		draw_inside(&pan, ctx, sizes[i][0], sizes[i][1]);
		if (pan.ops->target)
			pan.ops->target(&pan, ctx, &addr);
	}
	snprintf(pan.goal, sizeof(pan.goal), "ffffffff80101a18");
	draw_inside(&pan, ctx, 20, 80);
	snprintf(pan.filter, sizeof(pan.filter), "!zzz");
	draw_inside(&pan, ctx, 20, 80);
	panel_exit(&pan);
}

static void exercise_text(const char *id, const struct panel_ctx *ctx)
{
	struct buf out = BUF_INIT;
	char *json;

	assert_int_equal(panel_show(panel_find(id), ctx, 80, &out), 0);
	buf_free(&out);
	json = panel_json(panel_find(id), ctx);
	if (json) {
		json_error_t err;
		json_t *val = json_loads(json, 0, &err);

		if (!json_is_object(val))
			fail_msg("%s: %s in %s", id, err.text, json);
		json_decref(val);
	}
	free(json);
}

static void exercise_all(const struct panel_ctx *ctx)
{
	for (size_t i = 0; i < NR_IDS; i++) {
		exercise(ids[i], ctx);
		exercise_text(ids[i], ctx);
	}
}

static void test_nothing(void **state)
{
	struct panel_ctx ctx = { 0 };

	(void)state;
	exercise_all(&ctx);
}

static void test_fixture(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *syms = view_fixture_symbols();
	struct vm_view *prev;

	(void)state;
	assert_non_null(fx);
	prev = history_copy(&fx->view);
	assert_non_null(prev);
	for (unsigned int vcpu = 0; vcpu < 3; vcpu++) { /* the third is not there */
		struct panel_ctx ctx = { .view = &fx->view,
					 .prev = prev,
					 .past = prev,
					 .syms = syms,
					 .vcpu = vcpu,
					 .live = vcpu == 1 };

		exercise_all(&ctx);
		ctx.ascii = true;
		fx->view.state = VM_STATE_CRASHED;
		exercise_all(&ctx);
	}
	history_copy_free(prev);
	sym_close(syms);
	view_fixture_free(fx);
}

/* Registers, tables and counters full of noise: a guest can make them all so. */
static void spoil(struct view_fixture *fx)
{
	struct x86_state *st = &fx->view.vcpu[0].state;
	uint8_t *bytes = (uint8_t *)st;

	for (int i = 0; i < 64; i++)
		bytes[rnd() % offsetof(struct x86_state, fpu)] = (uint8_t)rnd();
	for (int i = 0; i < 256; i++)
		fx->ram[rnd() % FIXTURE_RAM] = (uint8_t)rnd();
	for (int i = 0; i < 512; i++)
		fx->ram[0x1000 + rnd() % 0x8000] = (uint8_t)rnd();
	for (int i = 0; i < 1024; i++)
		st->lapic[i] = (uint8_t)rnd();
	st->has_lapic_regs = rnd() & 1;
	st->mp_state = rnd() % 6;
	fx->view.vga_start = rnd() * 977;
	fx->view.vga_cursor = rnd() * 977;
	fx->view.vga_cols = rnd() % 200;
	fx->view.vga_rows = rnd() % 100;
	fx->view.nr_flights = VIEW_FLIGHTS;
	for (int i = 0; i < VIEW_FLIGHTS; i++) {
		fx->view.flight[i].kind = (uint8_t)rnd();
		fx->view.flight[i].size = (uint8_t)rnd();
		fx->view.flight[i].addr = (uint64_t)rnd() << 40 | rnd();
		fx->view.flight[i].rip = (uint64_t)rnd() << 40 | rnd();
	}
	fx->view.now_ns = rnd();
	fx->view.tsc_khz = rnd() & 1 ? 0 : rnd();
	fx->view.state = (enum vm_state)(rnd() % 7);
	fx->view.stop_vcpu = rnd() & 1;
}

static void test_hostile(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 40; round++) {
		struct view_fixture *fx = view_fixture_new();
		struct panel_ctx ctx;

		assert_non_null(fx);
		seed = round * 2654435761u;
		spoil(fx);
		ctx = (struct panel_ctx){ .view = &fx->view, .past = &fx->view, .prev = &fx->view };
		exercise_all(&ctx);
		view_fixture_free(fx);
	}
}

static void test_history(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct history hist = { .nr = 0 };

	(void)state;
	assert_non_null(fx);
	assert_null(history_get(&hist, 0));
	fx->view.state = VM_STATE_RUNNING;
	assert_false(history_add(&hist, &fx->view));
	fx->view.state = VM_STATE_PAUSED;
	for (uint32_t i = 1; i <= HISTORY_MAX + 10; i++) {
		fx->view.stop_count = i;
		fx->view.vcpu[0].state.rip = i;
		assert_true(history_add(&hist, &fx->view));
		assert_false(history_add(&hist, &fx->view));
	}
	assert_int_equal(history_get(&hist, 0)->vcpu[0].state.rip, HISTORY_MAX + 10);
	assert_int_equal(history_get(&hist, 5)->vcpu[0].state.rip, HISTORY_MAX + 5);
	assert_int_equal(history_get(&hist, HISTORY_MAX - 1)->stop_count, 11);
	assert_null(history_get(&hist, HISTORY_MAX));
	history_clear(&hist);
	assert_null(history_get(&hist, 0));
	view_fixture_free(fx);
}

static void test_address(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *syms = view_fixture_symbols();
	struct panel_ctx ctx = { .view = &fx->view, .syms = syms };
	uint64_t addr;

	(void)state;
	assert_true(panel_address(&ctx, "timer_init+8", &addr) && addr == FIXTURE_RIP);
	assert_true(panel_address(&ctx, "$rip+0x10", &addr) && addr == FIXTURE_RIP + 16);
	assert_true(panel_address(&ctx, "rsp", &addr) && addr == 0xffffffff80204f80);
	assert_true(panel_address(&ctx, "0xb8000", &addr) && addr == 0xb8000);
	assert_true(panel_address(&ctx, "b8000", &addr) && addr == 0xb8000);
	assert_false(panel_address(&ctx, "", &addr));
	assert_false(panel_address(&ctx, "+4", &addr));
	assert_false(panel_address(&ctx, "no_such", &addr));
	assert_false(panel_address(&ctx, "12345678901234567", &addr));
	sym_close(syms);
	view_fixture_free(fx);
}

static void test_filter(void **state)
{
	(void)state;
	assert_true(lines_match("abc", ""));
	assert_true(lines_match("abc", "!"));
	assert_true(lines_match("aBc", "Bc"));
	assert_true(lines_match("aBc", "bC"));
	assert_false(lines_match("abc", "x"));
	assert_false(lines_match("abc", "!b"));
	assert_true(lines_match("abc", "!x"));
}

/* Long lines are broken between words and go on below their own beginning. */
static void test_wrap(void **state)
{
	struct lines list = { .nr = 0 };

	(void)state;
	lines_add_text(&list,
		       "verdict  one two three four five\n\nshort\n"
		       "averyveryverylongwordindeedwithoutblanks",
		       24);
	assert_int_equal(list.nr, 6);
	assert_string_equal(lines_text(&list, 0), "verdict  one two three");
	assert_string_equal(lines_text(&list, 1), "         four five");
	assert_string_equal(lines_text(&list, 2), "");
	assert_string_equal(lines_text(&list, 4), "averyveryverylongwordind");
	assert_string_equal(lines_text(&list, 5), "eedwithoutblanks");
	lines_free(&list);
}

/* The bottom line of the flight recorder, as text. */
static void bottom_line(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	struct surface *sf = surface_new(20, 80);
	struct buf text = BUF_INIT;
	const char *last;

	panel_draw(pan, ctx, sf, surface_area(sf));
	surface_dump(sf, &text);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	last = strrchr(buf_str(&text), '\n');
	snprintf(out, len, "%s", last ? last + 1 : "");
	buf_free(&text);
	surface_free(sf);
}

/* All of the recorder can be reached, scrolling stays on an exit, a filter keeps up. */
static void test_recorder(void **state)
{
	struct sample_flight *ring = calloc(SAMPLE_FLIGHTS, sizeof(*ring));
	struct view_fixture *fx = view_fixture_new();
	struct panel_ctx ctx = { .view = &fx->view, .live = true };
	struct panel pan;
	char line[256];

	(void)state;
	assert_non_null(ring);
	for (uint32_t i = 0; i < SAMPLE_FLIGHTS; i++)
		ring[i] = (struct sample_flight){
			.tsc = i, .addr = i, .kind = EXIT_IO_OUT, .size = 1, .rip = 0x1000
		};
	fx->view.ring = ring;
	fx->view.nr_flights = 0;
	fx->view.flight_total = 60000;
	assert_int_equal(panel_init(&pan, panel_find("exits")), 0);
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_non_null(strstr(line, " -1 "));
	assert_non_null(strstr(line, "ea5f=00")); /* 59999 */
	for (int i = 0; i < 3; i++)
		panel_request(&pan, &ctx, REQ_UP);
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_non_null(strstr(line, "ea5c=00"));
	fx->view.flight_total += 500; /* it stays where it is */
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_non_null(strstr(line, "ea5c=00"));
	assert_non_null(strstr(line, "-504 "));
	panel_request(&pan, &ctx, REQ_HOME);
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_int_equal(pan.scroll, pan.total - pan.page);
	panel_request(&pan, &ctx, REQ_END);
	strcpy(pan.filter, "1234=");
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_non_null(strstr(line, "1234=00"));
	assert_int_equal(pan.total, 1);
	ring[60500].addr = 0x1234;
	fx->view.flight_total++;
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_int_equal(pan.total, 2);
	strcpy(pan.filter, "no such thing");
	bottom_line(&pan, &ctx, line, sizeof(line));
	assert_int_equal(pan.total, 0);
	panel_exit(&pan);
	free(ring);
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorder), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_fixture),	 cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_history),	 cmocka_unit_test(test_address),
		cmocka_unit_test(test_filter),	 cmocka_unit_test(test_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
