/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A settings file of arbitrary bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tui/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings set = { 0 };
	struct err err = ERR_INIT;
	char *text = malloc(size ? size : 1); /* its end is known to the sanitizer */

	if (!text)
		return 0;
	memcpy(text, data, size);
	settings_parse("conf", text, size, &set, &err);
	free(text);
	return 0;
}
