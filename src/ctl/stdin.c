/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard input as the guest's serial line: see stdin.h. */
#include "ctl/stdin.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/escape.h"

#define STDIN_CHUNK    4096
#define STDIN_RETRY_MS 10

struct ctl_stdin {
	struct console *con;
	struct event *ready, *retry, *resized;
	bool terminal;
	bool pollable;
	struct escape escape;
	void (*command)(void *ctx, int letter);
	void *ctx;
};

static void stdin_again(struct ctl_stdin *in, bool full)
{
	struct timeval later = { .tv_usec = STDIN_RETRY_MS * 1000 };

	if (full || !in->pollable)
		event_add(in->retry, &later);
	else
		event_add(in->ready, NULL);
}

static void stdin_take(struct ctl_stdin *in, const unsigned char *data, size_t len)
{
	unsigned char out[STDIN_CHUNK];
	size_t used, nr;
	int letter;

	if (!in->terminal) {
		console_input(in->con, data, len);
		return;
	}
	while (len) {
		used = escape_feed(&in->escape, data, len, out, &nr, &letter);
		console_input(in->con, out, nr);
		if (letter)
			in->command(in->ctx, letter);
		data += used;
		len -= used;
	}
}

static void stdin_on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_stdin *in = arg;
	unsigned char data[STDIN_CHUNK];
	size_t room = console_room(in->con);
	ssize_t n;

	(void)fd;
	(void)what;
	if (!room) {
		stdin_again(in, true);
		return;
	}
	n = read(STDIN_FILENO, data, room < sizeof(data) ? room : sizeof(data));
	if (n > 0)
		stdin_take(in, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return; /* its end is not the guest's */
	stdin_again(in, false);
}

static void stdin_on_resize(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_stdin *in = arg;
	struct winsize win;

	(void)fd;
	(void)what;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &win) == 0 && win.ws_col && win.ws_row)
		console_resize(in->con, win.ws_col, win.ws_row);
}

/* What epoll takes; it refuses plain files and /dev/null, which never block. */
static bool stdin_is_pollable(void)
{
	struct stat st;

	return isatty(STDIN_FILENO) ||
	       (fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

static int stdin_open_terminal(struct event_base *base, struct ctl_stdin *in, struct err *err)
{
	in->terminal = isatty(STDIN_FILENO);
	if (!in->terminal)
		return 0;
	in->resized = evsignal_new(base, SIGWINCH, stdin_on_resize, in);
	if (!in->resized || event_add(in->resized, NULL))
		return err_sys(err, ENOMEM, "stdin");
	stdin_on_resize(-1, 0, in);
	log_line("Ctrl-] q stop · Ctrl-] ? help");
	return escape_raw(STDIN_FILENO, err);
}

int ctl_stdin_start(struct event_base *base, struct console *con,
		    void (*command)(void *ctx, int letter), void *ctx, struct ctl_stdin **out,
		    struct err *err)
{
	struct ctl_stdin *in;
	int ret;

	*out = NULL;
	if (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp())
		return 0;
	in = calloc(1, sizeof(*in));
	if (!in)
		return err_sys(err, ENOMEM, "stdin");
	*out = in;
	in->con = con;
	in->command = command;
	in->ctx = ctx;
	in->ready = event_new(base, STDIN_FILENO, EV_READ, stdin_on_ready, in);
	in->retry = event_new(base, -1, EV_TIMEOUT, stdin_on_ready, in);
	if (!in->ready || !in->retry)
		return err_sys(err, ENOMEM, "stdin");
	ret = stdin_open_terminal(base, in, err);
	in->pollable = stdin_is_pollable();
	stdin_again(in, false);
	return ret;
}

void ctl_stdin_stop(struct ctl_stdin *in)
{
	if (!in)
		return;
	escape_restore();
	if (in->ready)
		event_free(in->ready);
	if (in->retry)
		event_free(in->retry);
	if (in->resized)
		event_free(in->resized);
	free(in);
}
