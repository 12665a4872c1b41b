/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the demo kernel share.
 */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "smp.h"
#include "trap.h"

#define DEMO_HZ 100

/* Written once in every round of the main loop: a place for watchpoints. */
extern volatile uint64_t demo_counter;
extern volatile uint64_t demo_result;

/* The main loop does not sleep while this is set. */
extern bool demo_spinning;

/* "I/O APIC" or "8259". */
extern const char *demo_irq_source;

/* The timer's handler, and what it calls. */
void demo_timer_irq(struct trap_frame *frame);
void demo_tick(uint64_t now);

/* One round of the main loop; demo_inner() is its inner part. */
void demo_work(unsigned int n);
uint64_t demo_inner(unsigned int n);

/* ap.c: the life of every processor but the first. */
void ap_main(struct cpu *cpu);

/* input.c: characters from the keyboard and from COM1, by interrupt. */
enum input_source {
	INPUT_KEYBOARD,
	INPUT_SERIAL,
	INPUT_NR,
};

void input_init(void);
int input_getc(enum input_source source); /* -1 when there is none */
uint64_t input_count(enum input_source source);

/* screen.c: the moving part of the VGA screen. */
void screen_init(void);
void screen_update(uint64_t now);

/* shell.c: the command prompts. */
void shell_init(void);
void shell_poll(void);
void shell_run(const char *commands); /* separated by ';', on the serial line */

/* fault.c: makes an exception of that kind; returns false when there is no such kind. */
bool fault_make(const char *kind);
const char *fault_kind(unsigned int i); /* NULL after the last */

/* map.c: the page tables, folded into ranges of equal rights, a line each. */
void map_print(void (*line)(const char *text));

#endif
