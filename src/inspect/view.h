/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct vm_view: an immutable picture of a guest, built from the sample page
 * and the RAM memfd. Everything that reads a guest (panels, `show`, monitor,
 * autopsy) is a pure function of one. Guest RAM itself is not copied: reads go
 * through view_read(), which checks the range and hides software breakpoints.
 */
#ifndef VITRINE_INSPECT_VIEW_H
#define VITRINE_INSPECT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inspect/sample.h"

#define VIEW_FLIGHTS 512

struct view_vcpu {
	struct x86_state state;
	bool exact;
	uint64_t time_ns;
	uint64_t count;
	uint64_t exits[EXIT_NR];
	uint64_t exit_tsc[EXIT_NR];
	struct x86_state shadow;
	uint64_t kvm_exits, kvm_irqs, irq_rate; /* see struct vcpu_sample */
	bool shadow_exact;			/* of the very instruction that crashed */
	bool lost; /* AMD-V reset the CPU in its crash: STATE is the shadow instead */
};

/* A page of memory as it was at some moment. */
struct view_page {
	uint64_t gpa;
	uint8_t data[4096];
};

struct vm_view {
	char name[VM_NAME_MAX];
	char image[SAMPLE_TEXT_MAX];
	char symbols[SAMPLE_SYMS_MAX];
	char gdb[SAMPLE_TEXT_MAX];
	uint32_t pid;
	uint64_t now_ns; /* when this view was built */
	uint64_t start_ns, mem_size, tsc_khz;
	enum vm_state state;
	uint32_t stop_vcpu, stop_count;
	uint64_t stop_ns;
	char stop_text[SAMPLE_TEXT_MAX];
	uint32_t nr_vcpus, nr_regions, nr_rows, nr_ledger, nr_flights;
	struct sample_region region[VM_MAX_REGIONS];
	struct view_vcpu *vcpu; /* nr_vcpus of them */
	struct sample_row row[SAMPLE_ROWS];
	uint32_t nr_pci;
	struct sample_pci pci[SAMPLE_PCI];
	struct sample_irqchips irqchips;
	struct sample_balloon balloon;
	struct sample_kvm kvm;
	struct sample_ledger ledger[SAMPLE_LEDGER];
	struct sample_patch patch[SAMPLE_PATCHES];
	struct sample_flight flight[VIEW_FLIGHTS]; /* oldest first */
	/* the recorder itself, SAMPLE_FLIGHTS entries; borrowed, NULL where only FLIGHT was kept */
	const struct sample_flight *ring;
	uint64_t flight_total;
	uint32_t vga_start, vga_cursor, vga_cursor_on, vga_cols, vga_rows;
	uint64_t serial_out[2];
	const uint8_t *ram; /* borrowed mapping of the RAM memfd (or of a fixture) */
	uint64_t ram_len;
	/* a moment of the past: these pages, by ascending gpa, and no other can be read; borrowed
	 */
	const struct view_page *page;
	uint32_t nr_pages;
	uint32_t nr_patches; /* patch[] slots to look at; 0: none in use */
	void *owned;	     /* RAM that view_release() unmaps, NULL where it is borrowed */
};

/*
 * Build OUT from a mapped sample page of SAMPLE_LEN bytes and RAM (both stay
 * the caller's and must outlive OUT). Fails with EPROTO where the page is not
 * one of ours or lies about its sizes. Any thread; may run beside the writer.
 */
int view_build(const void *sample, size_t sample_len, const void *ram, size_t ram_len,
	       struct vm_view *out, struct err *err);
/*
 * The same for who only reads the guest's memory, in its own VM's process: no vCPU, row or counter
 * is in it, and nothing is allocated. Cheap enough for each instruction that is stepped.
 */
void view_build_memory(const struct sample_page *page, const void *ram, size_t ram_len,
		       struct vm_view *out);
/* Free what view_build() or view_load() allocated inside VIEW. */
void view_release(struct vm_view *view);

/*
 * Read LEN bytes of guest-physical memory at GPA; returns the number of bytes
 * read before the first one that is not RAM. Breakpoint patches are hidden.
 */
size_t view_read(const struct vm_view *view, uint64_t gpa, void *out, size_t len);
/* The same for a little-endian value of SIZE (1, 2, 4, 8) bytes. */
bool view_read_value(const struct vm_view *view, uint64_t gpa, unsigned int size, uint64_t *out);
/* The region that holds GPA, or NULL. */
const struct sample_region *view_region(const struct vm_view *view, uint64_t gpa);
/* Read guest-virtual memory through vCPU's page tables (see mmu.h); bytes read. */
size_t view_read_va(const struct vm_view *view, unsigned int vcpu, uint64_t gva, void *out,
		    size_t len);

/* The same with the page tables that ST's control registers name. */
size_t view_read_va_as(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		       void *out, size_t len);

/* How many exits can be looked at: all that the recorder holds, or the newest VIEW_FLIGHTS. */
uint32_t view_nr_flights(const struct vm_view *view);
/*
 * The exit that BACK others came after (0: the newest) into OUT; false where there is none. Of a
 * running guest the oldest ones may be overwritten at any moment.
 */
bool view_flight(const struct vm_view *view, uint32_t back, struct sample_flight *out);

/* Write a view with the RAM pages that are not zero to FD; read it back (RAM is allocated). */
int view_save(const struct vm_view *view, int fd, struct err *err);
int view_load(int fd, struct vm_view *out, struct err *err);

#endif
