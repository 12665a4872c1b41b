/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people type behind `catch`: parsed, printed, and its condition evaluated. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/catch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_name(void *ctx, const char *name, uint64_t *out)
{
	(void)ctx;
	*out = strlen(name) * 0x9e3779b97f4a7c15ull;
	return name[0] != 'x';
}

static bool fuzz_mem(void *ctx, uint64_t addr, uint64_t *out)
{
	(void)ctx;
	*out = addr * 3;
	return addr & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct expr_names names = { .reg = fuzz_name, .sym = fuzz_name };
	static const struct x86_state st;
	struct dbg_caught what = { .kind = DBG_CATCH_PORT, .at = 0x3f8, .size = 1 };
	struct err err = ERR_INIT;
	char text[1024], said[512];
	struct dbg_catch ct;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (catch_parse(text, &names, &ct, &err)) {
		if (!err.text[0])
			abort(); /* refused without a reason */
		return 0;
	}
	ct.id = 1;
	catch_print(&ct, said, sizeof(said));
	(void)dbg_catch_matches(&ct, &what);
	(void)catch_holds(&ct, &what, &st, fuzz_mem, NULL);
	return 0;
}
