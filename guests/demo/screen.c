/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA screen: a title with the clock, a plasma, every processor's counter, a line of the
 * machine's own counters, and below them the command prompt's window.
 */
#include "demo.h"

#include "mem.h"
#include "print.h"
#include "rtc.h"
#include "vga.h"

#define SCREEN_FRAME_TICKS  8
#define SCREEN_CPUS_PER_ROW 8
#define SCREEN_CPU_COLS	    (VGA_COLS / SCREEN_CPUS_PER_ROW)
#define SCREEN_PROMPT_ROWS  10
#define SCREEN_TITLE	    VGA_ATTR(VGA_WHITE, VGA_BLUE)
#define SCREEN_STATUS	    VGA_ATTR(VGA_BLACK, VGA_GREY)

static int8_t screen_sine[256];
static int screen_cpu_rows;
static char screen_clock[32];

/* A parabola for each half wave is near enough to a sine. */
static void screen_make_sine(void)
{
	for (int i = 0; i < 128; i++) {
		screen_sine[i] = i * (128 - i) * 127 / 4096;
		screen_sine[i + 128] = -screen_sine[i];
	}
}

static int screen_status_row(void)
{
	return VGA_ROWS - SCREEN_PROMPT_ROWS - 1;
}

static int screen_cpu_row(void)
{
	return screen_status_row() - screen_cpu_rows;
}

static void screen_draw_cell(int row, int col, unsigned int height)
{
	static const uint8_t colours[] = { VGA_BLUE,  VGA_CYAN, VGA_GREEN,
					   VGA_BROWN, VGA_RED,	VGA_MAGENTA };
	static const uint8_t shades[] = { ' ', 0xb0, 0xb1, 0xb2 };
	unsigned int at = height / 4 % 6;

	vga_put(row, col, shades[height % 4], VGA_ATTR(colours[(at + 1) % 6], colours[at]));
}

static void screen_draw_plasma(unsigned int t)
{
	for (int row = 1; row < screen_cpu_row(); row++) {
		for (int col = 0; col < VGA_COLS; col++) {
			int v = screen_sine[(col * 3 + t * 2) & 255] +
				screen_sine[(row * 11 + t * 3) & 255] +
				screen_sine[(col * 2 + row * 7 - t) & 255];

			screen_draw_cell(row, col, (unsigned int)(v + 381) / 16 + t / 8);
		}
	}
}

static void screen_draw_cpus(void)
{
	static const uint8_t colours[] = { VGA_WHITE, VGA_LIGHT_GREEN, VGA_LIGHT_CYAN, VGA_YELLOW };
	char text[SCREEN_CPU_COLS + 1];

	for (unsigned int i = 0; i < smp_nr_cpus; i++) {
		uint64_t count = i ? smp_cpus[i].counter : demo_counter;

		snprintf(text, sizeof(text), "%2u%8lu", i, count % 10000000);
		vga_text(screen_cpu_row() + (int)i / SCREEN_CPUS_PER_ROW,
			 (int)i % SCREEN_CPUS_PER_ROW * SCREEN_CPU_COLS,
			 VGA_ATTR(colours[i % 4], VGA_BLACK), text);
	}
}

static void screen_read_clock(void)
{
	struct rtc_time t;

	rtc_read(&t);
	snprintf(screen_clock, sizeof(screen_clock), "%04u-%02u-%02u %02u:%02u:%02u", t.year,
		 t.month, t.day, t.hour, t.minute, t.second);
}

static void screen_draw_title(uint64_t now)
{
	unsigned int up = now / DEMO_HZ;
	char text[VGA_COLS + 1];

	snprintf(text, sizeof(text), " vitrine demo  %2u cpus  %lu MiB  %-8s  %s  up %02u:%02u ",
		 smp_nr_cpus, (mem_total() + (1 << 20) - 1) >> 20, demo_irq_source, screen_clock,
		 up / 60 % 100, up % 60);
	vga_text(0, 0, SCREEN_TITLE, text);
}

static void screen_draw_status(uint64_t now)
{
	char text[VGA_COLS + 1];

	snprintf(text, sizeof(text),
		 " tick %-10lu round %-10lu result %016lx  keys %-5lu com1 %-5lu", now,
		 demo_counter, demo_result, input_count(INPUT_KEYBOARD), input_count(INPUT_SERIAL));
	vga_text(screen_status_row(), 0, SCREEN_STATUS, text);
}

void screen_init(void)
{
	screen_make_sine();
	screen_cpu_rows = (smp_nr_cpus + SCREEN_CPUS_PER_ROW - 1) / SCREEN_CPUS_PER_ROW;
	vga_window(0, VGA_ATTR(VGA_GREY, VGA_BLACK));
	vga_fill(0, 0, VGA_COLS, ' ', SCREEN_TITLE);
	vga_fill(screen_status_row(), 0, VGA_COLS, ' ', SCREEN_STATUS);
	vga_window(VGA_ROWS - SCREEN_PROMPT_ROWS, VGA_ATTR(VGA_GREY, VGA_BLACK));
}

void screen_update(uint64_t now)
{
	static uint64_t next_frame, next_clock;

	if (now < next_frame)
		return;
	next_frame = now + SCREEN_FRAME_TICKS;
	if (now >= next_clock) {
		next_clock = now + DEMO_HZ;
		screen_read_clock();
	}
	screen_draw_title(now);
	screen_draw_plasma(now / SCREEN_FRAME_TICKS);
	screen_draw_cpus();
	screen_draw_status(now);
}
