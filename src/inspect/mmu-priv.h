/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the walker (mmu.c) and the fold (mmu-fold.c) share: entry formats of the paging modes. */
#ifndef VITRINE_INSPECT_MMU_PRIV_H
#define VITRINE_INSPECT_MMU_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/mmu.h"

#define MMU_ENTRY_P  (1ull << 0)
#define MMU_ENTRY_W  (1ull << 1)
#define MMU_ENTRY_U  (1ull << 2)
#define MMU_ENTRY_A  (1ull << 5)
#define MMU_ENTRY_D  (1ull << 6)
#define MMU_ENTRY_PS (1ull << 7)
#define MMU_ENTRY_G  (1ull << 8)
#define MMU_ENTRY_NX (1ull << 63)

struct mmu_format {
	uint8_t nr_levels, index_bits, entry_len, va_bits;
};

/* How one vCPU's tables are to be read: the mode and what its control registers allow. */
struct mmu_geometry {
	const struct mmu_format *fmt;
	enum mmu_mode mode;
	unsigned int maxphy; /* physical address width, 32..52 */
	uint64_t root;	     /* gpa of the top table */
	uint64_t addr_mask;  /* address bits of an entry */
	bool pse;	     /* large pages exist */
	bool nx;	     /* bit 63 means no-execute; otherwise it is reserved */
};

void mmu_geometry_of(const struct x86_state *st, struct mmu_geometry *geo);
unsigned int mmu_level_shift(const struct mmu_geometry *geo, unsigned int level);
unsigned int mmu_level_entries(const struct mmu_geometry *geo, unsigned int level);
/* All below: ENTRY is present. */
bool mmu_entry_is_leaf(const struct mmu_geometry *geo, unsigned int level, uint64_t entry);
bool mmu_entry_reserved(const struct mmu_geometry *geo, unsigned int level, uint64_t entry);
uint64_t mmu_leaf_gpa(const struct mmu_geometry *geo, unsigned int level, uint64_t entry);
unsigned int mmu_entry_perm(const struct mmu_geometry *geo, unsigned int level, uint64_t entry,
			    unsigned int above);
bool mmu_canonical(const struct mmu_geometry *geo, uint64_t gva);
uint64_t mmu_sign_extend(const struct mmu_geometry *geo, uint64_t gva);
/* "PML4", "PDPT", "PD", "PT". */
const char *mmu_table_name(enum mmu_mode mode, unsigned int level);

#endif
