/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl/catch and dbg/catch: the words of `catch`, who matches an event, its condition. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/catch.h"

static bool fake_sym(void *ctx, const char *name, uint64_t *out)
{
	(void)ctx;
	*out = 0xffffffff80100000;
	return strcmp(name, "kmain") == 0;
}

static bool fake_reg(void *ctx, const char *name, uint64_t *out)
{
	(void)ctx;
	*out = 0x12345abc;
	return strcmp(name, "cr3") == 0;
}

static bool fake_mem(void *ctx, uint64_t addr, uint64_t *out)
{
	*out = *(uint64_t *)ctx;
	return addr == 0x1000;
}

static const struct expr_names names = { .sym = fake_sym, .reg = fake_reg };

static struct dbg_catch parse(const char *text)
{
	struct err err = ERR_INIT;
	struct dbg_catch ct;

	if (catch_parse(text, &names, &ct, &err))
		fail_msg("%s: %s", text, err.text);
	ct.id = 1;
	return ct;
}

static void check_print(const char *text, const char *want)
{
	struct dbg_catch ct = parse(text);
	char said[512];

	catch_print(&ct, said, sizeof(said));
	assert_string_equal(said, want);
	ct = parse(said); /* and what is printed can be said again */
	catch_print(&ct, said, sizeof(said));
	assert_string_equal(said, want);
}

static void check_refused(const char *text, int code, const char *why)
{
	struct err err = ERR_INIT;
	struct dbg_catch ct;

	assert_int_equal(catch_parse(text, &names, &ct, &err), -code);
	if (!strstr(err.text, why))
		fail_msg("%s: '%s' does not say '%s'", text, err.text, why);
}

static void test_words(void **state)
{
	(void)state;
	check_print("exception 14", "exception 14 stop");
	check_print("exception #PF error=2/2 log", "exception 14 error=0x2/0x2 log");
	check_print("exception gp count", "exception 13 count");
	check_print("exception 0-31 log", "exception 0-31 log");
	check_print("interrupt 0x20 if $rip == kmain",
		    "interrupt 32 stop if $rip == 0xffffffff80100000");
	check_print("msr 0xc0000080", "msr 0xc0000080 read write stop");
	check_print("port 0x3f8-0x3ff write log", "port 0x3f8-0x3ff write log");
	check_print("mmio 0xfec00000 read", "mmio 0xfec00000 read stop");
	check_print("process $cr3", "process 0x12345000 stop");
	check_print("mode", "mode stop");
	check_print("crash count", "crash count");
	check_print("  reset   log  ", "reset log");
}

static void test_refused(void **state)
{
	(void)state;
	check_refused("", EINVAL, "exception, interrupt");
	check_refused("cr3", EOPNOTSUPP, "KVM shows nobody");
	check_refused("exception", EINVAL, "which one?");
	check_refused("exception 14 error=x", EINVAL, "VALUE/MASK");
	check_refused("exception 14 error=1/0", EINVAL, "VALUE/MASK");
	check_refused("interrupt 32 error=1", EINVAL, "only exceptions");
	check_refused("exception 14 read", EINVAL, "'read'");
	check_refused("port 5-3", EINVAL, "before it begins");
	check_refused("port nowhere", ENOENT, "no such symbol");
	check_refused("mode if", EINVAL, "if what?");
	check_refused("mode if nowhere", ENOENT, "no such symbol");
	check_refused("mode sometimes", EINVAL, "stop, log, count");
}

static struct dbg_caught caught(enum dbg_catch_kind kind, uint64_t at)
{
	return (struct dbg_caught){ .kind = kind, .at = at };
}

static void test_matching(void **state)
{
	struct dbg_catch ct = parse("exception 13-14 error=1/3");
	struct dbg_caught what = caught(DBG_CATCH_EXCEPTION, 14);

	(void)state;
	assert_false(dbg_catch_matches(&ct, &what)); /* no error code */
	what.has_error = true;
	what.error = 5;
	assert_true(dbg_catch_matches(&ct, &what));
	what.error = 2;
	assert_false(dbg_catch_matches(&ct, &what));
	what.error = 1;
	what.at = 12;
	assert_false(dbg_catch_matches(&ct, &what));
	what.at = 13;
	what.kind = DBG_CATCH_INTERRUPT;
	assert_false(dbg_catch_matches(&ct, &what));
	ct.id = 0;
	what.kind = DBG_CATCH_EXCEPTION;
	assert_false(dbg_catch_matches(&ct, &what)); /* taken away */
}

static void test_accesses(void **state)
{
	struct dbg_catch ct = parse("port 0x3f8-0x3f9 write");
	struct dbg_caught what = caught(DBG_CATCH_PORT, 0x3f7);

	(void)state;
	what.write = true;
	what.size = 1;
	assert_false(dbg_catch_matches(&ct, &what));
	what.size = 2; /* reaches into it */
	assert_true(dbg_catch_matches(&ct, &what));
	what.write = false;
	assert_false(dbg_catch_matches(&ct, &what));
	ct = parse("msr 0x1b");
	what = caught(DBG_CATCH_MSR, 0x1a);
	what.size = 8; /* of the value: no range of MSRs */
	assert_false(dbg_catch_matches(&ct, &what));
	what.at = 0x1b;
	assert_true(dbg_catch_matches(&ct, &what));
	ct = parse("process 0x5000");
	what = caught(DBG_CATCH_PROCESS, 0x5000);
	assert_true(dbg_catch_matches(&ct, &what));
	what.at = 0x6000;
	assert_false(dbg_catch_matches(&ct, &what));
}

static void check_holds(const char *cond, bool want)
{
	struct dbg_caught what = { .kind = DBG_CATCH_EXCEPTION, .at = 14, .error = 2, .vcpu = 1 };
	struct x86_state st = { .cr2 = 0x2000, .rip = 0x7c00 };
	uint64_t word = 42;
	struct dbg_catch ct;
	char text[200];

	snprintf(text, sizeof(text), "exception 14 if %s", cond);
	ct = parse(text);
	if (catch_holds(&ct, &what, &st, fake_mem, &word) != want)
		fail_msg("%s", cond);
}

static void test_conditions(void **state)
{
	(void)state;
	check_holds("$cr2 == 0x2000", true);
	check_holds("$cr2 < 0x2000", false);
	check_holds("$error & 2 && $vector == 14", true);
	check_holds("$error == 3 || $vcpu != 1", false);
	check_holds("!($pc >= 0x7c00)", false);
	check_holds("*0x1000 == 42", true);
	check_holds("*0x1000 > 42", false);
	check_holds("*0x2000 > 42", true); /* cannot be judged */
	check_holds("$nothing", true);
	check_holds("kmain <= 5", false);
	check_holds("1 << 4 == 16", true);
	check_holds("(1 | 2) == 3", true);
}

static void test_text(void **state)
{
	struct dbg_caught what = {
		.kind = DBG_CATCH_EXCEPTION, .at = 14, .error = 2, .has_error = true
	};
	struct x86_state st = { .cr2 = 0x2000 };
	char text[160];

	(void)state;
	dbg_catch_text(&what, &st, text, sizeof(text));
	assert_string_equal(text, "vcpu0 takes exception 14 with error code 0x2, cr2 0x2000");
	what = (struct dbg_caught){ .kind = DBG_CATCH_MSR, .at = 0x1b, .write = true, .data = 5 };
	dbg_catch_text(&what, &st, text, sizeof(text));
	assert_string_equal(text, "vcpu0 writes MSR 0x1b: 0x5");
	dbg_catch_text(&what, &st, text, 8); /* whatever fits */
	assert_string_equal(text, "vcpu0 w");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_matching),   cmocka_unit_test(test_accesses),
		cmocka_unit_test(test_conditions), cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
