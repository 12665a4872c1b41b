/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's dispatch, help and completion, and the commands that change: see monitor.h.
 */
#include "ctl/monitor.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/expr.h"

#define MONITOR_MAX_TABLES 16
#define MONITOR_MAX_NAMES  128

struct monitor_table {
	const struct monitor_command *cmd;
	size_t nr;
	void *ctx;
};

struct monitor {
	struct monitor_table table[MONITOR_MAX_TABLES];
	unsigned int nr;
};

/* --- names --- */

/* Whether WORDS begins with NAME, one of whose alternatives ("cont|c") LEN says the length of. */
static bool monitor_name_matches(const char *names, const char *line, size_t *len)
{
	const char *end;
	size_t n;

	for (; *names; names = *end ? end + 1 : end) {
		end = strchrnul(names, '|');
		n = (size_t)(end - names);
		if (strncmp(line, names, n) == 0 &&
		    (!line[n] || line[n] == '/' || isspace((unsigned char)line[n]))) {
			*len = n;
			return true;
		}
	}
	return false;
}

/* The command that LINE begins with and the length of its name; *CTX is its table's. */
static const struct monitor_command *monitor_find(const struct monitor *mon, const char *line,
						  size_t *len, void **ctx)
{
	const struct monitor_command *found = NULL;
	unsigned int t;
	size_t i, n;

	*len = 0;
	for (t = 0; t < mon->nr; t++) {
		for (i = 0; i < mon->table[t].nr; i++) {
			if (!monitor_name_matches(mon->table[t].cmd[i].name, line, &n) || n <= *len)
				continue;
			found = &mon->table[t].cmd[i];
			*len = n;
			*ctx = mon->table[t].ctx;
		}
	}
	return found;
}

/* The first name of CMD without its alternatives. */
static const char *monitor_first_name(const struct monitor_command *cmd, char *buf, size_t len)
{
	snprintf(buf, len, "%.*s", (int)strcspn(cmd->name, "|"), cmd->name);
	return buf;
}

void monitor_each(const struct monitor *mon, void (*fn)(void *arg, const struct monitor_command *),
		  void *arg)
{
	unsigned int t;
	size_t i;

	for (t = 0; t < mon->nr; t++) {
		for (i = 0; i < mon->table[t].nr; i++)
			fn(arg, &mon->table[t].cmd[i]);
	}
}

struct monitor_names {
	char text[MONITOR_MAX_NAMES][32];
	const char *list[MONITOR_MAX_NAMES + 1];
	unsigned int nr;
};

static void monitor_collect_name(void *arg, const struct monitor_command *cmd)
{
	struct monitor_names *names = arg;

	if (names->nr == MONITOR_MAX_NAMES)
		return;
	names->list[names->nr] =
		monitor_first_name(cmd, names->text[names->nr], sizeof(names->text[0]));
	names->nr++;
}

static int monitor_unknown(const struct monitor *mon, const char *line, struct err *err)
{
	struct monitor_names *names = calloc(1, sizeof(*names));
	const char *near = NULL;

	if (names) {
		monitor_each(mon, monitor_collect_name, names);
		near = parse_nearest(line, names->list);
	}
	if (near)
		err_set(err, ENOENT, "there is no command '%.40s'; did you mean '%s'?", line, near);
	else
		err_set(err, ENOENT, "there is no command '%.40s' (help lists them)", line);
	free(names);
	return -ENOENT;
}

/* --- running --- */

static const char *monitor_skip_blank(const char *str)
{
	while (isspace((unsigned char)*str))
		str++;
	return str;
}

/* Split what follows the command's name; COPY is cut to pieces. */
static int monitor_split(char *copy, const struct monitor_command *cmd, struct monitor_args *args,
			 struct err *err)
{
	size_t blank = cmd->args[0] == '/' ? strspn(copy, " \t") : 0; /* x /4i is x/4i */
	char *save = NULL, *word = copy;

	args->format = "";
	if (copy[blank] == '/') { /* it ends at the first blank behind it */
		args->rest += blank;
		copy += blank;
		args->format = copy + 1;
		word = copy + 1 + strcspn(copy + 1, " \t");
		args->rest += word - copy;
		if (*word)
			*word++ = '\0';
	}
	args->rest = monitor_skip_blank(args->rest);
	for (word = strtok_r(word, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (args->nr == MONITOR_MAX_ARGS)
			return err_set(err, E2BIG, "%s: too many arguments", cmd->name);
		args->word[args->nr++] = word;
	}
	return 0;
}

static int monitor_check(const struct monitor_command *cmd, const struct monitor_args *args,
			 struct err *err)
{
	char name[32];

	if (args->nr >= cmd->min_args && (cmd->max_args < 0 || args->nr <= cmd->max_args))
		return 0;
	monitor_first_name(cmd, name, sizeof(name));
	return err_set(err, EINVAL, "usage: %s%s%s", name, cmd->args[0] ? " " : "", cmd->args);
}

/*
 * LINE without blanks around it and with one after its first word, so that
 * "info  mem" is found; further blanks are the argument's. False: too long.
 */
static bool monitor_tidy(const char *line, char *out, size_t size)
{
	size_t len, first;

	line = monitor_skip_blank(line);
	first = strcspn(line, " \t\r\n");
	len = (size_t)snprintf(out, size, "%.*s %s", (int)first, line,
			       monitor_skip_blank(line + first));
	if (len >= size)
		return false;
	while (len && isspace((unsigned char)out[len - 1]))
		out[--len] = '\0';
	return true;
}

int monitor_run(const struct monitor *mon, const struct monitor_ctx *ctx, const char *line,
		struct buf *out, struct err *err)
{
	struct monitor_args args = { .nr = 0 };
	struct monitor_ctx own = *ctx;
	const struct monitor_command *cmd;
	char copy[MONITOR_LINE_MAX];
	char text[MONITOR_LINE_MAX];
	size_t len;
	int ret;

	if (!monitor_tidy(line, text, sizeof(text)))
		return err_set(err, EMSGSIZE, "a line may have %d characters",
			       MONITOR_LINE_MAX - 1);
	if (!text[0])
		return 0;
	own.monitor = mon;
	cmd = monitor_find(mon, text, &len, &own.table_ctx);
	if (!cmd)
		return monitor_unknown(mon, text, err);
	args.rest = text + len;
	strcpy(copy, text + len);
	ret = monitor_split(copy, cmd, &args, err);
	if (ret == 0)
		ret = monitor_check(cmd, &args, err);
	if (ret == 0)
		ret = cmd->run(&own, &args, out, err);
	if (ret == 0 && out->failed)
		ret = err_set(err, E2BIG, "too much output");
	return ret;
}

/* --- what commands use --- */

const struct x86_state *monitor_state(const struct monitor_ctx *ctx, unsigned int *vcpu)
{
	unsigned int nr = ctx->vcpu ? *ctx->vcpu : 0;

	if (!ctx->view || !ctx->view->nr_vcpus)
		return NULL;
	if (nr >= ctx->view->nr_vcpus)
		nr = 0;
	if (vcpu)
		*vcpu = nr;
	return &ctx->view->vcpu[nr].state;
}

static bool monitor_reg_value(void *arg, const char *name, uint64_t *out)
{
	const struct x86_state *st = monitor_state(arg, NULL);
	int index;

	if (strcmp(name, "pc") == 0)
		name = "rip";
	else if (strcmp(name, "sp") == 0)
		name = "rsp";
	index = reg_find(name);
	if (!st || index < 0 || reg_table[index].width > 64)
		return false;
	*out = reg_value(st, (unsigned int)index);
	return true;
}

static bool monitor_sym_value(void *arg, const char *name, uint64_t *out)
{
	const struct monitor_ctx *ctx = arg;

	return sym_lookup(ctx->syms, name, out);
}

int monitor_eval(const struct monitor_ctx *ctx, const char *text, uint64_t *out, struct err *err)
{
	struct expr_names names = { .reg = monitor_reg_value,
				    .sym = monitor_sym_value,
				    .ctx = (void *)ctx };

	return expr_eval(text, &names, out, err);
}

/* --- completion --- */

struct monitor_completion {
	const struct monitor_ctx *ctx;
	const char *line; /* from its first word on */
	const char *word; /* its last word */
	bool (*fn)(void *arg, const char *word);
	void *arg;
	bool stop;
	char last[32]; /* the word offered last: two-word names repeat their first */
};

static void monitor_offer(struct monitor_completion *comp, const char *word)
{
	if (comp->stop || strncmp(word, comp->word, strlen(comp->word)) != 0 ||
	    strcmp(word, comp->last) == 0)
		return;
	snprintf(comp->last, sizeof(comp->last), "%s", word);
	comp->stop = !comp->fn(comp->arg, word);
}

/* Offer the word of CMD's name that stands where the cursor is. */
static void monitor_offer_name(void *arg, const struct monitor_command *cmd)
{
	struct monitor_completion *comp = arg;
	size_t before = (size_t)(comp->word - comp->line);
	char name[32], *blank;

	monitor_first_name(cmd, name, sizeof(name));
	blank = strchr(name, ' ');
	if (!before) {
		if (blank)
			*blank = '\0';
		monitor_offer(comp, name);
	} else if (blank && before == (size_t)(blank + 1 - name) &&
		   strncmp(comp->line, name, before) == 0) {
		monitor_offer(comp, blank + 1);
	}
}

static bool monitor_offer_symbol(void *arg, const char *name, uint64_t addr)
{
	struct monitor_completion *comp = arg;

	(void)addr;
	comp->stop = !comp->fn(comp->arg, name);
	return !comp->stop;
}

/* Complete the name after the last operator of an expression: "foo+ba" offers bar as "foo+bar". */
static void monitor_offer_symbols(struct monitor_completion *comp)
{
	if (comp->ctx->syms && isalpha((unsigned char)comp->word[0]))
		sym_each(comp->ctx->syms, comp->word, monitor_offer_symbol, comp);
}

void monitor_complete(const struct monitor *mon, const struct monitor_ctx *ctx, const char *line,
		      bool (*fn)(void *arg, const char *word), void *arg)
{
	struct monitor_completion comp = { .ctx = ctx, .fn = fn, .arg = arg };
	const struct monitor_command *cmd;
	void *table_ctx;
	size_t len;

	comp.line = monitor_skip_blank(line);
	comp.word = comp.line + strlen(comp.line);
	while (comp.word > comp.line && !isspace((unsigned char)comp.word[-1]))
		comp.word--;
	monitor_each(mon, monitor_offer_name, &comp);
	cmd = monitor_find(mon, comp.line, &len, &table_ctx);
	if (!cmd || comp.word < comp.line + len)
		return;
	if (cmd->complete == MONITOR_COMPLETE_SYMBOL)
		monitor_offer_symbols(&comp);
	if (cmd->complete != MONITOR_COMPLETE_COMMAND)
		return;
	comp.line = comp.word; /* help COMMAND: as at the beginning of a line */
	monitor_each(mon, monitor_offer_name, &comp);
}

/* --- the commands that change --- */

static int monitor_missing(struct err *err)
{
	return err_set(err, EOPNOTSUPP, "not possible here");
}

static int monitor_cmd_stop(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	if (!ctx->control || !ctx->control->stop)
		return monitor_missing(err);
	return ctx->control->stop(ctx->control_ctx, err);
}

static int monitor_cmd_cont(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	if (!ctx->control || !ctx->control->cont)
		return monitor_missing(err);
	return ctx->control->cont(ctx->control_ctx, err);
}

static int monitor_cmd_reset(const struct monitor_ctx *ctx, struct monitor_args *args,
			     struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	if (!ctx->control || !ctx->control->reset)
		return monitor_missing(err);
	return ctx->control->reset(ctx->control_ctx, err);
}

static int monitor_cmd_powerdown(const struct monitor_ctx *ctx, struct monitor_args *args,
				 struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	if (!ctx->control || !ctx->control->powerdown)
		return monitor_missing(err);
	return ctx->control->powerdown(ctx->control_ctx, err);
}

static int monitor_cmd_quit(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)args;
	(void)out;
	if (!ctx->control || !ctx->control->quit)
		return monitor_missing(err);
	return ctx->control->quit(ctx->control_ctx, err);
}

static int monitor_cmd_type(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)out;
	if (!ctx->control || !ctx->control->type)
		return monitor_missing(err);
	return ctx->control->type(ctx->control_ctx, args->rest, err);
}

static int monitor_cmd_sendkey(const struct monitor_ctx *ctx, struct monitor_args *args,
			       struct buf *out, struct err *err)
{
	(void)out;
	if (!ctx->control || !ctx->control->sendkey)
		return monitor_missing(err);
	return ctx->control->sendkey(ctx->control_ctx, args->word[0], err);
}

static int monitor_cmd_dump(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	(void)out;
	if (!ctx->control || !ctx->control->dump)
		return monitor_missing(err);
	return ctx->control->dump(ctx->control_ctx, args->rest, err);
}

static int monitor_cmd_cpu(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	uint64_t nr;

	if (!parse_range(args->word[0], 0, ctx->view ? ctx->view->nr_vcpus - 1 : 0, &nr))
		return err_set(err, EINVAL, "there is no vCPU %s", args->word[0]);
	*ctx->vcpu = (unsigned int)nr;
	(void)out;
	return 0;
}

/* The access size that i/b, i/h, i/w names; one byte where nothing is said. */
static unsigned int monitor_port_size(const char *format)
{
	switch (format[0]) {
	case 'h':
		return 2;
	case 'w':
		return 4;
	}
	return 1;
}

static int monitor_port(const struct monitor_ctx *ctx, struct monitor_args *args, bool write,
			uint64_t *where, uint32_t *val, struct err *err)
{
	uint64_t port, data = 0;
	int ret;

	if (!ctx->control || !ctx->control->port)
		return monitor_missing(err);
	ret = monitor_eval(ctx, args->word[0], &port, err);
	if (ret == 0 && write)
		ret = monitor_eval(ctx, args->word[1], &data, err);
	if (ret < 0)
		return ret;
	if (port > 0xffff)
		return err_set(err, EINVAL, "ports go from 0 to 0xffff");
	*where = port;
	*val = (uint32_t)data;
	return ctx->control->port(ctx->control_ctx, (unsigned int)port,
				  monitor_port_size(args->format), write, val, err);
}

static int monitor_cmd_in(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	unsigned int size = monitor_port_size(args->format);
	uint32_t val = 0;
	uint64_t port;
	int ret;

	ret = monitor_port(ctx, args, false, &port, &val, err);
	if (ret == 0)
		buf_printf(out, "port%c[0x%04x] = 0x%0*x\n", "?bw?l"[size], (unsigned int)port,
			   (int)size * 2, val);
	return ret;
}

static int monitor_cmd_out(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	uint32_t val = 0;
	uint64_t port;

	(void)out;
	return monitor_port(ctx, args, true, &port, &val, err);
}

struct monitor_help {
	struct buf *out;
	const char *word;
	bool found;
};

static void monitor_help_line(void *arg, const struct monitor_command *cmd)
{
	struct monitor_help *help = arg;
	char left[64];
	size_t len;

	if (help->word[0] && !monitor_name_matches(cmd->name, help->word, &len) &&
	    strncmp(cmd->name, help->word, strlen(help->word)) != 0)
		return;
	snprintf(left, sizeof(left), "%s %s", cmd->name, cmd->args);
	buf_printf(help->out, "%-30s -- %s\n", left, cmd->help);
	help->found = true;
}

static int monitor_cmd_help(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct monitor_help help = { .out = out, .word = args->rest };

	monitor_each(ctx->monitor, monitor_help_line, &help);
	return help.found ? 0 : monitor_unknown(ctx->monitor, args->rest, err);
}

static const struct monitor_command monitor_commands[] = {
	{ "help|?", "[command]", "what there is", -1, 0, MONITOR_COMPLETE_COMMAND,
	  monitor_cmd_help },
	{ "stop|s", "", "stop all vCPUs", 0, 0, MONITOR_COMPLETE_NONE, monitor_cmd_stop },
	{ "cont|c", "", "let the guest run on", 0, 0, MONITOR_COMPLETE_NONE, monitor_cmd_cont },
	{ "cpu", "number", "choose the vCPU that other commands are about", 1, 1,
	  MONITOR_COMPLETE_NONE, monitor_cmd_cpu },
	{ "system_reset", "", "press the reset button", 0, 0, MONITOR_COMPLETE_NONE,
	  monitor_cmd_reset },
	{ "system_powerdown", "", "press the power button (ACPI)", 0, 0, MONITOR_COMPLETE_NONE,
	  monitor_cmd_powerdown },
	{ "quit|q", "", "end the VM at once", 0, 0, MONITOR_COMPLETE_NONE, monitor_cmd_quit },
	{ "sendkey", "keys", "press keys together: a, ctrl-alt-delete", 1, 1, MONITOR_COMPLETE_NONE,
	  monitor_cmd_sendkey },
	{ "type", "text", "type it on the guest's keyboard", -1, 1, MONITOR_COMPLETE_NONE,
	  monitor_cmd_type },
	{ "i", "/fmt port", "read an I/O port (b byte, h 2, w 4 bytes)", 1, 1,
	  MONITOR_COMPLETE_NONE, monitor_cmd_in },
	{ "o", "/fmt port value", "write an I/O port", 2, 2, MONITOR_COMPLETE_NONE,
	  monitor_cmd_out },
	{ "dump-guest-memory", "file", "write memory and registers as an ELF core file", -1, 1,
	  MONITOR_COMPLETE_NONE, monitor_cmd_dump },
};

struct monitor *monitor_new(void)
{
	struct monitor *mon = calloc(1, sizeof(*mon));

	if (!mon)
		return NULL;
	monitor_add_commands(mon, monitor_commands,
			     sizeof(monitor_commands) / sizeof(monitor_commands[0]), NULL);
	monitor_add_commands(mon, monitor_mem_commands, monitor_mem_commands_len, NULL);
	monitor_add_commands(mon, monitor_explain_commands, monitor_explain_commands_len, NULL);
	monitor_add_commands(mon, monitor_paging_commands, monitor_paging_commands_len, NULL);
	monitor_add_commands(mon, monitor_info_commands, monitor_info_commands_len, NULL);
	return mon;
}

void monitor_free(struct monitor *mon)
{
	free(mon);
}

int monitor_add_commands(struct monitor *mon, const struct monitor_command *table, size_t nr,
			 void *ctx)
{
	if (mon->nr == MONITOR_MAX_TABLES)
		return -ENOSPC;
	mon->table[mon->nr++] = (struct monitor_table){ .cmd = table, .nr = nr, .ctx = ctx };
	return 0;
}
