/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk image as a device sees it: requests go in, completions come out, and
 * what is behind them (a raw file by io_uring or by threads, any other format
 * through NBD) does not matter.
 *
 * An image is opened once and used through queues. A queue belongs to one
 * thread at a time; queues of one image are independent of each other.
 */
#ifndef VITRINE_VMM_BLOCK_BLOCK_H
#define VITRINE_VMM_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "vmm/block/aio.h"

#define BLOCK_SECTOR	 512u
#define BLOCK_MAX_QUEUES 16
/* The most one request may move; a device refuses more. */
#define BLOCK_MAX_LEN (1ull << 30)

/* As QEMU names them: where writes go, and what a flush does. */
enum block_cache {
	BLOCK_CACHE_WRITEBACK,	  /* the host's page cache; a flush makes writes stable */
	BLOCK_CACHE_NONE,	  /* O_DIRECT; a flush makes writes stable */
	BLOCK_CACHE_WRITETHROUGH, /* the host's page cache; each write is stable when done */
	BLOCK_CACHE_DIRECTSYNC,	  /* O_DIRECT; each write is stable when done */
	BLOCK_CACHE_UNSAFE,	  /* a flush does nothing */
	BLOCK_NR_CACHES
};

/* "writeback", ... */
const char *block_cache_name(enum block_cache cache);

struct block_config {
	const char *path; /* a file, a block device, or nbd:HOST:PORT, nbd:unix:PATH, nbd+...:// */
	const char *format; /* "raw", "qcow2", ...; NULL: by its first bytes (probe.h) */
	bool read_only;
	enum block_cache cache;
	bool threads; /* no io_uring, even where there is one (tests) */
};

struct block_info {
	char format[16];
	const char *engine;	 /* "io_uring", "threads", "nbd" */
	uint64_t size;		 /* bytes, a multiple of BLOCK_SECTOR */
	uint32_t block_size;	 /* smallest addressable unit, bytes */
	uint32_t physical_size;	 /* smallest unit written without reading first */
	uint32_t discard_align;	 /* bytes */
	unsigned int max_queues; /* of use */
	bool read_only;
	enum block_cache cache;
};

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZEROES };

#define BLOCK_FUA   1u /* stable when done (writes and zeroes) */
#define BLOCK_UNMAP 2u /* zeroes may free the space */

/*
 * One request; the caller fills the first part and keeps all of it until DONE
 * is called. OFF and LEN are bytes, multiples of BLOCK_SECTOR within the image,
 * and reads and writes have LEN bytes in IOV, which is used up on the way.
 */
struct block_req {
	enum block_op op;
	unsigned int flags;
	uint64_t off, len;
	struct iovec *iov;
	unsigned int nr_iov;
	/* RESULT is 0 or -errno. It may submit again. */
	void (*done)(struct block_req *req, int result);

	/* The back-end's own. */
	struct block_req *next;
	uint64_t pos; /* bytes done */
	int result;
	unsigned int nr_parts; /* under way */
	void *bounce;
	struct iovec bounce_iov;
	struct aio_op aio;
};

struct block;
struct block_queue;

/* Who watches descriptors for a queue: calls FN(ARG, epoll EVENTS) in the queue's thread. */
struct block_loop {
	void *ctx;
	int (*watch)(void *ctx, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events),
		     void *arg, struct err *err);
	/* Completions of a turn have been told. May be NULL. */
	void (*settled)(void *ctx);
};

/* Open, lock and measure an image. One line says why not, naming the file. */
int block_open(const struct block_config *config, struct block **out, struct err *err);
/* Close it; its queues are closed before. NULL is fine. */
void block_close(struct block *block);
const struct block_info *block_info(const struct block *block);

/* A queue for up to DEPTH requests at a time. LOOP is copied. */
int block_queue_open(struct block *block, unsigned int depth, const struct block_loop *loop,
		     struct block_queue **out, struct err *err);
/* Waits for what is under way first. NULL is fine. */
void block_queue_close(struct block_queue *queue);
/* Take REQ; it goes out with the next commit at the latest. done() is not called in here. */
void block_submit(struct block_queue *queue, struct block_req *req);
/* Send what was submitted; requests that are done at once are told here. */
void block_commit(struct block_queue *queue);
/* Wait until every request has been told of; for resets. Any thread, while the queue's stands. */
void block_drain(struct block_queue *queue);

#endif
