/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of `vitrine run` that mean a device: see cmd-run-devices.h. */
#include "cmd-run-devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balloon/balloon.h"
#include "cmd-run.h"
#include "net/config.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/rng.h"

/*
 * One row for each option. PARSE comes with the device and is NULL until it is there; NAME is what
 * its plugs are called, with a number behind it where there may be more than one.
 */
struct run_device {
	const char *option;
	const char *name;
	unsigned int max;
	run_plug_fn parse;
};

static const struct run_device run_device_table[] = {
	{ "disk", "disk", RUN_MAX_PLUGS, blk_parse_disk },
	{ "cdrom", "cdrom", RUN_MAX_PLUGS, blk_parse_cdrom },
	{ "net", "net", RUN_MAX_PLUGS, net_plug_parse },
	{ "console", "console", 1, vconsole_parse },
	{ "balloon", "balloon", 1, balloon_plug_parse },
};

#define RUN_NR_DEVICES (sizeof(run_device_table) / sizeof(run_device_table[0]))

static const struct run_device *run_device_find(const char *option)
{
	size_t i;

	for (i = 0; i < RUN_NR_DEVICES; i++) {
		if (strcmp(run_device_table[i].option, option) == 0)
			return &run_device_table[i];
	}
	return NULL;
}

static bool run_plug_taken(const struct run_devices *devs, const char *name)
{
	unsigned int i;

	for (i = 0; i < devs->nr; i++) {
		if (strcmp(devs->plug[i].name, name) == 0)
			return true;
	}
	return false;
}

/* "disk0", "disk1", ...; a device that is there once has no number. NULL: no memory. */
static const char *run_plug_name(const struct run_devices *devs, const struct run_device *dev)
{
	char name[32];
	unsigned int i = 0;

	snprintf(name, sizeof(name), "%s", dev->name);
	if (dev->max > 1) {
		do {
			snprintf(name, sizeof(name), "%s%u", dev->name, i++);
		} while (run_plug_taken(devs, name));
	}
	return strdup(name);
}

static unsigned int run_plug_count(const struct run_devices *devs, const struct pci_plug *plug)
{
	unsigned int i, count = 0;

	for (i = 0; i < devs->nr; i++)
		count += devs->plug[i].config == plug->config;
	return count;
}

static int run_plug_add(struct run_devices *devs, const struct run_device *dev,
			struct pci_plug *plug, struct err *err)
{
	if (!plug->ops)
		return 0;
	if (devs->nr == RUN_MAX_PLUGS)
		return err_set(err, ENOSPC, "--%s: more than %d devices", dev->option,
			       RUN_MAX_PLUGS);
	if (plug->name && run_plug_taken(devs, plug->name))
		return err_set(err, EINVAL, "--%s: there is a device called %s already",
			       dev->option, plug->name);
	if (!plug->name)
		plug->name = run_plug_name(devs, dev);
	if (!plug->name)
		return err_sys(err, ENOMEM, "--%s", dev->option);
	if (dev->max == 1 && (run_plug_taken(devs, plug->name) || run_plug_count(devs, plug)))
		return err_set(err, EINVAL, "--%s: there can be only one", dev->option);
	devs->plug[devs->nr++] = *plug;
	return 0;
}

int run_devices_option(struct run_config *cfg, const char *name, const char *val, struct err *err)
{
	const struct run_device *dev = run_device_find(name);
	struct pci_plug plug = { 0 };
	int ret;

	if (!dev || !dev->parse)
		return err_set(err, EINVAL, "--%s%s%s: not yet", name, val ? " " : "",
			       val ? val : "");
	ret = dev->parse(val, &plug, err);
	return ret < 0 ? ret : run_plug_add(&cfg->devices, dev, &plug, err);
}

/* An entropy device costs nothing and spares guests a slow or weak start. */
static int run_add_rng(struct run_devices *devs, struct err *err)
{
	static const struct virtio_plug virtio = { .ops = &virtio_rng_ops };
	static const struct run_device dev = { .option = "no-rng", .name = "rng", .max = 1 };
	struct pci_plug plug = { .ops = &virtio_pci_ops, .config = &virtio };

	return run_plug_add(devs, &dev, &plug, err);
}

/* Every guest has a balloon, empty until somebody wants memory back. */
static int run_add_balloon(struct run_devices *devs, struct err *err)
{
	const struct run_device *dev = run_device_find("balloon");
	struct pci_plug plug = { 0 };
	int ret;

	if (run_plug_taken(devs, dev->name))
		return 0;
	ret = dev->parse(NULL, &plug, err);
	return ret < 0 ? ret : run_plug_add(devs, dev, &plug, err);
}

int run_devices_finish(struct run_config *cfg, struct err *err)
{
	struct run_devices *devs = &cfg->devices;
	unsigned int i;
	int ret = 0;

	if (!devs->no_rng)
		ret = run_add_rng(devs, err);
	if (ret == 0 && !devs->no_balloon)
		ret = run_add_balloon(devs, err);
	for (i = 0; i < devs->nr && !cfg->vm.hvc; i++)
		cfg->vm.hvc = vconsole_plug_line(&devs->plug[i]);
	cfg->vm.plug = devs->plug;
	cfg->vm.nr_plug = devs->nr;
	return ret;
}
