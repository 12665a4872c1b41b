/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's page tables, read from a view: walk one address, fold the whole
 * space into ranges, explain why an access faults. All five paging modes of
 * SDM 3A chapter 4 (off, 32-bit, PAE, 4-level, 5-level). Tables may be torn,
 * cyclic or hostile: all work is bounded.
 */
#ifndef VITRINE_INSPECT_MMU_H
#define VITRINE_INSPECT_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/regs.h"
#include "inspect/view.h"

enum mmu_mode { MMU_OFF, MMU_32, MMU_PAE, MMU_4LEVEL, MMU_5LEVEL };

enum mmu_mode mmu_mode_of(const struct x86_state *st);
/* "off", "32-bit", "PAE", "4-level", "5-level". */
const char *mmu_mode_name(enum mmu_mode mode);

/* Permissions of a mapping combined over all levels. */
#define MMU_P  (1u << 0)
#define MMU_W  (1u << 1)
#define MMU_U  (1u << 2)
#define MMU_NX (1u << 3)
#define MMU_G  (1u << 4)
#define MMU_A  (1u << 5)
#define MMU_D  (1u << 6)
#define MMU_PS (1u << 7)
/* A reserved bit is set in an entry: every access faults, whatever the other flags say. */
#define MMU_RSVD (1u << 8)

struct mmu_level {
	uint8_t level; /* 5..1 */
	uint16_t index;
	uint64_t entry_gpa;
	uint64_t entry;
	bool readable; /* false: the entry lies outside RAM */
	bool reserved; /* a reserved bit is set */
};

struct mmu_walk {
	enum mmu_mode mode;
	unsigned int nr_levels;
	struct mmu_level level[5];
	bool present; /* a leaf was reached */
	bool canonical;
	uint64_t gpa;	   /* of the address asked for, if present */
	uint64_t page_len; /* 4 KiB, 2 MiB, 4 MiB, 1 GiB */
	unsigned int perm; /* MMU_* */
};

/* How a paging structure is read: so that stopped VMs, views and fixtures share the walker. */
typedef bool (*mmu_read_fn)(void *ctx, uint64_t gpa, unsigned int size, uint64_t *out);

/* Walk GVA with ST's control registers, reading through READ. */
void mmu_walk_with(const struct x86_state *st, uint64_t gva, mmu_read_fn read, void *ctx,
		   struct mmu_walk *out);
void mmu_walk(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
	      struct mmu_walk *out);
/* GVA to GPA; false if not mapped. */
bool mmu_translate(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		   uint64_t *gpa);

/* A run of addresses with the same permissions and contiguous physical memory. */
struct mmu_range {
	uint64_t gva, len, gpa;
	unsigned int perm; /* MMU_P W U NX G; A and D are ORed, not a reason to split */
	uint64_t page_len; /* largest page size in the run */
	uint32_t nr_pages;
};

struct mmu_fold {
	struct mmu_range *range;
	size_t nr, cap;
	size_t max;	     /* stop after this many ranges: 0 means 65536 */
	uint64_t nr_entries; /* leaf entries seen */
	uint64_t nr_tables;
	bool truncated;	      /* bounded work ran out */
	uint32_t nr_wx;	      /* ranges writable and executable */
	uint32_t nr_reserved; /* entries with a reserved bit set */
};

/*
 * Fold the whole address space of ST; ranges in ascending order. OUT->max is read, the rest is
 * overwritten: start from a zeroed struct. -ENOMEM. Free with mmu_fold_free().
 */
int mmu_fold(const struct vm_view *view, const struct x86_state *st, struct mmu_fold *out);
void mmu_fold_free(struct mmu_fold *fold);

enum mmu_access { MMU_ACCESS_READ = 0, MMU_ACCESS_WRITE = 1, MMU_ACCESS_FETCH = 2 };

struct mmu_explain {
	struct mmu_walk walk;
	bool faults;
	uint32_t error_code; /* what the #PF would push */
	bool is_gp;	     /* non-canonical: #GP (or #SS) instead of #PF */
	int stop_level;	     /* level of the entry that stops it, 0: none */
	char reason[160];    /* one sentence */
};

/* Would ACCESS to GVA at privilege level CPL fault, and why. Considers CR0.WP, SMEP, SMAP, NX, PKU.
 */
void mmu_explain(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		 enum mmu_access access, unsigned int cpl, struct mmu_explain *out);
/* The explanation as lines (level, table address, index, entry, flags, result); appended to OUT. */
void mmu_explain_text(const struct mmu_explain *ex, uint64_t gva, struct buf *out);
/*
 * "PRWX-GAD": fixed-width flags of PERM for lists (present, read, write, execute, user, global,
 * accessed, dirty; '!' for P where a reserved bit is set). BUF of at least 12 bytes.
 */
const char *mmu_perm_text(unsigned int perm, char *buf);

#endif
