/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linux bzImages: see fuzz-boot.h. */
#include "fuzz-boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_boot(&boot_linux_ops, data, size);
}
