/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Suspicious entries, reverse lookup, differences: see mmu-lint.h. */
#include "inspect/mmu-lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/mmu-priv.h"

#define MMU_LINT_TABLES 8192u
#define MMU_TABLE_LEN	4096u

#define MMU_ENTRY_PWT	   (1ull << 3)
#define MMU_ENTRY_PCD	   (1ull << 4)
#define MMU_ENTRY_PAT_4K   (1ull << 7)
#define MMU_ENTRY_PAT_LONG (1ull << 12)

struct mmu_linter {
	const struct vm_view *view;
	const struct x86_state *st;
	struct mmu_geometry geo;
	struct mmu_lint *out;
	unsigned int tables;
	uint64_t table[MMU_LINT_TABLES]; /* gpa of those met, for MMU_LINT_USER_TABLE */
	bool stop;
};

static const struct {
	const char *name;
	enum mmu_severity severity;
} mmu_lint_kinds[MMU_LINT_NR] = {
	[MMU_LINT_RESERVED] = { "reserved", MMU_BAD },
	[MMU_LINT_TABLE] = { "table", MMU_BAD },
	[MMU_LINT_WX] = { "wx", MMU_WARN },
	[MMU_LINT_USER_HIGH] = { "user-kernel", MMU_WARN },
	[MMU_LINT_USER_CODE] = { "user-code", MMU_BAD },
	[MMU_LINT_USER_TABLE] = { "user-table", MMU_BAD },
	[MMU_LINT_NOWHERE] = { "nowhere", MMU_WARN },
	[MMU_LINT_CACHE] = { "cache", MMU_NOTE },
	[MMU_LINT_SELF] = { "self-map", MMU_NOTE },
};

enum mmu_severity mmu_lint_severity(enum mmu_lint_kind kind)
{
	return kind < MMU_LINT_NR ? mmu_lint_kinds[kind].severity : MMU_NOTE;
}

const char *mmu_lint_name(enum mmu_lint_kind kind)
{
	return kind < MMU_LINT_NR ? mmu_lint_kinds[kind].name : "?";
}

/* One entry, where it stands. */
struct mmu_lint_at {
	unsigned int level;
	uint64_t gva, entry_gpa, entry;
};

/* A new finding, or the last one of its kind and text grown by a neighbour. */
__attribute__((format(printf, 4, 5))) static void mmu_lint_add(struct mmu_linter *lint,
							       const struct mmu_lint_at *at,
							       enum mmu_lint_kind kind,
							       const char *fmt, ...)
{
	uint64_t len = 1ull << mmu_level_shift(&lint->geo, at->level);
	struct mmu_lint *out = lint->out;
	struct mmu_finding *last;
	char text[sizeof(last->text)];
	unsigned int i;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (i = out->nr; i > 0 && i + 3 > out->nr; i--) {
		last = &out->finding[i - 1];
		if (last->kind == kind && last->gva + last->len == at->gva &&
		    !strcmp(last->text, text)) {
			last->len += len;
			return;
		}
	}
	if (out->nr == MMU_LINT_MAX) {
		out->more++;
		return;
	}
	last = &out->finding[out->nr++];
	*last = (struct mmu_finding){ .kind = kind,
				      .gva = at->gva,
				      .len = len,
				      .entry_gpa = at->entry_gpa,
				      .entry = at->entry,
				      .level = (uint8_t)at->level };
	memcpy(last->text, text, sizeof(text));
}

/* --- what a leaf may be blamed for --- */

/* The type of memory that PAT gives the leaf ENTRY (SDM 3A 12.12.3): 0 UC .. 6 WB, 7 UC-. */
static unsigned int mmu_lint_type(const struct mmu_linter *lint, const struct mmu_lint_at *at)
{
	uint64_t pat =
		lint->st->msr[X86_MSR_PAT] ? lint->st->msr[X86_MSR_PAT] : 0x0007040600070406ull;
	uint64_t bit = at->level == 1 ? MMU_ENTRY_PAT_4K : MMU_ENTRY_PAT_LONG;
	unsigned int index = (at->entry & MMU_ENTRY_PWT ? 1 : 0) |
			     (at->entry & MMU_ENTRY_PCD ? 2 : 0) | (at->entry & bit ? 4 : 0);

	return pat >> (index * 8) & 7;
}

static const char *mmu_lint_window(uint64_t gpa)
{
	if (gpa >> 12 == 0xfee00)
		return "the local APIC";
	if (gpa >> 12 == 0xfec00)
		return "the I/O APIC";
	if (gpa >> 12 == 0xfed00)
		return "the HPET";
	/* From 3 GiB to 4 GiB this machine has its PCI window; behind RAM above, 64-bit BARs. */
	if (gpa >= 0xc0000000 && gpa < 0x100000000)
		return "PCI";
	return NULL;
}

static void mmu_lint_memory(struct mmu_linter *lint, const struct mmu_lint_at *at, uint64_t gpa)
{
	const struct sample_region *region = view_region(lint->view, gpa);
	const char *window = mmu_lint_window(gpa);
	unsigned int type = mmu_lint_type(lint, at);
	bool cached = type >= 4 && type != 7;

	if (region && region->type == SAMPLE_REGION_RAM && !cached)
		mmu_lint_add(lint, at, MMU_LINT_CACHE, "RAM, but %s",
			     type == 1 ? "write-combining" : "uncached");
	else if (!region && window && cached && gpa >> 20 == 0xfee)
		mmu_lint_add(lint, at, MMU_LINT_CACHE, "%s mapped with caching", window);
	else if (!region && !window && gpa < 0x100000000)
		mmu_lint_add(lint, at, MMU_LINT_NOWHERE, "physical memory that is not there");
}

static int mmu_lint_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Is one of the tables within [GPA, GPA + LEN)? They are sorted by then. */
static bool mmu_lint_holds_table(const struct mmu_linter *lint, uint64_t gpa, uint64_t len)
{
	size_t low = 0, high = lint->tables;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (lint->table[mid] < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low < lint->tables && lint->table[low] - gpa < len;
}

static void mmu_lint_leaf(struct mmu_linter *lint, const struct mmu_lint_at *at, unsigned int perm)
{
	uint64_t len = 1ull << mmu_level_shift(&lint->geo, at->level);
	uint64_t rip = x86_state_linear_rip(lint->st);
	uint64_t gpa = mmu_leaf_gpa(&lint->geo, at->level, at->entry);
	bool user_write = (perm & (MMU_U | MMU_W)) == (MMU_U | MMU_W);

	if (perm & MMU_W && !(perm & MMU_NX) && lint->geo.nx)
		mmu_lint_add(lint, at, MMU_LINT_WX, "writable and executable%s",
			     perm & MMU_U ? ", for ring 3 too" : "");
	if (perm & MMU_U && at->gva >> 63)
		mmu_lint_add(lint, at, MMU_LINT_USER_HIGH, "in the kernel's half, open to ring 3%s",
			     perm & MMU_W ? " for writing" : "");
	if (user_write && x86_state_cpl(lint->st) == 0 && rip >= at->gva && rip - at->gva < len)
		mmu_lint_add(lint, at, MMU_LINT_USER_CODE,
			     "the kernel runs here, and ring 3 may write here");
	if (user_write && mmu_lint_holds_table(lint, gpa, len))
		mmu_lint_add(lint, at, MMU_LINT_USER_TABLE, "page tables that ring 3 may write");
	mmu_lint_memory(lint, at, gpa);
}

static void mmu_lint_reserved(struct mmu_linter *lint, const struct mmu_lint_at *at)
{
	bool leaf = mmu_entry_is_leaf(&lint->geo, at->level, at->entry);
	uint64_t low = (1ull << mmu_level_shift(&lint->geo, at->level)) - 1;
	const char *name = mmu_table_name(lint->geo.mode, at->level);

	if (leaf && at->level > 1 && at->entry & low & ~0x1fffull)
		mmu_lint_add(lint, at, MMU_LINT_RESERVED,
			     "%s entry: its large page does not begin at a multiple of its size",
			     name);
	else if (at->entry & MMU_ENTRY_NX && !lint->geo.nx)
		mmu_lint_add(lint, at, MMU_LINT_RESERVED,
			     "%s entry: NX is set, but EFER.NXE is not", name);
	else if (at->level > 3 && at->entry & MMU_ENTRY_PS)
		mmu_lint_add(lint, at, MMU_LINT_RESERVED,
			     "%s entry: PS is set, no page is so large", name);
	else
		mmu_lint_add(lint, at, MMU_LINT_RESERVED,
			     "%s entry: an address or other bit that must be zero is set", name);
}

/* --- the tables --- */

static bool mmu_lint_read(struct mmu_linter *lint, unsigned int level, uint64_t gpa, uint8_t *table,
			  unsigned int *nr)
{
	unsigned int len = lint->geo.fmt->entry_len;

	*nr = mmu_level_entries(&lint->geo, level);
	if (lint->geo.mode == MMU_PAE && level == 3 && lint->st->pdptrs_valid) {
		memcpy(table, lint->st->pdptr, sizeof(lint->st->pdptr));
		return true;
	}
	*nr = (unsigned int)(view_read(lint->view, gpa, table, (size_t)*nr * len) / len);
	return *nr != 0;
}

static uint64_t mmu_lint_entry(const uint8_t *table, unsigned int index, unsigned int len)
{
	uint64_t wide = 0;

	memcpy(&wide, table + (size_t)index * len, len);
	return wide;
}

/* An entry that leads further down; whether to go there. */
static bool mmu_lint_descend(struct mmu_linter *lint, const struct mmu_lint_at *at, bool tell)
{
	uint64_t next = at->entry & lint->geo.addr_mask;

	if (next == lint->geo.root && at->level == lint->geo.fmt->nr_levels) {
		if (tell)
			mmu_lint_add(lint, at, MMU_LINT_SELF,
				     "the tables themselves (self-map in the top table)");
		return false;
	}
	if (view_region(lint->view, next))
		return true;
	if (tell)
		mmu_lint_add(lint, at, MMU_LINT_TABLE, "%s entry: its table at %llx is not in RAM",
			     mmu_table_name(lint->geo.mode, at->level), (unsigned long long)next);
	return false;
}

/* JUDGE false: only collect the tables. Recursion is at most five deep. */
static void mmu_lint_table(struct mmu_linter *lint, unsigned int level, uint64_t gpa, uint64_t gva,
			   unsigned int above, bool judge)
{
	const struct mmu_geometry *geo = &lint->geo;
	struct mmu_lint_at at = { .level = level };
	uint8_t table[MMU_TABLE_LEN];
	unsigned int nr, i;

	if (lint->tables == MMU_LINT_TABLES || !mmu_lint_read(lint, level, gpa, table, &nr)) {
		lint->stop |= lint->tables == MMU_LINT_TABLES;
		return;
	}
	if (!judge)
		lint->table[lint->tables++] = gpa;
	for (i = 0; i < nr && !lint->stop; i++) {
		at.entry = mmu_lint_entry(table, i, geo->fmt->entry_len);
		if (!(at.entry & MMU_ENTRY_P))
			continue;
		at.gva = mmu_sign_extend(geo, gva + ((uint64_t)i << mmu_level_shift(geo, level)));
		at.entry_gpa = gpa + (uint64_t)i * geo->fmt->entry_len;
		if (mmu_entry_reserved(geo, level, at.entry)) {
			if (judge)
				mmu_lint_reserved(lint, &at);
		} else if (mmu_entry_is_leaf(geo, level, at.entry)) {
			if (judge)
				mmu_lint_leaf(lint, &at,
					      mmu_entry_perm(geo, level, at.entry, above));
		} else if (mmu_lint_descend(lint, &at, judge)) {
			mmu_lint_table(lint, level - 1, at.entry & geo->addr_mask, at.gva,
				       mmu_entry_perm(geo, level, at.entry, above), judge);
		}
	}
}

int mmu_lint(const struct vm_view *view, const struct x86_state *st, struct mmu_lint *out)
{
	const unsigned int all = MMU_P | MMU_W | MMU_U;
	struct mmu_linter *lint = calloc(1, sizeof(*lint));
	unsigned int tables;

	memset(out, 0, sizeof(*out));
	if (!lint)
		return -ENOMEM;
	lint->view = view;
	lint->st = st;
	lint->out = out;
	mmu_geometry_of(st, &lint->geo);
	if (lint->geo.mode != MMU_OFF) {
		mmu_lint_table(lint, lint->geo.fmt->nr_levels, lint->geo.root, 0, all, false);
		out->truncated = lint->stop;
		tables = lint->tables;
		qsort(lint->table, tables, sizeof(lint->table[0]), mmu_lint_compare);
		lint->tables = tables == MMU_LINT_TABLES ? tables - 1 : tables;
		lint->stop = false;
		if (!out->truncated)
			mmu_lint_table(lint, lint->geo.fmt->nr_levels, lint->geo.root, 0, all,
				       true);
	}
	free(lint);
	return 0;
}

size_t mmu_tables(const struct vm_view *view, const struct x86_state *st, uint64_t *gpa, size_t max)
{
	struct mmu_linter *lint = calloc(1, sizeof(*lint));
	size_t nr;

	if (!lint)
		return 0;
	lint->view = view;
	lint->st = st;
	mmu_geometry_of(st, &lint->geo);
	if (lint->geo.mode != MMU_OFF)
		mmu_lint_table(lint, lint->geo.fmt->nr_levels, lint->geo.root, 0, 0, false);
	nr = lint->tables < max ? lint->tables : max;
	memcpy(gpa, lint->table, nr * sizeof(gpa[0]));
	free(lint);
	return nr;
}

void mmu_lint_text(const struct mmu_lint *lint, struct buf *out)
{
	static const char *const mark[] = { "note", "warn", "BAD " };
	unsigned int i;

	for (i = 0; i < lint->nr; i++) {
		const struct mmu_finding *at = &lint->finding[i];

		buf_printf(out, "%s  %016llx-%016llx  L%u  %s\n", mark[mmu_lint_severity(at->kind)],
			   (unsigned long long)at->gva, (unsigned long long)(at->gva + at->len - 1),
			   at->level, at->text);
	}
	if (lint->more)
		buf_printf(out, "and %llu more\n", (unsigned long long)lint->more);
	if (lint->truncated)
		buf_puts(out, "too many tables: not looked through\n");
	else if (!lint->nr)
		buf_puts(out, "nothing to complain about\n");
}

/* --- reverse lookup, differences --- */

size_t mmu_reverse(const struct mmu_fold *fold, uint64_t gpa, uint64_t *gva, size_t max)
{
	size_t i, nr = 0;

	for (i = 0; i < fold->nr; i++) {
		const struct mmu_range *range = &fold->range[i];

		if (range->perm & MMU_RSVD || gpa < range->gpa || gpa - range->gpa >= range->len)
			continue;
		if (nr < max)
			gva[nr] = range->gva + (gpa - range->gpa);
		nr++;
	}
	return nr;
}

enum mmu_change mmu_range_change(const struct mmu_fold *before, const struct mmu_range *range)
{
	const unsigned int mask = MMU_P | MMU_W | MMU_U | MMU_NX | MMU_G | MMU_RSVD;
	size_t low = 0, high = before->nr;
	const struct mmu_range *old;

	/* The last range of BEFORE that begins at or below this one. */
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (before->range[mid].gva <= range->gva)
			low = mid + 1;
		else
			high = mid;
	}
	if (low && before->range[low - 1].gva + before->range[low - 1].len - 1 >= range->gva) {
		old = &before->range[low - 1];
		return old->gva == range->gva && old->len == range->len && old->gpa == range->gpa &&
				       (old->perm & mask) == (range->perm & mask)
			       ? MMU_SAME
			       : MMU_CHANGED;
	}
	if (low < before->nr && before->range[low].gva - range->gva < range->len)
		return MMU_CHANGED;
	return MMU_ADDED;
}
