/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PS/2 mouse that answers but never moves: see ps2.h. */
#include "vmm/dev/ps2.h"

#include <string.h>

enum {
	PS2_MOUSE_SCALE_1 = 0xe6,
	PS2_MOUSE_SCALE_2 = 0xe7,
	PS2_MOUSE_RESOLUTION = 0xe8,
	PS2_MOUSE_STATUS = 0xe9,
	PS2_MOUSE_STREAM = 0xea,
	PS2_MOUSE_READ = 0xeb,
	PS2_MOUSE_UNWRAP = 0xec,
	PS2_MOUSE_WRAP = 0xee,
	PS2_MOUSE_REMOTE = 0xf0,
};

static void ps2_mouse_defaults(struct ps2_mouse *mouse)
{
	mouse->rate = 100;
	mouse->resolution = 2;
	mouse->scale = 0;
	mouse->enabled = mouse->remote = false;
}

void ps2_mouse_reset(struct ps2_mouse *mouse)
{
	memset(mouse, 0, sizeof(*mouse));
	ps2_mouse_defaults(mouse);
}

static void ps2_mouse_reply(struct ps2_mouse *mouse, const uint8_t *bytes, unsigned int nr)
{
	unsigned int i;

	ps2_reply_add(&mouse->reply, PS2_ACK);
	for (i = 0; i < nr; i++)
		ps2_reply_add(&mouse->reply, bytes[i]);
}

static void ps2_mouse_command(struct ps2_mouse *mouse, uint8_t cmd)
{
	uint8_t bytes[3] = { 0 };
	unsigned int nr = 0;

	switch (cmd) {
	case PS2_MOUSE_SCALE_1:
	case PS2_MOUSE_SCALE_2:
		mouse->scale = cmd - PS2_MOUSE_SCALE_1;
		break;
	case PS2_MOUSE_RESOLUTION:
	case PS2_SET_RATE:
		mouse->pending = cmd;
		break;
	case PS2_MOUSE_STATUS:
		bytes[0] = (uint8_t)(mouse->remote << 6 | mouse->enabled << 5 | mouse->scale << 4);
		bytes[1] = mouse->resolution;
		bytes[2] = mouse->rate;
		nr = 3;
		break;
	case PS2_MOUSE_STREAM:
	case PS2_MOUSE_REMOTE:
		mouse->remote = cmd == PS2_MOUSE_REMOTE;
		break;
	case PS2_MOUSE_READ:
		bytes[0] = 0x08; /* a packet that says: nothing moved */
		nr = 3;
		break;
	case PS2_MOUSE_WRAP:
		mouse->wrap = true;
		break;
	case PS2_MOUSE_UNWRAP:
		break;
	case PS2_IDENTIFY:
		nr = 1; /* 0: three bytes, two buttons */
		break;
	case PS2_ENABLE:
	case PS2_DISABLE:
		mouse->enabled = cmd == PS2_ENABLE;
		break;
	case PS2_DEFAULTS:
		ps2_mouse_defaults(mouse);
		break;
	case PS2_RESET:
		ps2_mouse_reset(mouse);
		bytes[0] = PS2_TEST_PASSED;
		nr = 2;
		break;
	default:
		ps2_reply_add(&mouse->reply, cmd == PS2_RESEND ? mouse->last : PS2_RESEND);
		return;
	}
	ps2_mouse_reply(mouse, bytes, nr);
}

void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t val)
{
	uint8_t cmd = mouse->pending;

	ps2_reply_clear(&mouse->reply);
	mouse->pending = 0;
	if (mouse->wrap && val != PS2_RESET && val != PS2_MOUSE_UNWRAP) {
		ps2_reply_add(&mouse->reply, val);
		return;
	}
	mouse->wrap = false;
	if (!cmd) {
		ps2_mouse_command(mouse, val);
		return;
	}
	if (cmd == PS2_MOUSE_RESOLUTION)
		mouse->resolution = val;
	else
		mouse->rate = val;
	ps2_mouse_reply(mouse, NULL, 0);
}

bool ps2_mouse_take(struct ps2_mouse *mouse, uint8_t *byte)
{
	if (!ps2_reply_take(&mouse->reply, byte))
		return false;
	mouse->last = *byte;
	return true;
}

void ps2_mouse_save(const struct ps2_mouse *mouse, struct buf *out)
{
	ps2_reply_save(&mouse->reply, out);
	dev_save_u8(out, mouse->pending);
	dev_save_u8(out, mouse->last);
	dev_save_u8(out, mouse->rate);
	dev_save_u8(out, mouse->resolution);
	dev_save_u8(out, mouse->scale);
	dev_save_u8(out, mouse->enabled);
	dev_save_u8(out, mouse->remote);
	dev_save_u8(out, mouse->wrap);
}

void ps2_mouse_load(struct ps2_mouse *mouse, struct dev_state_in *in)
{
	ps2_reply_load(&mouse->reply, in);
	mouse->pending = dev_load_u8(in);
	mouse->last = dev_load_u8(in);
	mouse->rate = dev_load_u8(in);
	mouse->resolution = dev_load_u8(in);
	mouse->scale = dev_load_u8(in) & 1;
	mouse->enabled = dev_load_u8(in);
	mouse->remote = dev_load_u8(in);
	mouse->wrap = dev_load_u8(in);
}
