/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The split queue against a driver that does right and one that does wrong. The
 * device is an echo: it copies what it may read to where it may write. Tests
 * named class_* are one for each class of bugs that virtual machine monitors
 * keep having with queues.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "virtio-driver.h"
#include "vmm/virtio/virtio-priv.h"

#define ECHO_QUEUE 64

enum echo_mode {
	ECHO_NORMAL,
	ECHO_KEEP,  /* take chains, give none back */
	ECHO_UNPOP, /* take one, put it back, take it again */
	ECHO_BATCH, /* fill all, then flush at once */
	ECHO_POLL,  /* spare kicks while there is work */
};

struct echo {
	struct virtio *vdev;
	struct virtq_elem elem;
	atomic_int mode;
	atomic_uint nr_elems, nr_resets, nr_bad;
	uint8_t config[8];
	uint16_t kept[ECHO_QUEUE];
	unsigned int nr_kept;
};

static struct echo *echo_now;

static int echo_init(const struct dev_env *env, struct virtio *vdev, const void *config,
		     void **state, struct err *err)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	(void)env;
	(void)config;
	echo->vdev = vdev;
	memcpy(echo->config, "\1\2\3\4\5\6\7\10", 8);
	*state = echo_now = echo;
	return virtio_queues(vdev, 2, ECHO_QUEUE, err);
}

static void echo_exit(void *state)
{
	free(state);
}

static void echo_reset(void *state)
{
	struct echo *echo = state;

	atomic_fetch_add(&echo->nr_resets, 1);
	echo->nr_kept = 0;
}

static uint64_t echo_features(void *state)
{
	(void)state;
	return 1;
}

static void echo_negotiated(void *state, uint64_t features)
{
	(void)state;
	(void)features;
}

static uint64_t echo_config_read(void *state, uint32_t off, uint32_t size)
{
	struct echo *echo = state;
	uint64_t val = 0;
	uint32_t i;

	for (i = 0; i < size && off + i < sizeof(echo->config); i++)
		val |= (uint64_t)echo->config[off + i] << (8 * i);
	return val;
}

/* Every byte of it must be RAM, now and for as long as it is out. */
static void echo_check(struct echo *echo)
{
	const struct mem *mem = echo->vdev->env->mem;
	const uint8_t *base = mem_span(mem, 0, 1);
	unsigned int i;

	for (i = 0; i < echo->elem.nr_out + echo->elem.nr_in; i++) {
		const uint8_t *at = echo->elem.iov[i].iov_base;

		if (at < base || at + echo->elem.iov[i].iov_len > base + MEM_LOW_END)
			atomic_fetch_add(&echo->nr_bad, 1);
	}
}

static uint32_t echo_copy(struct echo *echo)
{
	uint8_t data[4096];
	size_t len = virtq_elem_read(&echo->elem, 0, data, sizeof(data));

	echo_check(echo);
	atomic_fetch_add(&echo->nr_elems, 1);
	return (uint32_t)virtq_elem_write(&echo->elem, 0, data, len);
}

static void echo_queue(void *state, unsigned int queue)
{
	struct echo *echo = state;
	struct virtq *vq = virtio_queue(echo->vdev, queue);
	int mode = atomic_load(&echo->mode);
	unsigned int nr = 0;

	do {
		if (mode == ECHO_POLL)
			virtq_want_kick(vq, false);
		while (virtq_pop(vq, &echo->elem) > 0) {
			if (mode == ECHO_UNPOP) {
				virtq_unpop(vq);
				if (virtq_pop(vq, &echo->elem) != 1)
					atomic_fetch_add(&echo->nr_bad, 1);
			}
			if (mode == ECHO_KEEP)
				echo->kept[echo->nr_kept++] = echo->elem.head;
			else if (mode == ECHO_BATCH)
				virtq_fill(vq, echo->elem.head, echo_copy(echo), nr++);
			else
				virtq_push(vq, echo->elem.head, echo_copy(echo));
		}
	} while (mode == ECHO_POLL && virtq_want_kick(vq, true));
	if (mode == ECHO_BATCH)
		virtq_flush(vq, nr);
	virtq_notify(vq);
}

static void echo_describe(void *state, struct dev_rows *rows)
{
	(void)state;
	dev_row(rows, "echo", "yes");
}

static void echo_save(void *state, struct buf *out)
{
	(void)state;
	dev_save_u32(out, 0xec40);
}

static int echo_load(void *state, struct dev_state_in *in, struct err *err)
{
	(void)state;
	dev_load_u32(in);
	return dev_load_end(in, "echo", err);
}

static const struct virtio_ops echo_ops = {
	.name = "echo",
	.id = VIRTIO_ID_ENTROPY,
	.init = echo_init,
	.exit = echo_exit,
	.reset = echo_reset,
	.features = echo_features,
	.negotiated = echo_negotiated,
	.config_read = echo_config_read,
	.queue = echo_queue,
	.describe = echo_describe,
	.save = echo_save,
	.load = echo_load,
};

static struct vdrv *echo_start(uint64_t features)
{
	struct vdrv *drv = vdrv_new(&echo_ops, NULL);

	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, features, ECHO_QUEUE);
	assert_int_equal(vdrv_status(drv), 15);
	return drv;
}

#define ECHO_ALL (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

/* One exchange of LEN bytes through queue Q. */
static void echo_once(struct vdrv *drv, unsigned int q, uint32_t len)
{
	struct vdrv_seg seg[2] = { { VDRV_DATA, len, false }, { VDRV_DATA + 0x2000, len, true } };
	struct vdrv_used used;
	uint16_t head;
	uint32_t i;

	for (i = 0; i < len; i++)
		((uint8_t *)vdrv_mem(drv, VDRV_DATA))[i] = (uint8_t)(i * 7 + len);
	head = vdrv_add(drv, q, seg, 2);
	assert_true(vdrv_wait(drv, q, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, len);
	assert_memory_equal(vdrv_mem(drv, VDRV_DATA), vdrv_mem(drv, VDRV_DATA + 0x2000), len);
}

static void echo_end(struct vdrv *drv)
{
	assert_int_equal(atomic_load(&echo_now->nr_bad), 0);
	vdrv_free(drv);
}

/* It broke because of TEXT, says so on its row, and a reset heals it. */
static void echo_broken(struct vdrv *drv, const char *text)
{
	assert_true(vdrv_wait_broken(drv));
	if (!strstr(vdrv_row(drv, "needs reset"), text))
		fail_msg("'%s' does not say '%s'", vdrv_row(drv, "needs reset"), text);
	vdrv_settle(drv); /* the bit comes before the interrupt */
	assert_true(fake_pci_fired(drv->pci, 0) > 0);
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	assert_string_equal(vdrv_row(drv, "needs reset"), "");
	echo_once(drv, 0, 100);
	echo_end(drv);
}

/* --- doing right --- */

/* Indices and the newest chain are told, as the driver left them. */
static void described(void **state)
{
	struct vdrv *drv = echo_start(VIRTIO_F_INDIRECT_DESC);

	(void)state;
	echo_once(drv, 0, 100);
	vdrv_settle(drv);
	assert_non_null(strstr(vdrv_row(drv, "queue 0"), "1 chains, 0 in flight"));
	assert_non_null(strstr(vdrv_row(drv, "queue 0 rings"), "avail 1, used 1; at "));
	assert_non_null(
		strstr(vdrv_row(drv, "queue 0 last chain"), ": out 1 with 100 B, in 1 with 100 B"));
	echo_end(drv);
}

static void exchange(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX,
					     ECHO_ALL };
	struct vdrv *drv;
	unsigned int i, n;

	(void)state;
	for (i = 0; i < 4; i++) {
		drv = echo_start(features[i]);
		for (n = 0; n < 300; n++)
			echo_once(drv, n % 2, 1 + n);
		assert_int_equal(fake_pci_fired(drv->pci, 0), 0);
		assert_true(fake_pci_fired(drv->pci, 1) > 0);
		echo_end(drv);
	}
}

static void every_mode(void **state)
{
	static const int modes[] = { ECHO_UNPOP, ECHO_BATCH, ECHO_POLL };
	unsigned int i, m, f;
	struct vdrv *drv;

	(void)state;
	for (m = 0; m < 3; m++) {
		for (f = 0; f < 2; f++) {
			drv = echo_start(f ? ECHO_ALL : 0);
			atomic_store(&echo_now->mode, modes[m]);
			for (i = 0; i < 100; i++)
				echo_once(drv, 0, 10 + i);
			echo_end(drv);
		}
	}
}

/* The 16-bit indices go round. */
static void index_wrap(void **state)
{
	struct vdrv_seg seg = { VDRV_DATA, 4, true };
	struct vdrv *drv = echo_start(VIRTIO_F_EVENT_IDX);
	struct vdrv_used used;
	unsigned int i, n;

	(void)state;
	for (i = 0; i < 70000 / 32; i++) {
		for (n = 0; n < 32; n++)
			vdrv_offer(drv, 0, vdrv_chain(drv, 0, &seg, 1));
		vdrv_kick(drv, 0);
		for (n = 0; n < 32; n++)
			assert_true(vdrv_wait(drv, 0, &used));
	}
	assert_int_equal(atomic_load(&echo_now->nr_elems), i * 32);
	echo_once(drv, 0, 64);
	echo_end(drv);
}

static void put_indirect(struct vdrv *drv, uint64_t gpa, unsigned int i, uint64_t addr,
			 uint32_t len, uint16_t flags, uint16_t next)
{
	struct vdrv_desc *table = vdrv_mem(drv, gpa);

	table[i] = (struct vdrv_desc){ .addr = addr, .len = len, .flags = flags, .next = next };
}

/* A chain that is one descriptor: an indirect table of NR entries at GPA. */
static void offer_indirect(struct vdrv *drv, uint64_t gpa, uint32_t len, uint16_t flags)
{
	struct vdrv_seg seg = { gpa, len, false };
	uint16_t head = vdrv_chain(drv, 0, &seg, 1);

	vdrv_desc(drv, 0, head)->flags = flags;
	vdrv_offer(drv, 0, head);
	vdrv_kick(drv, 0);
}

static void indirect(void **state)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	uint64_t table = VDRV_DATA + 0x8000;
	struct vdrv_seg seg[2] = { { VDRV_DATA, 8, false }, { table, 16, false } };
	struct vdrv_used used;
	uint16_t head;

	(void)state;
	/* Out of order in the table, an odd place in memory, empty buffers in between. */
	put_indirect(drv, table + 2, 0, VDRV_DATA, 5, VDRV_NEXT, 3);
	put_indirect(drv, table + 2, 3, ~0ull, 0, VDRV_NEXT, 1);
	put_indirect(drv, table + 2, 1, VDRV_DATA + 5, 3, VDRV_NEXT, 2);
	put_indirect(drv, table + 2, 2, VDRV_DATA + 0x1000, 8, VDRV_WRITE, 0);
	memcpy(vdrv_mem(drv, VDRV_DATA), "indirect", 8);
	offer_indirect(drv, table + 2, 64, VDRV_INDIRECT);
	assert_true(vdrv_wait(drv, 0, &used));
	assert_int_equal(used.len, 8);
	assert_memory_equal(vdrv_mem(drv, VDRV_DATA + 0x1000), "indirect", 8);
	/* Behind an ordinary descriptor; WRITE means nothing there (2.7.5.3.2). */
	head = vdrv_chain(drv, 0, seg, 2);
	vdrv_desc(drv, 0, (head + 1) % ECHO_QUEUE)->flags = VDRV_INDIRECT | VDRV_WRITE;
	put_indirect(drv, table, 0, VDRV_DATA + 0x1100, 8, VDRV_WRITE, 0);
	vdrv_offer(drv, 0, head);
	vdrv_kick(drv, 0);
	assert_true(vdrv_wait(drv, 0, &used));
	assert_int_equal(used.id, head);
	assert_memory_equal(vdrv_mem(drv, VDRV_DATA + 0x1100), "indirect", 8);
	echo_end(drv);
}

/* 2.7.7.2: no interrupt while the driver does not want one; with an index, at that one. */
static void notification_suppressed(void **state)
{
	struct vdrv *drv = echo_start(0);
	uint16_t *avail = vdrv_mem(drv, drv->q[0].avail);
	unsigned int before;

	(void)state;
	__atomic_store_n(&avail[0], 1, __ATOMIC_RELAXED);
	echo_once(drv, 0, 10);
	vdrv_settle(drv);
	before = fake_pci_fired(drv->pci, 1);
	echo_once(drv, 0, 10);
	vdrv_settle(drv);
	assert_int_equal(fake_pci_fired(drv->pci, 1), before);
	__atomic_store_n(&avail[0], 0, __ATOMIC_RELAXED);
	echo_once(drv, 0, 10);
	vdrv_settle(drv);
	assert_int_equal(fake_pci_fired(drv->pci, 1), before + 1);
	echo_end(drv);
}

static void notification_by_index(void **state)
{
	struct vdrv *drv = echo_start(VIRTIO_F_EVENT_IDX);
	uint16_t *event = (uint16_t *)vdrv_mem(drv, drv->q[0].avail) + 2 + ECHO_QUEUE;
	unsigned int before, i;

	(void)state;
	*event = 5;
	echo_once(drv, 0, 10); /* the first after a start always says so */
	vdrv_settle(drv);
	before = fake_pci_fired(drv->pci, 1);
	for (i = 0; i < 8; i++) {
		echo_once(drv, 0, 10);
		vdrv_settle(drv);
		assert_int_equal(fake_pci_fired(drv->pci, 1), before + (i + 2 > 5));
	}
	echo_end(drv);
}

/* The device asks for the next kick by index, or by the flag. */
static void kicks_wanted(void **state)
{
	struct vdrv *drv = echo_start(VIRTIO_F_EVENT_IDX);
	uint16_t *event = (uint16_t *)vdrv_mem(drv, drv->q[0].used) + 2 + 4 * ECHO_QUEUE;

	(void)state;
	echo_once(drv, 0, 10);
	echo_once(drv, 0, 10);
	vdrv_settle(drv);
	assert_int_equal(*event, 2);
	echo_end(drv);
}

static void saved_and_loaded(void **state)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	struct dev_state_in in = { 0 };
	struct buf buf = BUF_INIT;
	unsigned int i;
	uint16_t head;
	struct vdrv_seg seg = { VDRV_DATA, 16, true };
	struct vdrv_used used;

	(void)state;
	for (i = 0; i < 5; i++)
		echo_once(drv, 0, 10);
	atomic_store(&echo_now->mode, ECHO_KEEP);
	head = vdrv_add(drv, 0, &seg, 1);
	vdrv_settle(drv);
	drv->pci->ops->hold(drv->pci->state, true);
	drv->pci->ops->save(drv->pci->state, &buf);
	drv->pci->ops->hold(drv->pci->state, false);
	vdrv_reset(drv);
	drv->pci->ops->hold(drv->pci->state, true);
	in.data = (const uint8_t *)buf.data;
	in.len = buf.len;
	assert_int_equal(drv->pci->ops->load(drv->pci->state, &in, NULL), 0);
	assert_int_equal(in.pos, in.len);
	drv->pci->ops->hold(drv->pci->state, false);
	assert_int_equal(vdrv_status(drv), 15);
	/* The chain that was out can be looked at again, and given back. */
	drv->pci->ops->hold(drv->pci->state, true);
	assert_int_equal(virtq_in_flight(virtio_queue(drv->vdev, 0)), 1);
	assert_int_equal(virtq_fetch(virtio_queue(drv->vdev, 0), head, &echo_now->elem), 0);
	assert_int_equal(echo_now->elem.in_len, 16);
	virtq_push(virtio_queue(drv->vdev, 0), head, 3);
	drv->pci->ops->hold(drv->pci->state, false);
	assert_true(vdrv_wait(drv, 0, &used));
	assert_int_equal(used.id, head);
	atomic_store(&echo_now->mode, ECHO_NORMAL);
	echo_once(drv, 0, 10);
	/* Every shorter state is refused, and none of them hurts. */
	for (i = 0; i < buf.len; i++) {
		in = (struct dev_state_in){ .data = (const uint8_t *)buf.data, .len = i };
		drv->pci->ops->hold(drv->pci->state, true);
		assert_int_not_equal(drv->pci->ops->load(drv->pci->state, &in, NULL), 0);
		drv->pci->ops->hold(drv->pci->state, false);
	}
	buf_free(&buf);
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

/* --- doing wrong --- */

/* CVE-2026-5747 and its kind. */
static void class_queue_config_after_enable(void **state)
{
	struct vdrv *drv = echo_start(0);

	(void)state;
	vdrv_set(drv, 22, 2, 0);
	vdrv_set(drv, 24, 2, 32768);
	vdrv_set(drv, 32, 8, 0x90000);
	vdrv_set(drv, 40, 4, 0x94000);
	vdrv_set(drv, 52, 4, 1);
	vdrv_set(drv, 28, 2, 0);
	vdrv_set(drv, 12, 4, 0xffffffff);
	assert_int_equal(vdrv_get(drv, 24, 2), ECHO_QUEUE);
	assert_int_equal(vdrv_get(drv, 32, 8), drv->q[0].desc);
	assert_int_equal(vdrv_get(drv, 40, 8), drv->q[0].avail);
	assert_int_equal(vdrv_get(drv, 48, 8), drv->q[0].used);
	assert_int_equal(vdrv_get(drv, 28, 2), 1);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

static void class_queue_select_out_of_range(void **state)
{
	static const uint16_t sel[] = { 2, 3, 63, 64, 255, 0x7fff, 0x8000, 0xffff };
	struct vdrv *drv = echo_start(0);
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(sel) / sizeof(sel[0]); i++) {
		vdrv_set(drv, 22, 2, sel[i]);
		assert_int_equal(vdrv_get(drv, 24, 2), 0);
		assert_int_equal(vdrv_get(drv, 26, 2), 0xffff);
		vdrv_set(drv, 24, 2, 8);
		vdrv_set(drv, 26, 2, 1);
		vdrv_set(drv, 32, 8, ~0ull);
		vdrv_set(drv, 28, 2, 1);
		vdrv_set(drv, VDRV_NOTIFY + 4 * (sel[i] % 1024), 2, sel[i]);
		fake_pci_write(drv->pci, 0, 14, 2, sel[i]);
		fake_pci_write(drv->pci, 0, 16, 2, sel[i]);
		assert_int_equal(fake_pci_read(drv->pci, 0, 12, 2), 0);
	}
	vdrv_set(drv, 18, 2, 64); /* num_queues is not the guest's */
	assert_int_equal(vdrv_get(drv, 18, 2), 2);
	echo_once(drv, 1, 10);
	echo_end(drv);
}

static void class_config_past_the_struct(void **state)
{
	struct vdrv *drv = echo_start(0);
	uint32_t off, size;

	(void)state;
	assert_int_equal(vdrv_get(drv, VDRV_CONFIG, 4), 0x04030201);
	assert_int_equal(vdrv_get(drv, VDRV_CONFIG + 6, 4), 0x0807);
	for (size = 1; size <= 8; size *= 2) {
		for (off = 8; off < 0x1000; off += 4) {
			vdrv_set(drv, VDRV_CONFIG + off, size, ~0ull);
			assert_int_equal(vdrv_get(drv, VDRV_CONFIG + off, size), 0);
		}
		for (off = 56; off < 0x1000; off++) {
			vdrv_set(drv, off, size, ~0ull);
			assert_int_equal(vdrv_get(drv, off, size), 0);
		}
	}
	echo_once(drv, 0, 10);
	echo_end(drv);
}

static void bad_segment(uint64_t gpa, uint32_t len, const char *text)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	struct vdrv_seg seg = { gpa, len, true };

	vdrv_add(drv, 0, &seg, 1);
	echo_broken(drv, text);
}

static void class_guest_length_trusted(void **state)
{
	(void)state;
	bad_segment(VDRV_DATA, 0xffffffff, "is not RAM");
	bad_segment(VDRV_END - 8, 9, "is not RAM");
	bad_segment(0, 0xa0001, "is not RAM");
}

static void class_integer_overflow(void **state)
{
	(void)state;
	bad_segment(~0ull, 2, "is not RAM");
	bad_segment(~0ull - 4095, 4096, "is not RAM");
	bad_segment(0xffffffff, 0xffffffff, "is not RAM");
	bad_segment(1ull << 63, 1, "is not RAM");
}

/* ROM, the VGA window, the device hole, behind the end of memory. */
static void class_dma_into_mmio(void **state)
{
	(void)state;
	bad_segment(0xa0000, 16, "is not RAM");
	bad_segment(0xf0000, 16, "is not RAM");
	bad_segment(0xfee00000, 16, "is not RAM");
	bad_segment(0xc0000000, 16, "is not RAM");
	bad_segment(0x100000000, 16, "is not RAM");
	bad_segment(0x9fffc, 8, "is not RAM");
}

static void class_wrong_direction(void **state)
{
	struct vdrv_seg seg[3] = { { VDRV_DATA, 4, true }, { VDRV_DATA, 4, false } };
	struct vdrv *drv = echo_start(ECHO_ALL);

	(void)state;
	vdrv_add(drv, 0, seg, 2);
	echo_broken(drv, "readable buffer behind a writable");
	/* What is readable is never written: the whole buffer must survive. */
	drv = echo_start(ECHO_ALL);
	memset(vdrv_mem(drv, VDRV_DATA), 0x5a, 64);
	seg[0].write = false;
	seg[0].len = seg[1].len = 32;
	seg[1].gpa = VDRV_DATA + 32;
	{
		struct vdrv_used used;

		vdrv_add(drv, 0, seg, 2);
		assert_true(vdrv_wait(drv, 0, &used));
		assert_int_equal(used.len, 0);
	}
	assert_int_equal(((uint8_t *)vdrv_mem(drv, VDRV_DATA))[63], 0x5a);
	echo_end(drv);
}

static void class_descriptor_loop(void **state)
{
	struct vdrv_seg seg[2] = { { VDRV_DATA, 4, false }, { VDRV_DATA, 4, false } };
	struct vdrv *drv = echo_start(ECHO_ALL);
	uint64_t table = VDRV_DATA + 0x8000;
	uint16_t head;
	unsigned int i;

	(void)state;
	head = vdrv_chain(drv, 0, seg, 2);
	vdrv_desc(drv, 0, head + 1)->flags = VDRV_NEXT;
	vdrv_desc(drv, 0, head + 1)->next = head;
	vdrv_offer(drv, 0, head);
	vdrv_kick(drv, 0);
	echo_broken(drv, "loop");

	drv = echo_start(ECHO_ALL); /* on itself, in an indirect table, of no length */
	put_indirect(drv, table, 0, 0, 0, VDRV_NEXT, 0);
	offer_indirect(drv, table, 16, VDRV_INDIRECT);
	echo_broken(drv, "loop");

	drv = echo_start(ECHO_ALL);
	for (i = 0; i < 2048; i++)
		put_indirect(drv, table, i, VDRV_DATA, 1, VDRV_NEXT, (uint16_t)(i + 1));
	offer_indirect(drv, table, 2048 * 16, VDRV_INDIRECT);
	echo_broken(drv, "loop");
}

static void class_broken_tables(void **state)
{
	static const struct {
		uint64_t features, gpa;
		uint32_t len;
		uint16_t flags, inner, inner_next;
		const char *text;
	} bad[] = {
		{ 0, VDRV_DATA, 16, VDRV_INDIRECT, 0, 0, "nobody agreed" },
		{ ECHO_ALL, VDRV_DATA, 16, VDRV_INDIRECT | VDRV_NEXT, 0, 0, "next descriptor" },
		{ ECHO_ALL, VDRV_DATA, 0, VDRV_INDIRECT, 0, 0, "wrong length" },
		{ ECHO_ALL, VDRV_DATA, 17, VDRV_INDIRECT, 0, 0, "wrong length" },
		{ ECHO_ALL, VDRV_END - 16, 32, VDRV_INDIRECT, 0, 0, "not in RAM" },
		{ ECHO_ALL, ~0ull - 15, 16, VDRV_INDIRECT, 0, 0, "not in RAM" },
		{ ECHO_ALL, VDRV_DATA, 16, VDRV_INDIRECT, VDRV_INDIRECT, 0, "in another" },
		{ ECHO_ALL, VDRV_DATA, 16, VDRV_INDIRECT, VDRV_NEXT, 1, "outside of the table" },
	};
	struct vdrv *drv;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		drv = echo_start(bad[i].features);
		put_indirect(drv, VDRV_DATA, 0, VDRV_DATA + 64, 4, bad[i].inner, bad[i].inner_next);
		offer_indirect(drv, bad[i].gpa, bad[i].len, bad[i].flags);
		echo_broken(drv, bad[i].text);
	}
}

static void class_index_nonsense(void **state)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	struct vdrv_seg seg = { VDRV_DATA, 4, true };
	uint16_t *ring, head;

	(void)state;
	ring = vdrv_mem(drv, drv->q[0].avail);
	ring[1] = ECHO_QUEUE + 1;
	vdrv_kick(drv, 0);
	echo_broken(drv, "65 chains available in a queue of 64");

	drv = echo_start(ECHO_ALL);
	vdrv_offer(drv, 0, ECHO_QUEUE);
	vdrv_kick(drv, 0);
	echo_broken(drv, "out of range");

	drv = echo_start(ECHO_ALL);
	head = vdrv_chain(drv, 0, &seg, 1);
	vdrv_desc(drv, 0, head)->flags = VDRV_NEXT;
	vdrv_desc(drv, 0, head)->next = 0xffff;
	vdrv_offer(drv, 0, head);
	vdrv_kick(drv, 0);
	echo_broken(drv, "outside of the table");

	/* The same chain a second time while the device still has it. */
	drv = echo_start(ECHO_ALL);
	atomic_store(&echo_now->mode, ECHO_KEEP);
	head = vdrv_add(drv, 0, &seg, 1);
	vdrv_offer(drv, 0, head);
	vdrv_kick(drv, 0);
	assert_true(vdrv_wait_broken(drv));
	assert_non_null(strstr(vdrv_row(drv, "needs reset"), "in use already"));
	echo_end(drv);
}

struct flipper {
	struct vdrv_desc *desc;
	atomic_bool stop;
};

/* A second processor of the guest rewrites the descriptor all the time. */
static void *flip(void *arg)
{
	struct flipper *fl = arg;
	unsigned int i;

	for (i = 0; !atomic_load(&fl->stop); i++) {
		__atomic_store_n(&fl->desc->len, i & 1 ? 0xffffff00u : 64, __ATOMIC_RELAXED);
		__atomic_store_n(&fl->desc->addr, i & 2 ? VDRV_DATA : 0xfee00000, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void class_double_fetch(void **state)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	struct vdrv_seg seg = { VDRV_DATA, 64, false };
	struct flipper fl = { 0 };
	unsigned int i;
	pthread_t thread;
	uint16_t head;

	(void)state;
	for (i = 0; i < 200; i++) {
		vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
		head = vdrv_chain(drv, 0, &seg, 1);
		fl.desc = vdrv_desc(drv, 0, head);
		atomic_store(&fl.stop, false);
		if (i == 0 || i % 50 == 0)
			assert_int_equal(pthread_create(&thread, NULL, flip, &fl), 0);
		else
			flip(&(struct flipper){ .desc = fl.desc, .stop = true });
		vdrv_offer(drv, 0, head);
		vdrv_kick(drv, 0);
		vdrv_settle(drv);
		if (i == 0 || i % 50 == 0) {
			atomic_store(&fl.stop, true);
			pthread_join(thread, NULL);
		}
	}
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	echo_once(drv, 0, 10);
	echo_end(drv); /* says whether any buffer was outside of RAM */
}

/* Completions that come after the reset must not touch the new queue. */
static void class_completion_after_reset(void **state)
{
	struct vdrv *drv = echo_start(ECHO_ALL);
	struct vdrv_seg seg = { VDRV_DATA, 4, true };
	struct virtq *vq = virtio_queue(drv->vdev, 0);
	uint16_t head;

	(void)state;
	atomic_store(&echo_now->mode, ECHO_KEEP);
	head = vdrv_add(drv, 0, &seg, 1);
	vdrv_settle(drv);
	assert_int_equal(virtq_in_flight(vq), 1);
	vdrv_reset(drv);
	virtq_push(vq, head, 4);
	virtq_notify(vq);
	atomic_store(&echo_now->mode, ECHO_NORMAL);
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	virtq_push(vq, head, 4); /* it was not out in this life */
	virtq_push(vq, 0xffff, 4);
	assert_int_equal(((uint16_t *)vdrv_mem(drv, drv->q[0].used))[1], 0);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

static void *refill(void *arg)
{
	struct vdrv *drv = arg;
	uint16_t *ring = vdrv_mem(drv, drv->q[0].avail);
	uint16_t *used = vdrv_mem(drv, drv->q[0].used);
	uint16_t idx = 0;

	while (!atomic_load(&echo_now->nr_resets) || vdrv_status(drv)) {
		if ((uint16_t)(idx - __atomic_load_n(&used[1], __ATOMIC_ACQUIRE)) >= ECHO_QUEUE)
			continue;
		ring[2 + idx % ECHO_QUEUE] = idx % ECHO_QUEUE;
		__atomic_store_n(&ring[1], ++idx, __ATOMIC_RELEASE);
		if (idx % 16 == 0)
			vdrv_kick(drv, 0);
	}
	return NULL;
}

/* A queue that never runs dry, and kicks without end: the reset still comes through. */
static void class_endless_work(void **state)
{
	struct vdrv *drv = echo_start(0);
	pthread_t thread;
	unsigned int i;

	(void)state;
	for (i = 0; i < ECHO_QUEUE; i++)
		*vdrv_desc(drv, 0, i) = (struct vdrv_desc){ .addr = VDRV_DATA, .len = 64 };
	atomic_store(&echo_now->nr_resets, 0);
	assert_int_equal(pthread_create(&thread, NULL, refill, drv), 0);
	while (atomic_load(&echo_now->nr_elems) < 1000)
		vdrv_kick(drv, 0);
	vdrv_reset(drv);
	pthread_join(thread, NULL);
	vdrv_start(drv, 0, ECHO_QUEUE);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

/* Rings that overlap each other and the buffers: nonsense, but only the guest's own. */
static void class_rings_on_rings(void **state)
{
	struct vdrv *drv = vdrv_new(&echo_ops, NULL);
	unsigned int i;

	(void)state;
	fake_pci_set(drv->pci, true, true);
	for (i = 0; i < 64; i++) {
		vdrv_negotiate(drv, ECHO_ALL);
		vdrv_place(drv, 0, ECHO_QUEUE);
		vdrv_set(drv, 22, 2, 0);
		vdrv_set(drv, 40, 8, drv->q[0].desc + 2 * (i % 8));
		vdrv_set(drv, 48, 8, drv->q[0].desc + 4 * (i / 8));
		vdrv_enable(drv, 0);
		vdrv_set(drv, 20, 1, 15);
		__atomic_store_n((uint32_t *)vdrv_mem(drv, drv->q[0].desc), i * 0x10001,
				 __ATOMIC_RELAXED);
		vdrv_kick(drv, 0);
		vdrv_settle(drv);
	}
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

static void queues_that_cannot_be(void **state)
{
	static const struct {
		uint32_t off, size;
		uint64_t val;
		const char *text;
	} bad[] = {
		{ 24, 2, 0, "size" },
		{ 24, 2, 3, "size" },
		{ 24, 2, 128, "size" },
		{ 32, 8, 0x1008, "alignment" },
		{ 40, 8, 0x1001, "alignment" },
		{ 48, 8, 0x1002, "alignment" },
		{ 32, 8, 0xf0000, "not RAM" },
		{ 32, 8, ~15ull, "not RAM" },
		{ 40, 8, 0xfffffffe, "not RAM" },
		{ 48, 8, 0x9fffc, "not RAM" },
	};
	struct vdrv *drv = vdrv_new(&echo_ops, NULL);
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vdrv_negotiate(drv, ECHO_ALL);
		vdrv_place(drv, 0, ECHO_QUEUE);
		vdrv_set(drv, bad[i].off, bad[i].size, bad[i].val);
		vdrv_enable(drv, 0);
		assert_int_equal(vdrv_get(drv, 28, 2), 0);
		assert_int_equal(vdrv_status(drv) & 0x40, 0x40);
		assert_non_null(strstr(vdrv_row(drv, "needs reset"), bad[i].text));
	}
	vdrv_start(drv, ECHO_ALL, ECHO_QUEUE);
	echo_once(drv, 0, 10);
	echo_end(drv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange),
		cmocka_unit_test(described),
		cmocka_unit_test(every_mode),
		cmocka_unit_test(index_wrap),
		cmocka_unit_test(indirect),
		cmocka_unit_test(notification_suppressed),
		cmocka_unit_test(notification_by_index),
		cmocka_unit_test(kicks_wanted),
		cmocka_unit_test(saved_and_loaded),
		cmocka_unit_test(queues_that_cannot_be),
		cmocka_unit_test(class_queue_config_after_enable),
		cmocka_unit_test(class_queue_select_out_of_range),
		cmocka_unit_test(class_config_past_the_struct),
		cmocka_unit_test(class_guest_length_trusted),
		cmocka_unit_test(class_integer_overflow),
		cmocka_unit_test(class_dma_into_mmio),
		cmocka_unit_test(class_wrong_direction),
		cmocka_unit_test(class_descriptor_loop),
		cmocka_unit_test(class_broken_tables),
		cmocka_unit_test(class_index_nonsense),
		cmocka_unit_test(class_double_fetch),
		cmocka_unit_test(class_completion_after_reset),
		cmocka_unit_test(class_endless_work),
		cmocka_unit_test(class_rings_on_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
