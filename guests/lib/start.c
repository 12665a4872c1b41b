/* SPDX-License-Identifier: MIT */
/*
 * From boot64.S to kmain(): output, memory, page tables, a guarded stack.
 */
#include "guest.h"
#include "mem.h"
#include "multiboot.h"
#include "paging.h"
#include "print.h"
#include "serial.h"
#include "smp.h"
#include "vga.h"

void guest_start(uint32_t magic, uint32_t info_pa) __attribute__((noreturn));

void guest_start(uint32_t magic, uint32_t info_pa)
{
	serial_init();
	print_sink_add(serial_write);
	multiboot_init(magic, info_pa);
	mem_init();
	paging_init();
	vga_init();
	print_sink_add(vga_write);
	stack_init(0);
	smp_init_boot_cpu();
	stack_call(stack_top(0), kmain);
}
