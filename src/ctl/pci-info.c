/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI bus for `info pci` and query-pci: see pci-info.h. */
#include "ctl/pci-info.h"

static const struct {
	uint16_t class;
	const char *desc;
} pci_info_classes[] = {
	{ 0x0100, "SCSI controller" },	  { 0x0101, "IDE controller" },
	{ 0x0180, "Storage controller" }, { 0x0200, "Ethernet controller" },
	{ 0x0300, "VGA controller" },	  { 0x0600, "Host bridge" },
	{ 0x0601, "ISA bridge" },	  { 0x0700, "Serial port" },
	{ 0x0780, "Serial controller" },
};

/* NULL for a class without a name here. */
static const char *pci_info_desc(const struct sample_pci *fn)
{
	size_t i;

	for (i = 0; i < sizeof(pci_info_classes) / sizeof(pci_info_classes[0]); i++) {
		if (pci_info_classes[i].class == fn->class_code >> 8)
			return pci_info_classes[i].desc;
	}
	return NULL;
}

/* A BAR that answers nowhere is at all ones, as QEMU has it. */
static uint64_t pci_info_base(const struct sample_pci *fn, unsigned int bar)
{
	return fn->bar[bar].mapped ? fn->bar[bar].base : UINT64_MAX;
}

static void pci_info_bar(const struct sample_pci *fn, unsigned int bar, struct buf *out)
{
	unsigned long long base = pci_info_base(fn, bar);
	unsigned long long last = base + fn->bar[bar].size - 1;

	if (fn->bar[bar].io)
		buf_printf(out, "      BAR%u: I/O at 0x%04llx [0x%04llx].\n", bar, base, last);
	else
		buf_printf(out, "      BAR%u: %u bit%s memory at 0x%08llx [0x%08llx].\n", bar,
			   fn->bar[bar].is64 ? 64 : 32,
			   fn->bar[bar].prefetch ? " prefetchable" : "", base, last);
}

static void pci_info_function(const struct sample_pci *fn, struct buf *out)
{
	const char *desc = pci_info_desc(fn);
	unsigned int i;

	buf_printf(out, "  Bus  0, device %3u, function 0:\n", fn->slot);
	if (desc)
		buf_printf(out, "    %s", desc);
	else
		buf_printf(out, "    Class %04x", fn->class_code >> 8);
	buf_printf(out, ": PCI device %04x:%04x\n      PCI subsystem %04x:%04x\n", fn->vendor,
		   fn->device, fn->subsys_vendor, fn->subsys);
	if (fn->pin)
		buf_printf(out, "      IRQ %u, pin %c\n", fn->line, 'A' + (fn->pin - 1) % 4);
	for (i = 0; i < SAMPLE_PCI_BARS; i++) {
		if (fn->bar[i].size)
			pci_info_bar(fn, i, out);
	}
	buf_printf(out, "      id \"%s\"\n", fn->name);
}

void pci_info_text(const struct vm_view *view, struct buf *out)
{
	uint32_t i;

	for (i = 0; i < view->nr_pci; i++)
		pci_info_function(&view->pci[i], out);
}

static json_t *pci_info_regions(const struct sample_pci *fn)
{
	json_t *list = json_array(), *one;
	unsigned int i;

	for (i = 0; i < SAMPLE_PCI_BARS; i++) {
		if (!fn->bar[i].size)
			continue;
		one = json_pack("{s:i, s:s, s:I, s:I}", "bar", (int)i, "type",
				fn->bar[i].io ? "io" : "memory", "address",
				(json_int_t)pci_info_base(fn, i), "size",
				(json_int_t)fn->bar[i].size);
		if (one && !fn->bar[i].io) {
			json_object_set_new(one, "prefetch", json_boolean(fn->bar[i].prefetch));
			json_object_set_new(one, "mem_type_64", json_boolean(fn->bar[i].is64));
		}
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *pci_info_object(const struct sample_pci *fn)
{
	const char *desc = pci_info_desc(fn);
	json_t *obj, *class;

	class = json_pack("{s:i, s:s*}", "class", (int)(fn->class_code >> 8), "desc", desc);
	obj = json_pack("{s:i, s:i, s:i, s:o, s:{s:i, s:i, s:i, s:i}, s:s, s:o}", "bus", 0, "slot",
			(int)fn->slot, "function", 0, "class_info", class, "id", "vendor",
			(int)fn->vendor, "device", (int)fn->device, "subsystem-vendor",
			(int)fn->subsys_vendor, "subsystem", (int)fn->subsys, "qdev_id", fn->name,
			"regions", pci_info_regions(fn));
	if (obj && fn->pin) {
		json_object_set_new(obj, "irq", json_integer(fn->line));
		json_object_set_new(obj, "irq_pin", json_integer(fn->pin));
	}
	return obj;
}

json_t *pci_info_json(const struct vm_view *view)
{
	json_t *devices = json_array();
	uint32_t i;

	for (i = 0; i < view->nr_pci; i++)
		json_array_append_new(devices, pci_info_object(&view->pci[i]));
	return json_pack("[{s:i, s:o}]", "bus", 0, "devices", devices);
}
