/* SPDX-License-Identifier: MIT */
/*
 * 80x25 colour text at 0xb8000. Everything is drawn into a copy in RAM first, and only cells
 * that changed reach the screen: device memory is slow, under some hypervisors very slow.
 */
#ifndef GUEST_VGA_H
#define GUEST_VGA_H

#include <stddef.h>
#include <stdint.h>

#define VGA_COLS 80
#define VGA_ROWS 25

enum vga_colour {
	VGA_BLACK,
	VGA_BLUE,
	VGA_GREEN,
	VGA_CYAN,
	VGA_RED,
	VGA_MAGENTA,
	VGA_BROWN,
	VGA_GREY,
	VGA_DARK_GREY,
	VGA_LIGHT_BLUE,
	VGA_LIGHT_GREEN,
	VGA_LIGHT_CYAN,
	VGA_LIGHT_RED,
	VGA_PINK,
	VGA_YELLOW,
	VGA_WHITE,
};

#define VGA_ATTR(fg, bg) ((uint8_t)((bg) << 4 | (fg)))

/* Maps and clears the screen; the scrolling window is all of it. */
void vga_init(void);

/* One cell, drawn when it changed; out of range is ignored. */
void vga_put(int row, int col, uint8_t ch, uint8_t attr);

/* A text from (row, col) on, cut at the right edge; returns the column after it. */
int vga_text(int row, int col, uint8_t attr, const char *text);

/* Fills a row from col on. */
void vga_fill(int row, int col, int len, uint8_t ch, uint8_t attr);

/* The rows that vga_write() scrolls in, from top to the bottom of the screen; clears them. */
void vga_window(int top, uint8_t attr);

/* Writes to the window at the cursor; knows \n, \r and \b; a print_sink_t. */
void vga_write(const char *text, size_t len);

#endif
