/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small guest made of bytes, for tests of everything that reads a view: a
 * 64-bit kernel at -2 GiB stopped at a breakpoint in timer_init(), with page
 * tables, GDT, IDT, TSS, stack, code, VGA text, device rows and exits. Every
 * value is fixed, so pictures of it can be compared. All fields may be changed.
 */
#ifndef VITRINE_TEST_VIEW_FIXTURE_H
#define VITRINE_TEST_VIEW_FIXTURE_H

#include <stdint.h>

#include "inspect/sym.h"
#include "inspect/view.h"

#define FIXTURE_RAM 0x800000ull /* 8 MiB: guest-physical address and RAM offset are the same */

/* Where things are, guest-physical. */
#define FIXTURE_PML4 0x1000ull /* page tables grow from here */
#define FIXTURE_GDT  0x103000ull
#define FIXTURE_IDT  0x104000ull
#define FIXTURE_TSS  0x105000ull
#define FIXTURE_VGA  0xb8000ull
/* Guest-virtual: kernel text from +1 MiB, stack with a guard page below it from +2 MiB. */
#define FIXTURE_KERNEL	  0xffffffff80000000ull
#define FIXTURE_RIP	  0xffffffff80101a18ull
#define FIXTURE_STACK	  0xffffffff80201000ull
#define FIXTURE_STACK_END 0xffffffff80205000ull
#define FIXTURE_PHYSMAP	  0xffff800000000000ull

struct view_fixture {
	struct vm_view view;
	uint8_t *ram;
	uint64_t next_table; /* gpa of the next free page for page tables */
};

/* The guest described above, or NULL without memory. Two vCPUs, the second waiting for SIPI. */
struct view_fixture *view_fixture_new(void);
void view_fixture_free(struct view_fixture *fx);
/* An empty machine instead: RAM, one vCPU in long mode with an empty PML4, nothing else. */
struct view_fixture *view_fixture_bare(void);

/*
 * Map LEN bytes (page size: 2 MiB where FLAGS has bit 7, else 4 KiB) of GVA at
 * GPA in the first vCPU's 4-level tables; FLAGS are the entry's bits.
 */
void view_fixture_map(struct view_fixture *fx, uint64_t gva, uint64_t gpa, uint64_t len,
		      uint64_t flags);
/* Store LEN bytes at GPA, or a little-endian value of SIZE bytes. */
void view_fixture_put(struct view_fixture *fx, uint64_t gpa, const void *data, size_t len);
void view_fixture_poke(struct view_fixture *fx, uint64_t gpa, uint64_t val, unsigned int size);
/* A 64-bit IDT gate. TYPE_ATTR as the descriptor has it: 0x8e interrupt gate, 0x8f trap gate. */
void view_fixture_gate(struct view_fixture *fx, unsigned int vector, uint64_t handler, uint16_t sel,
		       uint8_t ist, uint8_t type_attr);
/* Symbols of the fixture's kernel. Close with sym_close(). */
struct sym_table *view_fixture_symbols(void);

#endif
