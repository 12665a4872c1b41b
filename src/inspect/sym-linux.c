/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux kernel that has moved itself says where it is in several ways: the
 * entry point of system calls in an MSR, the handlers in the IDT, and the
 * lowest page that it maps of the GiB its text may lie in.
 */
#include "inspect/sym-linux.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/kallsyms.h"
#include "inspect/mmu.h"
#include "inspect/sym-priv.h"

#define LINUX_ALIGN  0x200000ull /* what it moves itself by is a multiple of this */
#define LINUX_IMAGE  (96ull << 20)
#define LINUX_CHUNK  (1u << 20)
#define LINUX_BEFORE (12ull << 20) /* of the table before and behind its dictionary */
#define LINUX_BEHIND (6ull << 20)
#define LINUX_HINTS  8
#define LINUX_USER   0x1000ull /* page-table isolation: the user's tables lie behind the kernel's */

bool sym_is_linux(const struct sym_part *part)
{
	static const char *const names[] = { "entry_SYSCALL_64", "start_kernel", "linux_banner" };
	const struct sym_index *index = sym_part_best(part);
	const struct sym_entry *sym;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sym = sym_index_lookup(index, names[i]);
		if (sym && sym->addr >= SYM_LINUX_TEXT)
			return true;
	}
	return false;
}

/* --- where it lies --- */

static bool linux_base_of(const struct vm_view *view, const struct x86_state *st, uint64_t *gva,
			  uint64_t *gpa)
{
	enum mmu_mode mode = mmu_mode_of(st);
	uint64_t at;

	if (mode != MMU_4LEVEL && mode != MMU_5LEVEL)
		return false;
	for (at = SYM_LINUX_TEXT; at - SYM_LINUX_TEXT < SYM_LINUX_SPAN; at += LINUX_ALIGN) {
		if (mmu_translate(view, st, at, gpa)) {
			*gva = at;
			return true;
		}
	}
	return false;
}

bool sym_linux_base(const struct vm_view *view, uint64_t *gva, uint64_t *gpa)
{
	struct x86_state *st = malloc(sizeof(*st));
	bool found = false;
	uint32_t i;

	for (i = 0; st && i < view->nr_vcpus && !found; i++) {
		*st = view->vcpu[i].state;
		if (x86_state_cpl(st))
			st->cr3 &= ~LINUX_USER; /* the same tables where they are not isolated */
		found = linux_base_of(view, st, gva, gpa);
		if (!found && x86_state_cpl(st))
			found = linux_base_of(view, &view->vcpu[i].state, gva, gpa);
	}
	free(st);
	return found;
}

/* How far SYMBOL of INDEX has moved, if it lies at ADDR now. */
static bool linux_moved(const struct sym_index *index, const char *symbol, uint64_t addr,
			uint64_t *slide)
{
	const struct sym_entry *sym = sym_index_lookup(index, symbol);

	if (!sym || sym->addr < SYM_LINUX_TEXT)
		return false;
	*slide = addr - sym->addr;
	return *slide < SYM_LINUX_SPAN && *slide % LINUX_ALIGN == 0;
}

/* The handler of page faults, whose name has changed over the years. */
static bool linux_slide_idt(const struct vm_view *view, const struct x86_state *st,
			    const struct sym_index *index, uint64_t *slide)
{
	static const char *const names[] = { "asm_exc_page_fault", "page_fault",
					     "async_page_fault" };
	uint64_t gate[2], addr;
	size_t i;

	if (view_read_va_as(view, st, st->idt.base + 14 * 16, gate, sizeof(gate)) != sizeof(gate))
		return false;
	addr = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (linux_moved(index, names[i], addr, slide))
			return true;
	}
	return false;
}

static bool linux_slide(const struct vm_view *view, const struct sym_index *index, uint64_t *slide)
{
	uint64_t gva, gpa;
	uint32_t i;

	for (i = 0; i < view->nr_vcpus; i++) {
		const struct x86_state *st = &view->vcpu[i].state;

		if (linux_moved(index, "entry_SYSCALL_64", st->msr[X86_MSR_LSTAR], slide) ||
		    linux_slide_idt(view, st, index, slide))
			return true;
	}
	return sym_linux_base(view, &gva, &gpa) && linux_moved(index, "_text", gva, slide);
}

static void linux_follow_slide(struct sym_table *tab, const struct vm_view *view)
{
	unsigned int i;
	uint64_t slide;

	if (mmu_mode_of(&view->vcpu[0].state) == MMU_OFF) {
		tab->slide_known = false; /* it has been reset: the next boot is another */
		return;
	}
	for (i = 0; i < tab->nr; i++) {
		const struct sym_part *part = &tab->part[i];

		if (part->linux_text && linux_slide(view, sym_part_best(part), &slide)) {
			tab->slide = slide;
			tab->slide_known = true;
			return;
		}
	}
}

/* --- its own table --- */

static int linux_add(void *ctx, char type, const char *name, size_t len, uint64_t addr)
{
	struct sym_entry entry = {
		.addr = addr,
		.rank = type == 'T'   ? 10
			: type == 't' ? 8
			: type < 'a'  ? 2
				      : 0,
		.absolute = type == 'A' || type == 'a',
	};

	return sym_index_add(ctx, &entry, name, len);
}

/* The table around what lies HINT bytes behind GPA. */
static bool linux_read_table(const struct vm_view *view, uint64_t gpa, uint64_t hint,
			     struct sym_index *index)
{
	uint64_t start = hint > LINUX_BEFORE ? (hint - LINUX_BEFORE) & ~0xfffull : 0;
	size_t len = (size_t)(hint - start + LINUX_BEHIND);
	uint8_t *data = malloc(len);
	long nr;

	if (!data)
		return false;
	len = view_read(view, gpa + start, data, len);
	nr = kallsyms_read(data, len, (size_t)(hint - start), linux_add, index);
	free(data);
	return nr > 0;
}

static bool linux_find_table(const struct vm_view *view, uint64_t gpa, struct sym_index *index)
{
	uint8_t *data = malloc(LINUX_CHUNK + KALLSYMS_HINT);
	unsigned int hints = 0;
	bool found = false;
	uint64_t off;
	size_t len, at;

	for (off = 0; data && off < LINUX_IMAGE && !found; off += LINUX_CHUNK) {
		len = view_read(view, gpa + off, data, LINUX_CHUNK + KALLSYMS_HINT);
		at = kallsyms_hint(data, len, 0);
		while (at < len && !found && hints++ < LINUX_HINTS) {
			found = linux_read_table(view, gpa, off + at, index);
			at = kallsyms_hint(data, len, at + 1);
		}
		if (len < LINUX_CHUNK)
			break;
	}
	free(data);
	return found;
}

static void linux_take_table(struct sym_part *part, const struct vm_view *view, uint64_t gpa)
{
	struct sym_index *index = sym_index_new();

	if (index && linux_find_table(view, gpa, index) && !sym_index_sort(index))
		part->index = index;
	else
		sym_index_close(index);
}

static void linux_follow_table(struct sym_table *tab, const struct vm_view *view)
{
	uint64_t gva, gpa;
	unsigned int i;

	for (i = 0; i < tab->nr && tab->part[i].path; i++)
		;
	if (i == tab->nr || !sym_linux_base(view, &gva, &gpa) || gva == tab->kernel_tried)
		return;
	tab->kernel_tried = gva;
	sym_index_close(tab->part[i].index);
	tab->part[i].index = NULL;
	linux_take_table(&tab->part[i], view, gpa);
}

/* What does not change while a kernel runs is not looked at again until these two change. */
void sym_linux_follow(struct sym_table *tab, const struct vm_view *view)
{
	const struct x86_state *st = &view->vcpu[0].state;
	uint64_t now[2] = { st->msr[X86_MSR_LSTAR], st->idt.base };

	if (memcmp(now, tab->followed, sizeof(now)) == 0 && (tab->slide_known || tab->kernel_tried))
		return;
	memcpy(tab->followed, now, sizeof(now));
	linux_follow_slide(tab, view);
	linux_follow_table(tab, view);
}
