/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus: claims, overlaps, unclaimed and straddling accesses, the ledger; device: rows and state. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/bus.h"
#include "vmm/device.h"

/* Remembers what it was asked; reads answer with the offset in every byte. */
struct probe {
	struct bus_access last;
	unsigned int nr;
	uint8_t bytes[16];
};

static void probe_io(void *opaque, struct bus_access *acc)
{
	struct probe *probe = opaque;
	uint32_t i;

	probe->last = *acc;
	probe->nr++;
	for (i = 0; acc->write && i < acc->size; i++)
		probe->bytes[(acc->off + i) & 15] = (uint8_t)(acc->data >> (8 * i));
	if (!acc->write)
		acc->data = (acc->off + 1) * 0x0101010101010101ull;
}

static void probe_io8(void *opaque, struct bus_access *acc)
{
	if (acc->size > 1)
		bus_split(acc, 1, probe_io8, opaque);
	else
		probe_io(opaque, acc);
}

struct fixture {
	struct bus *bus;
	struct sample_page *page;
	struct probe a, b;
};

static int setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));

	fix->page = calloc(1, sizeof(*fix->page));
	assert_int_equal(bus_create(fix->page, &fix->bus, NULL), 0);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fix = *state;

	bus_destroy(fix->bus);
	free(fix->page);
	free(fix);
	return 0;
}

static uint64_t bus_read(struct bus *bus, enum bus_kind kind, uint64_t addr, uint32_t size)
{
	struct bus_access acc = { .addr = addr, .size = size };

	bus_dispatch(bus, kind, &acc);
	return acc.data;
}

static bool bus_write(struct bus *bus, enum bus_kind kind, uint64_t addr, uint32_t size,
		      uint64_t data)
{
	struct bus_access acc = { .addr = addr, .size = size, .write = true, .data = data };

	return bus_dispatch(bus, kind, &acc);
}

static const struct sample_ledger *ledger_find(const struct sample_page *page, const char *name,
					       uint32_t kind)
{
	uint32_t i;

	for (i = 0; i < page->nr_ledger; i++) {
		if (!strcmp(page->ledger[i].name, name) && page->ledger[i].kind == kind)
			return &page->ledger[i];
	}
	return NULL;
}

static void test_unclaimed(void **state)
{
	struct fixture *fix = *state;
	struct bus_access acc = { .addr = 0x99, .size = 2 };

	assert_false(bus_dispatch(fix->bus, BUS_PIO, &acc));
	assert_int_equal(acc.data, 0xffff);
	assert_int_equal(bus_read(fix->bus, BUS_PIO, 0xffff, 4), 0xffffffff);
	assert_int_equal(bus_read(fix->bus, BUS_MMIO, UINT64_MAX, 8), UINT64_MAX);
	assert_false(bus_write(fix->bus, BUS_MMIO, 0xfee00000, 4, 1));
	assert_int_equal(ledger_find(fix->page, "unclaimed", LEDGER_PIO)->reads, 2);
	assert_int_equal(ledger_find(fix->page, "unclaimed", LEDGER_MMIO)->writes, 1);
}

static void test_odd_sizes(void **state)
{
	struct fixture *fix = *state;

	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0, 16, "a", probe_io, &fix->a, NULL), 0);
	assert_int_equal(bus_read(fix->bus, BUS_PIO, 0, 3), 0xffffff);
	assert_false(bus_write(fix->bus, BUS_PIO, 0, 0, 1));
	assert_false(bus_write(fix->bus, BUS_PIO, 0, 4000, 1));
	assert_int_equal(fix->a.nr, 0);
}

static void test_overlap(void **state)
{
	struct fixture *fix = *state;
	struct bus *bus = fix->bus;
	struct err err = ERR_INIT;

	assert_int_equal(bus_register(bus, BUS_PIO, 0x60, 8, "first", probe_io, &fix->a, &err), 0);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x67, 1, "x", probe_io, &fix->b, &err),
			 -EEXIST);
	assert_non_null(strstr(err.text, "first"));
	assert_int_equal(bus_register(bus, BUS_PIO, 0x5f, 2, "x", probe_io, &fix->b, &err),
			 -EEXIST);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x00, 0x1000, "x", probe_io, &fix->b, &err),
			 -EEXIST);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x63, 2, "x", probe_io, &fix->b, &err),
			 -EEXIST);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x5f, 1, "below", probe_io, &fix->b, &err), 0);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x68, 1, "above", probe_io, &fix->b, &err), 0);
	assert_int_equal(bus_register(bus, BUS_MMIO, 0x60, 8, "mm", probe_io, &fix->b, &err), 0);
	assert_int_equal(bus_register(bus, BUS_PIO, 0xffff, 2, "x", probe_io, &fix->b, &err),
			 -EINVAL);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x70, 0, "x", probe_io, &fix->b, &err),
			 -EINVAL);
	assert_int_equal(bus_register(bus, BUS_MMIO, UINT64_MAX, 2, "x", probe_io, &fix->b, &err),
			 -EINVAL);
	assert_int_equal(bus_register(bus, BUS_MMIO, UINT64_MAX, 1, "end", probe_io, &fix->b, &err),
			 0);
	assert_int_equal(bus_read(bus, BUS_MMIO, UINT64_MAX, 1), 0x01);
}

static void test_dispatch_and_ledger(void **state)
{
	struct fixture *fix = *state;
	struct bus *bus = fix->bus;
	uint64_t base;

	for (base = 0x100; base < 0x180; base += 4)
		assert_int_equal(bus_register(bus, BUS_PIO, 0x280 - base, 2, "n", probe_io,
					      base == 0x140 ? &fix->a : &fix->b, NULL),
				 0);
	assert_true(bus_write(bus, BUS_PIO, 0x141, 1, 0x1ff));
	assert_int_equal(fix->a.last.off, 1);
	assert_int_equal(fix->a.last.data, 0xff);
	assert_false(fix->a.last.part);
	assert_int_equal(bus_read(bus, BUS_PIO, 0x141, 1), 0x02);
	assert_int_equal(bus_read(bus, BUS_PIO, 0x142, 1), 0xff);
	assert_int_equal(fix->a.nr, 2);
	assert_int_equal(fix->b.nr, 0);
	bus_mark_para(bus, &fix->a);
	for (base = 0; base < fix->page->nr_ledger; base++) {
		const struct sample_ledger *row = &fix->page->ledger[base];

		assert_int_equal(row->reads,
				 row->base == 0x140 || (!row->len && row->kind == LEDGER_PIO));
		assert_int_equal(row->writes, row->base == 0x140);
		assert_int_equal(row->para, row->base == 0x140);
	}
}

static void test_straddle(void **state)
{
	struct fixture *fix = *state;
	struct bus *bus = fix->bus;

	assert_int_equal(bus_register(bus, BUS_PIO, 0x10, 2, "a", probe_io, &fix->a, NULL), 0);
	assert_int_equal(bus_register(bus, BUS_PIO, 0x12, 1, "b", probe_io, &fix->b, NULL), 0);
	/* two bytes of a, one of b, one of nobody */
	assert_int_equal(bus_read(bus, BUS_PIO, 0x10, 4), 0xff010101);
	assert_int_equal(fix->a.last.size, 2);
	assert_true(fix->a.last.part);
	assert_true(bus_write(bus, BUS_PIO, 0x0f, 4, 0x44332211));
	assert_int_equal(fix->a.bytes[0], 0x22);
	assert_int_equal(fix->a.bytes[1], 0x33);
	assert_int_equal(fix->b.bytes[0], 0x44);
}

static void test_split_helper(void **state)
{
	struct fixture *fix = *state;

	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0x70, 4, "a", probe_io8, &fix->a, NULL),
			 0);
	assert_true(bus_write(fix->bus, BUS_PIO, 0x70, 4, 0xddccbbaa));
	assert_int_equal(fix->a.nr, 4);
	assert_memory_equal(fix->a.bytes, "\xaa\xbb\xcc\xdd", 4);
	assert_int_equal(bus_read(fix->bus, BUS_PIO, 0x71, 2), 0x0302);
}

static void test_unregister(void **state)
{
	struct fixture *fix = *state;
	uint32_t nr;

	assert_int_equal(bus_register(fix->bus, BUS_PIO, 1, 1, "a1", probe_io, &fix->a, NULL), 0);
	assert_int_equal(bus_register(fix->bus, BUS_PIO, 2, 1, "b", probe_io, &fix->b, NULL), 0);
	assert_int_equal(bus_register(fix->bus, BUS_MMIO, 3, 1, "a2", probe_io, &fix->a, NULL), 0);
	nr = fix->page->nr_ledger;
	bus_unregister(fix->bus, &fix->a);
	assert_false(bus_write(fix->bus, BUS_PIO, 1, 1, 0));
	assert_false(bus_write(fix->bus, BUS_MMIO, 3, 1, 0));
	assert_true(bus_write(fix->bus, BUS_PIO, 2, 1, 0));
	assert_int_equal(bus_register(fix->bus, BUS_PIO, 1, 1, "a1", probe_io, &fix->a, NULL), 0);
	assert_int_equal(fix->page->nr_ledger, nr);
}

static void test_full(void **state)
{
	struct fixture *fix = *state;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 10000 && !ret; i++)
		ret = bus_register(fix->bus, BUS_MMIO, i, 1, "x", probe_io, &fix->a, NULL);
	assert_int_equal(ret, -ENOSPC);
	for (i = 0, ret = 0; i < 10000 && !ret; i++)
		ret = bus_register(fix->bus, BUS_PIO, i, 1, "x", probe_io, &fix->a, NULL);
	assert_int_equal(ret, -ENOSPC);
	assert_int_equal(fix->page->nr_ledger, SAMPLE_LEDGER);
	assert_true(bus_write(fix->bus, BUS_PIO, i - 2, 1, 0));
}

static void each_count(void *ctx, uint64_t base, uint64_t len, const char *name)
{
	uint64_t *last = ctx;

	assert_true(base >= *last && len == 1 && *name);
	*last = base + len;
}

static void test_each_ascends(void **state)
{
	struct fixture *fix = *state;
	uint64_t last = 0;

	bus_register(fix->bus, BUS_PIO, 9, 1, "nine", probe_io, &fix->a, NULL);
	bus_register(fix->bus, BUS_PIO, 3, 1, "three", probe_io, &fix->a, NULL);
	bus_each(fix->bus, BUS_PIO, each_count, &last);
	assert_int_equal(last, 10);
}

static void test_rows_are_cut(void **state)
{
	struct sample_row row[2];
	struct dev_rows rows = { .row = row, .max = 2, .device = "a-device-with-a-long-name" };

	(void)state;
	dev_row(&rows, "label", "%0200d", 7);
	dev_row(&rows, "a label that is far too long", "%s", "x");
	dev_row(&rows, "third", "y");
	assert_int_equal(rows.nr, 2);
	assert_int_equal(strlen(row[0].device), sizeof(row[0].device) - 1);
	assert_int_equal(strlen(row[0].value), sizeof(row[0].value) - 1);
	assert_string_equal(row[1].value, "x");
}

static void test_state_round_trip(void **state)
{
	struct dev_state_in in = { 0 };
	struct buf buf = BUF_INIT;
	uint8_t bytes[3] = { 1, 2, 3 };

	(void)state;
	dev_save_u8(&buf, 0x12);
	dev_save_u32(&buf, 0x12345678);
	dev_save_u64(&buf, 0x1122334455667788ull);
	dev_save_bytes(&buf, bytes, sizeof(bytes));
	assert_int_equal(buf.len, 16);
	in.data = (const uint8_t *)buf.data;
	in.len = buf.len;
	assert_int_equal(dev_load_u8(&in), 0x12);
	assert_int_equal(dev_load_u32(&in), 0x12345678);
	assert_true(dev_load_u64(&in) == 0x1122334455667788ull);
	dev_load_bytes(&in, bytes, 2);
	assert_int_equal(dev_load_end(&in, "x", NULL), 0);
	assert_int_equal(dev_load_u32(&in), 0);
	assert_int_equal(dev_load_end(&in, "x", NULL), -EINVAL);
	assert_int_equal(dev_load_u8(&in), 0);
	buf_free(&buf);
}

/* Where the bus looked last is a hint: it may be of another range, gone, or nonsense. */
static void test_near(void **state)
{
	static const unsigned int near[] = { 0, 1, 2, 1000, UINT32_MAX };
	struct fixture *fix = *state;
	struct bus_access acc;
	unsigned int i;

	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0x60, 1, "a", probe_io, &fix->a, NULL), 0);
	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0x70, 2, "b", probe_io, &fix->b, NULL), 0);
	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		acc = (struct bus_access){ .addr = 0x71, .size = 1, .near = near[i] };
		assert_true(bus_dispatch(fix->bus, BUS_PIO, &acc));
		assert_int_equal(acc.data, 2);
		assert_int_equal(acc.near, 1);
	}
	bus_unregister(fix->bus, &fix->a);
	acc.data = 0;
	assert_true(bus_dispatch(fix->bus, BUS_PIO, &acc));
	assert_int_equal(acc.data, 2);
	assert_int_equal(acc.near, 0);
	acc.addr = 0x60;
	assert_false(bus_dispatch(fix->bus, BUS_PIO, &acc));
}

/* The device's time begins where the exit did, and ends where the next piece begins. */
static void test_time(void **state)
{
	struct fixture *fix = *state;
	struct bus_access acc = { .addr = 0x60, .size = 2, .start_tsc = 1 };

	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0x60, 1, "a", probe_io, &fix->a, NULL), 0);
	assert_int_equal(bus_register(fix->bus, BUS_PIO, 0x61, 1, "b", probe_io, &fix->b, NULL), 0);
	assert_true(bus_dispatch(fix->bus, BUS_PIO, &acc));
	assert_true(acc.end_tsc > 1);
	assert_true(acc.start_tsc == acc.end_tsc);
	assert_int_equal(ledger_find(fix->page, "a", LEDGER_PIO)->tsc +
				 ledger_find(fix->page, "b", LEDGER_PIO)->tsc,
			 acc.end_tsc - 1);
	acc.addr = 0x90;
	assert_false(bus_dispatch(fix->bus, BUS_PIO, &acc));
	assert_int_equal(acc.end_tsc, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unclaimed),
		TEST(test_odd_sizes),
		TEST(test_overlap),
		TEST(test_dispatch_and_ledger),
		TEST(test_straddle),
		TEST(test_split_helper),
		TEST(test_unregister),
		TEST(test_full),
		TEST(test_each_ascends),
		TEST(test_near),
		TEST(test_time),
		cmocka_unit_test(test_rows_are_cut),
		cmocka_unit_test(test_state_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
