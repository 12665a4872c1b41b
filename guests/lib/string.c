/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions. memcpy and memset use the string instructions: short, and fast
 * both on real processors and under emulation.
 */
#include "string.h"

#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t len)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= len)
		return memcpy(dst, src, len);
	while (len--)
		d[len] = s[len];
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(byte) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t len = 0;

	while (s[len])
		len++;
	return len;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t len)
{
	for (; len && *a && *a == *b; len--)
		a++, b++;
	return len ? (uint8_t)*a - (uint8_t)*b : 0;
}

const char *strstr(const char *s, const char *what)
{
	size_t len = strlen(what);

	for (; *s; s++) {
		if (!strncmp(s, what, len))
			return s;
	}
	return NULL;
}

size_t string_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n = len < size ? len : size - 1;

	memcpy(dst, src, n);
	dst[n] = '\0';
	return len;
}

static int string_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

unsigned long string_number(const char *s, const char **end)
{
	unsigned long value = 0;
	int base = 10;

	if (s[0] == '0' && (s[1] | 0x20) == 'x' && string_digit(s[2]) < 16) {
		base = 16;
		s += 2;
	}
	for (; string_digit(*s) < base; s++)
		value = value * base + string_digit(*s);
	*end = s;
	return value;
}
