/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI and MP tables, found and read as a kernel would; and by iasl where it is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect/acpi-scan.h"
#include "vmm/acpi.h"
#include "vmm/mptable.h"
#include "vmm/pci.h"

#define MIB (1ull << 20)

static const struct boot_config no_config = { .cmdline = "" };

struct machine {
	struct boot_ctx ctx;
	uint64_t rsdp;
};

static struct machine *machine_make(unsigned int nr_cpus)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct err err = ERR_INIT;

	assert_non_null(m);
	m->ctx.cfg = &no_config;
	assert_int_equal(mem_create(MIB, &m->ctx.mem, &err), 0);
	if (acpi_place(&m->ctx, nr_cpus, &m->rsdp, &err) || mptable_place(&m->ctx, nr_cpus, &err))
		fail_msg("%u cpus: %s", nr_cpus, err.text);
	return m;
}

static void machine_free(struct machine *m)
{
	mem_destroy(m->ctx.mem);
	free(m);
}

static uint64_t get(const struct machine *m, uint64_t gpa, size_t width)
{
	uint64_t val = 0;

	assert_int_equal(mem_read(m->ctx.mem, gpa, &val, width), 0);
	return val;
}

static const uint8_t *span(const struct machine *m, uint64_t gpa, uint64_t len)
{
	const uint8_t *data = mem_span(m->ctx.mem, gpa, len);

	assert_non_null(data);
	return data;
}

static uint8_t sum(const uint8_t *data, size_t len)
{
	uint8_t total = 0;

	while (len--)
		total = (uint8_t)(total + *data++);
	return total;
}

/* The table at GPA: signature and checksum as they must be; its length. */
static uint32_t check_table(const struct machine *m, uint64_t gpa, const char *signature)
{
	uint32_t len = (uint32_t)get(m, gpa + 4, 4);

	assert_in_range(len, 36, 0x2000);
	assert_memory_equal(span(m, gpa, len), signature, 4);
	assert_int_equal(sum(span(m, gpa, len), len), 0);
	return len;
}

/* Table SIGNATURE through the XSDT; the RSDT must say the same. */
static uint64_t find_table(const struct machine *m, const char *signature)
{
	uint64_t xsdt = get(m, m->rsdp + 24, 8), rsdt = get(m, m->rsdp + 16, 4), gpa;
	uint32_t i, nr = (check_table(m, xsdt, "XSDT") - 36) / 8;

	assert_int_equal(check_table(m, rsdt, "RSDT"), 36 + nr * 4);
	for (i = 0; i < nr; i++) {
		gpa = get(m, xsdt + 36 + i * 8, 8);
		assert_int_equal(get(m, rsdt + 36 + i * 4, 4), gpa);
		if (!memcmp(span(m, gpa, 4), signature, 4))
			return gpa;
	}
	fail_msg("no %s", signature);
	return 0;
}

/* Where a kernel without a hint looks: 16-byte steps from 0xE0000 on. */
static void test_rsdp(void **state)
{
	struct machine *m = machine_make(1);
	uint64_t gpa;

	(void)state;
	for (gpa = 0xe0000; gpa < MIB; gpa += 16)
		if (!memcmp(span(m, gpa, 8), "RSD PTR ", 8))
			break;
	assert_int_equal(gpa, m->rsdp);
	assert_int_equal(sum(span(m, gpa, 36), 20), 0);
	assert_int_equal(sum(span(m, gpa, 36), 36), 0);
	assert_int_equal(get(m, gpa + 15, 1), 2);
	machine_free(m);
}

static void test_fadt(void **state)
{
	struct machine *m = machine_make(1);
	uint64_t fadt = find_table(m, "FACP"), facs, dsdt;

	(void)state;
	assert_int_equal(check_table(m, fadt, "FACP"), 268);
	facs = get(m, fadt + 36, 4);
	assert_int_equal(facs % 64, 0);
	assert_memory_equal(span(m, facs, 64), "FACS", 4);
	assert_true(facs >= BOOT_EBDA && facs + 64 <= BOOT_EBDA + BOOT_EBDA_LEN);
	dsdt = get(m, fadt + 40, 4);
	assert_int_equal(get(m, fadt + 140, 8), dsdt);
	check_table(m, dsdt, "DSDT");
	assert_int_equal(get(m, fadt + 46, 2), ACPI_SCI_IRQ);
	assert_int_equal(get(m, fadt + 56, 4), ACPI_PM1A_EVT);
	assert_int_equal(get(m, fadt + 64, 4), ACPI_PM1A_CNT);
	assert_int_equal(get(m, fadt + 76, 4), ACPI_PM_TMR);
	assert_int_equal(get(m, fadt + 88, 4), 0x04000204); /* lengths: PM1 evt, cnt, PM2, timer */
	assert_int_equal(get(m, fadt + 109, 2), 3);	    /* legacy devices, 8042 */
	assert_true(get(m, fadt + 112, 4) & 1 << 10);	    /* reset register */
	assert_int_equal(get(m, fadt + 116, 4), 0x01000801);
	assert_int_equal(get(m, fadt + 120, 8), ACPI_RESET_PORT);
	assert_int_equal(get(m, fadt + 128, 1), 6);
	machine_free(m);
}

/* Bus 0 alone, at the place that the memory map reserves. */
static void test_mcfg(void **state)
{
	struct machine *m = machine_make(1);
	uint64_t mcfg = find_table(m, "MCFG");
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i, nr = boot_memmap(m->ctx.mem, range), reserved = 0;

	(void)state;
	assert_int_equal(check_table(m, mcfg, "MCFG"), 60);
	assert_int_equal(get(m, mcfg + 44, 8), ACPI_ECAM_BASE);
	assert_int_equal(get(m, mcfg + 52, 4), 0);
	for (i = 0; i < nr; i++)
		reserved += range[i].gpa == ACPI_ECAM_BASE && range[i].len == PCI_ECAM_LEN &&
			    range[i].type == BOOT_RANGE_RESERVED;
	assert_int_equal(reserved, 1);
	machine_free(m);
}

/* \_S5 in the AML, as simple kernels look for it: the name, a package, ACPI_S5_TYPE first. */
static void test_s5(void **state)
{
	struct machine *m = machine_make(1);
	uint64_t dsdt = get(m, find_table(m, "FACP") + 40, 4);
	uint32_t len = check_table(m, dsdt, "DSDT");
	const uint8_t *at = memmem(span(m, dsdt, len), len, "_S5_", 4);

	(void)state;
	assert_non_null(at);
	assert_int_equal(at[4], 0x12); /* PackageOp, length, four elements, BytePrefix, value */
	assert_int_equal(at[6], 4);
	assert_int_equal(at[7], 0x0a);
	assert_int_equal(at[8], ACPI_S5_TYPE);
	machine_free(m);
}

static void check_madt(unsigned int nr_cpus)
{
	struct machine *m = machine_make(nr_cpus);
	uint64_t madt = find_table(m, "APIC"), at;
	uint32_t len = check_table(m, madt, "APIC");
	unsigned int lapics = 0, ioapics = 0, overrides = 0;

	assert_int_equal(get(m, madt + 36, 4), 0xfee00000);
	for (at = madt + 44; at < madt + len; at += get(m, at + 1, 1)) {
		assert_true(get(m, at + 1, 1) >= 2);
		switch (get(m, at, 1)) {
		case 0:
			assert_int_equal(get(m, at + 3, 1), lapics++);
			assert_int_equal(get(m, at + 4, 4), 1);
			break;
		case 1:
			assert_int_equal(get(m, at + 4, 4), 0xfec00000);
			ioapics++;
			break;
		case 2:
			overrides++;
			if (get(m, at + 3, 1) == 0)
				assert_int_equal(get(m, at + 4, 4), 2);
			else
				assert_int_equal(get(m, at + 8, 2),
						 get(m, at + 3, 1) == ACPI_SCI_IRQ ? 0xd : 0xf);
			break;
		}
	}
	assert_int_equal(at, madt + len);
	assert_int_equal(lapics, nr_cpus);
	assert_int_equal(ioapics, 1);
	assert_int_equal(overrides, 4);
	machine_free(m);
}

static void test_madt(void **state)
{
	(void)state;
	check_madt(1);
	check_madt(4);
	check_madt(64);
}

/* PCI is bus 0 and level triggered, active low; no ISA interrupt takes its lines. */
static void check_mp_int(const struct machine *m, uint64_t at)
{
	uint64_t source = get(m, at + 5, 1), pin = get(m, at + 7, 1);

	if (get(m, at + 4, 1) == 0) {
		assert_int_equal(get(m, at + 2, 2), 0xf);
		assert_int_equal(pin, pci_irq((unsigned int)source >> 2, 1));
	} else {
		assert_true(pin != PCI_IRQ_A && pin != PCI_IRQ_B);
	}
}

static void check_mp(unsigned int nr_cpus)
{
	static const uint8_t sizes[] = { 20, 8, 8, 8, 8 };
	unsigned int seen[5] = { 0 }, i, nr, type;
	struct machine *m = machine_make(nr_cpus);
	uint64_t gpa, table, at;
	uint32_t len;

	for (gpa = 0xf0000; gpa < MIB; gpa += 16)
		if (!memcmp(span(m, gpa, 4), "_MP_", 4))
			break;
	assert_true(gpa < MIB);
	assert_int_equal(sum(span(m, gpa, 16), 16), 0);
	table = get(m, gpa + 4, 4);
	assert_memory_equal(span(m, table, 4), "PCMP", 4);
	len = (uint32_t)get(m, table + 4, 2);
	assert_int_equal(sum(span(m, table, len), len), 0);
	nr = (unsigned int)get(m, table + 34, 2);
	for (i = 0, at = table + 44; i < nr; i++, at += sizes[type]) {
		type = (unsigned int)get(m, at, 1);
		assert_in_range(type, 0, 4);
		seen[type]++;
		if (type == 0)
			assert_int_equal(get(m, at + 3, 1), i ? 1 : 3);
		if (type == 3)
			check_mp_int(m, at);
	}
	assert_int_equal(at, table + len);
	assert_int_equal(seen[0], nr_cpus);
	assert_int_equal(seen[1], 2);
	assert_int_equal(seen[2], 1);
	assert_int_equal(seen[3], 13 + 32);
	assert_int_equal(seen[4], 2);
	machine_free(m);
}

static void test_mptable(void **state)
{
	(void)state;
	check_mp(1);
	check_mp(64);
}

/* The disassembler is the judge of what we compiled and of what we wrote by hand. */
static void iasl_check(const struct machine *m, const char *dir, const char *name, uint64_t gpa)
{
	uint32_t len = (uint32_t)get(m, gpa + 4, 4);
	char path[64], command[256];
	size_t written;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	written = fwrite(span(m, gpa, len), 1, len, f);
	fclose(f);
	assert_int_equal(written, len);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d %s >log 2>&1 && test -s %s.dsl && "
		 "! grep -i 'error\\|warning\\|incorrect\\|invalid' log %s.dsl",
		 dir, name, name, name);
	if (system(command))
		fail_msg("iasl does not like the %s", name);
}

static void test_iasl(void **state)
{
	char dir[] = "/tmp/vitrine-test-XXXXXX", command[64];
	struct machine *m;
	uint64_t fadt;

	(void)state;
	if (system("command -v iasl >/dev/null"))
		skip();
	m = machine_make(4);
	fadt = find_table(m, "FACP");
	assert_non_null(mkdtemp(dir));
	iasl_check(m, dir, "facp", fadt);
	iasl_check(m, dir, "dsdt", get(m, fadt + 40, 4));
	iasl_check(m, dir, "facs", get(m, fadt + 36, 4));
	iasl_check(m, dir, "mcfg", find_table(m, "MCFG"));
	iasl_check(m, dir, "apic", find_table(m, "APIC"));
	iasl_check(m, dir, "xsdt", get(m, m->rsdp + 24, 8));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	machine_free(m);
}

static void test_checksum(void **state)
{
	(void)state;
	assert_int_equal(acpi_checksum("\x01\x02", 2), 0xfd);
	assert_int_equal(acpi_checksum("\0\0", 2), 0);
	assert_int_equal(acpi_checksum("", 0), 0);
}

/* The list that screen 6 shows is what was placed; a flipped bit is found. */
static void test_scan(void **state)
{
	static const char *const want[] = {
		"RSDP", "XSDT", "FACP", "DSDT", "FACS", "APIC", "MCFG"
	};
	struct machine *m = machine_make(3);
	struct acpi_scan *scan = malloc(sizeof(*scan));
	struct vm_view view = { .ram = mem_base(m->ctx.mem), .ram_len = mem_fd_len(m->ctx.mem) };
	const struct acpi_scan_table *dsdt = NULL;
	uint64_t byte;

	(void)state;
	assert_non_null(scan);
	view.nr_regions = mem_nr_regions(m->ctx.mem);
	for (unsigned int i = 0; i < view.nr_regions; i++)
		view.region[i] = *mem_region(m->ctx.mem, i);
	acpi_scan(&view, scan);
	assert_true(scan->nr >= sizeof(want) / sizeof(want[0]));
	assert_int_equal(scan->table[0].gpa, m->rsdp);
	for (size_t w = 0; w < sizeof(want) / sizeof(want[0]); w++) {
		unsigned int i = 0;

		while (i < scan->nr && strcmp(scan->table[i].sig, want[w]) != 0)
			i++;
		if (i == scan->nr)
			fail_msg("%s is not listed", want[w]);
		if (strcmp(acpi_scan_verdict(&scan->table[i]), w == 4 ? "no checksum" : "ok") != 0)
			fail_msg("%s: %s", want[w], acpi_scan_verdict(&scan->table[i]));
		if (w == 3)
			dsdt = &scan->table[i];
	}
	byte = get(m, dsdt->gpa + 50, 1) ^ 4;
	assert_int_equal(mem_write(m->ctx.mem, dsdt->gpa + 50, &byte, 1), 0);
	acpi_scan(&view, scan);
	assert_string_equal(acpi_scan_verdict(dsdt), "bad checksum");
	/* nothing at all */
	view.nr_regions = 0;
	acpi_scan(&view, scan);
	assert_int_equal(scan->nr, 0);
	free(scan);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum), cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_fadt),	 cmocka_unit_test(test_s5),
		cmocka_unit_test(test_madt),	 cmocka_unit_test(test_mptable),
		cmocka_unit_test(test_mcfg),	 cmocka_unit_test(test_scan),
		cmocka_unit_test(test_iasl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
