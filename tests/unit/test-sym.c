/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols, disassembly and backtraces: of this very program, of the fixture, of damaged files. */
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "inspect/disasm.h"
#include "inspect/sym.h"
#include "inspect/unwind.h"
#include "view-fixture.h"

int test_sym_marker(int val); /* looked up in our own symbol table */
int test_sym_marker(int val)
{
	return val + 1;
}

static void test_map(void **state)
{
	struct sym_table *tab = view_fixture_symbols();
	uint64_t addr, off;
	char buf[64];

	(void)state;
	assert_non_null(tab);
	assert_int_equal(sym_count(tab), 12);
	assert_string_equal(sym_find(tab, FIXTURE_RIP, &off), "timer_init");
	assert_int_equal(off, 8);
	assert_string_equal(sym_text(tab, FIXTURE_RIP, buf, sizeof(buf)), "timer_init+0x8");
	assert_string_equal(sym_text(tab, 0xffffffff80100280, buf, sizeof(buf)), "kmain");
	assert_string_equal(sym_text(tab, 0x1000, buf, sizeof(buf)), "");
	/* the last symbol does not reach for ever */
	assert_null(sym_find(tab, 0xffffffff80405000, &off));
	assert_true(sym_lookup(tab, "irq_install", &addr));
	assert_true(addr == 0xffffffff80101c40);
	assert_false(sym_lookup(tab, "irq", &addr));
	assert_null(sym_section(tab, FIXTURE_RIP));
	sym_close(tab);
}

static bool test_collect(void *ctx, const char *name, uint64_t addr)
{
	char *out = ctx;

	(void)addr;
	strcat(out, name);
	strcat(out, " ");
	return strlen(out) < 24;
}

static void test_each(void **state)
{
	struct sym_table *tab = view_fixture_symbols();
	char out[128] = "";

	(void)state;
	sym_each(tab, "t", test_collect, out);
	assert_string_equal(out, "timer_init timer_isr tss ");
	out[0] = '\0';
	sym_each(tab, "", test_collect, out); /* stopped by the callback */
	assert_string_equal(out, "__stack_guard _end _start64 ");
	sym_each(tab, "zz", test_collect, NULL);
	sym_close(tab);
}

static void test_elf(void **state)
{
	struct sym_table *tab;
	struct err err = ERR_INIT;
	uint64_t addr, off = 1;
	const char *file;
	char buf[64];
	int line;

	(void)state;
	assert_int_equal(sym_open("/proc/self/exe", &tab, &err), 0);
	assert_true(sym_lookup(tab, "test_sym_marker", &addr));
	assert_string_equal(sym_find(tab, addr, &off), "test_sym_marker");
	assert_int_equal(off, 0);
	assert_string_equal(sym_text(tab, addr + 1, buf, sizeof(buf)), "test_sym_marker+0x1");
	assert_string_equal(sym_section(tab, addr), ".text");
	assert_int_equal(sym_word(tab), sizeof(long));
	if (sym_line(tab, addr, &file, &line)) {
		assert_non_null(strstr(file, "test-sym.c"));
		/* a second time, from the cache */
		assert_true(sym_line(tab, addr, &file, &line));
		if (!access(file, R_OK)) {
			const char *text = sym_source(tab, file, line);

			/* which of its lines is up to the compiler */
			assert_non_null(text);
			assert_true(*text == '{' || strstr(text, "marker") ||
				    strstr(text, "return val"));
			assert_null(sym_source(tab, file, 1000000));
			assert_null(sym_source(tab, file, 0));
		}
	}
	assert_null(sym_source(tab, "/dev/zero", 1));
	assert_null(sym_source(tab, "/nonexistent/file.c", 1));
	sym_close(tab);
}

static void test_null(void **state)
{
	struct sym_frame frame;
	uint64_t val;
	const char *file;
	char buf[8];
	int line;

	(void)state;
	assert_null(sym_find(NULL, 0, &val));
	assert_false(sym_lookup(NULL, "x", &val));
	assert_string_equal(sym_text(NULL, 0, buf, sizeof(buf)), "");
	assert_false(sym_line(NULL, 0, &file, &line));
	assert_null(sym_section(NULL, 0));
	assert_null(sym_source(NULL, "x", 1));
	assert_false(sym_frame_at(NULL, 0, &frame));
	sym_each(NULL, "", test_collect, NULL);
	sym_close(NULL);
}

static int test_open_bytes(const void *data, size_t len)
{
	int fd = memfd_create("sym", MFD_CLOEXEC), ret;
	struct sym_table *tab = NULL;
	struct err err = ERR_INIT;
	const char *file;
	char path[64];
	int line;

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = sym_open(path, &tab, &err);
	assert_int_equal(!ret, tab != NULL);
	assert_int_equal(!ret, !err.code);
	if (tab)
		sym_line(tab, 0x1000, &file, &line);
	sym_close(tab);
	close(fd);
	return ret;
}

static void test_bad_files(void **state)
{
	struct sym_table *tab;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sym_open("/nonexistent", &tab, &err), -ENOENT);
	assert_int_equal(sym_open("/dev/zero", &tab, &err), -ENOEXEC);
	assert_int_equal(sym_open("/", &tab, &err), -ENOEXEC);
	assert_int_equal(test_open_bytes("\177ELF", 4), -ENOEXEC);
	assert_int_equal(test_open_bytes("no map at all\n", 14), -ENOEXEC);
	assert_int_equal(test_open_bytes("", 0), 0);
	assert_int_equal(test_open_bytes("1000 T a\ngarbage\n2000 T b", 25), 0);
}

/* Our own ELF file with single bytes of its headers turned: an error or a table, no crash. */
static void test_damaged_elf(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat sb;
	uint8_t *data;
	size_t i;

	(void)state;
	assert_int_equal(fstat(fd, &sb), 0);
	data = malloc((size_t)sb.st_size);
	assert_int_equal(pread(fd, data, (size_t)sb.st_size, 0), sb.st_size);
	close(fd);
	for (i = 4; i < 64; i++) {
		data[i] ^= 0xff;
		test_open_bytes(data, (size_t)sb.st_size);
		data[i] ^= 0xff;
	}
	for (i = 1; i < 8; i++)
		test_open_bytes(data, (size_t)sb.st_size * i / 8);
	free(data);
}

#ifdef HAVE_ZYDIS

static void test_disasm(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	struct disasm_insn insn[16];

	(void)state;
	assert_int_equal(disasm_at(&fx->view, 0, FIXTURE_RIP - 8, tab, insn, 12), 12);
	assert_string_equal(insn[0].text, "push   rbp");
	assert_string_equal(insn[1].text, "mov    rbp,rsp");
	assert_string_equal(insn[3].text, "out    0x43,al");
	assert_string_equal(insn[3].comment, "PIT command");
	assert_true(insn[4].addr == FIXTURE_RIP);
	assert_string_equal(insn[4].text, "mov    eax,0x4a9");
	assert_int_equal(insn[4].len, 5);
	assert_string_equal(insn[8].text, "lea    rdi,[timer_isr]");
	assert_string_equal(insn[10].text, "call   irq_install");
	assert_true(insn[10].is_call);
	assert_string_equal(insn[11].text, "pop    rbp");
	assert_int_equal(disasm_at(&fx->view, 0, 0x1000, tab, insn, 4), 0);
	sym_close(tab);
	view_fixture_free(fx);
}

static void test_disasm_live(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct disasm_insn insn;

	(void)state;
	view_fixture_put(fx, 0x101a18, "\xee\x0f\x32\xf4", 4); /* out dx,al; rdmsr; hlt */
	fx->view.vcpu[0].state.gpr[X86_RDX] = 0x3f8;
	assert_int_equal(disasm_at(&fx->view, 0, FIXTURE_RIP, NULL, &insn, 1), 1);
	assert_string_equal(insn.comment, "COM1");
	fx->view.vcpu[0].state.rip++;
	fx->view.vcpu[0].state.gpr[X86_RCX] = 0xc0000080;
	assert_int_equal(disasm_at(&fx->view, 0, FIXTURE_RIP + 1, NULL, &insn, 1), 1);
	assert_string_equal(insn.comment, "MSR EFER");
	fx->view.vcpu[0].state.rip += 2;
	fx->view.vcpu[0].state.rflags = 2;
	assert_int_equal(disasm_at(&fx->view, 0, FIXTURE_RIP + 3, NULL, &insn, 1), 1);
	assert_non_null(strstr(insn.comment, "IF is clear"));
	view_fixture_free(fx);
}

static void test_disasm_modes(void **state)
{
	struct disasm_insn insn;

	(void)state;
	assert_true(disasm_one((const uint8_t *)"\xb8\x34\x12\x00\x00", 5, 0, 16, NULL, &insn));
	assert_int_equal(insn.len, 3);
	assert_true(disasm_one((const uint8_t *)"\xb8\x34\x12\x00\x00", 5, 0, 32, NULL, &insn));
	assert_int_equal(insn.len, 5);
	assert_true(disasm_one((const uint8_t *)"\x48\xcf", 2, 0, 64, NULL, &insn));
	assert_true(insn.is_ret);
	assert_true(disasm_one((const uint8_t *)"\x48\xcf", 2, 0, 32, NULL, &insn));
	assert_int_equal(insn.len, 1); /* dec eax */
	assert_true(disasm_one((const uint8_t *)"\xcd\x0e", 2, 0, 32, NULL, &insn));
	assert_string_equal(insn.comment, "vector 14 #PF");
	assert_false(disasm_one((const uint8_t *)"\x06", 1, 0, 64, NULL, &insn));
	assert_string_equal(insn.text, "(bad)  0x06");
	assert_false(disasm_one((const uint8_t *)"\xe8\x00", 2, 0, 64, NULL, &insn));
	assert_false(disasm_one(NULL, 0, 0, 64, NULL, &insn));
}

static void test_disasm_back(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	unsigned int i;

	(void)state;
	/* with the symbol, and without: push, mov, mov al, out precede rip */
	assert_true(disasm_back(&fx->view, 0, FIXTURE_RIP, tab, 2) == FIXTURE_RIP - 4);
	assert_true(disasm_back(&fx->view, 0, FIXTURE_RIP, tab, 9) == FIXTURE_RIP - 8);
	assert_true(disasm_back(&fx->view, 0, FIXTURE_RIP, NULL, 2) == FIXTURE_RIP - 4);
	assert_true(disasm_back(&fx->view, 0, 0, NULL, 2) == 0);
	for (i = 0; i < 100; i++)
		disasm_back(&fx->view, 0, FIXTURE_KERNEL + i, NULL, i);
	sym_close(tab);
	view_fixture_free(fx);
}

#endif

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(disasm_port_name(0x3f8), "COM1");
	assert_null(disasm_port_name(0x7777));
	assert_string_equal(disasm_vector_name(14), "#PF");
	assert_null(disasm_vector_name(32));
	assert_string_equal(disasm_msr_name(0xc0000082), "LSTAR");
	assert_null(disasm_msr_name(0x12345));
	assert_string_equal(unwind_how_name(UNWIND_CFI), "cfi");
}

static void test_unwind_fp(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	struct unwind_frame frame[8];

	(void)state;
	assert_int_equal(unwind_vcpu(&fx->view, 0, tab, frame, 8), 3);
	assert_true(frame[0].pc == FIXTURE_RIP);
	assert_int_equal(frame[0].how, UNWIND_RIP);
	assert_true(frame[1].pc == 0xffffffff80100312);
	assert_int_equal(frame[1].how, UNWIND_FP);
	assert_true(frame[2].pc == 0xffffffff8010008b);
	assert_int_equal(unwind_vcpu(&fx->view, 0, tab, frame, 2), 2);
	assert_int_equal(unwind_vcpu(&fx->view, 7, tab, frame, 8), 0);
	sym_close(tab);
	view_fixture_free(fx);
}

/* At the function's first instruction, and after its push, rbp is still the caller's. */
static void test_unwind_prologue(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	struct x86_state *st = &fx->view.vcpu[0].state;
	struct unwind_frame frame[8];

	(void)state;
	st->rip = FIXTURE_RIP - 8;
	st->gpr[X86_RSP] = 0xffffffff80204f88;
	st->gpr[X86_RBP] = 0xffffffff80204fa0;
	assert_int_equal(unwind_vcpu(&fx->view, 0, tab, frame, 8), 3);
	assert_true(frame[1].pc == 0xffffffff80100312);
	st->rip++;
	st->gpr[X86_RSP] = 0xffffffff80204f80;
	assert_int_equal(unwind_vcpu(&fx->view, 0, tab, frame, 8), 3);
	assert_true(frame[1].pc == 0xffffffff80100312);
	assert_true(frame[2].pc == 0xffffffff8010008b);
	sym_close(tab);
	view_fixture_free(fx);
}

static void test_unwind_guess(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct unwind_frame frame[8];

	(void)state;
	fx->view.vcpu[0].state.gpr[X86_RBP] = 0x1234;
	assert_true(unwind_vcpu(&fx->view, 0, NULL, frame, 8) >= 3);
	assert_true(frame[1].pc == 0xffffffff80100312);
	assert_int_equal(frame[1].how, UNWIND_GUESS);
	view_fixture_free(fx);
}

/* timer_isr interrupted timer_init: its frame lies on the stack below timer_init's own. */
static void test_unwind_interrupt(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	struct x86_state *st = &fx->view.vcpu[0].state;
	const uint64_t intr[] = { FIXTURE_RIP, 8, 0x206, 0xffffffff80204f80, 0x10 };
	struct unwind_frame frame[8];

	(void)state;
	view_fixture_put(fx, 0x204f40, intr, sizeof(intr));
	st->rip = 0xffffffff80101b05;
	st->gpr[X86_RSP] = 0xffffffff80204f20; /* after some saved registers */
	assert_int_equal(unwind_vcpu(&fx->view, 0, tab, frame, 8), 4);
	assert_true(frame[1].pc == FIXTURE_RIP);
	assert_true(frame[1].sp == 0xffffffff80204f80);
	assert_true(frame[2].pc == 0xffffffff80100312);
	sym_close(tab);
	view_fixture_free(fx);
}

/* A frame chain that bites its own tail must end. */
static void test_unwind_cycle(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct unwind_frame frame[64];

	(void)state;
	view_fixture_poke(fx, 0x204fa0, 0xffffffff80204f80, 8);
	assert_true(unwind_vcpu(&fx->view, 0, NULL, frame, 64) < 8);
	fx->view.vcpu[0].state.gpr[X86_RSP] = ~0ull - 7;
	fx->view.vcpu[0].state.gpr[X86_RBP] = ~0ull - 7;
	assert_int_equal(unwind_vcpu(&fx->view, 0, NULL, frame, 64), 1);
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_damaged_elf),
#ifdef HAVE_ZYDIS
		cmocka_unit_test(test_disasm),
		cmocka_unit_test(test_disasm_live),
		cmocka_unit_test(test_disasm_modes),
		cmocka_unit_test(test_disasm_back),
#endif
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unwind_fp),
		cmocka_unit_test(test_unwind_prologue),
		cmocka_unit_test(test_unwind_guess),
		cmocka_unit_test(test_unwind_interrupt),
		cmocka_unit_test(test_unwind_cycle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
