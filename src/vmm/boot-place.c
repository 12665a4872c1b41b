/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and where their bytes go: every loader puts things into guest RAM
 * through here, so that nothing lands outside it or on something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "vmm/boot.h"

#define BOOT_PAGE      4096ull
#define BOOT_LOW_FIRST 0x1000ull /* below it real mode keeps its vectors */

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

int boot_place_file_at(struct boot_ctx *ctx, const char *path, uint64_t gpa, struct err *err)
{
	struct boot_file file;
	char what[40];
	int ret = boot_file_open(&file, path, err);

	if (ret) {
		err_prefix(err, "--load");
		return ret;
	}
	snprintf(what, sizeof(what), "file %s", boot_base_name(path));
	ret = boot_place_part(ctx, gpa, &file, 0, file.len, file.len, what, err);
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
