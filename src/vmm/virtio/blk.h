/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk (virtio 1.2, section 5.2): a disk from an image file, a block device or an NBD server.
 */
#ifndef VITRINE_VMM_VIRTIO_BLK_H
#define VITRINE_VMM_VIRTIO_BLK_H

#include <stdatomic.h>

#include "vmm/block/block.h"
#include "vmm/virtio/virtio.h"

#define BLK_SERIAL_LEN 20 /* bytes; shorter ones are padded with zeroes */

/* What one queue has done; written by its worker, read by anyone. */
struct blk_counters {
	atomic_uint_fast64_t rd_ops, wr_ops, flush_ops, unmap_ops;
	atomic_uint_fast64_t rd_bytes, wr_bytes, unmap_bytes;
	atomic_uint_fast64_t rd_ns, wr_ns, flush_ns, unmap_ns;
	atomic_uint_fast64_t rd_failed, wr_failed, flush_failed, unmap_failed;
	atomic_uint_fast64_t invalid; /* refused without asking the image */
	atomic_uint_fast64_t in_flight;
};

/* The disk in numbers; INFO is valid once READY. Lives as long as its config. */
struct blk_stats {
	atomic_bool ready;
	struct block_info info;
	struct blk_counters queue[BLOCK_MAX_QUEUES];
};

struct blk_config {
	struct block_config image;
	char serial[BLK_SERIAL_LEN + 1];
	unsigned int nr_queues; /* 0: one for each processor, at most 4 */
	bool removable;		/* a CD-ROM, for who asks */
	struct blk_stats *stats;
};

/* Its plug's config is a struct blk_config. */
extern const struct virtio_ops virtio_blk_ops;

/* The sum of STATS' queues into OUT. Any thread. */
void blk_stats_sum(const struct blk_stats *stats, struct blk_counters *out);

/* --disk VAL and --cdrom VAL: fill a plug (ops, name, config; kept for good). -EINVAL. */
int blk_parse_disk(const char *val, struct pci_plug *plug, struct err *err);
int blk_parse_cdrom(const char *val, struct pci_plug *plug, struct err *err);
/* The disk that PLUG is, or NULL where it is something else. */
const struct blk_config *blk_of_plug(const struct pci_plug *plug);

#endif
