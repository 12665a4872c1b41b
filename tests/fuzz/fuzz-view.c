/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lying VM process: the input laid over a sample page whose header is right,
 * at an offset it chooses; and the input as a saved view.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/exits.h"
#include "inspect/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_RAM 0x4000u

static uint8_t fuzz_ram[FUZZ_RAM];

static void fuzz_look(struct vm_view *view)
{
	static struct exits_summary sum;
	struct buf out = BUF_INIT;
	uint8_t byte[64];
	uint32_t i;

	for (i = 0; i < view->nr_regions; i++)
		view_read(view, view->region[i].gpa + view->region[i].len - 32, byte, sizeof(byte));
	view_read_va(view, view->stop_vcpu, 0, byte, sizeof(byte));
	exits_summarise(view, view, &sum);
	exits_flights_text(view, -1, 64, NULL, &out);
	for (i = 0; i < view->nr_rows; i++)
		buf_puts(&out, view->row[i].value);
	buf_puts(&out, view->stop_text);
	buf_free(&out);
}

static void fuzz_page(const uint8_t *data, size_t size, struct vm_view *view)
{
	static struct sample_page page;
	size_t off, len = sizeof(page);

	if (size < 4)
		return;
	off = (data[0] | data[1] << 8 | data[2] << 16) % len;
	memset(&page, 0, sizeof(page));
	page.magic = SAMPLE_MAGIC;
	page.version = SAMPLE_VERSION;
	page.size = sizeof(page);
	page.nr_vcpus = 2;
	page.nr_regions = 1;
	page.region[0].len = page.ram_len = FUZZ_RAM;
	memcpy((uint8_t *)&page + off, data + 3, size - 3 < len - off ? size - 3 : len - off);
	if (!view_build(&page, sizeof(page), fuzz_ram, sizeof(fuzz_ram), view, NULL)) {
		fuzz_look(view);
		view_release(view);
	}
}

static void fuzz_file(const uint8_t *data, size_t size, struct vm_view *view)
{
	int fd = memfd_create("fuzz-view", MFD_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, data, size) == (ssize_t)size && !lseek(fd, 0, SEEK_SET) &&
	    !view_load(fd, view, NULL)) {
		fuzz_look(view);
		view_release(view);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_view view;

	fuzz_page(data, size, &view);
	fuzz_file(data, size, &view);
	return 0;
}
