/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One virtual processor: see vcpu.h. */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/cpuid.h"
#include "vmm/kvm.h"
#include "vmm/vm-priv.h"

#define VCPU_KICK_SIGNAL SIGUSR1

static __thread struct kvm_run *vcpu_own_run;

/* A kick that comes before KVM_RUN must still make it return: hence the flag. */
static void vcpu_signal(int sig)
{
	(void)sig;
	if (vcpu_own_run)
		__atomic_store_n(&vcpu_own_run->immediate_exit, 1, __ATOMIC_RELAXED);
}

int vcpu_signal_setup(struct err *err)
{
	struct sigaction act = { .sa_handler = vcpu_signal };

	sigemptyset(&act.sa_mask);
	if (sigaction(VCPU_KICK_SIGNAL, &act, NULL) < 0)
		return err_sys(err, errno, "sigaction");
	return 0;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (vcpu->started)
		pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
}

unsigned int vcpu_index(const struct vcpu *vcpu)
{
	return vcpu->index;
}

int vcpu_fd(const struct vcpu *vcpu)
{
	return vcpu->fd;
}

int vcpu_tid(struct vcpu *vcpu)
{
	return atomic_load(&vcpu->tid);
}

int vcpu_create(struct vm *vm, unsigned int index, struct vcpu **out, struct err *err)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret;

	if (!vcpu)
		return err_sys(err, ENOMEM, "vcpu%u", index);
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->sample = &vm->page->vcpu[index];
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0) {
		ret = err_sys(err, errno, "KVM_CREATE_VCPU %u", index);
		goto err_free;
	}
	vcpu->run_len = kvm_run_size();
	vcpu->run = mmap(NULL, vcpu->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		ret = err_sys(err, errno, "run area of vcpu%u", index);
		goto err_close;
	}
	ret = cpuid_set(vcpu->fd, index, vm->nr_vcpus, &vcpu->maxphyaddr, err);
	if (ret)
		goto err_unmap;
	if (vm->sync_regs)
		vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (vm->sync_sregs)
		vcpu->run->kvm_valid_regs |= KVM_SYNC_X86_SREGS;
	state_publish(vcpu, true);
	vcpu->first = vcpu->sample->state;
	*out = vcpu;
	return 0;

err_unmap:
	munmap(vcpu->run, vcpu->run_len);
err_close:
	close(vcpu->fd);
err_free:
	free(vcpu);
	return ret;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu)
		return;
	munmap(vcpu->run, vcpu->run_len);
	close(vcpu->fd);
	free(vcpu);
}

static void vcpu_failed(struct vcpu *vcpu, int code)
{
	struct stop stop = { .why = STOP_INTERNAL, .vcpu = vcpu->index };

	snprintf(stop.text, sizeof(stop.text), "KVM_RUN on vcpu%u: %s", vcpu->index,
		 strerror(code));
	stop_request(vcpu->vm, &stop);
}

/* A page the debugger watches: true where it takes care of it. */
static bool vcpu_guarded(struct vcpu *vcpu)
{
	struct stop stop = { .why = STOP_DEBUG, .vcpu = vcpu->index, .aside = true };
	struct vm *vm = vcpu->vm;

	if (!vm->debug_ops || !vm->debug_ops->guarded)
		return false;
	switch (vm->debug_ops->guarded(vm->debug_ctx, vcpu->index)) {
	case VM_DEBUG_ASIDE:
		stop_request(vm, &stop); /* another one is under way: then it faults again */
		return true;
	case VM_DEBUG_CONTINUE:
		return true;
	default:
		return false;
	}
}

/* Enter the guest once and handle why it came out. */
static VM_HOT void vcpu_enter(struct vcpu *vcpu)
{
	int code;

	vcpu->stale = true;
	if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
		exit_handle(vcpu);
		return;
	}
	code = errno;
	if (code == EINTR) {
		vcpu->io_pending = false;
		vcpu->sample->exits[EXIT_INTR]++;
	} else if (code == EFAULT && vcpu_guarded(vcpu)) {
		vcpu->io_pending = false;
	} else if (code != EAGAIN) { /* EAGAIN: a processor that waits for its SIPI */
		vcpu_failed(vcpu, code);
	}
}

/*
 * After an I/O, MMIO or MSR exit KVM still owes the instruction its end: enter
 * with immediate_exit until it says EINTR. More fragments of one access may come.
 */
static void vcpu_complete(struct vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; vcpu->io_pending && i < 64; i++) {
		vcpu->run->immediate_exit = 1;
		vcpu_enter(vcpu);
	}
}

/* A step that ended in an exit of its own (OUT, MMIO) must be reported here: KVM may not. */
static VM_HOT void vcpu_check_step(struct vcpu *vcpu)
{
	struct vm_debug_exit ex = { .vcpu = vcpu->index, .exception = 1, .dr6 = 1u << 14 };
	struct kvm_regs regs;

	if (!vcpu->step_armed || !vcpu->io_pending)
		return;
	vcpu_complete(vcpu);
	if (atomic_load(&vcpu->vm->stopping) || ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return;
	if (regs.rip == vcpu->step_rip)
		return; /* a string instruction in its middle */
	ex.pc = regs.rip;
	exit_debug_verdict(vcpu, &ex);
}

static bool vcpu_park(struct vcpu *vcpu)
{
	vcpu_complete(vcpu);
	if (!stop_park(vcpu))
		return false;
	if (vcpu->late) {
		vcpu->late = false;
		exit_debug_verdict(vcpu, &vcpu->late_exit);
	}
	return true;
}

static VM_HOT void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;

	vcpu_own_run = vcpu->run;
	atomic_store(&vcpu->tid, gettid());
	for (;;) {
		/* The flag first, the stop after: a kick between the two is not lost. */
		if (vcpu->run->immediate_exit) {
			vcpu->run->immediate_exit = 0;
			atomic_thread_fence(memory_order_seq_cst);
		}
		if (atomic_load(&vm->stopping) || atomic_load(&vcpu->frozen)) {
			if (!vcpu_park(vcpu))
				break;
			continue;
		}
		if (atomic_load(&vcpu->publish)) {
			vcpu_complete(vcpu);
			sampling_publish(vcpu);
			continue;
		}
		vcpu_enter(vcpu);
		vcpu_check_step(vcpu);
	}
	vcpu_own_run = NULL;
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct err *err)
{
	int code;

	code = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	if (code)
		return err_sys(err, code, "thread of vcpu%u", vcpu->index);
	vcpu->started = true;
	return 0;
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu || !vcpu->started)
		return;
	pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}

int vcpu_get_state(struct vcpu *vcpu, struct x86_state *st, struct err *err)
{
	(void)err;
	*st = vcpu->sample->state;
	return 0;
}

int vcpu_set_state(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	int ret = state_write(vcpu, st, err);

	state_publish(vcpu, true);
	return ret;
}

/* Memory that KVM would go on writing to for a guest that is no more. */
static void vcpu_reset_paravirt(struct vcpu *vcpu)
{
	static const uint32_t msrs[] = { 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03,
					 0x4b564d04, 0x11,	 0x12,	     0x6e0 };
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one;
	size_t i;

	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		memset(&one, 0, sizeof(one));
		one.head.nmsrs = 1;
		one.head.entries[0].index = msrs[i];
		(void)ioctl(vcpu->fd, KVM_SET_MSRS, &one); /* one that KVM lacks needs no reset */
	}
}

int vcpu_reset(struct vcpu *vcpu, struct err *err)
{
	struct kvm_vcpu_events ev = { .flags = 0 };
	struct kvm_lapic_state lapic;
	int ret;

	vcpu_reset_paravirt(vcpu);
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &ev) < 0)
		return err_sys(err, errno, "KVM_SET_VCPU_EVENTS");
	ret = vcpu_set_state(vcpu, &vcpu->first, err);
	if (ret)
		return ret;
	memcpy(lapic.regs, vcpu->first.lapic, sizeof(lapic.regs));
	if (vcpu->first.has_lapic_regs && ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic) < 0)
		return err_sys(err, errno, "KVM_SET_LAPIC");
	vcpu->late = false;
	vcpu->stale = true;
	vcpu->io_pending = false;
	vcpu->io_exits = 0;
	vcpu->vm->page->shadow_exact[vcpu->index] = 0;
	return 0;
}

uint64_t vcpu_io_exits(const struct vcpu *vcpu)
{
	return vcpu->io_exits;
}

void vcpu_stop_at_exit(struct vcpu *vcpu, uint64_t count)
{
	vcpu->stop_at_exit = count;
}

int vcpu_set_entry(struct vcpu *vcpu, const struct x86_state *entry, struct err *err)
{
	struct x86_state st = vcpu->sample->state;

	memcpy(st.gpr, entry->gpr, sizeof(st.gpr));
	memcpy(st.seg, entry->seg, sizeof(st.seg));
	st.rip = entry->rip;
	st.rflags = entry->rflags | 2;
	st.gdt = entry->gdt;
	st.idt = entry->idt;
	st.cr0 = entry->cr0;
	st.cr3 = entry->cr3;
	st.cr4 = entry->cr4;
	st.efer = entry->efer;
	return vcpu_set_state(vcpu, &st, err);
}

static uint32_t vcpu_debug_control(const struct vcpu_debug *dbg)
{
	uint32_t control = 0;

	if (dbg->step)
		control |= KVM_GUESTDBG_SINGLESTEP;
	if (dbg->sw_break)
		control |= KVM_GUESTDBG_USE_SW_BP;
	if (dbg->dr7)
		control |= KVM_GUESTDBG_USE_HW_BP;
#if HAVE_DECL_KVM_GUESTDBG_BLOCKIRQ
	if (dbg->step && dbg->block_irq &&
	    (kvm_cap(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ))
		control |= KVM_GUESTDBG_BLOCKIRQ;
#endif
	return control ? control | KVM_GUESTDBG_ENABLE : 0;
}

/*
 * A debug exception ends a HLT (SDM 2A), but KVM waits for an interrupt, which may never come
 * while the others stand: a halted vCPU that is to step goes on behind its HLT.
 */
static void vcpu_wake_to_step(struct vcpu *vcpu)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (vcpu->sample->state.mp_state == X86_MP_HALTED &&
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp) == 0)
		vcpu->sample->state.mp_state = X86_MP_RUNNABLE;
}

int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *dbg, struct err *err)
{
	struct kvm_guest_debug arg = { .control = vcpu_debug_control(dbg) };

	if (!arg.control && !vcpu->debug_armed)
		return 0;
	memcpy(arg.arch.debugreg, dbg->dr, sizeof(dbg->dr));
	arg.arch.debugreg[7] = dbg->dr7;
	if (ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &arg) < 0)
		return err_sys(err, errno, "KVM_SET_GUEST_DEBUG on vcpu%u", vcpu->index);
	vcpu->debug_armed = arg.control;
	if (dbg->step)
		vcpu_wake_to_step(vcpu);
	vcpu->step_armed = dbg->step;
	vcpu->step_rip = vcpu->sample->state.rip;
	return 0;
}

void vcpu_set_frozen(struct vcpu *vcpu, bool frozen)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	atomic_store(&vcpu->frozen, frozen);
	pthread_mutex_unlock(&vcpu->vm->lock);
}

int vcpu_peek(struct vcpu *vcpu, struct x86_state *st)
{
	return state_read(vcpu, st, false);
}

static void vcpu_add_flags(struct vcpu *vcpu, uint64_t flags)
{
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return;
	regs.rflags |= flags;
	vcpu->stale = true;
	(void)ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

void vcpu_set_resume_flag(struct vcpu *vcpu)
{
	vcpu_add_flags(vcpu, X86_RFLAGS_RF);
}

void vcpu_set_step_flags(struct vcpu *vcpu)
{
	vcpu_add_flags(vcpu, X86_RFLAGS_RF | X86_RFLAGS_TF);
}

void vcpu_clear_r11(struct vcpu *vcpu, uint64_t flags)
{
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return;
	regs.r11 &= ~flags;
	(void)ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

int vcpu_inject(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error, struct err *err)
{
	struct kvm_vcpu_events ev;

	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &ev) < 0)
		return err_sys(err, errno, "KVM_GET_VCPU_EVENTS");
	vcpu->stale = true;
	ev.exception.injected = 1;
	ev.exception.pending = 0;
	ev.exception.nr = vector;
	ev.exception.has_error_code = has_error;
	ev.exception.error_code = error;
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &ev) < 0)
		return err_sys(err, errno, "KVM_SET_VCPU_EVENTS");
	return 0;
}
