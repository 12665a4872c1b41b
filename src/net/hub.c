/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hub back-end joins the VMs of one user that name the same hub. There is no daemon: each
 * device listens at a socket in its VM's folder and is connected with every other, so that the
 * death of one is the end of a connection and its folder goes as all folders of dead VMs do. A
 * frame goes to the peer that its address was seen behind, else to all.
 *
 * Each message is a frame header and a frame; the receiver finishes what its guest cannot take.
 * Messages come from other processes and are checked like those of a guest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "net/net.h"

#define HUB_MAX_PEERS  32
#define HUB_MAX_MACS   256 /* a power of two */
#define HUB_BURST      64
#define HUB_SNDBUF     (4 << 20)
#define HUB_LOCK_TRIES 200
#define HUB_NAP_NS     10000000L
/* A peer that takes nothing for so long (its VM is paused) is no longer waited for. */
#define HUB_PATIENCE_NS 20000000ull

/* The first message of a connection. */
static const char hub_hello[16] = "vitrine-hub 1";

struct hub;

struct hub_peer {
	struct hub *hub;
	int fd; /* -1: free */
	bool greeted, full, slow;
	uint64_t full_since_ns;
	uint32_t watching;
};

struct hub_mac {
	uint8_t mac[6];
	int8_t peer; /* -1: free */
};

struct hub {
	const struct net_port *port;
	const struct net_config *cfg;
	int dir_fd, listen_fd, timer_fd;
	char name[64];
	struct hub_peer peer[HUB_MAX_PEERS];
	struct hub_mac mac[HUB_MAX_MACS];
	bool starved;
	struct net_hdr hdr; /* with the frame below: one that waits for room */
	size_t held;
	uint8_t frame[NET_FRAME_MAX + 1];
};

static void hub_on_peer(void *arg, uint32_t events);

/* --- who is behind which connection --- */

static struct hub_mac *hub_slot(struct hub *hub, const uint8_t *mac)
{
	unsigned int hash = mac[3] * 31u + mac[4] * 7u + mac[5] + mac[2] * 131u;

	return &hub->mac[hash % HUB_MAX_MACS];
}

static void hub_learn(struct hub *hub, const uint8_t *frame, int peer)
{
	struct hub_mac *slot = hub_slot(hub, frame + 6);

	if (frame[6] & 1)
		return;
	memcpy(slot->mac, frame + 6, 6);
	slot->peer = (int8_t)peer;
}

/* The peer that DST was seen behind, or -1: all. */
static int hub_find(struct hub *hub, const uint8_t *dst)
{
	const struct hub_mac *slot = hub_slot(hub, dst);

	if (dst[0] & 1 || memcmp(slot->mac, dst, 6) != 0)
		return -1;
	return slot->peer;
}

/* --- peers --- */

static int hub_peer_index(const struct hub_peer *peer)
{
	return (int)(peer - peer->hub->peer);
}

static void hub_watch(struct hub_peer *peer)
{
	const struct net_port *port = peer->hub->port;
	uint32_t events = peer->hub->starved ? 0 : EPOLLIN;

	if (peer->full)
		events |= EPOLLOUT;
	if (events == peer->watching)
		return;
	peer->watching = events;
	port->ops->watch(port->ctx, 0, peer->fd, events, hub_on_peer, peer, NULL);
}

static void hub_watch_all(struct hub *hub)
{
	int i;

	for (i = 0; i < HUB_MAX_PEERS; i++) {
		if (hub->peer[i].fd >= 0)
			hub_watch(&hub->peer[i]);
	}
}

static void hub_drop_peer(struct hub_peer *peer)
{
	struct hub *hub = peer->hub;
	bool full = peer->full;
	int i;

	hub->port->ops->watch(hub->port->ctx, 0, peer->fd, 0, hub_on_peer, peer, NULL);
	close(peer->fd);
	*peer = (struct hub_peer){ .hub = hub, .fd = -1 };
	for (i = 0; i < HUB_MAX_MACS; i++) {
		if (hub->mac[i].peer == hub_peer_index(peer))
			hub->mac[i].peer = -1;
	}
	if (full)
		hub->port->ops->writable(hub->port->ctx, 0);
}

/* Takes FD over. */
static int hub_add_peer(struct hub *hub, int fd)
{
	struct hub_peer *peer = NULL;
	int i, size = HUB_SNDBUF;

	for (i = 0; i < HUB_MAX_PEERS && !peer; i++)
		peer = hub->peer[i].fd < 0 ? &hub->peer[i] : NULL;
	if (!peer || send(fd, hub_hello, sizeof(hub_hello), MSG_NOSIGNAL) < 0) {
		if (!peer)
			log_line("%s: hub %s has more than %d members", hub->port->name,
				 hub->cfg->hub, HUB_MAX_PEERS);
		close(fd);
		return -ENOSPC;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	peer->fd = fd;
	hub_watch(peer);
	return 0;
}

static void hub_on_listen(void *arg, uint32_t events)
{
	struct hub *hub = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	(void)events;
	while ((fd = accept4(hub->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
		    cred.uid != geteuid())
			close(fd);
		else
			hub_add_peer(hub, fd);
	}
}

/* --- frames for the guest --- */

/* One message of PEER: false where there is none, or no PEER any more. */
static bool hub_read(struct hub_peer *peer, size_t *len)
{
	struct hub *hub = peer->hub;
	struct iovec iov[2] = { { .iov_base = &hub->hdr, .iov_len = sizeof(hub->hdr) },
				{ .iov_base = hub->frame, .iov_len = sizeof(hub->frame) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = recvmsg(peer->fd, &msg, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		hub_drop_peer(peer);
		return false;
	}
	*len = (size_t)n;
	return true;
}

static bool hub_greet(struct hub_peer *peer, size_t len)
{
	struct hub *hub = peer->hub;
	char hello[sizeof(hub_hello)];

	if (len == sizeof(hello)) {
		memcpy(hello, &hub->hdr, sizeof(hub->hdr));
		memcpy(hello + sizeof(hub->hdr), hub->frame, sizeof(hello) - sizeof(hub->hdr));
		peer->greeted = memcmp(hello, hub_hello, sizeof(hello)) == 0;
	}
	if (!peer->greeted)
		hub_drop_peer(peer);
	return peer->greeted;
}

static void hub_receive(struct hub_peer *peer)
{
	struct hub *hub = peer->hub;
	const struct net_port *port = hub->port;
	unsigned int left = HUB_BURST;
	size_t len;

	while (left-- && hub_read(peer, &len)) {
		if (!peer->greeted) {
			if (!hub_greet(peer, len))
				break;
			continue;
		}
		if (len < sizeof(hub->hdr) + NET_FRAME_MIN ||
		    len > sizeof(hub->hdr) + NET_FRAME_MAX)
			continue;
		len -= sizeof(hub->hdr);
		hub_learn(hub, hub->frame, hub_peer_index(peer));
		if (!port->ops->receive(port->ctx, 0, &hub->hdr, hub->frame, len)) {
			hub->held = len;
			hub->starved = true;
			hub_watch_all(hub);
			break;
		}
	}
	port->ops->received(port->ctx, 0);
}

static void hub_resume(void *state, unsigned int pair)
{
	struct hub *hub = state;
	const struct net_port *port = hub->port;

	if (!hub->starved)
		return;
	if (!port->ops->receive(port->ctx, pair, &hub->hdr, hub->frame, hub->held))
		return;
	hub->starved = false;
	port->ops->received(port->ctx, pair);
	hub_watch_all(hub);
}

static void hub_on_peer(void *arg, uint32_t events)
{
	struct hub_peer *peer = arg;
	struct hub *hub = peer->hub;

	if (peer->full && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		peer->full = peer->slow = false;
		hub_watch(peer);
		hub->port->ops->writable(hub->port->ctx, 0);
	}
	if (!hub->starved && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		hub_receive(peer);
	else if (hub->starved && events & (EPOLLERR | EPOLLHUP))
		hub_drop_peer(peer); /* reported even if nobody asks; what it said last is lost */
}

/* --- from the guest --- */

static void hub_set_timer(struct hub *hub, uint64_t ns)
{
	struct itimerspec spec = { .it_value = { .tv_nsec = (long)ns } };

	timerfd_settime(hub->timer_fd, 0, &spec, NULL);
}

static void hub_on_timer(void *arg, uint32_t events)
{
	struct hub *hub = arg;
	uint64_t times;
	ssize_t n;

	(void)events;
	n = read(hub->timer_fd, &times, sizeof(times));
	(void)n;
	hub->port->ops->writable(hub->port->ctx, 0);
}

/* PEER has no room: wait for it, but not for long. */
static int hub_peer_full(struct hub_peer *peer, bool wait)
{
	uint64_t now = time_now_ns();

	if (!peer->full) {
		peer->full = true;
		peer->full_since_ns = now;
		hub_watch(peer);
	}
	if (peer->slow || !wait)
		return 0;
	if (now - peer->full_since_ns >= HUB_PATIENCE_NS) {
		peer->slow = true;
		return 0;
	}
	hub_set_timer(peer->hub, HUB_PATIENCE_NS);
	return -EAGAIN;
}

/* A frame that PEER cannot take is lost, unless WAIT. */
static int hub_send_to(struct hub_peer *peer, struct msghdr *msg, bool wait)
{
	if (sendmsg(peer->fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return hub_peer_full(peer, wait);
	return 0; /* it is gone; reading will tell */
}

static int hub_send(void *state, unsigned int pair, const struct net_hdr *hdr,
		    const struct iovec *iov, unsigned int nr, size_t len)
{
	struct hub *hub = state;
	struct net_hdr own = *hdr;
	struct iovec all[IOV_MAX];
	struct msghdr msg = { .msg_iov = all, .msg_iovlen = nr + 1 };
	uint8_t dst[6];
	int peer, i;

	(void)pair;
	(void)len;
	if (nr >= IOV_MAX)
		return -EMSGSIZE;
	own.num_buffers = 0;
	all[0] = (struct iovec){ .iov_base = &own, .iov_len = sizeof(own) };
	memcpy(all + 1, iov, nr * sizeof(*iov));
	net_gather(iov, nr, 0, dst, sizeof(dst));
	peer = hub_find(hub, dst);
	if (peer >= 0)
		return hub_send_to(&hub->peer[peer], &msg, true);
	for (i = 0; i < HUB_MAX_PEERS; i++) {
		if (hub->peer[i].fd >= 0)
			hub_send_to(&hub->peer[i], &msg, false);
	}
	return 0;
}

/* What this side can make use of is what the device can: all of it. */
static uint64_t hub_features(void *state)
{
	(void)state;
	return NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_ECN) | NET_F(GUEST_UFO);
}

/* --- joining and leaving --- */

/* Paths of sockets are short; folders' are not: NAME in the folder that FD is. */
static socklen_t hub_address(int fd, const char *name, struct sockaddr_un *out)
{
	int n;

	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", fd, name);
	return n > 0 && (size_t)n < sizeof(out->sun_path) ? sizeof(*out) : 0;
}

static int hub_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void hub_connect(struct hub *hub, int dir_fd, const char *name)
{
	struct sockaddr_un addr;
	socklen_t len = hub_address(dir_fd, name, &addr);
	int fd = hub_socket();

	if (fd < 0)
		return;
	/* Nobody behind it: left over from a VM that died. */
	if (!len || connect(fd, (struct sockaddr *)&addr, len) < 0)
		close(fd);
	else
		hub_add_peer(hub, fd);
}

/* Connect with every member in the folder DIR_FD of one VM; takes it over. */
static void hub_join_vm(struct hub *hub, int dir_fd)
{
	char prefix[sizeof(hub->name)];
	struct dirent *ent;
	struct stat own, st;
	bool mine;
	DIR *dir;
	int n;

	mine = fstat(dir_fd, &st) == 0 && fstat(hub->dir_fd, &own) == 0 && st.st_ino == own.st_ino;
	n = snprintf(prefix, sizeof(prefix), "hub.%s.", hub->cfg->hub);
	dir = fdopendir(dir_fd);
	if (!dir) {
		close(dir_fd);
		return;
	}
	while ((ent = readdir(dir))) {
		if (strncmp(ent->d_name, prefix, (size_t)n) == 0 &&
		    !(mine && strcmp(ent->d_name, hub->name) == 0))
			hub_connect(hub, dirfd(dir), ent->d_name);
	}
	closedir(dir);
}

static void hub_join_all(struct hub *hub, int base_fd)
{
	int copy = openat(base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *ent;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((ent = readdir(dir))) {
		if (ent->d_name[0] == '.')
			continue;
		fd = openat(base_fd, ent->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			hub_join_vm(hub, fd);
	}
	closedir(dir);
}

static int hub_listen(struct hub *hub, struct err *err)
{
	struct sockaddr_un addr;
	socklen_t len;

	snprintf(hub->name, sizeof(hub->name), "hub.%s.%s", hub->cfg->hub, hub->port->name);
	len = hub_address(hub->dir_fd, hub->name, &addr);
	hub->listen_fd = hub_socket();
	if (!len || hub->listen_fd < 0 || bind(hub->listen_fd, (struct sockaddr *)&addr, len) < 0 ||
	    listen(hub->listen_fd, HUB_MAX_PEERS) < 0)
		return err_sys(err, errno, "hub %s", hub->cfg->hub);
	return 0;
}

/* One joins at a time, so that each pair of members connects once. */
static int hub_lock(int fd, struct err *err)
{
	struct timespec nap = { .tv_nsec = HUB_NAP_NS };
	int tries;

	for (tries = 0; tries < HUB_LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		nanosleep(&nap, NULL);
	}
	return err_set(err, EBUSY, "hub: somebody holds the lock on the folder of the VMs");
}

static int hub_join(struct hub *hub, struct err *err)
{
	const char *path = hub->cfg->live->run_dir;
	int base_fd, ret;

	hub->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	base_fd = hub->dir_fd >= 0 ? openat(hub->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				   : -1;
	if (base_fd < 0)
		return err_sys(err, errno, "hub %s: %s", hub->cfg->hub, path);
	ret = hub_lock(base_fd, err);
	if (ret == 0)
		ret = hub_listen(hub, err);
	if (ret == 0)
		hub_join_all(hub, base_fd);
	close(base_fd);
	if (ret == 0)
		ret = hub->port->ops->watch(hub->port->ctx, 0, hub->listen_fd, EPOLLIN,
					    hub_on_listen, hub, err);
	if (ret == 0)
		ret = hub->port->ops->watch(hub->port->ctx, 0, hub->timer_fd, EPOLLIN, hub_on_timer,
					    hub, err);
	return ret;
}

static void hub_close(void *state)
{
	struct hub *hub = state;
	int i;

	for (i = 0; i < HUB_MAX_PEERS; i++) {
		if (hub->peer[i].fd >= 0)
			close(hub->peer[i].fd);
	}
	if (hub->dir_fd >= 0) {
		unlinkat(hub->dir_fd, hub->name, 0);
		close(hub->dir_fd);
	}
	if (hub->listen_fd >= 0)
		close(hub->listen_fd);
	if (hub->timer_fd >= 0)
		close(hub->timer_fd);
	free(hub);
}

static int hub_open(const struct net_port *port, const struct net_config *cfg, void **state,
		    struct err *err)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	int i, ret;

	if (!hub)
		return err_sys(err, ENOMEM, "hub");
	hub->port = port;
	hub->cfg = cfg;
	hub->dir_fd = hub->listen_fd = -1;
	for (i = 0; i < HUB_MAX_PEERS; i++)
		hub->peer[i] = (struct hub_peer){ .hub = hub, .fd = -1 };
	for (i = 0; i < HUB_MAX_MACS; i++)
		hub->mac[i].peer = -1;
	hub->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (hub->timer_fd < 0)
		ret = err_sys(err, errno, "hub %s", cfg->hub);
	else
		ret = hub_join(hub, err);
	if (ret < 0)
		hub_close(hub);
	else
		*state = hub;
	return ret;
}

static unsigned int hub_count(const struct hub *hub)
{
	unsigned int i, count = 0;

	for (i = 0; i < HUB_MAX_PEERS; i++)
		count += __atomic_load_n(&hub->peer[i].fd, __ATOMIC_RELAXED) >= 0;
	return count;
}

static void hub_describe(void *state, struct dev_rows *rows)
{
	struct hub *hub = state;

	dev_row(rows, "back-end", "hub: %s, %u other members", hub->cfg->hub, hub_count(hub));
}

static void hub_info(void *state, struct buf *out)
{
	struct hub *hub = state;

	buf_printf(out, ",hub=%s,members=%u", hub->cfg->hub, hub_count(hub) + 1);
}

const struct net_backend_ops net_hub_ops = {
	.kind = "hub",
	.open = hub_open,
	.close = hub_close,
	.send = hub_send,
	.resume = hub_resume,
	.features = hub_features,
	.describe = hub_describe,
	.info = hub_info,
};
