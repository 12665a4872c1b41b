/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random page tables and the touches they get. Everything that decides an access is left to
 * chance: the flags of every level, reserved bits, page sizes, CR0.WP, SMEP, SMAP, NX, the AC
 * flag, the ring. The frames of each test stay as they are, so that the tables can still be
 * read when the log is.
 */
#include <stdbool.h>
#include <stddef.h>

#include "cpu.h"
#include "multiboot.h"
#include "power.h"
#include "print.h"
#include "probe.h"
#include "string.h"

#define PTE_P	     (1ull << 0)
#define PTE_W	     (1ull << 1)
#define PTE_U	     (1ull << 2)
#define PTE_PS	     (1ull << 7)
#define PTE_G	     (1ull << 8)
#define PTE_PAT_LONG (1ull << 12)
#define PTE_NX	     (1ull << 63)

#define PROBE_CR4_SMEP	(1u << 20)
#define PROBE_CR4_SMAP	(1u << 21)
#define PROBE_CR4_PKE	(1u << 22)
#define PROBE_CR4_TURNS 1000
#define PROBE_FLAGS_AC	(1u << 18)

/* One test: a chain of tables for one address. */
struct probe_case {
	const struct probe_mode *mode;
	uint64_t root, va;
	bool pse, nxe;
};

static struct probe_cpu cpu;
static uint64_t probe_seed = 88172645463325252ull;
static uint32_t probe_next_frame = ORACLE_TABLES_PA;

static struct oracle_log *probe_log(void)
{
	return (struct oracle_log *)(probe_phys_base + ORACLE_LOG_PA);
}

static uint64_t probe_random(void)
{
	probe_seed ^= probe_seed << 13;
	probe_seed ^= probe_seed >> 7;
	probe_seed ^= probe_seed << 17;
	return probe_seed;
}

static unsigned int probe_below(unsigned int n)
{
	return (uint32_t)(probe_random() >> 29) % n;
}

static bool probe_chance(unsigned int percent)
{
	return probe_below(100) < percent;
}

unsigned int probe_option(const char *key, unsigned int fallback)
{
	size_t len = strlen(key);
	unsigned int val = 0;

	for (const char *at = boot_info.cmdline; *at; at++) {
		if (strncmp(at, key, len) || at[len] != '=')
			continue;
		for (at += len + 1; *at >= '0' && *at <= '9'; at++)
			val = val * 10 + (unsigned int)(*at - '0');
		return val;
	}
	return fallback;
}

void probe_init(void)
{
	struct cpuid_regs r;

	cpuid(0, 0, &r);
	cpu.maxphyaddr = 36;
	cpu.cr4 = CR4_PSE;
	if (r.eax >= 7) {
		cpuid(7, 0, &r);
		cpu.cr4 |= r.ebx & 1u << 7 ? PROBE_CR4_SMEP : 0;
		cpu.cr4 |= r.ebx & 1u << 20 ? PROBE_CR4_SMAP : 0;
		cpu.cr4 |= r.ecx & 1u << 3 ? PROBE_CR4_PKE : 0;
	}
	cpuid(0x80000000, 0, &r);
	if (r.eax >= 0x80000008) {
		cpuid(0x80000001, 0, &r);
		cpu.nx = r.edx & 1u << 20;
		cpu.pages_1g = r.edx & 1u << 26;
		cpuid(0x80000008, 0, &r);
		cpu.maxphyaddr = r.eax & 0xff;
	}
	probe_seed += (uint64_t)probe_option("seed", 1) << 20;
	memset(probe_log(), 0, sizeof(struct oracle_log));
	memset((void *)(probe_phys_base + ORACLE_TARGET_PA), 0xcc, ORACLE_TARGET);
	probe_log()->record_len = sizeof(struct oracle_record);
	probe_log()->magic = ORACLE_MAGIC;
}

void probe_done(void)
{
	probe_log()->done = 1;
	printf("oracle: done, %u touches, %u physical address bits%s%s%s%s\n", probe_log()->nr,
	       cpu.maxphyaddr, cpu.nx ? ", NX" : "", cpu.cr4 & PROBE_CR4_SMEP ? ", SMEP" : "",
	       cpu.cr4 & PROBE_CR4_SMAP ? ", SMAP" : "", cpu.cr4 & PROBE_CR4_PKE ? ", PKU" : "");
}

void touch_lost(uintptr_t ip)
{
	printf("oracle: exception %lu, error %lx, cr2 %lx at %lx\n", (unsigned long)touch_vector,
	       (unsigned long)touch_error, (unsigned long)touch_cr2, (unsigned long)ip);
	power_exit(1);
}

static uint64_t *probe_frame(uint32_t *pa)
{
	uint64_t *frame;

	*pa = probe_next_frame;
	probe_next_frame += PROBE_FRAME;
	frame = (uint64_t *)(probe_phys_base + *pa);
	memset(frame, 0, PROBE_FRAME);
	return frame;
}

static unsigned int probe_shift(const struct probe_mode *mode, unsigned int level)
{
	return 12 + (level - 1) * mode->index_bits;
}

static bool probe_is_pae_top(const struct probe_mode *mode, unsigned int level)
{
	return mode->nr_levels == 3 && level == 3;
}

/* Bits that reserve nothing and allow nothing but what rights are about. */
static uint64_t probe_flags(const struct probe_case *test, unsigned int level, bool leaf)
{
	uint64_t flags = probe_chance(93) ? PTE_P : 0;

	flags |= (uint64_t)probe_below(8) << 9; /* for the system's own use */
	if (probe_is_pae_top(test->mode, level))
		return flags;
	flags |= probe_chance(80) ? PTE_W : 0;
	flags |= probe_chance(75) ? PTE_U : 0;
	flags |= (uint64_t)probe_below(4) << 5; /* accessed, dirty */
	if (test->mode->entry_len == 8 && cpu.nx && probe_chance(12))
		flags |= PTE_NX;
	if (test->mode->nr_levels > 3 && probe_chance(30))
		flags |= (uint64_t)probe_below(2048) << 52;
	if (leaf)
		flags |= probe_chance(30) ? PTE_G : 0;
	if (leaf && level > 1)
		flags |= probe_chance(20) ? PTE_PAT_LONG : 0;
	return flags;
}

/* Now and then a bit that must be zero. */
static uint64_t probe_reserved(const struct probe_case *test, unsigned int level, bool leaf)
{
	unsigned int shift = probe_shift(test->mode, level);

	if (test->mode->entry_len == 4)
		return leaf && level == 2 && probe_chance(8) ? 1u << 21 : 0;
	if (probe_is_pae_top(test->mode, level))
		return 0; /* loading CR3 would fault */
	if (cpu.maxphyaddr < 52 && probe_chance(3))
		return 1ull << (cpu.maxphyaddr + probe_below(52 - cpu.maxphyaddr));
	if (test->mode->nr_levels == 3 && probe_chance(3))
		return 1ull << (52 + probe_below(11));
	if (leaf && level > 1 && probe_chance(6))
		return 1ull << (13 + probe_below(shift - 13));
	if (level > 3 && probe_chance(3))
		return PTE_PS;
	return 0;
}

/* The frame of a leaf, inside the target; a page of 1 GiB starts at 0 and its address is moved. */
static uint64_t probe_leaf_pa(struct probe_case *test, unsigned int level)
{
	uint64_t len = 1ull << probe_shift(test->mode, level);

	if (len > ORACLE_TARGET) {
		test->va &= ~(len - 1);
		test->va |= ORACLE_TARGET_PA + (probe_below(ORACLE_TARGET) & ~15u);
		return 0;
	}
	return ORACLE_TARGET_PA + probe_below((uint32_t)(ORACLE_TARGET / len)) * len;
}

static bool probe_is_leaf(const struct probe_case *test, unsigned int level)
{
	if (level == 1)
		return true;
	if (level == 2)
		return test->pse && probe_chance(25);
	return level == 3 && test->mode->nr_levels > 3 && cpu.pages_1g && probe_chance(15);
}

static void probe_put(const struct probe_mode *mode, void *table, unsigned int index,
		      uint64_t entry)
{
	if (mode->entry_len == 4)
		((uint32_t *)table)[index] = (uint32_t)entry;
	else
		((uint64_t *)table)[index] = entry;
}

/* An address under the free part of the root, in any offset that leaves room for a byte. */
static uint64_t probe_address(const struct probe_mode *mode)
{
	unsigned int shift = probe_shift(mode, mode->nr_levels);
	uint64_t va = probe_random() & ((1ull << shift) - 1) & ~0xfull;
	unsigned int bits = shift + mode->index_bits;

	va |= (uint64_t)(mode->first_top + probe_below(mode->nr_top)) << shift;
	if (mode->nr_levels > 3 && va >> (bits - 1) & 1)
		va |= ~0ull << bits;
	return va;
}

static void probe_build(struct probe_case *test)
{
	const struct probe_mode *mode = test->mode;
	uint32_t pa, next;
	uint64_t *table = probe_frame(&pa);

	test->root = pa;
	test->va = probe_address(mode);
	mode->map_kernel(table);
	for (unsigned int level = mode->nr_levels; level; level--) {
		unsigned int index =
			(unsigned int)(test->va >> probe_shift(mode, level)) &
			(probe_is_pae_top(mode, level) ? 3 : (1u << mode->index_bits) - 1);
		bool leaf = probe_is_leaf(test, level);
		uint64_t entry = probe_flags(test, level, leaf);
		uint64_t *below = NULL;

		entry |= probe_reserved(test, level, leaf);
		if (leaf)
			entry |= probe_leaf_pa(test, level) | (level > 1 ? PTE_PS : 0);
		else
			entry |= (uintptr_t)((below = probe_frame(&next)), next);
		if (level == 2 && !leaf && !test->pse && probe_chance(20))
			entry |= PTE_PS; /* means nothing without CR4.PSE */
		probe_put(mode, table, index, entry);
		if (leaf)
			break;
		table = below;
	}
	if (mode->nr_levels > 3 && probe_chance(2))
		test->va ^= 1ull << (58 + probe_below(5)); /* not canonical */
}

/* A right for each of the 16 keys, read and write for the most part. */
static uint32_t probe_keys(void)
{
	return (uint32_t)(probe_random() & probe_random() & probe_random());
}

/*
 * Emulators mark PAE's top entries accessed, where that bit is reserved: KVM, that looks at them
 * at each change of CR4, would answer with #GP. They may do so again before it is written.
 */
static void probe_set_cr4(const struct probe_mode *mode, uint32_t val)
{
	uint64_t *root = (uint64_t *)(probe_phys_base + (cr3_read() & ~31ul));

	if (!probe_is_pae_top(mode, 3)) {
		cr4_write(val);
		return;
	}
	for (unsigned int turn = 0; turn < PROBE_CR4_TURNS; turn++) {
		for (unsigned int i = 0; i < 4; i++)
			root[i] &= ~(1ull << 5);
		touch_cr4(val);
		if (!touch_vector)
			return;
	}
	touch_lost((uintptr_t)probe_set_cr4);
}

static void probe_touch(const struct probe_case *test, uint8_t how, uint8_t cpl)
{
	struct oracle_record *rec = &probe_log()->record[probe_log()->nr++];
	uint32_t cr4 = (uint32_t)cr4_read();
	uint32_t flags = 2;

	cr4 &= ~(PROBE_CR4_SMEP | PROBE_CR4_SMAP | PROBE_CR4_PKE);
	cr4 |= (uint32_t)(probe_random() >> 8) & cpu.cr4 & (PROBE_CR4_SMEP | PROBE_CR4_SMAP);
	if (test->mode->nr_levels > 3)
		cr4 |= (uint32_t)(probe_random() >> 8) & cpu.cr4 & PROBE_CR4_PKE;
	flags |= probe_chance(50) ? PROBE_FLAGS_AC : 0;
	probe_set_cr4(test->mode, cr4);
	cr0_write((cr0_read() & ~(uintptr_t)CR0_WP) | (probe_chance(60) ? CR0_WP : 0));
	*rec = (struct oracle_record){
		.va = test->va,
		.cr3 = test->root,
		.cr0 = (uint32_t)cr0_read(),
		.cr4 = cr4,
		.efer = test->mode->entry_len == 8 ? (uint32_t)rdmsr(MSR_EFER) : 0,
		.rflags = flags,
		.how = how,
		.cpl = cpl,
	};
	if (cr4 & PROBE_CR4_PKE) {
		rec->pkru = probe_keys();
		__asm__ volatile("wrpkru" : : "a"(rec->pkru), "c"(0), "d"(0));
	}
	if (cpl)
		touch_user((uintptr_t)test->va, flags, how);
	else
		touch_kernel((uintptr_t)test->va, flags, how);
	rec->vector = (uint8_t)touch_vector;
	rec->error = (uint32_t)touch_error;
	rec->cr2 = touch_cr2;
}

static void probe_one(const struct probe_mode *mode)
{
	struct probe_case test = {
		.mode = mode,
		.pse = mode->entry_len == 8 || probe_chance(75),
		.nxe = cpu.nx && mode->entry_len == 8 && probe_chance(75),
	};

	probe_build(&test);
	if (mode->entry_len == 4)
		cr4_write((cr4_read() & ~(uintptr_t)CR4_PSE) | (test.pse ? CR4_PSE : 0));
	else if (cpu.nx)
		wrmsr(MSR_EFER,
		      (rdmsr(MSR_EFER) & ~(uint64_t)EFER_NXE) | (test.nxe ? EFER_NXE : 0));
	cr3_write((uintptr_t)test.root);
	for (uint8_t how = ORACLE_READ; how < ORACLE_NR_HOW; how++) {
		probe_touch(&test, how, 0);
		probe_touch(&test, how, 3);
	}
}

void probe_run(const struct probe_mode *mode, unsigned int nr)
{
	uintptr_t cr0 = cr0_read(), cr3 = cr3_read(), cr4 = cr4_read();
	uint64_t efer = mode->entry_len == 8 ? rdmsr(MSR_EFER) : 0;

	for (unsigned int i = 0; i < nr; i++)
		probe_one(mode);
	if (mode->entry_len == 8)
		wrmsr(MSR_EFER, efer);
	cr3_write(cr3);
	cr0_write(cr0);
	probe_set_cr4(mode, (uint32_t)cr4);
	printf("oracle: %s, %u tables\n", mode->name, nr);
}
