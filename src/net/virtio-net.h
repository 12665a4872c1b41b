/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network device (virtio 1.2, section 5.1): queue pairs, control queue,
 * link state, receive filter. Where frames go is its back-end's affair.
 */
#ifndef VITRINE_NET_VIRTIO_NET_H
#define VITRINE_NET_VIRTIO_NET_H

#include "base/buf.h"
#include "net/filter.h"
#include "net/net.h"
#include "vmm/virtio/virtio.h"

extern const struct virtio_ops virtio_net_ops;

/* What follows is for the monitor: the device behind a configuration while it lives (config.h).
 * Main loop. */
void net_device_set_link(struct net_device *dev, bool up);
bool net_device_link(const struct net_device *dev);
const char *net_device_name(const struct net_device *dev);
/* The receive filter as the driver set it. */
void net_device_filter(struct net_device *dev, struct filter *out);
/* One line: "user,restrict=off", ... without a newline. */
void net_device_info(struct net_device *dev, struct buf *out);
/* Ask the driver to announce itself; false where it never agreed to. */
bool net_device_announce(struct net_device *dev);
int net_device_forward(struct net_device *dev, const struct net_forward *fwd, bool add,
		       struct err *err);

#endif
