/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a line to a handler: see irqs-chain.h. */
#include "inspect/irqs-chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inspect/fault.h"
#include "inspect/irqs.h"

#define IRQS_APIC_ENABLE (1ull << 11)
#define IRQS_LVT_TIMER	 0
#define IRQS_LVT_LINT0	 3
#define IRQS_LVT_LINT1	 4
#define IRQS_LVT_ERROR	 5

#define IRQS_REDIR_LOGICAL (1ull << 11)
#define IRQS_REDIR_WAITS   (1ull << 14) /* remote IRR */
#define IRQS_REDIR_LEVEL   (1ull << 15)
#define IRQS_REDIR_MASKED  (1ull << 16)

enum { IRQS_FIXED, IRQS_LOWEST, IRQS_SMI, IRQS_NMI = 4, IRQS_INIT, IRQS_EXTINT = 7 };

/* Interrupts a second beyond which a line that stays up is a storm. */
#define IRQS_STORM 1000
/* Words of the stack that are searched for an interrupt's frame. */
#define IRQS_STACK 512

__attribute__((format(printf, 4, 5))) static void
irqs_say(struct irqs_chain *chain, enum irqs_mark mark, const char *what, const char *fmt, ...)
{
	struct irqs_step *step;
	va_list args;

	if (chain->nr == IRQS_STEPS)
		return;
	step = &chain->step[chain->nr];
	step->mark = mark;
	step->what = what;
	va_start(args, fmt);
	vsnprintf(step->text, sizeof(step->text), fmt, args);
	va_end(args);
	if (mark == IRQS_STOP && chain->stop < 0)
		chain->stop = (int)chain->nr;
	chain->nr++;
}

/* What is at the ISA lines of this machine. */
static const char *irqs_line_device(unsigned int line)
{
	static const char *const device[16] = { "PIT",	 "keyboard", "cascade", "COM2",
						"COM1",	 NULL,	     NULL,	NULL,
						"RTC",	 "ACPI",     NULL,	NULL,
						"mouse", NULL,	     "ATA",	"ATA2" };

	return line < 16 && device[line] ? device[line] : "";
}

static bool irqs_bit(const uint32_t bits[8], unsigned int vector)
{
	return bits[vector / 32 & 7] >> (vector % 32) & 1;
}

/* --- the processor --- */

static void irqs_cpu_flags(const struct x86_state *st, struct irqs_chain *out)
{
	if (st->mp_state == X86_MP_UNINITIALIZED || st->mp_state == X86_MP_INIT)
		irqs_say(out, IRQS_STOP, "cpu", "vcpu%u waits to be started (SIPI)", out->vcpu);
	else if (st->irq_injected && st->irq_nr == out->vector)
		irqs_say(out, IRQS_NOTE, "cpu", "being delivered right now");
	if (!(st->rflags & X86_RFLAGS_IF))
		irqs_say(out, IRQS_STOP, "if", "interrupts are off: RFLAGS.IF is clear%s",
			 st->mp_state == X86_MP_HALTED ? ", and the CPU is halted" : "");
	else
		irqs_say(out, IRQS_PASS, "if", "interrupts are on");
	if (st->irq_shadow)
		irqs_say(out, IRQS_NOTE, "shadow", "after the next instruction: STI or MOV SS");
}

/* Gate, handler and stack: what the CPU does once it has accepted the vector. */
static void irqs_cpu(const struct vm_view *view, struct irqs_chain *out)
{
	const struct x86_state *st = &view->vcpu[out->vcpu].state;
	struct fault_delivery del;

	irqs_cpu_flags(st, out);
	fault_deliver(view, st, (unsigned int)out->vector, false, &del);
	if (del.next.cause == FAULT_CAUSE_STACK && del.next.found) {
		irqs_say(out, IRQS_PASS, "gate", "IDT[%d] %s", out->vector, del.gate);
		irqs_say(out, IRQS_STOP, "stack", "%s", del.next.what);
	} else if (del.next.found) {
		irqs_say(out, IRQS_STOP, del.ok ? "handler" : "gate", "%s", del.next.what);
	} else {
		irqs_say(out, IRQS_PASS, "gate", "IDT[%d] %s", out->vector, del.gate);
		irqs_say(out, IRQS_PASS, "stack", "%s at %llx",
			 del.ist	? "IST"
			 : del.switched ? "rsp0"
					: "the current one",
			 (unsigned long long)del.sp);
	}
}

/* --- the local APIC --- */

static void irqs_apic_priority(const struct irqs_lapic *apic, struct irqs_chain *out)
{
	unsigned int vector = (unsigned int)out->vector;
	int isr = irqs_highest(apic->isr), irr = irqs_highest(apic->irr);

	if (isr >= 0 && isr >> 4 >= out->vector >> 4)
		irqs_say(out, IRQS_STOP, "service",
			 "vector %02x had no EOI: class %x and below wait", (unsigned int)isr,
			 (unsigned int)isr >> 4);
	else
		irqs_say(out, IRQS_PASS, "service", "nothing of its class is in service");
	if (vector >> 4 <= apic->tpr >> 4)
		irqs_say(out, IRQS_STOP, "tpr", "TPR %02x holds back classes up to %x", apic->tpr,
			 apic->tpr >> 4);
	else
		irqs_say(out, IRQS_PASS, "tpr", "class %x is above TPR %02x", vector >> 4,
			 apic->tpr);
	if (irr > out->vector)
		irqs_say(out, IRQS_NOTE, "order", "vector %02x goes first", (unsigned int)irr);
}

/* A vector at the local APIC of OUT->vcpu. */
static void irqs_apic(const struct vm_view *view, struct irqs_chain *out)
{
	const struct x86_state *st = &view->vcpu[out->vcpu].state;
	struct irqs_lapic apic;

	if (!(st->apic_base & IRQS_APIC_ENABLE)) {
		irqs_say(out, IRQS_STOP, "apic", "the local APIC is off (APIC_BASE bit 11)");
		return;
	}
	if (!irqs_lapic(st, &apic)) {
		irqs_say(out, IRQS_NOTE, "apic", "its registers were not published yet");
		irqs_cpu(view, out);
		return;
	}
	if (!apic.enabled)
		irqs_say(out, IRQS_STOP, "apic",
			 "the local APIC is software-disabled (spurious vector register bit 8)");
	if (out->vector < 16)
		irqs_say(out, IRQS_STOP, "vector", "%02x is below 10: the APIC refuses it",
			 (unsigned int)out->vector);
	else if (out->vector < 32)
		irqs_say(out, IRQS_NOTE, "vector", "%02x is one of the exceptions'",
			 (unsigned int)out->vector);
	if (irqs_bit(apic.irr, (unsigned int)out->vector))
		out->request = true;
	out->in_service = irqs_bit(apic.isr, (unsigned int)out->vector);
	irqs_apic_priority(&apic, out);
	irqs_cpu(view, out);
}

/* --- the 8259s --- */

/* 0: first to be served. */
static unsigned int irqs_pic_rank(const struct sample_pic *pic, unsigned int bit)
{
	return (bit - pic->first) & 7;
}

/* The highest of BITS that is at least as high as BIT, or -1. */
static int irqs_pic_above(const struct sample_pic *pic, unsigned int bits, unsigned int bit)
{
	unsigned int i, rank = irqs_pic_rank(pic, bit);
	int best = -1;

	for (i = 0; i < 8; i++) {
		unsigned int mine = irqs_pic_rank(pic, i);

		if (bits >> i & 1 && mine <= rank &&
		    (best < 0 || mine < irqs_pic_rank(pic, (unsigned int)best)))
			best = (int)i;
	}
	return best;
}

/* Mask and in-service of one input of one chip; BASE: the line its input 0 is. */
static void irqs_pic_chip(const struct sample_pic *pic, unsigned int bit, unsigned int base,
			  struct irqs_chain *out)
{
	unsigned int service = pic->isr, name = base + bit;
	int above;

	if (pic->init)
		irqs_say(out, IRQS_STOP, "init", "the 8259 waits for ICW%u", pic->init + 1u);
	if (pic->imr >> bit & 1)
		irqs_say(out, IRQS_STOP, "mask", "irq%u is masked (IMR %02x)", name, pic->imr);
	else
		irqs_say(out, IRQS_PASS, "mask", "irq%u is not masked", name);
	if (pic->special)
		service &= ~(unsigned int)pic->imr;
	if (pic->nested && !base)
		service &= ~(1u << 2);
	above = irqs_pic_above(pic, service, bit);
	if (above >= 0)
		irqs_say(out, IRQS_STOP, "service", "irq%u had no EOI: it and all below wait",
			 base + (unsigned int)above);
	else
		irqs_say(out, IRQS_PASS, "service", "nothing of its priority is in service");
	above = irqs_pic_above(pic, pic->irr & ~(unsigned int)pic->imr & ~(1u << bit), bit);
	if (above >= 0)
		irqs_say(out, IRQS_NOTE, "order", "irq%u goes first", base + (unsigned int)above);
}

/* The 8259s' output reaches a processor with its local APIC off, or through LINT0. */
static void irqs_pic_output(const struct vm_view *view, struct irqs_chain *out)
{
	const struct x86_state *st = &view->vcpu[out->vcpu].state;
	struct irqs_lapic apic;

	if (!(st->apic_base & IRQS_APIC_ENABLE)) {
		irqs_say(out, IRQS_PASS, "lint0", "no local APIC in the way");
		return;
	}
	if (!irqs_lapic(st, &apic))
		return;
	if (apic.lvt[IRQS_LVT_LINT0].masked)
		irqs_say(out, IRQS_STOP, "lint0", "LINT0 of vcpu%u is masked: the 8259s' way in",
			 out->vcpu);
	else if (apic.lvt[IRQS_LVT_LINT0].delivery != IRQS_EXTINT)
		irqs_say(out, IRQS_STOP, "lint0", "LINT0 of vcpu%u is not ExtINT", out->vcpu);
	else
		irqs_say(out, IRQS_PASS, "lint0", "LINT0 lets the 8259s through");
}

static void irqs_chain_line(const struct vm_view *view, unsigned int line, struct irqs_chain *out)
{
	const struct sample_pic *pic = &view->irqchips.pic[line >> 3 & 1];
	const struct sample_pic *master = &view->irqchips.pic[0];
	unsigned int bit = line & 7;

	out->level = pic->level >> bit & 1;
	out->request = pic->irr >> bit & 1;
	out->in_service = pic->isr >> bit & 1;
	out->vector = pic->base + (int)bit;
	out->vcpu = 0;
	snprintf(out->name, sizeof(out->name), "irq%u %s", line, irqs_line_device(line));
	if (out->request)
		irqs_say(out, IRQS_PASS, "line",
			 out->level ? "up, level-triggered" : "its edge was seen (IRR)");
	else
		irqs_say(out, IRQS_NOTE, "line", "asks for nothing%s",
			 pic->line >> bit & 1 ? ": up, but edge-triggered and served before" : "");
	irqs_pic_chip(pic, bit, line & 8, out);
	if (line >= 8)
		irqs_pic_chip(master, 2, 0, out);
	if (out->vector < 32)
		irqs_say(out, IRQS_NOTE, "vector",
			 "%02x is an exception's: the 8259 was not moved (ICW2)",
			 (unsigned int)out->vector);
	irqs_pic_output(view, out);
	irqs_cpu(view, out);
}

/* --- the I/O APIC --- */

static bool irqs_apic_is(const struct x86_state *st, unsigned int vcpu, uint64_t ent)
{
	unsigned int dest = (unsigned int)(ent >> 56);
	struct irqs_lapic apic;

	if (!irqs_lapic(st, &apic))
		return !(ent & IRQS_REDIR_LOGICAL) && dest == vcpu;
	if (!(ent & IRQS_REDIR_LOGICAL))
		return dest == 0xff || dest == apic.id;
	if (apic.x2apic) /* always by clusters, and eight bits only reach the first one */
		return !(apic.ldr >> 16) && dest & apic.ldr;
	if (apic.dfr >> 28 == 0xf) /* flat */
		return dest & apic.ldr >> 24;
	return dest >> 4 == apic.ldr >> 28 && dest & 15 & apic.ldr >> 24;
}

/* The first processor a redirection entry means, or -1. */
static int irqs_pin_target(const struct vm_view *view, uint64_t ent)
{
	unsigned int i;

	for (i = 0; i < view->nr_vcpus; i++) {
		if (irqs_apic_is(&view->vcpu[i].state, i, ent))
			return (int)i;
	}
	return -1;
}

static void irqs_pin_entry(uint64_t ent, struct irqs_chain *out)
{
	static const char *const mode[8] = { "fixed", "lowest priority", "SMI",	  "reserved", "NMI",
					     "INIT",  "reserved",	 "ExtINT" };
	unsigned int delivery = ent >> 8 & 7;

	if (ent & IRQS_REDIR_MASKED)
		irqs_say(out, IRQS_STOP, "mask", "its redirection entry is masked");
	else
		irqs_say(out, IRQS_PASS, "mask", "its redirection entry is open");
	if (ent & IRQS_REDIR_LEVEL && ent & IRQS_REDIR_WAITS)
		irqs_say(out, IRQS_STOP, "eoi", "the I/O APIC waits for the EOI of vector %02x",
			 (unsigned int)ent & 0xff);
	if (delivery != IRQS_FIXED && delivery != IRQS_LOWEST)
		irqs_say(out, IRQS_NOTE, "mode", "delivered as %s, not by its vector",
			 mode[delivery]);
}

static void irqs_chain_pin(const struct vm_view *view, unsigned int pin, struct irqs_chain *out)
{
	uint64_t ent = view->irqchips.redir[pin % SAMPLE_PINS];
	bool up = view->irqchips.pins_up >> pin & 1;
	int target = irqs_pin_target(view, ent);

	out->level = ent & IRQS_REDIR_LEVEL;
	out->vector = ent & 0xff;
	out->request = up && out->level;
	out->in_service = out->level && ent & IRQS_REDIR_WAITS;
	snprintf(out->name, sizeof(out->name), "pin%u %s", pin,
		 irqs_line_device(pin == 2 ? 0 : pin));
	irqs_say(out, out->request ? IRQS_PASS : IRQS_NOTE, "line", "%s%s", up ? "up" : "down",
		 out->level ? ", level-triggered" : ", edge-triggered");
	irqs_pin_entry(ent, out);
	if (target < 0) {
		irqs_say(out, IRQS_STOP, "target", "no processor is %s %02x",
			 ent & IRQS_REDIR_LOGICAL ? "in logical destination" : "APIC",
			 (unsigned int)(ent >> 56));
		return;
	}
	out->vcpu = (unsigned int)target;
	irqs_say(out, IRQS_PASS, "target", "goes to vcpu%u", out->vcpu);
	irqs_apic(view, out);
}

/* --- the local vector table --- */

static void irqs_lvt_timer(const struct x86_state *st, const struct irqs_lapic *apic,
			   struct irqs_chain *out)
{
	unsigned int mode = apic->lvt[IRQS_LVT_TIMER].raw >> 17 & 3;

	if (mode == 2 && !st->msr[X86_MSR_TSC_DEADLINE])
		irqs_say(out, IRQS_NOTE, "count", "no deadline is set");
	else if (mode == 2)
		irqs_say(out, IRQS_PASS, "count", "deadline %llx, the TSC is at %llx",
			 (unsigned long long)st->msr[X86_MSR_TSC_DEADLINE],
			 (unsigned long long)st->msr[X86_MSR_TSC]);
	else if (!apic->timer_init)
		irqs_say(out, IRQS_STOP, "count", "the initial count is 0: it does not run");
	else
		irqs_say(out, IRQS_PASS, "count", "%u of %u%s", apic->timer_now, apic->timer_init,
			 mode == 1 ? ", periodic" : ", one shot");
}

static void irqs_chain_lvt(const struct vm_view *view, unsigned int index, struct irqs_chain *out)
{
	const struct x86_state *st = &view->vcpu[out->vcpu].state;
	const struct irqs_lvt *lvt;
	struct irqs_lapic apic;

	if (!irqs_lapic(st, &apic)) {
		snprintf(out->name, sizeof(out->name), "LAPIC");
		irqs_say(out, IRQS_STOP, "apic", "its registers were not published");
		return;
	}
	lvt = &apic.lvt[index % IRQS_NR_LVT];
	snprintf(out->name, sizeof(out->name), "LAPIC %s", lvt->name);
	out->vector = lvt->vector;
	if (index == IRQS_LVT_TIMER)
		irqs_lvt_timer(st, &apic, out);
	if (lvt->masked)
		irqs_say(out, IRQS_STOP, "mask", "its entry in the local vector table is masked");
	else
		irqs_say(out, IRQS_PASS, "mask", "its entry in the local vector table is open");
	if (index != IRQS_LVT_TIMER && lvt->delivery == IRQS_EXTINT) {
		out->vector = -1;
		irqs_say(out, IRQS_NOTE, "mode", "ExtINT: the 8259s give the vector");
	} else if (index != IRQS_LVT_TIMER && lvt->delivery == IRQS_NMI) {
		out->vector = -1;
		irqs_say(out, IRQS_NOTE, "mode", "NMI: neither IF nor priority hold it%s",
			 st->nmi_masked ? ", but one is being handled" : "");
	} else {
		irqs_apic(view, out);
	}
}

/* --- all of them --- */

void irqs_chain(const struct vm_view *view, unsigned int vcpu, struct irqs_source source,
		struct irqs_chain *out)
{
	memset(out, 0, sizeof(*out));
	out->source = source;
	out->vector = -1;
	out->stop = -1;
	out->vcpu = vcpu;
	if (vcpu >= view->nr_vcpus) {
		irqs_say(out, IRQS_STOP, "cpu", "there is no vcpu%u", vcpu);
		return;
	}
	if (source.kind <= IRQS_PIN && !view->irqchips.valid) {
		irqs_say(out, IRQS_STOP, "line", "the interrupt controllers were not read");
		return;
	}
	switch (source.kind) {
	case IRQS_LINE:
		irqs_chain_line(view, source.nr & 15, out);
		break;
	case IRQS_PIN:
		irqs_chain_pin(view, source.nr % SAMPLE_PINS, out);
		break;
	case IRQS_LVT:
		irqs_chain_lvt(view, source.nr, out);
		break;
	case IRQS_VEC:
		snprintf(out->name, sizeof(out->name), "vector %02x", source.nr & 0xff);
		out->vector = source.nr & 0xff;
		irqs_apic(view, out);
		break;
	}
}

static void irqs_source_add(struct irqs_source out[IRQS_SOURCES], unsigned int *nr,
			    enum irqs_kind kind, unsigned int index)
{
	if (*nr < IRQS_SOURCES)
		out[(*nr)++] = (struct irqs_source){ .kind = kind, .nr = index };
}

/* A line that both controllers mask and that asks is worth a look, too. */
static bool irqs_line_used(const struct vm_view *view, unsigned int line)
{
	const struct sample_pic *pic = &view->irqchips.pic[line >> 3];
	unsigned int bit = line & 7, pin = line == 0 ? 2 : line;

	if (line == 2)
		return false;
	if (pic->isr >> bit & 1)
		return true;
	if (!(pic->imr >> bit & 1))
		return pic->base != 0;
	return pic->irr >> bit & 1 && view->irqchips.redir[pin] & IRQS_REDIR_MASKED;
}

/* Is VECTOR that of an open pin or entry of the local vector table, and so told with it? */
static bool irqs_known(const struct vm_view *view, const struct irqs_lapic *apic,
		       unsigned int vector)
{
	unsigned int i;

	for (i = 0; view->irqchips.valid && i < SAMPLE_PINS; i++) {
		if (!(view->irqchips.redir[i] & IRQS_REDIR_MASKED) &&
		    (view->irqchips.redir[i] & 0xff) == vector)
			return true;
	}
	for (i = 0; i < IRQS_NR_LVT; i++) {
		if (!apic->lvt[i].masked && apic->lvt[i].vector == vector)
			return true;
	}
	return false;
}

static void irqs_sources_apic(const struct vm_view *view, const struct x86_state *st,
			      struct irqs_source out[IRQS_SOURCES], unsigned int *nr)
{
	struct irqs_lapic apic;
	unsigned int i;

	if (!(st->apic_base & IRQS_APIC_ENABLE) || !irqs_lapic(st, &apic))
		return;
	for (i = 0; i < IRQS_NR_LVT; i++) {
		if (!apic.lvt[i].masked &&
		    (i != IRQS_LVT_TIMER || apic.timer_init || apic.lvt[i].raw >> 17 & 3))
			irqs_source_add(out, nr, IRQS_LVT, i);
	}
	for (i = 16; i < 256; i++) {
		if ((irqs_bit(apic.irr, i) || irqs_bit(apic.isr, i)) && !irqs_known(view, &apic, i))
			irqs_source_add(out, nr, IRQS_VEC, i);
	}
}

unsigned int irqs_sources(const struct vm_view *view, unsigned int vcpu,
			  struct irqs_source out[IRQS_SOURCES])
{
	unsigned int i, nr = 0;

	if (view->irqchips.valid) {
		for (i = 0; i < 16; i++) {
			if (irqs_line_used(view, i))
				irqs_source_add(out, &nr, IRQS_LINE, i);
		}
		for (i = 0; i < SAMPLE_PINS; i++) {
			if (!(view->irqchips.redir[i] & IRQS_REDIR_MASKED))
				irqs_source_add(out, &nr, IRQS_PIN, i);
		}
	}
	if (vcpu < view->nr_vcpus)
		irqs_sources_apic(view, &view->vcpu[vcpu].state, out, &nr);
	return nr;
}

static bool irqs_parse_nr(const char *text, uint64_t max, enum irqs_kind kind,
			  struct irqs_source *out)
{
	uint64_t val;

	if (!parse_range(text, 0, max, &val))
		return false;
	*out = (struct irqs_source){ .kind = kind, .nr = (unsigned int)val };
	return true;
}

bool irqs_source_parse(const char *text, struct irqs_source *out)
{
	static const struct {
		const char *name;
		unsigned int index;
	} lvt[] = { { "timer", IRQS_LVT_TIMER },
		    { "thermal", 1 },
		    { "perf", 2 },
		    { "lint0", IRQS_LVT_LINT0 },
		    { "lint1", IRQS_LVT_LINT1 },
		    { "error", IRQS_LVT_ERROR } };
	size_t i;

	if (!strncmp(text, "irq", 3))
		return irqs_parse_nr(text + 3, 15, IRQS_LINE, out);
	if (!strncmp(text, "pin", 3))
		return irqs_parse_nr(text + 3, SAMPLE_PINS - 1, IRQS_PIN, out);
	for (i = 0; i < sizeof(lvt) / sizeof(lvt[0]); i++) {
		if (strcmp(text, lvt[i].name))
			continue;
		*out = (struct irqs_source){ .kind = IRQS_LVT, .nr = lvt[i].index };
		return true;
	}
	return irqs_parse_nr(text, 255, IRQS_VEC, out);
}

const char *irqs_chain_verdict(const struct irqs_chain *chain, char *buf, size_t len)
{
	const char *stop = chain->stop >= 0 ? chain->step[chain->stop].text : NULL;

	if (stop)
		snprintf(buf, len, "%s%s", chain->request ? "" : "no request; ", stop);
	else
		snprintf(buf, len, "%s",
			 chain->in_service ? "in service"
			 : chain->request  ? "it can be taken"
					   : "no request; the way is open");
	return buf;
}

void irqs_chain_text(const struct irqs_chain *chain, struct buf *out)
{
	char verdict[160];
	unsigned int i;

	buf_puts(out, chain->name);
	if (chain->vector >= 0)
		buf_printf(out, "  vector %02x  vcpu%u", (unsigned int)chain->vector, chain->vcpu);
	buf_addc(out, '\n');
	for (i = 0; i < chain->nr; i++)
		buf_printf(out, " %s %-9s %s\n",
			   chain->step[i].mark == IRQS_STOP   ? "STOP"
			   : chain->step[i].mark == IRQS_PASS ? "ok  "
							      : "    ",
			   chain->step[i].what, chain->step[i].text);
	buf_printf(out, "%s\n", irqs_chain_verdict(chain, verdict, sizeof(verdict)));
}

/* --- what is wrong --- */

/* The handler of VECTOR as a name. */
static const char *irqs_handler(const struct vm_view *view, unsigned int vcpu, int vector,
				struct sym_table *tab, char *buf, size_t len)
{
	struct fault_delivery del;

	fault_deliver(view, &view->vcpu[vcpu].state, (unsigned int)vector, false, &del);
	return sym_text(tab, del.handler, buf, len);
}

/* Flags that an interrupt pushes where it interrupted code with interrupts on. */
static bool irqs_is_flags(uint64_t val)
{
	return val & 2 && val & X86_RFLAGS_IF && !(val >> 22) &&
	       !(val & (1u << 15 | 1u << 5 | 1u << 3));
}

/* Is there a frame of an interrupt on the stack, as far up as IRQS_STACK words? */
static bool irqs_in_handler(const struct vm_view *view, unsigned int vcpu)
{
	const struct x86_state *st = &view->vcpu[vcpu].state;
	unsigned int word = st->efer & X86_EFER_LMA ? 8 : st->cr0 & X86_CR0_PE ? 4 : 2;
	uint64_t at = x86_state_linear_rsp(st), val[3] = { 0 };
	unsigned int i;

	for (i = 0; i < IRQS_STACK; i++, at += word) {
		val[0] = val[1];
		val[1] = val[2];
		val[2] = 0;
		if (view_read_va(view, vcpu, at, &val[2], word) != word)
			break;
		if (irqs_is_flags(val[2]) && val[1] && val[1] < 0x10000 &&
		    (word == 2 || (val[1] & ~3ull) == (st->seg[X86_CS].sel & ~3ull) ||
		     (val[1] & 3) == 3))
			return true;
	}
	return false;
}

/*
 * Interrupts are on, no handler is on the stack, and one is in service all the same: its handler
 * has come back without an EOI.
 */
static bool irqs_missing_eoi(const struct vm_view *view, const struct irqs_chain *chain,
			     struct sym_table *tab, char *verdict, size_t verdict_len, char *hint,
			     size_t hint_len)
{
	const struct x86_state *st = &view->vcpu[chain->vcpu].state;
	char handler[96];

	if (!chain->in_service || chain->vector < 0 || !(st->rflags & X86_RFLAGS_IF) ||
	    irqs_in_handler(view, chain->vcpu))
		return false;
	irqs_handler(view, chain->vcpu, chain->vector, tab, handler, sizeof(handler));
	snprintf(verdict, verdict_len,
		 "%s stays in service although its handler %.60s (vector %02x) has come back: "
		 "no EOI was sent, so nothing of its priority or below gets through",
		 chain->name, handler, (unsigned int)chain->vector);
	snprintf(hint, hint_len, "%s",
		 chain->source.kind != IRQS_LINE ? "Write 0 to the local APIC's EOI register (b0)."
		 : chain->source.nr < 8		 ? "Write 20 to port 20 before the handler's IRET."
						 : "Write 20 to ports a0 and 20 before IRET.");
	return true;
}

static bool irqs_storm(const struct vm_view *view, const struct irqs_chain *chain,
		       struct sym_table *tab, char *verdict, size_t verdict_len, char *hint,
		       size_t hint_len)
{
	uint64_t rate = view->vcpu[chain->vcpu].irq_rate;
	char handler[96];

	if (!chain->level || !chain->request || chain->vector < 0 || rate < IRQS_STORM)
		return false;
	irqs_handler(view, chain->vcpu, chain->vector, tab, handler, sizeof(handler));
	snprintf(verdict, verdict_len,
		 "%llu interrupts a second: %s is level-triggered and its line stays up, so "
		 "%.60s (vector %02x) is entered again and again",
		 (unsigned long long)rate, chain->name, handler, (unsigned int)chain->vector);
	snprintf(hint, hint_len,
		 "The handler must make its device lower the line (read its status, serve it) "
		 "before the EOI.");
	return true;
}

bool irqs_diagnose(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		   char *verdict, size_t verdict_len, char *hint, size_t hint_len)
{
	struct irqs_source source[IRQS_SOURCES];
	unsigned int i, nr = irqs_sources(view, vcpu, source);
	struct irqs_chain chain;

	for (i = 0; i < nr; i++) {
		irqs_chain(view, vcpu, source[i], &chain);
		if (irqs_missing_eoi(view, &chain, tab, verdict, verdict_len, hint, hint_len) ||
		    irqs_storm(view, &chain, tab, verdict, verdict_len, hint, hint_len))
			return true;
	}
	return false;
}
