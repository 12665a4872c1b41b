/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors as values. A function that can fail returns 0 or -errno and fills the
 * `struct err` given as its last argument where the fact is known; the top of
 * the program prints it once.
 */
#ifndef VITRINE_BASE_ERR_H
#define VITRINE_BASE_ERR_H

#include <stddef.h>

#define ERR_TEXT_MAX 384

struct err {
	int code; /* positive errno, 0: no error */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                      \
	{                             \
		.code = 0, .text = "" \
	}

/* Record CODE (positive errno) and a formatted text; returns -CODE. ERR may be NULL. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set() with ": strerror(code)" appended. */
int err_sys(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "FMT: " before the text that is there already; returns -err->code. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
