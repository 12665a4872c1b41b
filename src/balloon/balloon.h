/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio memory balloon (virtio 1.2, section 5.5): what the guest gives is
 * the host's at once. All that a guest can say is checked; one that does not
 * cooperate is seen and waits for nobody.
 */
#ifndef VITRINE_BALLOON_BALLOON_H
#define VITRINE_BALLOON_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "balloon/pages.h"
#include "balloon/stats.h"
#include "base/err.h"
#include "vmm/pci.h"
#include "vmm/virtio/virtio.h"

#define BALLOON_NAME		 "balloon"
#define BALLOON_STATS_INTERVAL_S 2
#define BALLOON_INTERVAL_MAX_S	 86400

struct balloon;

/* What `--balloon` says; outlives the machine. */
struct balloon_config {
	uint64_t target;	  /* bytes for the guest at the start; 0: all */
	uint64_t floor, ceiling;  /* limits for `vitrine balance`; 0: as usual */
	unsigned int weight;	  /* 0: as usual */
	unsigned int stats_s;	  /* seconds between statistics; 0: none */
	bool no_oom;		  /* do not offer to deflate when the guest runs out */
	bool reporting;		  /* offer free page reporting */
	struct balloon *instance; /* the device, while there is one */
};

/* How a balloon is; sizes in bytes, times CLOCK_MONOTONIC. */
struct balloon_info {
	bool driver; /* one is at work */
	uint64_t features;
	uint64_t size, actual, target;
	uint64_t floor, ceiling;
	unsigned int weight, stats_s;
	uint64_t asked_ns;	/* when the target was last set; 0: never */
	uint64_t moved_ns;	/* when ACTUAL last changed; 0: never */
	int64_t rate;		/* bytes a second, negative while the guest gives; 0: stands */
	bool stalled;		/* a request is open and nothing moves */
	unsigned int stalls;	/* so often */
	uint64_t stats_ns;	/* when the statistics came; 0: never */
	uint64_t round_trip_ns; /* from asking for them until they came; 0: not known */
	struct stats stats;
	uint64_t resident; /* bytes of RAM that the host holds */
	uint64_t reported; /* bytes that came by free page reporting */
	uint64_t hinted;   /* bytes of the last round of free page hints */
	uint32_t poison;   /* what the guest fills free pages with; 0: nothing known */
	struct pages_counts counts;
};

extern const struct virtio_ops balloon_ops;

/* The value of --balloon: [SIZE][,floor=SIZE][,ceiling=SIZE][,weight=N][,stats=SECONDS]
 * [,oom=on|off][,reporting=on|off]. A run_plug_fn; NULL: all as usual. */
int balloon_plug_parse(const char *val, struct pci_plug *plug, struct err *err);
/* The balloon among PLUG[0..NR), NULL if there is none or it has not been started. */
struct balloon *balloon_find(const struct pci_plug *plug, unsigned int nr);

/* Any thread. */
void balloon_get(struct balloon *bal, struct balloon_info *out);
/* Ask the guest to make do with SIZE bytes: rounded to pages, at most all and at least 1 MiB. */
void balloon_set_target(struct balloon *bal, uint64_t size);
void balloon_set_limits(struct balloon *bal, uint64_t floor, uint64_t ceiling, unsigned int weight);
/* Ask for statistics every SECONDS; 0: no more. */
void balloon_set_interval(struct balloon *bal, unsigned int seconds);
/* Ask the guest which of its pages are free; the answer is info.hinted. -ENOTSUP, -EBUSY. */
int balloon_hint(struct balloon *bal, struct err *err);
/* FN(CTX) on the main loop's thread when ACTUAL has changed, a few times a second at most. [main]
 */
void balloon_listen(struct balloon *bal, void (*fn)(void *ctx), void *ctx);

#endif
