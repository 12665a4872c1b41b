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

#include "vmm/dev/ps2.h"

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
	struct ps2_kbd kbd;
	struct ps2_mouse mouse;
};

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
	while (ps2_kbd_take(&kbc->kbd, byte)) {
		if (!(kbc->ram[0] & I8042_CTR_XLATE))
			return true;
		if (*byte == PS2_KBD_BREAK) {
			kbc->broke = true;
			continue;
		}
		*byte = ps2_kbd_set1(*byte) | (kbc->broke ? 0x80 : 0);
		kbc->broke = false;
		return true;
	}
	return false;
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
		kbc->out_full = kbc->out_aux = ps2_mouse_take(&kbc->mouse, &kbc->out);
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
		ps2_mouse_write(&kbc->mouse, val);
		break;
	default:
		kbc->ram[0] &= (uint8_t)~I8042_CTR_KBDDIS;
		ps2_kbd_write(&kbc->kbd, val);
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
	bool known;

	pthread_mutex_lock(&kbc->lock);
	if (ps2_kbd_key(&kbc->kbd, scancode, down, &known))
		i8042_advance_locked(kbc);
	else if (known)
		kbc->nr_dropped++;
	kbc->nr_keys += known && down;
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
	ps2_kbd_reset(&kbc->kbd);
	ps2_mouse_reset(&kbc->mouse);
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
	const struct ps2_kbd *kbd = &kbc->kbd;
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
	ps2_kbd_save(&kbc->kbd, out);
	ps2_mouse_save(&kbc->mouse, out);
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
	ps2_kbd_load(&kbc->kbd, in);
	ps2_mouse_load(&kbc->mouse, in);
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
