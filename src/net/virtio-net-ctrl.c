/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control queue (virtio 1.2, section 5.1.6.5). A command that makes no sense is answered with
 * an error; a chain without room for the answer breaks the device.
 */
#include <errno.h>
#include <string.h>

#include "net/virtio-net-priv.h"

/* A command: where it is and how far it was read. */
struct net_command {
	struct net_device *dev;
	const struct virtq_elem *elem;
	size_t at;
	uint8_t cmd;
};

static bool net_ctrl_take(struct net_command *c, void *data, size_t len)
{
	if (virtq_elem_read(c->elem, c->at, data, len) != len)
		return false;
	c->at += len;
	return true;
}

static bool net_ctrl_at_end(const struct net_command *c)
{
	return c->at == c->elem->out_len;
}

static bool net_ctrl_rx(struct net_command *c)
{
	struct filter *filter = &c->dev->filter;
	bool *const flags[] = {
		[NET_CTRL_RX_PROMISC] = &filter->promisc,
		[NET_CTRL_RX_ALLMULTI] = &filter->allmulti,
		[NET_CTRL_RX_ALLUNI] = &filter->alluni,
		[NET_CTRL_RX_NOMULTI] = &filter->nomulti,
		[NET_CTRL_RX_NOUNI] = &filter->nouni,
		[NET_CTRL_RX_NOBCAST] = &filter->nobcast,
	};
	uint8_t on;

	if (c->cmd >= sizeof(flags) / sizeof(flags[0]) || !net_ctrl_take(c, &on, 1))
		return false;
	if (c->cmd > NET_CTRL_RX_ALLMULTI && !net_has(c->dev, NET_F(CTRL_RX_EXTRA)))
		return false;
	*flags[c->cmd] = on;
	return true;
}

/* A table too long for us means: all of its kind. */
static bool net_ctrl_take_table(struct net_command *c, struct filter_table *out)
{
	uint64_t bytes;
	uint32_t nr;

	memset(out, 0, sizeof(*out));
	if (!net_ctrl_take(c, &nr, sizeof(nr)))
		return false;
	bytes = (uint64_t)nr * 6;
	if (bytes > c->elem->out_len - c->at)
		return false;
	if (nr > FILTER_MAX_MACS) {
		out->overflow = true;
		c->at += bytes;
		return true;
	}
	out->nr = nr;
	return net_ctrl_take(c, out->mac, bytes);
}

static bool net_ctrl_mac(struct net_command *c)
{
	struct filter_table unicast, multicast;
	uint8_t mac[6];

	switch (c->cmd) {
	case NET_CTRL_MAC_TABLE_SET:
		if (!net_has(c->dev, NET_F(CTRL_RX)) || !net_ctrl_take_table(c, &unicast) ||
		    !net_ctrl_take_table(c, &multicast) || !net_ctrl_at_end(c))
			return false;
		c->dev->filter.unicast = unicast;
		c->dev->filter.multicast = multicast;
		return true;
	case NET_CTRL_MAC_ADDR_SET:
		if (!net_has(c->dev, NET_F(CTRL_MAC_ADDR)) || !net_ctrl_take(c, mac, 6) ||
		    !net_ctrl_at_end(c))
			return false;
		memcpy(c->dev->filter.mac, mac, 6);
		return true;
	}
	return false;
}

static bool net_ctrl_vlan(struct net_command *c)
{
	uint16_t vid;

	if (c->cmd > NET_CTRL_VLAN_DEL || !net_ctrl_take(c, &vid, 2) || vid > 4095)
		return false;
	filter_vlan(&c->dev->filter, vid, c->cmd == NET_CTRL_VLAN_ADD);
	return true;
}

static bool net_ctrl_announce(struct net_command *c)
{
	if (c->cmd != NET_CTRL_ANNOUNCE_ACK)
		return false;
	return atomic_exchange(&c->dev->announce, false);
}

static bool net_ctrl_mq(struct net_command *c)
{
	uint16_t nr;

	if (c->cmd != NET_CTRL_MQ_VQ_PAIRS_SET || !net_ctrl_take(c, &nr, 2) || !nr ||
	    nr > c->dev->nr_pairs)
		return false;
	net_set_pairs(c->dev, nr);
	return true;
}

static bool net_ctrl_offloads(struct net_command *c)
{
	uint64_t wanted;

	if (c->cmd != NET_CTRL_GUEST_OFFLOADS_SET || !net_ctrl_take(c, &wanted, 8) ||
	    wanted & ~(atomic_load(&c->dev->features) & NET_GUEST_OFFLOADS))
		return false;
	net_set_guest(c->dev, wanted);
	return true;
}

static const struct {
	uint64_t feature; /* that makes the class exist */
	bool (*run)(struct net_command *c);
} net_classes[] = {
	[NET_CTRL_RX] = { NET_F(CTRL_RX), net_ctrl_rx },
	[NET_CTRL_MAC] = { NET_F(CTRL_VQ), net_ctrl_mac },
	[NET_CTRL_VLAN] = { NET_F(CTRL_VLAN), net_ctrl_vlan },
	[NET_CTRL_ANNOUNCE] = { NET_F(GUEST_ANNOUNCE), net_ctrl_announce },
	[NET_CTRL_MQ] = { NET_F(MQ), net_ctrl_mq },
	[NET_CTRL_GUEST_OFFLOADS] = { NET_F(CTRL_GUEST_OFFLOADS), net_ctrl_offloads },
};

#define NET_NR_CLASSES (sizeof(net_classes) / sizeof(net_classes[0]))

static bool net_ctrl_run(struct net_device *dev, const struct virtq_elem *elem)
{
	struct net_command c = { .dev = dev, .elem = elem };
	uint8_t head[2];

	if (!net_ctrl_take(&c, head, 2) || head[0] >= NET_NR_CLASSES ||
	    !net_has(dev, net_classes[head[0]].feature))
		return false;
	c.cmd = head[1];
	return net_classes[head[0]].run(&c);
}

bool net_ctrl(struct net_device *dev, struct virtq *vq)
{
	struct virtq_elem *elem = &dev->ctrl;
	unsigned int left = virtq_size(vq);
	uint8_t ack;

	while (left && virtq_pop(vq, elem) > 0) {
		left--;
		if (elem->in_len < 1 || elem->out_len < 2) {
			virtio_broken(dev->vdev,
				      "a control command of %u bytes with %u for the answer",
				      (unsigned int)elem->out_len, (unsigned int)elem->in_len);
			return false;
		}
		pthread_mutex_lock(&dev->lock);
		ack = net_ctrl_run(dev, elem) ? NET_OK : NET_ERR;
		pthread_mutex_unlock(&dev->lock);
		virtq_elem_write(elem, 0, &ack, 1);
		virtq_push(vq, elem->head, 1);
	}
	virtq_notify(vq);
	return !left;
}
