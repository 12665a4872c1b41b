/* SPDX-License-Identifier: MIT */
/*
 * ACPI: RSDP, RSDT or XSDT, MADT. MP tables: floating pointer, configuration table.
 */
#include "acpi.h"

#include <stddef.h>

#include "paging.h"
#include "string.h"

#define ACPI_BIOS     0xe0000ul
#define ACPI_BIOS_LEN 0x20000ul
#define ACPI_LOW_END  0x9fc00ul

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_pa, flags;
	uint8_t entries[];
} __attribute__((packed));

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
};

struct mp_pointer {
	char signature[4];
	uint32_t config;
	uint8_t length, revision, checksum, features[5];
} __attribute__((packed));

struct mp_config {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_len, nr_entries;
	uint32_t lapic_pa, extended;
	uint8_t entries[];
} __attribute__((packed));

enum {
	MP_PROCESSOR = 0,
	MP_BUS = 1,
	MP_IOAPIC = 2,
	MP_INTERRUPT = 3,
};

static struct platform platform;

static uint32_t acpi_u32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint16_t acpi_u16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static bool acpi_sum_ok(const void *table, size_t len)
{
	const uint8_t *p = table;
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

/* Finds a structure by signature on 16-byte boundaries; its first len bytes sum to zero. */
static const void *acpi_scan(uint64_t pa, size_t size, const char *signature, size_t len)
{
	const char *at = phys_view(pa, size);

	for (size_t i = 0; i + len <= size; i += 16) {
		if (!memcmp(at + i, signature, strlen(signature)) && acpi_sum_ok(at + i, len))
			return at + i;
	}
	return NULL;
}

/* The places firmware may leave such a structure in: the EBDA's first KiB, then the BIOS area. */
static const void *acpi_find(const char *signature, size_t len)
{
	const uint16_t *ebda_segment = phys_view(0x40e, 2);
	uint64_t ebda = *ebda_segment * 16ul;
	const void *found;

	if (ebda < 0x80000 || ebda >= 0xa0000)
		ebda = ACPI_LOW_END;
	found = acpi_scan(ebda, 1024, signature, len);
	return found ? found : acpi_scan(ACPI_BIOS, ACPI_BIOS_LEN, signature, len);
}

static const struct acpi_header *acpi_table(uint64_t pa)
{
	const struct acpi_header *h = phys_view(pa, sizeof(*h));

	return phys_view(pa, h->length);
}

static const struct acpi_header *acpi_find_table(const char *signature)
{
	const struct acpi_rsdp *rsdp = acpi_find("RSD PTR ", 20);
	const struct acpi_header *root, *h;
	bool wide;

	if (!rsdp)
		return NULL;
	wide = rsdp->revision >= 2 && rsdp->xsdt;
	root = acpi_table(wide ? rsdp->xsdt : rsdp->rsdt);
	for (size_t at = sizeof(*root); at + (wide ? 8 : 4) <= root->length; at += wide ? 8 : 4) {
		uint64_t pa = 0;

		memcpy(&pa, (const char *)root + at, wide ? 8 : 4);
		h = acpi_table(pa);
		if (!memcmp(h->signature, signature, 4) && acpi_sum_ok(h, h->length))
			return h;
	}
	return NULL;
}

static void platform_add_cpu(uint32_t apic_id)
{
	if (platform.nr_cpus < PLATFORM_MAX_CPUS)
		platform.apic_ids[platform.nr_cpus++] = apic_id;
}

/* Polarity and trigger as both tables code them: 3 means active low and level. */
static void platform_set_irq(unsigned int irq, unsigned int pin, unsigned int flags)
{
	if (irq >= 16)
		return;
	platform.irq_pins[irq] = pin;
	platform.irq_flags[irq] = ((flags & 3) == 3 ? PLATFORM_IRQ_LOW : 0) |
				  ((flags >> 2 & 3) == 3 ? PLATFORM_IRQ_LEVEL : 0);
}

static void acpi_read_madt_entry(const uint8_t *e)
{
	switch (e[0]) {
	case MADT_LAPIC:
		if (acpi_u32(e + 4) & 1)
			platform_add_cpu(e[3]);
		break;
	case MADT_IOAPIC:
		if (!platform.ioapic_pa)
			platform.ioapic_pa = acpi_u32(e + 4);
		break;
	case MADT_OVERRIDE:
		platform_set_irq(e[3], acpi_u32(e + 4), acpi_u16(e + 8));
		break;
	}
}

static bool acpi_read(void)
{
	const struct acpi_madt *madt = (const void *)acpi_find_table("APIC");

	if (!madt)
		return false;
	for (size_t at = sizeof(*madt); at + 2 <= madt->header.length;) {
		const uint8_t *e = (const uint8_t *)madt + at;

		if (e[1] < 2)
			break;
		acpi_read_madt_entry(e);
		at += e[1];
	}
	platform.source = "ACPI";
	return platform.nr_cpus;
}

static void mp_read_entry(const uint8_t *e)
{
	switch (e[0]) {
	case MP_PROCESSOR:
		if (e[3] & 1)
			platform_add_cpu(e[1]);
		break;
	case MP_IOAPIC:
		if (!platform.ioapic_pa && e[3] & 1)
			platform.ioapic_pa = acpi_u32(e + 4);
		break;
	case MP_INTERRUPT:
		if (e[1] == 0)
			platform_set_irq(e[5], e[7], acpi_u16(e + 2));
		break;
	}
}

static bool mp_read(void)
{
	const struct mp_pointer *pointer = acpi_find("_MP_", 16);
	const struct mp_config *config;
	const uint8_t *e;

	if (!pointer || !pointer->config)
		return false;
	config = phys_view(pointer->config, sizeof(*config));
	config = phys_view(pointer->config, config->length);
	e = config->entries;
	for (unsigned int i = 0; i < config->nr_entries; i++) {
		mp_read_entry(e);
		e += e[0] == MP_PROCESSOR ? 20 : 8;
	}
	platform.source = "MP tables";
	return platform.nr_cpus;
}

const struct platform *platform_get(void)
{
	if (platform.source)
		return &platform;
	for (unsigned int irq = 0; irq < 16; irq++)
		platform.irq_pins[irq] = irq;
	if (!acpi_read() && !mp_read())
		platform.source = "none";
	return &platform;
}
