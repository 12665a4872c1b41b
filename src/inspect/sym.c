/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of a guest's symbols: a set of sources, and where each of them
 * lies. An address is looked up in each at the address it was linked for.
 */
#include "inspect/sym.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/mmu.h"
#include "inspect/sample.h"
#include "inspect/sym-linux.h"
#include "inspect/sym-priv.h"

/* --- the text that names the sources --- */

_Static_assert(SYM_SPEC_MAX == SAMPLE_SYMS_MAX, "the sample page has room for it");

static bool sym_parse_offset(const char *text, int64_t *offset)
{
	bool minus = text[0] == '-';
	unsigned long long val;
	char *end;

	if (minus || text[0] == '+')
		text++;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	val = strtoull(text, &end, 0);
	if (errno || *end)
		return false;
	*offset = (int64_t)(minus ? 0 - val : val);
	return true;
}

int sym_spec_add(char *spec, const char *file, struct err *err)
{
	char real[PATH_MAX], name[PATH_MAX], line[SYM_SPEC_MAX];
	size_t len = strlen(spec);
	int64_t offset = 0;
	char *at;
	int n;

	snprintf(name, sizeof(name), "%s", file);
	if (strcmp(name, SYM_GUEST) == 0) {
		strcpy(real, name);
	} else if (!realpath(name, real)) {
		at = strrchr(name, '@');
		if (!at || !sym_parse_offset(at + 1, &offset))
			return err_sys(err, errno, "%s", file);
		*at = '\0';
		if (!realpath(name, real))
			return err_sys(err, errno, "%s", name);
	}
	if (strchr(real, '\n'))
		return err_set(err, EINVAL, "%s: a line break in a path", file);
	n = snprintf(line, sizeof(line), offset || strchr(real, '@') ? "%s%s@0x%llx" : "%s%s",
		     len ? "\n" : "", real, (unsigned long long)offset);
	if (n < 0 || (size_t)n >= sizeof(line) || len + (size_t)n >= SYM_SPEC_MAX)
		return err_set(err, ENOSPC, "%s: too many files with symbols, or too long a path",
			       file);
	memcpy(spec + len, line, (size_t)n + 1);
	return 0;
}

bool sym_spec_next(const char **spec, char *path, size_t len, int64_t *offset)
{
	size_t n = strcspn(*spec, "\n");
	char *at;

	if (!n)
		return false;
	snprintf(path, len, "%.*s", (int)n, *spec);
	*spec += n + ((*spec)[n] != '\0');
	*offset = 0;
	at = strrchr(path, '@');
	if (at && sym_parse_offset(at + 1, offset))
		*at = '\0';
	return true;
}

/* --- the set --- */

static int sym_add_file(struct sym_table *tab, struct sym_part *part, const char *path,
			struct err *err)
{
	int ret = sym_index_open(path, &part->index, err);

	if (ret)
		return ret;
	part->path = strdup(path);
	if (!part->path) {
		sym_index_close(part->index);
		return err_set(err, ENOMEM, "%s: out of memory", path);
	}
	part->debug = sym_debug_open(part->index, path);
	part->linux_text = sym_is_linux(part);
	tab->nr++;
	return 0;
}

static int sym_add_source(struct sym_table *tab, const char *path, int64_t offset, struct err *err)
{
	struct sym_part *part = &tab->part[tab->nr];

	if (tab->nr == SYM_SOURCES_MAX)
		return err_set(err, ENOSPC, "%s: too many files with symbols", path);
	*part = (struct sym_part){ .offset = offset };
	if (strcmp(path, SYM_GUEST))
		return sym_add_file(tab, part, path, err);
	tab->nr++; /* it is read when it is found */
	return 0;
}

int sym_open(const char *spec, struct sym_table **out, struct err *err)
{
	struct sym_table *tab = calloc(1, sizeof(*tab));
	char path[PATH_MAX];
	int64_t offset;
	int ret = 0, one;

	*out = NULL;
	if (!tab)
		return err_set(err, ENOMEM, "symbols: out of memory");
	while (sym_spec_next(&spec, path, sizeof(path), &offset)) {
		one = sym_add_source(tab, path, offset, ret ? NULL : err);
		ret = ret ? ret : one;
	}
	if (tab->nr)
		*out = tab;
	else
		free(tab);
	return ret;
}

void sym_close(struct sym_table *tab)
{
	unsigned int i;

	if (!tab)
		return;
	sym_sources_close(tab);
	for (i = 0; i < tab->nr; i++) {
		sym_index_close(tab->part[i].index);
		sym_index_close(tab->part[i].debug);
		free(tab->part[i].path);
	}
	free(tab);
}

/* --- where they lie --- */

/* What is added to LINKED, an address the part was linked for. */
static uint64_t sym_bias(const struct sym_table *tab, const struct sym_part *part, uint64_t linked)
{
	bool slides = part->linux_text && tab->slide_known && linked >= SYM_LINUX_TEXT;

	return (uint64_t)part->offset + (slides ? tab->slide : 0);
}

/* Where the program that executes at physical addresses was linked to be. */
static bool sym_from_physical(const struct sym_part *part, uint64_t gpa, uint64_t *linked)
{
	unsigned int i;

	for (i = 0; part->index && i < part->index->nr_segs; i++) {
		const struct sym_seg *seg = &part->index->seg[i];

		if (seg->vaddr != seg->paddr && gpa - seg->paddr < seg->len) {
			*linked = gpa - seg->paddr + seg->vaddr;
			return true;
		}
	}
	return false;
}

/* The address that ADDR was linked for, if PART is where it belongs. */
static uint64_t sym_linked(const struct sym_table *tab, const struct sym_part *part, uint64_t addr)
{
	uint64_t linked = addr - (uint64_t)part->offset;

	if (tab->physical && sym_from_physical(part, linked, &linked))
		return linked;
	if (!part->linux_text || !tab->slide_known || addr < SYM_LINUX_TEXT)
		return linked;
	linked -= tab->slide;
	return linked >= SYM_LINUX_TEXT ? linked : UINT64_MAX; /* below the kernel as it lies */
}

static bool sym_is_moved(const struct sym_table *tab, const struct sym_part *part)
{
	return part->linux_text && tab->slide_known && tab->slide;
}

/* Is the guest still to leave the physical addresses its kernel was loaded at? */
static bool sym_is_physical(const struct sym_table *tab, const struct vm_view *view)
{
	const struct x86_state *st = &view->vcpu[0].state;
	unsigned int i, k;
	uint64_t gpa;

	if (!view->nr_vcpus || x86_state_cpl(st))
		return false;
	if (mmu_mode_of(st) == MMU_OFF)
		return true;
	for (i = 0; i < tab->nr; i++) {
		const struct sym_index *index = tab->part[i].index;

		for (k = 0; index && !tab->slide_known && k < index->nr_segs; k++) {
			if (index->seg[k].vaddr != index->seg[k].paddr)
				return !mmu_translate(view, st, index->seg[k].vaddr, &gpa);
		}
	}
	return false;
}

void sym_follow(struct sym_table *tab, const struct vm_view *view)
{
	if (!tab || !view->nr_vcpus)
		return;
	sym_linux_follow(tab, view);
	tab->physical = sym_is_physical(tab, view);
}

bool sym_slide(const struct sym_table *tab, uint64_t *slide)
{
	if (!tab || !tab->slide_known)
		return false;
	*slide = tab->slide;
	return true;
}

bool sym_source_get(const struct sym_table *tab, unsigned int n, struct sym_source_info *out)
{
	const struct sym_part *part;

	if (!tab || n >= tab->nr)
		return false;
	part = &tab->part[n];
	*out = (struct sym_source_info){ .path = part->path,
					 .elf = part->index && part->index->elf,
					 .linux_text = part->linux_text,
					 .bias = sym_bias(tab, part, UINT64_MAX),
					 .nr = sym_part_best(part) ? sym_part_best(part)->nr : 0 };
	return true;
}

/* --- asking --- */

const struct sym_index *sym_part_best(const struct sym_part *part)
{
	if (part->debug && part->debug->nr > part->index->nr)
		return part->debug;
	return part->index;
}

const char *sym_find(const struct sym_table *tab, uint64_t addr, uint64_t *off)
{
	uint64_t dist, least = UINT64_MAX;
	const char *name, *best = NULL;
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++) {
		const struct sym_part *part = &tab->part[i];
		const struct sym_index *index = sym_part_best(part);

		name = index ? sym_index_find(index, sym_linked(tab, part, addr),
					      sym_is_moved(tab, part), &dist)
			     : NULL;
		if (name && dist < least) {
			least = dist;
			best = name;
		}
	}
	if (best && off)
		*off = least;
	return best;
}

bool sym_place(const struct sym_table *tab, const struct sym_part *part,
	       const struct sym_entry *sym, uint64_t *addr)
{
	if (sym->module && sym_is_moved(tab, part))
		return false;
	*addr = sym->addr + (sym->absolute ? 0 : sym_bias(tab, part, sym->addr));
	return true;
}

bool sym_lookup(const struct sym_table *tab, const char *name, uint64_t *addr)
{
	const struct sym_entry *sym;
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++) {
		const struct sym_index *index = sym_part_best(&tab->part[i]);

		sym = index ? sym_index_lookup(index, name) : NULL;
		if (sym && sym_place(tab, &tab->part[i], sym, addr))
			return true;
	}
	return false;
}

const char *sym_text(const struct sym_table *tab, uint64_t addr, char *buf, size_t len)
{
	uint64_t off = 0;
	const char *name = sym_find(tab, addr, &off);

	if (!name)
		snprintf(buf, len, "%s", "");
	else if (off)
		snprintf(buf, len, "%s+0x%llx", name, (unsigned long long)off);
	else
		snprintf(buf, len, "%s", name);
	return buf;
}

const char *sym_section(const struct sym_table *tab, uint64_t addr)
{
	const char *name = NULL;
	unsigned int i;

	for (i = 0; tab && i < tab->nr && !name; i++) {
		if (tab->part[i].index)
			name = sym_index_section(tab->part[i].index,
						 sym_linked(tab, &tab->part[i], addr));
	}
	return name;
}

struct sym_each {
	const struct sym_table *tab;
	const struct sym_part *part;
	bool (*fn)(void *ctx, const char *name, uint64_t addr);
	void *ctx;
};

static bool sym_each_one(void *arg, const char *name, const struct sym_entry *sym)
{
	struct sym_each *each = arg;
	uint64_t addr;

	return !sym_place(each->tab, each->part, sym, &addr) || each->fn(each->ctx, name, addr);
}

void sym_each(const struct sym_table *tab, const char *prefix,
	      bool (*fn)(void *ctx, const char *name, uint64_t addr), void *ctx)
{
	struct sym_each each = { .tab = tab, .fn = fn, .ctx = ctx };
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++) {
		const struct sym_index *index = sym_part_best(&tab->part[i]);

		each.part = &tab->part[i];
		if (index && !sym_index_each(index, prefix, sym_each_one, &each))
			return;
	}
}

bool sym_line(struct sym_table *tab, uint64_t addr, const char **file, int *line)
{
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++) {
		struct sym_part *part = &tab->part[i];
		uint64_t linked = sym_linked(tab, part, addr);

		if ((part->debug && sym_index_line(part->debug, linked, file, line)) ||
		    (part->index && sym_index_line(part->index, linked, file, line)))
			return true;
	}
	return false;
}

bool sym_frame_at(struct sym_table *tab, uint64_t pc, struct sym_frame *out)
{
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++) {
		struct sym_part *part = &tab->part[i];
		uint64_t linked = sym_linked(tab, part, pc);

		if ((part->debug && sym_index_frame(part->debug, linked, out)) ||
		    (part->index && sym_index_frame(part->index, linked, out)))
			return true;
	}
	return false;
}

unsigned int sym_word(const struct sym_table *tab)
{
	return tab && tab->nr && tab->part[0].index ? tab->part[0].index->word : 8;
}

size_t sym_count(const struct sym_table *tab)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; tab && i < tab->nr; i++)
		sum += sym_part_best(&tab->part[i]) ? sym_part_best(&tab->part[i])->nr : 0;
	return sum;
}
