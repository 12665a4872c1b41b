/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial bytes to the terminal. Bytes that no UTF-8 has do what a person does
 * meanwhile: 0xf5 resizes (two bytes follow), 0xf6 presses a key, 0xf7 draws.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tui/keys.h"
#include "tui/surface.h"
#include "tui/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replied;

static void fuzz_reply(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		replied += (size_t)data[i] != 0;
}

static void fuzz_draw(const struct term *term, struct surface *sf, int scroll)
{
	struct rect area = surface_area(sf);

	term_draw(term, sf, area, scroll);
	for (int row = 0; row < area.rows; row++)
		for (int col = 0; col < area.cols; col++)
			if (surface_cell(sf, row, col)->ch > 0x10ffff)
				abort();
}

static size_t fuzz_act(struct term *term, struct surface *sf, const uint8_t *data, size_t size)
{
	switch (data[0]) {
	case 0xf5:
		if (size >= 3)
			term_resize(term, data[1], data[2]);
		return size < 3 ? size : 3;
	case 0xf6:
		if (size >= 2)
			term_key(term, data[1] < 0x80 ? data[1] : VKEY_UP + (data[1] & 0x1f));
		return size < 2 ? size : 2;
	default:
		fuzz_draw(term, sf, 3);
		return 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct term *term = term_new(25, 80, fuzz_reply, NULL);
	struct surface *sf = surface_new(25, 80);
	struct buf text = BUF_INIT;

	while (term && sf && size) {
		size_t run = 0;

		while (run < size && (data[run] < 0xf5 || data[run] > 0xf7))
			run++;
		term_feed(term, data, run);
		if (run == 0)
			run = fuzz_act(term, sf, data, size);
		data += run;
		size -= run;
	}
	if (term && sf) {
		fuzz_draw(term, sf, 0);
		term_text(term, &text);
	}
	buf_free(&text);
	surface_free(sf);
	term_free(term);
	return 0;
}
