/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal lent to a guest: see escape.h. */
#include "ctl/escape.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>

static struct termios escape_saved;
static volatile sig_atomic_t escape_fd = -1;

size_t escape_feed(struct escape *esc, const unsigned char *in, size_t len, unsigned char *out,
		   size_t *out_len, int *command)
{
	size_t i;

	*out_len = 0;
	*command = 0;
	for (i = 0; i < len; i++) {
		if (!esc->pending && in[i] == ESCAPE_PREFIX) {
			esc->pending = true;
			continue;
		}
		if (!esc->pending || in[i] == ESCAPE_PREFIX) {
			esc->pending = false;
			out[(*out_len)++] = in[i];
			continue;
		}
		esc->pending = false;
		*command = in[i];
		return i + 1;
	}
	return len;
}

void escape_restore(void)
{
	int fd = escape_fd;

	escape_fd = -1;
	if (fd >= 0)
		tcsetattr(fd, TCSANOW, &escape_saved);
}

static void escape_crash(int sig)
{
	escape_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void escape_watch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction act = { .sa_handler = escape_crash, .sa_flags = SA_RESETHAND };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &act, NULL);
}

int escape_raw(int fd, struct err *err)
{
	static bool registered;
	struct termios raw;

	if (tcgetattr(fd, &escape_saved) != 0)
		return err_sys(err, errno, "terminal");
	if (!registered && atexit(escape_restore) == 0)
		registered = true;
	escape_watch_crashes();
	raw = escape_saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* a kernel's bare newlines shall not make a staircase */
	escape_fd = fd;
	if (tcsetattr(fd, TCSANOW, &raw) != 0) {
		escape_fd = -1;
		return err_sys(err, errno, "terminal");
	}
	return 0;
}
