/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classic ends of young kernels, each built from bytes; tables, exits and interrupts read. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/autopsy.h"
#include "inspect/exits.h"
#include "inspect/fault.h"
#include "inspect/irqs.h"
#include "inspect/tables.h"
#include "view-fixture.h"

#define HANDLER (FIXTURE_KERNEL + 0x102000)
#define WILD	0xffffffffdead0000ull

struct test_crash {
	struct view_fixture *fx;
	struct x86_state *st;
	struct sym_table *tab;
	struct autopsy aut;
};

/* The fixture, crashed at CODE in timer_init. */
static struct test_crash test_crash(const char *code, size_t len)
{
	struct test_crash c = { .fx = view_fixture_new(), .tab = view_fixture_symbols() };

	c.st = &c.fx->view.vcpu[0].state;
	c.fx->view.state = VM_STATE_CRASHED;
	strcpy(c.fx->view.stop_text, "triple fault on vcpu0");
	view_fixture_put(c.fx, FIXTURE_RIP - FIXTURE_KERNEL, code, len);
	return c;
}

#define TEST_CRASH(code) test_crash(code, sizeof(code) - 1)

static void test_run(struct test_crash *c)
{
	struct buf text = BUF_INIT;

	autopsy_run(&c->fx->view, 0, c->tab, &c->aut);
	autopsy_text(&c->aut, &c->fx->view, c->tab, &text);
	assert_non_null(strstr(buf_str(&text), "verdict  "));
	buf_free(&text);
}

static void test_end(struct test_crash *c)
{
	sym_close(c->tab);
	view_fixture_free(c->fx);
}

static void test_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

#define MOV_RDI_EAX "\x89\x07" /* mov [rdi],eax */

static void test_no_idt(void **state)
{
	struct test_crash c = TEST_CRASH(MOV_RDI_EAX);

	(void)state;
	c.st->gpr[X86_RDI] = WILD;
	c.st->cr2 = WILD;
	c.st->idt.limit = 0;
	test_run(&c);
	test_says(c.aut.verdict, "#PF: write to ffffffffdead0000 (not present) by timer_init+0x8 "
				 "(ffffffff80101a18)");
	test_says(c.aut.verdict, "no IDT");
	test_says(c.aut.hint, "Load an IDT");
	assert_true(c.aut.step[0].observed);
	assert_false(c.aut.step[1].observed);
	test_says(c.aut.step[c.aut.nr_steps - 1].title, "triple fault");
	/* a limit that looks right over a page that is not there */
	c.st->idt.base = WILD;
	c.st->idt.limit = 0xfff;
	test_run(&c);
	test_says(c.aut.verdict, "is not mapped");
	test_end(&c);
}

static void test_idt_missing(void **state)
{
	struct test_crash c = TEST_CRASH(MOV_RDI_EAX);
	static const uint8_t zero[16];

	(void)state;
	c.st->gpr[X86_RDI] = WILD;
	view_fixture_put(c.fx, FIXTURE_IDT + 14 * 16, zero, 16);
	view_fixture_put(c.fx, FIXTURE_IDT + 8 * 16, zero, 16);
	test_run(&c);
	test_says(c.aut.verdict, "IDT[14] is empty");
	test_says(c.aut.hint, "Fill IDT[14]");
	/* #PF, deliver #PF, deliver #DF, shutdown */
	assert_int_equal(c.aut.nr_steps, 4);
	test_says(c.aut.step[2].title, "deliver #DF");
	test_end(&c);
}

static void test_stack_overflow(void **state)
{
	struct test_crash c = TEST_CRASH("\xe8\x00\x00\x00\x00"); /* call */

	(void)state;
	c.st->gpr[X86_RSP] = FIXTURE_STACK;
	test_run(&c);
	test_says(c.aut.verdict,
		  "kernel stack overflow: write at ffffffff80200ff8 in __stack_guard");
	test_says(c.aut.verdict, "timer_init+0x8");
	test_says(c.aut.hint, "IST1");
	test_end(&c);
}

/* With a good IST stack the double fault would have been delivered. */
static void test_stack_overflow_ist(void **state)
{
	struct test_crash c = TEST_CRASH("\x55");
	struct fault_delivery del;

	(void)state;
	c.st->gpr[X86_RSP] = FIXTURE_STACK;
	view_fixture_gate(c.fx, 8, HANDLER, 8, 1, 0x8e);
	view_fixture_poke(c.fx, FIXTURE_TSS + 0x24, FIXTURE_STACK_END, 8);
	fault_deliver(&c.fx->view, c.st, FAULT_DF, false, &del);
	assert_true(del.ok && !del.next.found && del.switched);
	assert_int_equal(del.ist, 1);
	assert_true(del.sp == FIXTURE_STACK_END && del.sp_new == FIXTURE_STACK_END - 48);
	fault_deliver(&c.fx->view, c.st, FAULT_PF, false, &del);
	assert_false(del.ok);
	assert_int_equal(del.next.vector, FAULT_PF);
	assert_true(del.next.addr == FIXTURE_STACK - 8);
	/* no TSS: the IST cannot be read */
	c.st->seg[X86_TR].limit = 0;
	fault_deliver(&c.fx->view, c.st, FAULT_DF, false, &del);
	assert_false(del.ok);
	assert_int_equal(del.next.vector, FAULT_TS);
	test_end(&c);
}

static void test_not_present(void **state)
{
	struct test_crash c = TEST_CRASH("\x8b\x06"); /* mov eax,[rsi] */

	(void)state;
	c.st->gpr[X86_RSI] = FIXTURE_KERNEL + 0x300000;
	c.st->idt.limit = 0x7f; /* too short for #PF and #DF */
	test_run(&c);
	test_says(c.aut.verdict, "#PF: read from ffffffff80300000 (not present)");
	test_says(c.aut.step[0].detail, "PT entry [256]");
	test_end(&c);
}

static void test_reserved_bit(void **state)
{
	struct test_crash c = TEST_CRASH("\x8b\x06");

	(void)state;
	view_fixture_map(c.fx, FIXTURE_KERNEL + 0x400000, 0x2000, 0x1000, 3 | 0x80);
	c.st->gpr[X86_RSI] = FIXTURE_KERNEL + 0x400000;
	c.st->idt.limit = 0;
	test_run(&c);
	test_says(c.aut.verdict, "reserved bit");
	test_says(c.aut.hint, "aligned");
	test_end(&c);
}

static void test_nx_fetch(void **state)
{
	struct test_crash c = TEST_CRASH("\x90");

	(void)state;
	c.st->rip = FIXTURE_STACK_END - 64;
	c.st->idt.limit = 0;
	test_run(&c);
	test_says(c.aut.verdict, "#PF: fetch from ffffffff80204fc0 (page is no-execute) by "
				 "boot_stack+0x3fc0");
	test_says(c.aut.hint, "executable");
	test_end(&c);
}

static void test_wrong_selector(void **state)
{
	struct test_crash c = TEST_CRASH("\xcd\x30"); /* int 0x30 */
	unsigned int i;

	(void)state;
	for (i = 0; i < 64; i++)
		view_fixture_gate(c.fx, i, HANDLER, 0x48, 0, 0x8e);
	test_run(&c);
	assert_non_null(strstr(c.aut.verdict, "software interrupt 48 (0x30) by"));
	test_says(c.aut.verdict, "selector 0048 lies beyond the GDT limit 27");
	test_says(c.aut.hint, "code segment");
	test_end(&c);
}

static void test_broken_iret(void **state)
{
	struct test_crash c = TEST_CRASH("\x48\xcf"); /* iretq */
	const uint64_t frame[] = { 2, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END - 64, 0x10 };
	static const uint8_t zero[16];

	(void)state;
	view_fixture_put(c.fx, 0x204f00, frame, sizeof(frame));
	c.st->gpr[X86_RSP] = FIXTURE_STACK_END - 0x100;
	view_fixture_put(c.fx, FIXTURE_IDT + 13 * 16, zero, 16);
	view_fixture_put(c.fx, FIXTURE_IDT + 8 * 16, zero, 16);
	test_run(&c);
	test_says(c.aut.verdict, "#GP: iret to rip 2 cs ffffffff80101a18");
	test_says(c.aut.hint, "error code is still on the stack");
	/* with the frame in order it faults no more */
	c.st->gpr[X86_RSP] += 8;
	test_run(&c);
	test_says(c.aut.verdict, "cause not found");
	test_end(&c);
}

static void test_handler_unmapped(void **state)
{
	struct test_crash c = TEST_CRASH("\x0f\x0b"); /* ud2 */

	(void)state;
	view_fixture_gate(c.fx, 6, WILD, 8, 0, 0x8e);
	view_fixture_gate(c.fx, 14, WILD, 8, 0, 0x8e);
	test_run(&c);
	test_says(c.aut.verdict, "#UD: ud instruction");
	test_says(c.aut.verdict, "IDT[6]: handler ffffffffdead0000");
	test_says(c.aut.hint, "handlers");
	test_end(&c);
}

struct test_fault_case {
	const char *code;
	size_t len;
	uint64_t rax, rcx, rdx, cr0, cr4;
	int vector; /* -1: none */
	uint32_t error;
};

#define CASE(code, ...)                             \
	{                                           \
		code, sizeof(code) - 1, __VA_ARGS__ \
	}

static void test_faults(void **state)
{
	static const struct test_fault_case cases[] = {
		CASE("\xf7\xf1", 1, 0, 0, 0, 0, FAULT_DE, 0), /* div ecx, zero */
		CASE("\xf7\xf1", 1, 2, 2, 0, 0, FAULT_DE, 0), /* does not fit */
		CASE("\xf7\xf1", 1, 2, 1, 0, 0, -1, 0),
		CASE("\x8e\xd8", 0x40, 0, 0, 0, 0, FAULT_GP, 0x40), /* mov ds,ax beyond */
		CASE("\x8e\xd8", 0x10, 0, 0, 0, 0, -1, 0),
		CASE("\x8e\xd8", 0, 0, 0, 0, 0, -1, 0),			/* null is fine */
		CASE("\x8e\xd0", 0x08, 0, 0, 0, 0, FAULT_GP, 8),	/* mov ss,code */
		CASE("\x0f\x00\xd8", 0x10, 0, 0, 0, 0, FAULT_GP, 0x10), /* ltr data */
		CASE("\x0f\x28\xc1", 0, 0, 0, 0, 0, FAULT_UD, 0),	/* movaps, no OSFXSR */
		CASE("\x0f\x28\xc1", 0, 0, 0, 0, X86_CR4_OSFXSR, -1, 0),
		CASE("\x0f\x28\xc1", 0, 0, 0, X86_CR0_TS, X86_CR4_OSFXSR, FAULT_NM, 0),
		CASE("\xd9\xe8", 0, 0, 0, X86_CR0_EM, 0, FAULT_NM, 0), /* fld1 */
		CASE("\x06", 0, 0, 0, 0, 0, FAULT_UD, 0),
		CASE("\xcc", 0, 0, 0, 0, 0, FAULT_BP, 0),
		CASE("\xf4", 0, 0, 0, 0, 0, -1, 0),
		CASE("\xf3\xaa", 0, 0, 0, 0, 0, -1, 0), /* rep stosb, rcx 0, rdi wild */
		CASE("\xf3\xaa", 0, 1, 0, 0, 0, FAULT_PF, 2),
		CASE("\x48\x8d\x07", 0, 0, 0, 0, 0, -1, 0),	  /* lea touches nothing */
		CASE("\x0f\x22\xe0", 0, 0, 0, 0, 0, FAULT_GP, 0), /* mov cr4,rax: PAE off */
		CASE("\xff\xe0", 0, 0, 0, 0, 0, -1, 0), /* jmp rax: the fetch faults, later */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_crash c = test_crash(cases[i].code, cases[i].len);
		struct fault fault;

		c.st->gpr[X86_RAX] = cases[i].rax;
		c.st->gpr[X86_RCX] = cases[i].rcx;
		c.st->gpr[X86_RDX] = cases[i].rdx;
		c.st->gpr[X86_RDI] = WILD;
		c.st->cr0 |= cases[i].cr0;
		c.st->cr4 |= cases[i].cr4;
		fault_at(&c.fx->view, c.st, &fault);
		assert_int_equal(fault.found ? fault.vector : -1, cases[i].vector);
		if (fault.found)
			assert_int_equal(fault.error, cases[i].error);
		test_end(&c);
	}
}

static void test_fault_noncanonical(void **state)
{
	struct test_crash c = TEST_CRASH(MOV_RDI_EAX);
	struct fault fault;

	(void)state;
	c.st->gpr[X86_RDI] = 1ull << 50;
	fault_at(&c.fx->view, c.st, &fault);
	assert_int_equal(fault.vector, FAULT_GP);
	assert_int_equal(fault.cause, FAULT_CAUSE_CANONICAL);
	/* an access that begins on a mapped page and ends on an absent one */
	c.st->gpr[X86_RDI] = FIXTURE_STACK_END - 2;
	fault_at(&c.fx->view, c.st, &fault);
	assert_int_equal(fault.vector, FAULT_PF);
	assert_true(fault.addr == FIXTURE_STACK_END);
	test_end(&c);
}

/*
 * What AMD-V leaves: a reset CPU. kmain's last exit was in timer_init; since
 * then it has called irq_install with a wild pointer, which wrote through it.
 */
static void test_state_lost(void **state)
{
	struct test_crash c = TEST_CRASH("\xe6\x40");
	struct view_vcpu *vcpu = &c.fx->view.vcpu[0];
	int32_t rel = 0x101c40 - 0x100325;

	(void)state;
	vcpu->shadow = vcpu->state;
	vcpu->shadow.idt.limit = 0;
	/* kmain: call timer_init; mov rdi,-0x21530000; call irq_install */
	view_fixture_put(c.fx, 0x100312, "\x48\xc7\xc7\x00\x00\xad\xde", 7);
	view_fixture_put(c.fx, 0x100319, "\x90\x90\x90\x90\x90\x90\x90\xe8", 8);
	view_fixture_put(c.fx, 0x100321, &rel, 4);
	/* irq_install: mov eax,1; mov [rdi],eax */
	view_fixture_put(c.fx, 0x101c40, "\xb8\x01\x00\x00\x00\x89\x07\xc3", 8);
	view_fixture_put(c.fx, 0x100280, "\x90", 1);
	memset(c.fx->ram + 0x100280, 0x90, 0x10030d - 0x100280);
	view_fixture_poke(c.fx, 0x204f88, 0xffffffff80100325, 8);
	memset(&vcpu->state, 0, sizeof(vcpu->state));
	vcpu->state.rip = 0xfff0;
	vcpu->state.cr0 = 0x60000010;
	vcpu->state.seg[X86_CS].base = 0xffff0000;
	test_run(&c);
	assert_true(c.aut.state_lost);
	test_says(c.aut.verdict, "#PF: write to ffffffffdead0000 (not present) by irq_install+0x5");
	assert_true(c.aut.step[0].observed);
	assert_false(c.aut.step[1].observed);
	assert_false(c.aut.reran);
	/* found again by running on from the last exit: no guessing */
	vcpu->shadow.rip = 0xffffffff80101c45;
	vcpu->shadow.gpr[X86_RDI] = WILD;
	vcpu->shadow_exact = true;
	test_run(&c);
	assert_true(c.aut.state_lost && c.aut.reran);
	test_says(c.aut.verdict, "#PF: write to ffffffffdead0000 (not present) by irq_install+0x5");
	vcpu->shadow.rip = FIXTURE_RIP;
	vcpu->shadow_exact = false;
	/* without symbols nothing can be said about the way, but about the IDT */
	sym_close(c.tab);
	c.tab = NULL;
	test_run(&c);
	test_says(c.aut.verdict, "no IDT");
	test_end(&c);
}

static void test_alive(void **state)
{
	struct test_crash c = TEST_CRASH("\x90");

	(void)state;
	c.fx->view.state = VM_STATE_PAUSED;
	test_run(&c);
	test_says(c.aut.verdict, "no crash: the guest is paused at timer_init+0x8");
	c.st->mp_state = X86_MP_HALTED;
	c.st->rflags = 2;
	test_run(&c);
	test_says(c.aut.verdict, "halted for ever");
	autopsy_run(&c.fx->view, 1, c.tab, &c.aut);
	test_says(c.aut.verdict, "waits to be started");
	autopsy_run(&c.fx->view, 7, c.tab, &c.aut);
	test_says(c.aut.verdict, "there is no vcpu7");
	test_end(&c);
}

static void test_tables(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	const struct x86_state *st = &fx->view.vcpu[0].state;
	struct sym_table *tab = view_fixture_symbols();
	struct buf out = BUF_INIT;
	struct tables_desc desc;
	struct tables_gate gate;
	struct tables_tss tss;

	(void)state;
	tables_desc(&fx->view, st, 8, &desc);
	assert_string_equal(desc.text, "code64 rx dpl0");
	assert_string_equal(desc.wrong, "");
	tables_desc(&fx->view, st, 0x18, &desc);
	assert_string_equal(desc.text, "TSS64 busy dpl0");
	assert_true(desc.base == FIXTURE_KERNEL + FIXTURE_TSS);
	tables_desc(&fx->view, st, 0x28, &desc);
	test_says(desc.wrong, "beyond the GDT limit");
	tables_gate(&fx->view, st, 32, &gate);
	assert_string_equal(gate.wrong, "");
	assert_true(gate.offset == 0xffffffff80101b00);
	tables_gate(&fx->view, st, 33, &gate);
	assert_string_equal(gate.wrong, "IDT[33] is empty");
	assert_int_equal(gate.fault, FAULT_GP);
	assert_int_equal(gate.error, 33 * 8 + 2);
	view_fixture_gate(fx, 33, HANDLER, 0x10, 0, 0x8e);
	tables_gate(&fx->view, st, 33, &gate);
	test_says(gate.wrong, "not code but data");
	view_fixture_gate(fx, 33, HANDLER, 8, 0, 0x0e);
	tables_gate(&fx->view, st, 33, &gate);
	assert_int_equal(gate.fault, FAULT_NP);
	tables_tss(&fx->view, st, &tss);
	assert_true(tss.readable && tss.rsp[0] == FIXTURE_STACK_END);
	tables_text(&fx->view, 0, tab, &out);
	test_says(buf_str(&out), "timer_isr");
	buf_free(&out);
	sym_close(tab);
	view_fixture_free(fx);
}

static void test_double_fault_rule(void **state)
{
	(void)state;
	assert_true(fault_is_double(FAULT_PF, FAULT_PF));
	assert_true(fault_is_double(FAULT_PF, FAULT_GP));
	assert_true(fault_is_double(FAULT_GP, FAULT_NP));
	assert_false(fault_is_double(FAULT_GP, FAULT_PF));
	assert_false(fault_is_double(FAULT_BP, FAULT_GP));
	assert_false(fault_is_double(48, FAULT_GP));
}

static void test_exits(void **state)
{
	struct view_fixture *prev = view_fixture_new(), *now = view_fixture_new();
	struct sym_table *tab = view_fixture_symbols();
	struct exits_summary *sum = malloc(sizeof(*sum));
	struct buf out = BUF_INIT;

	(void)state;
	exits_summarise(&now->view, NULL, sum);
	assert_int_equal(sum->total, 253);
	assert_int_equal(sum->per_s, 0);
	assert_string_equal(sum->reason[0].name, "io out");
	assert_string_equal(sum->range[0].name, "COM1");
	assert_int_equal(sum->range[0].count, 238);
	now->view.now_ns += 500000000;
	now->view.vcpu[0].exits[EXIT_IO_IN] += 1000;
	now->view.ledger[2].reads += 50;
	exits_summarise(&now->view, &prev->view, sum);
	assert_string_equal(sum->reason[0].name, "io in");
	assert_int_equal(sum->reason[0].per_s, 2000);
	assert_string_equal(sum->range[0].name, "PIC");
	assert_int_equal(sum->range[0].per_s, 100);
	/* counters that went back (reset) give no rate */
	exits_summarise(&prev->view, &now->view, sum);
	assert_int_equal(sum->per_s, 0);
	exits_flights_text(&now->view, 0, 3, tab, &out);
	assert_string_equal(buf_str(&out), "  -3  in 3fd=60 COM1  timer_init+0x6\n"
					   "  -2  out 3f8=0a COM1  timer_init+0x6\n"
					   "  -1  out 43=34 '4' PIT  timer_init+0x6\n");
	buf_clear(&out);
	exits_flights_text(&now->view, 1, 3, tab, &out);
	assert_string_equal(buf_str(&out), "");
	buf_free(&out);
	free(sum);
	sym_close(tab);
	view_fixture_free(prev);
	view_fixture_free(now);
}

static void test_lapic(void **state)
{
	struct view_fixture *fx = view_fixture_new();
	struct x86_state *st = &fx->view.vcpu[0].state;
	struct buf out = BUF_INIT;
	struct irqs_lapic apic;
	uint32_t val;

	(void)state;
	assert_false(irqs_lapic(st, &apic));
	st->has_lapic_regs = 1;
	val = 1 << 8 | 0xff;
	memcpy(st->lapic + 0xf0, &val, 4); /* enabled, spurious vector 0xff */
	val = 1u << (0x31 - 0x20);
	memcpy(st->lapic + 0x210, &val, 4); /* IRR: 0x31 */
	val = 1u << (0x42 - 0x40);
	memcpy(st->lapic + 0x120, &val, 4); /* ISR: 0x42 */
	val = 0x20031;
	memcpy(st->lapic + 0x320, &val, 4); /* timer: periodic, 0x31 */
	assert_true(irqs_lapic(st, &apic));
	assert_true(apic.enabled);
	assert_int_equal(irqs_highest(apic.irr), 0x31);
	assert_int_equal(irqs_highest(apic.isr), 0x42);
	assert_int_equal(apic.ppr, 0x40);
	assert_string_equal(irqs_why_not(&fx->view, 0, 0x31, &out), "priority");
	buf_clear(&out);
	irqs_text(st, &out);
	test_says(buf_str(&out), "timer");
	test_says(buf_str(&out), "periodic");
	buf_free(&out);
	view_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_ZYDIS
		cmocka_unit_test(test_no_idt),
		cmocka_unit_test(test_idt_missing),
		cmocka_unit_test(test_stack_overflow),
		cmocka_unit_test(test_not_present),
		cmocka_unit_test(test_reserved_bit),
		cmocka_unit_test(test_wrong_selector),
		cmocka_unit_test(test_broken_iret),
		cmocka_unit_test(test_handler_unmapped),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_fault_noncanonical),
		cmocka_unit_test(test_state_lost),
#endif
		cmocka_unit_test(test_nx_fetch),
		cmocka_unit_test(test_stack_overflow_ist),
		cmocka_unit_test(test_alive),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_double_fault_rule),
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_lapic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
