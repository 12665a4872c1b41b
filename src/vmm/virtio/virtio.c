/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtio device's life (virtio 1.2, section 2.1 and 3.1): see virtio.h. */
#include "vmm/virtio/virtio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/virtio/virtio-priv.h"

#define VIRTIO_CORE_FEATURES \
	(VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)
/* What the driver may set; NEEDS_RESET is the device's. */
#define VIRTIO_STATUS_DRIVERS                                                         \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK | \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

/* --- what devices ask --- */

const char *virtio_name(const struct virtio *vdev)
{
	return vdev->name;
}

bool virtio_has(const struct virtio *vdev, uint64_t bits)
{
	return (atomic_load_explicit(&vdev->features, memory_order_relaxed) & bits) == bits;
}

bool virtio_running(const struct virtio *vdev)
{
	return (atomic_load(&vdev->status) &
		(VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) == VIRTIO_STATUS_DRIVER_OK;
}

bool virtio_master(const struct virtio *vdev)
{
	return vdev->transport->master(vdev->transport_ctx);
}

struct virtq *virtio_queue(struct virtio *vdev, unsigned int index)
{
	return index < vdev->nr_vq ? vdev->vq[index] : NULL;
}

struct virtio_worker *virtio_worker(struct virtio *vdev, unsigned int index)
{
	return index < vdev->nr_workers ? vdev->worker[index] : NULL;
}

int virtio_queues(struct virtio *vdev, unsigned int nr, unsigned int size, struct err *err)
{
	int ret = 0;

	if (!nr || nr > VIRTIO_MAX_QUEUES || !size || size > VIRTQ_MAX_SIZE || size & (size - 1))
		return err_set(err, EINVAL, "%s: %u queues of %u", vdev->name, nr, size);
	while (vdev->nr_vq < nr && ret == 0) {
		ret = virtq_create(vdev, vdev->nr_vq, size, &vdev->vq[vdev->nr_vq], err);
		vdev->nr_vq += ret == 0;
	}
	return ret;
}

int virtio_workers(struct virtio *vdev, unsigned int nr, unsigned int (*map)(unsigned int queue),
		   struct err *err)
{
	int ret = 0;

	if (!nr || nr > VIRTIO_MAX_WORKERS)
		return err_set(err, EINVAL, "%s: %u workers", vdev->name, nr);
	vdev->map = map;
	while (vdev->nr_workers < nr && ret == 0) {
		ret = virtio_worker_create(vdev, &vdev->worker[vdev->nr_workers], err);
		vdev->nr_workers += ret == 0;
	}
	return ret;
}

void virtio_kick(struct virtio *vdev, unsigned int queue)
{
	uint64_t one = 1;

	/* A full counter is a kick that is due already. */
	if (queue < vdev->nr_vq && write(vdev->vq[queue]->kick_fd, &one, sizeof(one)) < 0)
		return;
}

void virtio_hold(struct virtio *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_workers; i++)
		virtio_worker_hold(vdev->worker[i]);
}

void virtio_release(struct virtio *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_workers; i++)
		virtio_worker_release(vdev->worker[i]);
}

static void virtio_interrupt_config(struct virtio *vdev)
{
	vdev->transport->interrupt(vdev->transport_ctx, VIRTIO_ISR_CONFIG,
				   atomic_load(&vdev->config_vector));
}

/* Before DRIVER_OK the driver is to hear nothing, but the generation counts (2.5.3). */
void virtio_config_changed(struct virtio *vdev)
{
	atomic_fetch_add(&vdev->generation, 1);
	if (virtio_running(vdev))
		virtio_interrupt_config(vdev);
}

void virtio_broken(struct virtio *vdev, const char *fmt, ...)
{
	char why[VIRTIO_WHY_MAX];
	unsigned int old;
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	pthread_mutex_lock(&vdev->why_lock);
	old = atomic_fetch_or(&vdev->status, VIRTIO_STATUS_NEEDS_RESET);
	if (!(old & VIRTIO_STATUS_NEEDS_RESET))
		memcpy(vdev->why, why, sizeof(why));
	pthread_mutex_unlock(&vdev->why_lock);
	if (old & VIRTIO_STATUS_NEEDS_RESET)
		return;
	log_guest("%s: needs a reset: %s", vdev->name, why);
	if (old & VIRTIO_STATUS_DRIVER_OK)
		virtio_interrupt_config(vdev);
}

int virtio_vring_get(struct virtio *vdev, unsigned int index, struct virtio_vring *out)
{
	struct virtq *vq = virtio_queue(vdev, index);

	if (!vq || !atomic_load(&vq->enabled))
		return -EINVAL;
	if (virtq_in_flight(vq))
		return -EBUSY;
	if (!vq->foreign && virtio_worker_listen(vq, false, NULL) < 0)
		return -EIO;
	vq->foreign = true;
	*out = (struct virtio_vring){ .size = vq->size,
				      .next = vq->last_avail,
				      .desc_hva = vq->desc,
				      .avail_hva = vq->avail,
				      .used_hva = vq->used,
				      .kick_fd = vq->kick_fd };
	return 0;
}

void virtio_vring_put(struct virtio *vdev, unsigned int index, uint16_t next)
{
	struct virtq *vq = virtio_queue(vdev, index);

	if (!vq || !vq->foreign)
		return;
	virtq_adopt(vq, next);
	if (virtio_worker_listen(vq, true, NULL) == 0)
		vq->foreign = false;
	virtio_kick(vdev, index);
}

int virtio_vring_call(struct virtio *vdev, unsigned int index)
{
	struct virtq *vq = virtio_queue(vdev, index);

	return vq ? vdev->transport->vector_fd(vdev->transport_ctx, atomic_load(&vq->vector)) : -1;
}

void virtio_vring_interrupt(struct virtio *vdev, unsigned int index)
{
	struct virtq *vq = virtio_queue(vdev, index);

	if (!vq || !virtq_ready(vq))
		return;
	atomic_fetch_add_explicit(&vq->nr_interrupts, 1, memory_order_relaxed);
	vdev->transport->interrupt(vdev->transport_ctx, VIRTIO_ISR_QUEUE, atomic_load(&vq->vector));
}

void virtio_irqs_changed(struct virtio *vdev)
{
	if (vdev->ops->irqs_changed)
		vdev->ops->irqs_changed(vdev->state);
}

void virtio_pause(struct virtio *vdev, bool on)
{
	if (vdev->ops->pause)
		vdev->ops->pause(vdev->state, on);
}

/* --- the driver's side: features and status (2.1, 2.2, 3.1) --- */

uint64_t virtio_offered(struct virtio *vdev)
{
	return vdev->ops->features(vdev->state) | VIRTIO_CORE_FEATURES;
}

/* Frozen once accepted. */
void virtio_driver_features(struct virtio *vdev, uint64_t features, uint64_t mask)
{
	unsigned int status = atomic_load(&vdev->status);

	if (!(status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)))
		vdev->driver_features = (vdev->driver_features & ~mask) | (features & mask);
}

static void virtio_accept(struct virtio *vdev, uint64_t features)
{
	atomic_store(&vdev->features, features);
	vdev->ops->negotiated(vdev->state, features);
}

/* 2.2.2, 6.1: a set that was not offered, or one without VERSION_1, is not accepted. */
static bool virtio_features_ok(struct virtio *vdev)
{
	uint64_t wanted = vdev->driver_features, surplus = wanted & ~virtio_offered(vdev);

	if (!surplus && wanted & VIRTIO_F_VERSION_1) {
		virtio_accept(vdev, wanted);
		return true;
	}
	if (surplus)
		log_guest("%s: the driver wants features that are not on offer: 0x%" PRIx64,
			  vdev->name, surplus);
	else
		log_guest("%s: the driver does not accept VIRTIO_F_VERSION_1", vdev->name);
	return false;
}

static void virtio_kick_all(struct virtio *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_vq; i++) {
		if (atomic_load(&vdev->vq[i]->enabled))
			virtio_kick(vdev, i);
	}
}

/* The old face knows no FEATURES_OK: what was written until now is what was agreed on. */
static void virtio_start(struct virtio *vdev, unsigned int status)
{
	if (!(status & VIRTIO_STATUS_FEATURES_OK)) {
		if (!vdev->legacy) {
			virtio_broken(vdev, "DRIVER_OK without FEATURES_OK");
			return;
		}
		virtio_accept(vdev, vdev->driver_features & virtio_offered(vdev) & UINT32_MAX);
	}
	atomic_fetch_or(&vdev->status, VIRTIO_STATUS_DRIVER_OK);
	if (vdev->ops->started)
		vdev->ops->started(vdev->state);
	vdev->transport->running(vdev->transport_ctx, true);
	virtio_kick_all(vdev);
}

/* Bits that were set stay set until the reset (2.1.1). */
void virtio_set_status(struct virtio *vdev, uint8_t val)
{
	unsigned int old = atomic_load(&vdev->status), fresh = val & VIRTIO_STATUS_DRIVERS & ~old;

	if (!val) {
		virtio_reset(vdev);
		return;
	}
	if (fresh & VIRTIO_STATUS_FEATURES_OK &&
	    (old & VIRTIO_STATUS_DRIVER_OK || !virtio_features_ok(vdev)))
		fresh &= ~(unsigned int)VIRTIO_STATUS_FEATURES_OK;
	atomic_fetch_or(&vdev->status, fresh & ~(unsigned int)VIRTIO_STATUS_DRIVER_OK);
	if (fresh & VIRTIO_STATUS_DRIVER_OK && !(old & VIRTIO_STATUS_NEEDS_RESET))
		virtio_start(vdev, old | fresh);
}

static void virtio_reset_queue(struct virtq *vq)
{
	if (vq->foreign && virtio_worker_listen(vq, true, NULL) == 0)
		vq->foreign = false;
	virtq_reset(vq);
}

/* The workers stand, and after ops->reset nothing is in flight: only then the queues go. */
void virtio_reset(struct virtio *vdev)
{
	unsigned int i;

	vdev->transport->running(vdev->transport_ctx, false);
	virtio_hold(vdev);
	vdev->ops->reset(vdev->state);
	pthread_mutex_lock(&vdev->why_lock);
	atomic_store(&vdev->status, 0);
	vdev->why[0] = '\0';
	pthread_mutex_unlock(&vdev->why_lock);
	for (i = 0; i < vdev->nr_vq; i++)
		virtio_reset_queue(vdev->vq[i]);
	atomic_store(&vdev->features, 0);
	atomic_store(&vdev->config_vector, VIRTIO_NO_VECTOR);
	atomic_store(&vdev->generation, 0);
	vdev->driver_features = 0;
	vdev->legacy = false;
	virtio_release(vdev);
}

/* --- life --- */

static int virtio_start_workers(struct virtio *vdev, struct err *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vdev->nr_vq && ret == 0; i++)
		ret = virtio_worker_listen(vdev->vq[i], true, err);
	for (i = 0; i < vdev->nr_workers && ret == 0; i++)
		ret = virtio_worker_start(vdev->worker[i], i, err);
	return ret;
}

int virtio_create(const struct dev_env *env, const struct virtio_plug *plug, const char *name,
		  const struct virtio_transport *transport, void *ctx, struct virtio **out,
		  struct err *err)
{
	struct virtio *vdev = calloc(1, sizeof(*vdev));
	int ret;

	if (!vdev)
		return err_sys(err, ENOMEM, "%s", name);
	vdev->ops = plug->ops;
	vdev->env = env;
	vdev->transport = transport;
	vdev->transport_ctx = ctx;
	snprintf(vdev->name, sizeof(vdev->name), "%s", name);
	pthread_mutex_init(&vdev->config_lock, NULL);
	pthread_mutex_init(&vdev->why_lock, NULL);
	atomic_store(&vdev->config_vector, VIRTIO_NO_VECTOR);
	ret = virtio_workers(vdev, 1, NULL, err);
	if (ret == 0)
		ret = plug->ops->init(env, vdev, plug->config, &vdev->state, err);
	if (ret == 0 && !vdev->nr_vq)
		ret = err_set(err, EINVAL, "%s: no queues", name);
	if (ret == 0)
		ret = virtio_start_workers(vdev, err);
	if (ret < 0) {
		virtio_destroy(vdev);
		return ret;
	}
	*out = vdev;
	return 0;
}

void virtio_destroy(struct virtio *vdev)
{
	unsigned int i;

	if (!vdev)
		return;
	if (vdev->state) {
		pthread_mutex_lock(&vdev->config_lock);
		virtio_reset(vdev);
		pthread_mutex_unlock(&vdev->config_lock);
	}
	/* No thread runs any more when the device goes; it may still end its watches. */
	for (i = 0; i < vdev->nr_workers; i++)
		virtio_worker_stop(vdev->worker[i]);
	if (vdev->state)
		vdev->ops->exit(vdev->state);
	for (i = 0; i < vdev->nr_workers; i++)
		virtio_worker_destroy(vdev->worker[i]);
	for (i = 0; i < vdev->nr_vq; i++)
		virtq_destroy(vdev->vq[i]);
	pthread_mutex_destroy(&vdev->why_lock);
	pthread_mutex_destroy(&vdev->config_lock);
	free(vdev);
}

/* --- the screen --- */

static const char *virtio_status_text(const struct virtio *vdev)
{
	unsigned int status = atomic_load(&vdev->status);

	if (status & VIRTIO_STATUS_FAILED)
		return "the driver gave up";
	if (status & VIRTIO_STATUS_DRIVER_OK)
		return vdev->legacy ? "runs, transitional" : "runs, virtio 1";
	if (status & VIRTIO_STATUS_FEATURES_OK)
		return "features agreed";
	if (status & VIRTIO_STATUS_DRIVER)
		return "driver found";
	return status ? "seen" : "no driver";
}

void virtio_describe(struct virtio *vdev, struct dev_rows *rows)
{
	unsigned int i;

	pthread_mutex_lock(&vdev->why_lock);
	if (vdev->why[0])
		dev_row(rows, "needs reset", "%s", vdev->why);
	pthread_mutex_unlock(&vdev->why_lock);
	dev_row(rows, "driver", "%s%s, features 0x%" PRIx64, virtio_status_text(vdev),
		vdev->transport->master(vdev->transport_ctx) || !virtio_running(vdev)
			? ""
			: ", but no bus master: kicks do nothing",
		(uint64_t)atomic_load(&vdev->features));
	/* Never wait here: a reset may be waiting for a slow disk. */
	if (pthread_mutex_trylock(&vdev->config_lock) == 0) {
		for (i = 0; i < vdev->nr_vq; i++)
			virtq_describe(vdev->vq[i], rows);
		pthread_mutex_unlock(&vdev->config_lock);
	}
	vdev->ops->describe(vdev->state, rows);
}

/* --- snapshots --- */

void virtio_hold_all(struct virtio *vdev, bool on)
{
	if (on)
		virtio_hold(vdev);
	if (vdev->ops->hold)
		vdev->ops->hold(vdev->state, on);
	if (!on)
		virtio_release(vdev);
}

void virtio_save(struct virtio *vdev, struct buf *out)
{
	unsigned int i;

	dev_save_u32(out, atomic_load(&vdev->status));
	dev_save_u64(out, atomic_load(&vdev->features));
	dev_save_u64(out, vdev->driver_features);
	dev_save_u8(out, vdev->legacy);
	dev_save_u32(out, atomic_load(&vdev->config_vector));
	dev_save_u32(out, atomic_load(&vdev->generation));
	dev_save_bytes(out, vdev->why, sizeof(vdev->why));
	dev_save_u32(out, vdev->nr_vq);
	for (i = 0; i < vdev->nr_vq; i++)
		virtq_save(vdev->vq[i], out);
	vdev->ops->save(vdev->state, out);
}

static int virtio_load_queues(struct virtio *vdev, struct dev_state_in *in, struct err *err)
{
	unsigned int i;

	if (dev_load_u32(in) != vdev->nr_vq)
		return err_set(err, EINVAL, "%s: saved with other queues", vdev->name);
	for (i = 0; i < vdev->nr_vq; i++) {
		if (virtq_load(vdev->vq[i], in) < 0)
			return err_set(err, EINVAL, "%s: queue %u: bad state", vdev->name, i);
	}
	return 0;
}

/* Called with the workers held by virtio_hold_all(); DEVICE state follows the queues'. */
int virtio_load(struct virtio *vdev, struct dev_state_in *in, struct err *err)
{
	unsigned int status;
	uint64_t features;
	int ret;

	vdev->transport->running(vdev->transport_ctx, false);
	vdev->ops->reset(vdev->state);
	status = dev_load_u32(in) & (VIRTIO_STATUS_DRIVERS | VIRTIO_STATUS_NEEDS_RESET);
	features = dev_load_u64(in) & virtio_offered(vdev);
	atomic_store(&vdev->status, 0);
	vdev->driver_features = dev_load_u64(in);
	vdev->legacy = dev_load_u8(in);
	atomic_store(&vdev->config_vector, (uint16_t)dev_load_u32(in));
	atomic_store(&vdev->generation, dev_load_u32(in));
	dev_load_bytes(in, vdev->why, sizeof(vdev->why));
	vdev->why[sizeof(vdev->why) - 1] = '\0';
	virtio_accept(vdev, features);
	ret = virtio_load_queues(vdev, in, err);
	if (ret == 0)
		ret = vdev->ops->load(vdev->state, in, err);
	if (ret < 0)
		return ret;
	atomic_store(&vdev->status, status);
	if (virtio_running(vdev)) {
		vdev->transport->running(vdev->transport_ctx, true);
		virtio_kick_all(vdev);
	}
	return 0;
}
