/* SPDX-License-Identifier: MIT */
/*
 * The PC keyboard: an 8042 with scan code set 1, decoded to ASCII (US layout).
 */
#ifndef GUEST_KBD_H
#define GUEST_KBD_H

#define KBD_IRQ 1

/* Empties the controller and turns its interrupt on. */
void kbd_init(void);

/* The next character typed, or -1: letters, digits, signs, \n, \b, \t, ESC, Ctrl-letters. */
int kbd_getc(void);

#endif
