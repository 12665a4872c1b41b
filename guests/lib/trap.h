/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of a 64-bit guest: 256 named entry stubs, handlers in C by vector,
 * a full report for exceptions nobody handles, and a way to survive one.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdint.h>

#define TRAP_BP	      3
#define TRAP_NMI      2
#define TRAP_DF	      8
#define TRAP_NP	      11
#define TRAP_GP	      13
#define TRAP_PF	      14
#define TRAP_IRQ_BASE 0x20

/* What the stubs of trap-entry.S leave on the stack, lowest address first. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void trap_handler_t(struct trap_frame *frame);

/* A point to come back to: the callee-saved registers, by trap-entry.S. */
struct trap_point {
	uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

/* The 256 stubs' addresses, by vector. */
extern const void *const trap_stubs[256];

/* Fills the common IDT with all stubs, #DF and NMI on stacks of their own, and loads it. */
void idt_init(void);

/* Loads the common IDT on a further processor. */
void idt_load_common(void);

/* Enters handler, bare, for vector in the common IDT. */
void idt_set(unsigned int vector, const void *handler);

/* Calls handler for vector from now on; NULL gives the default back. */
void trap_handle(unsigned int vector, trap_handler_t *handler);

/* Prints everything about an exception, with a backtrace by frame pointers. */
void trap_report(const struct trap_frame *frame);

/*
 * trap_catch() returns 0 at first; an exception that nobody handles then makes it return again
 * with vector + 1, interrupts off. trap_uncatch() ends that. For processor 0 only.
 */
#define trap_catch() (trap_caught = &trap_caught_point, trap_mark(&trap_caught_point))
void trap_uncatch(void);

extern struct trap_point *trap_caught, trap_caught_point;
int trap_mark(struct trap_point *point) __attribute__((returns_twice));
void trap_return_to(const struct trap_point *point, int value) __attribute__((noreturn));

#endif
