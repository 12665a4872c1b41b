/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an image's first bytes say of its format, and whether they name other
 * files. A guest writes the first bytes of a raw image as it likes, so a format
 * that was only guessed is never allowed to lead to another file of the host.
 */
#ifndef VITRINE_VMM_BLOCK_PROBE_H
#define VITRINE_VMM_BLOCK_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* This many bytes are enough. */
#define PROBE_LEN 512

struct probe {
	const char *format; /* "raw" where nothing is known */
	bool refers;	    /* the header may name further files: backing file, extents */
};

void probe_header(const uint8_t *data, size_t len, struct probe *out);
/* FORMAT is one of those that qemu-nbd is asked to serve, or raw. */
bool probe_known(const char *format);

#endif
