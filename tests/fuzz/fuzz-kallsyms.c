/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of symbols in a hostile kernel's memory: a sound one, then the input's bytes in it. */
#include <stdlib.h>

#include "inspect/kallsyms.h"
#include "../unit/kallsyms-image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_symbol(void *ctx, char type, const char *name, size_t len, uint64_t addr)
{
	volatile char last = len ? name[len - 1] : type;

	(void)last;
	(void)addr;
	return ++*(unsigned int *)ctx > 100000;
}

/* Input: which order, then two bytes of offset and one of value for each byte that is changed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *img = malloc(KALLSYMS_IMAGE_LEN);
	unsigned int nr = 0;
	size_t i, at;

	if (!img || !size) {
		free(img);
		return 0;
	}
	kallsyms_image(img, data[0] & 1);
	for (i = 1; i + 3 <= size; i += 3)
		img[(data[i] | data[i + 1] << 8) % KALLSYMS_IMAGE_LEN] = data[i + 2];
	for (at = kallsyms_hint(img, KALLSYMS_IMAGE_LEN, 0); at < KALLSYMS_IMAGE_LEN;
	     at = kallsyms_hint(img, KALLSYMS_IMAGE_LEN, at + 1))
		kallsyms_read(img, KALLSYMS_IMAGE_LEN, at, fuzz_symbol, &nr);
	at = kallsyms_hint(data, size, 0);
	if (at < size)
		kallsyms_read(data, size, at, fuzz_symbol, &nr);
	free(img);
	return 0;
}
