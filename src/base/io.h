/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, and where a person's are. */
#ifndef VITRINE_BASE_IO_H
#define VITRINE_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Write all LEN bytes to the blocking FD; 0 or -errno, -ENOSPC where it takes no more. */
int io_write_all(int fd, const void *data, size_t len);
/*
 * The small file PATH, such as the kernel makes, with one read: at most LEN - 1 bytes of it, and a
 * zero. Its length or -errno; TEXT is a string in any case.
 */
ssize_t io_read_small(const char *path, char *text, size_t len);
/* TEXT into the file PATH, which is there, with one write; 0 or -errno. */
int io_write_small(const char *path, const char *text);
/*
 * This program's folder below VARIABLE of the environment (XDG_STATE_HOME, ...), or below
 * $HOME/FALLBACK where that names no absolute path. False: there is none, or LEN is too short.
 */
bool io_person_dir(const char *variable, const char *fallback, char *path, size_t len);

/* PATH and its parents, each 0700, as far as they can be made; whoever opens a file there tells. */
void io_make_dirs(const char *path);

#endif
