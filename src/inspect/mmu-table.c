/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One page table, entry by entry: see mmu-table.h. SDM 3A tables 4-4 to 4-20. */
#include "inspect/mmu-table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "inspect/mmu-priv.h"

bool mmu_table_top(const struct x86_state *st, uint64_t *gpa, unsigned int *level)
{
	struct mmu_geometry geo;

	mmu_geometry_of(st, &geo);
	*gpa = geo.root;
	*level = geo.fmt->nr_levels;
	return geo.mode != MMU_OFF;
}

const char *mmu_level_name(enum mmu_mode mode, unsigned int level)
{
	return mmu_table_name(mode, level);
}

static bool mmu_table_entry(const struct vm_view *view, const struct x86_state *st,
			    const struct mmu_geometry *geo, const struct mmu_table *tab,
			    unsigned int index, uint64_t *raw)
{
	/* The processor keeps PAE's top entries; memory may say something else by now. */
	if (geo->mode == MMU_PAE && tab->level == 3 && st->pdptrs_valid && tab->gpa == geo->root) {
		*raw = st->pdptr[index & 3];
		return true;
	}
	return view_read_value(view, tab->gpa + (uint64_t)index * geo->fmt->entry_len,
			       geo->fmt->entry_len, raw);
}

static void mmu_table_decode(const struct vm_view *view, const struct mmu_geometry *geo,
			     struct mmu_table *tab, unsigned int index)
{
	struct mmu_entry *ent = &tab->entry[index];
	unsigned int shift = mmu_level_shift(geo, tab->level);

	ent->len = 1ull << shift;
	ent->gva = mmu_sign_extend(geo, tab->gva + ((uint64_t)index << shift));
	ent->present = ent->raw & MMU_ENTRY_P;
	if (!ent->present)
		return;
	tab->nr_present++;
	ent->leaf = mmu_entry_is_leaf(geo, tab->level, ent->raw);
	ent->reserved = mmu_entry_reserved(geo, tab->level, ent->raw);
	ent->target =
		ent->leaf ? mmu_leaf_gpa(geo, tab->level, ent->raw) : ent->raw & geo->addr_mask;
	ent->outside = !view_region(view, ent->target);
}

int mmu_table_read(const struct vm_view *view, const struct x86_state *st, uint64_t gpa,
		   unsigned int level, uint64_t gva, struct mmu_table *out, struct err *err)
{
	struct mmu_geometry geo;

	mmu_geometry_of(st, &geo);
	out->mode = geo.mode;
	out->level = level;
	out->gpa = gpa;
	out->gva = gva;
	out->nr = out->nr_present = 0;
	if (level < 1 || level > geo.fmt->nr_levels)
		return err_set(err, EINVAL, "%s paging has no tables of level %u",
			       mmu_mode_name(geo.mode), level);
	out->readable = true;
	for (unsigned int i = 0; i < mmu_level_entries(&geo, level) && out->readable; i++) {
		memset(&out->entry[i], 0, sizeof(out->entry[i]));
		out->readable = mmu_table_entry(view, st, &geo, out, i, &out->entry[i].raw);
		if (!out->readable)
			break;
		mmu_table_decode(view, &geo, out, i);
		out->nr = i + 1;
	}
	return 0;
}

/* Bits that belong to the operating system: 11..9, and 62..52 where entries are wide. */
static unsigned int mmu_available(const struct mmu_table *tab, uint64_t raw)
{
	unsigned int low = raw >> 9 & 7;

	return tab->mode >= MMU_4LEVEL ? (unsigned int)(raw >> 52 & 0x7ff) << 3 | low : low;
}

const char *mmu_flags_text(const struct mmu_table *tab, unsigned int index, char *buf)
{
	const struct mmu_entry *ent = &tab->entry[index];
	uint64_t raw = ent->raw;
	unsigned int avail = mmu_available(tab, raw);
	char more[16] = "";

	if (avail)
		snprintf(more, sizeof(more), " avl %x", avail);
	snprintf(buf, MMU_FLAGS_MAX, "P %s %s %s%s%s%s%s%s%s%s", raw & MMU_ENTRY_W ? "RW" : "R-",
		 raw & MMU_ENTRY_U ? "U" : "S", raw & MMU_ENTRY_A ? "A" : "-",
		 !ent->leaf	     ? " "
		 : raw & MMU_ENTRY_D ? "D"
				     : "-",
		 ent->leaf && tab->level > 1 ? " PS" : "",
		 ent->leaf && raw & MMU_ENTRY_G ? " G" : "",
		 tab->mode != MMU_32 && raw & MMU_ENTRY_NX ? " NX" : "", raw & 1 << 4 ? " PCD" : "",
		 raw & 1 << 3 ? " PWT" : "", more);
	return buf;
}

static void mmu_entry_text(const struct mmu_table *tab, unsigned int index,
			   const struct sym_table *syms, struct buf *out)
{
	const struct mmu_entry *ent = &tab->entry[index];
	char flags[MMU_FLAGS_MAX], size[16], name[64];

	buf_printf(out, "[%3u] %0*llx", index, tab->mode == MMU_32 ? 8 : 16,
		   (unsigned long long)ent->raw);
	if (!ent->present) {
		buf_puts(out, "  absent, but not empty\n");
		return;
	}
	parse_size_text(ent->len, size);
	buf_printf(out, "  %-22s %s %012llx  %016llx %5s %s%s%s\n",
		   mmu_flags_text(tab, index, flags), ent->leaf ? "page " : "table",
		   (unsigned long long)ent->target, (unsigned long long)ent->gva, size,
		   sym_text(syms, ent->gva, name, sizeof(name)),
		   ent->reserved ? "  ! reserved bits set" : "", ent->outside ? "  ! not RAM" : "");
}

void mmu_table_text(const struct mmu_table *tab, const struct sym_table *syms, struct buf *out)
{
	unsigned int i, absent = 0;

	buf_printf(out, "%s at %llx, %s paging: %u of %u entries present\n",
		   mmu_level_name(tab->mode, tab->level), (unsigned long long)tab->gpa,
		   mmu_mode_name(tab->mode), tab->nr_present, tab->nr);
	if (!tab->readable)
		buf_puts(out, "it lies outside RAM\n");
	for (i = 0; i < tab->nr && !out->failed; i++) {
		if (tab->entry[i].raw) {
			if (absent)
				buf_printf(out, "      %u absent\n", absent);
			absent = 0;
			mmu_entry_text(tab, i, syms, out);
		} else {
			absent++;
		}
	}
	if (absent)
		buf_printf(out, "      %u absent\n", absent);
}
