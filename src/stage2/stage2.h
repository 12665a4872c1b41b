/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second stage: how guest-physical memory is really mapped. Exact where the
 * running kernel's own EPT or NPT can be read (stage2-bpf.c), derived from the
 * host's page tables elsewhere (stage2-host.c); every map says which it is.
 */
#ifndef VITRINE_STAGE2_STAGE2_H
#define VITRINE_STAGE2_STAGE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/vm.h"

enum stage2_format { STAGE2_NPT, STAGE2_EPT };

#define STAGE2_R (1u << 0)
#define STAGE2_W (1u << 1)
#define STAGE2_X (1u << 2)
#define STAGE2_A (1u << 3)
#define STAGE2_D (1u << 4)
#define STAGE2_U (1u << 5) /* NPT: user bit, always set by KVM */

/* A run of leaves of one size and permission, next to each other in guest-physical memory. */
struct stage2_range {
	uint64_t gpa, len;
	uint64_t hpa; /* of the first leaf */
	uint32_t nr_leaves;
	uint32_t perm;	 /* STAGE2_*; A and D are ORed */
	uint8_t level;	 /* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB */
	uint8_t memtype; /* EPT: bits 5..3 of the entry */
	bool contiguous; /* host-physical memory runs on as well */
};

/* One leaf that was asked for. */
struct stage2_leaf {
	uint64_t gpa;  /* looked for; UINT64_MAX: nothing is */
	bool found;    /* it is mapped */
	uint64_t hpa;  /* of that very address */
	uint32_t perm; /* STAGE2_* */
	uint8_t level, memtype;
};

struct stage2_map {
	struct stage2_leaf want;
	const char *tier; /* "exact (BPF)", "derived (pagemap)" */
	enum stage2_format format;
	uint64_t root_hpa;
	unsigned int levels;
	uint64_t time_ns;		  /* when it was read, CLOCK_MONOTONIC */
	uint64_t read_ns;		  /* how long that took */
	uint64_t nr_tables, nr_leaves[4]; /* by level; [0] unused */
	struct stage2_range *range;	  /* ascending */
	size_t nr, cap;
	bool truncated; /* the bound on work was met, or a table could not be read */
};

/*
 * Read the second stage of VM, exactly if this process may, else derived. The
 * tree changes while it is read; the work is bounded. -EOPNOTSUPP where there is
 * none (shadow paging). Free with stage2_free(). [main]
 */
int stage2_read(struct vm *vm, struct stage2_map *out, struct err *err);
void stage2_free(struct stage2_map *map);
/* The same, and OUT->want is what maps GPA. */
int stage2_find(struct vm *vm, uint64_t gpa, struct stage2_map *out, struct err *err);
/* Was it read from the kernel, not derived from the host's page tables? */
bool stage2_is_exact(const struct stage2_map *map);
/* "RWXU AD" of PERM into OUT, at least 16 bytes; returns it. */
const char *stage2_perm_text(uint32_t perm, enum stage2_format format, char *out);

/* Reads one 4 KiB table at host-physical HPA. */
typedef bool (*stage2_table_fn)(void *ctx, uint64_t hpa, uint64_t table[512]);

/* Walk the tree under ROOT_HPA, which begins at GPA, into OUT (format and levels set). -EINVAL. */
int stage2_walk(stage2_table_fn read, void *ctx, uint64_t gpa, struct stage2_map *out);
/* As lines: a header with tier and age, then a line a range; appended to OUT. */
void stage2_text(const struct stage2_map *map, uint64_t now_ns, struct buf *out);

/* The engines; each -EOPNOTSUPP or -EPERM where it cannot. */
int stage2_bpf_read(struct vm *vm, struct stage2_map *out, struct err *err);
int stage2_host_read(struct vm *vm, struct stage2_map *out, struct err *err);

#endif
