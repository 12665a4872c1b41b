/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions as people type them at a debugger: see expr.h. */
#include "ctl/expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPR_DEPTH_MAX 64
#define EXPR_NAME_MAX  128

struct expr {
	const char *at;
	const struct expr_names *names;
	unsigned int depth;
	struct err *err;
	int ret; /* the first error */
};

static uint64_t expr_binary(struct expr *ex, unsigned int level);

static uint64_t expr_fail(struct expr *ex, int code, const char *what)
{
	if (!ex->ret)
		ex->ret = err_set(ex->err, code, "%s at '%.40s'", what, *ex->at ? ex->at : "end");
	return 0;
}

static void expr_blank(struct expr *ex)
{
	while (isspace((unsigned char)*ex->at))
		ex->at++;
}

static uint64_t expr_number(struct expr *ex)
{
	bool hex = ex->at[0] == '0' && (ex->at[1] == 'x' || ex->at[1] == 'X');
	unsigned long long val;
	char *end;

	errno = 0;
	val = strtoull(ex->at, &end, hex ? 16 : 10);
	if (errno || isalnum((unsigned char)*end) || *end == '_')
		return expr_fail(ex, EINVAL, "not a number");
	ex->at = end;
	return val;
}

static bool expr_is_name(char c, bool first)
{
	if (isalpha((unsigned char)c) || c == '_' || c == '.')
		return true;
	return !first && (isdigit((unsigned char)c) || c == '$' || c == '@' || c == ':');
}

static uint64_t expr_name(struct expr *ex, bool reg)
{
	bool (*find)(void *ctx, const char *name, uint64_t *out);
	const char *start = ex->at;
	char name[EXPR_NAME_MAX];
	uint64_t val = 0;
	size_t len;

	while (expr_is_name(*ex->at, ex->at == start))
		ex->at++;
	len = (size_t)(ex->at - start);
	if (!len || len >= sizeof(name)) {
		ex->at = start;
		return expr_fail(ex, EINVAL, "expected a value");
	}
	memcpy(name, start, len);
	name[len] = '\0';
	find = reg ? ex->names->reg : ex->names->sym;
	if (!find || !find(ex->names->ctx, name, &val)) {
		ex->at = start;
		return expr_fail(ex, ENOENT, reg ? "no such register" : "no such symbol");
	}
	return val;
}

static uint64_t expr_paren(struct expr *ex)
{
	uint64_t val = expr_binary(ex, 0);

	expr_blank(ex);
	if (*ex->at != ')')
		return expr_fail(ex, EINVAL, "expected ')'");
	ex->at++;
	return val;
}

static uint64_t expr_unary(struct expr *ex);

static uint64_t expr_memory(struct expr *ex)
{
	const char *start = ex->at;
	uint64_t addr = expr_unary(ex), val = 0;

	if (ex->ret || (ex->names->mem && ex->names->mem(ex->names->ctx, addr, &val)))
		return val;
	ex->at = start;
	return expr_fail(ex, EFAULT, "no memory");
}

static uint64_t expr_unary(struct expr *ex)
{
	uint64_t val = 0;

	expr_blank(ex);
	if (ex->ret || ++ex->depth > EXPR_DEPTH_MAX)
		return expr_fail(ex, EINVAL, "nested too deeply");
	switch (*ex->at) {
	case '(':
		ex->at++;
		val = expr_paren(ex);
		break;
	case '-':
		ex->at++;
		val = 0 - expr_unary(ex);
		break;
	case '+':
		ex->at++;
		val = expr_unary(ex);
		break;
	case '~':
		ex->at++;
		val = ~expr_unary(ex);
		break;
	case '!':
		ex->at++;
		val = !expr_unary(ex);
		break;
	case '*':
		ex->at++;
		val = expr_memory(ex);
		break;
	case '$':
		ex->at++;
		val = expr_name(ex, true);
		break;
	default:
		val = isdigit((unsigned char)*ex->at) ? expr_number(ex) : expr_name(ex, false);
		break;
	}
	ex->depth--;
	return val;
}

/* Binary operators, those that begin another one behind it. LEVEL: 0 binds loosest. */
static const struct expr_op {
	char text[3];
	uint8_t level;
} expr_ops[] = {
	{ "||", 0 }, { "&&", 1 }, { "==", 5 }, { "!=", 5 }, { "<=", 6 }, { ">=", 6 },
	{ "<<", 7 }, { ">>", 7 }, { "|", 2 },  { "^", 3 },  { "&", 4 },	 { "<", 6 },
	{ ">", 6 },  { "+", 8 },  { "-", 8 },  { "*", 9 },  { "/", 9 },	 { "%", 9 },
};

#define EXPR_NR_OPS    (sizeof(expr_ops) / sizeof(expr_ops[0]))
#define EXPR_NR_LEVELS 10

/* The operator at hand if it is of LEVEL, stepped over; else NULL. */
static const struct expr_op *expr_operator(struct expr *ex, unsigned int level)
{
	const struct expr_op *op;
	size_t len;

	expr_blank(ex);
	for (op = expr_ops; op < expr_ops + EXPR_NR_OPS; op++) {
		len = strlen(op->text);
		if (strncmp(ex->at, op->text, len) != 0)
			continue;
		if (op->level != level)
			return NULL;
		ex->at += len;
		return op;
	}
	return NULL;
}

#define EXPR_OP(a, b) ((unsigned int)(a) << 8 | (unsigned char)(b))

static uint64_t expr_apply(struct expr *ex, const char *op, uint64_t a, uint64_t b)
{
	switch (EXPR_OP(op[0], op[1])) {
	case EXPR_OP('|', '|'):
		return a || b;
	case EXPR_OP('&', '&'):
		return a && b;
	case EXPR_OP('=', '='):
		return a == b;
	case EXPR_OP('!', '='):
		return a != b;
	case EXPR_OP('<', '='):
		return a <= b;
	case EXPR_OP('>', '='):
		return a >= b;
	case EXPR_OP('<', '<'):
		return b < 64 ? a << b : 0;
	case EXPR_OP('>', '>'):
		return b < 64 ? a >> b : 0;
	}
	switch (op[0]) {
	case '|':
		return a | b;
	case '^':
		return a ^ b;
	case '&':
		return a & b;
	case '<':
		return a < b;
	case '>':
		return a > b;
	case '+':
		return a + b;
	case '-':
		return a - b;
	case '*':
		return a * b;
	}
	if (!b)
		return expr_fail(ex, EDOM, "division by zero");
	return op[0] == '/' ? a / b : a % b;
}

static uint64_t expr_binary(struct expr *ex, unsigned int level)
{
	const struct expr_op *op;
	uint64_t val, right;

	if (level == EXPR_NR_LEVELS)
		return expr_unary(ex);
	val = expr_binary(ex, level + 1);
	while (!ex->ret && (op = expr_operator(ex, level))) {
		right = expr_binary(ex, level + 1);
		if (!ex->ret)
			val = expr_apply(ex, op->text, val, right);
	}
	return val;
}

int expr_eval(const char *text, const struct expr_names *names, uint64_t *out, struct err *err)
{
	struct expr ex = { .at = text, .names = names, .err = err };
	uint64_t val = expr_binary(&ex, 0);

	expr_blank(&ex);
	if (!ex.ret && *ex.at)
		expr_fail(&ex, EINVAL, "unexpected");
	if (!ex.ret)
		*out = val;
	return ex.ret;
}

/* One name of TEXT, replaced; how long it was. */
static size_t expr_bind_name(const char *text, const struct expr_names *names, char *to,
			     size_t size, struct err *err)
{
	char name[EXPR_NAME_MAX];
	uint64_t val;
	size_t len = 0;

	while (len < sizeof(name) - 1 && expr_is_name(text[len], !len)) {
		name[len] = text[len];
		len++;
	}
	name[len] = '\0';
	if (!names->sym || !names->sym(names->ctx, name, &val)) {
		err_set(err, ENOENT, "no such symbol at '%.40s'", text);
		return 0;
	}
	snprintf(to, size, "0x%llx", (unsigned long long)val);
	return len;
}

/* The end of a register's name or of a number. */
static size_t expr_word(const char *text)
{
	size_t len = text[0] == '$';

	while (expr_is_name(text[len], false))
		len++;
	return len;
}

int expr_bind(const char *text, const struct expr_names *names, char *out, size_t size,
	      struct err *err)
{
	size_t used = 0, n;
	char piece[EXPR_NAME_MAX];

	for (; *text; text += n) {
		if (expr_is_name(*text, true)) {
			n = expr_bind_name(text, names, piece, sizeof(piece), err);
			if (!n)
				return -ENOENT;
		} else {
			n = *text == '$' || isdigit((unsigned char)*text) ? expr_word(text) : 1;
			if (n >= sizeof(piece))
				return err_set(err, EMSGSIZE, "too long at '%.40s'", text);
			memcpy(piece, text, n);
			piece[n] = '\0';
		}
		used += (size_t)snprintf(out + used, size - used, "%s", piece);
		if (used >= size)
			return err_set(err, EMSGSIZE, "the expression is too long");
	}
	if (!used)
		out[0] = '\0';
	return 0;
}
