/* SPDX-License-Identifier: MIT */
/*
 * From the entry stubs to handlers in C, and the report of an exception nobody wanted.
 */
#include "trap.h"

#include <stddef.h>

#include "cpu.h"
#include "desc.h"
#include "paging.h"
#include "print.h"
#include "smp.h"

#define TRAP_NR_NAMES	22
#define TRAP_MAX_FRAMES 16

struct trap_point *trap_caught, trap_caught_point;

static struct gate trap_idt[256] __attribute__((aligned(4096)));
static trap_handler_t *trap_handlers[256];

static const char *const trap_names[TRAP_NR_NAMES] = {
	"#DE divide error",
	"#DB debug",
	"NMI",
	"#BP breakpoint",
	"#OF overflow",
	"#BR bound range",
	"#UD invalid opcode",
	"#NM device not available",
	"#DF double fault",
	"coprocessor segment overrun",
	"#TS invalid TSS",
	"#NP segment not present",
	"#SS stack fault",
	"#GP general protection",
	"#PF page fault",
	"reserved",
	"#MF x87 error",
	"#AC alignment check",
	"#MC machine check",
	"#XM SIMD error",
	"#VE virtualization",
	"#CP control protection",
};

void trap_dispatch(struct trap_frame *frame);

void idt_init(void)
{
	for (int i = 0; i < 256; i++)
		gate_set(&trap_idt[i], trap_stubs[i], SEL_CODE64, 0);
	trap_idt[TRAP_DF].ist = IST_DOUBLE_FAULT;
	trap_idt[TRAP_NMI].ist = IST_NMI;
	idt_load_common();
}

void idt_load_common(void)
{
	idt_load(trap_idt, 256);
}

void idt_set(unsigned int vector, const void *handler)
{
	gate_set(&trap_idt[vector], handler, SEL_CODE64, 0);
}

void trap_handle(unsigned int vector, trap_handler_t *handler)
{
	trap_handlers[vector] = handler;
}

static void trap_report_page_fault(const struct trap_frame *f)
{
	printf("  cr2 %016lx: %s of a %s page by %s%s%s\n", cr2_read(),
	       f->error & 16  ? "fetch"
	       : f->error & 2 ? "write"
			      : "read",
	       f->error & 1 ? "present" : "not-present", f->error & 4 ? "user" : "kernel",
	       f->error & 8 ? ", reserved bit set" : "",
	       f->error & 16 && f->error & 1 ? ", NX" : "");
}

static bool trap_readable(uint64_t va)
{
	int64_t upper = (int64_t)va >> 47;

	return (upper == 0 || upper == -1) && *page_entry(va, NULL) & PTE_P;
}

static void trap_report_backtrace(uint64_t rip, uint64_t rbp)
{
	printf("  #0  %016lx\n", rip);
	for (int i = 1; i < TRAP_MAX_FRAMES; i++) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (!rbp || rbp & 7 || !trap_readable(rbp) || !trap_readable(rbp + 8))
			break;
		printf("  #%-2d %016lx\n", i, frame[1]);
		rbp = frame[0];
	}
}

void trap_report(const struct trap_frame *f)
{
	const char *name = f->vector < TRAP_NR_NAMES ? trap_names[f->vector] : "interrupt";

	printf("trap %lu (%s) on cpu %u, error %lx\n", f->vector, name, smp_self()->index,
	       f->error);
	if (f->vector == TRAP_PF)
		trap_report_page_fault(f);
	printf("  rip %016lx  cs %04lx  rflags %08lx\n", f->rip, f->cs, f->rflags);
	printf("  rsp %016lx  ss %04lx  cr3 %016lx\n", f->rsp, f->ss, cr3_read());
	printf("  rax %016lx  rbx %016lx  rcx %016lx\n", f->rax, f->rbx, f->rcx);
	printf("  rdx %016lx  rsi %016lx  rdi %016lx\n", f->rdx, f->rsi, f->rdi);
	printf("  rbp %016lx  r8  %016lx  r9  %016lx\n", f->rbp, f->r8, f->r9);
	printf("  r10 %016lx  r11 %016lx  r12 %016lx\n", f->r10, f->r11, f->r12);
	printf("  r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
	trap_report_backtrace(f->rip, f->rbp);
}

void trap_uncatch(void)
{
	trap_caught = NULL;
}

static void trap_unhandled(struct trap_frame *frame)
{
	struct trap_point *point = trap_caught;

	if (frame->vector >= 32)
		return;
	trap_report(frame);
	if (frame->vector == TRAP_BP)
		return;
	if (!point || smp_self()->index) {
		printf("cpu %u stopped\n", smp_self()->index);
		cpu_halt_forever();
	}
	trap_uncatch();
	trap_return_to(point, frame->vector + 1);
}

void trap_dispatch(struct trap_frame *frame)
{
	trap_handler_t *handler = trap_handlers[frame->vector];

	if (handler)
		handler(frame);
	else
		trap_unhandled(frame);
}
