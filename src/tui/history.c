/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of stops: see history.h. Of memory a stop keeps what its screens look at: the page
 * tables, and around the stack pointer, the instruction and the CPU's tables.
 */
#include "tui/history.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/mmu-lint.h"

#define HISTORY_PAGE   4096u
#define HISTORY_TABLES 128 /* page tables of one vCPU */
#define HISTORY_PAGES  256 /* of one stop */

struct history_pages {
	uint64_t gpa[HISTORY_PAGES];
	unsigned int nr;
};

struct vm_view *history_copy(const struct vm_view *view)
{
	struct vm_view *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *view;
	copy->vcpu = reallocarray(NULL, view->nr_vcpus ? view->nr_vcpus : 1, sizeof(*copy->vcpu));
	if (!copy->vcpu) {
		free(copy);
		return NULL;
	}
	memcpy(copy->vcpu, view->vcpu, view->nr_vcpus * sizeof(*copy->vcpu));
	copy->owned = NULL;
	return copy;
}

void history_copy_free(struct vm_view *view)
{
	if (view)
		free(view->vcpu);
	free(view);
}

/* --- memory --- */

static void history_note(struct history_pages *pages, uint64_t gpa)
{
	gpa &= ~(uint64_t)(HISTORY_PAGE - 1);
	for (unsigned int i = 0; i < pages->nr; i++)
		if (pages->gpa[i] == gpa)
			return;
	if (pages->nr < HISTORY_PAGES)
		pages->gpa[pages->nr++] = gpa;
}

/* NR pages from the one of GVA on, and what the walk to them reads. */
static void history_note_va(struct history_pages *pages, const struct vm_view *view,
			    const struct x86_state *st, uint64_t gva, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct mmu_walk walk;

		mmu_walk(view, st, gva + (uint64_t)i * HISTORY_PAGE, &walk);
		for (unsigned int l = 0; l < walk.nr_levels; l++)
			if (walk.level[l].readable)
				history_note(pages, walk.level[l].entry_gpa);
		if (walk.present)
			history_note(pages, walk.gpa);
	}
}

static void history_note_vcpu(struct history_pages *pages, const struct vm_view *view,
			      const struct x86_state *st)
{
	uint64_t table[HISTORY_TABLES];
	size_t nr;

	history_note_va(pages, view, st, x86_state_linear_rip(st) - HISTORY_PAGE, 3);
	history_note_va(pages, view, st, x86_state_linear_rsp(st), 4);
	history_note_va(pages, view, st, st->gdt.base, 1);
	history_note_va(pages, view, st, st->idt.base, 2);
	history_note_va(pages, view, st, st->seg[X86_TR].base, 1);
	nr = mmu_tables(view, st, table, HISTORY_TABLES);
	for (size_t i = 0; i < nr; i++)
		history_note(pages, table[i]);
}

static int history_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Without memory for it, the stop keeps its registers alone. */
static void history_keep(struct history_stop *stop, const struct vm_view *view)
{
	struct history_pages pages = { .nr = 0 };
	uint32_t nr = 0;

	for (uint32_t i = 0; i < view->nr_vcpus; i++)
		history_note_vcpu(&pages, view, &view->vcpu[i].state);
	qsort(pages.gpa, pages.nr, sizeof(pages.gpa[0]), history_compare);
	stop->page = reallocarray(NULL, pages.nr ? pages.nr : 1, sizeof(*stop->page));
	if (!stop->page)
		return;
	for (unsigned int i = 0; i < pages.nr; i++) {
		struct view_page *page = &stop->page[nr];

		page->gpa = pages.gpa[i];
		if (view_read(view, page->gpa, page->data, HISTORY_PAGE) == HISTORY_PAGE)
			nr++;
	}
	stop->view->page = stop->page;
	stop->view->nr_pages = nr;
}

/* --- the ring --- */

static void history_drop(struct history_stop *stop)
{
	history_copy_free(stop->view);
	free(stop->page);
	memset(stop, 0, sizeof(*stop));
}

bool history_add(struct history *hist, const struct vm_view *view)
{
	const struct vm_view *last = history_get(hist, 0);
	struct history_stop *stop;
	struct vm_view *copy;

	if (view->state == VM_STATE_RUNNING || (last && last->stop_count == view->stop_count))
		return false;
	copy = history_copy(view);
	if (!copy)
		return false;
	stop = &hist->stop[hist->next];
	history_drop(stop);
	stop->view = copy;
	history_keep(stop, view);
	hist->next = (hist->next + 1) % HISTORY_MAX;
	hist->nr += hist->nr < HISTORY_MAX;
	return true;
}

const struct vm_view *history_get(const struct history *hist, unsigned int back)
{
	if (back >= hist->nr)
		return NULL;
	return hist->stop[(hist->next + HISTORY_MAX - 1 - back) % HISTORY_MAX].view;
}

void history_clear(struct history *hist)
{
	for (unsigned int i = 0; i < HISTORY_MAX; i++)
		history_drop(&hist->stop[i]);
	memset(hist, 0, sizeof(*hist));
}
