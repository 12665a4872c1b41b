/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as people write them. */
#ifndef VITRINE_BASE_PARSE_H
#define VITRINE_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* A whole number, decimal or 0x hexadecimal, nothing after it. */
bool parse_u64(const char *str, uint64_t *out);
/* A whole number between LO and HI. */
bool parse_range(const char *str, uint64_t lo, uint64_t hi, uint64_t *out);
/* A size in bytes: a number with K, M, G or T (powers of 1024), optionally followed by B or iB. */
bool parse_size(const char *str, uint64_t *out);
/* BYTES as "128M", "1.5G", "640K"; BUF of at least 16 bytes; returns BUF. */
const char *parse_size_text(uint64_t bytes, char *buf);
/* The entry of the NULL-ended LIST nearest to WORD (edit distance at most 3), or NULL. */
const char *parse_nearest(const char *word, const char *const *list);

#endif
