/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images made in memory, and loading them into guest RAM without KVM. */
#ifndef VITRINE_TESTS_UNIT_BOOT_IMAGES_H
#define VITRINE_TESTS_UNIT_BOOT_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/boot.h"

#define IMAGE_MAX 0x8000

struct image {
	uint8_t data[IMAGE_MAX];
	size_t len;
};

/* Where image_elf64() and image_elf32() put things. */
#define ELF_TEXT_OFF  0x1000
#define ELF_TEXT_LEN  0x20
#define ELF_DATA_OFF  0x2000
#define ELF_DATA_LEN  0x10
#define ELF_DATA_MEM  0x3000
#define ELF_PADDR     0x200000
#define ELF_DATA_PA   0x202000
#define ELF64_VADDR   0xffffffff80200000ull
#define ELF64_DATA_VA 0xffffffff80202000ull
#define ELF32_VADDR   0xc0200000u
#define ELF64_PHDR(i) (64 + 56 * (i))
#define ELF32_PHDR(i) (52 + 32 * (i))

void image_put(struct image *img, size_t off, uint64_t val, size_t width);
/* Two segments (text and data with bss) at virtual addresses, and a PVH note where asked. */
void image_elf64(struct image *img, uint32_t pvh_entry);
void image_elf32(struct image *img);
/* A Multiboot header of FLAGS at OFF. */
void image_multiboot(struct image *img, size_t off, uint32_t flags);
/* A bzImage of protocol 2.15 with a 64-bit entry, to be loaded at 16 MiB. */
#define LINUX_PREF 0x1000000
#define LINUX_INIT 0x400000
void image_linux(struct image *img);
void image_sector(struct image *img);

/* A machine and what was loaded into it. */
struct loaded {
	struct mem *mem;
	struct boot_ctx ctx;
	struct x86_state st;
	struct err err;
	int ret;
	int fd;
	char path[32];
};

/* A path that leads to IMG's bytes, valid until image_path_close(FD). */
int image_path(const struct image *img, char path[32]);
/* CFG is completed with IMG's path (IMG may be NULL), one CPU and an empty command line. */
void loaded_make(struct loaded *ld, struct boot_config *cfg, const struct image *img,
		 uint64_t mem_size);
void loaded_free(struct loaded *ld);
uint64_t loaded_get(const struct loaded *ld, uint64_t gpa, size_t width);
const char *loaded_str(const struct loaded *ld, uint64_t gpa);

#endif
