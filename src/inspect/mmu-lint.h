/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is suspicious in a guest's page tables, entry by entry, and where a physical address is
 * mapped. Bounded work on hostile tables, as everything of mmu.h.
 */
#ifndef VITRINE_INSPECT_MMU_LINT_H
#define VITRINE_INSPECT_MMU_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/mmu.h"

enum mmu_lint_kind {
	MMU_LINT_RESERVED,   /* a bit that must be zero is set: every access faults */
	MMU_LINT_TABLE,	     /* a table lies where there is no RAM */
	MMU_LINT_WX,	     /* writable and executable */
	MMU_LINT_USER_HIGH,  /* the kernel's half, accessible to ring 3 */
	MMU_LINT_USER_CODE,  /* the kernel runs from a page that ring 3 may write */
	MMU_LINT_USER_TABLE, /* a page table that ring 3 may write */
	MMU_LINT_NOWHERE,    /* maps neither RAM nor a device's window */
	MMU_LINT_CACHE,	     /* RAM uncached, or a device's window cached */
	MMU_LINT_SELF,	     /* a self-map, recognised; no fault of the guest's */
	MMU_LINT_NR,
};

enum mmu_severity { MMU_NOTE, MMU_WARN, MMU_BAD };

/* Neighbours of one kind are one finding. */
struct mmu_finding {
	enum mmu_lint_kind kind;
	uint64_t gva, len;
	uint64_t entry_gpa, entry; /* of the first */
	uint8_t level;
	char text[112];
};

#define MMU_LINT_MAX 64

struct mmu_lint {
	struct mmu_finding finding[MMU_LINT_MAX];
	unsigned int nr;
	uint64_t more;	/* findings beyond the array */
	bool truncated; /* bounded work ran out */
};

enum mmu_severity mmu_lint_severity(enum mmu_lint_kind kind);
/* "reserved", "wx", "user-kernel", ...: for filters and JSON. */
const char *mmu_lint_name(enum mmu_lint_kind kind);
/* Look through the tables of ST. -ENOMEM. */
int mmu_lint(const struct vm_view *view, const struct x86_state *st, struct mmu_lint *out);
/* The findings as lines, "nothing to complain about" if none; appended to OUT. */
void mmu_lint_text(const struct mmu_lint *lint, struct buf *out);

/* Where the tables of ST lie, at most MAX of them, the top one first; how many were stored. */
size_t mmu_tables(const struct vm_view *view, const struct x86_state *st, uint64_t *gpa,
		  size_t max);

/* Every address of FOLD that maps GPA, ascending, at most MAX of them; how many there are. */
size_t mmu_reverse(const struct mmu_fold *fold, uint64_t gpa, uint64_t *gva, size_t max);

enum mmu_change { MMU_SAME, MMU_ADDED, MMU_REMOVED, MMU_CHANGED };

/*
 * How RANGE of NOW stands to BEFORE: the same, new, or at the same addresses with other rights,
 * size or memory. With the folds exchanged, MMU_ADDED means that it is gone.
 */
enum mmu_change mmu_range_change(const struct mmu_fold *before, const struct mmu_range *range);

#endif
