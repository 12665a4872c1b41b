/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stage2: both entry formats, the fold, KVM's marks for MMIO, bounded work on hostile tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stage2/stage2.h"

#define FAKE_TABLES 8

/* Host-physical page N is table[N]. */
struct fake {
	uint64_t table[FAKE_TABLES][512];
	unsigned int reads;
};

static bool fake_read(void *ctx, uint64_t hpa, uint64_t table[512])
{
	struct fake *fake = ctx;

	fake->reads++;
	if (hpa >> 12 >= FAKE_TABLES)
		return false;
	memcpy(table, fake->table[hpa >> 12], 4096);
	return true;
}

static void test_stage2_npt(void **state)
{
	struct stage2_map map = {
		.format = STAGE2_NPT, .levels = 4, .root_hpa = 0x1000, .want.gpa = 0x234567
	};
	struct fake fake = { .reads = 0 };

	(void)state;
	fake.table[1][0] = 0x2007;
	fake.table[2][0] = 0x3007;
	fake.table[3][0] = 0x4007;
	fake.table[3][1] = 0x80000e7ull | 7; /* 2 MiB at 0x8000000 */
	fake.table[4][1] = 0x100067;	     /* two neighbours, A and D in one only */
	fake.table[4][2] = 0x101007;
	fake.table[4][3] = 0x300007;		       /* not contiguous in the host */
	fake.table[4][5] = 0x400005 | 1ull << 63;      /* no write, no execute */
	fake.table[4][7] = 0xfee00007ull | 1ull << 51; /* KVM's mark for MMIO */
	assert_int_equal(stage2_walk(fake_read, &fake, 0, &map), 0);
	assert_int_equal(map.nr, 3);
	assert_int_equal(map.nr_tables, 4);
	assert_int_equal(map.nr_leaves[1], 4);
	assert_int_equal(map.nr_leaves[2], 1);
	assert_int_equal(map.range[0].gpa, 0x1000);
	assert_int_equal(map.range[0].len, 0x3000);
	assert_int_equal(map.range[0].hpa, 0x100000);
	assert_false(map.range[0].contiguous);
	assert_int_equal(map.range[0].perm,
			 STAGE2_R | STAGE2_W | STAGE2_X | STAGE2_U | STAGE2_A | STAGE2_D);
	assert_int_equal(map.range[1].perm, STAGE2_R | STAGE2_U);
	assert_int_equal(map.range[2].gpa, 0x200000);
	assert_int_equal(map.range[2].level, 2);
	assert_int_equal(map.range[2].hpa, 0x8000000);
	/* the leaf that was asked for, inside the large page */
	assert_true(map.want.found);
	assert_int_equal(map.want.level, 2);
	assert_int_equal(map.want.hpa, 0x8034567);
	stage2_free(&map);
}

static void test_stage2_ept(void **state)
{
	struct stage2_map map = {
		.format = STAGE2_EPT, .levels = 1, .root_hpa = 0x1000, .want.gpa = UINT64_MAX
	};
	struct fake fake = { .reads = 0 };

	(void)state;
	fake.table[1][0] = 0x5000 | 7 | 6 << 3 | 1 << 8; /* RWX, write-back, accessed */
	fake.table[1][1] = 0x6000 | 5 | 6 << 3;		 /* read and execute */
	fake.table[1][2] = 0x7000 | 6;			 /* misconfigured: MMIO */
	fake.table[1][3] = 0x8000 | 7;			 /* uncached: another memory type */
	assert_int_equal(stage2_walk(fake_read, &fake, 0x40000000, &map), 0);
	assert_int_equal(map.nr, 3);
	assert_int_equal(map.range[0].gpa, 0x40000000);
	assert_int_equal(map.range[0].memtype, 6);
	assert_int_equal(map.range[0].perm, STAGE2_R | STAGE2_W | STAGE2_X | STAGE2_A);
	assert_int_equal(map.range[1].perm, STAGE2_R | STAGE2_X);
	assert_int_equal(map.range[2].memtype, 0);
	assert_false(map.want.found);
	stage2_free(&map);
}

/* A table that is its own child at every level, and one that cannot be read. */
static void test_stage2_hostile(void **state)
{
	struct stage2_map map = { .format = STAGE2_NPT, .levels = 4, .root_hpa = 0x1000 };
	struct fake fake = { .reads = 0 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 512; i++)
		fake.table[1][i] = 0x1007;
	assert_int_equal(stage2_walk(fake_read, &fake, 0, &map), 0);
	assert_true(map.truncated);
	assert_true(fake.reads <= 65537);
	stage2_free(&map);
	map = (struct stage2_map){ .levels = 9 };
	assert_int_not_equal(stage2_walk(fake_read, &fake, 0, &map), 0);
	map = (struct stage2_map){ .levels = 2, .root_hpa = 0x100000 };
	assert_int_equal(stage2_walk(fake_read, &fake, 0, &map), 0);
	assert_true(map.truncated);
	assert_int_equal(map.nr, 0);
	stage2_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stage2_npt),
		cmocka_unit_test(test_stage2_ept),
		cmocka_unit_test(test_stage2_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
