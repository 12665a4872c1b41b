/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The values of --disk and --cdrom: FILE[,ro][,format=F][,cache=MODE]... */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "vmm/block/probe.h"
#include "vmm/virtio/blk.h"

#define BLK_ID_LEN 15

/* One option being understood: its words are cut off TEXT one by one. */
struct blk_parse {
	const char *option; /* "--disk" */
	const char *val;    /* all of it, for messages */
	char *text;
	struct blk_config *cfg;
	const char *id;
};

/* The next word, up to a comma; two commas are one that belongs to it. NULL: no more. */
static char *blk_parse_word(struct blk_parse *bp)
{
	char *word = bp->text, *in = word, *out = word;

	if (!word)
		return NULL;
	while (*in && (*in != ',' || in[1] == ',')) {
		if (*in == ',')
			in++;
		*out++ = *in++;
	}
	bp->text = *in ? in + 1 : NULL;
	*out = '\0';
	return word;
}

static int blk_parse_bad(const struct blk_parse *bp, struct err *err, const char *why)
{
	return err_set(err, EINVAL, "%s %s: %s", bp->option, bp->val, why);
}

static int blk_set_format(struct blk_parse *bp, const char *val, struct err *err)
{
	bp->cfg->image.format = val;
	return probe_known(val) ? 0
				: blk_parse_bad(bp, err,
						"format: raw, qcow2, qed, qcow, vmdk, "
						"vdi, vhdx, vpc, parallels or dmg");
}

static int blk_set_cache(struct blk_parse *bp, const char *val, struct err *err)
{
	int i;

	for (i = 0; i < BLOCK_NR_CACHES; i++) {
		if (strcmp(block_cache_name((enum block_cache)i), val) == 0) {
			bp->cfg->image.cache = (enum block_cache)i;
			return 0;
		}
	}
	return blk_parse_bad(bp, err, "cache: writeback, none, writethrough, directsync or unsafe");
}

static int blk_set_serial(struct blk_parse *bp, const char *val, struct err *err)
{
	if (strlen(val) > BLK_SERIAL_LEN)
		return blk_parse_bad(bp, err, "serial: at most 20 characters");
	snprintf(bp->cfg->serial, sizeof(bp->cfg->serial), "%s", val);
	return 0;
}

static int blk_set_queues(struct blk_parse *bp, const char *val, struct err *err)
{
	uint64_t nr;

	if (!parse_range(val, 1, BLOCK_MAX_QUEUES, &nr))
		return blk_parse_bad(bp, err, "queues: a number from 1 to 16");
	bp->cfg->nr_queues = (unsigned int)nr;
	return 0;
}

static int blk_set_id(struct blk_parse *bp, const char *val, struct err *err)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";
	size_t len = strlen(val);

	bp->id = val;
	if (len == 0 || len > BLK_ID_LEN || strspn(val, chars) != len)
		return blk_parse_bad(bp, err, "id: at most 15 letters, digits, '.', '_' or '-'");
	return 0;
}

static int blk_set_bus(struct blk_parse *bp, const char *val, struct err *err)
{
	if (strcmp(val, "virtio") == 0)
		return 0;
	if (strcmp(val, "ata") == 0 || strcmp(val, "ide") == 0)
		return blk_parse_bad(bp, err, "bus=ata: not yet; virtio is there");
	return blk_parse_bad(bp, err, "bus: virtio");
}

static int blk_set_ro(struct blk_parse *bp, const char *val, struct err *err)
{
	bp->cfg->image.read_only = true;
	return val ? blk_parse_bad(bp, err, "ro has no value") : 0;
}

struct blk_key {
	const char *name;
	int (*set)(struct blk_parse *bp, const char *val, struct err *err);
};

static const struct blk_key blk_keys[] = {
	{ "ro", blk_set_ro },	      { "format", blk_set_format }, { "cache", blk_set_cache },
	{ "serial", blk_set_serial }, { "queues", blk_set_queues }, { "id", blk_set_id },
	{ "bus", blk_set_bus },
};

#define BLK_NR_KEYS (sizeof(blk_keys) / sizeof(blk_keys[0]))

static int blk_parse_key(struct blk_parse *bp, char *word, struct err *err)
{
	const char *names[BLK_NR_KEYS + 1] = { NULL }, *near;
	char *val = strchr(word, '=');
	size_t i;

	if (val)
		*val++ = '\0';
	for (i = 0; i < BLK_NR_KEYS; i++) {
		names[i] = blk_keys[i].name;
		if (strcmp(word, blk_keys[i].name) != 0)
			continue;
		if (blk_keys[i].set != blk_set_ro && (!val || !*val))
			return blk_parse_bad(bp, err, "a word without its value");
		return blk_keys[i].set(bp, val, err);
	}
	near = parse_nearest(word, names);
	return err_set(err, EINVAL, "%s %s: there is no '%s'%s%s", bp->option, bp->val, word,
		       near ? "; did you mean " : "", near ? near : "");
}

static int blk_parse_words(struct blk_parse *bp, struct err *err)
{
	char *word = blk_parse_word(bp);
	int ret = 0;

	if (!word || !*word)
		return blk_parse_bad(bp, err, "which file?");
	bp->cfg->image.path = word;
	while (ret == 0 && (word = blk_parse_word(bp)))
		ret = blk_parse_key(bp, word, err);
	return ret;
}

static int blk_parse(const char *option, const char *val, bool cdrom, struct pci_plug *plug,
		     struct err *err)
{

	struct blk_parse bp = { .option = option, .val = val, .text = strdup(val) };
	struct virtio_plug *vplug = calloc(1, sizeof(*vplug));
	char *text = bp.text;
	int ret;

	bp.cfg = calloc(1, sizeof(*bp.cfg));
	if (bp.cfg)
		bp.cfg->stats = calloc(1, sizeof(*bp.cfg->stats));
	ret = bp.cfg && bp.cfg->stats && text && vplug ? blk_parse_words(&bp, err)
						       : err_sys(err, ENOMEM, "%s", option);
	if (ret < 0) {
		if (bp.cfg)
			free(bp.cfg->stats);
		free(bp.cfg);
		free(vplug);
		free(text);
		return ret;
	}
	bp.cfg->removable = cdrom;
	bp.cfg->image.read_only |= cdrom;
	*vplug = (struct virtio_plug){ .ops = &virtio_blk_ops, .config = bp.cfg };
	*plug = (struct pci_plug){ .ops = &virtio_pci_ops, .name = bp.id, .config = vplug };
	return 0;
}

int blk_parse_disk(const char *val, struct pci_plug *plug, struct err *err)
{
	return blk_parse("--disk", val, false, plug, err);
}

int blk_parse_cdrom(const char *val, struct pci_plug *plug, struct err *err)
{
	return blk_parse("--cdrom", val, true, plug, err);
}

const struct blk_config *blk_of_plug(const struct pci_plug *plug)
{
	const struct virtio_plug *vplug = plug->config;

	if (plug->ops != &virtio_pci_ops || vplug->ops != &virtio_blk_ops)
		return NULL;
	return vplug->config;
}
