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

/* A file mapped read-only (MAP_PRIVATE). */
struct boot_file {
	const char *path;
	const uint8_t *data;
	uint64_t len;
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
};

/* Copy LEN bytes of DATA (NULL: zeroes) to GPA and note it as WHAT. -EFAULT outside RAM, -EEXIST
 * overlap. */
int boot_place(struct boot_ctx *ctx, uint64_t gpa, const void *data, uint64_t len, const char *what,
	       struct err *err);
/* Lowest ALIGN-ed gpa in [MIN, MAX) where LEN bytes are free in RAM, or 0 if none. */
uint64_t boot_find_low(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
		       uint64_t max);
/* The same, highest. */
uint64_t boot_find_high(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
			uint64_t max);

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
 * the boot processor's registers. Called at start and again at each reset.
 * -ENOENT, -ENOEXEC, -EFAULT, ...
 */
int boot_load(const struct boot_config *cfg, struct mem *mem, struct boot_ctx *ctx,
	      struct x86_state *st, struct err *err);
/* What was placed where, one line each, ascending, with the entry state; appended to OUT. */
void boot_plan_text(const struct boot_ctx *ctx, const struct x86_state *st, struct buf *out);

/* Entry states: flat 16-, 32- and 64-bit. 64: CR3 of an identity map that the loader placed. */
void boot_state_real(struct x86_state *st, uint16_t cs, uint16_t ip);
void boot_state_prot32(struct x86_state *st, uint32_t eip, uint64_t gdt_gpa);
void boot_state_long64(struct x86_state *st, uint64_t rip, uint64_t cr3, uint64_t gdt_gpa);

#endif
