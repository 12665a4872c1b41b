/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVH: an ELF kernel with a XEN_ELFNOTE_PHYS32_ENTRY note, entered in 32-bit
 * protected mode with EBX at a start-info structure (the "x86/HVM direct boot
 * ABI" of the Xen documentation, version 1). An uncompressed vmlinux is one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot-elf-file.h"

#define PVH_NOTE_ENTRY 18
#define PVH_MAGIC      0x336ec578u
#define PVH_VERSION    1

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t nr_memmap, reserved;
};

struct pvh_module {
	uint64_t gpa, len, cmdline, reserved;
};

struct pvh_memmap {
	uint64_t gpa, len;
	uint32_t type, reserved;
};

static bool pvh_entry(const struct boot_file *file, const struct elf_file *elf, uint64_t *entry)
{
	const uint8_t *desc;
	uint32_t len;

	desc = elf_note(file, elf, "Xen", 4, PVH_NOTE_ENTRY, &len);
	if (!desc || (len != 4 && len != 8))
		return false;
	*entry = 0;
	memcpy(entry, desc, len);
	return true;
}

static bool pvh_probe(const struct boot_file *image)
{
	struct elf_file elf;
	uint64_t entry;

	return elf_is(image) && !elf_open(image, &elf, NULL) && pvh_entry(image, &elf, &entry);
}

static int pvh_place_modules(struct boot_ctx *ctx, struct pvh_start_info *info, struct err *err)
{
	struct pvh_module mod[BOOT_MAX_LOADS] = { 0 };
	struct boot_placed at;
	unsigned int i;
	int ret;

	for (i = 0; i < ctx->cfg->nr_initrd; i++) {
		ret = boot_place_file(ctx, ctx->cfg->initrd[i], false, MEM_HOLE_BASE, &at, err);
		if (ret)
			return ret;
		mod[i].gpa = at.gpa;
		mod[i].len = at.len;
	}
	info->nr_modules = i;
	if (!i)
		return 0;
	return boot_place_scratch(ctx, mod, i * sizeof(mod[0]), 8, "module list", &info->modules,
				  err);
}

static int pvh_place_memmap(struct boot_ctx *ctx, struct pvh_start_info *info, struct err *err)
{
	struct pvh_memmap map[BOOT_MAX_RANGES] = { 0 };
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i;

	info->nr_memmap = boot_memmap(ctx->mem, range);
	for (i = 0; i < info->nr_memmap; i++)
		map[i] = (struct pvh_memmap){ range[i].gpa, range[i].len, range[i].type, 0 };
	return boot_place_scratch(ctx, map, i * sizeof(map[0]), 8, "memory map", &info->memmap,
				  err);
}

static int pvh_place_info(struct boot_ctx *ctx, uint64_t *gpa, struct err *err)
{
	struct pvh_start_info info = {
		.magic = PVH_MAGIC,
		.version = PVH_VERSION,
		.rsdp = ctx->rsdp,
	};
	int ret;

	ret = boot_place_scratch(ctx, ctx->cfg->cmdline, strlen(ctx->cfg->cmdline) + 1, 16,
				 "command line", &info.cmdline, err);
	if (!ret)
		ret = pvh_place_modules(ctx, &info, err);
	if (!ret)
		ret = pvh_place_memmap(ctx, &info, err);
	if (!ret)
		ret = boot_place_scratch(ctx, &info, sizeof(info), 8, "PVH start info", gpa, err);
	return ret;
}

static int pvh_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	struct elf_file elf;
	uint64_t entry, info, gdt;
	int ret;

	ret = elf_open(&ctx->image, &elf, err);
	if (ret)
		return ret;
	if (!pvh_entry(&ctx->image, &elf, &entry))
		return err_set(err, ENOEXEC, "no PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY)");
	ret = elf_place(ctx, &elf, err);
	if (!ret)
		ret = boot_check_entry(ctx, entry, err);
	if (!ret && entry > UINT32_MAX)
		ret = err_set(err, ENOEXEC, "PVH entry 0x%llx is above 4 GiB",
			      (unsigned long long)entry);
	if (!ret)
		ret = pvh_place_info(ctx, &info, err);
	if (!ret)
		ret = boot_place_gdt(ctx, false, &gdt, err);
	if (ret)
		return ret;
	boot_state_prot32(st, (uint32_t)entry, gdt);
	st->gpr[X86_RBX] = info;
	return 0;
}

const struct loader_ops boot_pvh_ops = {
	.name = "pvh",
	.probe = pvh_probe,
	.load = pvh_load,
};
