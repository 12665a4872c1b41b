/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's side of a virtio device: see virtio-driver.h. */
#include "virtio-driver.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "vmm/virtio/virtio-priv.h"

#define VDRV_RINGS	0x1000
#define VDRV_RING_SPACE 0x3000

struct vdrv *vdrv_new(const struct virtio_ops *ops, const void *config)
{
	struct vdrv *drv = calloc(1, sizeof(*drv));

	drv->fake = fake_env_new();
	drv->plug = (struct virtio_plug){ .ops = ops, .config = config };
	drv->pci = fake_pci_new(&drv->fake->env, &virtio_pci_ops, &drv->plug, NULL);
	if (!drv->pci)
		abort();
	drv->vdev = virtio_pci_device(drv->pci->state);
	drv->nr = (unsigned int)vdrv_get(drv, 18, 2);
	if (drv->nr > VDRV_QUEUES)
		drv->nr = VDRV_QUEUES;
	return drv;
}

void vdrv_free(struct vdrv *drv)
{
	fake_pci_free(drv->pci);
	fake_env_free(drv->fake);
	free(drv);
}

uint64_t vdrv_get(struct vdrv *drv, uint64_t off, uint32_t size)
{
	return fake_pci_read(drv->pci, drv->legacy ? 0 : VDRV_BAR, off, size);
}

void vdrv_set(struct vdrv *drv, uint64_t off, uint32_t size, uint64_t val)
{
	fake_pci_write(drv->pci, drv->legacy ? 0 : VDRV_BAR, off, size, val);
}

uint8_t vdrv_status(struct vdrv *drv)
{
	return (uint8_t)vdrv_get(drv, drv->legacy ? 18 : 20, 1);
}

void *vdrv_mem(struct vdrv *drv, uint64_t gpa)
{
	return mem_span(drv->fake->env.mem, gpa, 1);
}

struct vdrv_desc *vdrv_desc(struct vdrv *drv, unsigned int queue, unsigned int index)
{
	return (struct vdrv_desc *)vdrv_mem(drv, drv->q[queue].desc) + index;
}

void vdrv_reset(struct vdrv *drv)
{
	vdrv_set(drv, drv->legacy ? 18 : 20, 1, 0);
}

void vdrv_negotiate(struct vdrv *drv, uint64_t features)
{
	uint64_t offer;

	drv->legacy = false;
	vdrv_reset(drv);
	vdrv_set(drv, 20, 1, 1);
	vdrv_set(drv, 20, 1, 3);
	vdrv_set(drv, 0, 4, 0);
	offer = vdrv_get(drv, 4, 4);
	vdrv_set(drv, 0, 4, 1);
	offer |= vdrv_get(drv, 4, 4) << 32;
	drv->features = (features | VIRTIO_F_VERSION_1) & offer;
	vdrv_set(drv, 8, 4, 0);
	vdrv_set(drv, 12, 4, (uint32_t)drv->features);
	vdrv_set(drv, 8, 4, 1);
	vdrv_set(drv, 12, 4, drv->features >> 32);
	vdrv_set(drv, 20, 1, 11);
}

static void vdrv_layout(struct vdrv_queue *q, unsigned int index, unsigned int size)
{
	memset(q, 0, sizeof(*q));
	q->size = size;
	q->desc = VDRV_RINGS + (uint64_t)index * VDRV_RING_SPACE;
	q->avail = q->desc + 16ull * size;
	q->used = (q->avail + 6 + 2ull * size + 4095) & ~4095ull;
}

void vdrv_place(struct vdrv *drv, unsigned int queue, unsigned int size)
{
	struct vdrv_queue *q = &drv->q[queue];
	unsigned int max;

	vdrv_set(drv, 22, 2, queue);
	max = (unsigned int)vdrv_get(drv, 24, 2);
	vdrv_layout(q, queue, size < max ? size : max);
	mem_set(drv->fake->env.mem, q->desc, 0, VDRV_RING_SPACE);
	vdrv_set(drv, 24, 2, q->size);
	vdrv_set(drv, 26, 2, queue + 1);
	vdrv_set(drv, 32, 8, q->desc);
	vdrv_set(drv, 40, 4, (uint32_t)q->avail);
	vdrv_set(drv, 44, 4, q->avail >> 32);
	vdrv_set(drv, 48, 8, q->used);
}

void vdrv_enable(struct vdrv *drv, unsigned int queue)
{
	vdrv_set(drv, 22, 2, queue);
	vdrv_set(drv, 28, 2, 1);
}

void vdrv_start(struct vdrv *drv, uint64_t features, unsigned int size)
{
	unsigned int i;

	vdrv_negotiate(drv, features);
	for (i = 0; i < drv->nr; i++) {
		vdrv_place(drv, i, size);
		vdrv_enable(drv, i);
	}
	vdrv_set(drv, 16, 2, 0);
	vdrv_set(drv, 20, 1, 15);
}

void vdrv_start_legacy(struct vdrv *drv, uint32_t features)
{
	struct vdrv_queue *q;
	unsigned int i;

	drv->legacy = true;
	vdrv_reset(drv);
	vdrv_set(drv, 18, 1, 3);
	drv->features = features & vdrv_get(drv, 0, 4);
	vdrv_set(drv, 4, 4, drv->features);
	for (i = 0; i < drv->nr; i++) {
		vdrv_set(drv, 14, 2, i);
		q = &drv->q[i];
		vdrv_layout(q, i, (unsigned int)vdrv_get(drv, 12, 2));
		mem_set(drv->fake->env.mem, q->desc, 0, VDRV_RING_SPACE);
		vdrv_set(drv, 8, 4, q->desc >> 12);
	}
	vdrv_set(drv, 18, 1, 7);
}

uint16_t vdrv_chain(struct vdrv *drv, unsigned int queue, const struct vdrv_seg *seg,
		    unsigned int nr)
{
	struct vdrv_queue *q = &drv->q[queue];
	uint16_t head = q->next_desc % q->size;
	unsigned int i, at;

	for (i = 0; i < nr; i++) {
		at = q->next_desc++ % q->size;
		*vdrv_desc(drv, queue, at) = (struct vdrv_desc){
			.addr = seg[i].gpa,
			.len = seg[i].len,
			.flags = (uint16_t)((seg[i].write ? VDRV_WRITE : 0) |
					    (i + 1 < nr ? VDRV_NEXT : 0)),
			.next = (uint16_t)(q->next_desc % q->size),
		};
	}
	return head;
}

void vdrv_offer(struct vdrv *drv, unsigned int queue, uint16_t head)
{
	struct vdrv_queue *q = &drv->q[queue];
	uint16_t *ring = vdrv_mem(drv, q->avail);

	__atomic_store_n(&ring[2 + q->next_avail % q->size], head, __ATOMIC_RELAXED);
	__atomic_store_n(&ring[1], ++q->next_avail, __ATOMIC_RELEASE);
}

void vdrv_kick(struct vdrv *drv, unsigned int queue)
{
	if (drv->legacy)
		vdrv_set(drv, 16, 2, queue);
	else
		vdrv_set(drv, VDRV_NOTIFY + 4 * queue, 2, queue);
}

uint16_t vdrv_add(struct vdrv *drv, unsigned int queue, const struct vdrv_seg *seg, unsigned int nr)
{
	uint16_t head = vdrv_chain(drv, queue, seg, nr);

	vdrv_offer(drv, queue, head);
	vdrv_kick(drv, queue);
	return head;
}

/* Poll FN until it is true; false after a long time. */
static bool vdrv_poll(struct vdrv *drv, bool (*fn)(struct vdrv *drv, unsigned int arg),
		      unsigned int arg)
{
	uint64_t end = time_now_ns() + VDRV_TIMEOUT_S * 1000000000ull;
	struct timespec nap = { .tv_nsec = 50000 };

	while (!fn(drv, arg)) {
		if (time_now_ns() > end)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

static bool vdrv_has_used(struct vdrv *drv, unsigned int queue)
{
	uint16_t *ring = vdrv_mem(drv, drv->q[queue].used);

	return __atomic_load_n(&ring[1], __ATOMIC_ACQUIRE) != drv->q[queue].last_used;
}

bool vdrv_wait(struct vdrv *drv, unsigned int queue, struct vdrv_used *out)
{
	struct vdrv_queue *q = &drv->q[queue];
	struct vdrv_used *ring = vdrv_mem(drv, q->used + 4);

	if (!vdrv_poll(drv, vdrv_has_used, queue))
		return false;
	*out = ring[q->last_used++ % q->size];
	return true;
}

static bool vdrv_is_broken(struct vdrv *drv, unsigned int arg)
{
	(void)arg;
	return vdrv_status(drv) & 0x40;
}

bool vdrv_wait_broken(struct vdrv *drv)
{
	return vdrv_poll(drv, vdrv_is_broken, 0);
}

static bool vdrv_no_kicks(struct vdrv *drv, unsigned int nr)
{
	struct pollfd pfd = { .events = POLLIN };
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pfd.fd = virtio_queue(drv->vdev, i)->kick_fd;
		if (poll(&pfd, 1, 0) != 0)
			return false;
	}
	return true;
}

/* A kick is taken before the queue is looked at: hold waits for that look. */
void vdrv_settle(struct vdrv *drv)
{
	if (!vdrv_poll(drv, vdrv_no_kicks, drv->nr))
		abort();
	drv->pci->ops->hold(drv->pci->state, true);
	drv->pci->ops->hold(drv->pci->state, false);
}

const char *vdrv_row(struct vdrv *drv, const char *label)
{
	static struct sample_row row[64];
	struct dev_rows rows = { .row = row, .max = 64, .device = "fake0" };
	uint32_t i;

	drv->pci->ops->describe(drv->pci->state, &rows);
	for (i = 0; i < rows.nr; i++) {
		if (!strcmp(row[i].label, label))
			return row[i].value;
	}
	return "";
}
