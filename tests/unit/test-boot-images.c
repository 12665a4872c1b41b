/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image loaders: what a good image gets, and that every lie in a header is called one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-images.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* One change to a good image, and words of the refusal. LEN cuts the file. */
struct lie {
	size_t off, width;
	uint64_t val;
	size_t len;
	const char *text;
};

static void expect_lies(const char *kind, const struct image *good, const struct lie *lie,
			size_t nr)
{
	struct boot_config cfg = { .kind = kind };
	struct loaded ld;
	struct image img;
	size_t i;

	for (i = 0; i < nr; i++) {
		img = *good;
		if (lie[i].width)
			image_put(&img, lie[i].off, lie[i].val, lie[i].width);
		if (lie[i].len)
			img.len = lie[i].len;
		loaded_make(&ld, &cfg, &img, 64 * MIB);
		if (ld.ret >= 0 || !strstr(ld.err.text, lie[i].text))
			fail_msg("%s lie %zu: %d %s", kind, i, ld.ret, ld.err.text);
		loaded_free(&ld);
	}
}

#define EXPECT_LIES(kind, good, lies) \
	expect_lies(kind, good, lies, sizeof(lies) / sizeof((lies)[0]))

/* --- Linux */

#define BP_RSDP	    0x070
#define BP_E820_NR  0x1e8
#define BP_HDR	    0x1f1
#define BP_LOADER   0x210
#define BP_INITRD   0x218
#define BP_CMDLINE  0x228
#define BP_E820	    0x2d0
#define BP_SENTINEL 0x1ef

static void test_linux(void **state)
{
	struct boot_config cfg = { .kind = "auto", .cmdline = "console=ttyS0 quiet" };
	struct image img;
	struct loaded ld;
	uint64_t bp;

	(void)state;
	image_linux(&img);
	loaded_make(&ld, &cfg, &img, 5 * GIB);
	assert_int_equal(ld.ret, 0);
	assert_string_equal(ld.ctx.loader, "linux");
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_LONG64);
	assert_int_equal(ld.st.rip, LINUX_PREF + 0x200);
	assert_int_equal(loaded_get(&ld, LINUX_PREF, 8), 0x9090909090909090);
	bp = ld.st.gpr[X86_RSI];
	assert_int_equal(loaded_get(&ld, bp + BP_HDR + 0x11, 4), 0x53726448);
	assert_int_equal(loaded_get(&ld, bp + BP_LOADER, 1), 0xff);
	assert_int_equal(loaded_get(&ld, bp + BP_SENTINEL, 1), 0);
	assert_int_equal(loaded_get(&ld, bp + BP_INITRD, 8), 0);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, bp + BP_CMDLINE, 4)), cfg.cmdline);
	assert_memory_equal(loaded_str(&ld, loaded_get(&ld, bp + BP_RSDP, 8)), "RSD PTR ", 8);
	assert_int_equal(loaded_get(&ld, bp + BP_E820_NR, 1), 6);
	assert_int_equal(loaded_get(&ld, bp + BP_E820 + 5 * 20, 8), 4 * GIB);
	assert_int_equal(loaded_get(&ld, bp + BP_E820 + 5 * 20 + 8, 8), 2 * GIB);
	assert_int_equal(loaded_get(&ld, bp + BP_E820 + 5 * 20 + 16, 4), 1);
	loaded_free(&ld);
}

static void test_linux_initrd(void **state)
{
	struct boot_config cfg = { .kind = "linux", .nr_initrd = 2 };
	struct image img, rd = { .len = 5 };
	char path[32];
	struct loaded ld;
	uint64_t bp, at;
	int fd;

	(void)state;
	memcpy(rd.data, "cpio!", 5);
	fd = image_path(&rd, path);
	cfg.initrd[0] = cfg.initrd[1] = path;
	image_linux(&img);
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, 0);
	bp = ld.st.gpr[X86_RSI];
	at = loaded_get(&ld, bp + BP_INITRD, 4);
	assert_int_equal(at, 64 * MIB - 4096);
	assert_int_equal(loaded_get(&ld, bp + BP_INITRD + 4, 4), 16);
	assert_memory_equal(loaded_str(&ld, at), "cpio!\0\0\0cpio!\0\0\0", 16);
	loaded_free(&ld);
	/* the kernel's own limit */
	image_put(&img, 0x22c, 40 * MIB - 1, 4);
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(loaded_get(&ld, ld.st.gpr[X86_RSI] + BP_INITRD, 4), 40 * MIB - 4096);
	loaded_free(&ld);
	image_put(&img, 0x22c, 0, 4);
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, -ENOMEM);
	assert_non_null(strstr(ld.err.text, "no room for the initrd"));
	loaded_free(&ld);
	cfg.initrd[1] = "/nonexistent";
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, -ENOENT);
	assert_non_null(strstr(ld.err.text, "--initrd: /nonexistent: No such file"));
	loaded_free(&ld);
	close(fd);
}

static void test_linux_32bit(void **state)
{
	struct boot_config cfg = { .kind = "linux" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_linux(&img);
	image_put(&img, 0x236, 0, 2);
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_PROT32);
	assert_int_equal(ld.st.rip, LINUX_PREF);
	assert_int_equal(ld.st.seg[X86_CS].sel, 0x10);
	assert_int_equal(ld.st.seg[X86_DS].sel, 0x18);
	loaded_free(&ld);
}

static void test_linux_lies(void **state)
{
	static const struct lie lies[] = {
		{ 0x202, 4, 0, 0, "not a Linux bzImage" },
		{ 0, 0, 0, 0x210, "not a Linux bzImage" },
		{ 0x206, 2, 0x205, 0, "boot protocol 2.05" },
		{ 0x211, 1, 0, 0, "zImage" },
		{ 0x1f4, 4, 0, 0, "truncated" },
		{ 0x1f4, 4, 0x101, 0, "truncated" },
		{ 0x1f4, 4, UINT32_MAX, 0, "truncated" },
		{ 0x1f1, 1, 255, 0, "truncated" },
		{ 0x1f4, 4, 0x20, 0x600, "truncated: the 64-bit entry" },
		{ 0, 0, 0, 0x800, "truncated" },
		{ 0x258, 8, 0x8000, 0, "wants to be loaded at 0x8000" },
		{ 0x258, 8, UINT64_MAX, 0, "wants to be loaded at" },
		{ 0x260, 4, 0x7fffffff, 0, "use --mem 2064M" },
		{ 0x260, 4, UINT32_MAX, 0, "is not in the guest's RAM" },
	};
	struct boot_config cfg = { .kind = "linux", .cmdline = "four" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_linux(&img);
	EXPECT_LIES("linux", &img, lies);
	image_put(&img, 0x238, 3, 4);
	loaded_make(&ld, &cfg, &img, 64 * MIB);
	assert_int_equal(ld.ret, -E2BIG);
	loaded_free(&ld);
}

static void test_linux_small_ram(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_linux(&img);
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, -EFAULT);
	assert_non_null(strstr(ld.err.text, "the guest has 16M: use --mem 20M"));
	loaded_free(&ld);
	loaded_make(&ld, &cfg, &img, 20 * MIB);
	assert_int_equal(ld.ret, 0);
	loaded_free(&ld);
}

/* --- ELF */

static void test_elf64(void **state)
{
	struct boot_config cfg = { .kind = "auto", .cmdline = "hello" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_elf64(&img, 0);
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_string_equal(ld.ctx.loader, "elf");
	assert_string_equal(ld.ctx.symbols, ld.path);
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_LONG64);
	assert_int_equal(ld.st.rip, ELF64_VADDR + 0x10);
	assert_int_equal(loaded_get(&ld, ELF_PADDR, 1), 0x90);
	assert_int_equal(loaded_get(&ld, ELF_DATA_PA, 1), 0xdd);
	assert_int_equal(loaded_get(&ld, ELF_DATA_PA + ELF_DATA_LEN, 8), 0);
	assert_string_equal(loaded_str(&ld, ld.st.gpr[X86_RDI]), "hello");
	assert_int_equal(ld.st.gpr[X86_RSI], ld.ctx.rsdp);
	assert_int_equal(ld.st.gpr[X86_RDX], 16 * MIB);
	assert_int_equal(ld.st.gpr[X86_RSP] % 16, 8);
	loaded_free(&ld);
}

static void test_elf32(void **state)
{
	struct boot_config cfg = { .kind = "auto", .cmdline = "hello" };
	struct image img;
	struct loaded ld;
	uint64_t esp;

	(void)state;
	image_elf32(&img);
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_PROT32);
	assert_int_equal(ld.st.rip, ELF_PADDR + 0x10);
	esp = ld.st.gpr[X86_RSP];
	assert_int_equal((esp + 4) % 16, 0);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, esp + 4, 4)), "hello");
	assert_int_equal(loaded_get(&ld, esp + 8, 4), ld.ctx.rsdp);
	assert_int_equal(loaded_get(&ld, esp + 12, 4), 16 * MIB);
	loaded_free(&ld);
}

static void test_elf_lies(void **state)
{
	static const struct lie lies[] = {
		{ 4, 1, 3, 0, "little-endian" },
		{ 5, 1, 2, 0, "little-endian" },
		{ 16, 2, 1, 0, "object file" },
		{ 16, 2, 4, 0, "not an executable" },
		{ 18, 2, 183, 0, "machine 183" },
		{ 0, 0, 0, 40, "truncated: the ELF header" },
		{ 56, 2, 0, 0, "without program headers" },
		{ 54, 2, 55, 0, "55 bytes" },
		{ 32, 8, 0x10000, 0, "program headers are cut off" },
		{ 32, 8, UINT64_MAX - 8, 0, "program headers are cut off" },
		{ ELF64_PHDR(0) + 8, 8, 0x3000, 0, "truncated: segment 0" },
		{ ELF64_PHDR(0) + 8, 8, UINT64_MAX, 0, "truncated: segment 0" },
		{ ELF64_PHDR(1) + 32, 8, UINT64_MAX, 0, "truncated: segment 1" },
		{ ELF64_PHDR(0) + 40, 8, 1, 0, "more bytes in the file" },
		{ ELF64_PHDR(1) + 40, 8, UINT64_MAX, 0, "too large" },
		{ ELF64_PHDR(1) + 40, 8, 1 << 30, 0, "use --mem" },
		{ ELF64_PHDR(0) + 24, 8, 0xa0000 - 8, 0, "not in the guest's RAM" },
		{ ELF64_PHDR(0) + 24, 8, ELF_DATA_PA + 0x2000, 0, "overlaps" },
		{ ELF64_PHDR(1) + 16, 8, 0x900000000000, 0, "not canonical" },
		{ ELF64_PHDR(0), 4, 3, 0, "dynamically linked" },
		{ 24, 8, 0x1000, 0, "entry 0x1000 is outside" },
		{ 24, 8, ELF64_VADDR + ELF_TEXT_LEN, 0, "is outside" },
	};
	struct image img;

	(void)state;
	image_elf64(&img, 0);
	EXPECT_LIES("elf", &img, lies);
	image_put(&img, ELF64_PHDR(0), 0, 4);
	image_put(&img, ELF64_PHDR(1), 0, 4);
	EXPECT_LIES("auto", &img, ((const struct lie[]){ { 0, 0, 0, 0, "nothing to load" } }));
	image_elf32(&img);
	EXPECT_LIES("elf", &img,
		    ((const struct lie[]){
			    { 28, 4, UINT32_MAX, 0, "headers are cut off" },
			    { ELF32_PHDR(0) + 4, 4, UINT32_MAX, 0, "segment 0" },
			    { ELF32_PHDR(1) + 20, 4, UINT32_MAX, 0, "not in" },
			    { 0, 0, 0, 51, "ELF header is cut off" },
		    }));
}

static void test_elf_small_ram(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_elf64(&img, 0);
	loaded_make(&ld, &cfg, &img, MIB);
	assert_int_equal(ld.ret, -EFAULT);
	assert_non_null(strstr(ld.err.text, "the guest has 1M: use --mem 3M"));
	loaded_free(&ld);
}

static void test_many_segments(void **state)
{
	struct boot_config cfg = { .kind = "elf" };
	struct image img;
	struct loaded ld;
	unsigned int i;

	(void)state;
	image_elf64(&img, 0);
	image_put(&img, 56, 70, 2);
	for (i = 2; i < 70; i++) {
		memcpy(img.data + ELF64_PHDR(i), img.data + ELF64_PHDR(0), 56);
		image_put(&img, ELF64_PHDR(i) + 24, ELF_PADDR + i * 0x4000, 8);
	}
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, -ENOEXEC);
	assert_non_null(strstr(ld.err.text, "more than 64"));
	loaded_free(&ld);
}

/* --- PVH */

static void test_pvh(void **state)
{
	struct boot_config cfg = { .kind = "auto", .cmdline = "root=none", .nr_initrd = 1 };
	struct image img, rd = { .len = 3, .data = "abc" };
	struct loaded ld;
	uint64_t info, mods;
	char path[32];
	int fd = image_path(&rd, path);

	(void)state;
	cfg.initrd[0] = path;
	image_elf64(&img, ELF_PADDR + 8);
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_string_equal(ld.ctx.loader, "pvh");
	assert_int_equal(x86_state_mode(&ld.st), X86_MODE_PROT32);
	assert_int_equal(ld.st.rip, ELF_PADDR + 8);
	info = ld.st.gpr[X86_RBX];
	assert_int_equal(loaded_get(&ld, info, 4), 0x336ec578);
	assert_int_equal(loaded_get(&ld, info + 4, 4), 1);
	assert_int_equal(loaded_get(&ld, info + 12, 4), 1);
	mods = loaded_get(&ld, info + 16, 8);
	assert_memory_equal(loaded_str(&ld, loaded_get(&ld, mods, 8)), "abc", 3);
	assert_int_equal(loaded_get(&ld, mods + 8, 8), 3);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, info + 24, 8)), "root=none");
	assert_int_equal(loaded_get(&ld, info + 32, 8), ld.ctx.rsdp);
	assert_int_equal(loaded_get(&ld, info + 48, 4), 5);
	assert_int_equal(loaded_get(&ld, loaded_get(&ld, info + 40, 8) + 3 * 24 + 8, 8), 15 * MIB);
	loaded_free(&ld);
	close(fd);
}

static void test_pvh_lies(void **state)
{
	static const struct lie lies[] = {
		{ 0x824, 4, 0x1000, 0, "entry 0x1000 is outside" },
		{ 0x804, 4, UINT32_MAX, 0, "no PVH entry note" },
		{ 0x800, 4, UINT32_MAX, 0, "no PVH entry note" },
		{ 0x818, 4, 6, 0, "no PVH entry note" },
		{ 0x820, 1, 'x', 0, "no PVH entry note" },
		{ ELF64_PHDR(2) + 32, 8, 0x24, 0, "no PVH entry note" },
		{ ELF64_PHDR(2) + 32, 8, UINT64_MAX, 0, "no PVH entry note" },
		{ ELF64_PHDR(2) + 8, 8, UINT64_MAX, 0, "no PVH entry note" },
	};
	struct image img;

	(void)state;
	image_elf64(&img, ELF_PADDR + 8);
	EXPECT_LIES("pvh", &img, lies);
}

/* --- Multiboot */

static void test_multiboot_elf(void **state)
{
	struct boot_config cfg = { .kind = "auto", .cmdline = "a b", .nr_initrd = 1 };
	struct image img, rd = { .len = 3, .data = "mod" };
	struct loaded ld;
	uint64_t mbi, mods, map;
	char path[32];
	int fd = image_path(&rd, path);

	(void)state;
	cfg.initrd[0] = path;
	image_elf64(&img, 0);
	image_multiboot(&img, ELF_TEXT_OFF + 0x14, 7);
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_string_equal(ld.ctx.loader, "multiboot");
	assert_int_equal(ld.st.gpr[X86_RAX], 0x2badb002);
	assert_int_equal(ld.st.rip, ELF_PADDR + 0x10); /* virtual entry, physical start */
	mbi = ld.st.gpr[X86_RBX];
	assert_int_equal(loaded_get(&ld, mbi, 4), 0x124d | 1 << 3);
	assert_int_equal(loaded_get(&ld, mbi + 4, 4), 639);
	assert_int_equal(loaded_get(&ld, mbi + 8, 4), 15 * 1024);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, mbi + 16, 4)), "a b");
	assert_int_equal(loaded_get(&ld, mbi + 20, 4), 1);
	mods = loaded_get(&ld, mbi + 24, 4);
	assert_int_equal(loaded_get(&ld, mods, 4), 0x205000); /* the page behind the bss */
	assert_int_equal(loaded_get(&ld, mods + 4, 4), 0x205003);
	assert_memory_equal(loaded_str(&ld, 0x205000), "mod", 3);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, mods + 8, 4)), path);
	map = loaded_get(&ld, mbi + 48, 4);
	assert_int_equal(loaded_get(&ld, mbi + 44, 4), 5 * 24);
	assert_int_equal(loaded_get(&ld, map, 4), 20);
	assert_int_equal(loaded_get(&ld, map + 12, 8), BOOT_EBDA);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, mbi + 64, 4)), "vitrine");
	assert_int_equal(loaded_get(&ld, mbi + 88, 8), 0xb8000);
	assert_int_equal(loaded_get(&ld, mbi + 109, 1), 2);
	loaded_free(&ld);
	close(fd);
}

static void test_multiboot_symbols(void **state)
{
	struct boot_config cfg = { .kind = "multiboot" };
	struct image img;
	struct loaded ld;
	uint64_t mbi, headers;

	(void)state;
	image_elf64(&img, 0);
	image_multiboot(&img, ELF_TEXT_OFF + 0x14, 0);
	image_put(&img, 40, 0x3000, 8); /* two section headers: none, and a string table */
	image_put(&img, 58, 64, 2);
	image_put(&img, 60, 2, 2);
	image_put(&img, 62, 1, 2);
	image_put(&img, 0x3044, 3, 4);
	image_put(&img, 0x3058, 0x3080, 8);
	image_put(&img, 0x3060, 9, 8);
	memcpy(img.data + 0x3080, "\0.strtab", 9);
	img.len = 0x3089;
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	mbi = ld.st.gpr[X86_RBX];
	assert_true(loaded_get(&ld, mbi, 4) & 1 << 5);
	assert_int_equal(loaded_get(&ld, mbi + 28, 4), 2);
	assert_int_equal(loaded_get(&ld, mbi + 32, 4), 64);
	assert_int_equal(loaded_get(&ld, mbi + 40, 4), 1);
	headers = loaded_get(&ld, mbi + 36, 4);
	assert_int_equal(loaded_get(&ld, headers + 64 + 4, 4), 3);
	assert_string_equal(loaded_str(&ld, loaded_get(&ld, headers + 64 + 16, 8) + 1), ".strtab");
	loaded_free(&ld);
	/* cut off: the kernel boots without */
	img.len = 0x3088;
	loaded_make(&ld, &cfg, &img, 16 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_false(loaded_get(&ld, ld.st.gpr[X86_RBX], 4) & 1 << 5);
	loaded_free(&ld);
}

/* A flat file: header at 0x20, loaded so that file offset 0 is at 1 MiB. */
static void image_kludge(struct image *img)
{
	memset(img, 0, sizeof(*img));
	memset(img->data, 0x90, 0x200);
	image_multiboot(img, 0x20, 1 << 16);
	image_put(img, 0x2c, MIB + 0x20, 4);  /* header_addr */
	image_put(img, 0x30, MIB, 4);	      /* load_addr */
	image_put(img, 0x34, MIB + 0x100, 4); /* load_end_addr */
	image_put(img, 0x38, MIB + 0x800, 4); /* bss_end_addr */
	image_put(img, 0x3c, MIB + 0x40, 4);  /* entry_addr */
	img->len = 0x200;
}

static void test_multiboot_kludge(void **state)
{
	struct boot_config cfg = { .kind = "auto" };
	struct image img;
	struct loaded ld;

	(void)state;
	image_kludge(&img);
	loaded_make(&ld, &cfg, &img, 4 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(ld.st.rip, MIB + 0x40);
	assert_int_equal(loaded_get(&ld, MIB + 0xff, 1), 0x90);
	assert_int_equal(loaded_get(&ld, MIB + 0x100, 1), 0);
	loaded_free(&ld);
	/* 0 for the ends: the whole file, no bss */
	image_put(&img, 0x34, 0, 8);
	loaded_make(&ld, &cfg, &img, 4 * MIB);
	assert_int_equal(ld.ret, 0);
	assert_int_equal(loaded_get(&ld, MIB + 0x1ff, 2), 0x90);
	loaded_free(&ld);
}

static void test_multiboot_lies(void **state)
{
	static const struct lie kludge[] = {
		{ 0x24, 4, 0, 0, "no Multiboot header" },
		{ 0, 0, 0, 0x3c, "no Multiboot header" },
		{ 0x30, 4, MIB + 0x21, 0, "load_addr" },
		{ 0x30, 4, MIB - 1, 0, "load_addr" },
		{ 0x34, 4, MIB - 1, 0, "load_end_addr" },
		{ 0x34, 4, MIB + 0x201, 0, "load_end_addr" },
		{ 0x38, 4, MIB + 0xff, 0, "bss_end_addr" },
		{ 0x38, 4, UINT32_MAX, 0, "not in the guest's RAM" },
		{ 0x38, 4, 0x8000000, 0, "use --mem 128M" },
		{ 0x3c, 4, MIB + 0x800, 0, "is outside" },
	};
	struct image img;

	(void)state;
	image_kludge(&img);
	EXPECT_LIES("multiboot", &img, kludge);
	image_multiboot(&img, 0x20, 1 << 3 | 1 << 16);
	EXPECT_LIES("auto", &img, ((const struct lie[]){ { 0, 0, 0, 0, "unknown features 0x8" } }));
	image_multiboot(&img, 0x20, 0);
	EXPECT_LIES("auto", &img, ((const struct lie[]){ { 0, 0, 0, 0, "not an ELF file" } }));
}

/* The header may be the last 12 bytes of the 8 KiB, but not one step further. */
static void test_multiboot_search(void **state)
{
	struct image img;

	(void)state;
	memset(&img, 0, sizeof(img));
	image_multiboot(&img, 8192 - 4, 0);
	assert_true(
		boot_multiboot_ops.probe(&(struct boot_file){ .data = img.data, .len = img.len }));
	memset(&img, 0, sizeof(img));
	image_multiboot(&img, 8192, 0);
	assert_false(
		boot_multiboot_ops.probe(&(struct boot_file){ .data = img.data, .len = img.len }));
	memset(&img, 0, sizeof(img));
	image_multiboot(&img, 0x22, 0);
	assert_false(
		boot_multiboot_ops.probe(&(struct boot_file){ .data = img.data, .len = img.len }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_linux_initrd),
		cmocka_unit_test(test_linux_32bit),
		cmocka_unit_test(test_linux_lies),
		cmocka_unit_test(test_linux_small_ram),
		cmocka_unit_test(test_elf64),
		cmocka_unit_test(test_elf32),
		cmocka_unit_test(test_elf_lies),
		cmocka_unit_test(test_elf_small_ram),
		cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_pvh),
		cmocka_unit_test(test_pvh_lies),
		cmocka_unit_test(test_multiboot_elf),
		cmocka_unit_test(test_multiboot_symbols),
		cmocka_unit_test(test_multiboot_kludge),
		cmocka_unit_test(test_multiboot_lies),
		cmocka_unit_test(test_multiboot_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
