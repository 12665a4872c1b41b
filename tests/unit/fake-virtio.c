/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio device without transport or threads: see fake-virtio.h. */
#include "fake-virtio.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MAX_WATCHES 32
#define FAKE_WAIT_MS	 60000

struct fake_given {
	struct iovec iov[VIRTQ_MAX_SEGS];
	unsigned int nr_out, nr_in;
	bool taken, done;
	uint32_t written;
};

struct virtq {
	struct virtio *vdev;
	unsigned int index, size, nr, next, in_flight;
	unsigned int interrupts;
	uint16_t filled[VIRTQ_MAX_SIZE]; /* heads, until they are flushed */
	struct fake_given *chain;	 /* FAKE_MAX_CHAINS */
};

struct fake_watch {
	int fd;
	uint32_t events;
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

struct virtio_worker {
	struct virtio *vdev;
};

struct virtio {
	const struct virtio_ops *ops;
	void *state;
	uint64_t features;
	bool running, no_master;
	char why[128];
	struct virtq *vq[VIRTIO_MAX_QUEUES];
	unsigned int nr_vq;
	uint64_t unused; /* queues, one bit each */
	uint64_t lent;	 /* the same: served by someone else */
	struct virtio_worker worker;
	unsigned int nr_workers;
	unsigned int (*map)(unsigned int queue);
	struct fake_watch watch[FAKE_MAX_WATCHES];
};

/* --- virtio.h --- */

/* Named by plugs; there is no bus here to plug into. */
const struct pci_ops virtio_pci_ops = { .name = "none" };

int virtio_queues(struct virtio *vdev, unsigned int nr, unsigned int size, struct err *err)
{
	for (; vdev->nr_vq < nr; vdev->nr_vq++) {
		struct virtq *vq = calloc(1, sizeof(*vq));

		if (!vq)
			return err_sys(err, ENOMEM, "queue");
		vdev->vq[vdev->nr_vq] = vq;
		*vq = (struct virtq){ .vdev = vdev, .index = vdev->nr_vq, .size = size };
		vq->chain = calloc(FAKE_MAX_CHAINS, sizeof(*vq->chain));
		if (!vq->chain)
			return err_sys(err, ENOMEM, "queue");
	}
	return 0;
}

struct virtq *virtio_queue(struct virtio *vdev, unsigned int index)
{
	return index < vdev->nr_vq ? vdev->vq[index] : NULL;
}

bool virtio_has(const struct virtio *vdev, uint64_t bits)
{
	return (vdev->features & bits) == bits;
}

bool virtio_running(const struct virtio *vdev)
{
	return vdev->running && !vdev->why[0];
}

bool virtio_master(const struct virtio *vdev)
{
	return !vdev->no_master;
}

void fake_virtio_master(struct virtio *vdev, bool on)
{
	vdev->no_master = !on;
}

void virtio_config_changed(struct virtio *vdev)
{
	(void)vdev;
}

void virtio_broken(struct virtio *vdev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vdev->why, sizeof(vdev->why), fmt, ap);
	va_end(ap);
}

const char *virtio_name(const struct virtio *vdev)
{
	(void)vdev;
	return "fake0";
}

struct virtio_worker *virtio_worker(struct virtio *vdev, unsigned int index)
{
	return index < vdev->nr_workers ? &vdev->worker : NULL;
}

int virtio_workers(struct virtio *vdev, unsigned int nr, unsigned int (*map)(unsigned int queue),
		   struct err *err)
{
	(void)err;
	vdev->nr_workers = nr;
	vdev->map = map;
	return 0;
}

int virtio_watch(struct virtio_worker *worker, int fd, uint32_t events,
		 void (*fn)(void *arg, uint32_t events), void *arg, struct err *err)
{
	struct fake_watch *watch = worker->vdev->watch, *end = watch + FAKE_MAX_WATCHES, *room;

	room = NULL;
	for (; watch < end; watch++) {
		if (watch->events && watch->fd == fd)
			break;
		if (!watch->events && !room)
			room = watch;
	}
	watch = watch < end ? watch : room;
	if (!watch)
		return err_set(err, ENOSPC, "watch");
	*watch = (struct fake_watch){ .fd = fd, .events = events, .fn = fn, .arg = arg };
	return 0;
}

void virtio_kick(struct virtio *vdev, unsigned int queue)
{
	(void)vdev;
	(void)queue;
}

void virtio_hold(struct virtio *vdev)
{
	(void)vdev;
}

void virtio_release(struct virtio *vdev)
{
	(void)vdev;
}

/* --- virtq.h --- */

int virtq_pop(struct virtq *vq, struct virtq_elem *elem)
{
	struct fake_given *given;
	unsigned int i, nr;

	if (vq->vdev->why[0])
		return -EINVAL;
	if (vq->next == vq->nr)
		return 0;
	given = &vq->chain[vq->next];
	elem->head = (uint16_t)vq->next++;
	elem->nr_out = given->nr_out;
	elem->nr_in = given->nr_in;
	nr = given->nr_out + given->nr_in;
	memcpy(elem->iov, given->iov, nr * sizeof(elem->iov[0]));
	elem->out_len = elem->in_len = 0;
	for (i = 0; i < nr; i++)
		*(i < given->nr_out ? &elem->out_len : &elem->in_len) += given->iov[i].iov_len;
	given->taken = true;
	vq->in_flight++;
	return 1;
}

/* No chain may be given back that was not taken, nor one twice. */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	if (head >= vq->nr || !vq->chain[head].taken || vq->chain[head].done || !vq->in_flight)
		abort();
	vq->chain[head].done = true;
	vq->chain[head].written = written;
	vq->in_flight--;
}

void virtq_fill(struct virtq *vq, uint16_t head, uint32_t written, unsigned int index)
{
	if (index >= VIRTQ_MAX_SIZE || head >= vq->nr)
		abort();
	vq->filled[index] = head;
	vq->chain[head].written = written;
}

void virtq_flush(struct virtq *vq, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		virtq_push(vq, vq->filled[i], vq->chain[vq->filled[i]].written);
}

void virtq_unpop(struct virtq *vq)
{
	vq->next--;
	vq->in_flight--;
}

void virtq_notify(struct virtq *vq)
{
	vq->interrupts++;
}

bool virtq_want_kick(struct virtq *vq, bool on)
{
	return on && vq->next < vq->nr;
}

bool virtq_ready(const struct virtq *vq)
{
	return vq->vdev->running && !(vq->vdev->unused >> vq->index & 1);
}

unsigned int virtq_size(const struct virtq *vq)
{
	return vq->size;
}

unsigned int virtq_in_flight(const struct virtq *vq)
{
	return vq->in_flight;
}

static size_t fake_copy_part(const struct iovec *iov, unsigned int nr, size_t off, char *data,
			     size_t len, bool out)
{
	size_t done = 0;

	for (; nr > 0 && done < len; iov++, nr--) {
		size_t n = iov->iov_len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n = n - off < len - done ? n - off : len - done;
		if (out)
			memcpy(data + done, (char *)iov->iov_base + off, n);
		else
			memcpy((char *)iov->iov_base + off, data + done, n);
		done += n;
		off = 0;
	}
	return done;
}

size_t virtq_elem_read(const struct virtq_elem *elem, size_t off, void *data, size_t len)
{
	return fake_copy_part(elem->iov, elem->nr_out, off, data, len, true);
}

size_t virtq_elem_write(const struct virtq_elem *elem, size_t off, const void *data, size_t len)
{
	return fake_copy_part(elem->iov + elem->nr_out, elem->nr_in, off, (char *)data, len, false);
}

/* --- the test's side --- */

struct virtio *fake_virtio_on(const struct dev_env *env, const struct virtio_ops *ops,
			      const void *config, struct err *err)
{
	struct virtio *vdev = calloc(1, sizeof(*vdev));

	if (!vdev)
		return NULL;
	vdev->ops = ops;
	vdev->nr_workers = 1;
	vdev->worker.vdev = vdev;
	if (ops->init(env, vdev, config, &vdev->state, err) < 0) {
		vdev->ops = NULL;
		fake_virtio_free(vdev);
		return NULL;
	}
	return vdev;
}

struct virtio *fake_virtio_new(const struct virtio_ops *ops, const void *config,
			       unsigned int nr_cpus, struct err *err)
{
	struct dev_env env = { .nr_cpus = nr_cpus };

	return fake_virtio_on(&env, ops, config, err);
}

void fake_virtio_unused(struct virtio *vdev, unsigned int queue)
{
	vdev->unused |= 1ull << queue;
}

void fake_virtio_free(struct virtio *vdev)
{
	if (!vdev)
		return;
	if (vdev->ops)
		vdev->ops->exit(vdev->state);
	while (vdev->nr_vq > 0) {
		vdev->nr_vq--;
		free(vdev->vq[vdev->nr_vq]->chain);
		free(vdev->vq[vdev->nr_vq]);
	}
	free(vdev);
}

void *fake_virtio_state(struct virtio *vdev)
{
	return vdev->state;
}

void fake_virtio_start(struct virtio *vdev, uint64_t features)
{
	vdev->features = features & (vdev->ops->features(vdev->state) | VIRTIO_F_VERSION_1);
	vdev->ops->negotiated(vdev->state, vdev->features);
	vdev->running = true;
	if (vdev->ops->started)
		vdev->ops->started(vdev->state);
}

void fake_virtio_reset(struct virtio *vdev)
{
	vdev->ops->reset(vdev->state);
	vdev->running = false;
	vdev->features = 0;
	vdev->why[0] = '\0';
	fake_virtio_forget(vdev);
}

unsigned int fake_virtio_nr_queues(const struct virtio *vdev)
{
	return vdev->nr_vq;
}

const char *fake_virtio_why(const struct virtio *vdev)
{
	return vdev->why;
}

int fake_chain(struct virtio *vdev, unsigned int queue, const struct iovec *iov,
	       unsigned int nr_out, unsigned int nr_in)
{
	struct virtq *vq = vdev->vq[queue];
	struct fake_given *given = &vq->chain[vq->nr];

	if (vq->nr == FAKE_MAX_CHAINS || nr_out + nr_in > VIRTQ_MAX_SEGS)
		return -1;
	given->nr_out = nr_out;
	given->nr_in = nr_in;
	given->taken = given->done = false;
	memcpy(given->iov, iov, (nr_out + nr_in) * sizeof(*iov));
	return (int)vq->nr++;
}

bool fake_chain_done(struct virtio *vdev, unsigned int queue, int head, uint32_t *written)
{
	const struct fake_given *given = &vdev->vq[queue]->chain[head];

	if (given->done && written)
		*written = given->written;
	return given->done;
}

void fake_virtio_forget(struct virtio *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_vq; i++)
		vdev->vq[i]->nr = vdev->vq[i]->next = vdev->vq[i]->in_flight = 0;
}

unsigned int fake_interrupts(struct virtio *vdev, unsigned int queue)
{
	unsigned int nr = vdev->vq[queue]->interrupts;

	vdev->vq[queue]->interrupts = 0;
	return nr;
}

void fake_virtio_kick(struct virtio *vdev, unsigned int queue)
{
	vdev->ops->queue(vdev->state, queue);
}

bool fake_virtio_turn(struct virtio *vdev, int ms)
{
	struct pollfd pfd[FAKE_MAX_WATCHES];
	bool ran = false;
	nfds_t i;

	for (i = 0; i < FAKE_MAX_WATCHES; i++) {
		pfd[i].fd = vdev->watch[i].events ? vdev->watch[i].fd : -1;
		pfd[i].events = (short)vdev->watch[i].events;
		pfd[i].revents = 0;
	}
	if (poll(pfd, FAKE_MAX_WATCHES, ms) <= 0)
		return false;
	for (i = 0; i < FAKE_MAX_WATCHES; i++) {
		struct fake_watch watch = vdev->watch[i];

		if (pfd[i].revents && watch.events && watch.fd == pfd[i].fd) {
			watch.fn(watch.arg, (uint32_t)pfd[i].revents);
			ran = true;
		}
	}
	return ran;
}

bool fake_virtio_finish(struct virtio *vdev, unsigned int queue, int head, uint32_t *written)
{
	fake_virtio_kick(vdev, queue);
	while (!fake_chain_done(vdev, queue, head, written)) {
		if (!fake_virtio_turn(vdev, FAKE_WAIT_MS))
			return false;
	}
	return true;
}

/* --- rings for someone else: there are none here --- */

int virtio_vring_get(struct virtio *vdev, unsigned int index, struct virtio_vring *out)
{
	if (index >= vdev->nr_vq)
		return -EINVAL;
	*out = (struct virtio_vring){ .size = vdev->vq[index]->size,
				      .next = (uint16_t)vdev->vq[index]->next,
				      .kick_fd = -1 };
	vdev->lent |= 1ull << index;
	return 0;
}

void virtio_vring_put(struct virtio *vdev, unsigned int index, uint16_t next)
{
	vdev->lent &= ~(1ull << index);
	vdev->vq[index]->next = next;
}

bool fake_virtio_lent(const struct virtio *vdev, unsigned int queue)
{
	return vdev->lent >> queue & 1;
}

int virtio_vring_call(struct virtio *vdev, unsigned int index)
{
	(void)vdev;
	(void)index;
	return -1;
}

void virtio_vring_interrupt(struct virtio *vdev, unsigned int index)
{
	vdev->vq[index]->interrupts++;
}
