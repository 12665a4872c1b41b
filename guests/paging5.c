/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Five-level paging, for the paging screen. CR4.LA57 can only change with paging off, so
 * la57_enter() goes down to 32-bit mode and up again (Intel SDM volume 3, 4.1.2). The new top
 * table has the kernel's four levels in its last slot (and, on the way, in its first), and a
 * page at an address that only five levels reach. Without LA57 it says so and keeps four.
 */
#include "cpu.h"
#include "guest.h"
#include "paging.h"
#include "print.h"

#define PAGING5_VA 0xff12340000000000ul

/* lib/la57.S; the part of the image it needs at its physical address is between these. */
void la57_enter(uint64_t root_pa);
extern char boot_text[], boot_data[], boot_end[];

static bool paging5_supported(void)
{
	struct cpuid_regs r;

	cpuid(0, 0, &r);
	if (r.eax < 7)
		return false;
	cpuid(7, 0, &r);
	return r.ecx & 1u << 16;
}

/* A table of its own under table's entry for that level of va. */
static uint64_t *paging5_descend(uint64_t *table, uint64_t va, int level)
{
	uint64_t *entry = &table[va >> (12 + 9 * (level - 1)) & 511];

	if (!(*entry & PTE_P))
		*entry = frame_alloc() | PTE_P | PTE_W;
	return phys_to_virt(*entry & PTE_ADDR);
}

static uint64_t paging5_make_root(void)
{
	uint64_t root_pa = frame_alloc(), *table = phys_to_virt(root_pa);

	table[0] = paging_root() | PTE_P | PTE_W;
	table[511] = paging_root() | PTE_P | PTE_W;
	for (int level = 5; level > 1; level--)
		table = paging5_descend(table, PAGING5_VA, level);
	table[PAGING5_VA >> 12 & 511] = frame_alloc() | PTE_P | PTE_W | PTE_NX;
	return root_pa;
}

static void paging5_map_boot(const char *from, const char *to, uint64_t flags)
{
	for (uint64_t pa = (uintptr_t)from; pa < (uintptr_t)to; pa += PAGE_SIZE)
		page_map(pa, pa, PAGE_4K, flags);
}

static void paging5_enter(void)
{
	uint64_t root_pa = paging5_make_root();

	paging5_map_boot(boot_text, boot_data, 0);
	paging5_map_boot(boot_data, boot_end, PTE_W | PTE_NX);
	la57_enter(root_pa);
	*(uint64_t *)phys_to_virt(root_pa) = 0;
	cr3_write(root_pa);
}

void kmain(void)
{
	volatile uint64_t *far_away = (volatile uint64_t *)PAGING5_VA;

	if (!paging5_supported()) {
		printf("paging5: this processor has no LA57, four levels remain\n");
		printf("paging5: ready\n");
		cpu_halt_forever();
	}
	paging5_enter();
	*far_away = 57;
	printf("paging5: ready, %lu-bit addresses\n", *far_away);
	cpu_halt_forever();
}
