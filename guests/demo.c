/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"
#include "power.h"
#include "print.h"
#include "trap.h"
void kmain(void){ idt_init(); printf("hi from kmain\n"); __asm__ volatile("int3"); power_exit(3); }
