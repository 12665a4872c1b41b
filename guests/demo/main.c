/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The demo kernel: starts everything a small 64-bit kernel has, says "demo: ready", and then
 * works, draws and listens for commands, a hundred rounds a second.
 *
 * Command line: "pic" (no I/O APIC), "nosmp", "run=COMMAND;COMMAND..." (last).
 */
#include "demo.h"

#include "acpi.h"
#include "cpu.h"
#include "guest.h"
#include "irq.h"
#include "lapic.h"
#include "multiboot.h"
#include "pit.h"
#include "print.h"
#include "string.h"

#define DEMO_NOINLINE __attribute__((noinline))

volatile uint64_t demo_counter;
volatile uint64_t demo_result;
bool demo_spinning;
const char *demo_irq_source;

static volatile uint64_t demo_now;

DEMO_NOINLINE void demo_tick(uint64_t now)
{
	demo_now = now;
}

void demo_timer_irq(struct trap_frame *frame)
{
	(void)frame;
	pit_tick();
	demo_tick(pit_ticks());
}

DEMO_NOINLINE uint64_t demo_inner(unsigned int n)
{
	uint64_t sum = n;

	for (unsigned int i = 1; i <= n; i++)
		sum = sum * 31 + i;
	return sum;
}

DEMO_NOINLINE void demo_work(unsigned int n)
{
	demo_result = demo_inner(n);
	demo_counter++;
}

static void demo_spurious(struct trap_frame *frame)
{
	(void)frame; /* no end of interrupt for a spurious one */
}

static void demo_ap_timer_irq(struct trap_frame *frame)
{
	(void)frame;
	smp_self()->ticks++;
	lapic_eoi();
}

/* Whether the command line has that word, in front of "run=". */
static bool demo_option(const char *word)
{
	const char *run = strstr(boot_info.cmdline, "run="), *at = strstr(boot_info.cmdline, word);

	return at && (!run || at < run);
}

/* Whether the clock runs: a machine without a timer shall say so and not hang. */
static bool demo_clock_runs(void)
{
	for (uint32_t i = 0; i < 2000000000u && !pit_ticks(); i++)
		cpu_pause();
	return pit_ticks();
}

static void demo_start_interrupts(void)
{
	bool ioapic;

	idt_init();
	trap_handle(LAPIC_SPURIOUS_VECTOR, demo_spurious);
	trap_handle(LAPIC_TIMER_VECTOR, demo_ap_timer_irq);
	if (lapic_present())
		lapic_enable();
	ioapic = irq_init(!demo_option("pic"));
	demo_irq_source = ioapic ? "I/O APIC" : "8259";
	pit_init(DEMO_HZ);
	irq_install(PIT_IRQ, demo_timer_irq);
	input_init();
	irq_enable();
}

static void demo_start_processors(void)
{
	if (!demo_clock_runs()) {
		printf("demo: the timer does not tick; one processor only\n");
		return;
	}
	if (!lapic_present() || demo_option("nosmp"))
		return;
	lapic_timer_calibrate();
	smp_start(ap_main);
}

static DEMO_NOINLINE void demo_loop(void)
{
	for (unsigned int round = 0;; round++) {
		demo_work(round % 64);
		shell_poll();
		screen_update(demo_now);
		if (!demo_spinning)
			cpu_hlt();
	}
}

void kmain(void)
{
	const char *run = strstr(boot_info.cmdline, "run=");

	demo_start_interrupts();
	demo_start_processors();
	screen_init();
	printf("demo: %u of %u cpus up (%s, %s)\n", smp_nr_cpus, platform_get()->nr_cpus,
	       platform_get()->source, demo_irq_source);
	printf("demo: ready\n");
	shell_init();
	if (run)
		shell_run(run + strlen("run="));
	demo_loop();
	__builtin_unreachable();
}
