/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables: see acpi.h. Section numbers are of the ACPI Specification
 * 5.0. All but the FACS lie in the ROM; the FACS, which a guest may write, is in
 * the extended BIOS data area. The DSDT is compiled from dsdt.asl at build time.
 */
#include "vmm/acpi.h"

#include <errno.h>
#include <string.h>

#include "vmm/dsdt.h"
#include "vmm/pci.h"

#define ACPI_TABLES_AT	0xe0000ull
#define ACPI_RSDP_AT	0xf0000ull
#define ACPI_FACS_AT	(BOOT_EBDA + 0x40)
#define ACPI_TABLES_MAX 0x4000
#define ACPI_WINDOW_AT	0xeff00ull /* dsdt.asl has the same number */

#define ACPI_LAPIC     0xfee00000u
#define ACPI_IOAPIC    0xfec00000u
#define ACPI_IOAPIC_ID 0
#define ACPI_ALL_CPUS  0xff
#define ACPI_PIT_GSI   2

/* 5.2.9, table 5-35 */
#define ACPI_FADT_WBINVD     (1u << 0)
#define ACPI_FADT_PROC_C1    (1u << 2)
#define ACPI_FADT_SLP_BUTTON (1u << 5) /* no fixed one */
#define ACPI_FADT_FIX_RTC    (1u << 6) /* no fixed RTC wake */
#define ACPI_FADT_RESET_REG  (1u << 10)
/* 5.2.9.3 */
#define ACPI_ARCH_LEGACY  (1u << 0)
#define ACPI_ARCH_8042	  (1u << 1)
#define ACPI_NO_C_STATE	  0xffff
#define ACPI_RESET_VALUE  6
#define ACPI_CMOS_CENTURY 0x32
/* 5.2.12.5: active high or low, level triggered */
#define ACPI_ISO_LEVEL_HIGH 0xd
#define ACPI_ISO_LEVEL_LOW  0xf

/* 5.2.3.2 */
struct acpi_gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
} __attribute__((packed));

#define ACPI_GAS_IO 1

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t ext_checksum, reserved[3];
} __attribute__((packed));

/* 5.2.6 */
struct acpi_head {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* 5.2.9 */
struct acpi_fadt {
	struct acpi_head head;
	uint32_t facs, dsdt;
	uint8_t reserved, profile;
	uint16_t sci_irq;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
	uint8_t cst_cnt;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_gas reset;
	uint8_t reset_value, reserved3[3];
	uint64_t x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
	struct acpi_gas x_gpe0, x_gpe1, sleep_control, sleep_status;
} __attribute__((packed));

/* 5.2.10 */
struct acpi_facs {
	char signature[4];
	uint32_t length, hw_signature, waking, lock, flags;
	uint64_t x_waking;
	uint8_t version, reserved[31];
} __attribute__((packed));

/* 5.2.12 */
struct acpi_madt {
	struct acpi_head head;
	uint32_t lapic, flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

struct acpi_madt_iso {
	uint8_t type, length, bus, irq;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct acpi_madt_nmi {
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

/* PCI Firmware Specification 3.0, 4.1.2: one segment */
struct acpi_mcfg {
	struct acpi_head head;
	uint64_t reserved, base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved2;
} __attribute__((packed));

/* What the DSDT must be told of this machine. */
struct acpi_window {
	uint64_t base, len;
};

_Static_assert(sizeof(struct acpi_mcfg) == 60, "MCFG");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct acpi_head) == 36, "table header");
_Static_assert(sizeof(struct acpi_fadt) == 268, "FADT revision 5");
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

/* Tables one behind the other, as they will lie at ACPI_TABLES_AT. */
struct acpi_blob {
	uint8_t data[ACPI_TABLES_MAX];
	size_t len;
	bool full;
};

uint8_t acpi_checksum(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *byte++);
	return (uint8_t)-sum;
}

static void acpi_append(struct acpi_blob *blob, const void *data, size_t len)
{
	if (len > sizeof(blob->data) - blob->len) {
		blob->full = true;
		return;
	}
	memcpy(blob->data + blob->len, data, len);
	blob->len += len;
}

static size_t acpi_begin(struct acpi_blob *blob)
{
	blob->len = (blob->len + 15) & ~(size_t)15;
	return blob->len;
}

static void acpi_head_fill(struct acpi_head *head, const char *signature, uint8_t revision)
{
	memset(head, 0, sizeof(*head));
	memcpy(head->signature, signature, sizeof(head->signature));
	head->revision = revision;
	memcpy(head->oem, "VITRIN", sizeof(head->oem));
	memcpy(head->oem_table, "VITRINE ", sizeof(head->oem_table));
	head->oem_revision = 1;
	memcpy(head->creator, "VTRN", sizeof(head->creator));
	head->creator_revision = 1;
}

/* Length and checksum of the table that began at START; returns its gpa. */
static uint64_t acpi_finish(struct acpi_blob *blob, size_t start)
{
	struct acpi_head head;

	if (blob->full)
		return 0;
	memcpy(&head, blob->data + start, sizeof(head));
	head.length = (uint32_t)(blob->len - start);
	head.checksum = 0;
	memcpy(blob->data + start, &head, sizeof(head));
	head.checksum = acpi_checksum(blob->data + start, blob->len - start);
	memcpy(blob->data + start, &head, sizeof(head));
	return ACPI_TABLES_AT + start;
}

static struct acpi_gas acpi_io(uint64_t port, uint8_t bytes)
{
	return (struct acpi_gas){
		.space = ACPI_GAS_IO,
		.bits = (uint8_t)(bytes * 8),
		.access = (uint8_t)(bytes == 4 ? 3 : bytes), /* 1, 2: that many bytes; 3: dword */
		.address = port,
	};
}

static void acpi_fadt_ports(struct acpi_fadt *fadt)
{
	fadt->sci_irq = ACPI_SCI_IRQ;
	fadt->pm1a_evt = ACPI_PM1A_EVT;
	fadt->pm1_evt_len = 4;
	fadt->x_pm1a_evt = acpi_io(ACPI_PM1A_EVT, 4);
	fadt->x_pm1a_evt.access = 2; /* two registers of 16 bits */
	fadt->pm1a_cnt = ACPI_PM1A_CNT;
	fadt->pm1_cnt_len = 2;
	fadt->x_pm1a_cnt = acpi_io(ACPI_PM1A_CNT, 2);
	fadt->pm_tmr = ACPI_PM_TMR;
	fadt->pm_tmr_len = 4;
	fadt->x_pm_tmr = acpi_io(ACPI_PM_TMR, 4);
	fadt->reset = acpi_io(ACPI_RESET_PORT, 1);
	fadt->reset_value = ACPI_RESET_VALUE;
}

/* No SMI command port: the machine is in ACPI mode from the start. */
static uint64_t acpi_add_fadt(struct acpi_blob *blob, uint64_t dsdt)
{
	size_t start = acpi_begin(blob);
	struct acpi_fadt fadt;

	memset(&fadt, 0, sizeof(fadt));
	acpi_head_fill(&fadt.head, "FACP", 5);
	fadt.facs = ACPI_FACS_AT;
	fadt.dsdt = (uint32_t)dsdt;
	fadt.x_dsdt = dsdt; /* x_facs stays 0: only one of the two may be given */
	acpi_fadt_ports(&fadt);
	fadt.c2_latency = ACPI_NO_C_STATE;
	fadt.c3_latency = ACPI_NO_C_STATE;
	fadt.century = ACPI_CMOS_CENTURY;
	fadt.boot_arch = ACPI_ARCH_LEGACY | ACPI_ARCH_8042;
	fadt.flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_SLP_BUTTON |
		     ACPI_FADT_FIX_RTC | ACPI_FADT_RESET_REG;
	acpi_append(blob, &fadt, sizeof(fadt));
	return acpi_finish(blob, start);
}

static void acpi_madt_add_interrupts(struct acpi_blob *blob)
{
	const struct acpi_madt_ioapic ioapic = { 1, sizeof(ioapic), ACPI_IOAPIC_ID,
						 0, ACPI_IOAPIC,    0 };
	const struct acpi_madt_iso pit = { 2, sizeof(pit), 0, 0, ACPI_PIT_GSI, 0 };
	const struct acpi_madt_iso sci = {
		2, sizeof(sci), 0, ACPI_SCI_IRQ, ACPI_SCI_IRQ, ACPI_ISO_LEVEL_HIGH
	};
	const struct acpi_madt_iso pci_a = { 2,		sizeof(pci_a), 0,
					     PCI_IRQ_A, PCI_IRQ_A,     ACPI_ISO_LEVEL_LOW };
	const struct acpi_madt_iso pci_b = { 2,		sizeof(pci_b), 0,
					     PCI_IRQ_B, PCI_IRQ_B,     ACPI_ISO_LEVEL_LOW };
	const struct acpi_madt_nmi nmi = { 4, sizeof(nmi), ACPI_ALL_CPUS, 0, 1 };

	acpi_append(blob, &ioapic, sizeof(ioapic));
	acpi_append(blob, &pit, sizeof(pit));
	acpi_append(blob, &sci, sizeof(sci));
	acpi_append(blob, &pci_a, sizeof(pci_a));
	acpi_append(blob, &pci_b, sizeof(pci_b));
	acpi_append(blob, &nmi, sizeof(nmi));
}

static uint64_t acpi_add_madt(struct acpi_blob *blob, unsigned int nr_cpus)
{
	struct acpi_madt_lapic lapic = { 0, sizeof(lapic), 0, 0, 1 };
	struct acpi_madt madt = { .lapic = ACPI_LAPIC, .flags = 1 }; /* and a PIC too */
	size_t start = acpi_begin(blob);
	unsigned int i;

	acpi_head_fill(&madt.head, "APIC", 3);
	acpi_append(blob, &madt, sizeof(madt));
	for (i = 0; i < nr_cpus; i++) {
		lapic.uid = (uint8_t)i;
		lapic.apic_id = (uint8_t)i;
		acpi_append(blob, &lapic, sizeof(lapic));
	}
	acpi_madt_add_interrupts(blob);
	return acpi_finish(blob, start);
}

static uint64_t acpi_add_mcfg(struct acpi_blob *blob)
{
	struct acpi_mcfg mcfg = { .base = ACPI_ECAM_BASE };
	size_t start = acpi_begin(blob);

	acpi_head_fill(&mcfg.head, "MCFG", 1);
	acpi_append(blob, &mcfg, sizeof(mcfg));
	return acpi_finish(blob, start);
}

/* The RSDT (entries of 4 bytes) or XSDT (8 bytes) that points at TABLE. */
static uint64_t acpi_add_root(struct acpi_blob *blob, const char *signature, size_t width,
			      const uint64_t *table, size_t nr)
{
	size_t start = acpi_begin(blob), i;
	struct acpi_head head;

	acpi_head_fill(&head, signature, 1);
	acpi_append(blob, &head, sizeof(head));
	for (i = 0; i < nr; i++)
		acpi_append(blob, &table[i], width);
	return acpi_finish(blob, start);
}

static int acpi_place_rsdp(struct boot_ctx *ctx, uint64_t rsdt, uint64_t xsdt, struct err *err)
{
	struct acpi_rsdp rsdp = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem = { 'V', 'I', 'T', 'R', 'I', 'N' },
		.revision = 2,
		.rsdt = (uint32_t)rsdt,
		.length = sizeof(rsdp),
		.xsdt = xsdt,
	};

	/* the first checksum covers the 20 bytes of revision 0 */
	rsdp.checksum = acpi_checksum(&rsdp, 20);
	rsdp.ext_checksum = acpi_checksum(&rsdp, sizeof(rsdp));
	return boot_place(ctx, ACPI_RSDP_AT, &rsdp, sizeof(rsdp), "ACPI RSDP", err);
}

static int acpi_place_facs(struct boot_ctx *ctx, struct err *err)
{
	const struct acpi_facs facs = {
		.signature = { 'F', 'A', 'C', 'S' },
		.length = sizeof(facs),
		.version = 1,
	};

	if (mem_write(ctx->mem, ACPI_FACS_AT, &facs, sizeof(facs)))
		return err_set(err, EFAULT, "ACPI: no memory at 0x%llx", ACPI_FACS_AT);
	return 0;
}

int acpi_place(struct boot_ctx *ctx, unsigned int nr_cpus, uint64_t *rsdp, struct err *err)
{
	const struct acpi_window window = { pci_mem64_base(ctx->mem), PCI_MEM64_LEN };
	uint64_t table[3], dsdt, rsdt, xsdt;
	struct acpi_blob blob = { .len = 0 };
	int ret;

	acpi_append(&blob, dsdt_aml_code, sizeof(dsdt_aml_code));
	dsdt = ACPI_TABLES_AT;
	table[0] = acpi_add_fadt(&blob, dsdt);
	table[1] = acpi_add_madt(&blob, nr_cpus);
	table[2] = acpi_add_mcfg(&blob);
	rsdt = acpi_add_root(&blob, "RSDT", 4, table, 3);
	xsdt = acpi_add_root(&blob, "XSDT", 8, table, 3);
	if (blob.full)
		return err_set(err, ENOSPC, "ACPI: the tables for %u processors do not fit",
			       nr_cpus);
	ret = acpi_place_facs(ctx, err);
	if (!ret)
		ret = boot_place(ctx, ACPI_TABLES_AT, blob.data, blob.len, "ACPI tables", err);
	if (!ret)
		ret = boot_place(ctx, ACPI_WINDOW_AT, &window, sizeof(window), "ACPI PCI window",
				 err);
	if (!ret)
		ret = acpi_place_rsdp(ctx, rsdt, xsdt, err);
	*rsdp = ACPI_RSDP_AT;
	return ret;
}
