/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first page tables of a guest that is entered in long mode. Built in host
 * memory with table numbers in place of addresses, then moved to where there is
 * room: how many tables it takes is known only at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot.h"

#define PAGING_PAGE    0x1000ull
#define PAGING_LARGE   0x200000ull
#define PAGING_P       (1ull << 0)
#define PAGING_W       (1ull << 1)
#define PAGING_PS      (1ull << 7)
#define PAGING_ADDR    0x000ffffffffff000ull
#define PAGING_ENTRIES 512
/* Enough for 4 GiB of segments in 4 KiB pages; a lying header asks for more. */
#define PAGING_MAX_TABLES 2304
#define PAGING_4G	  (1ull << 32)

struct paging {
	uint64_t (*table)[PAGING_ENTRIES];
	uint8_t *level; /* 4: PML4 ... 1: page table */
	unsigned int nr, cap;
};

static void paging_free(struct paging *pg)
{
	free(pg->table);
	free(pg->level);
}

static int paging_grow(struct paging *pg)
{
	unsigned int cap = pg->cap ? pg->cap * 2 : 8;
	void *table, *level;

	table = realloc(pg->table, cap * sizeof(*pg->table));
	if (!table)
		return -ENOMEM;
	pg->table = table;
	level = realloc(pg->level, cap);
	if (!level)
		return -ENOMEM;
	pg->level = level;
	pg->cap = cap;
	return 0;
}

/* Number of a new, empty table, or -ENOMEM. */
static int paging_new(struct paging *pg, unsigned int level)
{
	if (pg->nr >= PAGING_MAX_TABLES || (pg->nr == pg->cap && paging_grow(pg)))
		return -ENOMEM;
	memset(pg->table[pg->nr], 0, sizeof(pg->table[0]));
	pg->level[pg->nr] = (uint8_t)level;
	return (int)pg->nr++;
}

static unsigned int paging_index(uint64_t gva, unsigned int level)
{
	return gva >> (12 + 9 * (level - 1)) & (PAGING_ENTRIES - 1);
}

/*
 * The entry for GVA at level TO, tables made on the way; NULL without memory.
 * A large page on the way is returned instead.
 */
static uint64_t *paging_entry(struct paging *pg, uint64_t gva, unsigned int to)
{
	unsigned int level, table = 0;
	uint64_t *entry;
	int made;

	for (level = 4;; level--) {
		entry = &pg->table[table][paging_index(gva, level)];
		if (level == to || (*entry & PAGING_PS))
			return entry;
		if (!*entry) {
			made = paging_new(pg, level - 1);
			if (made < 0)
				return NULL;
			entry = &pg->table[table][paging_index(gva, level)]; /* it may have moved */
			*entry = (uint64_t)made << 12 | PAGING_P | PAGING_W;
		}
		table = (unsigned int)(*entry >> 12);
	}
}

/* Where the page of GVA leads already; false if nowhere. */
static bool paging_lookup(const struct paging *pg, uint64_t gva, uint64_t *gpa)
{
	unsigned int level, table = 0;
	uint64_t entry, size;

	for (level = 4; level; level--) {
		entry = pg->table[table][paging_index(gva, level)];
		if (!entry)
			return false;
		if (level == 1 || (entry & PAGING_PS)) {
			size = level == 1 ? PAGING_PAGE : PAGING_LARGE;
			*gpa = (entry & PAGING_ADDR & ~(size - 1)) + (gva & (size - 1));
			return true;
		}
		table = (unsigned int)(entry >> 12);
	}
	return false;
}

/* Map one page of GVA, large where LEN and both addresses allow; *DONE bytes. */
static int paging_map_one(struct paging *pg, uint64_t gva, uint64_t gpa, uint64_t len,
			  uint64_t *done)
{
	bool large = !((gva | gpa) & (PAGING_LARGE - 1)) && len >= PAGING_LARGE;
	uint64_t *entry, have;

	*done = large ? PAGING_LARGE : PAGING_PAGE;
	if (paging_lookup(pg, gva, &have)) {
		*done = PAGING_PAGE;
		return have == gpa ? 0 : -EEXIST;
	}
	entry = paging_entry(pg, gva, large ? 2 : 1);
	if (!entry)
		return -ENOMEM;
	if (large && *entry) { /* smaller pages further on in this stretch: fill in between */
		*done = PAGING_PAGE;
		entry = paging_entry(pg, gva, 1);
		if (!entry)
			return -ENOMEM;
		large = false;
	}
	*entry = gpa | PAGING_P | PAGING_W | (large ? PAGING_PS : 0);
	return 0;
}

static int paging_map(struct paging *pg, const struct boot_map *map, struct err *err)
{
	uint64_t off = map->gva & (PAGING_PAGE - 1), gva = map->gva - off, gpa = map->gpa - off;
	uint64_t left = (map->len + off + PAGING_PAGE - 1) & ~(PAGING_PAGE - 1), done;
	int ret;

	for (; left; gva += done, gpa += done, left -= done) {
		ret = paging_map_one(pg, gva, gpa, left, &done);
		if (ret == -EEXIST)
			return err_set(err, EINVAL,
				       "two segments want the page at virtual address 0x%llx",
				       (unsigned long long)gva);
		if (ret)
			return err_set(err, ENOMEM, "segments too large for the first page tables");
	}
	return 0;
}

static int paging_check(const struct boot_map *map, struct err *err)
{
	uint64_t end;

	if (__builtin_add_overflow(map->gva, map->len - 1, &end) || map->len > 1ull << 46 ||
	    (int64_t)(map->gva << 16) >> 16 != (int64_t)map->gva ||
	    (int64_t)(end << 16) >> 16 != (int64_t)end || (map->gva ^ end) >> 63)
		return err_set(err, EINVAL, "virtual address 0x%llx (+0x%llx) is not canonical",
			       (unsigned long long)map->gva, (unsigned long long)map->len);
	if ((map->gva ^ map->gpa) & (PAGING_PAGE - 1))
		return err_set(err, EINVAL,
			       "virtual address 0x%llx and physical address 0x%llx differ within "
			       "a page: no page table can map that",
			       (unsigned long long)map->gva, (unsigned long long)map->gpa);
	return 0;
}

/* What the segments left free of the first 4 GiB, one to one. */
static int paging_identity(struct paging *pg)
{
	uint64_t *entry, gpa, page;

	for (gpa = 0; gpa < PAGING_4G; gpa += PAGING_LARGE) {
		entry = paging_entry(pg, gpa, 2);
		if (!entry)
			return -ENOMEM;
		if (!*entry)
			*entry = gpa | PAGING_P | PAGING_W | PAGING_PS;
		for (page = 0; !(*entry & PAGING_PS) && page < PAGING_LARGE; page += PAGING_PAGE) {
			uint64_t *leaf = paging_entry(pg, gpa + page, 1);

			if (!*leaf)
				*leaf = (gpa + page) | PAGING_P | PAGING_W;
		}
	}
	return 0;
}

/* Turn table numbers into addresses from BASE on. */
static void paging_move(struct paging *pg, uint64_t base)
{
	unsigned int i, j;

	for (i = 0; i < pg->nr; i++)
		for (j = 0; pg->level[i] > 1 && j < PAGING_ENTRIES; j++)
			if (pg->table[i][j] && !(pg->table[i][j] & PAGING_PS))
				pg->table[i][j] += base;
}

static int paging_build(struct paging *pg, const struct boot_map *map, unsigned int nr_map,
			struct err *err)
{
	unsigned int i;
	int ret;

	if (paging_new(pg, 4) < 0)
		return err_sys(err, ENOMEM, "page tables");
	for (i = 0; i < nr_map; i++) {
		if (!map[i].len)
			continue;
		ret = paging_check(&map[i], err);
		if (!ret)
			ret = paging_map(pg, &map[i], err);
		if (ret)
			return ret;
	}
	if (paging_identity(pg))
		return err_sys(err, ENOMEM, "page tables");
	return 0;
}

int boot_place_tables(struct boot_ctx *ctx, const struct boot_map *map, unsigned int nr_map,
		      uint64_t *cr3, struct err *err)
{
	struct paging pg = { .nr = 0 };
	uint64_t len;
	int ret;

	ret = paging_build(&pg, map, nr_map, err);
	if (!ret) {
		len = pg.nr * sizeof(*pg.table);
		ret = boot_place_scratch(ctx, NULL, len, PAGING_PAGE, "first page tables", cr3,
					 err);
	}
	if (!ret) {
		paging_move(&pg, *cr3);
		ret = mem_write(ctx->mem, *cr3, pg.table, len);
	}
	paging_free(&pg);
	return ret;
}
