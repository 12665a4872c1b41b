/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of fleet files and of guest tests: sections and settings, a line each.
 *
 *	# a comment
 *	[KIND NAME]
 *	key = value to the end of the line
 *
 * A key may come several times. Pure; fuzzed.
 */
#ifndef VITRINE_FARM_CONF_H
#define VITRINE_FARM_CONF_H

#include <stddef.h>

#include "base/err.h"

#define CONF_LINE_MAX 4096
#define CONF_FILE_MAX (1u << 20)

/* A section's begin (KEY NULL) or a setting in it; before the first section KIND is "". */
struct conf_item {
	unsigned int line;
	const char *kind, *name; /* NAME is "" where the section has none */
	const char *key, *value;
};

typedef int (*conf_fn)(void *ctx, const struct conf_item *item, struct err *err);

/* FN for each item of TEXT in order, until it fails. Errors name the line. -EINVAL, or FN's. */
int conf_parse(const char *text, size_t len, conf_fn fn, void *ctx, struct err *err);
/* The contents of PATH, NUL-terminated, to be freed; -EFBIG above CONF_FILE_MAX, -errno. */
int conf_read_file(const char *path, char **text, size_t *len, struct err *err);

/* A growing list of strings, NULL-ended; freed with words_free(). */
struct words {
	char **word;
	size_t nr;
};

int words_add(struct words *words, const char *word);
void words_free(struct words *words);
/* PATH as seen from DIR: DIR/PATH unless it is absolute. Malloc'ed, NULL when memory is short. */
char *conf_path(const char *dir, const char *path);

#endif
