/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: the handler of a level-triggered line ends the interrupt but never asks its
 * device what it wanted. COM1 goes on saying that its transmitter is empty, the line stays up,
 * and the handler is entered again and again; the rest of the kernel does not get on.
 */
#include "cpu.h"
#include "fault.h"
#include "guest.h"
#include "irq.h"
#include "serial.h"

#define FAULT_IER      1
#define FAULT_TX_EMPTY 0x02

static volatile uint64_t fault_storm, fault_rounds;

static FAULT_NOINLINE void fault_here(struct trap_frame *frame)
{
	(void)frame;
	fault_storm++;
	pic_eoi(SERIAL_IRQ);
}

void kmain(void)
{
	fault_announce("endless-interrupt", "a level-triggered line whose handler never lowers it");
	idt_init();
	pic_init();
	pic_set_level(SERIAL_IRQ);
	trap_handle(TRAP_IRQ_BASE + SERIAL_IRQ, fault_here);
	pic_unmask(SERIAL_IRQ);
	outb(SERIAL_PORT + FAULT_IER, FAULT_TX_EMPTY);
	irq_enable();
	for (;;)
		fault_rounds++;
}
