/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of a Linux kernel's memory with its table of symbols, for tests: names
 * "f0", "f1", ... compressed by a dictionary where 'Q' stands for "Tf" and all
 * else for itself, in the order of Linux before 6.4 or after.
 */
#ifndef VITRINE_TESTS_KALLSYMS_IMAGE_H
#define VITRINE_TESTS_KALLSYMS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KALLSYMS_IMAGE_NR   1500u
#define KALLSYMS_IMAGE_LEN  65536u
#define KALLSYMS_IMAGE_BASE 0xffffffff81200000ull

static inline size_t kallsyms_image_align(size_t at)
{
	return (at + 7) & ~(size_t)7;
}

/* The first is an absolute symbol, as per-CPU variables are; the others lie 16 bytes apart. */
static inline size_t kallsyms_image_offsets(uint8_t *img, size_t at)
{
	uint64_t base = KALLSYMS_IMAGE_BASE;
	int32_t off;
	uint32_t i;

	for (i = 0; i < KALLSYMS_IMAGE_NR; i++, at += 4) {
		off = i ? -1 - (int32_t)(i * 16) : 0x40;
		memcpy(img + at, &off, 4);
	}
	at = kallsyms_image_align(at);
	memcpy(img + at, &base, 8);
	return at + 8;
}

static inline size_t kallsyms_image_names(uint8_t *img, size_t at)
{
	uint32_t nr = KALLSYMS_IMAGE_NR, marker[64], nr_markers = 0, i;
	char name[16];
	size_t start;

	memcpy(img + at, &nr, 4);
	start = at = kallsyms_image_align(at + 4);
	for (i = 0; i < nr; i++) {
		if (i % 256 == 0)
			marker[nr_markers++] = (uint32_t)(at - start);
		img[at] = (uint8_t)snprintf(name, sizeof(name), "%s%u", i ? "Q" : "Af", i);
		memcpy(img + at + 1, name, img[at]);
		at += 1u + img[at];
	}
	at = kallsyms_image_align(at);
	memcpy(img + at, marker, nr_markers * 4);
	return kallsyms_image_align(at + nr_markers * 4);
}

static inline size_t kallsyms_image_tokens(uint8_t *img, size_t at)
{
	size_t start = at, i, index;
	uint16_t offset[256];

	for (i = 0; i < 256; i++) {
		offset[i] = (uint16_t)(at - start);
		if (i == 'Q')
			img[at++] = 'T';
		img[at++] = i == 'Q' ? 'f' : i > ' ' && i < 127 ? (uint8_t)i : '?';
		img[at++] = 0;
	}
	index = kallsyms_image_align(at);
	memcpy(img + index, offset, sizeof(offset));
	return index + sizeof(offset);
}

/* IMG has KALLSYMS_IMAGE_LEN bytes. */
static inline void kallsyms_image(uint8_t *img, bool old)
{
	size_t at = 4096;

	memset(img, 0, KALLSYMS_IMAGE_LEN);
	if (old)
		at = kallsyms_image_offsets(img, at);
	at = kallsyms_image_names(img, at);
	at = kallsyms_image_align(kallsyms_image_tokens(img, at));
	if (!old)
		kallsyms_image_offsets(img, at);
}

#endif
