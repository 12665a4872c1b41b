/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The form of fleet files and of guest tests: see conf.h. */
#include "farm/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_BLANK " \t\r"

struct conf {
	char kind[32], name[64];
	conf_fn fn;
	void *ctx;
};

/* TEXT without blanks at both ends; changed in place. */
static char *conf_trim(char *text)
{
	char *end;

	text += strspn(text, CONF_BLANK);
	end = text + strlen(text);
	while (end > text && strchr(CONF_BLANK, end[-1]))
		end--;
	*end = '\0';
	return text;
}

static int conf_section(struct conf *conf, char *line, struct conf_item *item, struct err *err)
{
	char *end = strchr(line, ']'), *kind, *name;

	if (!end || end[1 + strspn(end + 1, CONF_BLANK)])
		return err_set(err, EINVAL, "a section is [KIND NAME]");
	*end = '\0';
	kind = conf_trim(line + 1);
	name = kind + strcspn(kind, CONF_BLANK);
	if (*name) {
		*name++ = '\0';
		name = conf_trim(name);
	}
	if (!*kind || strlen(kind) >= sizeof(conf->kind) || strlen(name) >= sizeof(conf->name))
		return err_set(err, EINVAL, "a section is [KIND NAME], the name at most 63 long");
	strcpy(conf->kind, kind);
	strcpy(conf->name, name);
	item->key = item->value = NULL;
	return conf->fn(conf->ctx, item, err);
}

static int conf_setting(struct conf *conf, char *line, struct conf_item *item, struct err *err)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return err_set(err, EINVAL, "neither [SECTION] nor KEY = VALUE");
	*equals = '\0';
	item->key = conf_trim(line);
	item->value = conf_trim(equals + 1);
	if (!item->key[0])
		return err_set(err, EINVAL, "no key before =");
	return conf->fn(conf->ctx, item, err);
}

static int conf_line(struct conf *conf, char *line, unsigned int number, struct err *err)
{
	struct conf_item item = { .line = number, .kind = conf->kind, .name = conf->name };
	int ret = 0;

	line = conf_trim(line);
	if (*line == '[')
		ret = conf_section(conf, line, &item, err);
	else if (*line && *line != '#')
		ret = conf_setting(conf, line, &item, err);
	if (ret < 0)
		err_prefix(err, "line %u", number);
	return ret;
}

int conf_parse(const char *text, size_t len, conf_fn fn, void *ctx, struct err *err)
{
	struct conf conf = { .fn = fn, .ctx = ctx };
	const char *end = text + len, *stop;
	char line[CONF_LINE_MAX];
	unsigned int number = 1;
	int ret = 0;

	for (; text < end && ret == 0; text = stop + 1, number++) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		if ((size_t)(stop - text) >= sizeof(line))
			return err_set(err, EINVAL, "line %u: longer than %d", number,
				       CONF_LINE_MAX - 1);
		if (memchr(text, '\0', (size_t)(stop - text)))
			return err_set(err, EINVAL, "line %u: not text", number);
		memcpy(line, text, (size_t)(stop - text));
		line[stop - text] = '\0';
		ret = conf_line(&conf, line, number, err);
	}
	return ret;
}

static int conf_slurp(int fd, char *text, size_t *len)
{
	ssize_t n = 1;

	for (*len = 0; *len <= CONF_FILE_MAX && n > 0; *len += (size_t)n) {
		n = read(fd, text + *len, CONF_FILE_MAX + 1 - *len);
		if (n < 0)
			return -errno;
	}
	text[*len] = '\0';
	return *len > CONF_FILE_MAX ? -EFBIG : 0;
}

int conf_read_file(const char *path, char **text, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	*text = malloc(CONF_FILE_MAX + 2);
	ret = *text ? conf_slurp(fd, *text, len) : -ENOMEM;
	close(fd);
	if (ret == 0)
		return 0;
	free(*text);
	*text = NULL;
	return err_sys(err, -ret, "%s", path);
}

int words_add(struct words *words, const char *word)
{
	char **more = realloc(words->word, (words->nr + 2) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	words->word = more;
	more[words->nr] = strdup(word);
	if (!more[words->nr])
		return -ENOMEM;
	more[++words->nr] = NULL;
	return 0;
}

void words_free(struct words *words)
{
	while (words->nr)
		free(words->word[--words->nr]);
	free(words->word);
	words->word = NULL;
}

char *conf_path(const char *dir, const char *path)
{
	char *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&out, "%s/%s", dir, path) < 0 ? NULL : out;
}
