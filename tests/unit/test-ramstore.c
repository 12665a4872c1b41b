/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM of several moments: what is kept, what is copied, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/ramstore.h"

#define MIB (1ull << 20)

struct fix {
	struct mem *mem;
	struct ram_store *store;
};

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	assert_int_equal(mem_create(8 * MIB, &fix->mem, NULL), 0);
	fix->store = ram_store_new(fix->mem);
	assert_non_null(fix->store);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	ram_store_free(fix->store);
	mem_destroy(fix->mem);
	free(fix);
	return 0;
}

static struct ram_image *save(struct fix *fix)
{
	struct ram_image *img = NULL;

	assert_int_equal(ram_save(fix->store, &img, NULL), 0);
	return img;
}

static void put(struct fix *fix, uint64_t gpa, uint8_t val)
{
	assert_int_equal(mem_write(fix->mem, gpa, &val, 1), 0);
}

static uint8_t get(struct fix *fix, uint64_t gpa)
{
	uint8_t val;

	assert_int_equal(mem_read(fix->mem, gpa, &val, 1), 0);
	return val;
}

static void test_untouched_ram_costs_nothing(void **state)
{
	struct fix *fix = *state;
	struct ram_image *img;

	put(fix, 0x5000, 1);
	img = save(fix);
	assert_int_equal(ram_image_bytes(img), 4096);
	assert_int_equal(ram_store_bytes(fix->store), 4096);
}

static void test_only_changes_are_copied(void **state)
{
	struct fix *fix = *state;
	struct ram_image *first, *second;
	uint64_t gpa;

	for (gpa = 0; gpa < MIB / 2; gpa += 4096)
		put(fix, gpa, 7);
	first = save(fix);
	assert_int_equal(ram_store_copied(fix->store), MIB / 2);
	put(fix, 0x3000, 8);
	put(fix, 0x200000, 9);
	second = save(fix);
	assert_int_equal(ram_store_copied(fix->store), 2 * 4096);
	assert_int_equal(ram_store_bytes(fix->store), MIB / 2 + 2 * 4096);
	assert_int_equal(ram_load(fix->store, first, NULL), 0);
	assert_int_equal(ram_store_copied(fix->store), 2 * 4096);
	assert_int_equal(get(fix, 0x3000), 7);
	assert_int_equal(get(fix, 0x200000), 0);
	assert_int_equal(ram_load(fix->store, second, NULL), 0);
	assert_int_equal(get(fix, 0x3000), 8);
	assert_int_equal(get(fix, 0x200000), 9);
	assert_int_equal(ram_load(fix->store, second, NULL), 0);
	assert_int_equal(ram_store_copied(fix->store), 0);
}

/* Whatever way this process writes, it is noticed. */
static void test_every_way_to_write(void **state)
{
	struct fix *fix = *state;
	struct ram_image *img = save(fix);
	uint8_t *span;

	span = mem_span(fix->mem, 0x101000, 4096);
	*span = 1;
	assert_int_equal(mem_set(fix->mem, 0x102fff, 2, 2), 0);
	assert_int_equal(ram_load(fix->store, img, NULL), 0);
	assert_int_equal(get(fix, 0x101000), 0);
	assert_int_equal(get(fix, 0x102fff), 0);
	assert_int_equal(get(fix, 0x103000), 0);
	*span = 3;
	mem_dirty(fix->mem, 0x101000, 1);
	mem_dirty(fix->mem, 0x7fffffff, 1); /* outside: nothing */
	assert_int_equal(ram_load(fix->store, img, NULL), 0);
	assert_int_equal(get(fix, 0x101000), 0);
	put(fix, 0x101000, 4);
	img = save(fix);
	mem_clear(fix->mem);
	assert_int_equal(get(fix, 0x101000), 0);
	assert_int_equal(ram_load(fix->store, img, NULL), 0);
	assert_int_equal(get(fix, 0x101000), 4);
}

static void test_an_image_brought_up_to_date(void **state)
{
	struct fix *fix = *state;
	struct ram_image *img, *old;
	uint64_t gpa;

	for (gpa = 0; gpa < MIB / 2; gpa += 4096)
		put(fix, gpa, 7);
	img = save(fix);
	old = save(fix);
	put(fix, 0x1000, 8);
	put(fix, 0x2000, 0);
	put(fix, 0x200000, 9);
	assert_int_equal(ram_save(fix->store, &img, NULL), 0);
	assert_int_equal(ram_store_copied(fix->store), 2 * 4096);
	assert_int_equal(ram_image_bytes(img), MIB / 2);
	assert_int_equal(ram_load(fix->store, old, NULL), 0);
	assert_int_equal(get(fix, 0x1000), 7);
	assert_int_equal(get(fix, 0x2000), 7);
	assert_int_equal(get(fix, 0x200000), 0);
	assert_int_equal(ram_load(fix->store, img, NULL), 0);
	assert_int_equal(get(fix, 0x1000), 8);
	assert_int_equal(get(fix, 0x2000), 0);
	assert_int_equal(get(fix, 0x200000), 9);
}

static void test_dropped_pages_are_used_again(void **state)
{
	struct fix *fix = *state;
	struct ram_image *img[8];
	unsigned int round, i;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < 8; i++) {
			put(fix, 0x1000ull * (i + round), (uint8_t)(i + 1));
			img[i] = save(fix);
		}
		for (i = 0; i < 8; i++)
			ram_drop(fix->store, img[(i * 3) % 8]);
		assert_int_equal(ram_store_bytes(fix->store), 0);
	}
}

/* Against a model: whole copies of RAM. */
static void test_random(void **state)
{
	enum { PAGES = 64, NR = 6 };
	struct fix *fix = *state;
	struct ram_image *img[NR] = { NULL };
	static uint8_t model[NR][PAGES], now[PAGES];
	unsigned int step, i, n;

	srand(1);
	memset(now, 0, sizeof(now));
	for (step = 0; step < 2000; step++) {
		n = (unsigned int)rand() % NR;
		switch (rand() % 4) {
		case 0:
			if (img[n] && rand() % 2) {
				ram_drop(fix->store, img[n]);
				img[n] = NULL;
			}
			assert_int_equal(ram_save(fix->store, &img[n], NULL), 0);
			memcpy(model[n], now, PAGES);
			break;
		case 1:
			if (!img[n])
				break;
			assert_int_equal(ram_load(fix->store, img[n], NULL), 0);
			memcpy(now, model[n], PAGES);
			break;
		default:
			i = (unsigned int)rand() % PAGES;
			now[i] = (uint8_t)(rand() % 3);
			put(fix, i * 4096ull + 77, now[i]);
		}
		for (i = 0; i < PAGES; i++)
			assert_int_equal(get(fix, i * 4096ull + 77), now[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_untouched_ram_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_changes_are_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_way_to_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_image_brought_up_to_date, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped_pages_are_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
