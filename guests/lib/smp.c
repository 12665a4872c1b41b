/* SPDX-License-Identifier: MIT */
/*
 * Bring-up of application processors (Intel SDM volume 3, 9.4.4), one at a time.
 */
#include "smp.h"

#include "acpi.h"
#include "cpu.h"
#include "lapic.h"
#include "paging.h"
#include "pit.h"
#include "print.h"
#include "string.h"
#include "trap.h"

/* The page that application processors start on, in conventional memory. */
#define SMP_TRAMPOLINE 0x8000ul

struct cpu smp_cpus[SMP_MAX_CPUS];
unsigned int smp_nr_cpus = 1;

extern char boot_trampoline[], boot_trampoline_end[];
extern uint64_t boot_ap_cr3, boot_ap_stack;
extern struct cpu *boot_ap_cpu;

static void (*smp_ap_fn)(struct cpu *);

void smp_ap_start(struct cpu *cpu) __attribute__((noreturn));

static void smp_init_cpu(struct cpu *cpu, unsigned int index)
{
	cpu->self = cpu;
	cpu->index = index;
	gdt_init(&cpu->tables, index);
	wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
}

void smp_init_boot_cpu(void)
{
	smp_init_cpu(&smp_cpus[0], 0);
	smp_cpus[0].online = true;
}

void smp_ap_start(struct cpu *cpu)
{
	smp_init_cpu(cpu, cpu - smp_cpus);
	idt_load_common();
	lapic_enable();
	cpu->online = true;
	smp_ap_fn(cpu);
	cpu_halt_forever();
}

static bool smp_wait_online(const struct cpu *cpu, unsigned int ticks)
{
	uint64_t end = pit_ticks() + ticks;

	while (!cpu->online && pit_ticks() < end)
		cpu_pause();
	return cpu->online;
}

/* The second SIPI is for processors that missed the first. */
static bool smp_start_one(struct cpu *cpu)
{
	boot_ap_stack = stack_top(cpu - smp_cpus);
	boot_ap_cpu = cpu;
	lapic_send_sipi(cpu->apic_id, SMP_TRAMPOLINE);
	if (smp_wait_online(cpu, 2))
		return true;
	lapic_send_sipi(cpu->apic_id, SMP_TRAMPOLINE);
	return smp_wait_online(cpu, 200);
}

static void smp_place_trampoline(void)
{
	uint64_t pa = (uintptr_t)boot_trampoline;

	/* Linked at its physical address, below the high half: reached through the direct map. */
	memcpy(phys_to_virt(SMP_TRAMPOLINE), phys_to_virt(pa),
	       boot_trampoline_end - boot_trampoline);
	boot_ap_cr3 = paging_root();
}

void smp_start(void (*fn)(struct cpu *))
{
	const struct platform *p = platform_get();
	uint64_t end;

	smp_ap_fn = fn;
	smp_cpus[0].apic_id = lapic_id();
	smp_place_trampoline();
	for (unsigned int i = 0; i < p->nr_cpus; i++) {
		if (p->apic_ids[i] != smp_cpus[0].apic_id)
			lapic_send_init(p->apic_ids[i]);
	}
	for (end = pit_ticks() + 2; pit_ticks() < end;)
		cpu_pause();
	for (unsigned int i = 0; i < p->nr_cpus && smp_nr_cpus < SMP_MAX_CPUS; i++) {
		struct cpu *cpu = &smp_cpus[smp_nr_cpus];

		if (p->apic_ids[i] == smp_cpus[0].apic_id)
			continue;
		cpu->apic_id = p->apic_ids[i];
		stack_init(smp_nr_cpus);
		if (!smp_start_one(cpu)) {
			printf("smp: processor with APIC id %u does not answer\n", cpu->apic_id);
			return;
		}
		smp_nr_cpus++;
	}
}
