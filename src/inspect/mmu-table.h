/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One page table as it lies in memory, entry by entry: for browsing level by level. */
#ifndef VITRINE_INSPECT_MMU_TABLE_H
#define VITRINE_INSPECT_MMU_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/mmu.h"
#include "inspect/sym.h"

#define MMU_TABLE_MAX 1024 /* entries: 32-bit paging has that many */

struct mmu_entry {
	uint64_t raw;
	uint64_t gva, len; /* what it covers */
	uint64_t target;   /* gpa of the page or of the next table; if present */
	bool present, leaf;
	bool reserved; /* a bit is set that must not be */
	bool outside;  /* TARGET is not RAM */
};

struct mmu_table {
	enum mmu_mode mode;
	unsigned int level; /* 5..1 */
	uint64_t gpa, gva;
	bool readable;
	unsigned int nr, nr_present; /* entries */
	struct mmu_entry entry[MMU_TABLE_MAX];
};

/* The top table of ST; false with paging off. */
bool mmu_table_top(const struct x86_state *st, uint64_t *gpa, unsigned int *level);
/*
 * Read the table at GPA as one of LEVEL in ST's mode; GVA is the first address it covers, as far
 * as known. A level the mode does not have: EINVAL. A table outside RAM is not readable.
 */
int mmu_table_read(const struct vm_view *view, const struct x86_state *st, uint64_t gpa,
		   unsigned int level, uint64_t gva, struct mmu_table *out, struct err *err);
/* "PML4", "PDPT", "PD", "PT" in MODE. */
const char *mmu_level_name(enum mmu_mode mode, unsigned int level);
/* "P RW U A D PS G NX PCD PWT avl 200" of a present entry into BUF (MMU_FLAGS_MAX); returns it. */
#define MMU_FLAGS_MAX 56
const char *mmu_flags_text(const struct mmu_table *tab, unsigned int index, char *buf);
/* The table as lines, absent entries as runs; appended to OUT. */
void mmu_table_text(const struct mmu_table *tab, const struct sym_table *syms, struct buf *out);

#endif
