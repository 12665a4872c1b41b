/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growable byte buffer with a ceiling and a sticky error: append freely, ask
 * once at the end. The bytes are always followed by a NUL that does not count.
 */
#ifndef VITRINE_BASE_BUF_H
#define VITRINE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;  /* never grows above this many bytes; 0: 64 MiB */
	bool failed; /* an append did not fit or memory ran out; contents stay valid */
};

#define BUF_INIT             \
	{                    \
		.data = NULL \
	}

void buf_init(struct buf *buf, size_t max);
void buf_free(struct buf *buf);
/* Forget the contents and the error, keep the memory. */
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_addc(struct buf *buf, char c);
void buf_puts(struct buf *buf, const char *str);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drop the first LEN bytes (at most all). */
void buf_drop(struct buf *buf, size_t len);
/* The contents as a string; never NULL. */
const char *buf_str(const struct buf *buf);

#endif
