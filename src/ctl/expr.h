/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions as people type them at a debugger: numbers (decimal, 0x), registers
 * ($rip), symbols, + - * / % & | ^ ~ << >> and parentheses, C's precedence,
 * 64-bit unsigned. Pure; nesting is bounded.
 */
#ifndef VITRINE_CTL_EXPR_H
#define VITRINE_CTL_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Who knows names. NAME is without the '$' of a register. False: unknown. */
struct expr_names {
	bool (*reg)(void *ctx, const char *name, uint64_t *out);
	bool (*sym)(void *ctx, const char *name, uint64_t *out);
	void *ctx;
};

/* Evaluate the whole of TEXT. -EINVAL with the place, -ENOENT for an unknown name, -EDOM. */
int expr_eval(const char *text, const struct expr_names *names, uint64_t *out, struct err *err);

#endif
