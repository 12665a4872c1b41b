/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys by QMP's names and by the characters of a US keyboard, as scan codes of set 1. */
#ifndef VITRINE_CTL_KEYCODE_H
#define VITRINE_CTL_KEYCODE_H

#include <stdbool.h>
#include <stdint.h>

#define KEYCODE_SHIFT 0x2a

/* Scan code of QMP's key NAME ("a", "ret", "ctrl"); an 0xe0 prefix as 0xe0xx. 0 if unknown. */
uint16_t keycode_from_name(const char *name);
/* Scan code that makes the character C, and whether with shift. 0 if there is none. */
uint16_t keycode_from_char(char c, bool *shift);

#endif
