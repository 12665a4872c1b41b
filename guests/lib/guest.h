/* SPDX-License-Identifier: MIT */
/*
 * The frame of a 64-bit guest: the library starts the machine, the guest is kmain().
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

/*
 * Written by each guest. Runs on processor 0, on a stack with a guard page below it, with the
 * final page tables, serial and screen output, no IDT, and interrupts off.
 */
void kmain(void) __attribute__((noreturn));

#endif
