/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtc: formats, setting, update in progress, the three interrupts, memory sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake-env.h"
#include "vmm/dev/rtc.h"

#define IRQ    8
#define MS     1000000ull
#define SECOND 1000000000ull

static struct fake_env *fake;
static void *dev;

static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	if (!fake)
		return -1;
	fake->wall_sec = 951827695 - 1; /* 2000-02-29 12:34:55 UTC, a Tuesday */
	return rtc_ops.init(&fake->env, &dev, NULL);
}

static int teardown(void **state)
{
	(void)state;
	rtc_ops.exit(dev);
	fake_env_free(fake);
	return 0;
}

static uint8_t get(uint8_t index)
{
	fake_outb(fake, 0x70, index);
	return fake_inb(fake, 0x71);
}

static void put(uint8_t index, uint8_t val)
{
	fake_outb(fake, 0x70, index);
	fake_outb(fake, 0x71, val);
}

static void assert_time(uint8_t hour, uint8_t min, uint8_t sec)
{
	assert_int_equal(get(4), hour);
	assert_int_equal(get(2), min);
	assert_int_equal(get(0), sec);
}

static void test_bcd(void **state)
{
	(void)state;
	assert_int_equal(get(0x0d), 0x80);
	assert_int_equal(get(0x0a) & 0x7f, 0x26);
	assert_int_equal(get(0x0b), 0x02);
	assert_time(0x12, 0x34, 0x55);
	assert_int_equal(get(6), 3);
	assert_int_equal(get(7), 0x29);
	assert_int_equal(get(8), 0x02);
	assert_int_equal(get(9), 0x00);
	assert_int_equal(get(0x32), 0x20);
	assert_int_equal(get(0x80 | 7), 0x29); /* NMI bit */
	fake_advance(fake, 5 * SECOND);
	assert_time(0x12, 0x35, 0x00);
}

static void test_binary_and_12_hours(void **state)
{
	(void)state;
	put(0x0b, 0x06);
	assert_time(12, 34, 55);
	assert_int_equal(get(0x32), 20);
	put(0x0b, 0x00);
	assert_time(0x92, 0x34, 0x55);
	put(0x0b, 0x04);
	fake_advance(fake, 12 * 3600 * SECOND);
	assert_time(12, 34, 55);
	assert_int_equal(get(7), 1);
	assert_int_equal(get(8), 3);
	fake_advance(fake, 3600 * SECOND);
	assert_time(1, 34, 55);
	fake_advance(fake, 12 * 3600 * SECOND);
	assert_time(0x81, 34, 55);
}

static void test_set_time(void **state)
{
	(void)state;
	put(0x0b, 0x82);
	put(0x00, 0x58);
	put(0x02, 0x59);
	put(0x04, 0x23);
	put(0x07, 0x31);
	put(0x08, 0x12);
	put(0x09, 0x99);
	put(0x32, 0x19);
	fake_advance(fake, 10 * SECOND);
	assert_time(0x23, 0x59, 0x58); /* held */
	put(0x0b, 0x02);
	fake_advance(fake, 3 * SECOND);
	assert_time(0x00, 0x00, 0x01);
	assert_int_equal(get(9), 0x00);
	assert_int_equal(get(0x32), 0x20);
	assert_int_equal(get(6), 7); /* a Saturday */
	assert_string_equal(fake_row(&rtc_ops, dev, "time"), "2000-01-01 00:00:01, BCD, 24 hours");
	/* one register while the clock runs */
	put(0x02, 0x30);
	assert_time(0x00, 0x30, 0x01);
}

static void test_nonsense_time(void **state)
{
	unsigned int i;

	(void)state;
	put(0x0b, 0x84);
	for (i = 0; i < 10; i++)
		put((uint8_t)i, 0xff);
	put(0x32, 0xff);
	put(0x0b, 0x24);
	for (i = 0; i < 10; i++)
		get((uint8_t)i);
	fake_advance(fake, 3 * SECOND);
	assert_int_not_equal(fake_row(&rtc_ops, dev, "time")[0], '\0');
}

static void test_update_in_progress(void **state)
{
	(void)state;
	assert_int_equal(get(0x0a) & 0x80, 0);
	fake_advance(fake, SECOND - 200000);
	assert_int_equal(get(0x0a) & 0x80, 0x80);
	assert_time(0x12, 0x34, 0x55);
	fake_advance(fake, 200000);
	assert_int_equal(get(0x0a) & 0x80, 0);
	assert_time(0x12, 0x34, 0x56);
	put(0x0b, 0x82);
	fake_advance(fake, SECOND - 200000);
	assert_int_equal(get(0x0a) & 0x80, 0);
}

static void test_update_interrupt(void **state)
{
	(void)state;
	put(0x0b, 0x12);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
	/* not acknowledged: no more edges, and no timer that runs for nothing */
	fake_advance(fake, 10 * SECOND);
	assert_int_equal(fake_edges(fake, IRQ), 1);
	assert_int_equal(get(0x0c) & 0xb0, 0x90);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_int_equal(get(0x0c), 0);
	fake_advance(fake, SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
	put(0x0b, 0x02);
	assert_int_equal(fake_level(fake, IRQ), 0);
}

static void test_flags_without_interrupts(void **state)
{
	(void)state;
	get(0x0c);
	fake_advance(fake, SECOND);
	assert_int_equal(get(0x0c), 0x50);
	assert_int_equal(get(0x0c), 0);
	assert_int_equal(fake_edges(fake, IRQ), 0);
	/* enabling an interrupt whose flag stands raises it */
	fake_advance(fake, SECOND);
	put(0x0b, 0x12);
	assert_int_equal(fake_level(fake, IRQ), 1);
}

static void test_periodic_interrupt(void **state)
{
	unsigned int ticks = 0, i;

	(void)state;
	put(0x0a, 0x26);
	put(0x0b, 0x42);
	assert_string_equal(fake_row(&rtc_ops, dev, "periodic interrupt"), "on, 1024 Hz");
	for (i = 0; i < 10000; i++) {
		fake_advance(fake, 100000);
		if (fake_level(fake, IRQ)) {
			assert_int_equal(get(0x0c) & 0xc0, 0xc0);
			ticks++;
		}
	}
	assert_in_range(ticks, 1022, 1024);
	put(0x0a, 0x2f); /* 2 Hz */
	get(0x0c);
	fake_edges(fake, IRQ);
	fake_advance(fake, 490 * MS);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, 20 * MS);
	assert_int_equal(fake_level(fake, IRQ), 1);
	get(0x0c);
	put(0x0a, 0x20); /* none */
	fake_advance(fake, 10 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 0);
}

static void test_alarm(void **state)
{
	(void)state;
	put(0x01, 0x05);
	put(0x03, 0x35);
	put(0x05, 0x12);
	get(0x0c);
	put(0x0b, 0x22);
	fake_advance(fake, 9 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
	assert_time(0x12, 0x35, 0x05);
	assert_int_equal(get(0x0c) & 0xa0, 0xa0);
	fake_advance(fake, 60 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 0);
	/* every minute and hour */
	put(0x03, 0xff);
	put(0x05, 0xc0);
	fake_advance(fake, 59 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
}

static void test_alarm_12_hours(void **state)
{
	(void)state;
	put(0x0b, 0x00);
	put(0x01, 0x00);
	put(0x03, 0x00);
	put(0x05, 0x81); /* 1 p.m. */
	get(0x0c);
	put(0x0b, 0x20);
	fake_advance(fake, 1504 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
}

static void test_host_sleeps(void **state)
{
	(void)state;
	put(0x01, 0x00);
	put(0x03, 0x00);
	put(0x05, 0x15);
	get(0x0c);
	put(0x0b, 0x32);
	/* the wall clock jumps, the monotonic one does not */
	fake->wall_sec += 3 * 3600;
	assert_time(0x15, 0x34, 0x55);
	assert_int_equal(get(0x0c), 0xb0);
	fake->wall_sec -= 6 * 3600;
	assert_time(0x09, 0x34, 0x55);
}

static void test_sizes(void **state)
{
	uint8_t sum = 0;
	unsigned int i;

	(void)state;
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x17) | get(0x18) << 8, 0);
	for (i = 0x10; i <= 0x2d; i++)
		sum = (uint8_t)(sum + get((uint8_t)i));
	assert_int_equal(get(0x2f), sum);
}

static void test_sizes_large(void **state)
{
	struct mem *small = fake->env.mem;
	struct mem *large;
	void *other;

	(void)state;
	rtc_ops.exit(dev);
	assert_int_equal(mem_create(5ull << 30, &large, NULL), 0);
	fake->env.mem = large;
	fake->env.nr_cpus = 4;
	assert_int_equal(rtc_ops.init(&fake->env, &other, NULL), 0);
	assert_int_equal(get(0x17) | get(0x18) << 8, 0xffff);
	assert_int_equal(get(0x30) | get(0x31) << 8, 0xffff);
	assert_int_equal(get(0x34) | get(0x35) << 8, (3072 - 16) * 16);
	assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 2048 * 16);
	assert_int_equal(get(0x5f), 3);
	rtc_ops.exit(other);
	mem_destroy(large);
	fake->env.mem = small;
	assert_int_equal(rtc_ops.init(&fake->env, &dev, NULL), 0);
}

static void test_nvram_and_reset(void **state)
{
	(void)state;
	put(0x0f, 0x0a);
	put(0x70, 0x5a);
	put(0x0b, 0x72);
	fake_advance(fake, 2 * SECOND);
	assert_int_equal(fake_level(fake, IRQ), 1);
	rtc_ops.reset(dev);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_int_equal(get(0x0b), 0x02);
	assert_int_equal(get(0x0f), 0x0a);
	assert_int_equal(get(0x70), 0x5a);
	put(0x0d, 0x00);
	assert_int_equal(get(0x0d), 0x80);
	/* a word out sets index and data at once */
	fake_out(fake, 0x70, 2, 0x3371);
	assert_int_equal(get(0x71), 0x33);
}

static void test_state(void **state)
{
	struct fake_env *other = fake_env_new();
	void *copy;

	(void)state;
	assert_non_null(other);
	other->wall_sec = fake->wall_sec + 100;
	assert_int_equal(rtc_ops.init(&other->env, &copy, NULL), 0);
	put(0x04, 0x03);
	put(0x0b, 0x12);
	fake_advance(fake, SECOND);
	put(0x44, 0x99);
	assert_int_equal(fake_copy(&rtc_ops, dev, copy), 0);
	assert_int_equal(fake_level(other, IRQ), 1);
	assert_int_equal(fake_inb(other, 0x71), 0x99);
	assert_string_equal(fake_row(&rtc_ops, copy, "time"), "2000-02-29 03:36:35, BCD, 24 hours");
	assert_true(fake_load_refuses_short(&rtc_ops, dev, copy));
	rtc_ops.exit(copy);
	fake_env_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bcd),
		TEST(test_binary_and_12_hours),
		TEST(test_set_time),
		TEST(test_nonsense_time),
		TEST(test_update_in_progress),
		TEST(test_update_interrupt),
		TEST(test_flags_without_interrupts),
		TEST(test_periodic_interrupt),
		TEST(test_alarm),
		TEST(test_alarm_12_hours),
		TEST(test_host_sleeps),
		TEST(test_sizes),
		TEST(test_sizes_large),
		TEST(test_nvram_and_reset),
		TEST(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
