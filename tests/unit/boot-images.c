/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See boot-images.h. */
#include "boot-images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void image_put(struct image *img, size_t off, uint64_t val, size_t width)
{
	assert_true(off + width <= sizeof(img->data));
	memcpy(img->data + off, &val, width);
	if (off + width > img->len)
		img->len = off + width;
}

static void image_elf_ident(struct image *img, uint8_t class)
{
	memset(img, 0, sizeof(*img));
	memcpy(img->data, "\177ELF", 4);
	image_put(img, 4, class, 1);
	image_put(img, 5, 1, 1);
	image_put(img, 6, 1, 1);
	image_put(img, 16, 2, 2); /* ET_EXEC */
	image_put(img, 20, 1, 4);
	memset(img->data + ELF_TEXT_OFF, 0x90, ELF_TEXT_LEN);
	memset(img->data + ELF_DATA_OFF, 0xdd, ELF_DATA_LEN);
	img->len = ELF_DATA_OFF + ELF_DATA_LEN;
}

static void image_phdr64(struct image *img, unsigned int i, uint32_t type, uint64_t off,
			 uint64_t va, uint64_t pa, uint64_t file_len, uint64_t mem_len)
{
	size_t at = ELF64_PHDR(i);

	image_put(img, at, type, 4);
	image_put(img, at + 4, 7, 4);
	image_put(img, at + 8, off, 8);
	image_put(img, at + 16, va, 8);
	image_put(img, at + 24, pa, 8);
	image_put(img, at + 32, file_len, 8);
	image_put(img, at + 40, mem_len, 8);
}

void image_elf64(struct image *img, uint32_t pvh_entry)
{
	image_elf_ident(img, 2);
	image_put(img, 18, 62, 2);
	image_put(img, 24, ELF64_VADDR + 0x10, 8);
	image_put(img, 32, 64, 8);
	image_put(img, 52, 64, 2);
	image_put(img, 54, 56, 2);
	image_put(img, 56, pvh_entry ? 3 : 2, 2);
	image_phdr64(img, 0, 1, ELF_TEXT_OFF, ELF64_VADDR, ELF_PADDR, ELF_TEXT_LEN, ELF_TEXT_LEN);
	image_phdr64(img, 1, 1, ELF_DATA_OFF, ELF64_DATA_VA, ELF_DATA_PA, ELF_DATA_LEN,
		     ELF_DATA_MEM);
	if (!pvh_entry)
		return;
	/* one foreign note, then ours */
	image_phdr64(img, 2, 4, 0x800, 0, 0, 20 + 20, 20 + 20);
	image_put(img, 0x800, 4, 4);
	image_put(img, 0x804, 4, 4);
	image_put(img, 0x808, 18, 4);
	memcpy(img->data + 0x80c, "GNU", 4);
	image_put(img, 0x814, 4, 4);
	image_put(img, 0x818, 4, 4);
	image_put(img, 0x81c, 18, 4);
	memcpy(img->data + 0x820, "Xen", 4);
	image_put(img, 0x824, pvh_entry, 4);
}

static void image_phdr32(struct image *img, unsigned int i, uint32_t off, uint32_t va, uint32_t pa,
			 uint32_t file_len, uint32_t mem_len)
{
	const uint32_t phdr[8] = { 1, off, va, pa, file_len, mem_len, 7, 0 };
	unsigned int j;

	for (j = 0; j < 8; j++)
		image_put(img, ELF32_PHDR(i) + j * 4, phdr[j], 4);
}

void image_elf32(struct image *img)
{
	image_elf_ident(img, 1);
	image_put(img, 18, 3, 2);
	image_put(img, 24, ELF32_VADDR + 0x10, 4);
	image_put(img, 28, 52, 4);
	image_put(img, 40, 52, 2);
	image_put(img, 42, 32, 2);
	image_put(img, 44, 2, 2);
	image_phdr32(img, 0, ELF_TEXT_OFF, ELF32_VADDR, ELF_PADDR, ELF_TEXT_LEN, ELF_TEXT_LEN);
	image_phdr32(img, 1, ELF_DATA_OFF, ELF32_VADDR + 0x2000, ELF_DATA_PA, ELF_DATA_LEN,
		     ELF_DATA_MEM);
}

void image_multiboot(struct image *img, size_t off, uint32_t flags)
{
	image_put(img, off, 0x1badb002, 4);
	image_put(img, off + 4, flags, 4);
	image_put(img, off + 8, -(0x1badb002u + flags), 4);
}

void image_linux(struct image *img)
{
	memset(img, 0, sizeof(*img));
	image_put(img, 0x1f1, 1, 1);	       /* setup_sects */
	image_put(img, 0x1f4, 0x1000 / 16, 4); /* syssize */
	image_put(img, 0x1fe, 0xaa55, 2);
	image_put(img, 0x200, 0x6aeb, 2); /* the jump: the header ends at 0x26c */
	image_put(img, 0x202, 0x53726448, 4);
	image_put(img, 0x206, 0x20f, 2);
	image_put(img, 0x211, 1, 1);	      /* LOADED_HIGH */
	image_put(img, 0x22c, 0x7fffffff, 4); /* initrd_addr_max */
	image_put(img, 0x230, 0x200000, 4);   /* kernel_alignment */
	image_put(img, 0x234, 1, 1);	      /* relocatable */
	image_put(img, 0x236, 1, 2);	      /* XLF_KERNEL_64 */
	image_put(img, 0x238, 255, 4);	      /* cmdline_size */
	image_put(img, 0x258, LINUX_PREF, 8); /* pref_address */
	image_put(img, 0x260, LINUX_INIT, 4); /* init_size */
	memset(img->data + 0x400, 0x90, 0x1000);
	img->len = 0x1400;
}

void image_sector(struct image *img)
{
	memset(img, 0, sizeof(*img));
	image_put(img, 0, 0xfeeb, 2);
	image_put(img, 510, 0xaa55, 2);
}

int image_path(const struct image *img, char path[32])
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, img->data, img->len), img->len);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

void loaded_make(struct loaded *ld, struct boot_config *cfg, const struct image *img,
		 uint64_t mem_size)
{
	memset(ld, 0, sizeof(*ld));
	ld->fd = -1;
	if (img) {
		ld->fd = image_path(img, ld->path);
		cfg->image = ld->path;
	}
	if (!cfg->cmdline)
		cfg->cmdline = "";
	if (!cfg->nr_cpus)
		cfg->nr_cpus = 1;
	assert_int_equal(mem_create(mem_size, &ld->mem, &ld->err), 0);
	ld->ret = boot_load(cfg, ld->mem, &ld->ctx, &ld->st, &ld->err);
}

void loaded_free(struct loaded *ld)
{
	mem_destroy(ld->mem);
	if (ld->fd >= 0)
		close(ld->fd);
}

uint64_t loaded_get(const struct loaded *ld, uint64_t gpa, size_t width)
{
	uint64_t val = 0;

	assert_int_equal(mem_read(ld->mem, gpa, &val, width), 0);
	return val;
}

const char *loaded_str(const struct loaded *ld, uint64_t gpa)
{
	const char *str = mem_span(ld->mem, gpa, 1);

	assert_non_null(str);
	return str;
}
