/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine dump`: a VM's memory and registers as an ELF core file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl/bundle.h"
#include "ctl/dump.h"
#include "ctl/rundir.h"

#define DUMP_SERIAL_MAX (1 << 20)

static const struct cmd_help dump_help = {
	.synopsis = "vitrine dump [NAME] FILE\n"
		    "       vitrine dump --bundle [NAME] FOLDER",
	.what = "Writes the guest's memory and registers to FILE, an ELF core that gdb, crash and\n"
		"readelf understand. The guest is paused meanwhile. FILE must not exist.",
	.options = "  --bundle   a new FOLDER with autopsy, registers and last exits as JSON and\n"
		   "             as text, the core, and what the guest wrote to its serial line\n",
	.example = { "vitrine dump demo demo.core", "vitrine dump --bundle demo crash" },
};

/* True where the VM ran and was stopped by this. */
static int dump_stop(struct ctl_client *cli, bool *ran, struct err *err)
{
	json_t *status = NULL;
	int ret;

	ret = ctl_exec(cli, "query-status", NULL, &status, err);
	*ran = ret == 0 && json_is_true(json_object_get(status, "running"));
	json_decref(status);
	return *ran ? ctl_exec(cli, "stop", NULL, NULL, err) : ret;
}

/* This process has the guest's memory mapped: the VM's has nothing to do. */
static int dump_file(struct ctl_client *cli, int fd, struct err *err)
{
	struct vm_view *view = ctl_look(cli, err);
	int ret;

	if (!view)
		return -err->code;
	ret = dump_write(view, fd, err);
	ctl_look_end(view);
	return ret;
}

/* The last of what the guest wrote; nothing where that was not recorded. */
static void dump_serial(const char *name, struct buf *out)
{
	char dir[RUNDIR_PATH_MAX], path[RUNDIR_PATH_MAX + 8], data[4096];
	ssize_t n;
	int fd;

	if (ctl_vm_dir(name, dir, sizeof(dir), NULL) < 0)
		return;
	snprintf(path, sizeof(path), "%s/log", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (lseek(fd, -DUMP_SERIAL_MAX, SEEK_END) < 0)
		lseek(fd, 0, SEEK_SET);
	while (out->len < DUMP_SERIAL_MAX && (n = read(fd, data, sizeof(data))) > 0)
		buf_add(out, data, (size_t)n);
	close(fd);
}

static int dump_bundle_view(struct ctl_client *cli, const char *name, const char *path,
			    struct err *err)
{
	struct vm_view *view = ctl_look(cli, err);
	struct buf serial = BUF_INIT;
	struct sym_table *syms = NULL;
	int ret;

	if (!view)
		return -err->code;
	if (view->symbols[0])
		sym_open(view->symbols, &syms, NULL);
	sym_follow(syms, view);
	dump_serial(name, &serial);
	ret = bundle_write(view, syms, buf_str(&serial), serial.len, path, err);
	buf_free(&serial);
	sym_close(syms);
	ctl_look_end(view);
	return ret;
}

/* Like the core, from this process: the VM's need not wait for a disk. */
static int dump_bundle(struct ctl_client *cli, const char *name, const char *path, struct err *err)
{
	bool ran = false;
	int ret;

	ret = dump_stop(cli, &ran, err);
	if (ret == 0)
		ret = dump_bundle_view(cli, name, path, err);
	if (ran)
		ctl_exec(cli, "cont", NULL, NULL, NULL);
	return ret;
}

static int dump_run(struct ctl_client *cli, const char *name, const char *path, struct err *err)
{
	bool ran = false;
	int fd, ret;

	(void)name;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	ret = dump_stop(cli, &ran, err);
	if (ret == 0)
		ret = dump_file(cli, fd, err);
	if (ran)
		ctl_exec(cli, "cont", NULL, NULL, NULL);
	if (close(fd) != 0 && ret == 0)
		ret = err_sys(err, errno, "%s", path);
	if (ret < 0)
		unlink(path);
	return ret;
}

int cmd_dump(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	struct ctl_client *cli;
	int (*run)(struct ctl_client * cli, const char *name, const char *path, struct err *err) =
		dump_run;
	int ret = -1;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_print_help(&dump_help);
	if (argc > 1 && strcmp(argv[1], "--bundle") == 0) {
		run = dump_bundle;
		argv++;
		argc--;
	}
	if (argc < 2 || argc > 3)
		return cmd_usage("dump", "which file?");
	cli = cmd_connect(argc > 2 ? argv[1] : NULL, name, &err);
	if (cli)
		ret = run(cli, name, argv[argc - 1], &err);
	ctl_close(cli);
	return ret < 0 ? cmd_fail(&err, 1) : 0;
}
