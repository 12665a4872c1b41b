/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A symbol file somebody sent: ELF or System.map, then lookups of all kinds. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/sym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_each(void *ctx, const char *name, uint64_t addr)
{
	struct sym_table *tab = ctx;
	struct sym_frame frame;
	const char *file;
	char text[40];
	uint64_t back;
	int line;

	sym_lookup(tab, name, &back);
	sym_text(tab, addr + 1, text, sizeof(text));
	sym_line(tab, addr, &file, &line);
	sym_frame_at(tab, addr, &frame);
	sym_section(tab, addr);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct sym_table *tab;
	char path[40];
	int fd = memfd_create("fuzz-sym", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size && !sym_open(path, &tab, &err)) {
		sym_each(tab, "", fuzz_each, tab);
		sym_close(tab);
	}
	close(fd);
	return 0;
}
