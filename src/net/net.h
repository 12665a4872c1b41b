/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What joins a network device and its back-end. A frame is an Ethernet frame
 * without its check sum, with the header of virtio 1.2, section 5.1.6 beside it:
 * check sums and segments may be left for the other side to make.
 */
#ifndef VITRINE_NET_NET_H
#define VITRINE_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "net/config.h"
#include "net/wire.h"
#include "vmm/device.h"

/* An Ethernet header with two VLAN tags and the longest IP packet. */
#define NET_FRAME_MAX	(65535 + 14 + 8)
#define NET_FRAME_MIN	14
#define NET_MAX_PAIRS	8
#define NET_MTU_DEFAULT 1500

/*
 * The device, seen from its back-end. All but LINK are called in the worker of the queue pair PAIR,
 * or with the workers held.
 */
struct net_port_ops {
	/* Call FN(ARG, epoll EVENTS) in PAIR's worker when FD is ready; EVENTS 0: no more. */
	int (*watch)(void *ctx, unsigned int pair, int fd, uint32_t events,
		     void (*fn)(void *arg, uint32_t events), void *arg, struct err *err);
	/*
	 * A frame for the guest. HDR is checked here: whoever made it is not trusted. False: the
	 * guest has no room; keep the frame or drop it, and wait for net_backend_ops.resume.
	 */
	bool (*receive)(void *ctx, unsigned int pair, const struct net_hdr *hdr,
			const uint8_t *frame, size_t len);
	/* The burst of frames is over: tell the guest. */
	void (*received)(void *ctx, unsigned int pair);
	/* send() may be tried again after -EAGAIN. */
	void (*writable)(void *ctx, unsigned int pair);
	/* What the driver said that it can receive: GUEST_* feature bits, 0 before it runs. */
	uint64_t (*guest)(void *ctx);
};

struct net_port {
	const struct net_port_ops *ops;
	void *ctx;
	const char *name; /* the device's, for messages */
	struct mem *mem;
};

/* A back-end. open, close, describe and forward: main loop. The others: as above. */
struct net_backend_ops {
	const char *kind;
	/* PORT and CFG outlive the back-end. *STATE is handed to the others. */
	int (*open)(const struct net_port *port, const struct net_config *cfg, void **state,
		    struct err *err);
	void (*close)(void *state);
	/*
	 * A frame of the guest, LEN bytes in NR pieces which the guest may still change. 0: taken
	 * (or lost, as networks may); -EAGAIN: not now, net_port_ops.writable follows; another
	 * -errno: it makes no sense.
	 */
	int (*send)(void *state, unsigned int pair, const struct net_hdr *hdr,
		    const struct iovec *iov, unsigned int nr, size_t len);
	/* The members below may be NULL. The burst of frames is over. */
	void (*flush)(void *state, unsigned int pair);
	/* The guest has room again after a receive() that was refused. */
	void (*resume)(void *state, unsigned int pair);
	/* What the guest can receive has changed (GUEST_* bits). */
	void (*offloads)(void *state, uint64_t features);
	/* The guest uses queue pairs 0..NR-1. */
	void (*pairs)(void *state, unsigned int nr);
	/* GUEST_* bits that the back-end can make use of. */
	uint64_t (*features)(void *state);
	void (*describe)(void *state, struct dev_rows *rows);
	/* For vhost: PAIR's descriptor. lend: the kernel has them all from here on, with headers of
	 * HDR_LEN bytes and every pair attached until pairs() says which are used; or they come
	 * back. With the workers held. Both or none. */
	int (*fd)(void *state, unsigned int pair);
	void (*lend)(void *state, bool on, size_t hdr_len);
	/* One line for `info network`. */
	void (*info)(void *state, struct buf *out);
	/* Add or take away a forwarded port. The workers are held. */
	int (*forward)(void *state, const struct net_forward *fwd, bool add, struct err *err);
};

extern const struct net_backend_ops net_user_ops, net_tap_ops, net_hub_ops;

/* Up to MAX bytes of NR pieces from offset OFF into BUF; returns how many. */
size_t net_gather(const struct iovec *iov, unsigned int nr, size_t off, void *buf, size_t max);
/* "56:.." of six bytes into BUF of at least 18; returns BUF. */
const char *net_mac_text(const uint8_t *mac, char *buf);

#endif
