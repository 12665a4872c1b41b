/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle-check NAME: reads what the oracle guest NAME (guests/oracle/) wrote down about its
 * touches, and asks inspect/mmu what it would have said. One result line for each paging mode;
 * the first few disagreements are explained.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "guests/oracle/oracle.h"
#include "inspect/mmu.h"

#define CHECK_SHOWN 5
#define CHECK_PF    14
#define CHECK_GP    13

#define CHECK_ERR_P    (1u << 0)
#define CHECK_ERR_RSVD (1u << 3)
#define CHECK_ACCESSED (1ull << 5)

static const char *const check_how[ORACLE_NR_HOW] = { "read", "write", "fetch" };

struct check_sum {
	unsigned int touches, faults, wrong;
};

/* Faults of reserved bits that did not say so as SDM 3A 4.7 has it, with the P flag. */
static unsigned int check_odd;

/* PAE's top entries as they were when CR3 was loaded: emulators mark them accessed later. */
static void check_top_entries(const struct vm_view *view, struct x86_state *st)
{
	unsigned int i;

	st->pdptrs_valid = mmu_mode_of(st) == MMU_PAE;
	for (i = 0; st->pdptrs_valid && i < 4; i++) {
		view_read_value(view, (st->cr3 & ~31ull) + i * 8, 8, &st->pdptr[i]);
		st->pdptr[i] &= ~CHECK_ACCESSED;
	}
}

static void check_state(const struct vm_view *view, const struct oracle_record *rec,
			struct x86_state *st)
{
	*st = view->vcpu[0].state;
	st->cr0 = rec->cr0;
	st->cr3 = rec->cr3;
	st->cr4 = rec->cr4;
	st->efer = rec->efer;
	st->rflags = rec->rflags;
	st->pkru = rec->pkru;
	check_top_entries(view, st);
}

/* What became of the touch must be what the explanation says. */
static bool check_agrees(const struct oracle_record *rec, const struct mmu_explain *ex)
{
	if (rec->vector == (rec->how == ORACLE_FETCH ? 3 : 0x80))
		return !ex->faults;
	if (!ex->faults)
		return false;
	if (ex->is_gp)
		return rec->vector == CHECK_GP && rec->error == 0;
	return rec->vector == CHECK_PF && rec->error == ex->error_code && rec->cr2 == rec->va;
}

static void check_show(const struct oracle_record *rec, const struct mmu_explain *ex,
		       unsigned int index)
{
	struct buf text = BUF_INIT;
	char *line, *rest;

	printf("# touch %u: %s at ring %u: vector %u error %x cr2 %" PRIx64 "\n", index,
	       check_how[rec->how], rec->cpl, rec->vector, rec->error, rec->cr2);
	printf("#   cr0 %x cr4 %x efer %x rflags %x pkru %x, we say error %x\n", rec->cr0, rec->cr4,
	       rec->efer, rec->rflags, rec->pkru, ex->error_code);
	mmu_explain_text(ex, rec->va, &text);
	rest = (char *)(uintptr_t)buf_str(&text);
	while ((line = strsep(&rest, "\n")) && *line)
		printf("#   %s\n", line);
	buf_free(&text);
}

static bool check_record(const struct vm_view *view, unsigned int index, struct check_sum *sum)
{
	static unsigned int shown;
	struct oracle_record rec;
	struct mmu_explain ex;
	struct x86_state st;
	enum mmu_mode mode;

	if (view_read(view,
		      ORACLE_LOG_PA + sizeof(struct oracle_log) + (uint64_t)index * sizeof(rec),
		      &rec, sizeof(rec)) != sizeof(rec) ||
	    rec.how >= ORACLE_NR_HOW)
		return false;
	check_state(view, &rec, &st);
	mode = mmu_mode_of(&st);
	if (rec.vector == CHECK_PF && rec.error & CHECK_ERR_RSVD && !(rec.error & CHECK_ERR_P)) {
		rec.error |= CHECK_ERR_P;
		check_odd++;
	}
	mmu_explain(view, &st, rec.va, (enum mmu_access)rec.how, rec.cpl, &ex);
	sum[mode].touches++;
	sum[mode].faults += ex.faults;
	if (check_agrees(&rec, &ex))
		return true;
	sum[mode].wrong++;
	if (shown++ < CHECK_SHOWN)
		check_show(&rec, &ex, index);
	return true;
}

static int check_log(const struct vm_view *view)
{
	struct check_sum sum[MMU_5LEVEL + 1] = { 0 };
	struct oracle_log log;
	unsigned int i, bad = 0;

	if (view_read(view, ORACLE_LOG_PA, &log, sizeof(log)) != sizeof(log) ||
	    log.magic != ORACLE_MAGIC || log.record_len != sizeof(struct oracle_record) ||
	    !log.done || !view->nr_vcpus) {
		puts("not ok log - the oracle has not finished");
		return 1;
	}
	for (i = 0; i < log.nr; i++)
		bad += !check_record(view, i, sum);
	if (check_odd)
		printf("# %u faults of reserved bits came without the P flag: an emulator's way\n",
		       check_odd);
	for (i = 0; i <= MMU_5LEVEL; i++) {
		if (!sum[i].touches)
			continue;
		printf("%s %s%s - %u touches, %u faults, %u told wrong\n",
		       sum[i].wrong ? "not ok" : "ok", mmu_mode_name(i),
		       sum[i].wrong ? "" : " as the processor says", sum[i].touches, sum[i].faults,
		       sum[i].wrong);
		bad += sum[i].wrong;
	}
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct ctl_client *cli = NULL;
	struct vm_view *view = calloc(1, sizeof(*view));
	struct err err = ERR_INIT;
	int status = 2;

	if (argc != 2 || !view)
		fputs("usage: oracle-check NAME\n", stderr);
	else if (ctl_connect(argv[1], &cli, &err) < 0 || ctl_attach(cli, 1, &err) < 0 ||
		 ctl_view(cli, view, &err) < 0)
		fprintf(stderr, "oracle-check: %s\n", err.text);
	else
		status = check_log(view);
	if (view)
		view_release(view);
	ctl_close(cli);
	free(view);
	return status;
}
