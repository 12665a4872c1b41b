/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program's own words: see log.h. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

#define LOG_WINDOW_NS  5000000000ull
#define LOG_WINDOW_MAX 10

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO;
static uint64_t log_window_start;
static unsigned int log_window_count;

void log_open(int fd)
{
	pthread_mutex_lock(&log_lock);
	log_fd = fd;
	pthread_mutex_unlock(&log_lock);
}

static void log_vline(const char *fmt, va_list ap)
{
	char line[512] = "vitrine: ";
	size_t len = strlen(line);
	ssize_t n;
	int fd;

	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	len = strlen(line);
	line[len++] = '\n';
	pthread_mutex_lock(&log_lock);
	fd = log_fd;
	if (fd >= 0) {
		n = write(fd, line, len);
		(void)n; /* a log that cannot be written has nobody to tell */
	}
	pthread_mutex_unlock(&log_lock);
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(fmt, ap);
	va_end(ap);
}

static int log_allowed(void)
{
	uint64_t now = time_now_ns();
	int ok;

	pthread_mutex_lock(&log_lock);
	if (now - log_window_start > LOG_WINDOW_NS) {
		log_window_start = now;
		log_window_count = 0;
	}
	ok = log_window_count++ < LOG_WINDOW_MAX;
	pthread_mutex_unlock(&log_lock);
	return ok;
}

void log_guest(const char *fmt, ...)
{
	va_list ap;

	if (!log_allowed())
		return;
	va_start(ap, fmt);
	log_vline(fmt, ap);
	va_end(ap);
}
