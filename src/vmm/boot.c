/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which loader takes an image, and the placing of bytes in guest RAM: every
 * loader puts things there through boot_place(), which knows what is where.
 */
#include "vmm/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "vmm/acpi.h"
#include "vmm/mptable.h"

#define BOOT_PAGE	4096ull
#define BOOT_BDA	0x400ull
#define BOOT_BDA_LEN	0x100ull
#define BOOT_LOW_FIRST	0x1000ull /* below it real mode keeps its vectors */
#define BOOT_MULTIBOOT2 0xe85250d6u

/* In the order of recognition: the more specific first. Raw is never guessed. */
static const struct loader_ops *const boot_loaders[] = {
	&boot_linux_ops, &boot_multiboot_ops, &boot_pvh_ops, &boot_elf_ops, &boot_sector_ops,
};

#define BOOT_NR_LOADERS (sizeof(boot_loaders) / sizeof(boot_loaders[0]))

/* --- files */

static int boot_file_map(struct boot_file *file, int fd, struct err *err)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "%s", file->path);
	if (S_ISDIR(st.st_mode))
		return err_sys(err, EISDIR, "%s", file->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s: not a regular file", file->path);
	if (!st.st_size)
		return err_set(err, ENOEXEC, "%s: the file is empty", file->path);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_sys(err, errno, "%s: cannot map it", file->path);
	file->data = data;
	file->len = (uint64_t)st.st_size;
	return 0;
}

int boot_file_open(struct boot_file *file, const char *path, struct err *err)
{
	/* a FIFO must not block us */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	*file = (struct boot_file){ .path = path, .fd = -1 };
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	ret = boot_file_map(file, fd, err);
	if (ret)
		close(fd);
	else
		file->fd = fd;
	return ret;
}

void boot_file_close(struct boot_file *file)
{
	if (!file->data)
		return;
	munmap((void *)(uintptr_t)file->data, file->len);
	close(file->fd);
	*file = (struct boot_file){ .path = file->path, .fd = -1 };
}

bool boot_file_has(const struct boot_file *file, uint64_t off, uint64_t len)
{
	return off <= file->len && len <= file->len - off;
}

/* --- placing */

static const struct boot_placed *boot_overlap(const struct boot_ctx *ctx, uint64_t gpa,
					      uint64_t len)
{
	const struct boot_placed *other;
	unsigned int i;

	for (i = 0; i < ctx->nr_placed; i++) {
		other = &ctx->placed[i];
		if (gpa < other->gpa + other->len && other->gpa < gpa + len)
			return other;
	}
	return NULL;
}

/* Outside RAM: say how much RAM would do, where more of it would. */
static int boot_no_ram(const struct boot_ctx *ctx, uint64_t gpa, uint64_t len, const char *what,
		       struct err *err)
{
	char have[16];
	uint64_t end;

	if (__builtin_add_overflow(gpa, len, &end))
		return err_set(err, EFAULT, "%s at 0x%llx is too large (0x%llx bytes)", what,
			       (unsigned long long)gpa, (unsigned long long)len);
	if (gpa >= MEM_HIGH_BASE && end <= MEM_HOLE_BASE)
		return err_set(err, EFAULT,
			       "%s needs memory up to 0x%llx, the guest has %s: use --mem %lluM "
			       "or more",
			       what, (unsigned long long)end,
			       parse_size_text(mem_size(ctx->mem), have),
			       (unsigned long long)((end + (1 << 20) - 1) >> 20));
	return err_set(err, EFAULT, "%s at 0x%llx-0x%llx is not in the guest's RAM", what,
		       (unsigned long long)gpa, (unsigned long long)(end - 1));
}

static int boot_note_placed(struct boot_ctx *ctx, uint64_t gpa, uint64_t len, const char *what,
			    struct err *err)
{
	const struct boot_placed *other = boot_overlap(ctx, gpa, len);
	struct boot_placed *placed;

	if (other)
		return err_set(err, EEXIST, "%s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx",
			       what, (unsigned long long)gpa, (unsigned long long)(gpa + len - 1),
			       other->what, (unsigned long long)other->gpa,
			       (unsigned long long)(other->gpa + other->len - 1));
	if (ctx->nr_placed == BOOT_MAX_PLACED)
		return err_set(err, E2BIG, "%s: more than %d pieces to load", what,
			       BOOT_MAX_PLACED);
	placed = &ctx->placed[ctx->nr_placed++];
	placed->gpa = gpa;
	placed->len = len;
	snprintf(placed->what, sizeof(placed->what), "%s", what);
	return 0;
}

/* Claim LEN bytes at GPA; *DST is where they are. */
static int boot_claim(struct boot_ctx *ctx, uint64_t gpa, uint64_t len, const char *what,
		      void **dst, struct err *err)
{
	*dst = mem_span(ctx->mem, gpa, len);
	if (!*dst)
		return boot_no_ram(ctx, gpa, len, what, err);
	return boot_note_placed(ctx, gpa, len, what, err);
}

/* RAM is zero when loading begins, so zeroes are not written: their pages stay unallocated. */
int boot_place(struct boot_ctx *ctx, uint64_t gpa, const void *data, uint64_t len, const char *what,
	       struct err *err)
{
	void *dst;
	int ret;

	if (!len)
		return 0;
	ret = boot_claim(ctx, gpa, len, what, &dst, err);
	if (!ret && data)
		memcpy(dst, data, len);
	return ret;
}

static int boot_file_read(const struct boot_file *file, uint64_t off, uint8_t *dst, uint64_t len,
			  struct err *err)
{
	ssize_t n;

	if (file->fd < 0) {
		memcpy(dst, file->data + off, len);
		return 0;
	}
	for (; len; dst += n, off += (uint64_t)n, len -= (uint64_t)n) {
		n = pread(file->fd, dst, len, (off_t)off);
		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "%s", file->path);
		if (n == 0)
			return err_set(err, EIO, "%s: the file shrank while it was read",
				       file->path);
		n = n < 0 ? 0 : n;
	}
	return 0;
}

int boot_place_part(struct boot_ctx *ctx, uint64_t gpa, const struct boot_file *file, uint64_t off,
		    uint64_t file_len, uint64_t mem_len, const char *what, struct err *err)
{
	uint64_t len = mem_len > file_len ? mem_len : file_len;
	void *dst;
	int ret;

	if (!len)
		return 0;
	if (!boot_file_has(file, off, file_len))
		return err_set(err, ENOEXEC, "truncated: %s is not in the file", what);
	ret = boot_claim(ctx, gpa, len, what, &dst, err);
	return ret ? ret : boot_file_read(file, off, dst, file_len, err);
}

static bool boot_align_up(uint64_t *gpa, uint64_t align)
{
	if (__builtin_add_overflow(*gpa, align - 1, gpa))
		return false;
	*gpa &= ~(align - 1);
	return true;
}

/* Lowest free place in [MIN, END) of one region. */
static uint64_t boot_find_up(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
			     uint64_t end)
{
	const struct boot_placed *other;
	uint64_t gpa = min;

	while (boot_align_up(&gpa, align) && gpa < end && len <= end - gpa) {
		other = boot_overlap(ctx, gpa, len);
		if (!other)
			return gpa;
		gpa = other->gpa + other->len;
	}
	return 0;
}

/* Highest free place in [MIN, END) of one region. */
static uint64_t boot_find_down(const struct boot_ctx *ctx, uint64_t len, uint64_t align,
			       uint64_t min, uint64_t end)
{
	const struct boot_placed *other;
	uint64_t gpa;

	while (end > min && len <= end - min) {
		gpa = (end - len) & ~(align - 1);
		if (gpa < min)
			return 0;
		other = boot_overlap(ctx, gpa, len);
		if (!other)
			return gpa;
		end = other->gpa;
	}
	return 0;
}

/* Trim region INDEX to [*MIN, *MAX); false if it is not RAM or nothing is left. */
static bool boot_window(const struct boot_ctx *ctx, unsigned int index, uint64_t *min,
			uint64_t *max)
{
	const struct sample_region *reg = mem_region(ctx->mem, index);

	if (reg->type != SAMPLE_REGION_RAM)
		return false;
	if (*min < reg->gpa)
		*min = reg->gpa;
	if (*min < BOOT_LOW_FIRST)
		*min = BOOT_LOW_FIRST;
	if (*max > reg->gpa + reg->len)
		*max = reg->gpa + reg->len;
	return *min < *max;
}

uint64_t boot_find_low(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
		       uint64_t max)
{
	uint64_t lo, hi, gpa;
	unsigned int i;

	for (i = 0; len && i < mem_nr_regions(ctx->mem); i++) {
		lo = min;
		hi = max;
		gpa = boot_window(ctx, i, &lo, &hi) ? boot_find_up(ctx, len, align, lo, hi) : 0;
		if (gpa)
			return gpa;
	}
	return 0;
}

uint64_t boot_find_high(const struct boot_ctx *ctx, uint64_t len, uint64_t align, uint64_t min,
			uint64_t max)
{
	uint64_t lo, hi, gpa;
	unsigned int i;

	for (i = mem_nr_regions(ctx->mem); len && i-- > 0;) {
		lo = min;
		hi = max;
		gpa = boot_window(ctx, i, &lo, &hi) ? boot_find_down(ctx, len, align, lo, hi) : 0;
		if (gpa)
			return gpa;
	}
	return 0;
}

static int boot_no_room(const struct boot_ctx *ctx, const char *what, uint64_t len, struct err *err)
{
	char have[16], need[16];

	return err_set(err, ENOMEM, "no room for %s (%s) in %s of RAM: give more with --mem", what,
		       parse_size_text(len, need), parse_size_text(mem_size(ctx->mem), have));
}

int boot_place_scratch(struct boot_ctx *ctx, const void *data, uint64_t len, uint64_t align,
		       const char *what, uint64_t *gpa, struct err *err)
{
	*gpa = boot_find_high(ctx, len, align, 0, MEM_LOW_END);
	if (!*gpa)
		*gpa = boot_find_high(ctx, len, align, 0, MEM_HOLE_BASE);
	if (!*gpa)
		return boot_no_room(ctx, what, len, err);
	return boot_place(ctx, *gpa, data, len, what, err);
}

/* End of what lies below the hole, but at least 1 MiB. */
static uint64_t boot_placed_end(const struct boot_ctx *ctx)
{
	uint64_t end = MEM_HIGH_BASE;
	const struct boot_placed *placed;
	unsigned int i;

	for (i = 0; i < ctx->nr_placed; i++) {
		placed = &ctx->placed[i];
		if (placed->gpa < MEM_HOLE_BASE && placed->gpa + placed->len > end)
			end = placed->gpa + placed->len;
	}
	return end;
}

static const char *boot_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int boot_place_file(struct boot_ctx *ctx, const char *path, bool low, uint64_t max,
		    struct boot_placed *out, struct err *err)
{
	struct boot_file file;
	int ret = boot_file_open(&file, path, err);

	if (ret) {
		err_prefix(err, "--initrd");
		return ret;
	}
	out->len = file.len;
	snprintf(out->what, sizeof(out->what), "file %s", boot_base_name(path));
	if (low)
		out->gpa = boot_find_low(ctx, file.len, BOOT_PAGE, boot_placed_end(ctx), max);
	else
		out->gpa = boot_find_high(ctx, file.len, BOOT_PAGE, MEM_HIGH_BASE, max);
	if (out->gpa)
		ret = boot_place_part(ctx, out->gpa, &file, 0, file.len, file.len, out->what, err);
	else
		ret = boot_no_room(ctx, out->what, file.len, err);
	boot_file_close(&file);
	return ret;
}

int boot_check_entry(const struct boot_ctx *ctx, uint64_t gpa, struct err *err)
{
	if (!boot_overlap(ctx, gpa, 1))
		return err_set(err, EFAULT, "entry 0x%llx is outside everything that was loaded",
			       (unsigned long long)gpa);
	return 0;
}

int boot_check_no_initrd(const struct boot_ctx *ctx, struct err *err)
{
	if (ctx->cfg->nr_initrd)
		return err_set(err, EINVAL,
			       "--initrd: only linux, pvh and multiboot images take one");
	return 0;
}

unsigned int boot_memmap(const struct mem *mem, struct boot_range out[BOOT_MAX_RANGES])
{
	unsigned int nr = 0;

	out[nr++] = (struct boot_range){ 0, BOOT_EBDA, BOOT_RANGE_RAM };
	out[nr++] = (struct boot_range){ BOOT_EBDA, MEM_LOW_END - BOOT_EBDA, BOOT_RANGE_RESERVED };
	out[nr++] = (struct boot_range){ BOOT_ROM, MEM_HIGH_BASE - BOOT_ROM, BOOT_RANGE_RESERVED };
	if (mem_low_end(mem) > MEM_HIGH_BASE)
		out[nr++] = (struct boot_range){ MEM_HIGH_BASE, mem_low_end(mem) - MEM_HIGH_BASE,
						 BOOT_RANGE_RAM };
	if (mem_high_end(mem) > MEM_HOLE_END)
		out[nr++] = (struct boot_range){ MEM_HOLE_END, mem_high_end(mem) - MEM_HOLE_END,
						 BOOT_RANGE_RAM };
	return nr;
}

/* --- what every guest finds, however it was loaded */

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
	/* an image that claims the place has it */
	if (!boot_overlap(ctx, BOOT_BDA, BOOT_BDA_LEN))
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
	const struct boot_load *load;
	struct boot_file file;
	unsigned int i;
	char what[40];
	int ret = 0;

	for (i = 0; i < ctx->cfg->nr_load && !ret; i++) {
		load = &ctx->cfg->load[i];
		ret = boot_file_open(&file, load->path, err);
		if (ret) {
			err_prefix(err, "--load");
			return ret;
		}
		snprintf(what, sizeof(what), "file %s", boot_base_name(load->path));
		ret = boot_place_part(ctx, load->gpa, &file, 0, file.len, file.len, what, err);
		boot_file_close(&file);
	}
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
