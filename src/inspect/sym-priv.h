/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the symbol table share: symbols (sym.c), DWARF (sym-dwarf.c), sources. */
#ifndef VITRINE_INSPECT_SYM_PRIV_H
#define VITRINE_INSPECT_SYM_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libelf.h>

#include "inspect/sym.h"

#define SYM_SECTIONS 256

struct sym_entry {
	uint64_t addr, size;
	uint32_t name; /* offset in names */
	uint8_t rank;  /* which of several at one address is shown: the highest */
	bool absolute; /* a number, not a place: found by name only */
};

struct sym_sect {
	uint64_t addr, len;
	char name[32];
};

struct sym_dwarf;
struct sym_sources;

struct sym_table {
	struct sym_entry *sym; /* by address */
	size_t nr, cap;
	uint32_t *by_name; /* indices of sym, by name */
	char *names;
	size_t names_len, names_cap;
	struct sym_sect sect[SYM_SECTIONS];
	unsigned int nr_sects;
	unsigned int word;
	int fd;	     /* of the ELF file, kept open for DWARF; -1: none */
	char *image; /* all of it, where it is small enough to be read at once */
	Elf *elf;
	struct sym_dwarf *dwarf; /* made when first asked for */
	bool dwarf_tried;
	struct sym_sources *sources;
};

void sym_dwarf_close(struct sym_table *tab);
void sym_sources_close(struct sym_table *tab);

#endif
