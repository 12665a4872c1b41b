/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One loader against one image: the input is the file, byte for byte. What the
 * loader accepts must be consistent: pieces inside RAM and apart from each
 * other, and a first instruction inside one of them.
 */
#ifndef VITRINE_TESTS_FUZZ_BOOT_H
#define VITRINE_TESTS_FUZZ_BOOT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/regs.h"
#include "vmm/acpi.h"
#include "vmm/boot.h"

#define FUZZ_BOOT_RAM (32ull << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_boot_check_placed(const struct boot_ctx *ctx)
{
	const struct boot_placed *a, *b;
	unsigned int i, j;

	for (i = 0; i < ctx->nr_placed; i++) {
		a = &ctx->placed[i];
		if (!a->len || !mem_span(ctx->mem, a->gpa, a->len))
			abort();
		for (j = 0; j < i; j++) {
			b = &ctx->placed[j];
			if (a->gpa < b->gpa + b->len && b->gpa < a->gpa + a->len)
				abort();
		}
	}
}

/* With paging on, RIP is virtual and the loader has checked where it leads. */
static inline void fuzz_boot_check_state(const struct boot_ctx *ctx, const struct x86_state *st)
{
	if (!(st->cr0 & X86_CR0_PG) && boot_check_entry(ctx, x86_state_linear_rip(st), NULL))
		abort();
	if ((st->cr0 & X86_CR0_PG) && !mem_span(ctx->mem, st->cr3, 4096))
		abort();
}

static inline int fuzz_boot(const struct loader_ops *ops, const uint8_t *data, size_t size)
{
	static const struct boot_config cfg = { .kind = "auto", .cmdline = "fuzz", .nr_cpus = 1 };
	static struct mem *mem;
	static struct boot_ctx ctx;
	struct x86_state st = { .rip = 0 };
	struct err err = ERR_INIT;
	bool probed;
	int ret;

	if (!mem && mem_create(FUZZ_BOOT_RAM, &mem, NULL))
		abort();
	mem_clear(mem);
	memset(&ctx, 0, sizeof(ctx));
	ctx.cfg = &cfg;
	ctx.mem = mem;
	ctx.image = (struct boot_file){ .path = "fuzz", .data = data, .len = size, .fd = -1 };
	if (acpi_place(&ctx, 1, &ctx.rsdp, NULL))
		abort();
	probed = ops->probe(&ctx.image);
	ret = ops->load(&ctx, &st, &err);
	fuzz_boot_check_placed(&ctx);
	if (ret == 0)
		fuzz_boot_check_state(&ctx, &st);
	else if (err.code != -ret || !err.text[0])
		abort(); /* a refusal without a reason */
	if (ret == 0 && !probed)
		abort(); /* what loads must be recognised, too */
	return 0;
}

#endif
