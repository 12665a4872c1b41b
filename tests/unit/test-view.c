/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Views: built from honest and lying sample pages, guarded reads, patches, saved and loaded. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "inspect/exits.h"
#include "inspect/view.h"
#include "view-fixture.h"

#define TEST_RAM 0x10000u

static struct sample_page *test_page(void)
{
	struct sample_page *page = calloc(1, sizeof(*page));

	page->magic = SAMPLE_MAGIC;
	page->version = SAMPLE_VERSION;
	page->size = sizeof(*page);
	page->nr_vcpus = 2;
	page->ram_len = TEST_RAM;
	page->nr_regions = 2;
	page->region[0] = (struct sample_region){ .gpa = 0, .len = 0x8000, .offset = 0x8000 };
	page->region[1] = (struct sample_region){ .gpa = 0x8000, .len = 0x8000, .offset = 0 };
	strcpy(page->name, "demo");
	return page;
}

static void test_build(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM);
	struct vm_view *view = malloc(sizeof(*view));
	struct err err = ERR_INIT;

	(void)state;
	page->state = VM_STATE_PAUSED;
	page->nr_rows = 1;
	strcpy(page->row[0].device, "com1");
	page->vcpu[1].state.rip = 0x1234;
	page->vcpu[1].exact = 1;
	page->vcpu[1].exits[EXIT_HLT] = 7;
	page->flight_next = SAMPLE_FLIGHTS + 3;
	page->flight[2].addr = 0x3f8; /* the newest */
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, &err), 0);
	assert_int_equal(view->nr_vcpus, 2);
	assert_int_equal(view->vcpu[1].state.rip, 0x1234);
	assert_true(view->vcpu[1].exact);
	assert_int_equal(view->vcpu[1].exits[EXIT_HLT], 7);
	assert_string_equal(view->row[0].device, "com1");
	assert_int_equal(view->nr_flights, VIEW_FLIGHTS);
	assert_int_equal(view->flight[VIEW_FLIGHTS - 1].addr, 0x3f8);
	view_release(view);
	free(view);
	free(ram);
	free(page);
}

/* The memory alone reads as the whole view does, whatever stood in VIEW before. */
static void test_memory_alone(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM), all[64], alone[64];
	struct vm_view *view = malloc(sizeof(*view)), *light = malloc(sizeof(*light));
	static const uint64_t gpa[] = { 0, 0x7fe0, 0x8000, 0xffe0, 0x10000, UINT64_MAX - 8 };
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned int i = 0; i < TEST_RAM; i++)
		ram[i] = (uint8_t)(i * 7 + i / 256);
	page->patch[200] = (struct sample_patch){ .gpa = 0x8003, .orig = 0x55, .used = 1 };
	memset(light, 0xa5, sizeof(*light));
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, &err), 0);
	view_build_memory(page, ram, TEST_RAM, light);
	for (unsigned int i = 0; i < sizeof(gpa) / sizeof(gpa[0]); i++) {
		size_t got = view_read(view, gpa[i], all, sizeof(all));

		assert_int_equal(view_read(light, gpa[i], alone, sizeof(alone)), got);
		assert_memory_equal(alone, all, got);
	}
	assert_int_equal(view_read(light, 0x8003, alone, 1), 1);
	assert_int_equal(alone[0], 0x55);
	assert_int_equal(view_nr_flights(light), 0);
	assert_int_equal(view_read_va(light, 0, 0, alone, 1), 0);
	view_release(view);
	free(view);
	free(light);
	free(ram);
	free(page);
}

/* The whole recorder through the view, and what it tells of the guest's functions. */
static void test_recorder(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM);
	struct vm_view *view = malloc(sizeof(*view));
	struct exits_symbols *sum = malloc(sizeof(*sum));
	struct sample_flight fl;

	(void)state;
	page->tsc_khz = 1000000;
	page->flight_next = 70000;
	for (uint32_t i = 70000 - SAMPLE_FLIGHTS; i < 70000; i++)
		page->flight[i % SAMPLE_FLIGHTS] = (struct sample_flight){
			.tsc = i * 1000ull,
			.rip = i % 4 ? 0x1000 : 0x100000 + i % 64,
			.addr = i,
			.kind = i % 4 ? EXIT_IO_OUT : 200,
		};
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_int_equal(view_nr_flights(view), SAMPLE_FLIGHTS);
	assert_true(view_flight(view, 0, &fl));
	assert_int_equal(fl.addr, 69999);
	assert_true(view_flight(view, 600, &fl)); /* no longer among the copied ones */
	assert_int_equal(fl.addr, 69399);
	assert_true(view_flight(view, SAMPLE_FLIGHTS - 1, &fl));
	assert_int_equal(fl.addr, 70000 - SAMPLE_FLIGHTS);
	assert_int_equal(fl.kind, EXIT_OTHER);
	assert_false(view_flight(view, SAMPLE_FLIGHTS, &fl));
	assert_int_equal(exits_by_symbol(view, NULL, sum), 0);
	assert_int_equal(sum->total, SAMPLE_FLIGHTS);
	assert_int_equal(sum->nr_places, 17);
	assert_int_equal(sum->nr, 17);
	assert_string_equal(sum->row[0].name, "1000");
	assert_int_equal(sum->row[0].count, SAMPLE_FLIGHTS / 4 * 3);
	assert_int_equal(sum->row[0].kind, EXIT_IO_OUT);
	assert_int_equal(sum->row[16].count, SAMPLE_FLIGHTS / 64);
	assert_int_equal(sum->span_ns, (SAMPLE_FLIGHTS - 1) * 1000ull);
	/* more places than anybody keeps apart */
	for (uint32_t i = 0; i < SAMPLE_FLIGHTS; i++)
		page->flight[i].rip = 0x40000000ull + i * 16;
	assert_int_equal(exits_by_symbol(view, NULL, sum), 0);
	assert_int_equal(sum->total, SAMPLE_FLIGHTS);
	assert_int_equal(sum->nr, EXITS_SYMBOLS);
	view_release(view);
	free(sum);
	free(view);
	free(ram);
	free(page);
}

/* A writer killed in the middle leaves an odd sequence: the view comes, but is not exact. */
static void test_dead_writer(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM);
	struct vm_view *view = malloc(sizeof(*view));

	(void)state;
	page->seq = 3;
	page->vcpu[0].seq = 1;
	page->vcpu[0].exact = 1;
	page->vcpu[0].state.rip = 5;
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_false(view->vcpu[0].exact);
	assert_int_equal(view->vcpu[0].state.rip, 5);
	view_release(view);
	free(view);
	free(ram);
	free(page);
}

/* What AMD-V leaves of a crashed vCPU is replaced by the last state there was. */
static void test_lost(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM);
	struct vm_view *view = malloc(sizeof(*view));

	(void)state;
	page->state = VM_STATE_CRASHED;
	page->stop_vcpu = 1;
	page->vcpu[1].exact = 1;
	page->vcpu[1].state.rip = 0xfff0;
	page->vcpu[1].state.seg[X86_CS].base = 0xffff0000;
	page->vcpu[0].state = page->vcpu[1].state;
	page->shadow[1].rip = 0x1234;
	page->shadow[1].cr0 = 0x80000011;
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_true(view->vcpu[1].lost);
	assert_false(view->vcpu[1].exact);
	assert_int_equal(view->vcpu[1].state.rip, 0x1234);
	assert_false(view->vcpu[0].lost);
	view_release(view);
	page->state = VM_STATE_PAUSED; /* a CPU before its start looks the same, and is */
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_false(view->vcpu[1].lost);
	assert_int_equal(view->vcpu[1].state.rip, 0xfff0);
	view_release(view);
	free(view);
	free(ram);
	free(page);
}

static void test_lies(void **state)
{
	struct vm_view *view = malloc(sizeof(*view));
	uint8_t *ram = calloc(1, TEST_RAM);
	unsigned int i;

	(void)state;
	for (i = 0; i < 9; i++) {
		struct sample_page *page = test_page();
		size_t len = sizeof(*page);
		struct err err = ERR_INIT;

		if (i == 0)
			page->magic = 0;
		else if (i == 1)
			page->version++;
		else if (i == 2)
			page->nr_vcpus = VM_MAX_VCPUS + 1;
		else if (i == 3)
			page->nr_vcpus = 0;
		else if (i == 4)
			page->nr_regions = 1000000;
		else if (i == 5)
			page->region[1].offset = TEST_RAM - 1;
		else if (i == 6)
			page->region[1].len = ~0ull;
		else if (i == 7)
			page->ram_len = TEST_RAM + 1;
		else
			len--;
		assert_int_equal(view_build(page, len, ram, TEST_RAM, view, &err), -EPROTO);
		assert_int_equal(err.code, EPROTO);
		view_release(view);
		free(page);
	}
	free(ram);
	free(view);
}

/* All ones, with only the header made right: everything must come out bounded. */
static void test_all_ones(void **state)
{
	struct sample_page *page = malloc(sizeof(*page));
	uint8_t *ram = calloc(1, TEST_RAM);
	struct vm_view *view = malloc(sizeof(*view));

	(void)state;
	memset(page, 0xff, sizeof(*page));
	page->magic = SAMPLE_MAGIC;
	page->version = SAMPLE_VERSION;
	page->size = sizeof(*page);
	page->nr_vcpus = VM_MAX_VCPUS;
	page->nr_regions = 0;
	page->ram_len = 0;
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_true(view->nr_rows <= SAMPLE_ROWS);
	assert_true(view->nr_ledger <= SAMPLE_LEDGER);
	assert_true(strlen(view->name) < sizeof(view->name));
	assert_true(strlen(view->row[0].value) < sizeof(view->row[0].value));
	assert_true(view->flight[0].kind < EXIT_NR);
	assert_true(view->stop_vcpu < view->nr_vcpus);
	view_release(view);
	free(view);
	free(ram);
	free(page);
}

static void test_read(void **state)
{
	struct sample_page *page = test_page();
	uint8_t *ram = calloc(1, TEST_RAM), out[16];
	struct vm_view *view = malloc(sizeof(*view));
	uint64_t val;

	(void)state;
	ram[0x8000] = 0xcc;	       /* gpa 0, under a breakpoint */
	memcpy(ram + 0xfffe, "ab", 2); /* the end of region 0 */
	memcpy(ram, "cd", 2);	       /* the start of region 1 */
	page->patch[200] = (struct sample_patch){ .gpa = 0, .orig = 0x55, .used = 1 };
	assert_int_equal(view_build(page, sizeof(*page), ram, TEST_RAM, view, NULL), 0);
	assert_int_equal(view_read(view, 0x7ffe, out, 4), 4);
	assert_memory_equal(out, "abcd", 4);
	assert_int_equal(view_read(view, 0xfff8, out, 16), 8);
	assert_int_equal(view_read(view, 0x10000, out, 1), 0);
	assert_int_equal(view_read(view, ~0ull, out, 16), 0);
	assert_true(view_read_value(view, 0, 1, &val));
	assert_int_equal(val, 0x55);
	assert_false(view_read_value(view, 0xfffc, 8, &val));
	assert_false(view_read_value(view, 0, 9, &val));
	assert_null(view_region(view, 0x10000));
	view_release(view);
	free(view);
	free(ram);
	free(page);
}

static void test_read_va(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	uint8_t out[64];

	(void)state;
	assert_int_equal(view_read_va(&fx->view, 0, FIXTURE_RIP, out, 5), 5);
	assert_memory_equal(out, "\xb8\xa9\x04\x00\x00", 5);
	/* the stack ends at an absent page */
	assert_int_equal(view_read_va(&fx->view, 0, FIXTURE_STACK_END - 16, out, 64), 16);
	assert_int_equal(view_read_va(&fx->view, 0, FIXTURE_STACK - 1, out, 64), 0);
	assert_int_equal(view_read_va(&fx->view, 9, FIXTURE_RIP, out, 5), 0);
	view_fixture_free(fx);
}

static int test_memfd(void)
{
	int fd = memfd_create("view", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_save_load(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct vm_view *view = malloc(sizeof(*view));
	int fd = test_memfd();

	(void)state;
	assert_int_equal(view_save(&fx->view, fd, NULL), 0);
	assert_true(lseek(fd, 0, SEEK_CUR) < 256 * 1024); /* zeroes are not stored */
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(view_load(fd, view, NULL), 0);
	assert_memory_equal(view->ram, fx->ram, FIXTURE_RAM);
	assert_memory_equal(view->vcpu, fx->view.vcpu, 2 * sizeof(*view->vcpu));
	assert_string_equal(view->stop_text, fx->view.stop_text);
	assert_int_equal(view->nr_regions, fx->view.nr_regions);
	view_release(view);
	close(fd);
	free(view);
	view_fixture_free(fx);
}

/* Every cut and some flipped bytes: an error or a bounded view, nothing else. */
static void test_load_damaged(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct vm_view *view = malloc(sizeof(*view));
	int fd = test_memfd(), cut;
	uint8_t *data;
	off_t len, i;

	(void)state;
	assert_int_equal(view_save(&fx->view, fd, NULL), 0);
	len = lseek(fd, 0, SEEK_CUR);
	data = malloc((size_t)len);
	assert_int_equal(pread(fd, data, (size_t)len, 0), len);
	close(fd);
	for (i = 0; i < len; i += 97) {
		struct err err = ERR_INIT;

		data[i] ^= 0xa5;
		cut = test_memfd();
		assert_int_equal(write(cut, data, (size_t)(i % 3 ? len : i)), i % 3 ? len : i);
		lseek(cut, 0, SEEK_SET);
		if (view_load(cut, view, &err))
			assert_int_not_equal(err.code, 0);
		else
			assert_true(view->nr_rows <= SAMPLE_ROWS && view->nr_regions <= 8);
		view_release(view);
		close(cut);
		data[i] ^= 0xa5;
	}
	free(data);
	free(view);
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorder),     cmocka_unit_test(test_build),
		cmocka_unit_test(test_dead_writer),  cmocka_unit_test(test_lost),
		cmocka_unit_test(test_memory_alone), cmocka_unit_test(test_lies),
		cmocka_unit_test(test_all_ones),     cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_va),	     cmocka_unit_test(test_save_load),
		cmocka_unit_test(test_load_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
