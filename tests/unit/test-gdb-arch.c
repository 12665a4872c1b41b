/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The descriptions of the processor: what is read is what is written back, in every mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gdb/target-arch.h"

/* A state of arbitrary bytes that is in MODE, with CS somewhere. */
static void arch_state(struct x86_state *st, enum x86_mode mode)
{
	uint8_t *byte = (uint8_t *)st;
	size_t i;

	for (i = 0; i < sizeof(*st); i++)
		byte[i] = (uint8_t)(rand() >> 7);
	st->rflags = (st->rflags & 0xcd5 & ~X86_RFLAGS_VM) | 2;
	st->fpu.mxcsr &= 0xffff;
	st->cr0 &= ~X86_CR0_PE;
	st->efer &= ~(X86_EFER_LMA | X86_EFER_LME);
	st->seg[X86_CS].attr = 0x9b | (mode == X86_MODE_PROT32 ? X86_SEG_DB : 0);
	st->seg[X86_CS].base &= 0xffff0;
	st->rip &= 0xffff;
	if (mode != X86_MODE_REAL)
		st->cr0 |= X86_CR0_PE;
	if (mode != X86_MODE_LONG64)
		return;
	st->efer |= X86_EFER_LMA;
	st->seg[X86_CS].attr |= X86_SEG_L;
	st->rip = 0xffffffff81000000 + (st->rip & 0xfff);
}

static const enum x86_mode modes[] = { X86_MODE_REAL, X86_MODE_PROT32, X86_MODE_LONG64 };

static void test_round_trip(void **state)
{
	uint8_t value[GDB_REG_MAX_BYTES], was[GDB_REG_MAX_BYTES];
	const struct gdb_arch *arch;
	struct x86_state st, old;
	unsigned int m, a;
	size_t i;

	(void)state;
	srand(1);
	for (m = 0; m < 3; m++) {
		for (a = 0; a < TARGET_NR_ARCHES; a++) {
			arch = target_arch_get((enum target_arch)a);
			arch_state(&st, modes[m]);
			old = st;
			for (i = 0; i < arch->reg_count; i++) {
				target_arch_read(&st, &arch->regs[i], value);
				assert_true(target_arch_write(&st, &arch->regs[i], value));
			}
			assert_memory_equal(&st, &old, sizeof(st));
			/* And one that is changed and changed back leaves nothing behind. */
			target_arch_read(&st, &arch->regs[3], was);
			memset(value, 0x5a, sizeof(value));
			assert_true(target_arch_write(&st, &arch->regs[3], value));
			assert_memory_not_equal(&st, &old, sizeof(st));
			assert_true(target_arch_write(&st, &arch->regs[3], was));
			assert_memory_equal(&st, &old, sizeof(st));
		}
	}
}

static const struct gdb_reg *arch_reg(enum target_arch arch, const char *name)
{
	const struct gdb_arch *a = target_arch_get(arch);
	size_t i;

	for (i = 0; i < a->reg_count; i++) {
		if (!strcmp(a->regs[i].name, name))
			return &a->regs[i];
	}
	fail_msg("%s has no %s", a->name, name);
	return NULL;
}

static void test_linear_pc(void **state)
{
	struct x86_state st;
	uint64_t pc = 0, value;
	uint32_t eip;

	(void)state;
	arch_state(&st, X86_MODE_REAL);
	st.seg[X86_CS].base = 0x7c0 << 4;
	st.rip = 0x12;
	target_arch_read(&st, arch_reg(TARGET_X86_64, "rip"), &pc);
	assert_int_equal(pc, 0x7c12);
	target_arch_read(&st, arch_reg(TARGET_I8086, "eip"), &eip);
	assert_int_equal(eip, 0x7c12);
	eip = 0x7c20;
	assert_true(target_arch_write(&st, arch_reg(TARGET_I8086, "eip"), &eip));
	assert_int_equal(st.rip, 0x20);
	pc = 0x7c30;
	assert_true(target_arch_write(&st, arch_reg(TARGET_X86_64, "rip"), &pc));
	assert_int_equal(st.rip, 0x30);
	assert_true(target_arch_value(&st, TARGET_X86_64, 16, &value));
	assert_int_equal(value, 0x7c30);
	arch_state(&st, X86_MODE_LONG64);
	assert_true(target_arch_value(&st, TARGET_X86_64, 16, &value));
	assert_int_equal(value, st.rip);
	assert_true(target_arch_value(&st, TARGET_I386, 8, &value));
	assert_int_equal(value, (uint32_t)st.rip);
}

/* A narrow register changes its part of the wide one. */
static void test_narrow(void **state)
{
	struct x86_state st;
	uint32_t eax = 0x11223344;
	uint64_t value;

	(void)state;
	arch_state(&st, X86_MODE_LONG64);
	st.gpr[X86_RAX] = 0xaabbccdd00000000;
	assert_true(target_arch_write(&st, arch_reg(TARGET_I386, "eax"), &eax));
	assert_int_equal(st.gpr[X86_RAX], 0xaabbccdd11223344);
	assert_false(target_arch_value(&st, TARGET_I386, 100000, &value));
	assert_false(
		target_arch_value(&st, TARGET_I386, arch_reg(TARGET_I386, "xmm1")->regnum, &value));
}

/* gdb wants its own registers under its own names, and each feature in one piece. */
static void test_descriptions(void **state)
{
	const struct gdb_arch *arch;
	unsigned int a;
	size_t i, k;

	(void)state;
	for (a = 0; a < TARGET_NR_ARCHES; a++) {
		arch = target_arch_get((enum target_arch)a);
		for (i = 0; i < arch->reg_count; i++) {
			assert_int_equal(arch->regs[i].regnum, i);
			assert_int_equal(arch->regs[i].bitsize % 8, 0);
			for (k = i + 1; k < arch->reg_count; k++)
				assert_string_not_equal(arch->regs[i].name, arch->regs[k].name);
		}
		assert_int_equal(target_arch_find(arch->name), a);
		arch_reg((enum target_arch)a, "cr3");
		arch_reg((enum target_arch)a, "gs_base");
		arch_reg((enum target_arch)a, "lstar");
		arch_reg((enum target_arch)a, "idtr_base");
	}
	assert_int_equal(target_arch_get(TARGET_I8086)->regs[8].role, GDB_ROLE_PC);
	assert_string_equal(target_arch_get(TARGET_I386)->regs[4].name, "esp");
	assert_int_equal(target_arch_find("arm"), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_linear_pc),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_descriptions),
	};

	for (int i = 0; i < TARGET_NR_ARCHES; i++)
		target_arch_get((enum target_arch)i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
