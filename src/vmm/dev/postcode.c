/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port 0x80, where firmware tells its progress and where kernels write to wait
 * a microsecond: the last byte is kept, lock-free because it is written often.
 */
#include "vmm/dev/postcode.h"

#include <errno.h>
#include <stdlib.h>

#define POSTCODE_PORT 0x80

struct postcode {
	const struct dev_env *env;
	uint8_t last; /* atomic */
};

static void postcode_io(void *opaque, struct bus_access *acc)
{
	struct postcode *post = opaque;

	if (acc->write)
		__atomic_store_n(&post->last, (uint8_t)acc->data, __ATOMIC_RELAXED);
	else
		acc->data = __atomic_load_n(&post->last, __ATOMIC_RELAXED);
}

static void postcode_reset(void *state)
{
	struct postcode *post = state;

	__atomic_store_n(&post->last, 0, __ATOMIC_RELAXED);
}

static int postcode_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports[] = { { POSTCODE_PORT, 1, "postcode" } };
	struct postcode *post = calloc(1, sizeof(*post));
	int ret;

	if (!post)
		return err_sys(err, ENOMEM, "postcode");
	post->env = env;
	ret = dev_claim_ports(env, ports, 1, postcode_io, post, err);
	if (ret) {
		free(post);
		return ret;
	}
	*state = post;
	return 0;
}

static void postcode_exit(void *state)
{
	struct postcode *post = state;

	bus_unregister(post->env->bus, post);
	free(post);
}

static void postcode_describe(void *state, struct dev_rows *rows)
{
	struct postcode *post = state;

	dev_row(rows, "last code", "0x%02x", __atomic_load_n(&post->last, __ATOMIC_RELAXED));
}

static void postcode_save(void *state, struct buf *out)
{
	struct postcode *post = state;

	dev_save_u8(out, __atomic_load_n(&post->last, __ATOMIC_RELAXED));
}

static int postcode_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct postcode *post = state;

	__atomic_store_n(&post->last, dev_load_u8(in), __ATOMIC_RELAXED);
	return dev_load_end(in, "postcode", err);
}

const struct device_ops postcode_ops = {
	.name = "postcode",
	.init = postcode_init,
	.reset = postcode_reset,
	.exit = postcode_exit,
	.describe = postcode_describe,
	.save = postcode_save,
	.load = postcode_load,
};
