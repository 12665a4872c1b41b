/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `vitrine run` plugs into the PCI bus: each option that means a device
 * (--disk, --net, ...) has its row in the table of cmd-run-devices.c and its
 * parser beside the device.
 */
#ifndef VITRINE_CMD_RUN_DEVICES_H
#define VITRINE_CMD_RUN_DEVICES_H

#include <stdbool.h>

#include "base/err.h"
#include "vmm/pci.h"

#define RUN_MAX_PLUGS 24

struct run_config;

struct run_devices {
	struct pci_plug plug[RUN_MAX_PLUGS];
	unsigned int nr;
	bool no_rng, no_balloon;
};

/*
 * A parser of an option's value: fills PLUG (ops and config, which live as long as the process).
 * plug->name stays NULL for the usual "disk0", or is the user's id. plug->ops stays NULL where VAL
 * means that nothing is plugged ("none"). -EINVAL with a text that begins with "--OPTION VAL: ".
 */
typedef int (*run_plug_fn)(const char *val, struct pci_plug *plug, struct err *err);

/* The value of option NAME ("disk") into CFG. -EINVAL, -ENOSPC. */
int run_devices_option(struct run_config *cfg, const char *name, const char *val, struct err *err);
/* After the last option: add what is there without being asked for, and hand all to cfg->vm. */
int run_devices_finish(struct run_config *cfg, struct err *err);

#endif
