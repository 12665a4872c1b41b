/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code page 437, the character set of the VGA font in ROM, as Unicode. */
#ifndef VITRINE_TUI_CP437_H
#define VITRINE_TUI_CP437_H

#include <stdint.h>

/* What BYTE looks like on a PC's text screen; 0 and 255 are blanks. */
uint32_t cp437_unicode(uint8_t byte);

#endif
