/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest to be started: see guest.h. */
#include "farm/guest.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define GUEST_NAME_MAX 63

enum guest_kind { GUEST_WORD, GUEST_PATH, GUEST_FLAG };

struct guest_key {
	const char *key, *option;
	enum guest_kind kind;
};

static const struct guest_key guest_keys[] = {
	{ "boot", "--boot", GUEST_WORD },	  { "cpus", "--cpus", GUEST_WORD },
	{ "memory", "--mem", GUEST_WORD },	  { "balloon", "--balloon", GUEST_WORD },
	{ "initrd", "--initrd", GUEST_PATH },	  { "disk", "--disk", GUEST_PATH },
	{ "cdrom", "--cdrom", GUEST_PATH },	  { "net", "--net", GUEST_WORD },
	{ "serial", "--serial", GUEST_WORD },	  { "debugcon", "--debugcon", GUEST_PATH },
	{ "symbols", "--symbols", GUEST_PATH },	  { "success", "--success", GUEST_WORD },
	{ "on-reset", "--on-reset", GUEST_WORD }, { "on-crash", "--on-crash", GUEST_WORD },
	{ "freeze", "--freeze", GUEST_FLAG },	  { "no-balloon", "--no-balloon", GUEST_FLAG },
};

#define GUEST_NR_KEYS (sizeof(guest_keys) / sizeof(guest_keys[0]))

void guest_init(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->mem_size = GUEST_MEM_DEFAULT;
}

void guest_free(struct guest *guest)
{
	free(guest->image);
	free(guest->cmdline);
	words_free(&guest->options);
}

bool guest_name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	}
	return i && i <= GUEST_NAME_MAX && name[0] != '.' && name[0] != '-';
}

static int guest_string(char **out, char *val, const char *key, struct err *err)
{
	if (!val)
		return err_sys(err, ENOMEM, "%s", key);
	free(*out);
	*out = val;
	return 0;
}

static int guest_flag(const struct conf_item *item, bool *on, struct err *err)
{
	*on = strcmp(item->value, "yes") == 0;
	if (*on || strcmp(item->value, "no") == 0)
		return 0;
	return err_set(err, EINVAL, "%s = %s: yes or no", item->key, item->value);
}

static int guest_option(struct guest *guest, const char *dir, const struct guest_key *key,
			const struct conf_item *item, struct err *err)
{
	char *path = NULL;
	bool on = true;
	int ret = 0;

	if (key->kind == GUEST_FLAG)
		ret = guest_flag(item, &on, err);
	else if (!item->value[0])
		ret = err_set(err, EINVAL, "%s: what?", item->key);
	if (ret < 0 || !on)
		return ret;
	if (key->kind == GUEST_PATH && !(path = conf_path(dir, item->value)))
		return err_sys(err, ENOMEM, "%s", item->key);
	ret = words_add(&guest->options, key->option);
	if (ret == 0 && key->kind != GUEST_FLAG)
		ret = words_add(&guest->options, path ? path : item->value);
	free(path);
	return ret < 0 ? err_sys(err, -ret, "%s", item->key) : 0;
}

int guest_set(struct guest *guest, const char *dir, const struct conf_item *item, struct err *err)
{
	size_t i;

	if (strcmp(item->key, "image") == 0) {
		if (!item->value[0])
			return err_set(err, EINVAL, "image: which?");
		return guest_string(&guest->image, conf_path(dir, item->value), "image", err);
	}
	if (strcmp(item->key, "cmdline") == 0)
		return guest_string(&guest->cmdline, strdup(item->value), "cmdline", err);
	if (strcmp(item->key, "option") == 0) /* whatever else `vitrine run` knows */
		return words_add(&guest->options, item->value);
	if (strcmp(item->key, "memory") == 0 && !parse_size(item->value, &guest->mem_size))
		return err_set(err, EINVAL, "memory = %s: a size like 256M", item->value);
	for (i = 0; i < GUEST_NR_KEYS; i++) {
		if (strcmp(guest_keys[i].key, item->key) == 0)
			return guest_option(guest, dir, &guest_keys[i], item, err);
	}
	return -ENOENT;
}

int guest_argv(const struct guest *guest, const struct words *more, struct words *argv)
{
	size_t i;
	int ret;

	ret = words_add(argv, "vitrine") | words_add(argv, "run");
	for (i = 0; i < more->nr; i++)
		ret |= words_add(argv, more->word[i]);
	for (i = 0; i < guest->options.nr; i++)
		ret |= words_add(argv, guest->options.word[i]);
	if (guest->image)
		ret |= words_add(argv, guest->image);
	if (guest->cmdline)
		ret |= words_add(argv, "--") | words_add(argv, guest->cmdline);
	return ret ? -ENOMEM : 0;
}

const char *guest_nearest(const char *word, const char *const *others)
{
	const char *names[64] = { "image", "cmdline", "option" };
	size_t nr = 3, i;

	for (i = 0; i < GUEST_NR_KEYS; i++)
		names[nr++] = guest_keys[i].key;
	for (i = 0; others[i] && nr < 63; i++)
		names[nr++] = others[i];
	return parse_nearest(word, names);
}
