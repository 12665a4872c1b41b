/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answers of a PS/2 device: see ps2.h. */
#include "vmm/dev/ps2.h"

void ps2_reply_clear(struct ps2_reply *reply)
{
	reply->nr = reply->pos = 0;
}

void ps2_reply_add(struct ps2_reply *reply, uint8_t byte)
{
	if (reply->nr < PS2_REPLY_MAX)
		reply->byte[reply->nr++] = byte;
}

bool ps2_reply_take(struct ps2_reply *reply, uint8_t *byte)
{
	if (reply->pos >= reply->nr)
		return false;
	*byte = reply->byte[reply->pos++];
	return true;
}

void ps2_reply_save(const struct ps2_reply *reply, struct buf *out)
{
	dev_save_bytes(out, reply->byte, PS2_REPLY_MAX);
	dev_save_u8(out, reply->nr);
	dev_save_u8(out, reply->pos);
}

void ps2_reply_load(struct ps2_reply *reply, struct dev_state_in *in)
{
	dev_load_bytes(in, reply->byte, PS2_REPLY_MAX);
	reply->nr = dev_load_u8(in);
	reply->pos = dev_load_u8(in);
	if (reply->nr > PS2_REPLY_MAX)
		ps2_reply_clear(reply);
}
