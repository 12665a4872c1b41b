/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a Linux kernel lies (KASLR), and the symbols it has of itself. */
#ifndef VITRINE_INSPECT_SYM_LINUX_H
#define VITRINE_INSPECT_SYM_LINUX_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/view.h"

struct sym_part;
struct sym_table;

/* x86-64: the kernel is linked here and moves itself upwards, within one GiB. */
#define SYM_LINUX_TEXT 0xffffffff80000000ull
#define SYM_LINUX_SPAN 0x40000000ull

/* Do the symbols look like a Linux kernel's? */
bool sym_is_linux(const struct sym_part *part);
/* Find slide and the guest's own table, as far as they are wanted and not known yet. */
void sym_linux_follow(struct sym_table *tab, const struct vm_view *view);
/*
 * The lowest address that a 64-bit Linux kernel's text has in VIEW and where it lies in memory;
 * false if there is no kernel, or not yet.
 */
bool sym_linux_base(const struct vm_view *view, uint64_t *gva, uint64_t *gpa);

#endif
