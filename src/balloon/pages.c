/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages in a balloon: see pages.h. A bitmap with one bit for each 4 KiB of
 * the memfd; everything the guest says is checked against it.
 */
#include "balloon/pages.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/punch.h"

#define PAGES_BLOCK (PUNCH_HUGE / PUNCH_PAGE) /* pages in 2 MiB */

struct pages {
	struct mem *mem;
	const struct sample_page *page;
	uint64_t *bits;
	uint64_t total; /* pages of the memfd */
	struct pages_counts counts;
	uint32_t part[SAMPLE_BALLOON_MAP]; /* pages in the balloon, by part of RAM */
};

struct pages *pages_new(struct mem *mem, const struct sample_page *page)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages)
		return NULL;
	pages->mem = mem;
	pages->page = page;
	pages->total = mem_fd_len(mem) / PUNCH_PAGE;
	pages->bits = calloc(pages->total / 64 + 1, sizeof(*pages->bits));
	if (pages->bits)
		return pages;
	free(pages);
	return NULL;
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	free(pages->bits);
	free(pages);
}

static bool pages_has(const struct pages *pages, uint64_t index)
{
	return pages->bits[index / 64] >> (index % 64) & 1;
}

static uint32_t *pages_part(struct pages *pages, uint64_t index)
{
	return &pages->part[index * SAMPLE_BALLOON_MAP / pages->total];
}

static void pages_set(struct pages *pages, uint64_t index, bool in)
{
	uint64_t bit = 1ull << (index % 64);

	if (in) {
		pages->bits[index / 64] |= bit;
		pages->counts.nr++;
		++*pages_part(pages, index);
	} else {
		pages->bits[index / 64] &= ~bit;
		pages->counts.nr--;
		--*pages_part(pages, index);
	}
}

/* A software breakpoint lives in guest memory; in a hole it would be gone. */
static bool pages_watched(const struct pages *pages, uint64_t gpa)
{
	const struct sample_patch *patch;
	unsigned int i;

	for (i = 0; pages->page && i < SAMPLE_PATCHES; i++) {
		patch = &pages->page->patch[i];
		if (__atomic_load_n(&patch->used, __ATOMIC_ACQUIRE) &&
		    patch->gpa / PUNCH_PAGE == gpa / PUNCH_PAGE)
			return true;
	}
	return false;
}

/* The index of frame PFN if it may go into the balloon, else UINT64_MAX and it is counted. */
static uint64_t pages_admit(struct pages *pages, uint32_t pfn)
{
	struct pages_refused *refused = &pages->counts.refused;
	uint64_t gpa = pfn * PUNCH_PAGE, off = mem_ram_offset(pages->mem, gpa, PUNCH_PAGE);

	if (off == UINT64_MAX)
		refused->outside++;
	else if (pages_has(pages, off / PUNCH_PAGE))
		refused->repeated++;
	else if (pages_watched(pages, gpa) || mem_watched(pages->mem, off, PUNCH_PAGE))
		refused->watched++;
	else
		return off / PUNCH_PAGE;
	return UINT64_MAX;
}

static bool pages_block_full(const struct pages *pages, uint64_t block)
{
	uint64_t word = block * PAGES_BLOCK / 64, i;

	for (i = 0; i < PAGES_BLOCK / 64; i++) {
		if (pages->bits[word + i] != UINT64_MAX)
			return false;
	}
	return true;
}

/* Pages FIRST up to END are in the balloon now: the hole covers whole blocks that they complete,
 * so that a huge page goes in one piece. */
static void pages_hole(struct pages *pages, uint64_t first, uint64_t end)
{
	uint64_t block;

	for (block = first / PAGES_BLOCK; block <= (end - 1) / PAGES_BLOCK; block++) {
		if ((block + 1) * PAGES_BLOCK > pages->total || !pages_block_full(pages, block))
			continue;
		pages->counts.nr_huge++;
		if (block * PAGES_BLOCK < first)
			first = block * PAGES_BLOCK;
		if ((block + 1) * PAGES_BLOCK > end)
			end = (block + 1) * PAGES_BLOCK;
	}
	if (mem_punch(pages->mem, first * PUNCH_PAGE, (end - first) * PUNCH_PAGE) < 0)
		pages->counts.refused.failed++;
	else
		pages->counts.nr_holes++;
}

static int pages_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* RAM below and above the device hole are neighbours in the memfd, but two regions. */
static bool pages_region_begins(uint64_t index)
{
	return index * PUNCH_PAGE == MEM_HOLE_BASE;
}

void pages_give(struct pages *pages, uint32_t *pfn, size_t nr)
{
	uint64_t first = 0, end = 0, index;
	size_t i;

	qsort(pfn, nr, sizeof(*pfn), pages_compare);
	for (i = 0; i < nr; i++) {
		index = pages_admit(pages, pfn[i]);
		if (index == UINT64_MAX)
			continue;
		pages_set(pages, index, true);
		pages->counts.inflated++;
		if (index != end || pages_region_begins(index)) {
			if (end > first)
				pages_hole(pages, first, end);
			first = index;
		}
		end = index + 1;
	}
	if (end > first)
		pages_hole(pages, first, end);
}

void pages_take(struct pages *pages, const uint32_t *pfn, size_t nr)
{
	uint64_t off;
	size_t i;

	for (i = 0; i < nr; i++) {
		off = mem_ram_offset(pages->mem, pfn[i] * PUNCH_PAGE, PUNCH_PAGE);
		if (off == UINT64_MAX) {
			pages->counts.refused.outside++;
		} else if (!pages_has(pages, off / PUNCH_PAGE)) {
			pages->counts.refused.foreign++;
		} else {
			pages_set(pages, off / PUNCH_PAGE, false);
			pages->counts.deflated++;
		}
	}
}

void pages_forget(struct pages *pages)
{
	memset(pages->bits, 0, (pages->total / 64 + 1) * sizeof(*pages->bits));
	memset(pages->part, 0, sizeof(pages->part));
	pages->counts.nr = 0;
}

/* Whether a breakpoint lies in LEN bytes at offset OFF. */
static bool pages_range_watched(const struct pages *pages, uint64_t off, uint64_t len)
{
	uint64_t gpa = mem_offset_gpa(pages->mem, off);
	const struct sample_patch *patch;
	unsigned int i;

	for (i = 0; pages->page && i < SAMPLE_PATCHES; i++) {
		patch = &pages->page->patch[i];
		if (__atomic_load_n(&patch->used, __ATOMIC_ACQUIRE) && patch->gpa - gpa < len)
			return true;
	}
	return false;
}

uint64_t pages_report(struct pages *pages, const void *hva, uint64_t len)
{
	const uint8_t *base = mem_base(pages->mem);
	uint64_t off = (uint64_t)((const uint8_t *)hva - base), end;

	if ((const uint8_t *)hva < base || off >= mem_fd_len(pages->mem) ||
	    len > mem_fd_len(pages->mem) - off) {
		pages->counts.refused.outside++;
		return 0;
	}
	end = (off + len) / PUNCH_PAGE * PUNCH_PAGE;
	off = (off + PUNCH_PAGE - 1) / PUNCH_PAGE * PUNCH_PAGE;
	if (end <= off)
		return 0;
	if (pages_range_watched(pages, off, end - off) || mem_watched(pages->mem, off, end - off)) {
		pages->counts.refused.watched++;
		return 0;
	}
	if (mem_punch(pages->mem, off, end - off) < 0) {
		pages->counts.refused.outside++;
		return 0;
	}
	pages->counts.nr_holes++;
	return end - off;
}

const struct pages_counts *pages_counts(const struct pages *pages)
{
	return &pages->counts;
}

void pages_map(const struct pages *pages, uint8_t *map)
{
	uint64_t size = pages->total / SAMPLE_BALLOON_MAP + 1, val;
	int i;

	for (i = 0; i < SAMPLE_BALLOON_MAP; i++) {
		val = (pages->part[i] * 255ull + size - 1) / size;
		map[i] = (uint8_t)(val > 255 ? 255 : val);
	}
}

/* As runs: a balloon has few, whatever the guest's size. */
void pages_save(const struct pages *pages, struct buf *out)
{
	uint64_t i, first = 0;
	bool in = false;

	for (i = 0; i <= pages->total; i++) {
		bool now = i < pages->total && pages_has(pages, i);

		if (now && !in)
			first = i;
		if (!now && in) {
			dev_save_u64(out, first);
			dev_save_u64(out, i - first);
		}
		in = now;
	}
	dev_save_u64(out, 0);
	dev_save_u64(out, 0);
}

void pages_load(struct pages *pages, struct dev_state_in *in)
{
	uint64_t first, len, i;

	pages_forget(pages);
	for (;;) {
		first = dev_load_u64(in);
		len = dev_load_u64(in);
		if (!len || in->failed)
			return;
		if (first >= pages->total || len > pages->total - first) {
			in->failed = true;
			return;
		}
		for (i = first; i < first + len; i++) {
			if (!pages_has(pages, i))
				pages_set(pages, i, true);
		}
	}
}
