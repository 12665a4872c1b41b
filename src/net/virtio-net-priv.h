/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What virtio-net.c and its control queue share. */
#ifndef VITRINE_NET_VIRTIO_NET_PRIV_H
#define VITRINE_NET_VIRTIO_NET_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/pcap.h"
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

struct net_device {
	struct virtio *vdev;
	const struct net_config *cfg;
	const struct net_backend_ops *backend;
	void *backend_state;
	struct net_port port;
	struct pcap *pcap;
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
/* virtio-net-ctrl.c: serve control queue VQ; true if there may be more. */
bool net_ctrl(struct net_device *dev, struct virtq *vq);

#endif
