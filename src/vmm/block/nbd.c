/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images behind an NBD server: one that the user names, or a qemu-nbd of our
 * own for a file of any format but raw. One connection and one queue. Data goes
 * through a fixed set of buffers, piece by piece, so that neither the guest's
 * requests nor a slow server make the process grow.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/time.h"
#include "vmm/block/block-priv.h"
#include "vmm/block/nbd-lib.h"
#include "vmm/block/nbd-server.h"

#ifdef HAVE_NBD

#define NBD_NR_PIECES	  32
#define NBD_PIECE_LEN	  (64u << 10)
#define NBD_MAX_COMMANDS  64 /* pieces, and commands without data */
#define NBD_CONNECT_MS	  30000
#define NBD_DRAIN_MS	  30000
#define NBD_POLL_MS	  1000
#define NBD_MAX_BLOCK	  4096
#define NBD_DISCARD_ALIGN 65536 /* qcow2's usual cluster */

struct nbd_image {
	const struct nbd_lib *lib;
	struct nbd_handle *handle;
	struct nbd_server *server; /* of our own, or NULL */
	bool can_flush, can_fua, can_trim, can_zero;
	const char *path;
};

struct nbd_queue;

/* One command under way. */
struct nbd_piece {
	struct nbd_queue *queue;
	struct block_req *req;
	void *buf; /* NBD_PIECE_LEN, or NULL: a command without data */
	uint64_t at;
	uint32_t len;
	struct nbd_piece *next;
};

struct nbd_queue {
	struct block_queue *block;
	struct nbd_image *image;
	void *bufs;
	struct nbd_piece piece[NBD_MAX_COMMANDS];
	struct nbd_piece *with_buf, *without; /* free ones */
	struct block_req *todo, **todo_end;   /* have parts that are not under way */
	struct block_req *ready, **ready_end;
	int fd;
	uint32_t events; /* watched for */
	bool dead;
};

/* --- opening --- */

static int nbd_fail(const struct nbd_image *image, struct err *err)
{
	const char *text = image->lib->get_error();

	return err_set(err, EIO, "%s: %s", image->path, text ? text : "no connection");
}

/* nbd:HOST:PORT and nbd:unix:PATH, each with :exportname=NAME behind it, are QEMU's own. */
static int nbd_start_old_style(struct nbd_image *image, struct err *err)
{
	const struct nbd_lib *lib = image->lib;
	char text[512], *name, *colon;
	uint64_t port;

	if (snprintf(text, sizeof(text), "%s", image->path + 4) >= (int)sizeof(text))
		return err_set(err, EINVAL, "%s: too long", image->path);
	name = strstr(text, ":exportname=");
	if (name) {
		*name = '\0';
		if (lib->set_export_name(image->handle, name + 12) < 0)
			return nbd_fail(image, err);
	}
	if (strncmp(text, "unix:", 5) == 0)
		return lib->aio_connect_unix(image->handle, text + 5) < 0 ? nbd_fail(image, err)
									  : 0;
	colon = strrchr(text, ':');
	if (!colon || !parse_range(colon + 1, 1, 65535, &port))
		return err_set(err, EINVAL, "%s: nbd:HOST:PORT, nbd:unix:PATH or nbd://HOST/NAME",
			       image->path);
	*colon = '\0';
	return lib->aio_connect_tcp(image->handle, text, colon + 1) < 0 ? nbd_fail(image, err) : 0;
}

static int nbd_start(struct nbd_image *image, const struct block_config *config, const char *format,
		     struct err *err)
{
	const struct nbd_lib *lib = image->lib;
	int fd, ret;

	if (strstr(config->path, "://"))
		return lib->aio_connect_uri(image->handle, config->path) < 0 ? nbd_fail(image, err)
									     : 0;
	if (strncmp(config->path, "nbd:", 4) == 0)
		return nbd_start_old_style(image, err);
	ret = nbd_server_start(config, format, &image->server, &fd, err);
	if (ret < 0)
		return ret;
	if (lib->aio_connect_socket(image->handle, fd) == 0)
		return 0;
	close(fd);
	return nbd_fail(image, err);
}

/* A server that does not answer costs half a minute, not the user's patience. */
static int nbd_finish_connect(struct nbd_image *image, struct err *err)
{
	const struct nbd_lib *lib = image->lib;
	uint64_t end = time_now_ns() + NBD_CONNECT_MS * 1000000ull;

	while (lib->aio_is_connecting(image->handle) > 0) {
		if (lib->poll(image->handle, NBD_POLL_MS) < 0)
			break;
		if (time_now_ns() > end)
			return err_set(err, ETIMEDOUT, "%s: the server does not answer",
				       image->path);
	}
	if (lib->aio_is_ready(image->handle) > 0)
		return 0;
	return image->server ? nbd_server_blame(image->server, image->path, err)
			     : nbd_fail(image, err);
}

static int nbd_measure(struct nbd_image *image, struct block_info *info, struct err *err)
{
	const struct nbd_lib *lib = image->lib;
	int64_t size = lib->get_size(image->handle);
	int64_t least = lib->get_block_size(image->handle, LIBNBD_SIZE_MINIMUM);

	if (size < 0)
		return nbd_fail(image, err);
	if (lib->is_read_only(image->handle) > 0 && !info->read_only)
		return err_set(err, EACCES, "%s: the server has it read-only: ,ro", image->path);
	if (least > NBD_MAX_BLOCK)
		return err_set(err, EINVAL, "%s: blocks of %lld bytes", image->path,
			       (long long)least);
	info->size = (uint64_t)size / BLOCK_SECTOR * BLOCK_SECTOR;
	if (info->size == 0)
		return err_set(err, EINVAL, "%s: it is empty", image->path);
	info->block_size = least > (int64_t)BLOCK_SECTOR ? (uint32_t)least : BLOCK_SECTOR;
	info->physical_size = NBD_MAX_BLOCK;
	info->discard_align = NBD_DISCARD_ALIGN;
	info->engine = "nbd";
	info->max_queues = 1;
	image->can_flush = lib->can_flush(image->handle) > 0;
	image->can_fua = lib->can_fua(image->handle) > 0;
	image->can_trim = lib->can_trim(image->handle) > 0;
	image->can_zero = lib->can_zero(image->handle) > 0;
	return 0;
}

static void nbd_image_close(struct block *block)
{
	struct nbd_image *image = block->state;

	if (image->handle) {
		if (image->lib->aio_is_ready(image->handle) > 0)
			image->lib->aio_disconnect(image->handle, 0);
		image->lib->close(image->handle);
	}
	nbd_server_stop(image->server);
	free(image);
}

static int nbd_open(struct block *block, const struct block_config *config, struct err *err)
{
	struct nbd_image *image = calloc(1, sizeof(*image));
	int ret;

	if (!image)
		return err_sys(err, ENOMEM, "%s", config->path);
	image->path = config->path;
	block->state = image;
	ret = nbd_lib_load(&image->lib, err);
	if (ret < 0) {
		free(image);
		err_prefix(err, "%s", config->path);
		return ret;
	}
	image->handle = image->lib->create();
	ret = image->handle ? nbd_start(image, config, block->info.format, err)
			    : nbd_fail(image, err);
	if (ret == 0)
		ret = nbd_finish_connect(image, err);
	if (ret == 0)
		ret = nbd_measure(image, &block->info, err);
	if (ret < 0)
		nbd_image_close(block);
	else if (image->server)
		nbd_server_accept(image->server);
	return ret;
}

/* --- requests --- */

static void nbd_list_add(struct block_req ***end, struct block_req *req)
{
	req->next = NULL;
	**end = req;
	*end = &req->next;
}

/* LEN bytes at AT of REQ's buffers, into them (IN) or out of them. */
static void nbd_copy(const struct block_req *req, uint64_t at, char *data, size_t len, bool in)
{
	const struct iovec *iov = req->iov, *end = req->iov + req->nr_iov;

	for (; iov < end && len > 0; iov++) {
		size_t n = iov->iov_len;

		if (at >= n) {
			at -= n;
			continue;
		}
		n = n - at < len ? n - at : len;
		if (in)
			memcpy((char *)iov->iov_base + at, data, n);
		else
			memcpy(data, (char *)iov->iov_base + at, n);
		data += n;
		len -= n;
		at = 0;
	}
}

static bool nbd_needs_buf(const struct nbd_image *image, const struct block_req *req)
{
	return req->op == BLOCK_READ || req->op == BLOCK_WRITE ||
	       (req->op == BLOCK_ZEROES && !image->can_zero);
}

/* Stable writes end with a flush where the server cannot do better. */
static bool nbd_wants_flush(const struct nbd_image *image, const struct block_req *req)
{
	return req->op != BLOCK_FLUSH && (req->flags & BLOCK_FUA) && !image->can_fua &&
	       image->can_flush;
}

static void nbd_enqueue(struct nbd_queue *nq, struct block_req *req)
{
	req->pos = 0;
	req->nr_parts = 1;
	if (req->op == BLOCK_FLUSH)
		req->len = 1; /* one command */
	nbd_list_add(&nq->todo_end, req);
}

static void nbd_piece_put(struct nbd_piece *piece)
{
	struct nbd_piece **list = piece->buf ? &piece->queue->with_buf : &piece->queue->without;

	piece->next = *list;
	*list = piece;
}

/* A request holds one part more while there is something of it to send. */
static void nbd_part_done(struct nbd_queue *nq, struct block_req *req, int result)
{
	if (result < 0 && req->result == 0)
		req->result = result;
	if (--req->nr_parts > 0)
		return;
	if (req->result == 0 && nbd_wants_flush(nq->image, req)) {
		req->op = BLOCK_FLUSH;
		nbd_enqueue(nq, req);
		return;
	}
	nbd_list_add(&nq->ready_end, req);
}

/* libnbd calls this when the server has answered, or never will. */
static int nbd_completed(void *arg, int *error)
{
	struct nbd_piece *piece = arg;
	struct block_req *req = piece->req;

	if (*error == 0 && req->op == BLOCK_READ)
		nbd_copy(req, piece->at, piece->buf, piece->len, true);
	nbd_piece_put(piece);
	nbd_part_done(piece->queue, req, *error ? -*error : 0);
	return 1;
}

static int64_t nbd_send(struct nbd_image *image, struct nbd_piece *piece)
{
	const struct nbd_lib *lib = image->lib;
	const struct block_req *req = piece->req;
	nbd_completion_callback done = { .callback = nbd_completed, .user_data = piece };
	uint32_t fua = (req->flags & BLOCK_FUA) && image->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;
	uint64_t off = req->off + piece->at;

	switch (req->op) {
	case BLOCK_READ:
		return lib->aio_pread(image->handle, piece->buf, piece->len, off, done, 0);
	case BLOCK_WRITE:
		return lib->aio_pwrite(image->handle, piece->buf, piece->len, off, done, fua);
	case BLOCK_FLUSH:
		return lib->aio_flush(image->handle, done, 0);
	case BLOCK_DISCARD:
		return lib->aio_trim(image->handle, piece->len, off, done, 0);
	case BLOCK_ZEROES:
		if (piece->buf)
			return lib->aio_pwrite(image->handle, piece->buf, piece->len, off, done,
					       fua);
		if (!(req->flags & BLOCK_UNMAP))
			fua |= LIBNBD_CMD_FLAG_NO_HOLE;
		return lib->aio_zero(image->handle, piece->len, off, done, fua);
	}
	return -1;
}

/* The next part of REQ goes out. False: no piece is free. */
static bool nbd_next_part(struct nbd_queue *nq, struct block_req *req)
{
	bool with_buf = nbd_needs_buf(nq->image, req);
	struct nbd_piece **list = with_buf ? &nq->with_buf : &nq->without;
	struct nbd_piece *piece = *list;
	uint64_t left = req->len - req->pos;

	if (!piece)
		return false;
	*list = piece->next;
	piece->req = req;
	piece->at = req->pos;
	piece->len = (uint32_t)(with_buf && left > NBD_PIECE_LEN ? NBD_PIECE_LEN : left);
	if (req->op == BLOCK_WRITE)
		nbd_copy(req, piece->at, piece->buf, piece->len, false);
	else if (with_buf && req->op == BLOCK_ZEROES)
		memset(piece->buf, 0, piece->len);
	req->pos += piece->len;
	req->nr_parts++;
	if (nq->dead || nbd_send(nq->image, piece) < 0) {
		nbd_piece_put(piece);
		nbd_part_done(nq, req, -EIO);
	}
	return true;
}

/* As much as there are pieces for, in order. */
static void nbd_issue(struct nbd_queue *nq)
{
	struct block_req *req;

	while ((req = nq->todo)) {
		while (req->result == 0 && req->pos < req->len) {
			if (!nbd_next_part(nq, req))
				return;
		}
		nq->todo = req->next;
		if (!nq->todo)
			nq->todo_end = &nq->todo;
		nbd_part_done(nq, req, 0);
	}
}

static void nbd_submit(struct block_queue *queue, struct block_req *req)
{
	struct nbd_queue *nq = queue->state;
	bool nothing =
		(req->op == BLOCK_FLUSH &&
		 (!nq->image->can_flush || queue->block->info.cache == BLOCK_CACHE_UNSAFE)) ||
		(req->op == BLOCK_DISCARD && !nq->image->can_trim);

	req->result = 0;
	if (nothing)
		nbd_list_add(&nq->ready_end, req);
	else
		nbd_enqueue(nq, req);
}

/* --- the connection --- */

static void nbd_on_ready(void *arg, uint32_t events);

static void nbd_rewatch(struct nbd_queue *nq)
{
	unsigned int dir = nq->dead ? 0 : nq->image->lib->aio_get_direction(nq->image->handle);
	uint32_t events = (dir & LIBNBD_AIO_DIRECTION_READ ? EPOLLIN : 0) |
			  (dir & LIBNBD_AIO_DIRECTION_WRITE ? EPOLLOUT : 0);

	if (events == nq->events)
		return;
	nq->events = events;
	block_watch(nq->block, nq->fd, events, nbd_on_ready, nq, NULL);
}

static void nbd_tell(struct nbd_queue *nq)
{
	struct block_req *req;

	while ((req = nq->ready)) {
		nq->ready = req->next;
		if (!nq->ready)
			nq->ready_end = &nq->ready;
		block_done(nq->block, req, req->result);
	}
}

static void nbd_commit(struct block_queue *queue)
{
	struct nbd_queue *nq = queue->state;

	do {
		nbd_issue(nq);
		nbd_tell(nq);
	} while (nq->ready);
	nbd_rewatch(nq);
}

static void nbd_turn(struct nbd_queue *nq, uint32_t events)
{
	const struct nbd_lib *lib = nq->image->lib;
	struct nbd_handle *handle = nq->image->handle;
	unsigned int dir = lib->aio_get_direction(handle);

	if ((events & ~(uint32_t)EPOLLOUT) && (dir & LIBNBD_AIO_DIRECTION_READ))
		lib->aio_notify_read(handle);
	else if ((events & EPOLLOUT) && (dir & LIBNBD_AIO_DIRECTION_WRITE))
		lib->aio_notify_write(handle);
	if (!nq->dead && (lib->aio_is_dead(handle) > 0 || lib->aio_is_closed(handle) > 0)) {
		nq->dead = true;
		log_line("%s: the connection to its server is lost", nq->image->path);
	}
	nbd_commit(nq->block);
}

static void nbd_on_ready(void *arg, uint32_t events)
{
	struct nbd_queue *nq = arg;

	nbd_turn(nq, events);
	block_settled(nq->block);
}

/* Whoever waits for a server that is stuck gets errors in the end. */
static void nbd_wait(struct block_queue *queue)
{
	struct nbd_queue *nq = queue->state;
	struct pollfd pfd = { .fd = nq->fd };
	int ret;

	nbd_commit(queue);
	pfd.events = (short)((nq->events & EPOLLIN ? POLLIN : 0) |
			     (nq->events & EPOLLOUT ? POLLOUT : 0));
	ret = nq->dead ? 0 : poll(&pfd, 1, NBD_DRAIN_MS);
	if (ret == 0)
		shutdown(nq->fd, SHUT_RDWR);
	nbd_turn(nq, ret > 0 && (pfd.revents & POLLOUT) ? EPOLLOUT : EPOLLIN);
}

static void nbd_queue_close(struct block_queue *queue)
{
	struct nbd_queue *nq = queue->state;

	block_watch(queue, nq->fd, 0, NULL, NULL, NULL);
	munmap(nq->bufs, NBD_NR_PIECES * NBD_PIECE_LEN);
	free(nq);
}

static void nbd_make_pieces(struct nbd_queue *nq)
{
	unsigned int i;

	for (i = 0; i < NBD_MAX_COMMANDS; i++) {
		nq->piece[i].queue = nq;
		if (i < NBD_NR_PIECES)
			nq->piece[i].buf = (char *)nq->bufs + (size_t)i * NBD_PIECE_LEN;
		nbd_piece_put(&nq->piece[i]);
	}
}

static int nbd_queue_open(struct block_queue *queue, struct err *err)
{
	struct nbd_queue *nq = calloc(1, sizeof(*nq));

	if (!nq)
		return err_sys(err, ENOMEM, "disk queue");
	nq->block = queue;
	nq->image = queue->block->state;
	nq->todo_end = &nq->todo;
	nq->ready_end = &nq->ready;
	nq->fd = nq->image->lib->aio_get_fd(nq->image->handle);
	nq->bufs = mmap(NULL, NBD_NR_PIECES * NBD_PIECE_LEN, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nq->bufs == MAP_FAILED) {
		free(nq);
		return err_sys(err, ENOMEM, "disk queue");
	}
	nbd_make_pieces(nq);
	queue->state = nq;
	nq->events = EPOLLIN;
	return block_watch(queue, nq->fd, EPOLLIN, nbd_on_ready, nq, err);
}

const struct block_ops block_nbd_ops = {
	.open = nbd_open,
	.close = nbd_image_close,
	.queue_open = nbd_queue_open,
	.queue_close = nbd_queue_close,
	.submit = nbd_submit,
	.commit = nbd_commit,
	.wait = nbd_wait,
};

#else

static int nbd_open(struct block *block, const struct block_config *config, struct err *err)
{
	(void)block;
	return err_set(err, ENOSYS, "%s: not raw, and this program was built without libnbd",
		       config->path);
}

const struct block_ops block_nbd_ops = {
	.open = nbd_open,
};
#endif
