/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's page tables, folded into ranges with the permissions of all levels
 * combined; and one address explained level by level. Folding is redone when the
 * guest stops anew, and now and then while it runs.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"
#include "inspect/mmu-lint.h"
#include "inspect/regs.h"
#include "tui/fmt.h"
#include "tui/lines.h"
#include "tui/panel-paging-raw.h"
#include "tui/panel-parts.h"

#define PAGING_EVERY_NS 200000000ull /* while running, at most five times a second */
#define PAGING_SHARE	20	     /* and at most a twentieth of the time */

struct paging {
	struct mmu_fold fold;
	struct lines list;
	bool valid;
	uint64_t fold_ns, every_ns, cr3, cr4;
	uint32_t stop_count;
	unsigned int vcpu;
	int cols;
	struct mmu_lint lint;
	struct mmu_fold before; /* at the stop before, for DIFF */
	bool diff;
	bool has_root; /* somebody else's tables: CR3 is ROOT */
	uint64_t root;
	struct x86_state st; /* with that CR3 */
	bool explain;
	uint64_t gva;	   /* explained */
	uint64_t alias_of; /* physical address looked for, and how many ranges map it */
	size_t aliases;
	uint64_t cursor; /* gva of the range under the cursor */
	int cursor_row;	 /* where it was when the raw tables were opened */
	struct paging_raw raw;
};

static int paging_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct paging));
	pan->has_cursor = true;
	return pan->data ? 0 : -ENOMEM;
}

static void paging_destroy(struct panel *pan)
{
	struct paging *pg = pan->data;

	if (!pg)
		return;
	mmu_fold_free(&pg->fold);
	mmu_fold_free(&pg->before);
	lines_free(&pg->list);
	lines_free(&pg->raw.list);
	free(pg);
}

/* Whose tables are shown: the vCPU's, or those of another CR3. */
static const struct x86_state *paging_state(struct paging *pg, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);

	if (!st || !pg->has_root)
		return st;
	pg->st = *st;
	pg->st.cr3 = pg->root;
	pg->st.pdptrs_valid = false;
	return &pg->st;
}

/* "RW- SG AD": reading, writing, executing; user or supervisor; global; accessed, dirty. */
static const char *paging_flags(unsigned int perm, char *out)
{
	out[0] = perm & MMU_P ? 'R' : '-';
	out[1] = perm & MMU_W ? 'W' : '-';
	out[2] = perm & MMU_NX ? '-' : 'X';
	out[3] = ' ';
	out[4] = perm & MMU_U ? 'U' : 'S';
	out[5] = perm & MMU_G ? 'G' : '-';
	out[6] = perm & MMU_A ? 'A' : '-';
	out[7] = perm & MMU_D ? 'D' : '-';
	out[8] = '\0';
	return out;
}

static bool paging_wx(unsigned int perm)
{
	return (perm & MMU_W) && !(perm & MMU_NX);
}

static bool paging_holds(const struct mmu_range *range, uint64_t gva)
{
	return gva >= range->gva && gva - range->gva < range->len;
}

/* What the physical side of a range is, where it is not plain RAM. */
static const char *paging_physical(const struct vm_view *view, const struct mmu_range *range)
{
	const struct sample_region *region = view_region(view, range->gpa);

	if (range->gpa == 0xfee00000)
		return "LAPIC";
	if (range->gpa == 0xfec00000)
		return "IOAPIC";
	if (!region)
		return "no RAM there";
	if (range->gpa + range->len > region->gpa + region->len)
		return NULL;
	if (region->type == SAMPLE_REGION_VGA)
		return "VGA memory";
	if (region->type == SAMPLE_REGION_ROM)
		return "ROM";
	return NULL;
}

/* What a range is for, in a word or two. */
static const char *paging_what(const struct panel_ctx *ctx, const struct x86_state *st,
			       const struct mmu_range *range, char *out, size_t len)
{
	const char *name = sym_section(ctx->syms, range->gva);
	const char *here = paging_holds(range, x86_state_linear_rip(st))   ? "◂rip "
			   : paging_holds(range, x86_state_linear_rsp(st)) ? "◂rsp "
									   : "";
	uint64_t off = 1;

	if (!name) {
		const char *sym = sym_find(ctx->syms, range->gva, &off);

		name = sym && off == 0 ? sym : paging_physical(ctx->view, range);
	}
	if (!name)
		name = range->gva == range->gpa ? "identity" : "";
	snprintf(out, len, "%s%s", here, name);
	return out;
}

static void paging_add_range(struct paging *pg, const struct panel_ctx *ctx,
			     const struct x86_state *st, const struct mmu_range *range)
{
	char first[FMT_MAX], last[FMT_MAX], size[FMT_MAX], page[FMT_MAX], flags[12], what[96];
	const char *name = paging_what(ctx, st, range, what, sizeof(what));
	bool wx = paging_wx(range->perm);
	const char *mark = wx ? AS_WARN "!" : " ";

	if (pg->diff) {
		enum mmu_change change = mmu_range_change(&pg->before, range);

		mark = change == MMU_ADDED     ? AS_CHANGED "+"
		       : change == MMU_CHANGED ? AS_CHANGED "~"
					       : " ";
	}
	parse_size_text(range->len, size);
	parse_size_text(range->page_len, page);
	paging_flags(range->perm, flags);
	if (pg->cols >= 66)
		lines_add(&pg->list,
			  "%s" AS_NORMAL "%s-%s %5s %s%s" AS_NORMAL " %3s %-10.8" PRIx64
			  "%s" AS_SYMBOL "%s",
			  mark, fmt_addr(st, range->gva, first),
			  fmt_addr(st, range->gva + range->len - 1, last), size, wx ? AS_WARN : "",
			  flags, page, range->gpa, wx ? AS_WARN "W+X " : "", name);
	else
		lines_add(&pg->list, "%s" AS_NORMAL "%s %5s %s%s %s" AS_SYMBOL "%s", mark,
			  fmt_addr(st, range->gva, first), size, wx ? AS_WARN : "", flags,
			  wx ? "W+X " : "", name);
	lines_tag(&pg->list, range->gva);
}

/* Is the fold at hand still good enough to draw? */
static bool paging_fresh(const struct paging *pg, const struct panel_ctx *ctx,
			 const struct x86_state *st)
{
	uint64_t age = ctx->view->now_ns - pg->fold_ns;

	if (!pg->valid || pg->vcpu != ctx->vcpu || pg->stop_count != ctx->view->stop_count)
		return false;
	if (pg->cr3 != st->cr3 || pg->cr4 != st->cr4)
		return age < pg->every_ns;
	return age < (ctx->live ? pg->every_ns : 5 * PAGING_EVERY_NS);
}

/* What lint says beyond W+X, which the list marks itself; the worst of it at most. */
static void paging_add_lint(struct paging *pg, const struct x86_state *st, bool all)
{
	unsigned int shown = 0;
	char addr[FMT_MAX];

	for (int worst = MMU_BAD; worst >= MMU_NOTE; worst--)
		for (unsigned int i = 0; i < pg->lint.nr; i++) {
			const struct mmu_finding *at = &pg->lint.finding[i];

			if (mmu_lint_severity(at->kind) != (enum mmu_severity)worst ||
			    at->kind == MMU_LINT_WX || (!all && (worst == MMU_NOTE || shown == 3)))
				continue;
			shown++;
			lines_head(&pg->list, "%s%s %s  %s",
				   worst == MMU_BAD    ? AS_BAD
				   : worst == MMU_WARN ? AS_WARN
						       : AS_DIM,
				   worst == MMU_NOTE ? "·" : "!", fmt_addr(st, at->gva, addr),
				   at->text);
		}
}

/* Ranges of the stop before that are no more. */
static void paging_add_removed(struct paging *pg, const struct x86_state *st)
{
	char first[FMT_MAX], last[FMT_MAX], size[FMT_MAX];

	for (size_t i = 0; pg->diff && i < pg->before.nr; i++) {
		const struct mmu_range *range = &pg->before.range[i];

		if (mmu_range_change(&pg->fold, range) != MMU_ADDED)
			continue;
		parse_size_text(range->len, size);
		lines_add(&pg->list, AS_CHANGED "-" AS_DIM "%s-%s %5s gone",
			  fmt_addr(st, range->gva, first),
			  fmt_addr(st, range->gva + range->len - 1, last), size);
		lines_tag(&pg->list, range->gva);
	}
}

/* The fold of the stop before is what a diff compares with. */
static void paging_remember(struct paging *pg, const struct panel_ctx *ctx)
{
	if (pg->valid && pg->stop_count != ctx->view->stop_count) {
		mmu_fold_free(&pg->before);
		pg->before = pg->fold;
		memset(&pg->fold, 0, sizeof(pg->fold));
	} else {
		mmu_fold_free(&pg->fold);
	}
}

static void paging_fold(struct paging *pg, const struct panel_ctx *ctx, const struct x86_state *st,
			int cols, bool all)
{
	uint64_t began = time_now_ns(), cost;
	bool fresh = paging_fresh(pg, ctx, st);

	if (fresh && pg->cols == cols)
		return;
	if (!fresh) {
		paging_remember(pg, ctx);
		pg->valid = mmu_fold(ctx->view, st, &pg->fold) == 0;
		mmu_lint(ctx->view, st, &pg->lint);
		pg->fold_ns = ctx->view->now_ns;
		pg->stop_count = ctx->view->stop_count;
		pg->vcpu = ctx->vcpu;
		pg->cr3 = st->cr3;
		pg->cr4 = st->cr4;
	}
	pg->cols = cols;
	lines_clear(&pg->list);
	paging_add_lint(pg, st, all);
	for (size_t i = 0; pg->valid && i < pg->fold.nr; i++)
		paging_add_range(pg, ctx, st, &pg->fold.range[i]);
	paging_add_removed(pg, st);
	cost = time_now_ns() - began;
	pg->every_ns =
		cost * PAGING_SHARE > PAGING_EVERY_NS ? cost * PAGING_SHARE : PAGING_EVERY_NS;
}

static struct rect paging_slice(struct rect *from, int rows)
{
	struct rect part = *from;

	rows = rows < from->rows ? rows : from->rows;
	part.rows = rows;
	from->row += rows;
	from->rows -= rows;
	return part;
}

static const char *const paging_level_names[] = { "?", "PT", "PD", "PDPT", "PML4", "PML5" };

/* "P RW U A D PS G NX" of one entry. */
static void paging_entry_text(const struct mmu_level *lv, enum mmu_mode mode, char *out, size_t len)
{
	uint64_t e = lv->entry;
	bool leaf = lv->level == 1 || (e & 0x80 && lv->level <= 3);

	snprintf(out, len, "P %s %s %s%s%s%s%s", e & 2 ? "RW" : "R-", e & 4 ? "U" : "S",
		 e & 0x20 ? "A" : "-", leaf ? (e & 0x40 ? "D" : "-") : "",
		 lv->level > 1 && leaf ? " PS" : "", leaf && e & 0x100 ? " G" : "",
		 mode != MMU_32 && e >> 63 ? " NX" : "");
}

static void paging_draw_level(const struct mmu_explain *ex, unsigned int i, struct surface *sf,
			      struct rect area, int row)
{
	const struct mmu_level *lv = &ex->walk.level[i];
	bool last = i + 1 == ex->walk.nr_levels, bad = lv->reserved || !lv->readable;
	char flags[40];
	int col;

	flags[0] = '\0';
	if (lv->entry & 1)
		paging_entry_text(lv, ex->walk.mode, flags, sizeof(flags));
	col = surface_printf(sf, area, row, 2, STYLE_NORMAL, "L%d %-4s ", lv->level,
			     paging_level_names[lv->level <= 5 ? lv->level : 0]);
	if (area.cols >= 72)
		col = surface_printf(sf, area, row, col, STYLE_DIM, "@%012" PRIx64 " ",
				     lv->entry_gpa);
	col = surface_printf(sf, area, row, col, STYLE_NORMAL, "[%3d] = %016" PRIx64 "  %-14s ",
			     lv->index, lv->entry, flags);
	if (!lv->readable)
		surface_text(sf, area, row, col, STYLE_BAD, "✗ the table is outside RAM");
	else if (lv->reserved)
		surface_text(sf, area, row, col, STYLE_BAD, "✗ reserved bit set");
	else if (!(lv->entry & 1))
		surface_text(sf, area, row, col, STYLE_BAD, "✗ absent");
	else if (last && !bad)
		surface_printf(sf, area, row, col, STYLE_GOOD, "→ %" PRIx64, ex->walk.gpa);
	else
		surface_printf(sf, area, row, col, STYLE_DIM, "→ %" PRIx64,
			       (uint64_t)(lv->entry & 0xffffffffff000ull));
}

/* One kind of access, as the kernel and as a user program. */
static void paging_draw_access(const struct panel_ctx *ctx, const struct x86_state *st,
			       uint64_t gva, enum mmu_access access, struct surface *sf,
			       struct rect area, int row)
{
	static const char *const names[] = { "read", "write", "fetch" };
	int col = surface_printf(sf, area, row, 2, STYLE_NORMAL, "%-6s", names[access]);

	for (unsigned int cpl = 0; cpl <= 3; cpl += 3) {
		struct mmu_explain ex;

		mmu_explain(ctx->view, st, gva, access, cpl, &ex);
		col = surface_printf(sf, area, row, col + 1, STYLE_DIM, "CPL%u ", cpl);
		if (!ex.faults)
			col = surface_printf(sf, area, row, col, STYLE_GOOD, "%-12s", "ok");
		else
			col = surface_printf(sf, area, row, col, STYLE_BAD, "%s err %-4x",
					     ex.is_gp ? "#GP" : "#PF", ex.error_code);
	}
}

/* The first thing worth a sentence: why the kernel, or else a user, may not. */
static void paging_reason(const struct panel_ctx *ctx, const struct x86_state *st, uint64_t gva,
			  struct mmu_explain *ex)
{
	mmu_explain(ctx->view, st, gva, MMU_ACCESS_READ, 0, ex);
	if (!ex->faults)
		mmu_explain(ctx->view, st, gva, MMU_ACCESS_WRITE, 0, ex);
	if (!ex->faults)
		mmu_explain(ctx->view, st, gva, MMU_ACCESS_READ, 3, ex);
	if (!ex->faults)
		mmu_explain(ctx->view, st, gva, MMU_ACCESS_FETCH, 0, ex);
}

/* The explanation of one address; returns the rows used. */
static int paging_draw_explain(const struct paging *pg, const struct panel_ctx *ctx,
			       const struct x86_state *st, struct surface *sf, struct rect area)
{
	struct mmu_explain ex;
	char addr[FMT_MAX], sym[96];
	int row = 0, col;

	sym_text(ctx->syms, pg->gva, sym, sizeof(sym));
	col = surface_printf(sf, area, row, 1, STYLE_TITLE, "explain ");
	col = surface_printf(sf, area, row, col, STYLE_NORMAL, "%s", fmt_addr(st, pg->gva, addr));
	surface_printf(sf, area, row++, col + 2, STYLE_SYMBOL, "%s", sym);
	paging_reason(ctx, st, pg->gva, &ex);
	for (unsigned int i = 0; i < ex.walk.nr_levels; i++)
		paging_draw_level(&ex, i, sf, area, row++);
	if (ex.walk.mode == MMU_OFF)
		surface_printf(sf, area, row++, 2, STYLE_NORMAL,
			       "paging is off: the address is physical");
	for (int access = MMU_ACCESS_READ; access <= MMU_ACCESS_FETCH; access++)
		paging_draw_access(ctx, st, pg->gva, (enum mmu_access)access, sf, area, row++);
	if (ex.reason[0])
		surface_printf(sf, area, row++, 2, STYLE_NORMAL, "%s", ex.reason);
	surface_hline(sf, area, row++, STYLE_BORDER);
	return row;
}

static void paging_draw_flags(const struct x86_state *st, struct surface *sf, struct rect area)
{
	struct {
		const char *name;
		bool on;
	} bit[] = {
		{ "WP", st->cr0 & X86_CR0_WP },	     { "NX", st->efer & X86_EFER_NXE },
		{ "PGE", st->cr4 & X86_CR4_PGE },    { "PSE", st->cr4 & X86_CR4_PSE },
		{ "SMEP", st->cr4 & X86_CR4_SMEP },  { "SMAP", st->cr4 & X86_CR4_SMAP },
		{ "PCID", st->cr4 & X86_CR4_PCIDE }, { "PKU", st->cr4 & X86_CR4_PKE },
	};
	int col = surface_printf(sf, area, 0, 1, STYLE_NORMAL, "cr3 %" PRIx64 "  %s", st->cr3,
				 mmu_mode_name(mmu_mode_of(st)));

	for (size_t i = 0; i < sizeof(bit) / sizeof(bit[0]); i++)
		col = surface_printf(sf, area, 0, col + 2, bit[i].on ? STYLE_NORMAL : STYLE_DIM,
				     "%s=%d", bit[i].name, bit[i].on);
}

static void paging_draw_heads(const struct x86_state *st, struct surface *sf, struct rect area)
{
	bool wide = x86_state_mode(st) == X86_MODE_LONG64;

	if (area.cols >= 66)
		surface_printf(sf, area, 0, 1, STYLE_DIM, "%-*s %5s %-8s %3s %-10s%s",
			       wide ? 33 : 17, "virtual addresses", "size", "access", "pg",
			       "physical", "what");
	else
		surface_printf(sf, area, 0, 1, STYLE_DIM, "%-*s %5s %-8s %s", wide ? 16 : 8, "from",
			       "size", "access", "what");
}

static void paging_draw_sum(const struct paging *pg, struct surface *sf, struct rect area)
{
	const struct mmu_fold *fold = &pg->fold;
	int col;

	if (area.cols < 66) {
		col = surface_printf(sf, area, 0, 1, STYLE_DIM, "%zu ranges%s", fold->nr,
				     fold->truncated ? " and more" : "");
		if (fold->nr_wx)
			surface_printf(sf, area, 0, col + 2, STYLE_WARN, "%u W+X", fold->nr_wx);
		return;
	}
	col = surface_printf(sf, area, 0, 1, STYLE_DIM,
			     "%zu ranges, %" PRIu64 " entries in %" PRIu64 " tables", fold->nr,
			     fold->nr_entries, fold->nr_tables);

	col = surface_printf(sf, area, 0, col + 2, fold->nr_wx ? STYLE_WARN : STYLE_DIM,
			     "%u writable and executable", fold->nr_wx);
	if (fold->nr_reserved)
		col = surface_printf(sf, area, 0, col + 2, STYLE_BAD, "%u with reserved bits",
				     fold->nr_reserved);
	if (fold->truncated)
		surface_text(sf, area, 0, col + 2, STYLE_WARN, "more: cut off");
}

/* Put the cursor on the range that holds GVA, or the one before it. */
static void paging_seek(struct panel *pan, uint64_t gva)
{
	const struct paging *pg = pan->data;

	pan->filter[0] = '\0';
	pan->cursor = 0;
	for (size_t i = 0; i < pg->fold.nr && pg->fold.range[i].gva <= gva; i++)
		pan->cursor = (int)i;
}

/*
 * "cr3=1000": those tables, "cr3=0": the vCPU's own again; "pa:b8000": where that is mapped;
 * "table:3000,2": the raw table there, of that level.
 */
static void paging_take_words(struct panel *pan, const struct panel_ctx *ctx,
			      const struct x86_state *st)
{
	struct paging *pg = pan->data;
	uint64_t val, gva;

	if (!strncmp(pan->goal, "cr3=", 4) && panel_address(ctx, pan->goal + 4, &val)) {
		pg->has_root = val != 0;
		pg->root = val;
		pg->valid = false;
	} else if (!strncmp(pan->goal, "table:", 6)) {
		paging_raw_goto(&pg->raw, pan, ctx, st, pan->goal + 6);
	} else if (!strncmp(pan->goal, "pa:", 3) && panel_address(ctx, pan->goal + 3, &val)) {
		pg->aliases = mmu_reverse(&pg->fold, val, &gva, 1);
		pg->alias_of = val;
		snprintf(pan->filter, sizeof(pan->filter), "%s", "");
		if (pg->aliases) {
			snprintf(pan->goal, sizeof(pan->goal), "%" PRIx64, gva);
			return;
		}
	} else {
		return;
	}
	pan->goal[0] = '\0';
}

static void paging_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
			struct rect area)
{
	struct paging *pg = pan->data;
	const struct x86_state *st = paging_state(pg, ctx);
	const struct line *under;
	struct rect sum;

	if (!st) {
		surface_text(sf, area, 0, 0, STYLE_DIM, "no vCPU to show");
		return;
	}
	paging_fold(pg, ctx, st, area.cols, pan->whole);
	paging_take_words(pan, ctx, st);
	if (panel_goal(pan, ctx, &pg->gva)) {
		pg->explain = true;
		pg->raw.depth = 0;
		paging_seek(pan, pg->gva);
	}
	paging_draw_flags(st, sf, paging_slice(&area, 1));
	if (pg->explain && area.rows >= 8)
		paging_slice(&area, paging_draw_explain(pg, ctx, st, sf, area));
	if (mmu_mode_of(st) == MMU_OFF) {
		surface_text(sf, area, 0, 1, STYLE_NORMAL,
			     "Paging is off: every address is a physical one.");
		return;
	}
	if (pg->raw.depth) {
		paging_raw_draw(&pg->raw, pan, ctx, st, sf, area);
		if (pg->raw.on_entry)
			pg->cursor = pg->raw.tab.entry[pg->raw.under].gva;
		return;
	}
	sum = area;
	sum.row += area.rows - 1;
	sum.rows = 1;
	if (area.rows > 3)
		area.rows--;
	paging_draw_heads(st, sf, paging_slice(&area, 1));
	under = lines_draw(&pg->list, pan, sf, area, pan->focused);
	pg->cursor = under ? under->tag : 0;
	if (pg->valid && !pg->fold.nr)
		surface_text(sf, area, 0, 1, STYLE_WARN, "nothing is mapped");
	if (sum.row != area.row)
		paging_draw_sum(pg, sf, sum);
}

/* From a range to the tables that make it, and on from table to table; a page is explained. */
static bool paging_enter(struct panel *pan, const struct panel_ctx *ctx)
{
	struct paging *pg = pan->data;
	const struct x86_state *st = paging_state(pg, ctx);

	if (!st || mmu_mode_of(st) == MMU_OFF)
		return false;
	if (pg->raw.depth)
		return paging_raw_enter(&pg->raw, pan);
	pg->cursor_row = pan->cursor;
	pg->explain = false;
	paging_raw_open(&pg->raw, pan, ctx, st, pg->cursor);
	return true;
}

static bool paging_leave_table(struct panel *pan)
{
	struct paging *pg = pan->data;

	if (!pg->raw.depth)
		return false;
	paging_raw_back(&pg->raw, pan);
	if (!pg->raw.depth)
		pan->cursor = pg->cursor_row;
	return true;
}

static unsigned int paging_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	struct paging *pg = pan->data;

	if (req == REQ_ENTER && paging_enter(pan, ctx))
		return PANEL_HANDLED | PANEL_REDRAW;
	if (req == REQ_EXPLAIN || req == REQ_ENTER) {
		pg->explain = !pg->explain || pg->gva != pg->cursor;
		pg->gva = pg->cursor;
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	if (req == REQ_DIFF) {
		pg->diff = !pg->diff;
		pg->cols = 0; /* the list is made anew */
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	if (req == REQ_BACK && pg->explain) {
		pg->explain = false;
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	if (req == REQ_BACK && paging_leave_table(pan))
		return PANEL_HANDLED | PANEL_REDRAW;
	if (req == REQ_BACK && pg->has_root) {
		pg->has_root = pg->valid = false;
		return PANEL_HANDLED | PANEL_REDRAW;
	}
	return PANEL_IGNORED;
}

static bool paging_target(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr)
{
	const struct paging *pg = pan->data;

	(void)ctx;
	*addr = pg->explain ? pg->gva : pg->cursor;
	return pg->valid;
}

static void paging_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	struct paging *pg = pan->data;
	const struct x86_state *st = paging_state(pg, ctx);
	char more[64] = "";

	if (!st)
		return;
	if (pg->aliases)
		snprintf(more, sizeof(more), "  %" PRIx64 " is mapped %zu time%s", pg->alias_of,
			 pg->aliases, pg->aliases == 1 ? "" : "s");
	snprintf(out, len, "vcpu%u %scr3 %" PRIx64 "%s%s%s", ctx->vcpu,
		 pg->has_root ? "another " : "", st->cr3, pg->fold.nr_wx ? "  ! W+X" : "",
		 pg->diff ? "  since the stop before" : "", more);
}

static int paging_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct paging *pg = pan->data;

	if (!st)
		return 1;
	paging_fold(pg, ctx, st, cols, pan->whole);
	paging_take_words(pan, ctx, st);
	if (pg->raw.depth)
		return paging_raw_rows(&pg->raw, ctx, st) + 1;
	return (int)pg->list.nr + 3 + (pan->goal[0] ? 11 : 0);
}

static json_t *paging_range_object(const struct panel_ctx *ctx, const struct x86_state *st,
				   const struct mmu_range *range)
{
	char gva[FMT_MAX], gpa[FMT_MAX], flags[16], what[96];

	snprintf(gva, sizeof(gva), "0x%" PRIx64, range->gva);
	snprintf(gpa, sizeof(gpa), "0x%" PRIx64, range->gpa);
	return json_pack("{s:s, s:I, s:s, s:s, s:b, s:b, s:b, s:I, s:s}", "gva", gva, "len",
			 (json_int_t)range->len, "gpa", gpa, "flags",
			 mmu_perm_text(range->perm, flags), "writable", !!(range->perm & MMU_W),
			 "executable", !(range->perm & MMU_NX), "user", !!(range->perm & MMU_U),
			 "page", (json_int_t)range->page_len, "what",
			 paging_what(ctx, st, range, what, sizeof(what)));
}

static json_t *paging_lint_object(const struct mmu_finding *at)
{
	static const char *const severity[] = { "note", "warn", "bad" };
	char gva[FMT_MAX], entry[FMT_MAX];

	snprintf(gva, sizeof(gva), "0x%" PRIx64, at->gva);
	snprintf(entry, sizeof(entry), "0x%" PRIx64, at->entry);
	return json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:s}", "kind", mmu_lint_name(at->kind),
			 "severity", severity[mmu_lint_severity(at->kind)], "gva", gva, "len",
			 (json_int_t)at->len, "level", at->level, "entry", entry, "text", at->text);
}

static char *paging_json(struct panel *pan, const struct panel_ctx *ctx)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct paging *pg = pan->data;
	json_t *list = json_array(), *lint = json_array(), *obj;
	char cr3[FMT_MAX], *text;

	if (!st) {
		json_decref(list);
		json_decref(lint);
		return NULL;
	}
	paging_fold(pg, ctx, st, 80, true);
	paging_take_words(pan, ctx, st);
	for (size_t i = 0; i < pg->fold.nr && !pg->raw.depth; i++)
		json_array_append_new(list, paging_range_object(ctx, st, &pg->fold.range[i]));
	for (unsigned int i = 0; i < pg->lint.nr; i++)
		json_array_append_new(lint, paging_lint_object(&pg->lint.finding[i]));
	snprintf(cr3, sizeof(cr3), "0x%" PRIx64, st->cr3);
	obj = json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:b, s:o, s:o}", "mode",
			mmu_mode_name(mmu_mode_of(st)), "cr3", cr3, "entries",
			(json_int_t)pg->fold.nr_entries, "tables", (json_int_t)pg->fold.nr_tables,
			"writable_executable", (int)pg->fold.nr_wx, "reserved",
			(int)pg->fold.nr_reserved, "truncated", pg->fold.truncated, "ranges", list,
			"lint", lint);
	if (pg->raw.depth)
		json_object_set_new(obj, "table", paging_raw_object(&pg->raw, ctx, st));
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request paging_verbs[] = { REQ_ENTER, REQ_EXPLAIN,   REQ_GOTO, REQ_FILTER,
					     REQ_DIFF,	REQ_NEXT_VCPU, REQ_STEP, REQ_CONTINUE,
					     REQ_PAUSE, REQ_YANK,      REQ_NONE };

const struct panel_ops panel_paging_ops = {
	.id = "paging",
	.title = "Paging",
	.min_rows = 2,
	.min_cols = 36,
	.create = paging_create,
	.destroy = paging_destroy,
	.draw = paging_draw,
	.request = paging_request,
	.json = paging_json,
	.subtitle = paging_subtitle,
	.rows = paging_rows,
	.target = paging_target,
	.verbs = paging_verbs,
};
