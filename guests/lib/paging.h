/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables: four levels, the image with one set of rights per section, all RAM
 * at DIRECT_BASE, device memory at MMIO_BASE, and stacks with guard pages at STACK_BASE.
 */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define PTE_P	 (1ull << 0)
#define PTE_W	 (1ull << 1)
#define PTE_U	 (1ull << 2)
#define PTE_PWT	 (1ull << 3)
#define PTE_PCD	 (1ull << 4)
#define PTE_A	 (1ull << 5)
#define PTE_D	 (1ull << 6)
#define PTE_PS	 (1ull << 7)
#define PTE_G	 (1ull << 8)
#define PTE_NX	 (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

#define MMIO_BASE  0xffffffffc0000000ul
#define STACK_BASE 0xffffffffa0000000ul

/* Sizes as levels: the level whose entry maps the page. */
enum page_level {
	PAGE_4K = 1,
	PAGE_2M = 2,
	PAGE_1G = 3,
};

/* Builds the final tables and loads them; the low identity map is gone afterwards. */
void paging_init(void);

/* Maps one page of that size, replacing what was there; flags are PTE_* without P and PS. */
void page_map(uint64_t va, uint64_t pa, enum page_level level, uint64_t flags);

/* Takes the 4 KiB page at va out; it must be mapped by a table of its own. */
void page_unmap(uint64_t va);

/* The entry that decides on va, and in *level (may be NULL) the level it is on. */
uint64_t *page_entry(uint64_t va, int *level);

/* Maps device memory, uncached. */
void *mmio_map(uint64_t pa, size_t len);

/* Firmware tables and the like: a read-only look at any physical range, in the direct map. */
const void *phys_view(uint64_t pa, size_t len);

/* Makes the stacks of processor n; each has unmapped pages below it. */
void stack_init(unsigned int n);
uintptr_t stack_top(unsigned int n);
uintptr_t stack_fault_top(unsigned int n); /* for #DF */
uintptr_t stack_nmi_top(unsigned int n);

/* Runs fn at the top of another stack; see boot64.S. */
void stack_call(uintptr_t top, void (*fn)(void)) __attribute__((noreturn));

/* Physical address of the kernel's top table, for CR3. */
uint64_t paging_root(void);

#endif
