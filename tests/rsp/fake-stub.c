/* SPDX-License-Identifier: MIT */
/*
 * The fake machine on standard input and output, for a real debugger:
 * gdb -ex 'target remote | tests/rsp/fake-stub'.  Options: a number of CPUs, "nonstop", "running".
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake-target.h"

static int stub_flush(struct gdb_session *s)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while ((data = gdb_session_output(s, &len))) {
		n = write(STDOUT_FILENO, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			gdb_session_sent(s, (size_t)n);
	}
	return gdb_session_broken(s) ? -EPIPE : 0;
}

int main(int argc, char **argv)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	uint8_t buf[4096];
	struct fake *f = fake_new(argc > 1 ? atoi(argv[1]) : 2);
	ssize_t n;

	if (!f)
		return 1;
	fake_set_nonstop(f, argc > 2 && !strcmp(argv[2], "nonstop"));
	fake_set_reverse(f, argc > 2 && !strcmp(argv[2], "reverse"));
	if (argc > 2 && !strcmp(argv[2], "running"))
		fake_set_running(f, true);
	gdb_session_connect(fake_session(f));
	do {
		fake_run(f, 1000);
		if (stub_flush(fake_session(f)) || poll(&pfd, 1, fake_running(f) ? 0 : -1) < 0)
			break;
		n = pfd.revents ? read(STDIN_FILENO, buf, sizeof(buf)) : 0;
		if (n > 0)
			gdb_session_input(fake_session(f), buf, (size_t)n);
	} while (!pfd.revents || n > 0);
	fake_free(f);
	return 0;
}
