/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of the console device's ports: the console line for port 0, a
 * unix socket with one client at a time for the others. All in the worker.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/virtio/console-priv.h"

/* --- port 0 --- */

static void host_line_woken(void *arg, uint32_t events)
{
	struct vconsole_port *port = arg;
	uint64_t count;

	(void)events;
	if (read(port->fd, &count, sizeof(count)) < 0)
		return;
	vconsole_port_resized(port);
	vconsole_port_readable(port);
}

static int host_line_start(struct vconsole_port *port, struct err *err)
{
	port->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (port->fd < 0)
		return err_sys(err, errno, "console: eventfd");
	vconsole_line_attach(port->line, port->fd);
	return virtio_watch(virtio_worker(port->con->vdev, 0), port->fd, EPOLLIN, host_line_woken,
			    port, err);
}

/* --- the others --- */

static void host_client_event(void *arg, uint32_t events);

static int host_watch(struct vconsole_port *port, uint32_t events)
{
	if (port->watched == events)
		return 0;
	port->watched = events;
	return virtio_watch(virtio_worker(port->con->vdev, 0), port->fd, events, host_client_event,
			    port, NULL);
}

static void host_disconnect(struct vconsole_port *port)
{
	if (port->fd < 0)
		return;
	host_watch(port, 0);
	close(port->fd);
	port->fd = -1;
	vconsole_port_connected(port);
}

static void host_client_event(void *arg, uint32_t events)
{
	struct vconsole_port *port = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		vconsole_port_readable(port);
	if (port->fd >= 0 && events & EPOLLOUT)
		vconsole_port_writable(port);
}

/* Our own user, or root. */
static bool host_peer_ok(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

/* A client whose bytes nobody reads is not watched: has it left? */
static bool host_hung(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR);
}

static void host_accept(void *arg, uint32_t events)
{
	struct vconsole_port *port = arg;
	int fd = accept4(port->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (port->fd >= 0 && host_hung(port->fd))
		host_disconnect(port);
	if (port->fd >= 0 || !host_peer_ok(fd)) {
		close(fd);
		return;
	}
	port->fd = fd;
	port->watched = 0;
	host_watch(port, EPOLLIN);
	vconsole_port_connected(port);
	vconsole_port_writable(port);
}

/* A socket that nobody listens on is left from a process that died. */
static bool host_is_dead(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return dead;
}

static int host_listen(const char *path, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, ENAMETOOLONG, "%s: too long for a socket", path);
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	fchmod(fd, 0600); /* before bind(): the file gets this mode */
	ret = bind(fd, (const struct sockaddr *)&sa, sizeof(sa));
	if (ret && errno == EADDRINUSE && host_is_dead(&sa) && unlink(path) == 0)
		ret = bind(fd, (const struct sockaddr *)&sa, sizeof(sa));
	if (ret == 0 && listen(fd, 4) == 0)
		return fd;
	ret = err_sys(err, errno, "%s", path);
	close(fd);
	return ret;
}

static int host_socket_start(struct vconsole_port *port, struct err *err)
{
	port->listen_fd = host_listen(port->path, err);
	if (port->listen_fd < 0)
		return port->listen_fd;
	return virtio_watch(virtio_worker(port->con->vdev, 0), port->listen_fd, EPOLLIN,
			    host_accept, port, err);
}

/* --- what the device asks --- */

int vconsole_host_start(struct vconsole_port *port, struct err *err)
{
	return port->line ? host_line_start(port, err) : host_socket_start(port, err);
}

/* The worker has ended. */
void vconsole_host_stop(struct vconsole_port *port)
{
	if (port->line)
		vconsole_line_attach(port->line, -1);
	if (port->fd >= 0)
		close(port->fd);
	if (port->listen_fd >= 0) {
		close(port->listen_fd);
		unlink(port->path);
	}
	port->fd = port->listen_fd = -1;
}

bool vconsole_host_connected(const struct vconsole_port *port)
{
	return port->line || port->fd >= 0;
}

/* Nobody there: what the guest says is lost, as on an open line. */
size_t vconsole_host_write(struct vconsole_port *port, const uint8_t *data, size_t len)
{
	const struct dev_env *env = port->con->env;
	ssize_t n;

	if (port->line) {
		env->serial_out(env->ctx, VCONSOLE_SERIAL_INDEX, data, len);
		return len;
	}
	if (port->fd < 0)
		return len;
	n = send(port->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	host_disconnect(port);
	return len;
}

size_t vconsole_host_read(struct vconsole_port *port, uint8_t *data, size_t len)
{
	ssize_t n;

	if (port->line)
		return vconsole_line_take(port->line, data, len);
	if (port->fd < 0)
		return 0;
	n = recv(port->fd, data, len, MSG_DONTWAIT);
	if (n > 0)
		return (size_t)n;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		host_disconnect(port);
	return 0;
}

void vconsole_host_want(struct vconsole_port *port, bool read, bool write)
{
	if (!port->line && port->fd >= 0)
		host_watch(port, (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0));
}
