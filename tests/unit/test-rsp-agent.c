/* SPDX-License-Identifier: MIT */
/*
 * Agent expressions: each opcode, the edges of arithmetic, jumps, printf, and everything that
 * must fail instead of going wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "gdb/agent.h"

#define MINUS_ONE 0xffffffffffffffffull

static char printed[4096];
static uint64_t variable;
static uint64_t traced_len;

static int env_reg(void *ctx, uint32_t regnum, uint64_t *value)
{
	(void)ctx;
	*value = 0x1000 + regnum;
	return regnum < 100 ? 0 : -EINVAL;
}

static const uint8_t memory[] = { 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 'h', 'i', 0 };

static int env_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (addr > sizeof(memory) || len > sizeof(memory) - addr)
		return -EFAULT;
	memcpy(buf, memory + addr, len);
	return 0;
}

static int env_var_get(void *ctx, uint32_t var, uint64_t *value)
{
	(void)ctx;
	*value = variable + var;
	return 0;
}

static int env_var_set(void *ctx, uint32_t var, uint64_t value)
{
	(void)ctx;
	variable = value + var;
	return 0;
}

static int env_trace(void *ctx, uint64_t addr, uint64_t len)
{
	(void)ctx;
	(void)addr;
	traced_len = len;
	return 0;
}

static void env_print(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	if (len < sizeof(printed)) {
		memcpy(printed, text, len);
		printed[len] = '\0';
	}
}

static const struct gdb_agent_env env = {
	.reg = env_reg,
	.mem = env_mem,
	.var_get = env_var_get,
	.var_set = env_var_set,
	.trace = env_trace,
	.print = env_print,
};

struct expr {
	int rc;
	uint64_t value;
	size_t len;
	uint8_t code[32];
};

static void run(const struct expr *e)
{
	struct gdb_code code = { e->code, e->len };
	uint64_t value = 0;

	assert_int_equal(gdb_agent_eval(&env, &code, &value), e->rc);
	if (!e->rc)
		assert_int_equal(value, e->value);
}

/* clang-format off */
#define EXPR(rc, value, ...) \
	{ rc, value, sizeof((uint8_t[]){ __VA_ARGS__ }), { __VA_ARGS__ } }
#define C8(x) 0x22, x
#define NEG 0x22, 0xff, 0x16, 8 /* const8 ff, ext 8: -1 */
#define END 0x27

static const struct expr arithmetic[] = {
	EXPR(0, 0, END),
	EXPR(0, 5, C8(2), C8(3), 0x02, END),
	EXPR(0, MINUS_ONE, C8(2), C8(3), 0x03, END),
	EXPR(0, 6, C8(2), C8(3), 0x04, END),
	EXPR(0, MINUS_ONE - 2, NEG, C8(3), 0x04, END),
	EXPR(0, MINUS_ONE - 2, C8(7), NEG, 0x04, C8(2), 0x05, END),
	EXPR(0, 3, C8(7), C8(2), 0x06, END),
	EXPR(0, MINUS_ONE, C8(7), NEG, 0x04, C8(2), 0x07, END),
	EXPR(0, 1, C8(7), C8(2), 0x08, END),
	EXPR(-EDOM, 0, C8(7), C8(0), 0x05, END),
	EXPR(-EDOM, 0, C8(7), C8(0), 0x06, END),
	EXPR(-EDOM, 0, C8(7), C8(0), 0x07, END),
	EXPR(-EDOM, 0, C8(7), C8(0), 0x08, END),
	EXPR(0, 1ull << 63, C8(1), C8(63), 0x09, NEG, 0x05, END),
	EXPR(0, 0, C8(1), C8(63), 0x09, NEG, 0x07, END),
	EXPR(0, 0, C8(1), C8(64), 0x09, END),
	EXPR(0, MINUS_ONE, NEG, C8(3), 0x0a, END),
	EXPR(0, MINUS_ONE, NEG, C8(200), 0x0a, END),
	EXPR(0, 2, C8(16), C8(3), 0x0a, END),
	EXPR(0, MINUS_ONE >> 3, NEG, C8(3), 0x0b, END),
	EXPR(0, 0, NEG, C8(64), 0x0b, END),
	EXPR(0, 1, C8(0), 0x0e, END),
	EXPR(0, 0, C8(7), 0x0e, END),
	EXPR(0, 2, C8(6), C8(3), 0x0f, END),
	EXPR(0, 7, C8(6), C8(3), 0x10, END),
	EXPR(0, 5, C8(6), C8(3), 0x11, END),
	EXPR(0, MINUS_ONE - 6, C8(6), 0x12, END),
	EXPR(0, 1, C8(6), C8(6), 0x13, END),
	EXPR(0, 1, NEG, C8(6), 0x14, END),
	EXPR(0, 0, NEG, C8(6), 0x15, END),
	EXPR(0, 0xffffffffffffff80, C8(0x80), 0x16, 8, END),
	EXPR(0, 0x7f, NEG, 0x2a, 7, END),
	EXPR(0, MINUS_ONE, NEG, 0x2a, 64, END),
};

static const struct expr the_rest[] = {
	EXPR(0, 0x1234, 0x23, 0x12, 0x34, END),
	EXPR(0, 0x12345678, 0x24, 0x12, 0x34, 0x56, 0x78, END),
	EXPR(0, 0x123456789abcdef0, 0x25, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, END),
	EXPR(0, 0x1010, 0x26, 0, 0x10, END),
	EXPR(-EINVAL, 0, 0x26, 1, 0, END),
	EXPR(0, 0xf2, C8(1), 0x17, END),
	EXPR(0, 0xf3f2, C8(1), 0x18, END),
	EXPR(0, 0xf5f4f3f2, C8(1), 0x19, END),
	EXPR(0, 0xf8f7f6f5f4f3f2f1, C8(0), 0x1a, END),
	EXPR(-EFAULT, 0, C8(100), 0x17, END),
	EXPR(-EFAULT, 0, C8(8), 0x1a, END),
	/* dup, pop, swap, pick, rot (1 2 3 -> 3 1 2) */
	EXPR(0, 4, C8(2), 0x28, 0x02, END),
	EXPR(0, 2, C8(2), C8(3), 0x29, END),
	EXPR(0, 1, C8(2), C8(3), 0x2b, 0x03, END),
	EXPR(0, 2, C8(2), C8(3), 0x32, 1, END),
	EXPR(-EOVERFLOW, 0, C8(2), C8(3), 0x32, 2, END),
	EXPR(0, 2, C8(1), C8(2), C8(3), 0x33, END),
	EXPR(0, 1, C8(1), C8(2), C8(3), 0x33, 0x29, END),
	/* if_goto taken and not, goto */
	EXPR(0, 7, C8(1), 0x20, 0, 8, C8(9), END, C8(7), END),
	EXPR(0, 9, C8(0), 0x20, 0, 8, C8(9), END, C8(7), END),
	EXPR(0, 7, 0x21, 0, 6, C8(9), END, C8(7), END),
	EXPR(-EINVAL, 0, 0x21, 0xff, 0xff, END),
	EXPR(-ELOOP, 0, 0x21, 0, 0),
	/* variables; tracing */
	EXPR(0, 45, C8(42), 0x2d, 0, 1, 0x2c, 0, 2, END),
	EXPR(0, 0, 0x2e, 0, 1, END),
	EXPR(0, 0, C8(0), C8(4), 0x0c, END),
	EXPR(0, 3, C8(3), 0x0d, 4, END),
	EXPR(0, 3, C8(3), 0x30, 1, 0, END),
	EXPR(0, 0, C8(8), C8(50), 0x2f, END),
	/* under- and overflow, bytes that are no opcode, operands cut off */
	EXPR(-EOVERFLOW, 0, 0x02, END),
	EXPR(-EOVERFLOW, 0, C8(1), 0x02, END),
	EXPR(-EOVERFLOW, 0, 0x29, END),
	EXPR(-EOVERFLOW, 0, 0x28, END),
	EXPR(-EOVERFLOW, 0, C8(1), 0x21, 0, 0),
	EXPR(-EOVERFLOW, 0, 0x34, 0, 0, 1, 0, END),
	EXPR(-EINVAL, 0, 0x00, END),
	EXPR(-EINVAL, 0, 0x01, END),
	EXPR(-EINVAL, 0, 0x1b, END),
	EXPR(-EINVAL, 0, 0x31, END),
	EXPR(-EINVAL, 0, 0x35, END),
	EXPR(-EINVAL, 0, 0xff, END),
	EXPR(-EINVAL, 0, 0x25, 1, 2, 3),
	EXPR(-EINVAL, 0, C8(1)),
};

/* clang-format on */

static void test_arithmetic(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(arithmetic) / sizeof(arithmetic[0]); i++)
		run(&arithmetic[i]);
}

static void test_the_rest(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(the_rest) / sizeof(the_rest[0]); i++)
		run(&the_rest[i]);
	assert_int_equal(traced_len, 3); /* "hi" and its NUL, of the 50 allowed */
}

static void test_big_endian(void **state)
{
	static const uint8_t bytes[] = { C8(0), 0x19, END };
	struct gdb_code code = { bytes, sizeof(bytes) };
	struct gdb_agent_env big = env;
	uint64_t value;

	(void)state;
	big.big_endian = true;
	assert_int_equal(gdb_agent_eval(&big, &code, &value), 0);
	assert_int_equal(value, 0xf1f2f3f4);
}

/* Every function may be missing. */
static void test_no_env(void **state)
{
	static const struct gdb_agent_env none = { .ctx = NULL };
	static const struct expr exprs[] = {
		EXPR(-EOPNOTSUPP, 0, 0x26, 0, 1, END),
		EXPR(-EOPNOTSUPP, 0, C8(0), 0x17, END),
		EXPR(-EOPNOTSUPP, 0, 0x2c, 0, 1, END),
		EXPR(-EOPNOTSUPP, 0, C8(0), 0x2d, 0, 1, END),
		EXPR(0, 0, C8(0), 0x28, 0x0c, END),
		EXPR(0, 0, C8(0), 0x28, 0x2f, END),
		EXPR(-EOPNOTSUPP, 0, C8(0), C8(0), 0x34, 0, 0, 1, 0, END),
	};
	struct gdb_code code;
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(exprs) / sizeof(exprs[0]); i++) {
		code = (struct gdb_code){ exprs[i].code, exprs[i].len };
		assert_int_equal(gdb_agent_eval(&none, &code, &value), exprs[i].rc);
	}
}

/* Arguments are pushed last first, then channel and function. */
static int print(const char *fmt, const uint64_t *args, size_t count)
{
	uint8_t bytes[2048];
	struct gdb_code code = { bytes, 0 };
	size_t len = strlen(fmt) + 1, i, n = 0;
	uint64_t value;
	int bit;

	for (i = count; i--;) {
		bytes[n++] = 0x25;
		for (bit = 56; bit >= 0; bit -= 8)
			bytes[n++] = (uint8_t)(args[i] >> bit);
	}
	memcpy(bytes + n,
	       (uint8_t[]){ C8(0), C8(0), 0x34, (uint8_t)count, (uint8_t)(len >> 8), (uint8_t)len },
	       8);
	n += 8;
	memcpy(bytes + n, fmt, len);
	n += len;
	bytes[n++] = END;
	code.len = n;
	assert_int_equal(gdb_agent_check(&code), 0);
	printed[0] = '\0';
	return gdb_agent_eval(&env, &code, &value);
}

static void test_printf(void **state)
{
	static const uint64_t args[] = { 42, MINUS_ONE, 8 };

	(void)state;
	assert_int_equal(print("plain 100%%\n", NULL, 0), 0);
	assert_string_equal(printed, "plain 100%\n");
	assert_int_equal(print("%d %d %s|", args, 3), 0);
	assert_string_equal(printed, "42 -1 hi|");
	assert_int_equal(print("%#lx %llu %hhd", args, 3), 0);
	assert_string_equal(printed, "0x2a 18446744073709551615 8");
	assert_int_equal(print("%5d|%-5x|%05u", args, 3), 0);
	assert_string_equal(printed, "   42|ffffffff|00008");
	assert_int_equal(print("%c%p%10s", args, 3), 0);
	assert_string_equal(printed, "*0xffffffffffffffff        hi");
	/* More conversions than arguments, unknown ones, an end in the middle. */
	assert_int_equal(print("%d %d", args, 1), 0);
	assert_string_equal(printed, "42 %");
	assert_int_equal(print("%f %n %d", args, 3), 0);
	assert_string_equal(printed, "%f %n 8");
	assert_int_equal(print("%", args, 3), 0);
	assert_string_equal(printed, "%");
	assert_int_equal(print("%lll", args, 3), 0);
	assert_int_equal(print("%.3", args, 3), 0);
	assert_int_equal(print("%999999999999d", args, 3), 0);
	assert_int_equal(strlen(printed), 256);
	assert_int_equal(print("%256d%256d%256d%256d%256d", args, 3), 0);
	assert_true(strlen(printed) <= 1024);
	/* A string that is nowhere. */
	assert_int_equal(print("[%s]", &args[1], 1), 0);
	assert_string_equal(printed, "[]");
}

static void test_check(void **state)
{
	static const uint8_t good[] = { C8(1), 0x20, 0, 5, END };
	static const uint8_t far_jump[] = { C8(1), 0x20, 0, 6, END };
	static const uint8_t cut[] = { C8(1), 0x25, 0 };
	static const uint8_t no_end[] = { C8(1) };
	struct gdb_code code = { good, sizeof(good) };

	(void)state;
	assert_int_equal(gdb_agent_check(&code), 0);
	code = (struct gdb_code){ far_jump, sizeof(far_jump) };
	assert_int_equal(gdb_agent_check(&code), -EINVAL);
	code = (struct gdb_code){ cut, sizeof(cut) };
	assert_int_equal(gdb_agent_check(&code), -EINVAL);
	code = (struct gdb_code){ no_end, sizeof(no_end) };
	assert_int_equal(gdb_agent_check(&code), -EINVAL);
	code = (struct gdb_code){ NULL, 0 };
	assert_int_equal(gdb_agent_check(&code), -EINVAL);
}

static void test_hit(void **state)
{
	static const uint8_t no[] = { C8(0), END }, yes[] = { C8(1), END }, bad[] = { 0xff };
	static const struct gdb_code conds[] = { { no, 3 }, { yes, 3 }, { bad, 1 } };
	struct gdb_bp bp = { .conds = conds }, *copy;

	(void)state;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_REPORT);
	bp.cond_count = 1;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_IGNORE);
	bp.cond_count = 2;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_REPORT);
	bp.conds = &conds[2];
	bp.cond_count = 1;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_REPORT);
	bp.cond_count = 0;
	bp.cmds = &conds[0];
	bp.cmd_count = 2;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_COMMANDS);
	bp.cmd_count = 3;
	assert_int_equal(gdb_bp_hit(&env, &bp), GDB_HIT_REPORT);
	bp.conds = conds;
	bp.cond_count = 1;
	copy = gdb_bp_dup(&bp);
	assert_non_null(copy);
	assert_ptr_not_equal(copy->conds[0].bytes, no);
	assert_memory_equal(copy->conds[0].bytes, no, sizeof(no));
	assert_memory_equal(copy->cmds[1].bytes, yes, sizeof(yes));
	assert_int_equal(gdb_bp_hit(&env, copy), GDB_HIT_IGNORE);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_big_endian), cmocka_unit_test(test_no_env),
		cmocka_unit_test(test_printf),	   cmocka_unit_test(test_check),
		cmocka_unit_test(test_hit),
	};

	return cmocka_run_group_tests_name("rsp-agent", tests, NULL, NULL);
}
