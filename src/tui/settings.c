/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's settings file: see settings.h. */
#include "tui/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"

#define SETTINGS_FILE	  "/vitrine.conf"
#define SETTINGS_FILE_MAX 65536
#define SETTINGS_WORD_MAX 32

static const char *const settings_keys[] = { "ascii", "colour", "mouse", NULL };

static bool settings_word(const char *from, const char *to, char *out)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	if (from == to || to - from >= SETTINGS_WORD_MAX)
		return false;
	for (; from < to; from++, out++) {
		if (!isgraph((unsigned char)*from))
			return false;
		*out = *from;
	}
	*out = '\0';
	return true;
}

static bool settings_choose(const char *value, enum settings_choice *out)
{
	static const char *const names[] = { "auto", "on", "off" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		*out = (enum settings_choice)i;
		return true;
	}
	return false;
}

static int settings_set(const char *key, const char *value, struct settings *out, struct err *err)
{
	enum settings_choice choice = SETTINGS_AUTO;
	bool known = settings_choose(value, &choice);
	const char *near;

	if (!strcmp(key, "mouse")) {
		if (!known || choice == SETTINGS_AUTO)
			return err_set(err, EINVAL, "mouse: '%s' is neither on nor off", value);
		out->mouse = choice == SETTINGS_ON;
		return 0;
	}
	if (!strcmp(key, "colour")) {
		if (!known || choice == SETTINGS_ON)
			return err_set(err, EINVAL, "colour: '%s' is neither auto nor off", value);
		out->colour = choice;
		return 0;
	}
	if (!strcmp(key, "ascii")) {
		if (!known)
			return err_set(err, EINVAL, "ascii: '%s' is not auto, on or off", value);
		out->ascii = choice;
		return 0;
	}
	near = parse_nearest(key, settings_keys);
	return near ? err_set(err, EINVAL, "there is no '%s'; did you mean %s?", key, near)
		    : err_set(err, EINVAL, "there is no '%s' (vitrine.conf(5) lists what is)", key);
}

static int settings_line(const char *line, const char *end, struct settings *out, struct err *err)
{
	char key[SETTINGS_WORD_MAX], value[SETTINGS_WORD_MAX];
	const char *hash = memchr(line, '#', (size_t)(end - line)), *sign;

	if (hash)
		end = hash;
	while (line < end && isspace((unsigned char)*line))
		line++;
	if (line == end)
		return 0;
	sign = memchr(line, '=', (size_t)(end - line));
	if (!sign || !settings_word(line, sign, key) || !settings_word(sign + 1, end, value))
		return err_set(err, EINVAL, "a line is `key = value`");
	return settings_set(key, value, out, err);
}

int settings_parse(const char *name, const char *text, size_t len, struct settings *out,
		   struct err *err)
{
	const char *end = text + len, *stop;
	int ret = 0, nr = 1;

	if (len > SETTINGS_FILE_MAX)
		return err_set(err, E2BIG, "%s: too long for settings", name);
	for (; text < end; text = stop + 1, nr++) {
		struct err bad = ERR_INIT;

		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		if (settings_line(text, stop, out, &bad) < 0 && ret == 0)
			ret = err_set(err, EINVAL, "%s:%d: %.200s", name, nr, bad.text);
	}
	return ret;
}

int settings_load(struct settings *out, struct err *err)
{
	char path[256], *text;
	size_t used;
	ssize_t n;
	int fd, ret;

	memset(out, 0, sizeof(*out));
	if (!io_person_dir("XDG_CONFIG_HOME", ".config", path, sizeof(path)))
		return 0;
	used = strlen(path);
	if (used + sizeof(SETTINGS_FILE) > sizeof(path))
		return 0;
	memcpy(path + used, SETTINGS_FILE, sizeof(SETTINGS_FILE));
	/* A pipe in its place must not hold us up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, errno, "%s", path);
	text = malloc(SETTINGS_FILE_MAX + 1);
	n = text ? read(fd, text, SETTINGS_FILE_MAX + 1) : -1;
	if (n < 0)
		ret = err_sys(err, errno, "%s", path);
	else
		ret = settings_parse("vitrine.conf", text, (size_t)n, out, err);
	free(text);
	close(fd);
	return ret;
}
