/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hello from 32-bit protected mode, and what the Multiboot loader said: loader tests read it.
 * Built twice, as ELF32 and as a flat image with the a.out kludge.
 */
#include "guest32.h"
#include "multiboot.h"
#include "power.h"
#include "print.h"
#include "serial.h"

static void hello_print_modules(void)
{
	for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		printf("module %x-%x [%s] \"%.16s\"\n", m->start, m->end, m->cmdline,
		       (const char *)(uintptr_t)m->start);
	}
}

static void hello_print_memory(void)
{
	printf("lower %u KiB, upper %u KiB\n", boot_info.mem_lower_kib, boot_info.mem_upper_kib);
	for (unsigned int i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];

		printf("memory %llx+%llx type %u\n", (unsigned long long)r->pa,
		       (unsigned long long)r->len, r->type);
	}
}

void kmain32(uint32_t magic, uint32_t info_pa)
{
	serial_init();
	print_sink_add(serial_write);
	multiboot_init(magic, info_pa);
	printf("hello from 32 bits\n");
	if (magic == MULTIBOOT_BOOTED) {
		printf("multiboot flags %x, cmdline [%s], loader [%s]\n", boot_info.flags,
		       boot_info.cmdline, boot_info.loader);
		hello_print_modules();
		hello_print_memory();
	} else {
		printf("not booted by Multiboot: eax %x\n", magic);
	}
	power_exit(0x10);
}
