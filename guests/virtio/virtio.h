/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio driver's lower half (virtio 1.2): a device over either face of virtio-pci, and its
 * queues, polled. The order of calls is that of section 3.1.1:
 *
 *	virtio_open -> virtio_features -> virtio_queue for each -> virtio_go
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_NET   1
#define VIRTIO_BLOCK 2
#define VIRTIO_RNG   4

#define VIRTIO_F_VERSION_1 (1ull << 32)

enum virtio_face { VIRTIO_LEGACY, VIRTIO_MODERN };

struct virtio {
	unsigned int slot, type;
	enum virtio_face face;
	uint16_t port;		  /* legacy: everything is here */
	volatile uint8_t *common; /* modern: four places, found by their capabilities */
	volatile uint8_t *notify, *config;
	uint32_t notify_step;
	uint64_t features; /* agreed on */
};

/* Section 2.7: descriptors, what the driver offers, what the device has used. */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_avail {
	uint16_t flags, idx, ring[];
};

struct virtq_used_elem {
	uint32_t id, len;
};

struct virtq_used {
	uint16_t flags, idx;
	struct virtq_used_elem ring[];
};

struct virtq {
	struct virtio *dev;
	uint16_t index, size;
	struct virtq_desc *desc;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	uint16_t next_desc, last_used;
	volatile uint16_t *notify; /* modern */
};

struct virtq_buf {
	void *data; /* in the kernel's image: its physical address is known */
	uint32_t len;
	bool device_writes;
};

/* What the function in SLOT is: a VIRTIO_* type, or 0. */
unsigned int virtio_type(unsigned int slot);
/* Take the device in SLOT by FACE and reset it; false if it has no such face. */
bool virtio_open(struct virtio *dev, unsigned int slot, enum virtio_face face);
/* Accept those features among WANTED that are on offer; false if the device says no. */
bool virtio_features(struct virtio *dev, uint64_t wanted);
/* Set queue INDEX up; false if there is none. */
bool virtio_queue(struct virtio *dev, unsigned int index, struct virtq *vq);
void virtio_go(struct virtio *dev);
void virtio_close(struct virtio *dev);
/* SIZE (1, 2 or 4) bytes of the device's own configuration. */
uint32_t virtio_config(struct virtio *dev, unsigned int off, unsigned int size);

/* Offer NR buffers as one chain, those the device writes last, and tell the device. */
void virtq_offer(struct virtq *vq, const struct virtq_buf *buf, unsigned int nr);
/* Wait until a chain comes back: bytes written into it, or -1 when it takes too long. */
long virtq_wait(struct virtq *vq);

#endif
