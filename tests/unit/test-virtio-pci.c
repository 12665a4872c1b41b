/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over PCI with the entropy device behind it: both faces, features,
 * status, vectors, ISR, the window in configuration space, eventfds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "virtio-driver.h"
#include "vmm/virtio/rng.h"
#include "vmm/virtio/virtio-priv.h"

#define LEGACY 0

static struct vdrv *rng_new(void)
{
	return vdrv_new(&virtio_rng_ops, NULL);
}

static void rng_once(struct vdrv *drv, uint32_t len)
{
	struct vdrv_seg seg = { VDRV_DATA, len, true };
	struct vdrv_used used;
	uint16_t head;

	memset(vdrv_mem(drv, VDRV_DATA), 0, len + 1);
	head = vdrv_add(drv, 0, &seg, 1);
	assert_true(vdrv_wait(drv, 0, &used));
	assert_int_equal(used.id, head);
	assert_int_equal(used.len, len < 4096 ? len : 4096);
	assert_int_equal(((uint8_t *)vdrv_mem(drv, VDRV_DATA))[len], 0);
}

static void identity(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	assert_int_equal(drv->pci->ident.vendor, 0x1af4);
	assert_int_equal(drv->pci->ident.device, 0x1005);
	assert_int_equal(drv->pci->ident.subsys, 4);
	assert_int_equal(drv->pci->ident.revision, 0);
	assert_true(drv->pci->ident.intx);
	assert_int_equal(drv->pci->bar_kind[0], BUS_PIO);
	assert_int_equal(drv->pci->bar_kind[4], BUS_MMIO);
	vdrv_free(drv);
}

/* Each structure's capability: the BAR holds all of it, at an aligned place (4.1.4). */
static void capabilities(void **state)
{
	struct vdrv *drv = rng_new();
	uint32_t off, len;
	unsigned int type, cap;

	(void)state;
	for (type = 1; type <= 5; type++) {
		cap = fake_pci_find_cap(drv->pci, (uint8_t)type);
		assert_int_not_equal(cap, 0);
		assert_int_equal(cap % 4, 0);
		assert_int_equal(drv->pci->cfg[cap], 9);
		assert_int_equal(drv->pci->cfg[cap + 2], type == 2 || type == 5 ? 20 : 16);
		memcpy(&off, drv->pci->cfg + cap + 8, 4);
		memcpy(&len, drv->pci->cfg + cap + 12, 4);
		if (type == 5)
			continue;
		assert_int_equal(drv->pci->cfg[cap + 4], VDRV_BAR);
		assert_int_equal(off % 4, 0);
		assert_true(off + len <= drv->pci->bar_size[VDRV_BAR]);
		if (type == 1)
			assert_true(len >= 56);
	}
	vdrv_free(drv);
}

static void request_sizes(void **state)
{
	static const uint32_t sizes[] = { 1, 7, 64, 4095, 4096, 4097, 65536 };
	struct vdrv *drv = rng_new();
	unsigned int i, zero = 0, n;

	(void)state;
	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, VIRTIO_F_EVENT_IDX, 16);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		rng_once(drv, sizes[i]);
	rng_once(drv, 256);
	for (n = 0; n < 256; n++)
		zero += !((uint8_t *)vdrv_mem(drv, VDRV_DATA))[n];
	assert_true(zero < 32);
	vdrv_free(drv);
}

static void readable_request_refused(void **state)
{
	struct vdrv_seg seg[2] = { { VDRV_DATA, 16, false }, { VDRV_DATA, 16, true } };
	struct vdrv *drv = rng_new();

	(void)state;
	vdrv_start(drv, 0, 16);
	vdrv_add(drv, 0, seg, 2);
	assert_true(vdrv_wait_broken(drv));
	assert_non_null(strstr(vdrv_row(drv, "needs reset"), "readable"));
	vdrv_free(drv);
}

static void legacy_face(void **state)
{
	struct vdrv *drv = rng_new();
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		vdrv_start_legacy(drv, i ? VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC : 0);
		assert_int_equal(vdrv_status(drv), 7);
		assert_int_equal(vdrv_get(drv, 8, 4), drv->q[0].desc >> 12);
		rng_once(drv, 100);
		assert_non_null(strstr(vdrv_row(drv, "driver"), "transitional"));
	}
	/* Zero as the page number ends it all. */
	vdrv_set(drv, 8, 4, 0);
	assert_int_equal(vdrv_status(drv), 0);
	/* Features above 31 do not exist here, and VERSION_1 is not asked for. */
	assert_int_equal(vdrv_get(drv, 0, 4) >> 32, 0);
	vdrv_free(drv);
}

/* Old drivers notify before DRIVER_OK, and leave bus mastering to the firmware. */
static void legacy_habits(void **state)
{
	struct vdrv_seg seg = { VDRV_DATA, 32, true };
	struct vdrv *drv = rng_new();
	struct vdrv_used used;

	(void)state;
	fake_pci_set(drv->pci, false, false);
	vdrv_start_legacy(drv, 0);
	rng_once(drv, 8);
	vdrv_set(drv, 18, 1, 0);
	vdrv_set(drv, 18, 1, 3);
	vdrv_set(drv, 14, 2, 0);
	mem_set(drv->fake->env.mem, drv->q[0].desc, 0, 0x3000);
	drv->q[0].next_avail = drv->q[0].last_used = drv->q[0].next_desc = 0;
	vdrv_set(drv, 8, 4, drv->q[0].desc >> 12);
	vdrv_add(drv, 0, &seg, 1);
	vdrv_settle(drv);
	assert_int_equal(((uint16_t *)vdrv_mem(drv, drv->q[0].used))[1], 0);
	vdrv_set(drv, 18, 1, 7);
	assert_true(vdrv_wait(drv, 0, &used));
	vdrv_free(drv);
}

/* 3.1.1, 2.2: what was not offered is not accepted, nor a driver that is not of version 1. */
static void features(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	vdrv_set(drv, 20, 1, 3);
	vdrv_set(drv, 8, 4, 1);
	vdrv_set(drv, 12, 4, 1);
	vdrv_set(drv, 8, 4, 0);
	vdrv_set(drv, 12, 4, 1u << 5);
	vdrv_set(drv, 20, 1, 11);
	assert_int_equal(vdrv_status(drv), 3);
	vdrv_set(drv, 12, 4, 0);
	vdrv_set(drv, 8, 4, 1);
	vdrv_set(drv, 12, 4, 0);
	vdrv_set(drv, 20, 1, 11);
	assert_int_equal(vdrv_status(drv), 3);
	vdrv_set(drv, 12, 4, 1);
	vdrv_set(drv, 20, 1, 11);
	assert_int_equal(vdrv_status(drv), 11);
	/* Accepted: they stand. */
	vdrv_set(drv, 12, 4, 0);
	assert_int_equal(vdrv_get(drv, 12, 4), 1);
	/* There is nothing beyond bit 63. */
	vdrv_set(drv, 0, 4, 2);
	assert_int_equal(vdrv_get(drv, 4, 4), 0);
	vdrv_set(drv, 0, 4, 0xffffffff);
	assert_int_equal(vdrv_get(drv, 4, 4), 0);
	vdrv_free(drv);
}

static void status(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	assert_int_equal(vdrv_status(drv), 0);
	/* Bits do not go away but by a reset; the device's own bit is not the driver's. */
	vdrv_set(drv, 20, 1, 0x41);
	assert_int_equal(vdrv_status(drv), 1);
	vdrv_set(drv, 20, 1, 2);
	assert_int_equal(vdrv_status(drv), 3);
	vdrv_set(drv, 20, 1, 0x83);
	assert_int_equal(vdrv_status(drv), 0x83);
	vdrv_set(drv, 20, 1, 0);
	assert_int_equal(vdrv_status(drv), 0);
	/* DRIVER_OK out of turn. */
	vdrv_set(drv, 20, 1, 7);
	assert_int_equal(vdrv_status(drv), 0x43);
	vdrv_reset(drv);
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	vdrv_free(drv);
}

/* 2.4.1: a reset brings everything back, and can be repeated. */
static void reset(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	vdrv_reset(drv);
	vdrv_reset(drv);
	assert_int_equal(vdrv_status(drv), 0);
	assert_int_equal(vdrv_get(drv, 16, 2), 0xffff);
	vdrv_set(drv, 22, 2, 0);
	assert_int_equal(vdrv_get(drv, 24, 2), 64);
	assert_int_equal(vdrv_get(drv, 26, 2), 0xffff);
	assert_int_equal(vdrv_get(drv, 28, 2), 0);
	assert_int_equal(vdrv_get(drv, 32, 8), 0);
	assert_int_equal(vdrv_get(drv, 8, 4), 0);
	vdrv_set(drv, 8, 4, 1);
	assert_int_equal(vdrv_get(drv, 12, 4), 0);
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	drv->pci->ops->reset(drv->pci->state);
	assert_int_equal(vdrv_status(drv), 0);
	vdrv_free(drv);
}

/* 4.1.5.1.2.2: what cannot be mapped reads back as no vector. */
static void vectors(void **state)
{
	static const uint16_t bad[] = { 2, 3, 64, 0x7fff, 0xfffe, 0xffff };
	struct vdrv *drv = rng_new();
	unsigned int i;

	(void)state;
	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, 0, 16);
	assert_int_equal(vdrv_get(drv, 16, 2), 0);
	assert_int_equal(vdrv_get(drv, 26, 2), 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vdrv_set(drv, 16, 2, bad[i]);
		assert_int_equal(vdrv_get(drv, 16, 2), 0xffff);
		vdrv_set(drv, 22, 2, 0);
		vdrv_set(drv, 26, 2, bad[i]);
		assert_int_equal(vdrv_get(drv, 26, 2), 0xffff);
	}
	rng_once(drv, 10); /* no interrupt, and no harm */
	virtio_config_changed(drv->vdev);
	assert_int_equal(fake_pci_fired(drv->pci, 0), 0);
	vdrv_set(drv, 16, 2, 1);
	virtio_config_changed(drv->vdev);
	assert_int_equal(fake_pci_fired(drv->pci, 1), 1);
	vdrv_free(drv);
}

/* A queue that becomes usable is looked at, which alone is no reason to interrupt. */
static void start_is_silent(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, 0, 16);
	vdrv_kick(drv, 0);
	vdrv_settle(drv);
	assert_int_equal(fake_pci_fired(drv->pci, 1), 0);
	rng_once(drv, 10);
	vdrv_settle(drv);
	assert_int_equal(fake_pci_fired(drv->pci, 1), 1);
	vdrv_free(drv);
}

static bool pin_is_up(struct vdrv *drv)
{
	unsigned int i;

	for (i = 0; i < 1000 && !fake_pci_intx(drv->pci); i++)
		vdrv_settle(drv);
	return fake_pci_intx(drv->pci);
}

/* 4.1.4.5.1: the pin follows the ISR, which a read clears. */
static void isr_and_pin(void **state)
{
	struct vdrv *drv = rng_new();

	(void)state;
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	assert_true(pin_is_up(drv));
	assert_int_equal(vdrv_get(drv, VDRV_ISR, 1), 1);
	assert_int_equal(fake_pci_intx(drv->pci), 0);
	assert_int_equal(vdrv_get(drv, VDRV_ISR, 1), 0);
	virtio_config_changed(drv->vdev);
	assert_int_equal(fake_pci_intx(drv->pci), 1);
	assert_int_equal(fake_pci_read(drv->pci, LEGACY, 19, 1), 2);
	assert_int_equal(fake_pci_intx(drv->pci), 0);
	virtio_config_changed(drv->vdev);
	vdrv_reset(drv);
	assert_int_equal(fake_pci_intx(drv->pci), 0);
	/* With MSI-X the ISR still tells of the configuration, not of queues. */
	fake_pci_set(drv->pci, true, true);
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	vdrv_settle(drv);
	assert_int_equal(vdrv_get(drv, VDRV_ISR, 1), 0);
	virtio_config_changed(drv->vdev);
	assert_int_equal(vdrv_get(drv, VDRV_ISR, 1), 2);
	vdrv_free(drv);
}

static void generation(void **state)
{
	struct vdrv *drv = rng_new();
	uint64_t before;

	(void)state;
	vdrv_start(drv, 0, 16);
	before = vdrv_get(drv, 21, 1);
	virtio_config_changed(drv->vdev);
	assert_int_not_equal(vdrv_get(drv, 21, 1), before);
	vdrv_free(drv);
}

/* 4.1.4.9: any register through configuration space. */
static void window(void **state)
{
	struct vdrv *drv = rng_new();
	unsigned int cap = fake_pci_find_cap(drv->pci, 5), len;

	(void)state;
	vdrv_start(drv, 0, 16);
	fake_pci_cfg_write(drv->pci, cap + 4, 1, VDRV_BAR);
	fake_pci_cfg_write(drv->pci, cap + 8, 4, 20);
	fake_pci_cfg_write(drv->pci, cap + 12, 4, 1);
	assert_int_equal(fake_pci_cfg_read(drv->pci, cap + 16, 1), 15);
	fake_pci_cfg_write(drv->pci, cap + 16, 1, 0);
	assert_int_equal(vdrv_status(drv), 0);
	fake_pci_cfg_write(drv->pci, cap + 8, 4, 22);
	fake_pci_cfg_write(drv->pci, cap + 12, 4, 2);
	fake_pci_cfg_write(drv->pci, cap + 16, 2, 0x1234);
	assert_int_equal(vdrv_get(drv, 22, 2), 0x1234);
	/* Lengths, places and BARs that are none. */
	for (len = 0; len < 70; len++) {
		fake_pci_cfg_write(drv->pci, cap + 4, 1, len);
		fake_pci_cfg_write(drv->pci, cap + 8, 4, len * 0x3ffffff);
		fake_pci_cfg_write(drv->pci, cap + 12, 4, len * len);
		fake_pci_cfg_write(drv->pci, cap + 16, 4, 0xffffffff);
		fake_pci_cfg_read(drv->pci, cap + 16, 4);
	}
	vdrv_start(drv, 0, 16);
	rng_once(drv, 10);
	vdrv_free(drv);
}

/* A function that may not master the bus does not touch memory. */
static void no_bus_master(void **state)
{
	struct vdrv_seg seg = { VDRV_DATA, 32, true };
	struct vdrv *drv = rng_new();
	struct vdrv_used used;

	(void)state;
	fake_pci_set(drv->pci, true, false);
	vdrv_start(drv, 0, 16);
	vdrv_add(drv, 0, &seg, 1);
	vdrv_settle(drv);
	assert_int_equal(((uint16_t *)vdrv_mem(drv, drv->q[0].used))[1], 0);
	assert_non_null(strstr(vdrv_row(drv, "driver"), "bus master"));
	fake_pci_set(drv->pci, true, true);
	vdrv_kick(drv, 0);
	assert_true(vdrv_wait(drv, 0, &used));
	vdrv_free(drv);
}

/* --- notification eventfds --- */

static struct dev_ioevent heard[8];
static unsigned int nr_heard;

static int hear(void *ctx, int fd, const struct dev_ioevent *ev, bool add)
{
	unsigned int i;

	(void)ctx;
	assert_true(fd >= 0);
	if (add) {
		if (ev->kind == BUS_MMIO && ev->len == 0 && ev->addr < 0x80000000)
			return -22; /* an old kernel, for half of the tests */
		heard[nr_heard++] = *ev;
		return 0;
	}
	for (i = 0; i < nr_heard; i++) {
		if (!memcmp(&heard[i], ev, sizeof(*ev))) {
			heard[i] = heard[--nr_heard];
			return 0;
		}
	}
	fail_msg("takes away what is not there");
	return -1;
}

static void eventfds_follow_the_bars(void **state)
{
	struct fake_env *fake = fake_env_new();
	struct virtio_plug plug = { .ops = &virtio_rng_ops };
	struct vdrv drv = { .fake = fake, .nr = 1 };
	const struct pci_ops *ops = &virtio_pci_ops;

	(void)state;
	fake->env.ioeventfd = hear;
	nr_heard = 0;
	drv.pci = fake_pci_new(&fake->env, ops, &plug, NULL);
	drv.vdev = virtio_pci_device(drv.pci->state);
	ops->bar_moved(drv.pci->state, 0, 0xc000, true);
	ops->bar_moved(drv.pci->state, 4, 0xe0000000, true);
	assert_int_equal(nr_heard, 0);
	vdrv_start(&drv, 0, 16);
	assert_int_equal(nr_heard, 1);
	assert_int_equal(heard[0].addr, 0xe0003000);
	assert_int_equal(heard[0].len, 0);
	ops->bar_moved(drv.pci->state, 4, 0x70000000, true);
	assert_int_equal(nr_heard, 1);
	assert_int_equal(heard[0].addr, 0x70003000);
	assert_int_equal(heard[0].len, 2);
	ops->bar_moved(drv.pci->state, 4, 0, false);
	assert_int_equal(nr_heard, 0);
	ops->bar_moved(drv.pci->state, 4, 0xe0000000, true);
	assert_int_equal(nr_heard, 1);
	vdrv_reset(&drv);
	assert_int_equal(nr_heard, 0);
	vdrv_start_legacy(&drv, 0);
	assert_int_equal(nr_heard, 1);
	assert_int_equal(heard[0].kind, BUS_PIO);
	assert_int_equal(heard[0].addr, 0xc010);
	assert_true(heard[0].match);
	ops->bar_moved(drv.pci->state, 0, 0xd000, true);
	assert_int_equal(heard[0].addr, 0xd010);
	fake_pci_free(drv.pci);
	assert_int_equal(nr_heard, 0);
	fake_env_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),	   cmocka_unit_test(capabilities),
		cmocka_unit_test(request_sizes),   cmocka_unit_test(readable_request_refused),
		cmocka_unit_test(legacy_face),	   cmocka_unit_test(legacy_habits),
		cmocka_unit_test(features),	   cmocka_unit_test(status),
		cmocka_unit_test(reset),	   cmocka_unit_test(vectors),
		cmocka_unit_test(start_is_silent), cmocka_unit_test(isr_and_pin),
		cmocka_unit_test(generation),	   cmocka_unit_test(window),
		cmocka_unit_test(no_bus_master),   cmocka_unit_test(eventfds_follow_the_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
