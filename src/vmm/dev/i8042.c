/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8042 keyboard controller as in the PS/2, with a keyboard and a mouse that
 * answers but never moves. Bytes wait in the devices and pass one at a time
 * into the controller's output buffer; each one that enters is an edge on line
 * 1 or 12. The keyboard speaks set 2 as a real one does, and the controller
 * translates to set 1 as long as the guest lets it. A guest finds it as
 * firmware leaves it: self test passed, translation and line 1 on, mouse off.
 */
#include "vmm/dev/i8042.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define I8042_DATA   0x60
#define I8042_STATUS 0x64

#define I8042_KBD_GSI 1
#define I8042_AUX_GSI 12

#define I8042_STR_OBF  0x01
#define I8042_STR_SYS  0x04
#define I8042_STR_CMD  0x08
#define I8042_STR_OPEN 0x10 /* the key lock */
#define I8042_STR_AUX  0x20

#define I8042_CTR_KBDINT 0x01
#define I8042_CTR_AUXINT 0x02
#define I8042_CTR_SYS	 0x04
#define I8042_CTR_KBDDIS 0x10
#define I8042_CTR_AUXDIS 0x20
#define I8042_CTR_XLATE	 0x40
#define I8042_CTR_RESET	 (I8042_CTR_KBDINT | I8042_CTR_SYS | I8042_CTR_AUXDIS | I8042_CTR_XLATE)

enum {
	I8042_CMD_READ_RAM = 0x20,  /* to 0x3f; 0x20 is the configuration */
	I8042_CMD_WRITE_RAM = 0x60, /* to 0x7f */
	I8042_CMD_AUX_DISABLE = 0xa7,
	I8042_CMD_AUX_ENABLE = 0xa8,
	I8042_CMD_AUX_TEST = 0xa9,
	I8042_CMD_SELF_TEST = 0xaa,
	I8042_CMD_KBD_TEST = 0xab,
	I8042_CMD_KBD_DISABLE = 0xad,
	I8042_CMD_KBD_ENABLE = 0xae,
	I8042_CMD_READ_INPUT = 0xc0,
	I8042_CMD_READ_OUTPUT = 0xd0,
	I8042_CMD_WRITE_OUTPUT = 0xd1,
	I8042_CMD_KBD_LOOP = 0xd2,
	I8042_CMD_AUX_LOOP = 0xd3,
	I8042_CMD_AUX_SEND = 0xd4,
	I8042_CMD_A20_OFF = 0xdd,
	I8042_CMD_A20_ON = 0xdf,
	I8042_CMD_PULSE = 0xf0, /* to 0xff: a zero bit pulses its line; bit 0 is reset */
};

#define I8042_OUT_NO_RESET 0x01
#define I8042_OUT_A20	   0x02
#define I8042_OUT_KBD	   0x10 /* lines as the output port shows them */
#define I8042_OUT_AUX	   0x20
#define I8042_OUT_CLOCKS   0xc0

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
	KBD_SET_LEDS = 0xed,
	KBD_SCAN_SET = 0xf0,
	KBD_BREAK = 0xf0,
	KBD_EXTENDED = 0xe0,
	KBD_PAUSE = 0xe1,
	MOUSE_SCALE_1 = 0xe6,
	MOUSE_SCALE_2 = 0xe7,
	MOUSE_RESOLUTION = 0xe8,
	MOUSE_STATUS = 0xe9,
	MOUSE_STREAM = 0xea,
	MOUSE_READ = 0xeb,
	MOUSE_UNWRAP = 0xec,
	MOUSE_WRAP = 0xee,
	MOUSE_REMOTE = 0xf0,
};

#define PS2_REPLY_MAX 8
#define KBD_QUEUE     1024
#define KBD_SEQ_MAX   8
/* Room kept for releases, so that a key held when the queue filled up does not stick. */
#define KBD_RESERVE 64

/* Answers of a device to its last command; a new command discards them. */
struct ps2_reply {
	uint8_t byte[PS2_REPLY_MAX];
	uint8_t nr, pos;
};

struct kbd {
	struct ps2_reply reply;
	uint8_t queue[KBD_QUEUE];
	uint32_t head, nr;
	uint8_t pending; /* command that waits for its parameter, or 0 */
	uint8_t last;	 /* byte sent */
	uint8_t leds, rate, set;
	bool scanning;
	bool mid; /* the last byte was a prefix: its key's rest goes before any answer */
};

struct mouse {
	struct ps2_reply reply;
	uint8_t pending, last, rate, resolution, scale;
	bool enabled, remote, wrap;
};

struct i8042 {
	const struct dev_env *env;

	pthread_mutex_t lock; /* everything below */
	uint8_t ram[32];      /* the first is the configuration byte */
	uint8_t status;	      /* SYS and CMD */
	uint8_t pending;      /* command that waits for its data, or 0 */
	uint8_t output_port;  /* reset and A20 */
	uint8_t out;	      /* output buffer ... */
	bool out_full, out_aux;
	uint8_t answer; /* the controller's own, next into the output buffer ... */
	bool answer_full, answer_aux;
	bool broke; /* translation has swallowed a break prefix */
	bool level_kbd, level_aux;
	uint64_t nr_keys, nr_dropped;
	struct kbd kbd;
	struct mouse mouse;
};

/*
 * Set 1 to set 2, the controller's translation table read backwards. F7 and
 * SysRq are the two keys whose set 2 code the table has twice.
 */
static const uint8_t i8042_set2[128] = {
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

static uint8_t i8042_translate(uint8_t code)
{
	unsigned int i;

	if (code == SET2_F7)
		return SET1_F7;
	if (code == SET2_SYSRQ)
		return SET1_SYSRQ;
	for (i = 0; i < sizeof(i8042_set2); i++) {
		if (i8042_set2[i] == code)
			return (uint8_t)i;
	}
	return code; /* answers and prefixes pass */
}

/* --- what both PS/2 devices do --- */

static void ps2_reply_clear(struct ps2_reply *reply)
{
	reply->nr = reply->pos = 0;
}

static void ps2_reply_add(struct ps2_reply *reply, uint8_t byte)
{
	if (reply->nr < PS2_REPLY_MAX)
		reply->byte[reply->nr++] = byte;
}

static bool ps2_reply_take(struct ps2_reply *reply, uint8_t *byte)
{
	if (reply->pos >= reply->nr)
		return false;
	*byte = reply->byte[reply->pos++];
	return true;
}

/* --- keyboard --- */

static void kbd_defaults(struct kbd *kbd)
{
	kbd->head = kbd->nr = 0;
	kbd->mid = false;
	kbd->set = 2;
	kbd->rate = 0x2b; /* 10.9 characters a second after half a second */
}

static void kbd_reset(struct kbd *kbd)
{
	memset(kbd, 0, sizeof(*kbd));
	kbd_defaults(kbd);
	kbd->scanning = true;
}

static void kbd_put(struct kbd *kbd, const uint8_t *seq, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		kbd->queue[(kbd->head + kbd->nr++) % KBD_QUEUE] = seq[i];
}

static bool kbd_take(struct kbd *kbd, uint8_t *byte)
{
	if (!(kbd->mid && kbd->nr) && ps2_reply_take(&kbd->reply, byte)) {
		kbd->last = *byte;
		return true;
	}
	if (!kbd->nr)
		return false;
	*byte = kbd->last = kbd->queue[kbd->head];
	kbd->head = (kbd->head + 1) % KBD_QUEUE;
	kbd->nr--;
	kbd->mid = *byte == KBD_EXTENDED || *byte == KBD_PAUSE || *byte == KBD_BREAK;
	return true;
}

/* The bytes of a key event in set 1 or 2; 0: there is no such key. */
static unsigned int kbd_sequence(uint8_t set, uint16_t scancode, bool down, uint8_t *seq)
{
	static const uint8_t pause1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
	static const uint8_t pause2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
	uint8_t code = scancode & 0xff, prefix = (uint8_t)(scancode >> 8);
	unsigned int nr = 0;

	if (scancode == (KBD_PAUSE << 8 | 0x1d)) {
		/* Pause goes down and up at once. */
		nr = !down ? 0 : set == 1 ? sizeof(pause1) : sizeof(pause2);
		memcpy(seq, set == 1 ? pause1 : pause2, nr);
		return nr;
	}
	if (!code || code & 0x80 || (prefix && prefix != KBD_EXTENDED))
		return 0;
	if (prefix)
		seq[nr++] = prefix;
	if (set == 1) {
		seq[nr++] = down ? code : code | 0x80;
		return nr;
	}
	if (!down)
		seq[nr++] = KBD_BREAK;
	seq[nr++] = code == SET1_F7 ? SET2_F7 : code == SET1_SYSRQ ? SET2_SYSRQ : i8042_set2[code];
	return nr;
}

static void kbd_parameter(struct kbd *kbd, uint8_t cmd, uint8_t val)
{
	if (cmd == KBD_SCAN_SET && val > 2) {
		ps2_reply_add(&kbd->reply, PS2_RESEND); /* no set 3 here */
		return;
	}
	ps2_reply_add(&kbd->reply, PS2_ACK);
	if (cmd == KBD_SET_LEDS)
		kbd->leds = val & 7;
	else if (cmd == PS2_SET_RATE)
		kbd->rate = val;
	else if (val)
		kbd->set = val;
	else
		ps2_reply_add(&kbd->reply, kbd->set);
}

static void kbd_command(struct kbd *kbd, uint8_t cmd)
{
	switch (cmd) {
	case PS2_ECHO:
		ps2_reply_add(&kbd->reply, PS2_ECHO);
		return;
	case PS2_RESEND:
		ps2_reply_add(&kbd->reply, kbd->last);
		return;
	case KBD_SET_LEDS:
	case KBD_SCAN_SET:
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
		kbd_defaults(kbd);
		kbd->scanning = false;
		break;
	case PS2_DEFAULTS:
		kbd_defaults(kbd);
		break;
	case PS2_RESET:
		kbd_reset(kbd);
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

static void kbd_write(struct kbd *kbd, uint8_t val)
{
	uint8_t cmd = kbd->pending;

	ps2_reply_clear(&kbd->reply);
	kbd->pending = 0;
	/* A command where a parameter should be begins anew. */
	if (cmd && val < KBD_SET_LEDS)
		kbd_parameter(kbd, cmd, val);
	else
		kbd_command(kbd, val);
}

/* --- mouse --- */

static void mouse_defaults(struct mouse *mouse)
{
	mouse->rate = 100;
	mouse->resolution = 2;
	mouse->scale = 0;
	mouse->enabled = mouse->remote = false;
}

static void mouse_reset(struct mouse *mouse)
{
	memset(mouse, 0, sizeof(*mouse));
	mouse_defaults(mouse);
}

static void mouse_reply(struct mouse *mouse, const uint8_t *bytes, unsigned int nr)
{
	unsigned int i;

	ps2_reply_add(&mouse->reply, PS2_ACK);
	for (i = 0; i < nr; i++)
		ps2_reply_add(&mouse->reply, bytes[i]);
}

static void mouse_command(struct mouse *mouse, uint8_t cmd)
{
	uint8_t bytes[3] = { 0 };
	unsigned int nr = 0;

	switch (cmd) {
	case MOUSE_SCALE_1:
	case MOUSE_SCALE_2:
		mouse->scale = cmd - MOUSE_SCALE_1;
		break;
	case MOUSE_RESOLUTION:
	case PS2_SET_RATE:
		mouse->pending = cmd;
		break;
	case MOUSE_STATUS:
		bytes[0] = (uint8_t)(mouse->remote << 6 | mouse->enabled << 5 | mouse->scale << 4);
		bytes[1] = mouse->resolution;
		bytes[2] = mouse->rate;
		nr = 3;
		break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE:
		mouse->remote = cmd == MOUSE_REMOTE;
		break;
	case MOUSE_READ:
		bytes[0] = 0x08; /* a packet that says: nothing moved */
		nr = 3;
		break;
	case MOUSE_WRAP:
		mouse->wrap = true;
		break;
	case MOUSE_UNWRAP:
		break;
	case PS2_IDENTIFY:
		nr = 1; /* 0: three bytes, two buttons */
		break;
	case PS2_ENABLE:
	case PS2_DISABLE:
		mouse->enabled = cmd == PS2_ENABLE;
		break;
	case PS2_DEFAULTS:
		mouse_defaults(mouse);
		break;
	case PS2_RESET:
		mouse_reset(mouse);
		bytes[0] = PS2_TEST_PASSED;
		nr = 2;
		break;
	default:
		ps2_reply_add(&mouse->reply, cmd == PS2_RESEND ? mouse->last : PS2_RESEND);
		return;
	}
	mouse_reply(mouse, bytes, nr);
}

static void mouse_write(struct mouse *mouse, uint8_t val)
{
	uint8_t cmd = mouse->pending;

	ps2_reply_clear(&mouse->reply);
	mouse->pending = 0;
	if (mouse->wrap && val != PS2_RESET && val != MOUSE_UNWRAP) {
		ps2_reply_add(&mouse->reply, val);
		return;
	}
	mouse->wrap = false;
	if (!cmd) {
		mouse_command(mouse, val);
		return;
	}
	if (cmd == MOUSE_RESOLUTION)
		mouse->resolution = val;
	else
		mouse->rate = val;
	mouse_reply(mouse, NULL, 0);
}

/* --- controller --- */

static void i8042_lines_locked(struct i8042 *kbc)
{
	uint8_t ctr = kbc->ram[0];
	bool kbd = kbc->out_full && !kbc->out_aux && ctr & I8042_CTR_KBDINT;
	bool aux = kbc->out_full && kbc->out_aux && ctr & I8042_CTR_AUXINT;

	if (kbd != kbc->level_kbd)
		kbc->env->irq_set(kbc->env->ctx, I8042_KBD_GSI, kbd);
	if (aux != kbc->level_aux)
		kbc->env->irq_set(kbc->env->ctx, I8042_AUX_GSI, aux);
	kbc->level_kbd = kbd;
	kbc->level_aux = aux;
}

/* The next byte the keyboard sends, as the controller passes it on. */
static bool i8042_take_kbd_locked(struct i8042 *kbc, uint8_t *byte)
{
	while (kbd_take(&kbc->kbd, byte)) {
		if (!(kbc->ram[0] & I8042_CTR_XLATE))
			return true;
		if (*byte == KBD_BREAK) {
			kbc->broke = true;
			continue;
		}
		*byte = i8042_translate(*byte) | (kbc->broke ? 0x80 : 0);
		kbc->broke = false;
		return true;
	}
	return false;
}

static bool i8042_take_aux_locked(struct i8042 *kbc, uint8_t *byte)
{
	if (!ps2_reply_take(&kbc->mouse.reply, byte))
		return false;
	kbc->mouse.last = *byte;
	return true;
}

/* Move the next byte into the output buffer if that is empty, and drive the lines. */
static void i8042_advance_locked(struct i8042 *kbc)
{
	if (!kbc->out_full && kbc->answer_full) {
		kbc->out = kbc->answer;
		kbc->out_aux = kbc->answer_aux;
		kbc->out_full = true;
		kbc->answer_full = false;
	}
	if (!kbc->out_full && !(kbc->ram[0] & I8042_CTR_KBDDIS)) {
		kbc->out_full = i8042_take_kbd_locked(kbc, &kbc->out);
		kbc->out_aux = false;
	}
	if (!kbc->out_full && !(kbc->ram[0] & I8042_CTR_AUXDIS))
		kbc->out_full = kbc->out_aux = i8042_take_aux_locked(kbc, &kbc->out);
	i8042_lines_locked(kbc);
}

static void i8042_answer_locked(struct i8042 *kbc, uint8_t byte, bool aux)
{
	kbc->answer = byte;
	kbc->answer_aux = aux;
	kbc->answer_full = true;
}

static uint8_t i8042_output_port(const struct i8042 *kbc)
{
	return (uint8_t)(kbc->output_port | I8042_OUT_CLOCKS |
			 (kbc->out_full && !kbc->out_aux ? I8042_OUT_KBD : 0) |
			 (kbc->out_full && kbc->out_aux ? I8042_OUT_AUX : 0));
}

static void i8042_reset_guest(struct i8042 *kbc)
{
	kbc->env->request(kbc->env->ctx, DEV_REQ_RESET, 0);
}

static void i8042_command_locked(struct i8042 *kbc, uint8_t cmd)
{
	kbc->pending = 0;
	kbc->status |= I8042_STR_CMD;
	switch (cmd) {
	case I8042_CMD_READ_RAM ... I8042_CMD_READ_RAM + 31:
		i8042_answer_locked(kbc, kbc->ram[cmd & 31], false);
		break;
	case I8042_CMD_WRITE_RAM ... I8042_CMD_WRITE_RAM + 31:
	case I8042_CMD_WRITE_OUTPUT ... I8042_CMD_AUX_SEND:
		kbc->pending = cmd;
		break;
	case I8042_CMD_AUX_DISABLE:
		kbc->ram[0] |= I8042_CTR_AUXDIS;
		break;
	case I8042_CMD_AUX_ENABLE:
		kbc->ram[0] &= (uint8_t)~I8042_CTR_AUXDIS;
		break;
	case I8042_CMD_KBD_DISABLE:
		kbc->ram[0] |= I8042_CTR_KBDDIS;
		break;
	case I8042_CMD_KBD_ENABLE:
		kbc->ram[0] &= (uint8_t)~I8042_CTR_KBDDIS;
		break;
	case I8042_CMD_SELF_TEST:
		kbc->status |= I8042_STR_SYS;
		i8042_answer_locked(kbc, 0x55, false);
		break;
	case I8042_CMD_AUX_TEST:
	case I8042_CMD_KBD_TEST:
		i8042_answer_locked(kbc, 0x00, false);
		break;
	case I8042_CMD_READ_INPUT:
		i8042_answer_locked(kbc, 0x80, false); /* not locked */
		break;
	case I8042_CMD_READ_OUTPUT:
		i8042_answer_locked(kbc, i8042_output_port(kbc), false);
		break;
	case I8042_CMD_A20_OFF:
		kbc->output_port &= (uint8_t)~I8042_OUT_A20;
		break;
	case I8042_CMD_A20_ON:
		kbc->output_port |= I8042_OUT_A20;
		break;
	case I8042_CMD_PULSE ... I8042_CMD_PULSE + 15:
		if (!(cmd & I8042_OUT_NO_RESET))
			i8042_reset_guest(kbc);
		break;
	}
}

static void i8042_write_output_locked(struct i8042 *kbc, uint8_t val)
{
	kbc->output_port = val & (I8042_OUT_NO_RESET | I8042_OUT_A20);
	if (!(val & I8042_OUT_NO_RESET))
		i8042_reset_guest(kbc);
}

static void i8042_data_locked(struct i8042 *kbc, uint8_t val)
{
	uint8_t cmd = kbc->pending;

	kbc->pending = 0;
	kbc->status &= (uint8_t)~I8042_STR_CMD;
	switch (cmd) {
	case I8042_CMD_WRITE_RAM ... I8042_CMD_WRITE_RAM + 31:
		kbc->ram[cmd & 31] = val;
		break;
	case I8042_CMD_WRITE_OUTPUT:
		i8042_write_output_locked(kbc, val);
		break;
	case I8042_CMD_KBD_LOOP:
	case I8042_CMD_AUX_LOOP:
		i8042_answer_locked(kbc, val, cmd == I8042_CMD_AUX_LOOP);
		break;
	case I8042_CMD_AUX_SEND:
		/* Talking to a device opens its interface. */
		kbc->ram[0] &= (uint8_t)~I8042_CTR_AUXDIS;
		mouse_write(&kbc->mouse, val);
		break;
	default:
		kbc->ram[0] &= (uint8_t)~I8042_CTR_KBDDIS;
		kbd_write(&kbc->kbd, val);
		break;
	}
}

static uint8_t i8042_status(const struct i8042 *kbc)
{
	return (uint8_t)(kbc->status | I8042_STR_OPEN | (kbc->out_full ? I8042_STR_OBF : 0) |
			 (kbc->out_full && kbc->out_aux ? I8042_STR_AUX : 0));
}

static uint8_t i8042_read_data_locked(struct i8042 *kbc)
{
	uint8_t val = kbc->out;

	/* The lines fall before the next byte raises them: each byte is an edge. */
	kbc->out_full = false;
	i8042_lines_locked(kbc);
	return val;
}

static void i8042_data_io(void *opaque, struct bus_access *acc)
{
	struct i8042 *kbc = opaque;

	pthread_mutex_lock(&kbc->lock);
	if (acc->write)
		i8042_data_locked(kbc, (uint8_t)acc->data);
	else
		acc->data = i8042_read_data_locked(kbc);
	i8042_advance_locked(kbc);
	pthread_mutex_unlock(&kbc->lock);
}

static void i8042_status_io(void *opaque, struct bus_access *acc)
{
	struct i8042 *kbc = opaque;

	pthread_mutex_lock(&kbc->lock);
	if (acc->write) {
		i8042_command_locked(kbc, (uint8_t)acc->data);
		i8042_advance_locked(kbc);
	} else {
		acc->data = i8042_status(kbc);
	}
	pthread_mutex_unlock(&kbc->lock);
}

void i8042_key(void *state, uint16_t scancode, bool down)
{
	struct i8042 *kbc = state;
	struct kbd *kbd = &kbc->kbd;
	uint8_t seq[KBD_SEQ_MAX];
	unsigned int nr;

	pthread_mutex_lock(&kbc->lock);
	nr = kbd_sequence(kbd->set, scancode, down, seq);
	kbc->nr_keys += nr && down;
	if (kbd->scanning && kbd->nr + nr + (down ? KBD_RESERVE : 0) <= KBD_QUEUE) {
		kbd_put(kbd, seq, nr);
		i8042_advance_locked(kbc);
	} else if (nr) {
		kbc->nr_dropped++;
	}
	pthread_mutex_unlock(&kbc->lock);
}

/* --- life --- */

static void i8042_reset(void *state)
{
	struct i8042 *kbc = state;

	pthread_mutex_lock(&kbc->lock);
	memset(kbc->ram, 0, sizeof(kbc->ram));
	kbc->ram[0] = I8042_CTR_RESET;
	kbc->status = I8042_STR_SYS;
	kbc->pending = 0;
	kbc->output_port = I8042_OUT_NO_RESET | I8042_OUT_A20;
	kbc->out = 0;
	kbc->out_full = kbc->out_aux = kbc->answer_full = kbc->answer_aux = kbc->broke = false;
	kbd_reset(&kbc->kbd);
	mouse_reset(&kbc->mouse);
	i8042_lines_locked(kbc);
	pthread_mutex_unlock(&kbc->lock);
}

static void i8042_exit(void *state)
{
	struct i8042 *kbc = state;

	bus_unregister(kbc->env->bus, kbc);
	pthread_mutex_destroy(&kbc->lock);
	free(kbc);
}

static int i8042_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports data = { I8042_DATA, 1, "i8042 data" };
	static const struct dev_ports status = { I8042_STATUS, 1, "i8042 command" };
	struct i8042 *kbc = calloc(1, sizeof(*kbc));
	int ret;

	if (!kbc)
		return err_sys(err, ENOMEM, "i8042");
	kbc->env = env;
	pthread_mutex_init(&kbc->lock, NULL);
	ret = dev_claim_ports(env, &data, 1, i8042_data_io, kbc, err);
	if (!ret)
		ret = dev_claim_ports(env, &status, 1, i8042_status_io, kbc, err);
	if (ret) {
		i8042_exit(kbc);
		return ret;
	}
	i8042_reset(kbc);
	*state = kbc;
	return 0;
}

static void i8042_describe(void *state, struct dev_rows *rows)
{
	struct i8042 *kbc = state;
	const struct kbd *kbd = &kbc->kbd;
	uint8_t ctr;

	pthread_mutex_lock(&kbc->lock);
	ctr = kbc->ram[0];
	dev_row(rows, "configuration", "%02x: line 1 %s, line 12 %s, keyboard %s, mouse %s%s", ctr,
		ctr & I8042_CTR_KBDINT ? "on" : "off", ctr & I8042_CTR_AUXINT ? "on" : "off",
		ctr & I8042_CTR_KBDDIS ? "off" : "on", ctr & I8042_CTR_AUXDIS ? "off" : "on",
		ctr & I8042_CTR_XLATE ? ", translated" : "");
	if (kbc->out_full)
		dev_row(rows, "output buffer", "%02x from the %s", kbc->out,
			kbc->out_aux ? "mouse" : "keyboard");
	else
		dev_row(rows, "output buffer", "empty");
	dev_row(rows, "keyboard", "scanning %s, set %u, LEDs%s%s%s%s", kbd->scanning ? "on" : "off",
		kbd->set, kbd->leds & 1 ? " scroll" : "", kbd->leds & 2 ? " num" : "",
		kbd->leds & 4 ? " caps" : "", kbd->leds ? "" : " off");
	dev_row(rows, "keys", "%" PRIu64 " pressed, %" PRIu64 " dropped, %u bytes waiting",
		kbc->nr_keys, kbc->nr_dropped, kbd->nr);
	dev_row(rows, "mouse", "reports %s, %u a second", kbc->mouse.enabled ? "on" : "off",
		kbc->mouse.rate);
	dev_row(rows, "output port", "%02x (A20 bit %s)", i8042_output_port(kbc),
		kbc->output_port & I8042_OUT_A20 ? "on" : "off");
	pthread_mutex_unlock(&kbc->lock);
}

static void ps2_reply_save(const struct ps2_reply *reply, struct buf *out)
{
	dev_save_bytes(out, reply->byte, PS2_REPLY_MAX);
	dev_save_u8(out, reply->nr);
	dev_save_u8(out, reply->pos);
}

static void ps2_reply_load(struct ps2_reply *reply, struct dev_state_in *in)
{
	dev_load_bytes(in, reply->byte, PS2_REPLY_MAX);
	reply->nr = dev_load_u8(in);
	reply->pos = dev_load_u8(in);
	if (reply->nr > PS2_REPLY_MAX)
		ps2_reply_clear(reply);
}

static void kbd_save(const struct kbd *kbd, struct buf *out)
{
	ps2_reply_save(&kbd->reply, out);
	dev_save_bytes(out, kbd->queue, KBD_QUEUE);
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

static void kbd_load(struct kbd *kbd, struct dev_state_in *in)
{
	ps2_reply_load(&kbd->reply, in);
	dev_load_bytes(in, kbd->queue, KBD_QUEUE);
	kbd->head = dev_load_u32(in) % KBD_QUEUE;
	kbd->nr = dev_load_u32(in);
	if (kbd->nr > KBD_QUEUE)
		kbd->nr = 0;
	kbd->pending = dev_load_u8(in);
	kbd->last = dev_load_u8(in);
	kbd->leds = dev_load_u8(in) & 7;
	kbd->rate = dev_load_u8(in);
	kbd->set = dev_load_u8(in) == 1 ? 1 : 2;
	kbd->scanning = dev_load_u8(in);
	kbd->mid = dev_load_u8(in);
}

static void mouse_save(const struct mouse *mouse, struct buf *out)
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

static void mouse_load(struct mouse *mouse, struct dev_state_in *in)
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

static void i8042_save(void *state, struct buf *out)
{
	struct i8042 *kbc = state;

	pthread_mutex_lock(&kbc->lock);
	dev_save_bytes(out, kbc->ram, sizeof(kbc->ram));
	dev_save_u8(out, kbc->status);
	dev_save_u8(out, kbc->pending);
	dev_save_u8(out, kbc->output_port);
	dev_save_u8(out, kbc->out);
	dev_save_u8(out, kbc->out_full);
	dev_save_u8(out, kbc->out_aux);
	dev_save_u8(out, kbc->answer);
	dev_save_u8(out, kbc->answer_full);
	dev_save_u8(out, kbc->answer_aux);
	dev_save_u8(out, kbc->broke);
	kbd_save(&kbc->kbd, out);
	mouse_save(&kbc->mouse, out);
	pthread_mutex_unlock(&kbc->lock);
}

static int i8042_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct i8042 *kbc = state;

	pthread_mutex_lock(&kbc->lock);
	dev_load_bytes(in, kbc->ram, sizeof(kbc->ram));
	kbc->status = dev_load_u8(in) & (I8042_STR_SYS | I8042_STR_CMD);
	kbc->pending = dev_load_u8(in);
	kbc->output_port = dev_load_u8(in) & (I8042_OUT_NO_RESET | I8042_OUT_A20);
	kbc->out = dev_load_u8(in);
	kbc->out_full = dev_load_u8(in);
	kbc->out_aux = dev_load_u8(in);
	kbc->answer = dev_load_u8(in);
	kbc->answer_full = dev_load_u8(in);
	kbc->answer_aux = dev_load_u8(in);
	kbc->broke = dev_load_u8(in);
	kbd_load(&kbc->kbd, in);
	mouse_load(&kbc->mouse, in);
	i8042_lines_locked(kbc);
	pthread_mutex_unlock(&kbc->lock);
	return dev_load_end(in, "i8042", err);
}

const struct device_ops i8042_ops = {
	.name = "i8042",
	.init = i8042_init,
	.reset = i8042_reset,
	.exit = i8042_exit,
	.describe = i8042_describe,
	.save = i8042_save,
	.load = i8042_load,
};
