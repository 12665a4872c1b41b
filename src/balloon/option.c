/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of --balloon: see balloon.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balloon/balloon.h"
#include "base/parse.h"

#define OPTION_WEIGHT_MAX 1000

static int option_switch(const char *val, bool *on)
{
	*on = strcmp(val, "on") == 0;
	return *on || strcmp(val, "off") == 0 ? 0 : -EINVAL;
}

static int option_number(const char *val, uint64_t hi, unsigned int *out)
{
	uint64_t num;

	if (!parse_range(val, 0, hi, &num))
		return -EINVAL;
	*out = (unsigned int)num;
	return 0;
}

static int option_set(struct balloon_config *cfg, const char *key, const char *val)
{
	bool on = true;
	int ret;

	if (strcmp(key, "floor") == 0)
		return parse_size(val, &cfg->floor) ? 0 : -EINVAL;
	if (strcmp(key, "ceiling") == 0)
		return parse_size(val, &cfg->ceiling) ? 0 : -EINVAL;
	if (strcmp(key, "weight") == 0)
		return option_number(val, OPTION_WEIGHT_MAX, &cfg->weight);
	if (strcmp(key, "stats") == 0)
		return option_number(val, BALLOON_INTERVAL_MAX_S, &cfg->stats_s);
	if (strcmp(key, "reporting") == 0)
		return option_switch(val, &cfg->reporting);
	if (strcmp(key, "oom") != 0)
		return -ENOENT;
	ret = option_switch(val, &on);
	cfg->no_oom = !on;
	return ret;
}

static int option_word(struct balloon_config *cfg, const char *whole, char *word, struct err *err)
{
	static const char *const keys[] = { "floor", "ceiling",	  "weight", "stats",
					    "oom",   "reporting", NULL };
	char *equals = strchr(word, '=');
	const char *near;
	int ret;

	if (!equals) {
		if (parse_size(word, &cfg->target) && cfg->target)
			return 0;
		return err_set(err, EINVAL, "--balloon %s: '%s' is no size like 256M", whole, word);
	}
	*equals = '\0';
	ret = option_set(cfg, word, equals + 1);
	if (ret == -EINVAL)
		return err_set(err, EINVAL, "--balloon %s: %s=%s cannot be", whole, word,
			       equals + 1);
	if (ret == 0)
		return 0;
	near = parse_nearest(word, keys);
	return err_set(err, EINVAL, "--balloon %s: '%s' is not known%s%s", whole, word,
		       near ? "; did you mean " : "", near ? near : "");
}

int balloon_plug_parse(const char *val, struct pci_plug *plug, struct err *err)
{
	struct balloon_config *cfg = calloc(1, sizeof(*cfg));
	struct virtio_plug *virtio = calloc(1, sizeof(*virtio));
	char *copy = strdup(val ? val : ""), *word, *save = NULL;
	int ret = 0;

	if (!cfg || !virtio || !copy)
		ret = err_sys(err, ENOMEM, "--balloon");
	if (cfg)
		cfg->stats_s = BALLOON_STATS_INTERVAL_S;
	for (word = ret ? NULL : strtok_r(copy, ",", &save); word && ret == 0;
	     word = strtok_r(NULL, ",", &save))
		ret = option_word(cfg, val, word, err);
	free(copy);
	if (ret < 0) {
		free(cfg);
		free(virtio);
		return ret;
	}
	virtio->ops = &balloon_ops;
	virtio->config = cfg;
	plug->ops = &virtio_pci_ops;
	plug->config = virtio;
	return 0;
}

struct balloon *balloon_find(const struct pci_plug *plug, unsigned int nr)
{
	const struct virtio_plug *virtio;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		virtio = plug[i].ops == &virtio_pci_ops ? plug[i].config : NULL;
		if (virtio && virtio->ops == &balloon_ops)
			return ((const struct balloon_config *)virtio->config)->instance;
	}
	return NULL;
}
