/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's `info` commands. Pure: a view is all they see. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/monitor.h"
#include "ctl/pci-info.h"
#include "ctl/report.h"
#include "inspect/acpi-scan.h"
#include "inspect/autopsy.h"
#include "inspect/disasm.h"
#include "inspect/mmu.h"

#define INFO_TLB_MAX	 65536
#define INFO_FLIGHTS	 32
#define INFO_SYMBOLS_MAX 1000

static int info_no_vcpu(struct err *err)
{
	return err_set(err, ENODEV, "there is no vCPU to look at");
}

static void info_registers_of(const struct monitor_ctx *ctx, unsigned int vcpu, struct buf *out)
{
	const struct view_vcpu *v = &ctx->view->vcpu[vcpu];

	buf_printf(out, "\nCPU#%u%s\n", vcpu, v->exact ? "" : " (sampled while running)");
	regs_dump(&v->state, out);
}

static int info_registers(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			  struct err *err)
{
	unsigned int vcpu, i;

	if (!monitor_state(ctx, &vcpu))
		return info_no_vcpu(err);
	if (!args->nr) {
		info_registers_of(ctx, vcpu, out);
		return 0;
	}
	if (strcmp(args->word[0], "-a") != 0)
		return err_set(err, EINVAL, "info registers [-a]");
	for (i = 0; i < ctx->view->nr_vcpus; i++)
		info_registers_of(ctx, i, out);
	return 0;
}

static void info_mem_line(uint64_t start, uint64_t end, unsigned int perm, struct buf *out)
{
	buf_printf(out, "%016llx-%016llx %016llx %c%c%c\n", (unsigned long long)start,
		   (unsigned long long)end, (unsigned long long)(end - start),
		   perm & MMU_U ? 'u' : '-', 'r', perm & MMU_W ? 'w' : '-');
}

/* Ranges as the processor sees them: physical contiguity does not matter here. */
static int info_mem(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	const unsigned int mask = MMU_U | MMU_W;
	uint64_t start = 0, end = 0;
	struct mmu_fold fold = { 0 };
	unsigned int perm = 0;
	size_t i;

	(void)args;
	if (!st)
		return info_no_vcpu(err);
	if (mmu_mode_of(st) == MMU_OFF) {
		buf_puts(out, "PG disabled\n");
		return 0;
	}
	if (mmu_fold(ctx->view, st, &fold) < 0)
		return err_sys(err, ENOMEM, "page tables");
	for (i = 0; i < fold.nr; i++) {
		if (end != start && fold.range[i].gva == end &&
		    (fold.range[i].perm & mask) == perm) {
			end += fold.range[i].len;
			continue;
		}
		if (end != start)
			info_mem_line(start, end, perm, out);
		start = fold.range[i].gva;
		end = start + fold.range[i].len;
		perm = fold.range[i].perm & mask;
	}
	if (end != start)
		info_mem_line(start, end, perm, out);
	if (fold.truncated)
		buf_puts(out, "(there is more)\n");
	mmu_fold_free(&fold);
	return 0;
}

/* One page: the leaf entry's own bits. */
static void info_tlb_line(uint64_t gva, const struct mmu_walk *walk, struct buf *out)
{
	uint64_t entry = walk->nr_levels ? walk->level[walk->nr_levels - 1].entry : 0;

	buf_printf(out, "%016llx: %016llx %c%c%c%c%c%c%c%c%c\n", (unsigned long long)gva,
		   (unsigned long long)walk->gpa, walk->perm & MMU_NX ? 'X' : '-',
		   entry & 1 << 8 ? 'G' : '-', walk->page_len > 4096 ? 'P' : '-',
		   entry & 1 << 6 ? 'D' : '-', entry & 1 << 5 ? 'A' : '-',
		   entry & 1 << 4 ? 'C' : '-', entry & 1 << 3 ? 'T' : '-',
		   entry & 1 << 2 ? 'U' : '-', entry & 1 << 1 ? 'W' : '-');
}

static unsigned int info_tlb_range(const struct monitor_ctx *ctx, const struct x86_state *st,
				   const struct mmu_range *range, unsigned int left,
				   struct buf *out)
{
	uint64_t off = 0;
	struct mmu_walk walk;

	while (off < range->len && left && !out->failed) {
		mmu_walk(ctx->view, st, range->gva + off, &walk);
		if (walk.present) {
			info_tlb_line(range->gva + off, &walk, out);
			left--;
		}
		off += walk.present && walk.page_len ? walk.page_len : 4096;
	}
	return left;
}

static int info_tlb(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	unsigned int left = INFO_TLB_MAX;
	struct mmu_fold fold = { 0 };
	size_t i;

	(void)args;
	if (!st)
		return info_no_vcpu(err);
	if (mmu_mode_of(st) == MMU_OFF) {
		buf_puts(out, "PG disabled\n");
		return 0;
	}
	if (mmu_fold(ctx->view, st, &fold) < 0)
		return err_sys(err, ENOMEM, "page tables");
	for (i = 0; i < fold.nr && left; i++)
		left = info_tlb_range(ctx, st, &fold.range[i], left, out);
	if (!left || fold.truncated)
		buf_puts(out, "(there is more)\n");
	mmu_fold_free(&fold);
	return 0;
}

static void info_mtree_bus(const struct vm_view *view, enum ledger_kind kind, struct buf *out)
{
	const struct sample_ledger *led;
	uint32_t i;

	for (i = 0; i < view->nr_ledger; i++) {
		led = &view->ledger[i];
		if (led->kind == (uint32_t)kind && led->len)
			buf_printf(out, "  %016llx-%016llx (prio 0, i/o): %s\n",
				   (unsigned long long)led->base,
				   (unsigned long long)(led->base + led->len - 1), led->name);
	}
}

static int info_mtree(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	static const char *const types[] = { [SAMPLE_REGION_RAM] = "ram",
					     [SAMPLE_REGION_VGA] = "ram",
					     [SAMPLE_REGION_ROM] = "rom" };
	const struct sample_region *reg;
	uint32_t i;

	(void)args;
	(void)err;
	buf_puts(out, "address-space: memory\n");
	for (i = 0; i < ctx->view->nr_regions; i++) {
		reg = &ctx->view->region[i];
		buf_printf(out, "  %016llx-%016llx (prio 0, %s): %s\n",
			   (unsigned long long)reg->gpa,
			   (unsigned long long)(reg->gpa + reg->len - 1),
			   reg->type <= SAMPLE_REGION_ROM ? types[reg->type] : "?", reg->name);
	}
	info_mtree_bus(ctx->view, LEDGER_MMIO, out);
	buf_puts(out, "\naddress-space: I/O\n");
	info_mtree_bus(ctx->view, LEDGER_PIO, out);
	return 0;
}

static const char *info_mp_state(uint32_t state)
{
	static const char *const names[] = {
		[X86_MP_RUNNABLE] = "",
		[X86_MP_UNINITIALIZED] = " (waits for INIT)",
		[X86_MP_INIT] = " (waits for SIPI)",
		[X86_MP_HALTED] = " (halted)",
		[X86_MP_SIPI] = " (SIPI received)",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "";
}

static int info_cpus(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		     struct err *err)
{
	const struct x86_state *st;
	unsigned int i, cur = 0;
	char where[96];

	(void)args;
	(void)err;
	monitor_state(ctx, &cur);
	for (i = 0; i < ctx->view->nr_vcpus; i++) {
		st = &ctx->view->vcpu[i].state;
		sym_text(ctx->syms, x86_state_linear_rip(st), where, sizeof(where));
		buf_printf(out, "%c CPU #%u: pc=0x%016llx%s%s%s %s cpl %u%s\n",
			   i == cur ? '*' : ' ', i, (unsigned long long)x86_state_linear_rip(st),
			   where[0] ? " <" : "", where, where[0] ? ">" : "",
			   x86_mode_name(x86_state_mode(st)), x86_state_cpl(st),
			   info_mp_state(st->mp_state));
	}
	return 0;
}

static int info_status(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	const struct vm_view *view = ctx->view;

	(void)args;
	(void)err;
	buf_printf(out, "VM status: %s", vm_state_name(view->state));
	if (view->state != VM_STATE_RUNNING && view->stop_text[0])
		buf_printf(out, " (%s)", view->stop_text);
	buf_addc(out, '\n');
	return 0;
}

static void info_exit_totals(const struct vm_view *view, struct buf *out)
{
	uint64_t count, tsc;
	unsigned int kind;
	uint32_t i;

	buf_printf(out, "%-20s %14s %14s\n", "exit", "count", "time us");
	for (kind = 0; kind < EXIT_NR; kind++) {
		for (count = tsc = 0, i = 0; i < view->nr_vcpus; i++) {
			count += view->vcpu[i].exits[kind];
			tsc += view->vcpu[i].exit_tsc[kind];
		}
		if (count)
			buf_printf(out, "%-20s %14llu %14llu\n", exit_kind_name(kind),
				   (unsigned long long)count,
				   (unsigned long long)(view->tsc_khz ? tsc * 1000 / view->tsc_khz
								      : 0));
	}
}

static int info_exits(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	const struct sample_ledger *led;
	uint32_t i;

	(void)args;
	(void)err;
	info_exit_totals(ctx->view, out);
	buf_printf(out, "\n%-20s %14s %14s %14s\n", "device", "reads", "writes", "time us");
	for (i = 0; i < ctx->view->nr_ledger; i++) {
		led = &ctx->view->ledger[i];
		if (led->reads || led->writes)
			buf_printf(
				out, "%-20s %14llu %14llu %14llu\n", led->name,
				(unsigned long long)led->reads, (unsigned long long)led->writes,
				(unsigned long long)(ctx->view->tsc_khz
							     ? led->tsc * 1000 / ctx->view->tsc_khz
							     : 0));
	}
	return 0;
}

static int info_flight(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	uint64_t nr = INFO_FLIGHTS;

	if (args->nr && !parse_range(args->word[0], 1, SAMPLE_FLIGHTS, &nr))
		return err_set(err, EINVAL, "how many: 1 to %d", SAMPLE_FLIGHTS);
	report_flights(ctx->view, ctx->syms, -1, (unsigned int)nr, out);
	return 0;
}

/* Rows of the devices whose names begin with PREFIX. */
static unsigned int info_rows(const struct vm_view *view, const char *prefix, struct buf *out)
{
	const struct sample_row *row;
	const char *last = "";
	unsigned int shown = 0;
	uint32_t i;

	for (i = 0; i < view->nr_rows; i++) {
		row = &view->row[i];
		if (strncmp(row->device, prefix, strlen(prefix)) != 0)
			continue;
		if (strcmp(row->device, last) != 0)
			buf_printf(out, "%s:\n", row->device);
		last = row->device;
		buf_printf(out, "  %-20s %s\n", row->label, row->value);
		shown++;
	}
	return shown;
}

static int info_devices(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	const char *prefix = args->nr ? args->word[0] : "";

	if (!info_rows(ctx->view, prefix, out) && args->nr)
		return err_set(err, ENODEV, "there is no device '%s'", prefix);
	return 0;
}

static int info_pic(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	(void)args;
	if (info_rows(ctx->view, "pic", out) + info_rows(ctx->view, "ioapic", out) == 0)
		return err_set(err, ENODEV, "the interrupt controllers have not said anything");
	return 0;
}

static uint32_t info_lapic_reg(const struct x86_state *st, unsigned int off)
{
	uint32_t val;

	memcpy(&val, st->lapic + off, sizeof(val));
	return val;
}

/* The vectors set in one of the LAPIC's 256-bit registers (SDM 3A 11.8.4). */
static void info_lapic_vectors(const struct x86_state *st, const char *name, unsigned int off,
			       struct buf *out)
{
	unsigned int vec;

	buf_printf(out, "%s\t", name);
	for (vec = 0; vec < 256; vec++) {
		if (info_lapic_reg(st, off + vec / 32 * 0x10) >> (vec % 32) & 1)
			buf_printf(out, " %u", vec);
	}
	buf_addc(out, '\n');
}

static int info_lapic(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	static const struct {
		const char *name;
		unsigned int off;
	} regs[] = {
		{ "ID", 0x20 },	    { "VERSION", 0x30 }, { "TPR", 0x80 },   { "PPR", 0xa0 },
		{ "LDR", 0xd0 },    { "DFR", 0xe0 },	 { "SPIV", 0xf0 },  { "ESR", 0x280 },
		{ "ICR", 0x300 },   { "ICR2", 0x310 },	 { "LVTT", 0x320 }, { "LVTTHMR", 0x330 },
		{ "LVTPC", 0x340 }, { "LVT0", 0x350 },	 { "LVT1", 0x360 }, { "LVTERR", 0x370 },
		{ "TMICT", 0x380 }, { "TMCCT", 0x390 },	 { "TDCR", 0x3e0 },
	};
	const struct x86_state *st;
	unsigned int vcpu;
	size_t i;

	(void)args;
	st = monitor_state(ctx, &vcpu);
	if (!st)
		return info_no_vcpu(err);
	if (!st->has_lapic_regs)
		return err_set(err, ENODATA, "no LAPIC registers in this sample (stop first)");
	buf_printf(out, "dumping local APIC state for CPU %u\n\n", vcpu);
	for (i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		buf_printf(out, "%s\t 0x%08x\n", regs[i].name, info_lapic_reg(st, regs[i].off));
	info_lapic_vectors(st, "ISR", 0x100, out);
	info_lapic_vectors(st, "IRR", 0x200, out);
	return 0;
}

static int info_version(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	buf_puts(out, PACKAGE_VERSION "\n");
	return 0;
}

static int info_acpi(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		     struct err *err)
{
	struct acpi_scan *scan = malloc(sizeof(*scan));

	(void)args;
	if (!scan)
		return err_sys(err, ENOMEM, "ACPI tables");
	acpi_scan(ctx->view, scan);
	for (unsigned int i = 0; i < scan->nr; i++)
		buf_printf(out, "%-4s %012llx %7u B  revision %u  %-12s %s %s\n",
			   scan->table[i].sig, (unsigned long long)scan->table[i].gpa,
			   scan->table[i].len, scan->table[i].revision,
			   acpi_scan_verdict(&scan->table[i]), scan->table[i].oem,
			   scan->table[i].oem_table);
	if (!scan->nr)
		buf_puts(out, "there is no RSDP where a PC has it\n");
	free(scan);
	return 0;
}

static int info_name(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		     struct err *err)
{
	(void)args;
	(void)err;
	buf_printf(out, "%s\n", ctx->view->name);
	return 0;
}

static int info_kvm(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	buf_puts(out, "kvm support: enabled\n");
	return 0;
}

static const char *const info_segment_types[16] = {
	"data ro",	"data ro a",	  "data rw",	  "data rw a",
	"data ro down", "data ro down a", "data rw down", "data rw down a",
	"code x",	"code x a",	  "code rx",	  "code rx a",
	"code x conf",	"code x conf a",  "code rx conf", "code rx conf a",
};

static const char *const info_system_types[16] = {
	"?", "TSS16", "LDT", "TSS16 busy", "call16", "task gate", "int16", "trap16",
	"?", "TSS",   "?",   "TSS busy",   "call",   "?",	  "int",   "trap",
};

/* One descriptor (SDM 3A 3.4.5); returns how many 8-byte slots it takes. */
static unsigned int info_gdt_line(unsigned int index, uint64_t lo, uint64_t hi, bool wide,
				  struct buf *out)
{
	unsigned int type = (unsigned int)(lo >> 40) & 15;
	bool system = !(lo >> 44 & 1);
	uint64_t base = (lo >> 16 & 0xffffff) | (lo >> 56 & 0xff) << 24;
	uint64_t limit = (lo & 0xffff) | (lo >> 48 & 15) << 16;

	if (!lo)
		return 1;
	if (lo >> 55 & 1)
		limit = limit << 12 | 0xfff;
	if (system && wide)
		base |= hi << 32;
	buf_printf(out, "%04x  base %016llx limit %08llx dpl %u %s%s%s %s\n", index * 8,
		   (unsigned long long)base, (unsigned long long)limit,
		   (unsigned int)(lo >> 45) & 3, lo >> 47 & 1 ? "" : "not present ",
		   !system && lo >> 53 & 1 ? "64-bit " : "",
		   !system && lo >> 54 & 1 ? "32-bit " : "",
		   (system ? info_system_types : info_segment_types)[type]);
	return system && wide ? 2 : 1;
}

static bool info_read8(const struct monitor_ctx *ctx, unsigned int vcpu, uint64_t gva,
		       uint64_t *out)
{
	return view_read_va(ctx->view, vcpu, gva, out, 8) == 8;
}

static int info_gdt(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	const struct x86_state *st;
	unsigned int vcpu, i, nr;
	uint64_t lo, hi;
	bool wide;

	(void)args;
	st = monitor_state(ctx, &vcpu);
	if (!st)
		return info_no_vcpu(err);
	wide = st->efer & X86_EFER_LMA;
	nr = (st->gdt.limit + 1u) / 8;
	buf_printf(out, "GDT at %016llx limit %04x\n", (unsigned long long)st->gdt.base,
		   st->gdt.limit);
	for (i = 0; i < nr;) {
		if (!info_read8(ctx, vcpu, st->gdt.base + i * 8, &lo))
			return err_set(err, EFAULT, "entry %u: cannot access memory", i);
		hi = 0;
		if (i + 1 < nr)
			info_read8(ctx, vcpu, st->gdt.base + i * 8 + 8, &hi);
		i += info_gdt_line(i, lo, hi, wide, out);
	}
	return 0;
}

static void info_idt_line(const struct monitor_ctx *ctx, unsigned int vec, uint64_t lo, uint64_t hi,
			  bool wide, struct buf *out)
{
	uint64_t target = (lo & 0xffff) | (lo >> 48 & 0xffff) << 16 | (wide ? hi << 32 : 0);
	const char *name = disasm_vector_name(vec);
	char where[96];

	sym_text(ctx->syms, target, where, sizeof(where));
	buf_printf(out, "%02x %-4s %04x:%016llx %-5s dpl %u ist %u%s%s%s%s\n", vec,
		   name ? name : "", (unsigned int)(lo >> 16) & 0xffff, (unsigned long long)target,
		   info_system_types[lo >> 40 & 15], (unsigned int)(lo >> 45) & 3,
		   wide ? (unsigned int)(lo >> 32) & 7 : 0, lo >> 47 & 1 ? "" : " not present",
		   where[0] ? " <" : "", where, where[0] ? ">" : "");
}

static int info_idt_real(const struct monitor_ctx *ctx, unsigned int vcpu,
			 const struct x86_state *st, struct buf *out)
{
	uint32_t vec, entry;

	for (vec = 0; vec * 4 + 3 <= st->idt.limit && vec < 256; vec++) {
		if (view_read_va(ctx->view, vcpu, st->idt.base + vec * 4, &entry, 4) != 4)
			break;
		if (entry)
			buf_printf(out, "%02x %04x:%04x\n", vec, entry >> 16, entry & 0xffff);
	}
	return 0;
}

static int info_idt(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	const struct x86_state *st;
	unsigned int vcpu, vec, size;
	uint64_t lo, hi;
	bool wide;

	(void)args;
	st = monitor_state(ctx, &vcpu);
	if (!st)
		return info_no_vcpu(err);
	buf_printf(out, "IDT at %016llx limit %04x\n", (unsigned long long)st->idt.base,
		   st->idt.limit);
	if (x86_state_mode(st) == X86_MODE_REAL)
		return info_idt_real(ctx, vcpu, st, out);
	wide = st->efer & X86_EFER_LMA;
	size = wide ? 16 : 8;
	for (vec = 0; vec < 256 && vec * size + size - 1 <= st->idt.limit; vec++) {
		if (!info_read8(ctx, vcpu, st->idt.base + vec * size, &lo))
			return err_set(err, EFAULT, "entry %u: cannot access memory", vec);
		hi = 0;
		if (wide)
			info_read8(ctx, vcpu, st->idt.base + vec * size + 8, &hi);
		if (lo | hi)
			info_idt_line(ctx, vec, lo, hi, wide, out);
	}
	return 0;
}

static int info_autopsy(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	struct autopsy *aut;
	unsigned int vcpu;

	(void)args;
	if (!monitor_state(ctx, &vcpu))
		return info_no_vcpu(err);
	if (ctx->view->state == VM_STATE_CRASHED || ctx->view->state == VM_STATE_INTERNAL)
		vcpu = ctx->view->stop_vcpu < ctx->view->nr_vcpus ? ctx->view->stop_vcpu : 0;
	aut = calloc(1, sizeof(*aut));
	if (!aut)
		return err_sys(err, ENOMEM, "autopsy");
	autopsy_run(ctx->view, vcpu, ctx->syms, aut);
	autopsy_text(aut, ctx->view, ctx->syms, out);
	free(aut);
	return 0;
}

struct info_symbols {
	struct buf *out;
	unsigned int left;
};

static bool info_symbol_line(void *arg, const char *name, uint64_t addr)
{
	struct info_symbols *sym = arg;

	buf_printf(sym->out, "%016llx %s\n", (unsigned long long)addr, name);
	return --sym->left > 0;
}

static int info_symbols(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	struct info_symbols sym = { .out = out, .left = INFO_SYMBOLS_MAX };

	if (!ctx->syms)
		return err_set(err, ENOENT, "there are no symbols (vitrine run --symbols FILE)");
	sym_each(ctx->syms, args->nr ? args->word[0] : "", info_symbol_line, &sym);
	if (!sym.left)
		buf_puts(out, "(there are more)\n");
	return 0;
}

static int info_pci(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	(void)args;
	(void)err;
	pci_info_text(ctx->view, out);
	return 0;
}

const struct monitor_command monitor_info_commands[] = {
	{ "info registers", "[-a]", "registers of the chosen vCPU, or of all", 1, 0,
	  MONITOR_COMPLETE_NONE, info_registers },
	{ "info mem", "", "mapped guest-virtual ranges", 0, 0, MONITOR_COMPLETE_NONE, info_mem },
	{ "info tlb", "", "mapped guest-virtual pages", 0, 0, MONITOR_COMPLETE_NONE, info_tlb },
	{ "info mtree", "", "memory, MMIO and I/O ports and who answers", 0, 0,
	  MONITOR_COMPLETE_NONE, info_mtree },
	{ "info pci", "", "functions on the PCI bus", 0, 0, MONITOR_COMPLETE_NONE, info_pci },
	{ "info cpus", "", "all vCPUs", 0, 0, MONITOR_COMPLETE_NONE, info_cpus },
	{ "info status", "", "running, paused, or why not", 0, 0, MONITOR_COMPLETE_NONE,
	  info_status },
	{ "info exits", "", "what exits and devices have cost", 0, 0, MONITOR_COMPLETE_NONE,
	  info_exits },
	{ "info flight", "[count]", "the last exits, oldest first", 1, 0, MONITOR_COMPLETE_NONE,
	  info_flight },
	{ "info devices", "[name]", "every device's own words", 1, 0, MONITOR_COMPLETE_NONE,
	  info_devices },
	{ "info acpi", "", "ACPI tables in memory", 0, 0, MONITOR_COMPLETE_NONE, info_acpi },
	{ "info lapic", "", "local APIC of the chosen vCPU", 0, 0, MONITOR_COMPLETE_NONE,
	  info_lapic },
	{ "info pic", "", "8259 and I/O APIC", 0, 0, MONITOR_COMPLETE_NONE, info_pic },
	{ "info gdt", "", "segment descriptors", 0, 0, MONITOR_COMPLETE_NONE, info_gdt },
	{ "info idt", "", "interrupt gates", 0, 0, MONITOR_COMPLETE_NONE, info_idt },
	{ "info autopsy", "", "what went wrong", 0, 0, MONITOR_COMPLETE_NONE, info_autopsy },
	{ "info symbols", "[prefix]", "the guest's symbols", 1, 0, MONITOR_COMPLETE_SYMBOL,
	  info_symbols },
	{ "info name", "", "the VM's name", 0, 0, MONITOR_COMPLETE_NONE, info_name },
	{ "info kvm", "", "as QEMU says it", 0, 0, MONITOR_COMPLETE_NONE, info_kvm },
	{ "info version", "", "vitrine's version", 0, 0, MONITOR_COMPLETE_NONE, info_version },
};
const size_t monitor_info_commands_len =
	sizeof(monitor_info_commands) / sizeof(monitor_info_commands[0]);
