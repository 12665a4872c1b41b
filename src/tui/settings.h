/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's settings file, vitrine.conf(5): lines of `key = value`. */
#ifndef VITRINE_TUI_SETTINGS_H
#define VITRINE_TUI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum settings_choice {
	SETTINGS_AUTO, /* as the terminal and the environment have it */
	SETTINGS_ON,
	SETTINGS_OFF,
};

struct settings {
	bool mouse; /* clicks and the wheel are the dashboard's, not the terminal's */
	enum settings_choice ascii, colour; /* COLOUR is AUTO or OFF */
};

/*
 * Apply TEXT to OUT, which holds what is said nowhere. A bad line changes nothing; the first
 * is named in ERR ("NAME:3: ..."), the others are applied all the same. 0, -EINVAL, -E2BIG.
 */
int settings_parse(const char *name, const char *text, size_t len, struct settings *out,
		   struct err *err);
/* The defaults and the user's file over them; no file is fine. 0, -EINVAL, -errno. */
int settings_load(struct settings *out, struct err *err);

#endif
