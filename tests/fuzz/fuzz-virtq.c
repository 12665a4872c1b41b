/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue walk over hostile memory. The first bytes say features and size; what
 * follows is the guest's memory from FUZZ_BASE on: descriptors, available ring,
 * used ring, indirect tables. Every buffer that comes out must lie in RAM, and
 * the walk must end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/virtio/virtio-priv.h"

#define FUZZ_BASE  0x1000
#define FUZZ_AVAIL 0x1400
#define FUZZ_USED  0x1500
#define FUZZ_END   0x8000
#define FUZZ_SIZES 7 /* 1..64 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mem *fuzz_mem;
static unsigned int fuzz_interrupts;

static void fuzz_interrupt(void *ctx, uint8_t bits, uint16_t vector)
{
	(void)ctx;
	(void)bits;
	(void)vector;
	fuzz_interrupts++;
}

static const struct virtio_transport fuzz_transport = { .interrupt = fuzz_interrupt };

static void fuzz_check(const struct virtq_elem *elem)
{
	const uint8_t *ram = mem_span(fuzz_mem, 0, 1), *at;
	uint64_t sum = 0;
	unsigned int i;

	if (elem->nr_out + elem->nr_in > VIRTQ_MAX_SEGS)
		abort();
	for (i = 0; i < elem->nr_out + elem->nr_in; i++) {
		at = elem->iov[i].iov_base;
		if (at < ram || !elem->iov[i].iov_len ||
		    elem->iov[i].iov_len > (size_t)(ram + MEM_LOW_END - at))
			abort();
		sum += elem->iov[i].iov_len;
	}
	if (sum != elem->in_len + elem->out_len)
		abort();
}

/* One chain, twice where it is to be put back first; what is read is written. */
static bool fuzz_chain(struct virtq *vq, struct virtq_elem *elem, bool unpop)
{
	uint8_t text[64];
	size_t len;

	if (virtq_pop(vq, elem) != 1)
		return false;
	fuzz_check(elem);
	if (unpop) {
		virtq_unpop(vq);
		if (virtq_pop(vq, elem) != 1)
			return false; /* the guest's own rings may overlap */
		fuzz_check(elem);
	}
	len = virtq_elem_read(elem, 1, text, sizeof(text));
	len = virtq_elem_write(elem, 2, text, len);
	virtq_push(vq, elem->head, (uint32_t)len);
	virtq_notify(vq);
	return true;
}

static void fuzz_run(struct virtio *vdev, const uint8_t *data, size_t size)
{
	static struct virtq_elem elem;
	struct virtq *vq = vdev->vq[0];
	unsigned int i, shift = size > 4 ? data[3] : 0;

	vq->size = 1u << (data[1] % FUZZ_SIZES);
	vq->desc_gpa = FUZZ_BASE;
	vq->avail_gpa = FUZZ_AVAIL + (data[2] & 0x3f) * 2;
	vq->used_gpa = FUZZ_USED + (data[2] >> 6) * 4;
	virtq_enable(vq);
	for (i = 0; i < 256; i++) {
		if (!fuzz_chain(vq, &elem, shift >> (i % 8) & 1))
			break;
	}
	virtq_want_kick(vq, false);
	virtq_want_kick(vq, true);
	if (virtq_in_flight(vq) > vq->size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dev_env env = { 0 };
	struct virtio vdev = { .env = &env, .name = "fuzz", .transport = &fuzz_transport };
	size_t len = size < 4 ? 0 : size - 4;

	if (!fuzz_mem && mem_create(1 << 20, &fuzz_mem, NULL))
		abort();
	if (size < 4)
		return 0;
	log_open(-1);
	env.mem = fuzz_mem;
	pthread_mutex_init(&vdev.why_lock, NULL);
	if (virtio_workers(&vdev, 1, NULL, NULL) || virtio_queues(&vdev, 1, 64, NULL))
		abort();
	atomic_store(&vdev.features, (data[0] & 1 ? VIRTIO_F_EVENT_IDX : 0) |
					     (data[0] & 2 ? VIRTIO_F_INDIRECT_DESC : 0));
	atomic_store(&vdev.status, VIRTIO_STATUS_DRIVER_OK);
	mem_set(fuzz_mem, FUZZ_BASE, 0, FUZZ_END - FUZZ_BASE);
	mem_write(fuzz_mem, FUZZ_BASE, data + 4,
		  len < FUZZ_END - FUZZ_BASE ? len : FUZZ_END - FUZZ_BASE);
	fuzz_run(&vdev, data, size);
	virtq_destroy(vdev.vq[0]);
	virtio_worker_destroy(vdev.worker[0]);
	pthread_mutex_destroy(&vdev.why_lock);
	return 0;
}
