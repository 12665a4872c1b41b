/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug exit: test kernels end their VM with a value of 1, 2 or 4 bytes. The
 * program turns it into its exit status. Holds no state.
 */
#include "vmm/dev/debugexit.h"

#include <errno.h>
#include <stdlib.h>

#define DEBUGEXIT_PORT	   0xf4
#define DEBUGEXIT_PORT_ALT 0x501 /* the default of some other machines */

struct debugexit {
	const struct dev_env *env;
};

static void debugexit_io(void *opaque, struct bus_access *acc)
{
	struct debugexit *dbg = opaque;

	if (acc->write)
		dbg->env->request(dbg->env->ctx, DEV_REQ_DEBUG_EXIT, (uint32_t)acc->data);
	else
		acc->data = 0;
}

static void debugexit_reset(void *state)
{
	(void)state;
}

static int debugexit_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports[] = {
		{ DEBUGEXIT_PORT, 4, "debugexit" },
		{ DEBUGEXIT_PORT_ALT, 4, "debugexit" },
	};
	struct debugexit *dbg = calloc(1, sizeof(*dbg));
	int ret;

	if (!dbg)
		return err_sys(err, ENOMEM, "debugexit");
	dbg->env = env;
	ret = dev_claim_ports(env, ports, 2, debugexit_io, dbg, err);
	if (ret) {
		free(dbg);
		return ret;
	}
	*state = dbg;
	return 0;
}

static void debugexit_exit(void *state)
{
	struct debugexit *dbg = state;

	bus_unregister(dbg->env->bus, dbg);
	free(dbg);
}

static void debugexit_describe(void *state, struct dev_rows *rows)
{
	(void)state;
	dev_row(rows, "ports", "0x%x 0x%x", DEBUGEXIT_PORT, DEBUGEXIT_PORT_ALT);
}

static void debugexit_save(void *state, struct buf *out)
{
	(void)state;
	(void)out;
}

static int debugexit_load(void *state, struct dev_state_in *in, struct err *err)
{
	(void)state;
	return dev_load_end(in, "debugexit", err);
}

const struct device_ops debugexit_ops = {
	.name = "debugexit",
	.init = debugexit_init,
	.reset = debugexit_reset,
	.exit = debugexit_exit,
	.describe = debugexit_describe,
	.save = debugexit_save,
	.load = debugexit_load,
};
