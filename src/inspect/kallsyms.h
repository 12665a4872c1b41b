/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of symbols that a Linux kernel keeps of itself (CONFIG_KALLSYMS), read
 * out of its memory: names compressed by a dictionary of 256 tokens, addresses
 * relative to one that the kernel has moved together with itself.
 */
#ifndef VITRINE_INSPECT_KALLSYMS_H
#define VITRINE_INSPECT_KALLSYMS_H

#include <stddef.h>
#include <stdint.h>

/* One symbol: nm(1)'s letter, a name of LEN bytes that is not ended. Not 0 stops. */
typedef int (*kallsyms_fn)(void *ctx, char type, const char *name, size_t len, uint64_t addr);

/* How many bytes kallsyms_hint() has to see together. */
#define KALLSYMS_HINT 20
/* Offset at or after FROM of what may be the middle of a dictionary, or LEN. */
size_t kallsyms_hint(const uint8_t *data, size_t len, size_t from);
/*
 * Read the table around the hint at HINT; DATA begins at a multiple of 8 of the guest's addresses.
 * Everything in it is untrusted. How many symbols FN got, what FN returned, or -ENOENT.
 */
long kallsyms_read(const uint8_t *data, size_t len, size_t hint, kallsyms_fn fn, void *ctx);

#endif
