/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine show`: any screen of the dashboard as lines, or as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/rundir.h"
#include "inspect/sym.h"
#include "tui/panel.h"
#include "tui/term.h"

#define SHOW_HZ	      30
#define SHOW_FRESH_NS 500000000ull
#define SHOW_RATE_MS  1000
#define SHOW_LOG_MAX  (1u << 20)
#define SHOW_COLS     80

static const struct cmd_help show_help = {
	.synopsis = "vitrine show [NAME] SCREEN [--json] [--vcpu N] [--cols N]\n"
		    "       vitrine show [NAME] paging --table GPA[,LEVEL] [--json]\n"
		    "       vitrine show [NAME] exits [--last N] [--json]\n"
		    "       vitrine show [NAME] ept [--follow [pa:]ADDR] [--dirty] [--json]",
	.what = "Prints a screen of the dashboard: cpu, paging, ept, tables, irq, devices, exits,\n"
		"autopsy, vga or serial.",
	.options =
		"  --json     the same contents as a JSON object\n"
		"  --vcpu N   of which virtual processor (default: the one that stopped last)\n"
		"  --cols N   width of the lines (default: the terminal's, or 80)\n"
		"  --table GPA[,LEVEL]\n"
		"             the raw page table there (default: of the top level)\n"
		"  --follow [pa:]ADDR\n"
		"             one address through guest tables, memslot, host page, second stage\n"
		"  --last N   so many exits of the flight recorder (default: 512)\n"
		"  --dirty    count the pages that the guest writes, for a second\n",
	.example = { "vitrine show demo cpu", "vitrine show paging --json" },
};

static const char *const show_screens[] = { "cpu",   "paging",	"ept", "tables", "irq", "devices",
					    "exits", "autopsy", "vga", "serial", NULL };

struct show {
	const char *prefix, *screen;
	bool json;
	int vcpu; /* -1: where it stopped */
	int cols;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	struct vm_view view, past;
	bool has_view, has_past;
	struct sym_table *syms;
	struct term *term;
	char *stage2; /* of the ept screen */
	json_t *stage2_reply;
	bool dirty;
	char goal[64];
};

static bool show_is_screen(const char *word)
{
	int i;

	for (i = 0; show_screens[i]; i++) {
		if (strcmp(show_screens[i], word) == 0)
			return true;
	}
	return false;
}

/* Publications of all vCPUs: whether every one of them has published since BEFORE was taken. */
static bool show_is_fresh(const struct vm_view *now, const struct vm_view *before)
{
	uint32_t i;

	if (now->state != VM_STATE_RUNNING)
		return true;
	for (i = 0; i < now->nr_vcpus; i++) {
		if (now->vcpu[i].count == before->vcpu[i].count)
			return false;
	}
	return true;
}

/* A picture newer than the moment we were called; a guest that never exits may be late. */
static int show_fresh_view(struct show *show, struct err *err)
{
	uint64_t deadline = time_now_ns() + SHOW_FRESH_NS;
	struct vm_view *first = malloc(sizeof(*first));
	int ret;

	if (!first)
		return err_sys(err, ENOMEM, "view");
	ret = ctl_view(show->cli, first, err);
	if (ret < 0) {
		free(first);
		return ret;
	}
	for (;;) {
		ret = ctl_view(show->cli, &show->view, err);
		show->has_view = ret == 0;
		if (ret < 0 || show_is_fresh(&show->view, first) || time_now_ns() > deadline)
			break;
		view_release(&show->view);
		show->has_view = false;
		poll(NULL, 0, 1000 / SHOW_HZ);
	}
	view_release(first);
	free(first);
	return ret;
}

static int show_take_views(struct show *show, struct err *err)
{
	int ret;

	ret = ctl_attach(show->cli, SHOW_HZ, err);
	if (ret == 0)
		ret = show_fresh_view(show, err);
	if (ret < 0 || strcmp(show->screen, "exits") != 0 || show->view.state != VM_STATE_RUNNING)
		return ret;
	show->past = show->view; /* rates need two moments */
	show->has_past = true;
	show->has_view = false;
	poll(NULL, 0, SHOW_RATE_MS);
	ret = ctl_view(show->cli, &show->view, err);
	show->has_view = ret == 0;
	return ret;
}

static void show_ctx(const struct show *show, struct panel_ctx *ctx)
{
	*ctx = (struct panel_ctx){ .view = &show->view,
				   .past = show->has_past ? &show->past : NULL,
				   .prev = show->has_past ? &show->past : NULL,
				   .syms = show->syms,
				   .term = show->term,
				   .vcpu = show->vcpu < 0 ? show->view.stop_vcpu
							  : (unsigned int)show->vcpu,
				   .live = show->view.state == VM_STATE_RUNNING,
				   .hz = SHOW_HZ,
				   .stage2 = show->stage2,
				   .goal = show->goal };
}

/* A VM that cannot tell is a screen with less on it, not an error. */
static void show_ask_stage2(struct show *show)
{
	json_t *args, *dirty = json_pack("{s:b}", "dirty", 1);
	struct panel_ctx ctx;
	const char *text = NULL;
	struct err err = ERR_INIT;

	show_ctx(show, &ctx);
	args = panel_ask(panel_find("ept"), &ctx);
	if (show->dirty &&
	    ctl_exec(show->cli, "x-vitrine-stage2", json_incref(dirty), NULL, &err) == 0) {
		poll(NULL, 0, SHOW_RATE_MS);
		json_object_update(args, dirty);
	}
	json_decref(dirty);
	if (ctl_exec(show->cli, "x-vitrine-stage2", args, &show->stage2_reply, &err) == 0)
		text = json_string_value(json_object_get(show->stage2_reply, "text"));
	show->stage2 = strdup(text ? text : err.text);
}

/* The panel's object, and what the VM process said, in one. */
static char *show_json_with(char *text, const json_t *reply)
{
	json_t *obj = json_loads(text, 0, NULL), *second = json_deep_copy(reply);
	char *whole = NULL;

	json_object_del(second, "text");
	if (obj && json_object_set_new(obj, "second-stage", second) == 0)
		whole = json_dumps(obj, JSON_INDENT(2));
	json_decref(obj);
	if (!whole)
		return text;
	free(text);
	return whole;
}

/* The serial screen is what a terminal would show of the last MiB. */
static int show_feed_term(struct show *show, struct err *err)
{
	char dir[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + 8], data[65536];
	off_t end;
	ssize_t n;
	int fd;

	if (ctl_vm_dir(show->name, dir, sizeof(dir), err) < 0)
		return -err->code;
	snprintf(path, sizeof(path), "%s/log", dir);
	show->term = term_new(25, 80, NULL, NULL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !show->term) {
		if (fd >= 0)
			close(fd);
		return err_sys(err, fd < 0 ? errno : ENOMEM, "%s", path);
	}
	end = lseek(fd, 0, SEEK_END);
	lseek(fd, end > SHOW_LOG_MAX ? end - SHOW_LOG_MAX : 0, SEEK_SET);
	while ((n = read(fd, data, sizeof(data))) > 0)
		term_feed(show->term, data, (size_t)n);
	close(fd);
	return 0;
}

static int show_width(void)
{
	struct winsize win;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &win) == 0 && win.ws_col)
		return win.ws_col;
	return SHOW_COLS;
}

static int show_print(struct show *show, const struct panel_ops *ops, struct err *err)
{
	struct panel_ctx ctx;
	struct buf out = BUF_INIT;
	char *json;
	int ret = 0;

	show_ctx(show, &ctx);
	if (ctx.vcpu >= show->view.nr_vcpus)
		return err_set(err, EINVAL, "%s has %u vCPUs", show->name, show->view.nr_vcpus);
	if (show->json) {
		json = panel_json(ops, &ctx);
		if (!json)
			return err_set(err, EOPNOTSUPP, "%s has no JSON form", show->screen);
		if (show->stage2_reply)
			json = show_json_with(json, show->stage2_reply);
		puts(json);
		free(json);
		return 0;
	}
	ret = panel_show(ops, &ctx, show->cols, &out);
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_free(&out);
	return ret < 0 ? err_sys(err, -ret, "%s", show->screen) : 0;
}

static int show_run(struct show *show, struct err *err)
{
	const struct panel_ops *ops = panel_find(show->screen);
	int ret;

	if (!ops)
		return err_set(err, EOPNOTSUPP, "%s: not yet", show->screen);
	show->cli = cmd_connect(show->prefix, show->name, err);
	if (!show->cli)
		return -err->code;
	ret = show_take_views(show, err);
	if (ret == 0 && strcmp(show->screen, "serial") == 0)
		ret = show_feed_term(show, err);
	if (ret < 0)
		return ret;
	if (show->view.symbols[0])
		sym_open(show->view.symbols, &show->syms, NULL);
	sym_follow(show->syms, &show->view);
	if (strcmp(show->screen, "ept") == 0)
		show_ask_stage2(show);
	return show_print(show, ops, err);
}

static void show_clean(struct show *show)
{
	sym_close(show->syms);
	term_free(show->term);
	free(show->stage2);
	json_decref(show->stage2_reply);
	if (show->has_view)
		view_release(&show->view);
	if (show->has_past)
		view_release(&show->past);
	ctl_close(show->cli);
}

/* -1: go on; else the exit status. */
static int show_parse(struct show *show, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "vcpu", required_argument, NULL, 'v' },
						 { "cols", required_argument, NULL, 'c' },
						 { "table", required_argument, NULL, 't' },
						 { "follow", required_argument, NULL, 'f' },
						 { "dirty", no_argument, NULL, 'd' },
						 { "last", required_argument, NULL, 'l' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *near;
	uint64_t val;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h')
			return cmd_print_help(&show_help);
		if (opt == 'j')
			show->json = true;
		else if (opt == 'v' && parse_range(optarg, 0, VM_MAX_VCPUS - 1, &val))
			show->vcpu = (int)val;
		else if (opt == 'c' && parse_range(optarg, 40, 500, &val))
			show->cols = (int)val;
		else if (opt == 't')
			snprintf(show->goal, sizeof(show->goal), "table:%s", optarg);
		else if (opt == 'f')
			snprintf(show->goal, sizeof(show->goal), "%s", optarg);
		else if (opt == 'l' && parse_range(optarg, 1, SAMPLE_FLIGHTS, &val))
			snprintf(show->goal, sizeof(show->goal), "last:%u", (unsigned int)val);
		else if (opt == 'd')
			show->dirty = true;
		else
			return cmd_usage("show", "%s: what is that?", argv[optind - 1]);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return cmd_usage("show", "which screen?");
	show->screen = argv[argc - 1];
	show->prefix = argc - optind == 2 ? argv[optind] : NULL;
	if (show_is_screen(show->screen))
		return -1;
	near = parse_nearest(show->screen, show_screens);
	return cmd_usage("show", "there is no screen '%s'%s%s", show->screen,
			 near ? "; did you mean " : "", near ? near : "");
}

int cmd_show(int argc, char **argv)
{
	struct show *show = calloc(1, sizeof(*show));
	struct err err = ERR_INIT;
	int status;

	if (!show)
		return 1;
	show->vcpu = -1;
	show->cols = show_width();
	status = show_parse(show, argc, argv);
	if (status < 0)
		status = show_run(show, &err) < 0 ? cmd_fail(&err, 1) : 0;
	show_clean(show);
	free(show);
	return status;
}
