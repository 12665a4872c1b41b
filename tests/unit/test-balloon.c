/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon device: what goes in and out, what is refused, statistics, hints, reports, options.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "balloon/balloon.h"
#include "fake-env.h"
#include "fake-virtio.h"
#include "vmm/punch.h"

#define MIB	  (1ull << 20)
#define TEST_SIZE (16 * MIB)
#define SECOND	  1000000000ull

#define F_STATS	    (1ull << 1)
#define F_OOM	    (1ull << 2)
#define F_HINT	    (1ull << 3)
#define F_POISON    (1ull << 4)
#define F_REPORTING (1ull << 5)
#define F_ALL	    (F_STATS | F_OOM | F_HINT | F_POISON | F_REPORTING)

struct bench {
	struct fake_env *fake;
	struct mem *ours, *mem;
	struct balloon_config cfg;
	struct virtio *vdev;
	struct balloon *bal;
};

static void bench_start(struct bench *b, const char *option)
{
	struct pci_plug plug = { 0 };
	struct err err = ERR_INIT;
	const struct virtio_plug *virtio;

	memset(b, 0, sizeof(*b));
	b->fake = fake_env_new();
	assert_non_null(b->fake);
	assert_int_equal(mem_create(TEST_SIZE, &b->mem, &err), 0);
	b->ours = b->fake->env.mem;
	b->fake->env.mem = b->mem;
	b->fake->now_ns = 100 * SECOND;
	assert_int_equal(balloon_plug_parse(option, &plug, &err), 0);
	virtio = plug.config;
	b->cfg = *(const struct balloon_config *)virtio->config;
	free((void *)virtio->config);
	free((void *)virtio);
	b->vdev = fake_virtio_on(&b->fake->env, &balloon_ops, &b->cfg, &err);
	assert_non_null(b->vdev);
	b->bal = b->cfg.instance;
	assert_non_null(b->bal);
	memset(mem_span(b->mem, MIB, TEST_SIZE - MIB), 0xa5, TEST_SIZE - MIB);
	memset(mem_span(b->mem, 0, MEM_LOW_END), 0xa5, MEM_LOW_END);
}

static void bench_end(struct bench *b)
{
	fake_virtio_free(b->vdev);
	assert_null(b->cfg.instance);
	b->fake->env.mem = b->ours;
	mem_destroy(b->mem);
	fake_env_free(b->fake);
}

static struct balloon_info info_of(struct bench *b)
{
	struct balloon_info info;

	balloon_get(b->bal, &info);
	return info;
}

static void send(struct bench *b, unsigned int queue, const void *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	int head = fake_chain(b->vdev, queue, &iov, 1, 0);

	assert_true(fake_virtio_finish(b->vdev, queue, head, NULL));
}

static uint8_t byte_at(struct bench *b, uint64_t gpa)
{
	return *(const uint8_t *)mem_span(b->mem, gpa, 1);
}

static void set_actual(struct bench *b, uint32_t pages)
{
	balloon_ops.config_write(fake_virtio_state(b->vdev), 4, 4, pages);
}

static void test_inflate_deflate(void **state)
{
	uint32_t pfn[] = { 0x400, 0x402, 0x401, 0x800, 0x20 };
	struct balloon_info info;
	uint64_t resident;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	resident = mem_resident(b.mem);
	send(&b, 0, pfn, sizeof(pfn));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 5);
	assert_int_equal(info.counts.nr_holes, 3); /* 400..402 in one */
	assert_int_equal(mem_resident(b.mem), resident - 5 * 4096);
	assert_int_equal(byte_at(&b, 0x400000), 0);
	assert_int_equal(byte_at(&b, 0x403000), 0xa5);
	assert_int_equal(byte_at(&b, 0x3ff000), 0xa5);
	send(&b, 1, pfn, 2 * sizeof(pfn[0]));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 3);
	assert_int_equal(info.counts.deflated, 2);
	bench_end(&b);
}

static void test_refused(void **state)
{
	uint32_t bad[] = { 0xa0, 0xb8, 0xc0, 0xff, 0x1000, 0xfee00, 0xffffffff, 0x500, 0x500 };
	uint32_t again[] = { 0x500 }, never[] = { 0x501, 0x1000 };
	struct balloon_info info;
	uint64_t resident;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	resident = mem_resident(b.mem);
	send(&b, 0, bad, sizeof(bad));
	send(&b, 0, again, sizeof(again));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 1);
	assert_int_equal(info.counts.refused.outside, 7);
	assert_int_equal(info.counts.refused.repeated, 2);
	assert_int_equal(mem_resident(b.mem), resident - 4096);
	send(&b, 1, never, sizeof(never));
	info = info_of(&b);
	assert_int_equal(info.counts.refused.foreign, 1);
	assert_int_equal(info.counts.refused.outside, 8);
	assert_string_equal(fake_virtio_why(b.vdev), "");
	bench_end(&b);
}

static void test_breakpoints_stay(void **state)
{
	uint32_t pfn[] = { 0x500, 0x501, 0x502 };
	struct sample_patch *patch;
	struct balloon_info info;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	patch = &b.fake->page->patch[SAMPLE_PATCHES - 1];
	patch->gpa = 0x501123;
	patch->used = 1;
	send(&b, 0, pfn, sizeof(pfn));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 2);
	assert_int_equal(info.counts.refused.watched, 1);
	assert_int_equal(byte_at(&b, 0x501123), 0xa5);
	bench_end(&b);
}

static void test_guarded_pages_stay(void **state)
{
	uint32_t pfn[] = { 0x500, 0x501, 0x502 };
	struct balloon_info info;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	assert_int_equal(mem_watch(b.mem, 0x501123, true), 0);
	assert_int_equal(mem_watch(b.mem, 1ull << 50, true), -EFAULT);
	send(&b, 0, pfn, sizeof(pfn));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 2);
	assert_int_equal(info.counts.refused.watched, 1);
	assert_int_equal(byte_at(&b, 0x501123), 0xa5);
	assert_int_equal(mem_watch(b.mem, 0x501123, false), 0);
	send(&b, 0, pfn + 1, sizeof(pfn[0]));
	assert_int_equal(info_of(&b).counts.nr, 3);
	bench_end(&b);
}

static void test_whole_blocks(void **state)
{
	uint32_t pfn[512], i;
	struct balloon_info info;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	for (i = 0; i < 512; i++)
		pfn[i] = 0x600 + (i * 37) % 512; /* in some order */
	send(&b, 0, pfn, 256 * sizeof(pfn[0]));
	assert_int_equal(info_of(&b).counts.nr_huge, 0);
	send(&b, 0, pfn + 256, 256 * sizeof(pfn[0]));
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 512);
	assert_int_equal(info.counts.nr_huge, 1);
	assert_int_equal(byte_at(&b, 0x5ff000), 0xa5);
	assert_int_equal(byte_at(&b, 0x800000), 0xa5);
	bench_end(&b);
}

static void test_config(void **state)
{
	struct balloon_info info;
	struct bench b;
	void *st;

	(void)state;
	bench_start(&b, "12M,floor=4M,weight=7");
	st = fake_virtio_state(b.vdev);
	assert_int_equal(balloon_ops.config_read(st, 0, 4), 4 * MIB / 4096);
	info = info_of(&b);
	assert_int_equal(info.floor, 4 * MIB);
	assert_int_equal(info.weight, 7);
	assert_false(info.driver);
	fake_virtio_start(b.vdev, F_ALL);
	balloon_set_target(b.bal, 8 * MIB + 100);
	assert_int_equal(balloon_ops.config_read(st, 0, 4), 8 * MIB / 4096);
	assert_int_equal(balloon_ops.config_read(st, 1, 1), 8 * MIB / 4096 >> 8 & 0xff);
	assert_int_equal(balloon_ops.config_read(st, 14, 4), 0);
	assert_int_equal(balloon_ops.config_read(st, 0xfffffffe, 8), 0);
	balloon_set_target(b.bal, 0); /* a guest cannot live on nothing */
	assert_int_equal(info_of(&b).target, MIB);
	balloon_set_target(b.bal, UINT64_MAX);
	assert_int_equal(info_of(&b).target, TEST_SIZE);
	balloon_ops.config_write(st, 0, 4, 77); /* the target is not the driver's */
	assert_int_equal(balloon_ops.config_read(st, 0, 4), 0);
	balloon_ops.config_write(st, 0xfffffffc, 8, 77);
	set_actual(&b, 1024);
	assert_int_equal(info_of(&b).actual, TEST_SIZE - 4 * MIB);
	set_actual(&b, 0xffffffff); /* more than there is */
	assert_int_equal(info_of(&b).actual, 0);
	bench_end(&b);
}

static unsigned int told;

static void on_change(void *ctx)
{
	(void)ctx;
	told++;
}

static void test_progress(void **state)
{
	struct balloon_info info;
	struct bench b;
	uint32_t i;

	(void)state;
	bench_start(&b, "stats=0");
	told = 0;
	balloon_listen(b.bal, on_change, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	balloon_set_target(b.bal, 8 * MIB);
	for (i = 1; i <= 4; i++) { /* 1 MiB in half a second */
		fake_advance(b.fake, SECOND / 2);
		set_actual(&b, 256 * i);
	}
	info = info_of(&b);
	assert_int_equal(info.rate, -2 * (int64_t)MIB);
	assert_int_equal(info.actual, 12 * MIB);
	fake_advance(b.fake, SECOND);
	assert_in_range(told, 2, 5);
	assert_false(info_of(&b).stalled);
	fake_advance(b.fake, 6 * SECOND);
	info = info_of(&b);
	assert_true(info.stalled);
	assert_int_equal(info.stalls, 1);
	assert_int_equal(info.rate, 0);
	set_actual(&b, 2048);
	info = info_of(&b);
	assert_false(info.stalled);
	fake_advance(b.fake, 60 * SECOND);
	assert_int_equal(info_of(&b).stalls, 1); /* it is there: that is no stall */
	bench_end(&b);
}

static void put_stat(uint8_t *at, uint16_t tag, uint64_t val)
{
	memcpy(at, &tag, 2);
	memcpy(at + 2, &val, 8);
}

static void test_stats(void **state)
{
	struct balloon_info info;
	uint8_t data[35];
	struct iovec iov = { data, sizeof(data) };
	struct bench b;
	int head;

	(void)state;
	bench_start(&b, "stats=3");
	fake_virtio_start(b.vdev, F_ALL);
	put_stat(data, STATS_FREE, 5 * MIB);
	put_stat(data + 10, 999, 1);
	put_stat(data + 20, STATS_DIRECT_RECLAIMS, 42); /* five bytes follow, and are none */
	head = fake_chain(b.vdev, 2, &iov, 1, 0);
	fake_virtio_kick(b.vdev, 2);
	assert_false(fake_chain_done(b.vdev, 2, head, NULL)); /* it is kept */
	info = info_of(&b);
	assert_int_equal(info.stats.value[STATS_FREE], 5 * MIB);
	assert_int_equal(info.stats.value[STATS_DIRECT_RECLAIMS], 42);
	assert_true(info.stats.value[STATS_AVAILABLE] == STATS_UNKNOWN);
	assert_int_equal(info.stats.nr_foreign, 1);
	fake_advance(b.fake, 2 * SECOND);
	assert_false(fake_chain_done(b.vdev, 2, head, NULL));
	fake_advance(b.fake, SECOND);
	fake_virtio_kick(b.vdev, 2); /* what virtio_kick() of the timer does */
	assert_true(fake_chain_done(b.vdev, 2, head, NULL));
	fake_advance(b.fake, 2000000);
	head = fake_chain(b.vdev, 2, &iov, 1, 0);
	fake_virtio_kick(b.vdev, 2);
	info = info_of(&b);
	assert_int_equal(info.round_trip_ns, 2000000);
	assert_int_equal(info.stats_ns, b.fake->now_ns);
	balloon_set_interval(b.bal, 0); /* never again */
	fake_advance(b.fake, 100 * SECOND);
	fake_virtio_kick(b.vdev, 2);
	assert_false(fake_chain_done(b.vdev, 2, head, NULL));
	balloon_set_interval(b.bal, 1);
	fake_advance(b.fake, SECOND);
	fake_virtio_kick(b.vdev, 2);
	assert_true(fake_chain_done(b.vdev, 2, head, NULL));
	bench_end(&b);
}

/* Two buffers at once, though the specification allows one. */
static void test_stats_twice(void **state)
{
	uint8_t data[10] = { 0 };
	struct iovec iov = { data, sizeof(data) };
	struct bench b;
	int first, second;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	first = fake_chain(b.vdev, 2, &iov, 1, 0);
	second = fake_chain(b.vdev, 2, &iov, 1, 0);
	fake_virtio_kick(b.vdev, 2);
	assert_true(fake_chain_done(b.vdev, 2, first, NULL));
	assert_false(fake_chain_done(b.vdev, 2, second, NULL));
	bench_end(&b);
}

static void test_reporting(void **state)
{
	uint64_t resident;
	struct iovec iov[3];
	struct bench b;
	int head;

	(void)state;
	bench_start(&b, "reporting=on");
	fake_virtio_start(b.vdev, F_ALL & ~F_POISON);
	resident = mem_resident(b.mem);
	iov[0] = (struct iovec){ mem_span(b.mem, 4 * MIB, 2 * MIB), 2 * MIB };
	iov[1] = (struct iovec){ (uint8_t *)mem_span(b.mem, 8 * MIB, 8192) + 100, 8192 };
	iov[2] = (struct iovec){ mem_span(b.mem, MEM_ROM_BASE, 4096), 4096 };
	head = fake_chain(b.vdev, 4, iov, 0, 3);
	assert_true(fake_virtio_finish(b.vdev, 4, head, NULL));
	assert_int_equal(info_of(&b).reported, 2 * MIB + 4096);
	assert_int_equal(info_of(&b).counts.refused.outside, 1);
	assert_int_equal(mem_resident(b.mem), resident - 2 * MIB - 4096);
	assert_int_equal(byte_at(&b, 8 * MIB), 0xa5); /* the page that is free in part only */
	bench_end(&b);
}

/* A guest that fills its free pages with a pattern wants to find it there again. */
static void test_poison(void **state)
{
	struct iovec iov;
	struct bench b;
	int head;

	(void)state;
	bench_start(&b, "reporting=on");
	fake_virtio_start(b.vdev, F_ALL);
	balloon_ops.config_write(fake_virtio_state(b.vdev), 12, 4, 0xaaaaaaaa);
	assert_int_equal(info_of(&b).poison, 0xaaaaaaaa);
	iov = (struct iovec){ mem_span(b.mem, 4 * MIB, 2 * MIB), 2 * MIB };
	head = fake_chain(b.vdev, 4, &iov, 0, 1);
	assert_true(fake_virtio_finish(b.vdev, 4, head, NULL));
	assert_int_equal(info_of(&b).reported, 0);
	assert_int_equal(byte_at(&b, 4 * MIB), 0xa5);
	bench_end(&b);
}

static void test_hint(void **state)
{
	uint32_t id, stop = 0;
	struct err err = ERR_INIT;
	struct iovec iov;
	struct bench b;
	void *st;
	int head;

	(void)state;
	bench_start(&b, NULL);
	st = fake_virtio_state(b.vdev);
	assert_true(balloon_hint(b.bal, &err) < 0); /* no driver */
	fake_virtio_start(b.vdev, F_ALL);
	assert_int_equal(balloon_hint(b.bal, &err), 0);
	assert_true(balloon_hint(b.bal, &err) < 0); /* one at a time */
	id = (uint32_t)balloon_ops.config_read(st, 8, 4);
	assert_true(id >= 0x80000000u);
	iov = (struct iovec){ mem_span(b.mem, 4 * MIB, 2 * MIB), 2 * MIB };
	head = fake_chain(b.vdev, 3, &iov, 0, 1); /* before the round began: not counted */
	assert_true(fake_virtio_finish(b.vdev, 3, head, NULL));
	send(&b, 3, &id, sizeof(id));
	head = fake_chain(b.vdev, 3, &iov, 0, 1);
	assert_true(fake_virtio_finish(b.vdev, 3, head, NULL));
	send(&b, 3, &stop, sizeof(stop));
	assert_int_equal(info_of(&b).hinted, 2 * MIB);
	assert_int_equal(balloon_ops.config_read(st, 8, 4), 1); /* done */
	assert_int_equal(byte_at(&b, 4 * MIB), 0xa5);		/* and still the guest's */
	assert_int_equal(balloon_hint(b.bal, &err), 0);
	bench_end(&b);
}

/* Without hints an old driver has its reports on queue 3, a new one on queue 4. */
static void test_queue_numbers(void **state)
{
	struct iovec iov;
	struct bench b;
	int round, head;

	(void)state;
	for (round = 0; round < 2; round++) {
		bench_start(&b, "reporting=on");
		fake_virtio_unused(b.vdev, round ? 3 : 4);
		fake_virtio_start(b.vdev, F_STATS | F_REPORTING);
		iov = (struct iovec){ mem_span(b.mem, 4 * MIB, 2 * MIB), 2 * MIB };
		head = fake_chain(b.vdev, round ? 4 : 3, &iov, 0, 1);
		assert_true(fake_virtio_finish(b.vdev, round ? 4 : 3, head, NULL));
		assert_int_equal(info_of(&b).reported, 2 * MIB);
		bench_end(&b);
	}
}

static void test_nonsense(void **state)
{
	static uint32_t many[16385];
	uint8_t odd[] = { 0, 4, 0, 0, 7 };
	struct iovec iov[2];
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	send(&b, 0, odd, sizeof(odd)); /* a frame, and a quarter of one */
	assert_int_equal(info_of(&b).counts.nr, 1);
	iov[0] = (struct iovec){ many, sizeof(many) };
	fake_chain(b.vdev, 0, iov, 1, 0);
	fake_virtio_kick(b.vdev, 0);
	assert_non_null(strstr(fake_virtio_why(b.vdev), "65540 out"));
	bench_end(&b);
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	iov[1] = (struct iovec){ odd, 4 };
	iov[0] = (struct iovec){ many, 4 };
	fake_chain(b.vdev, 1, iov, 1, 1);
	fake_virtio_kick(b.vdev, 1);
	assert_non_null(strstr(fake_virtio_why(b.vdev), "4 bytes in"));
	bench_end(&b);
}

static void test_reset(void **state)
{
	uint32_t pfn[] = { 0x400, 0x401 };
	struct balloon_info info;
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	balloon_set_target(b.bal, 8 * MIB);
	send(&b, 0, pfn, sizeof(pfn));
	set_actual(&b, 2);
	fake_virtio_reset(b.vdev);
	info = info_of(&b);
	assert_int_equal(info.counts.nr, 0);
	assert_int_equal(info.actual, TEST_SIZE);
	assert_int_equal(info.target, 8 * MIB);
	assert_int_equal(info.stats_ns, 0);
	assert_false(info.driver);
	fake_virtio_forget(b.vdev);
	fake_virtio_start(b.vdev, F_ALL);
	send(&b, 0, pfn, sizeof(pfn)); /* the same frames are no repetition now */
	assert_int_equal(info_of(&b).counts.nr, 2);
	bench_end(&b);
}

static void test_snapshot(void **state)
{
	uint32_t pfn[] = { 0x400, 0x401, 0x403, 0x10 };
	struct dev_state_in in = { 0 };
	struct err err = ERR_INIT;
	struct buf saved = BUF_INIT;
	struct bench b, c;
	size_t cut;

	(void)state;
	bench_start(&b, NULL);
	bench_start(&c, NULL);
	fake_virtio_start(b.vdev, F_ALL);
	fake_virtio_start(c.vdev, F_ALL);
	balloon_set_target(b.bal, 8 * MIB);
	send(&b, 0, pfn, sizeof(pfn));
	set_actual(&b, 4);
	balloon_ops.save(fake_virtio_state(b.vdev), &saved);
	in.data = (const uint8_t *)saved.data;
	in.len = saved.len;
	assert_int_equal(balloon_ops.load(fake_virtio_state(c.vdev), &in, &err), 0);
	assert_int_equal(info_of(&c).counts.nr, 4);
	assert_int_equal(info_of(&c).target, 8 * MIB);
	assert_int_equal(info_of(&c).actual, TEST_SIZE - 4 * 4096);
	send(&c, 0, pfn, sizeof(pfn));
	assert_int_equal(info_of(&c).counts.refused.repeated, 4);
	for (cut = 0; cut < saved.len; cut++) {
		in = (struct dev_state_in){ .data = (const uint8_t *)saved.data, .len = cut };
		assert_true(balloon_ops.load(fake_virtio_state(c.vdev), &in, &err) < 0);
	}
	buf_free(&saved);
	bench_end(&c);
	bench_end(&b);
}

static void test_rows(void **state)
{
	struct sample_row row[16];
	struct dev_rows rows = { .row = row, .max = 16, .device = "balloon" };
	uint32_t pfn[] = { 0xa0, 0x400 };
	struct bench b;

	(void)state;
	bench_start(&b, NULL);
	balloon_ops.describe(fake_virtio_state(b.vdev), &rows);
	assert_non_null(strstr(row[0].value, "no driver"));
	fake_virtio_start(b.vdev, F_ALL);
	send(&b, 0, pfn, sizeof(pfn));
	rows.nr = 0;
	balloon_ops.describe(fake_virtio_state(b.vdev), &rows);
	assert_non_null(strstr(row[rows.nr - 1].value, "1 outside RAM"));
	assert_int_equal(b.fake->page->balloon.present, 1);
	assert_int_equal(b.fake->page->balloon.size, TEST_SIZE);
	assert_true(b.fake->page->balloon.map[4 * SAMPLE_BALLOON_MAP / 16] > 0);
	bench_end(&b);
}

static void test_options(void **state)
{
	static const char *const bad[] = { "much",	  "0",		 "floor=x",
					   "weight=1001", "oom=perhaps", "colour=red",
					   "stats=-1",	  "256M,1x",	 "reporting=on2" };
	struct pci_plug plug = { 0 };
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(balloon_plug_parse(bad[i], &plug, &err) < 0);
		assert_non_null(strstr(err.text, "--balloon "));
	}
	assert_true(balloon_plug_parse("flor=1M", &plug, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean floor"));
	assert_null(plug.ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inflate_deflate),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_breakpoints_stay),
		cmocka_unit_test(test_guarded_pages_stay),
		cmocka_unit_test(test_whole_blocks),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_stats_twice),
		cmocka_unit_test(test_reporting),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_hint),
		cmocka_unit_test(test_queue_numbers),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
