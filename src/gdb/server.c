/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger's sockets on the main loop: see target-kvm.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "gdb/target-kvm-priv.h"

#define SERVER_READ_MAX 65536
#define SERVER_REFUSE_S 5
#define SERVER_CATCH_UP 64 /* reads */

static void server_close_client(struct gdb_server *srv)
{
	if (srv->in_fd < 0)
		return;
	gdb_session_disconnect(srv->session);
	event_free(srv->read_event);
	event_free(srv->write_event);
	close(srv->in_fd);
	if (srv->out_fd != srv->in_fd)
		close(srv->out_fd);
	srv->in_fd = srv->out_fd = -1;
}

/* Send what can be sent; ask to be called again for the rest. */
static void server_flush(struct gdb_server *srv)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while (srv->out_fd >= 0) {
		data = gdb_session_output(srv->session, &len);
		if (!len)
			break;
		n = write(srv->out_fd, data, len);
		if (n < 0 && errno == EAGAIN) {
			event_add(srv->write_event, NULL);
			return;
		}
		if (n < 0) {
			server_close_client(srv);
			return;
		}
		gdb_session_sent(srv->session, (size_t)n);
	}
	if (srv->in_fd >= 0 && gdb_session_broken(srv->session))
		server_close_client(srv);
}

static void server_readable(evutil_socket_t fd, short what, void *arg)
{
	struct gdb_server *srv = arg;
	static char data[SERVER_READ_MAX];
	ssize_t n = read(fd, data, sizeof(data));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		server_close_client(srv);
		return;
	}
	gdb_session_input(srv->session, data, (size_t)n);
	server_flush(srv);
}

static void server_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_flush(arg);
}

static int server_take_client(struct gdb_server *srv, int in_fd, int out_fd)
{
	struct event_base *base = vm_event_base(srv->vm);

	evutil_make_socket_nonblocking(in_fd);
	evutil_make_socket_nonblocking(out_fd);
	srv->read_event = event_new(base, in_fd, EV_READ | EV_PERSIST, server_readable, srv);
	srv->write_event = event_new(base, out_fd, EV_WRITE, server_writable, srv);
	if (!srv->read_event || !srv->write_event || event_add(srv->read_event, NULL)) {
		if (srv->read_event)
			event_free(srv->read_event);
		if (srv->write_event)
			event_free(srv->write_event);
		return -ENOMEM;
	}
	srv->in_fd = in_fd;
	srv->out_fd = out_fd;
	gdb_session_connect(srv->session);
	return 0;
}

static void server_refuse_end(struct event **refused)
{
	close(event_get_fd(*refused));
	event_free(*refused);
	*refused = NULL;
}

/*
 * Every packet of a client that came second gets the same answer, until it leaves or has had its
 * time. To close at once would not do: gdb writes first, and would show the broken pipe only.
 */
static void server_refused(evutil_socket_t fd, short what, void *arg)
{
	static const char busy[] = "+$E.another debugger is connected#98";
	char data[4096];
	ssize_t n = what & EV_READ ? recv(fd, data, sizeof(data), MSG_DONTWAIT) : 0;

	if (n > 0 && memchr(data, '#', (size_t)n))
		n = send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n <= 0)
		server_refuse_end(arg);
}

static void server_refuse(struct gdb_server *srv, int client)
{
	struct timeval patience = { .tv_sec = SERVER_REFUSE_S };
	struct event **refused = srv->refused;

	while (refused < srv->refused + SERVER_REFUSED && *refused)
		refused++;
	if (refused < srv->refused + SERVER_REFUSED)
		*refused = event_new(vm_event_base(srv->vm), client, EV_READ | EV_PERSIST,
				     server_refused, refused);
	if (refused == srv->refused + SERVER_REFUSED || !*refused)
		close(client);
	else if (event_add(*refused, &patience))
		server_refuse_end(refused);
}

/* What the client has sent is served before another one is refused for its sake: it may be gone. */
static void server_catch_up(struct gdb_server *srv)
{
	int n = SERVER_CATCH_UP;
	char byte;

	while (n-- && srv->in_fd >= 0 && recv(srv->in_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		server_readable(srv->in_fd, EV_READ, srv);
}

static void server_accept(evutil_socket_t fd, short what, void *arg)
{
	struct gdb_server *srv = arg;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	int one = 1;

	(void)what;
	if (client < 0)
		return;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* no matter on unix */
	server_catch_up(srv);
	if (srv->in_fd >= 0) {
		server_refuse(srv, client);
		return;
	}
	if (server_take_client(srv, client, client))
		close(client);
}

/* --- text from breakpoints --- */

#define SERVER_CONSOLE_MAX 65536
/* A client that reads slower than the guest prints loses text, not its connection. */
#define SERVER_BACKLOG_MAX (1u << 20)

void target_console_put(struct target_console *console, const char *text, size_t len)
{
	const uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&console->lock);
	first = !console->text.len && !console->lost;
	if (console->text.len + len <= SERVER_CONSOLE_MAX)
		buf_add(&console->text, text, len);
	else
		console->lost = true;
	pthread_mutex_unlock(&console->lock);
	if (first && write(console->wake_fd, &one, sizeof(one)) < 0)
		log_line("gdb: %s", strerror(errno));
}

/* Take what has come; a stop that is told afterwards happened after it. */
static void server_console_drain(struct gdb_server *srv)
{
	struct target_console *console = &srv->console;
	struct buf text;
	size_t waiting;
	bool lost;

	buf_init(&text, SERVER_CONSOLE_MAX + 64);
	pthread_mutex_lock(&console->lock);
	buf_add(&text, buf_str(&console->text), console->text.len);
	lost = console->lost;
	console->lost = false;
	buf_clear(&console->text);
	pthread_mutex_unlock(&console->lock);
	gdb_session_output(srv->session, &waiting);
	if (lost)
		buf_puts(&text, "[some text was lost: it came faster than it is read]\n");
	if (text.len && waiting < SERVER_BACKLOG_MAX)
		gdb_session_console(srv->session, buf_str(&text), text.len);
	buf_free(&text);
}

static void server_console_ready(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	server_console_drain(arg);
	server_flush(arg);
}

static int server_console_open(struct gdb_server *srv, struct err *err)
{
	struct target_console *console = &srv->console;

	pthread_mutex_init(&console->lock, NULL);
	buf_init(&console->text, SERVER_CONSOLE_MAX);
	console->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->wake_fd < 0)
		return err_sys(err, errno, "eventfd");
	console->event = event_new(vm_event_base(srv->vm), console->wake_fd, EV_READ | EV_PERSIST,
				   server_console_ready, srv);
	if (!console->event || event_add(console->event, NULL))
		return err_set(err, ENOMEM, "gdb server");
	return 0;
}

static void server_console_close(struct target_console *console)
{
	if (console->event)
		event_free(console->event);
	if (console->wake_fd >= 0)
		close(console->wake_fd);
	buf_free(&console->text);
	pthread_mutex_destroy(&console->lock);
}

/* --- stops --- */

void server_stopped_alone(void *ctx, unsigned int vcpu, const struct dbg_stop *last,
			  const char *text)
{
	struct gdb_server *srv = ctx;
	struct gdb_stop stop;

	target_kvm_forget(srv);
	target_kvm_stop_alone(vcpu, last, text, &stop);
	server_console_drain(srv);
	gdb_session_stopped(srv->session, &stop);
	if (srv->in_fd >=
	    0) /* not here: a client that is gone would change the machine meanwhile */
		event_add(srv->write_event, NULL);
}

/* Non-stop: all stand now, whoever it was that stopped them; those who ran are told of. */
static void server_tell_others(struct gdb_server *srv)
{
	const struct gdb_stop stop = { .kind = GDB_STOP_SIGNAL, .signal = GDB_SIG_INT };

	if (srv->nonstop)
		gdb_session_stopped(srv->session, &stop);
}

static void server_event(void *ctx, const struct vm_event *ev)
{
	struct gdb_server *srv = ctx;
	struct gdb_stop stop;

	target_kvm_forget(srv);
	switch (ev->kind) {
	case VM_EVENT_STOP:
	case VM_EVENT_CRASHED:
		target_kvm_stop(srv, ev->vcpu, &stop);
		break;
	case VM_EVENT_SHUTDOWN:
		stop = (struct gdb_stop){ .kind = GDB_STOP_EXITED,
					  .code = (int)(ev->value & 0xff) };
		break;
	default:
		return;
	}
	server_console_drain(srv);
	gdb_session_stopped(srv->session, &stop);
	if (ev->kind != VM_EVENT_SHUTDOWN)
		server_tell_others(srv);
	server_flush(srv);
}

static int server_listen_unix(struct gdb_server *srv, const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t old;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, ENAMETOOLONG, "gdb socket: the path is too long: %s", path);
	strcpy(addr.sun_path, path);
	srv->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (srv->listen_fd < 0)
		return err_sys(err, errno, "gdb socket");
	old = umask(0177);
	ret = bind(srv->listen_fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(old);
	if (ret < 0 || listen(srv->listen_fd, 4) < 0)
		return err_sys(err, errno, "gdb socket %s", path);
	strcpy(srv->unlink_path, path);
	return 0;
}

static bool server_parse_tcp(const char *text, struct sockaddr_in *addr, struct err *err)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) ||
	    !parse_range(colon + 1, 0, 65535, &port))
		return err_set(err, EINVAL, "--gdb tcp: needs ADDRESS:PORT"), false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!host[0] || !strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	addr->sin_family = AF_INET;
	addr->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &addr->sin_addr) != 1)
		return err_set(err, EINVAL, "--gdb tcp: %s is not an IPv4 address", host), false;
	return true;
}

static int server_listen_tcp(struct gdb_server *srv, const char *text, char *where, size_t len,
			     struct err *err)
{
	struct sockaddr_in addr = { .sin_port = 0 };
	socklen_t addr_len = sizeof(addr);
	char host[INET_ADDRSTRLEN];
	int one = 1;

	if (!server_parse_tcp(text, &addr, err))
		return -EINVAL;
	if (ntohl(addr.sin_addr.s_addr) >> 24 != 127)
		log_line("gdb: %s can be reached from other machines; whoever connects rules "
			 "the guest",
			 text);
	srv->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (srv->listen_fd < 0)
		return err_sys(err, errno, "gdb socket");
	setsockopt(srv->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(srv->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(srv->listen_fd, 4) < 0)
		return err_sys(err, errno, "gdb socket tcp:%s", text);
	getsockname(srv->listen_fd, (struct sockaddr *)&addr, &addr_len);
	if (where && inet_ntop(AF_INET, &addr.sin_addr, host, sizeof(host)))
		snprintf(where, len, "%s:%u", host, ntohs(addr.sin_port));
	return 0;
}

static int server_open(struct gdb_server *srv, const char *spec, char *where, size_t len,
		       struct err *err)
{
	int ret;

	if (!strncmp(spec, "unix:", 5)) {
		ret = server_listen_unix(srv, spec + 5, err);
		if (where)
			snprintf(where, len, "%s", spec + 5);
	} else if (!strncmp(spec, "tcp:", 4)) {
		ret = server_listen_tcp(srv, spec + 4, where, len, err);
	} else if (!strcmp(spec, "stdio")) {
		if (where)
			snprintf(where, len, "stdio");
		return server_take_client(srv, dup(STDIN_FILENO), dup(STDOUT_FILENO));
	} else {
		return err_set(err, EINVAL, "--gdb takes unix:PATH, tcp:ADDR:PORT or stdio, not %s",
			       spec);
	}
	if (ret)
		return ret;
	srv->accept_event = event_new(vm_event_base(srv->vm), srv->listen_fd, EV_READ | EV_PERSIST,
				      server_accept, srv);
	if (!srv->accept_event || event_add(srv->accept_event, NULL))
		return err_set(err, ENOMEM, "gdb socket");
	return 0;
}

/*
 * The guest's ELF file, which a gdb without one asks for; it can do nothing with other kinds, nor
 * with one that was moved (an offset follows an '@').
 */
static void server_find_symbols(struct gdb_server *srv)
{
	const char *spec = vm_sample(srv->vm)->symbols;
	size_t len = strcspn(spec, "\n@");
	char path[SAMPLE_SYMS_MAX], magic[4];
	int fd;

	if (!len || spec[len] == '@')
		return;
	snprintf(path, sizeof(path), "%.*s", (int)len, spec);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, magic, sizeof(magic)) == sizeof(magic) && !memcmp(magic, "\177ELF", 4))
		strcpy(srv->symbols, path);
	close(fd);
}

int gdb_server_start(struct vm *vm, struct dbg *dbg, const char *spec, gdb_monitor_fn monitor,
		     void *monitor_ctx, struct gdb_server **out, char *where, size_t where_len,
		     struct err *err)
{
	struct gdb_server *srv = calloc(1, sizeof(*srv));
	int ret;

	if (!srv)
		return err_sys(err, ENOMEM, "gdb server");
	srv->vm = vm;
	srv->dbg = dbg;
	srv->monitor = monitor;
	srv->monitor_ctx = monitor_ctx;
	srv->listen_fd = srv->in_fd = srv->out_fd = -1;
	srv->session = gdb_session_new(&target_kvm_ops, srv);
	server_find_symbols(srv);
	ret = server_console_open(srv, err);
	if (!ret && !srv->session)
		ret = err_sys(err, ENOMEM, "gdb server");
	if (!ret)
		ret = server_open(srv, spec, where, where_len, err);
	if (!ret && vm_listen(vm, server_event, srv))
		ret = err_set(err, ENOSPC, "too many listeners");
	if (ret) {
		gdb_server_stop(srv);
		return ret;
	}
	*out = srv;
	return 0;
}

int gdb_server_arch(struct gdb_server *srv, const char *name, struct err *err)
{
	int arch = target_arch_find(name);

	if (arch < 0)
		return err_set(err, EINVAL, "gdb knows x86-64, i386 and i8086, not %s", name);
	srv->arch = (enum target_arch)arch;
	gdb_session_describe(srv->session);
	return 0;
}

const char *gdb_server_arch_name(const struct gdb_server *srv)
{
	return target_arch_name(srv->arch);
}

void gdb_server_stop(struct gdb_server *srv)
{
	if (!srv)
		return;
	vm_unlisten(srv->vm, srv);
	server_close_client(srv);
	for (int i = 0; i < SERVER_REFUSED; i++) {
		if (srv->refused[i])
			server_refuse_end(&srv->refused[i]);
	}
	if (srv->accept_event)
		event_free(srv->accept_event);
	if (srv->listen_fd >= 0)
		close(srv->listen_fd);
	if (srv->unlink_path[0])
		unlink(srv->unlink_path);
	gdb_session_free(srv->session);
	server_console_close(&srv->console);
	target_kvm_forget(srv);
	free(srv);
}
