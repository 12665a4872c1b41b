/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: where it is, and 4 KiB frames of it, handed out upwards and never returned.
 */
#ifndef GUEST_MEM_H
#define GUEST_MEM_H

#include <stdint.h>

#define PAGE_SIZE   4096ul
#define KERNEL_BASE 0xffffffff80000000ul /* the image, at its physical address above this */
#define DIRECT_BASE 0xffff800000000000ul /* all RAM, at its physical address above this */

/* Finds the memory behind the kernel's image; boot_info is filled. */
void mem_init(void);

/* The physical address of a fresh, zeroed frame; the machine stops when there is none. */
uint64_t frame_alloc(void);

/* Frames handed out, and bytes of RAM in the machine. */
uint64_t frame_count(void);
uint64_t mem_total(void);

/* Where a physical address of RAM is seen: the image's alias at first, then the direct map. */
void *phys_to_virt(uint64_t pa);
void mem_use_direct_map(void);

#endif
