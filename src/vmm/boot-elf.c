/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain ELF kernel with no boot header, entered in the mode of its class as
 * if called from C:
 *
 *	void start(const char *cmdline, uintptr_t rsdp, uintptr_t ram_bytes);
 *
 * on a 16 KiB stack, interrupts off, flat segments. 32-bit: protected mode
 * without paging, arguments on the stack. 64-bit: the first 4 GiB one to one and
 * every program header's virtual address, SSE usable, arguments in RDI, RSI, RDX.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/boot-elf-file.h"

static bool elf_probe(const struct boot_file *image)
{
	return elf_is(image);
}

struct elf_start {
	uint64_t cmdline, stack, gdt;
};

static int elf_place_start(struct boot_ctx *ctx, bool is64, struct elf_start *start,
			   struct err *err)
{
	int ret;

	ret = boot_place_scratch(ctx, ctx->cfg->cmdline, strlen(ctx->cfg->cmdline) + 1, 16,
				 "command line", &start->cmdline, err);
	if (!ret)
		ret = boot_place_stack(ctx, &start->stack, err);
	if (!ret)
		ret = boot_place_gdt(ctx, is64, &start->gdt, err);
	return ret;
}

/* cdecl: a return address (none) and the arguments, aligned as after a call. */
static int elf_enter_32(struct boot_ctx *ctx, const struct elf_file *elf, struct x86_state *st,
			struct err *err)
{
	uint64_t entry = elf_to_physical(elf, elf->entry);
	struct elf_start start;
	uint32_t frame[4] = { 0 };
	int ret = boot_check_entry(ctx, entry, err);

	if (!ret)
		ret = elf_place_start(ctx, false, &start, err);
	if (ret)
		return ret;
	frame[1] = (uint32_t)start.cmdline;
	frame[2] = (uint32_t)ctx->rsdp;
	frame[3] = (uint32_t)mem_low_end(ctx->mem);
	boot_state_prot32(st, (uint32_t)entry, start.gdt);
	st->gpr[X86_RSP] = start.stack - 32 - 4;
	return mem_write(ctx->mem, st->gpr[X86_RSP], frame, sizeof(frame));
}

static unsigned int elf_maps(const struct elf_file *elf, struct boot_map *map)
{
	const struct elf_segment *seg;
	unsigned int i, nr = 0;

	for (i = 0; i < elf->nr_segments; i++) {
		seg = &elf->segment[i];
		if (seg->type == PT_LOAD)
			map[nr++] = (struct boot_map){ seg->vaddr, seg->paddr, seg->mem_len };
	}
	return nr;
}

static int elf_enter_64(struct boot_ctx *ctx, const struct elf_file *elf, struct x86_state *st,
			struct err *err)
{
	struct boot_map map[ELF_MAX_SEGMENTS];
	struct elf_start start;
	uint64_t cr3;
	int ret;

	ret = boot_check_entry(ctx, elf_to_physical(elf, elf->entry), err);
	if (!ret)
		ret = boot_place_tables(ctx, map, elf_maps(elf, map), &cr3, err);
	if (!ret)
		ret = elf_place_start(ctx, true, &start, err);
	if (ret)
		return ret;
	boot_state_long64(st, elf->entry, cr3, start.gdt);
	st->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	st->gpr[X86_RSP] = start.stack - 8; /* the return address: 0 */
	st->gpr[X86_RDI] = start.cmdline;
	st->gpr[X86_RSI] = ctx->rsdp;
	st->gpr[X86_RDX] = mem_size(ctx->mem);
	return 0;
}

static int elf_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	struct elf_file elf;
	int ret = elf_open(&ctx->image, &elf, err);

	if (!ret)
		ret = boot_check_no_initrd(ctx, err);
	if (!ret)
		ret = elf_place(ctx, &elf, err);
	if (ret)
		return ret;
	return elf.is64 ? elf_enter_64(ctx, &elf, st, err) : elf_enter_32(ctx, &elf, st, err);
}

const struct loader_ops boot_elf_ops = {
	.name = "elf",
	.probe = elf_probe,
	.load = elf_load,
};
