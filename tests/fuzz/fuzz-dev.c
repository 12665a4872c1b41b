/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest gone mad, against every device of the machine table's simple part at
 * once: port accesses of any width, interleaved with time, input from outside,
 * resets, snapshots, and snapshots made up. Each step begins with a byte, its
 * low three bits say what it is (see fuzz_step), the others how wide.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-env.h"
#include "vmm/dev/acpipm.h"
#include "vmm/dev/debugcon.h"
#include "vmm/dev/debugexit.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/postcode.h"
#include "vmm/dev/pvpanic.h"
#include "vmm/dev/reset.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/dev/vgatext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UART0, UART1, I8042, ACPIPM, RTC, VGATEXT, RESET, DEBUGCON, DEBUGEXIT, PVPANIC, POSTCODE };

static const struct device_ops *const fuzz_ops[] = {
	[UART0] = &uart0_ops,	  [UART1] = &uart1_ops,	      [I8042] = &i8042_ops,
	[ACPIPM] = &acpipm_ops,	  [RTC] = &rtc_ops,	      [VGATEXT] = &vgatext_ops,
	[RESET] = &reset_ops,	  [DEBUGCON] = &debugcon_ops, [DEBUGEXIT] = &debugexit_ops,
	[PVPANIC] = &pvpanic_ops, [POSTCODE] = &postcode_ops,
};

#define FUZZ_DEVS (sizeof(fuzz_ops) / sizeof(fuzz_ops[0]))

/* First ports of what there is, so that a byte reaches most registers. */
static const uint16_t fuzz_ports[] = {
	0x60,  0x64,  0x70,  0x71,  0x80,  0x92,  0xe9,	 0xf4,	0x2f8, 0x2f9, 0x2fa, 0x2fb, 0x2fc,
	0x2fd, 0x2fe, 0x2ff, 0x3b4, 0x3b5, 0x3ba, 0x3c0, 0x3c1, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c7,
	0x3c8, 0x3c9, 0x3ca, 0x3cc, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da, 0x3f8, 0x3f9, 0x3fa, 0x3fb,
	0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x402, 0x501, 0x505, 0x600, 0x602, 0x604, 0x608, 0xcf9, 0xb004,
};

struct fuzz {
	struct fake_env *fake;
	void *dev[FUZZ_DEVS];
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

static uint16_t fuzz_port(struct fuzz *fz, bool any)
{
	if (any)
		return (uint16_t)fuzz_take(fz, 2);
	return fuzz_ports[fuzz_take(fz, 1) % (sizeof(fuzz_ports) / sizeof(fuzz_ports[0]))];
}

static void fuzz_access(struct fuzz *fz, unsigned int width, bool write, bool any)
{
	struct bus_access acc = { .addr = fuzz_port(fz, any), .size = 1u << width, .write = write };

	if (write)
		acc.data = fuzz_take(fz, acc.size);
	bus_dispatch(fz->fake->env.bus, BUS_PIO, &acc);
	if (!write && acc.size < 8 && acc.data >> (acc.size * 8))
		abort();
}

static void fuzz_outside(struct fuzz *fz, unsigned int what)
{
	uint8_t text[64];
	unsigned int nr;

	switch (what & 3) {
	case 0:
	case 1:
		nr = fuzz_take(fz, 1) % sizeof(text);
		memset(text, 'a', sizeof(text));
		if (uart_input(fz->dev[what & 1 ? UART1 : UART0], text, nr) > nr)
			abort();
		break;
	case 2:
		i8042_key(fz->dev[I8042], (uint16_t)fuzz_take(fz, 2), what & 4);
		break;
	case 3:
		acpipm_power_button(fz->dev[ACPIPM]);
		break;
	}
}

/* A state that came from nowhere: taken or refused, but the device stays sane. */
static void fuzz_load(struct fuzz *fz, unsigned int i)
{
	struct dev_state_in in = { .data = fz->data };

	in.len = fuzz_take(fz, 2) % 2048;
	in.data = fz->data;
	if (in.len > fz->len)
		in.len = fz->len;
	fuzz_ops[i]->load(fz->dev[i], &in, NULL);
	fz->data += in.len;
	fz->len -= in.len;
}

static void fuzz_describe(struct fuzz *fz, unsigned int i)
{
	struct sample_row row[8];
	struct dev_rows rows = { .row = row, .max = 8, .device = fuzz_ops[i]->name };

	fuzz_ops[i]->describe(fz->dev[i], &rows);
	if (rows.nr > rows.max || !rows.nr)
		abort();
	while (rows.nr--) {
		if (!memchr(row[rows.nr].value, '\0', sizeof(row[0].value)))
			abort();
	}
}

static void fuzz_life(struct fuzz *fz, unsigned int what)
{
	unsigned int i = fuzz_take(fz, 1) % FUZZ_DEVS;

	switch (what & 3) {
	case 0:
		fuzz_ops[i]->reset(fz->dev[i]);
		break;
	case 1:
		fuzz_describe(fz, i);
		break;
	case 2:
		if (fake_copy(fuzz_ops[i], fz->dev[i], fz->dev[i]))
			abort();
		break;
	case 3:
		fuzz_load(fz, i);
		break;
	}
}

static void fuzz_step(struct fuzz *fz)
{
	uint8_t op = (uint8_t)fuzz_take(fz, 1);
	unsigned int high = op >> 3;

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
	case 3:
		fuzz_access(fz, high & 3, op & 1, op & 2);
		break;
	case 4:
		fake_advance(fz->fake, 1ull << (fuzz_take(fz, 1) % 36));
		break;
	case 5:
		fuzz_outside(fz, high);
		break;
	case 6:
		fuzz_life(fz, high);
		break;
	case 7:
		fz->fake->wall_sec += (int32_t)fuzz_take(fz, 4);
		break;
	}
}

static void fuzz_check(const struct fuzz *fz)
{
	const struct sample_page *page = fz->fake->page;

	if (page->vga_cols < 1 || page->vga_cols > 160 || page->vga_rows < 1 ||
	    page->vga_rows > 100 || page->vga_cursor > 0xffff || page->vga_start > 0xffff)
		abort();
}

/* Made once, because its memory is what takes time; each input finds it as new. */
static struct fake_env *fuzz_env(void)
{
	static struct fake_env *fake;

	if (!fake)
		fake = fake_env_new();
	if (!fake)
		return NULL;
	fake->now_ns = 1000000000;
	fake->wall_sec = 0;
	memset(fake->level, 0, sizeof(fake->level));
	memset(fake->out_len, 0, sizeof(fake->out_len));
	return fake;
}

static void fuzz_left(void *ctx, uint64_t base, uint64_t len, const char *name)
{
	(void)ctx;
	(void)base;
	(void)len;
	(void)name;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fz = { .data = data, .len = size };
	unsigned int i;

	fz.fake = fuzz_env();
	if (!fz.fake)
		return 0;
	for (i = 0; i < FUZZ_DEVS; i++) {
		if (fuzz_ops[i]->init(&fz.fake->env, &fz.dev[i], NULL))
			abort();
	}
	while (fz.len) {
		fuzz_step(&fz);
		fuzz_check(&fz);
	}
	while (i--)
		fuzz_ops[i]->exit(fz.dev[i]);
	bus_each(fz.fake->env.bus, BUS_PIO, fuzz_left, NULL);
	return 0;
}
