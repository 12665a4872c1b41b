/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the subcommands share: see cmd.h. */
#include "cmd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cmd_open_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int cmd_print_help(const struct cmd_help *help)
{
	printf("usage: %s\n\n%s\n", help->synopsis, help->what);
	if (help->options)
		printf("\n%s", help->options);
	printf("\nexamples:\n  %s\n  %s\n", help->example[0], help->example[1]);
	return 0;
}

int cmd_usage(const char *verb, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vitrine %s: ", verb);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (vitrine %s --help)\n", verb);
	return EXIT_USAGE;
}

int cmd_fail(const struct err *err, int status)
{
	fprintf(stderr, "vitrine: %s\n", err->text);
	return status;
}

bool cmd_only_name(int argc, char **argv, const struct cmd_help *help, const char **prefix,
		   int *status)
{
	int i;

	*prefix = NULL;
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*status = cmd_print_help(help);
			return true;
		}
		if (argv[i][0] == '-') {
			*status = cmd_usage(argv[0], "there is no option %s", argv[i]);
			return true;
		}
		if (*prefix) {
			*status = cmd_usage(argv[0], "one NAME, please");
			return true;
		}
		*prefix = argv[i];
	}
	return false;
}

struct ctl_client *cmd_connect(const char *prefix, char *name, struct err *err)
{
	struct ctl_client *cli = NULL;

	if (ctl_resolve(prefix, name, VM_NAME_MAX, err) < 0)
		return NULL;
	return ctl_connect(name, &cli, err) == 0 ? cli : NULL;
}
