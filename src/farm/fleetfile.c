/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fleet file: see fleetfile.h. */
#include "farm/fleetfile.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define FLEET_MAX_NETS 64

struct fleetfile_reader {
	struct fleet *fleet;
	const char *dir;
};

static const char *const fleetfile_keys[] = { "after",	    "network",	   "restart",
					      "cpu-weight", "memory-high", NULL };

static struct fleet_vm *fleetfile_find(struct fleet *fleet, const char *name)
{
	size_t i;

	for (i = 0; i < fleet->nr_vms; i++) {
		if (strcmp(fleet->vm[i].name, name) == 0)
			return &fleet->vm[i];
	}
	return NULL;
}

static struct fleet_net *fleetfile_find_net(struct fleet *fleet, const char *name)
{
	size_t i;

	for (i = 0; i < fleet->nr_nets; i++) {
		if (strcmp(fleet->net[i].name, name) == 0)
			return &fleet->net[i];
	}
	return NULL;
}

static int fleetfile_new_vm(struct fleet *fleet, const struct conf_item *item, struct err *err)
{
	struct fleet_vm *more, *vm;

	if (fleetfile_find(fleet, item->name))
		return err_set(err, EINVAL, "there is a VM %s already", item->name);
	if (fleet->nr_vms == FLEET_MAX_VMS)
		return err_set(err, EINVAL, "more than %d VMs", FLEET_MAX_VMS);
	more = realloc(fleet->vm, (fleet->nr_vms + 1) * sizeof(*more));
	if (!more)
		return err_sys(err, ENOMEM, "%s", item->name);
	fleet->vm = more;
	vm = &more[fleet->nr_vms++];
	memset(vm, 0, sizeof(*vm));
	guest_init(&vm->guest);
	vm->line = item->line;
	strcpy(vm->name, item->name);
	return 0;
}

static int fleetfile_new_net(struct fleet *fleet, const struct conf_item *item, struct err *err)
{
	struct fleet_net *more;

	if (fleetfile_find_net(fleet, item->name))
		return err_set(err, EINVAL, "there is a network %s already", item->name);
	if (fleet->nr_nets == FLEET_MAX_NETS)
		return err_set(err, EINVAL, "more than %d networks", FLEET_MAX_NETS);
	more = realloc(fleet->net, (fleet->nr_nets + 1) * sizeof(*more));
	if (!more)
		return err_sys(err, ENOMEM, "%s", item->name);
	fleet->net = more;
	memset(&more[fleet->nr_nets], 0, sizeof(*more));
	strcpy(more[fleet->nr_nets++].name, item->name);
	return 0;
}

static int fleetfile_section(struct fleet *fleet, const struct conf_item *item, struct err *err)
{
	if (!guest_name_ok(item->name))
		return err_set(err, EINVAL, "'%s' is no name: letters, digits, '.', '_', '-'",
			       item->name);
	if (strcmp(item->kind, "vm") == 0)
		return fleetfile_new_vm(fleet, item, err);
	if (strcmp(item->kind, "network") == 0)
		return fleetfile_new_net(fleet, item, err);
	return err_set(err, EINVAL, "[%s]: a section is [vm NAME] or [network NAME]", item->kind);
}

static int fleetfile_restart(struct fleet_vm *vm, const char *val, struct err *err)
{
	static const char *const words[] = { "never", "on-failure", "always" };
	int i;

	for (i = 0; i < 3; i++) {
		if (strcmp(words[i], val) == 0) {
			vm->restart = (enum fleet_restart)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "restart = %s: never, on-failure or always", val);
}

/* "a, b c": several words in one value. */
static int fleetfile_list(struct words *words, const char *val, struct err *err)
{
	char text[CONF_LINE_MAX], *word, *save = NULL;
	int ret = 0;

	strncpy(text, val, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (word = strtok_r(text, ", \t", &save); word && ret == 0;
	     word = strtok_r(NULL, ", \t", &save))
		ret = words_add(words, word);
	return ret < 0 ? err_sys(err, -ret, "list") : 0;
}

static int fleetfile_vm_setting(struct fleet_vm *vm, const char *dir, const struct conf_item *item,
				struct err *err)
{
	const char *near;
	uint64_t num;
	int ret;

	if (strcmp(item->key, "after") == 0)
		return fleetfile_list(&vm->after, item->value, err);
	if (strcmp(item->key, "network") == 0)
		return fleetfile_list(&vm->networks, item->value, err);
	if (strcmp(item->key, "restart") == 0)
		return fleetfile_restart(vm, item->value, err);
	if (strcmp(item->key, "cpu-weight") == 0) {
		if (!parse_range(item->value, 1, 10000, &num))
			return err_set(err, EINVAL, "cpu-weight = %s: 1 to 10000", item->value);
		vm->cpu_weight = (unsigned int)num;
		return 0;
	}
	if (strcmp(item->key, "memory-high") == 0)
		return parse_size(item->value, &vm->memory_high) && vm->memory_high
			       ? 0
			       : err_set(err, EINVAL, "memory-high = %s: a size", item->value);
	ret = guest_set(&vm->guest, dir, item, err);
	if (ret != -ENOENT)
		return ret;
	near = guest_nearest(item->key, fleetfile_keys);
	return err_set(err, EINVAL, "a VM has no '%s'%s%s", item->key,
		       near ? "; did you mean " : "", near ? near : "");
}

static int fleetfile_item(void *ctx, const struct conf_item *item, struct err *err)
{
	struct fleetfile_reader *rd = ctx;
	struct fleet_net *net;

	if (!item->key)
		return fleetfile_section(rd->fleet, item, err);
	if (strcmp(item->kind, "vm") == 0)
		return fleetfile_vm_setting(&rd->fleet->vm[rd->fleet->nr_vms - 1], rd->dir, item,
					    err);
	if (!item->kind[0])
		return err_set(err, EINVAL, "a setting before the first [vm NAME]");
	if (strcmp(item->key, "pcap") != 0)
		return err_set(err, EINVAL, "a network has no '%s', only pcap", item->key);
	net = &rd->fleet->net[rd->fleet->nr_nets - 1];
	free(net->pcap);
	net->pcap = conf_path(rd->dir, item->value);
	return net->pcap ? 0 : err_sys(err, ENOMEM, "pcap");
}

/* --- what can be said only at the end --- */

static int fleetfile_check(struct fleet *fleet, const struct fleet_vm *vm, struct err *err)
{
	size_t i;

	if (!vm->guest.image)
		return err_set(err, EINVAL, "line %u: %s has no image", vm->line, vm->name);
	for (i = 0; i < vm->after.nr; i++) {
		if (!fleetfile_find(fleet, vm->after.word[i]))
			return err_set(err, EINVAL, "line %u: %s starts after %s, which is no VM",
				       vm->line, vm->name, vm->after.word[i]);
	}
	for (i = 0; i < vm->networks.nr; i++) {
		if (!fleetfile_find_net(fleet, vm->networks.word[i]))
			return err_set(err, EINVAL, "line %u: %s is on %s, which is no network",
				       vm->line, vm->name, vm->networks.word[i]);
	}
	return 0;
}

/* Every VM that this one waits for is marked. */
static bool fleetfile_may_start(struct fleet *fleet, const struct fleet_vm *vm, const bool *placed)
{
	size_t i;

	for (i = 0; i < vm->after.nr; i++) {
		if (!placed[fleetfile_find(fleet, vm->after.word[i]) - fleet->vm])
			return false;
	}
	return true;
}

/* As in the file, but each after those it names. */
static int fleetfile_sort(struct fleet *fleet, struct err *err)
{
	bool placed[FLEET_MAX_VMS] = { false };
	size_t nr = 0, before, i;

	while (nr < fleet->nr_vms) {
		before = nr;
		for (i = 0; i < fleet->nr_vms; i++) {
			if (placed[i] || !fleetfile_may_start(fleet, &fleet->vm[i], placed))
				continue;
			placed[i] = true;
			fleet->order[nr++] = i;
		}
		if (nr > before)
			continue;
		for (i = 0; placed[i]; i++)
			;
		return err_set(err, EINVAL, "line %u: %s waits for itself", fleet->vm[i].line,
			       fleet->vm[i].name);
	}
	return 0;
}

int fleetfile_parse(const char *text, size_t len, const char *dir, struct fleet **out,
		    struct err *err)
{
	struct fleetfile_reader rd = { .dir = dir };
	size_t i;
	int ret;

	rd.fleet = calloc(1, sizeof(*rd.fleet));
	if (!rd.fleet)
		return err_sys(err, ENOMEM, "fleet");
	ret = conf_parse(text, len, fleetfile_item, &rd, err);
	for (i = 0; i < rd.fleet->nr_vms && ret == 0; i++)
		ret = fleetfile_check(rd.fleet, &rd.fleet->vm[i], err);
	if (ret == 0 && !rd.fleet->nr_vms)
		ret = err_set(err, EINVAL, "no [vm NAME] in it");
	if (ret == 0)
		ret = fleetfile_sort(rd.fleet, err);
	if (ret < 0) {
		fleetfile_free(rd.fleet);
		return ret;
	}
	*out = rd.fleet;
	return 0;
}

int fleetfile_load(const char *path, struct fleet **out, struct err *err)
{
	char *text = NULL, *full;
	size_t len;
	int ret;

	full = realpath(path, NULL);
	if (!full)
		return err_sys(err, errno, "%s", path);
	ret = conf_read_file(full, &text, &len, err);
	if (ret == 0) {
		ret = fleetfile_parse(text, len, dirname(full), out, err);
		if (ret < 0)
			err_prefix(err, "%s", path);
	}
	free(text);
	free(full);
	return ret;
}

void fleetfile_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	while (fleet->nr_vms) {
		struct fleet_vm *vm = &fleet->vm[--fleet->nr_vms];

		guest_free(&vm->guest);
		words_free(&vm->after);
		words_free(&vm->networks);
	}
	while (fleet->nr_nets)
		free(fleet->net[--fleet->nr_nets].pcap);
	free(fleet->vm);
	free(fleet->net);
	free(fleet);
}
