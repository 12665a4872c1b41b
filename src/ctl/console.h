/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serial console of a VM process: remembers the last MiB of what COM1 said,
 * plays it to whoever connects and goes on live, takes input from all of them,
 * and records to a file. A client that does not read loses the oldest bytes; it
 * costs no memory.
 */
#ifndef VITRINE_CTL_CONSOLE_H
#define VITRINE_CTL_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/vm.h"

struct console;

/* Listen at RUN_DIR/console.sock and record to RUN_DIR/log. Takes VM's serial hook. */
int console_start(struct vm *vm, const char *run_dir, struct console **out, struct err *err);
/* Also listen at PATH (--serial unix:PATH); the socket's file is removed at the end. */
int console_listen(struct console *con, const char *path, struct err *err);
/* Bytes for the guest from somewhere else (stdin); returns how many there was room for. */
size_t console_input(struct console *con, const uint8_t *data, size_t len);
/* How many bytes console_input() would take now. */
size_t console_room(const struct console *con);
/* The terminal somebody types at has this size: said to the guest where its console has one. */
void console_resize(struct console *con, uint16_t cols, uint16_t rows);
/* The last LEN bytes of what was said, or fewer: appended to OUT. */
void console_tail(struct console *con, size_t len, struct buf *out);
/* Record and send what has not been yet. Before the VM is destroyed. */
void console_stop(struct console *con);

#endif
