/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a machine is described to gdb: as x86-64, which fits every mode, or as
 * i386 or i8086, where gdb shall disassemble and show registers as those do.
 * All are made from the one table of registers.
 */
#ifndef VITRINE_GDB_TARGET_ARCH_H
#define VITRINE_GDB_TARGET_ARCH_H

#include "gdb/target.h"
#include "inspect/regs.h"

enum target_arch { TARGET_X86_64, TARGET_I386, TARGET_I8086, TARGET_NR_ARCHES };

/* "x86-64", "i386", "i8086" (also "i386:x86-64"); -1 for other names. */
int target_arch_find(const char *name);
const char *target_arch_name(enum target_arch arch);
/* The description, made at the first call. [main] */
const struct gdb_arch *target_arch_get(enum target_arch arch);

/*
 * REG (one of a description's registers) of ST: bitsize/8 bytes. The program
 * counter is linear, the base of CS included, so that real mode's code is where
 * gdb looks for it.
 */
void target_arch_read(const struct x86_state *st, const struct gdb_reg *reg, void *buf);
/*
 * Change it in ST, keeping what a narrower description does not show. False
 * where the register cannot hold the value or cannot be written.
 */
bool target_arch_write(struct x86_state *st, const struct gdb_reg *reg, const void *buf);
/* For agent expressions: register REGNUM of ARCH as a number; false: none, or wider than 64 bits.
 */
bool target_arch_value(const struct x86_state *st, enum target_arch arch, uint32_t regnum,
		       uint64_t *value);

#endif
