/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How memory is shared out between guests: a pure function. What the host and
 * the guests say goes in, a target and a reason for each guest come out; there
 * is no clock, no socket and no hidden state. All sizes are bytes.
 *
 * Memory is taken only while the host is under pressure, from guests that can
 * spare it, in small steps; it goes back when the pressure is over, and at once
 * to a guest that suffers. Nothing is concluded from statistics that are old.
 */
#ifndef VITRINE_BALLOON_POLICY_H
#define VITRINE_BALLOON_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_UNKNOWN	  UINT64_MAX /* a statistic that was not given */
#define POLICY_REASON_MAX 160
#define POLICY_WEIGHT	  100 /* of a guest that nobody weighed */
#define POLICY_WEIGHT_MAX 1000

enum policy_mode { POLICY_CALM, POLICY_PRESSURE, POLICY_CRITICAL };

/* Percentages are of the host's or the guest's memory; ticks are calls of policy_tick(). */
struct policy_config {
	unsigned int enter_pct;	   /* pressure begins where less than this is available */
	unsigned int leave_pct;	   /* and ends above this */
	unsigned int critical_pct; /* below this larger steps are taken */
	double enter_psi;	   /* pressure begins above this "some" average (percent, 10 s) */
	double leave_psi;	   /* and may end below this */
	double critical_psi;	   /* "full" average from which on it is critical */
	unsigned int step_pct;	   /* of a guest's size: the most that moves in a tick */
	unsigned int critical_step_pct;
	unsigned int return_pct;  /* what a guest in distress gets back at once */
	unsigned int reserve_pct; /* of its memory a guest keeps available */
	unsigned int low_pct;	  /* less available than this is distress */
	uint64_t reserve_min, low_min;
	uint64_t step_min;    /* smaller moves are not worth their noise */
	uint64_t stale_ns;    /* statistics older than this are not looked at */
	unsigned int stall;   /* ticks without progress after which a request is taken back */
	unsigned int backoff; /* ticks for which a guest is then left alone */
};

extern const struct policy_config policy_defaults;

struct policy_host {
	uint64_t total, available;
	double some, full; /* memory pressure, avg10 in percent; negative: not known */
};

struct policy_guest {
	const char *name;
	bool running;
	bool driver;		 /* a balloon driver is at work in it */
	uint64_t size;		 /* with an empty balloon */
	uint64_t floor;		 /* never less; 0: an eighth of its size */
	uint64_t ceiling;	 /* never more; 0: its size */
	unsigned int weight;	 /* 1..1000: how dear its memory is; 0: 100 */
	uint64_t actual, target; /* what it has and should have */
	uint64_t stats_age_ns;	 /* POLICY_UNKNOWN: none came yet */
	/* POLICY_UNKNOWN where the driver does not say. */
	uint64_t free, available, caches;
	/* Since the guest started. Major faults are those that waited for a disk: what was swapped
	 * out, and the refaults of dropped cache. */
	uint64_t swap_in, major_faults, oom_kills, alloc_stalls, direct_reclaim;
};

/* What is remembered of a guest from tick to tick; begins as all zero. */
struct policy_memory {
	bool seen;
	uint64_t actual, target; /* at the last tick */
	uint64_t swap_in, major_faults, oom_kills, alloc_stalls, direct_reclaim;
	unsigned int idle;  /* ticks without progress towards the target */
	unsigned int quiet; /* ticks for which nothing more is asked of it */
};

enum policy_action {
	POLICY_KEEP,
	POLICY_TAKE,   /* from a guest that can spare it */
	POLICY_GIVE,   /* back: the pressure is over, or a limit says so */
	POLICY_RETURN, /* at once: the guest is in distress */
	POLICY_CANCEL, /* a request that the guest does not follow */
};

struct policy_decision {
	enum policy_action action;
	uint64_t target; /* whole MiB unless it is a limit; the present one for KEEP */
	char reason[POLICY_REASON_MAX];
};

/*
 * One decision for each of the NR guests into OUT. MODE (begin with POLICY_CALM)
 * and MEM[i], the memory of GUEST[i], carry over to the next tick.
 */
void policy_tick(const struct policy_config *cfg, const struct policy_host *host,
		 const struct policy_guest *guest, size_t nr, enum policy_mode *mode,
		 struct policy_memory *mem, struct policy_decision *out);

/* What GUEST could spare now by its own statistics; 0 where they do not say. */
uint64_t policy_spare(const struct policy_config *cfg, const struct policy_guest *guest);
/* "calm", "pressure", "critical"; "keep", "take", ... */
const char *policy_mode_name(enum policy_mode mode);
const char *policy_action_name(enum policy_action action);

#endif
