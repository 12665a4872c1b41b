/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a crashed guest, told from its memory and last registers: which
 * exception the last instruction raised, why no handler could take it, what to
 * do about it. KVM reports only that it is over; steps that were re-derived
 * are marked so.
 */
#include "inspect/autopsy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect/autopsy-trace.h"
#include "inspect/disasm.h"
#include "inspect/exits.h"
#include "inspect/fault.h"
#include "inspect/irqs-chain.h"
#include "inspect/tables.h"
#include "inspect/unwind.h"

#define AUTOPSY_FLIGHTS 8u
#define AUTOPSY_FRAMES	128u
#define AUTOPSY_WIDTH	79u
#define AUTOPSY_NEAR	0x2000ull /* how far from rsp a stack overflow strikes */

struct autopsy_run {
	const struct vm_view *view;
	struct sym_table *tab;
	struct autopsy *out;
	struct x86_state st;  /* the state that is examined */
	bool traced;	      /* ... was derived from the last exit */
	struct fault first;   /* what began it */
	struct fault blocker; /* why it could not be handled */
	bool first_observed;
};

__attribute__((format(printf, 3, 4))) static void autopsy_step(struct autopsy_run *run,
							       bool observed, const char *fmt, ...)
{
	struct autopsy_step *step;
	va_list args;

	if (run->out->nr_steps == AUTOPSY_STEPS)
		return;
	step = &run->out->step[run->out->nr_steps++];
	step->observed = observed;
	va_start(args, fmt);
	vsnprintf(step->title, sizeof(step->title), fmt, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void autopsy_detail(struct autopsy_run *run,
								 const char *fmt, ...)
{
	struct autopsy_step *step = &run->out->step[run->out->nr_steps - 1];
	va_list args;

	va_start(args, fmt);
	vsnprintf(step->detail, sizeof(step->detail), fmt, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static void autopsy_say(char *to, size_t len, const char *fmt,
							      ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(to, len, fmt, args);
	va_end(args);
}

#define AUTOPSY_SAY(array, ...) autopsy_say(array, sizeof(array), __VA_ARGS__)

static const char *autopsy_vector(unsigned int vector, char *buf, size_t len)
{
	const char *name = disasm_vector_name(vector);

	if (name)
		snprintf(buf, len, "%s", name);
	else
		snprintf(buf, len, "interrupt %u", vector);
	return buf;
}

/* "fault_here+0x4 (ffffffff80101234)", or the bare address. */
static const char *autopsy_place(const struct autopsy_run *run, uint64_t addr, char *buf,
				 size_t len)
{
	char sym[80];

	if (*sym_text(run->tab, addr, sym, sizeof(sym)))
		snprintf(buf, len, "%s (%llx)", sym, (unsigned long long)addr);
	else
		snprintf(buf, len, "%llx", (unsigned long long)addr);
	return buf;
}

/* "write to ffffffffdead0000 (not present)": the fault in few words. */
static void autopsy_brief(const struct fault *fault, char *buf, size_t len)
{
	static const char *const verb[] = { "read from", "write to", "fetch from" };
	static const char *const why[] = {
		[FAULT_CAUSE_ABSENT] = "not present",
		[FAULT_CAUSE_RESERVED] = "reserved bit in its paging entry",
		[FAULT_CAUSE_NX] = "page is no-execute",
		[FAULT_CAUSE_RIGHTS] = "no right to",
		[FAULT_CAUSE_CANONICAL] = "not canonical",
	};

	if (fault->is_memory && fault->cause >= FAULT_CAUSE_ABSENT &&
	    fault->cause <= FAULT_CAUSE_CANONICAL)
		snprintf(buf, len, "%s %llx (%s)", verb[fault->access],
			 (unsigned long long)fault->addr, why[fault->cause]);
	else
		snprintf(buf, len, "%.110s", fault->what);
}

/* "#PF: write to ...", or what an INT instruction did, which is no exception in itself. */
static void autopsy_name(const struct fault *fault, char *buf, size_t len)
{
	char vec[24], brief[120];

	autopsy_brief(fault, brief, sizeof(brief));
	if (fault->cause == FAULT_CAUSE_SOFTWARE)
		snprintf(buf, len, "%s", brief);
	else
		snprintf(buf, len, "%s: %s", autopsy_vector(fault->vector, vec, sizeof(vec)),
			 brief);
}

/* After AMD-V lost a vCPU's state it stands at the reset vector. */
static bool autopsy_is_reset(const struct x86_state *st)
{
	return st->rip == 0xfff0 && st->seg[X86_CS].base == 0xffff0000 && !(st->cr0 & X86_CR0_PE);
}

static bool autopsy_is_crash(const struct autopsy_run *run)
{
	return run->view->state == VM_STATE_CRASHED && run->out->vcpu == run->view->stop_vcpu;
}

/* The last exit of the vCPU, or NULL. */
static const struct sample_flight *autopsy_last_flight(const struct vm_view *view,
						       unsigned int vcpu)
{
	unsigned int i;

	for (i = view->nr_flights; i-- > 0;) {
		if (view->flight[i].vcpu == vcpu && view->flight[i].kind != EXIT_SHUTDOWN &&
		    view->flight[i].rip)
			return &view->flight[i];
	}
	return NULL;
}

/* A push or an access near rsp that hits an absent page right below present ones. */
static bool autopsy_is_overflow(const struct autopsy_run *run)
{
	const struct fault *fault = &run->first;
	uint64_t rsp = x86_state_linear_rsp(&run->st), gpa;

	return fault->vector == FAULT_PF && fault->cause == FAULT_CAUSE_ABSENT &&
	       fault->access != MMU_ACCESS_FETCH &&
	       fault->addr - rsp + AUTOPSY_NEAR < 2 * AUTOPSY_NEAR &&
	       mmu_translate(run->view, &run->st, (fault->addr | 0xfff) + 1, &gpa);
}

/* An error code left on the stack: one word further up there is a sound frame. */
static bool autopsy_is_error_code(const struct autopsy_run *run)
{
	uint64_t rsp = x86_state_linear_rsp(&run->st), word[2];
	struct mmu_explain ex;

	if (view_read_va_as(run->view, &run->st, rsp + 8, word, sizeof(word)) != sizeof(word) ||
	    word[1] != run->st.seg[X86_CS].sel)
		return false;
	mmu_explain(run->view, &run->st, word[0], MMU_ACCESS_FETCH, 0, &ex);
	return !ex.faults;
}

/*
 * What began it: the instruction's own fault; else the exception KVM was about
 * to inject; else what CR2 points at.
 */
static bool autopsy_first(struct autopsy_run *run)
{
	struct mmu_explain ex;

	if (run->traced)
		return true;
	fault_at(run->view, &run->st, &run->first);
	if (run->first.found) {
		run->first_observed = !run->out->state_lost;
		return true;
	}
	if (run->st.exc_injected) {
		run->first = (struct fault){ .found = true,
					     .vector = run->st.exc_nr,
					     .error = run->st.exc_error };
		AUTOPSY_SAY(run->first.what, "exception %u was being delivered", run->st.exc_nr);
		run->first_observed = true;
		return true;
	}
	if (!run->st.cr2 || run->out->state_lost)
		return false;
	mmu_explain(run->view, &run->st, run->st.cr2, MMU_ACCESS_READ, 0, &ex);
	if (!ex.faults || ex.is_gp)
		return false;
	run->first = (struct fault){ .found = true,
				     .vector = FAULT_PF,
				     .error = ex.error_code,
				     .addr = run->st.cr2,
				     .is_memory = true,
				     .cause = ex.error_code & 8 ? FAULT_CAUSE_RESERVED
								: FAULT_CAUSE_ABSENT };
	AUTOPSY_SAY(run->first.what, "CR2 holds %llx: %s", (unsigned long long)run->st.cr2,
		    ex.reason);
	return true;
}

static void autopsy_first_step(struct autopsy_run *run)
{
	char brief[160], place[120];

	autopsy_name(&run->first, brief, sizeof(brief));
	autopsy_step(run, run->first_observed, "%s", brief);
	autopsy_detail(run, "%s; by %s", run->first.what,
		       autopsy_place(run, run->out->rip, place, sizeof(place)));
}

/*
 * The chain of deliveries, SDM 3A 6.15: a second fault while one is delivered
 * makes a double fault, a third the end.
 */
static void autopsy_chain(struct autopsy_run *run)
{
	unsigned int vector = run->first.vector, i;
	bool software = run->first.cause == FAULT_CAUSE_SOFTWARE;
	struct fault_delivery del;
	char vec[24], place[120];

	for (i = 0; i < AUTOPSY_STEPS - 2; i++) {
		fault_deliver(run->view, &run->st, vector, software, &del);
		autopsy_step(run, false, "deliver %s: IDT[%u] %s",
			     autopsy_vector(vector, vec, sizeof(vec)), vector, del.gate);
		if (!del.next.found) {
			autopsy_detail(run, "would reach %s",
				       autopsy_place(run, del.handler, place, sizeof(place)));
			return;
		}
		autopsy_detail(run, "%s", del.next.what);
		if (!run->blocker.found)
			run->blocker = del.next;
		if (vector == FAULT_DF)
			break;
		software = false;
		if (del.ok && del.next.vector == vector)
			return; /* the handler's own first instruction, again and again */
		if (!del.ok && fault_is_double(vector, del.next.vector))
			vector = FAULT_DF;
		else
			vector = del.next.vector;
	}
	if (autopsy_is_crash(run))
		autopsy_step(run, true, "shutdown (triple fault)");
}

static void autopsy_hint_first(struct autopsy_run *run)
{
	char *hint = run->out->hint;
	size_t len = sizeof(run->out->hint);

	switch (run->first.cause) {
	case FAULT_CAUSE_RESERVED:
		autopsy_say(
			hint, len,
			run->st.efer & X86_EFER_NXE
				? "Check the entry: address aligned to the page's size, no bits "
				  "above the physical address width."
				: "Check the entry: alignment, address width; bit 63 (NX) needs "
				  "EFER.NXE, which is clear.");
		break;
	case FAULT_CAUSE_NX:
		autopsy_say(hint, len,
			    "Map that page executable, or find out who jumps into data.");
		break;
	case FAULT_CAUSE_IRET:
		autopsy_say(
			hint, len, "%s",
			autopsy_is_error_code(run)
				? "An error code is still on the stack: add 8 to rsp before IRET."
				: "Look at the frame at rsp: rip, cs, rflags, rsp, ss in that "
				  "order.");
		break;
	case FAULT_CAUSE_FPU:
		autopsy_say(hint, len,
			    "Enable it (CR0.EM 0, CR0.TS 0, CR4.OSFXSR 1) or build the "
			    "kernel with -mgeneral-regs-only.");
		break;
	default:
		break;
	}
}

static void autopsy_hint_blocker(struct autopsy_run *run)
{
	char *hint = run->out->hint;
	size_t len = sizeof(run->out->hint);

	switch (run->blocker.cause) {
	case FAULT_CAUSE_NO_IDT:
		autopsy_say(hint, len,
			    "Load an IDT (base %llx limit %x now) before anything can fault.",
			    (unsigned long long)run->st.idt.base, run->st.idt.limit);
		break;
	case FAULT_CAUSE_GATE:
		autopsy_say(hint, len, "Fill IDT[%u], and IDT[8] with a stack of its own (IST).",
			    run->first.vector);
		break;
	case FAULT_CAUSE_SELECTOR:
		autopsy_say(hint, len,
			    "The gates must name a code segment of the GDT (limit %x); "
			    "CS is %04x now.",
			    run->st.gdt.limit, run->st.seg[X86_CS].sel);
		break;
	case FAULT_CAUSE_HANDLER:
		autopsy_say(hint, len, "Map the handlers executable, in every address space.");
		break;
	default:
		break;
	}
}

/* The function that appears most often on the stack, and how often; NULL without symbols. */
static const char *autopsy_recursion(const struct autopsy_run *run, unsigned int *times)
{
	struct unwind_frame frame[AUTOPSY_FRAMES];
	const char *name, *best = NULL;
	unsigned int i, nr, count = 0;

	*times = 0;
	if (run->traced) /* the view's registers are not those of the end */
		return NULL;
	nr = (unsigned int)unwind_vcpu(run->view, run->out->vcpu, run->tab, frame, AUTOPSY_FRAMES);
	/* A majority vote: what recurses fills nearly all frames, or half of them in turns. */
	for (i = 0; i < nr; i++) {
		name = sym_find(run->tab, frame[i].pc, NULL);
		if (!count)
			best = name;
		count += name == best ? 1 : -1;
	}
	for (i = 0; i < nr && best; i++)
		*times += sym_find(run->tab, frame[i].pc, NULL) == best;
	return *times > 4 ? best : NULL;
}

static void autopsy_overflow(struct autopsy_run *run)
{
	struct tables_tss tss;
	struct tables_gate df;
	char place[120], page[80], recursion[80] = "";
	unsigned int times;
	const char *who;

	tables_gate(run->view, &run->st, FAULT_DF, &df);
	tables_tss(run->view, &run->st, &tss);
	autopsy_place(run, run->out->rip, place, sizeof(place));
	sym_text(run->tab, run->first.addr & ~0xfffull, page, sizeof(page));
	AUTOPSY_SAY(run->out->verdict, "kernel stack overflow: %s at %llx%s%s by %s; %s",
		    run->first.access == MMU_ACCESS_WRITE ? "write" : "read",
		    (unsigned long long)run->first.addr, page[0] ? " in " : "", page, place,
		    df.wrong[0] ? df.wrong : "#DF has no stack of its own");
	who = autopsy_recursion(run, &times);
	if (who)
		AUTOPSY_SAY(recursion, "%s recurses (%u%s frames). ", who, times,
			    times >= AUTOPSY_FRAMES / 2 ? " and more" : "");
	AUTOPSY_SAY(run->out->hint, "%sGive #DF a stack: %sIDT[8].ist = 1 (now %u).", recursion,
		    tss.ist[1] ? "" : "TSS.IST1 (now 0) and ", df.ist);
}

static void autopsy_verdict(struct autopsy_run *run)
{
	char brief[160], place[120], blocker[80];

	autopsy_name(&run->first, brief, sizeof(brief));
	autopsy_place(run, run->out->rip, place, sizeof(place));
	if (run->blocker.cause == FAULT_CAUSE_STACK && autopsy_is_overflow(run)) {
		autopsy_overflow(run);
		return;
	}
	AUTOPSY_SAY(blocker, "%s",
		    run->blocker.found	    ? run->blocker.what
		    : autopsy_is_crash(run) ? "its handler could run: it failed later"
					    : "its handler can run");
	AUTOPSY_SAY(run->out->verdict, "%s by %s; %s", brief, place, blocker);
	autopsy_hint_first(run);
	if (!run->out->hint[0])
		autopsy_hint_blocker(run);
}

/* Nothing faults at rip: then what the tables would have done with any exception. */
static void autopsy_unknown(struct autopsy_run *run)
{
	const struct sample_flight *fl = autopsy_last_flight(run->view, run->out->vcpu);
	struct fault_delivery del;
	char place[120], last[140] = "";

	fault_deliver(run->view, &run->st, FAULT_PF, false, &del);
	run->blocker = del.next;
	if (run->out->state_lost && fl)
		AUTOPSY_SAY(last, "after the exit at %s",
			    autopsy_place(run, fl->rip, place, sizeof(place)));
	else
		AUTOPSY_SAY(last, "at %s", autopsy_place(run, run->out->rip, place, sizeof(place)));
	AUTOPSY_SAY(run->out->verdict, "triple fault %s; %s%.80s", last,
		    del.next.found ? "no exception could be delivered: " : "cause not found",
		    del.next.what);
	autopsy_hint_blocker(run);
}

static void autopsy_last_exit_step(struct autopsy_run *run)
{
	const struct sample_flight *fl = autopsy_last_flight(run->view, run->out->vcpu);
	struct buf text = BUF_INIT;

	if (!fl)
		return;
	exits_flight_text(run->view, fl, run->tab, &text);
	autopsy_step(run, true, "last exit  %s", buf_str(&text));
	autopsy_detail(run, "AMD-V resets the CPU on a triple fault: what follows comes from %s",
		       run->out->reran ? "a second run from the last exit"
				       : "the state at the last exit and memory");
	buf_free(&text);
}

static void autopsy_crashed(struct autopsy_run *run)
{
	if (run->out->state_lost)
		autopsy_last_exit_step(run);
	if (!autopsy_first(run)) {
		autopsy_unknown(run);
		if (autopsy_is_crash(run))
			autopsy_step(run, true, "shutdown (triple fault)");
		return;
	}
	autopsy_first_step(run);
	autopsy_chain(run);
	autopsy_verdict(run);
}

/* Chooses the state: the vCPU's own, or where AMD-V lost that, the best that can be derived. */
static void autopsy_choose_state(struct autopsy_run *run, const struct view_vcpu *vcpu)
{
	struct x86_state *at = &run->st;

	*at = vcpu->state;
	if (!autopsy_is_crash(run) || !(vcpu->lost || autopsy_is_reset(at)))
		return;
	run->out->state_lost = true;
	*at = vcpu->shadow;
	run->out->reran = vcpu->shadow_exact;
	if (vcpu->shadow_exact)
		return;
	run->traced = autopsy_trace(run->view, &vcpu->shadow, run->tab, at, &run->first);
	if (!run->traced) {
		*at = vcpu->shadow;
		memset(&run->first, 0, sizeof(run->first));
	}
}

/* KVM itself gave up: the instruction is the finding. */
static void autopsy_internal(struct autopsy_run *run)
{
	struct disasm_insn insn;
	char place[120];

	autopsy_place(run, run->out->rip, place, sizeof(place));
	if (!disasm_at(run->view, run->out->vcpu, run->st.rip, run->tab, &insn, 1))
		snprintf(insn.text, sizeof(insn.text), "unreadable");
	AUTOPSY_SAY(run->out->verdict, "%.90s: %s: %s", run->view->stop_text, place, insn.text);
	autopsy_step(run, true, "%.80s", run->view->stop_text);
	autopsy_detail(run, "%s: %s", place, insn.text);
	AUTOPSY_SAY(run->out->hint,
		    "Not the guest's fault as such: this host's KVM cannot run it.");
}

/* A guest that lives: where it is, and what speaks against its going on. */
static void autopsy_alive(struct autopsy_run *run)
{
	char place[120];

	autopsy_place(run, run->out->rip, place, sizeof(place));
	if (run->st.mp_state == X86_MP_UNINITIALIZED || run->st.mp_state == X86_MP_INIT) {
		run->out->alive = true;
		AUTOPSY_SAY(run->out->verdict, "no crash: vcpu%u waits to be started (SIPI)",
			    run->out->vcpu);
		return;
	}
	if (run->st.mp_state == X86_MP_HALTED && !(run->st.rflags & X86_RFLAGS_IF)) {
		AUTOPSY_SAY(run->out->verdict, "halted for ever: HLT with interrupts off before %s",
			    place);
		AUTOPSY_SAY(run->out->hint, "Only an NMI or a reset can wake it: STI before HLT.");
		return;
	}
	if (run->view->state != VM_STATE_RUNNING) {
		fault_at(run->view, &run->st, &run->first);
		run->first_observed = true;
	}
	if (run->first.found && run->first.cause != FAULT_CAUSE_SOFTWARE) {
		autopsy_first_step(run);
		autopsy_chain(run);
		autopsy_verdict(run);
		return;
	}
	if (irqs_diagnose(run->view, run->out->vcpu, run->tab, run->out->verdict,
			  sizeof(run->out->verdict), run->out->hint, sizeof(run->out->hint)))
		return;
	run->out->alive = true;
	AUTOPSY_SAY(run->out->verdict, "no crash: the guest is %s at %s",
		    vm_state_name(run->view->state), place);
}

void autopsy_run(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		 struct autopsy *out)
{
	struct autopsy_run run = { .view = view, .tab = tab, .out = out };

	memset(out, 0, sizeof(*out));
	out->vcpu = vcpu;
	if (vcpu >= view->nr_vcpus) {
		AUTOPSY_SAY(out->verdict, "there is no vcpu%u", vcpu);
		return;
	}
	autopsy_choose_state(&run, &view->vcpu[vcpu]);
	out->rip = x86_state_linear_rip(&run.st);
	if (autopsy_is_crash(&run))
		autopsy_crashed(&run);
	else if (view->state == VM_STATE_INTERNAL && vcpu == view->stop_vcpu)
		autopsy_internal(&run);
	else
		autopsy_alive(&run);
}

/* LABEL, then TEXT broken at blanks into lines of AUTOPSY_WIDTH, indented by INDENT. */
static void autopsy_wrap(struct buf *out, const char *label, unsigned int indent, const char *text)
{
	size_t col, word;

	buf_puts(out, label);
	for (col = strlen(label); *text; text += word) {
		word = strcspn(text, " ");
		if (col > indent && col + word > AUTOPSY_WIDTH) {
			buf_printf(out, "\n%*s", (int)indent, "");
			col = indent;
		}
		buf_add(out, text, word);
		col += word;
		for (; text[word] == ' '; word++) {
			buf_addc(out, ' ');
			col++;
		}
	}
	buf_addc(out, '\n');
}

static const char *autopsy_basis(const struct autopsy *aut)
{
	if (aut->reran)
		return "AMD-V lost the registers; those shown are of a second run from the last "
		       "exit. Steps marked ~ are derived.";
	if (aut->state_lost)
		return "AMD-V lost the registers; steps marked ~ are derived from those of the "
		       "last exit and from memory.";
	return "registers and exit observed; steps marked ~ derived from tables in memory.";
}

void autopsy_text(const struct autopsy *aut, const struct vm_view *view, struct sym_table *tab,
		  struct buf *out)
{
	const char *file;
	char label[16];
	unsigned int i;
	int line;

	buf_printf(out, "%s  vcpu%u  %s\n", view->name, aut->vcpu,
		   view->stop_text[0] ? view->stop_text : vm_state_name(view->state));
	for (i = 0; i < aut->nr_steps; i++) {
		snprintf(label, sizeof(label), "%2u %c ", i + 1, aut->step[i].observed ? ' ' : '~');
		autopsy_wrap(out, label, 5, aut->step[i].title);
		if (aut->step[i].detail[0])
			autopsy_wrap(out, "     ", 5, aut->step[i].detail);
	}
	autopsy_wrap(out, "verdict  ", 9, aut->verdict);
	if (sym_line(tab, aut->rip, &file, &line))
		buf_printf(out, "source   %s:%d\n", file, line);
	if (aut->hint[0])
		autopsy_wrap(out, "hint     ", 9, aut->hint);
	if (aut->nr_steps)
		autopsy_wrap(out, "basis    ", 9, autopsy_basis(aut));
	buf_puts(out, "last exits\n");
	exits_flights_text(view, (int)aut->vcpu, AUTOPSY_FLIGHTS, tab, out);
}
