/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest made of bytes that the tests look at: see view-fixture.h. */
#include "view-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FX_P  1ull
#define FX_W  2ull
#define FX_A  0x20ull
#define FX_D  0x40ull
#define FX_PS 0x80ull
#define FX_G  0x100ull
#define FX_NX (1ull << 63)

void view_fixture_put(struct view_fixture *fx, uint64_t gpa, const void *data, size_t len)
{
	if (gpa <= FIXTURE_RAM && len <= FIXTURE_RAM - gpa)
		memcpy(fx->ram + gpa, data, len);
}

void view_fixture_poke(struct view_fixture *fx, uint64_t gpa, uint64_t val, unsigned int size)
{
	view_fixture_put(fx, gpa, &val, size);
}

static uint64_t fixture_peek(const struct view_fixture *fx, uint64_t gpa)
{
	uint64_t val = 0;

	if (gpa <= FIXTURE_RAM - sizeof(val))
		memcpy(&val, fx->ram + gpa, sizeof(val));
	return val;
}

/* The table that ENTRY_GPA points at, made if it is not there. */
static uint64_t fixture_table(struct view_fixture *fx, uint64_t entry_gpa)
{
	uint64_t entry = fixture_peek(fx, entry_gpa);

	if (!(entry & FX_P)) {
		entry = fx->next_table | FX_P | FX_W | 4 | FX_A;
		fx->next_table += 0x1000;
		view_fixture_poke(fx, entry_gpa, entry, 8);
	}
	return entry & 0xffffffffff000ull;
}

static void fixture_map_page(struct view_fixture *fx, uint64_t gva, uint64_t gpa, uint64_t flags)
{
	unsigned int last = flags & FX_PS ? 2 : 1, level;
	uint64_t table = FIXTURE_PML4;

	for (level = 4; level > last; level--)
		table = fixture_table(fx, table + (gva >> (3 + 9 * level) & 0x1ff) * 8);
	view_fixture_poke(fx, table + (gva >> (3 + 9 * last) & 0x1ff) * 8, gpa | flags, 8);
}

void view_fixture_map(struct view_fixture *fx, uint64_t gva, uint64_t gpa, uint64_t len,
		      uint64_t flags)
{
	uint64_t step = flags & FX_PS ? 0x200000 : 0x1000, off;

	for (off = 0; off < len; off += step)
		fixture_map_page(fx, gva + off, gpa + off, flags);
}

void view_fixture_gate(struct view_fixture *fx, unsigned int vector, uint64_t handler, uint16_t sel,
		       uint8_t ist, uint8_t type_attr)
{
	uint64_t gpa = FIXTURE_IDT + vector * 16ull;

	view_fixture_poke(fx, gpa,
			  (handler & 0xffff) | (uint64_t)sel << 16 | (uint64_t)ist << 32 |
				  (uint64_t)type_attr << 40 | (handler >> 16 & 0xffff) << 48,
			  8);
	view_fixture_poke(fx, gpa + 8, handler >> 32, 8);
}

static void fixture_regions(struct vm_view *view)
{
	static const struct sample_region region[] = {
		{ 0, 0xa0000, 0, 0x7f1e40000000, SAMPLE_REGION_RAM, 0, "low" },
		{ 0xa0000, 0x20000, 0xa0000, 0x7f1e400a0000, SAMPLE_REGION_VGA, 1, "vga" },
		{ 0xc0000, 0x40000, 0xc0000, 0x7f1e400c0000, SAMPLE_REGION_ROM, 2, "rom" },
		{ 0x100000, FIXTURE_RAM - 0x100000, 0x100000, 0x7f1e40100000, SAMPLE_REGION_RAM, 3,
		  "high" },
	};

	memcpy(view->region, region, sizeof(region));
	view->nr_regions = sizeof(region) / sizeof(region[0]);
}

static void fixture_segments(struct x86_state *st)
{
	static const struct x86_seg code = { .sel = 8, .limit = 0xffffffff, .attr = 0xa09b };
	static const struct x86_seg data = { .sel = 0x10, .limit = 0xffffffff, .attr = 0xc093 };
	static const struct x86_seg null = { .limit = 0xffffffff, .attr = 0x1c000 };
	static const struct x86_seg task = {
		.sel = 0x18, .base = FIXTURE_KERNEL + FIXTURE_TSS, .limit = 0x67, .attr = 0x8b
	};

	st->seg[X86_CS] = code;
	st->seg[X86_SS] = st->seg[X86_DS] = st->seg[X86_ES] = data;
	st->seg[X86_FS] = st->seg[X86_GS] = st->seg[X86_LDTR] = null;
	st->seg[X86_TR] = task;
}

static void fixture_long_mode(struct x86_state *st)
{
	st->cr0 = 0x80010011;
	st->cr3 = FIXTURE_PML4;
	st->cr4 = 0xa0;
	st->efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	st->xcr0 = 1;
	st->rflags = 0x206;
	st->dr6 = 0xffff0ff0;
	st->dr7 = 0x400;
	st->apic_base = 0xfee00900;
	st->maxphyaddr = 40;
	st->fpu.fcw = 0x37f;
	st->fpu.mxcsr = 0x1f80;
	st->msr[X86_MSR_PAT] = 0x0007040600070406ull;
	st->msr[X86_MSR_TSC] = 0x2f81c0aa10;
	fixture_segments(st);
}

struct view_fixture *view_fixture_bare(void)
{
	struct view_fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return NULL;
	fx->ram = calloc(1, FIXTURE_RAM);
	fx->view.vcpu = calloc(2, sizeof(*fx->view.vcpu));
	if (!fx->ram || !fx->view.vcpu) {
		view_fixture_free(fx);
		return NULL;
	}
	fx->next_table = FIXTURE_PML4 + 0x1000;
	fx->view.ram = fx->ram;
	fx->view.ram_len = FIXTURE_RAM;
	fx->view.mem_size = FIXTURE_RAM;
	fx->view.nr_vcpus = 1;
	fx->view.state = VM_STATE_PAUSED;
	fx->view.vcpu[0].exact = true;
	fixture_regions(&fx->view);
	fixture_long_mode(&fx->view.vcpu[0].state);
	return fx;
}

void view_fixture_free(struct view_fixture *fx)
{
	if (!fx)
		return;
	free(fx->view.vcpu);
	free(fx->ram);
	free(fx);
}

static void fixture_paging(struct view_fixture *fx)
{
	uint64_t seen = FX_P | FX_A;

	view_fixture_map(fx, FIXTURE_KERNEL, 0, 0x100000, seen | FX_W | FX_G | FX_D | FX_NX);
	view_fixture_map(fx, FIXTURE_KERNEL + 0x100000, 0x100000, 0x3000, seen | FX_G);
	view_fixture_map(fx, FIXTURE_KERNEL + 0x103000, 0x103000, 0x3000,
			 seen | FX_W | FX_G | FX_D);
	/* the guard page at +2 MiB stays absent */
	view_fixture_map(fx, FIXTURE_STACK, 0x201000, 0x4000, seen | FX_W | FX_G | FX_D | FX_NX);
	view_fixture_map(fx, FIXTURE_PHYSMAP, 0, FIXTURE_RAM, seen | FX_W | FX_D | FX_PS | FX_NX);
}

static void fixture_code(struct view_fixture *fx)
{
	/* clang-format off */
	static const uint8_t timer_init[] = {
		0x55,				/* push rbp */
		0x48, 0x89, 0xe5,		/* mov rbp,rsp */
		0xb0, 0x34,			/* mov al,0x34 */
		0xe6, 0x43,			/* out 0x43,al */
		0xb8, 0xa9, 0x04, 0x00, 0x00,	/* mov eax,0x4a9 */
		0xe6, 0x40,			/* out 0x40,al */
		0x88, 0xe0,			/* mov al,ah */
		0xe6, 0x40,			/* out 0x40,al */
		0x48, 0x8d, 0x3d, 0xd6, 0x00, 0x00, 0x00, /* lea rdi,[rip+0xd6] */
		0xbe, 0x20, 0x00, 0x00, 0x00,	/* mov esi,0x20 */
		0xe8, 0x0c, 0x02, 0x00, 0x00,	/* call irq_install */
		0x5d,				/* pop rbp */
		0xc3,				/* ret */
	};
	static const uint8_t call[] = { 0xe8, 0, 0, 0, 0 };
	/* clang-format on */
	int32_t rel;

	view_fixture_put(fx, 0x101a10, timer_init, sizeof(timer_init));
	/* the two calls that lead here: _start64 -> kmain -> timer_init */
	view_fixture_put(fx, 0x10030d, call, sizeof(call));
	rel = 0x101a10 - 0x100312;
	view_fixture_put(fx, 0x10030e, &rel, 4);
	view_fixture_put(fx, 0x100086, call, sizeof(call));
	rel = 0x100280 - 0x10008b;
	view_fixture_put(fx, 0x100087, &rel, 4);
	view_fixture_put(fx, 0x101b00, "\x48\xcf", 2);	   /* timer_isr: iretq */
	view_fixture_put(fx, 0x102000, "\xf4\xeb\xfd", 3); /* fault_isr: hlt; jmp */
}

static void fixture_tables(struct view_fixture *fx)
{
	uint64_t tss = FIXTURE_KERNEL + FIXTURE_TSS, vec;

	view_fixture_poke(fx, FIXTURE_GDT + 8, 0x00af9b000000ffffull, 8);
	view_fixture_poke(fx, FIXTURE_GDT + 0x10, 0x00cf93000000ffffull, 8);
	view_fixture_poke(fx, FIXTURE_GDT + 0x18,
			  0x67 | (tss & 0xffffff) << 16 | 0x8bull << 40 | (tss >> 24 & 0xff) << 56,
			  8);
	view_fixture_poke(fx, FIXTURE_GDT + 0x20, tss >> 32, 8);
	for (vec = 0; vec < 32; vec++)
		view_fixture_gate(fx, (unsigned int)vec, FIXTURE_KERNEL + 0x102000, 8, 0, 0x8e);
	view_fixture_gate(fx, 32, FIXTURE_KERNEL + 0x101b00, 8, 0, 0x8e);
	view_fixture_poke(fx, FIXTURE_TSS + 4, FIXTURE_STACK_END, 8);
}

static void fixture_stack(struct view_fixture *fx)
{
	static const struct {
		uint64_t gpa, val;
	} word[] = {
		{ 0x204f80, 0xffffffff80204fa0 },
		{ 0x204f88, 0xffffffff80100312 },
		{ 0x204f98, 0x20 },
		{ 0x204fa0, 0xffffffff80204fe0 },
		{ 0x204fa8, 0xffffffff8010008b },
		{ 0x204fb8, 0x9500 },
		{ 0x204fd0, 0xffffffff80104000 },
		{ 0x204fd8, 0xff },
	};
	size_t i;

	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		view_fixture_poke(fx, word[i].gpa, word[i].val, 8);
}

static void fixture_vga_line(struct view_fixture *fx, unsigned int row, uint8_t attr,
			     const char *text)
{
	uint64_t gpa = FIXTURE_VGA + row * 160;

	for (; *text; text++, gpa += 2)
		view_fixture_poke(fx, gpa, (uint64_t)(uint8_t)*text | (uint64_t)attr << 8, 2);
}

static void fixture_vga(struct view_fixture *fx)
{
	unsigned int i;

	for (i = 0; i < 80 * 25; i++)
		view_fixture_poke(fx, FIXTURE_VGA + i * 2, 0x0720, 2);
	fixture_vga_line(fx, 0, 0x1f, "myos 0.1");
	fixture_vga_line(fx, 1, 0x07, "[mm] 31744 free frames");
	fixture_vga_line(fx, 2, 0x0a, "[irq] idt ok");
	fixture_vga_line(fx, 3, 0x07, "timer...");
	fixture_vga_line(fx, 5, 0x4e, "\xc9\xcd\xcd\xbb");
	fx->view.vga_cursor = 3 * 80 + 8;
	fx->view.vga_cursor_on = 1;
	fx->view.vga_cols = 80;
	fx->view.vga_rows = 25;
}

static void fixture_vcpus(struct vm_view *view)
{
	struct x86_state *st = &view->vcpu[0].state;

	st->rip = FIXTURE_RIP;
	st->gpr[X86_RAX] = 0x34;
	st->gpr[X86_RCX] = 0x4a9;
	st->gpr[X86_RDX] = 0x43;
	st->gpr[X86_RSI] = 0xffffffff80204f10;
	st->gpr[X86_RDI] = 0x20;
	st->gpr[X86_RBP] = 0xffffffff80204f80;
	st->gpr[X86_RSP] = 0xffffffff80204f80;
	st->gpr[X86_R8] = 0xa;
	st->gpr[X86_R9] = 0x4a9;
	st->gpr[X86_R11] = 0x246;
	st->gdt = (struct x86_dtable){ FIXTURE_KERNEL + FIXTURE_GDT, 0x27 };
	st->idt = (struct x86_dtable){ FIXTURE_KERNEL + FIXTURE_IDT, 0xfff };
	st->mp_state = X86_MP_RUNNABLE;
	view->vcpu[0].exact = true;
	view->vcpu[0].count = 12;
	view->vcpu[0].time_ns = view->now_ns;
	view->vcpu[0].exits[EXIT_IO_OUT] = 212;
	view->vcpu[0].exits[EXIT_IO_IN] = 40;
	view->vcpu[0].exits[EXIT_DEBUG] = 1;
	view->vcpu[0].exit_tsc[EXIT_IO_OUT] = 212 * 9000;
	view->vcpu[0].exit_tsc[EXIT_IO_IN] = 40 * 8000;
	view->vcpu[0].shadow = *st;
	st = &view->vcpu[1].state;
	st->rip = 0xfff0;
	st->rflags = 2;
	st->cr0 = 0x60000010;
	st->seg[X86_CS] = (struct x86_seg){ 0xffff0000, 0xffff, 0x9b, 0xf000 };
	st->mp_state = X86_MP_UNINITIALIZED;
	view->vcpu[1].exact = true;
	view->vcpu[1].time_ns = view->now_ns;
	view->nr_vcpus = 2;
}

static void fixture_exits(struct vm_view *view)
{
	static const struct sample_ledger ledger[] = {
		{ "COM1", 0x3f8, 8, LEDGER_PIO, 0, 40, 198, 2100000 },
		{ "PIT", 0x40, 4, LEDGER_PIO, 0, 0, 12, 90000 },
		{ "PIC", 0x20, 2, LEDGER_PIO, 0, 0, 2, 9000 },
	};
	static const struct {
		uint64_t addr;
		uint32_t data;
		uint8_t kind;
	} flight[] = {
		{ 0x3f8, 'r', EXIT_IO_OUT },  { 0x3fd, 0x60, EXIT_IO_IN },
		{ 0x3f8, '.', EXIT_IO_OUT },  { 0x3fd, 0x60, EXIT_IO_IN },
		{ 0x3f8, '\n', EXIT_IO_OUT }, { 0x43, 0x34, EXIT_IO_OUT },
	};
	size_t i, nr = sizeof(flight) / sizeof(flight[0]);

	memcpy(view->ledger, ledger, sizeof(ledger));
	view->nr_ledger = sizeof(ledger) / sizeof(ledger[0]);
	for (i = 0; i < nr; i++)
		view->flight[i] = (struct sample_flight){
			.tsc = 0x2f81c00000 + i * 0x1000,
			.rip = FIXTURE_RIP - 2,
			.addr = flight[i].addr,
			.data = flight[i].data,
			.kind = flight[i].kind,
			.size = 1,
		};
	view->nr_flights = (uint32_t)nr;
	view->flight_total = 253;
}

/* The timer's first tick is waiting. */
static void fixture_irqchips(struct vm_view *view)
{
	struct sample_irqchips *chips = &view->irqchips;

	chips->valid = 1;
	chips->pic[0] = (struct sample_pic){ .irr = 0x01, .imr = 0xfe, .base = 0x20, .line = 0x01 };
	chips->pic[1] = (struct sample_pic){ .imr = 0xff, .base = 0x28, .level = 0x0c };
	for (unsigned int i = 0; i < SAMPLE_PINS; i++)
		chips->redir[i] = 1 << 16;
	chips->pit[0] = (struct sample_pit){ .count = 1193, .mode = 2, .gate = 1 };
	chips->pit[1].mode = chips->pit[2].mode = 0xff;
}

static void fixture_rows(struct vm_view *view)
{
	static const struct sample_row row[] = {
		{ "com1", "port", "3f8 irq 4" },
		{ "com1", "line", "115200 8N1" },
		{ "pit", "channel 0", "mode 2 reload 04a9 1000.15 Hz" },
		{ "rtc", "time", "2024-01-01 00:00:00" },
	};

	memcpy(view->row, row, sizeof(row));
	view->nr_rows = sizeof(row) / sizeof(row[0]);
}

struct view_fixture *view_fixture_new(void)
{
	struct view_fixture *fx = view_fixture_bare();
	struct vm_view *view;

	if (!fx)
		return NULL;
	view = &fx->view;
	strcpy(view->name, "myos");
	strcpy(view->image, "/tmp/myos.elf");
	strcpy(view->stop_text, "breakpoint 2 timer_init");
	view->pid = 4242;
	view->start_ns = 1000000000;
	view->now_ns = 1412000000;
	view->stop_ns = 1398000000;
	view->stop_count = 2;
	view->tsc_khz = 2400000;
	view->state = VM_STATE_DEBUG;
	view->serial_out[0] = 198;
	fixture_paging(fx);
	fixture_code(fx);
	fixture_tables(fx);
	fixture_stack(fx);
	fixture_vga(fx);
	fixture_vcpus(view);
	fixture_exits(view);
	fixture_rows(view);
	fixture_irqchips(view);
	return fx;
}

struct sym_table *view_fixture_symbols(void)
{
	static const char map[] = "ffffffff80100000 T _start64\n"
				  "ffffffff80100280 T kmain\n"
				  "ffffffff80101a10 T timer_init\n"
				  "ffffffff80101b00 T timer_isr\n"
				  "ffffffff80101c40 T irq_install\n"
				  "ffffffff80102000 T fault_isr\n"
				  "ffffffff80103000 D gdt\n"
				  "ffffffff80104000 D idt\n"
				  "ffffffff80105000 D tss\n"
				  "ffffffff80200000 B __stack_guard\n"
				  "ffffffff80201000 B boot_stack\n"
				  "ffffffff80205000 B _end\n";
	char path[] = "/tmp/view-fixture-XXXXXX";
	struct sym_table *tab = NULL;
	int fd = mkstemp(path);

	if (fd < 0)
		return NULL;
	if (write(fd, map, sizeof(map) - 1) == (ssize_t)sizeof(map) - 1)
		sym_open(path, &tab, NULL);
	close(fd);
	unlink(path);
	return tab;
}
