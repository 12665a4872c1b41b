/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving pages of guest RAM back to the host: see punch.h. */
#include "vmm/punch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

static const struct sample_region *punch_region(const struct mem *mem, uint64_t off)
{
	const struct sample_region *reg;
	unsigned int i;

	for (i = 0; i < mem_nr_regions(mem); i++) {
		reg = mem_region(mem, i);
		if (off - reg->offset < reg->len)
			return reg;
	}
	return NULL;
}

int mem_punch(struct mem *mem, uint64_t off, uint64_t len)
{
	const struct sample_region *reg = punch_region(mem, off);

	if (!len || off % PUNCH_PAGE || len % PUNCH_PAGE)
		return -EINVAL;
	if (!reg || reg->type != SAMPLE_REGION_RAM || len > reg->len - (off - reg->offset))
		return -EFAULT;
	mem_dirty(mem, reg->gpa + off - reg->offset, len);
	if (fallocate(mem_fd(mem), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		      (off_t)len) < 0)
		return -errno;
	return 0;
}

uint64_t mem_ram_offset(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	const struct sample_region *reg;
	unsigned int i;

	for (i = 0; i < mem_nr_regions(mem); i++) {
		reg = mem_region(mem, i);
		if (gpa - reg->gpa >= reg->len)
			continue;
		if (reg->type != SAMPLE_REGION_RAM || len > reg->len - (gpa - reg->gpa))
			return UINT64_MAX;
		return reg->offset + gpa - reg->gpa;
	}
	return UINT64_MAX;
}

uint64_t mem_offset_gpa(const struct mem *mem, uint64_t off)
{
	const struct sample_region *reg = punch_region(mem, off);

	return reg ? reg->gpa + off - reg->offset : UINT64_MAX;
}

uint64_t mem_resident(const struct mem *mem)
{
	struct stat st;

	return fstat(mem_fd(mem), &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}
