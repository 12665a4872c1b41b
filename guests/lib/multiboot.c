/* SPDX-License-Identifier: MIT */
/*
 * Reads the Multiboot information structure.
 */
#include "multiboot.h"

#include "string.h"

#define MULTIBOOT_HAS_MEM     (1u << 0)
#define MULTIBOOT_HAS_CMDLINE (1u << 2)
#define MULTIBOOT_HAS_MODULES (1u << 3)
#define MULTIBOOT_HAS_MMAP    (1u << 6)
#define MULTIBOOT_HAS_LOADER  (1u << 9)

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
};

struct multiboot_module {
	uint32_t start, end, cmdline, reserved;
};

struct multiboot_mmap {
	uint32_t size; /* of what follows */
	uint64_t pa, len;
	uint32_t type;
} __attribute__((packed));

struct boot_info boot_info;

static const void *multiboot_at(uint32_t pa)
{
	return (const void *)(uintptr_t)pa;
}

static void multiboot_add_range(uint64_t pa, uint64_t len, uint32_t type)
{
	if (boot_info.nr_ranges < MULTIBOOT_MAX_RANGES && len)
		boot_info.ranges[boot_info.nr_ranges++] = (struct boot_range){ pa, len, type };
}

static void multiboot_read_mmap(const struct multiboot_info *mbi)
{
	uint32_t at = mbi->mmap_addr, end = at + mbi->mmap_length;

	while (at < end) {
		const struct multiboot_mmap *entry = multiboot_at(at);

		multiboot_add_range(entry->pa, entry->len, entry->type);
		at += entry->size + sizeof(entry->size);
	}
}

static void multiboot_read_modules(const struct multiboot_info *mbi)
{
	const struct multiboot_module *mods = multiboot_at(mbi->mods_addr);

	for (uint32_t i = 0; i < mbi->mods_count && i < MULTIBOOT_MAX_MODULES; i++) {
		struct boot_module *m = &boot_info.modules[boot_info.nr_modules++];

		m->start = mods[i].start;
		m->end = mods[i].end;
		if (mods[i].cmdline)
			string_copy(m->cmdline, multiboot_at(mods[i].cmdline), sizeof(m->cmdline));
	}
}

void multiboot_init(uint32_t magic, uint32_t info_pa)
{
	const struct multiboot_info *mbi = multiboot_at(info_pa);

	boot_info.magic = magic;
	if (magic != MULTIBOOT_BOOTED)
		return;
	boot_info.flags = mbi->flags;
	if (mbi->flags & MULTIBOOT_HAS_MEM) {
		boot_info.mem_lower_kib = mbi->mem_lower;
		boot_info.mem_upper_kib = mbi->mem_upper;
	}
	if (mbi->flags & MULTIBOOT_HAS_CMDLINE)
		string_copy(boot_info.cmdline, multiboot_at(mbi->cmdline),
			    sizeof(boot_info.cmdline));
	if (mbi->flags & MULTIBOOT_HAS_LOADER)
		string_copy(boot_info.loader, multiboot_at(mbi->loader_name),
			    sizeof(boot_info.loader));
	if (mbi->flags & MULTIBOOT_HAS_MODULES)
		multiboot_read_modules(mbi);
	if (mbi->flags & MULTIBOOT_HAS_MMAP)
		multiboot_read_mmap(mbi);
	if (!boot_info.nr_ranges) {
		multiboot_add_range(0, boot_info.mem_lower_kib * 1024ull, MULTIBOOT_RAM);
		multiboot_add_range(0x100000, boot_info.mem_upper_kib * 1024ull, MULTIBOOT_RAM);
	}
}
