/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that are hard to step over, each at a label of its own in steps-run.S: a
 * debugger's test steps each and compares. Meanwhile the timer interrupts a hundred times a
 * second, and steps_tf_seen counts how often the guest saw a trap flag that is not its own.
 */
#include "cpu.h"
#include "desc.h"
#include "guest.h"
#include "irq.h"
#include "mem.h"
#include "paging.h"
#include "pit.h"
#include "print.h"
#include "string.h"

#define STEPS_HZ  100
#define STEPS_INT 0x50
#define STEPS_MMIO \
	0xfed80000ul /* nothing is there, so that every access leaves the host's kernel */
#define STEPS_RFLAGS_TF 0x100

volatile uint64_t steps_rounds, steps_tf_seen, steps_breakpoints;
uint8_t steps_from[64], steps_to[64];
uint64_t steps_root; /* a second top table with the same in it, as another process would have */

/* steps-run.S */
void steps_run(volatile void *mmio);
void steps_int(void);
void steps_syscall(void);

static void steps_timer(struct trap_frame *frame)
{
	if (frame->rflags & STEPS_RFLAGS_TF)
		steps_tf_seen++;
	pit_tick();
}

static void steps_breakpoint(struct trap_frame *frame)
{
	(void)frame;
	steps_breakpoints++;
}

static void steps_make_root(void)
{
	steps_root = frame_alloc();
	memcpy(phys_to_virt(steps_root), phys_to_virt(paging_root()), PAGE_SIZE);
}

static void steps_init(void)
{
	steps_make_root();
	idt_init();
	idt_set(STEPS_INT, steps_int);
	trap_handle(TRAP_BP, steps_breakpoint);
	wrmsr(MSR_STAR, (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)steps_syscall);
	wrmsr(MSR_SFMASK, STEPS_RFLAGS_TF | RFLAGS_IF);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	irq_init(false);
	pit_init(STEPS_HZ);
	irq_install(PIT_IRQ, steps_timer);
	irq_enable();
}

void kmain(void)
{
	volatile void *mmio = mmio_map(STEPS_MMIO, PAGE_SIZE);

	steps_init();
	printf("steps: ready\n");
	for (;; steps_rounds++)
		steps_run(mmio);
}
