/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine monitor`: the monitor's prompt with history and completion, or one command. */
#include <errno.h>
#include <histedit.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "cmd.h"

#define MONITOR_HISTORY	 1000
#define MONITOR_COLUMNS	 80
#define MONITOR_MAX_SHOW 100

static const struct cmd_help monitor_help = {
	.synopsis = "vitrine monitor [NAME [COMMAND...]]",
	.what = "Runs COMMAND in the VM's monitor, or opens its prompt: history with the arrow\n"
		"keys, completion with Tab, `help` for the commands, Ctrl-D leaves. Lines on\n"
		"standard input work as well.",
	.example = { "vitrine monitor demo", "vitrine monitor demo info registers" },
};

/* One prompt; libedit's callbacks find it through EL_CLIENTDATA. */
struct prompt {
	struct ctl_client *cli;
	char name[VM_NAME_MAX + 8];
	EditLine *el;
	History *hist;
	char file[512]; /* the history's; empty: none */
	bool gone;
};

/* One command: its output, or one line that says why not. */
static int monitor_line(struct ctl_client *cli, const char *line)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	int ret;

	ret = ctl_monitor(cli, line, &out, &err);
	fwrite(buf_str(&out), 1, out.len, stdout);
	if (out.len && out.data[out.len - 1] != '\n')
		putchar('\n');
	fflush(stdout);
	buf_free(&out);
	if (ret < 0)
		fprintf(stderr, "%s\n", err.text);
	return ret;
}

/* --- completion --- */

static json_t *monitor_candidates(struct prompt *pr, const char *line)
{
	json_t *list = NULL;

	ctl_exec(pr->cli, "x-vitrine-complete", json_pack("{s:s}", "line", line), &list, NULL);
	return list;
}

static const char *monitor_word(const json_t *list, size_t i)
{
	const char *word = json_string_value(json_array_get(list, i));

	return word ? word : "";
}

/* How many characters all candidates have in common. */
static size_t monitor_common(const json_t *list)
{
	const char *first = monitor_word(list, 0), *word;
	size_t len = strlen(first), i, k;

	for (i = 1; i < json_array_size(list); i++) {
		word = monitor_word(list, i);
		for (k = 0; k < len && word[k] == first[k];)
			k++;
		len = k;
	}
	return len;
}

static void monitor_show_candidates(const json_t *list)
{
	size_t nr = json_array_size(list), i, width = 0, col = 0;

	for (i = 0; i < nr && i < MONITOR_MAX_SHOW; i++) {
		if (strlen(monitor_word(list, i)) + 2 > width)
			width = strlen(monitor_word(list, i)) + 2;
	}
	putchar('\n');
	for (i = 0; i < nr && i < MONITOR_MAX_SHOW; i++) {
		printf("%-*s", (int)width, monitor_word(list, i));
		col += width;
		if (col + width > MONITOR_COLUMNS) {
			putchar('\n');
			col = 0;
		}
	}
	printf("%s%s", nr > MONITOR_MAX_SHOW ? "..." : "", col || nr > i ? "\n" : "");
}

static unsigned char monitor_complete_key(EditLine *el, int key)
{
	const LineInfo *info = el_line(el);
	struct prompt *pr = NULL;
	unsigned char ret = CC_ERROR;
	char line[1024], add[256];
	const char *word;
	size_t typed, common;
	json_t *list;

	(void)key;
	el_get(el, EL_CLIENTDATA, &pr);
	snprintf(line, sizeof(line), "%.*s", (int)(info->cursor - info->buffer), info->buffer);
	list = monitor_candidates(pr, line);
	if (json_array_size(list)) {
		word = line + strlen(line);
		while (word > line && word[-1] != ' ')
			word--;
		typed = strlen(word);
		common = monitor_common(list);
		snprintf(add, sizeof(add), "%.*s%s", common > typed ? (int)(common - typed) : 0,
			 monitor_word(list, 0) + (common > typed ? typed : 0),
			 json_array_size(list) == 1 ? " " : "");
		if (add[0] && el_insertstr(el, add) == 0)
			ret = CC_REFRESH;
		else if (json_array_size(list) > 1) {
			monitor_show_candidates(list);
			ret = CC_REDISPLAY;
		}
	}
	json_decref(list);
	return ret;
}

/* --- events between keys --- */

static void monitor_print_event(const json_t *event)
{
	json_t *data = json_object_get(event, "data");
	const char *text = json_string_value(json_object_get(data, "text"));

	printf("\r\033[K[%s%s%s]\n", json_string_value(json_object_get(event, "event")),
	       text && text[0] ? ": " : "", text ? text : "");
}

/* Print the events that have come in; true if there were any. */
static bool monitor_events(struct prompt *pr)
{
	bool shown = false;
	json_t *event;

	while ((event = ctl_event(pr->cli, &pr->gone))) {
		monitor_print_event(event);
		json_decref(event);
		shown = true;
	}
	return shown;
}

/* libedit's way to read a character: meanwhile the VM may have news. */
static int monitor_getc(EditLine *el, wchar_t *out)
{
	struct pollfd pfd[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	unsigned char c[8];
	struct prompt *pr = NULL;
	size_t len = 0;
	mbstate_t state;

	el_get(el, EL_CLIENTDATA, &pr);
	pfd[1].fd = ctl_fd(pr->cli);
	for (;;) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return -1;
		if (pfd[1].revents && monitor_events(pr))
			el_set(el, EL_REFRESH);
		if (pr->gone)
			return 0;
		if (!pfd[0].revents)
			continue;
		if (read(STDIN_FILENO, &c[len], 1) != 1)
			return 0;
		len++;
		memset(&state, 0, sizeof(state));
		if ((int)mbrtowc(out, (const char *)c, len, &state) >= 0)
			return 1;
		if (len == sizeof(c) || c[0] < 0x80)
			len = 0;
	}
}

static char *monitor_prompt(EditLine *el)
{
	struct prompt *pr = NULL;

	el_get(el, EL_CLIENTDATA, &pr);
	return pr->name;
}

/* $XDG_STATE_HOME/vitrine/history: commands outlive the VM they were typed for. */
static void monitor_history_file(struct prompt *pr)
{
	char dir[400];

	if (!io_person_dir("XDG_STATE_HOME", ".local/state", dir, sizeof(dir)))
		return;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		snprintf(pr->file, sizeof(pr->file), "%s/history", dir);
}

static bool monitor_prompt_open(struct prompt *pr)
{
	HistEvent ev;

	pr->el = el_init("vitrine", stdin, stdout, stderr);
	pr->hist = history_init();
	if (!pr->el || !pr->hist)
		return false;
	history(pr->hist, &ev, H_SETSIZE, MONITOR_HISTORY);
	history(pr->hist, &ev, H_SETUNIQUE, 1);
	monitor_history_file(pr);
	if (pr->file[0])
		history(pr->hist, &ev, H_LOAD, pr->file);
	el_set(pr->el, EL_CLIENTDATA, pr);
	el_set(pr->el, EL_PROMPT, monitor_prompt);
	el_set(pr->el, EL_EDITOR, "emacs");
	el_set(pr->el, EL_SIGNAL, 1);
	el_set(pr->el, EL_HIST, history, pr->hist);
	el_set(pr->el, EL_ADDFN, "complete", "complete a word", monitor_complete_key);
	el_set(pr->el, EL_BIND, "^I", "complete", NULL);
	el_set(pr->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(pr->el, EL_GETCFN, monitor_getc);
	el_source(pr->el, NULL);
	return true;
}

static void monitor_prompt_close(struct prompt *pr)
{
	HistEvent ev;

	if (pr->hist && pr->file[0])
		history(pr->hist, &ev, H_SAVE, pr->file);
	if (pr->hist)
		history_end(pr->hist);
	if (pr->el)
		el_end(pr->el);
}

static int monitor_interactive(struct ctl_client *cli, const char *name)
{
	struct prompt pr = { .cli = cli };
	const char *line;
	HistEvent ev;
	int len;

	snprintf(pr.name, sizeof(pr.name), "(%s) ", name);
	printf("vitrine: the monitor of %s; help lists the commands, Ctrl-D leaves\n", name);
	if (!monitor_prompt_open(&pr)) {
		monitor_prompt_close(&pr);
		return 1;
	}
	while (!pr.gone && (line = el_gets(pr.el, &len)) && len > 0) {
		if (line[strspn(line, " \t\r\n")])
			history(pr.hist, &ev, H_ENTER, line);
		monitor_line(cli, line);
		monitor_events(&pr);
	}
	printf(pr.gone ? "\r\nvitrine: %s has ended\n" : "\n", name);
	monitor_prompt_close(&pr);
	return 0;
}

/* Lines of a pipe or a file; the first that fails ends it. */
static int monitor_script(struct ctl_client *cli)
{
	char *line = NULL;
	size_t cap = 0;
	int ret = 0;

	while (ret == 0 && getline(&line, &cap, stdin) > 0)
		ret = monitor_line(cli, line);
	free(line);
	return ret < 0 ? 1 : 0;
}

static int monitor_words(struct ctl_client *cli, int argc, char **argv)
{
	struct buf line = BUF_INIT;
	int i, ret;

	for (i = 0; i < argc; i++)
		buf_printf(&line, "%s%s", i ? " " : "", argv[i]);
	ret = monitor_line(cli, buf_str(&line));
	buf_free(&line);
	return ret < 0 ? 1 : 0;
}

int cmd_monitor(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	int status;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&monitor_help);
	cli = cmd_connect(argc > 1 ? argv[1] : NULL, name, &err);
	if (!cli)
		return cmd_fail(&err, 1);
	if (argc > 2)
		status = monitor_words(cli, argc - 2, argv + 2);
	else if (isatty(STDIN_FILENO))
		status = monitor_interactive(cli, name);
	else
		status = monitor_script(cli);
	ctl_close(cli);
	return status;
}
