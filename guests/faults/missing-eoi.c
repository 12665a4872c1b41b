/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a timer handler that never sends the end of interrupt. The 8259 keeps IRQ 0 in
 * service and delivers nothing more of that priority or below: one tick, then silence.
 */
#include "cpu.h"
#include "fault.h"
#include "guest.h"
#include "irq.h"
#include "pit.h"

#define FAULT_HZ 100

static volatile uint64_t fault_rounds;

static void fault_timer_handler(struct trap_frame *frame)
{
	(void)frame;
	pit_tick();
}

/* Waits for a tick that will not come. */
static FAULT_NOINLINE void fault_here(uint64_t until)
{
	while (pit_ticks() < until) {
		fault_rounds++;
		cpu_pause();
	}
}

void kmain(void)
{
	fault_announce("missing-eoi", "waiting for the second tick, the first was not ended");
	idt_init();
	pic_init();
	trap_handle(TRAP_IRQ_BASE + PIT_IRQ, fault_timer_handler);
	pit_init(FAULT_HZ);
	pic_unmask(PIT_IRQ);
	irq_enable();
	fault_here(2);
	printf("fault: missing-eoi: the second tick came\n");
	cpu_halt_forever();
}
