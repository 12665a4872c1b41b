/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest says of its memory: see stats.h. */
#include "balloon/stats.h"

static const char *const stats_names[STATS_NR] = {
	[STATS_SWAP_IN] = "stat-swap-in",
	[STATS_SWAP_OUT] = "stat-swap-out",
	[STATS_MAJOR_FAULTS] = "stat-major-faults",
	[STATS_MINOR_FAULTS] = "stat-minor-faults",
	[STATS_FREE] = "stat-free-memory",
	[STATS_TOTAL] = "stat-total-memory",
	[STATS_AVAILABLE] = "stat-available-memory",
	[STATS_CACHES] = "stat-disk-caches",
	[STATS_HTLB_ALLOC] = "stat-htlb-pgalloc",
	[STATS_HTLB_FAIL] = "stat-htlb-pgfail",
	[STATS_OOM_KILLS] = "stat-oom-kills",
	[STATS_ALLOC_STALLS] = "stat-alloc-stalls",
	[STATS_ASYNC_SCANS] = "stat-async-scans",
	[STATS_DIRECT_SCANS] = "stat-direct-scans",
	[STATS_ASYNC_RECLAIMS] = "stat-async-reclaims",
	[STATS_DIRECT_RECLAIMS] = "stat-direct-reclaims",
};

void stats_parse(const uint8_t *data, size_t len, struct stats *out)
{
	uint64_t value;
	size_t at;
	unsigned int tag;
	int i;

	for (i = 0; i < STATS_NR; i++)
		out->value[i] = STATS_UNKNOWN;
	out->nr_foreign = 0;
	for (at = 0; at + STATS_ENTRY_LEN <= len; at += STATS_ENTRY_LEN) {
		tag = data[at] | (unsigned int)data[at + 1] << 8;
		for (value = 0, i = 9; i >= 2; i--)
			value = value << 8 | data[at + (size_t)i];
		if (tag < STATS_NR)
			out->value[tag] = value;
		else
			out->nr_foreign++;
	}
}

const char *stats_name(enum stats_tag tag)
{
	return stats_names[tag];
}

int stats_is_bytes(enum stats_tag tag)
{
	return tag == STATS_SWAP_IN || tag == STATS_SWAP_OUT ||
	       (tag >= STATS_FREE && tag <= STATS_CACHES);
}
