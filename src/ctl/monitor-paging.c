/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's words on page tables: ranges, lint, and where memory is mapped. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/monitor.h"
#include "inspect/mmu-lint.h"
#include "inspect/mmu-table.h"

#define PAGING_ALIASES 64

static int paging_no_vcpu(struct err *err)
{
	return err_set(err, ENODEV, "there is no vCPU to look at");
}

/* The chosen vCPU's state, with another CR3 where the argument names one. */
static int paging_state(const struct monitor_ctx *ctx, const char *cr3, struct x86_state *out,
			struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);

	if (!st)
		return paging_no_vcpu(err);
	*out = *st;
	if (!cr3)
		return 0;
	out->pdptrs_valid = false;
	return monitor_eval(ctx, cr3, &out->cr3, err);
}

static void paging_range_text(const struct monitor_ctx *ctx, const struct mmu_range *range,
			      struct buf *out)
{
	const char *section = sym_section(ctx->syms, range->gva);
	char perm[12], size[16], page[16];

	parse_size_text(range->len, size);
	parse_size_text(range->page_len, page);
	buf_printf(out, "%016llx-%016llx %6s %s %4s -> %012llx%s%s\n",
		   (unsigned long long)range->gva,
		   (unsigned long long)(range->gva + range->len - 1), size,
		   mmu_perm_text(range->perm, perm), page, (unsigned long long)range->gpa,
		   section ? "  " : "", section ? section : "");
}

static int paging_info(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	struct mmu_fold fold = { 0 };
	struct x86_state st;
	size_t i;
	int ret;

	ret = paging_state(ctx, args->nr ? args->word[0] : NULL, &st, err);
	if (ret < 0)
		return ret;
	if (mmu_fold(ctx->view, &st, &fold) < 0)
		return err_sys(err, ENOMEM, "page tables");
	buf_printf(out, "%s paging, cr3 %llx\n", mmu_mode_name(mmu_mode_of(&st)),
		   (unsigned long long)st.cr3);
	for (i = 0; i < fold.nr && !out->failed; i++)
		paging_range_text(ctx, &fold.range[i], out);
	if (fold.truncated)
		buf_puts(out, "(there is more)\n");
	mmu_fold_free(&fold);
	return 0;
}

static int paging_lint(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	struct mmu_lint *lint = malloc(sizeof(*lint));
	struct x86_state st;
	int ret;

	if (!lint)
		return err_sys(err, ENOMEM, "lint");
	ret = paging_state(ctx, args->nr ? args->word[0] : NULL, &st, err);
	if (ret == 0 && mmu_lint(ctx->view, &st, lint) < 0)
		ret = err_sys(err, ENOMEM, "lint");
	if (ret == 0)
		mmu_lint_text(lint, out);
	free(lint);
	return ret;
}

/* A table of the chosen vCPU's mode: the one CR3 names, or the one at an address. */
static int paging_table(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	struct mmu_table *tab;
	unsigned int level;
	uint64_t gpa, val;
	int ret = 0;

	if (!st)
		return paging_no_vcpu(err);
	if (!mmu_table_top(st, &gpa, &level))
		return err_set(err, EINVAL, "paging is off");
	if (args->nr > 0)
		ret = monitor_eval(ctx, args->word[0], &gpa, err);
	if (ret == 0 && args->nr > 1) {
		ret = monitor_eval(ctx, args->word[1], &val, err);
		level = val <= 5 ? (unsigned int)val : 0;
	}
	if (ret < 0)
		return ret;
	tab = malloc(sizeof(*tab));
	if (!tab)
		return err_sys(err, ENOMEM, "page table");
	ret = mmu_table_read(ctx->view, st, gpa & ~0x1full, level, 0, tab, err);
	if (ret == 0)
		mmu_table_text(tab, ctx->syms, out);
	free(tab);
	return ret;
}

static int paging_gpa2gva(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	uint64_t gva[PAGING_ALIASES], gpa;
	struct mmu_fold fold = { 0 };
	struct x86_state st;
	char where[96];
	size_t nr, i;
	int ret;

	ret = paging_state(ctx, args->nr > 1 ? args->word[1] : NULL, &st, err);
	if (ret == 0)
		ret = monitor_eval(ctx, args->word[0], &gpa, err);
	if (ret < 0)
		return ret;
	if (mmu_fold(ctx->view, &st, &fold) < 0)
		return err_sys(err, ENOMEM, "page tables");
	nr = mmu_reverse(&fold, gpa, gva, PAGING_ALIASES);
	for (i = 0; i < nr && i < PAGING_ALIASES; i++)
		buf_printf(out, "%016llx %s\n", (unsigned long long)gva[i],
			   sym_text(ctx->syms, gva[i], where, sizeof(where)));
	if (!nr)
		buf_printf(out, "%llx is mapped nowhere%s\n", (unsigned long long)gpa,
			   view_region(ctx->view, gpa) ? "" : ", and is not RAM");
	mmu_fold_free(&fold);
	return 0;
}

const struct monitor_command monitor_paging_commands[] = {
	{ "info paging", "[cr3]", "page tables as ranges with rights, size and memory", 1, 0,
	  MONITOR_COMPLETE_SYMBOL, paging_info },
	{ "info lint", "[cr3]", "what is suspicious in the page tables", 1, 0,
	  MONITOR_COMPLETE_SYMBOL, paging_lint },
	{ "info table", "[gpa [level]]",
	  "a page table, entry by entry; without an address the top one", 2, 0,
	  MONITOR_COMPLETE_NONE, paging_table },
	{ "gpa2gva", "addr [cr3]", "every guest-virtual address of a guest-physical one", 2, 1,
	  MONITOR_COMPLETE_NONE, paging_gpa2gva },
};
const size_t monitor_paging_commands_len =
	sizeof(monitor_paging_commands) / sizeof(monitor_paging_commands[0]);
