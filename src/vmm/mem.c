/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM: see mem.h. Below the device hole the offset in the memfd is the
 * guest-physical address itself; RAM above 4 GiB follows without the hole.
 */
#include "vmm/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/parse.h"

#define MEM_PAGE       4096ull
#define MEM_MAX	       (1ull << 42)
#define MEM_NR_REGIONS 5

struct mem {
	int fd;
	uint8_t *base;
	uint8_t *guest; /* a second mapping, KVM's: what is protected there stays ours */
	uint64_t size, fd_len;
	unsigned int nr_regions;
	struct sample_region region[MEM_NR_REGIONS];
	int vm_fd;		 /* -1: not registered */
	bool tracked, counted;	 /* somebody wants the pages; their number */
	_Atomic uint64_t *dirty; /* by this process, or counted; NULL before the first of them */
	_Atomic(_Atomic uint64_t *) watch; /* a bit for each page; NULL before the first */
};

static uint64_t mem_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void mem_add_region(struct mem *mem, const char *name, uint32_t type, uint64_t gpa,
			   uint64_t end)
{
	struct sample_region *reg = &mem->region[mem->nr_regions];

	if (gpa >= end)
		return;
	reg->gpa = gpa;
	reg->len = end - gpa;
	reg->offset = gpa < MEM_HOLE_BASE ? gpa : gpa - MEM_HOLE_END + MEM_HOLE_BASE;
	reg->type = type;
	reg->slot = mem->nr_regions++;
	strncpy(reg->name, name, sizeof(reg->name) - 1);
}

static void mem_layout(struct mem *mem)
{
	mem_add_region(mem, "ram-low", SAMPLE_REGION_RAM, 0, MEM_LOW_END);
	mem_add_region(mem, "vga", SAMPLE_REGION_VGA, MEM_VGA_BASE, MEM_ROM_BASE);
	mem_add_region(mem, "rom", SAMPLE_REGION_ROM, MEM_ROM_BASE, MEM_HIGH_BASE);
	mem_add_region(mem, "ram", SAMPLE_REGION_RAM, MEM_HIGH_BASE, mem_low_end(mem));
	mem_add_region(mem, "ram-high", SAMPLE_REGION_RAM, MEM_HOLE_END, mem_high_end(mem));
}

/* The file keeps its size for good: a viewer that shrank it would make our accesses fault. */
static int mem_open(struct mem *mem, struct err *err)
{
	char text[16];

	mem->fd = memfd_create("vitrine-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem->fd < 0)
		return err_sys(err, errno, "memory: memfd_create");
	if (ftruncate(mem->fd, (off_t)mem->fd_len) < 0 ||
	    fcntl(mem->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return err_sys(err, errno, "memory: cannot make %s of guest RAM",
			       parse_size_text(mem->size, text));
	mem->base = mmap(NULL, mem->fd_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			 mem->fd, 0);
	if (mem->base == MAP_FAILED) {
		mem->base = NULL;
		return err_sys(err, errno, "memory: cannot map %s of guest RAM",
			       parse_size_text(mem->size, text));
	}
	mem->guest = mmap(NULL, mem->fd_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			  mem->fd, 0);
	if (mem->guest == MAP_FAILED) {
		mem->guest = NULL;
		return err_sys(err, errno, "memory: cannot map %s of guest RAM",
			       parse_size_text(mem->size, text));
	}
	return 0;
}

int mem_create(uint64_t size, struct mem **out, struct err *err)
{
	struct mem *mem;
	unsigned int i;
	char text[16];
	int ret;

	if (size < MEM_HIGH_BASE || size > MEM_MAX || size % MEM_PAGE)
		return err_set(err, EINVAL,
			       "memory: %s is not a size between 1M and 4T in whole 4K pages",
			       parse_size_text(size, text));
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return err_sys(err, ENOMEM, "memory");
	mem->fd = mem->vm_fd = -1;
	mem->size = size;
	mem->fd_len = size;
	mem_layout(mem);
	ret = mem_open(mem, err);
	if (ret) {
		mem_destroy(mem);
		return ret;
	}
	for (i = 0; i < mem->nr_regions; i++)
		mem->region[i].hva = (uint64_t)(uintptr_t)(mem->guest + mem->region[i].offset);
	*out = mem;
	return 0;
}

void mem_destroy(struct mem *mem)
{
	if (!mem)
		return;
	if (mem->base)
		munmap(mem->base, mem->fd_len);
	if (mem->guest)
		munmap(mem->guest, mem->fd_len);
	if (mem->fd >= 0)
		close(mem->fd);
	free(mem->dirty);
	free(mem->watch);
	free(mem);
}

static int mem_set_slot(int vm_fd, const struct sample_region *reg, uint32_t flags)
{
	struct kvm_userspace_memory_region slot = {
		.slot = reg->slot,
		.flags = flags,
		.guest_phys_addr = reg->gpa,
		.memory_size = reg->len,
		.userspace_addr = reg->hva,
	};

	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0 ? -errno : 0;
}

/* A KVM without read-only slots says EINVAL; the ROM is then ordinary memory. */
int mem_register(struct mem *mem, int vm_fd, struct err *err)
{
	const struct sample_region *reg;
	unsigned int i;
	int ret;

	mem->vm_fd = vm_fd;
	for (i = 0; i < mem->nr_regions; i++) {
		reg = &mem->region[i];
		ret = -EINVAL;
		if (reg->type == SAMPLE_REGION_ROM)
			ret = mem_set_slot(vm_fd, reg, KVM_MEM_READONLY);
		if (ret == -EINVAL)
			ret = mem_set_slot(vm_fd, reg, 0);
		if (ret)
			return err_sys(err, -ret, "memory: KVM refuses the %s region at 0x%llx",
				       reg->name, (unsigned long long)reg->gpa);
	}
	return 0;
}

static const struct sample_region *mem_find(const struct mem *mem, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		if (gpa - mem->region[i].gpa < mem->region[i].len)
			return &mem->region[i];
	return NULL;
}

static void *mem_at(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	const struct sample_region *reg = mem_find(mem, gpa);

	if (!reg || len > reg->len - (gpa - reg->gpa))
		return NULL;
	return mem->base + reg->offset + (gpa - reg->gpa);
}

/* Bytes [OFF, OFF+LEN) of the memfd are not what they were. */
static void mem_mark(const struct mem *mem, uint64_t off, uint64_t len)
{
	uint64_t page, bit;

	if (!mem->tracked || !len)
		return;
	for (page = off / MEM_PAGE; page <= (off + len - 1) / MEM_PAGE; page++) {
		bit = 1ull << page % 64;
		if (!(atomic_load_explicit(&mem->dirty[page / 64], memory_order_relaxed) & bit))
			atomic_fetch_or(&mem->dirty[page / 64], bit);
	}
}

void mem_dirty(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	const uint8_t *hva = mem_at(mem, gpa, len);

	if (hva)
		mem_mark(mem, (uint64_t)(hva - mem->base), len);
}

void *mem_span(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	mem_dirty(mem, gpa, len);
	return mem_at(mem, gpa, len);
}

const void *mem_look(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	return mem_at(mem, gpa, len);
}

/* Whether [GPA, GPA+LEN) is backed throughout, so that a copy happens whole or not at all. */
static bool mem_covered(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	const struct sample_region *reg;
	uint64_t room;

	while (len) {
		reg = mem_find(mem, gpa);
		if (!reg)
			return false;
		room = mem_min(reg->len - (gpa - reg->gpa), len);
		gpa += room;
		len -= room;
	}
	return true;
}

/* The longest piece of [*GPA, *GPA+*LEN) in one region; advances both. Covered ranges only. */
static void *mem_piece(const struct mem *mem, uint64_t *gpa, size_t *len, size_t *piece)
{
	const struct sample_region *reg = mem_find(mem, *gpa);
	uint64_t off = *gpa - reg->gpa;

	*piece = mem_min(reg->len - off, *len);
	*gpa += *piece;
	*len -= *piece;
	return mem->base + reg->offset + off;
}

int mem_read(const struct mem *mem, uint64_t gpa, void *out, size_t len)
{
	uint8_t *dst = out;
	size_t piece;
	void *src;

	if (!mem_covered(mem, gpa, len))
		return -EFAULT;
	for (; len; dst += piece) {
		src = mem_piece(mem, &gpa, &len, &piece);
		memcpy(dst, src, piece);
	}
	return 0;
}

int mem_write(struct mem *mem, uint64_t gpa, const void *data, size_t len)
{
	const uint8_t *src = data;
	size_t piece;
	void *dst;

	if (!mem_covered(mem, gpa, len))
		return -EFAULT;
	for (; len; src += piece) {
		dst = mem_piece(mem, &gpa, &len, &piece);
		memcpy(dst, src, piece);
		mem_mark(mem, (uint64_t)((uint8_t *)dst - mem->base), piece);
	}
	return 0;
}

int mem_set(struct mem *mem, uint64_t gpa, int value, size_t len)
{
	size_t piece;
	void *dst;

	if (!mem_covered(mem, gpa, len))
		return -EFAULT;
	while (len) {
		dst = mem_piece(mem, &gpa, &len, &piece);
		memset(dst, value, piece);
		mem_mark(mem, (uint64_t)((uint8_t *)dst - mem->base), piece);
	}
	return 0;
}

const void *mem_guest_hva(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	const uint8_t *hva = mem_at(mem, gpa, len);

	return hva ? mem->guest + (hva - mem->base) : NULL;
}

int mem_protect(struct mem *mem, uint64_t gpa, uint64_t len, int prot)
{
	void *hva = (void *)(uintptr_t)mem_guest_hva(mem, gpa, len);

	if (!hva)
		return -EFAULT;
	return mprotect(hva, len, prot) < 0 ? -errno : 0;
}

int mem_watch(struct mem *mem, uint64_t gpa, bool on)
{
	const uint8_t *hva = mem_guest_hva(mem, gpa & ~(MEM_PAGE - 1ull), MEM_PAGE);
	_Atomic uint64_t *bits = mem->watch;
	uint64_t page;

	if (!hva)
		return -EFAULT;
	if (!bits) {
		if (!on)
			return 0;
		bits = calloc(mem->fd_len / MEM_PAGE / 64 + 1, sizeof(*bits));
		if (!bits)
			return -ENOMEM;
		mem->watch = bits;
	}
	page = (uint64_t)(hva - mem->guest) / MEM_PAGE;
	if (on)
		bits[page / 64] |= 1ull << (page % 64);
	else
		bits[page / 64] &= ~(1ull << (page % 64));
	return 0;
}

bool mem_watched(const struct mem *mem, uint64_t off, uint64_t len)
{
	const _Atomic uint64_t *bits = mem->watch;
	uint64_t page, end;

	if (!bits || off >= mem->fd_len || len > mem->fd_len - off)
		return false;
	end = (off + len + MEM_PAGE - 1) / MEM_PAGE;
	for (page = off / MEM_PAGE; page < end; page++) {
		if (bits[page / 64] >> (page % 64) & 1)
			return true;
	}
	return false;
}

unsigned int mem_nr_regions(const struct mem *mem)
{
	return mem->nr_regions;
}

const struct sample_region *mem_region(const struct mem *mem, unsigned int index)
{
	return index < mem->nr_regions ? &mem->region[index] : NULL;
}

uint64_t mem_size(const struct mem *mem)
{
	return mem->size;
}

uint64_t mem_low_end(const struct mem *mem)
{
	return mem_min(mem->size, MEM_HOLE_BASE);
}

uint64_t mem_high_end(const struct mem *mem)
{
	return MEM_HOLE_END + mem->size - mem_low_end(mem);
}

int mem_fd(const struct mem *mem)
{
	return mem->fd;
}

uint64_t mem_fd_len(const struct mem *mem)
{
	return mem->fd_len;
}

const void *mem_base(const struct mem *mem)
{
	return mem->base;
}

void mem_clear(struct mem *mem)
{
	if (fallocate(mem->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)mem->fd_len) <
	    0)
		memset(mem->base, 0, mem->fd_len);
	mem_mark(mem, 0, mem->fd_len);
}

/* --- what changes --- */

size_t mem_nr_words(const struct mem *mem)
{
	return (size_t)((mem->fd_len / MEM_PAGE + 63) / 64);
}

static bool mem_logged(const struct mem *mem, const struct sample_region *reg)
{
	return mem->vm_fd >= 0 && reg->type != SAMPLE_REGION_ROM;
}

/* KVM keeps its log while anybody wants it. */
static int mem_log(struct mem *mem, bool tracked, bool counted, struct err *err)
{
	bool was = mem->tracked || mem->counted, on = tracked || counted;
	unsigned int i;
	int ret;

	if (on && !mem->dirty) {
		mem->dirty = calloc(mem_nr_words(mem), sizeof(*mem->dirty));
		if (!mem->dirty)
			return err_sys(err, ENOMEM, "memory: dirty pages");
	}
	mem->tracked = tracked;
	mem->counted = counted;
	for (i = 0; i < mem->nr_regions && on != was; i++) {
		if (!mem_logged(mem, &mem->region[i]))
			continue;
		ret = mem_set_slot(mem->vm_fd, &mem->region[i], on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		if (ret)
			return err_sys(err, -ret, "memory: dirty log of %s", mem->region[i].name);
	}
	return 0;
}

int mem_track(struct mem *mem, bool on, struct err *err)
{
	return mem_log(mem, on, mem->counted, err);
}

bool mem_tracked(const struct mem *mem)
{
	return mem->tracked;
}

int mem_count(struct mem *mem, bool on, struct err *err)
{
	return mem_log(mem, mem->tracked, on, err);
}

/* Bit 0 of FROM is page FIRST of the memfd: regions need not begin at a multiple of 64 pages. */
static void mem_merge(uint64_t *bitmap, uint64_t first, const uint64_t *from, uint64_t pages)
{
	unsigned int shift = first % 64;
	uint64_t i, words = (pages + 63) / 64;

	for (i = 0; i < words; i++) {
		if (!from[i])
			continue;
		bitmap[first / 64 + i] |= from[i] << shift;
		if (shift && from[i] >> (64 - shift))
			bitmap[first / 64 + i + 1] |= from[i] >> (64 - shift);
	}
}

static int mem_take_region(struct mem *mem, const struct sample_region *reg, uint64_t *bitmap,
			   struct err *err)
{
	uint64_t pages = reg->len / MEM_PAGE;
	uint64_t *bits = calloc((size_t)((pages + 63) / 64), sizeof(*bits));
	struct kvm_dirty_log log = { .slot = reg->slot };
	int ret = 0;

	if (!bits)
		return err_sys(err, ENOMEM, "memory: dirty pages");
	log.dirty_bitmap = bits;
	if (ioctl(mem->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0)
		ret = err_sys(err, errno, "KVM_GET_DIRTY_LOG of %s", reg->name);
	else
		mem_merge(bitmap, reg->offset / MEM_PAGE, bits, pages);
	free(bits);
	return ret;
}

/* What is counted is not lost to who wants the pages themselves. */
int mem_count_take(struct mem *mem, unsigned int index, uint64_t *pages, struct err *err)
{
	uint64_t *bits;
	size_t i, words = mem_nr_words(mem);
	int ret;

	*pages = 0;
	if (!mem->counted || index >= mem->nr_regions)
		return err_set(err, EINVAL, "memory: nobody counts changes");
	if (!mem_logged(mem, &mem->region[index]))
		return 0;
	bits = calloc(words, sizeof(*bits));
	if (!bits)
		return err_sys(err, ENOMEM, "memory: dirty pages");
	ret = mem_take_region(mem, &mem->region[index], bits, err);
	for (i = 0; i < words && !ret; i++) {
		if (!bits[i])
			continue;
		*pages += (unsigned int)__builtin_popcountll(bits[i]);
		if (mem->tracked)
			atomic_fetch_or(&mem->dirty[i], bits[i]);
	}
	free(bits);
	return ret;
}

int mem_dirty_take(struct mem *mem, uint64_t *bitmap, struct err *err)
{
	unsigned int r;
	int ret = 0;
	size_t i;

	if (!mem->tracked)
		return err_set(err, EINVAL, "memory: nobody keeps note of changes");
	for (r = 0; r < mem->nr_regions && !ret; r++) {
		if (mem_logged(mem, &mem->region[r]))
			ret = mem_take_region(mem, &mem->region[r], bitmap, err);
	}
	for (i = 0; i < mem_nr_words(mem) && !ret; i++) {
		if (atomic_load_explicit(&mem->dirty[i], memory_order_relaxed))
			bitmap[i] |= atomic_exchange(&mem->dirty[i], 0);
	}
	return ret;
}
