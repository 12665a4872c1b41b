/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine gdb`: gdb on a VM, with all its symbols where they lie now. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd.h"
#include "inspect/sym.h"
#include "inspect/view.h"

#define GDB_WORDS 160

static const struct cmd_help gdb_help = {
	.synopsis = "vitrine gdb [NAME [GDB-ARG...]]",
	.what = "Starts gdb with the guest's symbols, connected to the VM: all files of --symbols\n"
		"and `symbols add`, moved to where they lie, as a Linux kernel with KASLR has\n"
		"moved itself. VITRINE_GDB names another gdb than the first in PATH. The guest\n"
		"stops when gdb connects and runs on when it leaves.",
	.example = { "vitrine gdb demo", "vitrine gdb demo -ex 'hbreak kmain' -ex continue" },
};

/* gdb's command line as it grows; the words are its own but for the last ones. */
struct gdb_words {
	char *word[GDB_WORDS];
	int nr;
};

static void gdb_add(struct gdb_words *words, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void gdb_add(struct gdb_words *words, const char *option, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (words->nr + 3 >= GDB_WORDS || vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	if (option)
		words->word[words->nr++] = (char *)option;
	words->word[words->nr++] = text;
}

/* gdb's own start-up files of a kernel (vmlinux-gdb.py) lie beside its symbols. */
static void gdb_safe_path(struct gdb_words *words, const char *symbols)
{
	const char *slash = strrchr(symbols, '/');

	if (slash)
		gdb_add(words, "-iex", "add-auto-load-safe-path %.*s", (int)(slash - symbols),
			symbols);
}

/* The first file that lies where it was linked is the program; gdb moves the others. */
static void gdb_add_elf(struct gdb_words *words, const struct sym_source_info *info, bool *program)
{
	gdb_safe_path(words, info->path);
	if (!*program && !info->bias)
		gdb_add(words, NULL, "%s", info->path);
	else
		gdb_add(words, "-ex", "%s -o 0x%llx \"%s\"",
			*program ? "add-symbol-file" : "symbol-file",
			(unsigned long long)info->bias, info->path);
	*program = true;
}

/* What is no ELF file becomes one, in memory that gdb inherits. */
static void gdb_add_list(struct gdb_words *words, const struct sym_table *tab, unsigned int n,
			 bool *program)
{
	struct err err = ERR_INIT;
	int fd = memfd_create("symbols", 0);

	if (fd < 0 || sym_write_elf(tab, n, fd, &err) < 0) {
		fprintf(stderr, "vitrine: %s\n", fd < 0 ? strerror(errno) : err.text);
		return;
	}
	gdb_add(words, "-ex", "%s /proc/self/fd/%d", *program ? "add-symbol-file" : "symbol-file",
		fd);
	*program = true;
}

static void gdb_add_symbols(struct gdb_words *words, const struct vm_view *view)
{
	struct sym_source_info info;
	struct sym_table *tab = NULL;
	struct err err = ERR_INIT;
	bool program = false;
	unsigned int i;
	uint64_t slide;

	if (sym_open(view->symbols, &tab, &err) < 0)
		fprintf(stderr, "vitrine: %s\n", err.text);
	sym_follow(tab, view);
	for (i = 0; sym_source_get(tab, i, &info); i++) {
		if (info.linux_text && !sym_slide(tab, &slide))
			fprintf(stderr,
				"vitrine: %s: the kernel has not said yet where it lies: "
				"taken as linked\n",
				info.path);
		if (info.elf)
			gdb_add_elf(words, &info, &program);
		else if (info.nr)
			gdb_add_list(words, tab, i, &program);
	}
	sym_close(tab);
}

static int gdb_look(struct ctl_client *cli, struct gdb_words *words, struct err *err)
{
	struct vm_view *view = ctl_look(cli, err);

	if (!view)
		return -err->code;
	gdb_add_symbols(words, view);
	gdb_add(words, "-ex", "target remote %s", view->gdb);
	ctl_look_end(view);
	return 0;
}

static int gdb_exec(struct gdb_words *words, int argc, char **argv)
{
	const char *program = words->word[0];
	char **all = calloc((size_t)(words->nr + argc) + 1, sizeof(*all));

	if (!all)
		return 1;
	memcpy(all, words->word, (size_t)words->nr * sizeof(*all));
	memcpy(all + words->nr, argv, (size_t)argc * sizeof(*all));
	execvp(program, all);
	fprintf(stderr, "vitrine: %s: %s%s\n", program, strerror(errno),
		errno == ENOENT ? " (apt-get install gdb)" : "");
	free(all);
	return 1;
}

int cmd_gdb(int argc, char **argv)
{
	const char *prefix = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	const char *program = getenv("VITRINE_GDB");
	struct gdb_words words = { .nr = 0 };
	int first = prefix ? 2 : 1, ret;
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&gdb_help);
	cli = cmd_connect(prefix, name, &err);
	if (!cli)
		return cmd_fail(&err, 1);
	gdb_add(&words, NULL, "%s", program && program[0] ? program : "gdb");
	gdb_add(&words, NULL, "-q");
	ret = gdb_look(cli, &words, &err);
	ctl_close(cli);
	return ret < 0 ? cmd_fail(&err, 1) : gdb_exec(&words, argc - first, argv + first);
}
