/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle: page tables made at random, touched in every way, and what the processor itself
 * said about each touch. The log lies at a fixed place in guest-physical memory, where
 * tests/guests/oracle-check.c finds it and asks inspect/mmu the same questions.
 */
#ifndef GUEST_ORACLE_H
#define GUEST_ORACLE_H

#include <stdint.h>

#define ORACLE_LOG_PA	 0x1000000u /* struct oracle_log */
#define ORACLE_TARGET_PA 0x1c00000u /* what the leaves map: 4 MiB of INT3 */
#define ORACLE_TARGET	 0x400000u
#define ORACLE_TABLES_PA 0x2000000u
#define ORACLE_MEM	 0x8000000u /* needs 128 MiB */

#define ORACLE_MAGIC 0x31454c4341524f31ull

enum { ORACLE_READ, ORACLE_WRITE, ORACLE_FETCH, ORACLE_NR_HOW };

/* One touch: under what rules, and what came of it. */
struct oracle_record {
	uint64_t va, cr3, cr2;
	uint32_t cr0, cr4, efer, rflags, pkru;
	uint32_t error;
	uint8_t how, cpl;
	uint8_t vector; /* 3: fetched an INT3, 0x80: went on, else an exception */
	uint8_t pad[5];
};

struct oracle_log {
	uint64_t magic;
	uint32_t nr, record_len, done, pad;
	struct oracle_record record[];
};

#endif
