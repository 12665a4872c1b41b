/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the host is off: see host.h. */
#include "balloon/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define HOST_TEXT_MAX	16384
#define HOST_NUMBER_MAX 32
#define HOST_PATH_MAX	512
#define HOST_CGROUP	"/sys/fs/cgroup"

/* The number after KEY at a line's start. */
static bool host_number(const char *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);
	char *end;

	for (; text; text = strchr(text, '\n'), text = text ? text + 1 : NULL) {
		if (strncmp(text, key, len) != 0 || !strchr(" \t:", text[len]))
			continue;
		*out = strtoull(text + len + strspn(text + len, " \t:"), &end, 10);
		return end[-1] >= '0' && end[-1] <= '9';
	}
	return false;
}

int host_parse_meminfo(const char *text, struct policy_host *out)
{
	uint64_t total, available;

	if (!host_number(text, "MemTotal", &total) ||
	    !host_number(text, "MemAvailable", &available) || available > total)
		return -EINVAL;
	out->total = total * 1024;
	out->available = available * 1024;
	return 0;
}

/* sscanf would want the locale's decimal point. */
static double host_average(const char *text, const char *word)
{
	const char *line = strstr(text, word), *at;
	unsigned long whole, part;
	char *end;

	at = line ? strstr(line, "avg10=") : NULL;
	if (!at)
		return -1;
	whole = strtoul(at + 6, &end, 10);
	if (*end != '.')
		return -1;
	part = strtoul(end + 1, &end, 10);
	return whole > 100 || part > 99 ? -1 : (double)whole + (double)part / 100;
}

int host_parse_pressure(const char *text, struct policy_host *out)
{
	out->some = host_average(text, "some ");
	out->full = host_average(text, "full ");
	return out->some < 0 ? -EINVAL : 0;
}

void host_apply_limit(const char *max, const char *current, const char *stat,
		      struct policy_host *out)
{
	uint64_t limit, used, cache = 0, left;
	char *end;

	limit = strtoull(max, &end, 10);
	if (end == max) /* "max": none */
		return;
	used = strtoull(current, NULL, 10);
	host_number(stat, "inactive_file", &cache);
	left = limit > used ? limit - used : 0;
	left = left + cache < limit ? left + cache : limit;
	if (limit < out->total)
		out->total = limit;
	if (left < out->available)
		out->available = left;
}

static bool host_read_text(const char *dir, const char *file, char *text, size_t len)
{
	char path[HOST_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return io_read_small(path, text, len) >= 0;
}

int host_cgroup(char *path, size_t len)
{
	char text[HOST_TEXT_MAX], *at, *end;

	if (io_read_small("/proc/self/cgroup", text, sizeof(text)) < 0)
		return -ENOENT;
	for (at = text; at; at = end ? end + 1 : NULL) {
		end = strchr(at, '\n');
		if (strncmp(at, "0::/", 4) != 0)
			continue;
		if (end)
			*end = '\0';
		if ((size_t)snprintf(path, len, "%s%s", HOST_CGROUP, at[4] ? at + 3 : "") >= len)
			return -ENAMETOOLONG;
		return access(path, X_OK) == 0 ? 0 : -ENOENT;
	}
	return -ENOENT;
}

/* Every group on the way up may have a limit. */
static void host_limits(struct policy_host *out)
{
	char dir[HOST_PATH_MAX], max[HOST_NUMBER_MAX], current[HOST_NUMBER_MAX];
	char stat[HOST_TEXT_MAX];

	if (host_cgroup(dir, sizeof(dir)) < 0)
		return;
	while (strncmp(dir, HOST_CGROUP, strlen(HOST_CGROUP)) == 0) {
		if (host_read_text(dir, "memory.max", max, sizeof(max)) &&
		    host_read_text(dir, "memory.current", current, sizeof(current)) &&
		    host_read_text(dir, "memory.stat", stat, sizeof(stat)))
			host_apply_limit(max, current, stat, out);
		*strrchr(dir, '/') = '\0';
	}
}

int host_read(struct policy_host *out, struct err *err)
{
	const char *other = getenv("VITRINE_PROC"), *proc = other ? other : "/proc";
	char text[HOST_TEXT_MAX];

	if (!host_read_text(proc, "meminfo", text, sizeof(text)) ||
	    host_parse_meminfo(text, out) < 0)
		return err_set(err, EIO, "%s/meminfo does not say what is available", proc);
	out->some = out->full = -1;
	if (host_read_text(proc, "pressure/memory", text, sizeof(text)))
		host_parse_pressure(text, out);
	if (!other)
		host_limits(out);
	return 0;
}
