/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA registers of a text mode (IBM VGA Technical Reference). They are stored
 * and read back, and those that say where the text begins, where the cursor is
 * and how large the screen is are published in the sample page for whoever
 * draws it. Nothing is drawn here, so no guest can make this slow.
 */
#include "vmm/dev/vgatext.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VGATEXT_MEM_BASE 0xb8000ull
#define VGATEXT_MEM_LEN	 0x8000u
#define VGATEXT_BLANK	 0x0720 /* a space, grey on black */

enum {
	VGA_CRTC_MONO_INDEX = 0x3b4,
	VGA_CRTC_MONO_DATA = 0x3b5,
	VGA_STATUS_MONO = 0x3ba,
	VGA_ATTR_INDEX = 0x3c0, /* index and data in turn */
	VGA_ATTR_READ = 0x3c1,
	VGA_MISC_WRITE = 0x3c2, /* read: input status 0 */
	VGA_SEQ_INDEX = 0x3c4,
	VGA_SEQ_DATA = 0x3c5,
	VGA_DAC_MASK = 0x3c6,
	VGA_DAC_READ = 0x3c7, /* read: which of the two indices was written last */
	VGA_DAC_WRITE = 0x3c8,
	VGA_DAC_DATA = 0x3c9,
	VGA_FEATURE_READ = 0x3ca,
	VGA_MISC_READ = 0x3cc,
	VGA_GFX_INDEX = 0x3ce,
	VGA_GFX_DATA = 0x3cf,
	VGA_CRTC_INDEX = 0x3d4,
	VGA_CRTC_DATA = 0x3d5,
	VGA_STATUS = 0x3da, /* write: feature control */
};

enum {
	CRTC_COLUMNS = 0x01, /* less one */
	CRTC_OVERFLOW = 0x07,
	CRTC_CELL = 0x09, /* height of a character, less one */
	CRTC_CURSOR_START = 0x0a,
	CRTC_CURSOR_END = 0x0b,
	CRTC_START_HIGH = 0x0c,
	CRTC_START_LOW = 0x0d,
	CRTC_CURSOR_HIGH = 0x0e,
	CRTC_CURSOR_LOW = 0x0f,
	CRTC_VSYNC_END = 0x11,
	CRTC_LINES = 0x12, /* less one, low byte */
};

#define CRTC_CURSOR_OFF	    0x20
#define CRTC_CURSOR_LINE    0x1f
#define CRTC_CELL_LINES	    0x1f
#define CRTC_LINES_BIT_8    0x02 /* in the overflow register */
#define CRTC_LINES_BIT_9    0x40
#define CRTC_COMPARE_BIT_8  0x10 /* the one overflow bit that is never protected */
#define CRTC_PROTECT	    0x80
#define CRTC_PROTECTED_LAST 0x07

#define VGA_NR_CRTC    0x19
#define VGA_NR_SEQ     5
#define VGA_NR_GFX     9
#define VGA_NR_ATTR    0x15
#define VGA_NR_DAC     768
#define VGA_MAX_COLS   160
#define VGA_MAX_ROWS   100
#define VGA_RETRACE    0x08
#define VGA_NO_DISPLAY 0x01
#define VGA_SENSE      0x10 /* a colour monitor is there */
#define VGA_ATTR_PAS   0x20 /* the palette is in use, the screen on */
#define VGA_GRAPHICS   0x01 /* in attribute register 0x10 */

struct vgatext {
	const struct dev_env *env;

	pthread_mutex_t lock; /* everything below */
	uint8_t crtc[VGA_NR_CRTC], seq[VGA_NR_SEQ], gfx[VGA_NR_GFX], attr[VGA_NR_ATTR];
	uint8_t crtc_index, seq_index, gfx_index, attr_index;
	bool attr_data; /* the next write to 0x3c0 is data */
	uint8_t misc, feature, status;
	uint8_t dac[VGA_NR_DAC];
	uint8_t dac_mask, dac_state;
	unsigned int dac_read, dac_write; /* component indices */
};

/* Mode 3 as firmware sets it up: 80x25, 9x16 cells, cursor in the last lines. */
static const uint8_t vgatext_crtc[VGA_NR_CRTC] = {
	0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
	0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
};
static const uint8_t vgatext_seq[VGA_NR_SEQ] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
static const uint8_t vgatext_gfx[VGA_NR_GFX] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff,
};
static const uint8_t vgatext_attr[VGA_NR_ATTR] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
	0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
};

/* --- what the screens see --- */

static uint32_t vgatext_rows_locked(const struct vgatext *vga)
{
	uint8_t over = vga->crtc[CRTC_OVERFLOW];
	uint32_t lines = vga->crtc[CRTC_LINES] + 1u + (over & CRTC_LINES_BIT_8 ? 256 : 0) +
			 (over & CRTC_LINES_BIT_9 ? 512 : 0);
	uint32_t rows = lines / ((vga->crtc[CRTC_CELL] & CRTC_CELL_LINES) + 1u);

	return rows < 1 ? 1 : rows > VGA_MAX_ROWS ? VGA_MAX_ROWS : rows;
}

static uint32_t vgatext_cols_locked(const struct vgatext *vga)
{
	uint32_t cols = vga->crtc[CRTC_COLUMNS] + 1u;

	return cols > VGA_MAX_COLS ? VGA_MAX_COLS : cols;
}

static bool vgatext_cursor_on_locked(const struct vgatext *vga)
{
	uint8_t start = vga->crtc[CRTC_CURSOR_START];

	return !(start & CRTC_CURSOR_OFF) &&
	       (start & CRTC_CURSOR_LINE) <= (vga->crtc[CRTC_CURSOR_END] & CRTC_CURSOR_LINE);
}

static uint32_t vgatext_pair_locked(const struct vgatext *vga, unsigned int high)
{
	return (uint32_t)vga->crtc[high] << 8 | vga->crtc[high + 1];
}

/* Single words that readers may see change one by one: not worth the page's seqlock. */
static void vgatext_publish_locked(const struct vgatext *vga)
{
	struct sample_page *page = vga->env->page;

	if (!page)
		return;
	__atomic_store_n(&page->vga_start, vgatext_pair_locked(vga, CRTC_START_HIGH),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&page->vga_cursor, vgatext_pair_locked(vga, CRTC_CURSOR_HIGH),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&page->vga_cursor_on, vgatext_cursor_on_locked(vga), __ATOMIC_RELAXED);
	__atomic_store_n(&page->vga_cols, vgatext_cols_locked(vga), __ATOMIC_RELAXED);
	__atomic_store_n(&page->vga_rows, vgatext_rows_locked(vga), __ATOMIC_RELAXED);
}

/* --- registers --- */

static void vgatext_write_crtc_locked(struct vgatext *vga, uint8_t val)
{
	unsigned int index = vga->crtc_index;

	if (index >= VGA_NR_CRTC)
		return;
	if (vga->crtc[CRTC_VSYNC_END] & CRTC_PROTECT && index <= CRTC_PROTECTED_LAST) {
		if (index != CRTC_OVERFLOW)
			return;
		val = (uint8_t)((vga->crtc[index] & ~CRTC_COMPARE_BIT_8) |
				(val & CRTC_COMPARE_BIT_8));
	}
	vga->crtc[index] = val;
	vgatext_publish_locked(vga);
}

static void vgatext_write_attr_locked(struct vgatext *vga, uint8_t val)
{
	unsigned int index = vga->attr_index & 0x1f;

	if (!vga->attr_data)
		vga->attr_index = val & 0x3f;
	else if (index < VGA_NR_ATTR)
		vga->attr[index] = val;
	vga->attr_data = !vga->attr_data;
}

/* The status register: retrace comes and goes with every look, so that no loop waits for long. */
static uint8_t vgatext_read_status_locked(struct vgatext *vga)
{
	vga->attr_data = false;
	vga->status ^= VGA_RETRACE | VGA_NO_DISPLAY;
	return vga->status;
}

static uint8_t vgatext_read_dac_locked(struct vgatext *vga)
{
	uint8_t val = vga->dac[vga->dac_read];

	vga->dac_read = (vga->dac_read + 1) % VGA_NR_DAC;
	return val;
}

static void vgatext_write_dac_locked(struct vgatext *vga, uint8_t val)
{
	vga->dac[vga->dac_write] = val & 0x3f;
	vga->dac_write = (vga->dac_write + 1) % VGA_NR_DAC;
}

static void vgatext_write_locked(struct vgatext *vga, uint64_t port, uint8_t val)
{
	switch (port) {
	case VGA_CRTC_INDEX:
	case VGA_CRTC_MONO_INDEX:
		vga->crtc_index = val;
		break;
	case VGA_CRTC_DATA:
	case VGA_CRTC_MONO_DATA:
		vgatext_write_crtc_locked(vga, val);
		break;
	case VGA_STATUS:
	case VGA_STATUS_MONO:
		vga->feature = val;
		break;
	case VGA_ATTR_INDEX:
		vgatext_write_attr_locked(vga, val);
		break;
	case VGA_MISC_WRITE:
		vga->misc = val;
		break;
	case VGA_SEQ_INDEX:
		vga->seq_index = val;
		break;
	case VGA_SEQ_DATA:
		if (vga->seq_index < VGA_NR_SEQ)
			vga->seq[vga->seq_index] = val;
		break;
	case VGA_DAC_MASK:
		vga->dac_mask = val;
		break;
	case VGA_DAC_READ:
		vga->dac_read = val * 3u;
		vga->dac_state = 3;
		break;
	case VGA_DAC_WRITE:
		vga->dac_write = val * 3u;
		vga->dac_state = 0;
		break;
	case VGA_DAC_DATA:
		vgatext_write_dac_locked(vga, val);
		break;
	case VGA_GFX_INDEX:
		vga->gfx_index = val;
		break;
	case VGA_GFX_DATA:
		if (vga->gfx_index < VGA_NR_GFX)
			vga->gfx[vga->gfx_index] = val;
		break;
	}
}

static uint8_t vgatext_at(const uint8_t *regs, unsigned int nr, unsigned int index)
{
	return index < nr ? regs[index] : 0;
}

static uint8_t vgatext_read_locked(struct vgatext *vga, uint64_t port)
{
	switch (port) {
	case VGA_CRTC_INDEX:
	case VGA_CRTC_MONO_INDEX:
		return vga->crtc_index;
	case VGA_CRTC_DATA:
	case VGA_CRTC_MONO_DATA:
		return vgatext_at(vga->crtc, VGA_NR_CRTC, vga->crtc_index);
	case VGA_STATUS:
	case VGA_STATUS_MONO:
		return vgatext_read_status_locked(vga);
	case VGA_ATTR_INDEX:
		return vga->attr_index;
	case VGA_ATTR_READ:
		return vgatext_at(vga->attr, VGA_NR_ATTR, vga->attr_index & 0x1f);
	case VGA_MISC_WRITE:
		return VGA_SENSE;
	case VGA_SEQ_INDEX:
		return vga->seq_index;
	case VGA_SEQ_DATA:
		return vgatext_at(vga->seq, VGA_NR_SEQ, vga->seq_index);
	case VGA_DAC_MASK:
		return vga->dac_mask;
	case VGA_DAC_READ:
		return vga->dac_state;
	case VGA_DAC_WRITE:
		return (uint8_t)(vga->dac_write / 3);
	case VGA_DAC_DATA:
		return vgatext_read_dac_locked(vga);
	case VGA_FEATURE_READ:
		return vga->feature;
	case VGA_MISC_READ:
		return vga->misc;
	case VGA_GFX_INDEX:
		return vga->gfx_index;
	case VGA_GFX_DATA:
		return vgatext_at(vga->gfx, VGA_NR_GFX, vga->gfx_index);
	}
	return 0xff;
}

static void vgatext_io(void *opaque, struct bus_access *acc)
{
	struct vgatext *vga = opaque;

	if (acc->size > 1) {
		bus_split(acc, 1, vgatext_io, opaque);
		return;
	}
	pthread_mutex_lock(&vga->lock);
	if (acc->write)
		vgatext_write_locked(vga, acc->addr, (uint8_t)acc->data);
	else
		acc->data = vgatext_read_locked(vga, acc->addr);
	pthread_mutex_unlock(&vga->lock);
}

/* --- life --- */

/* The first 64 colours: two bits of each of red, green and blue, as the EGA had them. */
static void vgatext_default_dac(struct vgatext *vga)
{
	unsigned int i, c;

	memset(vga->dac, 0, sizeof(vga->dac));
	for (i = 0; i < 64; i++) {
		for (c = 0; c < 3; c++)
			vga->dac[i * 3 + c] =
				(uint8_t)((i >> (2 - c) & 1) * 42 + (i >> (5 - c) & 1) * 21);
	}
}

static void vgatext_blank(const struct vgatext *vga)
{
	uint16_t cells[VGATEXT_MEM_LEN / 4 / sizeof(uint16_t)];
	unsigned int i;

	if (!vga->env->mem)
		return;
	for (i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		cells[i] = VGATEXT_BLANK;
	for (i = 0; i < VGATEXT_MEM_LEN; i += sizeof(cells))
		mem_write(vga->env->mem, VGATEXT_MEM_BASE + i, cells, sizeof(cells));
}

static void vgatext_reset(void *state)
{
	struct vgatext *vga = state;

	pthread_mutex_lock(&vga->lock);
	memcpy(vga->crtc, vgatext_crtc, sizeof(vga->crtc));
	memcpy(vga->seq, vgatext_seq, sizeof(vga->seq));
	memcpy(vga->gfx, vgatext_gfx, sizeof(vga->gfx));
	memcpy(vga->attr, vgatext_attr, sizeof(vga->attr));
	vga->crtc_index = vga->seq_index = vga->gfx_index = 0;
	vga->attr_index = VGA_ATTR_PAS;
	vga->attr_data = false;
	vga->misc = 0x67;
	vga->feature = vga->status = 0;
	vgatext_default_dac(vga);
	vga->dac_mask = 0xff;
	vga->dac_state = 0;
	vga->dac_read = vga->dac_write = 0;
	vgatext_blank(vga);
	vgatext_publish_locked(vga);
	pthread_mutex_unlock(&vga->lock);
}

static void vgatext_exit(void *state)
{
	struct vgatext *vga = state;

	bus_unregister(vga->env->bus, vga);
	pthread_mutex_destroy(&vga->lock);
	free(vga);
}

static int vgatext_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports[] = {
		{ VGA_CRTC_MONO_INDEX, 2, "vga mono" },	 { VGA_STATUS_MONO, 1, "vga mono" },
		{ VGA_ATTR_INDEX, 16, "vga registers" }, { VGA_CRTC_INDEX, 2, "vga crtc" },
		{ VGA_STATUS, 1, "vga status" },
	};
	struct vgatext *vga = calloc(1, sizeof(*vga));
	int ret;

	if (!vga)
		return err_sys(err, ENOMEM, "vgatext");
	vga->env = env;
	pthread_mutex_init(&vga->lock, NULL);
	ret = dev_claim_ports(env, ports, sizeof(ports) / sizeof(ports[0]), vgatext_io, vga, err);
	if (ret) {
		vgatext_exit(vga);
		return ret;
	}
	vgatext_reset(vga);
	*state = vga;
	return 0;
}

static void vgatext_describe(void *state, struct dev_rows *rows)
{
	struct vgatext *vga = state;
	uint32_t cols, start, cursor, cell;

	pthread_mutex_lock(&vga->lock);
	cols = vgatext_cols_locked(vga);
	start = vgatext_pair_locked(vga, CRTC_START_HIGH);
	cursor = vgatext_pair_locked(vga, CRTC_CURSOR_HIGH);
	cell = (cursor - start) & 0xffff;
	dev_row(rows, "mode", "%s, %ux%u, cells of %u lines",
		vga->attr[0x10] & VGA_GRAPHICS ? "graphics (not shown)" : "text", cols,
		vgatext_rows_locked(vga), (vga->crtc[CRTC_CELL] & CRTC_CELL_LINES) + 1u);
	dev_row(rows, "text begins", "0x%05llx", VGATEXT_MEM_BASE + start * 2ull);
	dev_row(rows, "cursor", "%s, column %u row %u, lines %u to %u",
		vgatext_cursor_on_locked(vga) ? "on" : "off", cell % cols, cell / cols,
		vga->crtc[CRTC_CURSOR_START] & CRTC_CURSOR_LINE,
		vga->crtc[CRTC_CURSOR_END] & CRTC_CURSOR_LINE);
	dev_row(rows, "screen", "%s, misc %02x",
		vga->attr_index & VGA_ATTR_PAS ? "on" : "off (palette access)", vga->misc);
	pthread_mutex_unlock(&vga->lock);
}

static void vgatext_save(void *state, struct buf *out)
{
	struct vgatext *vga = state;

	pthread_mutex_lock(&vga->lock);
	dev_save_bytes(out, vga->crtc, sizeof(vga->crtc));
	dev_save_bytes(out, vga->seq, sizeof(vga->seq));
	dev_save_bytes(out, vga->gfx, sizeof(vga->gfx));
	dev_save_bytes(out, vga->attr, sizeof(vga->attr));
	dev_save_u8(out, vga->crtc_index);
	dev_save_u8(out, vga->seq_index);
	dev_save_u8(out, vga->gfx_index);
	dev_save_u8(out, vga->attr_index);
	dev_save_u8(out, vga->attr_data);
	dev_save_u8(out, vga->misc);
	dev_save_u8(out, vga->feature);
	dev_save_u8(out, vga->status);
	dev_save_bytes(out, vga->dac, sizeof(vga->dac));
	dev_save_u8(out, vga->dac_mask);
	dev_save_u8(out, vga->dac_state);
	dev_save_u32(out, vga->dac_read);
	dev_save_u32(out, vga->dac_write);
	pthread_mutex_unlock(&vga->lock);
}

static int vgatext_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct vgatext *vga = state;

	pthread_mutex_lock(&vga->lock);
	dev_load_bytes(in, vga->crtc, sizeof(vga->crtc));
	dev_load_bytes(in, vga->seq, sizeof(vga->seq));
	dev_load_bytes(in, vga->gfx, sizeof(vga->gfx));
	dev_load_bytes(in, vga->attr, sizeof(vga->attr));
	vga->crtc_index = dev_load_u8(in);
	vga->seq_index = dev_load_u8(in);
	vga->gfx_index = dev_load_u8(in);
	vga->attr_index = dev_load_u8(in);
	vga->attr_data = dev_load_u8(in);
	vga->misc = dev_load_u8(in);
	vga->feature = dev_load_u8(in);
	vga->status = dev_load_u8(in);
	dev_load_bytes(in, vga->dac, sizeof(vga->dac));
	vga->dac_mask = dev_load_u8(in);
	vga->dac_state = dev_load_u8(in);
	vga->dac_read = dev_load_u32(in) % VGA_NR_DAC;
	vga->dac_write = dev_load_u32(in) % VGA_NR_DAC;
	vgatext_publish_locked(vga);
	pthread_mutex_unlock(&vga->lock);
	return dev_load_end(in, "vgatext", err);
}

const struct device_ops vgatext_ops = {
	.name = "vgatext",
	.init = vgatext_init,
	.reset = vgatext_reset,
	.exit = vgatext_exit,
	.describe = vgatext_describe,
	.save = vgatext_save,
	.load = vgatext_load,
};
