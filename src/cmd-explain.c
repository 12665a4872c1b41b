/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine explain`: why an access to a guest-virtual address works or faults. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cmd.h"

static const struct cmd_help explain_help = {
	.synopsis = "vitrine explain [NAME] ADDRESS [r|w|x] [user|kernel]\n"
		    "       vitrine explain [NAME] irq [SOURCE] | gate VECTOR | err CODE",
	.what = "Walks the guest's page tables for ADDRESS (a number, a symbol, an expression "
		"like\n"
		"'$rsp-8') and says, level by level, why the access works or what fault it "
		"raises.\n"
		"irq: why an interrupt is not delivered, for each source in use or for SOURCE "
		"(irq0..15,\n"
		"pin0..23, timer, lint0, a vector). gate: would a vector reach its handler. "
		"err: an\n"
		"error code in words.",
	.example = { "vitrine explain demo '$rip' x", "vitrine explain demo irq pin2" },
};

static bool explain_is_word(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* The words after ADDRESS that the monitor's command knows. */
static bool explain_is_how(const char *word)
{
	static const char *const words[] = { "r", "w", "x", "user", "kernel", NULL };

	return explain_is_word(word, words);
}

/* What else there is to explain than an address. */
static bool explain_is_topic(const char *word)
{
	static const char *const words[] = { "irq", "gate", "err", NULL };

	return explain_is_word(word, words);
}

int cmd_explain(int argc, char **argv)
{
	struct buf line = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	const char *prefix;
	int first, i, ret = -1;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&explain_help);
	if (argc < 2)
		return cmd_usage("explain", "which address?");
	prefix =
		argc > 2 && !explain_is_topic(argv[1]) && !explain_is_how(argv[2]) ? argv[1] : NULL;
	first = prefix ? 2 : 1;
	buf_puts(&line, "explain");
	for (i = first; i < argc; i++)
		buf_printf(&line, " %s", argv[i]);
	cli = cmd_connect(prefix, name, &err);
	if (cli)
		ret = ctl_monitor(cli, buf_str(&line), &out, &err);
	fwrite(buf_str(&out), 1, out.len, stdout);
	ctl_close(cli);
	buf_free(&line);
	buf_free(&out);
	return ret < 0 ? cmd_fail(&err, 1) : 0;
}
