/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register state of one x86 vCPU as plain data, and the one table of
 * registers that feeds gdb, the panels and the dumps.
 */
#ifndef VITRINE_INSPECT_REGS_H
#define VITRINE_INSPECT_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum x86_gpr {
	X86_RAX,
	X86_RCX,
	X86_RDX,
	X86_RBX,
	X86_RSP,
	X86_RBP,
	X86_RSI,
	X86_RDI,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15,
	X86_NR_GPR,
};

enum x86_segname { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR, X86_NR_SEG };

/*
 * A segment register with its hidden part. ATTR has the layout of the VMX
 * access rights (SDM 3C 24.4.1): type 3..0, S 4, DPL 6..5, P 7, AVL 12, L 13,
 * DB 14, G 15, unusable 16. LIMIT is in bytes (granularity applied).
 */
struct x86_seg {
	uint64_t base;
	uint32_t limit;
	uint32_t attr;
	uint16_t sel;
};

#define X86_SEG_S	 (1u << 4)
#define X86_SEG_P	 (1u << 7)
#define X86_SEG_L	 (1u << 13)
#define X86_SEG_DB	 (1u << 14)
#define X86_SEG_G	 (1u << 15)
#define X86_SEG_UNUSABLE (1u << 16)
#define X86_SEG_DPL(a)	 (((a) >> 5) & 3)

struct x86_dtable {
	uint64_t base;
	uint16_t limit;
};

enum x86_msr_slot {
	X86_MSR_STAR,
	X86_MSR_LSTAR,
	X86_MSR_CSTAR,
	X86_MSR_SFMASK,
	X86_MSR_KERNEL_GS_BASE,
	X86_MSR_SYSENTER_CS,
	X86_MSR_SYSENTER_ESP,
	X86_MSR_SYSENTER_EIP,
	X86_MSR_PAT,
	X86_MSR_TSC,
	X86_MSR_TSC_AUX,
	X86_MSR_MISC_ENABLE,
	X86_MSR_MTRR_DEF_TYPE,
	X86_MSR_TSC_DEADLINE,
	X86_MSR_KVM_SYSTEM_TIME,
	X86_MSR_KVM_WALL_CLOCK,
	X86_NR_MSR,
};

/* As KVM_MP_STATE_*. */
enum x86_mp_state {
	X86_MP_RUNNABLE = 0,
	X86_MP_UNINITIALIZED = 1,
	X86_MP_INIT = 2,
	X86_MP_HALTED = 3,
	X86_MP_SIPI = 4,
};

struct x86_fpu {
	uint8_t st[8][16]; /* 80 bits each, physical order st0..st7 */
	uint16_t fcw, fsw, fop;
	uint8_t ftw; /* abridged, as FXSAVE stores it */
	uint64_t fip, fdp;
	uint32_t mxcsr;
	uint8_t xmm[16][16];
	uint8_t ymmh[16][16];
};

/* What AVX-512 adds (XSAVE components 5, 6 and 7); zero where there is none. */
struct x86_avx512 {
	uint64_t k[8];
	uint8_t zmmh[16][32];  /* upper halves of zmm0..zmm15 */
	uint8_t zmm16[16][64]; /* all of zmm16..zmm31 */
};

struct x86_state {
	uint64_t gpr[X86_NR_GPR];
	uint64_t rip, rflags;
	struct x86_seg seg[X86_NR_SEG];
	struct x86_dtable gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0, apic_base;
	uint64_t dr[4], dr6, dr7;
	uint64_t pdptr[4];
	bool pdptrs_valid;
	uint64_t msr[X86_NR_MSR];
	struct x86_fpu fpu;
	/* pending event state, as KVM_GET_VCPU_EVENTS tells it */
	uint8_t exc_injected, exc_nr, exc_has_error, irq_injected, irq_nr, irq_shadow;
	uint8_t nmi_pending, nmi_masked;
	uint32_t exc_error;
	uint32_t mp_state;  /* enum x86_mp_state */
	uint8_t maxphyaddr; /* guest physical address width from CPUID, bits */
	uint32_t pkru;	    /* rights of the protection keys */
	uint8_t has_lapic_regs;
	uint8_t lapic[1024]; /* the APIC register page as KVM_GET_LAPIC gives it */
	struct x86_avx512 avx512;
};

#define X86_CR0_PE (1ull << 0)
#define X86_CR0_MP (1ull << 1)
#define X86_CR0_EM (1ull << 2)
#define X86_CR0_TS (1ull << 3)
#define X86_CR0_ET (1ull << 4)
#define X86_CR0_NE (1ull << 5)
#define X86_CR0_WP (1ull << 16)
#define X86_CR0_AM (1ull << 18)
#define X86_CR0_NW (1ull << 29)
#define X86_CR0_CD (1ull << 30)
#define X86_CR0_PG (1ull << 31)

#define X86_CR4_PSE	   (1ull << 4)
#define X86_CR4_PAE	   (1ull << 5)
#define X86_CR4_PGE	   (1ull << 7)
#define X86_CR4_OSFXSR	   (1ull << 9)
#define X86_CR4_OSXMMEXCPT (1ull << 10)
#define X86_CR4_LA57	   (1ull << 12)
#define X86_CR4_FSGSBASE   (1ull << 16)
#define X86_CR4_PCIDE	   (1ull << 17)
#define X86_CR4_OSXSAVE	   (1ull << 18)
#define X86_CR4_SMEP	   (1ull << 20)
#define X86_CR4_SMAP	   (1ull << 21)
#define X86_CR4_PKE	   (1ull << 22)

#define X86_EFER_SCE  (1ull << 0)
#define X86_EFER_LME  (1ull << 8)
#define X86_EFER_LMA  (1ull << 10)
#define X86_EFER_NXE  (1ull << 11)
#define X86_EFER_SVME (1ull << 12)

#define X86_RFLAGS_TF (1ull << 8)
#define X86_RFLAGS_IF (1ull << 9)
#define X86_RFLAGS_RF (1ull << 16)
#define X86_RFLAGS_VM (1ull << 17)
#define X86_RFLAGS_AC (1ull << 18)

enum x86_mode {
	X86_MODE_REAL,
	X86_MODE_V86,
	X86_MODE_PROT16,
	X86_MODE_PROT32,
	X86_MODE_COMPAT16,
	X86_MODE_COMPAT32,
	X86_MODE_LONG64,
};

/* The mode the vCPU executes in, from CR0, EFER, RFLAGS and CS. */
enum x86_mode x86_state_mode(const struct x86_state *st);
/* "real", "v8086", "prot16", "prot32", "compat16", "compat32", "long64". */
const char *x86_mode_name(enum x86_mode mode);
/* 16, 32 or 64: operand width of the code segment. */
unsigned int x86_mode_bits(enum x86_mode mode);
/* Current privilege level, 0..3. */
unsigned int x86_state_cpl(const struct x86_state *st);
/* Linear address of the next instruction: CS base applied outside long mode. */
uint64_t x86_state_linear_rip(const struct x86_state *st);
/* Linear address of the top of the stack. */
uint64_t x86_state_linear_rsp(const struct x86_state *st);

enum reg_group {
	REG_GROUP_GENERAL,
	REG_GROUP_FPU,
	REG_GROUP_SSE,
	REG_GROUP_AVX,
	REG_GROUP_SEGBASE, /* fs_base, gs_base: gdb's own feature */
	REG_GROUP_SYSTEM,  /* everything a debugger usually cannot see */
	REG_GROUP_AVX512,
	REG_GROUP_PKEYS,
};

/*
 * One register. WIDTH is in bits as gdb sees it; read() stores WIDTH/8 bytes,
 * little endian; write() takes as many and returns false where the value cannot
 * be accepted (read-only, malformed). MSR index for rows that live in an MSR.
 */
struct reg_desc {
	const char *name;
	uint16_t width;
	uint8_t group;	      /* enum reg_group */
	const char *gdb_type; /* "int64", "data_ptr", "code_ptr", "i386_eflags", "vec128", ... */
	void (*read)(const struct x86_state *st, unsigned int arg, void *out);
	bool (*write)(struct x86_state *st, unsigned int arg, const void *in);
	unsigned int arg;
};

/* The table, gdb's standard registers first and in gdb's order. */
extern const struct reg_desc reg_table[];
extern const unsigned int reg_table_len;

/* Index in reg_table of NAME, or -1. */
int reg_find(const char *name);
/* Value of a register of at most 64 bits. */
uint64_t reg_value(const struct x86_state *st, unsigned int index);

/* A register's bits in words, highest first: "PG WP PE". OUT is appended to. */
void regs_cr0_text(uint64_t val, struct buf *out);
void regs_cr4_text(uint64_t val, struct buf *out);
void regs_efer_text(uint64_t val, struct buf *out);
void regs_rflags_text(uint64_t val, struct buf *out);

/* All registers as lines, in the shape of QEMU's `info registers`; appended to OUT. */
void regs_dump(const struct x86_state *st, struct buf *out);
/* MSR number of a slot, and its name. */
uint32_t regs_msr_index(enum x86_msr_slot slot);
const char *regs_msr_name(enum x86_msr_slot slot);

#endif
