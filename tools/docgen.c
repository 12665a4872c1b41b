/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills the manual pages' templates from the tables in the source, so that they
 * cannot disagree: `docgen TEMPLATE` copies it to stdout with the lines @KEYS@
 * and @MONITOR@ replaced.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/balloon.h"
#include "ctl/block.h"
#include "ctl/bundle.h"
#include "ctl/debug.h"
#include "ctl/monitor.h"
#include "ctl/net.h"
#include "ctl/snapshot.h"
#include "ctl/stage2.h"
#include "ctl/symbols.h"
#include "tui/keys.h"

/* A sentence: a capital first; a leading dot or quote would be a request. */
static void docgen_text(const char *text)
{
	const char *c;

	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	putchar(toupper((unsigned char)*text));
	for (c = text + 1; *c; c++) {
		if (*c == '\\')
			fputs("\\e", stdout);
		else
			putchar(*c);
	}
}

static void docgen_key_name(int key)
{
	switch (key) {
	case '\t':
		fputs("Tab", stdout);
		return;
	case '\n':
		fputs("Enter", stdout);
		return;
	case ' ':
		fputs("Space", stdout);
		return;
	case 27:
		fputs("Esc", stdout);
		return;
	}
	if (key < 0x20)
		printf("Ctrl-%c", key + 0x40);
	else if (isalnum(key))
		putchar(key);
	else /* mdoc reads meaning into most punctuation */
		printf("\\&%c\\&", key);
}

static void docgen_keys(void)
{
	unsigned int i;

	for (i = 0; i < keys_table_len; i++) {
		if (!keys_table[i].key || keys_table[i].key > 0x7f)
			continue;
		fputs(".It Ic ", stdout);
		docgen_key_name(keys_table[i].key);
		putchar('\n');
		docgen_text(keys_table[i].help);
		fputs(".\n", stdout);
	}
}

static void docgen_command(void *arg, const struct monitor_command *cmd)
{
	(void)arg;
	printf(".It Ic \"%s\\&\"", cmd->name);
	if (cmd->args[0])
		printf(" Ar \"%s\"", cmd->args);
	putchar('\n');
	docgen_text(cmd->help);
	fputs(".\n", stdout);
}

static void docgen_monitor(void)
{
	struct monitor *mon = monitor_new();
	size_t i;

	if (!mon)
		return;
	monitor_each(mon, docgen_command, NULL);
	for (i = 0; i < debug_monitor_commands_len; i++)
		docgen_command(NULL, &debug_monitor_commands[i]);
	for (i = 0; i < bundle_monitor_commands_len; i++)
		docgen_command(NULL, &bundle_monitor_commands[i]);
	for (i = 0; i < snapshot_monitor_commands_len; i++)
		docgen_command(NULL, &snapshot_monitor_commands[i]);
	for (i = 0; i < symbols_monitor_commands_len; i++)
		docgen_command(NULL, &symbols_monitor_commands[i]);
	for (i = 0; i < net_monitor_commands_len; i++)
		docgen_command(NULL, &net_monitor_commands[i]);
	for (i = 0; i < block_monitor_commands_len; i++)
		docgen_command(NULL, &block_monitor_commands[i]);
	for (i = 0; i < balloon_monitor_commands_len; i++)
		docgen_command(NULL, &balloon_monitor_commands[i]);
	for (i = 0; i < stage2_monitor_commands_len; i++)
		docgen_command(NULL, &stage2_monitor_commands[i]);
	monitor_free(mon);
}

int main(int argc, char **argv)
{
	char line[1024];
	FILE *in;

	in = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (!in) {
		fprintf(stderr, "usage: docgen TEMPLATE\n");
		return 2;
	}
	while (fgets(line, sizeof(line), in)) {
		if (strcmp(line, "@KEYS@\n") == 0)
			docgen_keys();
		else if (strcmp(line, "@MONITOR@\n") == 0)
			docgen_monitor();
		else
			fputs(line, stdout);
	}
	fclose(in);
	return ferror(stdout) ? 1 : 0;
}
