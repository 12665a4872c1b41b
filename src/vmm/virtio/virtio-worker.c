/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker threads of a virtio device: each waits for kicks of its queues and
 * for the descriptors watched there, and runs one function at a time. A holder
 * waits for that one and keeps the next one out.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/virtio/virtio-priv.h"

#define WORKER_BATCH 16

/* What an epoll event is about: the wake-up, a queue, or a watch of a certain generation. */
#define WORKER_WAKE  (1ull << 63)
#define WORKER_QUEUE (1ull << 62)

/* True: the caller may work. False: the thread shall end. */
static bool worker_enter(struct virtio_worker *worker)
{
	bool go;

	pthread_mutex_lock(&worker->lock);
	while (worker->held && !worker->quit)
		pthread_cond_wait(&worker->changed, &worker->lock);
	go = !worker->quit;
	worker->busy = go;
	pthread_mutex_unlock(&worker->lock);
	return go;
}

static void worker_leave(struct virtio_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->busy = false;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

void virtio_worker_hold(struct virtio_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (worker->held)
		pthread_cond_wait(&worker->changed, &worker->lock);
	atomic_store(&worker->held, true);
	while (worker->busy)
		pthread_cond_wait(&worker->changed, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

void virtio_worker_release(struct virtio_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	atomic_store(&worker->held, false);
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

/* A kick before DRIVER_OK is not lost: all queues are kicked when that is set. */
static void worker_run_queue(struct virtio *vdev, unsigned int index)
{
	struct virtq *vq = index < vdev->nr_vq ? vdev->vq[index] : NULL;
	uint64_t count;

	if (!vq || read(vq->kick_fd, &count, sizeof(count)) < 0)
		return;
	atomic_fetch_add_explicit(&vq->nr_kicks, 1, memory_order_relaxed);
	if (virtq_ready(vq) && vdev->transport->master(vdev->transport_ctx))
		vdev->ops->queue(vdev->state, index);
}

static void worker_run_watch(struct virtio_worker *worker, uint64_t token, uint32_t events)
{
	struct virtio_watch watch;

	/* The watch may have ended, and its place been taken, since epoll looked. */
	pthread_mutex_lock(&worker->lock);
	watch = worker->watch[(uint32_t)token % VIRTIO_MAX_WATCHES];
	pthread_mutex_unlock(&worker->lock);
	if (watch.fd >= 0 && watch.generation == (uint32_t)(token >> 32))
		watch.fn(watch.arg, events);
}

static void worker_run_event(struct virtio_worker *worker, const struct epoll_event *ev)
{
	uint64_t count;

	if (ev->data.u64 & WORKER_WAKE) {
		if (read(worker->wake_fd, &count, sizeof(count)) < 0)
			return;
	} else if (ev->data.u64 & WORKER_QUEUE) {
		worker_run_queue(worker->vdev, (unsigned int)(ev->data.u64 & 0xffff));
	} else {
		worker_run_watch(worker, ev->data.u64, ev->events);
	}
}

static void *worker_main(void *arg)
{
	struct epoll_event ev[WORKER_BATCH];
	struct virtio_worker *worker = arg;
	int nr, i;

	for (;;) {
		nr = epoll_wait(worker->epoll_fd, ev, WORKER_BATCH, -1);
		if (nr < 0 && errno != EINTR) {
			log_line("%s: epoll: worker ends", worker->vdev->name);
			return NULL;
		}
		for (i = 0; i < nr; i++) {
			if (!worker_enter(worker))
				return NULL;
			worker_run_event(worker, &ev[i]);
			worker_leave(worker);
		}
	}
}

static int worker_epoll(struct virtio_worker *worker, int op, int fd, uint32_t events,
			uint64_t token)
{
	struct epoll_event ev = { .events = events, .data.u64 = token };

	return epoll_ctl(worker->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

int virtio_worker_create(struct virtio *vdev, struct virtio_worker **out, struct err *err)
{
	struct virtio_worker *worker = calloc(1, sizeof(*worker));
	unsigned int i;

	if (!worker)
		return err_sys(err, ENOMEM, "%s: worker", vdev->name);
	worker->vdev = vdev;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	for (i = 0; i < VIRTIO_MAX_WATCHES; i++)
		worker->watch[i].fd = -1;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->epoll_fd < 0 || worker->wake_fd < 0 ||
	    worker_epoll(worker, EPOLL_CTL_ADD, worker->wake_fd, EPOLLIN, WORKER_WAKE) < 0) {
		virtio_worker_destroy(worker);
		return err_sys(err, errno, "%s: worker", vdev->name);
	}
	*out = worker;
	return 0;
}

/* Signals are for the main loop and the vCPUs. */
int virtio_worker_start(struct virtio_worker *worker, unsigned int index, struct err *err)
{
	sigset_t all, old;
	char name[16];
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		return err_sys(err, ret, "%s: worker", worker->vdev->name);
	worker->started = true;
	snprintf(name, sizeof(name), "%.12s/%u", worker->vdev->name, index);
	pthread_setname_np(worker->thread, name);
	return 0;
}

void virtio_worker_stop(struct virtio_worker *worker)
{
	uint64_t one = 1;

	if (!worker->started)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->quit = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	if (write(worker->wake_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(worker->thread, NULL);
	worker->started = false;
}

void virtio_worker_destroy(struct virtio_worker *worker)
{
	if (!worker)
		return;
	virtio_worker_stop(worker);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

static struct virtio_worker *worker_of(const struct virtq *vq)
{
	const struct virtio *vdev = vq->vdev;
	unsigned int index = vdev->map ? vdev->map(vq->index) : 0;

	return vdev->worker[index < vdev->nr_workers ? index : 0];
}

bool virtio_worker_wanted(const struct virtq *vq)
{
	return atomic_load_explicit(&worker_of(vq)->held, memory_order_relaxed);
}

int virtio_worker_listen(struct virtq *vq, bool on, struct err *err)
{
	int ret;

	ret = worker_epoll(worker_of(vq), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, vq->kick_fd, EPOLLIN,
			   WORKER_QUEUE | vq->index);
	if (ret < 0)
		return err_sys(err, -ret, "%s: queue %u: epoll", vq->vdev->name, vq->index);
	return 0;
}

static struct virtio_watch *worker_watch_find_locked(struct virtio_worker *worker, int fd)
{
	unsigned int i;

	for (i = 0; i < VIRTIO_MAX_WATCHES; i++) {
		if (worker->watch[i].fd == fd)
			return &worker->watch[i];
	}
	return NULL;
}

static int worker_watch_locked(struct virtio_worker *worker, int fd, uint32_t events,
			       void (*fn)(void *arg, uint32_t events), void *arg)
{
	struct virtio_watch *watch = worker_watch_find_locked(worker, fd);
	int op = watch ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (!events) {
		if (!watch)
			return 0;
		watch->fd = -1;
		return worker_epoll(worker, EPOLL_CTL_DEL, fd, 0, 0);
	}
	if (!watch)
		watch = worker_watch_find_locked(worker, -1);
	if (!watch)
		return -ENOSPC;
	if (op == EPOLL_CTL_ADD)
		watch->generation = (watch->generation + 1) & 0x3fffffff;
	watch->fd = fd;
	watch->events = events;
	watch->fn = fn;
	watch->arg = arg;
	return worker_epoll(worker, op, fd, events,
			    (uint64_t)watch->generation << 32 | (uint64_t)(watch - worker->watch));
}

int virtio_watch(struct virtio_worker *worker, int fd, uint32_t events,
		 void (*fn)(void *arg, uint32_t events), void *arg, struct err *err)
{
	int ret;

	if (fd < 0)
		return err_set(err, EBADF, "%s: watch: no descriptor", worker->vdev->name);
	pthread_mutex_lock(&worker->lock);
	ret = worker_watch_locked(worker, fd, events, fn, arg);
	pthread_mutex_unlock(&worker->lock);
	return ret < 0 ? err_sys(err, -ret, "%s: watch", worker->vdev->name) : 0;
}
