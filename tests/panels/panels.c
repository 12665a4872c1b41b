/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Draws one panel from the fixture guest: `panels PANEL COLS ROWS`, or its lines
 * (`panels PANEL COLS show`), or its JSON (`panels PANEL json`). With PANELS_IRET set the guest
 * stands in an interrupt handler, some instructions before its IRET.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/view-fixture.h"
#include "tui/panel.h"
#include "tui/term.h"

static const char serial_text[] = "[boot] myos 0.1 (multiboot1, 128M)\r\n"
				  "[mm]   pmm: 31 744 free frames\r\n"
				  "[mm]   enabling paging, cr3=0x1000\r\n"
				  "[irq]  \x1b[32midt loaded\x1b[0m, 256 gates\r\n"
				  "[tmr]  timer_init(1000)\r\n";

static const struct panel_break breaks[] = {
	{ .id = 1, .addr = 0xffffffff80101a14, .kind = "sw", .hits = 1 },
	{ .id = 2, .addr = 0xffffffff80101a18, .kind = "hw", .hits = 1 },
};

static const struct panel_vm vms[] = {
	{ .name = "myos",
	  .state = "STOPPED",
	  .last = "breakpoint 2 timer_init",
	  .nr_vcpus = 2,
	  .mem_size = FIXTURE_RAM,
	  .exits_per_s = 0,
	  .cpu_percent = 0,
	  .past = { .nr = 3, .cpu = { [13] = 44, 44, 0 }, .held = { [13] = 80, 80, 80 } },
	  .selected = true,
	  .current = true },
	{ .name = "xv6",
	  .state = "running",
	  .last = "",
	  .nr_vcpus = 2,
	  .mem_size = 512ull << 20,
	  .exits_per_s = 1204,
	  .marked = true,
	  .cpu_percent = 43,
	  .resident = 312ull << 20,
	  .balloon = true,
	  .actual = 512ull << 20,
	  .target = 384ull << 20,
	  .past = { .nr = 5,
		    .cpu = { [11] = 0, 12, 50, 99, 21 },
		    .held = { [11] = 20, 30, 40, 61, 61 } } },
	{ .name = "linux-dev",
	  .state = "running",
	  .last = "",
	  .nr_vcpus = 4,
	  .mem_size = 1ull << 30,
	  .exits_per_s = 88,
	  .cpu_percent = 6,
	  .balloon = true,
	  .actual = 768ull << 20,
	  .target = 768ull << 20,
	  .past = { .nr = 16, .cpu = { 3, 3, 2, 3, 90, 100 }, .held = { 70, 75, 75, 75 } } },
	{ .name = "ci-smoke", .state = "exited", .last = "debug-exit 0x10", .cpu_percent = -1 },
};

/* The pictures PANEL compares with: the stop before, and a second ago. */
static void make_past(struct vm_view *past, const struct vm_view *view)
{
	*past = *view;
	past->vcpu = calloc(view->nr_vcpus, sizeof(*past->vcpu));
	if (!past->vcpu)
		exit(1);
	memcpy(past->vcpu, view->vcpu, view->nr_vcpus * sizeof(*past->vcpu));
	past->now_ns -= 1000000000;
	past->vcpu[0].state.rip -= 2;
	past->vcpu[0].state.gpr[X86_RDX] = 0x34;
	past->vcpu[0].state.gpr[X86_RSP] += 8;
	past->vcpu[0].exits[EXIT_IO_OUT] = 12;
	past->ledger[0].writes = 10;
}

/* pop rax; add rsp,8; iretq: with a code segment where SS belongs. */
static void make_iret(struct view_fixture *fx)
{
	static const uint8_t code[] = { 0x58, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf };
	static const uint64_t word[] = { 0x2a, 0, FIXTURE_RIP, 8, 0x202, FIXTURE_STACK_END, 8 };

	view_fixture_put(fx, 0x101b00, code, sizeof(code));
	view_fixture_put(fx, 0x204f40, word, sizeof(word));
	fx->view.vcpu[0].state.rip = FIXTURE_KERNEL + 0x101b00;
	fx->view.vcpu[0].state.gpr[X86_RSP] = FIXTURE_KERNEL + 0x204f40;
}

/* What the VM process would say of page 101000. */
static const char stage2_text[] =
	"memslot  3 high, host virtual 7f1e40101a18\n"
	"host     present, at physical 12345a18\n"
	"NPT      maps it to 12346a18, 4K RWXU AD\n"
	"so       ✗ MISMATCH: not the host's page\n"
	"\n"
	"slot  resident  swapped  written\n"
	"   3     38.0M       0B  12 pages/s  high\n"
	"\n"
	"NPT exact (BPF), root 000000123000, 4 levels, read in 0.1 ms, 0.0 s ago\n";

static int draw(struct panel *pan, const struct panel_ctx *ctx, int cols, int rows)
{
	struct surface *sf = surface_new(rows, cols);
	struct buf out = BUF_INIT;

	if (!sf)
		return 1;
	pan->focused = true;
	panel_draw(pan, ctx, sf, surface_area(sf));
	surface_dump(sf, &out);
	fputs(buf_str(&out), stdout);
	buf_free(&out);
	surface_free(sf);
	return 0;
}

static int show(const struct panel_ops *ops, const struct panel_ctx *ctx, const char *cols)
{
	struct buf out = BUF_INIT;
	int err = panel_show(ops, ctx, atoi(cols), &out);

	fputs(buf_str(&out), stdout);
	buf_free(&out);
	return err ? 1 : 0;
}

static int run(const struct panel_ops *ops, const struct panel_ctx *ctx, char **argv)
{
	struct panel pan;
	int err;

	if (!strcmp(argv[1], "json")) {
		char *text = panel_json(ops, ctx);

		puts(text ? text : "none");
		free(text);
		return 0;
	}
	if (!strcmp(argv[2], "show"))
		return show(ops, ctx, argv[1]);
	if (panel_init(&pan, ops))
		return 1;
	if (argv[3])
		snprintf(pan.goal, sizeof(pan.goal), "%s", argv[3]);
	err = draw(&pan, ctx, atoi(argv[1]), atoi(argv[2]));
	panel_exit(&pan);
	return err;
}

int main(int argc, char **argv)
{
	const struct panel_ops *ops = argc > 2 ? panel_find(argv[1]) : NULL;
	struct view_fixture *fx = view_fixture_new();
	struct sym_table *syms = view_fixture_symbols();
	struct term *term = term_new(25, 80, NULL, NULL);
	struct vm_view past;
	int err;

	if (!ops || !fx || !term) {
		fprintf(stderr, "usage: panels PANEL COLS ROWS|show [GOAL] | panels PANEL json\n");
		return 2;
	}
	if (getenv("PANELS_IRET"))
		make_iret(fx);
	term_feed(term, serial_text, sizeof(serial_text) - 1);
	make_past(&past, &fx->view);
	err = run(ops,
		  &(struct panel_ctx){ .view = &fx->view,
				       .prev = &past,
				       .past = &past,
				       .syms = syms,
				       .breaks = breaks,
				       .nr_breaks = 2,
				       .vms = vms,
				       .nr_vms = 4,
				       .stage2 = getenv("PANELS_STAGE2") ? stage2_text : NULL,
				       .term = term },
		  argv + 1);
	free(past.vcpu);
	term_free(term);
	sym_close(syms);
	view_fixture_free(fx);
	return err;
}
