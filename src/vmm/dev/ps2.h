/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two devices behind an i8042: a keyboard and a mouse, each a set of answers
 * and, for the keyboard, a queue of key events. Whoever holds one locks it.
 */
#ifndef VITRINE_VMM_DEV_PS2_H
#define VITRINE_VMM_DEV_PS2_H

#include "vmm/device.h"

/* What keyboard and mouse have in common. */
enum {
	PS2_ECHO = 0xee,
	PS2_IDENTIFY = 0xf2,
	PS2_SET_RATE = 0xf3,
	PS2_ENABLE = 0xf4,
	PS2_DISABLE = 0xf5,
	PS2_DEFAULTS = 0xf6,
	PS2_ACK = 0xfa,
	PS2_RESEND = 0xfe,
	PS2_RESET = 0xff,
	PS2_TEST_PASSED = 0xaa,
};

/* Bytes that begin a key's sequence. */
enum {
	PS2_KBD_BREAK = 0xf0,
	PS2_KBD_EXTENDED = 0xe0,
	PS2_KBD_PAUSE = 0xe1,
};

#define PS2_REPLY_MAX	8
#define PS2_KBD_QUEUE	1024
#define PS2_KBD_SEQ_MAX 8
/* Room kept for releases, so that a key held when the queue filled up does not stick. */
#define PS2_KBD_RESERVE 64

/* Answers of a device to its last command; a new command discards them. */
struct ps2_reply {
	uint8_t byte[PS2_REPLY_MAX];
	uint8_t nr, pos;
};

struct ps2_kbd {
	struct ps2_reply reply;
	uint8_t queue[PS2_KBD_QUEUE];
	uint32_t head, nr;
	uint8_t pending; /* command that waits for its parameter, or 0 */
	uint8_t last;	 /* byte sent */
	uint8_t leds, rate, set;
	bool scanning;
	bool mid; /* the last byte was a prefix: its key's rest goes before any answer */
};

struct ps2_mouse {
	struct ps2_reply reply;
	uint8_t pending, last, rate, resolution, scale;
	bool enabled, remote, wrap;
};

void ps2_reply_clear(struct ps2_reply *reply);
/* Answers above PS2_REPLY_MAX are dropped. */
void ps2_reply_add(struct ps2_reply *reply, uint8_t byte);
bool ps2_reply_take(struct ps2_reply *reply, uint8_t *byte);
void ps2_reply_save(const struct ps2_reply *reply, struct buf *out);
void ps2_reply_load(struct ps2_reply *reply, struct dev_state_in *in);

void ps2_kbd_reset(struct ps2_kbd *kbd);
/* A byte from the host: a command or its parameter. */
void ps2_kbd_write(struct ps2_kbd *kbd, uint8_t val);
/* The next byte for the host. */
bool ps2_kbd_take(struct ps2_kbd *kbd, uint8_t *byte);
/*
 * Key SCANCODE (set 1, see i8042_key()) goes DOWN or up. False where the keyboard does not scan or
 * its queue is full; *KNOWN tells whether there is such a key.
 */
bool ps2_kbd_key(struct ps2_kbd *kbd, uint16_t scancode, bool down, bool *known);
/* What a controller that translates makes of CODE of set 2. */
uint8_t ps2_kbd_set1(uint8_t code);
void ps2_kbd_save(const struct ps2_kbd *kbd, struct buf *out);
void ps2_kbd_load(struct ps2_kbd *kbd, struct dev_state_in *in);

void ps2_mouse_reset(struct ps2_mouse *mouse);
void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t val);
bool ps2_mouse_take(struct ps2_mouse *mouse, uint8_t *byte);
void ps2_mouse_save(const struct ps2_mouse *mouse, struct buf *out);
void ps2_mouse_load(struct ps2_mouse *mouse, struct dev_state_in *in);

#endif
