/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks the page tables and folds neighbouring pages of the same size and rights.
 */
#include "demo.h"

#include <stddef.h>

#include "paging.h"
#include "print.h"

#define MAP_RIGHTS (PTE_W | PTE_U | PTE_NX | PTE_G | PTE_PCD)

struct map_run {
	uint64_t start, end, rights;
	int level;
	void (*line)(const char *text);
};

static uint64_t map_page_size(int level)
{
	return 1ull << (12 + 9 * (level - 1));
}

static void map_flush(const struct map_run *run)
{
	static const char *const sizes[] = { "", "4K", "2M", "1G" };
	uint64_t f = run->rights;
	char text[80];

	if (run->start == run->end)
		return;
	snprintf(text, sizeof(text), "%016lx-%016lx %8luK %s r%c%c %c%c%s", run->start,
		 run->end - 1, (run->end - run->start) >> 10, sizes[run->level],
		 f & PTE_W ? 'w' : '-', f & PTE_NX ? '-' : 'x', f & PTE_U ? 'u' : 's',
		 f & PTE_G ? 'g' : '-', f & PTE_PCD ? " uncached" : "");
	run->line(text);
}

static void map_add(struct map_run *run, uint64_t va, uint64_t rights, int level)
{
	if (va != run->end || rights != run->rights || level != run->level) {
		map_flush(run);
		run->start = va;
		run->rights = rights;
		run->level = level;
	}
	run->end = va + map_page_size(level);
}

/* Rights that all levels must grant are and-ed, NX is or-ed; the rest is the last entry's. */
static uint64_t map_combine(uint64_t upper, uint64_t entry)
{
	uint64_t all = upper & entry & (PTE_W | PTE_U), any = (upper | entry) & PTE_NX;

	return all | any | (entry & (MAP_RIGHTS & ~(PTE_W | PTE_U | PTE_NX)));
}

static void map_walk(struct map_run *run, uint64_t table_pa, int level, uint64_t va,
		     uint64_t rights)
{
	const uint64_t *table = phys_to_virt(table_pa);

	for (unsigned int i = 0; i < 512; i++, va += map_page_size(level)) {
		uint64_t combined = map_combine(rights, table[i]);

		if (level == 4 && i == 256)
			va |= 0xffff000000000000;
		if (!(table[i] & PTE_P))
			continue;
		if (level == 1 || (level < 4 && table[i] & PTE_PS))
			map_add(run, va, combined, level);
		else
			map_walk(run, table[i] & PTE_ADDR, level - 1, va, combined);
	}
}

void map_print(void (*line)(const char *text))
{
	struct map_run run = { .line = line };

	map_walk(&run, paging_root(), 4, 0, PTE_W | PTE_U);
	map_flush(&run);
}
