/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a guest's first instruction in each mode, and the GDT that
 * goes with them. The hidden parts always agree with the table in memory, so
 * that a guest may reload its segments before it has a table of its own.
 */
#include <string.h>

#include "vmm/boot.h"

#define BOOT_SEL_CODE  0x10
#define BOOT_SEL_DATA  0x18
#define BOOT_STACK_LEN 0x4000

/* Accessed, so that loading them writes nothing. */
#define BOOT_ATTR_CODE	(0xb | X86_SEG_S | X86_SEG_P)
#define BOOT_ATTR_DATA	(0x3 | X86_SEG_S | X86_SEG_P)
#define BOOT_ATTR_TSS	(0xb | X86_SEG_P)
#define BOOT_GDT_CODE32 0x00cf9b000000ffffull
#define BOOT_GDT_CODE64 0x00af9b000000ffffull
#define BOOT_GDT_DATA	0x00cf93000000ffffull
#define BOOT_NR_GDT	4

/* SDM 3A, table 10-1 (reset values); PAT table 12-12; MTRRs on, default write-back (12.11.2.1). */
void boot_state_reset(struct x86_state *st)
{
	memset(st, 0, sizeof(*st));
	st->rflags = 2;
	st->cr0 = X86_CR0_ET;
	st->apic_base = 0xfee00900;
	st->xcr0 = 1;
	st->dr6 = 0xffff0ff0;
	st->dr7 = 0x400;
	st->idt.limit = 0x3ff;
	st->gdt.limit = 0xffff;
	st->fpu.fcw = 0x37f;
	st->fpu.mxcsr = 0x1f80;
	st->msr[X86_MSR_PAT] = 0x0007040600070406ull;
	st->msr[X86_MSR_MTRR_DEF_TYPE] = 0x806;
	st->msr[X86_MSR_MISC_ENABLE] = 0x1801; /* fast strings; no BTS, no PEBS */
	st->mp_state = X86_MP_RUNNABLE;
	st->seg[X86_TR] = (struct x86_seg){ .limit = 0x67, .attr = BOOT_ATTR_TSS };
	st->seg[X86_LDTR] = (struct x86_seg){ .attr = 2 | X86_SEG_P | X86_SEG_UNUSABLE };
}

static void boot_state_set_segs(struct x86_state *st, const struct x86_seg *code,
				const struct x86_seg *data)
{
	static const uint8_t names[] = { X86_ES, X86_SS, X86_DS, X86_FS, X86_GS };
	unsigned int i;

	st->seg[X86_CS] = *code;
	for (i = 0; i < sizeof(names); i++)
		st->seg[names[i]] = *data;
}

void boot_state_real(struct x86_state *st, uint16_t cs, uint16_t ip)
{
	const struct x86_seg code = {
		.base = (uint64_t)cs << 4, .limit = 0xffff, .attr = BOOT_ATTR_CODE, .sel = cs
	};
	const struct x86_seg data = { .limit = 0xffff, .attr = BOOT_ATTR_DATA };

	boot_state_reset(st);
	boot_state_set_segs(st, &code, &data);
	st->rip = ip;
}

static void boot_state_flat(struct x86_state *st, uint32_t code_bits, uint64_t rip,
			    uint64_t gdt_gpa)
{
	const struct x86_seg code = { .limit = UINT32_MAX,
				      .attr = BOOT_ATTR_CODE | X86_SEG_G | code_bits,
				      .sel = BOOT_SEL_CODE };
	const struct x86_seg data = { .limit = UINT32_MAX,
				      .attr = BOOT_ATTR_DATA | X86_SEG_G | X86_SEG_DB,
				      .sel = BOOT_SEL_DATA };

	boot_state_reset(st);
	boot_state_set_segs(st, &code, &data);
	st->gdt.base = gdt_gpa;
	st->gdt.limit = BOOT_NR_GDT * 8 - 1;
	st->idt.limit =
		0; /* nothing there: a fault before the guest's own table is a triple fault */
	st->rip = rip;
	st->cr0 |= X86_CR0_PE;
}

void boot_state_prot32(struct x86_state *st, uint32_t eip, uint64_t gdt_gpa)
{
	boot_state_flat(st, X86_SEG_DB, eip, gdt_gpa);
}

void boot_state_long64(struct x86_state *st, uint64_t rip, uint64_t cr3, uint64_t gdt_gpa)
{
	boot_state_flat(st, X86_SEG_L, rip, gdt_gpa);
	st->cr0 |= X86_CR0_PG | X86_CR0_NE | X86_CR0_MP;
	st->cr3 = cr3;
	st->cr4 = X86_CR4_PAE;
	st->efer = X86_EFER_LME | X86_EFER_LMA;
}

int boot_place_gdt(struct boot_ctx *ctx, bool long_mode, uint64_t *gpa, struct err *err)
{
	const uint64_t gdt[BOOT_NR_GDT] = {
		[BOOT_SEL_CODE / 8] = long_mode ? BOOT_GDT_CODE64 : BOOT_GDT_CODE32,
		[BOOT_SEL_DATA / 8] = BOOT_GDT_DATA,
	};

	return boot_place_scratch(ctx, gdt, sizeof(gdt), 16, "first GDT", gpa, err);
}

int boot_place_stack(struct boot_ctx *ctx, uint64_t *top, struct err *err)
{
	uint64_t gpa;
	int ret = boot_place_scratch(ctx, NULL, BOOT_STACK_LEN, 4096, "first stack", &gpa, err);

	*top = ret ? 0 : gpa + BOOT_STACK_LEN;
	return ret;
}
