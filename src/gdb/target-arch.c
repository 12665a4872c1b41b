/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The descriptions of the processor: see target-arch.h. */
#include "gdb/target-arch.h"

#include <cpuid.h>
#include <string.h>

#define TARGET_MAX_REGS 288
#define TARGET_MAX_NAME 8

static const struct {
	const char *feature, *group;
	bool in_g;
} target_groups[] = {
	[REG_GROUP_GENERAL] = { "org.gnu.gdb.i386.core", "general", true },
	[REG_GROUP_FPU] = { "org.gnu.gdb.i386.core", "float", true },
	[REG_GROUP_SSE] = { "org.gnu.gdb.i386.sse", "vector", true },
	[REG_GROUP_AVX] = { "org.gnu.gdb.i386.avx", "vector", false },
	[REG_GROUP_SEGBASE] = { "org.gnu.gdb.i386.segments", "general", false },
	[REG_GROUP_SYSTEM] = { "org.vitrine.system", "system", false },
	[REG_GROUP_AVX512] = { "org.gnu.gdb.i386.avx512", "vector", false },
	[REG_GROUP_PKEYS] = { "org.gnu.gdb.i386.pkeys", "system", false },
};

/* The general registers of the 32-bit descriptions, in gdb's order. */
static const struct {
	const char *name, *full;
} target_narrow[] = {
	{ "eax", "rax" }, { "ecx", "rcx" }, { "edx", "rdx" }, { "ebx", "rbx" }, { "esp", "rsp" },
	{ "ebp", "rbp" }, { "esi", "rsi" }, { "edi", "rdi" }, { "eip", "rip" },
};

#define TARGET_NR_NARROW (sizeof(target_narrow) / sizeof(target_narrow[0]))

/* One description, and the row of reg_table behind each of its registers. */
struct target_table {
	struct gdb_arch arch;
	struct gdb_reg reg[TARGET_MAX_REGS];
	unsigned int row[TARGET_MAX_REGS];
};

static struct target_table target_table[TARGET_NR_ARCHES] = {
	[TARGET_X86_64] = { .arch = { .name = "i386:x86-64",
				      .triple = "x86_64-unknown-none-elf",
				      .ptr_bytes = 8 } },
	[TARGET_I386] = { .arch = { .name = "i386",
				    .triple = "i386-unknown-none-elf",
				    .ptr_bytes = 4 } },
	[TARGET_I8086] = { .arch = { .name = "i8086",
				     .triple = "i386-unknown-none-code16",
				     .ptr_bytes = 4 } },
};

static int target_pc_row;

static enum gdb_reg_role target_role(const char *name)
{
	if (!strcmp(name, "rip"))
		return GDB_ROLE_PC;
	if (!strcmp(name, "rsp"))
		return GDB_ROLE_SP;
	if (!strcmp(name, "rbp"))
		return GDB_ROLE_FP;
	return strcmp(name, "eflags") ? GDB_ROLE_NONE : GDB_ROLE_FLAGS;
}

/* XCR0 bits this host's processor can have: what a guest can never use is not described. */
static uint32_t target_features(void)
{
	uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;

	__get_cpuid_count(0xd, 0, &eax, &ebx, &ecx, &edx);
	return eax;
}

static bool target_has_group(unsigned int group, uint32_t features)
{
	if (group == REG_GROUP_AVX)
		return features & 1u << 2;
	if (group == REG_GROUP_AVX512)
		return (features & 0xe4) == 0xe4;
	return group != REG_GROUP_PKEYS || features & 1u << 9;
}

static void target_add(struct target_table *table, unsigned int row, const char *name,
		       uint32_t bits, const char *type)
{
	unsigned int n = (unsigned int)table->arch.reg_count++;
	unsigned int group = reg_table[row].group;

	table->row[n] = row;
	table->reg[n] = (struct gdb_reg){
		.name = name,
		.bitsize = bits,
		.type = type,
		.group = target_groups[group].group,
		.feature = target_groups[group].feature,
		.in_g = target_groups[group].in_g,
		.regnum = n,
		.role = target_role(reg_table[row].name),
	};
}

static void target_fill_wide(struct target_table *table, uint32_t features)
{
	unsigned int i;

	for (i = 0; i < reg_table_len && table->arch.reg_count < TARGET_MAX_REGS; i++) {
		if (target_has_group(reg_table[i].group, features))
			target_add(table, i, reg_table[i].name, reg_table[i].width,
				   reg_table[i].gdb_type);
	}
}

/* xmm0 to xmm7 only, and no general register twice; AVX needs gdb's 64-bit numbering. */
static bool target_in_narrow(unsigned int row)
{
	const struct reg_desc *desc = &reg_table[row];

	if (desc->group == REG_GROUP_GENERAL)
		return desc->width == 32;
	if (desc->group == REG_GROUP_SSE && !strncmp(desc->name, "xmm", 3))
		return desc->name[3] < '8' && !desc->name[4];
	return desc->group == REG_GROUP_FPU || desc->group == REG_GROUP_SSE ||
	       desc->group == REG_GROUP_SYSTEM;
}

/* fs_base and gs_base belong to 64-bit processors in gdb's eyes: here they are ours. */
static void target_add_base(struct target_table *table, const char *name)
{
	target_add(table, (unsigned int)reg_find(name), name, 64, "data_ptr");
	table->reg[table->arch.reg_count - 1].type = "int64";
	table->reg[table->arch.reg_count - 1].group = "system";
	table->reg[table->arch.reg_count - 1].feature = "org.vitrine.system";
}

/* A pointer type is as wide as the description's pointers, which registers of 64 bits are not. */
static const char *target_narrow_type(const struct reg_desc *desc)
{
	bool pointer = !strcmp(desc->gdb_type, "data_ptr") || !strcmp(desc->gdb_type, "code_ptr");

	return pointer ? "int64" : desc->gdb_type;
}

static void target_fill_narrow(struct target_table *table)
{
	unsigned int i;

	for (i = 0; i < TARGET_NR_NARROW; i++)
		target_add(table, (unsigned int)reg_find(target_narrow[i].full),
			   target_narrow[i].name, 32,
			   reg_table[reg_find(target_narrow[i].full)].gdb_type[0] == 'i'
				   ? "int32"
				   : reg_table[reg_find(target_narrow[i].full)].gdb_type);
	for (i = 0; i < reg_table_len && table->arch.reg_count < TARGET_MAX_REGS - 2; i++) {
		if (target_in_narrow(i))
			target_add(table, i, reg_table[i].name, reg_table[i].width,
				   target_narrow_type(&reg_table[i]));
	}
	target_add_base(table, "fs_base");
	target_add_base(table, "gs_base");
}

/* A description is made when the first gdb asks for it: most guests never meet one. */
static void target_fill(enum target_arch arch)
{
	struct target_table *table = &target_table[arch];

	table->arch.regs = table->reg;
	if (!target_pc_row)
		target_pc_row = reg_find("rip");
	if (arch == TARGET_X86_64)
		target_fill_wide(table, target_features());
	else
		target_fill_narrow(table);
}

static const char *const target_names[TARGET_NR_ARCHES] = {
	[TARGET_X86_64] = "x86-64",
	[TARGET_I386] = "i386",
	[TARGET_I8086] = "i8086",
};

int target_arch_find(const char *name)
{
	int i;

	for (i = 0; i < TARGET_NR_ARCHES; i++) {
		if (!strcmp(name, target_names[i]) || !strcmp(name, target_table[i].arch.name))
			return i;
	}
	return -1;
}

const char *target_arch_name(enum target_arch arch)
{
	return target_names[arch];
}

const struct gdb_arch *target_arch_get(enum target_arch arch)
{
	if (!target_table[arch].arch.reg_count)
		target_fill(arch);
	return &target_table[arch].arch;
}

/* The row of reg_table behind REG, whichever description it is of. */
static unsigned int target_row(const struct gdb_reg *reg)
{
	unsigned int i;

	for (i = 0; i < TARGET_NR_ARCHES; i++) {
		const struct gdb_reg *first = target_table[i].reg;

		if (reg >= first && reg < first + TARGET_MAX_REGS)
			return target_table[i].row[reg - first];
	}
	return 0;
}

/* What to add to rip to have the linear address. */
static uint64_t target_pc_base(const struct x86_state *st)
{
	return x86_state_linear_rip(st) - st->rip;
}

static void target_read_row(const struct x86_state *st, unsigned int row,
			    uint8_t full[GDB_REG_MAX_BYTES])
{
	uint64_t pc;

	reg_table[row].read(st, reg_table[row].arg, full);
	if (row != (unsigned int)target_pc_row)
		return;
	pc = x86_state_linear_rip(st);
	memcpy(full, &pc, sizeof(pc));
}

void target_arch_read(const struct x86_state *st, const struct gdb_reg *reg, void *buf)
{
	uint8_t full[GDB_REG_MAX_BYTES];

	target_read_row(st, target_row(reg), full);
	memcpy(buf, full, reg->bitsize / 8);
}

bool target_arch_write(struct x86_state *st, const struct gdb_reg *reg, const void *buf)
{
	unsigned int row = target_row(reg);
	const struct reg_desc *desc = &reg_table[row];
	uint8_t full[GDB_REG_MAX_BYTES];
	uint64_t pc;

	target_read_row(st, row, full);
	if (!memcmp(full, buf, reg->bitsize / 8))
		return true;
	memcpy(full, buf, reg->bitsize / 8);
	if (row == (unsigned int)target_pc_row) {
		memcpy(&pc, full, sizeof(pc));
		pc -= target_pc_base(st);
		if (x86_state_mode(st) != X86_MODE_LONG64)
			pc = (uint32_t)pc;
		memcpy(full, &pc, sizeof(pc));
	}
	return desc->write && desc->write(st, desc->arg, full);
}

bool target_arch_value(const struct x86_state *st, enum target_arch arch, uint32_t regnum,
		       uint64_t *value)
{
	const struct target_table *table = &target_table[arch];
	uint8_t full[GDB_REG_MAX_BYTES];

	if (regnum >= table->arch.reg_count || table->reg[regnum].bitsize > 64)
		return false;
	*value = 0;
	target_read_row(st, table->row[regnum], full);
	memcpy(value, full, table->reg[regnum].bitsize / 8);
	return true;
}
