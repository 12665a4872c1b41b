/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols and source lines of guest kernels, from ELF and DWARF (libelf, libdw). */
#ifndef VITRINE_INSPECT_SYM_H
#define VITRINE_INSPECT_SYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sym_table;

/*
 * Load the symbols of the ELF file PATH (or a System.map). -ENOENT, -ENOEXEC.
 * The file is untrusted: a damaged one gives an error, never a crash. A file
 * without symbols gives an empty table.
 */
int sym_open(const char *path, struct sym_table **out, struct err *err);
void sym_close(struct sym_table *tab);
/* All functions below accept a NULL table (nothing known). */

/* The symbol that covers ADDR; OFF receives the distance from its start. NULL if none. */
const char *sym_find(const struct sym_table *tab, uint64_t addr, uint64_t *off);
/* Address of the symbol called NAME. */
bool sym_lookup(const struct sym_table *tab, const char *name, uint64_t *addr);
/* "demo_tick+0x1c", or "" if nothing is known. Returns BUF. */
const char *sym_text(const struct sym_table *tab, uint64_t addr, char *buf, size_t len);
/* Source file and line of ADDR; FILE is valid until sym_close(). */
bool sym_line(struct sym_table *tab, uint64_t addr, const char **file, int *line);
/* Section or segment name that covers ADDR (".text"), or NULL. */
const char *sym_section(const struct sym_table *tab, uint64_t addr);
/* Call FN for each symbol whose name begins with PREFIX (completion); FN returns false to stop. */
void sym_each(const struct sym_table *tab, const char *prefix,
	      bool (*fn)(void *ctx, const char *name, uint64_t addr), void *ctx);
/*
 * Line LINE of source FILE, without newline; NULL if it cannot be read. Cached inside TAB; valid
 * until another file is asked for.
 */
const char *sym_source(struct sym_table *tab, const char *file, int line);

/* How to leave a frame, from call frame information. Register numbers are DWARF's. */
struct sym_frame {
	int cfa_reg; /* the CFA is this register plus CFA_OFF */
	int64_t cfa_off;
	int64_t ra_off; /* the return address lies at CFA plus this */
	bool fp_saved;	/* the caller's frame pointer lies at CFA plus FP_OFF; else unchanged */
	int64_t fp_off;
};

/* The rule that holds at PC; false if none is known or it is too strange. */
bool sym_frame_at(struct sym_table *tab, uint64_t pc, struct sym_frame *out);
/* Bytes per machine word of the program, 4 or 8. */
unsigned int sym_word(const struct sym_table *tab);
/* How many symbols there are. */
size_t sym_count(const struct sym_table *tab);

#endif
