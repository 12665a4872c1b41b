/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entropy device: see rng.h. A request is answered with at most a page of random bytes, so that
 * one cannot keep the worker busy for long; the driver is told how many came.
 */
#include "vmm/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define RNG_QUEUE_SIZE 64
#define RNG_MOST       4096 /* bytes for one request */
#define RNG_CLASS      0x00ff00

struct virtio_rng {
	struct virtio *vdev;
	struct virtq_elem elem; /* the worker's */
	uint64_t nr_bytes;
};

static int rng_init(const struct dev_env *env, struct virtio *vdev, const void *config,
		    void **state, struct err *err)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));

	(void)env;
	(void)config;
	if (!rng)
		return err_sys(err, ENOMEM, "%s", virtio_name(vdev));
	rng->vdev = vdev;
	*state = rng;
	return virtio_queues(vdev, 1, RNG_QUEUE_SIZE, err);
}

static void rng_exit(void *state)
{
	free(state);
}

static void rng_reset(void *state)
{
	(void)state; /* a request never outlives its turn in the worker */
}

static uint64_t rng_features(void *state)
{
	(void)state;
	return 0;
}

static void rng_negotiated(void *state, uint64_t features)
{
	(void)state;
	(void)features;
}

static uint64_t rng_config_read(void *state, uint32_t off, uint32_t size)
{
	(void)state;
	(void)off;
	(void)size;
	return 0;
}

/* Bytes put into the request: none where the host has none. */
static uint32_t rng_fill(const struct virtq_elem *elem)
{
	uint8_t data[RNG_MOST];
	size_t len = elem->in_len < sizeof(data) ? elem->in_len : sizeof(data);
	ssize_t got = getrandom(data, len, GRND_NONBLOCK);

	return got > 0 ? (uint32_t)virtq_elem_write(elem, 0, data, (size_t)got) : 0;
}

static void rng_queue(void *state, unsigned int queue)
{
	struct virtio_rng *rng = state;
	struct virtq *vq = virtio_queue(rng->vdev, queue);
	uint32_t len;

	while (virtq_pop(vq, &rng->elem) > 0) {
		if (rng->elem.nr_out) { /* 5.4.6.1 */
			virtio_broken(rng->vdev, "a readable buffer in an entropy request");
			return;
		}
		len = rng_fill(&rng->elem);
		__atomic_fetch_add(&rng->nr_bytes, len, __ATOMIC_RELAXED);
		virtq_push(vq, rng->elem.head, len);
	}
	virtq_notify(vq);
}

static void rng_describe(void *state, struct dev_rows *rows)
{
	struct virtio_rng *rng = state;

	dev_row(rows, "given", "%llu bytes",
		(unsigned long long)__atomic_load_n(&rng->nr_bytes, __ATOMIC_RELAXED));
}

static void rng_save(void *state, struct buf *out)
{
	struct virtio_rng *rng = state;

	dev_save_u64(out, rng->nr_bytes);
}

static int rng_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct virtio_rng *rng = state;

	__atomic_store_n(&rng->nr_bytes, dev_load_u64(in), __ATOMIC_RELAXED);
	return dev_load_end(in, virtio_name(rng->vdev), err);
}

const struct virtio_ops virtio_rng_ops = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.class_code = RNG_CLASS,
	.init = rng_init,
	.exit = rng_exit,
	.reset = rng_reset,
	.features = rng_features,
	.negotiated = rng_negotiated,
	.config_read = rng_config_read,
	.queue = rng_queue,
	.describe = rng_describe,
	.save = rng_save,
	.load = rng_load,
};
