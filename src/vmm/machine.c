/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine table: see machine.h. */
#include "vmm/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/dev/acpipm.h"
#include "vmm/dev/debugcon.h"
#include "vmm/dev/debugexit.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/postcode.h"
#include "vmm/dev/pvpanic.h"
#include "vmm/dev/reset.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/dev/vgatext.h"
#include "vmm/pci.h"

static const struct device_ops *const machine_table[] = {
	&rtc_ops,      &uart0_ops, &uart1_ops,	  &i8042_ops,	  &vgatext_ops, &acpipm_ops,
	&pci_host_ops, &reset_ops, &debugcon_ops, &debugexit_ops, &pvpanic_ops, &postcode_ops,
};

#define MACHINE_NR (sizeof(machine_table) / sizeof(machine_table[0]))

struct machine {
	unsigned int nr_started;
	void *state[MACHINE_NR];
};

int machine_create(const struct dev_env *env, struct machine **out, struct err *err)
{
	struct machine *mach = calloc(1, sizeof(*mach));
	unsigned int i;
	int ret;

	if (!mach)
		return err_sys(err, ENOMEM, "machine");
	for (i = 0; i < MACHINE_NR; i++) {
		ret = machine_table[i]->init(env, &mach->state[i], err);
		if (ret) {
			err_prefix(err, "device %s", machine_table[i]->name);
			machine_destroy(mach);
			return ret;
		}
		mach->nr_started++;
	}
	*out = mach;
	return 0;
}

void machine_destroy(struct machine *mach)
{
	if (!mach)
		return;
	while (mach->nr_started > 0) {
		mach->nr_started--;
		machine_table[mach->nr_started]->exit(mach->state[mach->nr_started]);
	}
	free(mach);
}

void machine_reset(struct machine *mach)
{
	unsigned int i;

	for (i = 0; i < mach->nr_started; i++)
		machine_table[i]->reset(mach->state[i]);
}

void machine_save(struct machine *mach, struct buf *out)
{
	struct buf one = BUF_INIT;
	unsigned int i;

	for (i = 0; i < mach->nr_started; i++) {
		buf_clear(&one);
		machine_table[i]->save(mach->state[i], &one);
		dev_save_u32(out, (uint32_t)one.len);
		buf_add(out, one.data, one.len);
		out->failed |= one.failed;
	}
	buf_free(&one);
}

int machine_load(struct machine *mach, const struct buf *saved, struct err *err)
{
	struct dev_state_in all = { .data = (const uint8_t *)saved->data, .len = saved->len };
	struct dev_state_in one;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < mach->nr_started && !ret; i++) {
		one = (struct dev_state_in){ .len = dev_load_u32(&all) };
		one.data = all.data + all.pos;
		if (all.failed || one.len > all.len - all.pos)
			return err_set(err, EINVAL, "the saved state ends too early");
		all.pos += one.len;
		ret = machine_table[i]->load(mach->state[i], &one, err);
	}
	return ret;
}

void machine_hold(struct machine *mach, bool on)
{
	unsigned int i;

	for (i = 0; i < mach->nr_started; i++) {
		if (machine_table[i]->hold)
			machine_table[i]->hold(mach->state[i], on);
	}
}

void machine_pause(struct machine *mach, bool on)
{
	unsigned int i;

	for (i = 0; mach && i < mach->nr_started; i++) {
		if (machine_table[i]->pause)
			machine_table[i]->pause(mach->state[i], on);
	}
}

void machine_describe(struct machine *mach, struct dev_rows *rows)
{
	unsigned int i;

	for (i = 0; i < mach->nr_started; i++) {
		rows->device = machine_table[i]->name;
		machine_table[i]->describe(mach->state[i], rows);
	}
}

void *machine_device(struct machine *mach, const struct device_ops *ops)
{
	unsigned int i;

	for (i = 0; mach && i < mach->nr_started; i++) {
		if (machine_table[i] == ops)
			return mach->state[i];
	}
	return NULL;
}
