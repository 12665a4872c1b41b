/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon as lines of other panels: see panel-balloon.h. */
#include "tui/panel-balloon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define BALLOON_BAR_MAX 64

/* Where BYTES of SIZE end on a bar of WIDTH columns. */
static int balloon_column(uint64_t bytes, uint64_t size, int width)
{
	return bytes >= size ? width : (int)((double)bytes / (double)size * width);
}

void balloon_bar(uint64_t actual, uint64_t target, uint64_t size, int width, char *bar)
{
	int has = balloon_column(actual, size, width);
	int end = balloon_column(target, size, width), i;

	for (i = 0; i < width; i++)
		bar[i] = i < has ? '#' : '.';
	if (target != actual && width > 0)
		bar[end < width ? end : width - 1] = '|';
	bar[width] = '\0';
}

void balloon_bar_text(const struct vm_view *view, int width, char *text, size_t len)
{
	const struct sample_balloon *bal = &view->balloon;
	char bar[BALLOON_BAR_MAX + 1], size[3][16];

	text[0] = '\0';
	if (!bal->present)
		return;
	balloon_bar(bal->actual, bal->target, bal->size,
		    width > BALLOON_BAR_MAX ? BALLOON_BAR_MAX : width, bar);
	parse_size_text(bal->actual, size[0]);
	parse_size_text(bal->size, size[1]);
	parse_size_text(bal->target, size[2]);
	snprintf(text, len, "[%s] %s of %s%s%s%s", bar, size[0], size[1],
		 bal->target != bal->actual ? ", shall have " : "",
		 bal->target != bal->actual ? size[2] : "",
		 !bal->driver	? " (no driver)"
		 : bal->stalled ? " (stalled)"
				: "");
}

static const char *balloon_size(uint64_t bytes, char *text)
{
	return bytes == UINT64_MAX ? "?" : parse_size_text(bytes, text);
}

/* One character for each part of RAM: how much of it is with the host. */
static void balloon_map(struct lines *list, const struct sample_balloon *bal, int width)
{
	static const char shade[] = "#=-:.";
	char row[SAMPLE_BALLOON_MAP + 1];
	int i, j, per = (SAMPLE_BALLOON_MAP + width - 1) / width, nr = 0;
	unsigned int sum;

	for (i = 0; i < SAMPLE_BALLOON_MAP; i += per) {
		for (sum = 0, j = i; j < i + per && j < SAMPLE_BALLOON_MAP; j++)
			sum += bal->map[j];
		row[nr++] = shade[(sum / (unsigned int)(j - i) * 4 + 254) / 255];
	}
	row[nr] = '\0';
	lines_add(list, " holes   %s", row);
	lines_add(list,
		  AS_DIM "         guest # to . host, from the first page of RAM to the last");
}

void balloon_add_lines(struct lines *list, const struct vm_view *view, int cols)
{
	const struct sample_balloon *bal = &view->balloon;
	char text[160], size[5][16];
	int width = cols - 12;

	if (!bal->present)
		return;
	balloon_bar_text(view, cols >= 100 ? 40 : 20, text, sizeof(text));
	lines_add(list, " ");
	lines_add(list, " balloon %s", text);
	lines_add(list, " host    holds %s of its RAM", parse_size_text(bal->resident, size[0]));
	if (bal->stats_ns)
		lines_add(list,
			  " guest   says free %s, available %s, caches %s, swapped in %s out %s",
			  balloon_size(bal->free, size[0]), balloon_size(bal->available, size[1]),
			  balloon_size(bal->caches, size[2]), balloon_size(bal->swap_in, size[3]),
			  balloon_size(bal->swap_out, size[4]));
	balloon_map(list, bal,
		    width < 16			 ? 16
		    : width > SAMPLE_BALLOON_MAP ? SAMPLE_BALLOON_MAP
						 : width);
}
