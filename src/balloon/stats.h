/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest says of its memory (virtio 1.2, 5.5.6.3): tags and values as its driver sends them.
 */
#ifndef VITRINE_BALLOON_STATS_H
#define VITRINE_BALLOON_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Tags as in the specification and in Linux up to 6.12. */
enum stats_tag {
	STATS_SWAP_IN,
	STATS_SWAP_OUT,
	STATS_MAJOR_FAULTS,
	STATS_MINOR_FAULTS,
	STATS_FREE,
	STATS_TOTAL,
	STATS_AVAILABLE,
	STATS_CACHES,
	STATS_HTLB_ALLOC,
	STATS_HTLB_FAIL,
	STATS_OOM_KILLS,
	STATS_ALLOC_STALLS,
	STATS_ASYNC_SCANS,
	STATS_DIRECT_SCANS,
	STATS_ASYNC_RECLAIMS,
	STATS_DIRECT_RECLAIMS,
	STATS_NR,
};

#define STATS_UNKNOWN	UINT64_MAX
#define STATS_ENTRY_LEN 10 /* le16 tag, le64 value, nothing between */
#define STATS_MAX_LEN	(64 * STATS_ENTRY_LEN)

/* By tag; STATS_UNKNOWN where the driver says nothing. */
struct stats {
	uint64_t value[STATS_NR];
	unsigned int nr_foreign; /* entries with a tag that is not known here */
};

/* DATA as the driver wrote it; what follows the last whole entry is ignored. */
void stats_parse(const uint8_t *data, size_t len, struct stats *out);
/* "stat-free-memory": the name QMP uses, which is QEMU's. */
const char *stats_name(enum stats_tag tag);
/* Bytes rather than a count of events. */
int stats_is_bytes(enum stats_tag tag);

#endif
