/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why an interrupt is not delivered: every kind of source, every condition, hostile registers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/irqs-chain.h"
#include "view-fixture.h"

#define APIC_TPR   0x80
#define APIC_SVR   0xf0
#define APIC_ISR   0x100
#define APIC_IRR   0x200
#define APIC_TIMER 0x320
#define APIC_LINT0 0x350
#define APIC_COUNT 0x380

static void test_apic_put(struct x86_state *st, unsigned int reg, uint32_t val)
{
	memcpy(st->lapic + reg, &val, sizeof(val));
}

/* A guest with its local APIC on, LINT0 as ExtINT. */
static struct view_fixture *test_guest(void)
{
	struct view_fixture *fx = view_fixture_new();
	struct x86_state *st;

	assert_non_null(fx);
	st = &fx->view.vcpu[0].state;
	st->has_lapic_regs = 1;
	st->apic_base = 0xfee00900;
	st->rflags |= X86_RFLAGS_IF;
	test_apic_put(st, APIC_SVR, 0x1ff);
	test_apic_put(st, APIC_LINT0, 0x700);
	return fx;
}

/* Follow the source named TEXT; the step that stops it must be WHAT ("" for none). */
static struct irqs_chain test_stops(struct view_fixture *fx, const char *text, const char *what)
{
	struct irqs_source source;
	struct irqs_chain chain;

	assert_true(irqs_source_parse(text, &source));
	irqs_chain(&fx->view, 0, source, &chain);
	assert_string_equal(chain.stop < 0 ? "" : chain.step[chain.stop].what, what);
	return chain;
}

static void test_line(void **state)
{
	struct view_fixture *fx = test_guest();
	struct sample_pic *pic = fx->view.irqchips.pic;
	struct x86_state *st = &fx->view.vcpu[0].state;

	(void)state;
	assert_true(test_stops(fx, "irq0", "").request);
	assert_int_equal(test_stops(fx, "irq0", "").vector, 0x20);
	st->rflags &= ~X86_RFLAGS_IF;
	test_stops(fx, "irq0", "if");
	test_apic_put(st, APIC_LINT0, 0x10700);
	test_stops(fx, "irq0", "lint0");
	pic[0].isr = 1;
	test_stops(fx, "irq0", "service");
	pic[0].imr = 0xff;
	test_stops(fx, "irq0", "mask");
	pic[0].init = 2;
	test_stops(fx, "irq0", "init");
	view_fixture_free(fx);
}

static void test_priority(void **state)
{
	struct view_fixture *fx = test_guest();
	struct sample_pic *pic = fx->view.irqchips.pic;

	(void)state;
	pic[0].imr = pic[1].imr = 0;
	pic[0].irr = pic[1].irr = 0x10;
	pic[0].isr = 0x20; /* irq5 is below irq4 */
	view_fixture_gate(fx, 0x24, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	view_fixture_gate(fx, 0x2c, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	test_stops(fx, "irq4", "");
	test_stops(fx, "irq12", ""); /* through irq2, which is above irq5 */
	pic[0].isr = 0x02;
	test_stops(fx, "irq4", "service");
	test_stops(fx, "irq12", "service");
	pic[0].first = 3; /* rotated: irq1 is of low priority now */
	test_stops(fx, "irq4", "");
	pic[0].imr = 4; /* the cascade */
	test_stops(fx, "irq12", "mask");
	view_fixture_free(fx);
}

static void test_gate(void **state)
{
	struct view_fixture *fx = test_guest();

	(void)state;
	view_fixture_gate(fx, 0x20, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x0e);
	test_stops(fx, "irq0", "gate");
	view_fixture_gate(fx, 0x20, 0xffffffffdead0000, 8, 0, 0x8e);
	test_stops(fx, "irq0", "handler");
	view_fixture_gate(fx, 0x20, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	fx->view.vcpu[0].state.gpr[X86_RSP] = FIXTURE_STACK; /* the guard page is below */
	test_stops(fx, "irq0", "stack");
	view_fixture_free(fx);
}

static void test_pin(void **state)
{
	struct view_fixture *fx = test_guest();
	uint64_t *redir = fx->view.irqchips.redir;
	struct x86_state *st = &fx->view.vcpu[0].state;

	(void)state;
	view_fixture_gate(fx, 0x31, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	redir[4] = 0x8031; /* level, vector 31, to APIC 0 */
	fx->view.irqchips.pins_up = 1 << 4;
	assert_true(test_stops(fx, "pin4", "").request);
	test_apic_put(st, APIC_TPR, 0x30);
	test_stops(fx, "pin4", "tpr");
	test_apic_put(st, APIC_ISR + 0x20, 1); /* 40 */
	test_stops(fx, "pin4", "service");
	test_apic_put(st, APIC_SVR, 0xff);
	test_stops(fx, "pin4", "apic");
	redir[4] |= 5ull << 56;
	test_stops(fx, "pin4", "target");
	redir[4] |= 1 << 14;
	test_stops(fx, "pin4", "eoi");
	redir[4] |= 1 << 16;
	test_stops(fx, "pin4", "mask");
	view_fixture_free(fx);
}

static void test_local(void **state)
{
	struct view_fixture *fx = test_guest();
	struct x86_state *st = &fx->view.vcpu[0].state;

	(void)state;
	view_fixture_gate(fx, 0x31, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	test_apic_put(st, APIC_TIMER, 0x20031);
	test_stops(fx, "timer", "count");
	test_apic_put(st, APIC_COUNT, 1000);
	test_stops(fx, "timer", "");
	test_apic_put(st, APIC_TIMER, 0x30031);
	test_stops(fx, "timer", "mask");
	test_apic_put(st, APIC_IRR + 0x10, 1 << 17);
	assert_true(test_stops(fx, "0x31", "").request);
	assert_int_equal(test_stops(fx, "lint0", "").vector, -1);
	test_stops(fx, "5", "vector");
	view_fixture_free(fx);
}

static bool test_diagnosed(struct view_fixture *fx, const char *says)
{
	struct sym_table *syms = view_fixture_symbols();
	char verdict[240], hint[160];
	bool found =
		irqs_diagnose(&fx->view, 0, syms, verdict, sizeof(verdict), hint, sizeof(hint));

	if (found)
		assert_non_null(strstr(verdict, says));
	sym_close(syms);
	return found;
}

static void test_diagnosis(void **state)
{
	struct view_fixture *fx = test_guest();
	struct sample_pic *pic = fx->view.irqchips.pic;
	struct x86_state *st = &fx->view.vcpu[0].state;
	unsigned int i;

	(void)state;
	for (i = 0; i < 64; i++)
		view_fixture_poke(fx, 0x204f88 + i * 8, 0, 8);
	assert_false(test_diagnosed(fx, ""));
	pic[0].isr = 1;
	assert_true(test_diagnosed(fx, "no EOI was sent"));
	/* In the handler still, which has turned interrupts on: rip, cs and flags are on the stack.
	 */
	view_fixture_poke(fx, 0x204fa0, FIXTURE_RIP, 8);
	view_fixture_poke(fx, 0x204fa8, 8, 8);
	view_fixture_poke(fx, 0x204fb0, 0x202, 8);
	assert_false(test_diagnosed(fx, ""));
	pic[0].isr = 0;
	pic[0].level = 1;
	fx->view.vcpu[0].irq_rate = 20000;
	assert_true(test_diagnosed(fx, "20000 interrupts a second"));
	st->rflags &= ~X86_RFLAGS_IF;
	assert_true(test_diagnosed(fx, "again and again"));
	view_fixture_free(fx);
}

static void test_sources(void **state)
{
	struct view_fixture *fx = test_guest();
	struct irqs_source source[IRQS_SOURCES], one;

	(void)state;
	/* irq0, and five of the local vector table */
	assert_int_equal(irqs_sources(&fx->view, 0, source), 6);
	fx->view.irqchips.valid = 0;
	assert_int_equal(irqs_sources(&fx->view, 7, source), 0);
	test_stops(fx, "irq0", "line");
	assert_false(irqs_source_parse("irq16", &one));
	assert_false(irqs_source_parse("pin24", &one));
	assert_false(irqs_source_parse("256", &one));
	assert_false(irqs_source_parse("", &one));
	assert_false(irqs_source_parse("irq", &one));
	view_fixture_free(fx);
}

/* Whatever the registers hold: bounded work, ended texts. */
static void test_hostile(void **state)
{
	struct view_fixture *fx = test_guest();
	struct irqs_source source[IRQS_SOURCES];
	uint8_t *chips = (uint8_t *)&fx->view.irqchips;
	struct x86_state *st = &fx->view.vcpu[0].state;
	struct irqs_chain chain;
	unsigned int round, nr, i;
	size_t at;

	(void)state;
	srand(1);
	for (round = 0; round < 300; round++) {
		for (at = 0; at < sizeof(fx->view.irqchips); at++)
			chips[at] = (uint8_t)rand();
		for (at = 0; at < sizeof(st->lapic); at++)
			st->lapic[at] = (uint8_t)rand();
		st->apic_base = (uint64_t)rand();
		st->rflags = (uint64_t)rand();
		st->gpr[X86_RSP] = (uint64_t)rand() << 32 | (uint64_t)rand();
		nr = irqs_sources(&fx->view, 0, source);
		assert_true(nr <= IRQS_SOURCES);
		for (i = 0; i < nr; i++) {
			irqs_chain(&fx->view, 0, source[i], &chain);
			assert_true(chain.nr <= IRQS_STEPS && chain.vcpu < fx->view.nr_vcpus);
		}
		test_diagnosed(fx, "");
	}
	view_fixture_free(fx);
}

/* In x2APIC mode KVM gives the ID where the xAPIC has it, and LDR by clusters. */
static void test_x2apic_target(void **state)
{
	struct view_fixture *fx = test_guest();
	struct x86_state *st = &fx->view.vcpu[1].state;
	struct irqs_source source;
	struct irqs_chain chain;

	(void)state;
	st->has_lapic_regs = 1;
	st->apic_base = 0xfee00c00;
	st->mp_state = X86_MP_RUNNABLE;
	test_apic_put(st, APIC_SVR, 0x1ff);
	test_apic_put(st, 0x20, 1 << 24);
	test_apic_put(st, 0xd0, 2);
	assert_true(irqs_source_parse("pin4", &source));
	fx->view.irqchips.redir[4] = 1ull << 56 | 0x31;
	irqs_chain(&fx->view, 0, source, &chain);
	assert_int_equal(chain.vcpu, 1);
	fx->view.irqchips.redir[4] = 2ull << 56 | 1 << 11 | 0x31; /* logical */
	irqs_chain(&fx->view, 0, source, &chain);
	assert_int_equal(chain.vcpu, 1);
	fx->view.irqchips.redir[4] = 9ull << 56 | 0x31;
	test_stops(fx, "pin4", "target");
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x2apic_target), cmocka_unit_test(test_line),
		cmocka_unit_test(test_priority),      cmocka_unit_test(test_gate),
		cmocka_unit_test(test_pin),	      cmocka_unit_test(test_local),
		cmocka_unit_test(test_diagnosis),     cmocka_unit_test(test_sources),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
