/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket of a VM process: see server.h. */
#include "ctl/server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/control.h"
#include "ctl/proto.h"
#include "ctl/sock.h"

#define CTL_MAX_CONNS  32
#define CTL_MAX_TABLES 16
#define CTL_OUT_MAX    (8u << 20)
#define CTL_READ_SIZE  16384

struct ctl_conn {
	struct ctl_server *srv;
	struct ctl_conn *next;
	int fd;
	struct event *read_event, *write_event;
	struct proto_stream in;
	struct buf out;
	size_t pass_at; /* the byte of OUT that the descriptors travel with */
	int pass_fd[SOCK_MAX_FDS];
	unsigned int nr_pass;
	bool negotiated;
	bool dead; /* freed at the end of the callback in progress */
	unsigned int hz, vcpu;
};

struct ctl_table {
	const struct ctl_command *cmd;
	size_t nr;
	void *ctx;
};

struct ctl_server {
	struct vm *vm;
	int listen_fd;
	struct event *listen_event, *retry_timer;
	struct ctl_conn *conns;
	unsigned int nr_conns;
	unsigned int busy; /* callbacks in progress: dead clients stay in the list */
	struct ctl_table table[CTL_MAX_TABLES];
	unsigned int nr_tables;
	struct monitor *monitor;
	struct control *control;
};

struct vm *ctl_server_vm(struct ctl_server *srv)
{
	return srv->vm;
}

struct control *ctl_server_control(struct ctl_server *srv)
{
	return srv->control;
}

struct ctl_server *ctl_conn_server(struct ctl_conn *conn)
{
	return conn->srv;
}

unsigned int *ctl_conn_vcpu(struct ctl_conn *conn)
{
	return &conn->vcpu;
}

struct monitor *ctl_server_monitor(struct ctl_server *srv)
{
	return srv->monitor;
}

static void ctl_server_update_hz(struct ctl_server *srv)
{
	struct ctl_conn *conn;
	unsigned int hz = 0;

	for (conn = srv->conns; conn; conn = conn->next) {
		if (!conn->dead && conn->hz > hz)
			hz = conn->hz;
	}
	vm_set_sample_rate(srv->vm, hz);
}

void ctl_conn_set_hz(struct ctl_conn *conn, unsigned int hz)
{
	conn->hz = hz;
	ctl_server_update_hz(conn->srv);
}

static void ctl_conn_drop_fds(struct ctl_conn *conn)
{
	while (conn->nr_pass)
		close(conn->pass_fd[--conn->nr_pass]);
}

static void ctl_conn_free(struct ctl_conn *conn)
{
	ctl_conn_drop_fds(conn);
	if (conn->read_event)
		event_free(conn->read_event);
	if (conn->write_event)
		event_free(conn->write_event);
	proto_stream_free(&conn->in);
	buf_free(&conn->out);
	close(conn->fd);
	free(conn);
}

static void ctl_server_reap(struct ctl_server *srv)
{
	struct ctl_conn **at = &srv->conns, *conn;
	bool some = false;

	while ((conn = *at)) {
		if (!conn->dead) {
			at = &conn->next;
			continue;
		}
		*at = conn->next;
		srv->nr_conns--;
		ctl_conn_free(conn);
		some = true;
	}
	if (some)
		ctl_server_update_hz(srv);
}

/* Callbacks nest (a command makes events): only the outermost one may free clients. */
static void ctl_server_enter(struct ctl_server *srv)
{
	srv->busy++;
}

static void ctl_server_leave(struct ctl_server *srv)
{
	if (--srv->busy == 0)
		ctl_server_reap(srv);
}

static ssize_t ctl_conn_send_some(struct ctl_conn *conn)
{
	size_t len = conn->out.len;
	ssize_t n;

	if (!conn->nr_pass)
		return sock_send_fds(conn->fd, conn->out.data, len, NULL, 0);
	if (conn->pass_at)
		return sock_send_fds(conn->fd, conn->out.data, conn->pass_at, NULL, 0);
	n = sock_send_fds(conn->fd, conn->out.data, len, conn->pass_fd, conn->nr_pass);
	if (n > 0)
		ctl_conn_drop_fds(conn);
	return n;
}

/* Send what the socket takes now. */
static void ctl_conn_flush(struct ctl_conn *conn)
{
	ssize_t n;

	while (!conn->dead && conn->out.len) {
		n = ctl_conn_send_some(conn);
		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n < 0) {
			/* It does not listen; what it asked for is done until its end is read. */
			ctl_conn_drop_fds(conn);
			buf_drop(&conn->out, conn->out.len);
			return;
		}
		buf_drop(&conn->out, (size_t)n);
		if (conn->nr_pass)
			conn->pass_at -= (size_t)n;
	}
	if (conn->out.failed)
		conn->dead = true; /* it does not read: it would only make us grow */
	else if (conn->out.len)
		event_add(conn->write_event, NULL);
}

int ctl_conn_pass_fds(struct ctl_conn *conn, const int *fds, unsigned int nr, struct err *err)
{
	unsigned int i;

	if (nr > SOCK_MAX_FDS || conn->nr_pass)
		return err_set(err, EBUSY, "descriptors are on their way already");
	for (i = 0; i < nr; i++) {
		conn->pass_fd[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (conn->pass_fd[i] < 0) {
			ctl_conn_drop_fds(conn);
			return err_sys(err, errno, "descriptor");
		}
		conn->nr_pass++;
	}
	conn->pass_at = conn->out.len;
	return 0;
}

static const struct ctl_command *ctl_server_find(struct ctl_server *srv, const char *name,
						 void **ctx)
{
	unsigned int i;
	size_t k;

	for (i = 0; i < srv->nr_tables; i++) {
		for (k = 0; k < srv->table[i].nr; k++) {
			if (strcmp(srv->table[i].cmd[k].name, name) == 0) {
				*ctx = srv->table[i].ctx;
				return &srv->table[i].cmd[k];
			}
		}
	}
	return NULL;
}

static int ctl_conn_negotiate(struct ctl_conn *conn, const char *cmd, struct err *err)
{
	bool negotiate = strcmp(cmd, "qmp_capabilities") == 0;

	if (negotiate && conn->negotiated)
		return err_set(err, ENOSYS, "capabilities were negotiated before");
	if (!negotiate && !conn->negotiated)
		return err_set(err, ENOSYS, "say qmp_capabilities first");
	conn->negotiated = true;
	return negotiate;
}

static int ctl_conn_execute(struct ctl_conn *conn, struct proto_request *req, json_t **ret,
			    struct err *err)
{
	const struct ctl_command *cmd;
	void *ctx = NULL;
	int res;

	res = ctl_conn_negotiate(conn, req->cmd, err);
	if (res)
		return res < 0 ? res : 0;
	cmd = ctl_server_find(conn->srv, req->cmd, &ctx);
	if (!cmd)
		return err_set(err, ENOSYS, "there is no command %.64s", req->cmd);
	return cmd->run(ctx, conn, req->args, ret, err);
}

static void ctl_conn_request(struct ctl_conn *conn, const char *text, size_t len)
{
	struct proto_request req;
	unsigned int before = conn->nr_pass;
	struct err err = ERR_INIT;
	json_t *ret = NULL;
	int res;

	res = proto_request_parse(text, len, &req, &err);
	if (res == 0)
		res = ctl_conn_execute(conn, &req, &ret, &err);
	if (res < 0) {
		json_decref(ret);
		if (!before)
			ctl_conn_drop_fds(conn);
		proto_error(&conn->out, &err, req.id);
	} else {
		proto_return(&conn->out, ret, req.id);
	}
	proto_request_free(&req);
}

static void ctl_conn_requests(struct ctl_conn *conn)
{
	struct err err = ERR_INIT;
	const char *text;
	ssize_t len;

	while (!conn->dead && (len = proto_stream_next(&conn->in, &text))) {
		if (len > 0) {
			ctl_conn_request(conn, text, (size_t)len);
		} else {
			err_set(&err, EMSGSIZE, "a request may have %u bytes and %u levels",
				PROTO_MESSAGE_MAX, PROTO_DEPTH_MAX);
			proto_error(&conn->out, &err, NULL);
		}
		ctl_conn_flush(conn);
	}
}

static void ctl_conn_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;
	struct ctl_server *srv = conn->srv;
	char data[CTL_READ_SIZE];
	ssize_t n;

	(void)what;
	ctl_server_enter(srv);
	n = read(fd, data, sizeof(data));
	if (n > 0 && proto_stream_feed(&conn->in, data, (size_t)n) == 0)
		ctl_conn_requests(conn);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		conn->dead = true;
	ctl_server_leave(srv);
}

static void ctl_conn_on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;
	struct ctl_server *srv = conn->srv;

	(void)fd;
	(void)what;
	ctl_server_enter(srv);
	ctl_conn_flush(conn);
	ctl_server_leave(srv);
}

static void ctl_server_add_conn(struct ctl_server *srv, int fd)
{
	struct event_base *base = vm_event_base(srv->vm);
	struct ctl_conn *conn = calloc(1, sizeof(*conn));

	if (!conn || srv->nr_conns >= CTL_MAX_CONNS) {
		free(conn);
		close(fd);
		return;
	}
	conn->srv = srv;
	conn->fd = fd;
	proto_stream_init(&conn->in);
	buf_init(&conn->out, CTL_OUT_MAX);
	conn->read_event = event_new(base, fd, EV_READ | EV_PERSIST, ctl_conn_on_read, conn);
	conn->write_event = event_new(base, fd, EV_WRITE, ctl_conn_on_write, conn);
	if (!conn->read_event || !conn->write_event) {
		ctl_conn_free(conn);
		return;
	}
	conn->next = srv->conns;
	srv->conns = conn;
	srv->nr_conns++;
	event_add(conn->read_event, NULL);
	proto_greeting(&conn->out);
	ctl_conn_flush(conn);
}

static void ctl_server_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_server *srv = arg;

	(void)fd;
	(void)what;
	event_add(srv->listen_event, NULL);
}

static void ctl_server_on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct timeval later = { .tv_sec = 1 };
	struct ctl_server *srv = arg;
	int conn;

	(void)what;
	ctl_server_enter(srv);
	conn = sock_accept(fd);
	if (conn >= 0) {
		ctl_server_add_conn(srv, conn);
	} else if (conn == -EMFILE || conn == -ENFILE || conn == -ENOMEM) {
		/* The client waits in the backlog, and the loop must not spin on it. */
		event_del(srv->listen_event);
		event_add(srv->retry_timer, &later);
	}
	ctl_server_leave(srv);
}

void ctl_server_event(struct ctl_server *srv, const char *name, json_t *data)
{
	struct buf line = BUF_INIT;
	struct ctl_conn *conn;

	ctl_server_enter(srv);
	proto_event(&line, name, data);
	for (conn = srv->conns; conn; conn = conn->next) {
		if (conn->dead || !conn->negotiated)
			continue;
		buf_add(&conn->out, line.data, line.len);
		ctl_conn_flush(conn);
	}
	buf_free(&line);
	ctl_server_leave(srv);
}

static json_t *ctl_server_stop_data(struct ctl_server *srv, const struct vm_event *ev)
{
	return json_pack("{s:s,s:i,s:s}", "state", vm_state_name(vm_state(srv->vm)), "vcpu",
			 (int)ev->vcpu, "text", ev->text ? ev->text : "");
}

static json_t *ctl_server_shutdown_data(const struct vm_event *ev)
{
	static const char *const reason[] = {
		[VM_END_NONE] = "none",		 [VM_END_POWEROFF] = "guest-shutdown",
		[VM_END_RESET] = "guest-reset",	 [VM_END_DEBUG_EXIT] = "guest-shutdown",
		[VM_END_QUIT] = "host-qmp-quit",
	};
	bool guest = ev->end != VM_END_QUIT;
	json_t *data = json_pack("{s:b,s:s}", "guest", guest, "reason", reason[ev->end]);

	if (ev->end == VM_END_DEBUG_EXIT)
		json_object_set_new(data, "x-vitrine-value", json_integer(ev->value));
	return data;
}

static void ctl_server_on_vm(void *ctx, const struct vm_event *ev)
{
	struct ctl_server *srv = ctx;

	switch (ev->kind) {
	case VM_EVENT_STOP:
		ctl_server_event(srv, "STOP", ctl_server_stop_data(srv, ev));
		break;
	case VM_EVENT_RESUME:
		ctl_server_event(srv, "RESUME", NULL);
		break;
	case VM_EVENT_RESET:
		ctl_server_event(
			srv, "RESET",
			json_pack("{s:b,s:s}", "guest", 0, "reason", "host-qmp-system-reset"));
		break;
	case VM_EVENT_CRASHED:
		ctl_server_event(srv, "GUEST_PANICKED", json_pack("{s:s}", "action", "pause"));
		ctl_server_event(srv, "x-vitrine-crashed", ctl_server_stop_data(srv, ev));
		break;
	case VM_EVENT_SHUTDOWN:
		ctl_server_event(srv, "SHUTDOWN", ctl_server_shutdown_data(ev));
		break;
	case VM_EVENT_PANICKED:
		ctl_server_event(srv, "GUEST_PANICKED", json_pack("{s:s}", "action", "run"));
		break;
	}
}

json_t *ctl_server_command_list(struct ctl_server *srv)
{
	json_t *list = json_array();
	unsigned int i;
	size_t k;

	json_array_append_new(list, json_pack("{s:s}", "name", "qmp_capabilities"));
	for (i = 0; i < srv->nr_tables; i++) {
		for (k = 0; k < srv->table[i].nr; k++)
			json_array_append_new(
				list, json_pack("{s:s}", "name", srv->table[i].cmd[k].name));
	}
	return list;
}

int ctl_server_add_commands(struct ctl_server *srv, const struct ctl_command *table, size_t nr,
			    void *ctx)
{
	if (srv->nr_tables >= CTL_MAX_TABLES)
		return -ENOSPC;
	srv->table[srv->nr_tables++] = (struct ctl_table){ .cmd = table, .nr = nr, .ctx = ctx };
	return 0;
}

int ctl_server_hmp(struct ctl_server *srv, const char *line, unsigned int *vcpu, struct buf *out,
		   struct err *err)
{
	return control_monitor(srv->control, srv->monitor, line, vcpu, out, err);
}

static int ctl_server_listen(struct ctl_server *srv, const char *run_dir, struct err *err)
{
	struct event_base *base = vm_event_base(srv->vm);
	char path[256];

	snprintf(path, sizeof(path), "%s/qmp.sock", run_dir);
	srv->listen_fd = sock_listen(path, err);
	if (srv->listen_fd < 0)
		return srv->listen_fd;
	srv->listen_event =
		event_new(base, srv->listen_fd, EV_READ | EV_PERSIST, ctl_server_on_accept, srv);
	srv->retry_timer = event_new(base, -1, EV_TIMEOUT, ctl_server_on_retry, srv);
	if (!srv->listen_event || !srv->retry_timer)
		return err_sys(err, ENOMEM, "control socket");
	event_add(srv->listen_event, NULL);
	return 0;
}

int ctl_server_start(struct vm *vm, const char *run_dir, struct ctl_server **out, struct err *err)
{
	struct ctl_server *srv = calloc(1, sizeof(*srv));
	int ret = -ENOMEM;

	if (!srv)
		return err_sys(err, ENOMEM, "control socket");
	srv->vm = vm;
	srv->listen_fd = -1;
	srv->monitor = monitor_new();
	srv->control = srv->monitor ? control_new(vm) : NULL;
	if (!srv->control)
		err_sys(err, ENOMEM, "control socket");
	else
		ret = ctl_server_listen(srv, run_dir, err);
	if (ret < 0) {
		ctl_server_stop(srv);
		return ret;
	}
	ctl_server_add_commands(srv, ctl_commands, ctl_commands_len, srv);
	vm_listen(vm, ctl_server_on_vm, srv);
	*out = srv;
	return 0;
}

void ctl_server_stop(struct ctl_server *srv)
{
	struct ctl_conn *conn;

	if (!srv)
		return;
	vm_unlisten(srv->vm, srv);
	for (conn = srv->conns; conn; conn = conn->next) {
		ctl_conn_flush(conn);
		conn->dead = true;
	}
	ctl_server_reap(srv);
	if (srv->listen_event)
		event_free(srv->listen_event);
	if (srv->retry_timer)
		event_free(srv->retry_timer);
	if (srv->listen_fd >= 0)
		close(srv->listen_fd);
	control_free(srv->control);
	monitor_free(srv->monitor);
	free(srv);
}
