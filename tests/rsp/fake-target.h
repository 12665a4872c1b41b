/* SPDX-License-Identifier: MIT */
/*
 * A machine small enough to read in one sitting, for the tests of the debug stub and as the
 * example of an embedder: x86-64 registers, 64 KiB of memory, a handful of instructions.
 */
#ifndef FAKE_TARGET_H
#define FAKE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "gdb/session.h"

#define FAKE_CPUS 4
#define FAKE_RAM  0x10000u

/* Virtual addresses from here on are RAM again, as in a higher-half kernel. */
#define FAKE_HIGH 0xffffffff80000000ull

struct fake;

/*
 * cpus: 1 to FAKE_CPUS.  The machine starts stopped at 0x1000:
 *	1000 nop; 1001 inc %rax; 1004 mov %rax,(%rdi); 1007 nop; 1008 jmp 1001; 100a hlt
 * with rdi = 0x2000.  hlt ends the machine with exit status al.
 */
struct fake *fake_new(int cpus);
void fake_free(struct fake *f);

struct gdb_session *fake_session(struct fake *f);

/* Executes up to `steps` instructions on every vCPU that is going; tells the session of stops. */
void fake_run(struct fake *f, int steps);

/* For the tests: what they set up and look at. */
void fake_set_running(struct fake *f, bool running);
void fake_set_nonstop(struct fake *f, bool able);
void fake_set_reverse(struct fake *f, bool able);
void fake_stop(struct fake *f, const struct gdb_stop *stop);
bool fake_running(const struct fake *f);
int fake_bp_count(const struct fake *f);
uint64_t fake_rip(const struct fake *f, int tid);

#endif
