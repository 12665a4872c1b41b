/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key table and its aliases: see keys.h. */
#include "tui/keys.h"

#include <stdio.h>
#include <string.h>

#define KEYS_ROW(name_, text_, key_, label_, help_) \
	{ .req = REQ_##name_, .name = text_, .key = key_, .label = label_, .help = help_ },

const struct key_row keys_table[] = { KEYS_REQUESTS(KEYS_ROW) };
const unsigned int keys_table_len = sizeof(keys_table) / sizeof(keys_table[0]);

/* Other keys for the same requests; nothing is reachable by a function key alone. */
const struct key_alias keys_aliases[] = {
	{ VKEY_UP, REQ_UP },	     { VKEY_DOWN, REQ_DOWN },	   { VKEY_LEFT, REQ_LEFT },
	{ VKEY_RIGHT, REQ_RIGHT },   { VKEY_PGUP, REQ_PAGE_UP },   { VKEY_PGDN, REQ_PAGE_DOWN },
	{ VKEY_HOME, REQ_HOME },     { VKEY_END, REQ_END },	   { VKEY_ENTER, REQ_ENTER },
	{ '\r', REQ_ENTER },	     { VKEY_BACKSPACE, REQ_BACK }, { VKEY_BTAB, REQ_PREV_PANE },
	{ '_', REQ_ZOOM },	     { 'N' & 0x1f, REQ_DOWN },	   { 'P' & 0x1f, REQ_UP },
	{ 'C' & 0x1f, REQ_DETACH },  { VKEY_F1, REQ_HELP },	   { VKEY_F1 + 1, REQ_COMMAND },
	{ VKEY_F1 + 2, REQ_FILTER }, { VKEY_F1 + 3, REQ_ZOOM },	   { VKEY_F1 + 4, REQ_CONTINUE },
	{ VKEY_F1 + 5, REQ_PAUSE },  { VKEY_F1 + 8, REQ_BREAK },   { VKEY_F1 + 9, REQ_STOP },
	{ VKEY_F1 + 10, REQ_STEP },
};
const unsigned int keys_aliases_len = sizeof(keys_aliases) / sizeof(keys_aliases[0]);

enum request keys_lookup(int key)
{
	if (!key)
		return REQ_NONE;
	for (unsigned int i = 0; i < keys_table_len; i++)
		if (keys_table[i].key == key)
			return keys_table[i].req;
	for (unsigned int i = 0; i < keys_aliases_len; i++)
		if (keys_aliases[i].key == key)
			return keys_aliases[i].req;
	return REQ_NONE;
}

const struct key_row *keys_row(enum request req)
{
	if (req <= REQ_NONE || req >= REQ_NR)
		return NULL;
	return &keys_table[req - 1];
}

static const struct {
	int key;
	const char *name;
} keys_names[] = {
	{ '\t', "Tab" },	   { '\n', "Enter" },
	{ '\r', "Enter" },	   { 27, "Esc" },
	{ ' ', "Space" },	   { VKEY_UP, "Up" },
	{ VKEY_DOWN, "Down" },	   { VKEY_LEFT, "Left" },
	{ VKEY_RIGHT, "Right" },   { VKEY_PGUP, "PgUp" },
	{ VKEY_PGDN, "PgDn" },	   { VKEY_HOME, "Home" },
	{ VKEY_END, "End" },	   { VKEY_INSERT, "Insert" },
	{ VKEY_DELETE, "Delete" }, { VKEY_BACKSPACE, "Backspace" },
	{ VKEY_ENTER, "Enter" },   { VKEY_BTAB, "Shift-Tab" },
};

const char *keys_name(int key, char *out)
{
	for (unsigned int i = 0; i < sizeof(keys_names) / sizeof(keys_names[0]); i++)
		if (keys_names[i].key == key)
			return strcpy(out, keys_names[i].name);
	if (key >= VKEY_F1 && key < VKEY_F1 + 12)
		snprintf(out, KEYS_NAME_MAX, "F%d", key - VKEY_F1 + 1);
	else if (key > 0 && key < 0x20)
		snprintf(out, KEYS_NAME_MAX, "Ctrl-%c", key + 0x40);
	else if (key > 0x20 && key < 0x7f)
		snprintf(out, KEYS_NAME_MAX, "%c", key);
	else
		out[0] = '\0';
	return out;
}

int keys_from_name(const char *name)
{
	char text[KEYS_NAME_MAX];

	if (name[0] && !name[1])
		return (unsigned char)name[0];
	for (int key = VKEY_F1; key < VKEY_F1 + 12; key++)
		if (!strcmp(keys_name(key, text), name))
			return key;
	for (unsigned int i = 0; i < sizeof(keys_names) / sizeof(keys_names[0]); i++)
		if (!strcmp(keys_names[i].name, name))
			return keys_names[i].key;
	if (!strncmp(name, "Ctrl-", 5) && name[5] >= '@' && name[5] <= '_' && !name[6])
		return name[5] & 0x1f;
	return 0;
}
