/* SPDX-License-Identifier: MIT */
/*
 * VGA text mode: cells, a scrolling window, the hardware cursor.
 */
#include "vga.h"

#include "cpu.h"
#include "paging.h"

#define VGA_PA		     0xb8000
#define VGA_CRTC	     0x3d4
#define VGA_CRTC_CURSOR_HIGH 0x0e
#define VGA_CRTC_CURSOR_LOW  0x0f

static volatile uint16_t *vga_cells;
static uint16_t vga_copy[VGA_ROWS * VGA_COLS];
static int vga_top, vga_row, vga_col;
static uint8_t vga_attr;

void vga_put(int row, int col, uint8_t ch, uint8_t attr)
{
	uint16_t cell = attr << 8 | ch;
	int at = row * VGA_COLS + col;

	if (row < 0 || row >= VGA_ROWS || col < 0 || col >= VGA_COLS || vga_copy[at] == cell)
		return;
	vga_copy[at] = cell;
	vga_cells[at] = cell;
}

int vga_text(int row, int col, uint8_t attr, const char *text)
{
	while (*text)
		vga_put(row, col++, *text++, attr);
	return col;
}

void vga_fill(int row, int col, int len, uint8_t ch, uint8_t attr)
{
	while (len--)
		vga_put(row, col++, ch, attr);
}

static void vga_move_cursor(void)
{
	static int shown = -1;
	int at = vga_row * VGA_COLS + vga_col;

	if (at == shown)
		return;
	shown = at;
	outb(VGA_CRTC, VGA_CRTC_CURSOR_HIGH);
	outb(VGA_CRTC + 1, at >> 8);
	outb(VGA_CRTC, VGA_CRTC_CURSOR_LOW);
	outb(VGA_CRTC + 1, at);
}

void vga_window(int top, uint8_t attr)
{
	vga_top = vga_row = top;
	vga_col = 0;
	vga_attr = attr;
	for (int row = top; row < VGA_ROWS; row++)
		vga_fill(row, 0, VGA_COLS, ' ', attr);
	vga_move_cursor();
}

void vga_init(void)
{
	vga_cells = mmio_map(VGA_PA, sizeof(vga_copy));
	vga_window(0, VGA_ATTR(VGA_GREY, VGA_BLACK));
}

static void vga_scroll(void)
{
	for (int row = vga_top; row < VGA_ROWS - 1; row++) {
		for (int col = 0; col < VGA_COLS; col++) {
			uint16_t cell = vga_copy[(row + 1) * VGA_COLS + col];

			vga_put(row, col, cell, cell >> 8);
		}
	}
	vga_fill(VGA_ROWS - 1, 0, VGA_COLS, ' ', vga_attr);
}

static void vga_newline(void)
{
	vga_col = 0;
	if (vga_row == VGA_ROWS - 1)
		vga_scroll();
	else
		vga_row++;
}

static void vga_putc(char c)
{
	switch (c) {
	case '\n':
		vga_newline();
		break;
	case '\r':
		vga_col = 0;
		break;
	case '\b':
		if (vga_col)
			vga_col--;
		break;
	default:
		if (vga_col == VGA_COLS)
			vga_newline();
		vga_put(vga_row, vga_col++, c, vga_attr);
	}
}

void vga_write(const char *text, size_t len)
{
	while (len--)
		vga_putc(*text++);
	vga_move_cursor();
}
