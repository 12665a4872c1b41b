/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's table of interrupt routes: see msi.h. KVM takes the table as a whole, so
 * it is built anew for each change; drivers make few. Each message has a route
 * of its own above the pins and an eventfd bound to it for good (irqfd) once a
 * driver names its target, so that a signal from a worker, or from the kernel,
 * needs no thread of ours.
 */
#include "vmm/msi.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/kvm.h"

#define MSI_NR_PINS  24
#define MSI_NR_FIXED (15 + 23) /* PIC without its cascade, IOAPIC without pin 2 */
#define MSI_MAX	     1024
#define MSI_APIC     0xfee00000u /* a message goes to a local APIC only here (SDM 3A, 11.11.1) */
#define MSI_APIC_LEN 0x100000u

struct dev_msi {
	struct msi_routes *routes;
	unsigned int gsi;
	int fd;
	bool set, bound;
	uint32_t addr, data;
};

struct msi_routes {
	int vm_fd;
	pthread_mutex_t lock;
	struct dev_msi *msi[MSI_MAX];  /* by GSI, from MSI_NR_PINS on */
	unsigned int end;	       /* none from here on */
	struct kvm_irq_routing *table; /* room for all */
};

static void msi_add_pin(struct kvm_irq_routing *table, unsigned int gsi, unsigned int chip,
			unsigned int pin)
{
	struct kvm_irq_routing_entry *ent = &table->entries[table->nr++];

	*ent = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };
	ent->u.irqchip.irqchip = chip;
	ent->u.irqchip.pin = pin;
}

/* As on a PC: the PIT's line 0 is pin 2 of the IOAPIC, the PIC's cascade 2 is nowhere. */
static void msi_add_pins(struct kvm_irq_routing *table)
{
	unsigned int gsi;

	for (gsi = 0; gsi < MSI_NR_PINS; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < 16)
			msi_add_pin(table, gsi,
				    gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				    gsi % 8);
		msi_add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
}

static int msi_commit_locked(struct msi_routes *routes)
{
	struct kvm_irq_routing *table = routes->table;
	struct kvm_irq_routing_entry *ent;
	unsigned int i;

	table->nr = 0;
	msi_add_pins(table);
	for (i = 0; i < routes->end; i++) {
		if (!routes->msi[i] || !routes->msi[i]->set)
			continue;
		ent = &table->entries[table->nr++];
		*ent = (struct kvm_irq_routing_entry){ .gsi = routes->msi[i]->gsi,
						       .type = KVM_IRQ_ROUTING_MSI };
		ent->u.msi.address_lo = routes->msi[i]->addr;
		ent->u.msi.data = routes->msi[i]->data;
	}
	return kvm_ioctl(routes->vm_fd, KVM_SET_GSI_ROUTING, table) < 0 ? -errno : 0;
}

int msi_routes_create(int vm_fd, struct msi_routes **out, struct err *err)
{
	struct msi_routes *routes = calloc(1, sizeof(*routes));
	int ret;

	if (routes)
		routes->table = calloc(1, sizeof(*routes->table) +
						  (MSI_NR_FIXED + MSI_MAX) *
							  sizeof(routes->table->entries[0]));
	if (!routes || !routes->table) {
		free(routes);
		return err_sys(err, ENOMEM, "interrupt routes");
	}
	routes->vm_fd = vm_fd;
	pthread_mutex_init(&routes->lock, NULL);
	ret = msi_commit_locked(routes);
	if (ret) {
		msi_routes_destroy(routes);
		return err_sys(err, -ret, "KVM_SET_GSI_ROUTING");
	}
	*out = routes;
	return 0;
}

void msi_routes_destroy(struct msi_routes *routes)
{
	if (!routes)
		return;
	pthread_mutex_destroy(&routes->lock);
	free(routes->table);
	free(routes);
}

static int msi_bind(struct dev_msi *msi, uint32_t flags)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)msi->fd, .gsi = msi->gsi, .flags = flags };

	return kvm_ioctl(msi->routes->vm_fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

static struct dev_msi *msi_alloc(struct msi_routes *routes)
{
	struct dev_msi *msi = calloc(1, sizeof(*msi));
	unsigned int i = 0;

	if (!msi)
		return NULL;
	pthread_mutex_lock(&routes->lock);
	while (i < MSI_MAX && routes->msi[i])
		i++;
	if (i < MSI_MAX) {
		*msi = (struct dev_msi){ .routes = routes, .gsi = MSI_NR_PINS + i, .fd = -1 };
		routes->msi[i] = msi;
		if (i >= routes->end)
			routes->end = i + 1;
	}
	pthread_mutex_unlock(&routes->lock);
	if (i < MSI_MAX)
		return msi;
	free(msi);
	return NULL;
}

static void msi_release(struct dev_msi *msi)
{
	struct msi_routes *routes = msi->routes;

	pthread_mutex_lock(&routes->lock);
	routes->msi[msi->gsi - MSI_NR_PINS] = NULL;
	pthread_mutex_unlock(&routes->lock);
	free(msi);
}

struct dev_msi *msi_new(struct msi_routes *routes, struct err *err)
{
	struct dev_msi *msi = msi_alloc(routes);

	if (!msi) {
		err_set(err, ENOSPC, "no more than %d interrupt messages", MSI_MAX);
		return NULL;
	}
	msi->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (msi->fd >= 0)
		return msi;
	err_sys(err, errno, "eventfd");
	msi_release(msi);
	return NULL;
}

/* What was signalled while the message had nowhere to go is lost. */
static int msi_first_bind(struct dev_msi *msi)
{
	uint64_t lost;
	int ret;

	if (msi->bound)
		return 0;
	while (read(msi->fd, &lost, sizeof(lost)) > 0)
		;
	ret = msi_bind(msi, 0);
	msi->bound = !ret;
	return ret;
}

int msi_set(struct dev_msi *msi, uint64_t addr, uint32_t data)
{
	int ret = 0;

	if (addr - MSI_APIC >= MSI_APIC_LEN) {
		log_guest("interrupt message to 0x%" PRIx64 ", where there is no local APIC", addr);
		return -EINVAL;
	}
	pthread_mutex_lock(&msi->routes->lock);
	if (!msi->set || msi->addr != addr || msi->data != data) {
		msi->set = true;
		msi->addr = (uint32_t)addr;
		msi->data = data;
		ret = msi_commit_locked(msi->routes);
		if (!ret)
			ret = msi_first_bind(msi);
	}
	pthread_mutex_unlock(&msi->routes->lock);
	if (ret)
		log_guest("interrupt message: %s", strerror(-ret));
	return ret;
}

int msi_fd(const struct dev_msi *msi)
{
	return msi->fd;
}

void msi_free(struct dev_msi *msi)
{
	if (!msi)
		return;
	if (msi->bound)
		msi_bind(msi, KVM_IRQFD_FLAG_DEASSIGN);
	close(msi->fd);
	msi_release(msi);
}
