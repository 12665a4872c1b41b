/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 1 headers, with addresses of their own and with ELF: see fuzz-boot.h. */
#include "fuzz-boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_boot(&boot_multiboot_ops, data, size);
}
