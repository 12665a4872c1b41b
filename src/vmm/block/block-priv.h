/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What block.c, which opens images, and the back-ends share. */
#ifndef VITRINE_VMM_BLOCK_PRIV_H
#define VITRINE_VMM_BLOCK_PRIV_H

#include "vmm/block/block.h"

/* One kind of back-end. OPEN fills block->info and block->state. */
struct block_ops {
	int (*open)(struct block *block, const struct block_config *config, struct err *err);
	void (*close)(struct block *block);
	int (*queue_open)(struct block_queue *queue, struct err *err);
	void (*queue_close)(struct block_queue *queue);
	void (*submit)(struct block_queue *queue, struct block_req *req);
	void (*commit)(struct block_queue *queue);
	/* Block until at least one more request is done, or something failed for good. */
	void (*wait)(struct block_queue *queue);
};

struct block {
	const struct block_ops *ops;
	struct block_info info;
	void *state;
};

struct block_queue {
	struct block *block;
	struct block_loop loop;
	unsigned int depth;
	unsigned int in_flight; /* submitted and not yet told of */
	void *state;
};

/* REQ is over: counts it and tells its owner. */
void block_done(struct block_queue *queue, struct block_req *req, int result);
int block_watch(struct block_queue *queue, int fd, uint32_t events,
		void (*fn)(void *arg, uint32_t events), void *arg, struct err *err);
/* At the end of a turn in which requests may have been done. */
void block_settled(struct block_queue *queue);

extern const struct block_ops block_raw_ops, block_nbd_ops;

#endif
