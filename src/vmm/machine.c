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
