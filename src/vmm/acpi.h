/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables (RSDP, XSDT, FADT, MADT, MCFG, DSDT) and the MP table, made for a guest's size. */
#ifndef VITRINE_VMM_ACPI_H
#define VITRINE_VMM_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/boot.h"

#define ACPI_PM1A_EVT	0x600 /* 4 bytes: status, enable */
#define ACPI_PM1A_CNT	0x604 /* 2 bytes; SLP_TYP 5 << 10 with SLP_EN powers off, as QEMU's */
#define ACPI_PM_TMR	0x608 /* 4 bytes, 3.579545 MHz */
#define ACPI_RESET_PORT 0xcf9
#define ACPI_SCI_IRQ	9
#define ACPI_S5_TYPE	5
#define ACPI_ECAM_BASE	0xe0000000ull

/* The byte that makes LEN bytes of DATA sum up to zero (its own place counting as zero). */
uint8_t acpi_checksum(const void *data, size_t len);

/*
 * Place the tables for NR_CPUS processors in the ROM area (0xE0000..0xFFFFF),
 * RSDP and MP floating pointer where a BIOS has them. Returns the RSDP's gpa in RSDP.
 */
int acpi_place(struct boot_ctx *ctx, unsigned int nr_cpus, uint64_t *rsdp, struct err *err);

#endif
