/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device (virtio 1.2, section 2) without its transport. A device is a
 * table of functions; virtio-pci.c gives it a PCI function with the modern and
 * the transitional face, its queues, interrupts and worker threads.
 */
#ifndef VITRINE_VMM_VIRTIO_VIRTIO_H
#define VITRINE_VMM_VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/device.h"
#include "vmm/pci.h"
#include "vmm/virtio/virtq.h"

#define VIRTIO_MAX_QUEUES 64

#define VIRTIO_ID_NET	  1
#define VIRTIO_ID_BLOCK	  2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_ENTROPY 4
#define VIRTIO_ID_BALLOON 5

/* Feature bits of the transport and the queues: offered by the core, not by devices. */
#define VIRTIO_F_NOTIFY_ON_EMPTY (1ull << 24)
#define VIRTIO_F_ANY_LAYOUT	 (1ull << 27)
#define VIRTIO_F_INDIRECT_DESC	 (1ull << 28)
#define VIRTIO_F_EVENT_IDX	 (1ull << 29)
#define VIRTIO_F_VERSION_1	 (1ull << 32)
#define VIRTIO_F_RING_RESET	 (1ull << 40)

struct virtio;

/*
 * Threads. init, exit, describe, save, load: main loop. config_*, features, negotiated: a vCPU's,
 * one at a time. queue and reset: see virtio_worker. reset() is called with the device's workers
 * held: when it returns, nothing of this device touches guest memory or a virtq any more; requests
 * in flight in the kernel have been waited for or cancelled.
 */
struct virtio_ops {
	const char *name; /* "virtio-blk" */
	uint16_t id;	  /* VIRTIO_ID_* */
	uint32_t class_code;
	/* CONFIG is the plug's. Call virtio_queues() here. Where it fails with *STATE set, exit
	 * follows. */
	int (*init)(const struct dev_env *env, struct virtio *vdev, const void *config,
		    void **state, struct err *err);
	void (*exit)(void *state);
	void (*reset)(void *state);
	/* Device-specific feature bits on offer. */
	uint64_t (*features)(void *state);
	/* The driver has accepted FEATURES (FEATURES_OK, or the legacy DRIVER_OK). */
	void (*negotiated)(void *state, uint64_t features);
	/* DRIVER_OK was set: queues may be used from now on. May be NULL. */
	void (*started)(void *state);
	/* Device configuration space, SIZE 1, 2, 4 or 8 bytes at OFF, little endian; outside of it
	 * reads are zero. Writes may be NULL. */
	uint64_t (*config_read)(void *state, uint32_t off, uint32_t size);
	void (*config_write)(void *state, uint32_t off, uint32_t size, uint64_t val);
	/* The driver kicked QUEUE (or it has become usable). In its worker thread. */
	void (*queue)(void *state, unsigned int queue);
	void (*describe)(void *state, struct dev_rows *rows);
	void (*save)(void *state, struct buf *out);
	int (*load)(void *state, struct dev_state_in *in, struct err *err);
	/* Around a snapshot, with the workers held: wait for requests in flight in the kernel (ON).
	 * May be NULL. */
	void (*hold)(void *state, bool on);
	/* The guest stands (ON) or goes on: what works without a worker shall, too. Main loop. May
	 * be NULL. */
	void (*pause)(void *state, bool on);
	/* virtio_vring_call() or virtio_master() may say something else now. A vCPU's, as config_*,
	 * or the main loop's with the workers held. May be NULL. */
	void (*irqs_changed)(void *state);
};

/* A plug's config for virtio_pci_ops. */
struct virtio_plug {
	const struct virtio_ops *ops;
	const void *config;
};

/* The PCI function every virtio device is. */
extern const struct pci_ops virtio_pci_ops;

/* NR queues of at most SIZE descriptors (a power of two up to VIRTQ_MAX_SIZE). In init. */
int virtio_queues(struct virtio *vdev, unsigned int nr, unsigned int size, struct err *err);
struct virtq *virtio_queue(struct virtio *vdev, unsigned int index);
/* Negotiated features include all of BITS. Any thread. */
bool virtio_has(const struct virtio *vdev, uint64_t bits);
/* DRIVER_OK is set and the device does not need a reset. Any thread. */
bool virtio_running(const struct virtio *vdev);
/* The function is a bus master, so the device may touch guest memory; kicks without it do nothing
 * anyway. Any thread. */
bool virtio_master(const struct virtio *vdev);
/* Bump the configuration generation and interrupt the driver. Any thread. */
void virtio_config_changed(struct virtio *vdev);
/* Nonsense came from the driver: NEEDS_RESET, configuration interrupt, the reason on the device's
 * rows and in the log, once. Any thread. */
void virtio_broken(struct virtio *vdev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *virtio_name(const struct virtio *vdev);

/*
 * Worker threads. A device has one for all its queues unless it makes more. In a worker run, one
 * at a time: ops->queue of its queues, and the functions of descriptors watched there. All of a
 * device's workers stand while reset, save and load run (and while the machine is stopped for a
 * snapshot).
 */
struct virtio_worker;
struct virtio_worker *virtio_worker(struct virtio *vdev, unsigned int index);
/* NR workers instead of one (at most 16); queue Q is served by worker MAP(Q). In init. */
int virtio_workers(struct virtio *vdev, unsigned int nr, unsigned int (*map)(unsigned int queue),
		   struct err *err);
/* Call FN(ARG, epoll EVENTS) in the worker when FD is ready; events 0 stops watching it. */
int virtio_watch(struct virtio_worker *worker, int fd, uint32_t events,
		 void (*fn)(void *arg, uint32_t events), void *arg, struct err *err);
/* Run ops->queue(QUEUE) in its worker soon, as if kicked. Any thread. */
void virtio_kick(struct virtio *vdev, unsigned int queue);
/* Keep the workers out until virtio_release(); it does not nest. Never in a worker. */
void virtio_hold(struct virtio *vdev);
void virtio_release(struct virtio *vdev);

/* A queue for someone else to serve (vhost): where its rings are, the eventfd that kicks signal. */
struct virtio_vring {
	unsigned int size;
	uint16_t next; /* index of the first available chain that was not taken yet */
	void *desc_hva, *avail_hva, *used_hva;
	int kick_fd;
};
/*
 * The worker leaves queue INDEX alone from here on, until virtio_vring_put() or a reset. With the
 * workers held. -EINVAL: it is not enabled; -EBUSY: chains are out.
 */
int virtio_vring_get(struct virtio *vdev, unsigned int index, struct virtio_vring *out);
/* The worker's again: NEXT as above; the used ring's own index counts. With the workers held. */
void virtio_vring_put(struct virtio *vdev, unsigned int index, uint16_t next);
/* The eventfd that interrupts for queue INDEX without our help, or -1 as long as there is none
 * (ops->irqs_changed tells): then virtio_vring_interrupt() does. Any thread. */
int virtio_vring_call(struct virtio *vdev, unsigned int index);
void virtio_vring_interrupt(struct virtio *vdev, unsigned int index);

#endif
