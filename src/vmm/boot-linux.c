/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux bzImage, by the x86 boot protocol (Documentation/arch/x86/boot.rst of
 * the kernel), 2.06 and later: the 64-bit entry where the kernel has one, else
 * the 32-bit one. The real-mode setup code is not run; we fill in what it would.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "inspect/sym.h"
#include "vmm/boot.h"

#define LINUX_HEADER	   0x1f1ull
#define LINUX_MAGIC	   0x53726448u /* "HdrS" */
#define LINUX_BOOT_FLAG	   0xaa55
#define LINUX_SECTOR	   512u
#define LINUX_ENTRY64	   0x200 /* from the load address */
#define LINUX_LOADER_OTHER 0xff
#define LINUX_VID_NORMAL   0xffff
#define LINUX_DEFAULT_AT   0x100000ull
#define LINUX_PAGE	   4096

/* The part of the header the file itself claims to have; the rest stays zero. */
static bool linux_read_header(const struct boot_file *file, struct setup_header *hdr)
{
	uint64_t end, len = sizeof(*hdr);

	memset(hdr, 0, sizeof(*hdr));
	if (!boot_file_has(file, LINUX_HEADER, offsetof(struct setup_header, realmode_swtch)))
		return false;
	/* the byte after the jump's opcode is its distance, hence the header's end */
	end = 0x202ull + file->data[0x201];
	if (end > LINUX_HEADER && end - LINUX_HEADER < len)
		len = end - LINUX_HEADER;
	if (!boot_file_has(file, LINUX_HEADER, len))
		return false;
	memcpy(hdr, file->data + LINUX_HEADER, len);
	return hdr->boot_flag == LINUX_BOOT_FLAG && hdr->header == LINUX_MAGIC;
}

static bool linux_probe(const struct boot_file *image)
{
	struct setup_header hdr;

	return linux_read_header(image, &hdr);
}

struct linux_kernel {
	struct setup_header hdr;
	uint64_t code_off, code_len; /* in the file */
	uint64_t gpa, mem_len;
	bool is64;
};

static int linux_check(const struct boot_ctx *ctx, const struct linux_kernel *lk, struct err *err)
{
	const struct setup_header *hdr = &lk->hdr;
	size_t cmdline_len = strlen(ctx->cfg->cmdline);

	if (hdr->version < 0x206)
		return err_set(err, ENOEXEC,
			       "a Linux kernel with boot protocol %u.%02u; 2.06 (Linux 2.6.22) or "
			       "later is needed",
			       hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return err_set(err, ENOEXEC, "a zImage; a bzImage is needed");
	if (cmdline_len > hdr->cmdline_size)
		return err_set(err, E2BIG, "command line of %zu bytes; this kernel takes %u",
			       cmdline_len, hdr->cmdline_size);
	return 0;
}

static int linux_open(const struct boot_ctx *ctx, struct linux_kernel *lk, struct err *err)
{
	const struct boot_file *image = &ctx->image;
	uint64_t setup_len;
	int ret;

	if (!linux_read_header(image, &lk->hdr))
		return err_set(err, ENOEXEC, "not a Linux bzImage");
	ret = linux_check(ctx, lk, err);
	if (ret)
		return ret;
	setup_len = ((lk->hdr.setup_sects ? lk->hdr.setup_sects : 4) + 1ull) * LINUX_SECTOR;
	/* syssize counts paragraphs; the last one may be cut short */
	lk->code_len = lk->hdr.syssize * 16ull;
	if (image->len <= setup_len || !lk->code_len ||
	    lk->code_len > ((image->len - setup_len + 15) & ~15ull))
		return err_set(err, ENOEXEC,
			       "truncated: the kernel is 0x%llx bytes, the file has 0x%llx",
			       (unsigned long long)(setup_len + lk->code_len),
			       (unsigned long long)image->len);
	if (lk->code_len > image->len - setup_len)
		lk->code_len = image->len - setup_len;
	lk->code_off = setup_len;
	lk->is64 = lk->hdr.version >= 0x20c && (lk->hdr.xloadflags & XLF_KERNEL_64);
	if (lk->is64 && lk->code_len <= LINUX_ENTRY64)
		return err_set(err, ENOEXEC, "truncated: the 64-bit entry is cut off");
	return 0;
}

/* Where it wants to be, with the room it says it needs to unpack itself. */
static int linux_place_kernel(struct boot_ctx *ctx, struct linux_kernel *lk, struct err *err)
{
	lk->gpa = LINUX_DEFAULT_AT;
	lk->mem_len = lk->code_len;
	if (lk->hdr.version >= 0x20a) {
		lk->gpa = lk->hdr.pref_address;
		lk->mem_len = lk->hdr.init_size > lk->code_len ? lk->hdr.init_size : lk->code_len;
	}
	if (lk->gpa < LINUX_DEFAULT_AT || lk->gpa >= MEM_HOLE_BASE)
		return err_set(err, ENOEXEC, "a kernel that wants to be loaded at 0x%llx",
			       (unsigned long long)lk->gpa);
	return boot_place_part(ctx, lk->gpa, &ctx->image, lk->code_off, lk->code_len, lk->mem_len,
			       "kernel", err);
}

/* Several archives make one: the kernel wants each to begin on a multiple of 4. */
static int linux_place_initrd(struct boot_ctx *ctx, struct setup_header *hdr, struct err *err)
{
	const struct boot_config *cfg = ctx->cfg;
	struct boot_file file[BOOT_MAX_LOADS] = { 0 };
	uint64_t total = 0, gpa, max = hdr->initrd_addr_max + 1ull;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < cfg->nr_initrd && !ret; i++) {
		ret = boot_file_open(&file[i], cfg->initrd[i], err);
		if (ret)
			err_prefix(err, "--initrd");
		total += (file[i].len + 3) & ~3ull;
	}
	if (max > mem_low_end(ctx->mem))
		max = mem_low_end(ctx->mem);
	gpa = ret || !total ? 0 : boot_find_high(ctx, total, LINUX_PAGE, MEM_HIGH_BASE, max);
	if (!ret && total && !gpa)
		ret = err_set(err, ENOMEM,
			      "no room for the initrd (%llu KiB): give more with --mem",
			      (unsigned long long)(total >> 10));
	hdr->ramdisk_image = (uint32_t)gpa;
	hdr->ramdisk_size = gpa ? (uint32_t)total : 0;
	for (i = 0; i < cfg->nr_initrd && !ret; i++) {
		ret = boot_place_part(ctx, gpa, &file[i], 0, file[i].len, (file[i].len + 3) & ~3ull,
				      "initrd", err);
		gpa += (file[i].len + 3) & ~3ull;
	}
	for (i = 0; i < cfg->nr_initrd; i++)
		boot_file_close(&file[i]);
	return ret;
}

/* What the setup code would have learnt from the video BIOS: VGA, 80x25 colour text. */
static void linux_fill_screen(struct screen_info *si)
{
	si->orig_video_mode = 3;
	si->orig_video_cols = 80;
	si->orig_video_lines = 25;
	si->orig_video_ega_bx = 3;
	si->orig_video_isVGA = 1;
	si->orig_video_points = 16;
}

static void linux_fill_params(const struct boot_ctx *ctx, struct boot_params *bp)
{
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i, nr = boot_memmap(ctx->mem, range);

	linux_fill_screen(&bp->screen_info);
	bp->alt_mem_k = (uint32_t)((mem_low_end(ctx->mem) - MEM_HIGH_BASE) >> 10);
	bp->acpi_rsdp_addr = ctx->rsdp;
	bp->hdr.type_of_loader = LINUX_LOADER_OTHER;
	bp->hdr.vid_mode = LINUX_VID_NORMAL;
	bp->e820_entries = (uint8_t)nr;
	for (i = 0; i < nr; i++) {
		bp->e820_table[i].addr = range[i].gpa;
		bp->e820_table[i].size = range[i].len;
		bp->e820_table[i].type = range[i].type;
	}
}

static int linux_place_params(struct boot_ctx *ctx, struct linux_kernel *lk, uint64_t *gpa,
			      struct err *err)
{
	struct boot_params bp;
	uint64_t cmdline;
	int ret;

	ret = boot_place_scratch(ctx, ctx->cfg->cmdline, strlen(ctx->cfg->cmdline) + 1, 16,
				 "command line", &cmdline, err);
	if (ret)
		return ret;
	memset(&bp, 0, sizeof(bp));
	lk->hdr.cmd_line_ptr = (uint32_t)cmdline;
	lk->hdr.setup_data = 0;
	bp.hdr = lk->hdr;
	linux_fill_params(ctx, &bp);
	return boot_place_scratch(ctx, &bp, sizeof(bp), LINUX_PAGE, "boot parameters", gpa, err);
}

static int linux_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	struct linux_kernel lk = { .is64 = false };
	uint64_t params, gdt, cr3 = 0;
	int ret;

	ret = linux_open(ctx, &lk, err);
	if (!ret)
		ret = linux_place_kernel(ctx, &lk, err);
	if (!ret)
		ret = linux_place_initrd(ctx, &lk.hdr, err);
	if (!ret)
		ret = linux_place_params(ctx, &lk, &params, err);
	if (!ret)
		ret = boot_place_gdt(ctx, lk.is64, &gdt, err);
	if (!ret && lk.is64)
		ret = boot_place_tables(ctx, NULL, 0, &cr3, err);
	if (ret)
		return ret;
	strcpy(ctx->symbols, SYM_GUEST); /* a compressed image has none; the kernel has its own */
	if (lk.is64)
		boot_state_long64(st, lk.gpa + LINUX_ENTRY64, cr3, gdt);
	else
		boot_state_prot32(st, (uint32_t)lk.gpa, gdt);
	st->gpr[X86_RSI] = params;
	return 0;
}

const struct loader_ops boot_linux_ops = {
	.name = "linux",
	.probe = linux_probe,
	.load = linux_load,
};
