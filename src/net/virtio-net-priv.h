/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What virtio-net.c and its control queue share. */
#ifndef VITRINE_NET_VIRTIO_NET_PRIV_H
#define VITRINE_NET_VIRTIO_NET_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/pcap.h"
#include "net/vhost.h"
#include "net/virtio-net.h"

/* Frames and bytes of one direction. */
struct net_count {
	atomic_ulong frames, bytes, dropped;
};

/* One pair of queues. Its worker's, but for the counts. */
struct net_pair {
	struct net_device *dev;
	unsigned int index;
	struct virtq *rx, *tx;
	bool rx_starved; /* a frame waits for a buffer */
	struct net_count in, out;
	struct virtq_elem rx_elem, tx_elem; /* two: sending may make the back-end answer at once */
	uint8_t frame[NET_FRAME_MAX], piece[NET_FRAME_MAX];
};

/* One queue pair as vhost has it. */
struct net_vhost_pair {
	struct net_device *dev;
	struct vhost *vhost;
	unsigned int index;
	int call_fd[VHOST_NR_RINGS]; /* for interrupts that take the way through the worker */
	int err_fd;
	bool started;
};

struct net_vhost {
	const struct vhost_sys *sys;
	pthread_mutex_t lock; /* all below; begun and ended with the workers held */
	struct net_vhost_pair pair[NET_MAX_PAIRS];
	unsigned int nr; /* 0: none, fixed when the device is made */
	bool active, paused, failed;
	bool held;     /* for a snapshot; main loop, with the vCPUs standing */
	char why[120]; /* it does not serve */
};

struct net_device {
	struct virtio *vdev;
	const struct net_config *cfg;
	const struct net_backend_ops *backend;
	void *backend_state;
	struct net_port port;
	struct pcap *pcap;
	struct net_vhost vhost;
	unsigned int nr_pairs;
	struct net_pair *pair[NET_MAX_PAIRS];

	_Atomic uint64_t features; /* negotiated */
	_Atomic uint64_t guest;	   /* GUEST_* features in force */
	atomic_bool link, announce;
	bool resetting; /* the workers stand; frames go nowhere */
	atomic_uint cur_pairs;

	pthread_mutex_t lock; /* filter, elem */
	struct filter filter;
	struct virtq_elem ctrl;
};

#define NET_GUEST_OFFLOADS                                                              \
	(NET_F(GUEST_CSUM) | NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_ECN) | \
	 NET_F(GUEST_UFO))

static inline bool net_has(const struct net_device *dev, uint64_t bits)
{
	return (atomic_load_explicit(&dev->features, memory_order_relaxed) & bits) == bits;
}

/* GUEST_* bits that the driver and its CTRL_GUEST_OFFLOADS leave. */
void net_set_guest(struct net_device *dev, uint64_t features);
void net_set_pairs(struct net_device *dev, unsigned int nr);
/* Bytes of the header before each frame, as negotiated. */
size_t net_hdr_len(const struct net_device *dev);

/*
 * virtio-net-vhost.c. open and close: main loop, before and after the worker. -errno only where it
 * must be had.
 */
int net_vhost_open(struct net_device *dev, struct err *err);
void net_vhost_close(struct net_device *dev);
/* Driver, cable: begin or end, as it now has to be. Not in a worker, workers not held. */
void net_vhost_update(struct net_device *dev);
/* The rings are the worker's when this returns. Workers held. */
void net_vhost_end(struct net_device *dev);
/* virtio_ops' hold, pause and irqs_changed. */
void net_vhost_hold(struct net_device *dev, bool on);
void net_vhost_pause(struct net_device *dev, bool on);
void net_vhost_irqs(struct net_device *dev);
void net_vhost_describe(struct net_device *dev, struct dev_rows *rows);

/* virtio-net-ctrl.c: serve control queue VQ; true if there may be more. */
bool net_ctrl(struct net_device *dev, struct virtq *vq);

#endif
