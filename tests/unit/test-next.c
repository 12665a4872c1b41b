/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next instruction with its values, and interrupt frames before their IRET. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inspect/iret.h"
#include "inspect/next.h"
#include "view-fixture.h"

#ifdef HAVE_ZYDIS

#define CODE 0x101d00ull /* guest-physical; free in the fixture's text */
#define SP   0x204f00ull

static struct view_fixture *fx;
static struct sym_table *tab;
static struct next next;
static char line[512];

static int setup(void **state)
{
	(void)state;
	fx = view_fixture_new();
	tab = view_fixture_symbols();
	assert_non_null(fx);
	fx->view.vcpu[0].state.rip = FIXTURE_KERNEL + CODE;
	fx->view.vcpu[0].state.gpr[X86_RSP] = FIXTURE_KERNEL + SP;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sym_close(tab);
	view_fixture_free(fx);
	return 0;
}

/* Put an instruction at rip and look at it. */
static void look(const char *bytes, size_t len)
{
	struct buf text = BUF_INIT;

	view_fixture_put(fx, CODE, bytes, len);
	next_look(&fx->view, 0, tab, &next);
	next_operands_text(&next, &text);
	strcpy(line, buf_str(&text));
	buf_free(&text);
}

#define LOOK(bytes) look(bytes, sizeof(bytes) - 1)

static struct x86_state *st(void)
{
	return &fx->view.vcpu[0].state;
}

static void test_operands(void **state)
{
	(void)state;
	view_fixture_poke(fx, 0x204f78, 0x12ab, 8);
	LOOK("\x48\x8b\x45\xf8"); /* mov rax,[rbp-8] */
	assert_string_equal(line, "[rbp-0x08] at ffffffff80204f78 = 12ab boot_stack+0x3f78");
	assert_true(next.op[0].memory && next.op[0].read && !next.op[0].write);
	LOOK("\x48\x01\xd9"); /* add rcx,rbx */
	assert_string_equal(line, "rcx = 4a9  rbx = 0");
	assert_int_equal(next.meaning[0], 0);
	LOOK("\x88\x05\xfa\x32\x00\x00"); /* mov [rip+..],al: into the tss */
	assert_true(next.op[0].write && next.op[0].gva == FIXTURE_KERNEL + 0x105000);
	assert_string_equal(next.op[0].note, "tss");
	LOOK("\x48\x8d\x3d\xf9\xfd\xff\xff"); /* lea rdi,[timer_isr] */
	assert_string_equal(next.meaning, "the address of timer_isr");
}

static void test_ports(void **state)
{
	(void)state;
	LOOK("\xe6\x40"); /* out 0x40,al */
	assert_string_equal(next.meaning, "writes 34 to port 40, PIT channel 0");
	st()->gpr[X86_RDX] = 0x3fd;
	LOOK("\xec"); /* in al,dx */
	assert_string_equal(next.meaning, "reads port 3fd, COM1");
	st()->gpr[X86_RDX] = 0x6000;
	LOOK("\xef"); /* out dx,eax */
	assert_string_equal(next.meaning, "writes 00000034 to port 6000");
}

static void test_system(void **state)
{
	(void)state;
	st()->gpr[X86_RCX] = 0xc0000080;
	st()->gpr[X86_RDX] = 0;
	st()->gpr[X86_RAX] = 0x500;
	LOOK("\x0f\x30"); /* wrmsr */
	assert_string_equal(next.meaning, "writes 500 to MSR c0000080, EFER: LMA LME");
	LOOK("\xcd\x20"); /* int 0x20 */
	assert_string_equal(next.meaning, "vector 32, handled by timer_isr");
	LOOK("\xcd\x80");
	assert_non_null(strstr(next.meaning, "vector 128: "));
	st()->gpr[X86_RAX] = 0x2000;
	LOOK("\x0f\x22\xd8"); /* mov cr3,rax */
	assert_string_equal(next.meaning, "other page tables, at physical 2000");
	st()->msr[X86_MSR_LSTAR] = FIXTURE_KERNEL + 0x100280;
	LOOK("\x0f\x05");
	assert_non_null(strstr(next.meaning, "enters kmain"));
}

static void test_branches(void **state)
{
	static const struct {
		uint8_t opcode;
		uint64_t flags;
		bool taken;
	} cond[] = {
		{ 0x74, 0x40, true },  { 0x74, 0, false },    { 0x75, 0, true },
		{ 0x72, 1, true },     { 0x73, 1, false },    { 0x76, 0x40, true },
		{ 0x77, 1, false },    { 0x7c, 0x80, true },  { 0x7c, 0x880, false },
		{ 0x7e, 0x40, true },  { 0x7f, 0x880, true }, { 0x70, 0x800, true },
		{ 0x78, 0x80, true },  { 0x7a, 4, true },     { 0x7b, 4, false },
		{ 0x7d, 0x880, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cond) / sizeof(cond[0]); i++) {
		char bytes[2] = { (char)cond[i].opcode, 0x10 };

		st()->rflags = 2 | cond[i].flags;
		look(bytes, 2);
		if (strncmp(next.meaning, cond[i].taken ? "taken, to" : "not taken", 9) != 0)
			fail_msg("%02x with flags %x: %s", cond[i].opcode,
				 (unsigned int)cond[i].flags, next.meaning);
	}
	st()->gpr[X86_RCX] = 1;
	LOOK("\xe2\xfe"); /* loop */
	assert_string_equal(next.meaning, "not taken");
	st()->gpr[X86_RAX] = FIXTURE_KERNEL + 0x100280;
	LOOK("\xff\xd0"); /* call rax */
	assert_string_equal(next.meaning, "calls kmain");
	view_fixture_poke(fx, SP, FIXTURE_KERNEL + 0x101a18, 8);
	LOOK("\xc3");
	assert_string_equal(next.meaning, "returns to timer_init+0x8");
	st()->gpr[X86_RCX] = 7;
	LOOK("\xf3\xa4");	       /* rep movsb */
	assert_string_equal(line, ""); /* its operands are hidden ones */
	assert_true(next.faults);      /* rdi is 0x20 */
}

static void test_faults(void **state)
{
	(void)state;
	st()->gpr[X86_RBX] = FIXTURE_STACK - 0x1000;
	LOOK("\x48\x89\x03"); /* mov [rbx],rax: the guard page */
	assert_true(next.faults);
	assert_non_null(strstr(next.meaning, "raises #PF"));
	assert_false(next.op[0].known);
	st()->rip = FIXTURE_STACK - 0x1000;
	next_look(&fx->view, 0, tab, &next);
	assert_false(next.valid);
	assert_true(next.faults);
	next_look(&fx->view, 7, tab, &next);
	assert_false(next.valid);
}

/* A frame of five words at SP + OFF. */
static void put_frame(unsigned int off, uint64_t ip, uint64_t cs, uint64_t flags, uint64_t sp,
		      uint64_t ss)
{
	const uint64_t word[] = { ip, cs, flags, sp, ss };

	view_fixture_put(fx, SP + off, word, sizeof(word));
}

static struct iret_frame frame;

static bool find(const char *bytes, size_t len)
{
	view_fixture_put(fx, CODE, bytes, len);
	return iret_find(&fx->view, 0, tab, &frame);
}

#define FIND(bytes) find(bytes, sizeof(bytes) - 1)

static void test_iret(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	put_frame(0, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(FIND("\x48\xcf"));
	assert_int_equal(frame.ahead, 0);
	assert_int_equal(frame.nr, 5);
	assert_int_equal(frame.cpl, 0);
	assert_false(iret_is_wrong(&frame));
	assert_string_equal(frame.slot[IRET_IP].note, "timer_init+0x8");
	assert_string_equal(frame.slot[IRET_FLAGS].note, "IF");
	iret_text(&frame, &text);
	assert_non_null(
		strstr(buf_str(&text), "iret to ring 0: rip ffffffff80101a18 timer_init+0x8"));
	buf_free(&text);
	next_look(&fx->view, 0, tab, &next);
	assert_string_equal(next.meaning, "returns to ring 0, timer_init+0x8");
}

static void test_iret_ahead(void **state)
{
	(void)state;
	put_frame(0x20, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END, 0x10);
	/* pop rax; pop r15; add rsp,16; iretq */
	assert_true(FIND("\x58\x41\x5f\x48\x83\xc4\x10\x48\xcf"));
	assert_int_equal(frame.ahead, 3);
	assert_true(frame.gva == FIXTURE_KERNEL + SP + 0x20);
	assert_false(iret_is_wrong(&frame));
	assert_false(FIND("\x5c\x48\xcf"));	    /* pop rsp */
	assert_false(FIND("\x75\x00\x48\xcf"));	    /* a branch */
	assert_false(FIND("\x0f\x22\xd8\x48\xcf")); /* mov cr3,rax */
	assert_false(FIND("\x48\x89\xec\x48\xcf")); /* mov rsp,rbp */
}

static bool wrong(enum iret_word index, const char *text)
{
	return FIND("\x48\xcf") && strstr(frame.slot[index].wrong, text);
}

static void test_iret_wrong(void **state)
{
	(void)state;
	/* an error code that was not dropped */
	put_frame(0, 2, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END);
	assert_true(FIND("\x48\xcf"));
	assert_true(iret_is_wrong(&frame));
	assert_non_null(strstr(frame.hint, "an error code is still on the stack"));
	put_frame(0, FIXTURE_STACK, 8, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_IP, "xecut") || wrong(IRET_IP, "NX"));
	put_frame(0, 1ull << 60, 8, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_IP, "canonical"));
	put_frame(0, FIXTURE_RIP, 0x10, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_CS, "no code segment"));
	put_frame(0, FIXTURE_RIP, 0x1238, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_CS, "beyond"));
	put_frame(0, FIXTURE_RIP, 0x0b, 0x202, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_CS, "RPL 3"));
	put_frame(0, FIXTURE_RIP, 8, 0x200, FIXTURE_STACK_END, 0x10);
	assert_true(wrong(IRET_FLAGS, "no flags"));
	put_frame(0, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK, 0x10);
	assert_true(wrong(IRET_SP, "not present"));
	put_frame(0, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END, 8);
	assert_true(wrong(IRET_SS, "no writable data"));
	put_frame(0, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END, 0);
	assert_true(FIND("\x48\xcf"));
	assert_false(iret_is_wrong(&frame));
	st()->gpr[X86_RSP] = FIXTURE_STACK_END - 8;
	assert_true(FIND("\x48\xcf"));
	assert_non_null(strstr(frame.slot[IRET_CS].wrong, "cannot be read"));
}

/* 32-bit code: three words, with a stack only where the ring changes. */
static void test_iret_32(void **state)
{
	static const uint32_t word[] = { 0x101b00, 8, 0x202 };

	(void)state;
	st()->efer = 0;
	st()->cr0 = 0x11;
	st()->cr4 = 0;
	st()->seg[X86_CS].attr = 0xc09b;
	st()->gdt.base = FIXTURE_GDT;
	view_fixture_poke(fx, FIXTURE_GDT + 8, 0x00cf9b000000ffffull, 8);
	st()->rip = CODE;
	st()->gpr[X86_RSP] = SP;
	view_fixture_put(fx, SP, word, sizeof(word));
	assert_true(FIND("\xcf"));
	assert_int_equal(frame.nr, 3);
	assert_int_equal(frame.word, 4);
	assert_false(iret_is_wrong(&frame));
	view_fixture_poke(fx, SP + 4, 0x0b, 4);
	assert_true(FIND("\xcf"));
	assert_int_equal(frame.nr, 5);
	assert_int_equal(frame.cpl, 3);
	assert_string_equal(frame.slot[IRET_IP].name, "eip");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_operands),   TEST(test_ports),      TEST(test_system),
		TEST(test_branches),   TEST(test_faults),     TEST(test_iret),
		TEST(test_iret_ahead), TEST(test_iret_wrong), TEST(test_iret_32),
	};

	return cmocka_run_group_tests_name("next", tests, NULL, NULL);
}

#else

int main(void)
{
	return 0;
}

#endif
