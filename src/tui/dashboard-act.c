/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keys ask for: commands to the VM, moving between screens and panes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inspect/regs.h"

#include "tui/dashboard-priv.h"

/* Does REQ do something to the guest? */
static bool act_changes(enum request req)
{
	switch (req) {
	case REQ_STEP:
	case REQ_STEP_LINE:
	case REQ_OVER:
	case REQ_FINISH:
	case REQ_UNTIL:
	case REQ_CONTINUE:
	case REQ_PAUSE:
	case REQ_BREAK:
	case REQ_WATCH:
	case REQ_CATCH:
	case REQ_RERUN:
	case REQ_RESET:
	case REQ_TYPE:
	case REQ_COMMAND:
	case REQ_STOP:
	case REQ_KILL:
		return true;
	default:
		return false;
	}
}

const char *dashboard_refusal(const struct dashboard *dash, enum request req)
{
	bool stopped = dashboard_stopped(dash);

	if (dash->read_only && act_changes(req))
		return "attached read-only: nothing is changed from here";
	if (dashboard_fleet_takes(dash, req))
		return NULL;
	if (act_changes(req) && req != REQ_KILL && dashboard_overdue(dash))
		return "the VM has not answered the last request yet: not asked again";
	switch (req) {
	case REQ_STEP:
	case REQ_STEP_LINE:
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
	case REQ_RERUN:
		if (dash->view && dash->view->state != VM_STATE_CRASHED)
			return "the guest has not crashed: there is no fault to run to";
		return dash->link.ops ? NULL : "there is no VM";
	case REQ_BUNDLE:
		if (dash->link.ops && !stopped)
			return "the guest is running; p pauses it";
		return dash->link.ops ? NULL : "there is no VM";
	case REQ_MARK:
	case REQ_MARK_ALL:
	case REQ_KILL:
		return dash->screen == REQ_SCREEN_FLEET ? "there is no VM"
							: "that is for the VMs of screen 0";
	case REQ_BREAK:
	case REQ_WATCH:
	case REQ_CATCH:
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

static void act_simple(struct dashboard *dash, const char *cmd)
{
	dashboard_send(dash, strcmp(cmd, "cont") == 0 ? "continue" : "pause", cmd, NULL, NULL);
}

static void act_step(struct dashboard *dash, const char *kind)
{
	dashboard_send(dash, "step", "x-vitrine-step",
		       json_pack("{s:i, s:s}", "vcpu", (int)dash->vcpu, "kind", kind), NULL);
}

/* Where the cursor of the focused panel stands. */
bool dashboard_target(struct dashboard *dash, uint64_t *addr)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;

	dashboard_ctx(dash, &ctx);
	return pan && pan->ops->target && pan->ops->target(pan, &ctx, addr);
}

static void act_until(struct dashboard *dash, const char *arg)
{
	uint64_t addr;

	(void)arg;
	if (!dashboard_target(dash, &addr)) {
		dashboard_say(dash, STYLE_WARN, "put the cursor on an instruction first");
		return;
	}
	dashboard_send(dash, "run until", "x-vitrine-until",
		       json_pack("{s:i, s:I}", "vcpu", (int)dash->vcpu, "addr", (json_int_t)addr),
		       NULL);
}

bool dashboard_is_code(const struct panel *pan)
{
	return pan && (!strcmp(pan->ops->id, "code") || !strcmp(pan->ops->id, "cpu"));
}

/* "demo_tick+0x1c", or the number where nothing is known. */
void dashboard_where(const struct dashboard *dash, uint64_t addr, char *out, size_t len)
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

static void act_removed(struct dashboard *dash, const struct dashboard_wait *wait, json_t *ret)
{
	(void)ret;
	dashboard_say(dash, STYLE_NORMAL, "breakpoint %u removed", (unsigned int)wait->addr);
	dashboard_breaks(dash);
}

static void act_remove(struct dashboard *dash, unsigned int id)
{
	const struct dashboard_wait wait = { .done = act_removed, .addr = id };

	dashboard_send(dash, "remove breakpoint", "x-vitrine-break-delete",
		       json_pack("{s:i}", "id", (int)id), &wait);
}

/* On an instruction that has a breakpoint, `b` removes it; else it asks where. */
static void act_break(struct dashboard *dash, const char *arg)
{
	char where[96] = "", hint[120] = "a symbol or an address";
	uint64_t addr;

	(void)arg;
	if (dashboard_is_code(dashboard_focused(dash)) && dashboard_target(dash, &addr)) {
		for (unsigned int i = 0; i < dash->nr_breaks; i++) {
			if (dash->breaks[i].addr == addr) {
				act_remove(dash, dash->breaks[i].id);
				return;
			}
		}
		dashboard_where(dash, addr, where, sizeof(where));
		snprintf(hint, sizeof(hint), "Enter: here, at %s", where);
	}
	act_ask(dash, ASK_BREAK, "break at:", "", hint);
}

/* Send the screen that shows addresses of this kind there. */
void dashboard_go(struct dashboard *dash, const char *id, enum request screen, const char *goal)
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

static void act_explain(struct dashboard *dash, const char *arg)
{
	struct panel *pan = dashboard_focused(dash);
	struct panel_ctx ctx;
	char goal[24];
	uint64_t addr;

	(void)arg;
	dashboard_ctx(dash, &ctx);
	if (pan && pan->ops->request && pan->ops->request(pan, &ctx, REQ_EXPLAIN))
		return;
	if (!dashboard_target(dash, &addr)) {
		dashboard_say(dash, STYLE_WARN,
			      "nothing to explain under the cursor; on screen 2, "
			      "g asks for an address");
		return;
	}
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	dashboard_go(dash, "paging", REQ_SCREEN_PAGING, goal);
}

static void act_enter(struct dashboard *dash, const char *arg)
{
	struct panel *pan = dashboard_focused(dash);
	struct err err = ERR_INIT;
	struct panel_ctx ctx;
	char goal[24];
	uint64_t addr;

	(void)arg;
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
	if (!pan || dashboard_is_code(pan) || !dashboard_target(dash, &addr))
		return;
	snprintf(goal, sizeof(goal), "%" PRIx64, addr);
	dashboard_go(dash, "cpu", REQ_SCREEN_CPU, goal);
}

static void act_ask_write(struct dashboard *dash, const char *arg)
{
	const struct panel *pan = dashboard_focused(dash);
	char path[VM_NAME_MAX + 24];

	(void)arg;
	snprintf(path, sizeof(path), "%s-%s.txt", dash->name[0] ? dash->name : "vitrine",
		 pan ? pan->ops->id : "screen");
	act_ask(dash, ASK_WRITE, "write this pane to:", path, "a file");
}

static void act_ask_bundle(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_BUNDLE, "crash bundle to:", "",
		"a new folder; empty: one of your own, named by VM and time");
}

/* `a`: the keyboard where the VGA screen has the focus, else the serial line. */
static void act_type(struct dashboard *dash, const char *arg)
{
	const struct panel *pan = dashboard_focused(dash);
	bool serial_here = false;

	(void)arg;
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
		dashboard_send(dash, "key", "x-vitrine-key", json_pack("{s:s}", "key", name), NULL);
	} else if (key >= 0x20 && key < 0x7f) {
		snprintf(text, sizeof(text), "%c", key);
		dashboard_send(dash, "key", "x-vitrine-type", json_pack("{s:s}", "text", text),
			       NULL);
	}
}

/* Look at an earlier or later stop. */
static void act_history(struct dashboard *dash, const char *arg)
{
	int step = arg[0] == 'e' ? 1 : -1;
	int back = (int)dash->stop_back + step;
	const struct vm_view *old = back >= 0 ? history_get(&dash->hist, (unsigned int)back) : NULL;

	if (!old) {
		dashboard_say(dash, STYLE_DIM,
			      step > 0 ? "no earlier stop is remembered" : "this is the last stop");
		return;
	}
	dash->stop_back = (unsigned int)back;
	dash->old = *old;
}

static void act_diff_register(const struct x86_state *now, const struct x86_state *then,
			      unsigned int index, struct buf *out)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	if (reg_table[index].width > 512)
		return;
	reg_table[index].read(now, reg_table[index].arg, a);
	reg_table[index].read(then, reg_table[index].arg, b);
	if (!memcmp(a, b, reg_table[index].width / 8))
		return;
	if (reg_table[index].width <= 64)
		buf_printf(out, "%-14s %016" PRIx64 "  was %016" PRIx64 "\n", reg_table[index].name,
			   reg_value(now, index), reg_value(then, index));
	else
		buf_printf(out, "%-14s changed\n", reg_table[index].name);
}

/* Bytes that differ among what both moments have of memory, as runs. */
static void act_diff_memory(const struct vm_view *now, const struct vm_view *then, struct buf *out)
{
	for (uint32_t i = 0; i < then->nr_pages; i++) {
		const struct view_page *page = &then->page[i];
		uint8_t data[sizeof(page->data)];
		unsigned int first = sizeof(data), last = 0, nr = 0;

		if (view_read(now, page->gpa, data, sizeof(data)) != sizeof(data))
			continue;
		for (unsigned int b = 0; b < sizeof(data); b++) {
			if (data[b] == page->data[b])
				continue;
			first = b < first ? b : first;
			last = b;
			nr++;
		}
		if (nr)
			buf_printf(out, "memory         %" PRIx64 "-%" PRIx64 "  %u bytes\n",
				   page->gpa + first, page->gpa + last, nr);
	}
}

/* What changed since the stop before the one on screen. */
static void act_diff(struct dashboard *dash, const char *arg)
{
	struct panel *pan = dashboard_focused(dash);
	const struct vm_view *then = history_get(&dash->hist, dash->stop_back + 1);
	struct buf out = BUF_INIT;
	struct panel_ctx ctx;

	(void)arg;
	dashboard_ctx(dash, &ctx);
	if (pan && pan->ops->request && pan->ops->request(pan, &ctx, REQ_DIFF))
		return;
	if (!then || !ctx.view || dash->vcpu >= then->nr_vcpus) {
		dashboard_say(dash, STYLE_DIM, "no earlier stop is remembered");
		return;
	}
	for (unsigned int i = 0; i < reg_table_len; i++)
		act_diff_register(&ctx.view->vcpu[dash->vcpu].state, &then->vcpu[dash->vcpu].state,
				  i, &out);
	act_diff_memory(ctx.view, then, &out);
	if (!out.len)
		buf_puts(&out, "nothing that was kept has changed\n");
	dashboard_output(dash, "since the stop before", buf_str(&out));
	buf_free(&out);
}

static void act_next_vcpu(struct dashboard *dash, const char *arg)
{
	(void)arg;
	if (dash->view && dash->view->nr_vcpus)
		dash->vcpu = (dash->vcpu + 1) % dash->view->nr_vcpus;
}

static void act_next_pane(struct dashboard *dash, const char *arg)
{
	int step = arg[0] == 'n' ? 1 : -1;
	const struct panel *pan = dashboard_focused(dash);
	int nr = (int)dash->layout.nr, at = 0;

	for (int i = 0; pan && i < nr; i++)
		if (!strcmp(dash->layout.pane[i].id, pan->ops->id))
			at = i;
	if (nr > 1)
		dash->focus = dash->layout.pane[(at + step + nr) % nr].id;
}

static void act_zoom(struct dashboard *dash, const char *arg)
{
	struct panel *pan = dashboard_focused(dash);

	(void)arg;
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
static void act_detach(struct dashboard *dash, const char *arg)
{
	(void)arg;
	if (dash->output || dash->zoom || dash->screen == REQ_HELP ||
	    (dash->from_fleet && dash->screen != REQ_SCREEN_FLEET))
		act_back(dash);
	else
		dash->done = true;
}

static void act_ask_stop(struct dashboard *dash, const char *arg)
{
	char hint[96];

	(void)arg;
	snprintf(hint, sizeof(hint), "type %s to end it for good", dash->name);
	act_ask(dash, ASK_STOP, "stop which VM?", "", hint);
}

static void act_ask_filter(struct dashboard *dash, const char *arg)
{
	struct panel *pan = dashboard_focused(dash);

	(void)arg;
	if (pan && pan->ops->search)
		act_ask(dash, ASK_FILTER, "search:", pan->filter,
			"text to look for; n and N go on");
	else
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

static void act_reset(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_RESET, "reset the machine? (y/n)", "", "");
}

static void act_ask_watch(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_WATCH, "stop when this changes:", "", "a symbol or an address");
}

static void act_ask_catch(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_CATCH, "catch:", "", "exception, port, msr, mode, ...; empty lists them");
}

static void act_ask_goto(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_GOTO, "go to:", "", "a symbol, a register or an address");
}

static void act_ask_command(struct dashboard *dash, const char *arg)
{
	(void)arg;
	act_ask(dash, ASK_COMMAND, ":", "", "any command of the monitor; help lists them");
}

static void act_help(struct dashboard *dash, const char *arg)
{
	(void)arg;
	if (dash->screen == REQ_HELP)
		act_back(dash);
	else
		dashboard_show(dash, REQ_HELP);
}

static void act_go_back(struct dashboard *dash, const char *arg)
{
	(void)arg;
	if (!act_back(dash))
		dashboard_say(dash, STYLE_DIM, "q leaves; the guest runs on");
}

static void act_redraw(struct dashboard *dash, const char *arg)
{
	(void)arg;
	dash->redraw = true;
}

/* What each request does; those that are not here are the focused panel's. */
static const struct {
	void (*run)(struct dashboard *dash, const char *arg);
	const char *arg;
} act_table[REQ_NR] = {
	[REQ_STEP] = { act_step, "into" },
	[REQ_OVER] = { act_step, "over" },
	[REQ_FINISH] = { act_step, "finish" },
	[REQ_UNTIL] = { act_until, NULL },
	[REQ_CONTINUE] = { act_simple, "cont" },
	[REQ_PAUSE] = { act_simple, "stop" },
	[REQ_RERUN] = { dashboard_command, "rerun" },
	[REQ_BUNDLE] = { act_ask_bundle, NULL },
	[REQ_RESET] = { act_reset, NULL },
	[REQ_STOP] = { act_ask_stop, NULL },
	[REQ_BREAK] = { act_break, NULL },
	[REQ_WATCH] = { act_ask_watch, NULL },
	[REQ_EXPLAIN] = { act_explain, NULL },
	[REQ_GOTO] = { act_ask_goto, NULL },
	[REQ_ENTER] = { act_enter, NULL },
	[REQ_NEXT_VCPU] = { act_next_vcpu, NULL },
	[REQ_TYPE] = { act_type, NULL },
	[REQ_FILTER] = { act_ask_filter, NULL },
	[REQ_COMMAND] = { act_ask_command, NULL },
	[REQ_HELP] = { act_help, NULL },
	[REQ_ZOOM] = { act_zoom, NULL },
	[REQ_NEXT_PANE] = { act_next_pane, "next" },
	[REQ_PREV_PANE] = { act_next_pane, "previous" },
	[REQ_BACK] = { act_go_back, NULL },
	[REQ_DIFF] = { act_diff, NULL },
	[REQ_CATCH] = { act_ask_catch, NULL },
	[REQ_STEP_LINE] = { act_step, "line" },
	[REQ_EARLIER] = { act_history, "earlier" },
	[REQ_LATER] = { act_history, "later" },
	[REQ_YANK] = { dashboard_yank, NULL },
	[REQ_WRITE] = { act_ask_write, NULL },
	[REQ_REDRAW] = { act_redraw, NULL },
	[REQ_DETACH] = { act_detach, NULL },
};

/* While text is looked for, n is the next place and not a step. */
static enum request act_searching(struct dashboard *dash, enum request req)
{
	const struct panel *pan = dashboard_focused(dash);

	return req == REQ_OVER && pan && pan->ops->search && pan->filter[0] ? REQ_NEXT_MATCH : req;
}

void dashboard_request(struct dashboard *dash, enum request req)
{
	const char *why;

	req = act_searching(dash, req);
	why = dashboard_refusal(dash, req);

	if (why)
		dashboard_say(dash, STYLE_WARN, "%s", why);
	else if (req <= REQ_SCREEN_AUTOPSY)
		dashboard_show(dash, req);
	else if (dashboard_fleet_takes(dash, req))
		dashboard_fleet_request(dash, req);
	else if (act_table[req].run)
		act_table[req].run(dash, act_table[req].arg);
	else
		act_panel(dash, req);
}
