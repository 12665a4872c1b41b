/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgatext: what is published, write protection, flip-flop, DAC, status, blank memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake-env.h"
#include "vmm/dev/vgatext.h"

static struct fake_env *fake;
static void *dev;

static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	return fake ? vgatext_ops.init(&fake->env, &dev, NULL) : -1;
}

static int teardown(void **state)
{
	(void)state;
	vgatext_ops.exit(dev);
	fake_env_free(fake);
	return 0;
}

static void crtc(uint8_t index, uint8_t val)
{
	/* as kernels do it: index and data in one word */
	fake_out(fake, 0x3d4, 2, index | val << 8);
}

static uint8_t crtc_get(uint8_t index)
{
	fake_outb(fake, 0x3d4, index);
	return fake_inb(fake, 0x3d5);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(fake->page->vga_cols, 80);
	assert_int_equal(fake->page->vga_rows, 25);
	assert_int_equal(fake->page->vga_cursor_on, 1);
	assert_int_equal(fake->page->vga_cursor, 0);
	assert_int_equal(fake->page->vga_start, 0);
	assert_int_equal(fake_inb(fake, 0x3cc) & 1, 1); /* colour */
	assert_int_equal(fake_inb(fake, 0x3c2) & 0x10, 0x10);
}

static void test_cursor(void **state)
{
	(void)state;
	crtc(0x0e, (24 * 80 + 79) >> 8);
	crtc(0x0f, (24 * 80 + 79) & 0xff);
	assert_int_equal(fake->page->vga_cursor, 24 * 80 + 79);
	assert_int_equal(crtc_get(0x0f), (24 * 80 + 79) & 0xff);
	assert_non_null(strstr(fake_row(&vgatext_ops, dev, "cursor"), "on, column 79 row 24"));
	crtc(0x0a, 0x20);
	assert_int_equal(fake->page->vga_cursor_on, 0);
	crtc(0x0a, 0x0e);
	crtc(0x0b, 0x0d); /* ends before it starts */
	assert_int_equal(fake->page->vga_cursor_on, 0);
	crtc(0x0b, 0x0f);
	assert_int_equal(fake->page->vga_cursor_on, 1);
}

static void test_start(void **state)
{
	(void)state;
	crtc(0x0c, 0x12);
	crtc(0x0d, 0x34);
	assert_int_equal(fake->page->vga_start, 0x1234);
	assert_string_equal(fake_row(&vgatext_ops, dev, "text begins"), "0xba468");
	/* the same registers through the monochrome addresses */
	fake_outb(fake, 0x3b4, 0x0d);
	assert_int_equal(fake_inb(fake, 0x3b5), 0x34);
}

static void test_size(void **state)
{
	(void)state;
	crtc(0x09, 0x47); /* 8 lines a cell: 80x50 */
	assert_int_equal(fake->page->vga_rows, 50);
	/* the protected registers hold */
	crtc(0x01, 0x27);
	assert_int_equal(fake->page->vga_cols, 80);
	crtc(0x07, 0x10);
	assert_int_equal(crtc_get(0x07), 0x1f);
	crtc(0x07, 0x00);
	assert_int_equal(crtc_get(0x07), 0x0f);
	crtc(0x11, 0x0e);
	crtc(0x01, 0x27);
	assert_int_equal(fake->page->vga_cols, 40);
	/* nonsense stays within bounds */
	crtc(0x01, 0xff);
	crtc(0x07, 0xff);
	crtc(0x12, 0xff);
	crtc(0x09, 0x00);
	assert_in_range(fake->page->vga_cols, 1, 160);
	assert_in_range(fake->page->vga_rows, 1, 100);
	crtc(0x01, 0x00);
	crtc(0x07, 0x00);
	crtc(0x12, 0x00);
	crtc(0x09, 0x1f);
	assert_int_equal(fake->page->vga_cols, 1);
	assert_int_equal(fake->page->vga_rows, 1);
}

static void test_index_out_of_range(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 256; i++) {
		crtc((uint8_t)i, 0x55);
		fake_out(fake, 0x3c4, 2, i | 0x5500);
		fake_out(fake, 0x3ce, 2, i | 0x5500);
		fake_inb(fake, 0x3da);
		fake_outb(fake, 0x3c0, (uint8_t)i);
		fake_outb(fake, 0x3c0, 0x55);
		fake_inb(fake, 0x3c1);
	}
	assert_int_equal(crtc_get(0x80), 0);
	fake_outb(fake, 0x3c4, 4);
	assert_int_equal(fake_inb(fake, 0x3c5), 0x55);
	fake_outb(fake, 0x3c4, 5);
	assert_int_equal(fake_inb(fake, 0x3c5), 0);
	fake_outb(fake, 0x3ce, 8);
	assert_int_equal(fake_inb(fake, 0x3cf), 0x55);
}

static void test_attribute_flip_flop(void **state)
{
	(void)state;
	fake_inb(fake, 0x3da);
	fake_outb(fake, 0x3c0, 0x10);
	fake_outb(fake, 0x3c0, 0x0d);
	assert_string_equal(fake_row(&vgatext_ops, dev, "mode"),
			    "graphics (not shown), 80x25, cells of 16 lines");
	assert_non_null(strstr(fake_row(&vgatext_ops, dev, "screen"), "off"));
	fake_outb(fake, 0x3c0, 0x12);
	fake_inb(fake, 0x3da); /* back to index */
	fake_outb(fake, 0x3c0, 0x30);
	assert_int_equal(fake_inb(fake, 0x3c0), 0x30);
	assert_int_equal(fake_inb(fake, 0x3c1), 0x0d);
	assert_non_null(strstr(fake_row(&vgatext_ops, dev, "screen"), "on"));
}

static void test_dac(void **state)
{
	unsigned int i;

	(void)state;
	/* colour 7 of the default palette: light grey */
	fake_outb(fake, 0x3c7, 7);
	assert_int_equal(fake_inb(fake, 0x3c7), 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(fake_inb(fake, 0x3c9), 42);
	/* brown, 0x14 */
	fake_outb(fake, 0x3c7, 0x14);
	assert_int_equal(fake_inb(fake, 0x3c9), 42);
	assert_int_equal(fake_inb(fake, 0x3c9), 21);
	assert_int_equal(fake_inb(fake, 0x3c9), 0);
	fake_outb(fake, 0x3c8, 255);
	assert_int_equal(fake_inb(fake, 0x3c7), 0);
	for (i = 0; i < 6; i++)
		fake_outb(fake, 0x3c9, (uint8_t)(0xc0 | i));
	fake_outb(fake, 0x3c7, 255);
	for (i = 0; i < 6; i++)
		assert_int_equal(fake_inb(fake, 0x3c9), i); /* wraps to colour 0 */
}

/* Loops that wait for retrace to begin or to end must both end. */
static void test_retrace_toggles(void **state)
{
	unsigned int tries = 0;

	(void)state;
	while (!(fake_inb(fake, 0x3da) & 8))
		assert_true(tries++ < 3);
	while (fake_inb(fake, 0x3ba) & 8)
		assert_true(tries++ < 6);
}

static void test_reset_blanks(void **state)
{
	uint16_t cells[0x4000];
	unsigned int i;

	(void)state;
	assert_int_equal(mem_set(fake->env.mem, 0xb8000, 0xee, 0x8000), 0);
	crtc(0x0e, 0x01);
	crtc(0x0a, 0x20);
	vgatext_ops.reset(dev);
	assert_int_equal(mem_read(fake->env.mem, 0xb8000, cells, sizeof(cells)), 0);
	for (i = 0; i < 0x4000; i++)
		assert_int_equal(cells[i], 0x0720);
	assert_int_equal(fake->page->vga_cursor, 0);
	assert_int_equal(fake->page->vga_cursor_on, 1);
}

static void test_state(void **state)
{
	(void)state;
	crtc(0x0c, 0x01);
	crtc(0x0e, 0x02);
	fake_outb(fake, 0x3c8, 9);
	assert_int_equal(fake_copy(&vgatext_ops, dev, dev), 0);
	assert_int_equal(fake->page->vga_start, 0x100);
	assert_int_equal(fake->page->vga_cursor, 0x200);
	assert_int_equal(fake_inb(fake, 0x3c8), 9);
	assert_true(fake_load_refuses_short(&vgatext_ops, dev, dev));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_cursor),
		TEST(test_start),
		TEST(test_size),
		TEST(test_index_out_of_range),
		TEST(test_attribute_flip_flop),
		TEST(test_dac),
		TEST(test_retrace_toggles),
		TEST(test_reset_blanks),
		TEST(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
