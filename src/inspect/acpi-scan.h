/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables in a guest's memory, found as a kernel finds them (ACPI 6.5, 5.2). */
#ifndef VITRINE_INSPECT_ACPI_SCAN_H
#define VITRINE_INSPECT_ACPI_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/view.h"

#define ACPI_SCAN_MAX 48

struct acpi_scan_table {
	char sig[5], oem[7], oem_table[9]; /* printable; "" where the table has no such field */
	uint64_t gpa;
	uint32_t len;
	uint8_t revision;
	bool readable, whole; /* WHOLE: all of LEN lies in RAM and LEN makes sense */
	bool has_sum, sum_ok;
};

struct acpi_scan {
	unsigned int nr;			     /* 0: no root pointer was found */
	bool more;				     /* there is no room for all */
	struct acpi_scan_table table[ACPI_SCAN_MAX]; /* "RSD PTR " first, as "RSDP" */
};

/* Look for the root pointer in the places of a PC, and list what hangs from it. Bounded work. */
void acpi_scan(const struct vm_view *view, struct acpi_scan *out);
/* "ok", "bad checksum", "cut off", "not in RAM", "no checksum". */
const char *acpi_scan_verdict(const struct acpi_scan_table *tab);

#endif
