/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several sources of symbols, each where it lies: offsets, KASLR, the guest's own table. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "inspect/kallsyms.h"
#include "inspect/sym.h"
#include "kallsyms-image.h"
#include "view-fixture.h"

#define SLIDE 0x12600000ull

static const char test_linux[] = "0000000000014000 A pcpu_hot\n"
				 "ffffffff81000000 T _text\n"
				 "ffffffff81001000 T start_kernel\n"
				 "ffffffff81002000 T entry_SYSCALL_64\n"
				 "ffffffffc0001000 t virtio_init\t[virtio]\n";
static const char test_boot[] = "0000000000007c00 t boot\n0000000000007d00 t boot_more\n";

static int test_file(const char *text, char *path)
{
	int fd;

	strcpy(path, "/tmp/test-sym-set.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return fd;
}

static void test_spec(void **state)
{
	char path[64], back[128], want[128], spec[SYM_SPEC_MAX] = "";
	struct err err = ERR_INIT;
	const char *at = spec;
	int64_t offset;

	(void)state;
	test_file(test_boot, path);
	assert_int_equal(sym_spec_add(spec, "guest", &err), 0);
	snprintf(want, sizeof(want), "%s@-0x7c00", path);
	assert_int_equal(sym_spec_add(spec, want, &err), 0);
	assert_int_equal(sym_spec_add(spec, "/nonexistent", &err), -ENOENT);
	snprintf(want, sizeof(want), "%s@nothing", path);
	assert_int_equal(sym_spec_add(spec, want, &err), -ENOENT);
	assert_true(sym_spec_next(&at, back, sizeof(back), &offset));
	assert_string_equal(back, "guest");
	assert_true(sym_spec_next(&at, back, sizeof(back), &offset));
	assert_string_equal(back, path);
	assert_true(offset == -0x7c00);
	assert_false(sym_spec_next(&at, back, sizeof(back), &offset));
	while (!sym_spec_add(spec, path, &err))
		;
	assert_int_equal(err.code, ENOSPC);
	unlink(path);
}

static struct sym_table *test_open(const char *text, const char *suffix)
{
	char path[64], spec[SYM_SPEC_MAX];
	struct err err = ERR_INIT;
	struct sym_table *tab;

	test_file(text, path);
	snprintf(spec, sizeof(spec), "%s%s", path, suffix);
	assert_int_equal(sym_open(spec, &tab, &err), 0);
	unlink(path);
	return tab;
}

static void test_offset(void **state)
{
	struct sym_table *tab = test_open(test_boot, "@0x100000");
	struct sym_source_info info;
	char buf[64];
	uint64_t addr;

	(void)state;
	assert_string_equal(sym_text(tab, 0x107c10, buf, sizeof(buf)), "boot+0x10");
	assert_string_equal(sym_text(tab, 0x7c10, buf, sizeof(buf)), "");
	assert_true(sym_lookup(tab, "boot_more", &addr));
	assert_true(addr == 0x107d00);
	assert_true(sym_source_get(tab, 0, &info));
	assert_true(info.bias == 0x100000 && info.nr == 2 && !info.elf && !info.linux_text);
	assert_false(sym_source_get(tab, 1, &info));
	sym_close(tab);
}

static void test_refused(void **state)
{
	static const char elsewhere[] =
		"ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg "
		"package\n";
	static const char *const text[] = {
		elsewhere,
		"0000000000000000 T _text\n0000000000000000 T start_kernel\n",
		"nothing of the kind\n",
	};
	struct err err = ERR_INIT;
	struct sym_table *tab;
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		test_file(text[i], path);
		assert_int_equal(sym_open(path, &tab, &err), -ENOEXEC);
		assert_null(tab);
		unlink(path);
	}
}

static void test_slide(void **state)
{
	struct sym_table *tab = test_open(test_linux, "");
	struct view_fixture *fx = view_fixture_new();
	struct x86_state *st = &fx->view.vcpu[0].state;
	uint64_t addr, slide;
	char buf[64];

	(void)state;
	st->msr[X86_MSR_LSTAR] = 0;
	sym_follow(tab, &fx->view); /* the fixture's IDT is not Linux's */
	assert_false(sym_slide(tab, &slide));
	assert_true(sym_lookup(tab, "virtio_init", &addr));
	st->msr[X86_MSR_LSTAR] = 0xffffffff81002000 + SLIDE + 0x10; /* not a place it can be */
	sym_follow(tab, &fx->view);
	assert_false(sym_slide(tab, &slide));
	st->msr[X86_MSR_LSTAR] = 0xffffffff81002000 + SLIDE;
	sym_follow(tab, &fx->view);
	assert_true(sym_slide(tab, &slide));
	assert_true(slide == SLIDE);
	assert_string_equal(sym_text(tab, 0xffffffff81001008 + SLIDE, buf, sizeof(buf)),
			    "start_kernel+0x8");
	assert_string_equal(sym_text(tab, 0xffffffff81001008, buf, sizeof(buf)), "");
	assert_true(sym_lookup(tab, "start_kernel", &addr));
	assert_true(addr == 0xffffffff81001000 + SLIDE);
	assert_true(sym_lookup(tab, "pcpu_hot", &addr));
	assert_true(addr == 0x14000);
	/* where a module lay in another boot says nothing */
	assert_false(sym_lookup(tab, "virtio_init", &addr));
	assert_string_equal(sym_text(tab, 0xffffffffc0001000, buf, sizeof(buf)), "");
	view_fixture_free(fx);
	sym_close(tab);
}

static void test_write(void **state)
{
	struct sym_table *tab = test_open(test_boot, "@0x100000"), *back;
	int fd = memfd_create("test", 0);
	struct err err = ERR_INIT;
	char path[64];
	uint64_t addr;

	(void)state;
	assert_int_equal(sym_write_elf(tab, 0, fd, &err), 0);
	assert_int_equal(sym_write_elf(tab, 1, fd, &err), -ENOENT);
	sym_close(tab);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(sym_open(path, &back, &err), 0);
	assert_int_equal(sym_count(back), 2);
	assert_true(sym_lookup(back, "boot", &addr));
	assert_true(addr == 0x107c00);
	sym_close(back);
	close(fd);
}

static int test_count(void *ctx, char type, const char *name, size_t len, uint64_t addr)
{
	unsigned int *nr = ctx;
	char want[16];

	snprintf(want, sizeof(want), "f%u", *nr);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(name, want, len);
	assert_int_equal(type, *nr ? 'T' : 'A');
	assert_true(addr == (*nr ? KALLSYMS_IMAGE_BASE + *nr * 16ull : 0x40));
	++*nr;
	return 0;
}

static void test_kallsyms(void **state)
{
	uint8_t *img = malloc(KALLSYMS_IMAGE_LEN);
	unsigned int order, nr;
	size_t at;

	(void)state;
	assert_non_null(img);
	for (order = 0; order < 2; order++) {
		kallsyms_image(img, order);
		at = kallsyms_hint(img, KALLSYMS_IMAGE_LEN, 0);
		assert_true(at < KALLSYMS_IMAGE_LEN);
		nr = 0;
		assert_int_equal(kallsyms_read(img, KALLSYMS_IMAGE_LEN, at, test_count, &nr),
				 KALLSYMS_IMAGE_NR);
		assert_int_equal(nr, KALLSYMS_IMAGE_NR);
		/* cut short in every place it is not read, and nothing is read outside */
		for (; at > 64; at /= 2) {
			uint8_t *part = malloc(at + KALLSYMS_HINT);

			memcpy(part, img, at + KALLSYMS_HINT);
			assert_int_equal(
				kallsyms_read(part, at + KALLSYMS_HINT, at, test_count, &nr),
				-ENOENT);
			free(part);
		}
	}
	free(img);
}

/* The debug file beside a stripped program, found by name and checksum, then spoilt. */
static void test_debuglink(void **state)
{
	char dir[] = "/tmp/test-sym-set.XXXXXX", cmd[512], path[128];
	struct err err = ERR_INIT;
	struct sym_table *tab;
	uint64_t addr;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd),
		 "cd %s && objcopy --only-keep-debug -R .note.gnu.build-id /proc/%d/exe p.debug && "
		 "objcopy -g --strip-all -R .note.gnu.build-id --add-gnu-debuglink=p.debug "
		 "/proc/%d/exe p 2>/dev/null",
		 dir, getpid(), getpid());
	if (system(cmd)) {
		snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
		assert_int_equal(system(cmd), 0);
		skip(); /* no objcopy */
	}
	snprintf(path, sizeof(path), "%s/p", dir);
	assert_int_equal(sym_open(path, &tab, &err), 0);
	assert_true(sym_lookup(tab, "sym_follow", &addr));
	sym_close(tab);
	snprintf(cmd, sizeof(cmd), "echo more >>%s.debug", path);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(sym_open(path, &tab, &err), 0);
	assert_false(sym_lookup(tab, "sym_follow", &addr));
	sym_close(tab);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec),	  cmocka_unit_test(test_offset),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_slide),
		cmocka_unit_test(test_write),	  cmocka_unit_test(test_kallsyms),
		cmocka_unit_test(test_debuglink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
