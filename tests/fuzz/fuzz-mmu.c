/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables from a hostile guest: 40 bytes of control registers and an
 * address, the rest is RAM from address 0 on. Walk, explain and fold; single tables,
 * the frame of an IRET at that address, and the ACPI tables that such RAM may hold.
 */
#include <stdlib.h>
#include <string.h>

#include "inspect/acpi-scan.h"
#include "inspect/iret.h"
#include "inspect/mmu-lint.h"
#include "inspect/mmu-table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_HEAD 40u

static void fuzz_tables(const struct vm_view *view, const struct x86_state *st, uint64_t where,
			struct buf *out)
{
	static struct mmu_table tab;
	char flags[MMU_FLAGS_MAX];
	unsigned int level, i;
	uint64_t gpa;

	for (level = 0; level <= 6; level++) {
		if (mmu_table_read(view, st, level & 1 ? where : st->cr3, level, where, &tab, NULL))
			continue;
		if (tab.nr > MMU_TABLE_MAX || tab.nr_present > tab.nr)
			abort();
		mmu_table_text(&tab, NULL, out);
		for (i = 0; i < tab.nr; i++)
			mmu_flags_text(&tab, i, flags);
	}
	mmu_table_top(st, &gpa, &level);
}

static void fuzz_iret(const struct vm_view *view, struct x86_state *st, uint64_t where,
		      struct buf *out)
{
	struct iret_frame frame;

	st->rip = where;
	st->gpr[X86_RSP] = where ^ st->cr3;
	if (iret_find(view, 0, NULL, &frame))
		iret_text(&frame, out);
	iret_decode(view, st, where, where & 1 ? 4 : 8, NULL, &frame);
	iret_text(&frame, out);
}

static void fuzz_acpi(const struct vm_view *view)
{
	static struct acpi_scan scan;
	unsigned int i;

	acpi_scan(view, &scan);
	if (scan.nr > ACPI_SCAN_MAX)
		abort();
	for (i = 0; i < scan.nr; i++)
		acpi_scan_verdict(&scan.table[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_view view; /* large, and nothing of it stays */
	struct mmu_fold fold = { .max = 4096 };
	struct buf out = BUF_INIT;
	struct view_vcpu vcpu;
	static struct mmu_lint lint;
	struct mmu_explain ex;
	uint64_t word[5];
	unsigned int i;

	if (size < FUZZ_HEAD)
		return 0;
	memcpy(word, data, sizeof(word));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.state.cr0 = word[0];
	vcpu.state.cr3 = word[1];
	vcpu.state.cr4 = word[2];
	vcpu.state.efer = word[3];
	vcpu.state.maxphyaddr = (uint8_t)(word[2] >> 56);
	view.vcpu = &vcpu;
	view.nr_vcpus = 1;
	view.ram = data + FUZZ_HEAD;
	view.ram_len = size - FUZZ_HEAD;
	view.nr_regions = 1;
	view.region[0] = (struct sample_region){ .len = size - FUZZ_HEAD };
	for (i = 0; i < 6; i++) {
		mmu_explain(&view, &vcpu.state, word[4], i % 3, i < 3 ? 0 : 3, &ex);
		mmu_explain_text(&ex, word[4], &out);
	}
	if (!mmu_fold(&view, &vcpu.state, &fold)) {
		if (fold.nr > 4096)
			abort();
		for (i = 0; i + 1 < fold.nr; i++) {
			if (fold.range[i].gva + fold.range[i].len > fold.range[i + 1].gva)
				abort();
		}
		mmu_fold_free(&fold);
	}
	if (!mmu_lint(&view, &vcpu.state, &lint)) {
		if (lint.nr > MMU_LINT_MAX)
			abort();
		mmu_lint_text(&lint, &out);
	}
	buf_clear(&out);
	fuzz_tables(&view, &vcpu.state, word[4], &out);
	fuzz_iret(&view, &vcpu.state, word[4], &out);
	fuzz_acpi(&view);
	buf_free(&out);
	return 0;
}
