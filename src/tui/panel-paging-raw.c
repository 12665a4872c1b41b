/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Screen 2's raw tables: see panel-paging-raw.h. */
#include "tui/panel-paging-raw.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "tui/fmt.h"
#include "tui/panel-parts.h"

#define RAW_NO_ENTRY UINT64_MAX

static void raw_push(struct paging_raw *raw, struct panel *pan, uint64_t gpa, unsigned int level,
		     uint64_t gva)
{
	if (raw->depth == PAGING_RAW_DEPTH)
		return;
	if (raw->depth)
		raw->at[raw->depth - 1].cursor = pan->cursor;
	raw->at[raw->depth].gpa = gpa;
	raw->at[raw->depth].level = level;
	raw->at[raw->depth].gva = gva;
	raw->depth++;
	pan->cursor = pan->scroll = 0;
	pan->filter[0] = '\0';
}

static bool raw_read(struct paging_raw *raw, const struct panel_ctx *ctx,
		     const struct x86_state *st)
{
	unsigned int last = raw->depth - 1;

	return raw->depth && !mmu_table_read(ctx->view, st, raw->at[last].gpa, raw->at[last].level,
					     raw->at[last].gva, &raw->tab, NULL);
}

/* Lines of the list that precede entry INDEX: a run of empty ones is one line. */
static int raw_position(const struct mmu_table *tab, unsigned int index)
{
	bool empty = false;
	int nr = 0;

	for (unsigned int i = 0; i < index && i < tab->nr; i++) {
		if (tab->entry[i].raw || !empty)
			nr++;
		empty = !tab->entry[i].raw;
	}
	if (empty && index < tab->nr && !tab->entry[index].raw)
		nr--;
	return nr;
}

void paging_raw_open(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, uint64_t gva)
{
	uint64_t gpa, base = 0;
	struct mmu_walk walk;
	unsigned int level;

	raw->depth = 0;
	if (!mmu_table_top(st, &gpa, &level))
		return;
	mmu_walk(ctx->view, st, gva, &walk);
	raw_push(raw, pan, gpa, level, 0);
	for (unsigned int i = 0; i < walk.nr_levels; i++) {
		const struct mmu_entry *ent;

		if (!raw_read(raw, ctx, st) || walk.level[i].index >= raw->tab.nr)
			return;
		ent = &raw->tab.entry[walk.level[i].index];
		pan->cursor = raw_position(&raw->tab, walk.level[i].index);
		base = ent->gva;
		if (ent->present && !ent->leaf && i + 1 < walk.nr_levels)
			raw_push(raw, pan, ent->target, raw->tab.level - 1, base);
	}
}

bool paging_raw_goto(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, const char *text)
{
	const char *comma = strchr(text, ',');
	unsigned int level, top;
	char addr[64];
	uint64_t gpa;

	if (!mmu_table_top(st, &gpa, &top))
		return false;
	level = top;
	snprintf(addr, sizeof(addr), "%.*s", comma ? (int)(comma - text) : 63, text);
	if (!panel_address(ctx, addr, &gpa))
		return false;
	if (comma)
		level = (unsigned int)strtoul(comma + 1, NULL, 10);
	if (level < 1 || level > top)
		return false;
	raw->depth = 0;
	raw_push(raw, pan, gpa & ~(top == 3 && level == 3 ? 0x1full : 0xfffull), level, 0);
	return true;
}

bool paging_raw_enter(struct paging_raw *raw, struct panel *pan)
{
	const struct mmu_entry *ent = &raw->tab.entry[raw->under];

	if (!raw->on_entry || !ent->present || ent->leaf || raw->tab.level < 2)
		return false;
	raw_push(raw, pan, ent->target, raw->tab.level - 1, ent->gva);
	return true;
}

void paging_raw_back(struct paging_raw *raw, struct panel *pan)
{
	pan->filter[0] = '\0';
	if (!raw->depth || !--raw->depth) {
		pan->cursor = pan->scroll = 0;
		return;
	}
	pan->cursor = raw->at[raw->depth - 1].cursor;
}

static void raw_add_entry(struct paging_raw *raw, const struct panel_ctx *ctx,
			  const struct x86_state *st, unsigned int index, int cols)
{
	const struct mmu_entry *ent = &raw->tab.entry[index];
	int digits = raw->tab.mode == MMU_32 ? 8 : 16;
	char flags[MMU_FLAGS_MAX], addr[FMT_MAX], name[64];
	const char *wrong = ent->reserved  ? AS_BAD " reserved bits"
			    : ent->outside ? AS_WARN " not RAM"
					   : "";

	if (!ent->present) {
		lines_add(&raw->list, " [%3u] %0*" PRIx64 AS_DIM "  absent, but not empty", index,
			  digits, ent->raw);
	} else {
		sym_text(ctx->syms, ent->gva, name, sizeof(name));
		lines_add(&raw->list,
			  " [%3u] %0*" PRIx64 "  %s%012" PRIx64 AS_NORMAL " %s  %-16s" AS_SYMBOL
			  "%s%s%s",
			  index, digits, ent->raw, ent->leaf ? AS_GOOD "= " : AS_KEY "▸ ",
			  ent->target,
			  cols < 76 ? fmt_tail(ent->gva, addr) : fmt_addr(st, ent->gva, addr),
			  mmu_flags_text(&raw->tab, index, flags), wrong, name[0] ? " " : "", name);
	}
	lines_tag(&raw->list, index);
}

/* Returns false where there is no such table. */
static bool raw_build(struct paging_raw *raw, const struct panel_ctx *ctx,
		      const struct x86_state *st, int cols)
{
	unsigned int absent = 0, i;

	lines_clear(&raw->list);
	if (!raw_read(raw, ctx, st))
		return false;
	for (i = 0; i <= raw->tab.nr; i++) {
		bool empty = i < raw->tab.nr && !raw->tab.entry[i].raw;

		absent += empty;
		if (empty)
			continue;
		if (absent) {
			lines_add(&raw->list, AS_DIM " [%3u] %u empty", i - absent, absent);
			lines_tag(&raw->list, RAW_NO_ENTRY);
		}
		absent = 0;
		if (i < raw->tab.nr)
			raw_add_entry(raw, ctx, st, i, cols);
	}
	return true;
}

/* "PML4 1000 [1ff] ▸ PDPT 2000 [1fe] ▸ PD 3000": how one got here. */
static void raw_draw_path(const struct paging_raw *raw, struct surface *sf, struct rect area)
{
	int col = 1;

	for (unsigned int i = 0; i < raw->depth; i++) {
		bool last = i + 1 == raw->depth;

		col = surface_printf(sf, area, 0, col, last ? STYLE_TITLE : STYLE_NORMAL,
				     "%s %" PRIx64, mmu_level_name(raw->tab.mode, raw->at[i].level),
				     raw->at[i].gpa);
		if (!last)
			col = surface_text(sf, area, 0, col, STYLE_DIM, " ▸ ");
	}
	if (col + 2 + 18 <= area.cols)
		surface_printf(sf, area, 0, col + 2, STYLE_DIM, "%u of %u present",
			       raw->tab.nr_present, raw->tab.nr);
}

void paging_raw_draw(struct paging_raw *raw, struct panel *pan, const struct panel_ctx *ctx,
		     const struct x86_state *st, struct surface *sf, struct rect area)
{
	const struct line *under;
	bool ok = raw_build(raw, ctx, st, area.cols);

	raw_draw_path(raw, sf, area);
	area.row++;
	area.rows--;
	if (!ok || !raw->tab.readable) {
		surface_text(sf, area, 0, 1, STYLE_BAD,
			     ok ? "the table lies outside RAM"
				: "this mode of paging has no tables of that level");
		raw->on_entry = false;
		return;
	}
	under = lines_draw(&raw->list, pan, sf, area, pan->focused);
	raw->on_entry = under && under->tag < raw->tab.nr;
	raw->under = raw->on_entry ? (unsigned int)under->tag : 0;
}

int paging_raw_rows(struct paging_raw *raw, const struct panel_ctx *ctx, const struct x86_state *st)
{
	return raw_build(raw, ctx, st, 80) ? (int)raw->list.nr + 2 : 2;
}

json_t *paging_raw_object(struct paging_raw *raw, const struct panel_ctx *ctx,
			  const struct x86_state *st)
{
	json_t *list = json_array();
	bool ok = raw_build(raw, ctx, st, 80);
	char text[4][FMT_MAX], flags[MMU_FLAGS_MAX];

	for (unsigned int i = 0; ok && i < raw->tab.nr; i++) {
		const struct mmu_entry *ent = &raw->tab.entry[i];

		if (!ent->raw)
			continue;
		snprintf(text[0], FMT_MAX, "0x%" PRIx64, ent->raw);
		snprintf(text[1], FMT_MAX, "0x%" PRIx64, ent->gva);
		snprintf(text[2], FMT_MAX, "0x%" PRIx64, ent->target);
		json_array_append_new(
			list,
			json_pack("{s:i, s:s, s:s, s:b, s:b, s:s, s:I, s:s, s:b, s:b}", "index",
				  (int)i, "entry", text[0], "gva", text[1], "present", ent->present,
				  "leaf", ent->leaf, "target", text[2], "len", (json_int_t)ent->len,
				  "flags", ent->present ? mmu_flags_text(&raw->tab, i, flags) : "",
				  "reserved", ent->reserved, "outside", ent->outside));
	}
	snprintf(text[3], FMT_MAX, "0x%" PRIx64, raw->depth ? raw->at[raw->depth - 1].gpa : 0);
	return json_pack(
		"{s:s, s:i, s:s, s:b, s:i, s:o}", "gpa", text[3], "level", (int)raw->tab.level,
		"name", ok ? mmu_level_name(raw->tab.mode, raw->tab.level) : "", "readable",
		ok && raw->tab.readable, "present", (int)raw->tab.nr_present, "entries", list);
}
