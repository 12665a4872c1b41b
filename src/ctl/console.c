/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serial console of a VM process: see console.h.
 *
 * The hook runs in a vCPU's thread: it puts bytes in the ring and pokes an
 * eventfd, nothing else. The main loop sends and records from the ring; each
 * reader is a position in the endless stream whose last MiB the ring holds.
 */
#include "ctl/console.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/sock.h"

#define CONSOLE_RING	    (1u << 20)
#define CONSOLE_LOG_MAX	    (16u << 20)
#define CONSOLE_MAX_CLIENTS 16
#define CONSOLE_PENDING_MAX 65536
#define CONSOLE_CHUNK	    65536
#define CONSOLE_RETRY_MS    5
#define CONSOLE_GATHER_MS   2
#define CONSOLE_SWEEP_S	    1

struct console_client {
	struct console *con;
	struct console_client *next;
	int fd;
	struct event *read_event, *write_event;
	uint64_t pos; /* next byte of the stream to send */
	bool listens; /* it has ended its input */
};

struct console_listener {
	int fd;
	struct event *event;
	char path[128]; /* removed at the end */
};

struct console {
	struct vm *vm;
	struct console_listener listener[2];
	unsigned int nr_listeners;
	int wake_fd, log_fd;
	struct event *wake_event, *gather_timer, *input_timer, *sweep_timer;
	struct console_client *clients;
	unsigned int nr_clients;
	struct buf input; /* typed, but the guest's UART had no room yet */
	uint64_t log_pos;

	pthread_mutex_t lock; /* guards the three below */
	uint8_t *ring;	      /* CONSOLE_RING bytes */
	uint64_t total;	      /* bytes ever said */
	bool woken;	      /* the main loop has been poked and not looked yet */
};

/* Any thread. */
static void console_on_serial(void *ctx, unsigned int index, const uint8_t *data, size_t len)
{
	struct console *con = ctx;
	uint64_t one = 1;
	size_t at, part;
	bool wake;

	if (index == 1 || index == 2) /* COM1 and hvc0 are one console, whichever the guest uses */
		return;
	pthread_mutex_lock(&con->lock);
	while (len) {
		at = con->total % CONSOLE_RING;
		part = CONSOLE_RING - at < len ? CONSOLE_RING - at : len;
		memcpy(con->ring + at, data, part);
		con->total += part;
		data += part;
		len -= part;
	}
	wake = !con->woken;
	con->woken = true;
	pthread_mutex_unlock(&con->lock);
	if (wake && write(con->wake_fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable already */
}

/* Copy from *POS on what the ring still has, at most LEN; *POS moves past what was lost. */
static size_t console_fetch(struct console *con, uint64_t *pos, uint8_t *out, size_t len)
{
	size_t at, part;

	pthread_mutex_lock(&con->lock);
	if (con->total - *pos > CONSOLE_RING)
		*pos = con->total - CONSOLE_RING;
	if (con->total - *pos < len)
		len = (size_t)(con->total - *pos);
	at = *pos % CONSOLE_RING;
	part = CONSOLE_RING - at < len ? CONSOLE_RING - at : len;
	memcpy(out, con->ring + at, part);
	memcpy(out + part, con->ring, len - part);
	pthread_mutex_unlock(&con->lock);
	return len;
}

void console_tail(struct console *con, size_t len, struct buf *out)
{
	uint8_t data[4096];
	uint64_t pos;
	size_t n;

	pthread_mutex_lock(&con->lock);
	pos = con->total > len ? con->total - len : 0;
	pthread_mutex_unlock(&con->lock);
	while ((n = console_fetch(con, &pos, data, sizeof(data)))) {
		buf_add(out, data, n);
		pos += n;
	}
}

/* --- the recording --- */

static void console_log_end(struct console *con, const char *why)
{
	log_line("serial log: %s; recording ends here", why);
	close(con->log_fd);
	con->log_fd = -1;
}

static void console_log(struct console *con, uint8_t *data)
{
	ssize_t wrote;
	size_t n;

	while (con->log_fd >= 0 && (n = console_fetch(con, &con->log_pos, data, CONSOLE_CHUNK))) {
		if (con->log_pos + n > CONSOLE_LOG_MAX) {
			console_log_end(con, "16 MiB are full");
			return;
		}
		wrote = write(con->log_fd, data, n);
		if (wrote <= 0) {
			console_log_end(con, strerror(wrote ? errno : ENOSPC));
			return;
		}
		con->log_pos += (uint64_t)wrote;
	}
}

/* --- clients --- */

static void console_client_free(struct console_client *cli)
{
	struct console_client **at = &cli->con->clients;

	while (*at && *at != cli)
		at = &(*at)->next;
	if (*at) {
		*at = cli->next;
		cli->con->nr_clients--;
	}
	if (cli->read_event)
		event_free(cli->read_event);
	if (cli->write_event)
		event_free(cli->write_event);
	close(cli->fd);
	free(cli);
}

/* Send what the socket takes; false where the client is gone. */
static bool console_client_send(struct console_client *cli, uint8_t *data)
{
	ssize_t n;
	size_t len;

	while ((len = console_fetch(cli->con, &cli->pos, data, CONSOLE_CHUNK))) {
		n = send(cli->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			event_add(cli->write_event, NULL);
			return true;
		}
		if (n < 0)
			return false;
		cli->pos += (uint64_t)n;
	}
	return true;
}

static void console_client_drain(struct console_client *cli);

static void console_pump(struct console *con)
{
	static uint8_t data[CONSOLE_CHUNK]; /* main loop's thread only */
	struct console_client *cli, *next;

	console_log(con, data);
	for (cli = con->clients; cli; cli = next) {
		next = cli->next;
		if (!console_client_send(cli, data)) {
			console_client_drain(cli);
			console_client_free(cli);
		}
	}
}

/* The first byte of a burst: let the others come, so that a line costs one write, not eighty. */
static void console_on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct timeval soon = { .tv_usec = CONSOLE_GATHER_MS * 1000 };
	struct console *con = arg;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	(void)what;
	event_add(con->gather_timer, &soon);
}

static void console_on_gathered(evutil_socket_t fd, short what, void *arg)
{
	struct console *con = arg;

	(void)fd;
	(void)what;
	pthread_mutex_lock(&con->lock);
	con->woken = false;
	pthread_mutex_unlock(&con->lock);
	console_pump(con);
}

static void console_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct console_client *cli = arg;

	(void)fd;
	(void)what;
	console_pump(cli->con);
}

/* --- input --- */

static void console_push_input(struct console *con)
{
	struct timeval later = { .tv_usec = CONSOLE_RETRY_MS * 1000 };
	size_t taken;

	if (!con->input.len)
		return;
	taken = vm_serial_input(con->vm, vm_console_index(con->vm),
				(const uint8_t *)con->input.data, con->input.len);
	buf_drop(&con->input, taken);
	if (con->input.len)
		event_add(con->input_timer, &later);
}

size_t console_room(const struct console *con)
{
	return CONSOLE_PENDING_MAX - con->input.len;
}

void console_resize(struct console *con, uint16_t cols, uint16_t rows)
{
	vm_console_resize(con->vm, cols, rows);
}

size_t console_input(struct console *con, const uint8_t *data, size_t len)
{
	size_t room = console_room(con);

	if (len > room)
		len = room;
	buf_add(&con->input, data, len);
	console_push_input(con);
	return len;
}

static void console_on_input_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	console_push_input(arg);
}

/* What one had typed that was gone before we looked, as `socat -u` is. */
static void console_client_drain(struct console_client *cli)
{
	uint8_t data[4096];
	ssize_t n;

	while (console_room(cli->con) && (n = read(cli->fd, data, sizeof(data))) > 0)
		console_input(cli->con, data, (size_t)n);
}

static bool console_client_hung(const struct console_client *cli)
{
	struct pollfd pfd = { .fd = cli->fd };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR);
}

/* What does not fit is dropped, as a serial line without flow control does. */
static void console_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct timeval soon = { .tv_sec = CONSOLE_SWEEP_S };
	struct console_client *cli = arg;
	uint8_t data[4096];
	ssize_t n;

	(void)what;
	n = read(fd, data, sizeof(data));
	if (n > 0) {
		console_input(cli->con, data, (size_t)n);
	} else if (n == 0 && !console_client_hung(cli)) {
		cli->listens = true;
		event_del(cli->read_event);
		event_add(cli->con->sweep_timer, &soon);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		console_client_free(cli);
	}
}

/* `echo WORDS | socat` ends its input and listens on; no event tells when it has left. */
static void console_on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct timeval soon = { .tv_sec = CONSOLE_SWEEP_S };
	struct console *con = arg;
	struct console_client *cli, *next;

	(void)fd;
	(void)what;
	for (cli = con->clients; cli; cli = next) {
		next = cli->next;
		if (!cli->listens)
			continue;
		if (console_client_hung(cli))
			console_client_free(cli);
		else
			event_add(con->sweep_timer, &soon);
	}
}

static void console_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct console *con = arg;
	struct event_base *base = vm_event_base(con->vm);
	struct console_client *cli;
	int sock;

	(void)what;
	sock = sock_accept(fd);
	if (sock < 0)
		return;
	cli = con->nr_clients < CONSOLE_MAX_CLIENTS ? calloc(1, sizeof(*cli)) : NULL;
	if (!cli) {
		close(sock);
		return;
	}
	cli->con = con;
	cli->fd = sock;
	cli->next = con->clients;
	con->clients = cli;
	con->nr_clients++;
	cli->read_event = event_new(base, sock, EV_READ | EV_PERSIST, console_on_read, cli);
	cli->write_event = event_new(base, sock, EV_WRITE, console_on_writable, cli);
	if (!cli->read_event || !cli->write_event) {
		console_client_free(cli);
		return;
	}
	event_add(cli->read_event, NULL);
	console_pump(con);
}

int console_listen(struct console *con, const char *path, struct err *err)
{
	struct console_listener *lis = &con->listener[con->nr_listeners];

	if (con->nr_listeners == sizeof(con->listener) / sizeof(con->listener[0]))
		return err_set(err, ENOSPC, "%s: too many console sockets", path);
	lis->fd = sock_listen(path, err);
	if (lis->fd < 0)
		return lis->fd;
	snprintf(lis->path, sizeof(lis->path), "%s", path);
	con->nr_listeners++;
	lis->event = event_new(vm_event_base(con->vm), lis->fd, EV_READ | EV_PERSIST,
			       console_on_accept, con);
	if (!lis->event || event_add(lis->event, NULL) < 0)
		return err_sys(err, ENOMEM, "%s", path);
	return 0;
}

static int console_setup(struct console *con, const char *run_dir, struct err *err)
{
	struct event_base *base = vm_event_base(con->vm);
	char path[256];

	con->ring = calloc(1, CONSOLE_RING);
	con->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!con->ring || con->wake_fd < 0)
		return err_sys(err, ENOMEM, "console");
	con->wake_event = event_new(base, con->wake_fd, EV_READ | EV_PERSIST, console_on_wake, con);
	con->gather_timer = event_new(base, -1, EV_TIMEOUT, console_on_gathered, con);
	con->input_timer = event_new(base, -1, EV_TIMEOUT, console_on_input_timer, con);
	con->sweep_timer = event_new(base, -1, EV_TIMEOUT, console_on_sweep, con);
	if (!con->wake_event || !con->gather_timer || !con->input_timer || !con->sweep_timer ||
	    event_add(con->wake_event, NULL) < 0)
		return err_sys(err, ENOMEM, "console");
	snprintf(path, sizeof(path), "%s/log", run_dir);
	con->log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (con->log_fd < 0) /* a full disk is no reason not to run */
		log_line("serial log: %s: %s; not recorded", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/console.sock", run_dir);
	return console_listen(con, path, err);
}

int console_start(struct vm *vm, const char *run_dir, struct console **out, struct err *err)
{
	struct console *con = calloc(1, sizeof(*con));
	int ret;

	if (!con)
		return err_sys(err, ENOMEM, "console");
	con->vm = vm;
	con->wake_fd = con->log_fd = -1;
	buf_init(&con->input, CONSOLE_PENDING_MAX);
	pthread_mutex_init(&con->lock, NULL);
	ret = console_setup(con, run_dir, err);
	if (ret < 0) {
		console_stop(con);
		return ret;
	}
	vm_set_serial_hook(vm, console_on_serial, con);
	*out = con;
	return 0;
}

static void console_close_listeners(struct console *con)
{
	struct console_listener *lis;

	while (con->nr_listeners) {
		lis = &con->listener[--con->nr_listeners];
		if (lis->event)
			event_free(lis->event);
		close(lis->fd);
		unlink(lis->path);
	}
}

void console_stop(struct console *con)
{
	if (!con)
		return;
	vm_set_serial_hook(con->vm, NULL, NULL);
	if (con->ring)
		console_pump(con);
	while (con->clients)
		console_client_free(con->clients);
	console_close_listeners(con);
	if (con->wake_event)
		event_free(con->wake_event);
	if (con->gather_timer)
		event_free(con->gather_timer);
	if (con->input_timer)
		event_free(con->input_timer);
	if (con->sweep_timer)
		event_free(con->sweep_timer);
	if (con->wake_fd >= 0)
		close(con->wake_fd);
	if (con->log_fd >= 0)
		close(con->log_fd);
	buf_free(&con->input);
	free(con->ring);
	pthread_mutex_destroy(&con->lock);
	free(con);
}
