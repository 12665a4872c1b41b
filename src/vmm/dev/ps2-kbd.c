/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PS/2 keyboard with scan code sets 1 and 2: see ps2.h. */
#include "vmm/dev/ps2.h"

#include <string.h>

enum {
	PS2_KBD_SET_LEDS = 0xed,
	PS2_KBD_SCAN_SET = 0xf0,
};

/*
 * Set 1 to set 2, the controller's translation table read backwards. F7 and
 * SysRq are the two keys whose set 2 code the table has twice.
 */
static const uint8_t ps2_kbd_set2[128] = {
	0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66,
	0x0d, 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14,
	0x1c, 0x1b, 0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a,
	0x22, 0x21, 0x2a, 0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05,
	0x06, 0x04, 0x0c, 0x03, 0x0b, 0x02, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b,
	0x6b, 0x73, 0x74, 0x79, 0x69, 0x72, 0x7a, 0x70, 0x71, 0x7f, 0x60, 0x61, 0x78, 0x07, 0x0f,
	0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28,
	0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f, 0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62,
	0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
};

#define SET1_F7	   0x41
#define SET1_SYSRQ 0x54
#define SET2_F7	   0x83
#define SET2_SYSRQ 0x84

uint8_t ps2_kbd_set1(uint8_t code)
{
	unsigned int i;

	if (code == SET2_F7)
		return SET1_F7;
	if (code == SET2_SYSRQ)
		return SET1_SYSRQ;
	for (i = 0; i < sizeof(ps2_kbd_set2); i++) {
		if (ps2_kbd_set2[i] == code)
			return (uint8_t)i;
	}
	return code; /* answers and prefixes pass */
}

static void ps2_kbd_defaults(struct ps2_kbd *kbd)
{
	kbd->head = kbd->nr = 0;
	kbd->mid = false;
	kbd->set = 2;
	kbd->rate = 0x2b; /* 10.9 characters a second after half a second */
}

void ps2_kbd_reset(struct ps2_kbd *kbd)
{
	memset(kbd, 0, sizeof(*kbd));
	ps2_kbd_defaults(kbd);
	kbd->scanning = true;
}

static void ps2_kbd_put(struct ps2_kbd *kbd, const uint8_t *seq, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		kbd->queue[(kbd->head + kbd->nr++) % PS2_KBD_QUEUE] = seq[i];
}

bool ps2_kbd_take(struct ps2_kbd *kbd, uint8_t *byte)
{
	if (!(kbd->mid && kbd->nr) && ps2_reply_take(&kbd->reply, byte)) {
		kbd->last = *byte;
		return true;
	}
	if (!kbd->nr)
		return false;
	*byte = kbd->last = kbd->queue[kbd->head];
	kbd->head = (kbd->head + 1) % PS2_KBD_QUEUE;
	kbd->nr--;
	kbd->mid = *byte == PS2_KBD_EXTENDED || *byte == PS2_KBD_PAUSE || *byte == PS2_KBD_BREAK;
	return true;
}

/* The bytes of a key event in set 1 or 2; 0: there is no such key. */
static unsigned int ps2_kbd_sequence(uint8_t set, uint16_t scancode, bool down, uint8_t *seq)
{
	static const uint8_t pause1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
	static const uint8_t pause2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
	uint8_t code = scancode & 0xff, prefix = (uint8_t)(scancode >> 8);
	unsigned int nr = 0;

	if (scancode == (PS2_KBD_PAUSE << 8 | 0x1d)) {
		/* Pause goes down and up at once. */
		nr = !down ? 0 : set == 1 ? sizeof(pause1) : sizeof(pause2);
		memcpy(seq, set == 1 ? pause1 : pause2, nr);
		return nr;
	}
	if (!code || code & 0x80 || (prefix && prefix != PS2_KBD_EXTENDED))
		return 0;
	if (prefix)
		seq[nr++] = prefix;
	if (set == 1) {
		seq[nr++] = down ? code : code | 0x80;
		return nr;
	}
	if (!down)
		seq[nr++] = PS2_KBD_BREAK;
	seq[nr++] = code == SET1_F7	 ? SET2_F7
		    : code == SET1_SYSRQ ? SET2_SYSRQ
					 : ps2_kbd_set2[code];
	return nr;
}

static void ps2_kbd_parameter(struct ps2_kbd *kbd, uint8_t cmd, uint8_t val)
{
	if (cmd == PS2_KBD_SCAN_SET && val > 2) {
		ps2_reply_add(&kbd->reply, PS2_RESEND); /* no set 3 here */
		return;
	}
	ps2_reply_add(&kbd->reply, PS2_ACK);
	if (cmd == PS2_KBD_SET_LEDS)
		kbd->leds = val & 7;
	else if (cmd == PS2_SET_RATE)
		kbd->rate = val;
	else if (val)
		kbd->set = val;
	else
		ps2_reply_add(&kbd->reply, kbd->set);
}

static void ps2_kbd_command(struct ps2_kbd *kbd, uint8_t cmd)
{
	switch (cmd) {
	case PS2_ECHO:
		ps2_reply_add(&kbd->reply, PS2_ECHO);
		return;
	case PS2_RESEND:
		ps2_reply_add(&kbd->reply, kbd->last);
		return;
	case PS2_KBD_SET_LEDS:
	case PS2_KBD_SCAN_SET:
	case PS2_SET_RATE:
		kbd->pending = cmd;
		break;
	case PS2_IDENTIFY:
		ps2_reply_add(&kbd->reply, PS2_ACK);
		ps2_reply_add(&kbd->reply, 0xab);
		ps2_reply_add(&kbd->reply, 0x83);
		return;
	case PS2_ENABLE:
		kbd->head = kbd->nr = 0;
		kbd->mid = false;
		kbd->scanning = true;
		break;
	case PS2_DISABLE:
		ps2_kbd_defaults(kbd);
		kbd->scanning = false;
		break;
	case PS2_DEFAULTS:
		ps2_kbd_defaults(kbd);
		break;
	case PS2_RESET:
		ps2_kbd_reset(kbd);
		ps2_reply_add(&kbd->reply, PS2_ACK);
		ps2_reply_add(&kbd->reply, PS2_TEST_PASSED);
		return;
	case 0xf7 ... 0xfa: /* key types, which matter in set 3 only */
		break;
	default:
		ps2_reply_add(&kbd->reply, PS2_RESEND);
		return;
	}
	ps2_reply_add(&kbd->reply, PS2_ACK);
}

void ps2_kbd_write(struct ps2_kbd *kbd, uint8_t val)
{
	uint8_t cmd = kbd->pending;

	ps2_reply_clear(&kbd->reply);
	kbd->pending = 0;
	/* A command where a parameter should be begins anew. */
	if (cmd && val < PS2_KBD_SET_LEDS)
		ps2_kbd_parameter(kbd, cmd, val);
	else
		ps2_kbd_command(kbd, val);
}

bool ps2_kbd_key(struct ps2_kbd *kbd, uint16_t scancode, bool down, bool *known)
{
	uint8_t seq[PS2_KBD_SEQ_MAX];
	unsigned int nr = ps2_kbd_sequence(kbd->set, scancode, down, seq);

	*known = nr;
	if (!kbd->scanning || kbd->nr + nr + (down ? PS2_KBD_RESERVE : 0) > PS2_KBD_QUEUE)
		return false;
	ps2_kbd_put(kbd, seq, nr);
	return true;
}

void ps2_kbd_save(const struct ps2_kbd *kbd, struct buf *out)
{
	ps2_reply_save(&kbd->reply, out);
	dev_save_bytes(out, kbd->queue, PS2_KBD_QUEUE);
	dev_save_u32(out, kbd->head);
	dev_save_u32(out, kbd->nr);
	dev_save_u8(out, kbd->pending);
	dev_save_u8(out, kbd->last);
	dev_save_u8(out, kbd->leds);
	dev_save_u8(out, kbd->rate);
	dev_save_u8(out, kbd->set);
	dev_save_u8(out, kbd->scanning);
	dev_save_u8(out, kbd->mid);
}

void ps2_kbd_load(struct ps2_kbd *kbd, struct dev_state_in *in)
{
	ps2_reply_load(&kbd->reply, in);
	dev_load_bytes(in, kbd->queue, PS2_KBD_QUEUE);
	kbd->head = dev_load_u32(in) % PS2_KBD_QUEUE;
	kbd->nr = dev_load_u32(in);
	if (kbd->nr > PS2_KBD_QUEUE)
		kbd->nr = 0;
	kbd->pending = dev_load_u8(in);
	kbd->last = dev_load_u8(in);
	kbd->leds = dev_load_u8(in) & 7;
	kbd->rate = dev_load_u8(in);
	kbd->set = dev_load_u8(in) == 1 ? 1 : 2;
	kbd->scanning = dev_load_u8(in);
	kbd->mid = dev_load_u8(in);
}
