/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fleet files and guest tests: the same bytes read as both. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "farm/fleetfile.h"
#include "farm/testspec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_judge(const struct testspecs *specs, const uint8_t *data, size_t size)
{
	struct buf said = BUF_INIT, why = BUF_INIT;
	struct words argv = { 0 }, more = { 0 };
	size_t i;

	buf_add(&said, data, size);
	for (i = 0; i < specs->nr; i++) {
		free(specs->spec[i]->output); /* no file of the host's is looked at here */
		specs->spec[i]->output = NULL;
		testspec_judge(specs->spec[i], 0, &said, &why);
		guest_argv(&specs->spec[i]->guest, &more, &argv);
		words_free(&argv);
	}
	buf_free(&said);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct testspecs specs = { 0 };
	struct fleet *fleet = NULL;
	size_t i;

	if (fleetfile_parse((const char *)data, size, "/lab", &fleet, NULL) == 0) {
		for (i = 0; i < fleet->nr_vms; i++) {
			if (fleet->order[i] >= fleet->nr_vms)
				abort();
		}
		fleetfile_free(fleet);
	}
	testspec_parse((const char *)data, size, "t", "/lab", "/image", &specs, NULL);
	fuzz_judge(&specs, data, size);
	testspec_free(&specs);
	return 0;
}
