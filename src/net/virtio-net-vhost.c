/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the host's kernel serves a network device's rings (vhost.h), and when its worker does: with
 * a tap, a driver that runs and may reach memory, a cable that is plugged in and nobody who
 * captures. Both know the same rings and indices, so they take over from each other at any time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "net/virtio-net-priv.h"

/* What was agreed on that rings and headers depend on; the rest is between device and driver. */
#define VHOST_FEATURES                                                                            \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_ANY_LAYOUT | \
	 NET_F(MRG_RXBUF))

static uint64_t vhost_agreed(struct net_device *dev)
{
	return atomic_load(&dev->features) & VHOST_FEATURES;
}

static unsigned int vhost_queue(const struct net_vhost_pair *vp, unsigned int ring)
{
	return vp->index * 2 + ring;
}

static int vhost_call_now(struct net_vhost_pair *vp, unsigned int ring)
{
	int fd = virtio_vring_call(vp->dev->vdev, vhost_queue(vp, ring));

	return fd >= 0 ? fd : vp->call_fd[ring];
}

/* --- in the worker --- */

static bool vhost_told(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) > 0;
}

/* Interrupts that KVM cannot deliver alone: a pin, or a vector that is masked. */
static void vhost_on_call(void *arg, uint32_t events)
{
	struct net_vhost_pair *vp = arg;
	unsigned int ring;

	(void)events;
	for (ring = 0; ring < VHOST_NR_RINGS; ring++) {
		if (vhost_told(vp->call_fd[ring]))
			virtio_vring_interrupt(vp->dev->vdev, vhost_queue(vp, ring));
	}
}

static void vhost_on_error(void *arg, uint32_t events)
{
	struct net_vhost_pair *vp = arg;
	struct net_vhost *all = &vp->dev->vhost;

	(void)events;
	if (!vhost_told(vp->err_fd))
		return;
	pthread_mutex_lock(&all->lock);
	if (all->active)
		vhost_run(vp->vhost, false, NULL);
	pthread_mutex_unlock(&all->lock);
	virtio_broken(vp->dev->vdev, "queue pair %u: the host's kernel cannot make sense of a ring",
		      vp->index);
}

/* --- taking over and giving back; with the workers held --- */

static bool vhost_wanted(struct net_device *dev)
{
	struct net_vhost *all = &dev->vhost;

	return all->nr && !all->failed && virtio_running(dev->vdev) && virtio_master(dev->vdev) &&
	       atomic_load(&dev->link) && vhost_suits(all->pair[0].vhost, vhost_agreed(dev));
}

static int vhost_pair_rings(struct net_vhost_pair *vp, struct vhost_setup *setup)
{
	struct virtio *vdev = vp->dev->vdev;
	unsigned int ring;
	int ret = 0;

	for (ring = 0; ring < VHOST_NR_RINGS && ret == 0; ring++) {
		ret = virtio_vring_get(vdev, vhost_queue(vp, ring), &setup->ring[ring]);
		setup->call_fd[ring] = vhost_call_now(vp, ring);
	}
	if (ret < 0 && ring == VHOST_NR_RINGS)
		virtio_vring_put(vdev, vhost_queue(vp, 0), setup->ring[0].next);
	return ret;
}

static void vhost_pair_stop(struct net_vhost_pair *vp)
{
	uint16_t next[VHOST_NR_RINGS];
	unsigned int ring;

	if (!vp->started)
		return;
	vp->started = false;
	vhost_stop(vp->vhost, next);
	for (ring = 0; ring < VHOST_NR_RINGS; ring++)
		virtio_vring_put(vp->dev->vdev, vhost_queue(vp, ring), next[ring]);
	/* What came by this way is not lost when the driver is to hear of it. */
	vhost_on_call(vp, 0);
}

/* Pairs that the driver has not set up stay as they are. */
static int vhost_pair_start(struct net_vhost_pair *vp, struct err *err)
{
	struct net_device *dev = vp->dev;
	struct vhost_setup setup = { .features = vhost_agreed(dev),
				     .err_fd = vp->err_fd,
				     .tap_fd = dev->backend->fd(dev->backend_state, vp->index) };
	unsigned int ring;
	int ret;

	ret = vhost_pair_rings(vp, &setup);
	if (ret < 0)
		return vp->index ? 0 : err_set(err, -ret, "vhost-net: no rings");
	ret = vhost_start(vp->vhost, &setup, err);
	if (ret < 0) {
		for (ring = 0; ring < VHOST_NR_RINGS; ring++)
			virtio_vring_put(dev->vdev, vhost_queue(vp, ring), setup.ring[ring].next);
		return ret;
	}
	vp->started = true;
	return dev->vhost.paused ? 0 : vhost_run(vp->vhost, true, err);
}

static void vhost_end_locked(struct net_device *dev)
{
	unsigned int i;

	dev->vhost.active = false;
	for (i = 0; i < dev->vhost.nr; i++)
		vhost_pair_stop(&dev->vhost.pair[i]);
	dev->backend->lend(dev->backend_state, false, 0);
}

static void vhost_begin_locked(struct net_device *dev)
{
	struct net_vhost *all = &dev->vhost;
	struct err err = ERR_INIT;
	unsigned int i;
	int ret = 0;

	dev->backend->lend(dev->backend_state, true, net_hdr_len(dev));
	all->active = true;
	for (i = 0; i < all->nr && ret == 0; i++)
		ret = vhost_pair_start(&all->pair[i], &err);
	if (ret < 0) {
		log_line("%s: %s; frames go through vitrine", virtio_name(dev->vdev), err.text);
		snprintf(all->why, sizeof(all->why), "%s", err.text);
		all->failed = true;
		vhost_end_locked(dev);
	}
	dev->backend->pairs(dev->backend_state, atomic_load(&dev->cur_pairs));
}

static void vhost_sync_held(struct net_device *dev, bool want)
{
	struct net_vhost *all = &dev->vhost;

	pthread_mutex_lock(&all->lock);
	if (want && !all->active)
		vhost_begin_locked(dev);
	else if (!want && all->active)
		vhost_end_locked(dev);
	pthread_mutex_unlock(&all->lock);
}

/* --- what virtio-net.c tells --- */

void net_vhost_update(struct net_device *dev)
{
	if (!dev->vhost.nr)
		return;
	virtio_hold(dev->vdev);
	vhost_sync_held(dev, vhost_wanted(dev));
	virtio_release(dev->vdev);
}

void net_vhost_end(struct net_device *dev)
{
	vhost_sync_held(dev, false);
}

void net_vhost_hold(struct net_device *dev, bool on)
{
	dev->vhost.held = on;
	vhost_sync_held(dev, !on && vhost_wanted(dev));
}

void net_vhost_pause(struct net_device *dev, bool on)
{
	struct net_vhost *all = &dev->vhost;
	struct err err = ERR_INIT;
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(&all->lock);
	for (i = 0; i < all->nr && all->active && all->paused != on; i++) {
		if (all->pair[i].started && ret == 0)
			ret = vhost_run(all->pair[i].vhost, !on, &err);
	}
	all->paused = on;
	pthread_mutex_unlock(&all->lock);
	if (ret < 0)
		log_line("%s: %s", virtio_name(dev->vdev), err.text);
}

void net_vhost_irqs(struct net_device *dev)
{
	struct net_vhost *all = &dev->vhost;
	struct err err = ERR_INIT;
	bool want, turn;
	unsigned int i;
	int ret = 0;

	if (!all->nr || all->held)
		return;
	want = vhost_wanted(dev);
	pthread_mutex_lock(&all->lock);
	turn = want != all->active;
	for (i = 0; i < all->nr * VHOST_NR_RINGS && !turn && ret == 0; i++) {
		if (all->pair[i / 2].started)
			ret = vhost_set_call(all->pair[i / 2].vhost, i % 2,
					     vhost_call_now(&all->pair[i / 2], i % 2), &err);
	}
	pthread_mutex_unlock(&all->lock);
	if (ret < 0)
		log_line("%s: %s", virtio_name(dev->vdev), err.text);
	if (turn)
		net_vhost_update(dev);
}

/* --- life --- */

static int vhost_pair_watch(struct net_vhost_pair *vp, int *fd,
			    void (*fn)(void *arg, uint32_t events), struct err *err)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return err_sys(err, errno, "eventfd");
	return virtio_watch(virtio_worker(vp->dev->vdev, vp->index), *fd, EPOLLIN, fn, vp, err);
}

static int vhost_pair_open(struct net_device *dev, unsigned int index, struct err *err)
{
	struct net_vhost_pair *vp = &dev->vhost.pair[index];
	int ret;

	*vp = (struct net_vhost_pair){
		.dev = dev, .index = index, .call_fd = { -1, -1 }, .err_fd = -1
	};
	ret = vhost_open(dev->vhost.sys, dev->port.mem, &vp->vhost, err);
	if (ret < 0)
		return ret;
	dev->vhost.nr++;
	ret = vhost_pair_watch(vp, &vp->call_fd[0], vhost_on_call, err);
	if (ret == 0)
		ret = vhost_pair_watch(vp, &vp->call_fd[1], vhost_on_call, err);
	return ret == 0 ? vhost_pair_watch(vp, &vp->err_fd, vhost_on_error, err) : ret;
}

static void vhost_unwatch(struct net_vhost_pair *vp, int fd)
{
	if (fd < 0)
		return;
	virtio_watch(virtio_worker(vp->dev->vdev, vp->index), fd, 0, NULL, NULL, NULL);
	close(fd);
}

void net_vhost_close(struct net_device *dev)
{
	struct net_vhost_pair *vp;

	while (dev->vhost.nr) {
		vp = &dev->vhost.pair[--dev->vhost.nr];
		vhost_close(vp->vhost);
		vhost_unwatch(vp, vp->call_fd[0]);
		vhost_unwatch(vp, vp->call_fd[1]);
		vhost_unwatch(vp, vp->err_fd);
	}
}

int net_vhost_open(struct net_device *dev, struct err *err)
{
	const struct net_config *cfg = dev->cfg;
	struct net_vhost *all = &dev->vhost;
	struct err why = ERR_INIT;
	unsigned int i;
	int ret = 0;

	all->sys = cfg->live->vhost_sys ? cfg->live->vhost_sys : &vhost_host;
	if (!dev->backend->fd || cfg->vhost == NET_VHOST_OFF)
		return 0;
	if (dev->pcap)
		ret = err_set(&why, ENOTSUP, "vhost-net: a capture must see the frames");
	for (i = 0; i < dev->nr_pairs && ret == 0; i++)
		ret = vhost_pair_open(dev, i, &why);
	if (ret == 0)
		return 0;
	net_vhost_close(dev);
	if (cfg->vhost == NET_VHOST_ON) {
		if (err)
			*err = why;
		return ret;
	}
	snprintf(all->why, sizeof(all->why), "%s", why.text);
	if (!dev->pcap)
		log_line("%s: %s; frames go through vitrine", virtio_name(dev->vdev), why.text);
	return 0;
}

void net_vhost_describe(struct net_device *dev, struct dev_rows *rows)
{
	struct net_vhost *all = &dev->vhost;

	if (!dev->backend->fd)
		return;
	pthread_mutex_lock(&all->lock);
	dev_row(rows, "vhost-net", "%s",
		all->active && all->paused ? "in the kernel, stands with the guest"
		: all->active		   ? "in the kernel; the interface counts the frames"
		: all->why[0]		   ? all->why
		: all->nr		   ? "ready"
					   : "off");
	pthread_mutex_unlock(&all->lock);
}
