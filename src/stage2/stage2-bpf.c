/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exact engine: a dozen BPF instructions that read one page of kernel memory
 * (needs CAP_BPF and CAP_PERFMON, Linux 5.14), and BTF for where things lie. From
 * our own task by way of the vCPU's file descriptor to the vCPU's MMU and its root.
 */
#include "stage2/stage2.h"

#include <errno.h>

#ifdef HAVE_LIBBPF

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/vcpu.h"

#define S2BPF_PAGE	4096ull
#define S2BPF_MAX_ROOTS 16

/* Offsets in bytes of what the way leads through, in this kernel. */
struct s2bpf_offsets {
	int task_files, files_fdt, fdt_fd, file_private;
	int vcpu_kvm, vcpu_mmu, mmu_root_hpa, mmu_role;
	int kvm_tdp_roots, kvm_active_pages, page_link, page_spt;
};

struct s2bpf {
	int map_fd, prog_fd;
	uint8_t *page; /* the map's one element */
	struct s2bpf_offsets off;
};

struct s2bpf_ctx {
	uint64_t addr, result;
};

/* The opened reader; BTF is parsed once a process. */
static pthread_mutex_t s2bpf_lock = PTHREAD_MUTEX_INITIALIZER;
static struct s2bpf s2bpf_reader = { .map_fd = -1, .prog_fd = -1 };
static int s2bpf_state; /* 0: not tried, 1: ready, else -errno */

/* --- where members lie --- */

static int s2bpf_member(const struct btf *btf, int type, const char *name, int *member_type)
{
	const struct btf_type *t =
		btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, (uint32_t)type));
	const struct btf_member *m;
	uint32_t i;
	int off;

	if (!t || !btf_is_composite(t))
		return -1;
	m = btf_members(t);
	for (i = 0; i < btf_vlen(t); i++) {
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), name)) {
			*member_type = (int)m[i].type;
			return (int)(btf_member_bit_offset(t, i) / 8);
		}
		if (m[i].name_off && btf__name_by_offset(btf, m[i].name_off)[0])
			continue;
		off = s2bpf_member(btf, (int)m[i].type, name, member_type);
		if (off >= 0)
			return off + (int)(btf_member_bit_offset(t, i) / 8);
	}
	return -1;
}

/* "kvm_vcpu", "arch.mmu": the offset of a member of members; -1 if this kernel has none. */
static int s2bpf_offset(const struct btf *btf, const char *name, const char *path)
{
	int type = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT), off, sum = 0;
	char word[64];
	size_t len;

	while (type > 0 && *path) {
		len = strcspn(path, ".");
		if (len >= sizeof(word))
			return -1;
		memcpy(word, path, len);
		word[len] = '\0';
		off = s2bpf_member(btf, type, word, &type);
		if (off < 0)
			return -1;
		sum += off;
		path += len + (path[len] == '.');
	}
	return type > 0 ? sum : -1;
}

static void s2bpf_find_offsets(const struct btf *core, const struct btf *kvm,
			       struct s2bpf_offsets *off)
{
	off->task_files = s2bpf_offset(core, "task_struct", "files");
	off->files_fdt = s2bpf_offset(core, "files_struct", "fdt");
	off->fdt_fd = s2bpf_offset(core, "fdtable", "fd");
	off->file_private = s2bpf_offset(core, "file", "private_data");
	off->vcpu_kvm = s2bpf_offset(kvm, "kvm_vcpu", "kvm");
	off->vcpu_mmu = s2bpf_offset(kvm, "kvm_vcpu", "arch.mmu");
	off->mmu_root_hpa = s2bpf_offset(kvm, "kvm_mmu", "root.hpa");
	if (off->mmu_root_hpa < 0)
		off->mmu_root_hpa = s2bpf_offset(kvm, "kvm_mmu", "root_hpa");
	off->mmu_role = s2bpf_offset(kvm, "kvm_mmu", "root_role");
	if (off->mmu_role < 0)
		off->mmu_role = s2bpf_offset(kvm, "kvm_mmu", "mmu_role");
	off->kvm_tdp_roots = s2bpf_offset(kvm, "kvm", "arch.tdp_mmu_roots");
	off->kvm_active_pages = s2bpf_offset(kvm, "kvm", "arch.active_mmu_pages");
	off->page_link = s2bpf_offset(kvm, "kvm_mmu_page", "link");
	off->page_spt = s2bpf_offset(kvm, "kvm_mmu_page", "spt");
}

static bool s2bpf_offsets_known(const struct s2bpf_offsets *off)
{
	return off->task_files >= 0 && off->files_fdt >= 0 && off->fdt_fd >= 0 &&
	       off->file_private >= 0 && off->vcpu_kvm >= 0 && off->vcpu_mmu >= 0 &&
	       off->mmu_root_hpa >= 0 && off->mmu_role >= 0 && off->page_spt >= 0 &&
	       off->page_link >= 0 && (off->kvm_tdp_roots >= 0 || off->kvm_active_pages >= 0);
}

static int s2bpf_load_btf(struct s2bpf_offsets *off)
{
	struct btf *core = btf__parse("/sys/kernel/btf/vmlinux", NULL), *kvm = NULL;

	if (!core)
		return -EOPNOTSUPP;
	if (access("/sys/kernel/btf/kvm", R_OK) == 0)
		kvm = btf__parse_split("/sys/kernel/btf/kvm", core);
	s2bpf_find_offsets(core, kvm ? kvm : core, off);
	btf__free(kvm);
	btf__free(core);
	return s2bpf_offsets_known(off) ? 0 : -EOPNOTSUPP;
}

/* --- the reader --- */

static int s2bpf_load_prog(int map_fd)
{
	const struct bpf_insn insn[] = {
		/* r6 = ctx; r7 = ctx->addr; if (r7) goto read; */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 7, .src_reg = 6, .off = 0 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 7, .off = 4 },
		/* ctx->result = current; return 0; */
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_task },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 6, .src_reg = 0, .off = 8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
		/* read: r0 = lookup(map, &0); if (!r0) return 1; */
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map_fd },
		{ .code = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .off = 2, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
		/* return probe_read_kernel(r0, 4096, addr); */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = S2BPF_PAGE },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 7 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);

	return bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "vitrine_read", "GPL", insn,
			     sizeof(insn) / sizeof(insn[0]), &opts);
}

static int s2bpf_open(struct s2bpf *rd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int ret;

	ret = s2bpf_load_btf(&rd->off);
	if (ret)
		return ret;
	rd->map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vitrine_page", 4, S2BPF_PAGE, 1, &opts);
	if (rd->map_fd < 0)
		return -EPERM;
	rd->prog_fd = s2bpf_load_prog(rd->map_fd);
	if (rd->prog_fd < 0)
		return -EPERM;
	rd->page = mmap(NULL, S2BPF_PAGE, PROT_READ, MAP_SHARED, rd->map_fd, 0);
	return rd->page == MAP_FAILED ? -ENOMEM : 0;
}

static bool s2bpf_call(const struct s2bpf *rd, struct s2bpf_ctx *ctx)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = ctx, .ctx_size_in = sizeof(*ctx));

	return bpf_prog_test_run_opts(rd->prog_fd, &opts) == 0 && opts.retval == 0;
}

/* Bring the kernel page that holds ADDR into rd->page. */
static bool s2bpf_page(const struct s2bpf *rd, uint64_t addr)
{
	struct s2bpf_ctx ctx = { .addr = addr & ~(S2BPF_PAGE - 1) };

	return ctx.addr && s2bpf_call(rd, &ctx);
}

static bool s2bpf_read64(const struct s2bpf *rd, uint64_t addr, uint64_t *out)
{
	if ((addr & (S2BPF_PAGE - 1)) > S2BPF_PAGE - 8 || !s2bpf_page(rd, addr))
		return false;
	memcpy(out, rd->page + (addr & (S2BPF_PAGE - 1)), sizeof(*out));
	return true;
}

/* --- the way --- */

static bool s2bpf_find_vcpu(const struct s2bpf *rd, int vcpu_fd, uint64_t *vcpu)
{
	struct s2bpf_ctx ctx = { .addr = 0 };
	const struct s2bpf_offsets *off = &rd->off;
	uint64_t files, fdt, fds, file;

	return s2bpf_call(rd, &ctx) &&
	       s2bpf_read64(rd, ctx.result + (uint64_t)off->task_files, &files) &&
	       s2bpf_read64(rd, files + (uint64_t)off->files_fdt, &fdt) &&
	       s2bpf_read64(rd, fdt + (uint64_t)off->fdt_fd, &fds) &&
	       s2bpf_read64(rd, fds + (uint64_t)vcpu_fd * 8, &file) &&
	       s2bpf_read64(rd, file + (uint64_t)off->file_private, vcpu);
}

/* Follow a list of MMU pages until one of them tells where the direct map begins. */
static bool s2bpf_base_from_list(const struct s2bpf *rd, uint64_t head, uint64_t root_hpa,
				 uint64_t *base)
{
	uint64_t node, spt;
	int i;

	if (!s2bpf_read64(rd, head, &node))
		return false;
	for (i = 0; i < S2BPF_MAX_ROOTS && node != head; i++) {
		if (!s2bpf_read64(rd,
				  node - (uint64_t)rd->off.page_link + (uint64_t)rd->off.page_spt,
				  &spt))
			return false;
		*base = spt - root_hpa;
		if (spt > root_hpa && (*base & ((1ull << 30) - 1)) == 0 && *base >> 63)
			return true;
		if (!s2bpf_read64(rd, node, &node))
			return false;
	}
	return false;
}

static bool s2bpf_find_base(const struct s2bpf *rd, uint64_t kvm, uint64_t root_hpa, uint64_t *base)
{
	const struct s2bpf_offsets *off = &rd->off;

	return (off->kvm_tdp_roots >= 0 &&
		s2bpf_base_from_list(rd, kvm + (uint64_t)off->kvm_tdp_roots, root_hpa, base)) ||
	       (off->kvm_active_pages >= 0 &&
		s2bpf_base_from_list(rd, kvm + (uint64_t)off->kvm_active_pages, root_hpa, base));
}

struct s2bpf_walk {
	const struct s2bpf *rd;
	uint64_t base;
};

static bool s2bpf_table(void *ctx, uint64_t hpa, uint64_t table[512])
{
	const struct s2bpf_walk *walk = ctx;

	if (!s2bpf_page(walk->rd, walk->base + hpa))
		return false;
	memcpy(table, walk->rd->page, S2BPF_PAGE);
	return true;
}

static int s2bpf_read_vm(const struct s2bpf *rd, struct vm *vm, struct stage2_map *out,
			 struct err *err)
{
	struct s2bpf_walk walk = { .rd = rd };
	uint64_t vcpu, kvm, mmu, role;

	if (!s2bpf_find_vcpu(rd, vcpu_fd(vm_vcpu(vm, 0)), &vcpu) ||
	    !s2bpf_read64(rd, vcpu + (uint64_t)rd->off.vcpu_kvm, &kvm) ||
	    !s2bpf_read64(rd, vcpu + (uint64_t)rd->off.vcpu_mmu, &mmu) ||
	    !s2bpf_read64(rd, mmu + (uint64_t)rd->off.mmu_root_hpa, &out->root_hpa) ||
	    !s2bpf_read64(rd, mmu + (uint64_t)rd->off.mmu_role, &role))
		return err_set(err, EIO, "the vCPU cannot be found in the kernel");
	if (out->root_hpa >> 52)
		return err_set(err, EAGAIN, "the second stage has no root yet");
	if (!s2bpf_find_base(rd, kvm, out->root_hpa, &walk.base))
		return err_set(err, EIO, "the kernel's direct map cannot be found");
	out->levels = role & 0xf;
	out->tier = "exact (BPF)";
	return stage2_walk(s2bpf_table, &walk, 0, out);
}

static bool s2bpf_format(enum stage2_format *format)
{
	if (access("/sys/module/kvm_intel/parameters/ept", R_OK) == 0)
		*format = STAGE2_EPT;
	else if (access("/sys/module/kvm_amd/parameters/npt", R_OK) == 0)
		*format = STAGE2_NPT;
	else
		return false;
	return true;
}

int stage2_bpf_read(struct vm *vm, struct stage2_map *out, struct err *err)
{
	int ret;

	if (!s2bpf_format(&out->format))
		return err_set(err, EOPNOTSUPP, "this host's KVM has no second stage");
	pthread_mutex_lock(&s2bpf_lock);
	if (!s2bpf_state) {
		ret = s2bpf_open(&s2bpf_reader);
		s2bpf_state = ret ? ret : 1;
	}
	if (s2bpf_state > 0)
		ret = s2bpf_read_vm(&s2bpf_reader, vm, out, err);
	else
		ret = err_sys(err, -s2bpf_state, "BPF reader");
	pthread_mutex_unlock(&s2bpf_lock);
	return ret;
}

#else

int stage2_bpf_read(struct vm *vm, struct stage2_map *out, struct err *err)
{
	(void)vm;
	(void)out;
	return err_set(err, EOPNOTSUPP, "built without libbpf");
}

#endif
