/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem: the PC's memory map, checked access, what clearing gives back. No KVM needed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/mem.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct mem *make(uint64_t size)
{
	struct err err = ERR_INIT;
	struct mem *mem = NULL;

	if (mem_create(size, &mem, &err))
		fail_msg("%s", err.text);
	return mem;
}

static void test_sizes_refused(void **state)
{
	static const uint64_t bad[] = { 0, 4096, MIB - 4096, MIB + 1, 1ull << 60, UINT64_MAX };
	struct mem *mem;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(mem_create(bad[i], &mem, &err), -EINVAL);
		assert_non_null(strstr(err.text, "between 1M"));
	}
}

static void test_smallest(void **state)
{
	struct mem *mem = make(MIB);

	(void)state;
	assert_int_equal(mem_nr_regions(mem), 3);
	assert_int_equal(mem_low_end(mem), MIB);
	assert_int_equal(mem_high_end(mem), 4 * GIB);
	assert_non_null(mem_span(mem, 0, MEM_LOW_END));
	assert_non_null(mem_span(mem, MEM_ROM_BASE, 0x40000));
	assert_null(mem_span(mem, MIB, 1));
	assert_null(mem_region(mem, 3));
	mem_destroy(mem);
}

static void test_regions_tile(void **state)
{
	static const uint64_t sizes[] = { MIB, 2 * MIB, 128 * MIB, 3 * GIB, 5 * GIB };
	const struct sample_region *reg;
	uint64_t offset;
	unsigned int i;
	struct mem *mem;
	size_t s;

	(void)state;
	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		mem = make(sizes[s]);
		for (i = 0, offset = 0; i < mem_nr_regions(mem); i++) {
			reg = mem_region(mem, i);
			assert_int_equal(reg->slot, i);
			assert_int_equal(reg->offset, offset);
			assert_int_equal(reg->offset % 4096, 0);
			assert_int_equal(reg->hva - mem_region(mem, 0)->hva, reg->offset);
			offset += reg->len;
		}
		assert_int_equal(offset, mem_fd_len(mem));
		mem_destroy(mem);
	}
}

static void test_above_4g(void **state)
{
	struct mem *mem = make(5 * GIB);
	uint64_t val = 0x1122334455667788, back = 0;

	(void)state;
	assert_int_equal(mem_low_end(mem), 3 * GIB);
	assert_int_equal(mem_high_end(mem), 6 * GIB);
	assert_int_equal(mem_write(mem, 6 * GIB - 8, &val, 8), 0);
	assert_int_equal(mem_read(mem, 6 * GIB - 8, &back, 8), 0);
	assert_true(back == val);
	assert_int_equal(mem_write(mem, 6 * GIB - 7, &val, 8), -EFAULT);
	assert_int_equal(mem_read(mem, 3 * GIB, &back, 1), -EFAULT);
	assert_int_equal(mem_read(mem, 4 * GIB - 1, &back, 2), -EFAULT);
	mem_destroy(mem);
}

static void test_bounds(void **state)
{
	struct mem *mem = make(4 * MIB);
	uint8_t byte = 0xaa, buf[4] = { 1, 2, 3, 4 };

	(void)state;
	assert_null(mem_span(mem, 4 * MIB - 1, 2));
	assert_null(mem_span(mem, 4 * MIB - 1, UINT64_MAX));
	assert_null(mem_span(mem, UINT64_MAX, 1));
	assert_null(mem_span(mem, MEM_LOW_END - 1, 2));
	assert_non_null(mem_span(mem, 4 * MIB - 1, 1));
	/* refused whole: the part that would fit is not written either */
	assert_int_equal(mem_set(mem, 4 * MIB - 4, 0x55, 8), -EFAULT);
	assert_int_equal(mem_write(mem, 4 * MIB - 2, buf, 4), -EFAULT);
	assert_int_equal(mem_read(mem, 4 * MIB - 2, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(mem_read(mem, UINT64_MAX - 1, buf, 4), -EFAULT);
	mem_destroy(mem);
}

static void test_across_regions(void **state)
{
	struct mem *mem = make(4 * MIB);
	uint8_t in[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, out[8] = { 0 };

	(void)state;
	assert_int_equal(mem_write(mem, MEM_HIGH_BASE - 3, in, 8), 0);
	assert_int_equal(mem_read(mem, MEM_HIGH_BASE - 3, out, 8), 0);
	assert_memory_equal(in, out, 8);
	assert_int_equal(*(uint8_t *)mem_span(mem, MEM_HIGH_BASE, 1), 4);
	assert_int_equal(mem_set(mem, 0x9ff00, 0xcc, 0x62000), 0);
	assert_int_equal(*(uint8_t *)mem_span(mem, MEM_ROM_BASE, 1), 0xcc);
	mem_destroy(mem);
}

static void test_clear_gives_back(void **state)
{
	struct mem *mem = make(16 * MIB);
	struct stat st;
	uint8_t byte = 1;

	(void)state;
	assert_int_equal(mem_set(mem, MIB, 0xff, 8 * MIB), 0);
	assert_int_equal(fstat(mem_fd(mem), &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 >= 8 * MIB);
	mem_clear(mem);
	assert_int_equal(fstat(mem_fd(mem), &st), 0);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(mem_read(mem, 2 * MIB, &byte, 1), 0);
	assert_int_equal(byte, 0);
	mem_destroy(mem);
}

static void test_file_keeps_its_size(void **state)
{
	struct mem *mem = make(2 * MIB);

	(void)state;
	assert_int_not_equal(ftruncate(mem_fd(mem), 0), 0);
	mem_destroy(mem);
	mem_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_refused),	 cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_regions_tile),	 cmocka_unit_test(test_above_4g),
		cmocka_unit_test(test_bounds),		 cmocka_unit_test(test_across_regions),
		cmocka_unit_test(test_clear_gives_back), cmocka_unit_test(test_file_keeps_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
