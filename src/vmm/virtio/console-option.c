/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of --console: serial, or virtio[,size=COLSxROWS][,port=NAME:PATH]... */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "vmm/virtio/console-priv.h"

#define CONSOLE_NAME_MAX 31
#define CONSOLE_SIZE_MAX 1000

static int console_bad(struct err *err, const char *val, const char *why)
{
	return err_set(err, EINVAL, "--console %s: %s", val, why);
}

/* COLSxROWS; WORD is ours to cut. */
static bool console_parse_size(char *word, struct vconsole_config *cfg)
{
	uint64_t cols, rows;
	char *x = strchr(word, 'x');

	if (!x)
		return false;
	*x = '\0';
	if (!parse_range(word, 1, CONSOLE_SIZE_MAX, &cols) ||
	    !parse_range(x + 1, 1, CONSOLE_SIZE_MAX, &rows))
		return false;
	vconsole_line_resize(cfg->line, (uint16_t)cols, (uint16_t)rows);
	return true;
}

/* NAME:PATH; WORD lives on in CFG. */
static bool console_parse_port(char *word, struct vconsole_config *cfg)
{
	char *colon = strchr(word, ':');

	if (!colon || colon == word || colon - word > CONSOLE_NAME_MAX || !colon[1] ||
	    cfg->nr_ports == VCONSOLE_MAX_PORTS)
		return false;
	*colon = '\0';
	cfg->port[cfg->nr_ports].name = word;
	cfg->port[cfg->nr_ports++].path = colon + 1;
	return true;
}

static int console_parse_words(const char *val, char *words, struct vconsole_config *cfg,
			       struct err *err)
{
	char *word;

	while ((word = strsep(&words, ","))) {
		if (strncmp(word, "size=", 5) == 0) {
			if (!console_parse_size(word + 5, cfg))
				return console_bad(err, val, "size=COLSxROWS");
		} else if (strncmp(word, "port=", 5) == 0) {
			if (!console_parse_port(word + 5, cfg))
				return console_bad(err, val, "port=NAME:PATH, up to 7 of them");
		} else {
			return console_bad(err, val, "serial, or virtio[,size=..][,port=..]...");
		}
	}
	return 0;
}

/* All of it lives as long as the process. */
int vconsole_parse(const char *val, struct pci_plug *plug, struct err *err)
{
	struct virtio_plug *virtio = calloc(1, sizeof(*virtio));
	struct vconsole_config *cfg = calloc(1, sizeof(*cfg));
	char *words = strdup(val), *rest = words;
	int ret = 0;

	if (cfg)
		cfg->line = vconsole_line_new();
	if (!virtio || !cfg || !words || !cfg->line) {
		ret = err_sys(err, ENOMEM, "--console");
	} else if (strcmp(val, "serial") != 0) {
		cfg->nr_ports = 1;
		if (strcmp(strsep(&rest, ","), "virtio") != 0)
			ret = console_bad(err, val, "serial, or virtio[,size=..][,port=..]...");
		else
			ret = console_parse_words(val, rest, cfg, err);
	}
	if (ret == 0 && cfg->nr_ports) {
		virtio->ops = &virtio_console_ops;
		virtio->config = cfg;
		plug->ops = &virtio_pci_ops;
		plug->config = virtio;
		return 0;
	}
	if (cfg)
		vconsole_line_free(cfg->line);
	free(words);
	free(cfg);
	free(virtio);
	return ret;
}

struct vconsole_line *vconsole_plug_line(const struct pci_plug *plug)
{
	const struct virtio_plug *virtio = plug->config;
	const struct vconsole_config *cfg;

	if (plug->ops != &virtio_pci_ops || virtio->ops != &virtio_console_ops)
		return NULL;
	cfg = virtio->config;
	return cfg->line;
}
