/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions as people type them at a debugger: see expr.h. */
#include "ctl/expr.h"

#include <ctype.h>
#include <errno.h>
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

/* Binary operators from the loosest level to the tightest, each character one (<< is '<'). */
static const char *const expr_levels[] = { "|", "^", "&", "<>", "+-", "*/%" };

#define EXPR_NR_LEVELS (sizeof(expr_levels) / sizeof(expr_levels[0]))

/* The operator at hand if LEVEL has it, stepped over; else 0. */
static char expr_operator(struct expr *ex, unsigned int level)
{
	char op;

	expr_blank(ex);
	op = *ex->at;
	if (!op || !strchr(expr_levels[level], op))
		return 0;
	if ((op == '<' || op == '>') && ex->at[1] != op)
		return 0;
	ex->at += op == '<' || op == '>' ? 2 : 1;
	return op;
}

static uint64_t expr_apply(struct expr *ex, char op, uint64_t a, uint64_t b)
{
	switch (op) {
	case '|':
		return a | b;
	case '^':
		return a ^ b;
	case '&':
		return a & b;
	case '<':
		return b < 64 ? a << b : 0;
	case '>':
		return b < 64 ? a >> b : 0;
	case '+':
		return a + b;
	case '-':
		return a - b;
	case '*':
		return a * b;
	}
	if (!b)
		return expr_fail(ex, EDOM, "division by zero");
	return op == '/' ? a / b : a % b;
}

static uint64_t expr_binary(struct expr *ex, unsigned int level)
{
	uint64_t val, right;
	char op;

	if (level == EXPR_NR_LEVELS)
		return expr_unary(ex);
	val = expr_binary(ex, level + 1);
	while (!ex->ret && (op = expr_operator(ex, level))) {
		right = expr_binary(ex, level + 1);
		if (!ex->ret)
			val = expr_apply(ex, op, val, right);
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
