/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's state: pictures in, keys to requests. See dashboard.h. */
#include "tui/dashboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/dashboard-priv.h"
#include "tui/fmt.h"

#define DASHBOARD_LIVE_NS    (1000000000ull / DASHBOARD_HZ)
#define DASHBOARD_STOPPED_NS 500000000ull
#define DASHBOARD_PAST_NS    1000000000ull
#define DASHBOARD_FLEET_NS   1000000000ull
#define DASHBOARD_STAGE2_NS  2000000000ull
#define DASHBOARD_CHUNK	     65536
#define DASHBOARD_JAM_NS     1000000000ull
#define DASHBOARD_SOON_MS    10
#define DASHBOARD_WAIT_MS    100
#define DASHBOARD_RELEASE    0x1d /* Ctrl-] */

uint64_t dashboard_now(const struct dashboard *dash)
{
	return dash->host->now(dash->host->ctx);
}

void dashboard_say(struct dashboard *dash, enum style style, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dash->message, sizeof(dash->message), fmt, ap);
	va_end(ap);
	dash->message_style = style;
	dash->changed = true;
}

struct panel *dashboard_panel(struct dashboard *dash, const char *id)
{
	const struct panel_ops *ops;

	for (unsigned int i = 0; i < dash->nr_panels; i++)
		if (!strcmp(dash->panels[i].ops->id, id))
			return &dash->panels[i];
	ops = panel_find(id);
	if (!ops || dash->nr_panels == DASHBOARD_PANELS ||
	    panel_init(&dash->panels[dash->nr_panels], ops))
		return NULL;
	return &dash->panels[dash->nr_panels++];
}

/* The panel that gets keys: the one chosen if it is on screen, else the screen's own. */
struct panel *dashboard_focused(struct dashboard *dash)
{
	const char *id = dash->layout.nr ? dash->layout.pane[0].id : layout_main(dash->screen);

	for (unsigned int i = 0; dash->focus && i < dash->layout.nr; i++)
		if (!strcmp(dash->layout.pane[i].id, dash->focus))
			id = dash->focus;
	if (dash->zoom)
		id = dash->zoom;
	return dashboard_panel(dash, id);
}

bool dashboard_stopped(const struct dashboard *dash)
{
	return dash->view && dash->view->state != VM_STATE_RUNNING;
}

void dashboard_ctx(const struct dashboard *dash, struct panel_ctx *ctx)
{
	bool live = dash->view && dash->view->state == VM_STATE_RUNNING;

	*ctx = (struct panel_ctx){
		.view = dash->stop_back ? &dash->old : dash->view,
		.prev = live ? NULL : history_get(&dash->hist, dash->stop_back + 1),
		.past = dash->past,
		.syms = dash->syms,
		.breaks = dash->breaks,
		.nr_breaks = dash->nr_breaks,
		.vms = dash->fleet.row,
		.nr_vms = dash->fleet.nr,
		.term = dash->term,
		.stage2 = dash->stage2,
		.vcpu = dash->vcpu,
		.live = live,
		.gone = dash->gone,
		.hz = DASHBOARD_HZ,
		.stop_back = (int)dash->stop_back,
		.ascii = dash->ascii,
		.grabbed = dash->grabbed,
	};
}

static void dashboard_got_breaks(struct dashboard *dash, const struct dashboard_wait *wait,
				 json_t *list)
{
	json_t *row;
	size_t i;

	(void)wait;
	dash->nr_breaks = 0;
	json_array_foreach(list, i, row)
	{
		struct panel_break *brk = &dash->breaks[dash->nr_breaks];
		const char *kind = json_string_value(json_object_get(row, "type"));

		if (dash->nr_breaks == DASHBOARD_BREAKS)
			break;
		brk->id = (unsigned int)json_integer_value(json_object_get(row, "id"));
		brk->addr = (uint64_t)json_integer_value(json_object_get(row, "addr"));
		brk->hits = (uint64_t)json_integer_value(json_object_get(row, "hits"));
		snprintf(brk->kind, sizeof(brk->kind), "%s", kind ? kind : "sw");
		dash->nr_breaks++;
	}
}

/* Breakpoints as the VM process tells them. */
void dashboard_breaks(struct dashboard *dash)
{
	const struct dashboard_wait wait = { .done = dashboard_got_breaks };

	dashboard_send(dash, "breakpoints", "x-vitrine-breakpoints", NULL, &wait);
}

/* Symbols of the files the VM names; loaded once for each set of names. */
static void dashboard_symbols(struct dashboard *dash)
{
	const char *path = dash->view->symbols;
	struct err err = ERR_INIT;

	if (!strcmp(path, dash->syms_path)) {
		sym_follow(dash->syms, dash->view);
		return;
	}
	sym_close(dash->syms);
	dash->syms = NULL;
	memcpy(dash->syms_path, path, sizeof(dash->syms_path));
	if (path[0] && sym_open(path, &dash->syms, &err) < 0)
		dashboard_say(dash, STYLE_WARN, "no symbols: %.120s", err.text);
	sym_follow(dash->syms, dash->view);
}

/* A stop not seen before: remember it, look where it happened, forget where the cursor was. */
static void dashboard_stop(struct dashboard *dash)
{
	struct vm_view *view = dash->view;

	if (view->state == VM_STATE_RUNNING || !history_add(&dash->hist, view))
		return;
	dash->stop_back = 0;
	if (view->stop_vcpu < view->nr_vcpus)
		dash->vcpu = view->stop_vcpu;
	dashboard_breaks(dash);
	if (view->state == VM_STATE_CRASHED || view->state == VM_STATE_INTERNAL)
		dashboard_say(dash, STYLE_BAD, "%.120s: kept as it is.  ! tells why",
			      view->stop_text);
}

static void dashboard_replace(struct vm_view **to, struct vm_view *from)
{
	history_copy_free(*to);
	*to = from;
}

/* Rates compare with a picture that is one to two seconds old. */
static void dashboard_age(struct dashboard *dash)
{
	if (dash->recent && dash->view->now_ns - dash->recent->now_ns < DASHBOARD_PAST_NS)
		return;
	dashboard_replace(&dash->past, dash->recent);
	dash->recent = history_copy(dash->view);
}

void dashboard_refresh(struct dashboard *dash)
{
	struct vm_view *view = dash->link.ops ? calloc(1, sizeof(*view)) : NULL;
	struct err err = ERR_INIT;
	int ret = view ? dash->link.ops->view(dash->link.ctx, view, &err) : -ENOMEM;

	dash->view_ns = dashboard_now(dash);
	if (ret < 0) {
		free(view);
		if (!dash->view && err.code && ret != -EAGAIN)
			dashboard_say(dash, STYLE_BAD, "%.150s", err.text);
		return;
	}
	if (dash->view) {
		view_release(dash->view);
		free(dash->view);
	}
	dash->view = view;
	if (dash->vcpu >= view->nr_vcpus)
		dash->vcpu = 0;
	if (view->state == VM_STATE_RUNNING)
		dash->stop_back = 0;
	dashboard_symbols(dash);
	dashboard_stop(dash);
	dashboard_age(dash);
	dash->changed = true;
}

static void dashboard_reply(void *ctx, const char *data, size_t len)
{
	dashboard_console_write(ctx, data, len);
}

static void dashboard_connect_console(struct dashboard *dash)
{
	dash->console_fd = dash->host->console(dash->host->ctx, dash->name, NULL);
	if (dash->console_fd < 0)
		return;
	fcntl(dash->console_fd, F_SETFL, fcntl(dash->console_fd, F_GETFL) | O_NONBLOCK);
	if (!dash->term)
		dash->term = term_new(25, 80, dashboard_reply, dash);
}

int dashboard_open(struct dashboard *dash, const char *name, struct err *err)
{
	struct link link = { 0 };
	int ret = dash->host->open(dash->host->ctx, name, DASHBOARD_HZ, &link, err);

	if (ret < 0)
		return ret;
	dashboard_close(dash);
	dash->link = link;
	dash->gone = false;
	dash->open_ns = dashboard_now(dash);
	snprintf(dash->name, sizeof(dash->name), "%s", name);
	snprintf(dash->fleet.current, sizeof(dash->fleet.current), "%s", name);
	dashboard_connect_console(dash);
	dashboard_refresh(dash);
	return 0;
}

void dashboard_close(struct dashboard *dash)
{
	link_close(&dash->link);
	dashboard_forget(dash);
	if (dash->view)
		view_release(dash->view);
	free(dash->view);
	dash->view = NULL;
	dashboard_replace(&dash->past, NULL);
	dashboard_replace(&dash->recent, NULL);
	history_clear(&dash->hist);
	dash->stop_back = 0;
	dash->vcpu = 0;
	dash->nr_breaks = 0;
	free(dash->stage2);
	dash->stage2 = NULL;
	dash->stage2_ns = 0;
	dash->name[0] = dash->fleet.current[0] = '\0';
	sym_close(dash->syms);
	dash->syms = NULL;
	dash->syms_path[0] = '\0';
	if (dash->console_fd >= 0)
		close(dash->console_fd);
	dash->console_fd = -1;
	buf_free(&dash->console_out);
	term_free(dash->term);
	dash->term = NULL;
	dash->grabbed = false;
}

void dashboard_show(struct dashboard *dash, enum request screen)
{
	if (screen == REQ_HELP && dash->screen != REQ_HELP)
		dash->back = dash->screen;
	dash->screen = screen;
	dash->zoom = NULL;
	dash->output = false;
	dash->focus = NULL;
	/* Keys that come before the next picture are for the new screen's panes. */
	layout_make(dash->rows, dash->cols, screen, NULL, &dash->layout);
	dash->fleet_ns = 0;
}

void dashboard_set_read_only(struct dashboard *dash)
{
	dash->read_only = true;
}

int dashboard_new(const struct link_host *host, const char *name, bool ascii,
		  struct dashboard **out, struct err *err)
{
	struct dashboard *dash = calloc(1, sizeof(*dash));
	int ret = 0;

	if (!dash)
		return err_sys(err, ENOMEM, "dashboard");
	dash->host = dash->fleet.host = host;
	dash->ascii = ascii;
	dash->console_fd = -1;
	buf_init(&dash->console_out, DASHBOARD_CHUNK);
	dash->screen = name ? REQ_SCREEN_CPU : REQ_SCREEN_FLEET;
	dash->from_fleet = !name;
	if (name)
		ret = dashboard_open(dash, name, err);
	if (ret < 0) {
		dashboard_free(dash);
		return ret;
	}
	*out = dash;
	return 0;
}

void dashboard_free(struct dashboard *dash)
{
	if (!dash)
		return;
	dashboard_close(dash);
	fleet_free(&dash->fleet);
	for (unsigned int i = 0; i < dash->nr_panels; i++)
		panel_exit(&dash->panels[i]);
	lines_free(&dash->output_lines);
	free(dash->yank);
	free(dash);
}

bool dashboard_done(const struct dashboard *dash)
{
	return dash->done;
}

static bool dashboard_wants_fleet(const struct dashboard *dash)
{
	return dash->screen == REQ_SCREEN_FLEET || dash->layout.size == LAYOUT_XL ||
	       fleet_acting(&dash->fleet);
}

/* The fleet screen looks at the VM that is selected. */
static void dashboard_follow_selection(struct dashboard *dash)
{
	if (dash->screen != REQ_SCREEN_FLEET || !dash->from_fleet ||
	    !strcmp(dash->fleet.selected, dash->name))
		return;
	dashboard_close(dash);
	if (dash->fleet.nr)
		dashboard_open(dash, dash->fleet.selected, NULL);
}

static void dashboard_tick_fleet(struct dashboard *dash)
{
	if (!dashboard_wants_fleet(dash))
		return;
	dash->changed |= fleet_poll(&dash->fleet);
	dashboard_fleet_news(dash);
	if ((dash->fleet_ns && dashboard_now(dash) - dash->fleet_ns < DASHBOARD_FLEET_NS))
		return;
	fleet_refresh(&dash->fleet);
	dash->fleet_ns = dashboard_now(dash);
	dashboard_follow_selection(dash);
	dash->changed = true;
}

static void dashboard_got_stage2(struct dashboard *dash, const struct dashboard_wait *wait,
				 json_t *ret)
{
	const char *text = json_string_value(json_object_get(ret, "text"));

	(void)wait;
	free(dash->stage2);
	dash->stage2 = strdup(text ? text : "");
	dash->stage2_ns = dashboard_now(dash);
	dash->stage2_asked = false;
}

static void dashboard_no_stage2(struct dashboard *dash, const char *why)
{
	free(dash->stage2);
	dash->stage2 = strdup(why);
	dash->stage2_ns = dashboard_now(dash);
	dash->stage2_asked = false;
}

/* Only the VM process can read its second stage; it is asked while that screen is open. */
static void dashboard_tick_stage2(struct dashboard *dash)
{
	const struct dashboard_wait wait = { .done = dashboard_got_stage2,
					     .failed = dashboard_no_stage2 };
	struct panel *pan = dashboard_panel(dash, "ept");
	struct panel_ctx ctx;

	if (dash->screen != REQ_SCREEN_HOST || !dash->link.ops || dash->gone ||
	    dash->stage2_asked ||
	    (dash->stage2_ns && dashboard_now(dash) - dash->stage2_ns < DASHBOARD_STAGE2_NS))
		return;
	dashboard_ctx(dash, &ctx);
	dash->stage2_asked = true;
	dashboard_send(dash, "second stage", "x-vitrine-stage2",
		       pan ? pan->ops->ask(pan, &ctx) : NULL, &wait);
}

/* The VM process has ended: its last picture stays, or the screen goes with it. */
static void dashboard_gone(struct dashboard *dash)
{
	dash->gone = true;
	dash->grabbed = false;
	dashboard_forget(dash);
	dashboard_refresh(dash);
	if (dash->from_fleet) {
		if (!fleet_ending(&dash->fleet, dash->name))
			dashboard_say(dash, STYLE_WARN, "%s has ended", dash->name);
		dashboard_close(dash);
		dashboard_show(dash, REQ_SCREEN_FLEET);
	} else {
		dash->done = true;
	}
}

/* Events only say that something happened; what, the next picture says. */
static bool dashboard_events(struct dashboard *dash)
{
	bool gone = false, any = false;
	json_t *event;

	while (!dash->gone && (event = dash->link.ops->event(dash->link.ctx, &gone))) {
		any = true;
		json_decref(event);
	}
	if (gone && !dash->gone) {
		dashboard_gone(dash);
		return false;
	}
	return any;
}

static void dashboard_tick_link(struct dashboard *dash)
{
	bool live = dash->view && dash->view->state == VM_STATE_RUNNING;
	uint64_t every = live ? DASHBOARD_LIVE_NS : DASHBOARD_STOPPED_NS;
	bool events = dashboard_events(dash);

	if (!dash->link.ops || dash->gone)
		return;
	if (events || !dash->view || dashboard_now(dash) - dash->view_ns >= every)
		dashboard_refresh(dash);
	dashboard_replies(dash);
}

bool dashboard_tick(struct dashboard *dash)
{
	char waiting[120];
	bool changed;

	if (dash->link.ops)
		dashboard_tick_link(dash);
	dashboard_tick_fleet(dash);
	dashboard_tick_stage2(dash);
	dashboard_waiting(dash, waiting, sizeof(waiting));
	changed = dash->changed || waiting[0];
	dash->changed = false;
	return changed;
}

int dashboard_timeout(const struct dashboard *dash)
{
	bool live = dash->view && dash->view->state == VM_STATE_RUNNING;

	if (dashboard_wants_fleet(dash) && fleet_expects(&dash->fleet))
		return DASHBOARD_SOON_MS;
	if (dash->link.ops && !dash->gone && (dash->nr_waits || !dash->view))
		return DASHBOARD_WAIT_MS;
	return live ? 1000 / DASHBOARD_HZ : 500;
}

bool dashboard_congested(const struct dashboard *dash)
{
	return dash->nr_waits >= DASHBOARD_WAITS / 2 &&
	       dashboard_now(dash) - dash->wait[0].since_ns < DASHBOARD_JAM_NS;
}

void dashboard_fds(const struct dashboard *dash, int *ctl_fd, int *console_fd, bool *want_write)
{
	*ctl_fd = dash->link.ops && !dash->gone ? dash->link.ops->fd(dash->link.ctx) : -1;
	*console_fd = dash->console_fd;
	*want_write = dash->console_out.len > 0;
}

static void dashboard_console_flush(struct dashboard *dash)
{
	ssize_t n;

	if (dash->console_fd < 0 || !dash->console_out.len)
		return;
	n = write(dash->console_fd, dash->console_out.data, dash->console_out.len);
	if (n > 0)
		buf_drop(&dash->console_out, (size_t)n);
}

/* What does not fit in the buffer is dropped: a guest can ask for answers without end. */
void dashboard_console_write(struct dashboard *dash, const char *data, size_t len)
{
	buf_add(&dash->console_out, data, len);
	dash->console_out.failed = false;
	dashboard_console_flush(dash);
}

/* At most one chunk a call, so that a guest that never stops writing cannot keep us here. */
void dashboard_console(struct dashboard *dash)
{
	char data[DASHBOARD_CHUNK];
	ssize_t n;

	if (dash->console_fd < 0)
		return;
	dashboard_console_flush(dash);
	n = read(dash->console_fd, data, sizeof(data));
	if (n > 0 && dash->term) {
		term_feed(dash->term, data, (size_t)n);
		dash->changed = true;
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(dash->console_fd);
		dash->console_fd = -1;
	}
}

char *dashboard_take_yank(struct dashboard *dash)
{
	char *text = dash->yank;

	dash->yank = NULL;
	return text;
}

bool dashboard_take_redraw(struct dashboard *dash)
{
	bool redraw = dash->redraw;

	dash->redraw = false;
	return redraw;
}

static void dashboard_prompt_key(struct dashboard *dash, int key)
{
	switch (prompt_key(&dash->prompt, key)) {
	case PROMPT_DONE:
		dashboard_answer(dash);
		break;
	case PROMPT_CANCEL:
		if (dash->ask == ASK_FILTER)
			dashboard_focused(dash)->filter[0] = '\0';
		prompt_stop(&dash->prompt);
		dash->ask = ASK_NONE;
		break;
	case PROMPT_COMPLETE:
		dashboard_prompt_complete(dash);
		break;
	case PROMPT_OPEN:
		if (dash->ask == ASK_FILTER) {
			struct panel *pan = dashboard_focused(dash);

			if (pan)
				snprintf(pan->filter, sizeof(pan->filter), "%.63s",
					 dash->prompt.text);
		}
		break;
	}
}

void dashboard_key(struct dashboard *dash, int key)
{
	enum request req;

	dash->changed = true;
	if (dash->grabbed) {
		if (key == DASHBOARD_RELEASE)
			dash->grabbed = false;
		else
			dashboard_type(dash, key);
		return;
	}
	dash->message[0] = '\0';
	if (dash->prompt.label) {
		dashboard_prompt_key(dash, key);
		return;
	}
	req = dashboard_fleet_key(dash, key, keys_lookup(key));
	if (req)
		dashboard_request(dash, req);
	else if (key < VKEY_RESIZE && key != DASHBOARD_RELEASE) {
		char name[KEYS_NAME_MAX];

		dashboard_say(dash, STYLE_DIM, "%s does nothing here; ? lists the keys",
			      keys_name(key, name));
	}
}
