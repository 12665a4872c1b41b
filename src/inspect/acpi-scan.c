/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables in guest memory: see acpi-scan.h. Nothing in them is trusted. */
#include "inspect/acpi-scan.h"

#include <string.h>

#define SCAN_RSDP_LEN	  20u
#define SCAN_RSDP2_LEN	  36u
#define SCAN_HEADER	  36u
#define SCAN_LEN_MAX	  (1u << 20) /* of a table */
#define SCAN_BIOS	  0xe0000ull
#define SCAN_BIOS_END	  0x100000ull
#define SCAN_EBDA_POINTER 0x40eull

/* Offsets in the FADT (5.2.9). */
#define SCAN_FADT_FACS	 36u
#define SCAN_FADT_DSDT	 40u
#define SCAN_FADT_X_FACS 132u
#define SCAN_FADT_X_DSDT 140u

static bool scan_sum(const struct vm_view *view, uint64_t gpa, uint32_t len, uint8_t *sum)
{
	uint8_t data[512];

	*sum = 0;
	while (len) {
		uint32_t part = len < sizeof(data) ? len : (uint32_t)sizeof(data);

		if (view_read(view, gpa, data, part) != part)
			return false;
		for (uint32_t i = 0; i < part; i++)
			*sum = (uint8_t)(*sum + data[i]);
		gpa += part;
		len -= part;
	}
	return true;
}

/* LEN characters of the guest's, made fit to be shown. */
static void scan_text(char *out, const uint8_t *from, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		out[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
	out[len] = '\0';
	while (len && (out[len - 1] == ' ' || !from[len - 1]))
		out[--len] = '\0';
}

static bool scan_is_rsdp(const struct vm_view *view, uint64_t gpa)
{
	uint8_t sum;
	char sig[8];

	return view_read(view, gpa, sig, sizeof(sig)) == sizeof(sig) &&
	       !memcmp(sig, "RSD PTR ", 8) && scan_sum(view, gpa, SCAN_RSDP_LEN, &sum) && !sum;
}

static bool scan_range(const struct vm_view *view, uint64_t from, uint64_t to, uint64_t *gpa)
{
	for (*gpa = from; *gpa < to; *gpa += 16)
		if (scan_is_rsdp(view, *gpa))
			return true;
	return false;
}

/* 5.2.5.1: the first KiB of the extended BIOS data area, then the BIOS's read-only memory. */
static bool scan_find(const struct vm_view *view, uint64_t *gpa)
{
	uint64_t ebda = 0;

	view_read_value(view, SCAN_EBDA_POINTER, 2, &ebda);
	ebda <<= 4;
	return (ebda && scan_range(view, ebda, ebda + 1024, gpa)) ||
	       scan_range(view, SCAN_BIOS, SCAN_BIOS_END, gpa);
}

static struct acpi_scan_table *scan_new(struct acpi_scan *out, uint64_t gpa)
{
	struct acpi_scan_table *tab;

	for (unsigned int i = 0; i < out->nr; i++)
		if (out->table[i].gpa == gpa)
			return NULL;
	if (out->nr == ACPI_SCAN_MAX) {
		out->more = true;
		return NULL;
	}
	tab = &out->table[out->nr++];
	memset(tab, 0, sizeof(*tab));
	tab->gpa = gpa;
	return tab;
}

/* A table with the common header; the FACS has its length in the same place but no checksum. */
static const struct acpi_scan_table *scan_table(const struct vm_view *view, uint64_t gpa,
						struct acpi_scan *out)
{
	struct acpi_scan_table *tab = gpa ? scan_new(out, gpa) : NULL;
	uint8_t head[SCAN_HEADER], sum;

	if (!tab)
		return NULL;
	tab->readable = view_read(view, gpa, head, sizeof(head)) == sizeof(head);
	if (!tab->readable)
		return tab;
	scan_text(tab->sig, head, 4);
	memcpy(&tab->len, head + 4, 4);
	tab->has_sum = strcmp(tab->sig, "FACS") != 0;
	tab->whole = tab->len >= (tab->has_sum ? SCAN_HEADER : 8) && tab->len <= SCAN_LEN_MAX &&
		     scan_sum(view, gpa, tab->len, &sum);
	tab->sum_ok = tab->whole && !sum;
	if (tab->has_sum) {
		tab->revision = head[8];
		scan_text(tab->oem, head + 10, 6);
		scan_text(tab->oem_table, head + 16, 8);
	}
	return tab;
}

static uint64_t scan_pointer(const struct vm_view *view, const struct acpi_scan_table *tab,
			     unsigned int off, unsigned int size)
{
	uint64_t val = 0;

	if (off + size > tab->len || !view_read_value(view, tab->gpa + off, size, &val))
		return 0;
	return val;
}

static void scan_fadt(const struct vm_view *view, const struct acpi_scan_table *fadt,
		      struct acpi_scan *out)
{
	const struct acpi_scan_table copy = *fadt; /* the array grows below */
	uint64_t dsdt = scan_pointer(view, &copy, SCAN_FADT_X_DSDT, 8);
	uint64_t facs = scan_pointer(view, &copy, SCAN_FADT_X_FACS, 8);

	scan_table(view, dsdt ? dsdt : scan_pointer(view, &copy, SCAN_FADT_DSDT, 4), out);
	scan_table(view, facs ? facs : scan_pointer(view, &copy, SCAN_FADT_FACS, 4), out);
}

static void scan_root(const struct vm_view *view, uint64_t gpa, unsigned int width,
		      struct acpi_scan *out)
{
	const struct acpi_scan_table *root = scan_table(view, gpa, out);
	uint32_t len = root && root->whole ? root->len : 0;

	for (uint32_t off = SCAN_HEADER; off + width <= len && !out->more; off += width) {
		const struct acpi_scan_table *tab;
		uint64_t next;

		if (!view_read_value(view, gpa + off, width, &next))
			return;
		tab = scan_table(view, next, out);
		if (tab && !strcmp(tab->sig, "FACP"))
			scan_fadt(view, tab, out);
	}
}

static void scan_rsdp(const struct vm_view *view, uint64_t gpa, struct acpi_scan *out)
{
	struct acpi_scan_table *tab = scan_new(out, gpa);
	uint8_t data[SCAN_RSDP2_LEN] = { 0 }, sum = 0;
	uint64_t xsdt = 0;
	uint32_t rsdt;

	view_read(view, gpa, data, sizeof(data));
	strcpy(tab->sig, "RSDP");
	scan_text(tab->oem, data + 9, 6);
	tab->revision = data[15];
	tab->len = SCAN_RSDP_LEN;
	tab->readable = tab->whole = tab->has_sum = tab->sum_ok = true;
	memcpy(&rsdt, data + 16, 4);
	if (tab->revision >= 2) {
		tab->len = SCAN_RSDP2_LEN;
		tab->sum_ok = scan_sum(view, gpa, SCAN_RSDP2_LEN, &sum) && !sum;
		memcpy(&xsdt, data + 24, 8);
	}
	/* One of the two: they hold the same, and the wider one counts (5.2.8). */
	if (xsdt)
		scan_root(view, xsdt, 8, out);
	else
		scan_root(view, rsdt, 4, out);
}

void acpi_scan(const struct vm_view *view, struct acpi_scan *out)
{
	uint64_t gpa;

	memset(out, 0, sizeof(*out));
	if (scan_find(view, &gpa))
		scan_rsdp(view, gpa, out);
}

const char *acpi_scan_verdict(const struct acpi_scan_table *tab)
{
	if (!tab->readable)
		return "not in RAM";
	if (!tab->whole)
		return "cut off";
	if (!tab->has_sum)
		return "no checksum";
	return tab->sum_ok ? "ok" : "bad checksum";
}
