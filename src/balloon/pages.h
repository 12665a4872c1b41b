/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages in a balloon: which they are, what may go in, and how they go back
 * to the host in as few and as large holes as can be. One thread at a time.
 */
#ifndef VITRINE_BALLOON_PAGES_H
#define VITRINE_BALLOON_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "inspect/sample.h"
#include "vmm/device.h"

/* What was refused, and why. */
struct pages_refused {
	uint64_t outside;  /* not RAM: ROM, the VGA window, devices, nothing */
	uint64_t repeated; /* given though it was here already */
	uint64_t watched;  /* a debugger holds a breakpoint there, or guards the page */
	uint64_t foreign;  /* taken back though it was not here */
	uint64_t failed;   /* the host would not make the hole */
};

struct pages_counts {
	uint64_t nr;	   /* pages in the balloon */
	uint64_t nr_holes; /* made so far */
	uint64_t nr_huge;  /* 2 MiB blocks that became whole holes */
	uint64_t inflated; /* pages in all, taken back ones included */
	uint64_t deflated;
	struct pages_refused refused;
};

struct pages;

/* PAGE (may be NULL) is where breakpoints are published. NULL: no memory. */
struct pages *pages_new(struct mem *mem, const struct sample_page *page);
void pages_free(struct pages *pages);
/* The guest gives NR pages by 4 KiB frame number: those that may go in do, the rest is counted.
 * Sorts PFN in place. */
void pages_give(struct pages *pages, uint32_t *pfn, size_t nr);
/* The guest takes NR pages back. */
void pages_take(struct pages *pages, const uint32_t *pfn, size_t nr);
/* All of them are the guest's again: after a reset. */
void pages_forget(struct pages *pages);
/* Free memory the guest reported: LEN bytes at HVA, of which whole pages of RAM go back to the
 * host. Bytes that went. */
uint64_t pages_report(struct pages *pages, const void *hva, uint64_t len);
const struct pages_counts *pages_counts(const struct pages *pages);
/* How much of each of SAMPLE_BALLOON_MAP equal parts of RAM is in the balloon, 0..255. */
void pages_map(const struct pages *pages, uint8_t *map);
void pages_save(const struct pages *pages, struct buf *out);
void pages_load(struct pages *pages, struct dev_state_in *in);

#endif
