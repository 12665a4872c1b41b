/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source lines and call frame information, read lazily by libdw. Answers are
 * kept in a small direct-mapped cache: panels ask for the same few addresses
 * at every frame.
 */
#include "inspect/sym-priv.h"

#ifdef HAVE_DW

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define SYM_LINE_CACHE	 512u /* a power of two */
#define SYM_DWARF_MAX	 (2ull << 30)
#define SYM_UNITS_MAX	 65536u
#define SYM_INFLATED_MAX (1ull << 30)

struct sym_line_slot {
	uint64_t addr;
	const char *file; /* libdw's; NULL: known to have none */
	int line;
	bool used;
};

struct sym_dwarf {
	Dwarf *dw; /* NULL: no debug information, but maybe .eh_frame */
	Dwarf_CFI *debug_frame, *eh_frame;
	struct sym_line_slot slot[SYM_LINE_CACHE];
};

/* A compressed section may claim any size once inflated. */
static bool sym_dwarf_sane(Elf *elf)
{
	Elf_Scn *scn = NULL;
	uint64_t sum = 0;

	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		GElf_Chdr chdr;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type == SHT_NOBITS)
			continue;
		if (shdr.sh_flags & SHF_COMPRESSED) {
			if (!gelf_getchdr(scn, &chdr) || chdr.ch_size > SYM_INFLATED_MAX)
				return false;
			sum += chdr.ch_size;
		}
		if (shdr.sh_size > SYM_DWARF_MAX)
			return false;
		sum += shdr.sh_size;
	}
	return sum <= SYM_DWARF_MAX;
}

static struct sym_dwarf *sym_dwarf_get(struct sym_index *tab)
{
	struct sym_dwarf *dwarf;

	if (!tab || tab->dwarf_tried)
		return tab ? tab->dwarf : NULL;
	tab->dwarf_tried = true;
	if (!tab->elf || !sym_dwarf_sane(tab->elf))
		return NULL;
	dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf)
		return NULL;
	dwarf->dw = dwarf_begin_elf(tab->elf, DWARF_C_READ, NULL);
	if (dwarf->dw)
		dwarf->debug_frame = dwarf_getcfi(dwarf->dw);
	dwarf->eh_frame = dwarf_getcfi_elf(tab->elf);
	tab->dwarf = dwarf;
	return dwarf;
}

void sym_dwarf_close(struct sym_index *tab)
{
	if (!tab->dwarf)
		return;
	/* .debug_frame belongs to the Dwarf, .eh_frame to nobody else. */
	if (tab->dwarf->eh_frame)
		dwarf_cfi_end(tab->dwarf->eh_frame);
	if (tab->dwarf->dw)
		dwarf_end(tab->dwarf->dw);
	free(tab->dwarf);
	tab->dwarf = NULL;
}

/* Without .debug_aranges (clang writes none) every unit is asked for its range. */
static bool sym_dwarf_unit(Dwarf *dw, uint64_t addr, Dwarf_Die *die)
{
	Dwarf_Off off = 0, next;
	size_t header_len;
	unsigned int i;

	if (dwarf_addrdie(dw, addr, die))
		return true;
	for (i = 0; i < SYM_UNITS_MAX; i++, off = next) {
		if (dwarf_nextcu(dw, off, &next, &header_len, NULL, NULL, NULL))
			return false;
		if (dwarf_offdie(dw, off + header_len, die) && dwarf_haspc(die, addr) > 0)
			return true;
		if (next <= off)
			return false;
	}
	return false;
}

static void sym_dwarf_line(Dwarf *dw, uint64_t addr, struct sym_line_slot *slot)
{
	Dwarf_Line *line;
	Dwarf_Die die;

	*slot = (struct sym_line_slot){ .addr = addr, .used = true };
	if (!sym_dwarf_unit(dw, addr, &die))
		return;
	line = dwarf_getsrc_die(&die, addr);
	if (!line || dwarf_lineno(line, &slot->line) || slot->line <= 0)
		return;
	slot->file = dwarf_linesrc(line, NULL, NULL);
}

bool sym_index_line(struct sym_index *tab, uint64_t addr, const char **file, int *line)
{
	struct sym_dwarf *dwarf = sym_dwarf_get(tab);
	struct sym_line_slot *slot;

	if (!dwarf || !dwarf->dw)
		return false;
	slot = &dwarf->slot[(addr ^ addr >> 9) & (SYM_LINE_CACHE - 1)];
	if (!slot->used || slot->addr != addr)
		sym_dwarf_line(dwarf->dw, addr, slot);
	if (!slot->file)
		return false;
	*file = slot->file;
	*line = slot->line;
	return true;
}

/* The canonical address rule is "register plus offset"; libdw writes it as one operation. */
static bool sym_frame_cfa(Dwarf_Frame *frame, struct sym_frame *out)
{
	Dwarf_Op *ops;
	size_t nr;

	if (dwarf_frame_cfa(frame, &ops, &nr) || nr != 1)
		return false;
	if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		out->cfa_reg = ops[0].atom - DW_OP_breg0;
		out->cfa_off = (int64_t)ops[0].number;
		return true;
	}
	if (ops[0].atom == DW_OP_bregx && ops[0].number < 32) {
		out->cfa_reg = (int)ops[0].number;
		out->cfa_off = (int64_t)ops[0].number2;
		return true;
	}
	return false;
}

/* Register REG lies at CFA plus *OFF: 1, is unchanged: 0, anything else: -1. */
static int sym_frame_reg(Dwarf_Frame *frame, int reg, int64_t *off)
{
	Dwarf_Op mem[3], *ops;
	size_t nr;

	if (dwarf_frame_register(frame, reg, mem, &ops, &nr))
		return -1;
	if (!nr)
		return ops ? -1 : 0;
	if (ops[0].atom != DW_OP_call_frame_cfa || nr > 2)
		return -1;
	*off = 0;
	if (nr == 2) {
		if (ops[1].atom != DW_OP_plus_uconst)
			return -1;
		*off = (int64_t)ops[1].number;
	}
	return 1;
}

static bool sym_frame_from(Dwarf_CFI *cfi, uint64_t pc, int ra_reg, int fp_reg,
			   struct sym_frame *out)
{
	Dwarf_Frame *frame = NULL;
	bool ok;
	int fp;

	if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame))
		return false;
	memset(out, 0, sizeof(*out));
	ok = sym_frame_cfa(frame, out) && sym_frame_reg(frame, ra_reg, &out->ra_off) == 1;
	fp = sym_frame_reg(frame, fp_reg, &out->fp_off);
	out->fp_saved = fp == 1;
	free(frame);
	return ok;
}

bool sym_index_frame(struct sym_index *tab, uint64_t pc, struct sym_frame *out)
{
	struct sym_dwarf *dwarf = sym_dwarf_get(tab);
	bool wide = tab && tab->word == 8;
	int ra = wide ? 16 : 8, fp = wide ? 6 : 5;

	return dwarf && (sym_frame_from(dwarf->debug_frame, pc, ra, fp, out) ||
			 sym_frame_from(dwarf->eh_frame, pc, ra, fp, out));
}

#else

void sym_dwarf_close(struct sym_index *tab)
{
	(void)tab;
}

bool sym_index_line(struct sym_index *tab, uint64_t addr, const char **file, int *line)
{
	(void)tab;
	(void)addr;
	(void)file;
	(void)line;
	return false;
}

bool sym_index_frame(struct sym_index *tab, uint64_t pc, struct sym_frame *out)
{
	(void)tab;
	(void)pc;
	(void)out;
	return false;
}

#endif
