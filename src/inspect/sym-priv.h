/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the symbol table share. A table is a set of sources; each
 * has an index of its own (sym-index.c) in the addresses it was linked for, and
 * the table knows how far each has been moved (sym.c).
 */
#ifndef VITRINE_INSPECT_SYM_PRIV_H
#define VITRINE_INSPECT_SYM_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libelf.h>

#include "inspect/sym.h"

#define SYM_SECTIONS	256
#define SYM_SEGMENTS	16
#define SYM_SOURCES_MAX 32

struct sym_entry {
	uint64_t addr, size;
	uint32_t name; /* offset in names */
	uint8_t rank;  /* which of several at one address is shown: the highest */
	bool absolute; /* a number, not a place: found by name only */
	bool module;   /* of a loaded module: says nothing of another boot */
};

struct sym_sect {
	uint64_t addr, len;
	char name[32];
};

struct sym_seg {
	uint64_t vaddr, paddr, len;
};

struct sym_dwarf;
struct sym_sources;

/* The symbols of one file, at the addresses it was linked for. */
struct sym_index {
	struct sym_entry *sym; /* by address */
	size_t nr, cap;
	uint32_t *by_name; /* indices of sym, by name */
	char *names;
	size_t names_len, names_cap;
	struct sym_sect sect[SYM_SECTIONS];
	unsigned int nr_sects;
	struct sym_seg seg[SYM_SEGMENTS];
	unsigned int nr_segs;
	uint32_t text_shndx; /* not 0: not linked, only this section's symbols have a place */
	unsigned int word;
	int fd;			 /* of the ELF file, kept open for DWARF; -1: none */
	char *image;		 /* all of it, where it is small enough to be read at once */
	Elf *elf;		 /* NULL: not an ELF file */
	struct sym_dwarf *dwarf; /* made when first asked for */
	bool dwarf_tried;
};

struct sym_part {
	char *path;		 /* NULL: the guest's own table */
	struct sym_index *index; /* NULL: not found in the guest yet */
	struct sym_index *debug; /* its separate debug file, or NULL */
	int64_t offset;		 /* what it was said to be moved by */
	bool linux_text;	 /* a Linux kernel, which may have moved itself by the slide */
};

struct sym_table {
	struct sym_part part[SYM_SOURCES_MAX];
	unsigned int nr;
	uint64_t slide;
	bool slide_known;
	bool physical;	       /* the guest executes at physical addresses yet */
	uint64_t followed[2];  /* LSTAR and IDT base when sym_follow() looked last */
	uint64_t kernel_tried; /* where a kernel without a table of its own lies */
	struct sym_sources *sources;
};

typedef bool (*sym_index_fn)(void *ctx, const char *name, const struct sym_entry *sym);

struct sym_index *sym_index_new(void);
void sym_index_close(struct sym_index *tab);
int sym_index_open(const char *path, struct sym_index **out, struct err *err);
/* A name of LEN bytes; the others of FROM as they are. 0 or -errno. */
int sym_index_add(struct sym_index *tab, const struct sym_entry *from, const char *name,
		  size_t len);
/* To be called once, after the last sym_index_add(). 0 or -ENOMEM. */
int sym_index_sort(struct sym_index *tab);
/* MOVED: the kernel does not lie where the source says, so its modules do not either. */
const char *sym_index_find(const struct sym_index *tab, uint64_t addr, bool moved, uint64_t *off);
const struct sym_entry *sym_index_lookup(const struct sym_index *tab, const char *name);
const char *sym_index_section(const struct sym_index *tab, uint64_t addr);
/* False if FN has stopped it. */
bool sym_index_each(const struct sym_index *tab, const char *prefix, sym_index_fn fn, void *ctx);
bool sym_index_line(struct sym_index *tab, uint64_t addr, const char **file, int *line);
bool sym_index_frame(struct sym_index *tab, uint64_t pc, struct sym_frame *out);

/* Lines of TEXT, which is changed. */
int sym_map_parse(struct sym_index *tab, char *text, const char *path, struct err *err);
/* The separate debug file of PATH, which TAB was read from; NULL if there is none that fits. */
struct sym_index *sym_debug_open(const struct sym_index *tab, const char *path);

/* Of a part and its debug file, the one with more symbols; NULL if it has not been found yet. */
const struct sym_index *sym_part_best(const struct sym_part *part);
/* Where the symbol SYM of PART is; false where it is nowhere by now. */
bool sym_place(const struct sym_table *tab, const struct sym_part *part,
	       const struct sym_entry *sym, uint64_t *addr);

void sym_dwarf_close(struct sym_index *tab);
void sym_sources_close(struct sym_table *tab);

#endif
