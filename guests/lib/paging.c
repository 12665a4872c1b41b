/* SPDX-License-Identifier: MIT */
/*
 * Builds and changes the kernel's page tables (Intel SDM volume 3, 4.5).
 */
#include "paging.h"

#include "cpu.h"
#include "multiboot.h"
#include "string.h"

#define PAGING_ENTRIES 512

/* A processor's part of the stack area; everything not named here is a guard. */
#define STACK_SLOT  0x10000ul
#define STACK_FAULT 0x1000ul
#define STACK_NMI   0x4000ul
#define STACK_SMALL 0x2000ul
#define STACK_MAIN  0xc000ul

extern char kernel_text[], kernel_rodata[], kernel_data[], kernel_end[];

static uint64_t paging_root_pa;
static uint64_t paging_nx; /* PTE_NX where the processor has it */
static uint64_t paging_mmio_next = MMIO_BASE;
static struct spinlock paging_lock;

static bool paging_has(unsigned int edx_bit)
{
	struct cpuid_regs r;

	cpuid(0x80000001, 0, &r);
	return r.edx & 1u << edx_bit;
}

static unsigned int paging_index(uint64_t va, int level)
{
	return va >> (12 + 9 * (level - 1)) & (PAGING_ENTRIES - 1);
}

/* The entry for va at that level; tables on the way are made. */
static uint64_t *paging_reach(uint64_t va, int level)
{
	uint64_t *table = phys_to_virt(paging_root_pa);

	for (int l = 4; l > level; l--) {
		uint64_t *entry = &table[paging_index(va, l)];

		if (!(*entry & PTE_P))
			*entry = frame_alloc() | PTE_P | PTE_W;
		table = phys_to_virt(*entry & PTE_ADDR);
	}
	return &table[paging_index(va, level)];
}

void page_map(uint64_t va, uint64_t pa, enum page_level level, uint64_t flags)
{
	uintptr_t irq = spin_lock(&paging_lock);

	if (!paging_nx)
		flags &= ~PTE_NX;
	if (level > PAGE_4K)
		flags |= PTE_PS;
	*paging_reach(va, level) = pa | flags | PTE_P;
	invlpg(va);
	spin_unlock(&paging_lock, irq);
}

void page_unmap(uint64_t va)
{
	*paging_reach(va, PAGE_4K) = 0;
	invlpg(va);
}

uint64_t *page_entry(uint64_t va, int *level)
{
	uint64_t *table = phys_to_virt(paging_root_pa), *entry;
	int l = 4;

	for (;; l--) {
		entry = &table[paging_index(va, l)];
		if (l == 1 || !(*entry & PTE_P) || (l < 4 && *entry & PTE_PS))
			break;
		table = phys_to_virt(*entry & PTE_ADDR);
	}
	if (level)
		*level = l;
	return entry;
}

static void paging_map_section(const char *from, const char *to, uint64_t flags)
{
	for (uint64_t va = (uintptr_t)from; va < (uintptr_t)to; va += PAGE_SIZE)
		page_map(va, va - KERNEL_BASE, PAGE_4K, flags | PTE_G);
}

/* Maps [pa, end) at DIRECT_BASE with the largest pages that fit. */
static void paging_map_direct(uint64_t pa, uint64_t end, bool gigabytes)
{
	while (pa < end) {
		enum page_level level = PAGE_4K;
		uint64_t size = PAGE_SIZE;

		if (gigabytes && !(pa & 0x3fffffff) && end - pa >= 0x40000000)
			level = PAGE_1G, size = 0x40000000;
		else if (!(pa & 0x1fffff) && end - pa >= 0x200000)
			level = PAGE_2M, size = 0x200000;
		page_map(DIRECT_BASE + pa, pa, level, PTE_W | PTE_NX | PTE_G);
		pa += size;
	}
}

static void paging_map_ram(void)
{
	bool gigabytes = paging_has(26);

	for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];
		uint64_t start = (r->pa + PAGE_SIZE - 1) & -PAGE_SIZE;
		uint64_t end = (r->pa + r->len) & -PAGE_SIZE;

		if (r->type == MULTIBOOT_RAM)
			paging_map_direct(start, end, gigabytes);
	}
}

/* What the image may not write, its alias in the direct map may not either. */
static void paging_protect_alias(void)
{
	for (uint64_t va = (uintptr_t)kernel_text; va < (uintptr_t)kernel_data; va += PAGE_SIZE) {
		uint64_t pa = va - KERNEL_BASE;
		int level;

		page_entry(DIRECT_BASE + pa, &level);
		if (level == PAGE_4K)
			page_map(DIRECT_BASE + pa, pa, PAGE_4K, PTE_NX | PTE_G);
	}
}

uint64_t paging_root(void)
{
	return paging_root_pa;
}

void paging_init(void)
{
	paging_nx = paging_has(20) ? PTE_NX : 0;
	paging_root_pa = frame_alloc();
	paging_map_section(kernel_text, kernel_rodata, 0);
	paging_map_section(kernel_rodata, kernel_data, PTE_NX);
	paging_map_section(kernel_data, kernel_end, PTE_W | PTE_NX);
	paging_map_ram();
	paging_protect_alias();
	cr3_write(paging_root_pa);
	mem_use_direct_map();
}

void *mmio_map(uint64_t pa, size_t len)
{
	uint64_t first = pa & -PAGE_SIZE, va = paging_mmio_next;

	for (; first < pa + len; first += PAGE_SIZE, paging_mmio_next += PAGE_SIZE)
		page_map(paging_mmio_next, first, PAGE_4K, PTE_W | PTE_NX | PTE_PCD | PTE_PWT);
	return (void *)(va + (pa & (PAGE_SIZE - 1)));
}

const void *phys_view(uint64_t pa, size_t len)
{
	for (uint64_t at = pa & -PAGE_SIZE; at < pa + len; at += PAGE_SIZE) {
		if (!(*page_entry(DIRECT_BASE + at, NULL) & PTE_P))
			page_map(DIRECT_BASE + at, at, PAGE_4K, PTE_NX);
	}
	return (const void *)(DIRECT_BASE + pa);
}

static uintptr_t stack_slot(unsigned int n)
{
	return STACK_BASE + n * STACK_SLOT;
}

static void stack_map(uintptr_t from, uintptr_t to)
{
	for (; from < to; from += PAGE_SIZE)
		page_map(from, frame_alloc(), PAGE_4K, PTE_W | PTE_NX | PTE_G);
}

void stack_init(unsigned int n)
{
	uintptr_t slot = stack_slot(n);

	stack_map(slot + STACK_FAULT, slot + STACK_FAULT + STACK_SMALL);
	stack_map(slot + STACK_NMI, slot + STACK_NMI + STACK_SMALL);
	stack_map(slot + STACK_MAIN, slot + STACK_SLOT);
}

uintptr_t stack_top(unsigned int n)
{
	return stack_slot(n) + STACK_SLOT;
}

uintptr_t stack_fault_top(unsigned int n)
{
	return stack_slot(n) + STACK_FAULT + STACK_SMALL;
}

uintptr_t stack_nmi_top(unsigned int n)
{
	return stack_slot(n) + STACK_NMI + STACK_SMALL;
}
