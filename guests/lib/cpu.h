/* SPDX-License-Identifier: MIT */
/*
 * The processor, one instruction per function: port and memory-mapped I/O, control and
 * model-specific registers, CPUID, interrupt flag, and a ticket-free spin lock.
 * Everything here works in 32-bit and 64-bit guests unless it says otherwise.
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CR0_PE	 (1u << 0)
#define CR0_WP	 (1u << 16)
#define CR0_PG	 (1u << 31)
#define CR4_PSE	 (1u << 4)
#define CR4_PAE	 (1u << 5)
#define CR4_PGE	 (1u << 7)
#define CR4_LA57 (1u << 12)

#define RFLAGS_IF (1u << 9)

#define MSR_APIC_BASE 0x1b
#define MSR_EFER      0xc0000080
#define MSR_STAR      0xc0000081
#define MSR_LSTAR     0xc0000082
#define MSR_SFMASK    0xc0000084
#define MSR_GS_BASE   0xc0000101

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_NXE (1u << 11)

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* A pseudo-descriptor as LGDT and LIDT read it. */
struct table_ptr {
	uint16_t limit;
	uintptr_t base;
} __attribute__((packed));

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t mmio_read32(const volatile void *reg)
{
	return *(const volatile uint32_t *)reg;
}

static inline void mmio_write32(volatile void *reg, uint32_t value)
{
	*(volatile uint32_t *)reg = value;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	__asm__ volatile("cpuid"
			 : "=a"(r->eax), "=b"(r->ebx), "=c"(r->ecx), "=d"(r->edx)
			 : "a"(leaf), "c"(subleaf));
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

#define CPU_CR_ACCESSORS(n)                                                    \
	static inline uintptr_t cr##n##_read(void)                             \
	{                                                                      \
		uintptr_t value;                                               \
                                                                               \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));          \
		return value;                                                  \
	}                                                                      \
                                                                               \
	static inline void cr##n##_write(uintptr_t value)                      \
	{                                                                      \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory"); \
	}

CPU_CR_ACCESSORS(0)
CPU_CR_ACCESSORS(2)
CPU_CR_ACCESSORS(3)
CPU_CR_ACCESSORS(4)

static inline void invlpg(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void lidt(const struct table_ptr *ptr)
{
	__asm__ volatile("lidt %0" : : "m"(*ptr));
}

static inline void lgdt(const struct table_ptr *ptr)
{
	__asm__ volatile("lgdt %0" : : "m"(*ptr));
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void cpu_hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Disables interrupts; returns what irq_restore() wants back. */
static inline uintptr_t irq_save(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void irq_restore(uintptr_t flags)
{
	if (flags & RFLAGS_IF)
		irq_enable();
}

/* Stops this processor for good. */
static inline __attribute__((noreturn)) void cpu_halt_forever(void)
{
	irq_disable();
	for (;;)
		cpu_hlt();
}

struct spinlock {
	uint32_t held;
};

static inline uintptr_t spin_lock(struct spinlock *lock)
{
	uintptr_t flags = irq_save();

	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		cpu_pause();
	return flags;
}

static inline void spin_unlock(struct spinlock *lock, uintptr_t flags)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
	irq_restore(flags);
}

#endif
