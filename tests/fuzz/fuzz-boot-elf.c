/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files of both classes, and the page tables for their addresses: see fuzz-boot.h. */
#include "fuzz-boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_boot(&boot_elf_ops, data, size);
}
