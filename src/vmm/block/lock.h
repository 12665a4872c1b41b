/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose an image is. One writer, or any number of readers: byte-range locks
 * where QEMU puts its own, so that each refuses what the other has, and a
 * flock, which tools for block devices heed.
 */
#ifndef VITRINE_VMM_BLOCK_LOCK_H
#define VITRINE_VMM_BLOCK_LOCK_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Lock FD (of PATH, for the message) for writing or reading, until it is closed. -EBUSY when
 * somebody else's lock excludes it. File systems without locks are let pass.
 */
int block_lock(int fd, bool write, const char *path, struct err *err);

#endif
