/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i8042: probing as a kernel driver does it, scan codes in both sets, mouse, reset, bounds. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake-env.h"
#include "vmm/dev/i8042.h"

#define KBD_IRQ 1
#define AUX_IRQ 12

#define OBF 0x01
#define AUX 0x20

static struct fake_env *fake;
static void *dev;

static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	return fake ? i8042_ops.init(&fake->env, &dev, NULL) : -1;
}

static int teardown(void **state)
{
	(void)state;
	i8042_ops.exit(dev);
	fake_env_free(fake);
	return 0;
}

static uint8_t status(void)
{
	return fake_inb(fake, 0x64);
}

static void cmd(uint8_t val)
{
	fake_outb(fake, 0x64, val);
}

static void data(uint8_t val)
{
	fake_outb(fake, 0x60, val);
}

static void aux(uint8_t val)
{
	cmd(0xd4);
	data(val);
}

static uint8_t get(void)
{
	assert_int_equal(status() & (OBF | AUX), OBF);
	return fake_inb(fake, 0x60);
}

static uint8_t get_aux(void)
{
	assert_int_equal(status() & (OBF | AUX), OBF | AUX);
	return fake_inb(fake, 0x60);
}

static void assert_empty(void)
{
	assert_int_equal(status() & OBF, 0);
}

static uint8_t config(void)
{
	cmd(0x20);
	return get();
}

static void set_config(uint8_t val)
{
	cmd(0x60);
	data(val);
}

static void assert_keys(const char *bytes, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		assert_int_equal(get(), (uint8_t)bytes[i]);
	assert_empty();
}

#define ASSERT_KEYS(bytes) assert_keys(bytes, sizeof(bytes) - 1)

/* The steps of Linux's i8042.c: controller check, self test, mouse port check, line test. */
static void test_probe(void **state)
{
	(void)state;
	assert_empty();
	cmd(0xaa);
	assert_int_equal(get(), 0x55);
	assert_int_equal(status() & 0x04, 0x04);
	assert_int_equal(config(), 0x65);
	set_config(0x74 & ~0x40); /* everything off, no translation */
	assert_int_equal(config(), 0x34);
	cmd(0xab);
	assert_int_equal(get(), 0x00);
	/* does the mouse port echo, and is it no multiplexer? */
	cmd(0xd3);
	data(0x5a);
	assert_int_equal(get_aux(), 0x5a);
	cmd(0xd3);
	data(0xf0);
	assert_int_equal(get_aux(), 0xf0);
	cmd(0xd3);
	data(0xa4);
	assert_int_equal(get_aux(), 0xa4);
	/* do disable and enable show in the configuration? */
	cmd(0xa7);
	assert_int_equal(config() & 0x20, 0x20);
	cmd(0xa8);
	assert_int_equal(config() & 0x20, 0x00);
	cmd(0xa9);
	assert_int_equal(get(), 0x00);
	/* does its line work? */
	set_config(0x36);
	fake_edges(fake, AUX_IRQ);
	cmd(0xd3);
	data(0xa5);
	assert_int_equal(fake_edges(fake, AUX_IRQ), 1);
	assert_int_equal(get_aux(), 0xa5);
	assert_int_equal(fake_level(fake, AUX_IRQ), 0);
	assert_empty();
}

static void test_keyboard_init(void **state)
{
	(void)state;
	data(0xff);
	assert_int_equal(get(), 0xfa);
	assert_int_equal(get(), 0xaa);
	data(0xf2);
	ASSERT_KEYS("\xfa\xab\x41"); /* 0x83 through the translation */
	set_config(0x25);
	data(0xf2);
	ASSERT_KEYS("\xfa\xab\x83");
	data(0xee);
	ASSERT_KEYS("\xee");
	data(0xfe);
	ASSERT_KEYS("\xee");
	data(0xed);
	ASSERT_KEYS("\xfa");
	data(0x06);
	ASSERT_KEYS("\xfa");
	assert_non_null(strstr(fake_row(&i8042_ops, dev, "keyboard"), "num caps"));
	data(0xf3);
	ASSERT_KEYS("\xfa");
	data(0x00);
	ASSERT_KEYS("\xfa");
	data(0xf0);
	ASSERT_KEYS("\xfa");
	data(0x00);
	ASSERT_KEYS("\xfa\x02");
	data(0xf0);
	ASSERT_KEYS("\xfa");
	data(0x03);
	ASSERT_KEYS("\xfe");
	data(0x12);
	ASSERT_KEYS("\xfe");
}

static void test_keys_translated(void **state)
{
	(void)state;
	i8042_key(dev, 0x1e, true);
	assert_int_equal(fake_level(fake, KBD_IRQ), 1);
	ASSERT_KEYS("\x1e");
	assert_int_equal(fake_level(fake, KBD_IRQ), 0);
	i8042_key(dev, 0x1e, false);
	ASSERT_KEYS("\x9e");
	i8042_key(dev, 0xe048, true);
	i8042_key(dev, 0xe048, false);
	fake_edges(fake, KBD_IRQ);
	ASSERT_KEYS("\xe0\x48\xe0\xc8");
	assert_int_equal(fake_edges(fake, KBD_IRQ), 3); /* the first had risen already */
	i8042_key(dev, 0xe11d, true);
	i8042_key(dev, 0xe11d, false);
	ASSERT_KEYS("\xe1\x1d\x45\xe1\x9d\xc5");
}

/* Every key must come out of the translation as it went in, and be unlike any other in set 2. */
static void test_every_key(void **state)
{
	bool seen[256] = { false };
	uint16_t code;
	uint8_t make;

	(void)state;
	for (code = 1; code < 0x80; code++) {
		i8042_key(dev, code, true);
		assert_int_equal(get(), code);
		i8042_key(dev, code, false);
		assert_int_equal(get(), code | 0x80);
		assert_empty();
	}
	set_config(0x25);
	for (code = 1; code < 0x80; code++) {
		i8042_key(dev, code, true);
		make = get();
		assert_false(seen[make]);
		seen[make] = true;
		i8042_key(dev, code, false);
		assert_int_equal(get(), 0xf0);
		assert_int_equal(get(), make);
	}
}

static void test_keys_set_2(void **state)
{
	(void)state;
	set_config(0x25);
	i8042_key(dev, 0x1e, true);
	i8042_key(dev, 0x1e, false);
	ASSERT_KEYS("\x1c\xf0\x1c");
	i8042_key(dev, 0xe048, true);
	i8042_key(dev, 0xe048, false);
	ASSERT_KEYS("\xe0\x75\xe0\xf0\x75");
	i8042_key(dev, 0x41, true); /* F7 */
	ASSERT_KEYS("\x83");
	i8042_key(dev, 0xe11d, true);
	ASSERT_KEYS("\xe1\x14\x77\xe1\xf0\x14\xf0\x77");
}

static void test_keys_set_1(void **state)
{
	(void)state;
	set_config(0x25);
	data(0xf0);
	ASSERT_KEYS("\xfa");
	data(0x01);
	ASSERT_KEYS("\xfa");
	i8042_key(dev, 0x1e, true);
	i8042_key(dev, 0xe04b, false);
	ASSERT_KEYS("\x1e\xe0\xcb");
}

static void test_no_such_key(void **state)
{
	(void)state;
	i8042_key(dev, 0, true);
	i8042_key(dev, 0x9e, true);
	i8042_key(dev, 0x801e, true);
	i8042_key(dev, 0xe100, true);
	i8042_key(dev, 0xffff, false);
	assert_empty();
	assert_int_equal(fake_edges(fake, KBD_IRQ), 0);
}

/* An answer may overtake keys that wait, but never split one. */
static void test_answer_between_keys(void **state)
{
	(void)state;
	i8042_key(dev, 0xe048, true);
	i8042_key(dev, 0x1e, true);
	assert_int_equal(get(), 0xe0);
	data(0xed);
	assert_int_equal(get(), 0x48);
	assert_int_equal(get(), 0xfa);
	assert_int_equal(get(), 0x1e);
	i8042_key(dev, 0x1e, true);
	i8042_key(dev, 0x1e, false);
	data(0x00);
	assert_int_equal(get(), 0x1e);
	assert_int_equal(get(), 0xfa);
	assert_int_equal(get(), 0x9e);
	assert_empty();
}

static void test_disable(void **state)
{
	(void)state;
	cmd(0xad);
	i8042_key(dev, 0x1e, true);
	assert_empty();
	cmd(0xae);
	ASSERT_KEYS("\x1e");
	data(0xf5);
	ASSERT_KEYS("\xfa");
	i8042_key(dev, 0x1e, false);
	assert_empty();
	data(0xf4);
	ASSERT_KEYS("\xfa");
	i8042_key(dev, 0x30, true);
	ASSERT_KEYS("\x30");
	/* a byte to the keyboard opens its interface */
	cmd(0xad);
	data(0xee);
	ASSERT_KEYS("\xee");
	assert_int_equal(config() & 0x10, 0);
}

static void test_line_follows_config(void **state)
{
	(void)state;
	set_config(0x64);
	i8042_key(dev, 0x1e, true);
	assert_int_equal(fake_level(fake, KBD_IRQ), 0);
	set_config(0x65);
	assert_int_equal(fake_level(fake, KBD_IRQ), 1);
	i8042_ops.reset(dev);
	assert_int_equal(fake_level(fake, KBD_IRQ), 0);
	assert_empty();
}

static void test_queue_is_bounded(void **state)
{
	unsigned int nr = 0;
	uint8_t last = 0;

	(void)state;
	for (nr = 0; nr < 5000; nr++)
		i8042_key(dev, 0xe048, true);
	i8042_key(dev, 0xe048, false);
	for (nr = 0; status() & OBF; nr++)
		last = get();
	assert_in_range(nr, 100, 1025);
	assert_int_equal(last, 0xc8); /* the release got through */
	assert_null(strstr(fake_row(&i8042_ops, dev, "keys"), " 0 dropped"));
	/* commands without end, answers never fetched */
	for (nr = 0; nr < 5000; nr++)
		data(0xf2);
	for (nr = 0; status() & OBF; nr++)
		get();
	assert_in_range(nr, 3, 10);
}

static void test_mouse(void **state)
{
	(void)state;
	set_config(0x47);
	aux(0xff);
	assert_int_equal(fake_level(fake, AUX_IRQ), 1);
	assert_int_equal(get_aux(), 0xfa);
	assert_int_equal(get_aux(), 0xaa);
	assert_int_equal(get_aux(), 0x00);
	assert_empty();
	aux(0xf2);
	assert_int_equal(get_aux(), 0xfa);
	assert_int_equal(get_aux(), 0x00);
	aux(0xf3);
	assert_int_equal(get_aux(), 0xfa);
	aux(200);
	assert_int_equal(get_aux(), 0xfa);
	aux(0xf4);
	assert_int_equal(get_aux(), 0xfa);
	aux(0xe9);
	assert_int_equal(get_aux(), 0xfa);
	assert_int_equal(get_aux(), 0x20);
	assert_int_equal(get_aux(), 2);
	assert_int_equal(get_aux(), 200);
	aux(0xee);
	assert_int_equal(get_aux(), 0xfa);
	aux(0x42);
	assert_int_equal(get_aux(), 0x42);
	aux(0xec);
	assert_int_equal(get_aux(), 0xfa);
	aux(0x42);
	assert_int_equal(get_aux(), 0xfe);
	assert_empty();
}

static void test_reset_and_a20(void **state)
{
	(void)state;
	cmd(0xd0);
	assert_int_equal(get() & 0x03, 0x03);
	cmd(0xd1);
	data(0xdd);
	cmd(0xd0);
	assert_int_equal(get() & 0x03, 0x01);
	cmd(0xdf);
	cmd(0xd0);
	assert_int_equal(get() & 0x03, 0x03);
	cmd(0xff);
	assert_int_equal(fake->nr_requests, 0);
	cmd(0xfe);
	assert_int_equal(fake->nr_requests, 1);
	assert_int_equal(fake->request, DEV_REQ_RESET);
	cmd(0xd1);
	data(0x02);
	assert_int_equal(fake->nr_requests, 2);
}

static void test_state(void **state)
{
	struct fake_env *other = fake_env_new();
	void *copy;

	(void)state;
	assert_non_null(other);
	assert_int_equal(i8042_ops.init(&other->env, &copy, NULL), 0);
	i8042_key(dev, 0x1e, true);
	i8042_key(dev, 0xe048, false);
	data(0xed);
	assert_int_equal(fake_copy(&i8042_ops, dev, copy), 0);
	assert_int_equal(fake_level(other, KBD_IRQ), 1);
	assert_int_equal(fake_inb(other, 0x60), 0x1e);
	assert_int_equal(fake_inb(other, 0x60), 0xfa);
	assert_int_equal(fake_inb(other, 0x60), 0xe0);
	assert_int_equal(fake_inb(other, 0x60), 0xc8);
	fake_outb(other, 0x60, 0x04);
	assert_non_null(strstr(fake_row(&i8042_ops, copy, "keyboard"), "caps"));
	assert_true(fake_load_refuses_short(&i8042_ops, dev, copy));
	i8042_ops.exit(copy);
	fake_env_free(other);
}

#define PRESSES 5000

static void *press_keys(void *arg)
{
	unsigned int i;

	for (i = 0; i < PRESSES; i++) {
		i8042_key(arg, 0x1e, true);
		i8042_key(arg, 0x1e, false);
	}
	return NULL;
}

/* Keys from one thread, the guest in another (at least the queue comes through). */
static void test_threads(void **state)
{
	unsigned int got = 0;
	bool whole = true;
	pthread_t thread;
	uint8_t byte;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, press_keys, dev), 0);
	while (got < 500) {
		if (!(status() & OBF))
			continue;
		byte = fake_inb(fake, 0x60);
		whole &= byte == 0x1e || byte == 0x9e;
		got++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_probe),
		TEST(test_keyboard_init),
		TEST(test_keys_translated),
		TEST(test_every_key),
		TEST(test_keys_set_2),
		TEST(test_keys_set_1),
		TEST(test_no_such_key),
		TEST(test_answer_between_keys),
		TEST(test_disable),
		TEST(test_line_follows_config),
		TEST(test_queue_is_bounded),
		TEST(test_mouse),
		TEST(test_reset_and_a20),
		TEST(test_state),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
