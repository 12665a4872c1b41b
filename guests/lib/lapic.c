/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: identity, end of interrupt, inter-processor interrupts, timer.
 */
#include "lapic.h"

#include <stddef.h>

#include "cpu.h"
#include "paging.h"
#include "pit.h"

enum {
	LAPIC_ID = 0x20,
	LAPIC_EOI = 0xb0,
	LAPIC_SPURIOUS = 0xf0,
	LAPIC_ICR_LOW = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define LAPIC_SPURIOUS_ENABLE 0x100
#define LAPIC_LVT_MASKED      (1u << 16)
#define LAPIC_LVT_PERIODIC    (1u << 17)
#define LAPIC_LVT_EXTINT      0x700
#define LAPIC_LVT_NMI	      0x400
#define LAPIC_DIVIDE_16	      0x3
#define LAPIC_ICR_INIT	      0x4500
#define LAPIC_ICR_SIPI	      0x4600
#define LAPIC_ICR_PENDING     (1u << 12)
#define LAPIC_CALIBRATE_TICKS 4
#define LAPIC_BASE_ADDR	      0xffffff000ull
#define LAPIC_BASE_BSP	      0x100

static volatile uint8_t *lapic;
static uint32_t lapic_timer_hz;

static uint32_t lapic_read(unsigned int reg)
{
	return mmio_read32(lapic + reg);
}

static void lapic_write(unsigned int reg, uint32_t value)
{
	mmio_write32(lapic + reg, value);
}

bool lapic_present(void)
{
	struct cpuid_regs r;

	cpuid(1, 0, &r);
	return r.edx & 1u << 9;
}

void lapic_enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (!lapic)
		lapic = mmio_map(base & LAPIC_BASE_ADDR, PAGE_SIZE);
	/* Through LINT0 of the first processor the 8259s keep working. */
	lapic_write(LAPIC_LVT_LINT0, base & LAPIC_BASE_BSP ? LAPIC_LVT_EXTINT : LAPIC_LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_NMI);
	lapic_write(LAPIC_SPURIOUS, LAPIC_SPURIOUS_ENABLE | LAPIC_SPURIOUS_VECTOR);
}

uint32_t lapic_id(void)
{
	return lapic_read(LAPIC_ID) >> 24;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

static void lapic_send(uint32_t apic_id, uint32_t command)
{
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR_LOW, command);
	for (int i = 0; i < 100000 && lapic_read(LAPIC_ICR_LOW) & LAPIC_ICR_PENDING; i++)
		cpu_pause();
}

void lapic_send_init(uint32_t apic_id)
{
	lapic_send(apic_id, LAPIC_ICR_INIT);
}

void lapic_send_sipi(uint32_t apic_id, uint32_t start_pa)
{
	lapic_send(apic_id, LAPIC_ICR_SIPI | start_pa / PAGE_SIZE);
}

static void lapic_wait_tick(void)
{
	uint64_t now = pit_ticks();

	while (pit_ticks() == now)
		cpu_pause();
}

void lapic_timer_calibrate(void)
{
	uint32_t left;

	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED);
	lapic_wait_tick();
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	for (int i = 0; i < LAPIC_CALIBRATE_TICKS; i++)
		lapic_wait_tick();
	left = lapic_read(LAPIC_TIMER_CURRENT);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_timer_hz = (UINT32_MAX - left) / LAPIC_CALIBRATE_TICKS * pit_hz();
}

void lapic_timer_start(unsigned int hz)
{
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_16);
	lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_PERIODIC | LAPIC_TIMER_VECTOR);
	lapic_write(LAPIC_TIMER_INITIAL, lapic_timer_hz / hz);
}
