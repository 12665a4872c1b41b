/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the device (blk.c) and its requests (blk-request.c) share. */
#ifndef VITRINE_VMM_VIRTIO_BLK_PRIV_H
#define VITRINE_VMM_VIRTIO_BLK_PRIV_H

#include "vmm/virtio/blk.h"

/* Section 5.2.3. */
#define BLK_F_SEG_MAX	   (1ull << 2)
#define BLK_F_GEOMETRY	   (1ull << 4)
#define BLK_F_RO	   (1ull << 5)
#define BLK_F_BLK_SIZE	   (1ull << 6)
#define BLK_F_FLUSH	   (1ull << 9)
#define BLK_F_TOPOLOGY	   (1ull << 10)
#define BLK_F_CONFIG_WCE   (1ull << 11)
#define BLK_F_MQ	   (1ull << 12)
#define BLK_F_DISCARD	   (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

#define BLK_QUEUE_SIZE 256
#define BLK_DEPTH      128 /* requests of a queue in flight */
#define BLK_MAX_SEGS   256 /* buffers of a request */
#define BLK_SEG_MAX    (BLK_MAX_SEGS - 2)
#define BLK_MAX_RANGES 32 /* of a discard or write-zeroes */
#define BLK_CFG_LEN    64

/* What the statistics tell apart. */
enum blk_class { BLK_READS, BLK_WRITES, BLK_FLUSHES, BLK_UNMAPS };

struct blk_range {
	uint64_t off, len; /* bytes, within the image */
	unsigned int flags;
};

struct blk_queue;

/* One request of the guest, from its chain to its status byte. */
struct blk_request {
	struct block_req block; /* first */
	struct blk_queue *queue;
	uint16_t head;
	enum blk_class class;
	uint8_t *status; /* in guest memory */
	uint32_t written;
	uint64_t bytes, start_ns;
	unsigned int nr_ranges, range_at;
	struct blk_range range[BLK_MAX_RANGES];
	struct iovec iov[BLK_MAX_SEGS];
};

struct blk_worker {
	struct blk *blk;
	unsigned int index;
	struct block_queue *block;
};

/* A virtqueue. Touched by its worker, or while the workers are held. */
struct blk_queue {
	struct blk *blk;
	unsigned int index;
	struct virtq *vq;
	struct blk_worker *worker;
	struct blk_counters *count;
	struct virtq_elem elem;
	struct blk_request *request; /* BLK_DEPTH */
	uint16_t free[BLK_DEPTH];    /* a stack: the same few are used while few are in flight */
	unsigned int nr_free;
	bool pushed;  /* since the last notification */
	bool starved; /* chains may wait for a free request */
};

struct blk {
	struct virtio *vdev;
	const struct blk_config *config;
	struct block *block;
	const struct block_info *info;
	const char *name;
	uint64_t capacity; /* sectors */
	unsigned int nr_queues, nr_workers;
	struct blk_queue *queue;
	struct blk_worker worker[BLOCK_MAX_QUEUES];
	uint8_t cfg[BLK_CFG_LEN]; /* but for the write-back byte */
	atomic_bool writeback;
	atomic_bool dropping; /* completions are for nobody: reset */
	atomic_uint_fast64_t features;
};

/* The chain in queue->elem: started, or answered at once. False if the device is broken. */
bool blk_request_begin(struct blk_queue *queue);

#endif
