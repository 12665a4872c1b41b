/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the oracle's two kernels (main32.c, main64.c) and their common part (tables.c) need of
 * each other.
 */
#ifndef GUEST_ORACLE_PROBE_H
#define GUEST_ORACLE_PROBE_H

#include <stdint.h>

#include "oracle.h"

#define PROBE_FRAME 4096u

/* A paging mode, as the generator sees it. */
struct probe_mode {
	const char *name;
	unsigned int nr_levels, index_bits, entry_len;
	unsigned int first_top, nr_top; /* entries of the root that are free for the test */
	void (*map_kernel)(uint64_t *root);
};

/* What this processor has. */
struct probe_cpu {
	uint32_t cr4; /* of CR4.PSE, SMEP, SMAP and PKE, those that there are */
	bool nx, pages_1g;
	unsigned int maxphyaddr;
};

/* Where the kernel sees physical memory while a test's tables are loaded. */
extern const uintptr_t probe_phys_base;

void probe_init(void);
/* NR random tables in MODE, each touched in every way; control registers come back as they were. */
void probe_run(const struct probe_mode *mode, unsigned int nr);
void probe_done(void);
/* The number after KEY= on the command line, or FALLBACK. */
unsigned int probe_option(const char *key, unsigned int fallback);

/* What a touch ended in; written by touch32.S and touch64.S. */
extern uintptr_t touch_vector, touch_error, touch_cr2;
/* The three instructions, 16 bytes apart: read, write, jump; also at touch_user_va for ring 3. */
extern const char touch_code[], touch_code_end[];
extern uintptr_t touch_user_va;
/* HOW touches VA at ring 0 or 3 with these FLAGS; returns after the exception it ended in. */
void touch_kernel(uintptr_t va, uintptr_t flags, uintptr_t how);
void touch_user(uintptr_t va, uintptr_t flags, uintptr_t how);
/* Write CR4; touch_vector tells the exception that it ended in, 0 for none. */
void touch_cr4(uintptr_t val);
/* An exception that no touch asked for, at IP: the end of the oracle. */
void touch_lost(uintptr_t ip) __attribute__((noreturn));
/* Entries of the IDT: 0..31, then 0x80. */
extern const void *const touch_stubs[33];

#endif
