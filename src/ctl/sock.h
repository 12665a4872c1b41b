/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix stream sockets: listening, connecting, and file descriptors passed along. */
#ifndef VITRINE_CTL_SOCK_H
#define VITRINE_CTL_SOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define SOCK_MAX_FDS 4

/* Listen at PATH (mode 0600, non-blocking; a dead socket there is replaced). fd or -errno. */
int sock_listen(const char *path, struct err *err);
/* Accept one client of this user (or root), non-blocking. fd or -errno. */
int sock_accept(int listen_fd);
/* Connect to PATH, non-blocking afterwards; waits at most TIMEOUT_MS. fd or -errno. */
int sock_connect(const char *path, int timeout_ms, struct err *err);
/* Send up to LEN bytes with NR file descriptors attached to the first. Bytes or -errno. */
ssize_t sock_send_fds(int fd, const void *data, size_t len, const int *fds, unsigned int nr);
/* Receive bytes and at most *NR descriptors (close-on-exec; *NR becomes how many). */
ssize_t sock_recv_fds(int fd, void *data, size_t len, int *fds, unsigned int *nr);
/* Wait until FD has EVENTS (poll's); 0, -ETIMEDOUT at DEADLINE_NS (CLOCK_MONOTONIC), -errno. */
int sock_wait(int fd, short events, unsigned long long deadline_ns);

#endif
