/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Second-stage tables: entry formats (SDM 3C 28.3.2, APM 2 15.25), the walk, the fold, the text. */
#include "stage2/stage2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"

#define STAGE2_MAX_TABLES 65536
#define STAGE2_MAX_RANGES 65536
#define STAGE2_ADDR_MASK  0x000ffffffffff000ull
#define STAGE2_LARGE	  (1ull << 7)

struct stage2_entry {
	bool present, leaf;
	uint64_t hpa;
	uint32_t perm;
	uint8_t memtype;
};

/* KVM marks pages it emulates by a frame number no machine has: they map nothing. */
#define STAGE2_NPT_MMIO (1ull << 51)

static void stage2_decode_npt(uint64_t raw, unsigned int level, struct stage2_entry *ent)
{
	ent->present = raw & 1 && !(raw & STAGE2_NPT_MMIO);
	ent->leaf = level == 1 || raw & STAGE2_LARGE;
	ent->hpa = raw & STAGE2_ADDR_MASK;
	ent->perm = STAGE2_R | (raw & 2 ? STAGE2_W : 0) | (raw & 4 ? STAGE2_U : 0) |
		    (raw >> 63 ? 0 : STAGE2_X) | (raw & 1 << 5 ? STAGE2_A : 0) |
		    (raw & 1 << 6 ? STAGE2_D : 0);
	ent->memtype = 0;
}

static void stage2_decode_ept(uint64_t raw, unsigned int level, struct stage2_entry *ent)
{
	/* Write and execute without read is a misconfiguration: KVM's mark for MMIO. */
	ent->present = raw & 7 && (raw & 7) != 6;
	ent->leaf = level == 1 || raw & STAGE2_LARGE;
	ent->hpa = raw & STAGE2_ADDR_MASK;
	ent->perm = (raw & 1 ? STAGE2_R : 0) | (raw & 2 ? STAGE2_W : 0) | (raw & 4 ? STAGE2_X : 0) |
		    (raw & 1 << 8 ? STAGE2_A : 0) | (raw & 1 << 9 ? STAGE2_D : 0);
	ent->memtype = raw >> 3 & 7;
}

static bool stage2_extends(const struct stage2_range *last, const struct stage2_entry *ent,
			   uint64_t gpa, unsigned int level)
{
	const uint32_t kind = STAGE2_R | STAGE2_W | STAGE2_X | STAGE2_U;

	return last->gpa + last->len == gpa && last->level == level &&
	       (last->perm & kind) == (ent->perm & kind) && last->memtype == ent->memtype;
}

static struct stage2_range *stage2_new_range(struct stage2_map *map)
{
	struct stage2_range *range;
	size_t cap;

	if (map->nr == STAGE2_MAX_RANGES)
		return NULL;
	if (map->nr == map->cap) {
		cap = map->cap ? map->cap * 2 : 64;
		range = realloc(map->range, cap * sizeof(*range));
		if (!range)
			return NULL;
		map->range = range;
		map->cap = cap;
	}
	return &map->range[map->nr++];
}

static void stage2_add_leaf(struct stage2_map *map, const struct stage2_entry *ent, uint64_t gpa,
			    unsigned int level)
{
	uint64_t len = 1ull << (12 + 9 * (level - 1));
	uint64_t hpa = ent->hpa & ~(len - 1);
	struct stage2_range *last = map->nr ? &map->range[map->nr - 1] : NULL;

	map->nr_leaves[level]++;
	if (map->want.gpa - gpa < len)
		map->want = (struct stage2_leaf){ .gpa = map->want.gpa,
						  .found = true,
						  .hpa = hpa + (map->want.gpa - gpa),
						  .perm = ent->perm,
						  .level = (uint8_t)level,
						  .memtype = ent->memtype };
	if (last && stage2_extends(last, ent, gpa, level)) {
		last->contiguous &= last->hpa + last->len == hpa;
		last->len += len;
		last->nr_leaves++;
		last->perm |= ent->perm;
		return;
	}
	last = stage2_new_range(map);
	if (!last) {
		map->truncated = true;
		return;
	}
	*last = (struct stage2_range){ .gpa = gpa,
				       .len = len,
				       .hpa = hpa,
				       .nr_leaves = 1,
				       .perm = ent->perm,
				       .level = (uint8_t)level,
				       .memtype = ent->memtype,
				       .contiguous = true };
}

struct stage2_walker {
	stage2_table_fn read;
	void *ctx;
	struct stage2_map *map;
};

static void stage2_walk_table(struct stage2_walker *wk, uint64_t hpa, uint64_t gpa,
			      unsigned int level)
{
	struct stage2_entry ent;
	uint64_t table[512], next;
	unsigned int i;

	if (wk->map->nr_tables == STAGE2_MAX_TABLES || !wk->read(wk->ctx, hpa, table)) {
		wk->map->truncated = true;
		return;
	}
	wk->map->nr_tables++;
	for (i = 0; i < 512; i++) {
		if (wk->map->format == STAGE2_EPT)
			stage2_decode_ept(table[i], level, &ent);
		else
			stage2_decode_npt(table[i], level, &ent);
		if (!ent.present)
			continue;
		next = gpa + ((uint64_t)i << (12 + 9 * (level - 1)));
		if (!ent.leaf)
			stage2_walk_table(wk, ent.hpa, next, level - 1);
		else if (level <= 3)
			stage2_add_leaf(wk->map, &ent, next, level);
	}
}

int stage2_walk(stage2_table_fn read, void *ctx, uint64_t gpa, struct stage2_map *out)
{
	struct stage2_walker wk = { .read = read, .ctx = ctx, .map = out };

	if (out->levels < 1 || out->levels > 5)
		return -EINVAL;
	stage2_walk_table(&wk, out->root_hpa, gpa, out->levels);
	return 0;
}

void stage2_free(struct stage2_map *map)
{
	free(map->range);
	memset(map, 0, sizeof(*map));
}

bool stage2_is_exact(const struct stage2_map *map)
{
	return map->tier && !strncmp(map->tier, "exact", 5);
}

int stage2_find(struct vm *vm, uint64_t gpa, struct stage2_map *out, struct err *err)
{
	uint64_t start = time_now_ns();
	struct err why = ERR_INIT;
	int ret;

	memset(out, 0, sizeof(*out));
	out->want.gpa = gpa;
	ret = stage2_bpf_read(vm, out, &why);
	if (ret) {
		stage2_free(out);
		out->want.gpa = gpa;
		ret = stage2_host_read(vm, out, err);
	}
	out->time_ns = time_now_ns();
	out->read_ns = out->time_ns - start;
	return ret;
}

int stage2_read(struct vm *vm, struct stage2_map *out, struct err *err)
{
	return stage2_find(vm, UINT64_MAX, out, err);
}

const char *stage2_perm_text(uint32_t perm, enum stage2_format format, char *out)
{
	out[0] = perm & STAGE2_R ? 'R' : '-';
	out[1] = perm & STAGE2_W ? 'W' : '-';
	out[2] = perm & STAGE2_X ? 'X' : '-';
	out[3] = format == STAGE2_NPT ? (perm & STAGE2_U ? 'U' : '-') : ' ';
	out[4] = ' ';
	out[5] = perm & STAGE2_A ? 'A' : '-';
	out[6] = perm & STAGE2_D ? 'D' : '-';
	out[7] = '\0';
	return out;
}

void stage2_text(const struct stage2_map *map, uint64_t now_ns, struct buf *out)
{
	static const char *const size[] = { "", "4K", "2M", "1G" };
	static const char *const memtype[] = { "UC", "WC", "?", "?", "WT", "WP", "WB", "?" };
	const struct stage2_range *range;
	char perm[16], len[16];
	size_t i;

	buf_printf(out, "%s %s, root %012llx, %u levels, read in %.1f ms, %.1f s ago\n",
		   map->format == STAGE2_EPT ? "EPT" : "NPT", map->tier,
		   (unsigned long long)map->root_hpa, map->levels, (double)map->read_ns / 1e6,
		   (double)(now_ns - map->time_ns) / 1e9);
	buf_printf(out, "tables %llu  leaves 4K %llu  2M %llu  1G %llu%s\n",
		   (unsigned long long)map->nr_tables, (unsigned long long)map->nr_leaves[1],
		   (unsigned long long)map->nr_leaves[2], (unsigned long long)map->nr_leaves[3],
		   map->truncated ? "  (incomplete)" : "");
	buf_puts(out, "guest-physical range               size page perm     host-physical\n");
	for (i = 0; i < map->nr; i++) {
		range = &map->range[i];
		stage2_perm_text(range->perm, map->format, perm);
		buf_printf(out, "%012llx-%012llx %10s  %s  %s %s %012llx%s\n",
			   (unsigned long long)range->gpa,
			   (unsigned long long)(range->gpa + range->len - 1),
			   parse_size_text(range->len, len), size[range->level], perm,
			   map->format == STAGE2_EPT ? memtype[range->memtype] : "  ",
			   (unsigned long long)range->hpa,
			   range->nr_leaves > 1 && !range->contiguous ? " and elsewhere" : "");
	}
}
