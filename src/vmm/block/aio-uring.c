/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aio.h by io_uring. The ring's own descriptor is what is watched: it is
 * readable exactly while completions wait, so those that were there at once,
 * as reads from the page cache are, cost no wake-up.
 */
#include "vmm/block/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdlib.h>

#ifdef HAVE_URING
#include <liburing.h>

struct aio {
	struct io_uring ring;
	int fd;
	struct aio_op *waiting; /* found no room in the ring */
};

/* Newer kernels need not be interrupted to finish a request; older ones do not know the flag. */
static int aio_uring_init(struct io_uring *ring, unsigned int depth)
{
	struct io_uring_params params = { 0 };
	int ret = -EINVAL;

#ifdef IORING_SETUP_COOP_TASKRUN
	params.flags = IORING_SETUP_COOP_TASKRUN;
	ret = io_uring_queue_init_params(depth, ring, &params);
#endif
	if (ret == -EINVAL) {
		params = (struct io_uring_params){ 0 };
		ret = io_uring_queue_init_params(depth, ring, &params);
	}
	return ret;
}

static int aio_uring_open(int fd, unsigned int depth, struct aio **out, struct err *err)
{
	struct aio *aio = calloc(1, sizeof(*aio));
	int ret;

	if (!aio)
		return err_sys(err, ENOMEM, "io_uring");
	ret = aio_uring_init(&aio->ring, depth);
	if (ret < 0) {
		free(aio);
		return err_sys(err, -ret, "io_uring");
	}
	io_uring_ring_dontfork(&aio->ring);
	/* Not registered with the ring, which would hold it, and its locks, beyond our own end. */
	aio->fd = fd;
	*out = aio;
	return 0;
}

static void aio_uring_close(struct aio *aio)
{
	io_uring_queue_exit(&aio->ring);
	free(aio);
}

static int aio_uring_fd(const struct aio *aio)
{
	return aio->ring.ring_fd;
}

static void aio_uring_fill(struct aio *aio, struct io_uring_sqe *sqe, struct aio_op *op)
{
	switch (op->kind) {
	case AIO_READ:
		io_uring_prep_readv(sqe, aio->fd, op->iov, op->nr_iov, op->off);
		break;
	case AIO_WRITE:
		io_uring_prep_writev2(sqe, aio->fd, op->iov, op->nr_iov, op->off,
				      op->dsync ? RWF_DSYNC : 0);
		break;
	case AIO_FSYNC:
		io_uring_prep_fsync(sqe, aio->fd, IORING_FSYNC_DATASYNC);
		break;
	case AIO_PUNCH:
		io_uring_prep_fallocate(sqe, aio->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)op->off, (off_t)op->len);
		break;
	case AIO_ZERO:
		io_uring_prep_fallocate(sqe, aio->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
					(off_t)op->off, (off_t)op->len);
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

static void aio_uring_submit(struct aio *aio, struct aio_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&aio->ring);

	if (!sqe) {
		io_uring_submit(&aio->ring);
		sqe = io_uring_get_sqe(&aio->ring);
	}
	if (sqe) {
		aio_uring_fill(aio, sqe, op);
		return;
	}
	op->next = aio->waiting;
	aio->waiting = op;
}

/* What found no room goes out as room comes; the kernel may be short of memory for a moment. */
static void aio_uring_commit(struct aio *aio)
{
	struct aio_op *op;

	while ((op = aio->waiting)) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&aio->ring);

		if (!sqe)
			break;
		aio->waiting = op->next;
		aio_uring_fill(aio, sqe, op);
	}
	if (io_uring_sq_ready(&aio->ring))
		io_uring_submit(&aio->ring);
}

static struct aio_op *aio_uring_reap(struct aio *aio)
{
	struct io_uring_cqe *cqe;
	struct aio_op *op;

	if (io_uring_peek_cqe(&aio->ring, &cqe) != 0)
		return NULL;
	op = io_uring_cqe_get_data(cqe);
	op->result = cqe->res;
	io_uring_cqe_seen(&aio->ring, cqe);
	return op;
}

static void aio_uring_wait(struct aio *aio)
{
	struct io_uring_cqe *cqe;
	int ret;

	aio_uring_commit(aio);
	do {
		ret = io_uring_wait_cqe(&aio->ring, &cqe);
	} while (ret == -EINTR);
}

const struct aio_ops aio_uring_ops = {
	.name = "io_uring",
	.open = aio_uring_open,
	.close = aio_uring_close,
	.fd = aio_uring_fd,
	.submit = aio_uring_submit,
	.commit = aio_uring_commit,
	.reap = aio_uring_reap,
	.wait = aio_uring_wait,
};

#else

static int aio_uring_open(int fd, unsigned int depth, struct aio **out, struct err *err)
{
	(void)fd;
	(void)depth;
	(void)out;
	return err_set(err, ENOSYS, "io_uring: this program was built without liburing");
}

const struct aio_ops aio_uring_ops = {
	.name = "io_uring",
	.open = aio_uring_open,
};
#endif
