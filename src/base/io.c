/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, and where a person's are: see io.h. */
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int io_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;
	ssize_t n;

	while (len) {
		n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

bool io_person_dir(const char *variable, const char *fallback, char *path, size_t len)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	int used;

	if (base && base[0] == '/')
		used = snprintf(path, len, "%s/vitrine", base);
	else if (home && home[0] == '/')
		used = snprintf(path, len, "%s/%s/vitrine", home, fallback);
	else
		return false;
	return used > 0 && (size_t)used < len;
}
