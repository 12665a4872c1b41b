/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine console`: this terminal as the guest's serial line. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/escape.h"

#define CONSOLE_REPLAY_MAX (1u << 20)
#define CONSOLE_QUIET_NS   300000000ull
#define CONSOLE_LINGER_MS  1000 /* of silence, after a pipe's end */
#define CONSOLE_LINGER_NS  10000000000ull

static volatile sig_atomic_t console_resized;

static const struct cmd_help console_help = {
	.synopsis = "vitrine console [NAME]",
	.what = "Makes this terminal the guest's first serial line: the last screenful, then "
		"live.\n"
		"Ctrl-] d leaves, Ctrl-] q ends the VM, Ctrl-] c opens the monitor, Ctrl-] twice\n"
		"sends one. Everything else, Ctrl-C too, goes to the guest. Where input is a pipe\n"
		"or a file, its end leaves, as soon as the guest has been silent for a second.",
	.example = { "vitrine console demo", "echo uname -a | vitrine console demo" },
};

struct console_session {
	const char *name;
	int fd; /* the VM's console socket */
	bool terminal;
	struct escape escape;
};

static bool console_write(int fd, const void *data, size_t len)
{
	const char *at = data;
	ssize_t n;

	while (len) {
		n = write(fd, at, len);
		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The end of TEXT that fills a terminal's screen. */
static const char *console_last_screen(const char *text, size_t *len)
{
	unsigned int lines = 0, rows = 24;
	const char *at = text + *len;
	struct winsize win;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &win) == 0 && win.ws_row)
		rows = win.ws_row;
	while (at > text && !(at[-1] == '\n' && ++lines == rows))
		at--;
	*len -= (size_t)(at - text);
	return at;
}

/* Collect the past, of which there are WANT bytes; it comes at once, so silence ends it too. */
static void console_replay(struct console_session *ses, uint64_t want)
{
	uint64_t deadline = time_now_ns() + CONSOLE_QUIET_NS;
	struct pollfd pfd = { .fd = ses->fd, .events = POLLIN };
	struct buf past = BUF_INIT;
	char data[65536];
	const char *text;
	size_t len;
	ssize_t n;

	if (want > CONSOLE_REPLAY_MAX)
		want = CONSOLE_REPLAY_MAX;
	while (past.len < want && time_now_ns() < deadline) {
		if (poll(&pfd, 1, 50) <= 0)
			continue;
		n = read(ses->fd, data, sizeof(data));
		if (n <= 0)
			break;
		buf_add(&past, data, (size_t)n);
	}
	len = past.len;
	text = buf_str(&past);
	if (ses->terminal)
		text = console_last_screen(text, &len);
	console_write(STDOUT_FILENO, text, len);
	buf_free(&past);
}

/* Say how large this terminal is; a serial line does not care, and need not be told. */
static void console_tell_size(const char *name)
{
	struct ctl_client *cli = NULL;
	struct winsize win;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &win) || !win.ws_col || !win.ws_row)
		return;
	if (ctl_connect(name, &cli, NULL) == 0)
		ctl_exec(cli, "x-vitrine-console-size",
			 json_pack("{s:i, s:i}", "columns", win.ws_col, "rows", win.ws_row), NULL,
			 NULL);
	ctl_close(cli);
}

static void console_on_resize(int sig)
{
	(void)sig;
	console_resized = 1;
}

/* From here on SIGWINCH comes only while console_loop() waits; *WAITING is for ppoll(). */
static void console_follow_size(struct console_session *ses, sigset_t *waiting)
{
	struct sigaction act = { .sa_handler = console_on_resize };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGWINCH);
	sigprocmask(SIG_BLOCK, &block, waiting);
	sigdelset(waiting, SIGWINCH);
	if (!ses->terminal)
		return;
	sigaction(SIGWINCH, &act, NULL);
	console_resized = 1;
}

static void console_end_vm(const char *name)
{
	struct ctl_client *cli = NULL;

	if (ctl_connect(name, &cli, NULL) == 0)
		ctl_exec(cli, "quit", NULL, NULL, NULL);
	ctl_close(cli);
}

/* A letter after the prefix; false: the session is over. */
static bool console_command(struct console_session *ses, int letter)
{
	sigset_t none;

	switch (letter) {
	case 'd':
		return false;
	case 'q':
	case 'x':
		console_end_vm(ses->name);
		return false;
	case 'c':
		escape_restore();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl("/proc/self/exe", "vitrine", "monitor", ses->name, (char *)NULL);
		return false;
	}
	fprintf(stderr, "\r\nvitrine: Ctrl-] d leave · Ctrl-] q end the VM · Ctrl-] c monitor · "
			"Ctrl-] Ctrl-] sends Ctrl-]\r\n");
	return true;
}

static bool console_from_keyboard(struct console_session *ses)
{
	unsigned char in[4096], out[4096];
	const unsigned char *at = in;
	size_t len, used, nr;
	int letter;
	ssize_t n;

	n = read(STDIN_FILENO, in, sizeof(in));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (!ses->terminal)
		return console_write(ses->fd, in, (size_t)n);
	for (len = (size_t)n; len; at += used, len -= used) {
		used = escape_feed(&ses->escape, at, len, out, &nr, &letter);
		if (!console_write(ses->fd, out, nr))
			return false;
		if (letter && !console_command(ses, letter))
			return false;
	}
	return true;
}

enum console_end { CONSOLE_ON, CONSOLE_LEFT, CONSOLE_VM_ENDED };

static enum console_end console_from_guest(struct console_session *ses)
{
	char data[65536];
	ssize_t n;

	n = read(ses->fd, data, sizeof(data));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return CONSOLE_VM_ENDED;
	if (n > 0 && !console_write(STDOUT_FILENO, data, (size_t)n))
		return CONSOLE_LEFT;
	return CONSOLE_ON;
}

/* A pipe has ended: what the guest has to say to its last line is still heard. */
static enum console_end console_linger(struct console_session *ses)
{
	uint64_t deadline = time_now_ns() + CONSOLE_LINGER_NS;
	struct pollfd pfd = { .fd = ses->fd, .events = POLLIN };
	enum console_end end = CONSOLE_ON;
	int ret;

	while (end == CONSOLE_ON && time_now_ns() < deadline) {
		ret = poll(&pfd, 1, CONSOLE_LINGER_MS);
		if (ret == 0 || (ret < 0 && errno != EINTR))
			return CONSOLE_LEFT;
		if (ret > 0)
			end = console_from_guest(ses);
	}
	return end;
}

/* Both ways until somebody leaves. */
static enum console_end console_loop(struct console_session *ses)
{
	struct pollfd pfd[2] = { { .fd = ses->fd, .events = POLLIN },
				 { .fd = STDIN_FILENO, .events = POLLIN } };
	enum console_end end = CONSOLE_ON;
	sigset_t waiting;

	console_follow_size(ses, &waiting);
	while (end == CONSOLE_ON) {
		if (console_resized)
			console_tell_size(ses->name);
		console_resized = 0;
		if (ppoll(pfd, 2, NULL, &waiting) < 0) {
			if (errno != EINTR)
				return CONSOLE_LEFT;
			continue;
		}
		if (pfd[0].revents)
			end = console_from_guest(ses);
		if (end == CONSOLE_ON && pfd[1].revents && !console_from_keyboard(ses))
			return ses->terminal ? CONSOLE_LEFT : console_linger(ses);
	}
	return end;
}

static int console_info(const char *name, uint64_t *said, char *state, size_t len, struct err *err)
{
	struct ctl_client *cli = NULL;
	json_t *info = NULL;
	const char *text;
	int ret;

	ret = ctl_connect(name, &cli, err);
	if (ret == 0)
		ret = ctl_exec(cli, "x-vitrine-info", NULL, &info, err);
	ctl_close(cli);
	text = json_string_value(json_object_get(info, "state"));
	snprintf(state, len, "%s", text ? text : "?");
	*said = (uint64_t)json_integer_value(json_object_get(info, "serial-out"));
	json_decref(info);
	return ret;
}

int cmd_console(int argc, char **argv)
{
	struct console_session ses = { .terminal = isatty(STDIN_FILENO) };
	char name[VM_NAME_MAX], state[24];
	struct err err = ERR_INIT;
	const char *prefix;
	uint64_t said = 0;
	enum console_end end;
	int status;

	if (cmd_only_name(argc, argv, &console_help, &prefix, &status))
		return status;
	ses.name = name;
	if (ctl_resolve(prefix, name, sizeof(name), &err) < 0 ||
	    console_info(name, &said, state, sizeof(state), &err) < 0)
		return cmd_fail(&err, 1);
	ses.fd = ctl_console(name, &err);
	if (ses.fd < 0)
		return cmd_fail(&err, 1);
	console_replay(&ses, said);
	if (ses.terminal) {
		fprintf(stderr,
			"\r\nvitrine: connected to %s, %llu bytes so far, the guest is %s\n"
			"vitrine: Ctrl-] d leave · Ctrl-] q end the VM · Ctrl-] ? help\n",
			name, (unsigned long long)said, state);
		if (escape_raw(STDIN_FILENO, &err) < 0)
			return cmd_fail(&err, 1);
	}
	end = console_loop(&ses);
	escape_restore();
	close(ses.fd);
	fprintf(stderr,
		end == CONSOLE_VM_ENDED ? "\nvitrine: %s has ended\n" : "\nvitrine: left %s\n",
		name);
	return 0;
}
