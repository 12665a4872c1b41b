/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tap back-end: an interface of the host's kernel, one descriptor for each queue pair. The
 * kernel speaks the same frame header as the guest (vnet headers), so check sums and segments pass
 * through, and it checks what it is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/net.h"

#define TAP_DEVICE "/dev/net/tun"
#define TAP_BURST  64 /* frames received before others get their turn */

struct tap;

struct tap_queue {
	struct tap *tap;
	unsigned int pair;
	int fd;
	bool attached, full, starved, dead;
	uint32_t watching;
	struct net_hdr hdr; /* with the frame below: one that waits for room */
	size_t held;	    /* its length, 0: none */
	uint8_t frame[NET_FRAME_MAX];
};

struct tap {
	const struct net_port *port;
	const struct net_config *cfg;
	char ifname[IFNAMSIZ];
	bool lent;	   /* the kernel's vhost reads and writes */
	bool made;	   /* it was not there before, and goes when we go */
	uint64_t offloads; /* GUEST_* bits that the kernel was asked for */
	unsigned int nr;
	struct tap_queue *queue[NET_MAX_PAIRS];
};

static void tap_on_ready(void *arg, uint32_t events);

/* Watch for what the queue's state makes interesting. */
static void tap_watch(struct tap_queue *q)
{
	const struct net_port *port = q->tap->port;
	uint32_t events = 0;

	if (q->attached && !q->dead && !q->tap->lent)
		events =
			(q->starved ? 0u : (uint32_t)EPOLLIN) | (q->full ? (uint32_t)EPOLLOUT : 0u);
	if (events == q->watching)
		return;
	q->watching = events;
	port->ops->watch(port->ctx, q->pair, q->fd, events, tap_on_ready, q, NULL);
}

/* --- frames for the guest --- */

/* The interface was deleted, or something as final: say so once. */
static void tap_died(struct tap_queue *q, int code)
{
	log_line("%s: tap %s: %s; nothing comes from there any more", q->tap->port->name,
		 q->tap->ifname, strerror(code));
	q->dead = true;
}

/* One frame from the kernel into the queue's hands: false if there is none. */
static bool tap_read(struct tap_queue *q)
{
	struct iovec iov[2] = { { .iov_base = &q->hdr, .iov_len = sizeof(q->hdr) },
				{ .iov_base = q->frame, .iov_len = sizeof(q->frame) } };
	ssize_t n;

	if (q->held)
		return true;
	n = readv(q->fd, iov, 2);
	if (n > (ssize_t)sizeof(q->hdr)) {
		q->held = (size_t)n - sizeof(q->hdr);
		return true;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EIO)
		tap_died(q, errno);
	return false;
}

static void tap_receive(struct tap_queue *q)
{
	const struct net_port *port = q->tap->port;
	unsigned int left = TAP_BURST;

	while (left && tap_read(q)) {
		if (!port->ops->receive(port->ctx, q->pair, &q->hdr, q->frame, q->held)) {
			q->starved = true;
			break;
		}
		q->held = 0;
		/* The first one is not kept waiting for more; a busy driver is not disturbed. */
		if (left-- == TAP_BURST)
			port->ops->received(port->ctx, q->pair);
	}
	port->ops->received(port->ctx, q->pair);
}

static void tap_on_ready(void *arg, uint32_t events)
{
	struct tap_queue *q = arg;

	if (q->full && events & (EPOLLOUT | EPOLLERR)) {
		q->full = false;
		q->tap->port->ops->writable(q->tap->port->ctx, q->pair);
	}
	if (!q->starved)
		tap_receive(q);
	tap_watch(q);
}

static void tap_resume(void *state, unsigned int pair)
{
	struct tap *tap = state;
	struct tap_queue *q = tap->queue[pair];

	if (!q->starved)
		return;
	q->starved = false;
	tap_receive(q);
	tap_watch(q);
}

/* --- from the guest --- */

static int tap_send(void *state, unsigned int pair, const struct net_hdr *hdr,
		    const struct iovec *iov, unsigned int nr, size_t len)
{
	struct tap *tap = state;
	struct tap_queue *q = tap->queue[pair];
	struct net_hdr own = *hdr;
	struct iovec all[IOV_MAX];
	ssize_t n;

	(void)len;
	if (nr >= IOV_MAX)
		return -EMSGSIZE;
	own.num_buffers = 0;
	all[0] = (struct iovec){ .iov_base = &own, .iov_len = sizeof(own) };
	memcpy(all + 1, iov, nr * sizeof(*iov));
	n = writev(q->fd, all, (int)nr + 1);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		q->full = true;
		tap_watch(q);
		return -EAGAIN;
	}
	return -errno;
}

/* The host's own answer is there when it has taken a frame: spare the worker another turn. */
static void tap_flush(void *state, unsigned int pair)
{
	struct tap *tap = state;
	struct tap_queue *q = tap->queue[pair];

	if (q->starved || q->dead || !q->attached || tap->lent)
		return;
	tap_receive(q);
	tap_watch(q);
}

/* --- what the guest wishes --- */

static unsigned int tap_offload_flags(uint64_t features)
{
	unsigned int flags = 0;

	if (!(features & NET_F(GUEST_CSUM)))
		return 0;
	flags |= TUN_F_CSUM;
	if (features & NET_F(GUEST_TSO4))
		flags |= TUN_F_TSO4;
	if (features & NET_F(GUEST_TSO6))
		flags |= TUN_F_TSO6;
	if (features & NET_F(GUEST_ECN) && flags & (TUN_F_TSO4 | TUN_F_TSO6))
		flags |= TUN_F_TSO_ECN;
	if (features & NET_F(GUEST_UFO))
		flags |= TUN_F_UFO;
	return flags;
}

static int tap_try_offloads(struct tap *tap, uint64_t features)
{
	return ioctl(tap->queue[0]->fd, TUNSETOFFLOAD, (unsigned long)tap_offload_flags(features)) <
			       0
		       ? -errno
		       : 0;
}

static void tap_offloads(void *state, uint64_t features)
{
	struct tap *tap = state;

	/* What the kernel leaves to do all the same, the device does. */
	if (tap_try_offloads(tap, features & tap->offloads) < 0)
		tap_try_offloads(tap, 0);
}

static uint64_t tap_features(void *state)
{
	struct tap *tap = state;

	return tap->offloads;
}

static void tap_find_offloads(struct tap *tap)
{
	static const uint64_t csum = NET_F(GUEST_CSUM),
			      tso = NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_ECN);
	const uint64_t tries[] = { csum | tso | NET_F(GUEST_UFO), csum | tso, csum, 0 };
	size_t i;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (tap_try_offloads(tap, tries[i]) == 0) {
			tap->offloads = tries[i];
			break;
		}
	}
	tap_try_offloads(tap, 0);
}

static void tap_attach(struct tap_queue *q, bool on)
{
	struct ifreq req = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (q->attached == on || q->tap->nr == 1)
		return;
	q->attached = on;
	if (!on)
		tap_watch(q); /* a detached one is always ready, with an error */
	if (ioctl(q->fd, TUNSETQUEUE, &req) < 0)
		q->attached = !on;
	tap_watch(q);
}

static void tap_pairs(void *state, unsigned int nr)
{
	struct tap *tap = state;
	unsigned int i;

	for (i = 0; i < tap->nr; i++)
		tap_attach(tap->queue[i], i < nr);
}

/* --- vhost --- */

static int tap_fd(void *state, unsigned int pair)
{
	struct tap *tap = state;

	return tap->queue[pair]->fd;
}

/* A frame that waited for room is old by the time the descriptors come back. */
static void tap_lend(void *state, bool on, size_t hdr_len)
{
	int size = on ? (int)hdr_len : (int)sizeof(struct net_hdr);
	struct tap *tap = state;
	unsigned int i;

	tap->lent = on;
	if (on)
		tap_pairs(tap, tap->nr);
	if (ioctl(tap->queue[0]->fd, TUNSETVNETHDRSZ, &size) < 0)
		log_line("%s: tap %s: vnet headers: %s", tap->port->name, tap->ifname,
			 strerror(errno));
	for (i = 0; i < tap->nr; i++) {
		tap->queue[i]->held = 0;
		tap->queue[i]->starved = tap->queue[i]->full = false;
		tap_watch(tap->queue[i]);
	}
}

/* --- life --- */

static int tap_fail(const struct tap *tap, const char *what, int code, struct err *err)
{
	const char *hint = "";

	if (code == EPERM || code == EACCES)
		hint = " (needs CAP_NET_ADMIN, or an interface of yours: ip tuntap add mode tap "
		       "user $USER)";
	else if (code == EBUSY)
		hint = " (in use)";
	else if (code == EINVAL)
		hint = tap->cfg->queues > 1 ? " (made without multi_queue?)" : " (not a tap?)";
	err_sys(err, code, "tap %s: %s", tap->cfg->ifname[0] ? tap->cfg->ifname : TAP_DEVICE, what);
	if (err)
		snprintf(err->text + strlen(err->text), sizeof(err->text) - strlen(err->text), "%s",
			 hint);
	return -code;
}

static int tap_open_queue(struct tap *tap, unsigned int pair, struct err *err)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct tap_queue *q = calloc(1, sizeof(*q));
	int size = sizeof(struct net_hdr);

	if (!q)
		return err_sys(err, ENOMEM, "tap");
	tap->queue[tap->nr++] = q;
	q->tap = tap;
	q->pair = pair;
	q->attached = true;
	q->fd = open(TAP_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (q->fd < 0)
		return tap_fail(tap, TAP_DEVICE, errno, err);
	if (tap->cfg->queues > 1)
		req.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(req.ifr_name, tap->ifname, sizeof(tap->ifname));
	if (ioctl(q->fd, TUNSETIFF, &req) < 0)
		return tap_fail(tap, "cannot be opened", errno, err);
	memcpy(tap->ifname, req.ifr_name, sizeof(tap->ifname));
	tap->ifname[sizeof(tap->ifname) - 1] = '\0';
	if (ioctl(q->fd, TUNSETVNETHDRSZ, &size) < 0)
		return tap_fail(tap, "vnet headers", errno, err);
	return 0;
}

/* An interface that is ours comes up; one that was there is as its owner wants it. */
static void tap_bring_up(struct tap *tap)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	memcpy(req.ifr_name, tap->ifname, sizeof(req.ifr_name));
	if (tap->cfg->mtu) {
		req.ifr_mtu = tap->cfg->mtu;
		ioctl(fd, SIOCSIFMTU, &req);
	}
	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0) {
		req.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &req) < 0)
			log_line("%s: tap %s cannot be brought up: %s", tap->port->name,
				 tap->ifname, strerror(errno));
	}
	close(fd);
}

static void tap_close(void *state)
{
	struct tap *tap = state;
	unsigned int i;

	for (i = 0; i < tap->nr; i++) {
		if (tap->queue[i]->fd >= 0)
			close(tap->queue[i]->fd);
		free(tap->queue[i]);
	}
	free(tap);
}

static int tap_start(struct tap *tap, struct err *err)
{
	unsigned int i;
	int ret;

	snprintf(tap->ifname, sizeof(tap->ifname), "%s",
		 tap->cfg->ifname[0] ? tap->cfg->ifname : "vitrine%d");
	tap->made = !tap->cfg->ifname[0] || if_nametoindex(tap->ifname) == 0;
	for (i = 0; i < tap->cfg->queues; i++) {
		ret = tap_open_queue(tap, i, err);
		if (ret < 0)
			return ret;
	}
	if (tap->made)
		tap_bring_up(tap);
	tap_find_offloads(tap);
	tap_pairs(tap, 1);
	for (i = 0; i < tap->nr; i++)
		tap_watch(tap->queue[i]);
	if (!tap->cfg->ifname[0])
		log_line("%s: tap %s", tap->port->name, tap->ifname);
	return 0;
}

static int tap_open(const struct net_port *port, const struct net_config *cfg, void **state,
		    struct err *err)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int ret;

	if (!tap)
		return err_sys(err, ENOMEM, "tap");
	tap->port = port;
	tap->cfg = cfg;
	ret = tap_start(tap, err);
	if (ret < 0)
		tap_close(tap);
	else
		*state = tap;
	return ret;
}

static void tap_describe(void *state, struct dev_rows *rows)
{
	struct tap *tap = state;

	dev_row(rows, "back-end", "tap: %s%s%s%s", tap->ifname, tap->made ? ", made here" : "",
		tap->offloads & NET_F(GUEST_TSO4) ? ", csum, tso" : "",
		tap->queue[0]->dead ? ", gone" : "");
}

static void tap_info(void *state, struct buf *out)
{
	struct tap *tap = state;

	buf_printf(out, ",ifname=%s", tap->ifname);
}

const struct net_backend_ops net_tap_ops = {
	.kind = "tap",
	.open = tap_open,
	.close = tap_close,
	.send = tap_send,
	.flush = tap_flush,
	.resume = tap_resume,
	.offloads = tap_offloads,
	.pairs = tap_pairs,
	.features = tap_features,
	.fd = tap_fd,
	.lend = tap_lend,
	.describe = tap_describe,
	.info = tap_info,
};
