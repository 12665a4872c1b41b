/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes at addresses: --load ADDR:FILE (placed already), --entry ADDR, --mode 16|32|64. */
#include <errno.h>

#include "vmm/boot.h"

#define RAW_REAL_END   0x100000ull
#define RAW_REAL_STACK 0x7c00

static bool raw_probe(const struct boot_file *image)
{
	(void)image;
	return false; /* only when asked for */
}

static int raw_check(const struct boot_ctx *ctx, struct err *err)
{
	const struct boot_config *cfg = ctx->cfg;

	if (cfg->image)
		return err_set(err, EINVAL,
			       "--boot raw takes --load ADDR:FILE instead of an image");
	if (!cfg->nr_load)
		return err_set(err, EINVAL, "nothing to run: give an image, or --load ADDR:FILE");
	if (!cfg->has_entry || !cfg->mode)
		return err_set(err, EINVAL,
			       "--load without an image needs --entry ADDR and --mode "
			       "16|32|64");
	if (cfg->mode != 16 && cfg->mode != 32 && cfg->mode != 64)
		return err_set(err, EINVAL, "--mode %u: 16, 32 or 64", cfg->mode);
	if (cfg->mode == 16 && cfg->entry >= RAW_REAL_END)
		return err_set(err, EINVAL, "--entry 0x%llx: real mode starts below 1 MiB",
			       (unsigned long long)cfg->entry);
	if (cfg->mode == 32 && cfg->entry > UINT32_MAX)
		return err_set(err, EINVAL, "--entry 0x%llx: above 4 GiB",
			       (unsigned long long)cfg->entry);
	return boot_check_no_initrd(ctx, err);
}

/* A segment that makes the offset small where it can: 0 below 64 KiB, else the 64 KiB block. */
static void raw_enter_16(const struct boot_ctx *ctx, struct x86_state *st)
{
	uint64_t entry = ctx->cfg->entry;

	boot_state_real(st, (uint16_t)((entry & ~0xffffull) >> 4), (uint16_t)entry);
	st->gpr[X86_RSP] = RAW_REAL_STACK;
}

static int raw_enter_flat(struct boot_ctx *ctx, bool is64, struct x86_state *st, struct err *err)
{
	const struct boot_config *cfg = ctx->cfg;
	/* an entry above 4 GiB is reachable only if its page is mapped too */
	const struct boot_map map = { cfg->entry & ~0x1fffffull, cfg->entry & ~0x1fffffull,
				      0x200000 };
	uint64_t gdt, stack, cr3 = 0;
	int ret = 0;

	if (is64)
		ret = boot_place_tables(ctx, &map, 1, &cr3, err);
	if (!ret)
		ret = boot_place_stack(ctx, &stack, err);
	if (!ret)
		ret = boot_place_gdt(ctx, is64, &gdt, err);
	if (ret)
		return ret;
	if (is64)
		boot_state_long64(st, cfg->entry, cr3, gdt);
	else
		boot_state_prot32(st, (uint32_t)cfg->entry, gdt);
	st->gpr[X86_RSP] = stack;
	return 0;
}

static int raw_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	int ret = raw_check(ctx, err);

	if (!ret)
		ret = boot_check_entry(ctx, ctx->cfg->entry, err);
	if (ret)
		return ret;
	if (ctx->cfg->mode == 16) {
		raw_enter_16(ctx, st);
		return 0;
	}
	return raw_enter_flat(ctx, ctx->cfg->mode == 64, st, err);
}

const struct loader_ops boot_raw_ops = {
	.name = "raw",
	.probe = raw_probe,
	.load = raw_load,
};
