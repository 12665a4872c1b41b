/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between cmd-run.c, which understands what is asked for, and cmd-run-vm.c, which does it. */
#ifndef VITRINE_CMD_RUN_H
#define VITRINE_CMD_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd-run-devices.h"
#include "vmm/config.h"

enum run_style {
	RUN_DASHBOARD, /* a VM process of its own, this terminal becomes its dashboard */
	RUN_HEADLESS,  /* this process is the VM, serial on stdio */
	RUN_DETACHED,  /* a VM process of its own, nobody looks */
};

/* Everything `vitrine run` was asked for; strings are argv's or live as long as the process. */
struct run_config {
	struct vm_config vm;
	enum run_style style;
	bool named; /* --name: no other name will do */
	bool on_crash_given;
	bool dry_run;
	const char *gdb;	/* --gdb, or NULL */
	const char *gdb_arch;	/* --gdb-arch, or NULL: x86-64 */
	const char *serial;	/* --serial, or NULL: as the style wants */
	const char *debugcon;	/* --debugcon, or NULL */
	unsigned int timeout_s; /* 0: none */
	bool has_success;
	uint32_t success;   /* the debug-exit value that means 0 */
	const char *result; /* --result, or NULL */
	struct run_devices devices;
};

/* What the VM process tells the one that started it, once, through a pipe. */
struct run_report {
	int status; /* 0: it runs; else the exit status */
	char name[VM_NAME_MAX];
	char text[ERR_TEXT_MAX];
};

/*
 * Be the VM process: build, run until the end, clean up; returns the exit
 * status. REPORT_FD (closed early; -1: none): where a struct run_report goes
 * as soon as it is clear whether the VM runs.
 */
int run_vm(struct run_config *cfg, int report_fd);

#endif
