/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt controllers in the kernel: see irq.h. */
#include "vmm/irq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vmm/kvm.h"
#include "vmm/msi.h"
#include "vmm/pci.h"

#define IRQ_NR_CHIPS 3 /* PIC master, PIC slave, IOAPIC */
#define IRQ_NR_PINS  24
#define IRQ_PIT_HZ   1193182u

struct irqchip_saved {
	struct kvm_irqchip chip[IRQ_NR_CHIPS];
	struct kvm_pit_state2 pit;
};

struct irqchip {
	int vm_fd;
	struct msi_routes *routes;
	struct irqchip_saved first; /* as they were when made */
};

/* What a firmware does for PCI's lines: level triggered (ELCR, ports 0x4d0 and 0x4d1). */
static int irqchip_set_levels(struct irqchip *irq, struct err *err)
{
	struct kvm_irqchip slave = { .chip_id = KVM_IRQCHIP_PIC_SLAVE };

	if (kvm_ioctl(irq->vm_fd, KVM_GET_IRQCHIP, &slave) < 0)
		return err_sys(err, errno, "KVM_GET_IRQCHIP");
	slave.chip.pic.elcr |= 1u << (PCI_IRQ_A - 8) | 1u << (PCI_IRQ_B - 8);
	if (kvm_ioctl(irq->vm_fd, KVM_SET_IRQCHIP, &slave) < 0)
		return err_sys(err, errno, "KVM_SET_IRQCHIP");
	return 0;
}

static int irqchip_get(struct irqchip *irq, struct irqchip_saved *sv, struct err *err)
{
	unsigned int i;

	for (i = 0; i < IRQ_NR_CHIPS; i++) {
		sv->chip[i].chip_id = i;
		if (kvm_ioctl(irq->vm_fd, KVM_GET_IRQCHIP, &sv->chip[i]) < 0)
			return err_sys(err, errno, "KVM_GET_IRQCHIP");
	}
	if (kvm_ioctl(irq->vm_fd, KVM_GET_PIT2, &sv->pit) < 0)
		return err_sys(err, errno, "KVM_GET_PIT2");
	return 0;
}

struct irqchip_saved *irqchip_save(struct irqchip *irq, struct err *err)
{
	struct irqchip_saved *sv = calloc(1, sizeof(*sv));

	if (!sv) {
		err_sys(err, ENOMEM, "interrupt controllers");
		return NULL;
	}
	if (irqchip_get(irq, sv, err) == 0)
		return sv;
	free(sv);
	return NULL;
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
	ret = msi_routes_create(vm_fd, &irq->routes, err);
	if (!ret)
		ret = irqchip_set_levels(irq, err);
	if (ret)
		goto err_free;
	if (kvm_ioctl(vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
		ret = err_sys(err, errno, "KVM_CREATE_PIT2");
		goto err_free;
	}
	ret = irqchip_get(irq, &irq->first, err);
	if (ret)
		goto err_free;
	*out = irq;
	return 0;

err_free:
	msi_routes_destroy(irq->routes);
	free(irq);
	return ret;
}

void irqchip_destroy(struct irqchip *irq)
{
	if (irq)
		msi_routes_destroy(irq->routes);
	free(irq); /* the kernel's part goes with the VM */
}

struct msi_routes *irqchip_routes(struct irqchip *irq)
{
	return irq->routes;
}

void irqchip_set(struct irqchip *irq, unsigned int gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = (unsigned int)!!level };

	if (kvm_ioctl(irq->vm_fd, KVM_IRQ_LINE, &line) < 0)
		log_guest("interrupt line %u: %s", gsi, strerror(errno));
}

int irqchip_restore(struct irqchip *irq, const struct irqchip_saved *sv, struct err *err)
{
	struct irqchip_saved copy = *sv; /* KVM's calls take no const */
	unsigned int i;

	for (i = 0; i < IRQ_NR_CHIPS; i++) {
		if (kvm_ioctl(irq->vm_fd, KVM_SET_IRQCHIP, &copy.chip[i]) < 0)
			return err_sys(err, errno, "KVM_SET_IRQCHIP");
	}
	if (kvm_ioctl(irq->vm_fd, KVM_SET_PIT2, &copy.pit) < 0)
		return err_sys(err, errno, "KVM_SET_PIT2");
	return 0;
}

int irqchip_reset(struct irqchip *irq, struct err *err)
{
	return irqchip_restore(irq, &irq->first, err);
}

/* --- what they say of themselves --- */

static void irqchip_read_pic(const struct kvm_pic_state *pic, struct sample_pic *out)
{
	*out = (struct sample_pic){
		.irr = pic->irr,
		.isr = pic->isr,
		.imr = pic->imr,
		.base = pic->irq_base & 0xf8,
		.level = pic->elcr,
		.line = pic->last_irr | (pic->irr & pic->elcr),
		.first = pic->priority_add & 7,
		.special = pic->special_mask,
		.auto_eoi = pic->auto_eoi,
		.init = pic->init_state,
		.nested = pic->special_fully_nested_mode,
	};
}

static void irqchip_sample(const struct irqchip_saved *now, struct sample_irqchips *out)
{
	const struct kvm_ioapic_state *io = &now->chip[KVM_IRQCHIP_IOAPIC].chip.ioapic;
	unsigned int i;

	irqchip_read_pic(&now->chip[KVM_IRQCHIP_PIC_MASTER].chip.pic, &out->pic[0]);
	irqchip_read_pic(&now->chip[KVM_IRQCHIP_PIC_SLAVE].chip.pic, &out->pic[1]);
	out->pins_up = io->irr;
	for (i = 0; i < SAMPLE_PINS; i++)
		out->redir[i] = io->redirtbl[i].bits;
	for (i = 0; i < 3; i++)
		out->pit[i] = (struct sample_pit){ .count = now->pit.channels[i].count,
						   .mode = now->pit.channels[i].mode,
						   .gate = now->pit.channels[i].gate };
	out->valid = 1;
}

static void irqchip_describe_pic(const struct kvm_pic_state *pic, const char *label,
				 struct dev_rows *rows)
{
	dev_row(rows, label, "irr %02x isr %02x imr %02x base %02x level %02x%s", pic->irr,
		pic->isr, pic->imr, pic->irq_base, pic->elcr, pic->auto_eoi ? " auto EOI" : "");
}

static void irqchip_describe_pin(const struct kvm_ioapic_state *io, unsigned int pin,
				 struct dev_rows *rows)
{
	static const char *const modes[] = { "fixed", "lowest", "SMI", "?",
					     "NMI",   "INIT",	"?",   "ExtINT" };
	uint64_t ent = io->redirtbl[pin].bits;
	char label[16];

	snprintf(label, sizeof(label), "pin %u", pin);
	dev_row(rows, label, "vector %02x %s %s %s to %s %x%s%s", (unsigned int)ent & 0xff,
		ent >> 15 & 1 ? "level" : "edge", ent >> 13 & 1 ? "low" : "high",
		modes[ent >> 8 & 7], ent >> 11 & 1 ? "logical" : "APIC", (unsigned int)(ent >> 56),
		io->irr >> pin & 1 ? ", raised" : "", ent >> 14 & 1 ? ", waits for EOI" : "");
}

static void irqchip_describe_ioapic(const struct kvm_ioapic_state *io, struct dev_rows *rows)
{
	unsigned int pin, masked = 0;

	for (pin = 0; pin < IRQ_NR_PINS; pin++) {
		if (io->redirtbl[pin].bits >> 16 & 1)
			masked++;
		else
			irqchip_describe_pin(io, pin, rows);
	}
	dev_row(rows, "masked", "%u of %u pins", masked, IRQ_NR_PINS);
}

static void irqchip_describe_pit(const struct kvm_pit_state2 *pit, struct dev_rows *rows)
{
	unsigned int i, count;
	char label[16];

	for (i = 0; i < 3; i++) {
		count = pit->channels[i].count ? pit->channels[i].count : 0x10000;
		snprintf(label, sizeof(label), "channel %u", i);
		if (pit->channels[i].mode > 5) {
			dev_row(rows, label, "not programmed");
			continue;
		}
		dev_row(rows, label, "mode %u count %u (%u.%02u Hz)%s", pit->channels[i].mode,
			count, IRQ_PIT_HZ / count, IRQ_PIT_HZ % count * 100 / count,
			pit->channels[i].gate ? "" : " gate closed");
	}
}

void irqchip_describe(struct irqchip *irq, struct dev_rows *rows, struct sample_irqchips *out)
{
	struct irqchip_saved now = { 0 };

	memset(out, 0, sizeof(*out));
	if (irqchip_get(irq, &now, NULL) < 0)
		return;
	irqchip_sample(&now, out);
	rows->device = "pic";
	irqchip_describe_pic(&now.chip[KVM_IRQCHIP_PIC_MASTER].chip.pic, "master", rows);
	irqchip_describe_pic(&now.chip[KVM_IRQCHIP_PIC_SLAVE].chip.pic, "slave", rows);
	rows->device = "ioapic";
	irqchip_describe_ioapic(&now.chip[KVM_IRQCHIP_IOAPIC].chip.ioapic, rows);
	rows->device = "pit";
	irqchip_describe_pit(&now.pit, rows);
}
