/* SPDX-License-Identifier: MIT */
/*
 * GDT, TSS and gates.
 */
#include "desc.h"

#include "cpu.h"
#include "paging.h"

#define DESC_CODE64 0x00209b0000000000ull
#define DESC_DATA   0x00cf93000000ffffull
#define DESC_DPL3   0x0000600000000000ull
#define DESC_TSS64  0x0000890000000000ull

static void gdt_set_tss(uint64_t *slot, const struct tss *tss)
{
	uint64_t base = (uintptr_t)tss, limit = sizeof(*tss) - 1;

	slot[0] = DESC_TSS64 | limit | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
}

/* A far return is the way to load CS in long mode. */
static void gdt_reload_segments(void)
{
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %1, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss"
			 :
			 : "i"(SEL_CODE64), "i"(SEL_DATA)
			 : "rax", "memory");
}

void gdt_init(struct desc_tables *t, unsigned int cpu)
{
	const struct table_ptr ptr = { sizeof(t->gdt) - 1, (uintptr_t)t->gdt };

	t->gdt[SEL_CODE64 / 8] = DESC_CODE64;
	t->gdt[SEL_DATA / 8] = DESC_DATA;
	t->gdt[SEL_USER_DATA / 8] = DESC_DATA | DESC_DPL3;
	t->gdt[SEL_USER_CODE / 8] = DESC_CODE64 | DESC_DPL3;
	gdt_set_tss(&t->gdt[SEL_TSS / 8], &t->tss);
	t->tss.rsp[0] = stack_top(cpu);
	t->tss.ist[IST_DOUBLE_FAULT - 1] = stack_fault_top(cpu);
	t->tss.ist[IST_NMI - 1] = stack_nmi_top(cpu);
	t->tss.io_map = sizeof(t->tss);
	lgdt(&ptr);
	gdt_reload_segments();
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

void gate_set(struct gate *gate, const void *handler, uint16_t selector, uint8_t ist)
{
	uintptr_t offset = (uintptr_t)handler;

	*gate = (struct gate){
		.offset_low = offset,
		.offset_mid = offset >> 16,
		.offset_high = offset >> 32,
		.selector = selector,
		.ist = ist,
		.type = GATE_PRESENT | GATE_INTERRUPT,
	};
}

void idt_load(const struct gate *idt, unsigned int nr_gates)
{
	const struct table_ptr ptr = { nr_gates ? nr_gates * sizeof(*idt) - 1 : 0, (uintptr_t)idt };

	lidt(&ptr);
}
