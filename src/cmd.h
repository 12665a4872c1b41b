/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands, and what they share. */
#ifndef VITRINE_CMD_H
#define VITRINE_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ctl/client.h"

#define EXIT_USAGE	  2
#define EXIT_CRASHED	  120
#define EXIT_INTERNAL	  122
#define EXIT_TIMEOUT	  124
#define EXIT_CANNOT_START 126
#define EXIT_INTERRUPTED  130

/* What `--help` says: every verb has two examples. OPTIONS may be NULL. */
struct cmd_help {
	const char *synopsis;
	const char *what;
	const char *options;
	const char *example[2];
};

/* ARGV[0] is the verb; the result is the exit status. */
int cmd_run(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_gdb(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_balloon(int argc, char **argv);
int cmd_balance(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* Standard descriptors that the caller closed would become files of ours: /dev/null instead. */
void cmd_open_stdio(void);

/* Print HELP; the exit status for `--help`. */
int cmd_print_help(const struct cmd_help *help);
/* One line on stderr, "vitrine VERB: TEXT", and where help is; EXIT_USAGE. */
int cmd_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line on stderr, "vitrine: TEXT"; returns STATUS. */
int cmd_fail(const struct err *err, int status);
/*
 * For verbs with no option but --help and at most one NAME: true where *STATUS is
 * the answer already. Else *PREFIX is what was given, or NULL.
 */
bool cmd_only_name(int argc, char **argv, const struct cmd_help *help, const char **prefix,
		   int *status);
/* Resolve PREFIX and connect. NULL with ERR filled. NAME of VM_NAME_MAX bytes. */
struct ctl_client *cmd_connect(const char *prefix, char *name, struct err *err);

#endif
