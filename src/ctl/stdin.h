/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard input as the guest's serial line: a terminal (raw, with the Ctrl-] prefix), a pipe or a
 * file. */
#ifndef VITRINE_CTL_STDIN_H
#define VITRINE_CTL_STDIN_H

#include "base/err.h"
#include "ctl/console.h"

struct event_base;
struct ctl_stdin;

/*
 * Feed CON from standard input on BASE's loop, no faster than the guest reads. A
 * terminal of which this process is not in the foreground is left alone. COMMAND
 * is called with the letter typed after the prefix.
 */
int ctl_stdin_start(struct event_base *base, struct console *con,
		    void (*command)(void *ctx, int letter), void *ctx, struct ctl_stdin **out,
		    struct err *err);
/* Stop reading and restore the terminal. NULL is fine. */
void ctl_stdin_stop(struct ctl_stdin *in);

#endif
