/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt controllers in the kernel: see irq.h. */
#include "vmm/irq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/kvm.h"

#define IRQ_NR_CHIPS 3 /* PIC master, PIC slave, IOAPIC */
#define IRQ_NR_PINS  24

struct irqchip {
	int vm_fd;
	struct kvm_irqchip first[IRQ_NR_CHIPS]; /* as they were when made */
	struct kvm_pit_state2 first_pit;
};

/* As on a PC: the PIT's line 0 is pin 2 of the IOAPIC, the PIC's cascade 2 is nowhere. */
static int irqchip_route(int vm_fd, struct err *err)
{
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			     (16 + IRQ_NR_PINS) * sizeof(struct kvm_irq_routing_entry)];
	} table;
	struct kvm_irq_routing_entry *ent;
	unsigned int gsi, nr = 0;

	memset(&table, 0, sizeof(table));
	for (gsi = 0; gsi < 16; gsi++) {
		if (gsi == 2)
			continue;
		ent = &table.head.entries[nr++];
		ent->gsi = gsi;
		ent->type = KVM_IRQ_ROUTING_IRQCHIP;
		ent->u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		ent->u.irqchip.pin = gsi % 8;
	}
	for (gsi = 0; gsi < IRQ_NR_PINS; gsi++) {
		if (gsi == 2)
			continue;
		ent = &table.head.entries[nr++];
		ent->gsi = gsi;
		ent->type = KVM_IRQ_ROUTING_IRQCHIP;
		ent->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		ent->u.irqchip.pin = gsi == 0 ? 2 : gsi;
	}
	table.head.nr = nr;
	if (kvm_ioctl(vm_fd, KVM_SET_GSI_ROUTING, &table) < 0)
		return err_sys(err, errno, "KVM_SET_GSI_ROUTING");
	return 0;
}

static int irqchip_snapshot(struct irqchip *irq, struct err *err)
{
	unsigned int i;

	for (i = 0; i < IRQ_NR_CHIPS; i++) {
		irq->first[i].chip_id = i;
		if (kvm_ioctl(irq->vm_fd, KVM_GET_IRQCHIP, &irq->first[i]) < 0)
			return err_sys(err, errno, "KVM_GET_IRQCHIP");
	}
	if (kvm_ioctl(irq->vm_fd, KVM_GET_PIT2, &irq->first_pit) < 0)
		return err_sys(err, errno, "KVM_GET_PIT2");
	return 0;
}

int irqchip_create(int vm_fd, struct irqchip **out, struct err *err)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct irqchip *irq;
	int ret;

	irq = calloc(1, sizeof(*irq));
	if (!irq)
		return err_sys(err, ENOMEM, "interrupt controllers");
	irq->vm_fd = vm_fd;
	if (kvm_ioctl(vm_fd, KVM_CREATE_IRQCHIP, NULL) < 0) {
		ret = err_sys(err, errno, "KVM_CREATE_IRQCHIP");
		goto err_free;
	}
	ret = irqchip_route(vm_fd, err);
	if (ret)
		goto err_free;
	if (kvm_ioctl(vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
		ret = err_sys(err, errno, "KVM_CREATE_PIT2");
		goto err_free;
	}
	ret = irqchip_snapshot(irq, err);
	if (ret)
		goto err_free;
	*out = irq;
	return 0;

err_free:
	free(irq);
	return ret;
}

void irqchip_destroy(struct irqchip *irq)
{
	free(irq); /* the kernel's part goes with the VM */
}

void irqchip_set(struct irqchip *irq, unsigned int gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = (unsigned int)!!level };

	if (kvm_ioctl(irq->vm_fd, KVM_IRQ_LINE, &line) < 0)
		log_guest("interrupt line %u: %s", gsi, strerror(errno));
}

int irqchip_reset(struct irqchip *irq, struct err *err)
{
	unsigned int i;

	for (i = 0; i < IRQ_NR_CHIPS; i++) {
		if (kvm_ioctl(irq->vm_fd, KVM_SET_IRQCHIP, &irq->first[i]) < 0)
			return err_sys(err, errno, "KVM_SET_IRQCHIP");
	}
	if (kvm_ioctl(irq->vm_fd, KVM_SET_PIT2, &irq->first_pit) < 0)
		return err_sys(err, errno, "KVM_SET_PIT2");
	return 0;
}
