/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine gdb`: gdb on a VM, with its symbols. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cmd.h"

static const struct cmd_help gdb_help = {
	.synopsis = "vitrine gdb [NAME [GDB-ARG...]]",
	.what = "Starts gdb with the guest's symbols, connected to the VM. VITRINE_GDB names "
		"another\n"
		"gdb than the first in PATH. The guest stops when gdb connects and runs on when "
		"it\n"
		"leaves.",
	.example = { "vitrine gdb demo", "vitrine gdb demo -ex 'hbreak kmain' -ex continue" },
};

static const char *gdb_text(const json_t *info, const char *key)
{
	const char *text = json_string_value(json_object_get(info, key));

	return text ? text : "";
}

/* gdb's own start-up files of a kernel (vmlinux-gdb.py) lie beside its symbols. */
static void gdb_safe_path(const char *symbols, struct buf *out)
{
	const char *slash = strrchr(symbols, '/');

	if (slash)
		buf_printf(out, "add-auto-load-safe-path %.*s", (int)(slash - symbols), symbols);
}

static int gdb_exec(const json_t *info, int argc, char **argv)
{
	const char *program = getenv("VITRINE_GDB"), *symbols = gdb_text(info, "symbols");
	struct buf target = BUF_INIT, safe = BUF_INIT;
	char **words = calloc((size_t)argc + 16, sizeof(*words));
	int nr = 0, i;

	if (!words)
		return 1;
	if (!program || !program[0])
		program = "gdb";
	buf_printf(&target, "target remote %s", gdb_text(info, "gdb"));
	gdb_safe_path(symbols, &safe);
	words[nr++] = (char *)program;
	words[nr++] = "-q";
	if (safe.len) {
		words[nr++] = "-iex";
		words[nr++] = safe.data;
	}
	words[nr++] = "-ex";
	words[nr++] = target.data;
	for (i = 0; i < argc; i++)
		words[nr++] = argv[i];
	if (symbols[0])
		words[nr++] = (char *)symbols;
	execvp(program, words);
	fprintf(stderr, "vitrine: %s: %s%s\n", program, strerror(errno),
		errno == ENOENT ? " (apt-get install gdb)" : "");
	free(words);
	buf_free(&target);
	buf_free(&safe);
	return 1;
}

int cmd_gdb(int argc, char **argv)
{
	const char *prefix = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	int first = prefix ? 2 : 1, status;
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	json_t *info = NULL;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&gdb_help);
	cli = cmd_connect(prefix, name, &err);
	if (!cli || ctl_exec(cli, "x-vitrine-info", NULL, &info, &err) < 0)
		return cmd_fail(&err, 1);
	ctl_close(cli);
	status = gdb_exec(info, argc - first, argv + first);
	json_decref(info);
	return status;
}
