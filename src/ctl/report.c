/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a crashed guest in words: see report.h. */
#include "ctl/report.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/autopsy.h"
#include "inspect/disasm.h"
#include "inspect/regs.h"

static void report_flight(const struct sample_flight *fl, uint64_t base_tsc, uint64_t tsc_khz,
			  const struct sym_table *syms, struct buf *out)
{
	const char *port;
	char where[96];

	buf_printf(out, "  %10.3f ms  vcpu%u %-11s", (double)(fl->tsc - base_tsc) / (double)tsc_khz,
		   fl->vcpu, exit_kind_name(fl->kind));
	switch (fl->kind) {
	case EXIT_IO_IN:
	case EXIT_IO_OUT:
		port = disasm_port_name((uint16_t)fl->addr);
		buf_printf(out, " port %04llx size %u value %0*x%s%s%s",
			   (unsigned long long)fl->addr, fl->size, fl->size * 2, fl->data,
			   port ? " (" : "", port ? port : "", port ? ")" : "");
		break;
	case EXIT_MMIO_READ:
	case EXIT_MMIO_WRITE:
		buf_printf(out, " gpa %llx size %u value %x", (unsigned long long)fl->addr,
			   fl->size, fl->data);
		break;
	default:
		if (fl->data || fl->addr)
			buf_printf(out, " %llx %x", (unsigned long long)fl->addr, fl->data);
		break;
	}
	buf_printf(out, "  at %llx", (unsigned long long)fl->rip);
	sym_text(syms, fl->rip, where, sizeof(where));
	if (where[0])
		buf_printf(out, " %s", where);
	buf_addc(out, '\n');
}

void report_flights(const struct vm_view *view, const struct sym_table *syms, int vcpu,
		    unsigned int nr, struct buf *out)
{
	uint64_t khz = view->tsc_khz ? view->tsc_khz : 1000000;
	uint32_t back = 0, all = view_nr_flights(view);
	struct sample_flight fl = { .tsc = 0 };
	unsigned int found = 0;
	uint64_t oldest = 0;

	for (; back < all && found < nr && view_flight(view, back, &fl); back++) {
		if (vcpu >= 0 && fl.vcpu != vcpu)
			continue;
		oldest = fl.tsc;
		found++;
	}
	while (back-- > 0 && view_flight(view, back, &fl)) {
		if (vcpu < 0 || fl.vcpu == vcpu)
			report_flight(&fl, oldest, khz, syms, out);
	}
}

static void report_insn(const struct vm_view *view, unsigned int vcpu, uint64_t rip,
			const struct sym_table *syms, struct buf *out)
{
	struct disasm_insn insn;
	unsigned int i;

	if (!disasm_at(view, vcpu, rip, syms, &insn, 1))
		return;
	buf_printf(out, "instruction at %llx:", (unsigned long long)insn.addr);
	for (i = 0; i < insn.len; i++)
		buf_printf(out, " %02x", insn.bytes[i]);
	buf_printf(out, "  %s%s%s\n", insn.text, insn.comment[0] ? " ; " : "", insn.comment);
}

/* What a crash is read from; the FPU's and SSE's forty lines are `info registers`' business. */
static void report_regs(const struct x86_state *st, struct buf *out)
{
	struct buf all = BUF_INIT;
	const char *line, *end;

	regs_dump(st, &all);
	for (line = buf_str(&all); *line; line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		if (strncmp(line, "FPR", 3) != 0 && strncmp(line, "FCW", 3) != 0 &&
		    strncmp(line, "XMM", 3) != 0 && strncmp(line, "YMM", 3) != 0)
			buf_printf(out, "%.*s\n", (int)(end - line), line);
	}
	buf_free(&all);
}

void report_crash(const struct vm_view *view, struct sym_table *syms, struct buf *out)
{
	unsigned int vcpu = view->stop_vcpu < view->nr_vcpus ? view->stop_vcpu : 0;
	struct autopsy *aut = calloc(1, sizeof(*aut));
	const struct x86_state *st;

	if (!aut || !view->nr_vcpus) {
		buf_printf(out, "guest crashed: %s\n", view->stop_text);
		free(aut);
		return;
	}
	autopsy_run(view, vcpu, syms, aut);
	st = aut->state_lost ? &view->vcpu[vcpu].shadow : &view->vcpu[vcpu].state;
	buf_printf(out, "guest crashed: %s\n", aut->verdict[0] ? aut->verdict : view->stop_text);
	if (aut->hint[0])
		buf_printf(out, "  %s\n", aut->hint);
	buf_printf(out, "registers of vcpu%u%s:\n", vcpu,
		   aut->state_lost ? " at its last exit before the crash (the processor was "
				     "reset before the crash was reported)"
				   : "");
	report_regs(st, out);
	report_insn(view, vcpu, aut->rip, syms, out);
	buf_printf(out, "last exits:\n");
	report_flights(view, syms, -1, REPORT_FLIGHTS, out);
	free(aut);
}
