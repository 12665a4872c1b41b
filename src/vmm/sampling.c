/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What viewers see of a running guest, and what it costs the guest. A vCPU publishes when it
 * leaves the guest anyway; it is only taken out of the guest when that has not happened for
 * SAMPLING_LATE_NS, and never out of a HLT that no interrupt has ended since the last time.
 * However slow the host is, the guest gives about half a percent of its time: a publication
 * is asked for no sooner than SAMPLING_SHARE times what the last one took.
 */
#include <stdlib.h>

#include "base/time.h"
#include "vmm/kvmstats.h"
#include "vmm/vm-priv.h"

#define SAMPLING_LATE_NS 30000000ull
#define SAMPLING_SHARE	 200
#define SAMPLING_RATE_NS 1000000000ull

enum { SAMPLING_EXITS, SAMPLING_IRQS, SAMPLING_NR_VCPU };
enum { SAMPLING_4K, SAMPLING_2M, SAMPLING_1G, SAMPLING_FLUSHES, SAMPLING_NR_VM };

static const char *const sampling_vcpu_names[SAMPLING_NR_VCPU] = { "exits", "irq_injections" };
static const char *const sampling_vm_names[SAMPLING_NR_VM] = { "pages_4k", "pages_2m", "pages_1g",
							       "remote_tlb_flush" };

struct sampling_vcpu {
	uint64_t asked_ns;   /* when the publication that is due was asked for */
	uint64_t asked_irqs; /* interrupts injected by then */
	uint64_t rate_irqs;  /* the same, when the rate was last taken */
};

/* Main loop only. */
struct sampling {
	struct kvmstats *stats;
	uint64_t rate_ns;
	struct sampling_vcpu vcpu[];
};

/* Before the first instruction there is nothing to count, after the last nobody looks. */
static void sampling_open(struct vm *vm)
{
	struct sampling *smp = calloc(1, sizeof(*smp) + vm->nr_vcpus * sizeof(smp->vcpu[0]));

	if (!smp)
		return; /* counters are a convenience */
	smp->stats = kvmstats_open(vm->fd, sampling_vm_names, SAMPLING_NR_VM);
	vm->sampling = smp;
}

/*
 * Open VCPU's counters, once. Its own thread, or while it stands: for any other KVM waits until
 * the vCPU leaves KVM_RUN, and an idle one may stay there for hours.
 */
static void sampling_join(struct vcpu *vcpu)
{
	if (!atomic_load(&vcpu->stats))
		atomic_store(&vcpu->stats,
			     kvmstats_open(vcpu->fd, sampling_vcpu_names, SAMPLING_NR_VCPU));
}

void sampling_close(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus && vm->vcpu[i]; i++) {
		kvmstats_close(atomic_load(&vm->vcpu[i]->stats));
		atomic_store(&vm->vcpu[i]->stats, NULL);
	}
	if (!vm->sampling)
		return;
	kvmstats_close(vm->sampling->stats);
	free(vm->sampling);
	vm->sampling = NULL;
}

/* Interrupts a second of each vCPU, once a second; at first, since the guest began. */
static void sampling_rates(struct vm *vm)
{
	struct sampling *smp = vm->sampling;
	uint64_t since = smp->rate_ns ? smp->rate_ns : vm->page->start_ns;
	uint64_t now = time_now_ns(), span = now - since;
	unsigned int i;

	if (!since || span < SAMPLING_RATE_NS)
		return;
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu_sample *to = vm->vcpu[i]->sample;
		uint64_t irqs = to->kvm_irqs, before = smp->vcpu[i].rate_irqs;

		smp->vcpu[i].rate_irqs = irqs;
		if (irqs != KVMSTATS_NONE && irqs >= before)
			to->irq_rate = (irqs - before) * 1000000000ull / span;
	}
	smp->rate_ns = now;
}

void sampling_read(struct vm *vm)
{
	struct sampling *smp;
	unsigned int i;

	if (!vm->sampling && vm->state != VM_STATE_PRELAUNCH && vm->state != VM_STATE_SHUTDOWN)
		sampling_open(vm);
	smp = vm->sampling;
	if (!smp)
		return;
	vm->page->kvm = (struct sample_kvm){
		.pages_4k = kvmstats_get(smp->stats, SAMPLING_4K),
		.pages_2m = kvmstats_get(smp->stats, SAMPLING_2M),
		.pages_1g = kvmstats_get(smp->stats, SAMPLING_1G),
		.flushes = kvmstats_get(smp->stats, SAMPLING_FLUSHES),
	};
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu_sample *to = vm->vcpu[i]->sample;
		struct kvmstats *stats;

		if (vm->state != VM_STATE_RUNNING)
			sampling_join(vm->vcpu[i]);
		stats = atomic_load(&vm->vcpu[i]->stats);
		to->kvm_exits = kvmstats_get(stats, SAMPLING_EXITS);
		to->kvm_irqs = kvmstats_get(stats, SAMPLING_IRQS);
	}
	if (vm->state == VM_STATE_RUNNING)
		sampling_rates(vm);
}

static void sampling_ask(struct vcpu *vcpu, struct sampling_vcpu *sv)
{
	uint64_t wait = SAMPLING_SHARE * atomic_load(&vcpu->publish_ns);
	uint64_t now = time_now_ns(), since = now - sv->asked_ns;

	if (since < wait)
		return;
	if (atomic_load(&vcpu->publish)) {
		if (since < SAMPLING_LATE_NS)
			return;
		sv->asked_ns = now;
		vcpu_kick(vcpu);
		return;
	}
	if (__atomic_load_n(&vcpu->sample->state.mp_state, __ATOMIC_RELAXED) == X86_MP_HALTED &&
	    vcpu->sample->kvm_irqs != KVMSTATS_NONE && vcpu->sample->kvm_irqs == sv->asked_irqs)
		return;
	sv->asked_ns = now;
	sv->asked_irqs = vcpu->sample->kvm_irqs;
	atomic_store(&vcpu->publish, true);
}

void sampling_publish(struct vcpu *vcpu)
{
	uint64_t start = time_now_ns(), took;

	atomic_store(&vcpu->publish, false);
	sampling_join(vcpu);
	state_publish(vcpu, false);
	took = time_now_ns() - start;
	/* One that was held up by chance shall not count for long. */
	atomic_store(&vcpu->publish_ns, (3 * atomic_load(&vcpu->publish_ns) + took) / 4);
}

void sampling_tick(struct vm *vm)
{
	unsigned int i;

	if (vm->state != VM_STATE_RUNNING)
		return;
	vm_describe(vm);
	if (!vm->sampling) {
		vm_sample_now(vm);
		return;
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		sampling_ask(vm->vcpu[i], &vm->sampling->vcpu[i]);
}
