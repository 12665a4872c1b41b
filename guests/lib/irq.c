/* SPDX-License-Identifier: MIT */
/*
 * Routing of ISA interrupts. The 8259s are always moved out of the exceptions' way first, for
 * spurious ones come even from a masked chip.
 */
#include "irq.h"

#include <stdint.h>

#include "acpi.h"
#include "cpu.h"
#include "lapic.h"
#include "paging.h"

#define PIC_MASTER 0x20
#define PIC_SLAVE  0xa0
#define PIC_ELCR   0x4d0
#define PIC_EOI	   0x20

#define IOAPIC_VERSION	     0x01
#define IOAPIC_REDIRECT(pin) (0x10 + 2 * (pin))
#define IOAPIC_MASKED	     (1u << 16)
#define IOAPIC_LEVEL	     (1u << 15)
#define IOAPIC_ACTIVE_LOW    (1u << 13)

static volatile uint32_t *irq_ioapic;
static trap_handler_t *irq_handlers[16];

void pic_init(void)
{
	outb(PIC_MASTER, 0x11);
	outb(PIC_SLAVE, 0x11);
	outb(PIC_MASTER + 1, TRAP_IRQ_BASE);
	outb(PIC_SLAVE + 1, TRAP_IRQ_BASE + 8);
	outb(PIC_MASTER + 1, 0x04);
	outb(PIC_SLAVE + 1, 0x02);
	outb(PIC_MASTER + 1, 0x01);
	outb(PIC_SLAVE + 1, 0x01);
	outb(PIC_MASTER + 1, 0xff);
	outb(PIC_SLAVE + 1, 0xff);
}

void pic_unmask(unsigned int irq)
{
	uint16_t port = irq < 8 ? PIC_MASTER + 1 : PIC_SLAVE + 1;

	outb(port, inb(port) & ~(1u << (irq & 7)));
	if (irq >= 8)
		pic_unmask(2);
}

void pic_eoi(unsigned int irq)
{
	if (irq >= 8)
		outb(PIC_SLAVE, PIC_EOI);
	outb(PIC_MASTER, PIC_EOI);
}

void pic_set_level(unsigned int irq)
{
	uint16_t port = PIC_ELCR + irq / 8;

	outb(port, inb(port) | 1u << (irq & 7));
}

static uint32_t ioapic_read(uint32_t reg)
{
	irq_ioapic[0] = reg;
	return irq_ioapic[4];
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	irq_ioapic[0] = reg;
	irq_ioapic[4] = value;
}

static void ioapic_route(unsigned int irq)
{
	const struct platform *p = platform_get();
	uint32_t pin = p->irq_pins[irq], low = TRAP_IRQ_BASE + irq;

	if (p->irq_flags[irq] & PLATFORM_IRQ_LEVEL)
		low |= IOAPIC_LEVEL;
	if (p->irq_flags[irq] & PLATFORM_IRQ_LOW)
		low |= IOAPIC_ACTIVE_LOW;
	ioapic_write(IOAPIC_REDIRECT(pin) + 1, lapic_id() << 24);
	ioapic_write(IOAPIC_REDIRECT(pin), low);
}

bool irq_init(bool want_ioapic)
{
	const struct platform *p = platform_get();
	uint32_t nr_pins;

	pic_init();
	if (!want_ioapic || !p->ioapic_pa || !lapic_present())
		return false;
	irq_ioapic = mmio_map(p->ioapic_pa, PAGE_SIZE);
	nr_pins = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t pin = 0; pin < nr_pins; pin++)
		ioapic_write(IOAPIC_REDIRECT(pin), IOAPIC_MASKED);
	return true;
}

static void irq_dispatch(struct trap_frame *frame)
{
	unsigned int irq = frame->vector - TRAP_IRQ_BASE;

	irq_handlers[irq](frame);
	if (irq_ioapic)
		lapic_eoi();
	else
		pic_eoi(irq);
}

void irq_install(unsigned int irq, trap_handler_t *handler)
{
	irq_handlers[irq] = handler;
	trap_handle(TRAP_IRQ_BASE + irq, irq_dispatch);
	if (irq_ioapic)
		ioapic_route(irq);
	else
		pic_unmask(irq);
}
