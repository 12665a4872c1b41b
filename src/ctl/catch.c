/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of `catch`, and its conditions: see catch.h. */
#include "ctl/catch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "ctl/monitor.h"
#include "inspect/regs.h"

#define CATCH_WORD_MAX 128

struct catch_words {
	const char *at;
	const struct expr_names *names;
	struct err *err;
};

static const char *const catch_kinds[] = {
	[DBG_CATCH_EXCEPTION] = "exception",
	[DBG_CATCH_INTERRUPT] = "interrupt",
	[DBG_CATCH_MSR] = "msr",
	[DBG_CATCH_PORT] = "port",
	[DBG_CATCH_MMIO] = "mmio",
	[DBG_CATCH_PROCESS] = "process",
	[DBG_CATCH_MODE] = "mode",
	[DBG_CATCH_CRASH] = "crash",
	[DBG_CATCH_RESET] = "reset",
};

static const char *const catch_actions[] = { "stop", "log", "count" };

static const char *const catch_vectors[] = {
	"de", "db", "nmi", "bp", "of", "br", "ud", "nm", "df", "", "ts", "np", "ss", "gp", "pf", "",
	"mf", "ac", "mc",  "xm", "ve", "cp", "",   "",	 "",   "", "",	 "",   "hv", "vc", "sx",
};

#define CATCH_NR(table) (sizeof(table) / sizeof((table)[0]))

/* The next word, or "". */
static int catch_word(struct catch_words *in, char *word)
{
	size_t len;

	in->at += strspn(in->at, " \t");
	len = strcspn(in->at, " \t");
	if (len >= CATCH_WORD_MAX)
		return err_set(in->err, EMSGSIZE, "'%.40s' is too long", in->at);
	memcpy(word, in->at, len);
	word[len] = '\0';
	in->at += len;
	return 0;
}

static int catch_kind(const char *word, enum dbg_catch_kind *kind, struct err *err)
{
	size_t i;

	for (i = 0; i < CATCH_NR(catch_kinds); i++) {
		if (strcmp(word, catch_kinds[i]) == 0) {
			*kind = (enum dbg_catch_kind)i;
			return 0;
		}
	}
	if (strncmp(word, "cr", 2) == 0 && (!word[2] || isdigit((unsigned char)word[2])))
		return err_set(err, EOPNOTSUPP,
			       "KVM shows nobody a write of a control register: catch mode and "
			       "catch process find what comes of it");
	return err_set(err, EINVAL,
		       "'%.40s': exception, interrupt, msr, port, mmio, process, mode, crash or "
		       "reset",
		       word);
}

static bool catch_vector_name(const char *word, uint64_t *out)
{
	size_t i;

	word += *word == '#';
	for (i = 0; i < CATCH_NR(catch_vectors); i++) {
		if (*word && strcasecmp(word, catch_vectors[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static int catch_number(struct catch_words *in, const char *word, uint64_t *out)
{
	return parse_u64(word, out) ? 0 : expr_eval(word, in->names, out, in->err);
}

/* "14", "#PF", "0x3f8-0x3ff", an expression. */
static int catch_range(struct catch_words *in, const char *word, struct dbg_catch *out)
{
	const char *dash = strchr(word, '-');
	char low[CATCH_WORD_MAX];
	int ret;

	if (!*word)
		return err_set(in->err, EINVAL, "%s: which one?", catch_kinds[out->kind]);
	if (out->kind == DBG_CATCH_EXCEPTION && catch_vector_name(word, &out->lo)) {
		out->hi = out->lo;
		return 0;
	}
	if (dash) {
		snprintf(low, sizeof(low), "%.*s", (int)(dash - word), word);
		if (parse_u64(low, &out->lo) && parse_u64(dash + 1, &out->hi))
			return out->hi >= out->lo ? 0
						  : err_set(in->err, EINVAL,
							    "'%s' ends before it begins", word);
	}
	ret = catch_number(in, word, &out->lo);
	out->hi = out->lo;
	return ret;
}

/* "error=2" (all bits), "error=0/1" (of the masked bits). */
static int catch_error_code(struct catch_words *in, const char *word, struct dbg_catch *out)
{
	char value[CATCH_WORD_MAX];
	const char *slash = strchr(word, '/');
	uint64_t error, mask = UINT32_MAX;

	snprintf(value, sizeof(value), "%.*s", (int)strcspn(word, "/"), word);
	if (!parse_range(value, 0, UINT32_MAX, &error) ||
	    (slash && !parse_range(slash + 1, 1, UINT32_MAX, &mask)))
		return err_set(in->err, EINVAL, "'%s': an error code is VALUE or VALUE/MASK", word);
	if (out->kind != DBG_CATCH_EXCEPTION)
		return err_set(in->err, EINVAL, "only exceptions have error codes");
	out->error_mask = (uint32_t)mask;
	out->error = (uint32_t)(error & mask);
	return 0;
}

static int catch_condition(struct catch_words *in, struct dbg_catch *out)
{
	in->at += strspn(in->at, " \t");
	if (!*in->at)
		return err_set(in->err, EINVAL, "if what?");
	return expr_bind(in->at, in->names, out->cond, sizeof(out->cond), in->err);
}

/* What may follow in any order; the condition comes last. */
static int catch_option(struct catch_words *in, const char *word, struct dbg_catch *out)
{
	bool ranged = out->kind >= DBG_CATCH_MSR && out->kind <= DBG_CATCH_MMIO;
	size_t i;

	for (i = 0; i < CATCH_NR(catch_actions); i++) {
		if (strcmp(word, catch_actions[i]) == 0) {
			out->action = (enum dbg_catch_action)i;
			return 0;
		}
	}
	if (strncmp(word, "error=", 6) == 0)
		return catch_error_code(in, word + 6, out);
	if (ranged && strcmp(word, "read") == 0) {
		out->read = true;
		return 0;
	}
	if (ranged && strcmp(word, "write") == 0) {
		out->write = true;
		return 0;
	}
	return err_set(in->err, EINVAL, "'%.40s': stop, log, count, %sif CONDITION", word,
		       ranged ? "read, write, " : "error=VALUE/MASK, ");
}

static int catch_what(struct catch_words *in, struct dbg_catch *out)
{
	char word[CATCH_WORD_MAX];
	int ret = catch_word(in, word);

	if (!ret)
		ret = catch_kind(word, &out->kind, in->err);
	if (ret || out->kind >= DBG_CATCH_MODE)
		return ret;
	ret = catch_word(in, word);
	if (!ret)
		ret = catch_range(in, word, out);
	if (out->kind == DBG_CATCH_PROCESS)
		out->lo = out->hi = out->lo & 0x000ffffffffff000ull;
	return ret;
}

int catch_parse(const char *text, const struct expr_names *names, struct dbg_catch *out,
		struct err *err)
{
	struct catch_words in = { .at = text, .names = names, .err = err };
	char word[CATCH_WORD_MAX];
	int ret;

	memset(out, 0, sizeof(*out));
	ret = catch_what(&in, out);
	while (!ret) {
		ret = catch_word(&in, word);
		if (ret || !word[0])
			break;
		if (strcmp(word, "if") == 0) {
			ret = catch_condition(&in, out);
			break;
		}
		ret = catch_option(&in, word, out);
	}
	if (!out->read && !out->write)
		out->read = out->write = true;
	return ret;
}

void catch_print(const struct dbg_catch *ct, char *buf, size_t len)
{
	bool access = ct->kind >= DBG_CATCH_MSR && ct->kind <= DBG_CATCH_MMIO;
	char range[48] = "", error[32] = "";

	if (ct->kind <= DBG_CATCH_INTERRUPT)
		snprintf(range, sizeof(range), ct->lo == ct->hi ? " %llu" : " %llu-%llu",
			 (unsigned long long)ct->lo, (unsigned long long)ct->hi);
	else if (ct->kind < DBG_CATCH_MODE)
		snprintf(range, sizeof(range), ct->lo == ct->hi ? " 0x%llx" : " 0x%llx-0x%llx",
			 (unsigned long long)ct->lo, (unsigned long long)ct->hi);
	if (ct->error_mask)
		snprintf(error, sizeof(error), " error=0x%x/0x%x", ct->error, ct->error_mask);
	snprintf(buf, len, "%s%s%s%s%s %s%s%s", catch_kinds[ct->kind], range, error,
		 access && ct->read ? " read" : "", access && ct->write ? " write" : "",
		 catch_actions[ct->action], ct->cond[0] ? " if " : "", ct->cond);
}

/* --- conditions --- */

struct catch_env {
	const struct dbg_caught *what;
	const struct x86_state *st;
	bool (*mem)(void *ctx, uint64_t addr, uint64_t *out);
	void *mem_ctx;
};

/* What the event is made of comes before the registers. */
static bool catch_reg(void *ctx, const char *name, uint64_t *out)
{
	const struct catch_env *env = ctx;
	const struct {
		const char *name;
		uint64_t value;
	} facts[] = {
		{ "vector", env->what->at },   { "addr", env->what->at },
		{ "port", env->what->at },     { "msr", env->what->at },
		{ "error", env->what->error }, { "value", env->what->data },
		{ "size", env->what->size },   { "write", env->what->write },
		{ "vcpu", env->what->vcpu },
	};
	size_t i;
	int index;

	for (i = 0; i < CATCH_NR(facts); i++) {
		if (strcmp(name, facts[i].name) == 0) {
			*out = facts[i].value;
			return true;
		}
	}
	if (strcmp(name, "pc") == 0 || strcmp(name, "sp") == 0)
		name = *name == 'p' ? "rip" : "rsp";
	index = reg_find(name);
	if (index < 0 || reg_table[index].width > 64)
		return false;
	*out = reg_value(env->st, (unsigned int)index);
	return true;
}

static bool catch_mem(void *ctx, uint64_t addr, uint64_t *out)
{
	const struct catch_env *env = ctx;

	return env->mem && env->mem(env->mem_ctx, addr, out);
}

bool catch_holds(const struct dbg_catch *ct, const struct dbg_caught *what,
		 const struct x86_state *st, bool (*mem)(void *ctx, uint64_t addr, uint64_t *out),
		 void *mem_ctx)
{
	struct catch_env env = { .what = what, .st = st, .mem = mem, .mem_ctx = mem_ctx };
	const struct expr_names names = { .reg = catch_reg, .mem = catch_mem, .ctx = &env };
	struct err err = ERR_INIT;
	uint64_t value;

	if (!ct->cond[0])
		return true;
	/* A condition that cannot be judged is one that holds. */
	return expr_eval(ct->cond, &names, &value, &err) || value;
}

struct catch_memory {
	struct vm *vm;
	const struct x86_state *st;
};

static bool catch_read(void *ctx, uint64_t addr, uint64_t *out)
{
	const struct catch_memory *mem = ctx;
	struct vm_view view;

	vm_view_memory(mem->vm, &view);
	return view_read_va_as(&view, mem->st, addr, out, sizeof(*out)) == sizeof(*out);
}

/* In the vCPU's thread. */
static bool catch_holds_in(void *ctx, const struct dbg_catch *ct, const struct dbg_caught *what,
			   const struct x86_state *st)
{
	struct catch_memory mem = { .vm = dbg_vm(ctx), .st = st };

	return catch_holds(ct, what, st, catch_read, &mem);
}

/* Its names are known and it can be evaluated at all: tried with nothing in it. */
static int catch_try(const struct dbg_catch *ct, struct err *err)
{
	static const struct x86_state nothing;
	const struct dbg_caught what = { .kind = ct->kind };
	struct catch_env env = { .what = &what, .st = &nothing };
	struct expr_names names = { .reg = catch_reg, .ctx = &env };
	uint64_t value;
	int ret;

	if (!ct->cond[0])
		return 0;
	ret = expr_eval(ct->cond, &names, &value, err);
	return ret == -EFAULT || ret == -EDOM ? 0 : ret;
}

/* --- the table --- */

static bool catch_name_reg(void *ctx, const char *name, uint64_t *out)
{
	char text[64];

	snprintf(text, sizeof(text), "$%s", name);
	return strlen(name) < sizeof(text) - 1 && monitor_eval(ctx, text, out, NULL) == 0;
}

static bool catch_name_sym(void *ctx, const char *name, uint64_t *out)
{
	const struct monitor_ctx *mon = ctx;

	return sym_lookup(mon->syms, name, out);
}

int catch_add(struct dbg *dbg, const struct monitor_ctx *ctx, const char *text, unsigned int *id,
	      struct err *err)
{
	const struct expr_names names = { .reg = catch_name_reg,
					  .sym = catch_name_sym,
					  .ctx = (void *)ctx };
	struct dbg_catch want;
	int ret = catch_parse(text, &names, &want, err);

	if (!ret)
		ret = catch_try(&want, err);
	if (ret)
		return ret;
	if (want.cond[0]) {
		want.holds = catch_holds_in;
		want.holds_ctx = dbg;
	}
	return dbg_catch_add(dbg, &want, id, err);
}

void catch_list_text(struct dbg *dbg, struct buf *out)
{
	struct dbg_catch ct[DBG_MAX_CATCHES];
	size_t nr = dbg_catch_list(dbg, ct, DBG_MAX_CATCHES), i;
	char text[DBG_CATCH_COND + 160];

	for (i = 0; i < nr; i++) {
		catch_print(&ct[i], text, sizeof(text));
		buf_printf(out, "%-3u hits %-6llu %s%s%s\n", ct[i].id,
			   (unsigned long long)ct[i].hits, text, ct[i].why[0] ? ": " : "",
			   ct[i].why);
	}
	if (!nr)
		buf_puts(out, "nothing is caught\n");
}

json_t *catch_list_json(struct dbg *dbg)
{
	struct dbg_catch ct[DBG_MAX_CATCHES];
	size_t nr = dbg_catch_list(dbg, ct, DBG_MAX_CATCHES), i;
	char text[DBG_CATCH_COND + 160];
	json_t *list = json_array();

	for (i = 0; i < nr; i++) {
		catch_print(&ct[i], text, sizeof(text));
		json_array_append_new(list, json_pack("{s:i,s:s,s:I,s:s}", "id", (int)ct[i].id,
						      "what", text, "hits", (json_int_t)ct[i].hits,
						      "why", ct[i].why));
	}
	return list;
}
