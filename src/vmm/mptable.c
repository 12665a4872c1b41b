/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MP table: see mptable.h. Section numbers are of the MultiProcessor
 * Specification 1.4. It says the same as the MADT in acpi.c.
 */
#include "vmm/mptable.h"

#include <string.h>

#include "vmm/acpi.h"
#include "vmm/pci.h"

#define MP_AT	      0xf1000ull /* in the last 64 KiB, where kernels search */
#define MP_MAX_LEN    0xf00
#define MP_LAPIC      0xfee00000u
#define MP_IOAPIC     0xfec00000u
#define MP_IOAPIC_ID  0
#define MP_ALL_LAPICS 0xff
#define MP_PIT_PIN    2
#define MP_NR_IRQS    16
#define MP_CASCADE    2
#define MP_BUS_PCI    0 /* kernels take the number of a PCI bus for its place in the table */
#define MP_BUS_ISA    1
#define MP_PCI_SLOTS  32

enum mp_entry { MP_CPU, MP_BUS, MP_IOAPIC_ENTRY, MP_IO_INT, MP_LOCAL_INT };
enum mp_int_type { MP_INT, MP_NMI, MP_SMI, MP_EXTINT };

/* Level triggered (4.3.4), active high: the SCI; low: PCI. 0: as the bus (ISA) has it. */
#define MP_FLAGS_LEVEL_HIGH 0xd
#define MP_FLAGS_LEVEL_LOW  0xf

/* 4.1 */
struct mp_floating {
	char signature[4];
	uint32_t config;
	uint8_t length, revision, checksum, features[5];
};

/* 4.2 */
struct mp_config {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_len, nr_entries;
	uint32_t lapic;
	uint16_t ext_len;
	uint8_t ext_checksum, reserved;
};

/* 4.3.1 */
struct mp_cpu {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features, reserved[2];
};

/* 4.3.2 */
struct mp_bus {
	uint8_t type, id;
	char name[6];
};

/* 4.3.3 */
struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
};

/* 4.3.4, 4.3.5 */
struct mp_int {
	uint8_t type, int_type;
	uint16_t flags;
	uint8_t src_bus, src_irq, dst_apic, dst_pin;
};

struct mp_blob {
	uint8_t data[MP_MAX_LEN];
	size_t len;
	uint16_t nr_entries;
};

/* The sizes are ours alone: 64 processors and the interrupts fit with room to spare. */
static void mp_add(struct mp_blob *blob, const void *entry, size_t len)
{
	if (len > sizeof(blob->data) - blob->len)
		return;
	memcpy(blob->data + blob->len, entry, len);
	blob->len += len;
	blob->nr_entries++;
}

static void mp_add_cpus(struct mp_blob *blob, unsigned int nr_cpus)
{
	struct mp_cpu cpu = {
		.type = MP_CPU,
		.apic_version = 0x14,
		.signature = 0x600,
		.features = 0x201, /* FPU, APIC */
	};
	unsigned int i;

	for (i = 0; i < nr_cpus; i++) {
		cpu.apic_id = (uint8_t)i;
		cpu.flags = i ? 1 : 3; /* enabled; the first is the boot processor */
		mp_add(blob, &cpu, sizeof(cpu));
	}
}

static void mp_add_int(struct mp_blob *blob, uint8_t type, uint8_t int_type, uint16_t flags,
		       uint8_t bus, uint8_t irq, uint8_t apic, uint8_t pin)
{
	const struct mp_int entry = {
		.type = type,
		.int_type = int_type,
		.flags = flags,
		.src_bus = bus,
		.src_irq = irq,
		.dst_apic = apic,
		.dst_pin = pin,
	};

	mp_add(blob, &entry, sizeof(entry));
}

static void mp_add_isa_interrupts(struct mp_blob *blob)
{
	uint8_t irq;

	for (irq = 0; irq < MP_NR_IRQS; irq++) {
		if (irq == MP_CASCADE || irq == PCI_IRQ_A || irq == PCI_IRQ_B)
			continue;
		mp_add_int(blob, MP_IO_INT, MP_INT, irq == ACPI_SCI_IRQ ? MP_FLAGS_LEVEL_HIGH : 0,
			   MP_BUS_ISA, irq, MP_IOAPIC_ID, irq ? irq : MP_PIT_PIN);
	}
}

/* The source of a PCI interrupt is slot and pin (appendix D.3); functions here have pin A, 0. */
static void mp_add_pci_interrupts(struct mp_blob *blob)
{
	uint8_t slot;

	for (slot = 0; slot < MP_PCI_SLOTS; slot++)
		mp_add_int(blob, MP_IO_INT, MP_INT, MP_FLAGS_LEVEL_LOW, MP_BUS_PCI,
			   (uint8_t)(slot << 2), MP_IOAPIC_ID, (uint8_t)pci_irq(slot, 1));
}

static void mp_add_interrupts(struct mp_blob *blob)
{
	mp_add_isa_interrupts(blob);
	mp_add_pci_interrupts(blob);
	mp_add_int(blob, MP_LOCAL_INT, MP_EXTINT, 0, MP_BUS_ISA, 0, MP_ALL_LAPICS, 0);
	mp_add_int(blob, MP_LOCAL_INT, MP_NMI, 0, MP_BUS_ISA, 0, MP_ALL_LAPICS, 1);
}

static void mp_fill(struct mp_blob *blob, unsigned int nr_cpus)
{
	const struct mp_bus pci = { MP_BUS, MP_BUS_PCI, { 'P', 'C', 'I', ' ', ' ', ' ' } };
	const struct mp_bus isa = { MP_BUS, MP_BUS_ISA, { 'I', 'S', 'A', ' ', ' ', ' ' } };
	const struct mp_ioapic ioapic = {
		.type = MP_IOAPIC_ENTRY,
		.id = MP_IOAPIC_ID,
		.version = 0x11,
		.flags = 1,
		.address = MP_IOAPIC,
	};
	struct mp_config config = {
		.signature = { 'P', 'C', 'M', 'P' },
		.revision = 4,
		.oem = { 'V', 'I', 'T', 'R', 'I', 'N', 'E', ' ' },
		.product = { 'V', 'I', 'T', 'R', 'I', 'N', 'E', ' ', ' ', ' ', ' ', ' ' },
		.lapic = MP_LAPIC,
	};

	blob->len = sizeof(config);
	blob->nr_entries = 0;
	mp_add_cpus(blob, nr_cpus);
	mp_add(blob, &pci, sizeof(pci));
	mp_add(blob, &isa, sizeof(isa));
	mp_add(blob, &ioapic, sizeof(ioapic));
	mp_add_interrupts(blob);
	config.length = (uint16_t)blob->len;
	config.nr_entries = blob->nr_entries;
	memcpy(blob->data, &config, sizeof(config));
	config.checksum = acpi_checksum(blob->data, blob->len);
	memcpy(blob->data, &config, sizeof(config));
}

int mptable_place(struct boot_ctx *ctx, unsigned int nr_cpus, struct err *err)
{
	struct mp_floating floating = {
		.signature = { '_', 'M', 'P', '_' },
		.config = MP_AT + sizeof(floating),
		.length = sizeof(floating) / 16,
		.revision = 4,
	};
	struct mp_blob blob;
	int ret;

	floating.checksum = acpi_checksum(&floating, sizeof(floating));
	mp_fill(&blob, nr_cpus);
	ret = boot_place(ctx, MP_AT, &floating, sizeof(floating), "MP floating pointer", err);
	if (!ret)
		ret = boot_place(ctx, floating.config, blob.data, blob.len, "MP table", err);
	return ret;
}
