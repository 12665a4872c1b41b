/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot: placing and finding room, entry states, first page tables, raw ranges, sectors, the plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-images.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const struct boot_config no_config = { .cmdline = "", .nr_cpus = 1 };

static int ctx_setup(void **state)
{
	struct boot_ctx *ctx = calloc(1, sizeof(*ctx));

	assert_non_null(ctx);
	ctx->cfg = &no_config;
	assert_int_equal(mem_create(16 * MIB, &ctx->mem, NULL), 0);
	*state = ctx;
	return 0;
}

static int ctx_teardown(void **state)
{
	struct boot_ctx *ctx = *state;

	mem_destroy(ctx->mem);
	free(ctx);
	return 0;
}

static void test_place(void **state)
{
	struct boot_ctx *ctx = *state;
	struct err err = ERR_INIT;

	assert_int_equal(boot_place(ctx, MIB, "abc", 3, "first", &err), 0);
	assert_memory_equal(mem_span(ctx->mem, MIB, 3), "abc", 3);
	assert_int_equal(boot_place(ctx, MIB + 3, "d", 1, "behind", &err), 0);
	assert_int_equal(boot_place(ctx, MIB + 2, "xx", 2, "third", &err), -EEXIST);
	assert_non_null(strstr(err.text, "third at 0x100002-0x100003 overlaps first"));
	assert_memory_equal(mem_span(ctx->mem, MIB, 4), "abcd", 4);
	assert_int_equal(boot_place(ctx, MIB, NULL, 0, "nothing", &err), 0);
	assert_int_equal(ctx->nr_placed, 2);
}

static void test_place_outside(void **state)
{
	const struct boot_file file = {
		.path = "x", .data = (const uint8_t *)"x", .len = 1, .fd = -1
	};
	struct boot_ctx *ctx = *state;
	struct err err = ERR_INIT;

	assert_int_equal(boot_place_part(ctx, 15 * MIB, &file, 0, 1, 3 * MIB, "bss", &err),
			 -EFAULT);
	assert_non_null(strstr(err.text, "the guest has 16M: use --mem 18M"));
	assert_int_equal(boot_place(ctx, 0x9ffff, "xx", 2, "low", &err), -EFAULT);
	assert_non_null(strstr(err.text, "not in the guest's RAM"));
	assert_int_equal(boot_place(ctx, 0xfee00000, "x", 1, "apic", &err), -EFAULT);
	assert_int_equal(boot_place_part(ctx, 8, &file, 0, 1, UINT64_MAX, "huge", &err), -EFAULT);
	assert_non_null(strstr(err.text, "too large"));
	assert_int_equal(ctx->nr_placed, 0);
}

/* Like a linker writing the kernel anew while the machine resets. */
static void test_file_shrinks(void **state)
{
	struct boot_ctx *ctx = *state;
	struct err err = ERR_INIT;
	struct boot_file file;
	struct image img;
	char path[32];
	int fd;

	image_sector(&img);
	fd = image_path(&img, path);
	assert_int_equal(boot_file_open(&file, path, &err), 0);
	assert_int_equal(boot_place_part(ctx, MIB, &file, 510, 2, 16, "end", &err), 0);
	assert_int_equal(boot_place_part(ctx, 2 * MIB, &file, 510, 3, 16, "end", &err), -ENOEXEC);
	assert_int_equal(*(uint16_t *)mem_span(ctx->mem, MIB, 2), 0xaa55);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(boot_place_part(ctx, 2 * MIB, &file, 0, 512, 512, "sector", &err), -EIO);
	assert_non_null(strstr(err.text, "shrank"));
	boot_file_close(&file);
	close(fd);
}

static void test_place_many(void **state)
{
	struct boot_ctx *ctx = *state;
	struct err err = ERR_INIT;
	unsigned int i;

	for (i = 0; i < BOOT_MAX_PLACED; i++)
		assert_int_equal(boot_place(ctx, MIB + i, "x", 1, "piece", &err), 0);
	assert_int_equal(boot_place(ctx, MIB + i, "x", 1, "piece", &err), -E2BIG);
}

static void test_find(void **state)
{
	struct boot_ctx *ctx = *state;

	assert_int_equal(boot_place(ctx, MIB, "x", 1, "a", NULL), 0);
	assert_int_equal(boot_place(ctx, MIB + 0x2000, "x", 1, "b", NULL), 0);
	assert_int_equal(boot_find_low(ctx, 0x1000, 4096, MIB, 16 * MIB), MIB + 0x1000);
	assert_int_equal(boot_find_low(ctx, 0x1001, 4096, MIB, 16 * MIB), MIB + 0x3000);
	assert_int_equal(boot_find_low(ctx, 1, 1, 0, MIB), 0x1000);
	assert_int_equal(boot_find_low(ctx, 15 * MIB, 4096, MIB, UINT64_MAX), 0);
	assert_int_equal(boot_find_low(ctx, UINT64_MAX, 4096, MIB, UINT64_MAX), 0);
	assert_int_equal(boot_find_high(ctx, 5, 4096, 0, UINT64_MAX), 16 * MIB - 4096);
	assert_int_equal(boot_find_high(ctx, 0x1000, 4096, 0, MIB + 0x3000), MIB + 0x1000);
	/* nothing is ever found in the VGA window or the ROM */
	assert_int_equal(boot_find_high(ctx, 4096, 4096, 0xa0000, MIB), 0);
	assert_int_equal(boot_find_high(ctx, 4096, 4096, 0x90000, MIB), 0x9f000);
}

static void test_memmap(void **state)
{
	static const uint64_t sizes[] = { MIB, 64 * MIB, 5 * GIB };
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int s, i, nr;
	struct mem *mem;
	uint64_t ram;

	(void)state;
	for (s = 0; s < 3; s++) {
		assert_int_equal(mem_create(sizes[s], &mem, NULL), 0);
		nr = boot_memmap(mem, range);
		for (i = 0, ram = 0; i < nr; i++) {
			assert_true(range[i].len > 0);
			assert_true(!i || range[i].gpa >= range[i - 1].gpa + range[i - 1].len);
			if (range[i].type == BOOT_RANGE_RAM) {
				assert_non_null(mem_span(mem, range[i].gpa, range[i].len));
				ram += range[i].len;
			}
		}
		assert_int_equal(ram, sizes[s] - MIB + BOOT_EBDA);
		mem_destroy(mem);
	}
}

/* --- page tables: walked by hand, as a processor would */

static uint64_t walk(const struct mem *mem, uint64_t cr3, uint64_t gva)
{
	uint64_t table = cr3, entry, size;
	int shift;

	for (shift = 39;; shift -= 9) {
		assert_int_equal(mem_read(mem, table + (gva >> shift & 511) * 8, &entry, 8), 0);
		if (!(entry & 1))
			return UINT64_MAX;
		assert_int_equal(entry & ~0x000ffffffffff083ull, 0);
		if (shift == 12 || (entry & 0x80))
			break;
		table = entry & 0x000ffffffffff000ull;
	}
	size = 1ull << shift;
	return (entry & 0x000ffffffffff000ull & ~(size - 1)) + (gva & (size - 1));
}

static void test_identity(void **state)
{
	struct boot_ctx *ctx = *state;
	uint64_t cr3;

	assert_int_equal(boot_place_tables(ctx, NULL, 0, &cr3, NULL), 0);
	assert_true(cr3 < MEM_LOW_END && cr3 % 4096 == 0);
	assert_int_equal(walk(ctx->mem, cr3, 0), 0);
	assert_int_equal(walk(ctx->mem, cr3, 0x12345678), 0x12345678);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff), 0xffffffff);
	assert_int_equal(walk(ctx->mem, cr3, 4 * GIB), UINT64_MAX);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff80000000ull), UINT64_MAX);
}

static void test_segment_maps(void **state)
{
	const struct boot_map map[] = {
		{ 0xffffffff80200000ull, 2 * MIB, 5 * MIB },   /* two large pages and small ones */
		{ 0x40000123, 0x300123, 0x2000 },	       /* inside the identity map */
		{ 0xffffffff80700ff0ull, 0x7ff0 + MIB, 0x20 }, /* behind it, same table */
		{ 0xffffffff806ff000ull, 0x6ff000, 0x10 },     /* the same page again */
	};
	struct boot_ctx *ctx = *state;
	uint64_t cr3;

	assert_int_equal(boot_place_tables(ctx, map, 4, &cr3, NULL), 0);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff80200000ull), 2 * MIB);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff806fffffull), 7 * MIB - 1);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff80700fffull), 0x7fff + MIB);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff80701000ull), 0x8000 + MIB);
	assert_int_equal(walk(ctx->mem, cr3, 0xffffffff80702000ull), UINT64_MAX);
	assert_int_equal(walk(ctx->mem, cr3, 0x40000123), 0x300123);
	assert_int_equal(walk(ctx->mem, cr3, 0x40002fff), 0x302fff);
	assert_int_equal(walk(ctx->mem, cr3, 0x40003000), 0x40003000);
	assert_int_equal(walk(ctx->mem, cr3, 0x3fffffff), 0x3fffffff);
}

static void test_maps_refused(void **state)
{
	static const struct {
		struct boot_map map[2];
		const char *text;
	} bad[] = {
		{ { { 0x800000000000ull, MIB, 4096 } }, "not canonical" },
		{ { { 0x7ffffffff000ull, MIB, 8192 } }, "not canonical" },
		{ { { UINT64_MAX - 4095, MIB, 8192 } }, "not canonical" },
		{ { { 0x1000, MIB, UINT64_MAX } }, "not canonical" },
		{ { { 0x40000001, MIB, 16 } }, "differ within a page" },
		{ { { 0x40000000, MIB, 0x2000 }, { 0x40001000, MIB, 16 } }, "two segments" },
		{ { { 0x40000000, 0, 2 * MIB }, { 0x40001000, MIB, 16 } }, "two segments" },
		{ { { 0x4000000000ull, 0x1000, 1ull << 40 } }, "too large" },
	};
	struct boot_ctx *ctx = *state;
	struct err err;
	uint64_t cr3;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_true(boot_place_tables(ctx, bad[i].map, 2, &cr3, &err) < 0);
		if (!strstr(err.text, bad[i].text))
			fail_msg("%zu: %s", i, err.text);
		assert_int_equal(ctx->nr_placed, 0);
	}
}

static void test_states(void **state)
{
	struct boot_ctx *ctx = *state;
	struct x86_state st;
	uint64_t gdt, desc[4];

	boot_state_real(&st, 0xf000, 0xfff0);
	assert_int_equal(x86_state_mode(&st), X86_MODE_REAL);
	assert_int_equal(x86_state_linear_rip(&st), 0xffff0);
	assert_int_equal(boot_place_gdt(ctx, true, &gdt, NULL), 0);
	boot_state_long64(&st, 0x1234, 0x5000, gdt);
	assert_int_equal(x86_state_mode(&st), X86_MODE_LONG64);
	assert_int_equal(st.rflags, 2);
	assert_int_equal(mem_read(ctx->mem, gdt, desc, sizeof(desc)), 0);
	assert_true(desc[2] >> 53 & 1); /* L, where CS points */
	assert_int_equal(st.seg[X86_CS].sel, 0x10);
	assert_int_equal(boot_place_gdt(ctx, false, &gdt, NULL), 0);
	boot_state_prot32(&st, 0x1234, gdt);
	assert_int_equal(x86_state_mode(&st), X86_MODE_PROT32);
	assert_int_equal(mem_read(ctx->mem, gdt, desc, sizeof(desc)), 0);
	assert_true((desc[2] >> 54 & 1) && !(desc[2] >> 53 & 1));
	assert_int_equal(st.gdt.base, gdt);
	assert_int_equal(st.gdt.limit, sizeof(desc) - 1);
}

/* --- sectors and raw ranges */

static void test_sector(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_sector(&img);
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, 0);
	assert_string_equal(ld.ctx.loader, "sector");
	assert_int_equal(ld.st.rip, 0x7c00);
	assert_int_equal(ld.st.gpr[X86_RDX], 0x80);
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_REAL);
	assert_int_equal(loaded_get(&ld, 0x7c00, 2), 0xfeeb);
	assert_int_equal(loaded_get(&ld, 0x10 * 4, 4), 0xf000ff00); /* int 10h leads to the stub */
	assert_int_equal(loaded_get(&ld, 0xfff00, 1), 0x55);
	assert_non_null(strstr(ld.ctx.note, "BIOS services come later"));
	assert_int_equal(loaded_get(&ld, 0x413, 2), 639);
	loaded_free(&ld);
	/* of a larger image only the first sector */
	image_put(&img, 0x400, 0x77, 1);
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(loaded_get(&ld, 0x8000, 1), 0);
	loaded_free(&ld);
}

static void test_raw(void **state)
{
	static const struct {
		unsigned int mode;
		uint64_t at, entry;
		enum x86_mode want;
	} good[] = {
		{ 16, 0x7e00, 0x7e00, X86_MODE_REAL },
		{ 16, 0x23400, 0x23410, X86_MODE_REAL },
		{ 32, MIB, MIB + 4, X86_MODE_PROT32 },
		{ 64, 2 * MIB, 2 * MIB, X86_MODE_LONG64 },
		{ 64, 4 * GIB + 8 * MIB, 4 * GIB + 8 * MIB, X86_MODE_LONG64 },
	};
	struct boot_config cfg;
	struct image img;
	struct loaded ld;
	char path[32];
	size_t i;
	int fd;

	(void)state;
	image_sector(&img);
	fd = image_path(&img, path);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cfg = (struct boot_config){ .kind = "auto",
					    .nr_load = 1,
					    .load = { { good[i].at, path } },
					    .has_entry = true,
					    .entry = good[i].entry,
					    .mode = good[i].mode };
		loaded_make(&ld, &cfg, NULL, 3 * GIB + 16 * MIB);
		assert_int_equal(ld.ret, 0);
		assert_int_equal(x86_state_mode(&ld.st), good[i].want);
		assert_int_equal(x86_state_linear_rip(&ld.st), good[i].entry);
		if (good[i].mode == 64)
			assert_int_equal(walk(ld.mem, ld.st.cr3, ld.st.rip), good[i].entry);
		assert_int_equal(loaded_get(&ld, good[i].at, 2), 0xfeeb);
		loaded_free(&ld);
	}
	close(fd);
}

static void test_raw_refused(void **state)
{
	static const struct {
		struct boot_config cfg;
		const char *text;
	} bad[] = {
		{ { .nr_load = 0 }, "nothing to run" },
		{ { .nr_load = 1, .load = { { .gpa = MIB } } }, "needs --entry" },
		{ { .nr_load = 1, .load = { { .gpa = MIB } }, .has_entry = true, .entry = MIB },
		  "--mode" },
		{ { .nr_load = 1,
		    .load = { { .gpa = MIB } },
		    .has_entry = true,
		    .entry = MIB,
		    .mode = 8 },
		  "--mode 8" },
		{ { .nr_load = 1,
		    .load = { { .gpa = MIB } },
		    .has_entry = true,
		    .entry = MIB,
		    .mode = 16 },
		  "below 1 MiB" },
		{ { .nr_load = 1,
		    .load = { { .gpa = MIB } },
		    .has_entry = true,
		    .entry = 8,
		    .mode = 64 },
		  "outside everything" },
		{ { .nr_load = 1, .load = { { .gpa = 512 * MIB } }, .has_entry = true, .mode = 64 },
		  "use --mem 513M" },
		{ { .nr_load = 2,
		    .load = { { .gpa = MIB }, { .gpa = MIB + 8 } },
		    .has_entry = true,
		    .mode = 64 },
		  "overlaps" },
		{ { .nr_load = 1, .load = { { .gpa = BOOT_ROM } }, .has_entry = true, .mode = 64 },
		  "overlaps ACPI" },
		{ { .nr_load = 1,
		    .load = { { .gpa = UINT64_MAX } },
		    .has_entry = true,
		    .mode = 64 },
		  "too large" },
		{ { .nr_load = 1,
		    .load = { { .gpa = MIB } },
		    .has_entry = true,
		    .entry = MIB,
		    .mode = 32,
		    .nr_initrd = 1 },
		  "--initrd" },
		{ { .kind = "raw", .image = "/dev/null" }, "not a regular file" },
	};
	struct boot_config cfg;
	struct image img;
	struct loaded ld;
	char path[32];
	unsigned int j;
	size_t i;
	int fd;

	(void)state;
	image_sector(&img);
	fd = image_path(&img, path);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cfg = bad[i].cfg;
		for (j = 0; j < cfg.nr_load; j++)
			cfg.load[j].path = path;
		loaded_make(&ld, &cfg, NULL, 16 * MIB);
		assert_true(ld.ret < 0);
		if (!strstr(ld.err.text, bad[i].text))
			fail_msg("%zu: %s", i, ld.err.text);
		loaded_free(&ld);
	}
	close(fd);
}

/* --- files and choosing */

static void expect_path_refused(const char *path, const char *text)
{
	struct boot_config cfg = { .kind = "auto", .image = path };
	struct loaded ld;

	loaded_make(&ld, &cfg, NULL, MIB);
	assert_true(ld.ret < 0);
	if (!strstr(ld.err.text, text))
		fail_msg("%s: %s", path, ld.err.text);
	loaded_free(&ld);
}

static void test_bad_files(void **state)
{
	char dir[] = "/tmp/vitrine-test-XXXXXX", fifo[64];
	struct image img = { .len = 0 };
	char path[32];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	expect_path_refused(dir, "Is a directory");
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_path_refused(fifo, "not a regular file");
	unlink(fifo);
	rmdir(dir);
	expect_path_refused("/nonexistent/kernel", "/nonexistent/kernel: No such file");
	fd = image_path(&img, path);
	expect_path_refused(path, "empty");
	close(fd);
}

static void expect_bytes_refused(const char *kind, const void *data, size_t len, const char *text)
{
	struct boot_config cfg = { .kind = kind };
	struct image img = { .len = len };
	struct loaded ld;

	memcpy(img.data, data, len);
	loaded_make(&ld, &cfg, &img, MIB);
	assert_true(ld.ret < 0);
	if (!strstr(ld.err.text, text))
		fail_msg("%s: %s", text, ld.err.text);
	loaded_free(&ld);
}

static void test_strangers(void **state)
{
	static const uint32_t multiboot2[4] = { 0xe85250d6, 0, 16, -(0xe85250d6u + 16) };

	(void)state;
	expect_bytes_refused("auto", "\x1f\x8b\x08", 3, "gzip");
	expect_bytes_refused("auto", "#!/bin/sh\n", 10, "script");
	expect_bytes_refused("auto", "hello", 5, "not an image vitrine knows");
	expect_bytes_refused("auto", multiboot2, 16, "Multiboot 2 is not supported yet");
	expect_bytes_refused("sector", "hello", 5, "512 bytes");
	expect_bytes_refused("linux", "hello", 5, "not a Linux bzImage");
	expect_bytes_refused("multiboot", "hello", 5, "no Multiboot header");
	expect_bytes_refused("pvh", "hello", 5, "not an ELF file");
	expect_bytes_refused("elf", "\177ELF\2\1\1", 7, "not an ELF file");
	expect_bytes_refused("bios", "hello", 5, "not supported yet");
	expect_bytes_refused("multbot", "hello", 5, "did you mean multiboot");
}

static void test_entry_override(void **state)
{
	struct boot_config cfg = { .kind = "auto", .has_entry = true, .entry = 0x7c02 };
	struct image img;
	struct loaded ld;

	(void)state;
	image_sector(&img);
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(ld.st.rip, 0x7c02);
	loaded_free(&ld);
	cfg.entry = 0x8000;
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, -EFAULT);
	loaded_free(&ld);
	cfg.entry = 0x7c00;
	cfg.mode = 32;
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, -EINVAL);
	loaded_free(&ld);
}

static void test_plan(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct buf out = BUF_INIT;
	struct image img;
	struct loaded ld;

	(void)state;
	image_sector(&img);
	loaded_make(&ld, &cfg, &img, MIB);
	boot_plan_text(&ld.ctx, &ld.st, &out);
	assert_int_equal(strncmp(buf_str(&out), "loader: sector\n0x000000000-0x0000003ff", 37), 0);
	assert_non_null(strstr(buf_str(&out), "0x000007c00-0x000007dff   512B  boot sector\n"));
	assert_non_null(strstr(buf_str(&out), "entry: real, 0000:0x7c00, stack 0000:0x7c00"));
	buf_free(&out);
	loaded_free(&ld);
}

/* A second load of the same machine starts from empty RAM. */
static void test_reload(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_sector(&img);
	loaded_make(&ld, &cfg, &img, 2 * MIB);
	assert_int_equal(mem_set(ld.mem, 0x7c00, 0xff, 0x1000), 0);
	assert_int_equal(boot_load(&cfg, ld.mem, &ld.ctx, &ld.st, &ld.err), 0);
	assert_int_equal(loaded_get(&ld, 0x7c00, 2), 0xfeeb);
	assert_int_equal(loaded_get(&ld, 0x7e00, 8), 0);
	loaded_free(&ld);
}

#define TEST_CTX(fn) cmocka_unit_test_setup_teardown(fn, ctx_setup, ctx_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CTX(test_place),
		TEST_CTX(test_place_outside),
		TEST_CTX(test_file_shrinks),
		TEST_CTX(test_place_many),
		TEST_CTX(test_find),
		TEST_CTX(test_identity),
		TEST_CTX(test_segment_maps),
		TEST_CTX(test_maps_refused),
		TEST_CTX(test_states),
		cmocka_unit_test(test_memmap),
		cmocka_unit_test(test_sector),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_refused),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_entry_override),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
