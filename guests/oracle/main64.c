/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle of four-level and, where the processor has it, five-level paging. Under a test's
 * tables the kernel has the first 128 MiB at -2 GiB, one page for ring 3, and nothing else.
 */
#include <stdbool.h>

#include "cpu.h"
#include "desc.h"
#include "guest.h"
#include "paging.h"
#include "print.h"
#include "probe.h"
#include "string.h"

#define MAIN_USER_VA 0xffffffffbfe00000ul /* below the devices, in the image's GiB */

/* lib/la57.S and guest64.ld, as in paging5.c. */
void la57_enter(uint64_t root_pa);
extern char boot_text[], boot_data[], boot_end[];

const uintptr_t probe_phys_base = KERNEL_BASE;
uintptr_t touch_user_va = MAIN_USER_VA;

static uint64_t main_pml5[512] __attribute__((aligned(4096)));
static uint64_t main_pml4[512] __attribute__((aligned(4096)));
static uint64_t main_pdpt[512] __attribute__((aligned(4096)));
static uint64_t main_pd[512] __attribute__((aligned(4096)));
static uint64_t main_user_pt[512] __attribute__((aligned(4096)));
static char main_user_code[4096] __attribute__((aligned(4096)));
static char main_stack[16384] __attribute__((aligned(4096)));
static char main_fault_stack[4096] __attribute__((aligned(4096)));
static struct desc_tables main_tables;
static struct gate main_idt[129] __attribute__((aligned(16)));

/* Of something in the image. */
static uint64_t main_pa(const void *ptr)
{
	return (uintptr_t)ptr - KERNEL_BASE;
}

static void main_map_kernel4(uint64_t *root)
{
	root[511] = main_pa(main_pdpt) | PTE_P | PTE_W | PTE_U;
}

static void main_map_kernel5(uint64_t *root)
{
	root[511] = main_pa(main_pml4) | PTE_P | PTE_W | PTE_U;
}

static const struct probe_mode main_level4 = {
	.name = "4-level",
	.nr_levels = 4,
	.index_bits = 9,
	.entry_len = 8,
	.first_top = 0,
	.nr_top = 511,
	.map_kernel = main_map_kernel4,
};

static const struct probe_mode main_level5 = {
	.name = "5-level",
	.nr_levels = 5,
	.index_bits = 9,
	.entry_len = 8,
	.first_top = 0,
	.nr_top = 511,
	.map_kernel = main_map_kernel5,
};

/* The library's tables with the image's GiB replaced by one that needs no NX. */
static void main_make_tables(void)
{
	const uint64_t *root = phys_to_virt(paging_root());
	const uint64_t *high = phys_to_virt(root[511] & PTE_ADDR);

	for (uint64_t i = 0; i < ORACLE_MEM >> 21; i++)
		main_pd[i] = i << 21 | PTE_P | PTE_W | PTE_PS;
	main_pd[511] = main_pa(main_user_pt) | PTE_P | PTE_W | PTE_U;
	main_user_pt[0] = main_pa(main_user_code) | PTE_P | PTE_U;
	memcpy(main_pml4, root, sizeof(main_pml4));
	memcpy(main_pdpt, high, sizeof(main_pdpt));
	main_pdpt[510] = main_pa(main_pd) | PTE_P | PTE_W | PTE_U;
	main_map_kernel4(main_pml4);
	main_pml5[0] = main_pa(main_pml4) | PTE_P | PTE_W;
	main_map_kernel5(main_pml5);
	memcpy(main_user_code, touch_code, (size_t)(touch_code_end - touch_code));
}

static void main_make_gates(void)
{
	for (unsigned int i = 0; i < 32; i++)
		gate_set(&main_idt[i], touch_stubs[i], SEL_CODE64, 0);
	gate_set(&main_idt[128], touch_stubs[32], SEL_CODE64, 0);
	main_idt[3].type |= GATE_USER;
	main_idt[128].type |= GATE_USER;
	gdt_init(&main_tables, 0);
	main_tables.tss.rsp[0] = (uintptr_t)main_fault_stack + sizeof(main_fault_stack);
	idt_load(main_idt, 129);
}

static bool main_has_la57(void)
{
	struct cpuid_regs r;

	cpuid(0, 0, &r);
	if (r.eax < 7)
		return false;
	cpuid(7, 0, &r);
	return r.ecx & 1u << 16;
}

static void main_map_boot(const char *from, const char *to, uint64_t flags)
{
	for (uint64_t pa = (uintptr_t)from; pa < (uintptr_t)to; pa += PAGE_SIZE)
		page_map(pa, pa, PAGE_4K, flags);
}

static void main_run(void)
{
	cr4_write(cr4_read() & ~(uintptr_t)CR4_PGE);
	/* What la57_enter() walks through on its way. */
	main_map_boot(boot_text, boot_data, 0);
	main_map_boot(boot_data, boot_end, PTE_W | PTE_NX);
	main_make_tables();
	main_make_gates();
	cr3_write(main_pa(main_pml4));
	probe_init();
	probe_run(&main_level4, probe_option("n", 512));
	if (main_has_la57()) {
		la57_enter(main_pa(main_pml5));
		probe_run(&main_level5, probe_option("n", 512));
	}
	probe_done();
	cpu_halt_forever();
}

/* On a stack of the image: the library's lies where the tests' tables map nothing. */
void kmain(void)
{
	stack_call((uintptr_t)main_stack + sizeof(main_stack), main_run);
}
