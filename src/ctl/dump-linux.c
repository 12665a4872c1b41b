/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux guest's VMCOREINFO: the kernel keeps it as a finished ELF note that
 * begins a page, for whoever dumps it (include/linux/crash_core.h). It may have
 * left an old one behind when it was started again: the one that says where this
 * kernel lies is taken.
 */
#include "ctl/dump-linux.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/mmu.h"
#include "inspect/sym-linux.h"
#include "inspect/sym.h"

#define LINUX_PAGE	4096u
#define LINUX_NOTE_MAX	65536u
#define LINUX_LINKED	0xffffffff81000000ull
#define LINUX_IMAGE_MAX (256ull << 20)

struct linux_note {
	Elf64_Nhdr hdr;
	char name[12];
	char desc[10]; /* how it begins */
};

static uint64_t linux_note_len(const Elf64_Nhdr *hdr)
{
	return sizeof(*hdr) + 12 + (hdr->n_descsz + 3ull) / 4 * 4;
}

/* Is there a note at GPA? 2: and it is of a kernel that has moved itself to BASE. */
static int linux_judge(const struct vm_view *view, uint64_t gpa, uint64_t base, uint64_t *len)
{
	static const char name[12] = "VMCOREINFO", begin[] = "OSRELEASE=";
	struct linux_note note;
	char *text, want[64];
	int good = 1;

	if (view_read(view, gpa, &note, sizeof(note)) != sizeof(note) ||
	    memcmp(note.name, name, sizeof(name)) || note.hdr.n_namesz != sizeof("VMCOREINFO") ||
	    memcmp(note.desc, begin, sizeof(note.desc)) || note.hdr.n_descsz > LINUX_NOTE_MAX)
		return 0;
	*len = linux_note_len(&note.hdr);
	text = calloc(1, *len + 1);
	if (!text || view_read(view, gpa, text, *len) != *len) {
		free(text);
		return 0;
	}
	snprintf(want, sizeof(want), "\nKERNELOFFSET=%llx\n",
		 (unsigned long long)(base - LINUX_LINKED));
	if (base && strstr(text + sizeof(note.hdr) + sizeof(note.name), want))
		good = 2;
	free(text);
	return good;
}

static void linux_find_note(const struct vm_view *view, uint64_t base, struct dump_linux *out)
{
	uint64_t gpa, len = 0;
	int best = 0, good;
	uint32_t i;

	for (i = 0; i < view->nr_regions && best < 2; i++) {
		const struct sample_region *reg = &view->region[i];

		for (gpa = reg->gpa; gpa - reg->gpa < reg->len && best < 2; gpa += LINUX_PAGE) {
			good = linux_judge(view, gpa, base, &len);
			if (good <= best)
				continue;
			best = good;
			out->note_gpa = gpa;
			out->note_len = len;
		}
	}
}

static bool linux_symbol(const struct sym_table *tab, const char *name, uint64_t base,
			 uint64_t *addr)
{
	return sym_lookup(tab, name, addr) && *addr >= base && *addr - base < LINUX_IMAGE_MAX;
}

/* How long the image is and where it maps RAM, in its own words. */
static void linux_find_map(const struct vm_view *view, uint64_t gva, uint64_t gpa,
			   struct dump_linux *out)
{
	struct sym_table *tab = NULL;
	uint64_t addr;

	sym_open(SYM_GUEST, &tab, NULL);
	sym_follow(tab, view);
	if (linux_symbol(tab, "_end", gva, &addr)) {
		out->text_gva = gva;
		out->text_gpa = gpa;
		out->text_len = addr - gva;
	}
	if (linux_symbol(tab, "page_offset_base", gva, &addr))
		view_read_value(view, gpa + (addr - gva), 8, &out->direct_map);
	if (out->direct_map >> 47 != 0x1ffff && out->direct_map >> 56 != 0xff)
		out->direct_map = 0;
	sym_close(tab);
}

void dump_linux_find(const struct vm_view *view, struct dump_linux *out)
{
	uint64_t gva = 0, gpa = 0;

	memset(out, 0, sizeof(*out));
	if (sym_linux_base(view, &gva, &gpa))
		linux_find_map(view, gva, gpa, out);
	linux_find_note(view, gva, out);
}
