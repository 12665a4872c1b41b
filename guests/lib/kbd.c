/* SPDX-License-Identifier: MIT */
/*
 * 8042 and scan codes. The interrupt handler only needs to call nothing: kbd_getc() polls the
 * status port, so it serves both a handler and a loop.
 */
#include "kbd.h"

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

#define KBD_DATA	     0x60
#define KBD_STATUS	     0x64
#define KBD_STATUS_OUT	     0x01
#define KBD_STATUS_IN	     0x02
#define KBD_CMD_READ_CONFIG  0x20
#define KBD_CMD_WRITE_CONFIG 0x60
#define KBD_CMD_ENABLE	     0xae
#define KBD_CONFIG_IRQ	     0x01
#define KBD_CONFIG_DISABLED  0x10
#define KBD_CONFIG_TRANSLATE 0x40
#define KBD_RELEASED	     0x80

enum {
	KBD_CTRL = 0x1d,
	KBD_SHIFT_LEFT = 0x2a,
	KBD_SHIFT_RIGHT = 0x36,
	KBD_CAPS = 0x3a,
};

static const char kbd_plain[] = "\0\033"
				"1234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char kbd_shifted[] =
	"\0\033"
	"!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static bool kbd_shift, kbd_ctrl, kbd_caps;

static bool kbd_wait(uint8_t bit, bool set)
{
	for (int i = 0; i < 10000; i++) {
		if (!!(inb(KBD_STATUS) & bit) == set)
			return true;
	}
	return false;
}

static void kbd_write(uint16_t port, uint8_t value)
{
	kbd_wait(KBD_STATUS_IN, false);
	outb(port, value);
}

static void kbd_flush(void)
{
	for (int i = 0; i < 32 && inb(KBD_STATUS) & KBD_STATUS_OUT; i++)
		inb(KBD_DATA);
}

void kbd_init(void)
{
	uint8_t config = KBD_CONFIG_TRANSLATE;

	kbd_flush();
	kbd_write(KBD_STATUS, KBD_CMD_READ_CONFIG);
	if (kbd_wait(KBD_STATUS_OUT, true))
		config |= inb(KBD_DATA);
	config = (config | KBD_CONFIG_IRQ) & ~KBD_CONFIG_DISABLED;
	kbd_write(KBD_STATUS, KBD_CMD_WRITE_CONFIG);
	kbd_write(KBD_DATA, config);
	kbd_write(KBD_STATUS, KBD_CMD_ENABLE);
	kbd_flush();
}

/* The character of a key press, or -1; keeps the state of the shifting keys. */
static int kbd_decode(uint8_t code)
{
	bool pressed = !(code & KBD_RELEASED), letter;
	unsigned int key = code & ~KBD_RELEASED;
	char c;

	switch (key) {
	case KBD_SHIFT_LEFT:
	case KBD_SHIFT_RIGHT:
		kbd_shift = pressed;
		return -1;
	case KBD_CTRL:
		kbd_ctrl = pressed;
		return -1;
	case KBD_CAPS:
		kbd_caps ^= pressed;
		return -1;
	}
	if (!pressed || key >= sizeof(kbd_plain) - 1 || !kbd_plain[key])
		return -1;
	c = kbd_plain[key];
	letter = c >= 'a' && c <= 'z';
	if (kbd_ctrl && letter)
		return c & 0x1f;
	return kbd_shift != (kbd_caps && letter) ? kbd_shifted[key] : c;
}

int kbd_getc(void)
{
	uint8_t status = inb(KBD_STATUS);
	int c = -1;

	/* All ones: there is no controller. */
	while (c < 0 && status != 0xff && status & KBD_STATUS_OUT) {
		c = kbd_decode(inb(KBD_DATA));
		status = inb(KBD_STATUS);
	}
	return c;
}
