/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks on image files: see lock.h. */
#include "vmm/block/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

/*
 * For each permission there are two bytes. Who uses it holds a shared lock on
 * the first, who does not let others use it on the second; so that a clash is
 * found by asking whether the opposite byte is locked.
 */
#define LOCK_USED   100
#define LOCK_DENIED 200

#define LOCK_PERM_READ	 (1u << 0) /* consistent reads */
#define LOCK_PERM_WRITE	 (1u << 1)
#define LOCK_PERM_RESIZE (1u << 3)
#define LOCK_NR		 4

#define LOCK_TRIES     100
#define LOCK_TRY_AGAIN 20000000 /* ns: whoever probes a device holds it for a moment */

static int block_lock_byte(int fd, int cmd, short type, off_t at)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	if (fcntl(fd, cmd, &lock) != 0)
		return -errno;
	return cmd == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

static int block_lock_bits(int fd, int cmd, short type, unsigned int bits, off_t base)
{
	int i, ret = 0;

	for (i = 0; i < LOCK_NR && ret == 0; i++) {
		if (bits & 1u << i)
			ret = block_lock_byte(fd, cmd, type, base + i);
	}
	return ret;
}

/* First everybody says what he wants, then looks: two who come together both lose, never none. */
static int block_lock_ranges(int fd, bool write)
{
	unsigned int used =
		write ? LOCK_PERM_READ | LOCK_PERM_WRITE | LOCK_PERM_RESIZE : LOCK_PERM_READ;
	unsigned int denied = LOCK_PERM_WRITE | LOCK_PERM_RESIZE;
	int ret;

	ret = block_lock_bits(fd, F_OFD_SETLK, F_RDLCK, used, LOCK_USED);
	if (ret == 0)
		ret = block_lock_bits(fd, F_OFD_SETLK, F_RDLCK, denied, LOCK_DENIED);
	if (ret == 0)
		ret = block_lock_bits(fd, F_OFD_GETLK, F_WRLCK, used, LOCK_DENIED);
	if (ret == 0)
		ret = block_lock_bits(fd, F_OFD_GETLK, F_WRLCK, denied, LOCK_USED);
	return ret;
}

static int block_lock_whole(int fd, bool write)
{
	struct timespec nap = { .tv_nsec = LOCK_TRY_AGAIN };
	int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		nanosleep(&nap, NULL);
	}
	return -EAGAIN;
}

int block_lock(int fd, bool write, const char *path, struct err *err)
{
	int ret = block_lock_ranges(fd, write);

	if (ret != -EAGAIN && ret != -EACCES)
		ret = block_lock_whole(fd, write);
	if (ret == -EAGAIN || ret == -EACCES)
		return err_set(err, EBUSY,
			       "%s: in use: another virtual machine or program has locked it%s",
			       path, write ? " (read-only sharing: ,ro for all)" : "");
	return 0;
}
