/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network device: see virtio-net.h. Frames and headers are copied once and then checked; what a
 * guest cannot receive as it came is finished or cut here (offload.h).
 */
#include "net/virtio-net.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "net/offload.h"
#include "net/virtio-net-priv.h"

#define NET_QUEUE_SIZE 512
#define NET_TX_BURST   64 /* frames sent before others get their turn */
#define NET_CLASS      0x020000
#define NET_HDR_LEGACY 10 /* without num_buffers */

static const struct net_backend_ops *const net_backends[] = {
	[NET_USER] = &net_user_ops,
	[NET_TAP] = &net_tap_ops,
	[NET_HUB] = &net_hub_ops,
};

static void net_count(struct net_count *count, size_t len)
{
	atomic_fetch_add_explicit(&count->frames, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&count->bytes, len, memory_order_relaxed);
}

static void net_drop(struct net_count *count)
{
	atomic_fetch_add_explicit(&count->dropped, 1, memory_order_relaxed);
}

size_t net_hdr_len(const struct net_device *dev)
{
	return net_has(dev, VIRTIO_F_VERSION_1) || net_has(dev, NET_F(MRG_RXBUF))
		       ? sizeof(struct net_hdr)
		       : NET_HDR_LEGACY;
}

static bool net_up(const struct net_device *dev)
{
	return atomic_load_explicit(&dev->link, memory_order_relaxed) && !dev->resetting &&
	       virtio_running(dev->vdev) && virtio_master(dev->vdev);
}

static void net_capture(struct net_device *dev, bool outbound, const struct iovec *iov,
			unsigned int nr, size_t len)
{
	struct timespec now;

	if (!dev->pcap)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	pcap_write(dev->pcap, outbound,
		   (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec, iov, nr, len);
}

size_t net_gather(const struct iovec *iov, unsigned int nr, size_t off, void *buf, size_t max)
{
	size_t done = 0, part;

	for (; nr && done < max; iov++, nr--) {
		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - off < max - done ? iov->iov_len - off : max - done;
		memcpy((uint8_t *)buf + done, (const uint8_t *)iov->iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

/* --- from the guest --- */

/* Step over the first OFF bytes of ELEM's readable part; returns the first piece left. */
static unsigned int net_skip(struct virtq_elem *elem, size_t off)
{
	unsigned int i = 0;

	while (i < elem->nr_out && off >= elem->iov[i].iov_len)
		off -= elem->iov[i++].iov_len;
	if (i < elem->nr_out) {
		elem->iov[i].iov_base = (uint8_t *)elem->iov[i].iov_base + off;
		elem->iov[i].iov_len -= off;
	}
	return i;
}

/* The frame in p->tx_elem to the back-end. -EAGAIN: not now. */
static int net_tx_frame(struct net_pair *p, size_t hdr_len)
{
	struct net_device *dev = p->dev;
	struct virtq_elem *elem = &p->tx_elem;
	struct net_hdr hdr = { 0 };
	size_t len = elem->out_len - hdr_len;
	unsigned int first;
	int ret;

	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || !net_up(dev)) {
		net_drop(&p->out);
		return 0;
	}
	if (net_has(dev, NET_F(CSUM)))
		virtq_elem_read(elem, 0, &hdr, NET_HDR_LEGACY);
	first = net_skip(elem, hdr_len);
	ret = dev->backend->send(dev->backend_state, p->index, &hdr, elem->iov + first,
				 elem->nr_out - first, len);
	if (ret == -EAGAIN)
		return ret;
	if (ret < 0) {
		net_drop(&p->out);
		return 0;
	}
	net_count(&p->out, len);
	net_capture(dev, true, elem->iov + first, elem->nr_out - first, len);
	return 0;
}

/* 1: one frame less; 0: there is none; -EAGAIN: the back-end wants to wait; -EINVAL: broken. */
static int net_tx_one(struct net_pair *p)
{
	size_t hdr_len = net_hdr_len(p->dev);
	int ret;

	ret = virtq_pop(p->tx, &p->tx_elem);
	if (ret <= 0)
		return ret;
	if (p->tx_elem.out_len < hdr_len) {
		virtio_broken(p->dev->vdev, "a frame of %u bytes has no header",
			      (unsigned int)p->tx_elem.out_len);
		return -EINVAL;
	}
	ret = net_tx_frame(p, hdr_len);
	if (ret < 0) {
		virtq_unpop(p->tx);
		return ret;
	}
	virtq_push(p->tx, p->tx_elem.head, 0);
	return 1;
}

static void net_tx(struct net_pair *p)
{
	struct net_device *dev = p->dev;
	unsigned int left = NET_TX_BURST;
	int ret;

	do {
		virtq_want_kick(p->tx, false);
		do {
			ret = net_tx_one(p);
		} while (ret > 0 && --left);
	} while (ret == 0 && virtq_want_kick(p->tx, true) && left);
	/* An answer that is there already goes first: a driver that polls for it finds its sent
	 * buffers, too, and wants no interrupt for them any more. */
	if (dev->backend->flush)
		dev->backend->flush(dev->backend_state, p->index);
	virtq_notify(p->tx);
	if (!left)
		virtio_kick(dev->vdev, p->index * 2 + 1);
}

/* --- to the guest --- */

/* Where a frame's header goes: a hostile driver may give it a byte at a time. */
struct net_place {
	struct iovec iov[sizeof(struct net_hdr)];
	unsigned int nr;
};

static void net_place_header(struct net_place *place, const struct virtq_elem *elem, size_t len)
{
	const struct iovec *in = elem->iov + elem->nr_out;
	size_t part;

	for (place->nr = 0; len; len -= part, place->nr++) {
		part = in[place->nr].iov_len < len ? in[place->nr].iov_len : len;
		place->iov[place->nr] =
			(struct iovec){ .iov_base = in[place->nr].iov_base, .iov_len = part };
	}
}

static void net_write_header(const struct net_place *place, const struct net_hdr *hdr)
{
	const uint8_t *from = (const uint8_t *)hdr;
	unsigned int i;

	for (i = 0; i < place->nr; from += place->iov[i].iov_len, i++)
		memcpy(place->iov[i].iov_base, from, place->iov[i].iov_len);
}

/* The next receive buffer; 0 if there is none, after the driver was asked to tell. */
static int net_rx_pop(struct net_pair *p)
{
	int ret = virtq_pop(p->rx, &p->rx_elem);

	if (ret == 0 && virtq_want_kick(p->rx, true))
		ret = virtq_pop(p->rx, &p->rx_elem);
	p->rx_starved |= ret == 0;
	return ret;
}

/* Fill buffers with header and frame; how many, 0 if there are too few, -EMSGSIZE if the frame
 * cannot ever fit, -EINVAL if the queue broke. They are taken, but not yet visible. */
static int net_rx_fill(struct net_pair *p, struct net_place *place, const uint8_t *frame,
		       size_t len, int *popped)
{
	size_t hdr_len = net_hdr_len(p->dev), off, done = 0, part;
	bool merge = net_has(p->dev, NET_F(MRG_RXBUF));
	int ret;

	do {
		ret = *popped < (int)virtq_size(p->rx) ? net_rx_pop(p) : -EMSGSIZE;
		if (ret <= 0)
			return ret;
		(*popped)++;
		off = *popped == 1 ? hdr_len : 0;
		if (p->rx_elem.in_len < off + !off) {
			virtio_broken(p->dev->vdev, "a receive buffer of %u bytes",
				      (unsigned int)p->rx_elem.in_len);
			return -EINVAL;
		}
		if (off)
			net_place_header(place, &p->rx_elem, hdr_len);
		part = virtq_elem_write(&p->rx_elem, off, frame + done, len - done);
		done += part;
		virtq_fill(p->rx, p->rx_elem.head, (uint32_t)(off + part),
			   (unsigned int)*popped - 1);
	} while (done < len && merge);
	return done == len ? *popped : -EMSGSIZE;
}

/* A frame that fits what the guest agreed to. False: no room now. */
static bool net_rx_put(struct net_pair *p, struct net_hdr *hdr, const uint8_t *frame, size_t len)
{
	struct iovec iov = { .iov_base = (uint8_t *)(uintptr_t)frame, .iov_len = len };
	struct net_place place = { .nr = 0 };
	int popped = 0, ret;

	ret = net_rx_fill(p, &place, frame, len, &popped);
	if (ret <= 0) {
		while (popped--)
			virtq_unpop(p->rx);
		if (ret < 0)
			net_drop(&p->in);
		return ret < 0;
	}
	hdr->num_buffers = (uint16_t)ret;
	net_write_header(&place, hdr);
	virtq_flush(p->rx, (unsigned int)ret);
	net_count(&p->in, len);
	net_capture(p->dev, false, &iov, 1, len);
	return true;
}

static bool net_rx_piece(void *ctx, uint8_t *frame, size_t len)
{
	struct net_hdr hdr = { 0 };
	struct net_pair *p = ctx;

	if (net_rx_put(p, &hdr, frame, len))
		return true;
	net_drop(&p->in);
	return false;
}

/* Whether a guest with features GUEST takes such a large frame as it is. */
static bool net_guest_takes(uint64_t guest, uint8_t gso_type)
{
	uint64_t need = gso_type & NET_GSO_ECN ? NET_F(GUEST_ECN) : 0;

	switch (gso_type & ~NET_GSO_ECN) {
	case NET_GSO_NONE:
		break;
	case NET_GSO_TCPV4:
		need |= NET_F(GUEST_TSO4);
		break;
	case NET_GSO_TCPV6:
		need |= NET_F(GUEST_TSO6);
		break;
	default:
		need |= NET_F(GUEST_UFO);
		break;
	}
	return (guest & need) == need;
}

/* 5.1.4.1: who agreed to an MTU gets nothing longer; two VLAN tags do not count. */
static bool net_too_long(const struct net_device *dev, const struct net_hdr *hdr, size_t len)
{
	return net_has(dev, NET_F(MTU)) && hdr->gso_type == NET_GSO_NONE &&
	       len > dev->cfg->mtu + NET_FRAME_MIN + 8u;
}

/* A checked frame that passed the filter, as the guest can take it. */
static bool net_rx_suit(struct net_pair *p, struct net_hdr *hdr, const uint8_t *frame, size_t len)
{
	uint64_t guest = atomic_load_explicit(&p->dev->guest, memory_order_relaxed);

	if (!net_guest_takes(guest, hdr->gso_type)) {
		offload_segment(hdr, frame, len, p->piece, net_rx_piece, p);
		return true;
	}
	if (!(guest & NET_F(GUEST_CSUM))) {
		if (hdr->flags & NET_HDR_NEEDS_CSUM) {
			memcpy(p->frame, frame, len);
			offload_checksum(hdr, p->frame, len);
			frame = p->frame;
		}
		memset(hdr, 0, sizeof(*hdr));
	}
	return net_rx_put(p, hdr, frame, len);
}

static bool net_port_receive(void *ctx, unsigned int pair, const struct net_hdr *from,
			     const uint8_t *frame, size_t len)
{
	struct net_device *dev = ctx;
	struct net_pair *p = dev->pair[pair];
	struct net_hdr hdr = *from;
	bool pass;

	if (!net_up(dev) || !virtq_ready(p->rx) || len < NET_FRAME_MIN || len > NET_FRAME_MAX ||
	    offload_check(&hdr, frame, len < OFFLOAD_HEAD_MAX ? len : OFFLOAD_HEAD_MAX, len) < 0) {
		net_drop(&p->in);
		return true;
	}
	if (net_too_long(dev, &hdr, len)) {
		net_drop(&p->in);
		return true;
	}
	pthread_mutex_lock(&dev->lock);
	pass = filter_pass(&dev->filter, frame, len);
	pthread_mutex_unlock(&dev->lock);
	return !pass || net_rx_suit(p, &hdr, frame, len);
}

static void net_port_received(void *ctx, unsigned int pair)
{
	struct net_device *dev = ctx;

	virtq_notify(dev->pair[pair]->rx);
}

static void net_port_writable(void *ctx, unsigned int pair)
{
	struct net_device *dev = ctx;

	virtio_kick(dev->vdev, pair * 2 + 1);
}

static uint64_t net_port_guest(void *ctx)
{
	struct net_device *dev = ctx;

	return atomic_load(&dev->guest);
}

static int net_port_watch(void *ctx, unsigned int pair, int fd, uint32_t events,
			  void (*fn)(void *arg, uint32_t events), void *arg, struct err *err)
{
	struct net_device *dev = ctx;

	return virtio_watch(virtio_worker(dev->vdev, pair), fd, events, fn, arg, err);
}

static const struct net_port_ops net_port_ops = {
	.watch = net_port_watch,
	.receive = net_port_receive,
	.received = net_port_received,
	.writable = net_port_writable,
	.guest = net_port_guest,
};

/* --- the device --- */

/* With several pairs the control queue is behind all of them, if the driver knows of them. */
static unsigned int net_ctrl_queue(const struct net_device *dev)
{
	return net_has(dev, NET_F(MQ)) ? dev->nr_pairs * 2 : 2;
}

static void net_rx_kicked(struct net_pair *p)
{
	struct net_device *dev = p->dev;

	virtq_want_kick(p->rx, false);
	if (!p->rx_starved)
		return;
	p->rx_starved = false;
	if (dev->backend->resume)
		dev->backend->resume(dev->backend_state, p->index);
}

static void net_queue(void *state, unsigned int queue)
{
	struct net_device *dev = state;
	struct net_pair *p;

	if (queue == net_ctrl_queue(dev)) {
		if (net_ctrl(dev, virtio_queue(dev->vdev, queue)))
			virtio_kick(dev->vdev, queue);
		return;
	}
	if (queue / 2 >= dev->nr_pairs)
		return;
	p = dev->pair[queue / 2];
	if (queue & 1)
		net_tx(p);
	else
		net_rx_kicked(p);
}

void net_set_guest(struct net_device *dev, uint64_t features)
{
	features &= NET_GUEST_OFFLOADS;
	atomic_store(&dev->guest, features);
	if (dev->backend->offloads)
		dev->backend->offloads(dev->backend_state, features);
}

void net_set_pairs(struct net_device *dev, unsigned int nr)
{
	atomic_store(&dev->cur_pairs, nr);
	if (dev->backend->pairs)
		dev->backend->pairs(dev->backend_state, nr);
}

static uint64_t net_features(void *state)
{
	struct net_device *dev = state;
	uint64_t features = NET_F(MAC) | NET_F(STATUS) | NET_F(MRG_RXBUF) | NET_F(CTRL_VQ) |
			    NET_F(CTRL_RX) | NET_F(CTRL_RX_EXTRA) | NET_F(CTRL_VLAN) |
			    NET_F(CTRL_MAC_ADDR) | NET_F(GUEST_ANNOUNCE) | NET_F(CSUM) |
			    NET_F(HOST_TSO4) | NET_F(HOST_TSO6) | NET_F(HOST_ECN) |
			    NET_F(HOST_UFO) | NET_F(GUEST_CSUM) | NET_F(CTRL_GUEST_OFFLOADS);

	if (dev->backend->features)
		features |= dev->backend->features(dev->backend_state) & NET_GUEST_OFFLOADS;
	if (dev->cfg->mtu)
		features |= NET_F(MTU);
	if (dev->nr_pairs > 1)
		features |= NET_F(MQ);
	return features;
}

static void net_negotiated(void *state, uint64_t features)
{
	struct net_device *dev = state;

	atomic_store(&dev->features, features);
	pthread_mutex_lock(&dev->lock);
	dev->filter.use_vlan = features & NET_F(CTRL_VLAN);
	pthread_mutex_unlock(&dev->lock);
	net_set_guest(dev, features);
}

static const uint8_t *net_mac(const struct net_device *dev)
{
	return dev->cfg->has_mac ? dev->cfg->mac : dev->cfg->live->mac;
}

static void net_started(void *state)
{
	net_vhost_update(state);
}

static void net_hold(void *state, bool on)
{
	net_vhost_hold(state, on);
}

static void net_pause(void *state, bool on)
{
	net_vhost_pause(state, on);
}

static void net_irqs_changed(void *state)
{
	net_vhost_irqs(state);
}

static void net_reset(void *state)
{
	struct net_device *dev = state;
	unsigned int i;

	net_vhost_end(dev);
	dev->resetting = true;
	pthread_mutex_lock(&dev->lock);
	filter_reset(&dev->filter, net_mac(dev));
	pthread_mutex_unlock(&dev->lock);
	atomic_store(&dev->features, 0);
	atomic_store(&dev->announce, false);
	net_set_guest(dev, 0);
	net_set_pairs(dev, 1);
	for (i = 0; i < dev->nr_pairs; i++) {
		dev->pair[i]->rx_starved = false;
		if (dev->backend->resume)
			dev->backend->resume(dev->backend_state, i);
	}
	dev->resetting = false;
}

/* 5.1.4: the fields in their order. */
static void net_config_bytes(struct net_device *dev, uint8_t out[12])
{
	uint16_t field[3] = { 0, (uint16_t)dev->nr_pairs, dev->cfg->mtu };

	if (atomic_load(&dev->link))
		field[0] |= NET_S_LINK_UP;
	if (atomic_load(&dev->announce))
		field[0] |= NET_S_ANNOUNCE;
	pthread_mutex_lock(&dev->lock);
	memcpy(out, dev->filter.mac, 6);
	pthread_mutex_unlock(&dev->lock);
	memcpy(out + 6, field, sizeof(field));
}

static uint64_t net_config_read(void *state, uint32_t off, uint32_t size)
{
	uint8_t bytes[12];
	uint64_t val = 0;
	uint32_t i;

	net_config_bytes(state, bytes);
	for (i = 0; i < size && i < 8; i++) {
		if (off < sizeof(bytes) && i < sizeof(bytes) - off)
			val |= (uint64_t)bytes[off + i] << (8 * i);
	}
	return val;
}

/* Only drivers of before 1.0 change their address this way (5.1.4.2). */
static void net_config_write(void *state, uint32_t off, uint32_t size, uint64_t val)
{
	struct net_device *dev = state;
	uint32_t i;

	if (net_has(dev, VIRTIO_F_VERSION_1))
		return;
	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < size && i < 8; i++) {
		if (off < 6 && i < 6 - off)
			dev->filter.mac[off + i] = (uint8_t)(val >> (8 * i));
	}
	pthread_mutex_unlock(&dev->lock);
}

static void net_describe_count(struct net_device *dev, struct dev_rows *rows, const char *label,
			       size_t member)
{
	uint64_t frames = 0, bytes = 0, dropped = 0;
	struct net_count *count;
	unsigned int i;

	for (i = 0; i < dev->nr_pairs; i++) {
		count = (struct net_count *)(void *)((char *)dev->pair[i] + member);
		frames += atomic_load(&count->frames);
		bytes += atomic_load(&count->bytes);
		dropped += atomic_load(&count->dropped);
	}
	dev_row(rows, label, "%" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped", frames,
		bytes, dropped);
}

static void net_describe(void *state, struct dev_rows *rows)
{
	struct net_device *dev = state;
	struct filter filter;
	char mac[18];

	net_device_filter(dev, &filter);
	dev_row(rows, "address", "%s, link %s", net_mac_text(filter.mac, mac),
		net_device_link(dev) ? "up" : "down");
	dev_row(rows, "filter", "%s, %u+%u addresses%s",
		filter.promisc ? "promiscuous" : "own frames", filter.unicast.nr,
		filter.multicast.nr, filter.allmulti ? ", all groups" : "");
	net_describe_count(dev, rows, "sent", offsetof(struct net_pair, out));
	net_describe_count(dev, rows, "received", offsetof(struct net_pair, in));
	if (dev->nr_pairs > 1)
		dev_row(rows, "queue pairs", "%u of %u", atomic_load(&dev->cur_pairs),
			dev->nr_pairs);
	if (dev->backend->describe)
		dev->backend->describe(dev->backend_state, rows);
	net_vhost_describe(dev, rows);
	if (dev->pcap)
		dev_row(rows, "capture", "%" PRIu64 " frames", pcap_frames(dev->pcap));
}

static void net_save(void *state, struct buf *out)
{
	struct net_device *dev = state;

	dev_save_u64(out, atomic_load(&dev->features));
	dev_save_u64(out, atomic_load(&dev->guest));
	dev_save_u32(out, atomic_load(&dev->cur_pairs));
	dev_save_u8(out, atomic_load(&dev->link));
	dev_save_u8(out, atomic_load(&dev->announce));
	pthread_mutex_lock(&dev->lock);
	filter_save(&dev->filter, out);
	pthread_mutex_unlock(&dev->lock);
}

/* Where the guest wakes up, others may not know its address yet. */
static int net_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct net_device *dev = state;
	uint64_t features = dev_load_u64(in), guest = dev_load_u64(in);
	uint32_t pairs = dev_load_u32(in);
	struct filter filter;

	atomic_store(&dev->link, dev_load_u8(in) != 0);
	atomic_store(&dev->announce, dev_load_u8(in) != 0);
	filter_load(&filter, in);
	if (dev_load_end(in, net_device_name(dev), err) < 0)
		return -EINVAL;
	if (!pairs || pairs > dev->nr_pairs)
		return err_set(err, EINVAL, "%s: %u queue pairs", net_device_name(dev), pairs);
	net_negotiated(dev, features);
	net_set_guest(dev, guest & features);
	net_set_pairs(dev, pairs);
	pthread_mutex_lock(&dev->lock);
	dev->filter = filter;
	pthread_mutex_unlock(&dev->lock);
	net_device_announce(dev);
	return 0;
}

/* The last control queue has no worker of its own: the first one serves it. */
static unsigned int net_worker_of(unsigned int queue)
{
	return queue / 2;
}

static int net_make_pairs(struct net_device *dev, struct err *err)
{
	struct net_pair *p;
	unsigned int i;
	int ret;

	for (i = 0; i < dev->cfg->queues; i++) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return err_sys(err, ENOMEM, "%s", net_device_name(dev));
		p->dev = dev;
		p->index = i;
		dev->pair[dev->nr_pairs++] = p;
	}
	ret = virtio_queues(dev->vdev, dev->nr_pairs * 2 + 1, NET_QUEUE_SIZE, err);
	if (ret < 0)
		return ret;
	for (i = 0; i < dev->nr_pairs; i++) {
		dev->pair[i]->rx = virtio_queue(dev->vdev, i * 2);
		dev->pair[i]->tx = virtio_queue(dev->vdev, i * 2 + 1);
	}
	return virtio_workers(dev->vdev, dev->nr_pairs, net_worker_of, err);
}

static int net_open(struct net_device *dev, struct err *err)
{
	int ret;

	if (dev->cfg->pcap[0]) {
		ret = pcap_open(dev->cfg->pcap, net_device_name(dev), &dev->pcap, err);
		if (ret < 0)
			return ret;
	}
	ret = dev->backend->open(&dev->port, dev->cfg, &dev->backend_state, err);
	return ret == 0 ? net_vhost_open(dev, err) : ret;
}

static void net_exit(void *state)
{
	struct net_device *dev = state;
	unsigned int i;

	if (!dev)
		return;
	dev->cfg->live->dev = NULL;
	net_vhost_close(dev);
	if (dev->backend_state)
		dev->backend->close(dev->backend_state);
	pcap_close(dev->pcap);
	for (i = 0; i < dev->nr_pairs; i++)
		free(dev->pair[i]);
	pthread_mutex_destroy(&dev->vhost.lock);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

static int net_init(const struct dev_env *env, struct virtio *vdev, const void *config,
		    void **state, struct err *err)
{
	const struct net_config *cfg = config;
	struct net_device *dev = calloc(1, sizeof(*dev));
	int ret;

	if (!dev)
		return err_sys(err, ENOMEM, "%s", virtio_name(vdev));
	dev->vdev = vdev;
	dev->cfg = cfg;
	dev->backend = cfg->live->backend ? cfg->live->backend : net_backends[cfg->kind];
	dev->port = (struct net_port){
		.ops = &net_port_ops, .ctx = dev, .name = virtio_name(vdev), .mem = env->mem
	};
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_init(&dev->vhost.lock, NULL);
	filter_reset(&dev->filter, net_mac(dev));
	atomic_store(&dev->link, true);
	atomic_store(&dev->cur_pairs, 1);
	ret = net_make_pairs(dev, err);
	if (ret == 0)
		ret = net_open(dev, err);
	if (ret < 0) {
		net_exit(dev);
		return ret;
	}
	cfg->live->dev = dev;
	*state = dev;
	return 0;
}

const struct virtio_ops virtio_net_ops = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.class_code = NET_CLASS,
	.init = net_init,
	.exit = net_exit,
	.reset = net_reset,
	.features = net_features,
	.negotiated = net_negotiated,
	.started = net_started,
	.config_read = net_config_read,
	.config_write = net_config_write,
	.queue = net_queue,
	.describe = net_describe,
	.save = net_save,
	.load = net_load,
	.hold = net_hold,
	.pause = net_pause,
	.irqs_changed = net_irqs_changed,
};

/* --- for the monitor --- */

void net_device_set_link(struct net_device *dev, bool up)
{
	if (atomic_exchange(&dev->link, up) == up)
		return;
	net_vhost_update(dev);
	virtio_config_changed(dev->vdev);
}

bool net_device_link(const struct net_device *dev)
{
	return atomic_load(&dev->link);
}

const char *net_device_name(const struct net_device *dev)
{
	return virtio_name(dev->vdev);
}

void net_device_filter(struct net_device *dev, struct filter *out)
{
	pthread_mutex_lock(&dev->lock);
	*out = dev->filter;
	pthread_mutex_unlock(&dev->lock);
}

void net_device_info(struct net_device *dev, struct buf *out)
{
	buf_printf(out, "type=%s", dev->backend->kind);
	if (dev->backend->info)
		dev->backend->info(dev->backend_state, out);
}

bool net_device_announce(struct net_device *dev)
{
	if (!net_has(dev, NET_F(GUEST_ANNOUNCE) | NET_F(CTRL_VQ)))
		return false;
	atomic_store(&dev->announce, true);
	virtio_config_changed(dev->vdev);
	return true;
}

int net_device_forward(struct net_device *dev, const struct net_forward *fwd, bool add,
		       struct err *err)
{
	int ret;

	if (!dev->backend->forward)
		return err_set(err, EINVAL, "%s: only user networking forwards ports",
			       net_device_name(dev));
	virtio_hold(dev->vdev);
	ret = dev->backend->forward(dev->backend_state, fwd, add, err);
	virtio_release(dev->vdev);
	return ret;
}
