/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols and source lines of guest kernels, from ELF and DWARF (libelf, libdw),
 * System.map, /proc/kallsyms, and the table a Linux kernel has of itself. A table
 * holds several sources, each moved by as much as its program was; how far Linux
 * has moved itself (KASLR) is found in the guest.
 */
#ifndef VITRINE_INSPECT_SYM_H
#define VITRINE_INSPECT_SYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sym_table;
struct vm_view;

/*
 * What sources a VM has, as text: one a line, "PATH" or "PATH@OFFSET" with an
 * offset in hexadecimal ("0x1000", "-0x1000"); SYM_GUEST is the table that the
 * guest's kernel has of itself.
 */
#define SYM_SPEC_MAX 1024
#define SYM_GUEST    "guest"

/*
 * Append FILE, which may end in "@OFFSET", to the sources in SPEC (SYM_SPEC_MAX bytes); the path
 * is made absolute. -ENOENT where there is no such file, -ENOSPC.
 */
int sym_spec_add(char *spec, const char *file, struct err *err);
/* The next source of *SPEC, which is moved behind it; false at its end. PATH has LEN bytes. */
bool sym_spec_next(const char **spec, char *path, size_t len, int64_t *offset);

/*
 * Load the symbols of SPEC's sources. -ENOENT, -ENOEXEC: of the first that failed; then OUT has
 * the others, NULL if there is none. Files are untrusted: a damaged one gives an error, never a
 * crash. A file without symbols adds none.
 */
int sym_open(const char *spec, struct sym_table **out, struct err *err);
void sym_close(struct sym_table *tab);
/*
 * Look where the guest's kernel lies, and take the symbols from its own table where that was
 * asked for. Cheap once found; call it with each new view.
 */
void sym_follow(struct sym_table *tab, const struct vm_view *view);
/* How far a Linux kernel has moved itself; false if there is none, or it is not known yet. */
bool sym_slide(const struct sym_table *tab, uint64_t *slide);

/* One source as it stands. */
struct sym_source_info {
	const char *path; /* NULL: the guest's own table */
	bool elf, linux_text;
	uint64_t bias; /* added to the addresses it was linked for */
	size_t nr;     /* symbols */
};
bool sym_source_get(const struct sym_table *tab, unsigned int n, struct sym_source_info *out);
/*
 * Write the symbols of source N, where they are now, as an ELF file without code to FD: for a
 * debugger that reads no other kind.
 */
int sym_write_elf(const struct sym_table *tab, unsigned int n, int fd, struct err *err);
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
