/* SPDX-License-Identifier: MIT */
/*
 * Formatted output. Conversions: %d %i %u %x %X %p %c %s %%, with '-', '0', a width (or '*'),
 * a precision for %s, and the lengths l, ll and z.
 */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdarg.h>
#include <stddef.h>

typedef void print_sink_t(const char *text, size_t len);

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prints to every sink added, one call at a time on all processors; at most 255 characters. */
void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Adds a place for printf to write to; up to four. */
void print_sink_add(print_sink_t *sink);

#endif
