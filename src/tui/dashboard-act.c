/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keys ask for: commands to the VM, questions to the user, moving between screens. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tui/dashboard-priv.h"
#include "tui/fmt.h"
#include "tui/panel-parts.h"

const char *dashboard_refusal(const struct dashboard *dash, enum request req)
{
	bool stopped = dashboard_stopped(dash);

	switch (req) {
	case REQ_STEP:
	case REQ_OVER:
	case REQ_FINISH:
	case REQ_UNTIL:
	case REQ_EARLIER:
	case REQ_LATER:
		if (!dash->link.ops)
			return "there is no VM";
		if (!stopped)
			return "the guest is running; p pauses it";
		break;
	case REQ_PAUSE:
		if (!dash->link.ops)
			return "there is no VM";
		if (stopped)
			return "the guest stands already";
		return NULL;
	case REQ_CONTINUE:
		if (dash->view && dash->view->state == VM_STATE_RUNNING)
			return "the guest is running already";
		break;
	case REQ_BREAK:
	case REQ_WATCH:
	case REQ_TYPE:
	case REQ_RESET:
	case REQ_STOP:
	case REQ_COMMAND:
	case REQ_GOTO:
	case REQ_EXPLAIN:
	case REQ_NEXT_VCPU:
		if (!dash->link.ops)
			return "there is no VM";
		return NULL;
	default:
		return NULL;
	}
	if (!dash->link.ops)
		return "there is no VM";
	if (dash->view &&
	    (dash->view->state == VM_STATE_CRASHED || dash->view->state == VM_STATE_INTERNAL ||
	     dash->view->state == VM_STATE_SHUTDOWN) &&
	    req != REQ_EARLIER && req != REQ_LATER)
		return "the guest has ended and cannot go on; r resets it";
	return NULL;
}

/* Run a command; the error, if any, is what the user reads. */
static int act_exec(struct dashboard *dash, const char *cmd, json_t *args, json_t **ret)
{
	struct err err = ERR_INIT;
	int res;

	if (!dash->link.ops) {
		json_decref(args);
		return -ENOTCONN;
	}
	res = dash->link.ops->exec(dash->link.ctx, cmd, args, ret, &err);
	if (res < 0)
		dashboard_say(dash, STYLE_BAD, "%s", err.text);
	return res;
}

static void act_simple(struct dashboard *dash, const char *cmd)
{
	if (act_exec(dash, cmd, NULL, NULL) == 0)
		dashboard_refresh(dash);
}

static void act_step(struct dashboard *dash, const char *kind)
{
	if (act_exec(dash, "x-vitrine-step",
		     json_pack("{s:i, s:s}", "vcpu", (int)dash->vcpu, "kind", kind), NULL) == 0)
		dashboard_refresh(dash);
}

/* Where the cursor of the focused panel stands. */
static bool act_target(struct dashboard *dash, uint64_t *addr)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	return pan && pan->ops->target && pan->ops->target(pan, &ctx, addr);
}

static void act_until(struct dashboard *dash)
{
	uint64_t addr;

	if (!act_target(dash, &addr)) {
		dashboard_say(dash, STYLE_WARN, "put the cursor on an instruction first");
		return;
	}
	if (act_exec(dash, "x-vitrine-until",
		     json_pack("{s:i, s:I}", "vcpu", (int)dash->vcpu, "addr", (json_int_t)addr),
		     NULL) == 0)
		dashboard_refresh(dash);
}

static bool act_is_code(const struct panel *pan)
{
	return pan && (!strcmp(pan->ops->id, "code") || !strcmp(pan->ops->id, "cpu"));
}

/* "demo_tick+0x1c", or the number where nothing is known. */
static void act_where(const struct dashboard *dash, uint64_t addr, char *out, size_t len)
{
	sym_text(dash->syms, addr, out, len);
	if (!out[0])
		snprintf(out, len, "%" PRIx64, addr);
}

static void act_ask(struct dashboard *dash, enum dashboard_ask ask, const char *label,
		    const char *text, const char *hint)
{
	dash->ask = ask;
	prompt_start(&dash->prompt, label, text, hint);
}

static void act_break_at(struct dashboard *dash, uint64_t addr, const char *type)
{
	json_t *ret = NULL;
	char where[96];

	if (act_exec(dash, "x-vitrine-break",
		     json_pack("{s:I, s:s}", "addr", (json_int_t)addr, "type", type), &ret) < 0)
		return;
	dashboard_breaks(dash);
	act_where(dash, addr, where, sizeof(where));
	dashboard_say(dash, STYLE_GOOD, "%s %d at %s", type[0] == 'w' ? "watchpoint" : "breakpoint",
		      (int)json_integer_value(json_object_get(ret, "id")), where);
	json_decref(ret);
}

/* On an instruction that has a breakpoint, `b` removes it; else it asks where. */
static void act_break(struct dashboard *dash)
{
	char where[96] = "", hint[120] = "a symbol or an address";
	uint64_t addr;

	if (act_is_code(dashboard_focused(dash)) && act_target(dash, &addr)) {
		for (unsigned int i = 0; i < dash->nr_breaks; i++) {
			unsigned int id = dash->breaks[i].id;

			if (dash->breaks[i].addr != addr)
				continue;
			if (act_exec(dash, "x-vitrine-break-delete",
				     json_pack("{s:i}", "id", (int)id), NULL) == 0)
				dashboard_say(dash, STYLE_NORMAL, "breakpoint %u removed", id);
			dashboard_breaks(dash);
			return;
		}
		act_where(dash, addr, where, sizeof(where));
		snprintf(hint, sizeof(hint), "Enter: here, at %s", where);
	}
	act_ask(dash, ASK_BREAK, "break at:", "", hint);
}

/* An address the user typed, or said to be unknown. */
static bool act_address(struct dashboard *dash, const char *text, uint64_t *addr)
{
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	if (panel_address(&ctx, text, addr))
		return true;
	dashboard_say(dash, STYLE_BAD, "%s: no such symbol, register or address", text);
	return false;
}

static void act_answer_break(struct dashboard *dash, const char *text)
{
	uint64_t addr;

	if (text[0] ? act_address(dash, text, &addr) : act_target(dash, &addr))
		act_break_at(dash, addr, "sw");
}

/* Send the screen that shows addresses of this kind there. */
static void act_go(struct dashboard *dash, const char *id, enum request screen, const char *goal)
{
	struct panel *pan = dashboard_focused(dash);

	if (!pan || strcmp(pan->ops->id, id) != 0) {
		dashboard_show(dash, screen);
		if (dash->layout.size >= LAYOUT_M && screen == REQ_SCREEN_CPU)
			id = "code";
		dash->focus = panel_find(id)->id;
		pan = dashboard_panel(dash, id);
	}
	if (pan)
		snprintf(pan->goal, sizeof(pan->goal), "%.63s", goal);
}

static void act_answer_goto(struct dashboard *dash, const char *text)
{
	const struct panel *pan = dashboard_focused(dash);
	char goal[24];
	uint64_t addr;

	if (!text[0] || !act_address(dash, text, &addr))
		return;
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	if (pan && !strcmp(pan->ops->id, "paging"))
		act_go(dash, "paging", REQ_SCREEN_PAGING, goal);
	else
		act_go(dash, act_is_code(pan) ? pan->ops->id : "cpu", REQ_SCREEN_CPU, goal);
}

static void act_explain(struct dashboard *dash)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;
	char goal[24];
	uint64_t addr;

	dashboard_ctx(dash, &ctx);
	if (pan && pan->ops->request && pan->ops->request(pan, &ctx, REQ_EXPLAIN))
		return;
	if (!act_target(dash, &addr)) {
		dashboard_say(dash, STYLE_WARN,
			      "nothing to explain under the cursor; on screen 2, "
			      "g asks for an address");
		return;
	}
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	act_go(dash, "paging", REQ_SCREEN_PAGING, goal);
}

static void act_enter(struct dashboard *dash)
{
	struct panel *pan = dashboard_focused(dash);
	struct err err = ERR_INIT;
	struct panel_ctx ctx;
	char goal[24];
	uint64_t addr;

	dashboard_ctx(dash, &ctx);
	if (pan && !strcmp(pan->ops->id, "fleet")) {
		if (!dash->fleet.nr)
			return;
		if (strcmp(dash->fleet.selected, dash->name) != 0 &&
		    dashboard_open(dash, dash->fleet.selected, &err) < 0)
			dashboard_say(dash, STYLE_BAD, "%s", err.text);
		else
			dashboard_show(dash, REQ_SCREEN_CPU);
		return;
	}
	if (pan && pan->ops->request && pan->ops->request(pan, &ctx, REQ_ENTER))
		return;
	if (!pan || act_is_code(pan) || !act_target(dash, &addr))
		return;
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	act_go(dash, "cpu", REQ_SCREEN_CPU, goal);
}

static void act_command(struct dashboard *dash, const char *line)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	if (!line[0])
		return;
	if (dash->link.ops->monitor(dash->link.ctx, line, &out, &err) < 0) {
		dashboard_say(dash, STYLE_BAD, "%s", err.text);
	} else if (out.len) {
		lines_clear(&dash->output_lines);
		lines_add_text(&dash->output_lines, buf_str(&out), 0);
		memset(&dash->output_panel, 0, sizeof(dash->output_panel));
		snprintf(dash->output_title, sizeof(dash->output_title), ":%s", line);
		dash->output = true;
	}
	buf_free(&out);
	dashboard_refresh(dash);
	dashboard_breaks(dash);
}

/* The focused pane as text: what is on screen, at the size it has. */
static void act_pane_text(struct dashboard *dash, struct buf *out)
{
	struct panel *pan = dashboard_focused(dash);
	struct rect area = dash->layout.body;
	struct panel_ctx ctx;
	struct surface *sf;

	for (unsigned int i = 0; pan && i < dash->layout.nr; i++)
		if (!strcmp(dash->layout.pane[i].id, pan->ops->id))
			area = dash->layout.pane[i].area;
	sf = surface_new(area.rows, area.cols);
	if (!sf || !pan) {
		surface_free(sf);
		return;
	}
	dashboard_ctx(dash, &ctx);
	panel_draw(pan, &ctx, sf, surface_area(sf));
	surface_dump(sf, out);
	surface_free(sf);
}

static int act_write_file(const char *path, const struct buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, buf_str(text), text->len);
	if (close(fd) < 0 || n != (ssize_t)text->len)
		return -EIO;
	return 0;
}

/* $XDG_STATE_HOME/vitrine/yank, its folder made where it is missing. */
static bool act_yank_path(char *path, size_t len)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int used;

	if (state && state[0] == '/')
		used = snprintf(path, len, "%s/vitrine", state);
	else if (home && home[0] == '/')
		used = snprintf(path, len, "%s/.local/state/vitrine", home);
	else
		return false;
	if (used < 0 || (size_t)used + 8 > len)
		return false;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	mkdir(path, 0700);
	strcat(path, "/yank");
	return true;
}

static void act_yank(struct dashboard *dash)
{
	struct buf text = BUF_INIT;
	char path[512];

	act_pane_text(dash, &text);
	free(dash->yank);
	dash->yank = strdup(buf_str(&text));
	if (act_yank_path(path, sizeof(path)) && act_write_file(path, &text) == 0)
		dashboard_say(dash, STYLE_NORMAL, "copied: clipboard (OSC 52), %s", path);
	else
		dashboard_say(dash, STYLE_NORMAL, "copied: clipboard (OSC 52)");
	buf_free(&text);
}

static void act_answer_write(struct dashboard *dash, const char *path)
{
	struct buf text = BUF_INIT;
	int ret;

	if (!path[0])
		return;
	act_pane_text(dash, &text);
	ret = act_write_file(path, &text);
	if (ret < 0)
		dashboard_say(dash, STYLE_BAD, "%s: %s", path, strerror(-ret));
	else
		dashboard_say(dash, STYLE_NORMAL, "written to %s", path);
	buf_free(&text);
}

static void act_ask_write(struct dashboard *dash)
{
	const struct panel *pan = dashboard_focused(dash);
	char path[VM_NAME_MAX + 24];

	snprintf(path, sizeof(path), "%s-%s.txt", dash->name[0] ? dash->name : "vitrine",
		 pan ? pan->ops->id : "screen");
	act_ask(dash, ASK_WRITE, "write this pane to:", path, "a file");
}

static void act_answer_stop(struct dashboard *dash, const char *text)
{
	if (strcmp(text, dash->name) != 0)
		dashboard_say(dash, STYLE_NORMAL, "not stopped");
	else if (act_exec(dash, "quit", NULL, NULL) == 0)
		dashboard_say(dash, STYLE_NORMAL, "%s is stopping", dash->name);
}

void dashboard_answer(struct dashboard *dash)
{
	enum dashboard_ask ask = dash->ask;
	char text[PROMPT_MAX];
	uint64_t addr;

	memcpy(text, dash->prompt.text, sizeof(text));
	prompt_stop(&dash->prompt);
	dash->ask = ASK_NONE;
	switch (ask) {
	case ASK_GOTO:
		act_answer_goto(dash, text);
		break;
	case ASK_BREAK:
		act_answer_break(dash, text);
		break;
	case ASK_WATCH:
		if (text[0] && act_address(dash, text, &addr))
			act_break_at(dash, addr, "watch");
		break;
	case ASK_COMMAND:
		act_command(dash, text);
		break;
	case ASK_WRITE:
		act_answer_write(dash, text);
		break;
	case ASK_STOP:
		act_answer_stop(dash, text);
		break;
	case ASK_RESET:
		if (text[0] == 'y' || text[0] == 'Y')
			act_simple(dash, "system_reset");
		break;
	case ASK_FILTER:
	case ASK_NONE:
		break;
	}
}

/* What several candidates have in common is filled in. */
struct act_complete {
	char word[PROMPT_MAX];
	unsigned int nr;
};

static bool act_complete_add(void *ctx, const char *name, uint64_t addr)
{
	struct act_complete *comp = ctx;
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

/* The monitor knows what can follow; symbols are known here. */
static void act_complete_command(struct dashboard *dash, struct act_complete *comp)
{
	json_t *list = NULL, *word;
	size_t i;

	if (act_exec(dash, "x-vitrine-complete", json_pack("{s:s}", "line", dash->prompt.text),
		     &list) < 0)
		return;
	json_array_foreach(list, i, word)
	{
		if (json_is_string(word))
			act_complete_add(comp, json_string_value(word), 0);
	}
	json_decref(list);
}

void dashboard_prompt_complete(struct dashboard *dash)
{
	struct act_complete comp = { .nr = 0 };

	if (dash->ask == ASK_COMMAND)
		act_complete_command(dash, &comp);
	else if (dash->ask == ASK_GOTO || dash->ask == ASK_BREAK || dash->ask == ASK_WATCH)
		sym_each(dash->syms, prompt_word(&dash->prompt), act_complete_add, &comp);
	if (comp.nr && strlen(comp.word) >= strlen(prompt_word(&dash->prompt)))
		prompt_complete(&dash->prompt, comp.word);
}

/* `a`: the keyboard where the VGA screen has the focus, else the serial line. */
static void act_type(struct dashboard *dash)
{
	const struct panel *pan = dashboard_focused(dash);
	bool serial_here = false;

	for (unsigned int i = 0; i < dash->layout.nr; i++)
		serial_here |= !strcmp(dash->layout.pane[i].id, "serial");
	if (!pan || strcmp(pan->ops->id, "vga") != 0) {
		if (!dash->term || dash->console_fd < 0) {
			dashboard_say(dash, STYLE_WARN, "the serial line is not connected");
			return;
		}
		if (!serial_here)
			dashboard_show(dash, REQ_SCREEN_SERIAL);
		dash->focus = "serial";
	}
	dash->grabbed = true;
}

static const char *act_key_name(int key, char *out, size_t len)
{
	static const struct {
		int key;
		const char *name;
	} names[] = {
		{ VKEY_UP, "up" },
		{ VKEY_DOWN, "down" },
		{ VKEY_LEFT, "left" },
		{ VKEY_RIGHT, "right" },
		{ VKEY_PGUP, "pgup" },
		{ VKEY_PGDN, "pgdn" },
		{ VKEY_HOME, "home" },
		{ VKEY_END, "end" },
		{ VKEY_INSERT, "insert" },
		{ VKEY_DELETE, "delete" },
		{ 27, "esc" },
		{ '\t', "tab" },
		{ VKEY_BACKSPACE, "backspace" },
		{ 127, "backspace" },
		{ 8, "backspace" },
		{ VKEY_ENTER, "ret" },
		{ '\r', "ret" },
		{ '\n', "ret" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].key == key)
			return names[i].name;
	if (key >= VKEY_F1 && key < VKEY_F1 + 12)
		snprintf(out, len, "f%d", key - VKEY_F1 + 1);
	else if (key > 0 && key <= 26)
		snprintf(out, len, "ctrl-%c", key + 0x60);
	else
		return NULL;
	return out;
}

void dashboard_type(struct dashboard *dash, int key)
{
	const struct panel *pan = dashboard_focused(dash);
	char text[16];
	const char *name = act_key_name(key, text, sizeof(text));

	if (!pan || strcmp(pan->ops->id, "vga") != 0) {
		if (dash->term)
			term_key(dash->term, key);
		return;
	}
	if (name) {
		act_exec(dash, "x-vitrine-key", json_pack("{s:s}", "key", name), NULL);
	} else if (key >= 0x20 && key < 0x7f) {
		snprintf(text, sizeof(text), "%c", key);
		act_exec(dash, "x-vitrine-type", json_pack("{s:s}", "text", text), NULL);
	}
	dashboard_refresh(dash);
}

/* Look at an earlier (1) or later (-1) stop. */
static void act_history(struct dashboard *dash, int step)
{
	int back = (int)dash->stop_back + step;
	const struct vm_view *old = back >= 0 ? history_get(&dash->hist, (unsigned int)back) : NULL;

	if (!old) {
		dashboard_say(dash, STYLE_DIM,
			      step > 0 ? "no earlier stop is remembered" : "this is the last stop");
		return;
	}
	dash->stop_back = (unsigned int)back;
	dash->old = *old;
	dash->old.ram = dash->view->ram;
	dash->old.ram_len = dash->view->ram_len;
}

static void act_next_vcpu(struct dashboard *dash)
{
	if (dash->view && dash->view->nr_vcpus)
		dash->vcpu = (dash->vcpu + 1) % dash->view->nr_vcpus;
}

static void act_next_pane(struct dashboard *dash, int step)
{
	const struct panel *pan = dashboard_focused(dash);
	int nr = (int)dash->layout.nr, at = 0;

	for (int i = 0; pan && i < nr; i++)
		if (!strcmp(dash->layout.pane[i].id, pan->ops->id))
			at = i;
	if (nr > 1)
		dash->focus = dash->layout.pane[(at + step + nr) % nr].id;
}

static void act_zoom(struct dashboard *dash)
{
	struct panel *pan = dashboard_focused(dash);

	if (dash->zoom) {
		dash->zoom = NULL;
		return;
	}
	if (!pan)
		return;
	dash->zoom = dash->focus = pan->ops->id;
	if (dash->layout.size <= LAYOUT_S)
		dashboard_say(dash, STYLE_DIM, "the whole terminal; + or Esc goes back");
}

/* One level up; false at the top. */
static bool act_back(struct dashboard *dash)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	if (dash->output)
		dash->output = false;
	else if (dash->zoom)
		dash->zoom = NULL;
	else if (dash->screen == REQ_HELP)
		dashboard_show(dash, dash->back);
	else if (pan && pan->filter[0])
		pan->filter[0] = '\0';
	else if (dash->stop_back)
		dash->stop_back = 0;
	else if (pan && pan->ops->request && pan->ops->request(pan, &ctx, REQ_BACK))
		return true;
	else if (dash->from_fleet && dash->screen != REQ_SCREEN_FLEET)
		dashboard_show(dash, REQ_SCREEN_FLEET);
	else
		return false;
	return true;
}

/* `q` on a screen leaves; on what lies over one it goes back. */
static void act_detach(struct dashboard *dash)
{
	if (dash->output || dash->zoom || dash->screen == REQ_HELP ||
	    (dash->from_fleet && dash->screen != REQ_SCREEN_FLEET))
		act_back(dash);
	else
		dash->done = true;
}

static void act_ask_stop(struct dashboard *dash)
{
	char hint[96];

	snprintf(hint, sizeof(hint), "type %s to end it for good", dash->name);
	act_ask(dash, ASK_STOP, "stop which VM?", "", hint);
}

static void act_ask_filter(struct dashboard *dash)
{
	struct panel *pan = dashboard_focused(dash);

	act_ask(dash, ASK_FILTER, "filter:", pan ? pan->filter : "",
		"text to look for, or !text to leave out");
}

static void act_fleet_move(struct dashboard *dash, enum request req)
{
	fleet_move(&dash->fleet, req == REQ_UP	   ? -1
				 : req == REQ_DOWN ? 1
				 : req == REQ_HOME ? -FLEET_MAX
						   : FLEET_MAX);
	dash->fleet_ns = 0;
}

/* What no verb claims is for the focused panel, or for what covers the screen. */
static void act_panel(struct dashboard *dash, enum request req)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	if (dash->output) {
		static const struct panel_ops none = { .id = "" };

		dash->output_panel.ops = &none;
		panel_request(&dash->output_panel, &ctx, req);
	} else if (pan && !strcmp(pan->ops->id, "fleet") &&
		   (req == REQ_UP || req == REQ_DOWN || req == REQ_HOME || req == REQ_END)) {
		act_fleet_move(dash, req);
	} else if (pan) {
		panel_request(pan, &ctx, req);
	}
}

void dashboard_request(struct dashboard *dash, enum request req)
{
	const char *why = dashboard_refusal(dash, req);

	if (why) {
		dashboard_say(dash, STYLE_WARN, "%s", why);
		return;
	}
	if (req <= REQ_SCREEN_AUTOPSY) {
		dashboard_show(dash, req);
		return;
	}
	switch (req) {
	case REQ_STEP:
		act_step(dash, "into");
		break;
	case REQ_OVER:
		act_step(dash, "over");
		break;
	case REQ_FINISH:
		act_step(dash, "finish");
		break;
	case REQ_UNTIL:
		act_until(dash);
		break;
	case REQ_CONTINUE:
		act_simple(dash, "cont");
		break;
	case REQ_PAUSE:
		act_simple(dash, "stop");
		break;
	case REQ_RESET:
		act_ask(dash, ASK_RESET, "reset the machine? (y/n)", "", "");
		break;
	case REQ_STOP:
		act_ask_stop(dash);
		break;
	case REQ_BREAK:
		act_break(dash);
		break;
	case REQ_WATCH:
		act_ask(dash, ASK_WATCH, "stop when this changes:", "", "a symbol or an address");
		break;
	case REQ_EXPLAIN:
		act_explain(dash);
		break;
	case REQ_GOTO:
		act_ask(dash, ASK_GOTO, "go to:", "", "a symbol, a register or an address");
		break;
	case REQ_ENTER:
		act_enter(dash);
		break;
	case REQ_NEXT_VCPU:
		act_next_vcpu(dash);
		break;
	case REQ_TYPE:
		act_type(dash);
		break;
	case REQ_FILTER:
		act_ask_filter(dash);
		break;
	case REQ_COMMAND:
		act_ask(dash, ASK_COMMAND, ":", "", "any command of the monitor; help lists them");
		break;
	case REQ_HELP:
		if (dash->screen == REQ_HELP)
			act_back(dash);
		else
			dashboard_show(dash, REQ_HELP);
		break;
	case REQ_ZOOM:
		act_zoom(dash);
		break;
	case REQ_NEXT_PANE:
		act_next_pane(dash, 1);
		break;
	case REQ_PREV_PANE:
		act_next_pane(dash, -1);
		break;
	case REQ_BACK:
		if (!act_back(dash))
			dashboard_say(dash, STYLE_DIM, "q leaves; the guest runs on");
		break;
	case REQ_EARLIER:
		act_history(dash, 1);
		break;
	case REQ_LATER:
		act_history(dash, -1);
		break;
	case REQ_YANK:
		act_yank(dash);
		break;
	case REQ_WRITE:
		act_ask_write(dash);
		break;
	case REQ_REDRAW:
		dash->redraw = true;
		break;
	case REQ_DETACH:
		act_detach(dash);
		break;
	default:
		act_panel(dash, req);
		break;
	}
}
