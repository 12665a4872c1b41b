/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio.h by a few threads that make ordinary calls, where io_uring is refused. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/block/aio.h"

#define AIO_NR_THREADS 4

struct aio_list {
	struct aio_op *first, **end;
};

struct aio {
	int fd, event_fd;
	pthread_t thread[AIO_NR_THREADS];
	unsigned int nr_threads;
	struct aio_list fresh; /* not sent yet; the owner's alone */
	pthread_mutex_t lock;  /* the rest */
	pthread_cond_t work;
	struct aio_list todo, finished;
	bool quit;
};

static void aio_list_init(struct aio_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void aio_list_add(struct aio_list *list, struct aio_op *op)
{
	op->next = NULL;
	*list->end = op;
	list->end = &op->next;
}

static struct aio_op *aio_list_take(struct aio_list *list)
{
	struct aio_op *op = list->first;

	if (op) {
		list->first = op->next;
		if (!list->first)
			list->end = &list->first;
	}
	return op;
}

int64_t aio_call(int fd, const struct aio_op *op)
{
	off_t off = (off_t)op->off, len = (off_t)op->len;
	int64_t ret = -1;

	switch (op->kind) {
	case AIO_READ:
		ret = preadv(fd, op->iov, (int)op->nr_iov, off);
		break;
	case AIO_WRITE:
		ret = pwritev2(fd, op->iov, (int)op->nr_iov, off, op->dsync ? RWF_DSYNC : 0);
		break;
	case AIO_FSYNC:
		ret = fdatasync(fd);
		break;
	case AIO_PUNCH:
		ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
		break;
	case AIO_ZERO:
		ret = fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, off, len);
		break;
	}
	return ret < 0 ? -errno : ret;
}

static void aio_threads_signal(struct aio *aio)
{
	uint64_t one = 1;
	ssize_t n = write(aio->event_fd, &one, sizeof(one));

	(void)n; /* a full counter is readable all the same */
}

static void *aio_threads_main(void *arg)
{
	struct aio *aio = arg;
	struct aio_op *op;

	pthread_mutex_lock(&aio->lock);
	while (!aio->quit) {
		op = aio_list_take(&aio->todo);
		if (!op) {
			pthread_cond_wait(&aio->work, &aio->lock);
			continue;
		}
		pthread_mutex_unlock(&aio->lock);
		op->result = aio_call(aio->fd, op);
		pthread_mutex_lock(&aio->lock);
		aio_list_add(&aio->finished, op);
		aio_threads_signal(aio);
	}
	pthread_mutex_unlock(&aio->lock);
	return NULL;
}

static void aio_threads_close(struct aio *aio)
{
	pthread_mutex_lock(&aio->lock);
	aio->quit = true;
	pthread_cond_broadcast(&aio->work);
	pthread_mutex_unlock(&aio->lock);
	while (aio->nr_threads > 0)
		pthread_join(aio->thread[--aio->nr_threads], NULL);
	close(aio->event_fd);
	pthread_cond_destroy(&aio->work);
	pthread_mutex_destroy(&aio->lock);
	free(aio);
}

/* Signals are the main loop's and the vCPUs'. */
static int aio_threads_start(struct aio *aio)
{
	sigset_t all, old;
	int ret = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (aio->nr_threads < AIO_NR_THREADS && ret == 0) {
		ret = pthread_create(&aio->thread[aio->nr_threads], NULL, aio_threads_main, aio);
		if (ret == 0)
			aio->nr_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return aio->nr_threads ? 0 : -ret;
}

static int aio_threads_open(int fd, unsigned int depth, struct aio **out, struct err *err)
{
	struct aio *aio = calloc(1, sizeof(*aio));
	int ret;

	(void)depth;
	if (!aio)
		return err_sys(err, ENOMEM, "disk threads");
	aio->fd = fd;
	pthread_mutex_init(&aio->lock, NULL);
	pthread_cond_init(&aio->work, NULL);
	aio_list_init(&aio->fresh);
	aio_list_init(&aio->todo);
	aio_list_init(&aio->finished);
	aio->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = aio->event_fd < 0 ? -errno : aio_threads_start(aio);
	if (ret < 0) {
		aio_threads_close(aio);
		return err_sys(err, -ret, "disk threads");
	}
	*out = aio;
	return 0;
}

static int aio_threads_fd(const struct aio *aio)
{
	return aio->event_fd;
}

static void aio_threads_submit(struct aio *aio, struct aio_op *op)
{
	aio_list_add(&aio->fresh, op);
}

static void aio_threads_commit(struct aio *aio)
{
	struct aio_op *op;

	if (!aio->fresh.first)
		return;
	pthread_mutex_lock(&aio->lock);
	while ((op = aio_list_take(&aio->fresh))) {
		aio_list_add(&aio->todo, op);
		pthread_cond_signal(&aio->work);
	}
	pthread_mutex_unlock(&aio->lock);
}

/* The eventfd is emptied with the list, under the lock that both are filled under. */
static struct aio_op *aio_threads_reap(struct aio *aio)
{
	struct aio_op *op;
	uint64_t count;
	ssize_t n;

	pthread_mutex_lock(&aio->lock);
	op = aio_list_take(&aio->finished);
	if (op && !aio->finished.first) {
		n = read(aio->event_fd, &count, sizeof(count));
		(void)n;
	}
	pthread_mutex_unlock(&aio->lock);
	return op;
}

static void aio_threads_wait(struct aio *aio)
{
	struct pollfd pfd = { .fd = aio->event_fd, .events = POLLIN };

	aio_threads_commit(aio);
	while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
		;
}

const struct aio_ops aio_threads_ops = {
	.name = "threads",
	.open = aio_threads_open,
	.close = aio_threads_close,
	.fd = aio_threads_fd,
	.submit = aio_threads_submit,
	.commit = aio_threads_commit,
	.reap = aio_threads_reap,
	.wait = aio_threads_wait,
};
