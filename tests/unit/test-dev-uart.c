/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uart: probing as a kernel driver does it, FIFO levels, interrupts, overrun, threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake-env.h"
#include "vmm/dev/uart.h"

#define COM1 0x3f8
#define IRQ  4

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct fake_env *fake;
static void *dev;

static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	return fake ? uart0_ops.init(&fake->env, &dev, NULL) : -1;
}

static int teardown(void **state)
{
	(void)state;
	uart0_ops.exit(dev);
	fake_env_free(fake);
	return 0;
}

static void out(unsigned int reg, uint8_t val)
{
	fake_outb(fake, (uint16_t)(COM1 + reg), val);
}

static uint8_t in(unsigned int reg)
{
	return fake_inb(fake, (uint16_t)(COM1 + reg));
}

static size_t type(const char *text)
{
	return uart_input(dev, (const uint8_t *)text, strlen(text));
}

static bool data_ready(void)
{
	return in(LSR)&1;
}

/* Look as often as a guest does that polls. */
static void poll_lsr(void)
{
	int i;

	for (i = 0; i < 5; i++)
		in(LSR);
}

/* The steps of Linux's autoconfig() that decide between 8250 and 16550A. */
static void test_autoconfig(void **state)
{
	(void)state;
	out(IER, 0);
	assert_int_equal(in(IER)&0x0f, 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	/* modem lines in the loop: RTS and OUT2 come back as CTS and DCD */
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0x10 | 0x05);
	assert_int_equal(in(MSR)&0xf0, 0x60);
	out(MCR, 0);
	out(LCR, 0xbf);
	out(IIR, 0);
	out(LCR, 0);
	out(IIR, 1);
	assert_int_equal(in(IIR) >> 6, 3);
	/* no 64-byte FIFO, no enhanced register behind the divisor latch */
	out(LCR, 0x80);
	out(IIR, 0x21);
	assert_int_equal(in(IIR) >> 5, 6);
	assert_int_not_equal(in(IIR), 0);
	out(LCR, 0);
	/* no power-down bit */
	out(IER, 0x40);
	assert_int_equal(in(IER)&0x40, 0);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
}

static void test_divisor_latch(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(RBR, 1);
	out(IER, 0);
	assert_int_equal(in(RBR), 1);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(fake->out_len[0], 0);
	assert_string_equal(fake_row(&uart0_ops, dev, "line"), "115200 8N1");
	out(LCR, 0x80);
	out(RBR, 0);
	assert_string_equal(fake_row(&uart0_ops, dev, "line"), "0 5N1");
}

static void test_output(void **state)
{
	(void)state;
	out(RBR, 'o');
	/* a word out to a byte register: the second byte is the next register's */
	fake_out(fake, COM1, 2, 'k' | 0x0200);
	assert_int_equal(in(IER), 0x02);
	assert_memory_equal(fake->out[0], "ok", 2);
	assert_int_equal(fake->out_len[0], 2);
	assert_int_equal(in(LSR), 0x60);
}

/* The data test most kernels do before they trust the port. */
static void test_loopback_data(void **state)
{
	(void)state;
	type("outside");
	out(MCR, 0x1e);
	out(RBR, 0xae);
	assert_true(data_ready());
	assert_int_equal(in(RBR), 0xae);
	assert_false(data_ready());
	assert_false(data_ready());
	assert_int_equal(fake->out_len[0], 0);
	/* what arrived meanwhile is there afterwards */
	out(MCR, 0x0f);
	poll_lsr();
	assert_int_equal(in(RBR), 'o');
}

static void test_loopback_modem_delta(void **state)
{
	(void)state;
	out(MCR, 0x1f);
	in(MSR);
	out(IER, 0x08);
	out(MCR, 0x1b); /* OUT1 falls: trailing edge of RI */
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(fake_level(fake, IRQ), 1);
	assert_int_equal(in(MSR), 0xb4);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(fake_level(fake, IRQ), 0);
	out(MCR, 0x1f); /* rises: no event */
	assert_int_equal(in(MSR), 0xf0);
	out(MCR, 0x1d); /* RTS falls */
	assert_int_equal(in(MSR), 0xe1);
}

static void test_overrun(void **state)
{
	int i;

	(void)state;
	out(MCR, 0x18);
	out(IER, 0x04);
	out(RBR, 1);
	out(RBR, 2);
	assert_int_equal(in(IIR), 0x06);
	assert_int_equal(fake_level(fake, IRQ), 1);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(RBR), 2);
	out(IIR, 0x07);
	for (i = 0; i < 17; i++)
		out(RBR, (uint8_t)i);
	assert_int_equal(in(LSR), 0x63);
	for (i = 0; i < 16; i++)
		assert_int_equal(in(RBR), i);
	assert_int_equal(in(LSR), 0x60);
}

static void test_trigger_levels(void **state)
{
	static const unsigned int level[] = { 1, 4, 8, 14 };
	unsigned int i, nr;

	(void)state;
	for (i = 0; i < 4; i++) {
		out(MCR, 0x18);
		out(IIR, (uint8_t)(0x07 | i << 6));
		out(IER, 0x01);
		for (nr = 1; nr <= 16; nr++) {
			out(RBR, 'x');
			assert_int_equal(in(IIR), nr >= level[i] ? 0xc4 : 0xc1);
			assert_int_equal(fake_level(fake, IRQ), nr >= level[i]);
		}
		while (data_ready())
			in(RBR);
		assert_int_equal(in(IIR), 0xc1);
	}
}

static void test_receive_timeout(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(RBR, 1);
	out(LCR, 0x03);
	out(IIR, 0xc7);
	out(MCR, 0x0b);
	out(IER, 0x01);
	type("abc");
	assert_int_equal(in(IIR), 0xc1);
	fake_advance(fake, 300000);
	assert_int_equal(fake_level(fake, IRQ), 0);
	/* a byte more starts the wait anew */
	type("d");
	fake_advance(fake, 300000);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, 100000);
	assert_int_equal(fake_level(fake, IRQ), 1);
	assert_int_equal(in(IIR), 0xcc);
	assert_int_equal(in(RBR), 'a');
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(fake_level(fake, IRQ), 0);
	fake_advance(fake, 400000);
	assert_int_equal(in(IIR), 0xcc);
	in(RBR), in(RBR), in(RBR);
	fake_advance(fake, 100000000);
	assert_int_equal(in(IIR), 0xc1);
}

static void test_slow_line_timeout_is_bounded(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(RBR, 0xff);
	out(IER, 0xff);
	out(LCR, 0x03);
	out(IIR, 0xc7);
	out(MCR, 0x08);
	out(IER, 0x01);
	type("a");
	fake_advance(fake, 20000000);
	assert_int_equal(in(IIR), 0xcc);
}

/* Linux's test of whether the interrupt comes back when it is enabled again. */
static void test_thre_semantics(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x02);
	assert_int_equal(fake_edges(fake, IRQ), 1);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0x00);
	out(IER, 0x02);
	assert_int_equal(fake_level(fake, IRQ), 1);
	/* each byte written gives a new edge even when IIR was never read */
	fake_edges(fake, IRQ);
	out(RBR, 'x');
	assert_int_equal(fake_edges(fake, IRQ), 1);
	out(RBR, 'y');
	assert_int_equal(fake_edges(fake, IRQ), 1);
	/* writing IER with the bit already set raises nothing */
	in(IIR);
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0x00);
	assert_int_equal(fake_level(fake, IRQ), 0);
}

static void test_priorities(void **state)
{
	(void)state;
	out(MCR, 0x18);
	out(RBR, 1);
	out(RBR, 2);	/* overrun */
	out(MCR, 0x1a); /* delta CTS */
	out(IER, 0x0f);
	assert_int_equal(in(IIR), 0x06);
	in(LSR);
	assert_int_equal(in(IIR), 0x04);
	in(RBR);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x00);
	in(MSR);
	assert_int_equal(in(IIR), 0x01);
}

static void test_out2_gates(void **state)
{
	(void)state;
	out(IER, 0x02);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_non_null(strstr(fake_row(&uart0_ops, dev, "interrupt"), "OUT2"));
	out(MCR, 0x08);
	assert_int_equal(fake_level(fake, IRQ), 1);
	out(MCR, 0x00);
	assert_int_equal(fake_level(fake, IRQ), 0);
}

static void test_backlog_is_bounded(void **state)
{
	uint8_t big[8192];
	size_t took, got = 0;

	(void)state;
	memset(big, 'z', sizeof(big));
	took = uart_input(dev, big, sizeof(big));
	assert_in_range(took, 4000, 4096);
	assert_int_equal(uart_input(dev, big, 1), 0);
	poll_lsr();
	while (data_ready()) {
		assert_int_equal(in(RBR), 'z');
		got++;
	}
	assert_int_equal(got, took);
	assert_int_equal(uart_input(dev, big, 1), 1);
}

/* Input piped in before the guest has a driver must survive the driver's set-up. */
static void test_setup_keeps_input(void **state)
{
	const char *text = "poweroff now, all of it\n";
	char got[64] = "";
	size_t nr = 0;

	(void)state;
	type(text);
	/* a polled console while booting may let in a byte */
	for (nr = 0; nr < 100; nr++) {
		in(LSR);
		out(RBR, '.');
	}
	/* Linux's startup: clear the FIFOs and the registers, look, test, clear again */
	out(IIR, 0x01);
	out(IIR, 0x07);
	out(IIR, 0x00);
	in(LSR), in(RBR), in(IIR), in(MSR);
	in(LSR), in(LSR);
	out(IER, 0x02);
	in(IIR);
	out(IER, 0x00);
	out(IER, 0x02);
	in(IIR);
	out(IER, 0x00);
	out(LCR, 0x03);
	out(MCR, 0x08);
	out(IER, 0x02);
	in(LSR), in(IIR);
	out(IER, 0x00);
	in(LSR), in(RBR), in(IIR), in(MSR);
	out(IER, 0x05);
	out(IIR, 0x01);
	out(IIR, 0x81);
	nr = 0;
	while (data_ready() && nr < sizeof(got) - 1)
		got[nr++] = (char)in(RBR);
	assert_string_equal(got, text);
}

static void test_fifo_clear_keeps_order(void **state)
{
	char got[32] = "";
	size_t nr = 0;

	(void)state;
	out(IIR, 0x01);
	out(IER, 0x01);
	type("0123456789abcdefghij");
	got[nr++] = (char)in(RBR);
	out(IER, 0x00);
	out(IIR, 0x03);
	assert_false(data_ready());
	out(IER, 0x01);
	while (data_ready())
		got[nr++] = (char)in(RBR);
	assert_string_equal(got, "0123456789abcdefghij");
}

static void test_state(void **state)
{
	struct fake_env *other = fake_env_new();
	void *copy;

	(void)state;
	assert_non_null(other);
	assert_int_equal(uart0_ops.init(&other->env, &copy, NULL), 0);
	out(MCR, 0x08);
	out(IIR, 0x41);
	out(IER, 0x01);
	out(SCR, 0x77);
	type("hello");
	assert_int_equal(fake_level(fake, IRQ), 1);
	assert_int_equal(fake_copy(&uart0_ops, dev, copy), 0);
	assert_int_equal(fake_level(other, IRQ), 1);
	assert_int_equal(fake_inb(other, COM1 + SCR), 0x77);
	assert_int_equal(fake_inb(other, COM1), 'h');
	assert_int_equal(fake_inb(other, COM1), 'e');
	assert_true(fake_load_refuses_short(&uart0_ops, dev, copy));
	uart0_ops.exit(copy);
	fake_env_free(other);
}

static void test_second_port(void **state)
{
	void *second;

	(void)state;
	assert_int_equal(uart1_ops.init(&fake->env, &second, NULL), 0);
	fake_outb(fake, 0x2f8, '2');
	fake_outb(fake, 0x2fc, 0x08);
	fake_outb(fake, 0x2f9, 0x02);
	assert_int_equal(fake_level(fake, 3), 1);
	assert_int_equal(fake_level(fake, 4), 0);
	assert_int_equal(fake->out[1][0], '2');
	uart1_ops.exit(second);
}

static void test_reset(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x03);
	type("gone");
	uart0_ops.reset(dev);
	assert_int_equal(fake_level(fake, IRQ), 0);
	assert_int_equal(in(IER), 0);
	poll_lsr();
	assert_int_equal(in(LSR), 0x60);
}

#define STREAM 20000

static void *type_stream(void *arg)
{
	unsigned int sent = 0;
	uint8_t byte;

	while (sent < STREAM) {
		byte = (uint8_t)(sent * 7);
		sent += (unsigned int)uart_input(arg, &byte, 1);
	}
	return NULL;
}

/* One thread types, another is the guest, the screens look on. */
static void test_threads(void **state)
{
	unsigned int got = 0;
	bool ordered = true;
	pthread_t thread;

	(void)state;
	out(IIR, 0xc7);
	out(MCR, 0x0b);
	out(IER, 0x03);
	assert_int_equal(pthread_create(&thread, NULL, type_stream, dev), 0);
	while (got < STREAM) {
		in(IIR);
		while (data_ready())
			ordered &= in(RBR) == (uint8_t)(got++ * 7);
		if (got % 64 == 0)
			fake_row(&uart0_ops, dev, "line");
		fake_advance(fake, 1000);
		if (fake->out_len[0] < 1000)
			out(RBR, 'o');
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(ordered);
	assert_int_equal(got, STREAM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_autoconfig),
		TEST(test_divisor_latch),
		TEST(test_output),
		TEST(test_loopback_data),
		TEST(test_loopback_modem_delta),
		TEST(test_overrun),
		TEST(test_trigger_levels),
		TEST(test_receive_timeout),
		TEST(test_slow_line_timeout_is_bounded),
		TEST(test_thre_semantics),
		TEST(test_priorities),
		TEST(test_out2_gates),
		TEST(test_backlog_is_bounded),
		TEST(test_setup_keeps_input),
		TEST(test_fifo_clear_keeps_order),
		TEST(test_state),
		TEST(test_second_port),
		TEST(test_reset),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
