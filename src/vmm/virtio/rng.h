/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entropy device (virtio 1.2, section 5.4): the host's random numbers. Its plug needs no config. */
#ifndef VITRINE_VMM_VIRTIO_RNG_H
#define VITRINE_VMM_VIRTIO_RNG_H

#include "vmm/virtio/virtio.h"

extern const struct virtio_ops virtio_rng_ops;

#endif
