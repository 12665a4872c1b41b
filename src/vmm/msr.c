/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSRs that someone wants to hear of: KVM hands each access over, it is done here
 * by KVM's own calls, and told.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/kvm.h"
#include "vmm/vm-priv.h"

#define MSR_X2APIC_FIRST 0x800u
#define MSR_X2APIC_LAST	 0x8ffu
#define MSR_BITMAP	 0x600u /* bytes: 12288 MSRs a range */

void vm_catch(struct vm *vm, unsigned int kinds)
{
	atomic_store(&vm->catching, kinds);
}

static int msr_enable(struct vm *vm, struct err *err)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_FILTER } };

	if (vm->msr_exits)
		return 0;
	if (!kvm_cap(KVM_CAP_X86_USER_SPACE_MSR) || !kvm_cap(KVM_CAP_X86_MSR_FILTER) ||
	    kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
		return err_set(err, EOPNOTSUPP, "this host's KVM does not hand MSRs over");
	vm->msr_exits = true;
	return 0;
}

static int msr_check(const struct vm_msr_range *range, struct err *err)
{
	if (range->hi < range->lo || range->hi - range->lo >= MSR_BITMAP * 8)
		return err_set(err, EINVAL, "a range may have %u MSRs", MSR_BITMAP * 8);
	if (range->lo <= MSR_X2APIC_LAST && range->hi >= MSR_X2APIC_FIRST)
		return err_set(err, EOPNOTSUPP,
			       "KVM keeps the MSRs 0x800 to 0x8ff (x2APIC) to itself");
	return 0;
}

int vm_catch_msrs(struct vm *vm, const struct vm_msr_range *range, unsigned int nr, struct err *err)
{
	static uint8_t denied[MSR_BITMAP]; /* zeroes */
	struct kvm_msr_filter filter = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };
	unsigned int i;
	int ret;

	if (!nr && !vm->msr_exits)
		return 0;
	if (nr > VM_MAX_MSR_RANGES)
		return err_set(err, ENOSPC, "no more than %d ranges of MSRs", VM_MAX_MSR_RANGES);
	for (i = 0; i < nr; i++) {
		ret = msr_check(&range[i], err);
		if (ret)
			return ret;
		filter.ranges[i].flags = (range[i].read ? KVM_MSR_FILTER_READ : 0) |
					 (range[i].write ? KVM_MSR_FILTER_WRITE : 0);
		filter.ranges[i].base = range[i].lo;
		filter.ranges[i].nmsrs = range[i].hi - range[i].lo + 1;
		filter.ranges[i].bitmap = denied;
	}
	ret = msr_enable(vm, err);
	if (!ret && kvm_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		ret = err_sys(err, errno, "KVM_X86_SET_MSR_FILTER");
	return ret;
}

void msr_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	bool write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} one;

	memset(&one, 0, sizeof(one));
	one.head.nmsrs = 1;
	one.head.entries[0].index = run->msr.index;
	one.head.entries[0].data = write ? run->msr.data : 0;
	/* What KVM does not know is #GP, as it would have been. */
	run->msr.error = ioctl(vcpu->fd, write ? KVM_SET_MSRS : KVM_GET_MSRS, &one) != 1;
	if (!write)
		run->msr.data = one.head.entries[0].data;
	exit_tell_access(vcpu, VM_ACCESS_MSR, run->msr.index, 8, write, run->msr.data);
}
