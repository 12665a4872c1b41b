/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the other processors do: each has a small piece of work with a name, does one portion
 * of it at every tick of its own timer, counts, and sleeps.
 */
#include "demo.h"

#include "cpu.h"
#include "lapic.h"

#define AP_HZ	    50
#define AP_PORTION  64u
#define AP_NOINLINE __attribute__((noinline))

struct ap_task {
	const char *name;
	uint64_t (*portion)(struct cpu *cpu, uint64_t seed);
};

static AP_NOINLINE bool ap_is_prime(uint64_t n)
{
	for (uint64_t d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return false;
	}
	return n > 1;
}

static AP_NOINLINE uint64_t ap_count_primes(struct cpu *cpu, uint64_t seed)
{
	for (uint64_t n = seed; n < seed + AP_PORTION; n++) {
		if (ap_is_prime(n))
			cpu->counter++;
	}
	return (seed + AP_PORTION) % 1000000;
}

static AP_NOINLINE unsigned int ap_collatz_steps(uint64_t n)
{
	unsigned int steps = 0;

	for (; n > 1; steps++)
		n = n & 1 ? 3 * n + 1 : n / 2;
	return steps;
}

static AP_NOINLINE uint64_t ap_walk_collatz(struct cpu *cpu, uint64_t seed)
{
	for (uint64_t n = seed + 1; n <= seed + AP_PORTION; n++)
		cpu->counter += ap_collatz_steps(n);
	return (seed + AP_PORTION) % 1000000;
}

static AP_NOINLINE uint64_t ap_mix(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static AP_NOINLINE uint64_t ap_mix_numbers(struct cpu *cpu, uint64_t seed)
{
	for (unsigned int i = 0; i < AP_PORTION; i++)
		seed = ap_mix(seed ? seed : 1);
	cpu->counter += AP_PORTION;
	return seed;
}

static AP_NOINLINE void ap_insert(uint32_t *sorted, unsigned int nr, uint32_t value)
{
	for (; nr && sorted[nr - 1] > value; nr--)
		sorted[nr] = sorted[nr - 1];
	sorted[nr] = value;
}

static AP_NOINLINE uint64_t ap_sort_numbers(struct cpu *cpu, uint64_t seed)
{
	uint32_t sorted[AP_PORTION];

	for (unsigned int i = 0; i < AP_PORTION; i++) {
		seed = ap_mix(seed ? seed : 1);
		ap_insert(sorted, i, seed);
	}
	cpu->counter++;
	return seed;
}

static const struct ap_task ap_tasks[] = {
	{ .name = "primes", .portion = ap_count_primes },
	{ .name = "collatz", .portion = ap_walk_collatz },
	{ .name = "mix", .portion = ap_mix_numbers },
	{ .name = "sort", .portion = ap_sort_numbers },
};

static AP_NOINLINE void ap_loop(struct cpu *cpu, const struct ap_task *task)
{
	uint64_t seed = 0;

	for (;;) {
		seed = task->portion(cpu, seed);
		cpu_hlt();
	}
}

void ap_main(struct cpu *cpu)
{
	const struct ap_task *task = &ap_tasks[cpu->index % (sizeof(ap_tasks) / sizeof(*ap_tasks))];

	cpu->task = task->name;
	lapic_timer_start(AP_HZ);
	irq_enable();
	ap_loop(cpu, task);
}
