/* SPDX-License-Identifier: MIT */
/*
 * The memory and string functions that a compiler or a small kernel expects; semantics as in C.
 */
#ifndef GUEST_STRING_H
#define GUEST_STRING_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
const char *strstr(const char *s, const char *what);

/* Copies at most size - 1 characters and always terminates (size > 0). Returns strlen(src). */
size_t string_copy(char *dst, const char *src, size_t size);

/* Parses decimal or 0x-hexadecimal; sets *end past the last digit. Returns 0 with *end == s if
 * none. */
unsigned long string_number(const char *s, const char **end);

#endif
