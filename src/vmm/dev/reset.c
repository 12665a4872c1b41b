/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A: the fast reset and the A20 gate, which is always open and
 * only remembered. The chipset's reset register, 0xcf9, is the host bridge's
 * (pci.c).
 */
#include "vmm/dev/reset.h"

#include <errno.h>
#include <stdlib.h>

#define RESET_PORT_A 0x92

#define RESET_A_FAST 0x01 /* a rising edge resets the CPU */
#define RESET_A_A20  0x02

struct reset {
	const struct dev_env *env;
	uint8_t port_a; /* atomic */
};

static void reset_port_a_io(void *opaque, struct bus_access *acc)
{
	struct reset *rst = opaque;
	uint8_t old;

	if (!acc->write) {
		acc->data = __atomic_load_n(&rst->port_a, __ATOMIC_RELAXED);
		return;
	}
	old = __atomic_exchange_n(&rst->port_a, (uint8_t)acc->data, __ATOMIC_RELAXED);
	if (acc->data & ~old & RESET_A_FAST)
		rst->env->request(rst->env->ctx, DEV_REQ_RESET, 0);
}

static void reset_reset(void *state)
{
	struct reset *rst = state;

	__atomic_store_n(&rst->port_a, RESET_A_A20, __ATOMIC_RELAXED);
}

static int reset_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports port_a = { RESET_PORT_A, 1, "port 92" };
	struct reset *rst = calloc(1, sizeof(*rst));
	int ret;

	if (!rst)
		return err_sys(err, ENOMEM, "reset");
	rst->env = env;
	ret = dev_claim_ports(env, &port_a, 1, reset_port_a_io, rst, err);
	if (ret) {
		free(rst);
		return ret;
	}
	reset_reset(rst);
	*state = rst;
	return 0;
}

static void reset_exit(void *state)
{
	struct reset *rst = state;

	bus_unregister(rst->env->bus, rst);
	free(rst);
}

static void reset_describe(void *state, struct dev_rows *rows)
{
	struct reset *rst = state;
	uint8_t port_a = __atomic_load_n(&rst->port_a, __ATOMIC_RELAXED);

	dev_row(rows, "port 0x92", "0x%02x (A20 bit %s)", port_a,
		port_a & RESET_A_A20 ? "on" : "off");
}

static void reset_save(void *state, struct buf *out)
{
	struct reset *rst = state;

	dev_save_u8(out, __atomic_load_n(&rst->port_a, __ATOMIC_RELAXED));
}

static int reset_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct reset *rst = state;

	__atomic_store_n(&rst->port_a, dev_load_u8(in), __ATOMIC_RELAXED);
	return dev_load_end(in, "reset", err);
}

const struct device_ops reset_ops = {
	.name = "reset",
	.init = reset_init,
	.reset = reset_reset,
	.exit = reset_exit,
	.describe = reset_describe,
	.save = reset_save,
	.load = reset_load,
};
