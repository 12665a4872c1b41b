/* SPDX-License-Identifier: MIT */
/*
 * What the Multiboot 1 loader said, copied out before its memory is used for anything else
 * (Multiboot Specification 0.6.96, section 3.3).
 */
#ifndef GUEST_MULTIBOOT_H
#define GUEST_MULTIBOOT_H

#include <stdint.h>

#define MULTIBOOT_BOOTED      0x2badb002
#define MULTIBOOT_RAM	      1
#define MULTIBOOT_MAX_RANGES  32
#define MULTIBOOT_MAX_MODULES 8

struct boot_range {
	uint64_t pa, len;
	uint32_t type; /* MULTIBOOT_RAM or a reserved kind */
};

struct boot_module {
	uint32_t start, end;
	char cmdline[64];
};

struct boot_info {
	uint32_t magic, flags;
	uint32_t mem_lower_kib, mem_upper_kib;
	char cmdline[256];
	char loader[64];
	struct boot_range ranges[MULTIBOOT_MAX_RANGES];
	unsigned int nr_ranges;
	struct boot_module modules[MULTIBOOT_MAX_MODULES];
	unsigned int nr_modules;
};

extern struct boot_info boot_info;

/* Fills boot_info from the structure at info_pa, which must be mapped at that address. */
void multiboot_init(uint32_t magic, uint32_t info_pa);

#endif
