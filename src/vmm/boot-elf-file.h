/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files of both classes, read through checks: shared by the ELF, PVH and Multiboot loaders. */
#ifndef VITRINE_VMM_BOOT_ELF_FILE_H
#define VITRINE_VMM_BOOT_ELF_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/boot.h"

#define ELF_MAX_SEGMENTS 64

struct elf_segment {
	uint32_t type; /* PT_* */
	uint64_t off, file_len, mem_len;
	uint64_t vaddr, paddr;
};

struct elf_file {
	bool is64;
	uint64_t entry; /* as the header says: virtual */
	uint64_t sh_off;
	unsigned int nr_sh, sh_size, sh_strings;
	unsigned int nr_segments; /* those of PT_LOAD and PT_NOTE */
	struct elf_segment segment[ELF_MAX_SEGMENTS];
};

bool elf_is(const struct boot_file *file);
/* Read and check the headers: every segment's bytes are in the file. -ENOEXEC. */
int elf_open(const struct boot_file *file, struct elf_file *elf, struct err *err);
/* Place every PT_LOAD at its physical address and name the file as source of symbols. */
int elf_place(struct boot_ctx *ctx, const struct elf_file *elf, struct err *err);
/* Where the virtual address VA is loaded; VA itself where no segment has it. */
uint64_t elf_to_physical(const struct elf_file *elf, uint64_t va);
/* Section INDEX of the nr_sh that the header names; false if it is not in the file. */
struct elf_section {
	uint32_t type; /* SHT_* */
	uint64_t off, len;
	uint64_t header_off; /* of the section header itself */
};

bool elf_section(const struct boot_file *file, const struct elf_file *elf, unsigned int index,
		 struct elf_section *out);
/*
 * The note of TYPE by the owner NAME (with its NUL, NAME_LEN bytes): its descriptor, *LEN
 * bytes; NULL if there is none.
 */
const uint8_t *elf_note(const struct boot_file *file, const struct elf_file *elf, const char *name,
			uint32_t name_len, uint32_t type, uint32_t *len);

#endif
