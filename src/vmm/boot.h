/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaders: from an image file to bytes in guest RAM and the registers of the
 * first instruction. Images are untrusted: every offset and length is checked,
 * every refusal is one line that says what is wrong with which file.
 */
#ifndef VITRINE_VMM_BOOT_H
#define VITRINE_VMM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/regs.h"
#include "vmm/mem.h"

#define BOOT_MAX_LOADS	16
#define BOOT_MAX_PLACED 96

struct boot_load {
	uint64_t gpa;
	const char *path;
};

/* What the user asked for; borrowed strings. */
struct boot_config {
	const char *kind;		    /* --boot: "auto" or a loader's name */
	const char *image;		    /* may be NULL when there are --load ranges */
	const char *cmdline;		    /* "" if none */
	const char *initrd[BOOT_MAX_LOADS]; /* initrd; Multiboot modules, in order */
	unsigned int nr_initrd;
	struct boot_load load[BOOT_MAX_LOADS];
	unsigned int nr_load;
	bool has_entry;
	uint64_t entry;
	unsigned int mode; /* 16, 32, 64; 0: not given */
	unsigned int nr_cpus;
};

/*
 * A file mapped read-only (MAP_PRIVATE) to look at. Its bytes are read from FD when they are
 * placed: a file that shrinks meanwhile is then an error, not a SIGBUS. FD -1: copy from DATA.
 */
struct boot_file {
	const char *path;
	const uint8_t *data;
	uint64_t len;
	int fd;
};

/* One thing put in guest RAM: the plan that --dry-run prints and overlap checks use. */
struct boot_placed {
	uint64_t gpa, len;
	char what[40];
};

struct boot_ctx {
	const struct boot_config *cfg;
	struct mem *mem;
	struct boot_file image;
	struct boot_placed placed[BOOT_MAX_PLACED];
	unsigned int nr_placed;
	char symbols[SAMPLE_TEXT_MAX]; /* ELF file to take symbols from, if the image is one */
	char loader[24];	       /* which loader took it */
	uint64_t rsdp;		       /* gpa of the ACPI RSDP, 0: none */
	char note[160];		       /* something the user should know (logged once), or empty */
};

/* Copy LEN bytes of DATA (NULL: zeroes) to GPA and note it as WHAT. -EFAULT outside RAM, -EEXIST
 * overlap. */
int boot_place(struct boot_ctx *ctx, uint64_t gpa, const void *data, uint64_t len, const char *what,
	       struct err *err);
/* As boot_place() for a segment: FILE_LEN bytes of FILE from OFF, the rest of MEM_LEN zero. */
int boot_place_part(struct boot_ctx *ctx, uint64_t gpa, const struct boot_file *file, uint64_t off,
		    uint64_t file_len, uint64_t mem_len, const char *what, struct err *err);
/*
 * Place small things the guest finds by address (tables, a stack, strings) at
 * *GPA where a kernel is least likely to put its own: as high as possible below
 * 640 KiB, otherwise as high as possible below 4 GiB. ALIGN is a power of two. -ENOMEM.
 */
int boot_place_scratch(struct boot_ctx *ctx, const void *data, uint64_t len, uint64_t align,
		       const char *what, uint64_t *gpa, struct err *err);
/* Place the file PATH (page aligned, high below MAX or, with LOW, above everything placed). */
int boot_place_file(struct boot_ctx *ctx, const char *path, bool low, uint64_t max,
		    struct boot_placed *out, struct err *err);
/* Place the file PATH of a --load at GPA. */
int boot_place_file_at(struct boot_ctx *ctx, const char *path, uint64_t gpa, struct err *err);
/* -EFAULT unless GPA lies in something placed: a guest that starts elsewhere runs zeroes. */
int boot_check_entry(const struct boot_ctx *ctx, uint64_t gpa, struct err *err);
/* -EINVAL where initrd files were given to a loader that has no use for them. */
int boot_check_no_initrd(const struct boot_ctx *ctx, struct err *err);
/* Lowest ALIGN-ed gpa in [MIN, MAX) where LEN bytes are free in RAM, or 0 if none. */
uint64_t boot_find_low(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
		       uint64_t max);
/* The same, highest. */
uint64_t boot_find_high(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
			uint64_t max);

/* Map PATH; -errno with a line that says why not (a directory, empty, no permission, ...). */
int boot_file_open(struct boot_file *file, const char *path, struct err *err);
void boot_file_close(struct boot_file *file);
/* Whether [OFF, OFF+LEN) lies in the file. */
bool boot_file_has(const struct boot_file *file, uint64_t off, uint64_t len);

/* The map of guest-physical memory a firmware would report (E820 numbering), ascending. */
enum boot_range_type { BOOT_RANGE_RAM = 1, BOOT_RANGE_RESERVED = 2 };

struct boot_range {
	uint64_t gpa, len;
	uint32_t type;
};

#define BOOT_MAX_RANGES 8
#define BOOT_EBDA	0x9fc00ull /* reserved from here to 640 KiB */
#define BOOT_EBDA_LEN	0x400ull
#define BOOT_ROM	0xe0000ull /* reserved from here to 1 MiB: ACPI and MP tables */

unsigned int boot_memmap(const struct mem *mem, struct boot_range out[BOOT_MAX_RANGES]);

/* Place the GDT of the entry states: 0x10 is code (64-bit if LONG_MODE), 0x18 data. */
int boot_place_gdt(struct boot_ctx *ctx, bool long_mode, uint64_t *gpa, struct err *err);
/* Place a 16 KiB stack; *TOP is its end, 16-byte aligned. */
int boot_place_stack(struct boot_ctx *ctx, uint64_t *top, struct err *err);

/* A stretch of virtual addresses that a loader wants besides the identity map. */
struct boot_map {
	uint64_t gva, gpa, len;
};

/*
 * Place 4-level page tables: the first 4 GiB one to one, and MAP (which wins
 * where both want a page). Everything present, writable, executable, supervisor.
 * -EINVAL: not canonical, not page-congruent, two of MAP differ. (boot-paging.c)
 */
int boot_place_tables(struct boot_ctx *ctx, const struct boot_map *map, unsigned int nr_map,
		      uint64_t *cr3, struct err *err);

struct loader_ops {
	const char *name; /* "linux", "pvh", "multiboot", "elf", "sector", "raw" */
	bool (*probe)(const struct boot_file *image);
	/* Place everything and set ST for the boot processor (zeroed on entry). */
	int (*load)(struct boot_ctx *ctx, struct x86_state *st, struct err *err);
};

extern const struct loader_ops boot_linux_ops, boot_pvh_ops, boot_multiboot_ops, boot_elf_ops,
	boot_sector_ops, boot_raw_ops;

/*
 * Load CFG into MEM: ACPI and MP tables, the image, its companions; ST receives
 * the boot processor's registers, complete. Called at start and again at each
 * reset: clears RAM first. -ENOENT, -ENOEXEC, -EFAULT, ...
 */
int boot_load(const struct boot_config *cfg, struct mem *mem, struct boot_ctx *ctx,
	      struct x86_state *st, struct err *err);
/* What was placed where, one line each, ascending, with the entry state; appended to OUT. */
void boot_plan_text(const struct boot_ctx *ctx, const struct x86_state *st, struct buf *out);

/* A processor after INIT as a firmware hands it on: FPU, PAT, MTRR default, local APIC enabled. */
void boot_state_reset(struct x86_state *st);
/*
 * Entry states: flat 16-, 32- and 64-bit. 64: CR3 of an identity map that the
 * loader placed. Each begins with boot_state_reset(); interrupts are off.
 */
void boot_state_real(struct x86_state *st, uint16_t cs, uint16_t ip);
void boot_state_prot32(struct x86_state *st, uint32_t eip, uint64_t gdt_gpa);
void boot_state_long64(struct x86_state *st, uint64_t rip, uint64_t cr3, uint64_t gdt_gpa);

#endif
