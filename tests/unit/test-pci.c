/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI bus with fake functions: both ways to configuration space, BARs, INTx, MSI, MSI-X. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "fake-function.h"
#include "vmm/acpi.h"

#define NR_VECTORS 3
#define APIC	   0xfee00000u
#define BAR(n)	   (PCI_BASE_ADDRESS_0 + 4 * (n))
#define DECODE	   (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

static struct fake_env *fake;
static void *host;
static struct fake_function *fn, *fn2;

static void plug(const char *name, enum fake_messages messages, unsigned int nr,
		 struct fake_function **out)
{
	const struct fake_function_config config = { messages, nr, out };
	const struct pci_plug one = { &fake_function_ops, name, &config };
	struct err err = ERR_INIT;

	if (pci_host_plug(host, &fake->env, &one, &err))
		fail_msg("%s", err.text);
}

/* Slot 1: MSI-X; slot 2: MSI. They have different lines. */
static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	assert_non_null(fake);
	assert_int_equal(pci_host_ops.init(&fake->env, &host, NULL), 0);
	plug("one", FAKE_MSIX, NR_VECTORS, &fn);
	plug("two", FAKE_MSI, 4, &fn2);
	return 0;
}

static void count_range(void *ctx, uint64_t base, uint64_t len, const char *name)
{
	(void)base;
	(void)len;
	(void)name;
	++*(unsigned int *)ctx;
}

/* Nothing is left: no range, no message, no line up. */
static int teardown(void **state)
{
	unsigned int left = 0, i;

	(void)state;
	pci_host_ops.exit(host);
	bus_each(fake->env.bus, BUS_PIO, count_range, &left);
	bus_each(fake->env.bus, BUS_MMIO, count_range, &left);
	assert_int_equal(left, 0);
	assert_int_equal(fake_msi_count(fake), 0);
	for (i = 0; i < FAKE_LINES; i++)
		assert_int_equal(fake->level[i], 0);
	fake_env_free(fake);
	return 0;
}

static uint32_t rd(unsigned int reg, uint32_t size)
{
	return fake_cfg_read(fake, 1, reg, size);
}

static void wr(unsigned int reg, uint32_t size, uint32_t val)
{
	fake_cfg_write(fake, 1, reg, size, val);
}

/* Offset of capability ID in SLOT's list, found as a driver finds it. */
static unsigned int find_cap(unsigned int slot, uint8_t id)
{
	unsigned int at = fake_cfg_read(fake, slot, PCI_CAPABILITY_LIST, 1), steps = 0;

	assert_true(fake_cfg_read(fake, slot, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	while (at && steps++ < 48) {
		if (fake_cfg_read(fake, slot, at, 1) == id)
			return at;
		at = fake_cfg_read(fake, slot, at + 1, 1);
	}
	fail_msg("no capability 0x%02x", id);
	return 0;
}

/* --- configuration space --- */

static void test_who_is_there(void **state)
{
	unsigned int slot;

	(void)state;
	assert_int_equal(fake_cfg_read(fake, 0, PCI_CLASS_REVISION, 4) >> 8, 0x060000);
	assert_int_equal(fake_cfg_read(fake, 0, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(rd(PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(rd(PCI_CLASS_REVISION, 4), 0xff010203);
	assert_int_equal(rd(PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	for (slot = 3; slot < 32; slot++)
		assert_int_equal(fake_cfg_read(fake, slot, PCI_VENDOR_ID, 2), 0xffff);
	/* function 1 of the first slot, and the first slot of bus 1 */
	fake_out(fake, 0xcf8, 4, 0x80000900);
	assert_int_equal(fake_in(fake, 0xcfc, 4), 0xffffffff);
	fake_out(fake, 0xcf8, 4, 0x80010800);
	assert_int_equal(fake_in(fake, 0xcfc, 4), 0xffffffff);
	fake_out(fake, 0xcfc, 4, 0);
}

static void test_mechanism_1(void **state)
{
	(void)state;
	assert_int_equal(rd(0, 1), 0x34);
	assert_int_equal(rd(1, 1), 0x12);
	assert_int_equal(rd(2, 2), 0x5678);
	assert_int_equal(rd(3, 1), 0x56);
	wr(PCI_CACHE_LINE_SIZE, 1, 0x10);
	wr(PCI_LATENCY_TIMER, 1, 0x20);
	assert_int_equal(rd(PCI_CACHE_LINE_SIZE, 4), 0x2010);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(rd(PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	assert_true(pci_bus_master(fn->pci));
	/* identity and status do not yield */
	wr(PCI_VENDOR_ID, 4, 0);
	wr(PCI_STATUS, 2, 0xffff);
	assert_int_equal(rd(PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(rd(PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	/* without the enable bit nobody answers */
	fake_out(fake, 0xcf8, 4, 0x00000800);
	assert_int_equal(fake_in(fake, 0xcfc, 4), 0xffffffff);
}

/* CONFIG_ADDRESS is 32 bits at once; its second byte alone is the reset register. */
static void test_address_port(void **state)
{
	(void)state;
	fake_out(fake, 0xcf8, 4, 0xffffffff);
	assert_int_equal(fake_in(fake, 0xcf8, 4), 0x8ffffffc);
	fake_out(fake, 0xcf8, 1, 0);
	fake_out(fake, 0xcfa, 2, 0);
	assert_int_equal(fake_in(fake, 0xcf8, 4), 0x8ffffffc);
	assert_int_equal(fake_in(fake, 0xcf8, 1), 0xff);
	fake_out(fake, 0xcf8, 4, 0x80000400);
	fake_out(fake, 0xcf8, 2, 0x0600);
	fake_out(fake, 0xcf9, 2, 0x0006);
	assert_int_equal(fake->nr_requests, 0);
	fake_outb(fake, 0xcf9, 0x0a);
	assert_int_equal(fake->nr_requests, 0);
	assert_int_equal(fake_inb(fake, 0xcf9), 0x0a);
	fake_outb(fake, 0xcf9, 0x06);
	assert_int_equal(fake->nr_requests, 1);
	assert_int_equal(fake->request, DEV_REQ_RESET);
	/* across the middle: the data port's half answers */
	fake_out(fake, 0xcf8, 4, 0x80000800);
	assert_int_equal(fake_in(fake, 0xcfa, 4), 0x1234ffff);
}

static void test_ecam(void **state)
{
	const uint64_t at = ACPI_ECAM_BASE + (1 << 15);

	(void)state;
	assert_int_equal(fake_mem_read(fake, at, 4), 0x56781234);
	assert_int_equal(fake_mem_read(fake, at + 2, 2), 0x5678);
	assert_int_equal(fake_mem_read(fake, at + 3, 1), 0x56);
	assert_true(fake_mem_read(fake, at + 8, 8) == 0xff010203);
	fake_mem_write(fake, at + PCI_COMMAND, 2, PCI_COMMAND_MASTER | DECODE);
	assert_int_equal(rd(PCI_COMMAND, 2), PCI_COMMAND_MASTER | DECODE);
	/* both halves of a 64-bit BAR in one go */
	fake_mem_write(fake, at + BAR(FAKE_BAR_MEM), 8, 0x123450000ull);
	assert_true(fake_mem_read(fake, at + BAR(FAKE_BAR_MEM), 8) == 0x12345000cull);
	assert_true(fn->base[FAKE_BAR_MEM] == 0x123450000ull);
	/* above 0xff a conventional function has nothing */
	assert_int_equal(fake_mem_read(fake, at + 0x100, 4), 0);
	assert_int_equal(fake_mem_read(fake, at + 0xffc, 4), 0);
	fake_mem_write(fake, at + 0xffc, 4, ~0u);
	assert_int_equal(fake_mem_read(fake, at + (1 << 12), 4), 0xffffffff);
	assert_int_equal(fake_mem_read(fake, ACPI_ECAM_BASE + (31 << 15), 2), 0xffff);
}

static void test_hook(void **state)
{
	(void)state;
	wr(fn->hook + 2, 1, 0x5a);
	assert_int_equal(fn->nr_cfg, 1);
	assert_true(fn->last_cfg.write && fn->last_cfg.off == fn->hook + 2);
	assert_int_equal(fn->last_cfg.data, 0x5a);
	assert_int_equal(rd(fn->hook + 2, 1), 0x5a ^ 0xff);
	assert_int_equal(fn->nr_cfg, 2);
	rd(PCI_VENDOR_ID, 4);
	assert_int_equal(fn->nr_cfg, 2);
}

/* --- BARs --- */

static void test_placed_at_start(void **state)
{
	static const unsigned int bars[] = { FAKE_BAR_PORTS, FAKE_BAR_MSIX, FAKE_BAR_MEM,
					     FAKE_BAR_LOW };
	unsigned int i, j;

	(void)state;
	assert_int_equal(rd(PCI_COMMAND, 2), DECODE);
	for (i = 0; i < 4; i++) {
		assert_true(fn->mapped[bars[i]] && fn2->mapped[bars[i]]);
		assert_int_equal(rd(BAR(bars[i]), 4) & ~0xfu, fn->base[bars[i]]);
		for (j = 0; j < 4; j++)
			assert_true(fn->base[bars[i]] != fn2->base[bars[j]]);
	}
	assert_in_range(fn->base[FAKE_BAR_PORTS], PCI_PORT_BASE, PCI_PORT_END - 32);
	assert_in_range(fn->base[FAKE_BAR_MEM], PCI_MEM_BASE, PCI_MEM_END - 16384);
	assert_int_equal(rd(PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(rd(PCI_INTERRUPT_LINE, 1), pci_irq(1, 1));
	assert_int_equal(fake_cfg_read(fake, 2, PCI_INTERRUPT_LINE, 1), pci_irq(2, 1));
}

static void test_sizing(void **state)
{
	uint32_t old = rd(BAR(FAKE_BAR_LOW), 4);

	(void)state;
	wr(PCI_COMMAND, 2, 0);
	wr(BAR(FAKE_BAR_PORTS), 4, ~0u);
	assert_int_equal(rd(BAR(FAKE_BAR_PORTS), 4), 0xffffffe1);
	wr(BAR(FAKE_BAR_LOW), 4, ~0u);
	assert_int_equal(rd(BAR(FAKE_BAR_LOW), 4), 0xffff0000);
	wr(BAR(FAKE_BAR_MEM), 4, ~0u);
	wr(BAR(FAKE_BAR_MEM + 1), 4, ~0u);
	assert_int_equal(rd(BAR(FAKE_BAR_MEM), 4), 0xffffc00c);
	assert_int_equal(rd(BAR(FAKE_BAR_MEM + 1), 4), 0xffffffff);
	wr(BAR(4), 4, ~0u);
	assert_int_equal(rd(BAR(4), 4), 0);
	wr(PCI_ROM_ADDRESS, 4, ~0u);
	assert_int_equal(rd(PCI_ROM_ADDRESS, 4), 0);
	/* a driver that forgets to disable: all ones is nowhere */
	wr(BAR(FAKE_BAR_LOW), 4, old);
	wr(PCI_COMMAND, 2, DECODE);
	assert_true(fn->mapped[FAKE_BAR_LOW]);
	wr(BAR(FAKE_BAR_LOW), 4, ~0u);
	assert_false(fn->mapped[FAKE_BAR_LOW]);
	wr(BAR(FAKE_BAR_LOW), 4, old);
	assert_true(fn->mapped[FAKE_BAR_LOW] && fn->base[FAKE_BAR_LOW] == old);
}

static void test_access(void **state)
{
	uint64_t mem = fn->base[FAKE_BAR_MEM];
	uint16_t port = (uint16_t)fn->base[FAKE_BAR_PORTS];

	(void)state;
	assert_int_equal(fake_mem_read(fake, mem + 0x123c, 4), FAKE_BAR_MEM << 20 | 0x123c);
	fake_mem_write(fake, mem + 8, 8, 0x1122334455667788ull);
	assert_true(fn->last.write && fn->last.size == 8 && fn->last.off == 8);
	assert_true(fn->last.data == 0x1122334455667788ull);
	assert_int_equal(fake_inb(fake, port + 5), 5);
	fake_out(fake, port + 30, 2, 0xabcd);
	assert_int_equal(fn->last_bar, FAKE_BAR_PORTS);
	assert_int_equal(fn->last.data, 0xabcd);
	/* across the end: the part inside arrives */
	fn->nr_bar = 0;
	fake_mem_write(fake, mem + 16382, 4, 0xaabbccdd);
	assert_int_equal(fn->last.off, 16382);
	assert_int_equal(fn->last.size, 2);
	assert_int_equal(fn->last.data, 0xccdd);
	assert_int_equal(fn->nr_bar, 1);
}

static void test_move(void **state)
{
	uint64_t old = fn->base[FAKE_BAR_LOW], far = 0x7f0010000ull;
	unsigned int moved = fn->nr_moved;

	(void)state;
	wr(BAR(FAKE_BAR_LOW), 4, 0xd1230000);
	assert_true(fn->base[FAKE_BAR_LOW] == 0xd1230000 && fn->nr_moved == moved + 1);
	assert_int_equal(fake_mem_read(fake, 0xd1230010, 4), FAKE_BAR_LOW << 20 | 0x10);
	assert_int_equal(fake_mem_read(fake, old, 4), 0xffffffff);
	/* the same place again is no move */
	wr(BAR(FAKE_BAR_LOW), 4, 0xd1230000);
	assert_int_equal(fn->nr_moved, moved + 1);
	/* above 4 GiB */
	wr(BAR(FAKE_BAR_MEM), 4, (uint32_t)far);
	wr(BAR(FAKE_BAR_MEM + 1), 4, (uint32_t)(far >> 32));
	assert_true(fn->mapped[FAKE_BAR_MEM] && fn->base[FAKE_BAR_MEM] == far);
	assert_int_equal(fake_mem_read(fake, far + 4, 4), FAKE_BAR_MEM << 20 | 4);
	/* zero is nowhere */
	wr(BAR(FAKE_BAR_LOW), 4, 0);
	assert_false(fn->mapped[FAKE_BAR_LOW]);
}

static void test_disable(void **state)
{
	uint64_t mem = fn->base[FAKE_BAR_MEM];
	uint16_t port = (uint16_t)fn->base[FAKE_BAR_PORTS];

	(void)state;
	wr(PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_false(fn->mapped[FAKE_BAR_MEM] || fn->mapped[FAKE_BAR_LOW]);
	assert_true(fn->mapped[FAKE_BAR_PORTS]);
	assert_int_equal(fake_mem_read(fake, mem, 4), 0xffffffff);
	wr(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(fn->mapped[FAKE_BAR_PORTS]);
	assert_int_equal(fake_inb(fake, port), 0xff);
	assert_int_equal(fake_mem_read(fake, mem, 4), FAKE_BAR_MEM << 20);
	wr(PCI_COMMAND, 2, 0);
	fn->nr_bar = 0;
	fake_mem_read(fake, mem, 4);
	assert_int_equal(fn->nr_bar, 0);
}

/* Two at one place, and one on what never moves: the first wins, nobody falls. */
static void test_overlap(void **state)
{
	uint64_t mem = fn->base[FAKE_BAR_LOW];

	(void)state;
	fake_cfg_write(fake, 2, BAR(FAKE_BAR_LOW), 4, (uint32_t)mem);
	fn2->nr_bar = 0;
	fake_mem_read(fake, mem, 4);
	assert_int_equal(fn2->nr_bar, 0);
	wr(PCI_COMMAND, 2, 0);
	fake_mem_read(fake, mem, 4);
	assert_int_equal(fn2->nr_bar, 1);
	/* a function over ECAM and over itself */
	wr(PCI_COMMAND, 2, DECODE);
	wr(BAR(FAKE_BAR_LOW), 4, (uint32_t)ACPI_ECAM_BASE);
	assert_int_equal(fake_mem_read(fake, ACPI_ECAM_BASE + (1 << 15), 4), 0x56781234);
	wr(BAR(FAKE_BAR_MSIX), 4, 0xd0000000);
	wr(BAR(FAKE_BAR_LOW), 4, 0xd0000000);
	fake_mem_read(fake, 0xd0000ffe, 8);
	fake_mem_read(fake, 0xd0001000, 4);
	assert_int_equal(fn->last_bar, FAKE_BAR_LOW);
	/* ports over the configuration ports */
	wr(BAR(FAKE_BAR_PORTS), 4, 0xce0);
	assert_int_equal(rd(PCI_VENDOR_ID, 2), 0x1234);
}

/* Every access is counted for its function and BAR, wherever it is, as para-virtual. */
static void test_ledger(void **state)
{
	const struct sample_ledger *row = NULL;
	unsigned int i;

	(void)state;
	wr(BAR(FAKE_BAR_LOW), 4, 0xd1230000);
	fake_mem_read(fake, 0xd1230010, 4);
	fake_mem_write(fake, 0xd1230010, 4, 0);
	fake_mem_write(fake, 0xd1230010, 4, 0);
	for (i = 0; i < fake->page->nr_ledger; i++) {
		if (!strcmp(fake->page->ledger[i].name, "one bar5"))
			row = &fake->page->ledger[i];
	}
	assert_non_null(row);
	assert_int_equal(row->kind, LEDGER_MMIO);
	assert_int_equal(row->para, 1);
	assert_int_equal(row->base, 0xd1230000);
	assert_int_equal(row->len, 65536);
	assert_int_equal(row->reads, 1);
	assert_int_equal(row->writes, 2);
	wr(PCI_COMMAND, 2, 0);
	assert_int_equal(row->len, 0);
}

/* --- interrupts --- */

static void test_intx(void **state)
{
	unsigned int line = pci_irq(1, 1);

	(void)state;
	pci_intx_set(fn->pci, true);
	assert_int_equal(fake_level(fake, line), 1);
	assert_true(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	wr(PCI_COMMAND, 2, DECODE | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(fake_level(fake, line), 0);
	assert_true(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	wr(PCI_COMMAND, 2, DECODE);
	assert_int_equal(fake_level(fake, line), 1);
	pci_intx_set(fn->pci, false);
	assert_int_equal(fake_level(fake, line), 0);
	assert_false(rd(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

/* Slots 1 and 3 have one line: it falls when the last one lets go. */
static void test_intx_shared(void **state)
{
	struct fake_function *fn3;
	unsigned int line = pci_irq(1, 1);

	(void)state;
	plug("three", FAKE_INTX_ONLY, 0, &fn3);
	assert_int_equal(pci_irq(3, 1), line);
	assert_true(pci_irq(2, 1) != line);
	fake_edges(fake, line);
	pci_intx_set(fn->pci, true);
	pci_intx_set(fn3->pci, true);
	pci_intx_set(fn->pci, false);
	assert_int_equal(fake_level(fake, line), 1);
	assert_int_equal(fake_edges(fake, line), 1);
	pci_intx_set(fn3->pci, false);
	assert_int_equal(fake_level(fake, line), 0);
}

static uint64_t table(unsigned int nr, unsigned int word)
{
	return fn->base[FAKE_BAR_MSIX] + nr * 16 + word * 4;
}

static uint64_t pending(void)
{
	return fake_mem_read(fake, fn->base[FAKE_BAR_MSIX] + FAKE_MSIX_PBA, 8);
}

/* Vector NR to the APIC with data 0x40 + NR, masked as CTRL says. */
static void set_vector(unsigned int nr, uint32_t ctrl)
{
	fake_mem_write(fake, table(nr, 0), 8, APIC);
	fake_mem_write(fake, table(nr, 2), 4, 0x40 + nr);
	fake_mem_write(fake, table(nr, 3), 4, ctrl);
}

static void set_msix(uint32_t flags)
{
	wr(find_cap(1, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2, flags);
}

static void test_msix_cap(void **state)
{
	unsigned int cap = find_cap(1, PCI_CAP_ID_MSIX);

	(void)state;
	assert_int_equal(rd(cap + PCI_MSIX_FLAGS, 2), NR_VECTORS - 1);
	assert_int_equal(rd(cap + PCI_MSIX_TABLE, 4), FAKE_BAR_MSIX);
	assert_int_equal(rd(cap + PCI_MSIX_PBA, 4), FAKE_MSIX_PBA | FAKE_BAR_MSIX);
	set_msix(0xffff);
	assert_int_equal(rd(cap + PCI_MSIX_FLAGS, 2),
			 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL | (NR_VECTORS - 1));
	wr(cap + PCI_MSIX_TABLE, 4, ~0u);
	assert_int_equal(rd(cap + PCI_MSIX_TABLE, 4), FAKE_BAR_MSIX);
}

static void test_msix_table(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < NR_VECTORS; i++)
		assert_int_equal(fake_mem_read(fake, table(i, 3), 4), 1);
	fake_mem_write(fake, table(1, 0), 4, 0xfee01007);
	fake_mem_write(fake, table(1, 1), 4, 0x12345678);
	fake_mem_write(fake, table(1, 2), 8, 0xffffffff00000055ull);
	assert_int_equal(fake_mem_read(fake, table(1, 0), 4), 0xfee01004);
	assert_true(fake_mem_read(fake, table(1, 0), 8) == 0x12345678fee01004ull);
	assert_true(fake_mem_read(fake, table(1, 2), 8) == 0x100000055ull);
	/* no bytes, no words across entries, none beyond the last entry */
	fake_mem_write(fake, table(1, 2), 1, 0xff);
	fake_mem_write(fake, table(1, 2) + 2, 4, ~0u);
	assert_int_equal(fake_mem_read(fake, table(1, 2), 4), 0x55);
	fn->nr_bar = 0;
	fake_mem_write(fake, table(NR_VECTORS, 0), 4, ~0u);
	assert_int_equal(fn->nr_bar, 1);
	/* pending bits are the function's to set */
	fake_mem_write(fake, fn->base[FAKE_BAR_MSIX] + FAKE_MSIX_PBA, 8, ~0ull);
	assert_int_equal(pending(), 0);
	assert_int_equal(fn->nr_bar, 1);
}

static void test_msix_masks(void **state)
{
	(void)state;
	wr(PCI_COMMAND, 2, DECODE | PCI_COMMAND_MASTER);
	pci_msix_fire(fn->pci, 0); /* disabled: lost */
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	assert_true(pci_msix_enabled(fn->pci));
	set_vector(0, 0);
	set_vector(1, 1);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 0);
	pci_msix_fire(fn->pci, 0);
	pci_msix_fire(fn->pci, 1);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 1);
	assert_int_equal(pending(), 2);
	assert_true(pci_msix_fd(fn->pci, 0) >= 0);
	assert_int_equal(pci_msix_fd(fn->pci, 1), -1);
	/* unmasked: what was held back leaves, once */
	fake_mem_write(fake, table(1, 3), 4, 0);
	assert_int_equal(pending(), 0);
	assert_int_equal(fake_msi(fake, APIC, 0x41), 1);
	/* all masked, then one of them again */
	set_msix(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_msix_fire(fn->pci, 0);
	pci_msix_fire(fn->pci, 0);
	pci_msix_fire(fn->pci, 1);
	assert_int_equal(pending(), 3);
	assert_int_equal(pci_msix_fd(fn->pci, 0), -1);
	fake_mem_write(fake, table(1, 3), 4, 1);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(pending(), 2);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 1);
	/* out of range, and disabled with one pending */
	pci_msix_fire(fn->pci, NR_VECTORS);
	pci_msix_fire(fn->pci, ~0u);
	assert_int_equal(pci_msix_fd(fn->pci, ~0u), -1);
	set_msix(0);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(pending(), 0);
}

/* A function that is not bus master cannot send; a message to no APIC goes nowhere. */
static void test_msix_nowhere(void **state)
{
	(void)state;
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	set_vector(0, 0);
	pci_msix_fire(fn->pci, 0);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 0);
	wr(PCI_COMMAND, 2, DECODE | PCI_COMMAND_MASTER);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 1);
	fake_mem_write(fake, table(0, 0), 8, 0x1000);
	pci_msix_fire(fn->pci, 0);
	assert_int_equal(pci_msix_fd(fn->pci, 0), -1);
	assert_int_equal(pending(), 1);
	fake_mem_write(fake, table(0, 0), 8, APIC);
	assert_int_equal(pending(), 0);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 1);
}

static void test_msix_changed(void **state)
{
	unsigned int before;

	(void)state;
	before = fn->nr_changed;
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(fn->nr_changed, before + 1);
	fake_mem_write(fake, table(0, 3), 4, 0);
	assert_int_equal(fn->nr_changed, before + 2);
	wr(PCI_LATENCY_TIMER, 1, 7);
	assert_int_equal(fn->nr_changed, before + 2);
}

static void test_intx_silent_with_messages(void **state)
{
	unsigned int cap = find_cap(2, PCI_CAP_ID_MSI);

	(void)state;
	pci_intx_set(fn->pci, true);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(fake_level(fake, pci_irq(1, 1)), 0);
	set_msix(0);
	assert_int_equal(fake_level(fake, pci_irq(1, 1)), 1);
	fake_cfg_write(fake, 2, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	pci_intx_set(fn2->pci, true);
	assert_int_equal(fake_level(fake, pci_irq(2, 1)), 0);
	fake_cfg_write(fake, 2, cap + PCI_MSI_FLAGS, 2, 0);
	assert_int_equal(fake_level(fake, pci_irq(2, 1)), 1);
	pci_intx_set(fn->pci, false);
	pci_intx_set(fn2->pci, false);
}

static void test_msi(void **state)
{
	unsigned int cap = find_cap(2, PCI_CAP_ID_MSI);

	(void)state;
	assert_int_equal(fake_cfg_read(fake, 2, cap + PCI_MSI_FLAGS, 2),
			 PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 2 << 1);
	fake_cfg_write(fake, 2, PCI_COMMAND, 2, DECODE | PCI_COMMAND_MASTER);
	fake_cfg_write(fake, 2, cap + PCI_MSI_ADDRESS_LO, 4, APIC);
	fake_cfg_write(fake, 2, cap + PCI_MSI_DATA_64, 2, 0x60);
	fake_cfg_write(fake, 2, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	assert_true(pci_msi_enabled(fn2->pci));
	/* one granted: the second has nowhere to go until more are */
	pci_msi_fire(fn2->pci, 0);
	pci_msi_fire(fn2->pci, 1);
	pci_msi_fire(fn2->pci, 4);
	assert_int_equal(fake_msi(fake, APIC, 0x60), 1);
	assert_int_equal(fake_msi(fake, APIC, 0x61), 0);
	fake_cfg_write(fake, 2, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	assert_int_equal(fake_msi(fake, APIC, 0x61), 1);
	/* masked: pending, read where the specification puts it */
	fake_cfg_write(fake, 2, cap + PCI_MSI_MASK_64, 4, 0xfffffff4);
	assert_int_equal(fake_cfg_read(fake, 2, cap + PCI_MSI_MASK_64, 4), 4);
	pci_msi_fire(fn2->pci, 2);
	assert_int_equal(fake_msi(fake, APIC, 0x62), 0);
	assert_int_equal(fake_cfg_read(fake, 2, cap + PCI_MSI_PENDING_64, 4), 4);
	fake_cfg_write(fake, 2, cap + PCI_MSI_MASK_64, 4, 0);
	assert_int_equal(fake_msi(fake, APIC, 0x62), 1);
	assert_int_equal(fake_cfg_read(fake, 2, cap + PCI_MSI_PENDING_64, 4), 0);
	/* more granted than there are */
	fake_cfg_write(fake, 2, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 7 << 4);
	pci_msi_fire(fn2->pci, 3);
	assert_int_equal(fake_msi(fake, APIC, 0x63), 1);
}

/* One vCPU drives the device, which signals, while another moves it about and masks. */
static void *drive(void *arg)
{
	bool *stop = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(stop, __ATOMIC_RELAXED); i++) {
		fake_mem_read(fake, 0xd1230010, 4);
		fake_mem_read(fake, 0xd1240010, 4);
		pci_msix_fire(fn->pci, i % NR_VECTORS);
		pci_intx_set(fn->pci, i & 1);
	}
	return NULL;
}

static void test_concurrent(void **state)
{
	bool stop = false;
	unsigned int i;
	pthread_t thread;

	(void)state;
	wr(PCI_COMMAND, 2, DECODE | PCI_COMMAND_MASTER);
	assert_int_equal(pthread_create(&thread, NULL, drive, &stop), 0);
	for (i = 0; i < 500; i++) {
		wr(BAR(FAKE_BAR_LOW), 4, i & 1 ? 0xd1230000 : 0xd1240000);
		set_msix(i & 2 ? PCI_MSIX_FLAGS_ENABLE : 0);
		set_vector(i % NR_VECTORS, i & 1);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(fn->base[FAKE_BAR_LOW] == 0xd1230000);
	pci_intx_set(fn->pci, false);
	assert_int_equal(fake_level(fake, pci_irq(1, 1)), 0);
}

/* --- the whole device --- */

static void test_reset(void **state)
{
	uint64_t first = fn->base[FAKE_BAR_LOW];

	(void)state;
	wr(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	wr(BAR(FAKE_BAR_LOW), 4, 0xd1230000);
	wr(PCI_INTERRUPT_LINE, 1, 99);
	wr(fn->hook, 1, 0x11);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	pci_intx_set(fn->pci, true);
	pci_host_ops.reset(host);
	assert_int_equal(fn->nr_reset, 1);
	assert_int_equal(rd(PCI_COMMAND, 2), DECODE);
	assert_false(pci_bus_master(fn->pci) || pci_msix_enabled(fn->pci));
	assert_int_equal(fake_level(fake, pci_irq(1, 1)), 0);
	assert_true(fn->mapped[FAKE_BAR_LOW] && fn->base[FAKE_BAR_LOW] == first);
	assert_int_equal(rd(PCI_INTERRUPT_LINE, 1), pci_irq(1, 1));
	assert_int_equal(rd(fn->hook, 1), 0xff);
	assert_int_equal(fake_in(fake, 0xcf8, 4), 0x80000800 | (fn->hook & 0xfc));
}

static void test_state(void **state)
{
	struct buf saved = BUF_INIT;
	struct dev_state_in in = { 0 };

	(void)state;
	wr(PCI_COMMAND, 2, DECODE | PCI_COMMAND_MASTER);
	wr(BAR(FAKE_BAR_LOW), 4, 0xd1230000);
	set_msix(PCI_MSIX_FLAGS_ENABLE);
	set_vector(0, 0);
	set_vector(1, 1);
	pci_msix_fire(fn->pci, 1);
	fn->word = 0xfeedface;
	pci_intx_set(fn2->pci, true);
	pci_host_ops.save(host, &saved);
	pci_host_ops.reset(host);
	assert_int_equal(fake_level(fake, pci_irq(2, 1)), 0);
	in.data = (const uint8_t *)saved.data;
	in.len = saved.len;
	assert_int_equal(pci_host_ops.load(host, &in, NULL), 0);
	assert_int_equal(in.pos, in.len);
	assert_true(fn->base[FAKE_BAR_LOW] == 0xd1230000);
	assert_int_equal(fn->word, 0xfeedface);
	assert_int_equal(fake_level(fake, pci_irq(2, 1)), 1);
	assert_int_equal(pending(), 2);
	pci_msix_fire(fn->pci, 0);
	assert_int_equal(fake_msi(fake, APIC, 0x40), 1);
	assert_int_equal(fake_mem_read(fake, 0xd1230004, 4), FAKE_BAR_LOW << 20 | 4);
	assert_true(fake_load_refuses_short(&pci_host_ops, host, host));
	/* another device's state: the vendor is not ours */
	saved.data[9] ^= 1;
	in.pos = 0;
	in.failed = false;
	assert_int_equal(pci_host_ops.load(host, &in, NULL), -EINVAL);
	buf_free(&saved);
	pci_host_ops.reset(host);
}

static void refuse(const char *name, enum fake_messages messages, unsigned int nr, int error)
{
	const struct fake_function_config config = { messages, nr, NULL };
	const struct pci_plug one = { &fake_function_ops, name, &config };
	unsigned int before = fake_msi_count(fake);

	assert_int_equal(pci_host_plug(host, &fake->env, &one, NULL), error);
	assert_int_equal(fake_msi_count(fake), before);
}

static void test_plug_refused(void **state)
{
	unsigned int i;
	char name[16];

	(void)state;
	refuse("one", FAKE_INTX_ONLY, 0, -EEXIST);
	refuse("a-name-of-16-byte", FAKE_INTX_ONLY, 0, -ENAMETOOLONG);
	refuse("odd", FAKE_MSI, 3, -EINVAL);
	refuse("many", FAKE_MSIX, 65, -EINVAL);
	for (i = 3; i < 32; i++) {
		snprintf(name, sizeof(name), "dev%u", i);
		plug(name, FAKE_MSIX, 2, NULL);
	}
	refuse("last", FAKE_INTX_ONLY, 0, -ENOSPC);
	assert_int_equal(fake_cfg_read(fake, 31, PCI_VENDOR_ID, 4), 0x56781234);
}

static void test_rows(void **state)
{
	static struct sample_row row[64];
	struct dev_rows rows = { .row = row, .max = 64, .device = "pci" };
	unsigned int i, found = 0;

	(void)state;
	pci_host_ops.describe(host, &rows);
	for (i = 0; i < rows.nr; i++) {
		found += !strcmp(row[i].device, "one") && !strcmp(row[i].label, "bar2") &&
			 strstr(row[i].value, "64-bit memory, prefetchable");
		found += !strcmp(row[i].device, "one") && !strcmp(row[i].label, "msix") &&
			 strstr(row[i].value, "3 vectors, disabled");
		found += !strcmp(row[i].device, "two") && !strcmp(row[i].label, "pci") &&
			 strstr(row[i].value, "00:02.0 1234:5678 class ff0102");
	}
	assert_int_equal(found, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_is_there), TEST(test_mechanism_1),
		TEST(test_address_port), TEST(test_ecam),
		TEST(test_hook),	 TEST(test_placed_at_start),
		TEST(test_sizing),	 TEST(test_access),
		TEST(test_move),	 TEST(test_disable),
		TEST(test_overlap),	 TEST(test_ledger),
		TEST(test_intx),	 TEST(test_intx_shared),
		TEST(test_msix_cap),	 TEST(test_msix_table),
		TEST(test_msix_masks),	 TEST(test_msix_nowhere),
		TEST(test_msix_changed), TEST(test_intx_silent_with_messages),
		TEST(test_concurrent),	 TEST(test_msi),
		TEST(test_reset),	 TEST(test_state),
		TEST(test_plug_refused), TEST(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
