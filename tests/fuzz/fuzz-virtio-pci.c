/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest gone mad against virtio over PCI, with the entropy and the console
 * device behind it: registers of both faces and of the window, memory, kicks,
 * input from the host, resets, snapshots true and made up. Each step begins with
 * a byte: its low four bits say what it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/virtio-driver.h"
#include "base/log.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct vdrv *drv;
	struct vconsole_line *line;
	const uint8_t *data;
	size_t len;
};

static uint64_t fuzz_take(struct fuzz *fz, unsigned int nr)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < nr && fz->len; i++, fz->len--)
		val |= (uint64_t)*fz->data++ << (i * 8);
	return val;
}

static void fuzz_bar(struct fuzz *fz, unsigned int bar, unsigned int width)
{
	uint64_t off = bar ? fuzz_take(fz, 2) : fuzz_take(fz, 1);
	uint32_t size = 1u << (width & 3);
	uint64_t val;

	if (width & 4) {
		fake_pci_write(fz->drv->pci, bar, off, size, fuzz_take(fz, size));
		return;
	}
	val = fake_pci_read(fz->drv->pci, bar, off, size);
	if (size < 8 && val >> (size * 8))
		abort();
}

static void fuzz_memory(struct fuzz *fz)
{
	uint64_t gpa = 0x1000 + fuzz_take(fz, 2);
	size_t len = fuzz_take(fz, 1);

	if (len > fz->len)
		len = fz->len;
	mem_write(fz->drv->fake->env.mem, gpa, fz->data, len);
	fz->data += len;
	fz->len -= len;
}

static void fuzz_load(struct fuzz *fz, bool own)
{
	const struct pci_ops *ops = fz->drv->pci->ops;
	void *state = fz->drv->pci->state;
	struct dev_state_in in = { .data = fz->data, .len = fz->len };
	struct buf buf = BUF_INIT;

	ops->hold(state, true);
	ops->save(state, &buf);
	if (own) {
		in.data = (const uint8_t *)buf.data;
		in.len = buf.len;
	}
	ops->load(state, &in, NULL);
	ops->hold(state, false);
	buf_free(&buf);
}

static void fuzz_window(struct fuzz *fz, unsigned int width)
{
	unsigned int cap = fake_pci_find_cap(fz->drv->pci, 5);

	fake_pci_cfg_write(fz->drv->pci, cap + (uint32_t)fuzz_take(fz, 1) % 20, 1u << width % 3,
			   (uint32_t)fuzz_take(fz, 4));
	fake_pci_cfg_read(fz->drv->pci, cap + 16, 4);
}

static void fuzz_step(struct fuzz *fz)
{
	uint8_t what = (uint8_t)fuzz_take(fz, 1);
	uint8_t text[64] = { 0 };

	switch (what & 15) {
	case 0 ... 4:
		fuzz_bar(fz, 4, what >> 4);
		break;
	case 5 ... 6:
		fuzz_bar(fz, 0, what >> 4);
		break;
	case 7 ... 8:
		fuzz_memory(fz);
		break;
	case 9:
		vdrv_kick(fz->drv, (what >> 4) % fz->drv->nr);
		vdrv_settle(fz->drv);
		break;
	case 10:
		vdrv_start(fz->drv, fuzz_take(fz, 8), 1u << (what >> 4) % 7);
		break;
	case 11:
		vdrv_start_legacy(fz->drv, (uint32_t)fuzz_take(fz, 4));
		fz->drv->legacy = false;
		break;
	case 12:
		fuzz_window(fz, what >> 4);
		break;
	case 13:
		vconsole_line_input(fz->line, text, what >> 2);
		vconsole_line_resize(fz->line, what, (uint16_t)fuzz_take(fz, 2));
		break;
	case 14:
		fake_pci_set(fz->drv->pci, what & 16, what & 32);
		vdrv_row(fz->drv, "driver");
		break;
	case 15:
		fuzz_load(fz, what & 16);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fz = { .data = data, .len = size };
	struct vconsole_config cfg = { .nr_ports = 1 };
	unsigned int i;

	if (!size)
		return 0;
	log_open(-1);
	cfg.line = fz.line = vconsole_line_new();
	fz.drv = fuzz_take(&fz, 1) & 1 ? vdrv_new(&virtio_rng_ops, NULL)
				       : vdrv_new(&virtio_console_ops, &cfg);
	for (i = 0; i < 2000 && fz.len; i++)
		fuzz_step(&fz);
	vdrv_settle(fz.drv);
	vdrv_free(fz.drv);
	vconsole_line_free(fz.line);
	return 0;
}
