/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory policy: each rule by itself, then a small world that it has to keep alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "balloon/policy.h"

#define MIB	 (1ull << 20)
#define TEST_MAX 300

struct world {
	struct policy_config cfg;
	struct policy_host host;
	struct policy_guest guest[TEST_MAX];
	struct policy_memory mem[TEST_MAX];
	struct policy_decision dec[TEST_MAX];
	enum policy_mode mode;
	size_t nr;
};

/* A host of 1000 MiB and NR guests of 500 MiB with little to do. */
static void world_init(struct world *w, size_t nr)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	w->cfg = policy_defaults;
	w->host = (struct policy_host){ .total = 1000 * MIB, .available = 500 * MIB };
	w->nr = nr;
	for (i = 0; i < nr; i++)
		w->guest[i] = (struct policy_guest){
			.name = "guest",
			.running = true,
			.driver = true,
			.size = 500 * MIB,
			.actual = 500 * MIB,
			.target = 500 * MIB,
			.stats_age_ns = 1000000000,
			.free = 350 * MIB,
			.available = 400 * MIB,
			.caches = 100 * MIB,
			.alloc_stalls = POLICY_UNKNOWN,
			.direct_reclaim = POLICY_UNKNOWN,
			.oom_kills = POLICY_UNKNOWN,
		};
}

static void world_tick(struct world *w)
{
	size_t i;

	policy_tick(&w->cfg, &w->host, w->guest, w->nr, &w->mode, w->mem, w->dec);
	for (i = 0; i < w->nr; i++)
		assert_true(w->dec[i].reason[0]);
}

static void want(const struct world *w, size_t i, enum policy_action action, uint64_t mib)
{
	if (w->dec[i].action != action || w->dec[i].target != mib * MIB)
		print_message("guest %zu: %s to %llu MiB: %s\n", i,
			      policy_action_name(w->dec[i].action),
			      (unsigned long long)(w->dec[i].target / MIB), w->dec[i].reason);
	assert_int_equal(w->dec[i].action, action);
	assert_int_equal(w->dec[i].target / MIB, mib);
}

static void because(const struct world *w, size_t i, const char *text)
{
	if (!strstr(w->dec[i].reason, text))
		print_message("reason: %s\n", w->dec[i].reason);
	assert_non_null(strstr(w->dec[i].reason, text));
}

static void test_calm_keeps(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 2);
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
	want(&w, 0, POLICY_KEEP, 500);
	because(&w, 0, "as it should be");
}

static void test_nothing_at_all(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 0);
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
}

static void test_pressure_takes_a_step(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.host.available = 140 * MIB; /* below 15 %; 110 MiB are missing to 25 % */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_PRESSURE);
	want(&w, 0, POLICY_TAKE, 475); /* 5 % of 500 */
	because(&w, 0, "host has 140M");
	because(&w, 0, "gives 25M");
}

static void test_critical_takes_more(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.host.available = 40 * MIB;
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CRITICAL);
	want(&w, 0, POLICY_TAKE, 425);
}

static void test_psi(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.host.some = 20;
	w.host.available = 400 * MIB;
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_PRESSURE);
	assert_int_equal(w.dec[0].action, POLICY_TAKE);
	world_init(&w, 1);
	w.host.some = 90;
	w.host.full = 90;
	w.host.available = 600 * MIB; /* somebody's own limit: guests cannot help */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
	world_init(&w, 1);
	w.host.full = 20;
	w.host.available = 300 * MIB;
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CRITICAL);
	world_init(&w, 1);
	w.host.some = w.host.full = -1; /* a kernel without it */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
}

static void test_hysteresis(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.guest[0].available = w.guest[0].free = 120 * MIB;
	w.guest[0].caches = 0;
	w.host.available = 200 * MIB; /* between the lines, coming from calm */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
	w.host.available = 149 * MIB;
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_PRESSURE);
	w.host.available = 200 * MIB; /* and coming from pressure */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_PRESSURE);
	w.host.available = 260 * MIB;
	w.host.some = 5; /* enough is available, but programs still wait */
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_PRESSURE);
	w.host.some = 1;
	world_tick(&w);
	assert_int_equal(w.mode, POLICY_CALM);
}

static void test_stale_statistics(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 3);
	w.host.available = 10 * MIB;
	w.guest[0].stats_age_ns = 11000000000ull;
	w.guest[1].stats_age_ns = POLICY_UNKNOWN;
	w.guest[2].available = w.guest[2].free = POLICY_UNKNOWN;
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 500);
	because(&w, 0, "11 s old");
	want(&w, 1, POLICY_KEEP, 500);
	because(&w, 1, "gives no statistics");
	want(&w, 2, POLICY_KEEP, 500);
	because(&w, 2, "does not say what is available");
	/* Old news of distress is no news either. */
	w.guest[0].target = w.guest[0].actual = 100 * MIB;
	w.guest[0].available = 0;
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 100);
}

static void test_not_able(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 2);
	w.host.available = 10 * MIB;
	w.guest[0].running = false;
	w.guest[1].driver = false;
	world_tick(&w);
	because(&w, 0, "does not run");
	because(&w, 1, "no balloon driver");
	want(&w, 0, POLICY_KEEP, 500);
	want(&w, 1, POLICY_KEEP, 500);
}

static void test_floor_and_ceiling(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 4);
	w.host.available = 40 * MIB;
	w.guest[0].floor = 490 * MIB;
	w.guest[1].floor = 500 * MIB;
	w.guest[2].target = w.guest[2].actual = 40 * MIB; /* under the floor of an eighth */
	w.guest[2].available = w.guest[2].free = 39 * MIB;
	w.guest[3].ceiling = 300 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_TAKE, 490);
	want(&w, 1, POLICY_KEEP, 500);
	because(&w, 1, "spare nothing");
	assert_int_equal(w.dec[2].action, POLICY_GIVE);
	assert_int_equal(w.dec[2].target, 500 * MIB / 8);
	want(&w, 3, POLICY_TAKE, 300);
	because(&w, 3, "ceiling");
}

static void test_floor_above_ceiling(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.guest[0].floor = 900 * MIB;
	w.guest[0].ceiling = 400 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_TAKE, 400);
	w.guest[0].target = w.guest[0].actual = 400 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 400);
}

static void test_weight(void **state)
{
	static struct world w;
	uint64_t dear, cheap;

	(void)state;
	world_init(&w, 2);
	w.cfg.step_pct = 20;
	w.host.available = 140 * MIB;
	w.guest[0].weight = 300;
	w.guest[1].weight = 100;
	world_tick(&w);
	dear = 500 * MIB - w.dec[0].target;
	cheap = 500 * MIB - w.dec[1].target;
	assert_true(dear > 0 && cheap > 0);
	assert_in_range(cheap / dear, 2, 3); /* whole MiB: about three times */
	assert_in_range(dear + cheap, 105 * MIB, 110 * MIB);
}

/* What one cannot give is asked of the others. */
static void test_shares_move_on(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 3);
	w.cfg.step_pct = 20;
	w.host.available = 140 * MIB; /* 110 MiB wanted */
	w.guest[0].floor = 495 * MIB;
	w.guest[1].floor = 490 * MIB;
	world_tick(&w);
	assert_true(w.dec[0].target >= 495 * MIB);
	assert_true(w.dec[1].target >= 490 * MIB);
	assert_in_range(500 * MIB - w.dec[2].target, 94 * MIB, 100 * MIB);
}

static void test_reserve_stays(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 2);
	w.host.available = 40 * MIB;
	w.guest[0].available = 105 * MIB; /* 100 MiB reserve */
	w.guest[0].caches = 0;
	w.guest[1].available = 210 * MIB; /* half of the cache is in use */
	w.guest[1].caches = 200 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_TAKE, 495);
	want(&w, 1, POLICY_TAKE, 490);
}

/* Only "free" is known: that will do. */
static void test_old_driver(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.host.available = 140 * MIB;
	w.guest[0].available = w.guest[0].caches = POLICY_UNKNOWN;
	assert_int_equal(policy_spare(&w.cfg, &w.guest[0]), 250 * MIB);
	world_tick(&w);
	want(&w, 0, POLICY_TAKE, 475);
}

static void squeezed(struct world *w)
{
	world_init(w, 1);
	w->guest[0].actual = w->guest[0].target = 200 * MIB;
	w->guest[0].available = w->guest[0].free = 35 * MIB; /* reserve is 40 */
	w->guest[0].caches = 0;
}

static void test_distress_returns(void **state)
{
	static struct world w;
	uint64_t *counter[] = { &w.guest[0].oom_kills, &w.guest[0].alloc_stalls,
				&w.guest[0].direct_reclaim, &w.guest[0].swap_in };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		squeezed(&w);
		w.host.available = 200 * MIB; /* not enough to give anything in calm */
		*counter[i] = 7;
		world_tick(&w); /* an old total is no news */
		assert_int_equal(w.dec[0].action, POLICY_KEEP);
		(*counter[i])++;
		world_tick(&w);
		want(&w, 0, POLICY_RETURN, 300); /* half of what the host has */
		w.host.available = 500 * MIB;
		(*counter[i])++;
		world_tick(&w);
		want(&w, 0, POLICY_RETURN, 325); /* 25 % of its size */
		because(&w, 0, "at once");
	}
}

static void test_distress_by_faults(void **state)
{
	static struct world w;

	(void)state;
	squeezed(&w);
	w.host.available = 200 * MIB;
	world_tick(&w);
	w.guest[0].major_faults += 10; /* a program was started */
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_KEEP);
	w.guest[0].major_faults += 1000;
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_RETURN);
	because(&w, 0, "reads back");
	/* With plenty available the same faults are no distress. */
	w.guest[0].available = 150 * MIB;
	w.guest[0].major_faults += 1000;
	world_tick(&w);
	assert_int_not_equal(w.dec[0].action, POLICY_RETURN);
}

static void test_distress_low(void **state)
{
	static struct world w;

	(void)state;
	squeezed(&w);
	w.guest[0].available = 10 * MIB;
	w.host.available = 140 * MIB; /* even under pressure */
	world_tick(&w);
	want(&w, 0, POLICY_RETURN, 270);
	w.host.available = 1 * MIB;
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_KEEP);
	because(&w, 0, "nothing to give");
	w.guest[0].target = w.guest[0].actual = 500 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 500);
	because(&w, 0, "all there is");
}

/* Nothing is taken again for a while from one that has just suffered. */
static void test_backoff(void **state)
{
	static struct world w;
	unsigned int i;

	(void)state;
	squeezed(&w);
	w.guest[0].available = 10 * MIB;
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_RETURN);
	w.guest[0].target = w.guest[0].actual = w.dec[0].target;
	w.guest[0].available = 200 * MIB;
	w.host.available = 100 * MIB;
	for (i = 0; i < w.cfg.backoff; i++) {
		world_tick(&w);
		assert_int_equal(w.dec[0].action, POLICY_KEEP);
		because(&w, 0, "left alone");
	}
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_TAKE);
}

/* After a reboot the totals are smaller than before: no distress, no underflow. */
static void test_counters_restart(void **state)
{
	static struct world w;

	(void)state;
	squeezed(&w);
	w.host.available = 200 * MIB;
	w.guest[0].swap_in = w.guest[0].oom_kills = 1000;
	world_tick(&w);
	w.guest[0].swap_in = w.guest[0].oom_kills = 1;
	world_tick(&w);
	assert_int_equal(w.dec[0].action, POLICY_KEEP);
}

static void test_stall(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 1);
	w.host.available = 140 * MIB;
	world_tick(&w);
	w.guest[0].target = w.dec[0].target; /* asked, but it does not move */
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 475);
	because(&w, 0, "still gives back 25M");
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 475);
	world_tick(&w);
	want(&w, 0, POLICY_CANCEL, 500);
	because(&w, 0, "no progress for 3 rounds");
	w.guest[0].target = 500 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 500);
	because(&w, 0, "left alone");
}

/* Slow is not stalled. */
static void test_slow_is_waited_for(void **state)
{
	static struct world w;
	unsigned int i;

	(void)state;
	world_init(&w, 1);
	w.host.available = 140 * MIB;
	w.guest[0].target = 400 * MIB;
	for (i = 0; i < 20; i++) {
		world_tick(&w);
		want(&w, 0, POLICY_KEEP, 400);
		w.guest[0].actual -= 4 * MIB;
	}
}

static void test_gives_back(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 2);
	w.guest[0].actual = w.guest[0].target = 300 * MIB;
	w.guest[1].actual = w.guest[1].target = 499 * MIB;
	world_tick(&w);
	want(&w, 0, POLICY_GIVE, 325);
	want(&w, 1, POLICY_GIVE, 500); /* the rest, small as it is */
	w.guest[0].target = 350 * MIB; /* it has not taken the last two steps yet */
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 350);
	w.guest[0].actual = 350 * MIB;
	w.host.available = 253 * MIB; /* giving more would bring the pressure back */
	world_tick(&w);
	want(&w, 0, POLICY_KEEP, 350);
	because(&w, 0, "not enough to give back");
}

static void test_need_comes_first(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w, 2);
	w.host.available = 290 * MIB; /* 20 MiB to share */
	w.guest[0].actual = w.guest[0].target = 300 * MIB;
	w.guest[1].actual = w.guest[1].target = 300 * MIB;
	w.guest[1].available = 40 * MIB; /* reserve is 60 */
	world_tick(&w);
	want(&w, 0, POLICY_GIVE, 304);
	want(&w, 1, POLICY_GIVE, 316);
}

static void test_many(void **state)
{
	static struct world w;
	size_t i, takes = 0;

	(void)state;
	world_init(&w, TEST_MAX);
	w.host.available = 10 * MIB;
	world_tick(&w);
	for (i = 0; i < w.nr; i++)
		takes += w.dec[i].action == POLICY_TAKE;
	assert_true(takes > 0);
}

static uint64_t test_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Whatever goes in: targets within limits, moves within steps, a reason, a known action. */
static void test_any_input(void **state)
{
	static struct world w;
	uint64_t seed = 1, lo, hi;
	unsigned int round;
	size_t i;

	(void)state;
	for (round = 0; round < 20000; round++) {
		if (round % 50 == 0)
			world_init(&w, 5);
		w.host.total = test_random(&seed) % 4 ? 1000 * MIB : test_random(&seed);
		w.host.available = test_random(&seed) % (w.host.total + 1);
		w.host.some = (double)(test_random(&seed) % 101) - 1;
		w.host.full = (double)(test_random(&seed) % 101) - 1;
		for (i = 0; i < w.nr; i++) {
			uint64_t *field[] = { &w.guest[i].stats_age_ns, &w.guest[i].free,
					      &w.guest[i].available,	&w.guest[i].caches,
					      &w.guest[i].swap_in,	&w.guest[i].major_faults,
					      &w.guest[i].oom_kills,	&w.guest[i].alloc_stalls,
					      &w.guest[i].floor,	&w.guest[i].ceiling,
					      &w.guest[i].actual,	&w.guest[i].target };
			uint64_t *one = field[test_random(&seed) % 12];

			*one = test_random(&seed) % 8 ? test_random(&seed) % (600 * MIB)
						      : POLICY_UNKNOWN - test_random(&seed) % 2;
			w.guest[i].weight = (unsigned int)test_random(&seed);
			w.guest[i].running = test_random(&seed) % 8;
		}
		world_tick(&w);
		for (i = 0; i < w.nr; i++) {
			if (w.dec[i].action == POLICY_KEEP) {
				assert_true(w.dec[i].target == w.guest[i].target);
				continue;
			}
			hi = w.guest[i].ceiling && w.guest[i].ceiling < w.guest[i].size
				     ? w.guest[i].ceiling
				     : w.guest[i].size;
			lo = w.guest[i].floor ? w.guest[i].floor : w.guest[i].size / 8;
			lo = lo < hi ? lo : hi;
			assert_true(w.dec[i].target <= hi);
			if (w.dec[i].action == POLICY_TAKE) {
				assert_true(w.dec[i].target >= lo);
				assert_true(w.dec[i].target < w.guest[i].target);
			}
			if (w.dec[i].action == POLICY_GIVE || w.dec[i].action == POLICY_RETURN)
				assert_true(w.dec[i].target > w.guest[i].target);
		}
	}
}

/*
 * Four guests of 512 MiB on a host of 1 GiB; one after the other wants 330 MiB, the others 60.
 * Without the policy their peaks would add up; with it nobody may run dry for long.
 */
struct model {
	uint64_t used[4], touched[4], target[4], actual[4];
};

static uint64_t model_host(const struct model *m, unsigned int i)
{
	uint64_t held = m->touched[i];

	return held < m->actual[i] ? held : m->actual[i];
}

static void model_step(struct world *w, struct model *m, unsigned int tick)
{
	uint64_t sum = 100 * MIB, goal;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		goal = (tick / 40) % 4 == i ? 330 * MIB : 60 * MIB;
		if (m->used[i] < goal)
			m->used[i] += 10 * MIB;
		else
			m->used[i] = goal;
		if (m->used[i] > m->actual[i] - 10 * MIB)
			m->used[i] = m->actual[i] - 10 * MIB; /* it has to wait for memory */
		m->actual[i] +=
			m->target[i] > m->actual[i] ? (m->target[i] - m->actual[i]) : (uint64_t)0;
		if (m->target[i] < m->actual[i])
			m->actual[i] = m->target[i] > m->used[i] + 10 * MIB ? m->target[i]
									    : m->used[i] + 10 * MIB;
		if (m->touched[i] < m->used[i] + 30 * MIB)
			m->touched[i] = m->used[i] + 30 * MIB;
		if (m->touched[i] > m->actual[i]) /* the balloon gave pages to the host */
			m->touched[i] = m->actual[i];
		sum += model_host(m, i);
		w->guest[i].actual = m->actual[i];
		w->guest[i].target = m->target[i];
		w->guest[i].size = 512 * MIB;
		w->guest[i].available = w->guest[i].free = m->actual[i] - m->used[i];
		w->guest[i].caches = 0;
	}
	w->host.total = 1024 * MIB;
	w->host.available = sum < w->host.total ? w->host.total - sum : 0;
}

static void test_world(void **state)
{
	static struct world w;
	struct model m;
	unsigned int tick, i, dry = 0, moves = 0, broke = 0;

	(void)state;
	world_init(&w, 4);
	for (i = 0; i < 4; i++) {
		m.used[i] = 60 * MIB;
		m.touched[i] = 90 * MIB;
		m.actual[i] = m.target[i] = 512 * MIB;
	}
	for (tick = 0; tick < 800; tick++) {
		model_step(&w, &m, tick);
		world_tick(&w);
		broke += w.host.available == 0;
		for (i = 0; i < 4; i++) {
			dry += m.actual[i] - m.used[i] <= 11 * MIB;
			moves += w.dec[i].action != POLICY_KEEP;
			m.target[i] = w.dec[i].target;
		}
	}
	if (broke || dry > 64)
		print_message("broke %u, dry %u, moves %u\n", broke, dry, moves);
	assert_int_equal(broke, 0);	     /* the host never ran out */
	assert_in_range(dry, 0, 64);	     /* of 3200: a guest waited a tick or two each phase */
	assert_in_range(moves, 1, 3200 / 2); /* no dance */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm_keeps),
		cmocka_unit_test(test_nothing_at_all),
		cmocka_unit_test(test_pressure_takes_a_step),
		cmocka_unit_test(test_critical_takes_more),
		cmocka_unit_test(test_psi),
		cmocka_unit_test(test_hysteresis),
		cmocka_unit_test(test_stale_statistics),
		cmocka_unit_test(test_not_able),
		cmocka_unit_test(test_floor_and_ceiling),
		cmocka_unit_test(test_floor_above_ceiling),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_shares_move_on),
		cmocka_unit_test(test_reserve_stays),
		cmocka_unit_test(test_old_driver),
		cmocka_unit_test(test_distress_returns),
		cmocka_unit_test(test_distress_by_faults),
		cmocka_unit_test(test_distress_low),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_counters_restart),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_slow_is_waited_for),
		cmocka_unit_test(test_gives_back),
		cmocka_unit_test(test_need_comes_first),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_any_input),
		cmocka_unit_test(test_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
