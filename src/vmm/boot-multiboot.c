/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96): ELF32, ELF64 by its physical
 * addresses, or any file that describes itself in the header's address fields
 * (the "a.out kludge"). Modules come from --initrd.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot-elf-file.h"

#define MB_HEADER_MAGIC 0x1badb002u
#define MB_LOADER_MAGIC 0x2badb002u
#define MB_SEARCH	8192u

#define MB_WANT_PAGE_ALIGN (1u << 0)
#define MB_WANT_MEMORY	   (1u << 1)
#define MB_WANT_VIDEO	   (1u << 2)
#define MB_WANT_KNOWN	   (MB_WANT_PAGE_ALIGN | MB_WANT_MEMORY | MB_WANT_VIDEO)
#define MB_WANT_REQUIRED   0xffffu
#define MB_HAS_ADDRESSES   (1u << 16)

#define MB_INFO_MEMORY	    (1u << 0)
#define MB_INFO_CMDLINE	    (1u << 2)
#define MB_INFO_MODULES	    (1u << 3)
#define MB_INFO_ELF	    (1u << 5)
#define MB_INFO_MMAP	    (1u << 6)
#define MB_INFO_LOADER	    (1u << 9)
#define MB_INFO_FRAMEBUFFER (1u << 12)

#define MB_FB_TEXT	2
#define MB_MAX_SECTIONS 64

/* Section 3.1.1 */
struct mb_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define MB_HEADER_SHORT 12u /* without the address fields */

/* Section 3.3 */
struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, nr_modules, modules;
	uint32_t syms[4];
	uint32_t mmap_len, mmap, drives_len, drives, config_table, loader_name, apm_table;
	uint32_t vbe_control_info, vbe_mode_info;
	uint16_t vbe_mode, vbe_seg, vbe_off, vbe_len;
	uint64_t fb_addr;
	uint32_t fb_pitch, fb_width, fb_height;
	uint8_t fb_bpp, fb_type, fb_colour[6];
};

_Static_assert(offsetof(struct mb_info, fb_addr) == 88, "Multiboot information");

struct mb_module {
	uint32_t start, end, cmdline, reserved;
};

struct mb_mmap {
	uint32_t size; /* of what follows */
	uint64_t gpa, len;
	uint32_t type;
} __attribute__((packed));

/* The header may sit at the very end of the file, without the address fields it does not use. */
static bool mb_find(const struct boot_file *image, struct mb_header *head, uint64_t *off)
{
	uint64_t at, len;

	for (at = 0; at < MB_SEARCH && boot_file_has(image, at, MB_HEADER_SHORT); at += 4) {
		memset(head, 0, sizeof(*head));
		memcpy(head, image->data + at, MB_HEADER_SHORT);
		if (head->magic != MB_HEADER_MAGIC ||
		    (uint32_t)(head->magic + head->flags + head->checksum))
			continue;
		len = head->flags & MB_HAS_ADDRESSES ? sizeof(*head) : MB_HEADER_SHORT;
		if (!boot_file_has(image, at, len))
			return false;
		memcpy(head, image->data + at, len);
		*off = at;
		return true;
	}
	return false;
}

static bool mb_probe(const struct boot_file *image)
{
	struct mb_header head;
	uint64_t off;

	return mb_find(image, &head, &off);
}

/* Section 3.1.3: HEADER_ADDR tells where in memory the file's byte OFF belongs. */
static int mb_place_addressed(struct boot_ctx *ctx, const struct mb_header *head, uint64_t off,
			      uint64_t *entry, struct err *err)
{
	uint64_t start, file_len, mem_len;

	if (head->load_addr > head->header_addr || head->header_addr - head->load_addr > off)
		return err_set(err, ENOEXEC,
			       "Multiboot header: load_addr 0x%x does not fit header_addr 0x%x",
			       head->load_addr, head->header_addr);
	start = off - (head->header_addr - head->load_addr);
	file_len = ctx->image.len - start;
	if (head->load_end_addr) {
		if (head->load_end_addr < head->load_addr ||
		    head->load_end_addr - head->load_addr > file_len)
			return err_set(err, ENOEXEC,
				       "Multiboot header: load_end_addr 0x%x is beyond the file",
				       head->load_end_addr);
		file_len = head->load_end_addr - head->load_addr;
	}
	mem_len = file_len;
	if (head->bss_end_addr) {
		if (head->bss_end_addr < head->load_addr + file_len)
			return err_set(
				err, ENOEXEC,
				"Multiboot header: bss_end_addr 0x%x is before the data's end",
				head->bss_end_addr);
		mem_len = head->bss_end_addr - head->load_addr;
	}
	*entry = head->entry_addr;
	return boot_place_part(ctx, head->load_addr, &ctx->image, start, file_len, mem_len,
			       "kernel", err);
}

static int mb_place_elf(struct boot_ctx *ctx, struct elf_file *elf, uint64_t *entry,
			struct err *err)
{
	int ret = elf_open(&ctx->image, elf, err);

	if (ret)
		return ret;
	*entry = elf_to_physical(elf, elf->entry);
	return elf_place(ctx, elf, err);
}

static int mb_place_kernel(struct boot_ctx *ctx, const struct mb_header *head, uint64_t off,
			   struct elf_file *elf, uint64_t *entry, struct err *err)
{
	uint32_t unknown = head->flags & MB_WANT_REQUIRED & ~MB_WANT_KNOWN;
	int ret;

	if (unknown)
		return err_set(err, ENOEXEC, "Multiboot header: requires unknown features 0x%x",
			       unknown);
	if (head->flags & MB_HAS_ADDRESSES)
		ret = mb_place_addressed(ctx, head, off, entry, err);
	else
		ret = mb_place_elf(ctx, elf, entry, err);
	if (!ret)
		ret = boot_check_entry(ctx, *entry, err);
	if (!ret && *entry > UINT32_MAX)
		ret = err_set(err, ENOEXEC, "entry 0x%llx is above 4 GiB",
			      (unsigned long long)*entry);
	return ret;
}

static int mb_place_string(struct boot_ctx *ctx, const char *str, const char *what, uint32_t *out,
			   struct err *err)
{
	uint64_t gpa = 0;
	int ret = boot_place_scratch(ctx, str, strlen(str) + 1, 4, what, &gpa, err);

	*out = (uint32_t)gpa;
	return ret;
}

static int mb_place_modules(struct boot_ctx *ctx, struct mb_info *info, struct err *err)
{
	struct mb_module mod[BOOT_MAX_LOADS] = { 0 };
	const struct boot_config *cfg = ctx->cfg;
	struct boot_placed at;
	unsigned int i;
	uint64_t gpa;
	int ret;

	for (i = 0; i < cfg->nr_initrd; i++) {
		ret = boot_place_file(ctx, cfg->initrd[i], true, MEM_HOLE_BASE, &at, err);
		if (!ret)
			ret = mb_place_string(ctx, cfg->initrd[i], "module name", &mod[i].cmdline,
					      err);
		if (ret)
			return ret;
		mod[i].start = (uint32_t)at.gpa;
		mod[i].end = (uint32_t)(at.gpa + at.len);
	}
	if (!i)
		return 0;
	ret = boot_place_scratch(ctx, mod, i * sizeof(mod[0]), 4, "module list", &gpa, err);
	info->flags |= MB_INFO_MODULES;
	info->nr_modules = i;
	info->modules = (uint32_t)gpa;
	return ret;
}

static int mb_place_mmap(struct boot_ctx *ctx, struct mb_info *info, struct err *err)
{
	struct boot_range range[BOOT_MAX_RANGES];
	struct mb_mmap map[BOOT_MAX_RANGES];
	unsigned int i, nr = boot_memmap(ctx->mem, range);
	uint64_t gpa;
	int ret;

	for (i = 0; i < nr; i++)
		map[i] = (struct mb_mmap){ sizeof(map[0]) - sizeof(map[0].size), range[i].gpa,
					   range[i].len, range[i].type };
	ret = boot_place_scratch(ctx, map, nr * sizeof(map[0]), 4, "memory map", &gpa, err);
	info->flags |= MB_INFO_MEMORY | MB_INFO_MMAP;
	info->mem_lower = BOOT_EBDA >> 10;
	info->mem_upper = (uint32_t)((mem_low_end(ctx->mem) - MEM_HIGH_BASE) >> 10);
	info->mmap = (uint32_t)gpa;
	info->mmap_len = (uint32_t)(nr * sizeof(map[0]));
	return ret;
}

/* We have no graphics: whoever asks for video gets EGA text, as the header's mode type 1. */
static void mb_fill_video(struct mb_info *info)
{
	info->flags |= MB_INFO_FRAMEBUFFER;
	info->fb_addr = 0xb8000;
	info->fb_pitch = 160;
	info->fb_width = 80;
	info->fb_height = 25;
	info->fb_bpp = 16;
	info->fb_type = MB_FB_TEXT;
}

/*
 * Section 3.3, "syms": the section headers, with sh_addr of symbol and string tables set to
 * where we put them, for kernels that print names. Debug information stays in the file.
 */
static int mb_place_section(struct boot_ctx *ctx, const struct elf_file *elf,
			    const struct elf_section *sec, uint64_t headers, struct err *err)
{
	uint64_t gpa, field = headers + sec->header_off - elf->sh_off;
	int ret;

	if ((sec->type != SHT_SYMTAB && sec->type != SHT_STRTAB) || !sec->len)
		return 0;
	gpa = boot_find_high(ctx, sec->len, 16, MEM_HIGH_BASE, MEM_HOLE_BASE);
	if (!gpa)
		return 0;
	ret = boot_place_part(ctx, gpa, &ctx->image, sec->off, sec->len, sec->len, "ELF symbols",
			      err);
	if (ret)
		return ret;
	field += elf->is64 ? offsetof(Elf64_Shdr, sh_addr) : offsetof(Elf32_Shdr, sh_addr);
	return mem_write(ctx->mem, field, &gpa, elf->is64 ? 8 : 4);
}

/* A luxury: where the section headers are no good, the kernel goes without. */
static int mb_place_symbols(struct boot_ctx *ctx, const struct elf_file *elf, struct mb_info *info,
			    struct err *err)
{
	struct elf_section sec[MB_MAX_SECTIONS];
	unsigned int i;
	uint64_t gpa;
	int ret;

	if (!elf->nr_sh || elf->nr_sh > MB_MAX_SECTIONS)
		return 0;
	for (i = 0; i < elf->nr_sh; i++)
		if (!elf_section(&ctx->image, elf, i, &sec[i]))
			return 0;
	ret = boot_place_scratch(ctx, ctx->image.data + elf->sh_off,
				 (uint64_t)elf->nr_sh * elf->sh_size, 8, "ELF section headers",
				 &gpa, err);
	for (i = 0; !ret && i < elf->nr_sh; i++)
		ret = mb_place_section(ctx, elf, &sec[i], gpa, err);
	info->flags |= MB_INFO_ELF;
	info->syms[0] = elf->nr_sh;
	info->syms[1] = elf->sh_size;
	info->syms[2] = (uint32_t)gpa;
	info->syms[3] = elf->sh_strings;
	return ret;
}

static int mb_place_info(struct boot_ctx *ctx, const struct mb_header *head,
			 const struct elf_file *elf, uint64_t *gpa, struct err *err)
{
	struct mb_info info = { .flags = MB_INFO_CMDLINE | MB_INFO_LOADER };
	int ret;

	ret = mb_place_string(ctx, ctx->cfg->cmdline, "command line", &info.cmdline, err);
	if (!ret)
		ret = mb_place_string(ctx, "vitrine", "loader name", &info.loader_name, err);
	if (!ret)
		ret = mb_place_modules(ctx, &info, err);
	if (!ret)
		ret = mb_place_symbols(ctx, elf, &info, err);
	if (!ret)
		ret = mb_place_mmap(ctx, &info, err);
	if (head->flags & MB_WANT_VIDEO)
		mb_fill_video(&info);
	if (!ret)
		ret = boot_place_scratch(ctx, &info, sizeof(info), 8, "Multiboot information", gpa,
					 err);
	return ret;
}

static int mb_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	struct mb_header head;
	struct elf_file elf = { .nr_sh = 0 };
	uint64_t off, entry = 0, info, gdt;
	int ret;

	if (!mb_find(&ctx->image, &head, &off))
		return err_set(err, ENOEXEC, "no Multiboot header in the first 8 KiB");
	ret = mb_place_kernel(ctx, &head, off, &elf, &entry, err);
	if (!ret)
		ret = mb_place_info(ctx, &head, &elf, &info, err);
	if (!ret)
		ret = boot_place_gdt(ctx, false, &gdt, err);
	if (ret)
		return ret;
	boot_state_prot32(st, (uint32_t)entry, gdt);
	st->gpr[X86_RAX] = MB_LOADER_MAGIC;
	st->gpr[X86_RBX] = info;
	return 0;
}

const struct loader_ops boot_multiboot_ops = {
	.name = "multiboot",
	.probe = mb_probe,
	.load = mb_load,
};
