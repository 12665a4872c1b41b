/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user answered at the dashboard's prompt, and completion there. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/dashboard-priv.h"
#include "tui/panel-parts.h"

#define ASK_COMMAND_NS 120000000000ull /* a dump or a snapshot takes its time */

static void ask_armed(struct dashboard *dash, const struct dashboard_wait *wait, json_t *ret)
{
	char where[96];

	dashboard_breaks(dash);
	dashboard_where(dash, wait->addr, where, sizeof(where));
	dashboard_say(dash, STYLE_GOOD, "%s %d at %s",
		      wait->text[0] == 'w' ? "watchpoint" : "breakpoint",
		      (int)json_integer_value(json_object_get(ret, "id")), where);
}

static void ask_break_at(struct dashboard *dash, uint64_t addr, const char *type)
{
	struct dashboard_wait wait = { .done = ask_armed, .addr = addr };

	snprintf(wait.text, sizeof(wait.text), "%s", type);
	dashboard_send(dash, type[0] == 'w' ? "watchpoint" : "breakpoint", "x-vitrine-break",
		       json_pack("{s:I, s:s}", "addr", (json_int_t)addr, "type", type), &wait);
}

/* An address the user typed, or said to be unknown. */
static bool ask_address(struct dashboard *dash, const char *text, uint64_t *addr)
{
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	if (panel_address(&ctx, text, addr))
		return true;
	dashboard_say(dash, STYLE_BAD, "%s: no such symbol, register or address", text);
	return false;
}

static void ask_break(struct dashboard *dash, const char *text)
{
	uint64_t addr;

	if (text[0] ? ask_address(dash, text, &addr) : dashboard_target(dash, &addr))
		ask_break_at(dash, addr, "sw");
}

static void ask_goto(struct dashboard *dash, const char *text)
{
	const struct panel *pan = dashboard_focused(dash);
	char goal[24];
	uint64_t addr;

	if (pan && !strcmp(pan->ops->id, "paging") &&
	    (!strncmp(text, "cr3=", 4) || !strncmp(text, "pa:", 3) ||
	     !strncmp(text, "table:", 6))) {
		dashboard_go(dash, "paging", REQ_SCREEN_PAGING, text);
		return;
	}
	if (pan && !strcmp(pan->ops->id, "ept")) {
		dashboard_go(dash, "ept", REQ_SCREEN_HOST, text);
		dash->stage2_ns = 0;
		return;
	}
	if (!text[0] || !ask_address(dash, text, &addr))
		return;
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	if (pan && !strcmp(pan->ops->id, "paging"))
		dashboard_go(dash, "paging", REQ_SCREEN_PAGING, goal);
	else
		dashboard_go(dash, dashboard_is_code(pan) ? pan->ops->id : "cpu", REQ_SCREEN_CPU,
			     goal);
}

void dashboard_output(struct dashboard *dash, const char *title, const char *text)
{
	lines_clear(&dash->output_lines);
	lines_add_text(&dash->output_lines, text, 0);
	memset(&dash->output_panel, 0, sizeof(dash->output_panel));
	snprintf(dash->output_title, sizeof(dash->output_title), "%s", title);
	dash->output = true;
}

static void ask_ran(struct dashboard *dash, const struct dashboard_wait *wait, json_t *ret)
{
	char title[PROMPT_MAX + 1];

	if (json_string_length(ret)) {
		snprintf(title, sizeof(title), ":%.*s", PROMPT_MAX - 1, wait->text);
		dashboard_output(dash, title, json_string_value(ret));
	}
	dashboard_refresh(dash);
	dashboard_breaks(dash);
}

void dashboard_command(struct dashboard *dash, const char *line)
{
	struct dashboard_wait wait = { .done = ask_ran, .limit_ns = ASK_COMMAND_NS };

	if (!line[0])
		return;
	snprintf(wait.text, sizeof(wait.text), "%s", line);
	dashboard_send(dash, line, "human-monitor-command",
		       json_pack("{s:s}", "command-line", line), &wait);
}

/* The VM process writes it: a name that is not absolute is meant from here. */
static void ask_bundle(struct dashboard *dash, const char *folder)
{
	char line[PROMPT_MAX + PATH_MAX + 8], here[PATH_MAX] = "";

	if (folder[0] && folder[0] != '/' && getcwd(here, sizeof(here) - 1))
		strcat(here, "/");
	snprintf(line, sizeof(line), "bundle %s%s", here, folder);
	dashboard_command(dash, line);
}

static void ask_stopped(struct dashboard *dash, const struct dashboard_wait *wait, json_t *ret)
{
	(void)wait;
	(void)ret;
	dashboard_say(dash, STYLE_NORMAL, "%s is stopping", dash->name);
}

static void ask_stop(struct dashboard *dash, const char *text)
{
	const struct dashboard_wait wait = { .done = ask_stopped };

	if (strcmp(text, dash->name) != 0)
		dashboard_say(dash, STYLE_NORMAL, "not stopped");
	else
		dashboard_send(dash, "stop", "quit", NULL, &wait);
}

void dashboard_answer(struct dashboard *dash)
{
	enum dashboard_ask ask = dash->ask;
	char text[PROMPT_MAX], line[PROMPT_MAX + 8];
	uint64_t addr;

	memcpy(text, dash->prompt.text, sizeof(text));
	prompt_stop(&dash->prompt);
	dash->ask = ASK_NONE;
	switch (ask) {
	case ASK_GOTO:
		ask_goto(dash, text);
		break;
	case ASK_BREAK:
		ask_break(dash, text);
		break;
	case ASK_WATCH:
		if (text[0] && ask_address(dash, text, &addr))
			ask_break_at(dash, addr, "watch");
		break;
	case ASK_COMMAND:
		dashboard_command(dash, text);
		break;
	case ASK_CATCH:
		snprintf(line, sizeof(line), "catch %s", text);
		dashboard_command(dash, line);
		break;
	case ASK_WRITE:
		dashboard_save(dash, text);
		break;
	case ASK_BUNDLE:
		ask_bundle(dash, text);
		break;
	case ASK_STOP:
		ask_stop(dash, text);
		break;
	case ASK_RESET:
		if (text[0] == 'y' || text[0] == 'Y')
			dashboard_send(dash, "reset", "system_reset", NULL, NULL);
		break;
	case ASK_FLEET:
		dashboard_fleet_answer(dash, text);
		break;
	case ASK_FILTER:
	case ASK_NONE:
		break;
	}
}

/* What several candidates have in common is filled in. */
struct ask_complete {
	char word[PROMPT_MAX];
	unsigned int nr;
};

static bool ask_complete_add(void *ctx, const char *name, uint64_t addr)
{
	struct ask_complete *comp = ctx;
	size_t same = 0;

	(void)addr;
	if (comp->nr++ == 0) {
		snprintf(comp->word, sizeof(comp->word), "%s", name);
		return true;
	}
	while (comp->word[same] && comp->word[same] == name[same])
		same++;
	comp->word[same] = '\0';
	return comp->nr < 10000;
}

static void ask_complete(struct dashboard *dash, const struct ask_complete *comp)
{
	if (comp->nr && strlen(comp->word) >= strlen(prompt_word(&dash->prompt)))
		prompt_complete(&dash->prompt, comp->word);
}

/* Only if nothing was typed since. */
static void ask_completed(struct dashboard *dash, const struct dashboard_wait *wait, json_t *list)
{
	struct ask_complete comp = { .nr = 0 };
	json_t *word;
	size_t i;

	if (dash->ask != ASK_COMMAND || strcmp(dash->prompt.text, wait->text) != 0)
		return;
	json_array_foreach(list, i, word)
	{
		if (json_is_string(word))
			ask_complete_add(&comp, json_string_value(word), 0);
	}
	ask_complete(dash, &comp);
}

/* The monitor knows what can follow; symbols are known here. */
static void ask_complete_command(struct dashboard *dash)
{
	struct dashboard_wait wait = { .done = ask_completed };

	snprintf(wait.text, sizeof(wait.text), "%s", dash->prompt.text);
	dashboard_send(dash, "completion", "x-vitrine-complete",
		       json_pack("{s:s}", "line", dash->prompt.text), &wait);
}

void dashboard_prompt_complete(struct dashboard *dash)
{
	struct ask_complete comp = { .nr = 0 };

	if (dash->ask == ASK_COMMAND)
		ask_complete_command(dash);
	else if (dash->ask == ASK_GOTO || dash->ask == ASK_BREAK || dash->ask == ASK_WATCH)
		sym_each(dash->syms, prompt_word(&dash->prompt), ask_complete_add, &comp);
	ask_complete(dash, &comp);
}
