/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal lent to a guest: raw input, and the prefix Ctrl-] that reaches
 * vitrine instead. Ctrl-] twice sends one. No time-out: a prefix waits.
 */
#ifndef VITRINE_CTL_ESCAPE_H
#define VITRINE_CTL_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ESCAPE_PREFIX 0x1d

/* Whether the prefix was the last thing typed; zero to begin. */
struct escape {
	bool pending;
};

/*
 * Take LEN bytes typed and copy those meant for the guest to OUT (which has room
 * for LEN). Stops after a command: its letter in *COMMAND, else 0. Returns the
 * bytes of IN consumed; *OUT_LEN those copied.
 */
size_t escape_feed(struct escape *esc, const unsigned char *in, size_t len, unsigned char *out,
		   size_t *out_len, int *command);

/*
 * Make the terminal FD raw (output processing stays on), and see to it that it
 * is restored by escape_restore(), by exit() and by a crash. One at a time.
 */
int escape_raw(int fd, struct err *err);
/* Safe to call at any time, also from a signal handler. */
void escape_restore(void);

#endif
