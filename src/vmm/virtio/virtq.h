/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A split virtqueue seen from the device (virtio 1.2, section 2.7): indirect
 * descriptors, event index. Every descriptor is copied once and then checked;
 * a chain that breaks a rule puts the device into NEEDS_RESET.
 */
#ifndef VITRINE_VMM_VIRTIO_VIRTQ_H
#define VITRINE_VMM_VIRTIO_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQ_MAX_SIZE 1024 /* descriptors in a queue */
#define VIRTQ_MAX_SEGS 1024 /* buffers in one chain, indirect ones included */

struct virtq;

/*
 * One chain. iov[0..nr_out) is read by the device, iov[nr_out..nr_out+nr_in) written by it; each
 * lies wholly in guest RAM. The guest may change their contents at any time: copy, then check.
 */
struct virtq_elem {
	uint16_t head;
	unsigned int nr_out, nr_in;
	uint64_t out_len, in_len; /* bytes */
	struct iovec iov[VIRTQ_MAX_SEGS];
};

/*
 * The next available chain into ELEM. 1: there is one; 0: none, or a reset or snapshot wants the
 * worker to stand (the queue is kicked again then: just return); -EINVAL: the queue is broken, the
 * device is in NEEDS_RESET and has said why. Only in the queue's worker thread (virtio.h).
 */
int virtq_pop(struct virtq *vq, struct virtq_elem *elem);
/* Give back the chain that began with HEAD; the device wrote WRITTEN bytes into it. Any order. Any
 * thread. */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t written);
/* The chain that begins with HEAD once more, for one that was out when a snapshot was taken: it
 * stays out until virtq_push(). 0 or -EINVAL as virtq_pop(). In a worker. */
int virtq_fetch(struct virtq *vq, uint16_t head, struct virtq_elem *elem);
/* Undo the last virtq_pop(): the same chain is next again (nothing was pushed since). */
void virtq_unpop(struct virtq *vq);
/* Put chains in the used ring without making them visible, then all at once (mergeable receive
 * buffers): fill NR with index 0.., then virtq_flush(). */
void virtq_fill(struct virtq *vq, uint16_t head, uint32_t written, unsigned int index);
void virtq_flush(struct virtq *vq, unsigned int nr);
/* Interrupt the driver, if it wants that for what was pushed since the last time. Any thread. */
void virtq_notify(struct virtq *vq);
/*
 * Ask for a notification at the next available chain (ON), or spare them while polling. True if
 * chains became available meanwhile: look again.
 */
bool virtq_want_kick(struct virtq *vq, bool on);
bool virtq_ready(const struct virtq *vq);
unsigned int virtq_size(const struct virtq *vq);
/* Chains taken and not yet given back. */
unsigned int virtq_in_flight(const struct virtq *vq);

struct dev_rows;
/* Size, counters, indices of the rings and the newest chain as rows; the configuration stands. */
void virtq_describe(struct virtq *vq, struct dev_rows *rows);

/* Copy LEN bytes at offset OFF of the readable (out) or writable (in) part; returns bytes copied,
 * less than LEN at the end. */
size_t virtq_elem_read(const struct virtq_elem *elem, size_t off, void *data, size_t len);
size_t virtq_elem_write(const struct virtq_elem *elem, size_t off, const void *data, size_t len);

#endif
