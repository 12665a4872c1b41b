/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables: all five modes, large pages, reserved bits, rights, folds of hostile tables. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/mmu-lint.h"
#include "inspect/mmu-table.h"
#include "view-fixture.h"

#define P   1ull
#define W   2ull
#define U   4ull
#define A   0x20ull
#define D   0x40ull
#define PS  0x80ull
#define G   0x100ull
#define PAT 0x1000ull /* of a large page */
#define NX  (1ull << 63)

struct test_machine {
	struct view_fixture *fx;
	struct x86_state *st;
};

static struct test_machine test_machine(enum mmu_mode mode)
{
	struct test_machine m = { .fx = view_fixture_bare() };

	m.st = &m.fx->view.vcpu[0].state;
	m.st->cr3 = 0x10000;
	m.st->cr4 = X86_CR4_PAE | X86_CR4_PSE;
	if (mode < MMU_4LEVEL) {
		m.st->efer &= ~(X86_EFER_LMA | X86_EFER_LME);
		m.st->seg[X86_CS].attr = 0xc09b;
	}
	if (mode == MMU_OFF)
		m.st->cr0 &= ~X86_CR0_PG;
	else if (mode == MMU_32)
		m.st->cr4 = X86_CR4_PSE;
	else if (mode == MMU_5LEVEL)
		m.st->cr4 |= X86_CR4_LA57;
	return m;
}

static void test_put(struct test_machine *m, uint64_t table, unsigned int index, uint64_t entry)
{
	view_fixture_poke(m->fx, table + index * 8, entry, 8);
}

static void test_put32(struct test_machine *m, uint64_t table, unsigned int index, uint32_t entry)
{
	view_fixture_poke(m->fx, table + index * 4, entry, 4);
}

static struct mmu_walk test_walk(struct test_machine *m, uint64_t gva)
{
	struct mmu_walk walk;

	mmu_walk(&m->fx->view, m->st, gva, &walk);
	return walk;
}

static void test_off(void **state)
{
	struct test_machine m = test_machine(MMU_OFF);
	struct mmu_walk walk = test_walk(&m, 0x12345);
	struct mmu_fold fold = { 0 };

	(void)state;
	assert_int_equal(walk.mode, MMU_OFF);
	assert_true(walk.present);
	assert_int_equal(walk.gpa, 0x12345);
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
	assert_int_equal(fold.nr, 1);
	assert_true(fold.range[0].len == 1ull << 32);
	mmu_fold_free(&fold);
	view_fixture_free(m.fx);
}

static void test_32(void **state)
{
	struct test_machine m = test_machine(MMU_32);
	struct mmu_walk walk;

	(void)state;
	test_put32(&m, 0x10000, 0x300, 0x11000 | P | W | U);
	test_put32(&m, 0x11000, 5, 0x42000 | P | U | G);
	/* 4 MiB page with PAT set and PSE-36 bits 13..14: address bits 32 and 33 */
	test_put32(&m, 0x10000, 1, 0x00c00000 | 0x6000 | PAT | P | W | PS);
	walk = test_walk(&m, 0xc0005678);
	assert_string_equal(mmu_mode_name(walk.mode), "32-bit");
	assert_true(walk.present);
	assert_int_equal(walk.gpa, 0x42678);
	assert_int_equal(walk.perm, MMU_P | MMU_U | MMU_G);
	walk = test_walk(&m, 0x00512345);
	assert_true(walk.present);
	assert_true(walk.gpa == 0x300d12345);
	assert_int_equal(walk.page_len, 4 << 20);
	m.st->cr4 = 0; /* without PSE the bit means nothing: this is a table */
	walk = test_walk(&m, 0x00512345);
	assert_int_equal(walk.nr_levels, 2);
	m.st->cr4 = X86_CR4_PSE;
	test_put32(&m, 0x10000, 2, P | PS | 1u << 21);
	walk = test_walk(&m, 0x00800000);
	assert_false(walk.present);
	assert_true(walk.level[0].reserved);
	view_fixture_free(m.fx);
}

static void test_pae(void **state)
{
	struct test_machine m = test_machine(MMU_PAE);
	struct mmu_walk walk;

	(void)state;
	m.st->cr3 = 0x10020; /* 32-byte aligned */
	test_put(&m, 0x10020, 3, 0x11000 | P);
	test_put(&m, 0x11000, 511, 0x12000 | P | W);
	test_put(&m, 0x12000, 511, 0x700000000 | P | W | NX);
	test_put(&m, 0x11000, 0, 0x200000 | PAT | P | W | PS);
	walk = test_walk(&m, 0xfffff123);
	assert_true(walk.present);
	assert_true(walk.gpa == 0x700000123);
	assert_int_equal(walk.perm, MMU_P | MMU_W | MMU_NX);
	walk = test_walk(&m, 0xc0012345);
	assert_int_equal(walk.gpa, 0x212345);
	test_put(&m, 0x10020, 2, 0x11000 | P | W); /* bit 1 is reserved in a PDPTE */
	assert_true(test_walk(&m, 0x80000000).level[0].reserved);
	/* the CPU's own copy counts, not memory */
	m.st->pdptrs_valid = true;
	m.st->pdptr[3] = 0;
	assert_false(test_walk(&m, 0xfffff123).present);
	view_fixture_free(m.fx);
}

static void test_4level(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_walk walk;

	(void)state;
	m.st->cr3 = 0x10000 | 0xfff | 1ull << 61; /* PCID and LAM bits */
	test_put(&m, 0x10000, 511, 0x11000 | P | W);
	test_put(&m, 0x11000, 510, 0x12000 | P | W | U);
	test_put(&m, 0x11000, 511, 0x40000000 | PAT | P | W | PS | NX);
	test_put(&m, 0x12000, 1, 0x400000 | PAT | P | W | U | PS | G);
	walk = test_walk(&m, 0xffffffff80212345);
	assert_true(walk.present);
	assert_int_equal(walk.gpa, 0x412345);
	assert_int_equal(walk.page_len, 2 << 20);
	/* not user: the top level is not */
	assert_int_equal(walk.perm, MMU_P | MMU_W | MMU_G | MMU_PS);
	walk = test_walk(&m, 0xffffffffc1234567);
	assert_int_equal(walk.gpa, 0x41234567);
	assert_int_equal(walk.page_len, 1 << 30);
	assert_true(walk.perm & MMU_NX);
	m.st->efer &= ~X86_EFER_NXE; /* now bit 63 is reserved */
	walk = test_walk(&m, 0xffffffffc1234567);
	assert_false(walk.present);
	assert_true(walk.perm & MMU_RSVD);
	assert_false(test_walk(&m, 0x0000800000000000).canonical);
	assert_true(test_walk(&m, 0x00007fffffffffff).canonical);
	view_fixture_free(m.fx);
}

static void test_5level(void **state)
{
	struct test_machine m = test_machine(MMU_5LEVEL);
	struct mmu_walk walk;

	(void)state;
	test_put(&m, 0x10000, 511, 0x11000 | P | W);
	test_put(&m, 0x11000, 511, 0x12000 | P | W);
	test_put(&m, 0x12000, 511, 0x13000 | P | W);
	test_put(&m, 0x13000, 511, 0x14000 | P | W);
	test_put(&m, 0x14000, 511, 0x5000 | P);
	walk = test_walk(&m, 0xfffffffffffff777);
	assert_int_equal(walk.nr_levels, 5);
	assert_int_equal(walk.gpa, 0x5777);
	assert_true(test_walk(&m, 0x00ffffffffffffff).canonical);
	assert_false(test_walk(&m, 0x0100000000000000).canonical);
	assert_true(test_walk(&m, 0xff00000000000000).canonical);
	test_put(&m, 0x10000, 0, 0x11000 | P | PS);
	assert_true(test_walk(&m, 0).level[0].reserved);
	view_fixture_free(m.fx);
}

static void test_reserved(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_explain ex;

	(void)state;
	m.st->maxphyaddr = 36;
	test_put(&m, 0x10000, 0, 0x11000 | P | W);
	test_put(&m, 0x11000, 0, 0x12000 | P | W);
	test_put(&m, 0x12000, 0, 1ull << 36 | P | W);
	test_put(&m, 0x12000, 1, 1ull << 52 | 0x200000 | P | W | PS); /* ignored bit */
	test_put(&m, 0x12000, 2, 0x2000 | P | W | PS);		      /* bit 13 of a large page */
	mmu_explain(&m.fx->view, m.st, 0x1000, MMU_ACCESS_WRITE, 0, &ex);
	assert_true(ex.faults);
	assert_int_equal(ex.error_code, 0xb);
	assert_int_equal(ex.stop_level, 2);
	assert_true(test_walk(&m, 0x200000).present);
	assert_false(test_walk(&m, 0x400000).present);
	view_fixture_free(m.fx);
}

struct test_right {
	uint64_t flags, cr0, cr4, efer, rflags;
	enum mmu_access access;
	unsigned int cpl;
	bool faults;
	uint32_t error;
};

static void test_rights(void **state)
{
	static const struct test_right right[] = {
		{ P, X86_CR0_WP, 0, X86_EFER_NXE, 0, MMU_ACCESS_READ, 0, false, 0 },
		{ P, X86_CR0_WP, 0, X86_EFER_NXE, 0, MMU_ACCESS_WRITE, 0, true, 3 },
		{ P, 0, 0, X86_EFER_NXE, 0, MMU_ACCESS_WRITE, 0, false, 0 },
		{ P | U, 0, 0, X86_EFER_NXE, 0, MMU_ACCESS_WRITE, 3, true, 7 },
		{ P | W, 0, 0, X86_EFER_NXE, 0, MMU_ACCESS_READ, 3, true, 5 },
		{ P | NX, 0, 0, X86_EFER_NXE, 0, MMU_ACCESS_FETCH, 0, true, 0x11 },
		{ P | U, 0, X86_CR4_SMEP, 0, 0, MMU_ACCESS_FETCH, 0, true, 0x11 },
		{ P | U, 0, 0, 0, 0, MMU_ACCESS_FETCH, 0, false, 0 },
		{ P | U, 0, X86_CR4_SMAP, 0, 0, MMU_ACCESS_READ, 0, true, 1 },
		{ P | U, 0, X86_CR4_SMAP, 0, X86_RFLAGS_AC, MMU_ACCESS_READ, 0, false, 0 },
		{ 0, 0, 0, X86_EFER_NXE, 0, MMU_ACCESS_FETCH, 3, true, 0x14 },
		{ 0, 0, 0, 0, 0, MMU_ACCESS_FETCH, 3, true, 4 },
	};
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_explain ex;
	struct buf out = BUF_INIT;
	size_t i;

	(void)state;
	test_put(&m, 0x10000, 0, 0x11000 | P | W | U);
	test_put(&m, 0x11000, 0, 0x12000 | P | W | U);
	test_put(&m, 0x12000, 0, 0x13000 | P | W | U);
	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		test_put(&m, 0x13000, 3, 0x20000 | right[i].flags);
		m.st->cr0 = X86_CR0_PE | X86_CR0_PG | right[i].cr0;
		m.st->cr4 = X86_CR4_PAE | right[i].cr4;
		m.st->efer = X86_EFER_LMA | right[i].efer;
		m.st->rflags = right[i].rflags;
		mmu_explain(&m.fx->view, m.st, 0x3010, right[i].access, right[i].cpl, &ex);
		assert_int_equal(ex.faults, right[i].faults);
		if (ex.faults)
			assert_int_equal(ex.error_code, right[i].error);
		assert_true(ex.reason[0]);
		mmu_explain_text(&ex, 0x3010, &out);
	}
	assert_false(out.failed);
	buf_free(&out);
	view_fixture_free(m.fx);
}

static void test_explain_text(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct mmu_explain ex;
	struct buf out = BUF_INIT;

	(void)state;
	mmu_explain(&fx->view, &fx->view.vcpu[0].state, FIXTURE_STACK - 8, MMU_ACCESS_WRITE, 0,
		    &ex);
	mmu_explain_text(&ex, FIXTURE_STACK - 8, &out);
	assert_int_equal(ex.error_code, 2);
	assert_int_equal(ex.stop_level, 1);
	assert_non_null(strstr(buf_str(&out), "L4  PML4 @0000000000001000 [ 511] = "));
	assert_non_null(strstr(buf_str(&out), "absent  <- here\n"));
	assert_non_null(strstr(buf_str(&out), "#PF error 0002: not present"));
	buf_clear(&out);
	mmu_explain(&fx->view, &fx->view.vcpu[0].state, 1ull << 60, MMU_ACCESS_READ, 0, &ex);
	assert_true(ex.is_gp);
	mmu_explain_text(&ex, 1ull << 60, &out);
	assert_non_null(strstr(buf_str(&out), "#GP(0): not a canonical address"));
	buf_free(&out);
	view_fixture_free(fx);
}

static void test_fold(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct mmu_fold fold = { 0 };
	char perm[12];

	(void)state;
	assert_int_equal(mmu_fold(&fx->view, &fx->view.vcpu[0].state, &fold), 0);
	assert_int_equal(fold.nr, 5);
	assert_true(fold.range[0].gva == FIXTURE_PHYSMAP && fold.range[0].len == FIXTURE_RAM);
	assert_int_equal(fold.range[0].page_len, 2 << 20);
	assert_true(fold.range[1].gva == FIXTURE_KERNEL && fold.range[1].len == 0x100000);
	assert_string_equal(mmu_perm_text(fold.range[1].perm, perm), "PRW--GAD");
	assert_string_equal(mmu_perm_text(fold.range[2].perm, perm), "PR-X-GA-");
	assert_true(fold.range[2].gpa == 0x100000 && fold.range[2].len == 0x3000);
	assert_string_equal(mmu_perm_text(fold.range[3].perm, perm), "PRWX-GAD");
	assert_true(fold.range[4].gva == FIXTURE_STACK && fold.range[4].len == 0x4000);
	assert_int_equal(fold.nr_wx, 1);
	assert_int_equal(fold.nr_entries, 4 + 256 + 3 + 3 + 4);
	assert_false(fold.truncated);
	mmu_fold_free(&fold);
	view_fixture_free(fx);
}

/* A and D differ from page to page and must not split a range; reserved bits must show. */
static void test_fold_flags(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_fold fold = { 0 };

	(void)state;
	m.st->maxphyaddr = 36;
	test_put(&m, 0x10000, 0, 0x11000 | P | W);
	test_put(&m, 0x11000, 0, 0x12000 | P | W);
	test_put(&m, 0x12000, 0, 0x13000 | P | W);
	test_put(&m, 0x13000, 0, 0x20000 | P | W);
	test_put(&m, 0x13000, 1, 0x21000 | P | W | A);
	test_put(&m, 0x13000, 2, 0x22000 | P | W | A | D);
	test_put(&m, 0x13000, 3, 0x24000 | P | W); /* not contiguous */
	test_put(&m, 0x13000, 4, 1ull << 40 | P | W);
	test_put(&m, 0x13000, 5, 0x26000 | P | W);
	test_put(&m, 0x13000, 511, 0x21f000 | P | W);
	test_put(&m, 0x12000, 1, 0x400000 | P | W | PS);
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
	assert_int_equal(fold.nr, 6);
	assert_int_equal(fold.range[0].len, 0x3000);
	assert_int_equal(fold.range[0].perm, MMU_P | MMU_W | MMU_A | MMU_D);
	assert_int_equal(fold.range[0].nr_pages, 3);
	assert_true(fold.range[2].perm & MMU_RSVD);
	assert_false(fold.range[3].perm & MMU_RSVD);
	assert_int_equal(fold.nr_reserved, 1);
	assert_int_equal(fold.nr_wx, 5);
	mmu_fold_free(&fold);
	fold.max = 2;
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
	assert_int_equal(fold.nr, 2);
	assert_true(fold.truncated);
	mmu_fold_free(&fold);
	view_fixture_free(m.fx);
}

/* A recursive slot is legitimate: each table appears again at every level below the top. */
static void test_fold_self_map(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct mmu_fold fold = { 0 };

	(void)state;
	view_fixture_poke(fx, FIXTURE_PML4 + 300 * 8, FIXTURE_PML4 | P | W, 8);
	assert_int_equal(mmu_fold(&fx->view, &fx->view.vcpu[0].state, &fold), 0);
	assert_false(fold.truncated);
	assert_true(fold.nr > 5 && fold.nr < 64);
	mmu_fold_free(&fold);
	view_fixture_free(fx);
}

/* 512 to the power of four mappings of one page: the work must end long before. */
static void test_fold_cyclic(void **state)
{
	static const enum mmu_mode mode[] = { MMU_32, MMU_PAE, MMU_4LEVEL, MMU_5LEVEL };
	struct mmu_fold fold;
	unsigned int i, k;

	(void)state;
	for (k = 0; k < 4; k++) {
		struct test_machine m = test_machine(mode[k]);

		for (i = 0; i < 512; i++)
			test_put(&m, 0x10000, i, 0x10000 | P | (mode[k] == MMU_PAE ? 0 : W));
		memset(&fold, 0, sizeof(fold));
		assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
		assert_true(fold.nr <= 65536);
		assert_true(fold.nr_tables <= 65536);
		assert_true(fold.truncated);
		mmu_fold_free(&fold);
		view_fixture_free(m.fx);
	}
}

/* The same work as a guest with 4 GiB mapped in 4 KiB pages: it must all be seen. */
static void test_fold_million(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_fold fold = { 0 };
	unsigned int i, k;

	(void)state;
	test_put(&m, 0x10000, 0, 0x11000 | P | W);
	for (i = 0; i < 4; i++) {
		test_put(&m, 0x11000, i, (0x12000 + i * 0x1000ull) | P | W);
		for (k = 0; k < 512; k++)
			test_put(&m, 0x12000 + i * 0x1000ull, k, 0x20000 | P | W);
	}
	for (k = 0; k < 512; k++)
		test_put(&m, 0x20000, k, k * 0x1000ull | P | W | A | (k & 1 ? D : 0));
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
	assert_int_equal(fold.nr_entries, 1 << 20);
	assert_int_equal(fold.nr, 2048);
	assert_false(fold.truncated);
	mmu_fold_free(&fold);
	view_fixture_free(m.fx);
}

static void test_outside(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_explain ex;

	(void)state;
	m.st->cr3 = 0xffff000000ull;
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_READ, 0, &ex);
	assert_true(ex.faults);
	assert_false(ex.walk.level[0].readable);
	assert_non_null(strstr(ex.reason, "outside RAM"));
	view_fixture_free(m.fx);
}

/* The first finding of KIND, or NULL. */
static const struct mmu_finding *test_finding(const struct mmu_lint *lint, enum mmu_lint_kind kind)
{
	for (unsigned int i = 0; i < lint->nr; i++) {
		if (lint->finding[i].kind == kind)
			return &lint->finding[i];
	}
	return NULL;
}

static void test_lint(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_lint *lint = calloc(1, sizeof(*lint));
	const struct mmu_finding *at;

	(void)state;
	m.st->efer |= X86_EFER_NXE;
	test_put(&m, 0x10000, 0, 0x11000 | P | W | U);
	test_put(&m, 0x10000, 256, 0x11000 | P | W | U); /* the same tables in the upper half */
	test_put(&m, 0x10000, 510, 0x10000 | P | W);	 /* a self-map */
	test_put(&m, 0x11000, 0, 0x12000 | P | W | U);
	test_put(&m, 0x11000, 1, 0x3ffff000 | P | W); /* no RAM there */
	test_put(&m, 0x12000, 0, 0x13000 | P | W | U);
	test_put(&m, 0x12000, 1, 0x202000 | P | W | PS); /* not a multiple of 2 MiB */
	test_put(&m, 0x13000, 0, 0x20000 | P | W | NX);
	test_put(&m, 0x13000, 1, 0x21000 | P | W | U); /* W+X, user */
	test_put(&m, 0x13000, 2, 0x22000 | P | W | U);
	test_put(&m, 0x13000, 3, 0x11000 | P | W | U | NX); /* a table */
	test_put(&m, 0x13000, 4, 0x30000000 | P | W | NX);
	test_put(&m, 0x13000, 5, 0x23000 | P | W | NX | 0x10); /* PCD */
	assert_int_equal(mmu_lint(&m.fx->view, m.st, lint), 0);
	at = test_finding(lint, MMU_LINT_WX);
	assert_non_null(at);
	assert_int_equal(at->gva, 0x1000);
	assert_int_equal(at->len, 0x2000); /* neighbours are one finding */
	assert_non_null(test_finding(lint, MMU_LINT_RESERVED));
	assert_non_null(strstr(test_finding(lint, MMU_LINT_RESERVED)->text, "multiple"));
	assert_int_equal(test_finding(lint, MMU_LINT_TABLE)->gva, 1ull << 30);
	assert_int_equal(test_finding(lint, MMU_LINT_USER_TABLE)->gva, 0x3000);
	assert_int_equal(test_finding(lint, MMU_LINT_NOWHERE)->gva, 0x4000);
	assert_int_equal(test_finding(lint, MMU_LINT_CACHE)->gva, 0x5000);
	assert_int_equal(test_finding(lint, MMU_LINT_USER_HIGH)->gva, 0xffff800000001000);
	assert_int_equal(mmu_lint_severity(MMU_LINT_SELF), MMU_NOTE);
	assert_non_null(test_finding(lint, MMU_LINT_SELF));
	m.st->cr0 &= ~X86_CR0_PG;
	assert_int_equal(mmu_lint(&m.fx->view, m.st, lint), 0);
	assert_int_equal(lint->nr, 0);
	free(lint);
	view_fixture_free(m.fx);
}

static void test_reverse(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_fold fold = { 0 }, later = { 0 };
	uint64_t gva[4];

	(void)state;
	test_put(&m, 0x10000, 0, 0x11000 | P | W);
	test_put(&m, 0x11000, 0, 0x12000 | P | W);
	test_put(&m, 0x12000, 0, 0x13000 | P | W);
	test_put(&m, 0x13000, 1, 0x20000 | P | W);
	test_put(&m, 0x13000, 2, 0x21000 | P | W);
	test_put(&m, 0x13000, 7, 0x21000 | P);
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &fold), 0);
	assert_int_equal(mmu_reverse(&fold, 0x21008, gva, 4), 2);
	assert_int_equal(gva[0], 0x2008);
	assert_int_equal(gva[1], 0x7008);
	assert_int_equal(mmu_reverse(&fold, 0x21008, gva, 1), 2);
	assert_int_equal(mmu_reverse(&fold, 0x22000, gva, 4), 0);
	test_put(&m, 0x13000, 2, 0x21000 | P);	   /* rights */
	test_put(&m, 0x13000, 9, 0x30000 | P | W); /* new */
	test_put(&m, 0x13000, 7, 0);		   /* gone */
	assert_int_equal(mmu_fold(&m.fx->view, m.st, &later), 0);
	assert_int_equal(later.nr, 3);
	assert_int_equal(mmu_range_change(&fold, &fold.range[0]), MMU_SAME);
	assert_int_equal(mmu_range_change(&fold, &later.range[0]), MMU_CHANGED);
	assert_int_equal(mmu_range_change(&fold, &later.range[2]), MMU_ADDED);
	assert_int_equal(mmu_range_change(&later, &fold.range[1]), MMU_ADDED);
	mmu_fold_free(&fold);
	mmu_fold_free(&later);
	view_fixture_free(m.fx);
}

/* Protection keys bound data accesses to user pages, of both rings. */
static void test_keys(void **state)
{
	struct test_machine m = test_machine(MMU_4LEVEL);
	struct mmu_explain ex;

	(void)state;
	test_put(&m, 0x10000, 0, 0x11000 | P | W | U);
	test_put(&m, 0x11000, 0, 0x12000 | P | W | U);
	test_put(&m, 0x12000, 0, 0x13000 | P | W | U);
	test_put(&m, 0x13000, 0, 0x20000 | P | W | U | 3ull << 59);
	m.st->cr4 |= X86_CR4_PKE;
	m.st->cr0 |= X86_CR0_WP;
	m.st->pkru = 2u << 6; /* key 3: no writing */
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_READ, 3, &ex);
	assert_false(ex.faults);
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_WRITE, 3, &ex);
	assert_int_equal(ex.error_code, 0x27);
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_WRITE, 0, &ex);
	assert_int_equal(ex.error_code, 0x23);
	m.st->cr0 &= ~X86_CR0_WP;
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_WRITE, 0, &ex);
	assert_false(ex.faults);
	m.st->pkru = 1u << 6;
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_FETCH, 3, &ex);
	assert_false(ex.faults);
	mmu_explain(&m.fx->view, m.st, 0, MMU_ACCESS_READ, 0, &ex);
	assert_int_equal(ex.error_code, 0x21);
	view_fixture_free(m.fx);
}

/* Raw tables: every level of the fixture's own, and what no mode has. */
static void test_table(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct x86_state *st = &fx->view.vcpu[0].state;
	struct mmu_table *tab = malloc(sizeof(*tab));
	char flags[MMU_FLAGS_MAX];
	struct buf text = BUF_INIT;
	unsigned int level, index;
	uint64_t gpa, gva = 0;

	(void)state;
	assert_non_null(tab);
	assert_true(mmu_table_top(st, &gpa, &level));
	assert_true(gpa == FIXTURE_PML4 && level == 4);
	for (; level; level--) {
		assert_int_equal(mmu_table_read(&fx->view, st, gpa, level, gva, tab, NULL), 0);
		assert_true(tab->readable);
		assert_int_equal(tab->nr, 512);
		index = FIXTURE_RIP >> (12 + 9 * (level - 1)) & 511;
		assert_true(tab->entry[index].present);
		assert_int_equal(tab->entry[index].leaf, level == 1);
		gpa = tab->entry[index].target;
		gva = tab->entry[index].gva;
	}
	assert_true(gpa == 0x101000);
	assert_true(gva == (FIXTURE_RIP & ~0xfffull));
	assert_string_equal(mmu_flags_text(tab, index, flags), "P R- S A- G");
	mmu_table_text(tab, NULL, &text);
	assert_non_null(strstr(buf_str(&text), "[257] 0000000000101121  P R- S A- G"));
	buf_free(&text);
	assert_int_not_equal(mmu_table_read(&fx->view, st, 0x1000, 5, 0, tab, NULL), 0);
	assert_int_not_equal(mmu_table_read(&fx->view, st, 0x1000, 0, 0, tab, NULL), 0);
	assert_int_equal(mmu_table_read(&fx->view, st, 1ull << 40, 2, 0, tab, NULL), 0);
	assert_false(tab->readable);
	/* swap entries and nonsense are shown as they are */
	view_fixture_poke(fx, 0x1000, 0xdeadbeef0, 8);
	view_fixture_poke(fx, 0x1008, ~0ull, 8);
	assert_int_equal(mmu_table_read(&fx->view, st, 0x1000, 4, 0, tab, NULL), 0);
	assert_false(tab->entry[0].present);
	assert_true(tab->entry[1].reserved && tab->entry[1].outside);
	st->efer = 0;
	st->cr4 = X86_CR4_PAE;
	assert_true(mmu_table_top(st, &gpa, &level));
	assert_int_equal(level, 3);
	assert_int_equal(mmu_table_read(&fx->view, st, gpa, 3, 0, tab, NULL), 0);
	assert_int_equal(tab->nr, 4);
	st->cr4 = 0;
	assert_int_equal(mmu_table_read(&fx->view, st, 0x1000, 2, 0, tab, NULL), 0);
	assert_int_equal(tab->nr, 1024);
	assert_true(tab->entry[1].gva == 0x400000);
	st->cr0 = 0x11;
	assert_false(mmu_table_top(st, &gpa, &level));
	free(tab);
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_lint),
		cmocka_unit_test(test_reverse),	      cmocka_unit_test(test_keys),
		cmocka_unit_test(test_off),	      cmocka_unit_test(test_32),
		cmocka_unit_test(test_pae),	      cmocka_unit_test(test_4level),
		cmocka_unit_test(test_5level),	      cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_rights),	      cmocka_unit_test(test_explain_text),
		cmocka_unit_test(test_fold),	      cmocka_unit_test(test_fold_flags),
		cmocka_unit_test(test_fold_self_map), cmocka_unit_test(test_fold_cyclic),
		cmocka_unit_test(test_fold_million),  cmocka_unit_test(test_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
