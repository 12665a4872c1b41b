/* SPDX-License-Identifier: MIT */
/*
 * A frame allocator that only moves up, stepping over the kernel and the boot modules.
 */
#include "mem.h"

#include "cpu.h"
#include "multiboot.h"
#include "print.h"
#include "string.h"

extern char kernel_end[];

static uint64_t mem_next_pa, mem_nr_frames;
static uintptr_t mem_virt_base = KERNEL_BASE;
static struct spinlock mem_lock;

void *phys_to_virt(uint64_t pa)
{
	return (void *)(mem_virt_base + pa);
}

void mem_use_direct_map(void)
{
	mem_virt_base = DIRECT_BASE;
}

void mem_init(void)
{
	mem_next_pa = (uintptr_t)kernel_end - KERNEL_BASE;
}

/* The first address at or above pa that no boot module uses. */
static uint64_t mem_skip_modules(uint64_t pa)
{
	for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		if (pa + PAGE_SIZE > m->start && pa < m->end) {
			pa = (m->end + PAGE_SIZE - 1) & -PAGE_SIZE;
			i = -1;
		}
	}
	return pa;
}

/* The lowest whole free frame at or above pa, or 0. */
static uint64_t mem_find_frame(uint64_t pa)
{
	uint64_t best = 0;

	for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];
		uint64_t first = (r->pa + PAGE_SIZE - 1) & -PAGE_SIZE;

		if (r->type != MULTIBOOT_RAM)
			continue;
		first = mem_skip_modules(first > pa ? first : pa);
		if (first + PAGE_SIZE <= r->pa + r->len && (!best || first < best))
			best = first;
	}
	return best;
}

uint64_t frame_alloc(void)
{
	uintptr_t flags = spin_lock(&mem_lock);
	uint64_t pa = mem_find_frame(mem_next_pa);

	if (pa) {
		mem_next_pa = pa + PAGE_SIZE;
		mem_nr_frames++;
	}
	spin_unlock(&mem_lock, flags);
	if (!pa) {
		printf("guest: out of memory after %lu frames\n", mem_nr_frames);
		cpu_halt_forever();
	}
	memset(phys_to_virt(pa), 0, PAGE_SIZE);
	return pa;
}

uint64_t frame_count(void)
{
	return mem_nr_frames;
}

uint64_t mem_total(void)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
		if (boot_info.ranges[i].type == MULTIBOOT_RAM)
			total += boot_info.ranges[i].len;
	}
	return total;
}
