/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit paging with PSE, for the paging screen: the first 16 MiB at 0 as 4 MiB pages, and at
 * 3 GiB the kernel's image with the rights of its sections, a user page, device memory, a hole.
 */
#include "cpu.h"
#include "guest32.h"
#include "print.h"
#include "serial.h"

#define PAGING_HIGH 0xc0000000u
#define PAGING_P    0x001u
#define PAGING_W    0x002u
#define PAGING_U    0x004u
#define PAGING_PCD  0x010u
#define PAGING_PS   0x080u

extern char image_start[], image_rodata[], image_data[], image_end[];

static uint32_t paging_directory[1024] __attribute__((aligned(4096)));
static uint32_t paging_table[1024] __attribute__((aligned(4096)));
static uint8_t paging_user_page[4096] __attribute__((aligned(4096)));

static void paging_set(uint32_t va, uint32_t pa, uint32_t rights)
{
	paging_table[va >> 12 & 1023] = pa | rights | PAGING_P;
}

static void paging_set_section(const char *from, const char *to, uint32_t rights)
{
	for (uint32_t pa = (uint32_t)from; pa < (uint32_t)to; pa += 4096)
		paging_set(PAGING_HIGH + pa, pa, rights);
}

static void paging_fill(void)
{
	for (uint32_t i = 0; i < 4; i++)
		paging_directory[i] = i << 22 | PAGING_P | PAGING_W | PAGING_PS;
	paging_directory[PAGING_HIGH >> 22] =
		(uint32_t)paging_table | PAGING_P | PAGING_W | PAGING_U;
	paging_set_section(image_start, image_data, 0);
	paging_set_section(image_data, image_end, PAGING_W);
	paging_set(PAGING_HIGH + 0x3ff000, (uint32_t)paging_user_page, PAGING_W | PAGING_U);
	paging_set(PAGING_HIGH + 0x0b8000, 0xb8000, PAGING_W | PAGING_PCD);
}

void kmain32(uint32_t magic, uint32_t info_pa)
{
	(void)magic;
	(void)info_pa;
	serial_init();
	print_sink_add(serial_write);
	paging_fill();
	cr4_write(cr4_read() | CR4_PSE);
	cr3_write((uintptr_t)paging_directory);
	cr0_write(cr0_read() | CR0_PG | CR0_WP);
	printf("paging32: ready\n");
	cpu_halt_forever();
}
