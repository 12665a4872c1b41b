/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctl/server, commands, console and client against a fake VM: transcripts, events, bad clients. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/thread.h>

#include "base/time.h"
#include "ctl/client.h"
#include "ctl/console.h"
#include "ctl/rundir.h"
#include "ctl/server.h"
#include "ctl/sock.h"
#include "fake-vm.h"

#define PATIENCE_NS 10000000000ull

static char home[64];
static struct event_base *base;
static struct rundir dir;
static struct vm *vm;
static struct ctl_server *server;
static struct console *console;

static int setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	strcpy(home, "/tmp/vitrine-test-XXXXXX");
	if (!mkdtemp(home))
		return -1;
	setenv("XDG_RUNTIME_DIR", home, 1);
	evthread_use_pthreads();
	base = event_base_new();
	vm = fake_vm_new(base);
	if (rundir_take("fake", &dir, &err) != 0 ||
	    ctl_server_start(vm, dir.path, &server, &err) != 0 ||
	    console_start(vm, dir.path, &console, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	console_stop(console);
	ctl_server_stop(server);
	fake_vm_free(vm);
	event_base_free(base);
	rundir_release(&dir);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", home);
	return system(cmd);
}

static int open_socket(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir.path, name);
	fd = sock_connect(path, 1000, NULL);
	assert_true(fd >= 0);
	return fd;
}

/* Let the server work until FD has a whole line; false where it was closed instead. */
static bool read_line(int fd, char *line, size_t size)
{
	uint64_t deadline = time_now_ns() + PATIENCE_NS;
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size) {
		assert_true(time_now_ns() < deadline);
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = read(fd, line + len, 1);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return false;
		if (n == 1 && line[len++] == '\n')
			break;
	}
	line[len] = '\0';
	return true;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *part)
{
	char line[65536];

	assert_true(read_line(fd, line, sizeof(line)));
	if (!strstr(line, part))
		fail_msg("no '%s' in: %s", part, line);
}

/* The transcript of one session: what is said, what must come back. */
static void test_transcript(void **state)
{
	static const char *const script[][2] = {
		{ NULL, "\"QMP\"" },
		{ "{\"execute\":\"stop\"}", "CommandNotFound" },
		{ "{\"execute\":\"qmp_capabilities\"}", "\"return\": {}" },
		{ "{\"execute\":\"qmp_capabilities\"}", "CommandNotFound" },
		{ "{\"execute\":\"query-status\",\"id\":\"x\"}", "\"id\": \"x\"" },
		{ "{\"execute\":\"query-status\"}", "\"status\": \"running\"" },
		{ "{\"execute\":\"query-cpus-fast\"}", "\"thread-id\": 42" },
		{ "{\"execute\":\"query-name\"}", "\"fake\"" },
		{ "{\"execute\":\"query-commands\"}", "human-monitor-command" },
		{ "{\"execute\":\"query-kvm\"}", "\"present\": true" },
		{ "{\"execute\":\"query-version\"}", "\"major\"" },
		{ "{\"execute\":\"query-target\"}", "x86_64" },
		{ "{\"execute\":\"query-memory-size-summary\"}", "2097152" },
		{ "{\"execute\":\"nothing\"}", "CommandNotFound" },
		{ "garbage\n", "GenericError" },
		{ "{\"execute\":7}", "GenericError" },
		{ "{\"execute\":\"human-monitor-command\"}", "command-line" },
		{ "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
		  "\"print $rip\"}}",
		  "0x1234" },
		{ "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
		  "\"nonsense\"}}",
		  "no command" },
		{ "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
		  "\"info cpus\",\"cpu-index\":64}}",
		  "GenericError" },
		{ "{\"execute\":\"x-vitrine-info\"}", "\"run-dir\"" },
		{ "{\"execute\":\"x-vitrine-complete\",\"arguments\":{\"line\":\"info me\"}}",
		  "[\"mem\"]" },
		{ "{\"execute\":\"x-vitrine-serial\",\"arguments\":{\"data\":\"hi\"}}",
		  "\"taken\": 2" },
		{ "{\"execute\":\"x-vitrine-attach\",\"arguments\":{\"hz\":1000}}",
		  "GenericError" },
		{ "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[]}}", "GenericError" },
		{ "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[7]}}", "GenericError" },
		{ "{\"execute\":\"dump-guest-memory\",\"arguments\":{\"paging\":false,"
		  "\"protocol\":\"file:/x\"}}",
		  "stop it first" },
		{ "{\"execute\":\"system_powerdown\"}", "\"return\": {}" },
	};
	int fd = open_socket("qmp.sock");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
		if (script[i][0])
			say(fd, script[i][0]);
		expect(fd, script[i][1]);
	}
	assert_int_equal(fake_vm_seen(vm)->powerdowns, 1);
	assert_memory_equal(fake_vm_seen(vm)->input, "hi", 2);
	close(fd);
}

static int open_negotiated(void)
{
	int fd = open_socket("qmp.sock");

	expect(fd, "QMP");
	say(fd, "{\"execute\":\"qmp_capabilities\"}");
	expect(fd, "return");
	return fd;
}

/* Events reach every client that negotiated; the one that asked sees them before its reply. */
static void test_events(void **state)
{
	int one = open_negotiated(), two = open_negotiated(), deaf = open_socket("qmp.sock");

	(void)state;
	expect(deaf, "QMP");
	say(one, "{\"execute\":\"stop\"}{\"execute\":\"cont\"}");
	expect(one, "\"event\": \"STOP\"");
	expect(one, "\"return\": {}");
	expect(one, "\"event\": \"RESUME\"");
	expect(one, "\"return\": {}");
	expect(two, "\"event\": \"STOP\"");
	expect(two, "\"event\": \"RESUME\"");
	fake_vm_crashes(vm, "triple fault on vcpu0");
	expect(two, "GUEST_PANICKED");
	expect(two, "triple fault on vcpu0");
	say(two, "{\"execute\":\"cont\"}");
	expect(two, "has crashed");
	say(two, "{\"execute\":\"system_reset\"}");
	expect(two, "RESET");
	expect(two, "return");
	say(deaf, "{\"execute\":\"qmp_capabilities\"}");
	expect(deaf, "return");
	close(one);
	close(two);
	close(deaf);
}

static void pump_until(bool (*done)(void))
{
	uint64_t deadline = time_now_ns() + PATIENCE_NS;

	while (!done()) {
		assert_true(time_now_ns() < deadline);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static bool four_keys(void)
{
	return fake_vm_seen(vm)->nr_keys >= 4;
}

static void test_keys(void **state)
{
	static const uint16_t want[] = { 0x1d, 0x1e, 0x801e, 0x801d };
	struct fake_vm_seen *seen = fake_vm_seen(vm);
	int fd = open_negotiated();

	(void)state;
	say(fd, "{\"execute\":\"send-key\",\"arguments\":{\"hold-time\":1,\"keys\":[{\"type\":"
		"\"qcode\",\"data\":\"ctrl\"},{\"type\":\"qcode\",\"data\":\"a\"}]}}");
	expect(fd, "return");
	pump_until(four_keys);
	assert_memory_equal(seen->key, want, sizeof(want));
	seen->nr_keys = 0;
	say(fd, "{\"execute\":\"x-vitrine-type\",\"arguments\":{\"text\":\"A\"}}");
	expect(fd, "return");
	pump_until(four_keys);
	assert_int_equal(seen->key[0], 0x2a);
	assert_int_equal(seen->key[1], 0x1e);
	close(fd);
}

static void test_console_size(void **state)
{
	struct fake_vm_seen *seen = fake_vm_seen(vm);
	int fd = open_negotiated();

	(void)state;
	say(fd, "{\"execute\":\"x-vitrine-console-size\",\"arguments\":{\"columns\":132,"
		"\"rows\":43}}");
	expect(fd, "return");
	assert_int_equal(seen->cols, 132);
	assert_int_equal(seen->rows, 43);
	say(fd, "{\"execute\":\"x-vitrine-console-size\",\"arguments\":{\"columns\":65536,"
		"\"rows\":1}}");
	expect(fd, "error");
	assert_int_equal(seen->cols, 132);
	close(fd);
}

static bool samples_stopped(void)
{
	return fake_vm_seen(vm)->sample_hz == 0;
}

static void test_sample_rate(void **state)
{
	int one = open_negotiated(), two = open_negotiated();

	(void)state;
	say(one, "{\"execute\":\"x-vitrine-attach\",\"arguments\":{\"hz\":10,\"fds\":false}}");
	expect(one, "return");
	say(two, "{\"execute\":\"x-vitrine-attach\",\"arguments\":{\"hz\":30,\"fds\":false}}");
	expect(two, "return");
	assert_int_equal(fake_vm_seen(vm)->sample_hz, 30);
	close(two);
	say(one, "{\"execute\":\"query-name\"}");
	expect(one, "fake");
	close(one);
	pump_until(samples_stopped);
}

/* A client that asks and never reads is dropped at a bound; others are served meanwhile. */
static void test_greedy_client(void **state)
{
	int greedy = open_negotiated(), good = open_negotiated(), i;
	char ask[4096] = "", line[256];

	(void)state;
	for (i = 0; i < 80; i++)
		strcat(ask, "{\"execute\":\"query-commands\"}");
	for (i = 0; i < 4000; i++) {
		if (send(greedy, ask, strlen(ask), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN)
			break;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_true(i < 4000);
	say(good, "{\"execute\":\"query-name\"}");
	expect(good, "fake");
	close(greedy);
	close(good);
	for (i = 0; i < 100; i++) { /* beyond the limit of clients: closed at once */
		greedy = open_socket("qmp.sock");
		if (!read_line(greedy, line, sizeof(line)))
			break;
	}
	assert_in_range(i, 1, 64);
}

static void test_console(void **state)
{
	struct fake_vm_seen *seen = fake_vm_seen(vm);
	char line[256], file[256];
	struct buf tail = BUF_INIT;
	int late, fd, i;
	FILE *log;

	(void)state;
	fd = open_socket("console.sock");
	fake_vm_says(vm, "hello\nworld\n", 12);
	expect(fd, "hello");
	expect(fd, "world");
	late = open_socket("console.sock");
	expect(late, "hello");
	expect(late, "world");
	seen->uart_room = 3;
	say(late, "abcdefgh");
	for (i = 0; i < 2000 && seen->input_len < 8; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
	assert_int_equal(seen->input_len, 8);
	assert_memory_equal(seen->input, "abcdefgh", 8);
	console_tail(console, 6, &tail);
	assert_string_equal(buf_str(&tail), "world\n");
	buf_free(&tail);
	snprintf(file, sizeof(file), "%s/log", dir.path);
	log = fopen(file, "r");
	assert_non_null(log);
	assert_non_null(fgets(line, sizeof(line), log));
	assert_string_equal(line, "hello\n");
	fclose(log);
	close(fd);
	close(late);
}

/* More than the ring holds: the newest survives, and a reader that lags gets whole bytes. */
static void test_console_flood(void **state)
{
	static char chunk[65536];
	uint64_t deadline = time_now_ns() + PATIENCE_NS;
	int fd = open_socket("console.sock"), i;
	char last = 0;
	ssize_t n;

	(void)state;
	for (i = 0; i < 64; i++) {
		memset(chunk, 'a' + i % 26, sizeof(chunk));
		fake_vm_says(vm, chunk, sizeof(chunk));
	}
	fake_vm_says(vm, "\n", 1);
	while (last != '\n') {
		assert_true(time_now_ns() < deadline);
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = read(fd, chunk, sizeof(chunk));
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		if (n > 0)
			last = chunk[n - 1];
	}
	close(fd);
}

static void work(unsigned int rounds)
{
	while (rounds--) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
}

/* `echo WORDS | socat -u` has left before anybody looked; what it said counts all the same. */
static void test_gone_before_heard(void **state)
{
	struct fake_vm_seen *seen = fake_vm_seen(vm);
	int fd;

	(void)state;
	fake_vm_says(vm, "hello\n", 6);
	work(20);
	fd = open_socket("console.sock");
	say(fd, "typed");
	close(fd);
	work(20);
	assert_int_equal(seen->input_len, 5);
	assert_memory_equal(seen->input, "typed", 5);
	fd = open_socket("qmp.sock");
	say(fd, "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"stop\"}");
	close(fd);
	work(20);
	assert_int_equal(vm_state(vm), VM_STATE_PAUSED);
}

/* One that has ended its input goes on listening. */
static void test_console_listens(void **state)
{
	int fd = open_socket("console.sock");

	(void)state;
	say(fd, "typed");
	shutdown(fd, SHUT_WR);
	work(20);
	assert_int_equal(fake_vm_seen(vm)->input_len, 5);
	fake_vm_says(vm, "answer\n", 7);
	expect(fd, "answer");
	close(fd);
}

static atomic_bool stop_serving;

static void *serve(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop_serving)) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
	return NULL;
}

/* The client of client.h: attach, view, monitor, events, and a VM that goes away. */
static void test_client(void **state)
{
	struct ctl_client *cli = NULL;
	struct ctl_vm_info *list = NULL;
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	struct vm_view *view = malloc(sizeof(*view));
	pthread_t thread;
	json_t *event;
	bool gone = false;

	(void)state;
	atomic_store(&stop_serving, false);
	pthread_create(&thread, NULL, serve, NULL);
	assert_int_equal(ctl_list(&list, &err), 1);
	assert_string_equal(list[0].state, "running");
	assert_true(list[0].answers);
	free(list);
	assert_int_equal(ctl_connect("fake", &cli, &err), 0);
	assert_int_equal(ctl_exec(cli, "nothing", NULL, NULL, &err), -EREMOTEIO);
	assert_int_equal(ctl_monitor(cli, "print 6*7", &out, &err), 0);
	assert_string_equal(buf_str(&out), "0x2a\n");
	assert_int_equal(ctl_attach(cli, 20, &err), 0);
	assert_int_equal(ctl_attach(cli, 10, &err), 0);
	assert_int_equal(ctl_view(cli, view, &err), 0);
	assert_int_equal(view->vcpu[0].state.rip, 0x1234);
	assert_int_equal(mprotect((void *)view->ram, 4096, PROT_READ | PROT_WRITE), -1);
	view_release(view);
	assert_int_equal(ctl_exec(cli, "stop", NULL, NULL, &err), 0);
	event = ctl_event(cli, &gone);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "STOP");
	json_decref(event);
	assert_null(ctl_event(cli, &gone));
	assert_false(gone);
	atomic_store(&stop_serving, true);
	pthread_join(thread, NULL);
	ctl_server_stop(server);
	server = NULL;
	assert_null(ctl_event(cli, &gone));
	assert_true(gone);
	assert_int_equal(ctl_exec(cli, "stop", NULL, NULL, &err), -EPIPE);
	ctl_close(cli);
	buf_free(&out);
	free(view);
}

/* The client that never waits: opened at once, asked at once, answers collected by number. */
static void test_open(void **state)
{
	struct ctl_client *cli = NULL;
	struct ctl_vm_info *list = NULL;
	struct err err = ERR_INIT;
	struct vm_view *view = malloc(sizeof(*view));
	uint64_t limit = time_now_ns() + 20000000000ull;
	long long bad, good, id, seen[2] = { 0 };
	unsigned int nr = 0;
	json_t *ret = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(ctl_names(&list, &err), 1);
	assert_string_equal(list[0].name, "fake");
	free(list);
	assert_int_equal(ctl_open("nobody", 20, &cli, &err), -ENOENT);
	/* Nobody serves yet: all of this is done without an answer. */
	assert_int_equal(ctl_open("fake", 20, &cli, &err), 0);
	bad = ctl_begin(cli, "nothing", NULL, &err);
	good = ctl_begin(cli, "query-status", NULL, &err);
	assert_true(bad > 0 && good > bad);
	assert_int_equal(ctl_reply(cli, &ret, &err), 0);
	assert_int_equal(ctl_view(cli, view, &err), -EAGAIN);
	atomic_store(&stop_serving, false);
	pthread_create(&thread, NULL, serve, NULL);
	while (nr < 2 && time_now_ns() < limit) {
		err = (struct err)ERR_INIT;
		id = ctl_reply(cli, &ret, &err);
		if (id == bad)
			assert_int_equal(err.code, EREMOTEIO);
		if (id == good)
			assert_non_null(json_object_get(ret, "status"));
		if (id == bad || id == good)
			seen[nr++] = id;
		json_decref(ret);
		ret = NULL;
	}
	assert_int_equal(seen[0], bad);
	assert_int_equal(seen[1], good);
	assert_int_equal(ctl_view(cli, view, &err), 0);
	assert_int_equal(view->vcpu[0].state.rip, 0x1234);
	view_release(view);
	atomic_store(&stop_serving, true);
	pthread_join(thread, NULL);
	ctl_close(cli);
	free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_transcript, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sample_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greedy_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone_before_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
