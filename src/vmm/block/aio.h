/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls on one file descriptor that are done in the background: by
 * io_uring, or by a few threads where the kernel refuses that. An aio belongs
 * to one thread at a time, except that drains may come from another while
 * that one stands.
 */
#ifndef VITRINE_VMM_BLOCK_AIO_H
#define VITRINE_VMM_BLOCK_AIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

enum aio_kind { AIO_READ, AIO_WRITE, AIO_FSYNC, AIO_PUNCH, AIO_ZERO };

/* One call. RESULT is what the call returns, or -errno. */
struct aio_op {
	enum aio_kind kind;
	bool dsync; /* AIO_WRITE: stable when done */
	uint64_t off, len;
	const struct iovec *iov;
	unsigned int nr_iov;
	int64_t result;
	struct aio_op *next;
};

struct aio;

struct aio_ops {
	const char *name;
	/* For calls on FD, up to DEPTH at a time. */
	int (*open)(int fd, unsigned int depth, struct aio **out, struct err *err);
	/* Nothing is under way any more. */
	void (*close)(struct aio *aio);
	/* Readable when reap() would find something. */
	int (*fd)(const struct aio *aio);
	void (*submit)(struct aio *aio, struct aio_op *op);
	/* Send what was submitted. */
	void (*commit)(struct aio *aio);
	/* The next call that is done, or NULL. */
	struct aio_op *(*reap)(struct aio *aio);
	/* Block until reap() finds something; something is under way. */
	void (*wait)(struct aio *aio);
};

extern const struct aio_ops aio_threads_ops;
/* Without liburing, or where the kernel refuses, open() returns -errno. */
extern const struct aio_ops aio_uring_ops;

/* OP as an ordinary call: its result. */
int64_t aio_call(int fd, const struct aio_op *op);

#endif
