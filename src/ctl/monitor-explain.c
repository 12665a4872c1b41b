/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's `explain irq`, gate and err: why, in words. Pure: a view is all they see. */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/monitor.h"
#include "inspect/disasm.h"
#include "inspect/fault.h"
#include "inspect/irqs-chain.h"
#include "inspect/irqs.h"
#include "inspect/tables.h"

static int explain_no_vcpu(struct err *err)
{
	return err_set(err, ENODEV, "there is no vCPU to look at");
}

static void explain_irq_line(const struct irqs_chain *chain, struct buf *out)
{
	char verdict[160];

	buf_printf(out, "%-16s ", chain->name);
	if (chain->vector >= 0)
		buf_printf(out, "%02x vcpu%-2u  ", (unsigned int)chain->vector, chain->vcpu);
	else
		buf_puts(out, "           ");
	buf_printf(out, "%s\n", irqs_chain_verdict(chain, verdict, sizeof(verdict)));
}

static void explain_irq_all(const struct monitor_ctx *ctx, unsigned int vcpu, struct buf *out)
{
	struct irqs_source source[IRQS_SOURCES];
	unsigned int i, nr = irqs_sources(ctx->view, vcpu, source);
	char verdict[240], hint[160];
	struct irqs_chain chain;

	if (irqs_diagnose(ctx->view, vcpu, ctx->syms, verdict, sizeof(verdict), hint, sizeof(hint)))
		buf_printf(out, "%s\n%s\n\n", verdict, hint);
	for (i = 0; i < nr; i++) {
		irqs_chain(ctx->view, vcpu, source[i], &chain);
		explain_irq_line(&chain, out);
	}
	if (!nr)
		buf_puts(out, "no source of interrupts is in use: all are masked and silent\n");
}

static int explain_irq(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	struct irqs_source source;
	struct irqs_chain chain;
	unsigned int vcpu;

	if (!monitor_state(ctx, &vcpu))
		return explain_no_vcpu(err);
	if (!args->nr) {
		explain_irq_all(ctx, vcpu, out);
		return 0;
	}
	if (!irqs_source_parse(args->word[0], &source))
		return err_set(err, EINVAL,
			       "'%s': irq0..irq15, pin0..pin23, timer, lint0, lint1, error, or a "
			       "vector",
			       args->word[0]);
	irqs_chain(ctx->view, vcpu, source, &chain);
	irqs_chain_text(&chain, out);
	return 0;
}

static int info_irq(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);

	if (!st)
		return explain_no_vcpu(err);
	explain_irq(ctx, args, out, err);
	irqs_text(st, out);
	return 0;
}

static int explain_gate(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	struct fault_delivery del;
	struct tables_gate gate;
	uint64_t vector;
	char sym[96];

	if (!st)
		return explain_no_vcpu(err);
	if (!parse_range(args->word[0], 0, 255, &vector))
		return err_set(err, EINVAL, "'%s': a vector, 0 to 255", args->word[0]);
	tables_gate(ctx->view, st, (unsigned int)vector, &gate);
	fault_deliver(ctx->view, st, (unsigned int)vector, false, &del);
	buf_printf(out, "IDT[%u] at %016llx  %s\n", (unsigned int)vector,
		   (unsigned long long)gate.entry_gva, gate.text[0] ? gate.text : "-");
	if (gate.present)
		buf_printf(out, "handler  %s\n",
			   sym_text(ctx->syms, gate.offset, sym, sizeof(sym)));
	if (del.sp)
		buf_printf(out, "stack    %016llx (%s)\n", (unsigned long long)del.sp,
			   del.ist	  ? "IST"
			   : del.switched ? "rsp0"
					  : "the current one");
	if (del.next.found)
		buf_printf(out, "its use raises %s error %x: %s\n",
			   disasm_vector_name(del.next.vector) ? disasm_vector_name(del.next.vector)
							       : "?",
			   del.next.error, del.next.what);
	else
		buf_puts(out, "nothing is wrong with it\n");
	return 0;
}

static void explain_err_selector(unsigned int code, struct buf *out)
{
	buf_printf(out, "#TS #NP #SS #GP: %s %x%s%s\n",
		   code & 2   ? "IDT gate"
		   : code & 4 ? "LDT selector"
			      : "GDT selector",
		   code & 2 ? code >> 3 : code & 0xfff8,
		   code & 1 ? ", while delivering an event" : "", code ? "" : " (none named)");
}

static int explain_err(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	uint64_t code;

	(void)ctx;
	if (!parse_range(args->word[0], 0, 0xffff, &code))
		return err_set(err, EINVAL, "'%s': an error code, like 0x2", args->word[0]);
	buf_printf(out, "#PF: %s by %s, %s%s%s%s\n",
		   code & 16  ? "fetch"
		   : code & 2 ? "write"
			      : "read",
		   code & 4 ? "ring 3" : "the kernel",
		   code & 8   ? "a reserved bit is set in a table"
		   : code & 1 ? "the page is there and does not allow it"
			      : "no page is there",
		   code & 32 ? ", a protection key forbids it" : "",
		   code & 64 ? ", shadow stack" : "", code & 0x8000 ? ", SGX" : "");
	explain_err_selector((unsigned int)code, out);
	return 0;
}

const struct monitor_command monitor_explain_commands[] = {
	{ "explain irq", "[source]",
	  "why an interrupt is not delivered: irq4, pin2, timer, lint0, a vector", 1, 0,
	  MONITOR_COMPLETE_NONE, explain_irq },
	{ "explain gate", "vector", "would an exception or interrupt pass there", 1, 1,
	  MONITOR_COMPLETE_NONE, explain_gate },
	{ "explain err", "code", "an error code in words", 1, 1, MONITOR_COMPLETE_NONE,
	  explain_err },
	{ "info irq", "", "all sources of interrupts, and the local APIC", 0, 0,
	  MONITOR_COMPLETE_NONE, info_irq },
};
const size_t monitor_explain_commands_len =
	sizeof(monitor_explain_commands) / sizeof(monitor_explain_commands[0]);
