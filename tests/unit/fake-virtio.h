/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device without transport or threads: the test gives it chains, runs
 * its workers' turns, and looks at what comes back. In the place of virtio.c
 * and virtq.c.
 */
#ifndef VITRINE_TESTS_FAKE_VIRTIO_H
#define VITRINE_TESTS_FAKE_VIRTIO_H

#include "vmm/virtio/virtio.h"

#define FAKE_MAX_CHAINS 256 /* of a queue, ever; then fake_virtio_forget() */

/* OPS' device with CONFIG, on a machine with NR_CPUS processors; NULL and ERR filled. */
struct virtio *fake_virtio_new(const struct virtio_ops *ops, const void *config,
			       unsigned int nr_cpus, struct err *err);
/* The same on machine ENV, which outlives it. */
struct virtio *fake_virtio_on(const struct dev_env *env, const struct virtio_ops *ops,
			      const void *config, struct err *err);
/* The driver leaves QUEUE unused. */
void fake_virtio_unused(struct virtio *vdev, unsigned int queue);
void fake_virtio_free(struct virtio *vdev);
void *fake_virtio_state(struct virtio *vdev);
/* The driver accepts FEATURES (at most those on offer) and sets DRIVER_OK. */
void fake_virtio_start(struct virtio *vdev, uint64_t features);
/* As a driver's reset. */
void fake_virtio_reset(struct virtio *vdev);
/* QUEUE is with someone else (virtio_vring_get()). */
bool fake_virtio_lent(const struct virtio *vdev, unsigned int queue);
/* The function may touch memory, or may not (it may at first). */
void fake_virtio_master(struct virtio *vdev, bool on);
unsigned int fake_virtio_nr_queues(const struct virtio *vdev);
/* What virtio_broken() was told, or "". */
const char *fake_virtio_why(const struct virtio *vdev);

/* Make a chain available: IOV[0..nr_out) for the device to read, NR_IN more to write. Its head, or
 * -1 when there is no room. */
int fake_chain(struct virtio *vdev, unsigned int queue, const struct iovec *iov,
	       unsigned int nr_out, unsigned int nr_in);
/* It was given back, with that many bytes written. */
bool fake_chain_done(struct virtio *vdev, unsigned int queue, int head, uint32_t *written);
void fake_virtio_forget(struct virtio *vdev);
/* Interrupts of QUEUE since the last time this was asked. */
unsigned int fake_interrupts(struct virtio *vdev, unsigned int queue);

/* The driver kicks QUEUE; its worker runs. */
void fake_virtio_kick(struct virtio *vdev, unsigned int queue);
/* Wait up to MS for a watched descriptor and run what watches it. False: nothing came. */
bool fake_virtio_turn(struct virtio *vdev, int ms);
/* Kick, then turn until the chain HEAD is back; false after a minute. */
bool fake_virtio_finish(struct virtio *vdev, unsigned int queue, int head, uint32_t *written);

#endif
