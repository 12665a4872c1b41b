/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which loader takes an image, what every guest finds beside it, and the plan. */
#include "vmm/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "vmm/acpi.h"
#include "vmm/mptable.h"
#include "vmm/pci.h"

#define BOOT_BDA	0x400ull
#define BOOT_BDA_LEN	0x100ull
#define BOOT_MULTIBOOT2 0xe85250d6u

/* In the order of recognition: the more specific first. Raw is never guessed. */
static const struct loader_ops *const boot_loaders[] = {
	&boot_linux_ops, &boot_multiboot_ops, &boot_pvh_ops, &boot_elf_ops, &boot_sector_ops,
};

#define BOOT_NR_LOADERS (sizeof(boot_loaders) / sizeof(boot_loaders[0]))

/* --- what every guest finds, however it was loaded */

unsigned int boot_memmap(const struct mem *mem, struct boot_range out[BOOT_MAX_RANGES])
{
	unsigned int nr = 0;

	out[nr++] = (struct boot_range){ 0, BOOT_EBDA, BOOT_RANGE_RAM };
	out[nr++] = (struct boot_range){ BOOT_EBDA, MEM_LOW_END - BOOT_EBDA, BOOT_RANGE_RESERVED };
	out[nr++] = (struct boot_range){ BOOT_ROM, MEM_HIGH_BASE - BOOT_ROM, BOOT_RANGE_RESERVED };
	if (mem_low_end(mem) > MEM_HIGH_BASE)
		out[nr++] = (struct boot_range){ MEM_HIGH_BASE, mem_low_end(mem) - MEM_HIGH_BASE,
						 BOOT_RANGE_RAM };
	out[nr++] = (struct boot_range){ ACPI_ECAM_BASE, PCI_ECAM_LEN, BOOT_RANGE_RESERVED };
	if (mem_high_end(mem) > MEM_HOLE_END)
		out[nr++] = (struct boot_range){ MEM_HOLE_END, mem_high_end(mem) - MEM_HOLE_END,
						 BOOT_RANGE_RAM };
	return nr;
}

/* Kernels look here for the EBDA, the size of low memory and the serial ports. */
static void boot_place_bda(struct boot_ctx *ctx)
{
	uint8_t bda[BOOT_BDA_LEN] = { 0 };
	static const struct {
		uint8_t off;
		uint16_t val;
	} words[] = {
		{ 0x00, 0x3f8 },	   /* COM1 */
		{ 0x02, 0x2f8 },	   /* COM2 */
		{ 0x0e, BOOT_EBDA >> 4 },  /* EBDA segment */
		{ 0x10, 0x0426 },	   /* equipment: FPU, 80x25 colour, two serial ports */
		{ 0x13, BOOT_EBDA >> 10 }, /* KiB of low memory */
		{ 0x1a, 0x001e },	   /* keyboard buffer: empty */
		{ 0x1c, 0x001e },
		{ 0x49, 3 }, /* video mode */
		{ 0x4a, 80 },
		{ 0x4c, 0x1000 }, /* bytes of a screen */
		{ 0x63, 0x3d4 },  /* CRTC */
		{ 0x80, 0x001e },
		{ 0x82, 0x003e },
		{ 0x84, 24 | 16 << 8 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		memcpy(bda + words[i].off, &words[i].val, 2);
	/* refused where an image has claimed the place: then it is the image's */
	(void)boot_place(ctx, BOOT_BDA, bda, sizeof(bda), "BIOS data area", NULL);
}

static int boot_place_firmware(struct boot_ctx *ctx, struct err *err)
{
	unsigned int nr_cpus = ctx->cfg->nr_cpus ? ctx->cfg->nr_cpus : 1;
	uint8_t ebda[BOOT_EBDA_LEN] = { BOOT_EBDA_LEN >> 10 };
	int ret;

	ret = boot_place(ctx, BOOT_EBDA, ebda, sizeof(ebda), "extended BIOS data area", err);
	if (!ret)
		ret = acpi_place(ctx, nr_cpus, &ctx->rsdp, err);
	if (!ret)
		ret = mptable_place(ctx, nr_cpus, err);
	return ret;
}

/* --- choosing a loader */

/* Files people try that no loader takes: say what they are. */
static const char *boot_known_stranger(const struct boot_file *img)
{
	static const struct {
		uint32_t off, len;
		const char *magic, *text;
	} known[] = {
		{ 0, 2, "\x1f\x8b", "gzip data: unpack it first" },
		{ 0, 6,
		  "\xfd"
		  "7zXZ\0",
		  "xz data: unpack it first" },
		{ 0, 4, "\x28\xb5\x2f\xfd", "zstd data: unpack it first" },
		{ 0, 4, "QFI\xfb", "a qcow2 disk, not a kernel" },
		{ 0x8001, 5, "CD001",
		  "a CD image: booting from CD needs a BIOS, which comes later" },
		{ 0, 2, "MZ", "an EFI or DOS program: those need a firmware" },
		{ 0, 2, "#!", "a script, not a kernel" },
		{ 0, 6, "070701", "a cpio archive: it belongs to --initrd" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (boot_file_has(img, known[i].off, known[i].len) &&
		    !memcmp(img->data + known[i].off, known[i].magic, known[i].len))
			return known[i].text;
	return NULL;
}

/* Multiboot Specification 2.0, section 3.1.1: 8-byte aligned in the first 32 KiB. */
static bool boot_is_multiboot2(const struct boot_file *img)
{
	uint32_t head[4];
	uint64_t off;

	for (off = 0; off < 32768 && boot_file_has(img, off, sizeof(head)); off += 8) {
		memcpy(head, img->data + off, sizeof(head));
		if (head[0] == BOOT_MULTIBOOT2 && !(head[0] + head[1] + head[2] + head[3]))
			return true;
	}
	return false;
}

static int boot_find_auto(const struct boot_file *img, const struct loader_ops **out,
			  struct err *err)
{
	const char *stranger;
	unsigned int i;

	for (i = 0; i < BOOT_NR_LOADERS; i++) {
		/* it wants to be told about its machine: entering it as plain ELF would mislead */
		if (boot_loaders[i] == &boot_elf_ops && boot_is_multiboot2(img))
			return err_set(err, ENOEXEC,
				       "Multiboot 2 is not supported yet; give the kernel a "
				       "Multiboot 1 header too, or enter it bare with --boot elf");
		if (boot_loaders[i]->probe(img)) {
			*out = boot_loaders[i];
			return 0;
		}
	}
	stranger = boot_known_stranger(img);
	return err_set(err, ENOEXEC, "%s",
		       stranger ? stranger
				: "not an image vitrine knows (Linux, Multiboot, PVH, ELF, boot "
				  "sector); flat binaries: --load ADDR:FILE --entry ADDR --mode "
				  "16|32|64");
}

static int boot_find_named(const char *kind, const struct loader_ops **out, struct err *err)
{
	static const char *const names[] = { "auto", "linux",  "pvh", "multiboot",
					     "elf",  "sector", "raw", NULL };
	const char *near;
	unsigned int i;

	for (i = 0; i < BOOT_NR_LOADERS; i++) {
		if (!strcmp(kind, boot_loaders[i]->name)) {
			*out = boot_loaders[i];
			return 0;
		}
	}
	if (!strcmp(kind, "bios") || !strcmp(kind, "multiboot2"))
		return err_set(err, ENOTSUP, "--boot %s is not supported yet", kind);
	near = parse_nearest(kind, names);
	return err_set(err, EINVAL, "--boot %s: no such loader%s%s", kind,
		       near ? "; did you mean " : "", near ? near : "");
}

static int boot_choose(struct boot_ctx *ctx, const struct loader_ops **out, struct err *err)
{
	const char *kind = ctx->cfg->kind ? ctx->cfg->kind : "auto";

	if (!strcmp(kind, "raw") || !ctx->cfg->image) {
		*out = &boot_raw_ops;
		return 0;
	}
	if (strcmp(kind, "auto"))
		return boot_find_named(kind, out, err);
	return boot_find_auto(&ctx->image, out, err);
}

static int boot_place_loads(struct boot_ctx *ctx, struct err *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ctx->cfg->nr_load && !ret; i++)
		ret = boot_place_file_at(ctx, ctx->cfg->load[i].path, ctx->cfg->load[i].gpa, err);
	return ret;
}

/* --entry moves the start of any image, in the mode of its loader. */
static int boot_override_entry(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	if (ctx->cfg->mode)
		return err_set(err, EINVAL,
			       "--mode: only for --load without an image; %s decides here",
			       ctx->loader);
	if (!ctx->cfg->has_entry)
		return 0;
	st->rip = ctx->cfg->entry;
	return boot_check_entry(ctx, st->seg[X86_CS].base + ctx->cfg->entry, err);
}

static int boot_load_image(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	const struct loader_ops *ops = NULL;
	int ret = boot_choose(ctx, &ops, err);

	if (ret)
		return ret;
	snprintf(ctx->loader, sizeof(ctx->loader), "%s", ops->name);
	ret = boot_place_firmware(ctx, err);
	if (!ret)
		ret = boot_place_loads(ctx, err);
	if (!ret)
		ret = ops->load(ctx, st, err);
	if (!ret && ops != &boot_raw_ops)
		ret = boot_override_entry(ctx, st, err);
	if (!ret)
		boot_place_bda(ctx);
	return ret;
}

int boot_load(const struct boot_config *cfg, struct mem *mem, struct boot_ctx *ctx,
	      struct x86_state *st, struct err *err)
{
	int ret = 0;

	memset(ctx, 0, sizeof(*ctx));
	memset(st, 0, sizeof(*st));
	ctx->cfg = cfg;
	ctx->mem = mem;
	mem_clear(mem);
	if (cfg->image) {
		ret = boot_file_open(&ctx->image, cfg->image, err);
		if (ret)
			return ret;
	}
	ret = boot_load_image(ctx, st, err);
	if (ret && cfg->image)
		err_prefix(err, "%s", cfg->image);
	if (!ret && ctx->note[0])
		log_line("%s: %s", cfg->image ? cfg->image : "boot", ctx->note);
	boot_file_close(&ctx->image);
	return ret;
}

/* --- the plan */

static int boot_placed_cmp(const void *va, const void *vb)
{
	const struct boot_placed *a = va, *b = vb;

	return a->gpa < b->gpa ? -1 : a->gpa > b->gpa;
}

void boot_plan_text(const struct boot_ctx *ctx, const struct x86_state *st, struct buf *out)
{
	struct boot_placed sorted[BOOT_MAX_PLACED];
	char size[16];
	unsigned int i;

	memcpy(sorted, ctx->placed, sizeof(sorted));
	qsort(sorted, ctx->nr_placed, sizeof(sorted[0]), boot_placed_cmp);
	buf_printf(out, "loader: %s\n", ctx->loader);
	for (i = 0; i < ctx->nr_placed; i++)
		buf_printf(out, "0x%09llx-0x%09llx %6s  %s\n", (unsigned long long)sorted[i].gpa,
			   (unsigned long long)(sorted[i].gpa + sorted[i].len - 1),
			   parse_size_text(sorted[i].len, size), sorted[i].what);
	buf_printf(out, "entry: %s, %04x:0x%llx, stack %04x:0x%llx, cr3 0x%llx\n",
		   x86_mode_name(x86_state_mode(st)), st->seg[X86_CS].sel,
		   (unsigned long long)st->rip, st->seg[X86_SS].sel,
		   (unsigned long long)st->gpr[X86_RSP], (unsigned long long)st->cr3);
}
