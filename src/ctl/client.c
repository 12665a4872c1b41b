/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of a VM's sockets: see client.h. */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "ctl/proto.h"
#include "ctl/rundir.h"
#include "ctl/sock.h"

#define CLIENT_TIMEOUT_NS 5000000000ull
#define CLIENT_PROBE_NS	  1000000000ull
#define CLIENT_CONNECT_MS 1000
#define CLIENT_EVENTS_MAX 1024
#define CLIENT_READ_SIZE  65536
#define CLIENT_OUT_MAX	  (1u << 20)
/* Replies may be larger than requests: a long page-table listing is one JSON string. */
#define CLIENT_REPLY_MAX (16u << 20)

struct ctl_client {
	int fd;
	bool gone;
	struct buf in;		       /* replies are lines: the server sends each object as one */
	struct buf out;		       /* what the socket had no room for yet */
	json_t *events, *replies;      /* that came while something else was looked for */
	json_int_t next_id, attach_id; /* ATTACH_ID: of ctl_open(), 0: answered or never asked */
	struct err attach_err;
	int fds[2]; /* descriptors that came along */
	unsigned int nr_fds;
	void *sample, *ram;
	size_t sample_len, ram_len;
};

int ctl_runtime_dir(char *path, size_t len, struct err *err)
{
	return rundir_base(path, len, err);
}

int ctl_vm_dir(const char *name, char *path, size_t len, struct err *err)
{
	return rundir_path(name, path, len, err);
}

static int client_gone(struct ctl_client *cli, struct err *err)
{
	cli->gone = true;
	return err_set(err, EPIPE, "the VM has gone");
}

static void client_keep_fds(struct ctl_client *cli, const int *fds, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (cli->nr_fds < 2)
			cli->fds[cli->nr_fds++] = fds[i];
		else
			close(fds[i]);
	}
}

static void client_drop_fds(struct ctl_client *cli)
{
	while (cli->nr_fds)
		close(cli->fds[--cli->nr_fds]);
}

/* Read what is there: 0, -EAGAIN if nothing, -EPIPE. */
static int client_fill(struct ctl_client *cli, struct err *err)
{
	int fds[SOCK_MAX_FDS];
	unsigned int nr = SOCK_MAX_FDS;
	char data[CLIENT_READ_SIZE];
	ssize_t n;

	n = sock_recv_fds(cli->fd, data, sizeof(data), fds, &nr);
	if (n == -EAGAIN || n == -EINTR)
		return -EAGAIN;
	if (n <= 0)
		return client_gone(cli, err);
	client_keep_fds(cli, fds, nr);
	buf_add(&cli->in, data, (size_t)n);
	return cli->in.failed ? client_gone(cli, err) : 0;
}

/* The next object that has come in completely; NULL if none. */
static json_t *client_take(struct ctl_client *cli)
{
	json_t *obj = NULL;
	char *end;

	while (!obj && cli->in.len && (end = memchr(cli->in.data, '\n', cli->in.len))) {
		obj = json_loadb(cli->in.data, (size_t)(end - cli->in.data), 0, NULL);
		buf_drop(&cli->in, (size_t)(end - cli->in.data) + 1);
	}
	return obj;
}

static void client_queue_event(struct ctl_client *cli, json_t *obj)
{
	if (json_array_size(cli->events) < CLIENT_EVENTS_MAX)
		json_array_append(cli->events, obj);
}

static json_int_t client_id(const json_t *reply)
{
	return json_integer_value(json_object_get(reply, "id"));
}

/* Nobody has to come for a reply: beyond the limit the oldest goes. */
static void client_queue_reply(struct ctl_client *cli, json_t *obj)
{
	if (json_array_size(cli->replies) >= CLIENT_EVENTS_MAX)
		json_array_remove(cli->replies, 0);
	json_array_append(cli->replies, obj);
}

/* The next object that is no event, until DEADLINE. New reference. */
static int client_await(struct ctl_client *cli, uint64_t deadline, json_t **out, struct err *err)
{
	json_t *obj;
	int ret;

	for (;;) {
		obj = client_take(cli);
		if (obj && !json_object_get(obj, "event")) {
			*out = obj;
			return 0;
		}
		if (obj) {
			client_queue_event(cli, obj);
			json_decref(obj);
			continue;
		}
		ret = sock_wait(cli->fd, POLLIN, deadline);
		if (ret == -ETIMEDOUT)
			return err_set(err, ETIMEDOUT, "the VM does not answer");
		if (ret < 0)
			return err_sys(err, -ret, "control socket");
		ret = client_fill(cli, err);
		if (ret < 0 && ret != -EAGAIN)
			return ret;
	}
}

/* Write as much as there is room for: 0 when all is out, -EAGAIN, -EPIPE. */
static int client_push(struct ctl_client *cli, struct err *err)
{
	ssize_t n;

	while (cli->out.len) {
		n = sock_send_fds(cli->fd, cli->out.data, cli->out.len, NULL, 0);
		if (n == -EAGAIN || n == -EINTR)
			return -EAGAIN;
		if (n < 0)
			return client_gone(cli, err);
		buf_drop(&cli->out, (size_t)n);
	}
	return 0;
}

/* A request is sent whole or not at all: what DEADLINE leaves behind goes out later. */
static int client_send(struct ctl_client *cli, const char *data, size_t len, uint64_t deadline,
		       struct err *err)
{
	int ret;

	if (cli->out.len + len > CLIENT_OUT_MAX)
		return err_set(err, EAGAIN, "the VM takes no more requests");
	buf_add(&cli->out, data, len);
	if (cli->out.failed)
		return err_sys(err, ENOMEM, "control socket");
	while ((ret = client_push(cli, err)) == -EAGAIN) {
		ret = sock_wait(cli->fd, POLLOUT, deadline);
		if (ret == -ETIMEDOUT)
			return 0;
		if (ret < 0)
			return err_sys(err, -ret, "control socket");
	}
	return ret;
}

static int client_result(json_t *reply, const char *cmd, json_t **ret, struct err *err)
{
	json_t *why = json_object_get(reply, "error");
	const char *desc = json_string_value(json_object_get(why, "desc"));

	if (why)
		return err_set(err, EREMOTEIO, "%s", desc ? desc : cmd);
	if (ret)
		*ret = json_incref(json_object_get(reply, "return"));
	return 0;
}

/* Send the request and return its number. */
static long long client_begin(struct ctl_client *cli, const char *cmd, json_t *args,
			      uint64_t deadline, struct err *err)
{
	json_int_t id = ++cli->next_id;
	json_t *req;
	char *text;
	int ret;

	req = json_pack("{s:s,s:I}", "execute", cmd, "id", id);
	if (args)
		json_object_set_new(req, "arguments", args);
	text = json_dumps(req, 0);
	json_decref(req);
	if (!text)
		return err_sys(err, ENOMEM, "%s", cmd);
	ret = cli->gone ? client_gone(cli, err)
			: client_send(cli, text, strlen(text), deadline, err);
	free(text);
	return ret < 0 ? ret : id;
}

/* The reply to ID among those that came earlier, NULL if it did not. New reference. */
static json_t *client_find_reply(struct ctl_client *cli, long long id)
{
	json_t *obj;
	size_t i;

	json_array_foreach(cli->replies, i, obj)
	{
		if (client_id(obj) != id)
			continue;
		json_incref(obj);
		json_array_remove(cli->replies, i);
		return obj;
	}
	return NULL;
}

int ctl_finish(struct ctl_client *cli, long long id, const char *cmd,
	       unsigned long long deadline_ns, json_t **ret, struct err *err)
{
	json_t *reply = client_find_reply(cli, id);
	int res;

	client_fill(cli, NULL); /* what has come counts, however late it is asked for */
	while (!reply) {
		res = client_await(cli, deadline_ns, &reply, err);
		if (res < 0)
			return res;
		if (client_id(reply) == id)
			break;
		json_decref(reply); /* of a request that was given up */
		reply = NULL;
	}
	res = client_result(reply, cmd, ret, err);
	json_decref(reply);
	return res;
}

static int client_exec(struct ctl_client *cli, const char *cmd, json_t *args, json_t **ret,
		       uint64_t timeout_ns, struct err *err)
{
	uint64_t deadline = time_now_ns() + timeout_ns;
	long long id = client_begin(cli, cmd, args, deadline, err);

	return id < 0 ? (int)id : ctl_finish(cli, id, cmd, deadline, ret, err);
}

long long ctl_begin(struct ctl_client *cli, const char *cmd, json_t *args, struct err *err)
{
	return client_begin(cli, cmd, args, time_now_ns(), err);
}

int ctl_exec(struct ctl_client *cli, const char *cmd, json_t *args, json_t **ret, struct err *err)
{
	return client_exec(cli, cmd, args, ret, CLIENT_TIMEOUT_NS, err);
}

/* A connected client that has said nothing yet. */
static int client_new(const char *name, int connect_ms, struct ctl_client **out, struct err *err)
{
	char dir[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + 16];
	struct ctl_client *cli;
	int ret;

	ret = rundir_path(name, dir, sizeof(dir), err);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "%s/qmp.sock", dir);
	cli = calloc(1, sizeof(*cli));
	if (!cli)
		return err_sys(err, ENOMEM, "%s", name);
	buf_init(&cli->in, CLIENT_REPLY_MAX);
	buf_init(&cli->out, CLIENT_OUT_MAX);
	cli->events = json_array();
	cli->replies = json_array();
	cli->fd = sock_connect(path, connect_ms, err);
	if (cli->fd < 0) {
		ret = cli->fd;
		ctl_close(cli);
		return err_set(err, -ret, "no VM called %s answers (%s)", name, strerror(-ret));
	}
	*out = cli;
	return 0;
}

static int client_connect(const char *name, uint64_t timeout_ns, struct ctl_client **out,
			  struct err *err)
{
	struct ctl_client *cli;
	json_t *greeting = NULL;
	int ret = client_new(name, CLIENT_CONNECT_MS, &cli, err);

	if (ret < 0)
		return ret;
	ret = client_await(cli, time_now_ns() + timeout_ns, &greeting, err);
	json_decref(greeting);
	if (ret == 0)
		ret = client_exec(cli, "qmp_capabilities", NULL, NULL, timeout_ns, err);
	if (ret < 0) {
		ctl_close(cli);
		return ret;
	}
	*out = cli;
	return 0;
}

int ctl_connect(const char *name, struct ctl_client **out, struct err *err)
{
	return client_connect(name, CLIENT_TIMEOUT_NS, out, err);
}

int ctl_connect_within(const char *name, unsigned long long timeout_ns, struct ctl_client **out,
		       struct err *err)
{
	return client_connect(name, timeout_ns, out, err);
}

void ctl_close(struct ctl_client *cli)
{
	if (!cli)
		return;
	if (cli->sample)
		munmap(cli->sample, cli->sample_len);
	if (cli->ram)
		munmap(cli->ram, cli->ram_len);
	client_drop_fds(cli);
	if (cli->fd >= 0)
		close(cli->fd);
	buf_free(&cli->in);
	buf_free(&cli->out);
	json_decref(cli->events);
	json_decref(cli->replies);
	free(cli);
}

int ctl_fd(const struct ctl_client *cli)
{
	return cli->fd;
}

int ctl_monitor(struct ctl_client *cli, const char *line, struct buf *out, struct err *err)
{
	json_t *ret = NULL;
	int res;

	res = ctl_exec(cli, "human-monitor-command", json_pack("{s:s}", "command-line", line), &ret,
		       err);
	if (res == 0 && json_is_string(ret))
		buf_add(out, json_string_value(ret), json_string_length(ret));
	json_decref(ret);
	return res;
}

static void *client_map(int fd, json_int_t want, size_t *len, struct err *err)
{
	struct stat st;
	void *map;

	if (want <= 0 || fstat(fd, &st) != 0 || st.st_size < want) {
		err_set(err, EPROTO, "the VM sent something that is no memory of its");
		return NULL;
	}
	map = mmap(NULL, (size_t)want, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err_sys(err, errno, "guest memory");
		return NULL;
	}
	*len = (size_t)want;
	return map;
}

static int client_map_all(struct ctl_client *cli, const json_t *sizes, struct err *err)
{
	if (cli->nr_fds != 2)
		return err_set(err, EPROTO, "the VM did not send its memory");
	cli->sample =
		client_map(cli->fds[0], json_integer_value(json_object_get(sizes, "sample-size")),
			   &cli->sample_len, err);
	if (!cli->sample)
		return -err->code;
	cli->ram = client_map(cli->fds[1], json_integer_value(json_object_get(sizes, "ram-size")),
			      &cli->ram_len, err);
	return cli->ram ? 0 : -err->code;
}

int ctl_attach(struct ctl_client *cli, unsigned int hz, struct err *err)
{
	struct err local = ERR_INIT;
	json_t *args, *sizes = NULL;
	int ret;

	if (!err)
		err = &local;
	args = json_pack("{s:i,s:b}", "hz", (int)hz, "fds", !cli->ram);
	ret = ctl_exec(cli, "x-vitrine-attach", args, &sizes, err);
	if (ret == 0 && !cli->ram)
		ret = client_map_all(cli, sizes, err);
	json_decref(sizes);
	client_drop_fds(cli);
	return ret;
}

/* The reply to what ctl_open() asked. */
static void client_opened(struct ctl_client *cli, json_t *reply)
{
	json_t *sizes = NULL;

	cli->attach_id = 0;
	if (client_result(reply, "x-vitrine-attach", &sizes, &cli->attach_err) == 0)
		client_map_all(cli, sizes, &cli->attach_err);
	json_decref(sizes);
	client_drop_fds(cli);
}

int ctl_open(const char *name, unsigned int hz, struct ctl_client **out, struct err *err)
{
	struct ctl_client *cli;
	long long id;
	int ret = client_new(name, 0, &cli, err);

	if (ret < 0)
		return ret;
	id = ctl_begin(cli, "qmp_capabilities", NULL, err);
	if (id > 0)
		id = ctl_begin(cli, "x-vitrine-attach",
			       json_pack("{s:i,s:b}", "hz", (int)hz, "fds", true), err);
	if (id < 0) {
		ctl_close(cli);
		return (int)id;
	}
	cli->attach_id = id;
	*out = cli;
	return 0;
}

/* Take in what has come, sorted; never waits. Greeting and negotiation are nobody's. */
static void client_pump(struct ctl_client *cli)
{
	json_t *obj;

	if (!cli->gone)
		client_push(cli, NULL);
	while (!cli->gone && client_fill(cli, NULL) == 0)
		;
	while ((obj = client_take(cli))) {
		if (json_object_get(obj, "event"))
			client_queue_event(cli, obj);
		else if (cli->attach_id && client_id(obj) == cli->attach_id)
			client_opened(cli, obj);
		else if (client_id(obj) > 0)
			client_queue_reply(cli, obj);
		json_decref(obj);
	}
}

static json_t *client_shift(json_t *list)
{
	json_t *obj = json_incref(json_array_get(list, 0));

	if (obj)
		json_array_remove(list, 0);
	return obj;
}

json_t *ctl_event(struct ctl_client *cli, bool *gone)
{
	json_t *event;

	client_pump(cli);
	event = client_shift(cli->events);
	*gone = !event && cli->gone;
	return event;
}

long long ctl_reply(struct ctl_client *cli, json_t **ret, struct err *err)
{
	json_t *reply;
	long long id;

	client_pump(cli);
	reply = client_shift(cli->replies);
	if (!reply)
		return 0;
	id = client_id(reply);
	*ret = NULL;
	client_result(reply, "the VM refused", ret, err);
	json_decref(reply);
	return id;
}

int ctl_view(struct ctl_client *cli, struct vm_view *out, struct err *err)
{
	if (cli->attach_id)
		return err_set(err, EAGAIN, "the VM has not answered yet");
	if (cli->attach_err.code)
		return err_set(err, cli->attach_err.code, "%s", cli->attach_err.text);
	if (!cli->ram)
		return err_set(err, ENOTCONN, "not attached");
	return view_build(cli->sample, cli->sample_len, cli->ram, cli->ram_len, out, err);
}

struct vm_view *ctl_look(struct ctl_client *cli, struct err *err)
{
	struct vm_view *view = malloc(sizeof(*view));

	if (!view) {
		err_sys(err, ENOMEM, "view");
		return NULL;
	}
	if (ctl_attach(cli, 0, err) == 0 && ctl_view(cli, view, err) == 0)
		return view;
	free(view);
	return NULL;
}

void ctl_look_end(struct vm_view *view)
{
	view_release(view);
	free(view);
}

int ctl_console(const char *name, struct err *err)
{
	char dir[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + 16];
	int ret;

	ret = rundir_path(name, dir, sizeof(dir), err);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "%s/console.sock", dir);
	return sock_connect(path, CLIENT_CONNECT_MS, err);
}

/* --- which VMs there are --- */

static void client_ask_state(struct ctl_vm_info *vm)
{
	struct ctl_client *cli = NULL;
	json_t *ret = NULL;
	const char *state;

	snprintf(vm->state, sizeof(vm->state), "no answer");
	if (client_connect(vm->name, CLIENT_PROBE_NS, &cli, NULL) < 0)
		return;
	if (client_exec(cli, "query-status", NULL, &ret, CLIENT_PROBE_NS, NULL) == 0) {
		state = json_string_value(json_object_get(ret, "status"));
		snprintf(vm->state, sizeof(vm->state), "%s", state ? state : "?");
		vm->answers = true;
	}
	json_decref(ret);
	ctl_close(cli);
}

static int client_list(bool ask, struct ctl_vm_info **out, struct err *err)
{
	struct ctl_vm_info *list;
	int nr, i, kept = 0;
	char **names;
	pid_t pid;

	nr = rundir_names(&names, err);
	if (nr < 0)
		return nr;
	list = calloc((size_t)nr + 1, sizeof(*list));
	for (i = 0; list && i < nr; i++) {
		if (!rundir_alive(names[i], &pid)) {
			rundir_sweep(names[i]);
			continue;
		}
		snprintf(list[kept].name, sizeof(list[kept].name), "%s", names[i]);
		list[kept].pid = pid;
		if (ask)
			client_ask_state(&list[kept]);
		/* One that was ending when it was asked may have ended by now. */
		if (!ask || list[kept].answers || rundir_alive(names[i], NULL))
			kept++;
		else
			rundir_sweep(names[i]);
	}
	rundir_names_free(names);
	if (!list)
		return err_sys(err, ENOMEM, "list of VMs");
	*out = list;
	return kept;
}

int ctl_list(struct ctl_vm_info **out, struct err *err)
{
	return client_list(true, out, err);
}

int ctl_names(struct ctl_vm_info **out, struct err *err)
{
	return client_list(false, out, err);
}

/* The process is the holder of the folder's lock, so this hits no stranger. */
int ctl_kill(const char *name, struct err *err)
{
	pid_t pid;

	if (!rundir_alive(name, &pid))
		return 0;
	if (pid <= 0 || kill(pid, SIGKILL) != 0)
		return err_set(err, ESRCH, "%s cannot be ended (process %d)", name, (int)pid);
	return 0;
}

/* An exact name wins over those it is a prefix of. */
static int client_match(char **names, const char *prefix, const char **found, char *others,
			size_t len)
{
	int nr = 0;
	size_t at;

	for (; *names; names++) {
		if (!rundir_alive(*names, NULL))
			continue;
		if (strcmp(*names, prefix) == 0) {
			*found = *names;
			return 1;
		}
		if (strncmp(*names, prefix, strlen(prefix)) != 0)
			continue;
		at = strlen(others);
		snprintf(others + at, len - at, "%s%s", nr ? ", " : "", *names);
		*found = *names;
		nr++;
	}
	return nr;
}

int ctl_resolve(const char *prefix, char *name, size_t len, struct err *err)
{
	char others[200] = "";
	const char *found = NULL;
	char **names;
	int nr;

	if (!prefix)
		prefix = "";
	nr = rundir_names(&names, err);
	if (nr < 0)
		return nr;
	nr = client_match(names, prefix, &found, others, sizeof(others));
	if (nr == 1)
		snprintf(name, len, "%s", found);
	rundir_names_free(names);
	if (nr == 1)
		return 0;
	if (nr > 1)
		return err_set(err, EEXIST, "which VM? %s", others);
	if (prefix[0])
		return err_set(err, ENOENT, "there is no VM called %s (vitrine ls)", prefix);
	return err_set(err, ENOENT, "no VM is running (vitrine run IMAGE starts one)");
}
