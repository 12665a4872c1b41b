/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving pages of guest RAM back to the host. RAM is a shared memfd, where only
 * a hole frees anything: it goes from every mapping, and from the second stage
 * with it. What the guest reads there next is zero.
 */
#ifndef VITRINE_VMM_PUNCH_H
#define VITRINE_VMM_PUNCH_H

#include <stdint.h>

#include "vmm/mem.h"

#define PUNCH_PAGE 4096ull
#define PUNCH_HUGE (2ull << 20)

/*
 * A hole of LEN bytes at offset OFF of the memfd, whole 4 KiB pages that all lie in one region of
 * RAM (-EFAULT otherwise: ROM and the VGA window are never given back). Any thread. -errno.
 */
int mem_punch(struct mem *mem, uint64_t off, uint64_t len);
/* The offset of GPA in the memfd, if LEN bytes from there are RAM in one region; else UINT64_MAX.
 */
uint64_t mem_ram_offset(const struct mem *mem, uint64_t gpa, uint64_t len);
/* The guest-physical address of offset OFF; UINT64_MAX outside. */
uint64_t mem_offset_gpa(const struct mem *mem, uint64_t off);
/* Bytes of guest RAM that the host really holds now. */
uint64_t mem_resident(const struct mem *mem);

#endif
