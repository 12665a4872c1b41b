/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as people write them: see parse.h. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARSE_WORD_MAX 48

bool parse_u64(const char *str, uint64_t *out)
{
	unsigned long long val;
	bool hex = str[0] == '0' && (str[1] == 'x' || str[1] == 'X');
	char *end;

	if (!isdigit((unsigned char)str[0]))
		return false;
	errno = 0;
	val = strtoull(str, &end, hex ? 16 : 10);
	if (errno || end == str || *end)
		return false;
	*out = val;
	return true;
}

bool parse_range(const char *str, uint64_t lo, uint64_t hi, uint64_t *out)
{
	uint64_t val;

	if (!parse_u64(str, &val) || val < lo || val > hi)
		return false;
	*out = val;
	return true;
}

static int parse_size_shift(char unit)
{
	switch (toupper((unsigned char)unit)) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	case 'T':
		return 40;
	}
	return 0;
}

bool parse_size(const char *str, uint64_t *out)
{
	unsigned long long val;
	char *end;
	int shift;

	if (!isdigit((unsigned char)str[0]))
		return false;
	errno = 0;
	val = strtoull(str, &end, 0);
	if (errno || end == str)
		return false;
	shift = parse_size_shift(*end);
	if (shift)
		end++;
	if (shift && strncmp(end, "iB", 2) == 0)
		end += 2;
	else if (*end == 'B')
		end++;
	if (*end || (shift && val >> (64 - shift)))
		return false;
	*out = val << shift;
	return true;
}

const char *parse_size_text(uint64_t bytes, char *buf)
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = bytes, rest = 0;
	int unit = 0;

	while (whole >= 1024 && units[unit + 1]) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (rest && whole < 10)
		snprintf(buf, 16, "%u.%u%c", (unsigned int)whole, (unsigned int)(rest * 10 / 1024),
			 units[unit]);
	else
		snprintf(buf, 16, "%u%c", (unsigned int)whole, units[unit]);
	return buf;
}

static unsigned int parse_min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance with one row; words longer than PARSE_WORD_MAX are far from everything. */
static unsigned int parse_distance(const char *a, const char *b)
{
	unsigned int row[PARSE_WORD_MAX + 1], diag, up;
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > PARSE_WORD_MAX || lb > PARSE_WORD_MAX)
		return PARSE_WORD_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (i = 1; i <= la; i++) {
		diag = row[0];
		row[0] = (unsigned int)i;
		for (j = 1; j <= lb; j++) {
			up = row[j];
			row[j] = parse_min3(up + 1, row[j - 1] + 1, diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[lb];
}

const char *parse_nearest(const char *word, const char *const *list)
{
	unsigned int best = 4, dist;
	const char *found = NULL;

	for (; *list; list++) {
		dist = parse_distance(word, *list);
		if (dist < best) {
			best = dist;
			found = *list;
		}
	}
	return found;
}
