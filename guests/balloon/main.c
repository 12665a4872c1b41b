/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A balloon driver small enough to be read in one sitting (virtio 1.2, section 5.5): frames go to
 * the host and come back, statistics answer when they are asked for.
 *
 *	vitrine run --headless guests/balloon.elf		tries everything, then leaves
 *	vitrine run --detach guests/balloon.elf -- serve	follows `vitrine balloon`
 *
 * The trial ends with an attack: frames that are not RAM, frames twice, frames never given, an
 * array without end. None of it may touch a page that was not given. The debug-exit port gets 0x10,
 * or the number of failures.
 */
#include "cpu.h"
#include "guest.h"
#include "mem.h"
#include "multiboot.h"
#include "power.h"
#include "print.h"
#include "string.h"
#include "../virtio/virtio.h"

#define MAIN_SUCCESS 0x10
#define MAIN_SLOTS   32
#define MAIN_TRIAL   1024 /* frames */
#define MAIN_KEPT    64	  /* frames that are looked after meanwhile */
#define MAIN_PATTERN 0xa5a5a5a5a5a5a5a5ull

#define VIRTIO_BALLOON	   5
#define BALLOON_F_STATS	   (1ull << 1)
#define BALLOON_CFG_TARGET 0 /* pages that the host wants */
#define BALLOON_CFG_ACTUAL 4 /* pages that it has */
#define BALLOON_MAX	   32768
#define BALLOON_BATCH	   256
#define BALLOON_STAT_FREE  4
#define BALLOON_STAT_TOTAL 5

struct balloon {
	struct virtio dev;
	struct virtq inflate, deflate, stats;
	uint32_t frame[BALLOON_MAX]; /* those that can be given; the first NR are with the host */
	uint32_t nr, total;
};

struct balloon_stat {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

static struct balloon balloon;
static unsigned int failures;

static void main_check(bool good, const char *what)
{
	if (good)
		return;
	printf("balloon: wrong: %s\n", what);
	failures++;
}

/* --- the driver --- */

static void balloon_tell_actual(struct balloon *bal)
{
	*(volatile uint32_t *)(bal->dev.config + BALLOON_CFG_ACTUAL) = bal->nr;
}

/* One array of frame numbers, answered or not. */
static bool balloon_send(struct virtq *vq, uint32_t *frame, uint32_t nr)
{
	struct virtq_buf buf = { frame, nr * 4, false };

	virtq_offer(vq, &buf, 1);
	return virtq_wait(vq) >= 0;
}

static bool balloon_inflate(struct balloon *bal, uint32_t nr)
{
	static uint32_t array[BALLOON_BATCH];

	memcpy(array, &bal->frame[bal->nr], nr * 4);
	if (!balloon_send(&bal->inflate, array, nr))
		return false;
	bal->nr += nr;
	balloon_tell_actual(bal);
	return true;
}

static bool balloon_deflate(struct balloon *bal, uint32_t nr)
{
	static uint32_t array[BALLOON_BATCH];

	memcpy(array, &bal->frame[bal->nr - nr], nr * 4);
	if (!balloon_send(&bal->deflate, array, nr))
		return false;
	bal->nr -= nr;
	balloon_tell_actual(bal);
	return true;
}

/* A step towards what the host wants. */
static bool balloon_follow(struct balloon *bal)
{
	uint32_t target = virtio_config(&bal->dev, BALLOON_CFG_TARGET, 4), step;

	if (target > bal->total)
		target = bal->total;
	if (target > bal->nr) {
		step = target - bal->nr;
		return balloon_inflate(bal, step < BALLOON_BATCH ? step : BALLOON_BATCH);
	}
	step = bal->nr - target;
	return !step || balloon_deflate(bal, step < BALLOON_BATCH ? step : BALLOON_BATCH);
}

/* The buffer stays with the device; it comes back when the host wants new numbers. */
static void balloon_stats(struct balloon *bal)
{
	static struct balloon_stat stat[2];
	struct virtq_buf buf = { stat, sizeof(stat), false };

	stat[0] = (struct balloon_stat){ BALLOON_STAT_FREE, (bal->total - bal->nr) * PAGE_SIZE };
	stat[1] = (struct balloon_stat){ BALLOON_STAT_TOTAL, mem_total() };
	virtq_offer(&bal->stats, &buf, 1);
}

static bool balloon_open(struct balloon *bal, unsigned int slot)
{
	bal->nr = 0;
	if (!virtio_open(&bal->dev, slot, VIRTIO_MODERN) ||
	    !virtio_features(&bal->dev, BALLOON_F_STATS) ||
	    !virtio_queue(&bal->dev, 0, &bal->inflate) ||
	    !virtio_queue(&bal->dev, 1, &bal->deflate) || !virtio_queue(&bal->dev, 2, &bal->stats))
		return false;
	virtio_go(&bal->dev);
	balloon_stats(bal);
	return true;
}

static void balloon_serve(struct balloon *bal)
{
	uint32_t said = UINT32_MAX;

	printf("balloon: ready\n");
	for (;;) {
		if (bal->stats.used->idx != bal->stats.last_used) {
			bal->stats.last_used++;
			balloon_stats(bal);
		}
		main_check(balloon_follow(bal), "the device does not answer");
		if (bal->nr != said && bal->nr == virtio_config(&bal->dev, BALLOON_CFG_TARGET, 4))
			printf("balloon: %u pages\n", said = bal->nr);
		cpu_pause();
	}
}

/* --- the trial --- */

static uint64_t *main_page(uint32_t frame)
{
	return phys_to_virt(frame * PAGE_SIZE);
}

static void main_fill(uint32_t from, uint32_t to)
{
	uint32_t i, j;

	for (i = from; i < to; i++)
		for (j = 0; j < PAGE_SIZE / 8; j++)
			main_page(balloon.frame[i])[j] = MAIN_PATTERN + i;
}

/* Frames FROM..TO hold what main_fill() wrote (ZERO: nothing any more). */
static bool main_holds(uint32_t from, uint32_t to, bool zero)
{
	uint32_t i, j;

	for (i = from; i < to; i++)
		for (j = 0; j < PAGE_SIZE / 8; j++)
			if (main_page(balloon.frame[i])[j] != (zero ? 0 : MAIN_PATTERN + i))
				return false;
	return true;
}

static void trial_there_and_back(void)
{
	uint32_t end = MAIN_TRIAL + MAIN_KEPT, i;

	main_fill(0, end);
	for (i = 0; i < MAIN_TRIAL; i += BALLOON_BATCH)
		main_check(balloon_inflate(&balloon, BALLOON_BATCH), "inflate");
	main_check(main_holds(MAIN_TRIAL, end, false), "a page that was not given");
	for (i = 0; i < MAIN_TRIAL; i += BALLOON_BATCH)
		main_check(balloon_deflate(&balloon, BALLOON_BATCH), "deflate");
	main_check(main_holds(0, MAIN_TRIAL, true), "a page that was given is not fresh");
	main_fill(0, end);
	main_check(main_holds(0, end, false), "a page that came back");
}

static void trial_attack(unsigned int slot)
{
	static uint32_t bad[] = { 0xa0,	   0xb8,     0xc0,	 0xff,	    0xfec00,
				  0xfee00, 0x100000, 0x7fffffff, 0xffffffff };
	static uint32_t twice[BALLOON_BATCH];
	struct virtq_buf endless = { balloon.frame, sizeof(balloon.frame), false };
	struct virtq_buf inward = { twice, sizeof(twice), true };
	unsigned int i;

	for (i = 0; i < BALLOON_BATCH; i++)
		twice[i] = balloon.frame[MAIN_TRIAL - 1];
	main_check(balloon_send(&balloon.inflate, bad, sizeof(bad) / 4), "bad frames");
	main_check(balloon_send(&balloon.inflate, twice, BALLOON_BATCH), "a frame twice");
	main_check(balloon_send(&balloon.deflate, bad, sizeof(bad) / 4), "bad frames back");
	main_check(balloon_send(&balloon.deflate, twice, BALLOON_BATCH), "a frame back twice");
	*(volatile uint32_t *)(balloon.dev.config + BALLOON_CFG_ACTUAL) = 0xffffffff;
	virtq_offer(&balloon.deflate, &inward, 1); /* the wrong way: the device gives up */
	main_check(balloon_open(&balloon, slot), "no new start");
	virtq_offer(&balloon.inflate, &endless, 1);
	main_check(balloon_open(&balloon, slot), "no second new start");
	main_check(main_holds(MAIN_TRIAL, MAIN_TRIAL + MAIN_KEPT, false),
		   "a page that was not given, after the attack");
	main_fill(0, MAIN_TRIAL);
	trial_there_and_back();
}

static void main_use(unsigned int slot)
{
	uint32_t i, nr = sizeof(balloon.frame) / 4, room = (uint32_t)(mem_total() / PAGE_SIZE / 2);

	for (i = 0; i < nr && i < room; i++)
		balloon.frame[i] = (uint32_t)(frame_alloc() / PAGE_SIZE);
	balloon.total = i;
	if (!balloon_open(&balloon, slot)) {
		main_check(false, "the device does not start");
		return;
	}
	if (strstr(boot_info.cmdline, "serve"))
		balloon_serve(&balloon);
	trial_there_and_back();
	trial_attack(slot);
	virtio_close(&balloon.dev);
}

void kmain(void)
{
	unsigned int slot;

	for (slot = 0; slot < MAIN_SLOTS; slot++) {
		if (virtio_type(slot) == VIRTIO_BALLOON)
			main_use(slot);
	}
	printf("balloon: %s\n", failures ? "failed" : "done");
	power_exit(failures ? failures : MAIN_SUCCESS);
}
