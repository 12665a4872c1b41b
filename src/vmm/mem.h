/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM: one memfd, mapped once, registered as memslots. The only way to
 * guest memory inside the VM process.
 *
 * Map: 0..640 KiB RAM, 0xA0000 VGA window, 0xC0000 ROM, 1 MiB..3 GiB RAM, a
 * hole for devices up to 4 GiB, the rest of RAM above.
 */
#ifndef VITRINE_VMM_MEM_H
#define VITRINE_VMM_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inspect/sample.h"

#define MEM_LOW_END   0xa0000ull
#define MEM_VGA_BASE  0xa0000ull
#define MEM_ROM_BASE  0xc0000ull
#define MEM_HIGH_BASE 0x100000ull
#define MEM_HOLE_BASE 0xc0000000ull
#define MEM_HOLE_END  0x100000000ull

struct mem;

/* SIZE bytes of RAM as the user counts it (at least 1 MiB, a multiple of 4 KiB). -EINVAL, -ENOMEM.
 */
int mem_create(uint64_t size, struct mem **out, struct err *err);
void mem_destroy(struct mem *mem);
/* Register every region with the VM file descriptor VM_FD (must come before any irqchip). */
int mem_register(struct mem *mem, int vm_fd, struct err *err);

/*
 * LEN bytes at GPA as a host pointer, NULL unless all of it lies in one region.
 * Guest and host threads may write there at any time: read once, then check.
 * Counts as a change of those pages (see mem_track()); who keeps the pointer and
 * writes through it later says so each time with mem_dirty().
 */
void *mem_span(const struct mem *mem, uint64_t gpa, uint64_t len);
/* The same for reading only. */
const void *mem_look(const struct mem *mem, uint64_t gpa, uint64_t len);
/* Where KVM sees it: for the host's page map, not for access. */
const void *mem_guest_hva(const struct mem *mem, uint64_t gpa, uint64_t len);
/*
 * Whole pages that the guest may only read (PROT_READ), or not touch at all (PROT_NONE): KVM_RUN
 * then fails with EFAULT before the instruction has done anything. This process and devices are not
 * concerned. One region only. The vCPUs stand. -errno.
 */
int mem_protect(struct mem *mem, uint64_t gpa, uint64_t len, int prot);
/*
 * The page of GPA is under a debugger's watch, or no longer: it then may not be given back to the
 * host, though its protection is open for a moment. One thread at a time. -EFAULT, -ENOMEM.
 */
int mem_watch(struct mem *mem, uint64_t gpa, bool on);
/* Whether a page of the LEN bytes at offset OFF of the memfd is. Any thread. */
bool mem_watched(const struct mem *mem, uint64_t off, uint64_t len);
/* Copy; -EFAULT if any byte lies outside. May cross regions. Writes to ROM are allowed (host side).
 */
int mem_read(const struct mem *mem, uint64_t gpa, void *out, size_t len);
int mem_write(struct mem *mem, uint64_t gpa, const void *data, size_t len);
/* Fill with VALUE; -EFAULT. */
int mem_set(struct mem *mem, uint64_t gpa, int value, size_t len);

unsigned int mem_nr_regions(const struct mem *mem);
const struct sample_region *mem_region(const struct mem *mem, unsigned int index);
/* Bytes of RAM asked for; first address after low RAM (at most 3 GiB); after high RAM, or 4 GiB. */
uint64_t mem_size(const struct mem *mem);
uint64_t mem_low_end(const struct mem *mem);
uint64_t mem_high_end(const struct mem *mem);
/* The memfd (owned by MEM) and its length. */
int mem_fd(const struct mem *mem);
uint64_t mem_fd_len(const struct mem *mem);
/* The whole mapping, for a view inside the VM process. */
const void *mem_base(const struct mem *mem);
/* Give every page back to the host: RAM reads zero afterwards (reset). */
void mem_clear(struct mem *mem);

/*
 * Keep note of the pages that change, by the guest (KVM's dirty log) and by this process, while
 * ON; a guest pays for it with one fault a page. The vCPUs stand. [main]
 */
int mem_track(struct mem *mem, bool on, struct err *err);
/* Whether that is on. Only changed while devices are held (device_ops.hold). Any thread. */
bool mem_tracked(const struct mem *mem);
/*
 * The same for who only wants to know how many pages the guest writes; beside mem_track(), which
 * loses nothing by it. The vCPUs may run. [main]
 */
int mem_count(struct mem *mem, bool on, struct err *err);
/* Pages of region INDEX that the guest wrote since the last call. [main] */
int mem_count_take(struct mem *mem, unsigned int index, uint64_t *pages, struct err *err);
/* LEN bytes at GPA were or will be written through a pointer. Cheap while nothing is tracked. Any
 * thread. */
void mem_dirty(const struct mem *mem, uint64_t gpa, uint64_t len);
/*
 * Add what has changed since the last call to BITMAP, one bit a 4 KiB page of the memfd
 * (mem_nr_words() words). The vCPUs stand. [main]
 */
int mem_dirty_take(struct mem *mem, uint64_t *bitmap, struct err *err);
/* Words of 64 pages in such a bitmap. */
size_t mem_nr_words(const struct mem *mem);

#endif
