/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's CPUID: see cpuid.h. Leaves as in SDM 2A CPUID and AMD APM 3 appendix E. */
#include "vmm/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm.h"

#define CPUID_1_EDX_HTT		 (1u << 28)
#define CPUID_1_ECX_HYPERVISOR	 (1u << 31)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)

struct cpuid_topology {
	unsigned int index;
	unsigned int nr_cpus;
	unsigned int shift; /* bits of the APIC id that number the cores */
};

static unsigned int cpuid_shift(unsigned int nr_cpus)
{
	unsigned int shift = 0;

	while ((1u << shift) < nr_cpus)
		shift++;
	return shift;
}

/* Leaves 0xB and 0x1F: one thread a core, then the cores of the package. */
static void cpuid_fix_levels(struct kvm_cpuid_entry2 *ent, const struct cpuid_topology *topo)
{
	ent->edx = topo->index;
	switch (ent->index) {
	case 0:
		ent->eax = 0;
		ent->ebx = 1;
		ent->ecx = 1 << 8;
		break;
	case 1:
		ent->eax = topo->shift;
		ent->ebx = topo->nr_cpus;
		ent->ecx = 2 << 8 | 1;
		break;
	default:
		ent->eax = ent->ebx = 0;
		ent->ecx = ent->index;
	}
}

static void cpuid_fix_basic(struct kvm_cpuid_entry2 *ent, const struct cpuid_topology *topo)
{
	ent->ebx = (ent->ebx & 0x0000ffff) | (1u << topo->shift) << 16 | topo->index << 24;
	ent->ecx |= CPUID_1_ECX_HYPERVISOR;
	/* KVM tells of the deadline timer by a capability of its own. */
	if (kvm_cap(KVM_CAP_TSC_DEADLINE_TIMER))
		ent->ecx |= CPUID_1_ECX_TSC_DEADLINE;
	if (topo->nr_cpus > 1)
		ent->edx |= CPUID_1_EDX_HTT;
	else
		ent->edx &= ~CPUID_1_EDX_HTT;
}

static void cpuid_fix(struct kvm_cpuid_entry2 *ent, const struct cpuid_topology *topo)
{
	switch (ent->function) {
	case 1:
		cpuid_fix_basic(ent, topo);
		break;
	case 4: /* cache topology: caches shared by the package, cores of the package */
		if (ent->eax & 0x1f)
			ent->eax = (ent->eax & 0x3fff) | ((1u << topo->shift) - 1) << 26;
		break;
	case 0xb:
	case 0x1f:
		cpuid_fix_levels(ent, topo);
		break;
	case 0x80000008:
		ent->ecx = topo->shift << 12 | (topo->nr_cpus - 1);
		break;
	case 0x8000001e:
		ent->eax = topo->index;
		ent->ebx = topo->index & 0xff;
		ent->ecx = 0;
		break;
	}
}

static uint8_t cpuid_maxphyaddr(const struct kvm_cpuid2 *cpuid)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 0x80000008)
			return cpuid->entries[i].eax & 0xff;
	}
	return 36;
}

int cpuid_set(int vcpu_fd, unsigned int index, unsigned int nr_cpus, uint8_t *maxphyaddr,
	      struct err *err)
{
	const struct kvm_cpuid2 *host = kvm_supported_cpuid();
	struct cpuid_topology topo = { .index = index, .nr_cpus = nr_cpus };
	struct kvm_cpuid2 *cpuid;
	size_t len;
	unsigned int i;
	int ret = 0;

	if (!host)
		return err_sys(err, errno, "KVM_GET_SUPPORTED_CPUID");
	topo.shift = cpuid_shift(nr_cpus);
	len = sizeof(*host) + host->nent * sizeof(host->entries[0]);
	cpuid = malloc(len);
	if (!cpuid)
		return err_sys(err, ENOMEM, "CPUID table");
	memcpy(cpuid, host, len);
	for (i = 0; i < cpuid->nent; i++)
		cpuid_fix(&cpuid->entries[i], &topo);
	*maxphyaddr = cpuid_maxphyaddr(cpuid);
	if (kvm_ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
		ret = err_sys(err, errno, "KVM_SET_CPUID2");
	free(cpuid);
	return ret;
}
