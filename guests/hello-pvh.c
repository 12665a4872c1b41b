/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hello from a PVH entry: 32-bit protected mode, paging off, EBX at the start-info structure
 * (Xen's public/arch-x86/hvm/start_info.h). Prints what the loader passed.
 */
#include "guest32.h"
#include "power.h"
#include "print.h"
#include "serial.h"

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules_pa, cmdline_pa, rsdp_pa, memmap_pa;
	uint32_t nr_memmap, reserved;
};

struct pvh_module {
	uint64_t pa, size, cmdline_pa, reserved;
};

struct pvh_memmap {
	uint64_t pa, size;
	uint32_t type, reserved;
};

/*
 * The note that makes this a PVH kernel. The ELF entry is a trap for loaders that overlook it;
 * its instructions mean the same in 32-bit and 64-bit mode.
 */
__asm__(".pushsection .note.Xen, \"a\", @note\n"
	"	.balign 4\n"
	"	.long 4, 4, 18\n" /* name and descriptor length, XEN_ELFNOTE_PHYS32_ENTRY */
	"	.asciz \"Xen\"\n"
	"	.long _start\n"
	"	.popsection\n"
	"	.pushsection .text\n"
	"	.globl pvh_wrong_entry\n"
	"	.type pvh_wrong_entry, @function\n"
	"pvh_wrong_entry:\n"
	"	movl $pvh_wrong_text, %esi\n"
	"	movw $0x3f8, %dx\n"
	"1:	lodsb\n"
	"	testb %al, %al\n"
	"	jz 2f\n"
	"	outb %al, %dx\n"
	"	jmp 1b\n"
	"2:	movl $0x1f, %eax\n"
	"	outl %eax, $0xf4\n"
	"3:	hlt\n"
	"	jmp 3b\n"
	"	.size pvh_wrong_entry, . - pvh_wrong_entry\n"
	"pvh_wrong_text:\n"
	"	.asciz \"hello-pvh: entered at the ELF entry, not at the PVH note's\\r\\n\"\n"
	"	.popsection\n");

static const void *pvh_at(uint64_t pa)
{
	return (const void *)(uintptr_t)pa;
}

static void pvh_print_modules(const struct pvh_start_info *info)
{
	const struct pvh_module *m = pvh_at(info->modules_pa);

	for (uint32_t i = 0; i < info->nr_modules; i++)
		printf("module %llx+%llx\n", (unsigned long long)m[i].pa,
		       (unsigned long long)m[i].size);
}

static void pvh_print_memory(const struct pvh_start_info *info)
{
	const struct pvh_memmap *e = pvh_at(info->memmap_pa);

	for (uint32_t i = 0; info->version >= 1 && i < info->nr_memmap; i++)
		printf("memory %llx+%llx type %u\n", (unsigned long long)e[i].pa,
		       (unsigned long long)e[i].size, e[i].type);
}

void kmain32(uint32_t magic, uint32_t info_pa)
{
	const struct pvh_start_info *info = pvh_at(info_pa);

	(void)magic;
	serial_init();
	print_sink_add(serial_write);
	printf("hello from 32 bits\n");
	if (info->magic != PVH_MAGIC) {
		printf("no PVH start info: ebx %x\n", info_pa);
		power_exit(0x1f);
	}
	printf("pvh version %u, cmdline [%s], rsdp %llx\n", info->version,
	       info->cmdline_pa ? (const char *)pvh_at(info->cmdline_pa) : "",
	       (unsigned long long)info->rsdp_pa);
	pvh_print_modules(info);
	pvh_print_memory(info);
	power_exit(0x10);
}
