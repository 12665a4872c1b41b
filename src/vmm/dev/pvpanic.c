/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: a read tells which events are understood, a write tells one. A guest
 * that has loaded a crash kernel handles its panic itself, so it goes on.
 */
#include "vmm/dev/pvpanic.h"

#include <errno.h>
#include <stdlib.h>

#define PVPANIC_PORT	     0x505
#define PVPANIC_PANICKED     0x01
#define PVPANIC_CRASH_LOADED 0x02

struct pvpanic {
	const struct dev_env *env;
	uint8_t last; /* event, atomic */
};

static void pvpanic_io(void *opaque, struct bus_access *acc)
{
	struct pvpanic *pan = opaque;

	if (!acc->write) {
		acc->data = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
		return;
	}
	__atomic_store_n(&pan->last, (uint8_t)acc->data, __ATOMIC_RELAXED);
	if (acc->data & PVPANIC_PANICKED)
		pan->env->request(pan->env->ctx, DEV_REQ_PANICKED, 0);
}

static void pvpanic_reset(void *state)
{
	struct pvpanic *pan = state;

	__atomic_store_n(&pan->last, 0, __ATOMIC_RELAXED);
}

static int pvpanic_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports[] = { { PVPANIC_PORT, 1, "pvpanic" } };
	struct pvpanic *pan = calloc(1, sizeof(*pan));
	int ret;

	if (!pan)
		return err_sys(err, ENOMEM, "pvpanic");
	pan->env = env;
	ret = dev_claim_ports(env, ports, 1, pvpanic_io, pan, err);
	if (ret) {
		free(pan);
		return ret;
	}
	bus_mark_para(env->bus, pan);
	*state = pan;
	return 0;
}

static void pvpanic_exit(void *state)
{
	struct pvpanic *pan = state;

	bus_unregister(pan->env->bus, pan);
	free(pan);
}

static void pvpanic_describe(void *state, struct dev_rows *rows)
{
	struct pvpanic *pan = state;
	uint8_t last = __atomic_load_n(&pan->last, __ATOMIC_RELAXED);

	dev_row(rows, "last event", "%s",
		last & PVPANIC_PANICKED	      ? "panicked"
		: last & PVPANIC_CRASH_LOADED ? "crash kernel takes over"
					      : "none");
}

static void pvpanic_save(void *state, struct buf *out)
{
	struct pvpanic *pan = state;

	dev_save_u8(out, __atomic_load_n(&pan->last, __ATOMIC_RELAXED));
}

static int pvpanic_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct pvpanic *pan = state;

	__atomic_store_n(&pan->last, dev_load_u8(in), __ATOMIC_RELAXED);
	return dev_load_end(in, "pvpanic", err);
}

const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.init = pvpanic_init,
	.reset = pvpanic_reset,
	.exit = pvpanic_exit,
	.describe = pvpanic_describe,
	.save = pvpanic_save,
	.load = pvpanic_load,
};
