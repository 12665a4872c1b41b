/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug console: a byte out is a byte printed, no registers to set up. A read
 * answers 0xe9, which is how firmware and kernels find it. Lock-free: it holds
 * nothing but a counter.
 */
#include "vmm/dev/debugcon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define DEBUGCON_PORT	  0xe9
#define DEBUGCON_PORT_ALT 0x402 /* where SeaBIOS prints */
#define DEBUGCON_MAGIC	  0xe9
#define DEBUGCON_SERIAL	  2 /* env->serial_out's index */

struct debugcon {
	const struct dev_env *env;
	uint64_t written; /* bytes, atomic */
};

static void debugcon_io(void *opaque, struct bus_access *acc)
{
	struct debugcon *con = opaque;
	uint8_t byte = (uint8_t)acc->data;

	if (!acc->write) {
		acc->data = DEBUGCON_MAGIC;
		return;
	}
	__atomic_fetch_add(&con->written, 1, __ATOMIC_RELAXED);
	con->env->serial_out(con->env->ctx, DEBUGCON_SERIAL, &byte, 1);
}

static void debugcon_reset(void *state)
{
	(void)state;
}

static int debugcon_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports[] = {
		{ DEBUGCON_PORT, 1, "debugcon" },
		{ DEBUGCON_PORT_ALT, 1, "debugcon" },
	};
	struct debugcon *con = calloc(1, sizeof(*con));
	int ret;

	if (!con)
		return err_sys(err, ENOMEM, "debugcon");
	con->env = env;
	ret = dev_claim_ports(env, ports, 2, debugcon_io, con, err);
	if (ret) {
		free(con);
		return ret;
	}
	*state = con;
	return 0;
}

static void debugcon_exit(void *state)
{
	struct debugcon *con = state;

	bus_unregister(con->env->bus, con);
	free(con);
}

static void debugcon_describe(void *state, struct dev_rows *rows)
{
	struct debugcon *con = state;

	dev_row(rows, "written", "%" PRIu64 " bytes",
		__atomic_load_n(&con->written, __ATOMIC_RELAXED));
}

static void debugcon_save(void *state, struct buf *out)
{
	struct debugcon *con = state;

	dev_save_u64(out, __atomic_load_n(&con->written, __ATOMIC_RELAXED));
}

static int debugcon_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct debugcon *con = state;

	__atomic_store_n(&con->written, dev_load_u64(in), __ATOMIC_RELAXED);
	return dev_load_end(in, "debugcon", err);
}

const struct device_ops debugcon_ops = {
	.name = "debugcon",
	.init = debugcon_init,
	.reset = debugcon_reset,
	.exit = debugcon_exit,
	.describe = debugcon_describe,
	.save = debugcon_save,
	.load = debugcon_load,
};
