/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of a VM by a control group of its own: see cgroup.h. */
#include "farm/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balloon/host.h"
#include "base/io.h"
#include "base/time.h"

#define CGROUP_PATH_MAX 640
#define CGROUP_FOLDER	"vitrine"
#define CGROUP_LAST_NS	3000000000ull
#define CGROUP_POLL_MS	10

static int cgroup_write(const char *dir, const char *file, const char *text, struct err *err)
{
	char path[CGROUP_PATH_MAX + 64];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	ret = io_write_small(path, text);
	return ret < 0 ? err_sys(err, -ret, "%s: %s", path, text) : 0;
}

static bool cgroup_is_ours(const char *dir)
{
	char path[CGROUP_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return access(path, W_OK) == 0 && access(dir, W_OK) == 0;
}

/* The topmost group on the way up from this process's that may be changed. */
static int cgroup_top(char *dir, size_t len, struct err *err)
{
	char *slash;

	if (host_cgroup(dir, len) < 0)
		return err_set(err, ENOENT, "there are no control groups (version 2) here");
	if (!cgroup_is_ours(dir))
		return err_set(err, EACCES, "%s is not delegated to this user", dir);
	while ((slash = strrchr(dir, '/'))) {
		*slash = '\0';
		if (cgroup_is_ours(dir))
			continue;
		*slash = '/';
		break;
	}
	return 0;
}

/* The group of NAME, made or there already; LEAF of CGROUP_PATH_MAX bytes. */
static int cgroup_leaf(const char *name, bool make, char *leaf, struct err *err)
{
	char top[CGROUP_PATH_MAX - 160], mid[CGROUP_PATH_MAX - 128];
	int ret;

	ret = cgroup_top(top, sizeof(top), err);
	if (ret < 0)
		return ret;
	snprintf(mid, sizeof(mid), "%s/%s", top, CGROUP_FOLDER);
	snprintf(leaf, CGROUP_PATH_MAX, "%s/%s", mid, name);
	if (!make)
		return 0;
	if ((mkdir(mid, 0755) != 0 && errno != EEXIST) ||
	    (mkdir(leaf, 0755) != 0 && errno != EEXIST))
		return err_sys(err, errno, "%s", leaf);
	ret = cgroup_write(top, "cgroup.subtree_control", "+cpu +memory", err);
	if (ret == -EBUSY)
		return err_set(
			err, EBUSY,
			"%s has processes of its own, so the kernel allows no limits below it",
			top);
	return ret < 0 ? ret : cgroup_write(mid, "cgroup.subtree_control", "+cpu +memory", err);
}

int cgroup_open(const char *name, unsigned int cpu_weight, uint64_t memory_high, struct err *err)
{
	char leaf[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX + 64], text[32];
	int ret;

	ret = cgroup_leaf(name, true, leaf, err);
	snprintf(text, sizeof(text), "%u", cpu_weight);
	if (ret == 0 && cpu_weight)
		ret = cgroup_write(leaf, "cpu.weight", text, err);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)memory_high);
	if (ret == 0 && memory_high)
		ret = cgroup_write(leaf, "memory.high", text, err);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "%s/cgroup.procs", leaf);
	ret = open(path, O_WRONLY | O_CLOEXEC);
	return ret < 0 ? err_sys(err, errno, "%s", path) : ret;
}

void cgroup_remove(const char *name)
{
	uint64_t deadline = time_now_ns() + CGROUP_LAST_NS;
	char leaf[CGROUP_PATH_MAX];

	if (cgroup_leaf(name, false, leaf, NULL) < 0)
		return;
	/* A VM that has let go of its name still gives its memory back. */
	while (rmdir(leaf) != 0 && errno == EBUSY && time_now_ns() < deadline)
		poll(NULL, 0, CGROUP_POLL_MS);
}
