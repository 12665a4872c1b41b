/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats by their first bytes: see probe.h. */
#include "vmm/block/probe.h"

#include <string.h>

static uint64_t probe_be(const uint8_t *data, size_t len)
{
	uint64_t val = 0;

	while (len--)
		val = val << 8 | *data++;
	return val;
}

/* Offset of the backing file's name at 8; from version 3 on, bit 2 at 72: data in another file. */
static bool probe_qcow(const uint8_t *data, size_t len)
{
	if (len < 80 || probe_be(data + 8, 8) != 0)
		return true;
	return probe_be(data + 4, 4) >= 3 && (probe_be(data + 72, 8) & 4);
}

/* Feature bit 0, little endian at 16: there is a backing file. */
static bool probe_qed(const uint8_t *data, size_t len)
{
	return len < 24 || (data[16] & 1);
}

static bool probe_refers(const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	return true;
}

struct probe_magic {
	const char *format;
	unsigned int off, len;
	const char *magic;
	bool (*refers)(const uint8_t *data, size_t len); /* NULL: never */
};

static const struct probe_magic probe_magics[] = {
	{ "qcow2", 0, 8, "QFI\xfb\0\0\0\2", probe_qcow },
	{ "qcow2", 0, 8, "QFI\xfb\0\0\0\3", probe_qcow },
	{ "qcow", 0, 8, "QFI\xfb\0\0\0\1", probe_qcow },
	{ "qed", 0, 4, "QED\0", probe_qed },
	{ "vmdk", 0, 4, "KDMV", probe_refers },
	{ "vmdk", 0, 4, "COWD", probe_refers },
	{ "vmdk", 0, 21, "# Disk DescriptorFile", probe_refers },
	{ "vhdx", 0, 8, "vhdxfile", NULL },
	{ "vpc", 0, 8, "conectix", NULL },
	{ "vdi", 64, 4, "\x7f\x10\xda\xbe", NULL },
	{ "parallels", 0, 16, "WithoutFreeSpace", NULL },
	{ "parallels", 0, 16, "WithouFreSpacExt", NULL },
};

#define PROBE_NR (sizeof(probe_magics) / sizeof(probe_magics[0]))

void probe_header(const uint8_t *data, size_t len, struct probe *out)
{
	const struct probe_magic *pm;

	*out = (struct probe){ .format = "raw" };
	for (pm = probe_magics; pm < probe_magics + PROBE_NR; pm++) {
		if (pm->off + pm->len <= len && memcmp(data + pm->off, pm->magic, pm->len) == 0) {
			out->format = pm->format;
			out->refers = pm->refers && pm->refers(data, len);
			return;
		}
	}
}

bool probe_known(const char *format)
{
	const struct probe_magic *pm;

	for (pm = probe_magics; pm < probe_magics + PROBE_NR; pm++) {
		if (strcmp(pm->format, format) == 0)
			return true;
	}
	return strcmp(format, "raw") == 0 || strcmp(format, "dmg") == 0;
}
