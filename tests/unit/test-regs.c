/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The register table: gdb's order, round trips, refusals; modes, bit texts, the dump. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/regs.h"
#include "inspect/sample.h"

#define TEST_REG_BYTES 64

/* Every byte different, but nothing a CPU could not hold. */
static void test_state_fill(struct x86_state *st, uint64_t cr0, uint64_t efer, uint32_t cs_attr)
{
	uint8_t *byte = (uint8_t *)st;
	size_t i;

	for (i = 0; i < sizeof(*st); i++)
		byte[i] = (uint8_t)(i * 37 + 11);
	st->rflags = 0x246;
	st->cr0 = cr0;
	st->efer = efer;
	st->seg[X86_CS].attr = cs_attr;
	st->fpu.mxcsr = 0x1f80;
}

static const struct {
	const char *mode;
	uint64_t cr0, efer;
	uint32_t cs_attr;
	unsigned int bits;
} test_mode[] = {
	{ "real", 0, 0, 0x9b, 16 },
	{ "prot16", X86_CR0_PE, 0, 0x9b, 16 },
	{ "prot32", X86_CR0_PE, 0, 0x9b | X86_SEG_DB, 32 },
	{ "compat16", X86_CR0_PE | X86_CR0_PG, X86_EFER_LMA, 0x9b, 16 },
	{ "compat32", X86_CR0_PE | X86_CR0_PG, X86_EFER_LMA, 0x9b | X86_SEG_DB, 32 },
	{ "long64", X86_CR0_PE | X86_CR0_PG, X86_EFER_LMA, 0x9b | X86_SEG_L, 64 },
};

#define TEST_NR_MODES (sizeof(test_mode) / sizeof(test_mode[0]))

/* gdb refuses a session whose core registers come in another order. */
static void test_order(void **state)
{
	static const char *const first[] = {
		"rax",	 "rbx",	  "rcx",   "rdx", "rsi",  "rdi",   "rbp",   "rsp",  "r8",
		"r9",	 "r10",	  "r11",   "r12", "r13",  "r14",   "r15",   "rip",  "eflags",
		"cs",	 "ss",	  "ds",	   "es",  "fs",	  "gs",	   "st0",   "st1",  "st2",
		"st3",	 "st4",	  "st5",   "st6", "st7",  "fctrl", "fstat", "ftag", "fiseg",
		"fioff", "foseg", "fooff", "fop", "xmm0",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		assert_string_equal(reg_table[i].name, first[i]);
	assert_int_equal(reg_find("mxcsr"), 56);
	assert_int_equal(reg_find("fs_base"), 57);
	assert_int_equal(reg_find("nonesuch"), -1);
}

static void test_names_unique(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < reg_table_len; i++) {
		assert_int_equal(reg_find(reg_table[i].name), i);
		assert_true(reg_table[i].width % 8 == 0 &&
			    reg_table[i].width / 8 <= TEST_REG_BYTES);
		assert_non_null(reg_table[i].gdb_type);
	}
}

/* What gdb does with `G`: write back all that `g` gave. Nothing may change, in any mode. */
static void test_round_trip(void **state)
{
	struct x86_state *before = malloc(sizeof(*before)), *after = malloc(sizeof(*after));
	uint8_t val[TEST_REG_BYTES];
	unsigned int i, m;

	(void)state;
	for (m = 0; m < TEST_NR_MODES; m++) {
		test_state_fill(before, test_mode[m].cr0, test_mode[m].efer, test_mode[m].cs_attr);
		memcpy(after, before, sizeof(*after));
		for (i = 0; i < reg_table_len; i++) {
			reg_table[i].read(after, reg_table[i].arg, val);
			assert_true(reg_table[i].write(after, reg_table[i].arg, val));
			assert_memory_equal(before, after, sizeof(*before));
		}
	}
	free(before);
	free(after);
}

/* Each row stays within its own width and changes what it says. */
static void test_write_read(void **state)
{
	struct x86_state *st = malloc(sizeof(*st));
	uint8_t val[TEST_REG_BYTES + 1], got[TEST_REG_BYTES + 1];
	unsigned int i, len;

	(void)state;
	test_state_fill(st, X86_CR0_PE, 0, 0x9b);
	for (i = 0; i < reg_table_len; i++) {
		const struct reg_desc *reg = &reg_table[i];

		if (!strcmp(reg->name, "eflags") || !strcmp(reg->name, "ftag") ||
		    !strcmp(reg->name, "mxcsr"))
			continue;
		len = reg->width / 8;
		memset(val, 0, sizeof(val));
		val[0] = 0x5a;
		val[1] = 0xa5;
		assert_true(reg->write(st, reg->arg, val));
		memset(got, 0xee, sizeof(got));
		reg->read(st, reg->arg, got);
		assert_memory_equal(got, val, len);
		assert_int_equal(got[len], 0xee);
	}
	free(st);
}

static void test_refused(void **state)
{
	struct x86_state *st = calloc(1, sizeof(*st));
	const struct reg_desc *cs = &reg_table[reg_find("cs")];
	const struct reg_desc *mxcsr = &reg_table[reg_find("mxcsr")];
	const struct reg_desc *fctrl = &reg_table[reg_find("fctrl")];
	const struct reg_desc *eflags = &reg_table[reg_find("eflags")];
	uint32_t val = 0x10000;

	(void)state;
	assert_false(cs->write(st, cs->arg, &val));
	assert_false(mxcsr->write(st, mxcsr->arg, &val));
	assert_false(fctrl->write(st, fctrl->arg, &val));
	val = 0xffffffff;
	assert_true(eflags->write(st, eflags->arg, &val));
	assert_int_equal(st->rflags, 0x3f7fd7);
	free(st);
}

static void test_selector(void **state)
{
	struct x86_state *st = calloc(1, sizeof(*st));
	const struct reg_desc *ds = &reg_table[reg_find("ds")];
	uint32_t val = 0xb800;

	(void)state;
	assert_true(ds->write(st, ds->arg, &val));
	assert_int_equal(st->seg[X86_DS].base, 0xb8000);
	st->cr0 = X86_CR0_PE;
	val = 0x10;
	assert_true(ds->write(st, ds->arg, &val));
	assert_int_equal(st->seg[X86_DS].sel, 0x10);
	assert_int_equal(st->seg[X86_DS].base, 0xb8000);
	free(st);
}

/* SDM 1 8.1.7: physical register 7 holds st0 once top is 7. */
static void test_ftag(void **state)
{
	static const uint8_t one[10] = { 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f };
	struct x86_state *st = calloc(1, sizeof(*st));
	int ftag = reg_find("ftag");
	uint32_t val = 0xffff;

	(void)state;
	assert_int_equal(reg_value(st, (unsigned int)ftag), 0xffff);
	st->fpu.fsw = 7 << 11;
	st->fpu.ftw = 0x81;
	memcpy(st->fpu.st[0], one, sizeof(one));
	/* 7: valid, 0 (st1): zero, the rest empty */
	assert_int_equal(reg_value(st, (unsigned int)ftag), 0x3ffd);
	assert_true(reg_table[ftag].write(st, reg_table[ftag].arg, &val));
	assert_int_equal(st->fpu.ftw, 0);
	free(st);
}

static void test_modes(void **state)
{
	struct x86_state *st = malloc(sizeof(*st));
	unsigned int m;

	(void)state;
	for (m = 0; m < TEST_NR_MODES; m++) {
		test_state_fill(st, test_mode[m].cr0, test_mode[m].efer, test_mode[m].cs_attr);
		assert_string_equal(x86_mode_name(x86_state_mode(st)), test_mode[m].mode);
		assert_int_equal(x86_mode_bits(x86_state_mode(st)), test_mode[m].bits);
	}
	test_state_fill(st, X86_CR0_PE, 0, 0x9b);
	st->rflags |= X86_RFLAGS_VM;
	assert_string_equal(x86_mode_name(x86_state_mode(st)), "v8086");
	assert_int_equal(x86_state_cpl(st), 3);
	free(st);
}

static void test_linear(void **state)
{
	struct x86_state *st = calloc(1, sizeof(*st));

	(void)state;
	st->rip = 0xfff0;
	st->seg[X86_CS].base = 0xffff0000;
	assert_int_equal(x86_state_linear_rip(st), 0xfffffff0);
	st->seg[X86_SS].base = 0x1000;
	st->gpr[X86_RSP] = 0x12340010;
	assert_int_equal(x86_state_linear_rsp(st), 0x1010);
	st->cr0 = X86_CR0_PE | X86_CR0_PG;
	st->efer = X86_EFER_LMA;
	st->seg[X86_CS].attr = X86_SEG_L;
	st->rip = 0xffffffff80101000;
	assert_true(x86_state_linear_rip(st) == 0xffffffff80101000);
	free(st);
}

static void test_texts(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	regs_cr0_text(0x80010011, &out);
	assert_string_equal(buf_str(&out), "PG WP ET PE");
	buf_clear(&out);
	regs_cr4_text(0xa0, &out);
	assert_string_equal(buf_str(&out), "PGE PAE");
	buf_clear(&out);
	regs_efer_text(0x501, &out);
	assert_string_equal(buf_str(&out), "LMA LME SCE");
	buf_clear(&out);
	regs_rflags_text(0x43246, &out);
	assert_string_equal(buf_str(&out), "AC IOPL=3 IF ZF PF");
	buf_clear(&out);
	regs_rflags_text(2, &out);
	assert_string_equal(buf_str(&out), "");
	buf_free(&out);
}

static void test_dump(void **state)
{
	struct x86_state *st = calloc(1, sizeof(*st));
	struct buf out = BUF_INIT;

	(void)state;
	st->cr0 = 0x80010011;
	st->efer = 0x500;
	st->rflags = 0x46;
	st->seg[X86_CS] = (struct x86_seg){ .sel = 8, .limit = 0xffffffff, .attr = 0xa09b };
	st->seg[X86_TR] = (struct x86_seg){ .sel = 0x28, .limit = 0x67, .attr = 0x8b };
	st->gpr[X86_R15] = 0xf15;
	regs_dump(st, &out);
	assert_non_null(strstr(buf_str(&out), "RAX=0000000000000000 RBX="));
	assert_non_null(strstr(buf_str(&out), "R15=0000000000000f15\n"));
	assert_non_null(strstr(buf_str(&out), "RFL=00000046 [---Z-P-] CPL=0"));
	assert_non_null(strstr(buf_str(&out), "CS =0008 0000000000000000 ffffffff 00a09b00 DPL=0 "
					      "CS64 [-RA]\n"));
	assert_non_null(strstr(buf_str(&out), "DPL=0 TSS64-busy\n"));
	buf_clear(&out);
	st->efer = 0;
	regs_dump(st, &out);
	assert_non_null(strstr(buf_str(&out), "EAX=00000000 EBX="));
	buf_free(&out);
	free(st);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(vm_state_name(VM_STATE_CRASHED), "guest-panicked");
	assert_string_equal(vm_state_name((enum vm_state)99), "unknown");
	assert_string_equal(exit_kind_name(EXIT_MMIO_READ), "mmio read");
	assert_string_equal(exit_kind_name(EXIT_NR), "unknown");
	assert_int_equal(regs_msr_index(X86_MSR_LSTAR), 0xc0000082);
	assert_string_equal(regs_msr_name(X86_MSR_PAT), "PAT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_names_unique),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_write_read),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_selector),
		cmocka_unit_test(test_ftag),	   cmocka_unit_test(test_modes),
		cmocka_unit_test(test_linear),	   cmocka_unit_test(test_texts),
		cmocka_unit_test(test_dump),	   cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
