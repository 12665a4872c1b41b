/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything KVM keeps of one vCPU, taken and put back as it is, for snapshots:
 * struct x86_state is for people and leaves out what they never ask for.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/kvm.h"
#include "vmm/vm-priv.h"

#define SAVE_MAX_MSRS	  512
#define SAVE_TSC	  0x10
#define SAVE_TSC_DEADLINE 0x6e0
/* KVM answers a write of these with a write to guest memory; nobody reads them back. */
#define SAVE_WALL_CLOCK_OLD 0x11
#define SAVE_WALL_CLOCK	    0x4b564d00

/* struct kvm_msrs, with its entries. */
struct save_msrs {
	struct {
		uint32_t nmsrs, pad;
	} head;
	struct kvm_msr_entry entry[SAVE_MAX_MSRS];
};

_Static_assert(offsetof(struct save_msrs, entry) == offsetof(struct kvm_msrs, entries),
	       "KVM's layout");

struct vcpu_saved {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_sregs2 sregs2;
	bool has_sregs2, has_offset;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	struct kvm_lapic_state lapic;
	uint64_t tsc, tsc_offset, tsc_deadline, io_exits;
	struct save_msrs msrs;
	size_t xsave_len;
	struct kvm_xsave *xsave;
};

/* --- which MSRs there are: KVM's own list, once a process --- */

static uint32_t save_index[SAVE_MAX_MSRS];
static unsigned int save_nr;

static bool save_wanted(uint32_t index)
{
	return index != SAVE_TSC && index != SAVE_TSC_DEADLINE && index != SAVE_WALL_CLOCK_OLD &&
	       index != SAVE_WALL_CLOCK;
}

static int save_list_msrs(struct err *err)
{
	union {
		struct kvm_msr_list head;
		uint8_t room[sizeof(struct kvm_msr_list) + SAVE_MAX_MSRS * sizeof(uint32_t)];
	} list;
	unsigned int i;

	if (save_nr)
		return 0;
	memset(&list, 0, sizeof(list));
	list.head.nmsrs = SAVE_MAX_MSRS;
	if (ioctl(kvm_fd(), KVM_GET_MSR_INDEX_LIST, &list) < 0)
		return err_sys(err, errno, "KVM_GET_MSR_INDEX_LIST");
	for (i = 0; i < list.head.nmsrs; i++) {
		if (save_wanted(list.head.indices[i]))
			save_index[save_nr++] = list.head.indices[i];
	}
	return 0;
}

/* Run REQ on the entries of MSRS from FIRST on; KVM stops at one it refuses: then without it. */
static void save_run_msrs(struct vcpu *vcpu, unsigned long req, struct save_msrs *msrs,
			  bool drop_refused)
{
	struct save_msrs *part = malloc(sizeof(*part));
	unsigned int at = 0, kept = 0, n;
	int got;

	if (!part)
		return;
	while (at < msrs->head.nmsrs) {
		n = msrs->head.nmsrs - at;
		memset(&part->head, 0, sizeof(part->head));
		part->head.nmsrs = n > 256 ? 256 : n;
		memcpy(part->entry, &msrs->entry[at], part->head.nmsrs * sizeof(part->entry[0]));
		got = ioctl(vcpu->fd, req, part);
		if (got < 0)
			break;
		memmove(&msrs->entry[kept], part->entry, (size_t)got * sizeof(part->entry[0]));
		kept += (unsigned int)got;
		at += (unsigned int)got + ((unsigned int)got < part->head.nmsrs);
	}
	if (drop_refused)
		msrs->head.nmsrs = kept;
	free(part);
}

static void save_get_msrs(struct vcpu *vcpu, struct save_msrs *msrs)
{
	unsigned int i;

	memset(&msrs->head, 0, sizeof(msrs->head));
	msrs->head.nmsrs = save_nr;
	for (i = 0; i < save_nr; i++)
		msrs->entry[i] = (struct kvm_msr_entry){ .index = save_index[i] };
	save_run_msrs(vcpu, KVM_GET_MSRS, msrs, true);
}

static uint64_t save_get_msr(struct vcpu *vcpu, uint32_t index)
{
	struct save_msrs one = { .head = { .nmsrs = 1 }, .entry = { { .index = index } } };

	return ioctl(vcpu->fd, KVM_GET_MSRS, &one) == 1 ? one.entry[0].data : 0;
}

static void save_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t val)
{
	struct save_msrs one = { .head = { .nmsrs = 1 },
				 .entry = { { .index = index, .data = val } } };

	(void)ioctl(vcpu->fd, KVM_SET_MSRS, &one); /* one that KVM lacks was never read */
}

/* Only those that differ: most never change, and writing some has effects. */
static int save_put_msrs(struct vcpu *vcpu, const struct save_msrs *want, struct err *err)
{
	struct save_msrs *now = malloc(sizeof(*now));
	unsigned int i, nr = 0;

	if (!now)
		return err_sys(err, ENOMEM, "MSRs");
	save_get_msrs(vcpu, now);
	for (i = 0; i < want->head.nmsrs; i++) {
		if (i < now->head.nmsrs && now->entry[i].index == want->entry[i].index &&
		    now->entry[i].data == want->entry[i].data)
			continue;
		now->entry[nr++] = want->entry[i]; /* nr <= i: what is compared later stays */
	}
	now->head.nmsrs = nr;
	save_run_msrs(vcpu, KVM_SET_MSRS, now, false);
	free(now);
	return 0;
}

/* --- the time stamp counter --- */

static struct kvm_device_attr save_tsc_attr(uint64_t *offset)
{
	return (struct kvm_device_attr){ .group = KVM_VCPU_TSC_CTRL,
					 .attr = KVM_VCPU_TSC_OFFSET,
					 .addr = (uint64_t)(uintptr_t)offset };
}

bool vcpu_get_tsc_offset(struct vcpu *vcpu, uint64_t *offset)
{
	struct kvm_device_attr attr = save_tsc_attr(offset);

	return ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr) == 0;
}

bool vcpu_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	struct kvm_device_attr attr = save_tsc_attr(&offset);

	return ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr) == 0;
}

/* --- taking --- */

static size_t save_xsave_len(void)
{
	int len = kvm_cap(KVM_CAP_XSAVE2);

	return len > (int)sizeof(struct kvm_xsave) ? (size_t)len : sizeof(struct kvm_xsave);
}

static int save_get_xsave(struct vcpu *vcpu, struct vcpu_saved *sv, struct err *err)
{
	unsigned long req = KVM_GET_XSAVE;

	sv->xsave_len = save_xsave_len();
	if (sv->xsave_len > sizeof(struct kvm_xsave))
		req = KVM_GET_XSAVE2;
	if (!sv->xsave)
		sv->xsave = calloc(1, sv->xsave_len);
	if (!sv->xsave)
		return err_sys(err, ENOMEM, "XSAVE");
	if (ioctl(vcpu->fd, req, sv->xsave) < 0)
		return err_sys(err, errno, "KVM_GET_XSAVE");
	return 0;
}

struct save_step {
	unsigned long req;
	void *arg;
	const char *name;
};

static int save_run(struct vcpu *vcpu, const struct save_step *step, size_t nr, struct err *err)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (ioctl(vcpu->fd, step[i].req, step[i].arg) < 0)
			return err_sys(err, errno, "%s on vcpu%u", step[i].name, vcpu->index);
	}
	return 0;
}

#define SAVE_STEP(req, arg)    \
	{                      \
		req, arg, #req \
	}
#define SAVE_NR(table) (sizeof(table) / sizeof((table)[0]))

static int save_get(struct vcpu *vcpu, struct vcpu_saved *sv, struct err *err)
{
	const struct save_step steps[] = {
		SAVE_STEP(KVM_GET_MP_STATE, &sv->mp), /* first: it may settle a pending SIPI */
		SAVE_STEP(KVM_GET_REGS, &sv->regs),   SAVE_STEP(KVM_GET_SREGS, &sv->sregs),
		SAVE_STEP(KVM_GET_XCRS, &sv->xcrs),   SAVE_STEP(KVM_GET_DEBUGREGS, &sv->debug),
		SAVE_STEP(KVM_GET_LAPIC, &sv->lapic), SAVE_STEP(KVM_GET_VCPU_EVENTS, &sv->events),
	};
	int ret;

	ret = save_list_msrs(err);
	if (!ret)
		ret = save_run(vcpu, steps, SAVE_NR(steps), err);
	if (!ret)
		ret = save_get_xsave(vcpu, sv, err);
	if (ret)
		return ret;
	sv->has_sregs2 = ioctl(vcpu->fd, KVM_GET_SREGS2, &sv->sregs2) == 0;
	save_get_msrs(vcpu, &sv->msrs);
	sv->tsc = save_get_msr(vcpu, SAVE_TSC);
	sv->tsc_deadline = save_get_msr(vcpu, SAVE_TSC_DEADLINE);
	sv->has_offset = vcpu_get_tsc_offset(vcpu, &sv->tsc_offset);
	sv->io_exits = vcpu->io_exits;
	return 0;
}

int vcpu_save(struct vcpu *vcpu, struct vcpu_saved **out, struct err *err)
{
	struct vcpu_saved *sv = calloc(1, sizeof(*sv));
	int ret;

	if (!sv)
		return err_sys(err, ENOMEM, "vcpu%u", vcpu->index);
	ret = save_get(vcpu, sv, err);
	if (ret) {
		vcpu_saved_free(sv);
		return ret;
	}
	*out = sv;
	return 0;
}

void vcpu_saved_free(struct vcpu_saved *sv)
{
	if (!sv)
		return;
	free(sv->xsave);
	free(sv);
}

/* --- putting back --- */

/* The guest's TSC goes on from where it was; PASSED is what the host's has moved since. */
static void save_put_tsc(struct vcpu *vcpu, const struct vcpu_saved *sv, uint64_t passed)
{
	if (!sv->has_offset || !vcpu_set_tsc_offset(vcpu, sv->tsc_offset - passed))
		save_set_msr(vcpu, SAVE_TSC, sv->tsc);
	save_set_msr(vcpu, SAVE_TSC_DEADLINE, sv->tsc_deadline); /* the APIC's timer is in place */
}

/*
 * In an order KVM accepts: segments and control registers bring the mode and the APIC's base, XCR0
 * comes before what it enables, the APIC after its base, pending events last, as
 * KVM_SET_REGS forgets them.
 */
int vcpu_restore(struct vcpu *vcpu, struct vcpu_saved *sv, uint64_t passed, struct err *err)
{
	const struct save_step first[] = {
		{ sv->has_sregs2 ? KVM_SET_SREGS2 : KVM_SET_SREGS,
		  sv->has_sregs2 ? (void *)&sv->sregs2 : (void *)&sv->sregs, "KVM_SET_SREGS" },
		SAVE_STEP(KVM_SET_XCRS, &sv->xcrs),
		SAVE_STEP(KVM_SET_XSAVE, sv->xsave),
	};
	const struct save_step last[] = {
		SAVE_STEP(KVM_SET_DEBUGREGS, &sv->debug),
		SAVE_STEP(KVM_SET_REGS, &sv->regs),
		SAVE_STEP(KVM_SET_MP_STATE, &sv->mp),
		SAVE_STEP(KVM_SET_VCPU_EVENTS, &sv->events),
	};
	int ret;

	vcpu->stale = true;
	ret = save_run(vcpu, first, SAVE_NR(first), err);
	if (!ret)
		ret = save_put_msrs(vcpu, &sv->msrs, err);
	if (ret)
		return ret;
	if (ioctl(vcpu->fd, KVM_SET_LAPIC, &sv->lapic) < 0)
		return err_sys(err, errno, "KVM_SET_LAPIC");
	save_put_tsc(vcpu, sv, passed);
	ret = save_run(vcpu, last, SAVE_NR(last), err);
	vcpu->io_exits = sv->io_exits;
	vcpu->io_pending = vcpu->late = false;
	vcpu->vm->page->shadow_exact[vcpu->index] = 0;
	state_publish(vcpu, true);
	return ret;
}
