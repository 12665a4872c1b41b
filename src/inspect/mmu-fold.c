/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole address space of a guest as a list of ranges. A million entries
 * must fold within a fraction of a frame's patience, and tables that point at
 * themselves must not keep us: tables read and ranges made are both bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/mmu-priv.h"

#define MMU_FOLD_RANGES 65536u
#define MMU_FOLD_TABLES 32768u
#define MMU_TABLE_LEN	4096u

struct mmu_folder {
	const struct vm_view *view;
	const struct x86_state *st;
	struct mmu_geometry geo;
	struct mmu_fold *out;
	struct mmu_range cur; /* the run being extended; len 0: none */
	bool stop;
	int error;
};

#define MMU_SPLIT (MMU_P | MMU_W | MMU_U | MMU_NX | MMU_G | MMU_RSVD)

static void mmu_fold_flush(struct mmu_folder *fold)
{
	struct mmu_fold *out = fold->out;

	if (!fold->cur.len)
		return;
	if (out->nr >= out->max) {
		out->truncated = true;
		fold->stop = true;
		return;
	}
	if (out->nr == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 64;
		struct mmu_range *range = realloc(out->range, cap * sizeof(*range));

		if (!range) {
			fold->error = -ENOMEM;
			fold->stop = true;
			return;
		}
		out->range = range;
		out->cap = cap;
	}
	out->range[out->nr++] = fold->cur;
	if ((fold->cur.perm & (MMU_P | MMU_W | MMU_NX | MMU_RSVD)) == (MMU_P | MMU_W))
		out->nr_wx++;
	fold->cur.len = 0;
}

static void mmu_fold_add(struct mmu_folder *fold, const struct mmu_range *piece)
{
	struct mmu_range *cur = &fold->cur;

	if (cur->len && cur->gva + cur->len == piece->gva && cur->gpa + cur->len == piece->gpa &&
	    !((cur->perm ^ piece->perm) & MMU_SPLIT)) {
		cur->len += piece->len;
		cur->perm |= piece->perm;
		cur->nr_pages++;
		if (piece->page_len > cur->page_len)
			cur->page_len = piece->page_len;
		return;
	}
	mmu_fold_flush(fold);
	*cur = *piece;
}

static void mmu_fold_leaf(struct mmu_folder *fold, unsigned int level, uint64_t gva, uint64_t entry,
			  unsigned int above)
{
	const struct mmu_geometry *geo = &fold->geo;
	struct mmu_range piece = {
		.gva = gva,
		.len = 1ull << mmu_level_shift(geo, level),
		.perm = mmu_entry_perm(geo, level, entry, above) & ~MMU_PS,
		.nr_pages = 1,
	};

	piece.page_len = piece.len;
	if (mmu_entry_is_leaf(geo, level, entry))
		piece.gpa = mmu_leaf_gpa(geo, level, entry);
	if (mmu_entry_reserved(geo, level, entry)) {
		piece.perm |= MMU_RSVD;
		fold->out->nr_reserved++;
	}
	fold->out->nr_entries++;
	mmu_fold_add(fold, &piece);
}

/* Entry INDEX of a table; constant sizes, so that the compiler makes loads of the copies. */
static inline uint64_t mmu_fold_entry(const uint8_t *table, unsigned int index, unsigned int len)
{
	uint64_t wide;
	uint32_t narrow;

	if (len == sizeof(wide)) {
		memcpy(&wide, table + (size_t)index * sizeof(wide), sizeof(wide));
		return wide;
	}
	memcpy(&narrow, table + (size_t)index * sizeof(narrow), sizeof(narrow));
	return narrow;
}

/* What makes two entries of one last-level table fold without a second look. */
#define MMU_ENTRY_SAME (MMU_ENTRY_P | MMU_ENTRY_W | MMU_ENTRY_U | MMU_ENTRY_G | MMU_ENTRY_NX)

/*
 * A last-level table: where an entry continues its predecessor, which is the
 * rule, extending the run takes a few compares.
 */
static void mmu_fold_last(struct mmu_folder *fold, const uint8_t *table, unsigned int nr,
			  uint64_t gva, unsigned int above)
{
	const struct mmu_geometry *geo = &fold->geo;
	unsigned int len = geo->fmt->entry_len, i;
	/* An address bit above what the guest has is reserved: never on the fast path. */
	uint64_t same = MMU_ENTRY_SAME | ~(geo->addr_mask | 0xfff);
	uint64_t last = 0, next = 0;

	for (i = 0; i < nr && !fold->stop; i++) {
		uint64_t entry = mmu_fold_entry(table, i, len);

		if (!(entry & MMU_ENTRY_P)) {
			last = 0;
			continue;
		}
		if (last && !((entry ^ last) & same) && (entry & geo->addr_mask) == next) {
			fold->cur.len += MMU_TABLE_LEN;
			fold->cur.nr_pages++;
			fold->cur.perm |= entry & MMU_ENTRY_A ? MMU_A : 0;
			fold->cur.perm |= entry & MMU_ENTRY_D ? MMU_D : 0;
			fold->out->nr_entries++;
			next += MMU_TABLE_LEN;
			continue;
		}
		mmu_fold_leaf(fold, 1, gva + (uint64_t)i * MMU_TABLE_LEN, entry, above);
		last = fold->cur.perm & MMU_RSVD ? 0 : entry;
		next = (entry & geo->addr_mask) + MMU_TABLE_LEN;
	}
}

/* Reads the table at GPA; the number of entries that could be read. */
static unsigned int mmu_fold_read(struct mmu_folder *fold, unsigned int level, uint64_t gpa,
				  uint8_t *table)
{
	unsigned int nr = mmu_level_entries(&fold->geo, level);
	unsigned int len = fold->geo.fmt->entry_len;

	if (++fold->out->nr_tables > MMU_FOLD_TABLES) {
		fold->out->truncated = true;
		fold->stop = true;
		return 0;
	}
	if (fold->geo.mode == MMU_PAE && level == 3 && fold->st->pdptrs_valid) {
		memcpy(table, fold->st->pdptr, sizeof(fold->st->pdptr));
		return nr;
	}
	return (unsigned int)(view_read(fold->view, gpa, table, (size_t)nr * len) / len);
}

/* Recursion is at most five deep: LEVEL falls with each call. */
static void mmu_fold_table(struct mmu_folder *fold, unsigned int level, uint64_t gpa, uint64_t gva,
			   unsigned int above)
{
	const struct mmu_geometry *geo = &fold->geo;
	unsigned int shift = mmu_level_shift(geo, level);
	unsigned int len = geo->fmt->entry_len, nr, i;
	uint8_t table[MMU_TABLE_LEN];

	nr = mmu_fold_read(fold, level, gpa, table);
	if (level == 1) {
		mmu_fold_last(fold, table, nr, gva, above);
		return;
	}
	for (i = 0; i < nr && !fold->stop; i++) {
		uint64_t at = mmu_sign_extend(geo, gva + ((uint64_t)i << shift));
		uint64_t entry = mmu_fold_entry(table, i, len);

		if (!(entry & MMU_ENTRY_P))
			continue;
		if (mmu_entry_is_leaf(geo, level, entry) || mmu_entry_reserved(geo, level, entry))
			mmu_fold_leaf(fold, level, at, entry, above);
		else
			mmu_fold_table(fold, level - 1, entry & geo->addr_mask, at,
				       mmu_entry_perm(geo, level, entry, above));
	}
}

int mmu_fold(const struct vm_view *view, const struct x86_state *st, struct mmu_fold *out)
{
	struct mmu_folder fold = { .view = view, .st = st, .out = out };
	size_t max = out->max ? out->max : MMU_FOLD_RANGES;

	memset(out, 0, sizeof(*out));
	out->max = max;
	mmu_geometry_of(st, &fold.geo);
	if (fold.geo.mode == MMU_OFF)
		fold.cur = (struct mmu_range){ .len = 1ull << 32,
					       .perm = MMU_P | MMU_W | MMU_U,
					       .page_len = MMU_TABLE_LEN,
					       .nr_pages = 1u << 20 };
	else
		mmu_fold_table(&fold, fold.geo.fmt->nr_levels, fold.geo.root, 0,
			       MMU_P | MMU_W | MMU_U);
	if (!fold.stop)
		mmu_fold_flush(&fold);
	if (fold.error)
		mmu_fold_free(out);
	return fold.error;
}

void mmu_fold_free(struct mmu_fold *fold)
{
	free(fold->range);
	fold->range = NULL;
	fold->nr = fold->cap = 0;
}
