/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions as people type them at a debugger: numbers (decimal, 0x), registers
 * ($rip), symbols, + - * / % & | ^ ~ << >> == != < > <= >= && || ! and
 * parentheses, C's precedence, 64-bit unsigned; *X is the 8 bytes at X where
 * there is memory. Pure; nesting is bounded.
 */
#ifndef VITRINE_CTL_EXPR_H
#define VITRINE_CTL_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Who knows names. NAME is without the '$' of a register. False: unknown. */
struct expr_names {
	bool (*reg)(void *ctx, const char *name, uint64_t *out);
	bool (*sym)(void *ctx, const char *name, uint64_t *out);
	bool (*mem)(void *ctx, uint64_t addr, uint64_t *out); /* NULL: no memory */
	void *ctx;
};

/* Evaluate the whole of TEXT. -EINVAL with the place, -ENOENT for an unknown name, -EDOM. */
int expr_eval(const char *text, const struct expr_names *names, uint64_t *out, struct err *err);
/*
 * TEXT with each symbol replaced by its number, into OUT of SIZE bytes: to be evaluated later where
 * no symbols are at hand. -ENOENT, -EMSGSIZE.
 */
int expr_bind(const char *text, const struct expr_names *names, char *out, size_t size,
	      struct err *err);

#endif
