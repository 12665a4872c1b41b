/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle of 32-bit paging, with and without CR4.PSE, and of PAE. Under a test's tables the
 * kernel has the first 128 MiB where they are, in pages of 4 KiB, and one of them is ring 3's.
 */
#include "cpu.h"
#include "guest32.h"
#include "multiboot.h"
#include "print.h"
#include "probe.h"
#include "serial.h"
#include "string.h"

#define MAIN_P	      0x001u
#define MAIN_W	      0x002u
#define MAIN_U	      0x004u
#define MAIN_SEL_CODE 0x08
#define MAIN_SEL_DATA 0x10
#define MAIN_SEL_TSS  0x28
#define MAIN_PAGES    (ORACLE_MEM >> 12)

struct main_tss {
	uint32_t link, esp0, ss0, rest[22];
	uint16_t trap, io_map;
};

struct main_gate {
	uint16_t offset_low, selector;
	uint8_t zero, type;
	uint16_t offset_high;
};

const uintptr_t probe_phys_base = 0;
uintptr_t touch_user_va;

/* One set of last-level tables for each length of entry. */
static uint32_t main_pt32[MAIN_PAGES] __attribute__((aligned(4096)));
static uint64_t main_pt64[MAIN_PAGES] __attribute__((aligned(4096)));
static uint64_t main_pd64[512] __attribute__((aligned(4096)));
static uint32_t main_root32[1024] __attribute__((aligned(4096)));
static uint64_t main_root64[512] __attribute__((aligned(4096)));
static char main_user_code[4096] __attribute__((aligned(4096)));
static char main_fault_stack[4096] __attribute__((aligned(4096)));
static struct main_tss main_task;
static struct main_gate main_idt[129];
static uint64_t main_gdt[6];

static void main_map_kernel32(uint64_t *root)
{
	uint32_t *dir = (uint32_t *)root;

	for (uint32_t i = 0; i < MAIN_PAGES / 1024; i++)
		dir[i] = (uint32_t)&main_pt32[i * 1024] | MAIN_P | MAIN_W | MAIN_U;
}

static void main_map_kernel_pae(uint64_t *root)
{
	root[0] = (uintptr_t)main_pd64 | MAIN_P;
}

static const struct probe_mode main_32 = {
	.name = "32-bit",
	.nr_levels = 2,
	.index_bits = 10,
	.entry_len = 4,
	.first_top = MAIN_PAGES / 1024,
	.nr_top = 1024 - MAIN_PAGES / 1024,
	.map_kernel = main_map_kernel32,
};

static const struct probe_mode main_pae = {
	.name = "PAE",
	.nr_levels = 3,
	.index_bits = 9,
	.entry_len = 8,
	.first_top = 1,
	.nr_top = 3,
	.map_kernel = main_map_kernel_pae,
};

static void main_make_tables(void)
{
	uint32_t user = (uint32_t)main_user_code;

	for (uint32_t i = 0; i < MAIN_PAGES; i++)
		main_pt64[i] = main_pt32[i] = i << 12 | MAIN_P | MAIN_W;
	main_pt64[user >> 12] = main_pt32[user >> 12] = user | MAIN_P | MAIN_U;
	for (uint32_t i = 0; i < MAIN_PAGES / 512; i++)
		main_pd64[i] = (uintptr_t)&main_pt64[i * 512] | MAIN_P | MAIN_W | MAIN_U;
	main_map_kernel32((uint64_t *)main_root32);
	main_map_kernel_pae(main_root64);
	memcpy(main_user_code, touch_code, (size_t)(touch_code_end - touch_code));
	touch_user_va = user;
}

static void main_set_gate(unsigned int vector, const void *handler, uint8_t dpl)
{
	uint32_t offset = (uint32_t)handler;

	main_idt[vector] = (struct main_gate){
		.offset_low = (uint16_t)offset,
		.selector = MAIN_SEL_CODE,
		.type = (uint8_t)(0x8e | dpl << 5),
		.offset_high = (uint16_t)(offset >> 16),
	};
}

static void main_load_segments(void)
{
	const struct table_ptr gdt = { sizeof(main_gdt) - 1, (uintptr_t)main_gdt };
	uint64_t base = (uintptr_t)&main_task;

	main_gdt[1] = 0x00cf9b000000ffffull;
	main_gdt[2] = 0x00cf93000000ffffull;
	main_gdt[3] = 0x00cffb000000ffffull; /* ring 3: code, then data */
	main_gdt[4] = 0x00cff3000000ffffull;
	main_gdt[5] = 0x0000890000000000ull | (sizeof(main_task) - 1) | (base & 0xffffff) << 16 |
		      (base >> 24) << 56;
	main_task.esp0 = (uint32_t)main_fault_stack + sizeof(main_fault_stack);
	main_task.ss0 = MAIN_SEL_DATA;
	main_task.io_map = sizeof(main_task);
	lgdt(&gdt);
	__asm__ volatile("ljmp %0, $1f\n"
			 "1:\tmovl %1, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "movl $0x23, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "ltr %w2"
			 :
			 : "i"(MAIN_SEL_CODE), "i"(MAIN_SEL_DATA), "r"(MAIN_SEL_TSS)
			 : "eax", "memory");
}

static void main_load_tables(void)
{
	const struct table_ptr idt = { sizeof(main_idt) - 1, (uintptr_t)main_idt };

	for (unsigned int i = 0; i < 32; i++)
		main_set_gate(i, touch_stubs[i], i == 3 ? 3 : 0);
	main_set_gate(128, touch_stubs[32], 3);
	main_load_segments();
	lidt(&idt);
}

void kmain32(uint32_t magic, uint32_t info_pa)
{
	uintptr_t cr0 = cr0_read();

	serial_init();
	print_sink_add(serial_write);
	multiboot_init(magic, info_pa);
	main_make_tables();
	main_load_tables();
	probe_init();
	cr3_write((uintptr_t)main_root32);
	cr0_write(cr0 | CR0_PG | CR0_WP);
	probe_run(&main_32, probe_option("n", 512));
	cr0_write(cr0);
	cr4_write(cr4_read() | CR4_PAE);
	cr3_write((uintptr_t)main_root64);
	cr0_write(cr0 | CR0_PG | CR0_WP);
	probe_run(&main_pae, probe_option("n", 512));
	probe_done();
	cpu_halt_forever();
}
