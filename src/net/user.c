/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user back-end: libslirp stands in for a network with a gateway (10.0.2.2), a name server
 * (10.0.2.3) and DHCP, made of ordinary sockets of this process. It runs in the worker of the
 * device's queues: what the guest sends is with the host's kernel before the worker returns.
 *
 * The library is loaded when it is first wanted, for the sake of every start that does not.
 * It cuts TCP to what the guest's MSS says; large segments are had by raising that in passing,
 * where the guest can receive them, and by telling the guest how many packets each stands for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/net.h"

#ifdef HAVE_SLIRP
#include <dlfcn.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <slirp/libslirp.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/time.h"
#include "net/offload.h"

#define USER_LIBRARY	 "libslirp.so.0"
#define USER_MTU	 65521 /* the library's limit */
#define USER_MSS	 32120 /* two segments in a window of 64 KiB; a multiple of 1460 */
#define USER_MAX_SOCKETS 512   /* more connections of the guest are not made */
#define USER_MAX_FD	 4096
#define USER_MAX_TIMERS	 4
#define USER_PENDING	 (512u << 10) /* bytes for a guest that has no room */

/* clang-format off */
#define USER_CALLS(X) \
	X(new) X(cleanup) X(input) X(pollfds_fill) X(pollfds_poll) \
	X(add_hostxfwd) X(remove_hostxfwd) X(version_string)
/* clang-format on */

struct user_lib {
	void *handle;
#define USER_MEMBER(name) __typeof__(slirp_##name) *name;
	USER_CALLS(USER_MEMBER)
};

struct user_timer {
	SlirpTimerCb fn;
	void *arg;
	int64_t when_ms; /* INT64_MAX: not armed */
	bool used;
};

struct user_poll {
	int fd;
	uint32_t events, revents;
};

/* What waits for room, one behind the other. */
struct user_pending {
	struct net_hdr hdr;
	uint32_t len;
};

struct user {
	const struct net_port *port;
	const struct net_config *cfg;
	struct user_lib lib;
	Slirp *slirp;
	uint16_t mtu;
	int epoll_fd, timer_fd;
	uint64_t alarm_ns; /* the timer descriptor is set to; 0: it is not */
	struct user_timer timer[USER_MAX_TIMERS];
	struct user_poll poll[USER_MAX_SOCKETS * 2];
	int nr_poll, nr_old;
	int old_fd[USER_MAX_SOCKETS * 2]; /* what was polled before */
	uint32_t registered[USER_MAX_FD]; /* events in the epoll set, 0: none */
	int index_of[USER_MAX_FD];	  /* place in poll[], -1: none */
	bool paused;			  /* the sockets wait until the guest has room */
	size_t head, tail;		  /* of pending[] */
	uint8_t pending[USER_PENDING];
	uint8_t out[NET_FRAME_MAX], in[NET_FRAME_MAX];
};

/* The library has variables that all its networks share. Before net_device.lock. */
static pthread_mutex_t user_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- frames for the guest --- */

static void user_keep(struct user *u, const struct net_hdr *hdr, const uint8_t *frame, size_t len)
{
	struct user_pending head = { .hdr = *hdr, .len = (uint32_t)len };

	if (u->tail + sizeof(head) + len > sizeof(u->pending))
		return; /* lost, as on a wire; TCP comes back to it */
	memcpy(u->pending + u->tail, &head, sizeof(head));
	memcpy(u->pending + u->tail + sizeof(head), frame, len);
	u->tail += sizeof(head) + len;
}

static void user_deliver(struct user *u, const struct net_hdr *hdr, const uint8_t *frame,
			 size_t len)
{
	if (u->tail || !u->port->ops->receive(u->port->ctx, 0, hdr, frame, len))
		user_keep(u, hdr, frame, len);
}

/* The library's frames. It never hears of a guest without room: it would only drop them. */
static ssize_t user_output(const void *buf, size_t len, void *opaque)
{
	struct net_hdr hdr = { 0 };
	struct user *u = opaque;

	if (len > NET_FRAME_MAX)
		return (ssize_t)len;
	if (len <= (size_t)u->mtu + NET_FRAME_MIN) {
		user_deliver(u, &hdr, buf, len);
		return (ssize_t)len;
	}
	memcpy(u->in, buf, len);
	if (!offload_coalesced(&hdr, u->in, len, u->mtu))
		memset(&hdr, 0, sizeof(hdr));
	user_deliver(u, &hdr, u->in, len);
	return (ssize_t)len;
}

/* --- the library's other wishes --- */

static void user_guest_error(const char *msg, void *opaque)
{
	struct user *u = opaque;

	log_guest("%s: user network: %s", u->port->name, msg);
}

static int64_t user_clock(void *opaque)
{
	(void)opaque;
	return (int64_t)time_now_ns();
}

static void *user_timer_new(SlirpTimerCb fn, void *arg, void *opaque)
{
	struct user *u = opaque;
	int i;

	for (i = 0; i < USER_MAX_TIMERS; i++) {
		if (u->timer[i].used)
			continue;
		u->timer[i] = (struct user_timer){
			.fn = fn, .arg = arg, .when_ms = INT64_MAX, .used = true
		};
		return &u->timer[i];
	}
	return NULL;
}

static void user_timer_free(void *timer, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct user_timer *)timer)->used = false;
}

static void user_timer_mod(void *timer, int64_t when_ms, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct user_timer *)timer)->when_ms = when_ms;
}

static void user_forget_fd(int fd, void *opaque)
{
	struct user *u = opaque;

	if (fd < 0 || fd >= USER_MAX_FD || !u->registered[fd])
		return;
	epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	u->registered[fd] = 0;
}

static void user_notify(void *opaque)
{
	(void)opaque;
}

static const SlirpCb user_callbacks = {
	.send_packet = user_output,
	.guest_error = user_guest_error,
	.clock_get_ns = user_clock,
	.timer_new = user_timer_new,
	.timer_free = user_timer_free,
	.timer_mod = user_timer_mod,
	.register_poll_fd = user_forget_fd, /* a new socket under a number seen before */
	.unregister_poll_fd = user_forget_fd,
	.notify = user_notify,
};

/* --- waiting --- */

static int user_add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	struct user_poll *poll;

	if (fd < 0 || fd >= USER_MAX_FD || u->nr_poll == USER_MAX_SOCKETS * 2)
		return -1;
	poll = &u->poll[u->nr_poll];
	*poll = (struct user_poll){ .fd = fd };
	if (events & SLIRP_POLL_IN)
		poll->events |= EPOLLIN;
	if (events & SLIRP_POLL_OUT)
		poll->events |= EPOLLOUT;
	if (events & SLIRP_POLL_PRI)
		poll->events |= EPOLLPRI;
	u->index_of[fd] = u->nr_poll;
	return u->nr_poll++;
}

static int user_revents(int index, void *opaque)
{
	struct user *u = opaque;
	uint32_t got;
	int events = 0;

	if (index < 0 || index >= u->nr_poll)
		return 0;
	got = u->poll[index].revents;
	if (got & EPOLLIN)
		events |= SLIRP_POLL_IN;
	if (got & EPOLLOUT)
		events |= SLIRP_POLL_OUT;
	if (got & EPOLLPRI)
		events |= SLIRP_POLL_PRI;
	if (got & EPOLLERR)
		events |= SLIRP_POLL_ERR;
	if (got & EPOLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

static void user_register(struct user *u, const struct user_poll *poll)
{
	struct epoll_event ev = { .events = poll->events, .data.fd = poll->fd };
	uint32_t *was = &u->registered[poll->fd];

	if (*was == poll->events)
		return;
	if (!*was || (epoll_ctl(u->epoll_fd, EPOLL_CTL_MOD, poll->fd, &ev) < 0 && errno == ENOENT))
		epoll_ctl(u->epoll_fd, EPOLL_CTL_ADD, poll->fd, &ev);
	*was = poll->events;
}

/* The epoll set becomes what the library wants to hear of now. */
static void user_sync(struct user *u)
{
	int i, fd;

	for (i = 0; i < u->nr_old; i++) {
		fd = u->old_fd[i];
		if (u->index_of[fd] < 0)
			user_forget_fd(fd, u);
	}
	for (i = 0; i < u->nr_poll; i++) {
		user_register(u, &u->poll[i]);
		u->old_fd[i] = u->poll[i].fd;
	}
	u->nr_old = u->nr_poll;
}

static void user_set_alarm(struct user *u, uint32_t timeout_ms)
{
	uint64_t now = time_now_ns(), when = now + timeout_ms * 1000000ull;
	struct itimerspec spec = { 0 };
	int i;

	for (i = 0; i < USER_MAX_TIMERS; i++) {
		if (u->timer[i].used && u->timer[i].when_ms < INT64_MAX &&
		    (uint64_t)u->timer[i].when_ms * 1000000ull < when)
			when = (uint64_t)u->timer[i].when_ms * 1000000ull;
	}
	/* An alarm that comes too early does no harm, and setting it takes time. */
	if (u->alarm_ns > now && u->alarm_ns <= when)
		return;
	u->alarm_ns = when > now ? when : now + 1;
	spec.it_value.tv_sec = (time_t)(u->alarm_ns / 1000000000);
	spec.it_value.tv_nsec = (long)(u->alarm_ns % 1000000000);
	timerfd_settime(u->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* After everything the library did: learn what it waits for next. */
static void user_arm_locked(struct user *u)
{
	uint32_t timeout = 1000000;
	int i;

	for (i = 0; i < u->nr_old; i++)
		u->index_of[u->old_fd[i]] = -1;
	u->nr_poll = 0;
	u->lib.pollfds_fill(u->slirp, &timeout, user_add_poll, u);
	user_sync(u);
	user_set_alarm(u, timeout);
}

static void user_on_sockets(void *arg, uint32_t events);

/* Stop reading the sockets while the guest has no room for what came: their senders will wait. */
static void user_pause(struct user *u, bool on)
{
	if (u->paused == on)
		return;
	u->paused = on;
	u->port->ops->watch(u->port->ctx, 0, u->epoll_fd, on ? 0 : EPOLLIN, user_on_sockets, u,
			    NULL);
}

/* The library has run: what it made is with the guest, or waits. */
static void user_done(struct user *u)
{
	user_pause(u, u->tail != 0);
	u->port->ops->received(u->port->ctx, 0);
}

static void user_poll_locked(struct user *u, const struct epoll_event *ev, int nr)
{
	int i;

	for (i = 0; i < u->nr_poll; i++)
		u->poll[i].revents = 0;
	for (i = 0; i < nr; i++) {
		if (u->index_of[ev[i].data.fd] >= 0)
			u->poll[u->index_of[ev[i].data.fd]].revents = ev[i].events;
	}
	u->lib.pollfds_poll(u->slirp, 0, user_revents, u);
	user_arm_locked(u);
}

static void user_on_sockets(void *arg, uint32_t events)
{
	struct epoll_event ev[64];
	struct user *u = arg;
	int nr;

	(void)events;
	pthread_mutex_lock(&user_lock);
	nr = epoll_wait(u->epoll_fd, ev, 64, 0);
	if (nr > 0)
		user_poll_locked(u, ev, nr);
	pthread_mutex_unlock(&user_lock);
	user_done(u);
}

static void user_run_timers(struct user *u)
{
	int64_t now = (int64_t)(time_now_ns() / 1000000);
	struct user_timer *timer;
	int i;

	for (i = 0; i < USER_MAX_TIMERS; i++) {
		timer = &u->timer[i];
		if (!timer->used || timer->when_ms > now)
			continue;
		timer->when_ms = INT64_MAX;
		timer->fn(timer->arg);
	}
}

static void user_on_alarm(void *arg, uint32_t events)
{
	struct user *u = arg;
	uint64_t times;
	ssize_t n;

	(void)events;
	n = read(u->timer_fd, &times, sizeof(times));
	(void)n;
	u->alarm_ns = 0;
	pthread_mutex_lock(&user_lock);
	user_run_timers(u);
	user_poll_locked(u, NULL, 0);
	pthread_mutex_unlock(&user_lock);
	user_done(u);
}

/* --- from the guest --- */

/* Each connection costs a socket: a guest gets so many and no more. */
static bool user_is_full(const struct user *u, const uint8_t *frame, size_t len)
{
	struct offload_layout at;

	if (u->nr_poll < USER_MAX_SOCKETS || offload_layout(frame, len, &at) < 0)
		return false;
	return at.proto != IPPROTO_TCP || (frame[at.transport + 13] & 0x12) == 0x02;
}

static int user_send(void *state, unsigned int pair, const struct net_hdr *from,
		     const struct iovec *iov, unsigned int nr, size_t len)
{
	struct net_hdr hdr = *from;
	struct user *u = state;

	(void)pair;
	len = net_gather(iov, nr, 0, u->out, len < NET_FRAME_MAX ? len : NET_FRAME_MAX);
	if (offload_check(&hdr, u->out, len, len) < 0)
		return -EINVAL;
	if (hdr.flags & NET_HDR_NEEDS_CSUM)
		offload_checksum(&hdr, u->out, len);
	if (u->port->ops->guest(u->port->ctx) & NET_F(GUEST_TSO4))
		offload_set_mss(u->out, len, USER_MSS);
	if (user_is_full(u, u->out, len))
		return -ENOSPC;
	pthread_mutex_lock(&user_lock);
	u->lib.input(u->slirp, u->out, (int)len);
	pthread_mutex_unlock(&user_lock);
	return 0;
}

static void user_flush(void *state, unsigned int pair)
{
	struct user *u = state;

	(void)pair;
	pthread_mutex_lock(&user_lock);
	user_arm_locked(u);
	pthread_mutex_unlock(&user_lock);
	user_done(u);
}

static void user_resume(void *state, unsigned int pair)
{
	struct user *u = state;
	struct user_pending head;

	while (u->head < u->tail) {
		memcpy(&head, u->pending + u->head, sizeof(head));
		if (!u->port->ops->receive(u->port->ctx, pair, &head.hdr,
					   u->pending + u->head + sizeof(head), head.len))
			break;
		u->head += sizeof(head) + head.len;
	}
	if (u->head == u->tail) {
		u->head = u->tail = 0;
		user_pause(u, false);
	}
	u->port->ops->received(u->port->ctx, pair);
}

/* Bits it makes use of: it makes large TCP segments of either kind. */
static uint64_t user_features(void *state)
{
	(void)state;
	return NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_UFO);
}

/* --- forwarded ports --- */

static socklen_t user_sockaddr(const char *addr, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	inet_pton(AF_INET, addr, &in->sin_addr);
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	return sizeof(*in);
}

static int user_forward(void *state, const struct net_forward *fwd, bool add, struct err *err)
{
	struct sockaddr_storage host, guest;
	socklen_t host_len, guest_len;
	struct user *u = state;
	int ret, code, flags = fwd->udp ? SLIRP_HOSTFWD_UDP : 0;

	host_len = user_sockaddr(fwd->host, fwd->host_port, &host);
	pthread_mutex_lock(&user_lock);
	errno = 0;
	if (add) {
		guest_len = user_sockaddr(fwd->guest, fwd->guest_port, &guest);
		ret = u->lib.add_hostxfwd(u->slirp, (struct sockaddr *)&host, host_len,
					  (struct sockaddr *)&guest, guest_len, flags);
	} else {
		ret = u->lib.remove_hostxfwd(u->slirp, (struct sockaddr *)&host, host_len, flags);
	}
	code = errno ? errno : add ? EINVAL : ENOENT;
	user_arm_locked(u);
	pthread_mutex_unlock(&user_lock);
	if (ret < 0)
		return err_sys(err, code, "hostfwd=%s:%s:%u", fwd->udp ? "udp" : "tcp", fwd->host,
			       fwd->host_port);
	return 0;
}

/* --- life --- */

static int user_load(struct user_lib *lib, struct err *err)
{
	lib->handle = dlopen(USER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return err_set(err, ENOENT,
			       "user network: %s is missing: apt-get install libslirp0",
			       USER_LIBRARY);
#define USER_FIND(name)                                                                     \
	*(void **)&lib->name = dlsym(lib->handle, "slirp_" #name);                          \
	if (!lib->name)                                                                     \
		return err_set(err, ENOSYS, "user network: %s is too old: no slirp_" #name, \
			       USER_LIBRARY);
	USER_CALLS(USER_FIND)
	return 0;
}

static void user_close(void *state)
{
	struct user *u = state;

	pthread_mutex_lock(&user_lock);
	if (u->slirp)
		u->lib.cleanup(u->slirp);
	pthread_mutex_unlock(&user_lock);
	/* The library stays: what it brings with it does not like to be unloaded. */
	if (u->epoll_fd >= 0)
		close(u->epoll_fd);
	if (u->timer_fd >= 0)
		close(u->timer_fd);
	free(u);
}

static void user_make_slirp(struct user *u)
{
	SlirpConfig cfg = {
		.version = 1,
		.restricted = u->cfg->restricted,
		.in_enabled = true,
		.in6_enabled = true,
		.vprefix_len = 64,
		.vhostname = u->cfg->live->vm_name[0] ? u->cfg->live->vm_name : NULL,
		.if_mtu = USER_MTU,
		.if_mru = USER_MTU,
	};

	inet_pton(AF_INET, "10.0.2.0", &cfg.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &cfg.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &cfg.vhost);
	inet_pton(AF_INET, "10.0.2.15", &cfg.vdhcp_start);
	inet_pton(AF_INET, "10.0.2.3", &cfg.vnameserver);
	inet_pton(AF_INET6, "fec0::", &cfg.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &cfg.vhost6);
	inet_pton(AF_INET6, "fec0::3", &cfg.vnameserver6);
	pthread_mutex_lock(&user_lock);
	u->slirp = u->lib.new(&cfg, &user_callbacks, u);
	pthread_mutex_unlock(&user_lock);
}

static int user_start(struct user *u, struct err *err)
{
	unsigned int i;
	int ret;

	ret = user_load(&u->lib, err);
	if (ret < 0)
		return ret;
	u->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	u->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (u->epoll_fd < 0 || u->timer_fd < 0)
		return err_sys(err, errno, "user network");
	user_make_slirp(u);
	if (!u->slirp)
		return err_set(err, ENOMEM, "user network: libslirp does not start");
	for (i = 0; i < u->cfg->nr_forwards; i++) {
		ret = user_forward(u, &u->cfg->forward[i], true, err);
		if (ret < 0)
			return ret;
	}
	pthread_mutex_lock(&user_lock);
	user_arm_locked(u);
	pthread_mutex_unlock(&user_lock);
	ret = u->port->ops->watch(u->port->ctx, 0, u->epoll_fd, EPOLLIN, user_on_sockets, u, err);
	if (ret < 0)
		return ret;
	return u->port->ops->watch(u->port->ctx, 0, u->timer_fd, EPOLLIN, user_on_alarm, u, err);
}

static int user_open(const struct net_port *port, const struct net_config *cfg, void **state,
		     struct err *err)
{
	struct user *u = calloc(1, sizeof(*u));
	int ret;

	if (!u)
		return err_sys(err, ENOMEM, "user network");
	u->port = port;
	u->cfg = cfg;
	u->mtu = cfg->mtu ? cfg->mtu : NET_MTU_DEFAULT;
	u->epoll_fd = u->timer_fd = -1;
	memset(u->index_of, 0xff, sizeof(u->index_of));
	ret = user_start(u, err);
	if (ret < 0)
		user_close(u);
	else
		*state = u;
	return ret;
}

static void user_describe(void *state, struct dev_rows *rows)
{
	struct user *u = state;

	dev_row(rows, "back-end", "user: 10.0.2.0/24 and fec0::/64%s, libslirp %s",
		u->cfg->restricted ? ", restricted" : "", u->lib.version_string());
}

static void user_info(void *state, struct buf *out)
{
	struct user *u = state;

	buf_printf(out, ",net=10.0.2.0,restrict=%s", u->cfg->restricted ? "on" : "off");
}

const struct net_backend_ops net_user_ops = {
	.kind = "user",
	.open = user_open,
	.close = user_close,
	.send = user_send,
	.flush = user_flush,
	.resume = user_resume,
	.features = user_features,
	.describe = user_describe,
	.info = user_info,
	.forward = user_forward,
};

#else

static int user_open(const struct net_port *port, const struct net_config *cfg, void **state,
		     struct err *err)
{
	(void)port;
	(void)cfg;
	(void)state;
	return err_set(err, ENOSYS, "user network: built without libslirp-dev");
}

const struct net_backend_ops net_user_ops = { .kind = "user", .open = user_open };

#endif
