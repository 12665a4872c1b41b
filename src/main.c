/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommand table, nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cmd.h"
#include "tui/dashboard.h"

struct main_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *help;
};

static const struct main_verb main_verbs[] = {
	{ "run", cmd_run, "[OPTION...] IMAGE [-- GUEST-COMMAND-LINE]", "run a kernel" },
	{ "ls", cmd_ls, "[--json]", "the VMs of this user" },
	{ "ps", cmd_ls, "[--json]", "the same" },
	{ "attach", cmd_attach, "[NAME]", "the dashboard of a VM" },
	{ "console", cmd_console, "[NAME]", "the serial line of a VM" },
	{ "logs", cmd_logs, "[NAME]", "what the serial line said so far" },
	{ "monitor", cmd_monitor, "[NAME [COMMAND...]]", "the monitor's prompt" },
	{ "gdb", cmd_gdb, "[NAME [GDB-ARG...]]", "gdb on a VM, with symbols" },
	{ "pause", cmd_pause, "[NAME]", "stop the vCPUs" },
	{ "resume", cmd_resume, "[NAME]", "let them run on" },
	{ "reset", cmd_reset, "[NAME]", "press the reset button" },
	{ "stop", cmd_stop, "[NAME]", "press the power button; end the VM if it does not listen" },
	{ "kill", cmd_kill, "[NAME]", "end the VM at once" },
	{ "wait", cmd_wait, "[NAME]", "wait for its end; exit with its status" },
	{ "show", cmd_show, "[NAME] SCREEN [--json]", "any screen of the dashboard as lines" },
	{ "explain", cmd_explain, "[NAME] ADDRESS", "why an address can or cannot be accessed" },
	{ "snapshot", cmd_snapshot, "[NAME] save|load|list TAG",
	  "keep a moment, or go back to it" },
	{ "dump", cmd_dump, "[NAME] FILE", "memory and registers as an ELF core file" },
	{ "balloon", cmd_balloon, "[NAME] [SIZE|+SIZE|-SIZE]", "memory on loan: see it, move it" },
	{ "balance", cmd_balance, "[--dry-run]", "share the host's memory out between the VMs" },
	{ "up", cmd_up, "[--watch] FILE", "start the VMs of a fleet file" },
	{ "down", cmd_down, "FILE", "and stop them" },
	{ "test", cmd_test, "DIR|FILE...", "run guests as tests" },
	{ "doctor", cmd_doctor, "[--json]", "what this host's KVM can do" },
};

#define MAIN_NR_VERBS (sizeof(main_verbs) / sizeof(main_verbs[0]))

static int main_help(void)
{
	size_t i;

	printf("usage: vitrine [VERB [ARGUMENT...]]\n\n"
	       "Runs kernels under KVM and shows what goes on inside them.\n"
	       "Without a verb: all VMs of this user; enter one with Enter.\n\n");
	for (i = 0; i < MAIN_NR_VERBS; i++)
		printf("  %-8s %-25s %s\n", main_verbs[i].name,
		       i ? main_verbs[i].args : "[OPTION...] IMAGE", main_verbs[i].help);
	printf("\nNAME may be any unique prefix; with one VM running it may be left out.\n"
	       "Every verb has --help. Exit status and files: vitrine(1).\n\n"
	       "examples:\n"
	       "  vitrine run kernel.elf\n"
	       "  vitrine run --headless --cpus 4 --initrd initrd.img vmlinuz -- console=ttyS0\n");
	return 0;
}

static int main_unknown(const char *verb)
{
	const char *names[MAIN_NR_VERBS + 1] = { NULL }, *near;
	size_t i;

	for (i = 0; i < MAIN_NR_VERBS; i++)
		names[i] = main_verbs[i].name;
	near = parse_nearest(verb, names);
	if (near)
		fprintf(stderr, "vitrine: there is no verb '%s'; did you mean '%s'?\n", verb, near);
	else
		fprintf(stderr, "vitrine: there is no verb '%s' (vitrine --help)\n", verb);
	return EXIT_USAGE;
}

static int main_fleet(void)
{
	struct err err = ERR_INIT;

	return dashboard_run(NULL, &err) < 0 ? cmd_fail(&err, 1) : 0;
}

int main(int argc, char **argv)
{
	size_t i;

	cmd_open_stdio();
	if (argc < 2)
		return main_fleet();
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return main_help();
	if (strcmp(argv[1], "--version") == 0) {
		printf("vitrine %s\n", PACKAGE_VERSION);
		return 0;
	}
	for (i = 0; i < MAIN_NR_VERBS; i++) {
		if (strcmp(main_verbs[i].name, argv[1]) == 0)
			return main_verbs[i].run(argc - 1, argv + 1);
	}
	return main_unknown(argv[1]);
}
