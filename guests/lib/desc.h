/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: one GDT and TSS per processor, one IDT for all (Intel SDM volume 3, 3.4
 * and 6.14).
 */
#ifndef GUEST_DESC_H
#define GUEST_DESC_H

#include <stdint.h>

#define SEL_CODE64    0x08
#define SEL_DATA      0x10
#define SEL_USER_DATA 0x1b
#define SEL_USER_CODE 0x23
#define SEL_TSS	      0x28

#define GATE_PRESENT   0x80
#define GATE_INTERRUPT 0x0e
#define GATE_USER      0x60

/* The stacks of the TSS's interrupt stack table that idt_init() asks for. */
#define IST_DOUBLE_FAULT 1
#define IST_NMI		 2

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST1 is ist[0] */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
};

struct desc_tables {
	uint64_t gdt[7];
	struct tss tss;
};

/* Fills and loads a processor's GDT and TSS; its stacks are made already. */
void gdt_init(struct desc_tables *t, unsigned int cpu);

/* Fills one gate, present, for an interrupt handler at ring 0. */
void gate_set(struct gate *gate, const void *handler, uint16_t selector, uint8_t ist);

/* Loads an IDT of that many gates. */
void idt_load(const struct gate *idt, unsigned int nr_gates);

#endif
