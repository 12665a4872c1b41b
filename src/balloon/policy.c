/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How memory is shared out between guests: see policy.h. A tick has two halves:
 * first each guest by itself (limits, distress, stalls, statistics too old),
 * then what the host needs or can spare is divided among those that are left.
 */
#include "balloon/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define POLICY_MIB	 (1ull << 20)
#define POLICY_ROUNDS	 4  /* what one guest cannot give is asked of the others, so often */
#define POLICY_PSI_ROOM	 50 /* pressure counts only where less than this percentage is available */
#define POLICY_NEED_GAIN 4  /* how much sooner a guest in need gets memory back */

const struct policy_config policy_defaults = {
	.enter_pct = 15,
	.leave_pct = 25,
	.critical_pct = 5,
	.enter_psi = 10,
	.leave_psi = 2,
	.critical_psi = 10,
	.step_pct = 5,
	.critical_step_pct = 15,
	.return_pct = 25,
	.reserve_pct = 20,
	.low_pct = 5,
	.reserve_min = 32 * POLICY_MIB,
	.low_min = 16 * POLICY_MIB,
	.step_min = 2 * POLICY_MIB,
	.stale_ns = 10000000000ull,
	.stall = 3,
	.backoff = 6,
};

/* The tick's own notes of a guest. */
enum policy_open { POLICY_CLOSED, POLICY_OPEN };

static uint64_t policy_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t policy_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t policy_sub(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t policy_pct(uint64_t of, unsigned int pct)
{
	return of / 100 * pct;
}

static uint64_t policy_ceiling(const struct policy_guest *guest)
{
	return guest->ceiling ? policy_min(guest->ceiling, guest->size) : guest->size;
}

static uint64_t policy_floor(const struct policy_guest *guest)
{
	return policy_min(guest->floor ? guest->floor : guest->size / 8, policy_ceiling(guest));
}

static unsigned int policy_weight(const struct policy_guest *guest)
{
	if (!guest->weight)
		return POLICY_WEIGHT;
	return guest->weight > POLICY_WEIGHT_MAX ? POLICY_WEIGHT_MAX : guest->weight;
}

/* What it says is available; old drivers only know what is free. */
static uint64_t policy_available(const struct policy_guest *guest)
{
	return guest->available != POLICY_UNKNOWN ? guest->available : guest->free;
}

static uint64_t policy_reserve(const struct policy_config *cfg, const struct policy_guest *guest)
{
	return policy_max(policy_pct(guest->actual, cfg->reserve_pct), cfg->reserve_min);
}

/* Half of the cache counts as used: taking all of it would be paid for in refaults. */
uint64_t policy_spare(const struct policy_config *cfg, const struct policy_guest *guest)
{
	uint64_t avail = policy_available(guest);
	uint64_t caches = guest->caches != POLICY_UNKNOWN ? guest->caches : 0;

	if (avail == POLICY_UNKNOWN)
		return 0;
	return policy_sub(avail, policy_min(caches, avail) / 2 + policy_reserve(cfg, guest));
}

static void __attribute__((format(printf, 4, 5)))
policy_say(struct policy_decision *out, enum policy_action action, uint64_t target, const char *fmt,
	   ...)
{
	va_list ap;

	out->action = action;
	out->target = target;
	va_start(ap, fmt);
	vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
	va_end(ap);
}

static uint64_t policy_gain(uint64_t now, uint64_t before)
{
	if (now == POLICY_UNKNOWN || before == POLICY_UNKNOWN)
		return 0;
	return policy_sub(now, before); /* less than before: the guest was started again */
}

/* --- the host's state, with hysteresis --- */

static bool policy_psi_counts(const struct policy_host *host)
{
	return host->available < policy_pct(host->total, POLICY_PSI_ROOM);
}

static enum policy_mode policy_host_mode(const struct policy_config *cfg,
					 const struct policy_host *host, enum policy_mode mode)
{
	bool psi = policy_psi_counts(host);

	if (host->available < policy_pct(host->total, cfg->critical_pct) ||
	    (psi && host->full > cfg->critical_psi))
		return POLICY_CRITICAL;
	if (host->available < policy_pct(host->total, cfg->enter_pct) ||
	    (psi && host->some > cfg->enter_psi))
		return POLICY_PRESSURE;
	if (mode == POLICY_CALM)
		return POLICY_CALM;
	if (host->available > policy_pct(host->total, cfg->leave_pct) &&
	    (!psi || host->some < cfg->leave_psi))
		return POLICY_CALM;
	return POLICY_PRESSURE;
}

/* --- a guest by itself --- */

/* NULL, or why its word cannot be taken. */
static const char *policy_unfit(const struct policy_config *cfg, const struct policy_guest *guest,
				char *text, size_t len)
{
	if (!guest->running)
		return "does not run";
	if (!guest->driver)
		return "has no balloon driver";
	if (guest->stats_age_ns == POLICY_UNKNOWN)
		return "gives no statistics";
	if (guest->stats_age_ns > cfg->stale_ns) {
		snprintf(text, len, "statistics are %llu s old",
			 (unsigned long long)(guest->stats_age_ns / 1000000000));
		return text;
	}
	return policy_available(guest) == POLICY_UNKNOWN ? "does not say what is available" : NULL;
}

/* NULL, or what it suffers from. */
static const char *policy_distress(const struct policy_config *cfg,
				   const struct policy_guest *guest,
				   const struct policy_memory *mem)
{
	uint64_t avail = policy_available(guest);

	if (avail < policy_max(policy_pct(guest->actual, cfg->low_pct), cfg->low_min))
		return "has next to nothing available";
	if (!mem->seen)
		return NULL;
	if (policy_gain(guest->oom_kills, mem->oom_kills))
		return "killed a process for want of memory";
	if (avail >= policy_reserve(cfg, guest))
		return NULL;
	if (policy_gain(guest->alloc_stalls, mem->alloc_stalls))
		return "waits for memory";
	if (policy_gain(guest->direct_reclaim, mem->direct_reclaim))
		return "reclaims memory while its programs wait";
	if (policy_gain(guest->swap_in, mem->swap_in))
		return "swaps in";
	return policy_gain(guest->major_faults, mem->major_faults) > 64 ? "reads back what it "
									  "dropped"
									: NULL;
}

static void policy_return(const struct policy_config *cfg, const struct policy_host *host,
			  const struct policy_guest *guest, struct policy_memory *mem,
			  const char *why, struct policy_decision *out)
{
	uint64_t base = policy_max(guest->target, guest->actual), ceiling = policy_ceiling(guest);
	uint64_t step = policy_min(policy_pct(guest->size, cfg->return_pct), host->available / 2);
	uint64_t target = policy_min(base + step / POLICY_MIB * POLICY_MIB, ceiling);
	char text[16];

	mem->quiet = cfg->backoff;
	if (guest->target >= ceiling)
		policy_say(out, POLICY_KEEP, guest->target, "%s, but has all there is for it", why);
	else if (target <= guest->target)
		policy_say(out, POLICY_KEEP, guest->target, "%s, but the host has nothing to give",
			   why);
	else
		policy_say(out, POLICY_RETURN, target, "%s: %s back at once", why,
			   parse_size_text(target - guest->target, text));
}

/* Whether the guest comes nearer to what was asked of it. */
static void policy_progress(const struct policy_guest *guest, struct policy_memory *mem)
{
	uint64_t was = guest->target > mem->actual ? guest->target - mem->actual
						   : mem->actual - guest->target;
	uint64_t is = guest->target > guest->actual ? guest->target - guest->actual
						    : guest->actual - guest->target;

	if (!mem->seen || mem->target != guest->target || is < was || is < POLICY_MIB)
		mem->idle = 0;
	else
		mem->idle++;
}

/* Limits, stalls and requests under way. True if OUT is the answer. */
static bool policy_alone(const struct policy_config *cfg, const struct policy_guest *guest,
			 struct policy_memory *mem, struct policy_decision *out)
{
	char text[16];

	if (guest->target < policy_floor(guest)) {
		policy_say(out, POLICY_GIVE, policy_floor(guest), "is below its floor of %s",
			   parse_size_text(policy_floor(guest), text));
		return true;
	}
	if (guest->target > policy_ceiling(guest)) {
		policy_say(out, POLICY_TAKE, policy_ceiling(guest), "is above its ceiling of %s",
			   parse_size_text(policy_ceiling(guest), text));
		return true;
	}
	if (guest->actual <= guest->target + POLICY_MIB)
		return false;
	if (mem->idle < cfg->stall) {
		policy_say(out, POLICY_KEEP, guest->target, "still gives back %s",
			   parse_size_text(guest->actual - guest->target, text));
		return true;
	}
	mem->quiet = cfg->backoff;
	mem->idle = 0;
	policy_say(out, POLICY_CANCEL, policy_min(guest->actual, policy_ceiling(guest)),
		   "made no progress for %u rounds: left alone for %u", cfg->stall, cfg->backoff);
	return true;
}

static void policy_remember(const struct policy_guest *guest, struct policy_memory *mem)
{
	mem->seen = true;
	mem->actual = guest->actual;
	mem->swap_in = guest->swap_in;
	mem->major_faults = guest->major_faults;
	mem->oom_kills = guest->oom_kills;
	mem->alloc_stalls = guest->alloc_stalls;
	mem->direct_reclaim = guest->direct_reclaim;
}

/* POLICY_OPEN: nothing speaks against moving its memory as the host needs it. */
static enum policy_open policy_guest_first(const struct policy_config *cfg,
					   const struct policy_host *host,
					   const struct policy_guest *guest,
					   struct policy_memory *mem, struct policy_decision *out)
{
	char text[64];
	const char *why = policy_unfit(cfg, guest, text, sizeof(text));

	if (why) {
		policy_say(out, POLICY_KEEP, guest->target, "%s", why);
		return POLICY_CLOSED;
	}
	policy_progress(guest, mem);
	why = policy_distress(cfg, guest, mem);
	policy_remember(guest, mem);
	if (why) {
		policy_return(cfg, host, guest, mem, why, out);
		return POLICY_CLOSED;
	}
	if (policy_alone(cfg, guest, mem, out))
		return POLICY_CLOSED;
	policy_say(out, POLICY_KEEP, guest->target, "is as it should be");
	return POLICY_OPEN;
}

/* --- the guests together --- */

/* One guest's part in a tick's division. */
struct policy_part {
	uint64_t limit; /* the most that may move; 0: none of it */
	uint64_t moved;
	double key; /* shares are as these */
};

static double policy_keys(const struct policy_part *part, size_t nr)
{
	double keys = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (part[i].moved < part[i].limit)
			keys += part[i].key;
	}
	return keys;
}

/*
 * Divide WANT over the parts by their keys, none above its limit and none so
 * small that it would not be worth it: with many guests the last get nothing.
 */
static void policy_divide(struct policy_part *part, size_t nr, uint64_t want, uint64_t least)
{
	uint64_t left = want, share;
	double keys;
	size_t i;
	int round;

	for (round = 0; round < POLICY_ROUNDS && left; round++, want = left) {
		keys = policy_keys(part, nr);
		for (i = 0; i < nr && keys > 0; i++) {
			if (part[i].moved >= part[i].limit)
				continue;
			share = (uint64_t)((double)want * (part[i].key / keys));
			share = policy_max(share, part[i].moved ? 0 : least);
			share = policy_min(policy_min(share, left), part[i].limit - part[i].moved);
			part[i].moved += share;
			left -= share;
		}
	}
}

static uint64_t policy_step(const struct policy_config *cfg, const struct policy_guest *guest,
			    enum policy_mode mode)
{
	return policy_pct(guest->size,
			  mode == POLICY_CRITICAL ? cfg->critical_step_pct : cfg->step_pct);
}

static void policy_take_part(const struct policy_config *cfg, const struct policy_guest *guest,
			     enum policy_mode mode, struct policy_part *part)
{
	uint64_t room = policy_sub(guest->target, policy_floor(guest));

	part->limit = policy_min(policy_spare(cfg, guest),
				 policy_min(room, policy_step(cfg, guest, mode)));
	if (part->limit < cfg->step_min)
		part->limit = 0;
	part->key = (double)part->limit / policy_weight(guest);
}

static void policy_give_part(const struct policy_config *cfg, const struct policy_guest *guest,
			     struct policy_part *part)
{
	uint64_t room = policy_sub(policy_ceiling(guest), guest->target);
	bool needs = policy_available(guest) < policy_reserve(cfg, guest);

	/* One that has not yet taken what it was given gets no more. */
	if (guest->target > guest->actual + policy_step(cfg, guest, POLICY_CALM))
		room = 0;
	part->limit = policy_min(room, policy_step(cfg, guest, POLICY_CALM));
	part->key = (double)part->limit * policy_weight(guest) * (needs ? POLICY_NEED_GAIN : 1);
}

static void policy_taken(const struct policy_config *cfg, const struct policy_host *host,
			 const struct policy_guest *guest, const struct policy_part *part,
			 struct policy_decision *out)
{
	uint64_t amount = part->moved / POLICY_MIB * POLICY_MIB;
	char have[16], spare[16], take[16];

	parse_size_text(host->available, have);
	parse_size_text(policy_spare(cfg, guest), spare);
	if (!part->limit)
		policy_say(out, POLICY_KEEP, guest->target, "host has %s, it can spare nothing",
			   have);
	else if (amount < cfg->step_min)
		policy_say(out, POLICY_KEEP, guest->target, "host has %s, others give enough",
			   have);
	else
		policy_say(out, POLICY_TAKE, guest->target - amount,
			   "host has %s (some %.1f), it can spare %s: gives %s", have,
			   host->some < 0 ? 0 : host->some, spare, parse_size_text(amount, take));
}

static void policy_given(const struct policy_config *cfg, const struct policy_host *host,
			 const struct policy_guest *guest, const struct policy_part *part,
			 struct policy_decision *out)
{
	uint64_t room = policy_sub(policy_ceiling(guest), guest->target);
	uint64_t amount = part->moved / POLICY_MIB * POLICY_MIB;
	char have[16], back[16];

	if (!room)
		return;
	if (room < cfg->step_min && part->moved == room)
		amount = room; /* the rest of it */
	else if (amount < cfg->step_min)
		amount = 0;
	parse_size_text(host->available, have);
	if (amount)
		policy_say(out, POLICY_GIVE, guest->target + amount, "host has %s: %s back", have,
			   parse_size_text(amount, back));
	else
		policy_say(out, POLICY_KEEP, guest->target, "host has %s, not enough to give back",
			   have);
}

/* Free at least as much as brings the host back to where pressure ends. */
static uint64_t policy_want(const struct policy_config *cfg, const struct policy_host *host)
{
	uint64_t line = policy_pct(host->total, cfg->leave_pct);

	return policy_max(policy_sub(line, host->available), policy_pct(host->total, 1));
}

/* Half of what is above the line, so that giving back cannot bring the pressure back. */
static uint64_t policy_surplus(const struct policy_config *cfg, const struct policy_host *host)
{
	return policy_sub(host->available, policy_pct(host->total, cfg->leave_pct)) / 2;
}

static void policy_together(const struct policy_config *cfg, const struct policy_host *host,
			    const struct policy_guest *const *guest, struct policy_part *part,
			    struct policy_decision *const *out, size_t nr, enum policy_mode mode)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (mode == POLICY_CALM)
			policy_give_part(cfg, guest[i], &part[i]);
		else
			policy_take_part(cfg, guest[i], mode, &part[i]);
	}
	policy_divide(part, nr,
		      mode == POLICY_CALM ? policy_surplus(cfg, host) : policy_want(cfg, host),
		      cfg->step_min);
	for (i = 0; i < nr; i++) {
		if (mode == POLICY_CALM)
			policy_given(cfg, host, guest[i], &part[i], out[i]);
		else
			policy_taken(cfg, host, guest[i], &part[i], out[i]);
	}
}

/* Guests are looked at in portions, so that no memory is needed; a fleet is seldom larger. */
#define POLICY_PORTION 256

void policy_tick(const struct policy_config *cfg, const struct policy_host *host,
		 const struct policy_guest *guest, size_t nr, enum policy_mode *mode,
		 struct policy_memory *mem, struct policy_decision *out)
{
	const struct policy_guest *open_guest[POLICY_PORTION];
	struct policy_decision *open_out[POLICY_PORTION];
	struct policy_part part[POLICY_PORTION];
	size_t i, nr_open = 0;
	bool quiet;

	*mode = policy_host_mode(cfg, host, *mode);
	for (i = 0; i < nr; i++) {
		quiet = mem[i].quiet > 0;
		mem[i].quiet -= quiet;
		if (policy_guest_first(cfg, host, &guest[i], &mem[i], &out[i]) == POLICY_CLOSED)
			continue;
		if (quiet && *mode != POLICY_CALM) {
			policy_say(&out[i], POLICY_KEEP, guest[i].target,
				   "is left alone for %u more rounds", mem[i].quiet);
			continue;
		}
		if (nr_open == POLICY_PORTION)
			continue; /* its turn comes when others are as they should be */
		memset(&part[nr_open], 0, sizeof(part[nr_open]));
		open_guest[nr_open] = &guest[i];
		open_out[nr_open++] = &out[i];
	}
	policy_together(cfg, host, open_guest, part, open_out, nr_open, *mode);
	for (i = 0; i < nr; i++)
		mem[i].target = out[i].target;
}

const char *policy_mode_name(enum policy_mode mode)
{
	static const char *const names[] = { "calm", "pressure", "critical" };

	return names[mode];
}

const char *policy_action_name(enum policy_action action)
{
	static const char *const names[] = { "keep", "take", "give", "return", "cancel" };

	return names[action];
}
