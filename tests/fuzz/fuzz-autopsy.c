/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crashed guest made of arbitrary bytes: first its registers (state and
 * shadow), then RAM from address 0 on. Everything that looks closely at a vCPU:
 * autopsy, tables, backtrace, disassembly, local APIC, register dump.
 */
#include <string.h>

#include "inspect/autopsy.h"
#include "inspect/disasm.h"
#include "inspect/irqs.h"
#include "inspect/tables.h"
#include "inspect/unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Enough registers for everything but floating point, from arbitrary bytes. */
static size_t fuzz_state(struct x86_state *st, const uint8_t *data, size_t size)
{
	size_t len = offsetof(struct x86_state, dr);

	if (size < len)
		return 0;
	memset(st, 0, sizeof(*st));
	memcpy(st, data, len);
	st->maxphyaddr = 40;
	st->has_lapic_regs = 1;
	memcpy(st->lapic, data, len < sizeof(st->lapic) ? len : sizeof(st->lapic));
	return len;
}

static void fuzz_look(struct vm_view *view)
{
	struct disasm_insn insn[32];
	struct unwind_frame frame[64];
	struct buf out = BUF_INIT;
	struct autopsy aut;
	uint64_t rip = view->vcpu[0].state.rip;

	autopsy_run(view, 0, NULL, &aut);
	autopsy_text(&aut, view, NULL, &out);
	tables_text(view, 0, NULL, &out);
	unwind_vcpu(view, 0, NULL, frame, 64);
	disasm_at(view, 0, disasm_back(view, 0, rip, NULL, 8), NULL, insn, 32);
	irqs_why_not(view, 0, 0x30, &out);
	irqs_text(&view->vcpu[0].state, &out);
	regs_dump(&view->vcpu[0].state, &out);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_view view; /* large, and nothing of it stays */
	struct view_vcpu vcpu;
	size_t len;

	memset(&vcpu, 0, sizeof(vcpu));
	len = fuzz_state(&vcpu.state, data, size);
	if (!len)
		return 0;
	vcpu.shadow = vcpu.state;
	view.vcpu = &vcpu;
	view.nr_vcpus = 1;
	view.ram = data + len;
	view.ram_len = size - len;
	view.nr_regions = 1;
	view.region[0] = (struct sample_region){ .len = size - len };
	view.state = VM_STATE_CRASHED;
	fuzz_look(&view);
	view.state = VM_STATE_PAUSED;
	fuzz_look(&view);
	return 0;
}
