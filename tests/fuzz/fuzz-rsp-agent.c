/* SPDX-License-Identifier: MIT */
/*
 * Agent expressions of any bytes: evaluated whether the check likes them or not, as condition and
 * as command of a breakpoint.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gdb/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_reg(void *ctx, uint32_t regnum, uint64_t *value)
{
	(void)ctx;
	*value = regnum * 0x9e3779b97f4a7c15ull;
	return regnum < 1000 ? 0 : -EINVAL;
}

/* Readable below 64 KiB; every 256th byte ends a string. */
static int fuzz_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t i;

	(void)ctx;
	if (addr >= 0x10000 || len < 1 || len > 8)
		return -EFAULT;
	for (i = 0; i < len; i++)
		to[i] = (uint8_t)(addr + i);
	return 0;
}

static int fuzz_var_get(void *ctx, uint32_t var, uint64_t *value)
{
	*value = *(uint64_t *)ctx + var;
	return 0;
}

static int fuzz_var_set(void *ctx, uint32_t var, uint64_t value)
{
	*(uint64_t *)ctx = value + var;
	return 0;
}

static void fuzz_print(void *ctx, const char *text, size_t len)
{
	size_t i;

	if (len > 1024)
		abort();
	for (i = 0; i < len; i++)
		*(uint64_t *)ctx += (uint8_t)text[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gdb_code code = { data, size };
	struct gdb_bp bp = { .conds = &code, .cond_count = 1, .cmds = &code, .cmd_count = 1 },
		      *copy;
	uint64_t var = 0, value;
	const struct gdb_agent_env env = {
		.ctx = &var,
		.big_endian = size & 1,
		.reg = fuzz_reg,
		.mem = fuzz_mem,
		.var_get = fuzz_var_get,
		.var_set = fuzz_var_set,
		.print = fuzz_print,
	};
	int rc = gdb_agent_eval(&env, &code, &value);

	if (rc > 0)
		abort();
	gdb_agent_check(&code);
	copy = gdb_bp_dup(&bp);
	if (copy)
		gdb_bp_hit(&env, copy);
	free(copy);
	return 0;
}
