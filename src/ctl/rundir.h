/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder where a running VM keeps its sockets and its log. The VM process
 * holds a lock on the file `lock` inside for as long as it lives, so that life
 * and death need no guessing: whoever gets that lock may sweep the folder.
 */
#ifndef VITRINE_CTL_RUNDIR_H
#define VITRINE_CTL_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "inspect/sample.h"

#define RUNDIR_PATH_MAX 128

/* A folder that this process holds. */
struct rundir {
	char name[VM_NAME_MAX];
	char path[RUNDIR_PATH_MAX];
	int lock_fd;
};

/*
 * $XDG_RUNTIME_DIR/vitrine, or /tmp/vitrine-UID where that variable names no
 * folder of this user. Made with mode 0700; -EPERM where somebody else owns it,
 * can enter it, or it is a symlink. -ENAMETOOLONG.
 */
int rundir_base(char *path, size_t len, struct err *err);
/* The folder of NAME below it, which need not exist. -EINVAL for a name that cannot be one. */
int rundir_path(const char *name, char *path, size_t len, struct err *err);
/* Letters, digits, '.', '_' and '-', not first a '.' or '-', at most 63. */
bool rundir_name_ok(const char *name);

/* Make the folder of NAME (or take over a dead VM's) and hold it. -EEXIST: a VM has that name. */
int rundir_take(const char *name, struct rundir *out, struct err *err);
/* Remove the folder with all that is in it and let go. */
void rundir_release(struct rundir *dir);
/* Whether a process holds NAME's folder; *PID (may be NULL) receives its id, 0 if unknown. */
bool rundir_alive(const char *name, pid_t *pid);
/* Remove NAME's folder unless somebody holds it. True if it is gone. */
bool rundir_sweep(const char *name);
/* The names of all folders, sorted, NULL-terminated; free with rundir_names_free(). */
int rundir_names(char ***out, struct err *err);
void rundir_names_free(char **names);

#endif
