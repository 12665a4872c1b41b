/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers in words: see msr.h. */
#include "inspect/msr.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "inspect/regs.h"

static const char *msr_memory_type(unsigned int type)
{
	static const char *const name[8] = { "UC", "WC", "?", "?", "WT", "WP", "WB", "UC-" };

	return name[type & 7];
}

static void msr_apic_base(uint64_t val, struct buf *out)
{
	buf_printf(out, "%s at %llx%s%s", val & 0x800 ? "on" : "off",
		   (unsigned long long)(val & 0xffffffffff000ull), val & 0x400 ? " x2APIC" : "",
		   val & 0x100 ? " boot processor" : "");
}

static void msr_star(uint64_t val, struct buf *out)
{
	unsigned int call = val >> 32 & 0xffff, ret = val >> 48;

	if (val >> 32)
		buf_printf(out, "SYSCALL cs %04x ss %04x, SYSRET cs %04x ss %04x", call & 0xfffc,
			   (call & 0xfffc) + 8, ((ret + 16) | 3) & 0xffff,
			   ((ret + 8) | 3) & 0xffff);
}

static void msr_sfmask(uint64_t val, struct buf *out)
{
	if (!val)
		return;
	buf_puts(out, "SYSCALL clears ");
	regs_rflags_text(val, out);
}

static void msr_pat(uint64_t val, struct buf *out)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		buf_printf(out, "%s%s", i ? " " : "", msr_memory_type(val >> (i * 8) & 7));
}

static void msr_mtrr_def(uint64_t val, struct buf *out)
{
	if (val & 0x800)
		buf_printf(out, "MTRRs on, elsewhere %s%s", msr_memory_type((unsigned int)val & 7),
			   val & 0x400 ? ", fixed ranges on" : "");
	else
		buf_puts(out, "MTRRs off: all memory counts as UC");
}

static void msr_misc_enable(uint64_t val, struct buf *out)
{
	if (val & 1)
		buf_puts(out, "fast strings ");
	if (val & 1ull << 18)
		buf_puts(out, "MONITOR ");
	if (val & 1ull << 22)
		buf_puts(out, "CPUID limited to 3 ");
	if (val & 1ull << 34)
		buf_puts(out, "XD disabled");
}

static void msr_kvmclock(uint64_t val, struct buf *out)
{
	if (val & 1)
		buf_printf(out, "kvmclock on, at physical %llx", (unsigned long long)(val & ~3ull));
}

static const struct {
	uint32_t msr;
	void (*text)(uint64_t val, struct buf *out);
} msr_table[] = {
	{ 0x1b, msr_apic_base },    { 0xc0000080, regs_efer_text },
	{ 0xc0000081, msr_star },   { 0xc0000084, msr_sfmask },
	{ 0x277, msr_pat },	    { 0x2ff, msr_mtrr_def },
	{ 0x1a0, msr_misc_enable }, { 0x4b564d01, msr_kvmclock },
};

const char *msr_text(uint32_t msr, uint64_t val, char *buf, size_t len)
{
	struct buf out = BUF_INIT;
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < sizeof(msr_table) / sizeof(msr_table[0]); i++) {
		if (msr_table[i].msr != msr)
			continue;
		msr_table[i].text(val, &out);
		snprintf(buf, len, "%s", buf_str(&out));
	}
	buf_free(&out);
	return buf;
}
