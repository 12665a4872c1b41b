/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit paging with PAE, for the paging screen: the first 16 MiB at 0 as 2 MiB pages, and at
 * 3 GiB the kernel's image with the rights of its sections, no-execute where there is such a
 * thing.
 */
#include "cpu.h"
#include "guest32.h"
#include "print.h"
#include "serial.h"

#define PAGING_HIGH	 0xc0000000u
#define PAGING_P	 0x001u
#define PAGING_W	 0x002u
#define PAGING_U	 0x004u
#define PAGING_PS	 0x080u
#define PAGING_NX	 (1ull << 63)
#define PAGING_LOW_PAGES 8

extern char image_start[], image_rodata[], image_data[], image_end[];

static uint64_t paging_pointers[4] __attribute__((aligned(32)));
static uint64_t paging_low[512] __attribute__((aligned(4096)));
static uint64_t paging_high[512] __attribute__((aligned(4096)));
static uint64_t paging_table[512] __attribute__((aligned(4096)));
static uint8_t paging_user_page[4096] __attribute__((aligned(4096)));

static uint64_t paging_nx;

static void paging_set(uint32_t va, uint32_t pa, uint64_t rights)
{
	paging_table[va >> 12 & 511] = pa | rights | PAGING_P;
}

static void paging_set_section(const char *from, const char *to, uint64_t rights)
{
	for (uint32_t pa = (uint32_t)from; pa < (uint32_t)to; pa += 4096)
		paging_set(PAGING_HIGH + pa, pa, rights);
}

static void paging_enable_nx(void)
{
	struct cpuid_regs r;

	cpuid(0x80000000, 0, &r);
	if (r.eax < 0x80000001)
		return;
	cpuid(0x80000001, 0, &r);
	if (!(r.edx & 1u << 20))
		return;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	paging_nx = PAGING_NX;
}

static void paging_fill(void)
{
	for (uint32_t i = 0; i < PAGING_LOW_PAGES; i++)
		paging_low[i] = i << 21 | PAGING_P | PAGING_W | PAGING_PS;
	paging_pointers[0] = (uintptr_t)paging_low | PAGING_P;
	paging_pointers[PAGING_HIGH >> 30] = (uintptr_t)paging_high | PAGING_P;
	paging_high[0] = (uintptr_t)paging_table | PAGING_P | PAGING_W | PAGING_U;
	paging_set_section(image_start, image_rodata, 0);
	paging_set_section(image_rodata, image_data, paging_nx);
	paging_set_section(image_data, image_end, PAGING_W | paging_nx);
	paging_set(PAGING_HIGH + 0x1ff000, (uint32_t)paging_user_page,
		   PAGING_W | PAGING_U | paging_nx);
}

void kmain32(uint32_t magic, uint32_t info_pa)
{
	(void)magic;
	(void)info_pa;
	serial_init();
	print_sink_add(serial_write);
	paging_enable_nx();
	paging_fill();
	cr4_write(cr4_read() | CR4_PAE);
	cr3_write((uintptr_t)paging_pointers);
	cr0_write(cr0_read() | CR0_PG | CR0_WP);
	printf("pagingpae: ready%s\n", paging_nx ? "" : ", without NX");
	cpu_halt_forever();
}
