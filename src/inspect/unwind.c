/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backtraces. For each frame the best evidence there is: call frame
 * information, the function's first and last instructions, the chain of frame
 * pointers, and where all that fails, what looks like a return address on the
 * stack. The stack is the guest's: every step must move up it, none may loop.
 */
#include "inspect/unwind.h"

#include <string.h>

#include "inspect/mmu.h"

#define UNWIND_SCAN   256u /* words looked at for a return address */
#define UNWIND_IFRAME 48u  /* words looked at for an interrupt frame */
#define UNWIND_SWITCH 4u   /* changes of stack (IST) followed */

struct unwinder {
	const struct vm_view *view;
	const struct x86_state *st;
	struct sym_table *tab;
	unsigned int vcpu, bits, word;
	uint64_t pc, sp, fp;
	bool innermost;	       /* PC is where execution stood, not a return address */
	unsigned int switches; /* of stacks so far */
};

static uint64_t unwind_linear(const struct unwinder *uw, enum x86_segname seg, uint64_t off)
{
	return uw->bits == 64 ? off : (uint32_t)(uw->st->seg[seg].base + off);
}

static bool unwind_stack(const struct unwinder *uw, uint64_t sp, uint64_t *out)
{
	*out = 0;
	return view_read_va(uw->view, uw->vcpu, unwind_linear(uw, X86_SS, sp), out, uw->word) ==
	       uw->word;
}

static size_t unwind_code(const struct unwinder *uw, uint64_t pc, uint8_t *out, size_t len)
{
	return view_read_va(uw->view, uw->vcpu, unwind_linear(uw, X86_CS, pc), out, len);
}

static bool unwind_is_code(const struct unwinder *uw, uint64_t pc)
{
	struct mmu_walk walk;

	if (!pc)
		return false;
	mmu_walk(uw->view, uw->st, unwind_linear(uw, X86_CS, pc), &walk);
	return walk.present && !(walk.perm & MMU_NX) && view_region(uw->view, walk.gpa);
}

/* Is there a call that ends at PC? E8, FF /2 in its lengths, 9A far. */
static bool unwind_after_call(const struct unwinder *uw, uint64_t pc)
{
	unsigned int near_len = uw->bits == 16 ? 3 : 5, len;
	uint8_t b[7];

	if (pc < sizeof(b) || unwind_code(uw, pc - sizeof(b), b, sizeof(b)) != sizeof(b))
		return false;
	if (b[sizeof(b) - near_len] == 0xe8)
		return true;
	if (uw->bits != 64 && b[sizeof(b) - (uw->bits == 16 ? 5 : 7)] == 0x9a)
		return true;
	for (len = 2; len <= 7; len++) {
		if (b[sizeof(b) - len] == 0xff && (b[sizeof(b) - len + 1] & 0x38) == 0x10)
			return true;
	}
	return false;
}

/* Takes the step if it leads up the stack and into code. */
static bool unwind_accept(struct unwinder *uw, uint64_t pc, uint64_t sp, uint64_t fp)
{
	if (sp <= uw->sp || !unwind_is_code(uw, pc))
		return false;
	uw->pc = pc;
	uw->sp = sp;
	uw->fp = fp;
	return true;
}

static bool unwind_by_cfi(struct unwinder *uw)
{
	int sp_reg = uw->bits == 64 ? 7 : 4, fp_reg = uw->bits == 64 ? 6 : 5;
	uint64_t cfa, ra, fp = uw->fp;
	struct sym_frame frame;

	/* Elsewhere a program of another word size would be misread. */
	if (sym_word(uw->tab) != uw->word)
		return false;
	if (!sym_frame_at(uw->tab, uw->pc - !uw->innermost, &frame))
		return false;
	if (frame.cfa_reg == sp_reg)
		cfa = uw->sp + (uint64_t)frame.cfa_off;
	else if (frame.cfa_reg == fp_reg)
		cfa = uw->fp + (uint64_t)frame.cfa_off;
	else
		return false;
	if (!unwind_stack(uw, cfa + (uint64_t)frame.ra_off, &ra))
		return false;
	if (frame.fp_saved && !unwind_stack(uw, cfa + (uint64_t)frame.fp_off, &fp))
		return false;
	return unwind_accept(uw, ra, cfa, fp);
}

/* Bytes at the function's start that precede `push rbp`: an ENDBR, or none. */
static unsigned int unwind_prologue(const struct unwinder *uw, uint64_t start)
{
	uint8_t b[4];

	if (unwind_code(uw, start, b, sizeof(b)) == sizeof(b) && b[0] == 0xf3 && b[1] == 0x0f &&
	    b[2] == 0x1e && (b[3] & 0xfe) == 0xfa)
		return 4;
	return 0;
}

/*
 * Before the frame is set up and after it is taken down the frame pointer is
 * still, or again, the caller's.
 */
static bool unwind_by_edge(struct unwinder *uw)
{
	uint64_t off = ~0ull, ra, fp = uw->fp, sp = uw->sp;
	unsigned int skip = 0;
	uint8_t op = 0;

	if (!uw->innermost || unwind_code(uw, uw->pc, &op, 1) != 1)
		return false;
	if (sym_find(uw->tab, uw->pc, &off))
		skip = unwind_prologue(uw, uw->pc - off);
	if (off == skip + 1) {
		/* after push rbp */
		if (!unwind_stack(uw, sp, &fp))
			return false;
		sp += uw->word;
	} else if (off > skip && op != 0xc3 && op != 0xc2) {
		return false;
	}
	return unwind_stack(uw, sp, &ra) && unwind_after_call(uw, ra) &&
	       unwind_accept(uw, ra, sp + uw->word, fp);
}

static bool unwind_by_fp(struct unwinder *uw)
{
	uint64_t ra, fp;

	if (uw->fp < uw->sp || uw->fp % 2)
		return false;
	if (!unwind_stack(uw, uw->fp, &fp) || !unwind_stack(uw, uw->fp + uw->word, &ra))
		return false;
	return unwind_accept(uw, ra, uw->fp + 2ull * uw->word, fp);
}

static bool unwind_by_guess(struct unwinder *uw)
{
	uint64_t sp = uw->sp, ra;
	unsigned int i;

	for (i = 0; i < UNWIND_SCAN; i++, sp += uw->word) {
		if (!unwind_stack(uw, sp, &ra))
			return false;
		if (unwind_after_call(uw, ra) && unwind_accept(uw, ra, sp + uw->word, uw->fp))
			return true;
	}
	return false;
}

/*
 * What an interrupt leaves in 64-bit mode: rip, cs, rflags, rsp, ss. Between a
 * handler's stub and the frame it saved there is no return address to follow.
 */
static bool unwind_interrupt_at(const struct unwinder *uw, uint64_t sp, uint64_t *frame)
{
	uint16_t cs = uw->st->seg[X86_CS].sel;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		if (!unwind_stack(uw, sp + i * 8ull, &frame[i]))
			return false;
	}
	return frame[1] == cs && !(frame[2] & ~0x3f7fd7ull) && frame[2] & 2 && !(frame[3] & 7) &&
	       !(frame[4] & ~0xfff8ull) && unwind_is_code(uw, frame[0]);
}

/* Does an interrupt frame lie between UW's stack pointer and END? Then leave through it. */
static bool unwind_by_interrupt(struct unwinder *uw, uint64_t end)
{
	uint64_t frame[5], sp = uw->sp;
	unsigned int i;

	if (uw->bits != 64)
		return false;
	for (i = 0; i < UNWIND_IFRAME && sp < end; i++, sp += 8) {
		if (!unwind_interrupt_at(uw, sp, frame))
			continue;
		if (frame[3] <= sp && ++uw->switches > UNWIND_SWITCH)
			return false;
		uw->pc = frame[0];
		uw->sp = frame[3];
		uw->innermost = true;
		return true;
	}
	return false;
}

/* To the caller; false where there is none to be found. */
static bool unwind_caller(struct unwinder *uw, enum unwind_how *how)
{
	if (unwind_by_cfi(uw)) {
		*how = UNWIND_CFI;
		return true;
	}
	if (unwind_by_edge(uw) || unwind_by_fp(uw)) {
		*how = UNWIND_FP;
		return true;
	}
	/* A zero frame pointer is how start code marks the outermost frame. */
	if (!uw->fp && !uw->innermost)
		return false;
	*how = UNWIND_GUESS;
	return unwind_by_guess(uw);
}

/* One frame outwards; false at the end of the stack. */
static bool unwind_step(struct unwinder *uw, enum unwind_how *how)
{
	struct unwinder intr = *uw;
	bool more = unwind_caller(uw, how);

	if (more && *how == UNWIND_CFI) {
		uw->innermost = false;
		return true;
	}
	if (unwind_by_interrupt(&intr, more ? uw->sp : ~0ull)) {
		*uw = intr;
		*how = UNWIND_GUESS;
		return true;
	}
	uw->innermost = false;
	return more;
}

static void unwind_init(struct unwinder *uw, const struct vm_view *view, unsigned int vcpu,
			struct sym_table *tab)
{
	const struct x86_state *st = &view->vcpu[vcpu].state;
	uint64_t mask;

	memset(uw, 0, sizeof(*uw));
	uw->view = view;
	uw->st = st;
	uw->tab = tab;
	uw->vcpu = vcpu;
	uw->bits = x86_mode_bits(x86_state_mode(st));
	uw->word = uw->bits / 8;
	mask = uw->bits == 64 ? ~0ull : uw->bits == 32 ? 0xffffffffu : 0xffffu;
	uw->pc = st->rip & mask;
	uw->sp = st->gpr[X86_RSP] & mask;
	uw->fp = st->gpr[X86_RBP] & mask;
	uw->innermost = true;
}

size_t unwind_vcpu(const struct vm_view *view, unsigned int vcpu, struct sym_table *tab,
		   struct unwind_frame *out, size_t max)
{
	enum unwind_how how = UNWIND_RIP;
	struct unwinder uw;
	size_t nr = 0;

	if (vcpu >= view->nr_vcpus || !max)
		return 0;
	unwind_init(&uw, view, vcpu, tab);
	out[nr++] = (struct unwind_frame){ uw.pc, uw.sp, uw.fp, how };
	while (nr < max && unwind_step(&uw, &how))
		out[nr++] = (struct unwind_frame){ uw.pc, uw.sp, uw.fp, how };
	return nr;
}

const char *unwind_how_name(enum unwind_how how)
{
	static const char *const name[] = {
		[UNWIND_RIP] = "rip",
		[UNWIND_FP] = "fp",
		[UNWIND_CFI] = "cfi",
		[UNWIND_GUESS] = "guess",
	};

	return (unsigned int)how < sizeof(name) / sizeof(name[0]) ? name[how] : "unknown";
}
