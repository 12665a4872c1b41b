/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that are hard to watch, each at a label of its own, on a page of their own: locked,
 * string, vector, page-crossing, push, and two processors at one counter. A debugger's test watches
 * a variable and looks which label it stands behind; WATCH_ROUNDS locked additions by each
 * processor must add up, whatever was watched meanwhile.
 */
#include "cpu.h"
#include "desc.h"
#include "guest.h"
#include "irq.h"
#include "lapic.h"
#include "pit.h"
#include "print.h"
#include "smp.h"

/* access NAME, INSTRUCTION...: watch_NAME_next stands behind it. */
#define ACCESS(name, insn, ...)                                                  \
	__asm__ volatile(".globl watch_" #name "_next\n\t" insn "\nwatch_" #name \
			 "_next:\n" __VA_ARGS__)

#define WATCH_ROUNDS 200

struct watch_page {
	volatile uint64_t shared; /* both processors add to it */
	volatile uint64_t locked, read, swapped;
	uint8_t string[64] __attribute__((aligned(16)));
	uint8_t vector[16] __attribute__((aligned(16)));
	uint64_t stack[16];
	uint8_t pad[4096 - 4 * 8 - 64 - 16 - 16 * 8];
	uint8_t next[4096]; /* watch_cross lies on both pages */
} __attribute__((aligned(4096)));

struct watch_page watch_page;
volatile uint64_t watch_rounds, watch_added[2];
/* What the debugger asks for by name. */
volatile uint64_t *const watch_cross = (uint64_t *)(watch_page.next - 3);

static void watch_add(unsigned int index)
{
	unsigned int i;

	for (i = 0; i < WATCH_ROUNDS; i++) {
		__asm__ volatile("lock incq %0" : "+m"(watch_page.shared));
		watch_added[index]++;
	}
}

static void watch_ap(struct cpu *cpu)
{
	(void)cpu;
	for (;;) {
		if (watch_added[1] < watch_added[0] + WATCH_ROUNDS)
			watch_add(1);
		cpu_pause();
	}
}

static void watch_accesses(void)
{
	uint64_t rax = 1, *top = &watch_page.stack[16];
	uint8_t *to = watch_page.string;
	uint64_t count = sizeof(watch_page.string);

	ACCESS(locked, "lock addq $1, %0", : "+m"(watch_page.locked)::"memory");
	ACCESS(read, "movq %1, %0", : "=r"(rax) : "m"(watch_page.read) : "memory");
	ACCESS(swapped, "xchgq %0, %1", : "+r"(rax), "+m"(watch_page.swapped)::"memory");
	ACCESS(string, "rep stosb", : "+D"(to), "+c"(count) : "a"(watch_rounds) : "memory");
	ACCESS(vector, "movdqa %%xmm0, %0", : "=m"(*(uint64_t(*)[2])watch_page.vector)::"memory");
	ACCESS(cross, "addq $1, %0", : "+m"(*watch_cross)::"memory");
	__asm__ volatile("movq %%rsp, %%rax\n\t"
			 "movq %0, %%rsp\n\t"
			 "pushq $7\n"
			 ".globl watch_push_next\nwatch_push_next:\n\t"
			 "movq %%rax, %%rsp"
			 :
			 : "r"(top)
			 : "rax", "memory");
}

/* SSE for the vector access: CR4.OSFXSR. */
static void watch_enable_sse(void)
{
	uint64_t cr4;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | 1 << 9));
}

static void watch_timer(struct trap_frame *frame)
{
	(void)frame;
	pit_tick();
}

/* Starting a processor takes a clock; afterwards nothing interrupts. */
static void watch_start_processors(void)
{
	idt_init();
	lapic_enable();
	irq_init(true);
	pit_init(100);
	irq_install(PIT_IRQ, watch_timer);
	irq_enable();
	smp_start(watch_ap);
	irq_disable();
}

void kmain(void)
{
	watch_enable_sse();
	watch_start_processors();
	printf("watch: ready, %u cpus\n", smp_nr_cpus);
	for (;; watch_rounds++) {
		watch_accesses();
		watch_add(0);
	}
}
