/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys as scan codes of set 1: see keycode.h. */
#include "ctl/keycode.h"

#include <stddef.h>
#include <string.h>

/* QMP's names; the index is the scan code. */
/* clang-format off */
static const char *const keycode_names[] = {
	NULL, "esc", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "minus", "equal",
	"backspace", "tab", "q", "w", "e", "r", "t", "y", "u", "i", "o", "p", "bracket_left",
	"bracket_right", "ret", "ctrl", "a", "s", "d", "f", "g", "h", "j", "k", "l", "semicolon",
	"apostrophe", "grave_accent", "shift", "backslash", "z", "x", "c", "v", "b", "n", "m",
	"comma", "dot", "slash", "shift_r", "kp_multiply", "alt", "spc", "caps_lock", "f1", "f2",
	"f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "num_lock", "scroll_lock", "kp_7",
	"kp_8", "kp_9", "kp_subtract", "kp_4", "kp_5", "kp_6", "kp_add", "kp_1", "kp_2", "kp_3",
	"kp_0", "kp_decimal", "sysrq", NULL, "less", "f11", "f12",
};
/* clang-format on */

/* Keys with a prefix, and second names. */
static const struct {
	uint16_t code;
	const char *name;
} keycode_others[] = {
	{ 0x37, "asterisk" }, { 0xe01c, "kp_enter" }, { 0xe01d, "ctrl_r" }, { 0xe035, "kp_divide" },
	{ 0xe037, "print" },  { 0xe038, "alt_r" },    { 0xe047, "home" },   { 0xe048, "up" },
	{ 0xe049, "pgup" },   { 0xe04b, "left" },     { 0xe04d, "right" },  { 0xe04f, "end" },
	{ 0xe050, "down" },   { 0xe051, "pgdn" },     { 0xe052, "insert" }, { 0xe053, "delete" },
	{ 0xe05b, "meta_l" }, { 0xe05c, "meta_r" },   { 0xe05d, "menu" },   { 0xe05e, "power" },
};
/* What each key types, unshifted and shifted; the index is the scan code. */
static const char keycode_plain[] =
	"\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./"
	"\0\0\0 ";
static const char keycode_shifted[] =
	"\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?";

uint16_t keycode_from_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(keycode_names) / sizeof(keycode_names[0]); i++) {
		if (keycode_names[i] && strcmp(keycode_names[i], name) == 0)
			return (uint16_t)i;
	}
	for (i = 0; i < sizeof(keycode_others) / sizeof(keycode_others[0]); i++) {
		if (strcmp(keycode_others[i].name, name) == 0)
			return keycode_others[i].code;
	}
	return 0;
}

static uint16_t keycode_index(const char *table, size_t len, char c)
{
	const char *at = memchr(table, c, len);

	return at ? (uint16_t)(at - table) : 0;
}

uint16_t keycode_from_char(char c, bool *shift)
{
	uint16_t code;

	*shift = false;
	if (!c)
		return 0;
	if (c == '\r')
		c = '\n';
	if (c == 0x7f)
		c = '\b';
	code = keycode_index(keycode_plain, sizeof(keycode_plain) - 1, c);
	if (code)
		return code;
	code = keycode_index(keycode_shifted, sizeof(keycode_shifted) - 1, c);
	*shift = code != 0;
	return code;
}
