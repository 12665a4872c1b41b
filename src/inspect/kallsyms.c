/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux kernel's own symbols: see kallsyms.h. Nothing points at the table, so
 * its pieces are found by what they must look like, each checked by the next:
 * the dictionary by its digits and its index, the markers (the place of every
 * 256th name) by their rise, the names by the markers, their number by the names,
 * the addresses by standing before all that (to Linux 6.3) or behind it.
 */
#include "inspect/kallsyms.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define KALLSYMS_TOKENS	   256u
#define KALLSYMS_TOKEN	   64u /* longest token */
#define KALLSYMS_NAME	   512u
#define KALLSYMS_MAX	   (1u << 20) /* symbols */
#define KALLSYMS_GROUP	   256u	      /* names between two markers */
#define KALLSYMS_GROUP_LEN (KALLSYMS_GROUP * 64)
#define KALLSYMS_TEXT	   0xffffffff80000000ull
#define KALLSYMS_SEQS	   (4u << 20) /* what may lie between markers and dictionary */

struct kallsyms {
	const uint8_t *data;
	size_t len;
	size_t tokens, tokens_end, index; /* the dictionary and its index, offsets in data */
	size_t markers, nr_markers;
	size_t names;
	uint32_t nr;
	size_t offsets;
	uint64_t base;
	bool signed_offsets; /* what is not negative is absolute (per-CPU variables) */
};

static uint16_t kallsyms_u16(const struct kallsyms *ks, size_t at)
{
	return (uint16_t)(ks->data[at] | ks->data[at + 1] << 8);
}

static uint32_t kallsyms_u32(const struct kallsyms *ks, size_t at)
{
	return kallsyms_u16(ks, at) | (uint32_t)kallsyms_u16(ks, at + 2) << 16;
}

static uint64_t kallsyms_u64(const struct kallsyms *ks, size_t at)
{
	return kallsyms_u32(ks, at) | (uint64_t)kallsyms_u32(ks, at + 4) << 32;
}

static size_t kallsyms_align(size_t at, size_t to)
{
	return (at + to - 1) / to * to;
}

/* --- the dictionary: the digits stand for themselves in it, one after the other --- */

size_t kallsyms_hint(const uint8_t *data, size_t len, size_t from)
{
	static const uint8_t digits[KALLSYMS_HINT] =
		"0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	const uint8_t *at =
		from < len ? memmem(data + from, len - from, digits, sizeof(digits)) : NULL;

	return at ? (size_t)(at - data) : len;
}

/* From token '0' at HINT back to the first one. */
static bool kallsyms_first_token(struct kallsyms *ks, size_t hint)
{
	size_t at = hint, n, i;

	for (n = '0'; n > 0; n--) {
		if (!at || ks->data[at - 1])
			return false; /* the one before is not ended */
		for (i = 0, at--; at && ks->data[at - 1] && i < KALLSYMS_TOKEN; i++)
			at--;
	}
	ks->tokens = at;
	return true;
}

/* The index holds the offset of each token: nothing else looks like that. */
static bool kallsyms_check_index(const struct kallsyms *ks, size_t index)
{
	size_t at = ks->tokens, i;

	if (index + KALLSYMS_TOKENS * 2 > ks->len)
		return false;
	for (i = 0; i < KALLSYMS_TOKENS; i++) {
		if (kallsyms_u16(ks, index + i * 2) != at - ks->tokens)
			return false;
		at += strnlen((const char *)ks->data + at, ks->len - at) + 1;
		if (at > ks->len)
			return false;
	}
	return true;
}

static bool kallsyms_find_index(struct kallsyms *ks)
{
	size_t at = ks->tokens, i, pad;

	for (i = 0; i < KALLSYMS_TOKENS && at < ks->len; i++)
		at += strnlen((const char *)ks->data + at, ks->len - at) + 1;
	ks->tokens_end = at;
	for (pad = 2; pad <= 16; pad *= 2) {
		ks->index = kallsyms_align(at, pad);
		if (kallsyms_check_index(ks, ks->index))
			return true;
	}
	return false;
}

/* --- names and markers --- */

/* Behind the name at AT; 0 where there cannot be one. */
static size_t kallsyms_skip(const struct kallsyms *ks, size_t at)
{
	size_t len;

	if (at + 2 > ks->len)
		return 0;
	len = ks->data[at++];
	if (len & 0x80)
		len = (len & 0x7f) | (size_t)ks->data[at++] << 7;
	if (!len || len > KALLSYMS_NAME || len > ks->len - at)
		return 0;
	return at + len;
}

static size_t kallsyms_skip_group(const struct kallsyms *ks, size_t at)
{
	unsigned int i;

	for (i = 0; i < KALLSYMS_GROUP && at; i++)
		at = kallsyms_skip(ks, at);
	return at;
}

/* How many markers begin at AT. */
static size_t kallsyms_run(const struct kallsyms *ks, size_t at)
{
	uint32_t last = 0, next;
	size_t n = 1;

	if (at + 4 > ks->tokens || kallsyms_u32(ks, at))
		return 0;
	for (at += 4; at + 4 <= ks->tokens; at += 4, n++) {
		next = kallsyms_u32(ks, at);
		if (next < last + KALLSYMS_GROUP * 2 || next > last + KALLSYMS_GROUP_LEN)
			break;
		last = next;
	}
	return n;
}

/* Do the first groups of names that begin at AT end where the markers say? */
static bool kallsyms_check_names(const struct kallsyms *ks, size_t at)
{
	size_t i, end = at;

	for (i = 1; i < ks->nr_markers && i < 4; i++) {
		end = kallsyms_skip_group(ks, end);
		if (!end || end - at != kallsyms_u32(ks, ks->markers + i * 4))
			return false;
	}
	return true;
}

/* The number stands before the names: all of them end just before the markers. */
static bool kallsyms_find_number(struct kallsyms *ks)
{
	size_t pad, at, i;

	for (pad = 4; pad <= 8; pad += 4) {
		if (ks->names < pad)
			return false;
		ks->nr = kallsyms_u32(ks, ks->names - pad);
		if (ks->nr > KALLSYMS_MAX || (ks->nr + 255) / 256 != ks->nr_markers)
			continue;
		at = ks->names;
		for (i = 0; i < ks->nr && at; i++)
			at = kallsyms_skip(ks, at);
		if (at && at <= ks->markers && ks->markers - at < 16)
			return true;
	}
	return false;
}

static bool kallsyms_find_names(struct kallsyms *ks)
{
	uint32_t last = kallsyms_u32(ks, ks->markers + (ks->nr_markers - 1) * 4);
	size_t at, high;

	if (ks->markers < last + 8ull)
		return false;
	high = (ks->markers - last) & ~(size_t)3;
	for (at = high; at >= 8 && high - at < KALLSYMS_GROUP_LEN; at -= 4) {
		if (!kallsyms_check_names(ks, at))
			continue;
		ks->names = at;
		if (kallsyms_find_number(ks))
			return true;
	}
	return false;
}

static bool kallsyms_find_markers(struct kallsyms *ks)
{
	size_t at = ks->tokens & ~(size_t)3;
	size_t low = at > KALLSYMS_SEQS ? at - KALLSYMS_SEQS : 0;

	for (; at > low + 4; at -= 4) {
		ks->markers = at - 4;
		ks->nr_markers = kallsyms_run(ks, ks->markers);
		if (ks->nr_markers >= 4 && kallsyms_find_names(ks))
			return true;
	}
	return false;
}

/* --- addresses --- */

static bool kallsyms_is_base(uint64_t base)
{
	return base >= KALLSYMS_TEXT && base < KALLSYMS_TEXT + (1ull << 30) && !(base & 0xfff);
}

static bool kallsyms_find_offsets(struct kallsyms *ks)
{
	size_t bytes = kallsyms_align(ks->nr * 4ull, 8), number = kallsyms_align(ks->names - 8, 8);
	size_t behind = kallsyms_align(ks->index + KALLSYMS_TOKENS * 2, 8);

	if (number >= bytes + 8 && kallsyms_is_base(kallsyms_u64(ks, number - 8))) {
		ks->base = kallsyms_u64(ks, number - 8);
		ks->offsets = number - 8 - bytes;
	} else if (behind + bytes + 8 <= ks->len &&
		   kallsyms_is_base(kallsyms_u64(ks, behind + bytes))) {
		ks->base = kallsyms_u64(ks, behind + bytes);
		ks->offsets = behind;
	} else {
		return false;
	}
	ks->signed_offsets = kallsyms_u32(ks, ks->offsets + ks->nr / 2 * 4ull) >> 31;
	return true;
}

static uint64_t kallsyms_addr(const struct kallsyms *ks, uint32_t n)
{
	uint32_t off = kallsyms_u32(ks, ks->offsets + n * 4ull);

	if (!ks->signed_offsets)
		return ks->base + off;
	return off >> 31 ? ks->base - 1 - (uint64_t)(int64_t)(int32_t)off : off;
}

/* --- the symbols --- */

/* Expand the name at AT; its length, 0 where it is none. The first byte is the type. */
static size_t kallsyms_expand(const struct kallsyms *ks, size_t at, char *name)
{
	size_t end = kallsyms_skip(ks, at), len = 0, n;
	const char *token;

	at += ks->data[at] & 0x80 ? 2 : 1;
	for (; at < end; at++) {
		token = (const char *)ks->data + ks->tokens +
			kallsyms_u16(ks, ks->index + ks->data[at] * 2u);
		n = strlen(token);
		if (n > KALLSYMS_NAME - len)
			return 0;
		memcpy(name + len, token, n);
		len += n;
	}
	return len;
}

long kallsyms_read(const uint8_t *data, size_t len, size_t hint, kallsyms_fn fn, void *ctx)
{
	struct kallsyms ks = { .data = data, .len = len };
	char name[KALLSYMS_NAME];
	size_t at, n;
	uint32_t i;
	int ret = 0;

	if (hint >= len || !kallsyms_first_token(&ks, hint) || !kallsyms_find_index(&ks) ||
	    !kallsyms_find_markers(&ks) || !kallsyms_find_offsets(&ks))
		return -ENOENT;
	for (i = 0, at = ks.names; i < ks.nr && !ret; i++, at = kallsyms_skip(&ks, at)) {
		n = kallsyms_expand(&ks, at, name);
		if (n > 1)
			ret = fn(ctx, name[0], name + 1, n - 1, kallsyms_addr(&ks, i));
	}
	return ret ? ret : (long)ks.nr;
}
