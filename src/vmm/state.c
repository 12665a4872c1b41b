/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers between KVM and struct x86_state: one reader and one writer for
 * everything, and the publication of a vCPU in the sample page.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/time.h"
#include "vmm/kvm.h"
#include "vmm/vm-priv.h"

static void state_from_regs(struct x86_state *st, const struct kvm_regs *regs)
{
	st->gpr[X86_RAX] = regs->rax;
	st->gpr[X86_RCX] = regs->rcx;
	st->gpr[X86_RDX] = regs->rdx;
	st->gpr[X86_RBX] = regs->rbx;
	st->gpr[X86_RSP] = regs->rsp;
	st->gpr[X86_RBP] = regs->rbp;
	st->gpr[X86_RSI] = regs->rsi;
	st->gpr[X86_RDI] = regs->rdi;
	st->gpr[X86_R8] = regs->r8;
	st->gpr[X86_R9] = regs->r9;
	st->gpr[X86_R10] = regs->r10;
	st->gpr[X86_R11] = regs->r11;
	st->gpr[X86_R12] = regs->r12;
	st->gpr[X86_R13] = regs->r13;
	st->gpr[X86_R14] = regs->r14;
	st->gpr[X86_R15] = regs->r15;
	st->rip = regs->rip;
	st->rflags = regs->rflags;
}

static void state_to_regs(const struct x86_state *st, struct kvm_regs *regs)
{
	regs->rax = st->gpr[X86_RAX];
	regs->rcx = st->gpr[X86_RCX];
	regs->rdx = st->gpr[X86_RDX];
	regs->rbx = st->gpr[X86_RBX];
	regs->rsp = st->gpr[X86_RSP];
	regs->rbp = st->gpr[X86_RBP];
	regs->rsi = st->gpr[X86_RSI];
	regs->rdi = st->gpr[X86_RDI];
	regs->r8 = st->gpr[X86_R8];
	regs->r9 = st->gpr[X86_R9];
	regs->r10 = st->gpr[X86_R10];
	regs->r11 = st->gpr[X86_R11];
	regs->r12 = st->gpr[X86_R12];
	regs->r13 = st->gpr[X86_R13];
	regs->r14 = st->gpr[X86_R14];
	regs->r15 = st->gpr[X86_R15];
	regs->rip = st->rip;
	regs->rflags = st->rflags;
}

static void state_from_seg(struct x86_seg *seg, const struct kvm_segment *kvm)
{
	seg->base = kvm->base;
	seg->limit = kvm->limit;
	seg->sel = kvm->selector;
	seg->attr = kvm->type | (uint32_t)kvm->s << 4 | (uint32_t)kvm->dpl << 5 |
		    (uint32_t)kvm->present << 7 | (uint32_t)kvm->avl << 12 |
		    (uint32_t)kvm->l << 13 | (uint32_t)kvm->db << 14 | (uint32_t)kvm->g << 15 |
		    (uint32_t)kvm->unusable << 16;
}

static void state_to_seg(const struct x86_seg *seg, struct kvm_segment *kvm)
{
	memset(kvm, 0, sizeof(*kvm));
	kvm->base = seg->base;
	kvm->limit = seg->limit;
	kvm->selector = seg->sel;
	kvm->type = seg->attr & 0xf;
	kvm->s = seg->attr >> 4 & 1;
	kvm->dpl = seg->attr >> 5 & 3;
	kvm->present = seg->attr >> 7 & 1;
	kvm->avl = seg->attr >> 12 & 1;
	kvm->l = seg->attr >> 13 & 1;
	kvm->db = seg->attr >> 14 & 1;
	kvm->g = seg->attr >> 15 & 1;
	kvm->unusable = seg->attr >> 16 & 1;
}

static void state_from_sregs(struct x86_state *st, const struct kvm_sregs *sregs)
{
	state_from_seg(&st->seg[X86_ES], &sregs->es);
	state_from_seg(&st->seg[X86_CS], &sregs->cs);
	state_from_seg(&st->seg[X86_SS], &sregs->ss);
	state_from_seg(&st->seg[X86_DS], &sregs->ds);
	state_from_seg(&st->seg[X86_FS], &sregs->fs);
	state_from_seg(&st->seg[X86_GS], &sregs->gs);
	state_from_seg(&st->seg[X86_LDTR], &sregs->ldt);
	state_from_seg(&st->seg[X86_TR], &sregs->tr);
	st->gdt.base = sregs->gdt.base;
	st->gdt.limit = sregs->gdt.limit;
	st->idt.base = sregs->idt.base;
	st->idt.limit = sregs->idt.limit;
	st->cr0 = sregs->cr0;
	st->cr2 = sregs->cr2;
	st->cr3 = sregs->cr3;
	st->cr4 = sregs->cr4;
	st->cr8 = sregs->cr8;
	st->efer = sregs->efer;
	st->apic_base = sregs->apic_base;
}

static void state_to_sregs(const struct x86_state *st, struct kvm_sregs *sregs)
{
	state_to_seg(&st->seg[X86_ES], &sregs->es);
	state_to_seg(&st->seg[X86_CS], &sregs->cs);
	state_to_seg(&st->seg[X86_SS], &sregs->ss);
	state_to_seg(&st->seg[X86_DS], &sregs->ds);
	state_to_seg(&st->seg[X86_FS], &sregs->fs);
	state_to_seg(&st->seg[X86_GS], &sregs->gs);
	state_to_seg(&st->seg[X86_LDTR], &sregs->ldt);
	state_to_seg(&st->seg[X86_TR], &sregs->tr);
	sregs->gdt.base = st->gdt.base;
	sregs->gdt.limit = st->gdt.limit;
	sregs->idt.base = st->idt.base;
	sregs->idt.limit = st->idt.limit;
	sregs->cr0 = st->cr0;
	sregs->cr2 = st->cr2;
	sregs->cr3 = st->cr3;
	sregs->cr4 = st->cr4;
	sregs->cr8 = st->cr8;
	sregs->efer = st->efer;
	sregs->apic_base = st->apic_base;
}

static void state_from_events(struct x86_state *st, const struct kvm_vcpu_events *ev)
{
	st->exc_injected = ev->exception.injected;
	st->exc_nr = ev->exception.nr;
	st->exc_has_error = ev->exception.has_error_code;
	st->exc_error = ev->exception.error_code;
	st->irq_injected = ev->interrupt.injected;
	st->irq_nr = ev->interrupt.nr;
	st->irq_shadow = ev->interrupt.shadow;
	st->nmi_pending = ev->nmi.pending;
	st->nmi_masked = ev->nmi.masked;
}

/* The standard XSAVE layout: x87 and SSE as FXSAVE, the upper halves of YMM at 576. */
#define STATE_XSAVE_YMMH 576

/*
 * Where component NR lies in the standard layout, 0 where the host has none. Processors differ,
 * so CPUID.0DH tells; it may cost an exit where the host is a guest itself, hence once.
 */
static uint32_t state_xsave_offset(unsigned int nr)
{
	static _Atomic uint32_t known[16]; /* the offset, or 1: none */
	uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0, offset = known[nr];

	if (!offset) {
		if (!__get_cpuid_count(0xd, nr, &eax, &ebx, &ecx, &edx) || !eax ||
		    ebx + eax > sizeof(struct kvm_xsave))
			ebx = 1;
		known[nr] = offset = ebx;
	}
	return offset == 1 ? 0 : offset;
}

/* The parts of struct x86_avx512 and the XSAVE component that holds each. */
static const struct {
	uint8_t component;
	uint16_t at, len;
} state_avx512[] = {
	{ 5, offsetof(struct x86_avx512, k), sizeof(((struct x86_avx512 *)0)->k) },
	{ 6, offsetof(struct x86_avx512, zmmh), sizeof(((struct x86_avx512 *)0)->zmmh) },
	{ 7, offsetof(struct x86_avx512, zmm16), sizeof(((struct x86_avx512 *)0)->zmm16) },
};

#define STATE_NR_AVX512 (sizeof(state_avx512) / sizeof(state_avx512[0]))

static void state_avx512_from(struct x86_state *st, const uint8_t *area)
{
	uint32_t offset;
	size_t i;

	for (i = 0; i < STATE_NR_AVX512; i++) {
		offset = state_xsave_offset(state_avx512[i].component);
		if (offset)
			memcpy((uint8_t *)&st->avx512 + state_avx512[i].at, area + offset,
			       state_avx512[i].len);
	}
}

/* Only what the guest has turned on can be given to it. */
static uint64_t state_avx512_to(const struct x86_state *st, uint8_t *area)
{
	uint64_t written = 0;
	uint32_t offset;
	size_t i;

	for (i = 0; i < STATE_NR_AVX512; i++) {
		offset = state_xsave_offset(state_avx512[i].component);
		if (!offset || !(st->xcr0 >> state_avx512[i].component & 1))
			continue;
		memcpy(area + offset, (const uint8_t *)&st->avx512 + state_avx512[i].at,
		       state_avx512[i].len);
		written |= 1ull << state_avx512[i].component;
	}
	offset = state_xsave_offset(9);
	if (offset && st->xcr0 >> 9 & 1) {
		memcpy(area + offset, &st->pkru, sizeof(st->pkru));
		written |= 1ull << 9;
	}
	return written;
}

/* Where PKRU lies differs between vendors: CPUID says. 0: this host has none. */
static unsigned int state_pkru_offset(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 3) ||
	    !__get_cpuid_count(0xd, 9, &eax, &ebx, &ecx, &edx) || eax < 4 ||
	    ebx > sizeof(struct kvm_xsave) - 4)
		return 0;
	return ebx;
}

static void state_from_pkru(struct x86_state *st, const uint8_t *area)
{
	static unsigned int known = ~0u; /* CPUID is slow where we are a guest ourselves */
	unsigned int offset = __atomic_load_n(&known, __ATOMIC_RELAXED);
	uint64_t features;

	if (offset == ~0u) {
		offset = state_pkru_offset();
		__atomic_store_n(&known, offset, __ATOMIC_RELAXED);
	}
	memcpy(&features, area + 512, 8);
	st->pkru = 0; /* its first value, which XSAVE does not store */
	if (offset && features & 1u << 9)
		memcpy(&st->pkru, area + offset, 4);
}

static void state_from_xsave(struct x86_state *st, const struct kvm_xsave *xsave)
{
	const uint8_t *area = (const uint8_t *)xsave->region;
	struct x86_fpu *fpu = &st->fpu;
	unsigned int i;

	memcpy(&fpu->fcw, area, 2);
	memcpy(&fpu->fsw, area + 2, 2);
	fpu->ftw = area[4];
	memcpy(&fpu->fop, area + 6, 2);
	memcpy(&fpu->fip, area + 8, 8);
	memcpy(&fpu->fdp, area + 16, 8);
	memcpy(&fpu->mxcsr, area + 24, 4);
	for (i = 0; i < 8; i++)
		memcpy(fpu->st[i], area + 32 + i * 16, 16);
	for (i = 0; i < 16; i++) {
		memcpy(fpu->xmm[i], area + 160 + i * 16, 16);
		memcpy(fpu->ymmh[i], area + STATE_XSAVE_YMMH + i * 16, 16);
	}
	state_avx512_from(st, area);
	state_from_pkru(st, area);
}

static void state_to_xsave(const struct x86_state *st, struct kvm_xsave *xsave)
{
	uint8_t *area = (uint8_t *)xsave->region;
	const struct x86_fpu *fpu = &st->fpu;
	uint64_t features;
	unsigned int i;

	memcpy(area, &fpu->fcw, 2);
	memcpy(area + 2, &fpu->fsw, 2);
	area[4] = fpu->ftw;
	memcpy(area + 6, &fpu->fop, 2);
	memcpy(area + 8, &fpu->fip, 8);
	memcpy(area + 16, &fpu->fdp, 8);
	memcpy(area + 24, &fpu->mxcsr, 4);
	for (i = 0; i < 8; i++)
		memcpy(area + 32 + i * 16, fpu->st[i], 16);
	for (i = 0; i < 16; i++)
		memcpy(area + 160 + i * 16, fpu->xmm[i], 16);
	memcpy(&features, area + 512, 8);
	features |= 3; /* x87 and SSE hold what was just written */
	if (st->xcr0 & 4) {
		features |= 4;
		for (i = 0; i < 16; i++)
			memcpy(area + STATE_XSAVE_YMMH + i * 16, fpu->ymmh[i], 16);
	}
	features |= state_avx512_to(st, area);
	memcpy(area + 512, &features, 8);
}

union state_msrs {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) + X86_NR_MSR * sizeof(struct kvm_msr_entry)];
};

/* One MSR at a time where the whole list is refused: an unknown one must not hide the others. */
static void state_read_msrs(struct vcpu *vcpu, struct x86_state *st)
{
	union state_msrs msrs;
	unsigned int slot = 0;
	int n, i;

	while (slot < X86_NR_MSR) {
		memset(&msrs, 0, sizeof(msrs));
		for (i = 0; slot + (unsigned int)i < X86_NR_MSR; i++)
			msrs.head.entries[i].index =
				regs_msr_index((enum x86_msr_slot)(slot + (unsigned int)i));
		msrs.head.nmsrs = (uint32_t)i;
		n = ioctl(vcpu->fd, KVM_GET_MSRS, &msrs);
		if (n < 0)
			n = 0;
		for (i = 0; i < n; i++)
			st->msr[slot + (unsigned int)i] = msrs.head.entries[i].data;
		slot += (unsigned int)n;
		if (slot < X86_NR_MSR)
			st->msr[slot++] = 0;
	}
}

/* The TSC is left alone: writing it would move the guest's time. */
static void state_write_msrs(struct vcpu *vcpu, const struct x86_state *st)
{
	union state_msrs msrs;
	unsigned int slot;

	for (slot = 0; slot < X86_NR_MSR; slot++) {
		if (slot == X86_MSR_TSC || slot == X86_MSR_TSC_DEADLINE ||
		    st->msr[slot] == vcpu->sample->state.msr[slot])
			continue;
		memset(&msrs, 0, sizeof(msrs));
		msrs.head.nmsrs = 1;
		msrs.head.entries[0].index = regs_msr_index((enum x86_msr_slot)slot);
		msrs.head.entries[0].data = st->msr[slot];
		(void)ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);
	}
}

static void state_read_xcr0(struct vcpu *vcpu, struct x86_state *st)
{
	struct kvm_xcrs xcrs;

	if (ioctl(vcpu->fd, KVM_GET_XCRS, &xcrs) == 0 && xcrs.nr_xcrs > 0)
		st->xcr0 = xcrs.xcrs[0].value;
}

static void state_read_debug(struct vcpu *vcpu, struct x86_state *st)
{
	struct kvm_debugregs dr;
	unsigned int i;

	if (ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &dr) < 0)
		return;
	for (i = 0; i < 4; i++)
		st->dr[i] = dr.db[i];
	st->dr6 = dr.dr6;
	st->dr7 = dr.dr7;
}

static void state_read_full(struct vcpu *vcpu, struct x86_state *st)
{
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct kvm_sregs2 sregs2;

	if (ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave) == 0)
		state_from_xsave(st, &xsave);
	state_read_xcr0(vcpu, st);
	state_read_debug(vcpu, st);
	state_read_msrs(vcpu, st);
	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) == 0) {
		memcpy(st->lapic, lapic.regs, sizeof(st->lapic));
		st->has_lapic_regs = 1;
	}
	st->pdptrs_valid = false;
	if (ioctl(vcpu->fd, KVM_GET_SREGS2, &sregs2) == 0 &&
	    (sregs2.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID)) {
		memcpy(st->pdptr, sregs2.pdptrs, sizeof(st->pdptr));
		st->pdptrs_valid = true;
	}
}

int state_read(struct vcpu *vcpu, struct x86_state *st, bool full)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	state_from_regs(st, &regs);
	state_from_sregs(st, &sregs);
	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) == 0)
		state_from_events(st, &events);
	if (ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp) == 0)
		st->mp_state = mp.mp_state;
	st->maxphyaddr = vcpu->maxphyaddr;
	if (full)
		state_read_full(vcpu, st);
	return 0;
}

static int state_write_fpu(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	struct kvm_xsave xsave;

	if (ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave) < 0)
		return err_sys(err, errno, "KVM_GET_XSAVE");
	state_to_xsave(st, &xsave);
	if (ioctl(vcpu->fd, KVM_SET_XSAVE, &xsave) < 0)
		return err_sys(err, errno, "KVM_SET_XSAVE");
	return 0;
}

static int state_write_sregs(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return err_sys(err, errno, "KVM_GET_SREGS");
	state_to_sregs(st, &sregs);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return err_sys(err, errno, "KVM_SET_SREGS");
	return 0;
}

static int state_write_xcr0(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = st->xcr0 };

	if (ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs) < 0)
		return err_sys(err, errno, "KVM_SET_XCRS");
	return 0;
}

static int state_write_debug(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	struct kvm_debugregs dr = { .dr6 = st->dr6, .dr7 = st->dr7 };

	memcpy(dr.db, st->dr, sizeof(st->dr));
	if (ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &dr) < 0)
		return err_sys(err, errno, "KVM_SET_DEBUGREGS");
	return 0;
}

static bool state_sregs_differ(const struct x86_state *a, const struct x86_state *b)
{
	return memcmp(a->seg, b->seg, sizeof(a->seg)) || a->gdt.base != b->gdt.base ||
	       a->gdt.limit != b->gdt.limit || a->idt.base != b->idt.base ||
	       a->idt.limit != b->idt.limit || a->cr0 != b->cr0 || a->cr2 != b->cr2 ||
	       a->cr3 != b->cr3 || a->cr4 != b->cr4 || a->cr8 != b->cr8 || a->efer != b->efer ||
	       a->apic_base != b->apic_base;
}

int state_write(struct vcpu *vcpu, const struct x86_state *st, struct err *err)
{
	const struct x86_state *old = &vcpu->sample->state;
	struct kvm_mp_state mp = { .mp_state = st->mp_state };
	struct kvm_regs regs;
	int ret;

	if (state_sregs_differ(st, old)) {
		ret = state_write_sregs(vcpu, st, err);
		if (ret)
			return ret;
	}
	if (st->xcr0 != old->xcr0 && (ret = state_write_xcr0(vcpu, st, err)))
		return ret;
	if (memcmp(&st->fpu, &old->fpu, sizeof(st->fpu)) ||
	    memcmp(&st->avx512, &old->avx512, sizeof(st->avx512)) || st->pkru != old->pkru) {
		ret = state_write_fpu(vcpu, st, err);
		if (ret)
			return ret;
	}
	if (memcmp(st->dr, old->dr, sizeof(st->dr)) || st->dr6 != old->dr6 || st->dr7 != old->dr7) {
		ret = state_write_debug(vcpu, st, err);
		if (ret)
			return ret;
	}
	state_write_msrs(vcpu, st);
	if (st->mp_state != old->mp_state && ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp) < 0)
		return err_sys(err, errno, "KVM_SET_MP_STATE");
	state_to_regs(st, &regs);
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return err_sys(err, errno, "KVM_SET_REGS");
	return 0;
}

VM_HOT void state_keep(struct vcpu *vcpu)
{
	vcpu->kept = true;
	vcpu->kept_regs = vcpu->run->s.regs.regs;
	if (vcpu->vm->sync_sregs)
		vcpu->kept_sregs = vcpu->run->s.regs.sregs;
}

void state_shadow(struct vcpu *vcpu)
{
	struct x86_state *shadow = &vcpu->vm->page->shadow[vcpu->index];

	if (!vcpu->kept)
		return;
	vcpu->kept = false;
	state_from_regs(shadow, &vcpu->kept_regs);
	if (vcpu->vm->sync_sregs)
		state_from_sregs(shadow, &vcpu->kept_sregs);
}

void state_publish(struct vcpu *vcpu, bool exact)
{
	struct vcpu_sample *sample = vcpu->sample;
	struct x86_state st = sample->state;
	uint32_t seq;

	if (state_read(vcpu, &st, exact || vcpu->publish_count++ % 8 == 0))
		return;
	seq = __atomic_load_n(&sample->seq, __ATOMIC_RELAXED);
	__atomic_store_n(&sample->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with the acquire in view_build() */
	sample->state = st;
	sample->exact = exact;
	sample->time_ns = time_now_ns();
	sample->count++;
	__atomic_store_n(&sample->seq, seq + 2, __ATOMIC_RELEASE);
}
