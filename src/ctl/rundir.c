/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder where a running VM keeps its sockets and its log: see rundir.h. */
#include "ctl/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RUNDIR_LOCK  "lock"
#define RUNDIR_TRIES 10

/* Folders that only a cleaner holds are let go within microseconds: worth waiting for. */
static void rundir_nap(void)
{
	struct timespec nap = { .tv_nsec = 5000000 };

	nanosleep(&nap, NULL);
}

bool rundir_name_ok(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";

	if (!name[0] || name[0] == '.' || name[0] == '-')
		return false;
	return strlen(name) < VM_NAME_MAX && !name[strspn(name, good)];
}

static bool rundir_is_mine(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int rundir_make_private(const char *path, struct err *err)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_sys(err, errno, "%s", path);
	if (lstat(path, &st) != 0)
		return err_sys(err, errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, EPERM, "%s: not a folder (remove it)", path);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "%s: belongs to another user (set XDG_RUNTIME_DIR)",
			       path);
	if (st.st_mode & 077)
		return err_set(err, EPERM, "%s: open to others (chmod 700 %s)", path, path);
	return 0;
}

int rundir_base(char *path, size_t len, struct err *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (xdg && xdg[0] == '/' && rundir_is_mine(xdg))
		n = snprintf(path, len, "%s/vitrine", xdg);
	else
		n = snprintf(path, len, "/tmp/vitrine-%u", (unsigned int)geteuid());
	if (n < 0 || (size_t)n >= len)
		return err_set(err, ENAMETOOLONG, "XDG_RUNTIME_DIR: path too long for sockets");
	return rundir_make_private(path, err);
}

int rundir_path(const char *name, char *path, size_t len, struct err *err)
{
	char base[RUNDIR_PATH_MAX];
	int n;

	if (!rundir_name_ok(name))
		return err_set(err, EINVAL,
			       "'%s' cannot be a VM's name (letters, digits, '.', '_' and '-', "
			       "at most %d)",
			       name, VM_NAME_MAX - 1);
	n = rundir_base(base, sizeof(base), err);
	if (n < 0)
		return n;
	n = snprintf(path, len, "%s/%s", base, name);
	if (n < 0 || (size_t)n >= len)
		return err_set(err, ENAMETOOLONG, "%s: path too long for sockets", base);
	return 0;
}

/* Everything in the folder but the lock, which is held. */
static void rundir_empty(int dir_fd)
{
	struct dirent *ent;
	DIR *dir;
	int fd;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((ent = readdir(dir))) {
		if (ent->d_type != DT_DIR && strcmp(ent->d_name, RUNDIR_LOCK) != 0)
			unlinkat(dir_fd, ent->d_name, 0);
	}
	closedir(dir);
}

static void rundir_remove(const char *path, int dir_fd)
{
	rundir_empty(dir_fd);
	unlinkat(dir_fd, RUNDIR_LOCK, 0);
	rmdir(path);
}

static int rundir_open(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid())
		return fd;
	close(fd);
	return -EPERM;
}

/* A sweeper may have unlinked the lock, or the folder, before we got it. */
static bool rundir_still_there(const char *path, int dir_fd, int lock_fd)
{
	struct stat dir, now, lock;

	return fstat(dir_fd, &dir) == 0 && lstat(path, &now) == 0 && fstat(lock_fd, &lock) == 0 &&
	       dir.st_ino == now.st_ino && dir.st_dev == now.st_dev && lock.st_nlink > 0;
}

/* One attempt: the lock's descriptor, -EAGAIN where it is worth another, -EBUSY if held. */
static int rundir_try(const char *path)
{
	int dir_fd, fd, ret;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	dir_fd = rundir_open(path);
	if (dir_fd < 0)
		return dir_fd == -ENOENT ? -EAGAIN : dir_fd;
	fd = openat(dir_fd, RUNDIR_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		ret = errno == ENOENT ? -EAGAIN : -errno;
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
	} else if (!rundir_still_there(path, dir_fd, fd)) {
		ret = -EAGAIN;
	} else {
		rundir_empty(dir_fd);
		ret = fd;
	}
	if (ret < 0 && fd >= 0)
		close(fd);
	close(dir_fd);
	return ret;
}

int rundir_take(const char *name, struct rundir *out, struct err *err)
{
	int ret, tries;

	memset(out, 0, sizeof(*out));
	out->lock_fd = -1;
	ret = rundir_path(name, out->path, sizeof(out->path), err);
	if (ret < 0)
		return ret;
	for (tries = 0; tries < RUNDIR_TRIES; tries++) {
		ret = rundir_try(out->path);
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		rundir_nap();
	}
	if (ret == -EBUSY)
		return err_set(err, EEXIST,
			       "the name '%s' is in use (choose another with --name, or "
			       "`vitrine stop %s`)",
			       name, name);
	if (ret < 0)
		return err_sys(err, -ret, "%s", out->path);
	out->lock_fd = ret;
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (ftruncate(out->lock_fd, 0) == 0)
		dprintf(out->lock_fd, "%d\n", (int)getpid());
	return 0;
}

void rundir_release(struct rundir *dir)
{
	int dir_fd;

	if (dir->lock_fd < 0)
		return;
	dir_fd = rundir_open(dir->path);
	if (dir_fd >= 0) {
		rundir_remove(dir->path, dir_fd);
		close(dir_fd);
	}
	close(dir->lock_fd);
	dir->lock_fd = -1;
}

static pid_t rundir_read_pid(int fd)
{
	char text[24] = "";
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int rundir_open_lock(const char *name, int *dir_fd, char *path, size_t len)
{
	if (rundir_path(name, path, len, NULL) < 0)
		return -1;
	*dir_fd = rundir_open(path);
	if (*dir_fd < 0)
		return -1;
	return openat(*dir_fd, RUNDIR_LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

bool rundir_alive(const char *name, pid_t *pid)
{
	char path[RUNDIR_PATH_MAX];
	int dir_fd = -1, fd;
	bool held = false;

	if (pid)
		*pid = 0;
	fd = rundir_open_lock(name, &dir_fd, path, sizeof(path));
	if (fd >= 0) {
		held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
		if (held && pid)
			*pid = rundir_read_pid(fd);
		close(fd);
	}
	if (dir_fd >= 0)
		close(dir_fd);
	return held;
}

bool rundir_sweep(const char *name)
{
	char path[RUNDIR_PATH_MAX];
	int dir_fd = -1, fd;
	bool gone = false;

	fd = rundir_open_lock(name, &dir_fd, path, sizeof(path));
	if (fd >= 0) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && rundir_still_there(path, dir_fd, fd)) {
			rundir_remove(path, dir_fd);
			gone = true;
		}
		close(fd);
	} else if (dir_fd >= 0) {
		/* No lock: empty (about to be taken, rmdir does no harm) or not ours to judge. */
		gone = rmdir(path) == 0;
	}
	if (dir_fd >= 0)
		close(dir_fd);
	return gone;
}

static int rundir_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int rundir_collect(DIR *dir, char ***out)
{
	char **names = calloc(1, sizeof(*names)), **more;
	struct dirent *ent;
	size_t nr = 0;

	while (names && (ent = readdir(dir))) {
		if (!rundir_name_ok(ent->d_name))
			continue;
		more = realloc(names, (nr + 2) * sizeof(*names));
		if (!more)
			break;
		names = more;
		names[nr] = strdup(ent->d_name);
		if (!names[nr])
			break;
		names[++nr] = NULL;
	}
	if (!names)
		return -ENOMEM;
	qsort(names, nr, sizeof(*names), rundir_compare);
	*out = names;
	return (int)nr;
}

int rundir_names(char ***out, struct err *err)
{
	char base[RUNDIR_PATH_MAX];
	DIR *dir;
	int ret;

	ret = rundir_base(base, sizeof(base), err);
	if (ret < 0)
		return ret;
	dir = opendir(base);
	if (!dir)
		return err_sys(err, errno, "%s", base);
	ret = rundir_collect(dir, out);
	closedir(dir);
	if (ret < 0)
		return err_sys(err, -ret, "%s", base);
	return ret;
}

void rundir_names_free(char **names)
{
	char **name;

	for (name = names; name && *name; name++)
		free(*name);
	free(names);
}
