/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue pair served by the host's kernel: /dev/vhost-net moves frames between the rings in guest
 * memory and a tap, and takes and gives notifications by eventfds. Linux documents it in
 * <linux/vhost.h>; the queues are those of virtio 1.2, section 2.7.
 */
#ifndef VITRINE_NET_VHOST_H
#define VITRINE_NET_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/mem.h"
#include "vmm/virtio/virtio.h"

#define VHOST_NR_RINGS 2 /* receive, send */

/* The kernel's side, for tests to stand in: results as open(2) and ioctl(2) have them. */
struct vhost_sys {
	int (*open)(const char *path);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	void (*close)(int fd);
};

extern const struct vhost_sys vhost_host;

struct vhost;

struct vhost_setup {
	uint64_t features; /* of rings and headers, as negotiated; vhost_suits() them */
	struct virtio_vring ring[VHOST_NR_RINGS];
	int call_fd[VHOST_NR_RINGS]; /* signalled for an interrupt */
	int err_fd;		     /* signalled for a ring that makes no sense */
	int tap_fd;
};

/* Open it for this process and MEM's RAM (which outlives it). -errno: there is none for us. */
int vhost_open(const struct vhost_sys *sys, struct mem *mem, struct vhost **out, struct err *err);
void vhost_close(struct vhost *vh);
/* Whether it knows all of FEATURES. */
bool vhost_suits(const struct vhost *vh, uint64_t features);
/*
 * Take the rings over; nothing moves before vhost_run(). Its writes are noted (mem_dirty()) at
 * vhost_stop() if MEM tracks changes now. On failure the rings are as they were.
 */
int vhost_start(struct vhost *vh, const struct vhost_setup *setup, struct err *err);
/* Let it work, or have it stand: when this returns nothing touches guest memory any more. */
int vhost_run(struct vhost *vh, bool on, struct err *err);
/* Signal FD for RING's interrupts from now on. */
int vhost_set_call(struct vhost *vh, unsigned int ring, int fd, struct err *err);
/* It stands, and NEXT[] is the index of the next chain of each ring that was not taken. */
void vhost_stop(struct vhost *vh, uint16_t next[VHOST_NR_RINGS]);

#endif
