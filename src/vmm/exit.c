/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why KVM_RUN returned, and what is done about it: one table, one handler a reason. */
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "base/log.h"
#include "vmm/vm-priv.h"

#define EXIT_MAX_REASON 40

/* What a handler tells the flight recorder. */
struct exit_note {
	enum exit_kind kind;
	uint64_t addr;
	uint32_t data;
	uint8_t size;
	uint64_t start, end; /* TSC; end 0: now */
};

struct exit_entry {
	void (*handle)(struct vcpu *vcpu, struct exit_note *note);
};

static bool exit_stop_as(struct vcpu *vcpu, enum stop_why why, bool aside, const char *text)
{
	struct stop stop = { .why = why, .vcpu = vcpu->index, .aside = aside };

	snprintf(stop.text, sizeof(stop.text), "%s", text);
	return stop_request(vcpu->vm, &stop);
}

static bool exit_stop(struct vcpu *vcpu, enum stop_why why, const char *text)
{
	return exit_stop_as(vcpu, why, false, text);
}

static void exit_ask_debugger(struct vcpu *vcpu, const struct vm_access *acc)
{
	char text[SAMPLE_TEXT_MAX] = "access";
	struct vm *vm = vcpu->vm;

	if (vm->debug_ops && vm->debug_ops->accessed &&
	    vm->debug_ops->accessed(vm->debug_ctx, acc, text, sizeof(text)))
		exit_stop(vcpu, STOP_DEBUG, text);
}

VM_HOT void exit_tell_access(struct vcpu *vcpu, enum vm_access_kind kind, uint64_t addr,
			     uint32_t size, bool write, uint64_t data)
{
	/* Every access comes by here, and hardly ever does anybody catch one. */
	if (!(atomic_load_explicit(&vcpu->vm->catching, memory_order_relaxed) & 1u << kind))
		return;
	exit_ask_debugger(vcpu, &(struct vm_access){ .kind = kind,
						     .vcpu = vcpu->index,
						     .addr = addr,
						     .data = data,
						     .size = size,
						     .write = write });
}

/* SIZE is 1, 2 or 4: ports are no wider. */
static uint64_t exit_port_value(const void *data, uint32_t size)
{
	if (size == 1)
		return *(const uint8_t *)data;
	return size == 2 ? *(const uint16_t *)data : *(const uint32_t *)data;
}

static void exit_port_give(void *data, uint32_t size, uint64_t val)
{
	if (size == 1)
		*(uint8_t *)data = (uint8_t)val;
	else if (size == 2)
		*(uint16_t *)data = (uint16_t)val;
	else
		*(uint32_t *)data = (uint32_t)val;
}

static VM_HOT void exit_io(struct vcpu *vcpu, struct exit_note *note)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	struct bus_access acc = { .addr = run->io.port,
				  .size = run->io.size,
				  .write = run->io.direction == KVM_EXIT_IO_OUT,
				  .near = vcpu->near,
				  .start_tsc = note->start };
	uint32_t i;

	note->kind = acc.write ? EXIT_IO_OUT : EXIT_IO_IN;
	note->addr = acc.addr;
	note->size = (uint8_t)acc.size;
	for (i = 0; i < run->io.count; i++) {
		acc.data = acc.write ? exit_port_value(data, acc.size) : 0;
		bus_dispatch(vcpu->vm->bus, BUS_PIO, &acc);
		if (!acc.write)
			exit_port_give(data, acc.size, acc.data);
		data += acc.size;
		note->data = (uint32_t)acc.data;
		exit_tell_access(vcpu, VM_ACCESS_PORT, acc.addr, acc.size, acc.write, acc.data);
	}
	vcpu->near = acc.near;
	note->end = acc.end_tsc;
}

static void exit_mmio(struct vcpu *vcpu, struct exit_note *note)
{
	struct kvm_run *run = vcpu->run;
	struct bus_access acc = { .addr = run->mmio.phys_addr,
				  .size = run->mmio.len,
				  .write = run->mmio.is_write };

	note->kind = acc.write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ;
	note->addr = acc.addr;
	note->size = (uint8_t)acc.size;
	if (acc.size > sizeof(acc.data))
		return;
	if (acc.write)
		memcpy(&acc.data, run->mmio.data, acc.size);
	bus_dispatch(vcpu->vm->bus, BUS_MMIO, &acc);
	if (!acc.write)
		memcpy(run->mmio.data, &acc.data, acc.size);
	note->data = (uint32_t)acc.data;
	exit_tell_access(vcpu, VM_ACCESS_MMIO, acc.addr, acc.size, acc.write, acc.data);
}

void exit_debug_verdict(struct vcpu *vcpu, const struct vm_debug_exit *ex)
{
	enum vm_debug_verdict verdict = VM_DEBUG_INJECT;
	char text[SAMPLE_TEXT_MAX] = "debug exception";
	struct vm *vm = vcpu->vm;

	if (vm->debug_ops)
		verdict = vm->debug_ops->exit(vm->debug_ctx, ex, text, sizeof(text));
	if (verdict == VM_DEBUG_INJECT) {
		vcpu_inject(vcpu, (uint8_t)ex->exception, false, 0, NULL);
	} else if (verdict != VM_DEBUG_CONTINUE &&
		   !exit_stop_as(vcpu, STOP_DEBUG, verdict == VM_DEBUG_ASIDE, text)) {
		vcpu->late = true;
		vcpu->late_exit = *ex;
		vcpu->late_exit.late = true;
	}
}

static void exit_debug(struct vcpu *vcpu, struct exit_note *note)
{
	struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;
	struct vm_debug_exit ex = { .vcpu = vcpu->index,
				    .exception = arch->exception,
				    .pc = arch->pc,
				    .dr6 = arch->dr6,
				    .dr7 = arch->dr7 };

	state_shadow(vcpu); /* for whoever is asked */
	note->kind = EXIT_DEBUG;
	note->addr = arch->pc;
	note->data = (uint32_t)arch->dr6;
	exit_debug_verdict(vcpu, &ex);
}

static void exit_shutdown(struct vcpu *vcpu, struct exit_note *note)
{
	char text[64];

	note->kind = EXIT_SHUTDOWN;
	snprintf(text, sizeof(text), "triple fault on vcpu%u", vcpu->index);
	exit_stop(vcpu, STOP_CRASH, text);
}

static void exit_internal(struct vcpu *vcpu, struct exit_note *note)
{
	struct kvm_run *run = vcpu->run;
	const uint8_t *bytes = (const uint8_t *)&run->internal.data[0];
	char text[SAMPLE_TEXT_MAX];
	size_t len;
	unsigned int i, n;

	note->kind = EXIT_INTERNAL_ERROR;
	note->data = run->internal.suberror;
	snprintf(text, sizeof(text), "KVM internal error %u on vcpu%u", run->internal.suberror,
		 vcpu->index);
	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION)
		goto out;
	snprintf(text, sizeof(text), "KVM cannot emulate an instruction on vcpu%u", vcpu->index);
#ifdef KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES
	if (run->emulation_failure.ndata >= 3 &&
	    (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		n = run->emulation_failure.insn_size;
		bytes = run->emulation_failure.insn_bytes;
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, ": bytes");
		for (i = 0; i < n && i < 15; i++) {
			len = strlen(text);
			snprintf(text + len, sizeof(text) - len, " %02x", bytes[i]);
		}
	}
#else
	(void)bytes;
	(void)len;
	(void)i;
	(void)n;
#endif
out:
	exit_stop(vcpu, STOP_INTERNAL, text);
}

static void exit_fail_entry(struct vcpu *vcpu, struct exit_note *note)
{
	char text[96];

	note->kind = EXIT_FAIL_ENTRY;
	snprintf(text, sizeof(text), "vcpu%u cannot enter the guest: hardware reason 0x%llx",
		 vcpu->index,
		 (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
	exit_stop(vcpu, STOP_INTERNAL, text);
}

static void exit_hlt(struct vcpu *vcpu, struct exit_note *note)
{
	(void)vcpu;
	note->kind = EXIT_HLT; /* the kernel's APIC halts by itself; seen only while stepping */
}

static void exit_system_event(struct vcpu *vcpu, struct exit_note *note)
{
	struct stop stop = { .why = STOP_END, .vcpu = vcpu->index, .end = VM_END_POWEROFF };

	note->kind = EXIT_SYSTEM_EVENT;
	note->data = vcpu->run->system_event.type;
	if (vcpu->run->system_event.type == KVM_SYSTEM_EVENT_RESET)
		stop.why = STOP_RESET;
	stop_request(vcpu->vm, &stop);
}

static void exit_irq_window(struct vcpu *vcpu, struct exit_note *note)
{
	(void)vcpu;
	note->kind = EXIT_IRQ_WINDOW;
}

static void exit_intr(struct vcpu *vcpu, struct exit_note *note)
{
	(void)vcpu;
	note->kind = EXIT_INTR;
}

static void exit_msr(struct vcpu *vcpu, struct exit_note *note)
{
	struct kvm_run *run = vcpu->run;

	note->kind = run->exit_reason == KVM_EXIT_X86_RDMSR ? EXIT_RDMSR : EXIT_WRMSR;
	note->addr = run->msr.index;
	note->size = 8;
	msr_exit(vcpu);
	note->data = (uint32_t)run->msr.data;
}

static void exit_unknown(struct vcpu *vcpu, struct exit_note *note)
{
	char text[64];

	note->kind = EXIT_OTHER;
	note->data = vcpu->run->exit_reason;
	snprintf(text, sizeof(text), "vcpu%u left the guest for unknown reason %u", vcpu->index,
		 vcpu->run->exit_reason);
	exit_stop(vcpu, STOP_INTERNAL, text);
}

static const struct exit_entry exit_table[EXIT_MAX_REASON] = {
	[KVM_EXIT_IO] = { exit_io },
	[KVM_EXIT_MMIO] = { exit_mmio },
	[KVM_EXIT_DEBUG] = { exit_debug },
	[KVM_EXIT_SHUTDOWN] = { exit_shutdown },
	[KVM_EXIT_INTERNAL_ERROR] = { exit_internal },
	[KVM_EXIT_FAIL_ENTRY] = { exit_fail_entry },
	[KVM_EXIT_HLT] = { exit_hlt },
	[KVM_EXIT_INTR] = { exit_intr },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { exit_irq_window },
	[KVM_EXIT_SYSTEM_EVENT] = { exit_system_event },
	[KVM_EXIT_X86_RDMSR] = { exit_msr },
	[KVM_EXIT_X86_WRMSR] = { exit_msr },
};

VM_HOT bool exit_needs_completion(const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		return true;
	}
	return false;
}

/* A rerun wants to stand where the first run had its last exit. */
static VM_HOT void exit_count(struct vcpu *vcpu)
{
	vcpu->io_exits++;
	if (vcpu->stop_at_exit && vcpu->io_exits == vcpu->stop_at_exit)
		exit_stop(vcpu, STOP_DEBUG, "the last exit before the crash");
}

static VM_HOT void exit_record(struct vcpu *vcpu, const struct exit_note *note)
{
	struct sample_page *page = vcpu->vm->page;
	struct sample_flight *fl;
	uint64_t idx;

	idx = __atomic_fetch_add(&page->flight_next, 1, __ATOMIC_RELAXED);
	fl = &page->flight[idx % SAMPLE_FLIGHTS];
	fl->tsc = note->start;
	fl->rip = vcpu->vm->sync_regs ? vcpu->run->s.regs.regs.rip : 0;
	fl->addr = note->addr;
	fl->data = note->data;
	fl->kind = (uint8_t)note->kind;
	fl->vcpu = (uint8_t)vcpu->index;
	fl->size = note->size;
	vcpu->sample->exits[note->kind]++;
	vcpu->sample->exit_tsc[note->kind] += (note->end ? note->end : __rdtsc()) - note->start;
}

VM_HOT void exit_handle(struct vcpu *vcpu)
{
	struct exit_note note = { .kind = EXIT_OTHER, .start = __rdtsc() };
	uint32_t reason = vcpu->run->exit_reason;

	vcpu->io_pending = exit_needs_completion(vcpu->run);
	if (vcpu->vm->sync_regs && reason != KVM_EXIT_SHUTDOWN)
		state_keep(vcpu);
	if (reason < EXIT_MAX_REASON && exit_table[reason].handle)
		exit_table[reason].handle(vcpu, &note);
	else
		exit_unknown(vcpu, &note);
	exit_record(vcpu, &note);
	if (vcpu->io_pending)
		exit_count(vcpu);
}
