/* SPDX-License-Identifier: MIT */
/*
 * The evaluator of agent expressions.  Bytecode comes from the debugger's socket: every operand
 * fetch, stack access and jump is checked, and the work is limited by a budget.
 */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OP_ADD = 0x02,
	OP_SUB,
	OP_MUL,
	OP_DIV_SIGNED,
	OP_DIV_UNSIGNED,
	OP_REM_SIGNED,
	OP_REM_UNSIGNED,
	OP_LSH,
	OP_RSH_SIGNED,
	OP_RSH_UNSIGNED,
	OP_TRACE,
	OP_TRACE_QUICK,
	OP_LOG_NOT,
	OP_BIT_AND,
	OP_BIT_OR,
	OP_BIT_XOR,
	OP_BIT_NOT,
	OP_EQUAL,
	OP_LESS_SIGNED,
	OP_LESS_UNSIGNED,
	OP_EXT,
	OP_REF8,
	OP_REF16,
	OP_REF32,
	OP_REF64,
	OP_IF_GOTO = 0x20,
	OP_GOTO,
	OP_CONST8,
	OP_CONST16,
	OP_CONST32,
	OP_CONST64,
	OP_REG,
	OP_END,
	OP_DUP,
	OP_POP,
	OP_ZERO_EXT,
	OP_SWAP,
	OP_GETV,
	OP_SETV,
	OP_TRACEV,
	OP_TRACENZ,
	OP_TRACE16,
	OP_PICK = 0x32,
	OP_ROT,
	OP_PRINTF,
	OP_COUNT,
};

#define AGENT_PRINT_MAX	 1024
#define AGENT_STRING_MAX 256
#define AGENT_PRINT_ARGS 32

/* How many operand bytes an opcode has (printf: before its string), or no such opcode. */
struct agent_op {
	bool known;
	uint8_t operands;
	uint8_t pops;
	uint8_t pushes;
};

/* clang-format off */
#define OP(operands, pops, pushes) { true, operands, pops, pushes }

static const struct agent_op agent_ops[OP_COUNT] = {
	[OP_ADD] = OP(0, 2, 1),
	[OP_SUB] = OP(0, 2, 1),
	[OP_MUL] = OP(0, 2, 1),
	[OP_DIV_SIGNED] = OP(0, 2, 1),
	[OP_DIV_UNSIGNED] = OP(0, 2, 1),
	[OP_REM_SIGNED] = OP(0, 2, 1),
	[OP_REM_UNSIGNED] = OP(0, 2, 1),
	[OP_LSH] = OP(0, 2, 1),
	[OP_RSH_SIGNED] = OP(0, 2, 1),
	[OP_RSH_UNSIGNED] = OP(0, 2, 1),
	[OP_TRACE] = OP(0, 2, 0),
	[OP_TRACE_QUICK] = OP(1, 1, 1),
	[OP_LOG_NOT] = OP(0, 1, 1),
	[OP_BIT_AND] = OP(0, 2, 1),
	[OP_BIT_OR] = OP(0, 2, 1),
	[OP_BIT_XOR] = OP(0, 2, 1),
	[OP_BIT_NOT] = OP(0, 1, 1),
	[OP_EQUAL] = OP(0, 2, 1),
	[OP_LESS_SIGNED] = OP(0, 2, 1),
	[OP_LESS_UNSIGNED] = OP(0, 2, 1),
	[OP_EXT] = OP(1, 1, 1),
	[OP_REF8] = OP(0, 1, 1),
	[OP_REF16] = OP(0, 1, 1),
	[OP_REF32] = OP(0, 1, 1),
	[OP_REF64] = OP(0, 1, 1),
	[OP_IF_GOTO] = OP(2, 1, 0),
	[OP_GOTO] = OP(2, 0, 0),
	[OP_CONST8] = OP(1, 0, 1),
	[OP_CONST16] = OP(2, 0, 1),
	[OP_CONST32] = OP(4, 0, 1),
	[OP_CONST64] = OP(8, 0, 1),
	[OP_REG] = OP(2, 0, 1),
	[OP_END] = OP(0, 0, 0),
	[OP_DUP] = OP(0, 1, 2),
	[OP_POP] = OP(0, 1, 0),
	[OP_ZERO_EXT] = OP(1, 1, 1),
	[OP_SWAP] = OP(0, 2, 2),
	[OP_GETV] = OP(2, 0, 1),
	[OP_SETV] = OP(2, 1, 1),
	[OP_TRACEV] = OP(2, 0, 0),
	[OP_TRACENZ] = OP(0, 2, 0),
	[OP_TRACE16] = OP(2, 1, 1),
	[OP_PICK] = OP(1, 0, 1),
	[OP_ROT] = OP(0, 3, 3),
	[OP_PRINTF] = OP(3, 2, 0),
};
/* clang-format on */

struct agent {
	const struct gdb_agent_env *env;
	const uint8_t *code;
	size_t len;
	size_t pc;
	uint64_t stack[GDB_AGENT_STACK];
	size_t sp; /* values on the stack */
	int budget;
	uint64_t operand;
};

static uint64_t agent_big(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | *bytes++;
	return value;
}

/* --- memory --------------------------------------------------------------------------------- */

static int agent_ref(struct agent *a, size_t len)
{
	uint64_t *top = &a->stack[a->sp - 1], value = 0;
	uint8_t bytes[8];
	size_t i;
	int rc;

	if (!a->env->mem)
		return -EOPNOTSUPP;
	rc = a->env->mem(a->env->ctx, *top, bytes, len);
	if (rc)
		return rc;
	for (i = 0; i < len; i++)
		value = value << 8 | bytes[a->env->big_endian ? i : len - 1 - i];
	*top = value;
	return 0;
}

static int agent_trace(struct agent *a, uint64_t addr, uint64_t len)
{
	return a->env->trace ? a->env->trace(a->env->ctx, addr, len) : 0;
}

/*
 * The string at addr into s, which has room for limit bytes, up to its NUL (counted in the result)
 * or the first unreadable byte.
 */
static size_t agent_string(struct agent *a, uint64_t addr, char *s, size_t limit)
{
	size_t n = 0;

	while (n < limit && a->budget > 0 && a->env->mem) {
		a->budget--;
		if (a->env->mem(a->env->ctx, addr + n, s + n, 1))
			break;
		if (!s[n++])
			break;
	}
	return n;
}

/* --- printf --------------------------------------------------------------------------------- */

struct agent_text {
	char data[AGENT_PRINT_MAX];
	size_t len;
};

static void agent_text_put(struct agent_text *text, const char *data, size_t len)
{
	size_t room = sizeof(text->data) - text->len;

	if (len > room)
		len = room;
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

/*
 * One conversion, taken apart: the C library is never given the client's own format, only one
 * that is put together here from checked pieces.
 */
struct agent_conv {
	char flags[6];
	int width; /* -1: none */
	int precision;
	int size; /* -2 hh, -1 h, 0, 1 l, 2 ll j z t */
	char kind;
};

static const char *agent_number(const char *s, const char *end, int *value)
{
	for (*value = 0; s < end && *s >= '0' && *s <= '9'; s++)
		if (*value < AGENT_STRING_MAX)
			*value = *value * 10 + (*s - '0');
	if (*value > AGENT_STRING_MAX)
		*value = AGENT_STRING_MAX;
	return s;
}

static const char *agent_size(const char *s, const char *end, int *size)
{
	for (*size = 0; s < end && strchr("hljztL", *s) && *s; s++) {
		if (*s == 'h')
			*size = *size < 0 ? -2 : -1;
		else
			*size = *s == 'l' && !*size ? 1 : 2;
	}
	return s;
}

/* s is behind the '%'; returns behind the conversion, or NULL when it is none we know. */
static const char *agent_conv_parse(const char *s, const char *end, struct agent_conv *conv)
{
	size_t n = 0;

	conv->width = -1;
	conv->precision = -1;
	while (s < end && *s && strchr("-+ #0", *s)) {
		if (n < sizeof(conv->flags) - 1)
			conv->flags[n++] = *s;
		s++;
	}
	conv->flags[n] = '\0';
	if (s < end && *s >= '0' && *s <= '9')
		s = agent_number(s, end, &conv->width);
	if (s < end && *s == '.')
		s = agent_number(s + 1, end, &conv->precision);
	s = agent_size(s, end, &conv->size);
	if (s >= end || !*s || !strchr("diuoxXcsp", *s))
		return NULL;
	conv->kind = *s;
	return s + 1;
}

static uint64_t agent_narrow(const struct agent_conv *conv, uint64_t value)
{
	bool is_signed = conv->kind == 'd' || conv->kind == 'i';
	int bits = conv->size == -2 ? 8 : conv->size == -1 ? 16 : conv->size == 0 ? 32 : 64;

	if (bits == 64)
		return value;
	value &= (1ull << bits) - 1;
	if (is_signed && value >> (bits - 1))
		value |= ~0ull << bits;
	return value;
}

static void agent_print_string(struct agent *a, const struct agent_conv *conv, uint64_t addr,
			       struct agent_text *text)
{
	char s[AGENT_STRING_MAX + 1], piece[2 * AGENT_STRING_MAX];
	int len, width = conv->width < 0 ? 0 : conv->width;

	s[agent_string(a, addr, s, AGENT_STRING_MAX)] = '\0';
	len = snprintf(piece, sizeof(piece), strchr(conv->flags, '-') ? "%-*.*s" : "%*.*s", width,
		       conv->precision < 0 ? AGENT_STRING_MAX : conv->precision, s);
	agent_text_put(text, piece, (size_t)len);
}

static void agent_print_number(const struct agent_conv *conv, uint64_t value,
			       struct agent_text *text)
{
	char fmt[48], piece[2 * AGENT_STRING_MAX + 64];
	int len, n;

	n = snprintf(fmt, sizeof(fmt), "%%%s", conv->flags);
	if (conv->width >= 0)
		n += snprintf(fmt + n, sizeof(fmt) - (size_t)n, "%d", conv->width);
	if (conv->precision >= 0)
		n += snprintf(fmt + n, sizeof(fmt) - (size_t)n, ".%d", conv->precision);
	snprintf(fmt + n, sizeof(fmt) - (size_t)n, "ll%c", conv->kind);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = snprintf(piece, sizeof(piece), fmt, (unsigned long long)agent_narrow(conv, value));
#pragma GCC diagnostic pop
	agent_text_put(text, piece, (size_t)len);
}

static void agent_print_one(struct agent *a, const struct agent_conv *conv, uint64_t value,
			    struct agent_text *text)
{
	struct agent_conv hex = {
		.flags = "#", .width = conv->width, .precision = -1, .size = 2, .kind = 'x'
	};
	char c = (char)value;

	if (conv->kind == 's')
		agent_print_string(a, conv, value, text);
	else if (conv->kind == 'c')
		agent_text_put(text, &c, 1);
	else if (conv->kind == 'p')
		agent_print_number(&hex, value, text);
	else
		agent_print_number(conv, value, text);
}

/*
 * The client sends the format as its user wrote it: s is at a backslash. Returns behind the
 * escape; one that C does not know stands for its letter.
 */
static const char *agent_escape(const char *s, const char *end, struct agent_text *text)
{
	static const char letters[] = "abefnrtv", bytes[] = "\a\b\033\f\n\r\t\v";
	unsigned int octal = 0, n = 0;
	const char *letter;
	char byte;

	if (++s == end)
		return s;
	while (n < 3 && s < end && *s >= '0' && *s <= '7') {
		octal = octal * 8 + (unsigned int)(*s++ - '0');
		n++;
	}
	letter = n ? NULL : strchr(letters, *s);
	byte = n ? (char)octal : letter && *s ? bytes[letter - letters] : *s;
	agent_text_put(text, &byte, 1);
	return n ? s : s + 1;
}

/* A conversion we do not know (floating point) is shown as it stands and takes its argument. */
static void agent_format(struct agent *a, const char *s, const char *end, const uint64_t *args,
			 size_t count, struct agent_text *text)
{
	struct agent_conv conv;
	const char *next;
	size_t used = 0;

	while (s < end) {
		if (*s == '\\') {
			s = agent_escape(s, end, text);
			continue;
		}
		if (*s != '%') {
			agent_text_put(text, s++, 1);
			continue;
		}
		if (s + 1 < end && s[1] == '%') {
			agent_text_put(text, "%", 1);
			s += 2;
			continue;
		}
		next = agent_conv_parse(s + 1, end, &conv);
		if (next && used < count)
			agent_print_one(a, &conv, args[used], text);
		else
			agent_text_put(text, "%", 1);
		used++;
		s = next ? next : s + 1;
	}
}

/* printf: the operand is the argument count and the length of the string that follows. */
static int agent_printf(struct agent *a)
{
	struct agent_text text = { .len = 0 };
	uint64_t args[AGENT_PRINT_ARGS];
	size_t count = a->operand >> 16, len = a->operand & 0xffff, i;
	const char *fmt = (const char *)a->code + a->pc;

	if (!len || len > a->len - a->pc || fmt[len - 1] || count > AGENT_PRINT_ARGS)
		return -EINVAL;
	a->sp -= 2; /* function and channel: there is only one of each */
	if (count > a->sp)
		return -EOVERFLOW;
	for (i = 0; i < count; i++)
		args[i] = a->stack[--a->sp];
	a->pc += len;
	agent_format(a, fmt, fmt + strnlen(fmt, len), args, count, &text);
	if (!a->env->print)
		return -EOPNOTSUPP;
	a->env->print(a->env->ctx, text.data, text.len);
	return 0;
}

/* --- arithmetic ----------------------------------------------------------------------------- */

static int agent_divide(int op, uint64_t x, uint64_t y, uint64_t *result)
{
	bool overflow = x == 1ull << 63 && y == ~0ull;

	if (!y)
		return -EDOM;
	if (op == OP_DIV_UNSIGNED)
		*result = x / y;
	else if (op == OP_REM_UNSIGNED)
		*result = x % y;
	else if (op == OP_DIV_SIGNED)
		*result = overflow ? x : (uint64_t)((int64_t)x / (int64_t)y);
	else
		*result = overflow ? 0 : (uint64_t)((int64_t)x % (int64_t)y);
	return 0;
}

static uint64_t agent_shift(int op, uint64_t x, uint64_t n)
{
	bool negative = x >> 63;

	if (op == OP_LSH)
		return n < 64 ? x << n : 0;
	if (op == OP_RSH_UNSIGNED || !negative)
		return n < 64 ? x >> n : 0;
	return n < 64 ? ~(~x >> n) : ~0ull;
}

static int agent_binary(struct agent *a, int op)
{
	uint64_t y = a->stack[--a->sp], x = a->stack[a->sp - 1], r = 0;
	int rc = 0;

	switch (op) {
	case OP_ADD:
		r = x + y;
		break;
	case OP_SUB:
		r = x - y;
		break;
	case OP_MUL:
		r = x * y;
		break;
	case OP_DIV_SIGNED:
	case OP_DIV_UNSIGNED:
	case OP_REM_SIGNED:
	case OP_REM_UNSIGNED:
		rc = agent_divide(op, x, y, &r);
		break;
	case OP_LSH:
	case OP_RSH_SIGNED:
	case OP_RSH_UNSIGNED:
		r = agent_shift(op, x, y);
		break;
	case OP_BIT_AND:
		r = x & y;
		break;
	case OP_BIT_OR:
		r = x | y;
		break;
	case OP_BIT_XOR:
		r = x ^ y;
		break;
	case OP_EQUAL:
		r = x == y;
		break;
	case OP_LESS_SIGNED:
		r = (int64_t)x < (int64_t)y;
		break;
	case OP_LESS_UNSIGNED:
		r = x < y;
		break;
	default:
		rc = -EINVAL;
		break;
	}
	a->stack[a->sp - 1] = r;
	return rc;
}

static void agent_extend(struct agent *a, bool is_signed)
{
	uint64_t *top = &a->stack[a->sp - 1], bits = a->operand, mask;

	if (!bits || bits >= 64)
		return;
	mask = (1ull << bits) - 1;
	*top &= mask;
	if (is_signed && *top >> (bits - 1))
		*top |= ~mask;
}

/* --- one instruction ------------------------------------------------------------------------ */

static void agent_push(struct agent *a, uint64_t value)
{
	a->stack[a->sp++] = value;
}

static int agent_shuffle(struct agent *a, int op)
{
	uint64_t *top = &a->stack[a->sp], x;

	switch (op) {
	case OP_DUP:
		agent_push(a, top[-1]);
		return 0;
	case OP_POP:
		a->sp--;
		return 0;
	case OP_SWAP:
		x = top[-1];
		top[-1] = top[-2];
		top[-2] = x;
		return 0;
	case OP_ROT: /* a b c -> c a b */
		x = top[-1];
		top[-1] = top[-2];
		top[-2] = top[-3];
		top[-3] = x;
		return 0;
	default: /* OP_PICK */
		if (a->operand >= a->sp)
			return -EOVERFLOW;
		agent_push(a, top[-1 - (int)a->operand]);
		return 0;
	}
}

static int agent_jump(struct agent *a)
{
	if (a->operand >= a->len)
		return -EINVAL;
	a->pc = a->operand;
	return 0;
}

static int agent_var(struct agent *a, int op)
{
	const struct gdb_agent_env *env = a->env;
	uint64_t value = 0;
	int rc;

	if (op == OP_TRACEV)
		return 0;
	if (op == OP_SETV)
		return env->var_set
			       ? env->var_set(env->ctx, (uint32_t)a->operand, a->stack[a->sp - 1])
			       : -EOPNOTSUPP;
	rc = env->var_get ? env->var_get(env->ctx, (uint32_t)a->operand, &value) : -EOPNOTSUPP;
	agent_push(a, value);
	return rc;
}

static int agent_trace_op(struct agent *a, int op)
{
	char s[AGENT_STRING_MAX];
	uint64_t len;

	if (op == OP_TRACE_QUICK || op == OP_TRACE16)
		return agent_trace(a, a->stack[a->sp - 1], a->operand);
	len = a->stack[--a->sp];
	a->sp--;
	if (op == OP_TRACENZ)
		len = agent_string(a, a->stack[a->sp], s, len < sizeof(s) ? len : sizeof(s));
	return agent_trace(a, a->stack[a->sp], len);
}

static int agent_reg(struct agent *a)
{
	uint64_t value = 0;
	int rc = -EOPNOTSUPP;

	if (a->env->reg)
		rc = a->env->reg(a->env->ctx, (uint32_t)a->operand, &value);
	agent_push(a, value);
	return rc;
}

static int agent_exec(struct agent *a, int op)
{
	switch (op) {
	case OP_TRACE:
	case OP_TRACE_QUICK:
	case OP_TRACE16:
	case OP_TRACENZ:
		return agent_trace_op(a, op);
	case OP_LOG_NOT:
		a->stack[a->sp - 1] = !a->stack[a->sp - 1];
		return 0;
	case OP_BIT_NOT:
		a->stack[a->sp - 1] = ~a->stack[a->sp - 1];
		return 0;
	case OP_EXT:
	case OP_ZERO_EXT:
		agent_extend(a, op == OP_EXT);
		return 0;
	case OP_REF8:
	case OP_REF16:
	case OP_REF32:
	case OP_REF64:
		return agent_ref(a, (size_t)1 << (op - OP_REF8));
	case OP_IF_GOTO:
		return a->stack[--a->sp] ? agent_jump(a) : 0;
	case OP_GOTO:
		return agent_jump(a);
	case OP_CONST8:
	case OP_CONST16:
	case OP_CONST32:
	case OP_CONST64:
		agent_push(a, a->operand);
		return 0;
	case OP_REG:
		return agent_reg(a);
	case OP_DUP:
	case OP_POP:
	case OP_SWAP:
	case OP_PICK:
	case OP_ROT:
		return agent_shuffle(a, op);
	case OP_GETV:
	case OP_SETV:
	case OP_TRACEV:
		return agent_var(a, op);
	case OP_PRINTF:
		return agent_printf(a);
	default:
		return agent_binary(a, op);
	}
}

/* Fetches opcode and operand and checks the stack, so that what executes need not. */
static int agent_fetch(struct agent *a)
{
	const struct agent_op *info;
	int op;

	if (a->pc >= a->len)
		return -EINVAL;
	op = a->code[a->pc++];
	if (op >= OP_COUNT || !agent_ops[op].known)
		return -EINVAL;
	info = &agent_ops[op];
	if (info->operands > a->len - a->pc)
		return -EINVAL;
	a->operand = agent_big(a->code + a->pc, info->operands);
	a->pc += info->operands;
	if (a->sp < info->pops || a->sp - info->pops + info->pushes > GDB_AGENT_STACK)
		return -EOVERFLOW;
	return op;
}

int gdb_agent_eval(const struct gdb_agent_env *env, const struct gdb_code *code, uint64_t *value)
{
	struct agent a = { .env = env, .code = code->bytes, .len = code->len };
	int op, rc;

	for (a.budget = GDB_AGENT_BUDGET; a.budget > 0; a.budget--) {
		op = agent_fetch(&a);
		if (op < 0)
			return op;
		if (op == OP_END) {
			*value = a.sp ? a.stack[a.sp - 1] : 0;
			return 0;
		}
		rc = agent_exec(&a, op);
		if (rc)
			return rc;
	}
	return -ELOOP;
}

int gdb_agent_check(const struct gdb_code *code)
{
	struct agent a = { .code = code->bytes, .len = code->len };
	int op = -1;

	while (a.pc < a.len) {
		a.sp = GDB_AGENT_STACK / 2;
		op = agent_fetch(&a);
		if (op < 0)
			return -EINVAL;
		if ((op == OP_GOTO || op == OP_IF_GOTO) && a.operand >= a.len)
			return -EINVAL;
		if (op == OP_PRINTF && (a.operand & 0xffff) > a.len - a.pc)
			return -EINVAL;
		if (op == OP_PRINTF)
			a.pc += a.operand & 0xffff;
	}
	return op == OP_END || op == OP_GOTO ? 0 : -EINVAL;
}

/* --- breakpoints ---------------------------------------------------------------------------- */

static bool gdb_bp_counts(const struct gdb_agent_env *env, const struct gdb_bp *bp)
{
	uint64_t value;
	size_t i;

	for (i = 0; i < bp->cond_count; i++)
		if (gdb_agent_eval(env, &bp->conds[i], &value) || value)
			return true;
	return !bp->cond_count;
}

enum gdb_hit gdb_bp_hit(const struct gdb_agent_env *env, const struct gdb_bp *bp)
{
	uint64_t value;
	size_t i;

	if (!gdb_bp_counts(env, bp))
		return GDB_HIT_IGNORE;
	for (i = 0; i < bp->cmd_count; i++)
		if (gdb_agent_eval(env, &bp->cmds[i], &value))
			return GDB_HIT_REPORT;
	return bp->cmd_count ? GDB_HIT_COMMANDS : GDB_HIT_REPORT;
}

static size_t gdb_code_total(const struct gdb_code *codes, size_t count)
{
	size_t total = count * sizeof(*codes);

	while (count--)
		total += codes[count].len;
	return total;
}

static void gdb_code_copy(struct gdb_code *to, const struct gdb_code *from, size_t count,
			  uint8_t **bytes)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (from[i].len)
			memcpy(*bytes, from[i].bytes, from[i].len);
		to[i] = (struct gdb_code){ .bytes = *bytes, .len = from[i].len };
		*bytes += from[i].len;
	}
}

struct gdb_bp *gdb_bp_dup(const struct gdb_bp *bp)
{
	size_t size = sizeof(*bp) + gdb_code_total(bp->conds, bp->cond_count) +
		      gdb_code_total(bp->cmds, bp->cmd_count);
	struct gdb_bp *copy = malloc(size);
	struct gdb_code *codes;
	uint8_t *bytes;

	if (!copy)
		return NULL;
	*copy = *bp;
	codes = (struct gdb_code *)(copy + 1);
	bytes = (uint8_t *)(codes + bp->cond_count + bp->cmd_count);
	copy->conds = codes;
	copy->cmds = codes + bp->cond_count;
	gdb_code_copy(codes, bp->conds, bp->cond_count, &bytes);
	gdb_code_copy(codes + bp->cond_count, bp->cmds, bp->cmd_count, &bytes);
	return copy;
}
