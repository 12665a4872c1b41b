/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's page tables (SDM 3A chapter 4): one address walked, an access
 * explained. Structures are read through a callback, so that the same walker
 * serves views, fixtures and stopped VMs. Nothing here trusts the tables.
 */
#include "inspect/mmu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect/mmu-priv.h"

static const struct mmu_format mmu_formats[] = {
	[MMU_OFF] = { .nr_levels = 0, .va_bits = 32 },
	[MMU_32] = { .nr_levels = 2, .index_bits = 10, .entry_len = 4, .va_bits = 32 },
	[MMU_PAE] = { .nr_levels = 3, .index_bits = 9, .entry_len = 8, .va_bits = 32 },
	[MMU_4LEVEL] = { .nr_levels = 4, .index_bits = 9, .entry_len = 8, .va_bits = 48 },
	[MMU_5LEVEL] = { .nr_levels = 5, .index_bits = 9, .entry_len = 8, .va_bits = 57 },
};

enum mmu_mode mmu_mode_of(const struct x86_state *st)
{
	if (!(st->cr0 & X86_CR0_PG))
		return MMU_OFF;
	if (st->efer & X86_EFER_LMA)
		return st->cr4 & X86_CR4_LA57 ? MMU_5LEVEL : MMU_4LEVEL;
	return st->cr4 & X86_CR4_PAE ? MMU_PAE : MMU_32;
}

const char *mmu_mode_name(enum mmu_mode mode)
{
	static const char *const name[] = {
		[MMU_OFF] = "off",	  [MMU_32] = "32-bit",	    [MMU_PAE] = "PAE",
		[MMU_4LEVEL] = "4-level", [MMU_5LEVEL] = "5-level",
	};

	return (unsigned int)mode < sizeof(name) / sizeof(name[0]) ? name[mode] : "unknown";
}

static uint64_t mmu_bits(unsigned int high, unsigned int low)
{
	return high < low ? 0 : (~0ull >> (63 - high)) & (~0ull << low);
}

void mmu_geometry_of(const struct x86_state *st, struct mmu_geometry *geo)
{
	unsigned int maxphy = st->maxphyaddr;

	memset(geo, 0, sizeof(*geo));
	geo->mode = mmu_mode_of(st);
	geo->fmt = &mmu_formats[geo->mode];
	if (maxphy < 32 || maxphy > 52)
		maxphy = 52; /* unknown: no address bit counts as reserved */
	geo->addr_mask = mmu_bits(maxphy - 1, 12);
	geo->pse = geo->mode != MMU_32 || st->cr4 & X86_CR4_PSE;
	geo->nx = geo->mode >= MMU_PAE && st->efer & X86_EFER_NXE;
	geo->maxphy = maxphy;
	switch (geo->mode) {
	case MMU_OFF:
		break;
	case MMU_32:
		geo->addr_mask = 0xfffff000;
		geo->root = st->cr3 & 0xfffff000;
		break;
	case MMU_PAE:
		geo->root = st->cr3 & 0xffffffe0;
		break;
	case MMU_4LEVEL:
	case MMU_5LEVEL:
		geo->root = st->cr3 & geo->addr_mask; /* PCID and LAM bits masked */
		break;
	}
}

unsigned int mmu_level_shift(const struct mmu_geometry *geo, unsigned int level)
{
	return 12 + (level - 1) * geo->fmt->index_bits;
}

unsigned int mmu_level_entries(const struct mmu_geometry *geo, unsigned int level)
{
	if (geo->mode == MMU_PAE && level == 3)
		return 4;
	return 1u << geo->fmt->index_bits;
}

bool mmu_entry_is_leaf(const struct mmu_geometry *geo, unsigned int level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (!(entry & MMU_ENTRY_PS) || !geo->pse || level > 3)
		return false;
	return level == 2 || geo->mode >= MMU_4LEVEL;
}

/* Bits of a present entry that must be zero, SDM 3A tables 4-4 to 4-20. */
static uint64_t mmu_reserved_mask(const struct mmu_geometry *geo, unsigned int level, bool leaf)
{
	uint64_t mask;

	if (geo->mode == MMU_32) {
		if (level == 1 || !leaf)
			return 0;
		/* PSE-36: bits 20..13 are address bits 39..32, as many as there are. */
		return mmu_bits(21, geo->maxphy >= 40 ? 21 : geo->maxphy - 32 + 13);
	}
	mask = mmu_bits(51, geo->maxphy);
	if (geo->mode == MMU_PAE)
		mask |= mmu_bits(62, 52);
	if (!geo->nx)
		mask |= MMU_ENTRY_NX;
	if (geo->mode == MMU_PAE && level == 3)
		return mask | MMU_ENTRY_NX | mmu_bits(8, 5) | mmu_bits(2, 1);
	if (level > 3)
		mask |= MMU_ENTRY_PS;
	if (leaf && level > 1)
		mask |= mmu_bits(mmu_level_shift(geo, level) - 1, 13);
	return mask;
}

bool mmu_entry_reserved(const struct mmu_geometry *geo, unsigned int level, uint64_t entry)
{
	return entry & mmu_reserved_mask(geo, level, mmu_entry_is_leaf(geo, level, entry));
}

/* Bit 12 of a large page is its PAT bit, not an address bit: the page's own size masks it. */
uint64_t mmu_leaf_gpa(const struct mmu_geometry *geo, unsigned int level, uint64_t entry)
{
	uint64_t gpa = entry & geo->addr_mask;

	if (level == 1)
		return gpa;
	gpa &= ~0ull << mmu_level_shift(geo, level);
	if (geo->mode == MMU_32)
		gpa |= (entry & mmu_bits(20, 13)) << 19;
	return gpa;
}

/* The rights ABOVE, narrowed by ENTRY. PAE's top entries carry none. */
unsigned int mmu_entry_perm(const struct mmu_geometry *geo, unsigned int level, uint64_t entry,
			    unsigned int above)
{
	unsigned int perm = above;

	if (geo->mode == MMU_PAE && level == 3)
		return perm;
	if (!(entry & MMU_ENTRY_W))
		perm &= ~MMU_W;
	if (!(entry & MMU_ENTRY_U))
		perm &= ~MMU_U;
	if (geo->nx && entry & MMU_ENTRY_NX)
		perm |= MMU_NX;
	if (!mmu_entry_is_leaf(geo, level, entry))
		return perm;
	if (entry & MMU_ENTRY_G)
		perm |= MMU_G;
	if (entry & MMU_ENTRY_A)
		perm |= MMU_A;
	if (entry & MMU_ENTRY_D)
		perm |= MMU_D;
	return level > 1 ? perm | MMU_PS : perm;
}

bool mmu_canonical(const struct mmu_geometry *geo, uint64_t gva)
{
	if (geo->mode < MMU_4LEVEL)
		return gva <= 0xffffffff;
	return mmu_sign_extend(geo, gva) == gva;
}

uint64_t mmu_sign_extend(const struct mmu_geometry *geo, uint64_t gva)
{
	unsigned int shift = 64 - geo->fmt->va_bits;

	if (geo->mode < MMU_4LEVEL)
		return gva;
	return (uint64_t)((int64_t)(gva << shift) >> shift);
}

/* One level: read and judge the entry. False where the walk ends. */
static bool mmu_walk_level(const struct mmu_geometry *geo, const struct x86_state *st, uint64_t gva,
			   mmu_read_fn read, void *ctx, uint64_t *table, unsigned int level,
			   struct mmu_walk *out)
{
	struct mmu_level *lvl = &out->level[out->nr_levels++];
	unsigned int shift = mmu_level_shift(geo, level);

	lvl->level = (uint8_t)level;
	lvl->index = (uint16_t)((gva >> shift) & (mmu_level_entries(geo, level) - 1));
	lvl->entry_gpa = *table + (uint64_t)lvl->index * geo->fmt->entry_len;
	if (geo->mode == MMU_PAE && level == 3 && st->pdptrs_valid) {
		lvl->entry = st->pdptr[lvl->index & 3];
		lvl->readable = true;
	} else {
		lvl->readable = read(ctx, lvl->entry_gpa, geo->fmt->entry_len, &lvl->entry);
	}
	if (!lvl->readable || !(lvl->entry & MMU_ENTRY_P))
		return false;
	lvl->reserved = mmu_entry_reserved(geo, level, lvl->entry);
	out->perm = mmu_entry_perm(geo, level, lvl->entry, out->perm);
	if (lvl->reserved) {
		out->perm |= MMU_RSVD;
		return false;
	}
	if (!mmu_entry_is_leaf(geo, level, lvl->entry)) {
		*table = lvl->entry & geo->addr_mask;
		return true;
	}
	out->present = true;
	out->page_len = 1ull << shift;
	out->gpa = mmu_leaf_gpa(geo, level, lvl->entry) | (gva & (out->page_len - 1));
	return false;
}

void mmu_walk_with(const struct x86_state *st, uint64_t gva, mmu_read_fn read, void *ctx,
		   struct mmu_walk *out)
{
	struct mmu_geometry geo;
	unsigned int level;
	uint64_t table;

	memset(out, 0, sizeof(*out));
	mmu_geometry_of(st, &geo);
	out->mode = geo.mode;
	out->canonical = mmu_canonical(&geo, gva);
	out->perm = MMU_P | MMU_W | MMU_U;
	if (geo.mode < MMU_4LEVEL)
		gva &= 0xffffffff;
	if (geo.mode == MMU_OFF) {
		out->present = true;
		out->gpa = gva;
		out->page_len = 4096;
		return;
	}
	if (out->canonical) {
		table = geo.root;
		for (level = geo.fmt->nr_levels; level; level--) {
			if (!mmu_walk_level(&geo, st, gva, read, ctx, &table, level, out))
				break;
		}
	}
	if (!out->present)
		out->perm &= ~MMU_P;
}

static bool mmu_read_view(void *ctx, uint64_t gpa, unsigned int size, uint64_t *out)
{
	return view_read_value(ctx, gpa, size, out);
}

void mmu_walk(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
	      struct mmu_walk *out)
{
	/* The callback's context is not const; mmu_read_view() only reads. */
	mmu_walk_with(st, gva, mmu_read_view, (void *)(uintptr_t)view, out);
}

bool mmu_translate(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		   uint64_t *gpa)
{
	struct mmu_walk walk;

	mmu_walk(view, st, gva, &walk);
	if (!walk.present)
		return false;
	*gpa = walk.gpa;
	return true;
}

#define MMU_ERR_P    (1u << 0)
#define MMU_ERR_W    (1u << 1)
#define MMU_ERR_U    (1u << 2)
#define MMU_ERR_RSVD (1u << 3)
#define MMU_ERR_I    (1u << 4)
#define MMU_ERR_PK   (1u << 5)

/* The first level from the top whose entry has BIT in state SET. */
static int mmu_level_with(const struct mmu_walk *walk, uint64_t bit, bool set)
{
	unsigned int i;

	for (i = 0; i < walk->nr_levels; i++) {
		if (walk->mode == MMU_PAE && walk->level[i].level == 3)
			continue;
		if (!!(walk->level[i].entry & bit) == set)
			return walk->level[i].level;
	}
	return 0;
}

static const char *mmu_access_name(enum mmu_access access)
{
	return access == MMU_ACCESS_WRITE ? "write" : access == MMU_ACCESS_FETCH ? "fetch" : "read";
}

__attribute__((format(printf, 4, 5))) static void mmu_fault(struct mmu_explain *out, uint32_t error,
							    int level, const char *fmt, ...)
{
	va_list args;

	out->faults = true;
	out->error_code |= error;
	out->stop_level = level;
	va_start(args, fmt);
	vsnprintf(out->reason, sizeof(out->reason), fmt, args);
	va_end(args);
}

/* The walk did not reach a page. */
static void mmu_explain_absent(struct mmu_explain *out)
{
	const struct mmu_level *lvl = &out->walk.level[out->walk.nr_levels - 1];
	const char *name = mmu_table_name(out->walk.mode, lvl->level);

	if (!lvl->readable)
		mmu_fault(out, 0, lvl->level, "the %s entry at %llx lies outside RAM", name,
			  (unsigned long long)lvl->entry_gpa);
	else if (lvl->reserved)
		mmu_fault(out, MMU_ERR_P | MMU_ERR_RSVD, lvl->level,
			  "reserved bit set in the %s entry %016llx", name,
			  (unsigned long long)lvl->entry);
	else
		mmu_fault(out, 0, lvl->level, "not present: bit 0 of the %s entry [%u] is clear",
			  name, lvl->index);
}

/* Rights of a mapped page, SDM 3A 4.6.1. */
static void mmu_explain_rights(const struct x86_state *st, enum mmu_access access, bool user,
			       struct mmu_explain *out)
{
	const struct mmu_walk *walk = &out->walk;
	int leaf = walk->level[walk->nr_levels - 1].level;
	bool user_page = walk->perm & MMU_U;

	if (user && !user_page)
		mmu_fault(out, MMU_ERR_P, mmu_level_with(walk, MMU_ENTRY_U, false),
			  "user-mode access to a supervisor page");
	else if (access == MMU_ACCESS_FETCH && walk->perm & MMU_NX)
		mmu_fault(out, MMU_ERR_P, mmu_level_with(walk, MMU_ENTRY_NX, true),
			  "instruction fetch from a page marked no-execute");
	else if (!user && user_page && access == MMU_ACCESS_FETCH && st->cr4 & X86_CR4_SMEP)
		mmu_fault(out, MMU_ERR_P, leaf, "SMEP: kernel fetches from a user page");
	else if (!user && user_page && access != MMU_ACCESS_FETCH && st->cr4 & X86_CR4_SMAP &&
		 !(st->rflags & X86_RFLAGS_AC))
		mmu_fault(out, MMU_ERR_P, leaf,
			  "SMAP: kernel accesses a user page with RFLAGS.AC clear");
	else if (access == MMU_ACCESS_WRITE && !(walk->perm & MMU_W) &&
		 (user || st->cr0 & X86_CR0_WP))
		mmu_fault(out, MMU_ERR_P, mmu_level_with(walk, MMU_ENTRY_W, false),
			  "write to a read-only page%s", user ? "" : " with CR0.WP set");
}

/* Protection keys bound data accesses to user pages, whoever makes them (SDM 3A 4.6.2). */
static void mmu_explain_key(const struct x86_state *st, enum mmu_access access, bool user,
			    struct mmu_explain *out)
{
	const struct mmu_level *leaf = &out->walk.level[out->walk.nr_levels - 1];
	unsigned int key = leaf->entry >> 59 & 15;
	unsigned int rights = st->pkru >> (key * 2) & 3;
	bool write = access == MMU_ACCESS_WRITE && (user || st->cr0 & X86_CR0_WP);

	if (!(st->cr4 & X86_CR4_PKE) || out->walk.mode < MMU_4LEVEL || !(out->walk.perm & MMU_U) ||
	    access == MMU_ACCESS_FETCH)
		return;
	if (!(rights & 1) && !(write && rights & 2))
		return;
	if (out->faults)
		out->error_code |= MMU_ERR_PK;
	else
		mmu_fault(out, MMU_ERR_P | MMU_ERR_PK, leaf->level,
			  "protection key %u forbids %s (PKRU %08x)", key,
			  rights & 1 ? "every access" : "writing", st->pkru);
}

static void mmu_explain_allowed(const struct vm_view *view, enum mmu_access access,
				struct mmu_explain *out)
{
	const struct mmu_walk *walk = &out->walk;
	uint64_t gpa = walk->gpa;
	char rest[80] = "";

	if (!view_region(view, gpa))
		snprintf(rest, sizeof(rest), ", outside RAM");
	else if (access == MMU_ACCESS_WRITE && !(walk->perm & MMU_W))
		snprintf(rest, sizeof(rest), ": read-only, but CR0.WP is clear");
	snprintf(out->reason, sizeof(out->reason), "%s allowed, physical %llx%s",
		 mmu_access_name(access), (unsigned long long)gpa, rest);
}

void mmu_explain(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		 enum mmu_access access, unsigned int cpl, struct mmu_explain *out)
{
	bool user = cpl == 3;

	memset(out, 0, sizeof(*out));
	mmu_walk(view, st, gva, &out->walk);
	if (!out->walk.canonical) {
		out->is_gp = true;
		if (out->walk.mode < MMU_4LEVEL)
			mmu_fault(out, 0, 0, "beyond the 4 GiB of addresses that there are %s",
				  out->walk.mode == MMU_OFF ? "without paging"
							    : "outside long mode");
		else
			mmu_fault(out, 0, 0, "not a canonical address for %s paging",
				  mmu_mode_name(out->walk.mode));
		return;
	}
	if (!out->walk.present)
		mmu_explain_absent(out);
	else if (out->walk.mode != MMU_OFF) {
		mmu_explain_rights(st, access, user, out);
		mmu_explain_key(st, access, user, out);
	}
	if (!out->faults) {
		mmu_explain_allowed(view, access, out);
		return;
	}
	if (access == MMU_ACCESS_WRITE)
		out->error_code |= MMU_ERR_W;
	if (user)
		out->error_code |= MMU_ERR_U;
	if (access == MMU_ACCESS_FETCH &&
	    ((st->cr4 & X86_CR4_PAE && st->efer & X86_EFER_NXE) || st->cr4 & X86_CR4_SMEP))
		out->error_code |= MMU_ERR_I;
}

const char *mmu_table_name(enum mmu_mode mode, unsigned int level)
{
	static const char *const name[] = { "", "PT", "PD", "PDPT", "PML4", "PML5" };

	(void)mode;
	return level < sizeof(name) / sizeof(name[0]) ? name[level] : "?";
}

/* "P RW -- A-" of one entry's own bits. */
static void mmu_entry_text(const struct mmu_level *lvl, struct buf *out)
{
	uint64_t ent = lvl->entry;

	buf_printf(out, "%c R%c%c%c %c%c%c%s", ent & MMU_ENTRY_P ? 'P' : '-',
		   ent & MMU_ENTRY_W ? 'W' : '-', ent & MMU_ENTRY_NX ? '-' : 'X',
		   ent & MMU_ENTRY_U ? 'U' : '-', ent & MMU_ENTRY_G ? 'G' : '-',
		   ent & MMU_ENTRY_A ? 'A' : '-', ent & MMU_ENTRY_D ? 'D' : '-',
		   lvl->level > 1 && ent & MMU_ENTRY_PS ? " PS" : "");
}

static void mmu_explain_level_text(const struct mmu_explain *ex, unsigned int i, struct buf *out)
{
	const struct mmu_level *lvl = &ex->walk.level[i];
	unsigned int entry_len = ex->walk.mode == MMU_32 ? 4 : 8;
	bool last = i + 1 == ex->walk.nr_levels;

	buf_printf(out, "L%u  %-4s @%016llx [%4u] ", lvl->level,
		   mmu_table_name(ex->walk.mode, lvl->level),
		   (unsigned long long)(lvl->entry_gpa - (uint64_t)lvl->index * entry_len),
		   lvl->index);
	if (!lvl->readable) {
		buf_puts(out, "  outside RAM\n");
		return;
	}
	buf_printf(out, "= %0*llx  ", (int)entry_len * 2, (unsigned long long)lvl->entry);
	mmu_entry_text(lvl, out);
	if (lvl->reserved)
		buf_puts(out, "  reserved bit");
	else if (!(lvl->entry & MMU_ENTRY_P))
		buf_puts(out, "  absent");
	else if (last && ex->walk.present)
		buf_printf(out, "  -> %llx", (unsigned long long)ex->walk.gpa);
	else
		buf_printf(out, "  -> %llx", (unsigned long long)(lvl->entry & mmu_bits(51, 12)));
	if (ex->faults && lvl->level == ex->stop_level)
		buf_puts(out, "  <- here");
	buf_addc(out, '\n');
}

static const char *mmu_page_len_name(uint64_t len)
{
	return len == 1ull << 30   ? "1G"
	       : len == 1ull << 22 ? "4M"
	       : len == 1ull << 21 ? "2M"
				   : "4K";
}

void mmu_explain_text(const struct mmu_explain *ex, uint64_t gva, struct buf *out)
{
	char perm[12];
	unsigned int i;

	if (ex->walk.mode == MMU_OFF)
		buf_printf(out, "%016llx  paging is off\n", (unsigned long long)gva);
	else
		buf_printf(out, "%016llx  %s paging\n", (unsigned long long)gva,
			   mmu_mode_name(ex->walk.mode));
	for (i = 0; i < ex->walk.nr_levels; i++)
		mmu_explain_level_text(ex, i, out);
	if (ex->walk.present && ex->walk.nr_levels)
		buf_printf(out, "page %s  %s\n", mmu_page_len_name(ex->walk.page_len),
			   mmu_perm_text(ex->walk.perm, perm));
	if (ex->is_gp)
		buf_printf(out, "%s%s\n", ex->walk.mode < MMU_4LEVEL ? "" : "#GP(0): ", ex->reason);
	else if (ex->faults)
		buf_printf(out, "#PF error %04x: %s\n", ex->error_code, ex->reason);
	else
		buf_printf(out, "%s\n", ex->reason);
}

const char *mmu_perm_text(unsigned int perm, char *buf)
{
	bool p = perm & MMU_P;

	buf[0] = perm & MMU_RSVD ? '!' : p ? 'P' : '-';
	buf[1] = p ? 'R' : '-';
	buf[2] = p && perm & MMU_W ? 'W' : '-';
	buf[3] = p && !(perm & MMU_NX) ? 'X' : '-';
	buf[4] = perm & MMU_U ? 'U' : '-';
	buf[5] = perm & MMU_G ? 'G' : '-';
	buf[6] = perm & MMU_A ? 'A' : '-';
	buf[7] = perm & MMU_D ? 'D' : '-';
	buf[8] = '\0';
	return buf;
}
