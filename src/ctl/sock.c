/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix stream sockets: see sock.h. */
#include "ctl/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"

#define SOCK_BACKLOG 16
#define SOCK_POLL_MS 60000

static int sock_address(const char *path, struct sockaddr_un *sa, struct err *err)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(err, ENAMETOOLONG, "%s: too long for a socket's path", path);
	strcpy(sa->sun_path, path);
	return 0;
}

static int sock_new(struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 ? fd : err_sys(err, errno, "socket");
}

/* True where PATH is a socket that nobody listens to. */
static bool sock_is_dead(const struct sockaddr_un *sa)
{
	struct stat st;
	bool dead;
	int fd;

	if (lstat(sa->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = sock_new(NULL);
	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return dead;
}

int sock_listen(const char *path, struct err *err)
{
	struct sockaddr_un sa;
	int fd, ret;

	ret = sock_address(path, &sa, err);
	if (ret < 0)
		return ret;
	fd = sock_new(err);
	if (fd < 0)
		return fd;
	/* Before bind(): Linux gives the file this mode, so there is no moment of more. */
	fchmod(fd, 0600);
	ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (ret != 0 && errno == EADDRINUSE && sock_is_dead(&sa) && unlink(path) == 0)
		ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (ret == 0)
		ret = listen(fd, SOCK_BACKLOG);
	if (ret == 0)
		return fd;
	ret = err_sys(err, errno, "%s", path);
	close(fd);
	return ret;
}

int sock_accept(int listen_fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	    (cred.uid == geteuid() || cred.uid == 0))
		return fd;
	close(fd);
	return -EPERM;
}

int sock_wait(int fd, short events, unsigned long long deadline_ns)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	uint64_t now, left_ms;
	int ret;

	do {
		now = time_now_ns();
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		left_ms = (deadline_ns - now) / 1000000 + 1;
		ret = poll(&pfd, 1, left_ms < SOCK_POLL_MS ? (int)left_ms : SOCK_POLL_MS);
	} while (ret == 0 || (ret < 0 && errno == EINTR));
	return ret < 0 ? -errno : 0;
}

int sock_connect(const char *path, int timeout_ms, struct err *err)
{
	unsigned long long deadline = time_now_ns() + (unsigned long long)timeout_ms * 1000000;
	struct sockaddr_un sa;
	int fd, ret;

	ret = sock_address(path, &sa, err);
	if (ret < 0)
		return ret;
	fd = sock_new(err);
	if (fd < 0)
		return fd;
	/* EAGAIN: the backlog is full, and poll() does not tell when it no longer is. */
	while ((ret = connect(fd, (struct sockaddr *)&sa, sizeof(sa))) != 0 &&
	       (errno == EAGAIN || errno == EINTR) && time_now_ns() < deadline)
		poll(NULL, 0, 10);
	if (ret == 0)
		return fd;
	ret = err_sys(err, errno == EAGAIN ? ETIMEDOUT : errno, "%s", path);
	close(fd);
	return ret;
}

ssize_t sock_send_fds(int fd, const void *data, size_t len, const int *fds, unsigned int nr)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int) * SOCK_MAX_FDS)];
	} ctl = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nr > SOCK_MAX_FDS)
		return -E2BIG;
	if (nr) {
		msg.msg_control = ctl.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nr);
		ctl.hdr.cmsg_level = SOL_SOCKET;
		ctl.hdr.cmsg_type = SCM_RIGHTS;
		ctl.hdr.cmsg_len = CMSG_LEN(sizeof(int) * nr);
		memcpy(CMSG_DATA(&ctl.hdr), fds, sizeof(int) * nr);
	}
	n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* Keep as many of the message's descriptors as are wanted, close the others. */
static void sock_take_fds(struct msghdr *msg, int *fds, unsigned int max, unsigned int *nr)
{
	struct cmsghdr *hdr;
	size_t bytes, i;
	int got;

	for (hdr = CMSG_FIRSTHDR(msg); hdr; hdr = CMSG_NXTHDR(msg, hdr)) {
		if (hdr->cmsg_level != SOL_SOCKET || hdr->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = hdr->cmsg_len - CMSG_LEN(0);
		for (i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
			memcpy(&got, CMSG_DATA(hdr) + i, sizeof(int));
			if (*nr < max)
				fds[(*nr)++] = got;
			else
				close(got);
		}
	}
}

ssize_t sock_recv_fds(int fd, void *data, size_t len, int *fds, unsigned int *nr)
{
	union {
		struct cmsghdr hdr;
		char space[CMSG_SPACE(sizeof(int) * SOCK_MAX_FDS)];
	} ctl;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.space,
			      .msg_controllen = sizeof(ctl.space) };
	unsigned int max = *nr;
	ssize_t n;

	*nr = 0;
	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	sock_take_fds(&msg, fds, max, nr);
	return n;
}
