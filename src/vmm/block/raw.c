/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw images: files and block devices. A request becomes as many calls as it
 * takes, one at a time (short reads, buffers that O_DIRECT does not like, zeroes
 * that the file system cannot make), each done in the background (aio.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/block/aio.h"
#include "vmm/block/block-priv.h"
#include "vmm/block/lock.h"
#include "vmm/block/probe.h"

#define RAW_NR_BOUNCE	 4
#define RAW_BOUNCE_LEN	 (128u << 10)
#define RAW_ZEROES_LEN	 (1u << 20)
#define RAW_DIRECT_ALIGN 4096u

struct raw {
	int fd;
	uint64_t file_size; /* what the file had when it was opened */
	bool direct, device;
	bool guard;	/* raw by its first bytes only: they may not come to look otherwise */
	uint32_t align; /* of memory and length, for direct */
	const struct aio_ops *aio;
	void *zeroes; /* RAW_ZEROES_LEN, never written */
};

struct raw_queue {
	struct raw *raw;
	struct aio *aio;
	struct block_req *ready, **ready_end;	  /* done without a call */
	struct block_req *waiting, **waiting_end; /* for a bounce buffer */
	void *bounce;				  /* RAW_NR_BOUNCE buffers */
	unsigned int bounce_used;		  /* a bit for each */
	unsigned int nr_calls;			  /* ever made */
};

/* --- opening --- */

static int raw_measure_device(struct raw *raw, struct block_info *info, struct err *err)
{
	unsigned int physical = 0;
	int logical = 0;

	if (ioctl(raw->fd, BLKGETSIZE64, &raw->file_size) != 0)
		return err_sys(err, errno, "size");
	if (ioctl(raw->fd, BLKSSZGET, &logical) == 0 && logical > 0)
		info->block_size = (uint32_t)logical;
	if (ioctl(raw->fd, BLKPBSZGET, &physical) == 0 && physical >= info->block_size)
		info->physical_size = physical;
	if (info->physical_size < info->block_size)
		info->physical_size = info->block_size;
	raw->device = true;
	return 0;
}

static int raw_measure(struct raw *raw, struct block_info *info, struct err *err)
{
	struct stat st;
	int ret;

	if (fstat(raw->fd, &st) != 0)
		return err_sys(err, errno, "stat");
	info->block_size = info->physical_size = BLOCK_SECTOR;
	if (S_ISBLK(st.st_mode)) {
		ret = raw_measure_device(raw, info, err);
		if (ret < 0)
			return ret;
	} else if (S_ISREG(st.st_mode)) {
		raw->file_size = (uint64_t)st.st_size;
		info->physical_size = 4096;
	} else {
		return err_set(err, EINVAL, "neither a file nor a block device");
	}
	if (raw->file_size == 0)
		return err_set(err, EINVAL, "it is empty");
	if (raw->file_size > INT64_MAX - BLOCK_SECTOR)
		return err_set(err, EFBIG, "too large");
	/* The last sector may be a part of one; reads find zeroes after the end. */
	info->size = (raw->file_size + BLOCK_SECTOR - 1) / BLOCK_SECTOR * BLOCK_SECTOR;
	return 0;
}

/* Which lengths O_DIRECT takes is the file system's secret: a sector, or else a page. */
static uint32_t raw_find_align(struct raw *raw, uint32_t block_size)
{
	struct aio_op op = { .kind = AIO_READ, .nr_iov = 1 };
	struct iovec iov = { .iov_len = block_size };
	uint32_t align = RAW_DIRECT_ALIGN;
	void *page = aligned_alloc(RAW_DIRECT_ALIGN, 2 * RAW_DIRECT_ALIGN);

	if (!page)
		return align;
	iov.iov_base = (char *)page + block_size;
	op.iov = &iov;
	if (aio_call(raw->fd, &op) >= 0)
		align = block_size;
	free(page);
	return align;
}

/* A guessed format may not come to be guessed differently: see raw_guard(). */
static int raw_check_format(struct raw *raw, const struct block_config *config, struct err *err)
{
	uint8_t head[PROBE_LEN];
	struct probe probe;
	ssize_t n;

	if (config->format)
		return 0;
	n = pread(raw->fd, head, sizeof(head), 0);
	if (n < 0)
		return err_sys(err, errno, "read");
	probe_header(head, (size_t)n, &probe);
	raw->guard = true;
	return strcmp(probe.format, "raw") == 0 ? 0 : err_set(err, EAGAIN, "changed meanwhile");
}

static int raw_open_file(struct raw *raw, const struct block_config *config, struct err *err)
{
	int flags = (config->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;

	/* Nobody may have a device mounted that a guest will write to. */
	if (!config->read_only && stat(config->path, &st) == 0 && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	raw->fd = open(config->path, flags);
	if (raw->fd < 0 && errno == EBUSY)
		return err_set(err, EBUSY, "%s: in use: mounted, or another program has it",
			       config->path);
	if (raw->fd < 0 && !config->read_only && (errno == EACCES || errno == EROFS))
		return err_sys(err, errno, "%s: not writable (,ro reads it)", config->path);
	return raw->fd < 0 ? err_sys(err, errno, "%s", config->path) : 0;
}

static int raw_set_direct(struct raw *raw, const struct block_config *config, struct err *err)
{
	int flags = fcntl(raw->fd, F_GETFL);

	raw->direct = config->cache == BLOCK_CACHE_NONE || config->cache == BLOCK_CACHE_DIRECTSYNC;
	flags &= ~O_NONBLOCK;
	if (fcntl(raw->fd, F_SETFL, flags | (raw->direct ? O_DIRECT : 0)) == 0)
		return 0;
	return err_set(err, EINVAL, "%s: cache=%s: its file system has no O_DIRECT", config->path,
		       block_cache_name(config->cache));
}

/* Whether io_uring is to be had shows when one is made. */
static void raw_choose_aio(struct raw *raw, bool threads)
{
	struct aio *aio;

	raw->aio = &aio_threads_ops;
	if (!threads && aio_uring_ops.open(raw->fd, 4, &aio, NULL) == 0) {
		aio_uring_ops.close(aio);
		raw->aio = &aio_uring_ops;
	}
}

static void raw_close(struct block *block)
{
	struct raw *raw = block->state;

	if (raw->fd >= 0)
		close(raw->fd);
	if (raw->zeroes)
		munmap(raw->zeroes, RAW_ZEROES_LEN);
	free(raw);
}

static int raw_prepare(struct raw *raw, struct block *block, const struct block_config *config,
		       struct err *err)
{
	struct block_info *info = &block->info;
	int ret;

	if ((ret = raw_open_file(raw, config, err)) < 0 ||
	    (ret = block_lock(raw->fd, !config->read_only, config->path, err)) < 0)
		return ret;
	if ((ret = raw_measure(raw, info, err)) < 0 ||
	    (ret = raw_check_format(raw, config, err)) < 0) {
		err_prefix(err, "%s", config->path);
		return ret;
	}
	ret = raw_set_direct(raw, config, err);
	if (ret < 0)
		return ret;
	raw->zeroes = mmap(NULL, RAW_ZEROES_LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw->zeroes == MAP_FAILED) {
		raw->zeroes = NULL;
		return err_sys(err, ENOMEM, "%s", config->path);
	}
	raw->align = raw->direct ? raw_find_align(raw, info->block_size) : 1;
	raw_choose_aio(raw, config->threads);
	return 0;
}

static int raw_open(struct block *block, const struct block_config *config, struct err *err)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	int ret;

	if (!raw)
		return err_sys(err, ENOMEM, "%s", config->path);
	raw->fd = -1;
	block->state = raw;
	ret = raw_prepare(raw, block, config, err);
	if (ret < 0) {
		raw_close(block);
		return ret;
	}
	/* A file system's smallest unit is the direct caller's business. */
	if (raw->align > block->info.block_size)
		block->info.block_size = raw->align;
	if (block->info.physical_size < block->info.block_size)
		block->info.physical_size = block->info.block_size;
	block->info.discard_align = raw->device ? block->info.physical_size : 4096;
	block->info.engine = raw->aio->name;
	block->info.max_queues = BLOCK_MAX_QUEUES;
	snprintf(block->info.format, sizeof(block->info.format), "raw");
	return 0;
}

/* --- buffers --- */

/* Skip N bytes of REQ's buffers. */
static void raw_iov_skip(struct block_req *req, size_t n)
{
	while (n > 0 && req->nr_iov > 0) {
		size_t step = n < req->iov->iov_len ? n : req->iov->iov_len;

		req->iov->iov_base = (char *)req->iov->iov_base + step;
		req->iov->iov_len -= step;
		n -= step;
		if (req->iov->iov_len > 0)
			return;
		req->iov++;
		req->nr_iov--;
	}
}

/* The next N bytes of REQ's buffers, from (IN) or to DATA; NULL DATA is zeroes. */
static void raw_iov_copy(struct block_req *req, void *data, size_t n, bool in)
{
	char *at = data;

	while (n > 0 && req->nr_iov > 0) {
		size_t step = n < req->iov->iov_len ? n : req->iov->iov_len;

		if (!at)
			memset(req->iov->iov_base, 0, step);
		else if (in)
			memcpy(req->iov->iov_base, at, step);
		else
			memcpy(at, req->iov->iov_base, step);
		if (at)
			at += step;
		n -= step;
		raw_iov_skip(req, step);
	}
}

static bool raw_aligned(const struct raw *raw, const struct block_req *req)
{
	unsigned int i;

	if (!raw->direct)
		return true;
	for (i = 0; i < req->nr_iov; i++) {
		if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) % raw->align)
			return false;
	}
	return true;
}

/* A write that covers the bytes which a format is told by is looked at where the guest cannot
 * change it any more. */
static bool raw_guarded(const struct raw *raw, const struct block_req *req)
{
	return raw->guard && req->op == BLOCK_WRITE && req->off < PROBE_LEN;
}

static void *raw_bounce_get(struct raw_queue *rq)
{
	unsigned int i;

	for (i = 0; i < RAW_NR_BOUNCE; i++) {
		if (!(rq->bounce_used & 1u << i)) {
			rq->bounce_used |= 1u << i;
			return (char *)rq->bounce + (size_t)i * RAW_BOUNCE_LEN;
		}
	}
	return NULL;
}

static void raw_bounce_put(struct raw_queue *rq, void *bounce)
{
	size_t i = (size_t)((char *)bounce - (char *)rq->bounce) / RAW_BOUNCE_LEN;

	rq->bounce_used &= ~(1u << i);
}

/* --- one request, call by call --- */

static void raw_start(struct block_queue *queue, struct block_req *req);

static struct block_req *raw_req_of(struct aio_op *op)
{
	return (struct block_req *)((char *)op - offsetof(struct block_req, aio));
}

static void raw_finish(struct block_queue *queue, struct block_req *req, int result)
{
	struct raw_queue *rq = queue->state;
	struct block_req *next;

	if (req->bounce) {
		raw_bounce_put(rq, req->bounce);
		req->bounce = NULL;
		next = rq->waiting;
		if (next) {
			rq->waiting = next->next;
			if (!rq->waiting)
				rq->waiting_end = &rq->waiting;
			raw_start(queue, next);
		}
	}
	req->result = result;
	req->next = NULL;
	*rq->ready_end = req;
	rq->ready_end = &req->next;
}

static void raw_call(struct raw_queue *rq, struct block_req *req, enum aio_kind kind)
{
	req->aio.kind = kind;
	req->aio.off = req->off + req->pos;
	req->aio.len = req->len - req->pos;
	req->aio.dsync = req->flags & BLOCK_FUA;
	rq->nr_calls++;
	rq->raw->aio->submit(rq->aio, &req->aio);
}

/* The rest of a read or write that goes by way of a buffer of ours. */
static int raw_fill_bounce(struct raw *raw, struct block_req *req)
{
	size_t len = req->len - req->pos < RAW_BOUNCE_LEN ? req->len - req->pos : RAW_BOUNCE_LEN;
	struct probe probe;

	req->bounce_iov = (struct iovec){ req->bounce, len };
	if (req->op == BLOCK_READ)
		return 0;
	raw_iov_copy(req, req->bounce, len, false);
	if (req->pos == 0 && raw_guarded(raw, req)) {
		probe_header(req->bounce, len, &probe);
		if (strcmp(probe.format, "raw") != 0)
			return -EPERM;
	}
	return 0;
}

static void raw_transfer(struct block_queue *queue, struct block_req *req)
{
	struct raw_queue *rq = queue->state;
	int ret;

	if (req->bounce) {
		if (req->bounce_iov.iov_len == 0 && (ret = raw_fill_bounce(rq->raw, req)) < 0) {
			raw_finish(queue, req, ret);
			return;
		}
		req->aio.iov = &req->bounce_iov;
		req->aio.nr_iov = 1;
	} else {
		req->aio.iov = req->iov;
		req->aio.nr_iov = req->nr_iov;
	}
	raw_call(rq, req, req->op == BLOCK_READ ? AIO_READ : AIO_WRITE);
}

/* Zeroes written out, where the file system has no better way. */
static void raw_write_zeroes(struct block_queue *queue, struct block_req *req)
{
	struct raw_queue *rq = queue->state;
	uint64_t len = req->len - req->pos;

	req->bounce_iov.iov_base = rq->raw->zeroes;
	req->bounce_iov.iov_len = len < RAW_ZEROES_LEN ? len : RAW_ZEROES_LEN;
	req->aio.iov = &req->bounce_iov;
	req->aio.nr_iov = 1;
	raw_call(rq, req, AIO_WRITE);
}

static void raw_start(struct block_queue *queue, struct block_req *req)
{
	struct raw_queue *rq = queue->state;

	if (!raw_aligned(rq->raw, req) || raw_guarded(rq->raw, req)) {
		req->bounce = raw_bounce_get(rq);
		if (!req->bounce) {
			req->next = NULL;
			*rq->waiting_end = req;
			rq->waiting_end = &req->next;
			return;
		}
	}
	raw_transfer(queue, req);
}

static void raw_submit(struct block_queue *queue, struct block_req *req)
{
	req->pos = 0;
	req->bounce = NULL;
	req->bounce_iov.iov_len = 0;
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		if (req->len)
			raw_start(queue, req);
		else
			raw_finish(queue, req, 0);
		break;
	case BLOCK_FLUSH:
		if (queue->block->info.cache == BLOCK_CACHE_UNSAFE)
			raw_finish(queue, req, 0);
		else
			raw_call(queue->state, req, AIO_FSYNC);
		break;
	case BLOCK_DISCARD:
		raw_call(queue->state, req, AIO_PUNCH);
		break;
	case BLOCK_ZEROES:
		raw_call(queue->state, req, req->flags & BLOCK_UNMAP ? AIO_PUNCH : AIO_ZERO);
		break;
	}
}

/* N bytes more are there (or zeroes, after the file's end). */
static int64_t raw_took_read(struct raw *raw, struct block_req *req, int64_t n)
{
	uint64_t left = req->len - req->pos, at = req->off + req->pos + (uint64_t)n;

	if (n > 0 && req->bounce)
		raw_iov_copy(req, req->bounce, (size_t)n, true);
	else
		raw_iov_skip(req, (size_t)n);
	if ((uint64_t)n < left && at >= raw->file_size) {
		raw_iov_copy(req, NULL, left - (uint64_t)n, true);
		return (int64_t)left;
	}
	req->bounce_iov.iov_len = 0;
	return n > 0 ? n : -EIO; /* the file has become shorter */
}

static int64_t raw_took_write(struct block_req *req, int64_t n)
{
	if (n == 0)
		return -ENOSPC;
	if (req->bounce) {
		req->bounce_iov.iov_base = (char *)req->bounce_iov.iov_base + n;
		req->bounce_iov.iov_len -= (size_t)n;
	} else if (req->op == BLOCK_WRITE) {
		raw_iov_skip(req, (size_t)n);
	}
	return n;
}

static bool raw_unsupported(int64_t result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -ENODEV || result == -EINVAL;
}

/* A way of making zeroes was tried: the next one if the file system does not know it. */
static void raw_zeroed(struct block_queue *queue, struct block_req *req, int64_t result)
{
	if (raw_unsupported(result))
		raw_write_zeroes(queue, req);
	else if (result == 0 && (req->flags & BLOCK_FUA))
		raw_call(queue->state, req, AIO_FSYNC);
	else
		raw_finish(queue, req, (int)result);
}

/* The call under way for REQ has returned RESULT. */
static void raw_step(struct block_queue *queue, struct block_req *req, int64_t result)
{
	struct raw *raw = ((struct raw_queue *)queue->state)->raw;
	enum aio_kind kind = req->aio.kind;

	if (result == -EINTR) {
		raw_call(queue->state, req, kind);
		return;
	}
	if (kind == AIO_FSYNC || req->op == BLOCK_DISCARD) {
		/* A discard is a hint. */
		if (req->op == BLOCK_DISCARD && raw_unsupported(result))
			result = 0;
		raw_finish(queue, req, (int)result);
		return;
	}
	if (kind == AIO_PUNCH || kind == AIO_ZERO) {
		raw_zeroed(queue, req, result);
		return;
	}
	if (result >= 0)
		result = kind == AIO_READ ? raw_took_read(raw, req, result)
					  : raw_took_write(req, result);
	if (result > 0)
		req->pos += (uint64_t)result;
	if (result < 0 || req->pos >= req->len)
		raw_finish(queue, req, result < 0 ? (int)result : 0);
	else if (req->op == BLOCK_ZEROES)
		raw_write_zeroes(queue, req);
	else
		raw_transfer(queue, req);
}

/* --- a queue --- */

static void raw_tell(struct block_queue *queue)
{
	struct raw_queue *rq = queue->state;
	struct block_req *req;

	while ((req = rq->ready)) {
		rq->ready = req->next;
		if (!rq->ready)
			rq->ready_end = &rq->ready;
		block_done(queue, req, req->result);
	}
}

/* What is done is told, what follows from it is sent, until nothing more is done at once. */
static void raw_commit(struct block_queue *queue)
{
	struct raw_queue *rq = queue->state;
	const struct aio_ops *aio = rq->raw->aio;
	unsigned int nr_calls;
	struct aio_op *op;

	do {
		nr_calls = rq->nr_calls;
		aio->commit(rq->aio);
		while ((op = aio->reap(rq->aio)))
			raw_step(queue, raw_req_of(op), op->result);
		raw_tell(queue);
	} while (rq->ready || rq->nr_calls != nr_calls);
}

static void raw_wait(struct block_queue *queue)
{
	struct raw_queue *rq = queue->state;

	rq->raw->aio->wait(rq->aio);
	raw_commit(queue);
}

static void raw_on_ready(void *arg, uint32_t events)
{
	struct block_queue *queue = arg;

	(void)events;
	raw_commit(queue);
	block_settled(queue);
}

static void raw_queue_free(struct raw_queue *rq)
{
	if (rq->aio)
		rq->raw->aio->close(rq->aio);
	if (rq->bounce)
		munmap(rq->bounce, RAW_NR_BOUNCE * RAW_BOUNCE_LEN);
	free(rq);
}

static void raw_queue_close(struct block_queue *queue)
{
	struct raw_queue *rq = queue->state;

	block_watch(queue, rq->raw->aio->fd(rq->aio), 0, NULL, NULL, NULL);
	raw_queue_free(rq);
}

static int raw_queue_prepare(struct block_queue *queue, struct raw_queue *rq, struct err *err)
{
	const struct aio_ops *aio = rq->raw->aio;
	void *bounce;
	int ret;

	ret = aio->open(rq->raw->fd, queue->depth, &rq->aio, err);
	if (ret < 0)
		return ret;
	/* Used up page by page, as buffers turn out to need it. */
	bounce = mmap(NULL, RAW_NR_BOUNCE * RAW_BOUNCE_LEN, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bounce == MAP_FAILED)
		return err_sys(err, ENOMEM, "disk queue");
	rq->bounce = bounce;
	return block_watch(queue, aio->fd(rq->aio), EPOLLIN, raw_on_ready, queue, err);
}

static int raw_queue_open(struct block_queue *queue, struct err *err)
{
	struct raw_queue *rq = calloc(1, sizeof(*rq));
	int ret;

	if (!rq)
		return err_sys(err, ENOMEM, "disk queue");
	rq->raw = queue->block->state;
	rq->ready_end = &rq->ready;
	rq->waiting_end = &rq->waiting;
	queue->state = rq;
	ret = raw_queue_prepare(queue, rq, err);
	if (ret < 0)
		raw_queue_free(rq);
	return ret;
}

const struct block_ops block_raw_ops = {
	.open = raw_open,
	.close = raw_close,
	.queue_open = raw_queue_open,
	.queue_close = raw_queue_close,
	.submit = raw_submit,
	.commit = raw_commit,
	.wait = raw_wait,
};
