/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A typist: keys sent to the guest at a pace that its controller's small buffer
 * can take. On the main loop's thread.
 */
#ifndef VITRINE_CTL_KEYBOARD_H
#define VITRINE_CTL_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/vm.h"

#define KEYBOARD_MAX_CHORD 16
#define KEYBOARD_HOLD_MS   100

struct keyboard;

struct keyboard *keyboard_new(struct vm *vm);
void keyboard_free(struct keyboard *kbd);
/* Press CODES together, hold for HOLD_MS, release. -ENOSPC where too much waits already. */
int keyboard_chord(struct keyboard *kbd, const uint16_t *codes, unsigned int nr,
		   unsigned int hold_ms, struct err *err);
/* One edge of one key. */
int keyboard_edge(struct keyboard *kbd, uint16_t code, bool down, struct err *err);
/* Type TEXT on a US keyboard; characters without a key are left out. */
int keyboard_type(struct keyboard *kbd, const char *text, struct err *err);

#endif
