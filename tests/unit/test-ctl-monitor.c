/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl/monitor and ctl/expr: commands on the fixture guest, help, completion, what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/escape.h"
#include "ctl/expr.h"
#include "ctl/keycode.h"
#include "ctl/monitor.h"
#include "view-fixture.h"

static struct view_fixture *fixture;
static struct sym_table *symbols;
static struct monitor *monitor;
static unsigned int vcpu;
static int stops;

static int fake_stop(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	stops++;
	return 0;
}

static const struct monitor_control fake_control = { .stop = fake_stop };

static int setup(void **state)
{
	(void)state;
	fixture = view_fixture_new();
	symbols = view_fixture_symbols();
	monitor = monitor_new();
	return fixture && monitor ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	monitor_free(monitor);
	sym_close(symbols);
	view_fixture_free(fixture);
	return 0;
}

static int run(const char *line, struct buf *out, struct err *err)
{
	struct monitor_ctx ctx = {
		.view = &fixture->view, .syms = symbols, .vcpu = &vcpu, .control = &fake_control
	};

	buf_clear(out);
	return monitor_run(monitor, &ctx, line, out, err);
}

static void check(const char *line, const char *part)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	if (run(line, &out, &err) != 0)
		fail_msg("%s: %s", line, err.text);
	if (!strstr(buf_str(&out), part))
		fail_msg("%s: no '%s' in:\n%s", line, part, buf_str(&out));
	buf_free(&out);
}

static void check_refused(const char *line, const char *part)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	if (run(line, &out, &err) >= 0)
		fail_msg("%s: accepted", line);
	if (!strstr(err.text, part))
		fail_msg("%s: '%s' does not say '%s'", line, err.text, part);
	buf_free(&out);
}

static void test_reading(void **state)
{
	(void)state;
	check("info registers", "RIP=ffffffff80101a18");
	check("info registers -a", "CPU#1");
	check("  info   registers", "");
	check("info mem", "ffffffff80100000-");
	check("info tlb", "ffffffff80100000: 0000000000100000");
	check("info cpus", "* CPU #0: pc=0xffffffff80101a18");
	check("info status", "VM status: ");
	check("info mtree", "address-space: I/O");
	check("info gdt", "GDT at ");
	check("info idt", "IDT at ");
	check("info version", PACKAGE_VERSION);
	check("print $rip", "0xffffffff80101a18");
	check("p/d 1+2*3", "7\n");
	check("p/c 0x41", "'A'");
	check("gva2gpa $rip", "gpa: 0x101a18");
	check("gva2gpa 0x1234567000", "Unmapped");
	check("x/2xg $rsp", ":");
	check("x /2xg $rsp", ":");
	check("x  /2i $rip", "=> 0xffffffff80101a18:");
	check("xp/4xb 0xb8000", "00000000000b8000: 0x");
	check("x/2i $rip", "=> 0xffffffff80101a18:");
	check("disassemble $rip 1", "=> 0xffffffff80101a18:");
	check("bt", "#0  0xffffffff80101a18");
	check("explain $rip x", "ffffffff80101a18");
	check("sum 0 16", "\n");
	check("x 0x1234567000", "cannot access memory");
	check("help", "info registers");
	check("help x", "guest-virtual memory");
}

static void test_changing(void **state)
{
	(void)state;
	stops = 0;
	check("stop", "");
	check("s", "");
	assert_int_equal(stops, 2);
	check("cpu 1", "");
	assert_int_equal(vcpu, 1);
	check("info cpus", "* CPU #1");
	check("cpu 0", "");
	check_refused("cpu 9", "no vCPU");
	check_refused("cont", "not possible");
}

static void test_refused(void **state)
{
	char longest[MONITOR_LINE_MAX + 8];

	(void)state;
	check("", "");
	check_refused("info", "no command");
	check_refused("inof registers", "did you mean 'info registers'");
	check_refused("info registersx", "no command");
	check_refused("stop now", "usage: stop");
	check_refused("gva2gpa", "usage: gva2gpa addr");
	check_refused("x/99999999x 0", "at most");
	check_refused("x/4q 0", "format");
	check_refused("print 1/0", "division by zero");
	check_refused("print nosuch_symbol", "no such symbol");
	check_refused("print $nosuch", "no such register");
	check_refused("print (1", "expected ')'");
	check_refused("x/i 0x1234567000", "cannot access memory");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	check_refused(longest, "characters");
	memset(longest, '(', sizeof(longest) - 1);
	memcpy(longest, "print ", 6);
	longest[MONITOR_LINE_MAX - 1] = '\0';
	check_refused(longest, "nested");
}

static bool collect(void *arg, const char *word)
{
	struct buf *out = arg;

	buf_printf(out, "%s ", word);
	return out->len < 4000;
}

static void check_complete(const char *line, const char *want)
{
	struct monitor_ctx ctx = { .view = &fixture->view, .syms = symbols, .vcpu = &vcpu };
	struct buf out = BUF_INIT;

	monitor_complete(monitor, &ctx, line, collect, &out);
	assert_string_equal(buf_str(&out), want);
	buf_free(&out);
}

static void test_completion(void **state)
{
	(void)state;
	check_complete("inf", "info ");
	check_complete("info re", "registers ");
	check_complete("info m", "mem mtree ");
	check_complete("system_p", "system_powerdown ");
	check_complete("help gva", "gva2gpa ");
	check_complete("stop x", "");
	check_complete("nonsense x", "");
	if (symbols)
		check_complete("gva2gpa timer_in", "timer_init ");
}

static bool no_name(void *ctx, const char *name, uint64_t *out)
{
	(void)ctx;
	(void)name;
	(void)out;
	return false;
}

static void check_value(const char *text, uint64_t want)
{
	struct expr_names names = { .reg = no_name, .sym = no_name };
	struct err err = ERR_INIT;
	uint64_t val;

	if (expr_eval(text, &names, &val, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(val, want);
}

static void test_expressions(void **state)
{
	(void)state;
	check_value("0x10", 16);
	check_value("1 + 2 * 3 - 4 / 2", 5);
	check_value("(1+2)*3", 9);
	check_value("1 << 4 | 0xf & 3 ^ 1", (1 << 4) | ((0xf & 3) ^ 1));
	check_value("-1 >> 60", 15);
	check_value("~0 % 10", UINT64_MAX % 10);
	check_value("1 << 64", 0);
	check_value("- - 7", 7);
}

static void check_escape(const char *typed, const char *guest, int command, size_t used)
{
	struct escape esc = { false };
	unsigned char out[32];
	size_t len;
	int letter;

	assert_int_equal(
		escape_feed(&esc, (const unsigned char *)typed, strlen(typed), out, &len, &letter),
		used);
	assert_int_equal(len, strlen(guest));
	assert_memory_equal(out, guest, len);
	assert_int_equal(letter, command);
}

static void test_escape(void **state)
{
	struct escape esc = { false };
	unsigned char out[4];
	size_t len;
	int letter;

	(void)state;
	check_escape("ab\003", "ab\003", 0, 3);
	check_escape("a\035\035b", "a\035b", 0, 4);
	check_escape("a\035qb", "a", 'q', 3);
	escape_feed(&esc, (const unsigned char *)"\035", 1, out, &len, &letter);
	assert_int_equal(len, 0);
	escape_feed(&esc, (const unsigned char *)"d", 1, out, &len, &letter);
	assert_int_equal(letter, 'd');
}

static void test_keys(void **state)
{
	bool shift;

	(void)state;
	assert_int_equal(keycode_from_name("a"), 0x1e);
	assert_int_equal(keycode_from_name("ret"), 0x1c);
	assert_int_equal(keycode_from_name("delete"), 0xe053);
	assert_int_equal(keycode_from_name("f12"), 0x58);
	assert_int_equal(keycode_from_name("nokey"), 0);
	assert_int_equal(keycode_from_char('z', &shift), 0x2c);
	assert_false(shift);
	assert_int_equal(keycode_from_char('?', &shift), 0x35);
	assert_true(shift);
	assert_int_equal(keycode_from_char(' ', &shift), 0x39);
	assert_int_equal(keycode_from_char('\r', &shift), 0x1c);
	assert_int_equal(keycode_from_char('\0', &shift), 0);
	assert_int_equal(keycode_from_char('\xe4', &shift), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),	    cmocka_unit_test(test_changing),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_completion),
		cmocka_unit_test(test_expressions), cmocka_unit_test(test_escape),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
