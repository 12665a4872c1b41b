/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A split virtqueue: see virtq.h. The rings lie in guest memory, where the guest may write at any
 * time: every value is loaded once into a local and checked there. x86 keeps loads and stores in
 * order; what it does not keep is a store before a later load, hence the two full fences.
 */
#include "vmm/virtio/virtq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/virtio/virtio-priv.h"

#define VIRTQ_DESC_NEXT	    1
#define VIRTQ_DESC_WRITE    2
#define VIRTQ_DESC_INDIRECT 4

#define VIRTQ_AVAIL_NO_INTERRUPT 1
#define VIRTQ_USED_NO_NOTIFY	 1

#define VIRTQ_LEGACY_ALIGN 4096ull
#define VIRTQ_CHAIN_MAX	   (1ull << 32) /* bytes (2.7.5) */

/* --- the rings in guest memory (2.7.6, 2.7.8) --- */

static uint16_t virtq_avail_flags(const struct virtq *vq)
{
	return __atomic_load_n((uint16_t *)(void *)vq->avail, __ATOMIC_RELAXED);
}

/* What the driver wrote before it moved the index is seen after this. */
static uint16_t virtq_avail_idx(const struct virtq *vq)
{
	return __atomic_load_n((uint16_t *)(void *)(vq->avail + 2), __ATOMIC_ACQUIRE);
}

static uint16_t virtq_avail_ring(const struct virtq *vq, uint16_t idx)
{
	return __atomic_load_n((uint16_t *)(void *)(vq->avail + 4 + 2 * (idx & (vq->size - 1))),
			       __ATOMIC_RELAXED);
}

static uint16_t virtq_used_event(const struct virtq *vq)
{
	return __atomic_load_n((uint16_t *)(void *)(vq->avail + 4 + 2 * vq->size),
			       __ATOMIC_RELAXED);
}

/* Snapshots must know of what is written through a pointer that is kept. */
static void virtq_used_dirty(const struct virtq *vq)
{
	mem_dirty(vq->vdev->env->mem, vq->used_gpa, 6 + 8ull * vq->size);
}

static void virtq_set_used_flags(struct virtq *vq, uint16_t flags)
{
	virtq_used_dirty(vq);
	__atomic_store_n((uint16_t *)(void *)vq->used, flags, __ATOMIC_RELAXED);
}

static void virtq_set_used_idx(struct virtq *vq, uint16_t idx)
{
	virtq_used_dirty(vq);
	__atomic_store_n((uint16_t *)(void *)(vq->used + 2), idx, __ATOMIC_RELEASE);
}

static void virtq_set_used_ring(struct virtq *vq, uint16_t idx, uint32_t head, uint32_t written)
{
	uint8_t *at = vq->used + 4 + 8 * (idx & (vq->size - 1));

	__atomic_store_n((uint32_t *)(void *)at, head, __ATOMIC_RELAXED);
	__atomic_store_n((uint32_t *)(void *)(at + 4), written, __ATOMIC_RELAXED);
}

static void virtq_set_avail_event(struct virtq *vq, uint16_t idx)
{
	virtq_used_dirty(vq);
	__atomic_store_n((uint16_t *)(void *)(vq->used + 4 + 8 * vq->size), idx, __ATOMIC_RELAXED);
}

/*
 * One copy, of which nothing is looked up a second time. Only an indirect table may lie at an odd
 * address; there the barrier keeps the compiler from going back to it.
 */
static void virtq_copy_desc(struct virtq_desc *desc, const uint8_t *from)
{
	uint64_t half[2];

	if ((uintptr_t)from % sizeof(half[0]) == 0) {
		half[0] = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
		half[1] =
			__atomic_load_n((const uint64_t *)(const void *)from + 1, __ATOMIC_RELAXED);
		memcpy(desc, half, sizeof(*desc));
		return;
	}
	memcpy(desc, from, sizeof(*desc));
	__asm__ volatile("" ::: "memory");
}

/* LEN bytes at GPA, all in one region of RAM; never ROM, a hole, or a device. */
static void *virtq_span(const struct virtq *vq, uint64_t gpa, uint64_t len)
{
	const struct mem *mem = vq->vdev->env->mem;
	const struct sample_region *reg;
	unsigned int i;

	for (i = 0; i < mem_nr_regions(mem); i++) {
		reg = mem_region(mem, i);
		if (gpa - reg->gpa < reg->len && reg->type == SAMPLE_REGION_RAM)
			return mem_span(mem, gpa, len);
	}
	return NULL;
}

/* --- taking chains --- */

/* A chain being collected. */
struct virtq_walk {
	struct virtq *vq;
	struct virtq_elem *elem;
	uint16_t head;
};

static int virtq_walk_broken(const struct virtq_walk *walk, const char *what)
{
	virtio_broken(walk->vq->vdev, "queue %u, chain %u: %s", walk->vq->index, walk->head, what);
	return -EINVAL;
}

/* One buffer of the chain (2.7.4.2: readable ones come first). */
static int virtq_walk_add(struct virtq_walk *walk, const struct virtq_desc *desc)
{
	struct virtq_elem *elem = walk->elem;
	unsigned int at = elem->nr_out + elem->nr_in;
	bool write = desc->flags & VIRTQ_DESC_WRITE;
	void *base;

	if (!write && elem->nr_in)
		return virtq_walk_broken(walk, "a readable buffer behind a writable one");
	if (!desc->len)
		return 0;
	if (at == VIRTQ_MAX_SEGS)
		return virtq_walk_broken(walk, "too many buffers");
	base = virtq_span(walk->vq, desc->addr, desc->len);
	if (!base) {
		virtio_broken(walk->vq->vdev,
			      "queue %u, chain %u: 0x%" PRIx64 "+0x%" PRIx32 " is not RAM",
			      walk->vq->index, walk->head, desc->addr, desc->len);
		return -EINVAL;
	}
	elem->iov[at] = (struct iovec){ .iov_base = base, .iov_len = desc->len };
	*(write ? &elem->nr_in : &elem->nr_out) += 1;
	*(write ? &elem->in_len : &elem->out_len) += desc->len;
	if (elem->in_len + elem->out_len > VIRTQ_CHAIN_MAX)
		return virtq_walk_broken(walk, "longer than 4 GiB");
	return 0;
}

/* The chain in TABLE of NR descriptors from INDEX on, at most NR of them. */
static int virtq_walk_table(struct virtq_walk *walk, const uint8_t *table, unsigned int nr,
			    unsigned int index, bool indirect);

static int virtq_walk_indirect(struct virtq_walk *walk, const struct virtq_desc *desc)
{
	const uint8_t *table;

	if (!virtio_has(walk->vq->vdev, VIRTIO_F_INDIRECT_DESC))
		return virtq_walk_broken(walk, "an indirect table nobody agreed on");
	if (desc->flags & VIRTQ_DESC_NEXT)
		return virtq_walk_broken(walk, "an indirect table with a next descriptor");
	if (!desc->len || desc->len % sizeof(*desc))
		return virtq_walk_broken(walk, "an indirect table of a wrong length");
	table = virtq_span(walk->vq, desc->addr, desc->len);
	if (!table)
		return virtq_walk_broken(walk, "an indirect table that is not in RAM");
	return virtq_walk_table(walk, table, desc->len / sizeof(*desc), 0, true);
}

static int virtq_walk_table(struct virtq_walk *walk, const uint8_t *table, unsigned int nr,
			    unsigned int index, bool indirect)
{
	unsigned int left = nr < VIRTQ_MAX_SEGS ? nr : VIRTQ_MAX_SEGS;
	struct virtq_desc desc;
	int ret;

	do {
		if (index >= nr)
			return virtq_walk_broken(walk, "a next descriptor outside of the table");
		if (!left--)
			return virtq_walk_broken(walk, "a loop");
		virtq_copy_desc(&desc, table + (size_t)index * sizeof(desc));
		if (desc.flags & VIRTQ_DESC_INDIRECT) {
			return indirect ? virtq_walk_broken(walk, "an indirect table in another")
					: virtq_walk_indirect(walk, &desc);
		}
		ret = virtq_walk_add(walk, &desc);
		if (ret)
			return ret;
		index = desc.next;
	} while (desc.flags & VIRTQ_DESC_NEXT);
	return 0;
}

int virtq_fetch(struct virtq *vq, uint16_t head, struct virtq_elem *elem)
{
	struct virtq_walk walk = { .vq = vq, .elem = elem, .head = head };

	elem->head = head;
	elem->nr_out = elem->nr_in = 0;
	elem->out_len = elem->in_len = 0;
	if (!virtq_ready(vq))
		return -EINVAL;
	return virtq_walk_table(&walk, vq->desc, vq->size, head, false);
}

/* Note that HEAD is out; false if it is already. */
static bool virtq_take(struct virtq *vq, uint16_t head)
{
	uint64_t bit = 1ull << (head % 64);
	bool fresh;

	pthread_mutex_lock(&vq->lock);
	fresh = !(vq->taken[head / 64] & bit);
	vq->taken[head / 64] |= bit;
	vq->in_flight += fresh;
	pthread_mutex_unlock(&vq->lock);
	return fresh;
}

/* HEAD is back; false if it was not out (a reset came in between). */
static bool virtq_untake_locked(struct virtq *vq, uint16_t head)
{
	uint64_t bit = 1ull << (head % 64);

	if (head >= vq->size || !(vq->taken[head / 64] & bit))
		return false;
	vq->taken[head / 64] &= ~bit;
	vq->in_flight--;
	return true;
}

/* How many chains wait. When there are none and kicks are wanted, say so and look again. */
static unsigned int virtq_waiting(struct virtq *vq)
{
	uint16_t nr = (uint16_t)(virtq_avail_idx(vq) - vq->last_avail);

	if (nr || !vq->want_kick || !virtio_has(vq->vdev, VIRTIO_F_EVENT_IDX))
		return nr;
	virtq_set_avail_event(vq, vq->last_avail);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the event before the index */
	return (uint16_t)(virtq_avail_idx(vq) - vq->last_avail);
}

int virtq_pop(struct virtq *vq, struct virtq_elem *elem)
{
	unsigned int waiting;
	uint16_t head;
	int ret;

	if (!virtq_ready(vq))
		return atomic_load(&vq->vdev->status) & VIRTIO_STATUS_NEEDS_RESET ? -EINVAL : 0;
	if (virtio_worker_wanted(vq)) {
		/* A guest that never stops filling the queue must not keep a reset waiting. */
		virtio_kick(vq->vdev, vq->index);
		return 0;
	}
	waiting = virtq_waiting(vq);
	if (!waiting)
		return 0;
	if (waiting > vq->size) {
		virtio_broken(vq->vdev, "queue %u: %u chains available in a queue of %u", vq->index,
			      waiting, vq->size);
		return -EINVAL;
	}
	head = virtq_avail_ring(vq, vq->last_avail);
	if (head >= vq->size || !virtq_take(vq, head)) {
		virtio_broken(vq->vdev, "queue %u: chain %u is %s", vq->index, head,
			      head >= vq->size ? "out of range" : "in use already");
		return -EINVAL;
	}
	vq->last_avail++;
	ret = virtq_fetch(vq, head, elem);
	if (ret < 0)
		return ret;
	atomic_fetch_add_explicit(&vq->nr_chains, 1, memory_order_relaxed);
	return 1;
}

void virtq_unpop(struct virtq *vq)
{
	uint16_t head;

	if (!virtq_ready(vq))
		return;
	vq->last_avail--;
	head = virtq_avail_ring(vq, vq->last_avail);
	pthread_mutex_lock(&vq->lock);
	virtq_untake_locked(vq, head);
	pthread_mutex_unlock(&vq->lock);
}

/* --- giving them back --- */

/* A device that needs a reset must not show buffers any more (2.1.2); they stay out. */
static bool virtq_fill_locked(struct virtq *vq, uint16_t head, uint32_t written, unsigned int index)
{
	if (!virtq_ready(vq) || !virtq_untake_locked(vq, head))
		return false;
	virtq_set_used_ring(vq, (uint16_t)(vq->used_idx + index), head, written);
	return true;
}

static void virtq_flush_locked(struct virtq *vq, unsigned int nr)
{
	uint16_t old = vq->used_idx;

	vq->used_idx = (uint16_t)(old + nr);
	virtq_set_used_idx(vq, vq->used_idx);
	/* More than 64Ki given back unannounced: the comparison with the event would be wrong. */
	if ((uint16_t)(vq->used_idx - vq->signalled) < (uint16_t)(vq->used_idx - old))
		vq->signalled_valid = false;
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	pthread_mutex_lock(&vq->lock);
	if (virtq_fill_locked(vq, head, written, 0))
		virtq_flush_locked(vq, 1);
	pthread_mutex_unlock(&vq->lock);
}

void virtq_fill(struct virtq *vq, uint16_t head, uint32_t written, unsigned int index)
{
	pthread_mutex_lock(&vq->lock);
	virtq_fill_locked(vq, head, written, index);
	pthread_mutex_unlock(&vq->lock);
}

void virtq_flush(struct virtq *vq, unsigned int nr)
{
	pthread_mutex_lock(&vq->lock);
	if (virtq_ready(vq) && nr)
		virtq_flush_locked(vq, nr);
	pthread_mutex_unlock(&vq->lock);
}

/* 2.7.7.2: the driver's word is read after the index was written. */
static bool virtq_wants_interrupt_locked(struct virtq *vq)
{
	uint16_t old = vq->signalled, now = vq->used_idx;
	bool valid = vq->signalled_valid;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (valid && old == now)
		return false;
	vq->signalled = now;
	vq->signalled_valid = true;
	if (!virtio_has(vq->vdev, VIRTIO_F_EVENT_IDX))
		return !(virtq_avail_flags(vq) & VIRTQ_AVAIL_NO_INTERRUPT);
	return !valid || (uint16_t)(now - virtq_used_event(vq) - 1) < (uint16_t)(now - old);
}

void virtq_notify(struct virtq *vq)
{
	struct virtio *vdev = vq->vdev;
	bool wanted;

	pthread_mutex_lock(&vq->lock);
	wanted = virtq_ready(vq) && virtq_wants_interrupt_locked(vq);
	pthread_mutex_unlock(&vq->lock);
	if (!wanted)
		return;
	atomic_fetch_add_explicit(&vq->nr_interrupts, 1, memory_order_relaxed);
	vdev->transport->interrupt(vdev->transport_ctx, VIRTIO_ISR_QUEUE, atomic_load(&vq->vector));
}

bool virtq_want_kick(struct virtq *vq, bool on)
{
	if (!virtq_ready(vq))
		return false;
	vq->want_kick = on;
	if (!virtio_has(vq->vdev, VIRTIO_F_EVENT_IDX))
		virtq_set_used_flags(vq, on ? 0 : VIRTQ_USED_NO_NOTIFY);
	else if (on)
		virtq_set_avail_event(vq, vq->last_avail);
	if (on)
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the wish before the index */
	if (virtq_avail_idx(vq) == vq->last_avail)
		return false;
	if (!virtio_worker_wanted(vq))
		return true;
	/* As in virtq_pop(): who waits goes first. */
	virtio_kick(vq->vdev, vq->index);
	return false;
}

bool virtq_ready(const struct virtq *vq)
{
	return atomic_load(&vq->enabled) && virtio_running(vq->vdev);
}

unsigned int virtq_size(const struct virtq *vq)
{
	return vq->size;
}

unsigned int virtq_in_flight(const struct virtq *vq)
{
	return __atomic_load_n(&vq->in_flight, __ATOMIC_RELAXED);
}

/* --- in words --- */

struct virtq_sum {
	unsigned int nr[2]; /* buffers the device reads, and writes */
	uint64_t len[2];
	bool indirect;
	const char *wrong;
};

/* As virtq_walk_table(), but only looking: nothing is kept, nothing breaks. */
static void virtq_sum_table(const struct virtq *vq, const uint8_t *table, unsigned int nr,
			    unsigned int index, struct virtq_sum *sum)
{
	unsigned int left = nr < VIRTQ_MAX_SEGS ? nr : VIRTQ_MAX_SEGS;
	struct virtq_desc desc;

	do {
		if (index >= nr || !left--) {
			sum->wrong = index >= nr ? "leaves the table" : "a loop";
			return;
		}
		virtq_copy_desc(&desc, table + (size_t)index * sizeof(desc));
		if (desc.flags & VIRTQ_DESC_INDIRECT) {
			table = virtq_span(vq, desc.addr, desc.len);
			if (sum->indirect || !table)
				sum->wrong = "a bad indirect table";
			if (sum->wrong)
				return;
			sum->indirect = true;
			nr = desc.len / (unsigned int)sizeof(desc);
			left = nr < VIRTQ_MAX_SEGS ? nr : VIRTQ_MAX_SEGS;
			index = 0;
			desc.flags = VIRTQ_DESC_NEXT;
			continue;
		}
		sum->nr[!!(desc.flags & VIRTQ_DESC_WRITE)]++;
		sum->len[!!(desc.flags & VIRTQ_DESC_WRITE)] += desc.len;
		index = desc.next;
	} while (desc.flags & VIRTQ_DESC_NEXT);
}

/* The chain that the driver made available last. */
static void virtq_describe_chain(const struct virtq *vq, uint16_t avail, struct dev_rows *rows)
{
	uint16_t head = virtq_avail_ring(vq, (uint16_t)(avail - 1));
	struct virtq_sum sum = { .indirect = false };
	char label[24];

	virtq_sum_table(vq, vq->desc, vq->size, head, &sum);
	snprintf(label, sizeof(label), "queue %u last chain", vq->index);
	dev_row(rows, label, "head %u: out %u with %" PRIu64 " B, in %u with %" PRIu64 " B%s%s%s",
		head, sum.nr[0], sum.len[0], sum.nr[1], sum.len[1],
		sum.indirect ? ", indirect" : "", sum.wrong ? ": " : "",
		sum.wrong ? sum.wrong : "");
}

void virtq_describe(struct virtq *vq, struct dev_rows *rows)
{
	uint16_t avail, used;
	char label[24];

	if (!virtq_ready(vq))
		return;
	avail = virtq_avail_idx(vq);
	used = __atomic_load_n((uint16_t *)(void *)(vq->used + 2), __ATOMIC_ACQUIRE);
	snprintf(label, sizeof(label), "queue %u", vq->index);
	dev_row(rows, label, "%u entries, %lu chains, %u in flight, %lu kicks, %lu interrupts",
		vq->size, atomic_load(&vq->nr_chains), virtq_in_flight(vq),
		atomic_load(&vq->nr_kicks), atomic_load(&vq->nr_interrupts));
	snprintf(label, sizeof(label), "queue %u rings", vq->index);
	dev_row(rows, label, "avail %u, used %u; at %" PRIx64 ", %" PRIx64 ", descriptors %" PRIx64,
		avail, used, vq->avail_gpa, vq->used_gpa, vq->desc_gpa);
	if (avail || atomic_load(&vq->nr_chains))
		virtq_describe_chain(vq, avail, rows);
}

/* --- the buffers of a chain --- */

static size_t virtq_copy(const struct iovec *iov, unsigned int nr, size_t off, uint8_t *to,
			 const uint8_t *from, size_t len)
{
	size_t done = 0, part;

	for (; nr && done < len; iov++, nr--) {
		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - off < len - done ? iov->iov_len - off : len - done;
		if (to)
			memcpy(to + done, (uint8_t *)iov->iov_base + off, part);
		else
			memcpy((uint8_t *)iov->iov_base + off, from + done, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t virtq_elem_read(const struct virtq_elem *elem, size_t off, void *data, size_t len)
{
	size_t done = virtq_copy(elem->iov, elem->nr_out, off, data, NULL, len);

	__asm__ volatile("" ::: "memory");
	return done;
}

size_t virtq_elem_write(const struct virtq_elem *elem, size_t off, const void *data, size_t len)
{
	return virtq_copy(elem->iov + elem->nr_out, elem->nr_in, off, NULL, data, len);
}

/* --- set-up --- */

int virtq_create(struct virtio *vdev, unsigned int index, unsigned int max, struct virtq **out,
		 struct err *err)
{
	struct virtq *vq = calloc(1, sizeof(*vq));

	if (!vq)
		return err_sys(err, ENOMEM, "%s: queue %u", vdev->name, index);
	vq->vdev = vdev;
	vq->index = index;
	vq->max = max;
	pthread_mutex_init(&vq->lock, NULL);
	virtq_reset(vq);
	vq->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vq->kick_fd < 0) {
		virtq_destroy(vq);
		return err_sys(err, errno, "%s: queue %u: eventfd", vdev->name, index);
	}
	*out = vq;
	return 0;
}

void virtq_destroy(struct virtq *vq)
{
	if (!vq)
		return;
	if (vq->kick_fd >= 0)
		close(vq->kick_fd);
	pthread_mutex_destroy(&vq->lock);
	free(vq);
}

void virtq_reset(struct virtq *vq)
{
	pthread_mutex_lock(&vq->lock);
	atomic_store(&vq->enabled, false);
	vq->size = vq->max;
	vq->desc_gpa = vq->avail_gpa = vq->used_gpa = 0;
	vq->desc = vq->avail = vq->used = NULL;
	atomic_store(&vq->vector, VIRTIO_NO_VECTOR);
	vq->last_avail = vq->used_idx = vq->signalled = 0;
	vq->signalled_valid = true; /* nothing was given back, nothing is owed */
	vq->want_kick = true;
	vq->in_flight = 0;
	memset(vq->taken, 0, sizeof(vq->taken));
	pthread_mutex_unlock(&vq->lock);
}

/* Sizes and alignments of 2.7. */
static const char *virtq_map(struct virtq *vq)
{
	unsigned int size = vq->size;

	if (!size || size > vq->max || size & (size - 1))
		return "size";
	if (vq->desc_gpa % 16)
		return "descriptor table's alignment";
	if (vq->avail_gpa % 2)
		return "available ring's alignment";
	if (vq->used_gpa % 4)
		return "used ring's alignment";
	vq->desc = virtq_span(vq, vq->desc_gpa, 16ull * size);
	vq->avail = virtq_span(vq, vq->avail_gpa, 6 + 2ull * size);
	vq->used = virtq_span(vq, vq->used_gpa, 6 + 8ull * size);
	if (!vq->desc)
		return "descriptor table's place: not RAM";
	if (!vq->avail)
		return "available ring's place: not RAM";
	return vq->used ? NULL : "used ring's place: not RAM";
}

void virtq_enable(struct virtq *vq)
{
	const char *wrong;

	if (atomic_load(&vq->enabled))
		return;
	wrong = virtq_map(vq);
	if (wrong)
		virtio_broken(vq->vdev, "queue %u cannot be enabled: %s", vq->index, wrong);
	else
		atomic_store(&vq->enabled, true);
}

void virtq_legacy_place(struct virtq *vq, uint64_t gpa)
{
	vq->desc_gpa = gpa;
	vq->avail_gpa = gpa + 16ull * vq->size;
	vq->used_gpa = (vq->avail_gpa + 6 + 2ull * vq->size + VIRTQ_LEGACY_ALIGN - 1) &
		       ~(VIRTQ_LEGACY_ALIGN - 1);
}

void virtq_adopt(struct virtq *vq, uint16_t next)
{
	pthread_mutex_lock(&vq->lock);
	atomic_fetch_add_explicit(&vq->nr_chains, (uint16_t)(next - vq->last_avail),
				  memory_order_relaxed);
	vq->last_avail = next;
	vq->used_idx = __atomic_load_n((uint16_t *)(void *)(vq->used + 2), __ATOMIC_ACQUIRE);
	vq->signalled_valid = false; /* how much was announced is not known */
	vq->want_kick = true;
	virtq_used_dirty(vq);
	pthread_mutex_unlock(&vq->lock);
	virtq_want_kick(vq, true);
}

/* --- snapshots --- */

void virtq_save(struct virtq *vq, struct buf *out)
{
	dev_save_u32(out, vq->size);
	dev_save_u64(out, vq->desc_gpa);
	dev_save_u64(out, vq->avail_gpa);
	dev_save_u64(out, vq->used_gpa);
	dev_save_u8(out, atomic_load(&vq->enabled));
	dev_save_u32(out, atomic_load(&vq->vector));
	dev_save_u32(out, vq->last_avail);
	dev_save_u32(out, vq->used_idx);
	dev_save_u8(out, vq->want_kick);
	dev_save_bytes(out, vq->taken, sizeof(vq->taken));
}

static unsigned int virtq_count_taken(struct virtq *vq)
{
	unsigned int i, count = 0;

	for (i = 0; i < VIRTQ_MAX_SIZE / 64; i++)
		count += (unsigned int)__builtin_popcountll(vq->taken[i]);
	return count;
}

int virtq_load(struct virtq *vq, struct dev_state_in *in)
{
	bool enabled;

	virtq_reset(vq);
	vq->size = dev_load_u32(in);
	vq->desc_gpa = dev_load_u64(in);
	vq->avail_gpa = dev_load_u64(in);
	vq->used_gpa = dev_load_u64(in);
	enabled = dev_load_u8(in);
	atomic_store(&vq->vector, (uint16_t)dev_load_u32(in));
	vq->last_avail = (uint16_t)dev_load_u32(in);
	vq->used_idx = (uint16_t)dev_load_u32(in);
	vq->signalled_valid = false; /* how much was announced is not in the snapshot */
	vq->want_kick = dev_load_u8(in);
	dev_load_bytes(in, vq->taken, sizeof(vq->taken));
	vq->in_flight = virtq_count_taken(vq);
	if (in->failed || (enabled && virtq_map(vq))) {
		virtq_reset(vq);
		return -EINVAL;
	}
	atomic_store(&vq->enabled, enabled);
	return 0;
}
