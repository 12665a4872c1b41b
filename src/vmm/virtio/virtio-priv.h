/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What virtio.c, virtio-worker.c, virtq.c and the transport share; device authors include virtio.h.
 */
#ifndef VITRINE_VMM_VIRTIO_VIRTIO_PRIV_H
#define VITRINE_VMM_VIRTIO_VIRTIO_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/virtio/virtio.h"

#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER	  0x02
#define VIRTIO_STATUS_DRIVER_OK	  0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED	  0x80

#define VIRTIO_ISR_QUEUE  0x01
#define VIRTIO_ISR_CONFIG 0x02

#define VIRTIO_NO_VECTOR   0xffff
#define VIRTIO_MAX_WORKERS 16
#define VIRTIO_MAX_WATCHES 256
#define VIRTIO_WHY_MAX	   120

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/*
 * Written by vCPUs under virtio.config_lock while disabled; once `enabled` is set, the
 * configuration stands until the reset, which comes with the workers held.
 */
struct virtq {
	struct virtio *vdev;
	unsigned int index;
	int kick_fd;
	bool foreign; /* someone else (vhost) listens to kick_fd */
	unsigned int max;

	unsigned int size;
	uint64_t desc_gpa, avail_gpa, used_gpa;
	atomic_bool enabled;
	_Atomic uint16_t vector;

	/* Checked to lie in RAM when the queue was enabled. */
	uint8_t *desc, *avail, *used;

	/* The worker's. */
	uint16_t last_avail;
	bool want_kick;

	pthread_mutex_t lock; /* the used ring and what follows: any thread may give back */
	uint16_t used_idx, signalled;
	bool signalled_valid;
	unsigned int in_flight;
	uint64_t taken[VIRTQ_MAX_SIZE / 64]; /* heads in flight */
	atomic_ulong nr_kicks, nr_chains, nr_interrupts;
};

/* How the transport tells the driver; called from any thread, no lock held. */
struct virtio_transport {
	/* ISR bits BITS, or vector VECTOR where there are such. */
	void (*interrupt)(void *ctx, uint8_t bits, uint16_t vector);
	/* DRIVER_OK came or went: the notification eventfds. Under config_lock. */
	void (*running)(void *ctx, bool on);
	/* May the device touch memory? */
	bool (*master)(void *ctx);
	/* The eventfd behind VECTOR, or -1. */
	int (*vector_fd)(void *ctx, uint16_t vector);
};

struct virtio_watch {
	int fd; /* -1: free */
	uint32_t events, generation;
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

struct virtio_worker {
	struct virtio *vdev;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* everything below */
	pthread_cond_t changed;
	atomic_bool held; /* virtq_pop() looks without the lock */
	bool busy, quit;
	struct virtio_watch watch[VIRTIO_MAX_WATCHES];
};

struct virtio {
	const struct virtio_ops *ops;
	const struct dev_env *env;
	char name[32];
	void *state;
	const struct virtio_transport *transport;
	void *transport_ctx;

	/* One vCPU at a time configures; held over a reset. Workers never take it. */
	pthread_mutex_t config_lock;
	uint64_t driver_features; /* as written, not yet accepted */
	atomic_bool legacy;	  /* the driver uses the transitional face */
	_Atomic uint16_t config_vector;

	atomic_uint status;
	_Atomic uint64_t features; /* accepted */
	atomic_uint generation;

	pthread_mutex_t why_lock;
	char why[VIRTIO_WHY_MAX]; /* it needs a reset because of */

	struct virtq *vq[VIRTIO_MAX_QUEUES];
	unsigned int nr_vq;
	struct virtio_worker *worker[VIRTIO_MAX_WORKERS];
	unsigned int nr_workers;
	unsigned int (*map)(unsigned int queue);
};

/* virtio.c, for the transport. All under config_lock except where said. */
int virtio_create(const struct dev_env *env, const struct virtio_plug *plug, const char *name,
		  const struct virtio_transport *transport, void *ctx, struct virtio **out,
		  struct err *err);
/* Stops the workers first. NULL is fine. Without the lock. */
void virtio_destroy(struct virtio *vdev);
uint64_t virtio_offered(struct virtio *vdev);
void virtio_driver_features(struct virtio *vdev, uint64_t features, uint64_t mask);
/* The driver writes VAL to the status register; 0 resets. */
void virtio_set_status(struct virtio *vdev, uint8_t val);
void virtio_reset(struct virtio *vdev);
void virtio_describe(struct virtio *vdev, struct dev_rows *rows);
void virtio_save(struct virtio *vdev, struct buf *out);
int virtio_load(struct virtio *vdev, struct dev_state_in *in, struct err *err);
void virtio_hold_all(struct virtio *vdev, bool on);
/* Interrupts of the queues, or the right to touch memory, may go other ways now. */
void virtio_irqs_changed(struct virtio *vdev);
/* As virtio_ops.pause. Without the lock. */
void virtio_pause(struct virtio *vdev, bool on);

/* virtio-pci.c, for tests: the device behind the PCI function's STATE. */
struct virtio *virtio_pci_device(void *state);

/* virtq.c, for virtio.c and the transport. */
int virtq_create(struct virtio *vdev, unsigned int index, unsigned int max, struct virtq **out,
		 struct err *err);
void virtq_destroy(struct virtq *vq);
/* Back to unconfigured. Workers held. */
void virtq_reset(struct virtq *vq);
/* Check the addresses and let the queue be used. A queue that cannot be: virtio_broken(). */
void virtq_enable(struct virtq *vq);
/* The rings' place as the transitional face has it: one page-aligned block. */
void virtq_legacy_place(struct virtq *vq, uint64_t gpa);
/* Someone else served it until now and took all chains before index NEXT. Workers held. */
void virtq_adopt(struct virtq *vq, uint16_t next);
void virtq_save(struct virtq *vq, struct buf *out);
int virtq_load(struct virtq *vq, struct dev_state_in *in);

/* virtio-worker.c */
int virtio_worker_create(struct virtio *vdev, struct virtio_worker **out, struct err *err);
int virtio_worker_start(struct virtio_worker *worker, unsigned int index, struct err *err);
/* End the thread; watches may still be taken away. */
void virtio_worker_stop(struct virtio_worker *worker);
void virtio_worker_destroy(struct virtio_worker *worker);
void virtio_worker_hold(struct virtio_worker *worker);
void virtio_worker_release(struct virtio_worker *worker);
/* Someone waits for VQ's worker to stand. */
bool virtio_worker_wanted(const struct virtq *vq);
/* Listen to VQ's kicks, or leave them to someone else. */
int virtio_worker_listen(struct virtq *vq, bool on, struct err *err);

#endif
