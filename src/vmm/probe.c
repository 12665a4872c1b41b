/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes of the host's KVM: see probe.h. Each runs in a child process that is
 * killed when its time is up, in a VM of 64 KiB with one vCPU.
 */
#include "vmm/probe.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "vmm/kvm.h"

#define PROBE_LIMIT_MS	2000
#define PROBE_RAM	0x10000ull
#define PROBE_CODE	0x1000ull
#define PROBE_TABLES	0x2000ull
#define PROBE_DATA	0x6000ull
#define PROBE_HANDLER	0x7000ull
#define PROBE_EXTRA	0x10000ull /* a second memslot: read-only or logged */
#define PROBE_PORT	0xf1
#define PROBE_MAX_EXITS 64

struct probe_answer {
	enum probe_result result;
	char detail[80];
};

struct probe_vm {
	int vm, vcpu;
	struct kvm_run *run;
	uint8_t *ram, *extra;
	struct probe_answer *ans;
};

static void probe_say(struct probe_vm *pv, enum probe_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void probe_say(struct probe_vm *pv, enum probe_result result, const char *fmt, ...)
{
	va_list ap;

	pv->ans->result = result;
	va_start(ap, fmt);
	vsnprintf(pv->ans->detail, sizeof(pv->ans->detail), fmt, ap);
	va_end(ap);
}

static bool probe_slot(struct probe_vm *pv, uint32_t slot, uint32_t flags, uint64_t gpa, void *hva,
		       uint64_t len)
{
	struct kvm_userspace_memory_region region = { .slot = slot,
						      .flags = flags,
						      .guest_phys_addr = gpa,
						      .memory_size = len,
						      .userspace_addr = (uintptr_t)hva };

	return ioctl(pv->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

static uint8_t *probe_map(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* EXTRA_FLAGS: of the second memslot, -1: none. */
static bool probe_open(struct probe_vm *pv, bool irqchip, int extra_flags)
{
	unsigned long tss = 0xfffbd000;

	pv->vm = ioctl(kvm_fd(), KVM_CREATE_VM, 0);
	if (pv->vm < 0)
		return false;
	(void)ioctl(pv->vm, KVM_SET_TSS_ADDR, tss);
	pv->ram = probe_map(PROBE_RAM);
	pv->extra = probe_map(4096);
	if (pv->ram == MAP_FAILED || pv->extra == MAP_FAILED ||
	    !probe_slot(pv, 0, 0, 0, pv->ram, PROBE_RAM))
		return false;
	if (extra_flags >= 0 &&
	    !probe_slot(pv, 1, (uint32_t)extra_flags, PROBE_EXTRA, pv->extra, 4096))
		return false;
	if (irqchip && ioctl(pv->vm, KVM_CREATE_IRQCHIP, 0) < 0)
		return false;
	pv->vcpu = ioctl(pv->vm, KVM_CREATE_VCPU, 0);
	if (pv->vcpu < 0)
		return false;
	if (kvm_supported_cpuid())
		(void)ioctl(pv->vcpu, KVM_SET_CPUID2, kvm_supported_cpuid());
	pv->run = mmap(NULL, kvm_run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, pv->vcpu, 0);
	return pv->run != MAP_FAILED;
}

static void probe_put64(struct probe_vm *pv, uint64_t gpa, uint64_t val)
{
	memcpy(pv->ram + gpa, &val, sizeof(val));
}

/* 64-bit: a 2 MiB identity page. 32-bit: a 4 MiB one. */
static void probe_tables(struct probe_vm *pv, int bits)
{
	uint32_t pde = 0x83;

	if (bits == 32) {
		memcpy(pv->ram + PROBE_TABLES, &pde, sizeof(pde));
	} else {
		probe_put64(pv, PROBE_TABLES, (PROBE_TABLES + 0x1000) | 3);
		probe_put64(pv, PROBE_TABLES + 0x1000, (PROBE_TABLES + 0x2000) | 3);
		probe_put64(pv, PROBE_TABLES + 0x2000, 0x83);
	}
}

static void probe_segments(struct kvm_sregs *sregs, int bits)
{
	struct kvm_segment code = { .limit = 0xffffffff,
				    .selector = 8,
				    .type = 11,
				    .present = 1,
				    .s = 1,
				    .g = 1,
				    .db = bits == 32,
				    .l = bits == 64 };
	struct kvm_segment data = { .limit = 0xffffffff,
				    .selector = 16,
				    .type = 3,
				    .present = 1,
				    .s = 1,
				    .g = 1,
				    .db = 1 };

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->ss = sregs->fs = sregs->gs = data;
}

/* Registers for CODE in a mode of BITS (16: real). */
static bool probe_enter(struct probe_vm *pv, int bits, const void *code, size_t len)
{
	struct kvm_regs regs = { .rip = PROBE_CODE, .rsp = 0x5ff0, .rflags = 2 };
	struct kvm_sregs sregs;

	memcpy(pv->ram + PROBE_CODE, code, len);
	if (ioctl(pv->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (bits != 16) {
		probe_tables(pv, bits);
		probe_segments(&sregs, bits);
		sregs.cr3 = PROBE_TABLES;
		sregs.cr4 = bits == 64 ? 0x20 : 0x10;
		sregs.cr0 = 0x80000011;
		sregs.efer = bits == 64 ? 0x500 : 0;
		sregs.idt.limit = 0;
	}
	return ioctl(pv->vcpu, KVM_SET_SREGS, &sregs) == 0 &&
	       ioctl(pv->vcpu, KVM_SET_REGS, &regs) == 0;
}

/* Run until an exit that means something; false: KVM_RUN failed or nothing came. */
static bool probe_go(struct probe_vm *pv)
{
	unsigned int i;

	for (i = 0; i < PROBE_MAX_EXITS; i++) {
		if (ioctl(pv->vcpu, KVM_RUN, 0) < 0) {
			probe_say(pv, PROBE_FAILED, "KVM_RUN: %s", strerror(errno));
			return false;
		}
		if (pv->run->exit_reason != KVM_EXIT_INTR)
			return true;
	}
	return false;
}

static void probe_unexpected(struct probe_vm *pv)
{
	if (pv->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		probe_say(pv, PROBE_NO, "KVM internal error %u", pv->run->internal.suberror);
	else
		probe_say(pv, PROBE_NO, "exit reason %u instead", pv->run->exit_reason);
}

static void probe_expect_out(struct probe_vm *pv, int bits, const void *code, size_t len,
			     uint8_t value)
{
	struct kvm_run *run = pv->run;

	if (!probe_enter(pv, bits, code, len) || !probe_go(pv))
		return;
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PROBE_PORT)
		probe_unexpected(pv);
	else if (*((uint8_t *)run + run->io.data_offset) != value)
		probe_say(pv, PROBE_NO, "ran, but computed something else");
	else
		probe_say(pv, PROBE_YES, "code runs");
}

static const uint8_t probe_code_out[] = { 0xb0, 0x2a, 0xe6, PROBE_PORT, 0xf4 };

static void probe_real(struct probe_vm *pv)
{
	probe_expect_out(pv, 16, probe_code_out, sizeof(probe_code_out), 0x2a);
}

static void probe_protected(struct probe_vm *pv)
{
	/* mov eax,0x1234562a; mov [0x6000],eax; mov al,[0x6000]; out */
	static const uint8_t code[] = {
		0xb8, 0x2a, 0x56, 0x34, 0x12, 0xa3, 0x00, 0x60,	      0,
		0,    0xa0, 0x00, 0x60, 0,    0,    0xe6, PROBE_PORT, 0xf4
	};

	probe_expect_out(pv, 32, code, sizeof(code), 0x2a);
}

static void probe_long(struct probe_vm *pv)
{
	/* mov rax,0x2a00000000; shr rax,32; out */
	static const uint8_t code[] = { 0x48, 0xb8, 0,	  0,	0,    0,    0x2a,	0,   0,
					0,    0x48, 0xc1, 0xe8, 0x20, 0xe6, PROBE_PORT, 0xf4 };

	probe_expect_out(pv, 64, code, sizeof(code), 0x2a);
}

static bool probe_debug(struct probe_vm *pv, uint32_t control, uint64_t dr0, uint64_t dr7)
{
	struct kvm_guest_debug dbg = { .control = KVM_GUESTDBG_ENABLE | control };

	dbg.arch.debugreg[0] = dr0;
	dbg.arch.debugreg[7] = dr7;
	if (ioctl(pv->vcpu, KVM_SET_GUEST_DEBUG, &dbg) == 0)
		return true;
	probe_say(pv, PROBE_NO, "KVM_SET_GUEST_DEBUG: %s", strerror(errno));
	return false;
}

/* Expect a debug exit with the linear rip at PC (0: anywhere). */
static void probe_expect_debug(struct probe_vm *pv, uint32_t exception, uint64_t pc)
{
	struct kvm_debug_exit_arch *arch = &pv->run->debug.arch;

	if (!probe_go(pv))
		return;
	if (pv->run->exit_reason != KVM_EXIT_DEBUG)
		probe_unexpected(pv);
	else if (arch->exception != exception || (pc && arch->pc != pc))
		probe_say(pv, PROBE_NO, "exception %u at %llx instead", arch->exception,
			  (unsigned long long)arch->pc);
	else
		probe_say(pv, PROBE_YES, "reported");
}

static const uint8_t probe_code_nops[] = { 0x90, 0x90, 0x90,	   0x90, 0xb0,
					   0x2a, 0xe6, PROBE_PORT, 0xf4 };

static void probe_int3(struct probe_vm *pv)
{
	static const uint8_t code[] = { 0x90, 0xcc, 0x90, 0xe6, PROBE_PORT, 0xf4 };

	if (probe_enter(pv, 64, code, sizeof(code)) &&
	    probe_debug(pv, KVM_GUESTDBG_USE_SW_BP, 0, 0))
		probe_expect_debug(pv, 3, PROBE_CODE + 1);
}

static void probe_hw_break(struct probe_vm *pv)
{
	if (probe_enter(pv, 64, probe_code_nops, sizeof(probe_code_nops)) &&
	    probe_debug(pv, KVM_GUESTDBG_USE_HW_BP, PROBE_CODE + 2, 0x702))
		probe_expect_debug(pv, 1, PROBE_CODE + 2);
}

static void probe_watch(struct probe_vm *pv)
{
	/* mov [0x6000],al; nop; out */
	static const uint8_t code[] = { 0x88, 0x04, 0x25, 0x00,	      0x60, 0,
					0,    0x90, 0xe6, PROBE_PORT, 0xf4 };

	if (probe_enter(pv, 64, code, sizeof(code)) &&
	    probe_debug(pv, KVM_GUESTDBG_USE_HW_BP, PROBE_DATA, 0x10702))
		probe_expect_debug(pv, 1, 0);
}

static void probe_step(struct probe_vm *pv)
{
	if (probe_enter(pv, 64, probe_code_nops, sizeof(probe_code_nops)) &&
	    probe_debug(pv, KVM_GUESTDBG_SINGLESTEP, 0, 0))
		probe_expect_debug(pv, 1, PROBE_CODE + 1);
}

/* Real mode, IF set, line 1 of the PIC up (vector 1 after power-on): the step must not meet it. */
static void probe_block_irq(struct probe_vm *pv)
{
#if HAVE_DECL_KVM_GUESTDBG_BLOCKIRQ
	struct kvm_irq_level line = { .irq = 1, .level = 1 };
	uint16_t vector[2] = { PROBE_HANDLER, 0 };
	struct kvm_regs regs;

	if (!(kvm_cap(KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ)) {
		probe_say(pv, PROBE_NO, "KVM does not offer it (Linux 5.15 does)");
		return;
	}
	if (!probe_enter(pv, 16, probe_code_nops, sizeof(probe_code_nops)))
		return;
	memcpy(pv->ram + 4, vector, sizeof(vector));
	memset(pv->ram + PROBE_HANDLER, 0x90, 16);
	if (ioctl(pv->vcpu, KVM_GET_REGS, &regs) < 0)
		return;
	regs.rflags |= 0x200;
	if (ioctl(pv->vcpu, KVM_SET_REGS, &regs) == 0 && ioctl(pv->vm, KVM_IRQ_LINE, &line) == 0 &&
	    probe_debug(pv, KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0))
		probe_expect_debug(pv, 1, PROBE_CODE + 1);
#else
	probe_say(pv, PROBE_NO, "built against headers without it");
#endif
}

/* mov ax,0x1000; mov ds,ax; mov [0],al; out */
static const uint8_t probe_code_write[] = { 0xb8, 0x00, 0x10, 0x8e,	  0xd8, 0xa2,
					    0x00, 0x00, 0xe6, PROBE_PORT, 0xf4 };

static void probe_rom(struct probe_vm *pv)
{
	if (!probe_enter(pv, 16, probe_code_write, sizeof(probe_code_write)) || !probe_go(pv))
		return;
	if (pv->run->exit_reason != KVM_EXIT_MMIO || !pv->run->mmio.is_write ||
	    pv->run->mmio.phys_addr != PROBE_EXTRA)
		probe_unexpected(pv);
	else
		probe_say(pv, PROBE_YES, "writes come to us");
}

static void probe_guard(struct probe_vm *pv)
{
	struct kvm_regs regs = { 0 };
	int ret;

	mprotect(pv->extra, 4096, PROT_READ);
	if (!probe_enter(pv, 16, probe_code_write, sizeof(probe_code_write)))
		return;
	ret = ioctl(pv->vcpu, KVM_RUN, 0);
	if (ret == 0) {
		probe_unexpected(pv);
		return;
	}
	if (errno != EFAULT || ioctl(pv->vcpu, KVM_GET_REGS, &regs) < 0 ||
	    regs.rip != PROBE_CODE + 5) {
		probe_say(pv, PROBE_NO, "ends elsewhere: rip %llx", (unsigned long long)regs.rip);
		return;
	}
	mprotect(pv->extra, 4096, PROT_READ | PROT_WRITE);
	if (probe_go(pv) && pv->run->exit_reason == KVM_EXIT_IO)
		probe_say(pv, PROBE_YES, "pages can be watched");
	else
		probe_say(pv, PROBE_NO, "does not go on");
}

static void probe_dirty(struct probe_vm *pv)
{
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = 1 };

	log.dirty_bitmap = &bitmap;
	if (!probe_enter(pv, 16, probe_code_write, sizeof(probe_code_write)) || !probe_go(pv))
		return;
	if (ioctl(pv->vm, KVM_GET_DIRTY_LOG, &log) < 0)
		probe_say(pv, PROBE_NO, "KVM_GET_DIRTY_LOG: %s", strerror(errno));
	else if (bitmap & 1)
		probe_say(pv, PROBE_YES, "names the page");
	else
		probe_say(pv, PROBE_NO, "the written page is missing");
}

static void probe_sync_regs(struct probe_vm *pv)
{
	if (!(kvm_cap(KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS)) {
		probe_say(pv, PROBE_NO, "KVM does not offer it");
		return;
	}
	pv->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	probe_expect_out(pv, 16, probe_code_out, sizeof(probe_code_out), 0x2a);
	if (pv->ans->result == PROBE_YES && (pv->run->s.regs.regs.rax & 0xff) != 0x2a)
		probe_say(pv, PROBE_NO, "the registers are not there");
}

static void probe_msr_filter(struct probe_vm *pv)
{
	/* mov ecx,0x12345678; rdmsr; out */
	static const uint8_t code[] = { 0xb9, 0x78, 0x56, 0x34,	      0x12,
					0x0f, 0x32, 0xe6, PROBE_PORT, 0xf4 };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_UNKNOWN } };

	if (ioctl(pv->vm, KVM_ENABLE_CAP, &cap) < 0) {
		probe_say(pv, PROBE_NO, "KVM does not offer it");
		return;
	}
	if (!probe_enter(pv, 64, code, sizeof(code)) || !probe_go(pv))
		return;
	if (pv->run->exit_reason != KVM_EXIT_X86_RDMSR || pv->run->msr.index != 0x12345678)
		probe_unexpected(pv);
	else
		probe_say(pv, PROBE_YES, "accesses come to us");
}

static void probe_stats(struct probe_vm *pv)
{
	struct kvm_stats_header head;
	int fd = ioctl(pv->vm, KVM_GET_STATS_FD, NULL);

	if (fd < 0 || read(fd, &head, sizeof(head)) != sizeof(head))
		probe_say(pv, PROBE_NO, "KVM does not offer it (Linux 5.14 does)");
	else
		probe_say(pv, PROBE_YES, "%u counters", head.num_desc);
}

static void probe_triple(struct probe_vm *pv)
{
	static const uint8_t code[] = { 0x90, 0x0f, 0x0b };
	struct kvm_regs regs;

	if (!probe_enter(pv, 64, code, sizeof(code)) || !probe_go(pv))
		return;
	if (pv->run->exit_reason != KVM_EXIT_SHUTDOWN || ioctl(pv->vcpu, KVM_GET_REGS, &regs) < 0)
		probe_unexpected(pv);
	else if (regs.rip == PROBE_CODE + 1)
		probe_say(pv, PROBE_YES, "registers are kept");
	else
		probe_say(pv, PROBE_NO, "the processor is reset first: rip reads %llx",
			  (unsigned long long)regs.rip);
}

static const struct {
	const char *name;
	void (*run)(struct probe_vm *pv);
	bool irqchip;
	int extra_flags; /* of the second memslot, -1: none */
} probe_table[PROBE_NR] = {
	[PROBE_REAL] = { "real mode", probe_real, false, -1 },
	[PROBE_PROTECTED] = { "protected mode", probe_protected, false, -1 },
	[PROBE_LONG] = { "long mode", probe_long, false, -1 },
	[PROBE_INT3] = { "int3 exit", probe_int3, false, -1 },
	[PROBE_HW_BREAK] = { "hardware breakpoint", probe_hw_break, false, -1 },
	[PROBE_WATCH] = { "watchpoint", probe_watch, false, -1 },
	[PROBE_STEP] = { "single step", probe_step, false, -1 },
	[PROBE_BLOCK_IRQ] = { "interrupts held while stepping", probe_block_irq, true, -1 },
	[PROBE_ROM] = { "read-only memslots", probe_rom, false, KVM_MEM_READONLY },
	[PROBE_GUARD] = { "guarded pages", probe_guard, false, 0 },
	[PROBE_DIRTY] = { "dirty log", probe_dirty, false, KVM_MEM_LOG_DIRTY_PAGES },
	[PROBE_SYNC_REGS] = { "registers with the exit", probe_sync_regs, false, -1 },
	[PROBE_MSR_FILTER] = { "MSR exits", probe_msr_filter, false, -1 },
	[PROBE_STATS] = { "statistics fd", probe_stats, false, -1 },
	[PROBE_TRIPLE] = { "state after a triple fault", probe_triple, false, -1 },
};

const char *probe_name(enum probe_id id)
{
	return (unsigned int)id < PROBE_NR ? probe_table[id].name : "?";
}

static void probe_child(enum probe_id id, int fd)
{
	struct probe_answer ans = { .result = PROBE_FAILED, .detail = "the probe's VM failed" };
	struct probe_vm pv = { .ans = &ans };
	ssize_t n;

	signal(SIGALRM, SIG_DFL);
	alarm(PROBE_LIMIT_MS / 1000 + 1); /* should the parent be gone */
	if (probe_open(&pv, probe_table[id].irqchip, probe_table[id].extra_flags))
		probe_table[id].run(&pv);
	else
		probe_say(&pv, PROBE_NO, "no such VM: %s", strerror(errno));
	n = write(fd, &ans, sizeof(ans));
	_exit(n != sizeof(ans));
}

static void probe_wait(pid_t pid, int fd, struct probe_answer *ans)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t end = time_now_ns() + PROBE_LIMIT_MS * 1000000ull, now;
	int ret;

	do {
		now = time_now_ns();
		ret = poll(&pfd, 1, now < end ? (int)((end - now) / 1000000) : 0);
	} while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		*ans = (struct probe_answer){ PROBE_TIMEOUT, "no answer within its time limit" };
	else if (read(fd, ans, sizeof(*ans)) != sizeof(*ans))
		*ans = (struct probe_answer){ PROBE_FAILED, "the probe died" };
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void probe_fork(enum probe_id id, struct probe_answer *ans)
{
	int fds[2];
	pid_t pid;

	*ans = (struct probe_answer){ PROBE_FAILED, "cannot start the probe" };
	kvm_supported_cpuid(); /* cached before the fork: the child takes no lock */
	if (pipe(fds) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		probe_child(id, fds[1]);
	}
	close(fds[1]);
	if (pid > 0)
		probe_wait(pid, fds[0], ans);
	close(fds[0]);
}

enum probe_result probe_run(enum probe_id id, char *detail, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct probe_answer cache[PROBE_NR];
	static bool known[PROBE_NR];
	enum probe_result result;

	if ((unsigned int)id >= PROBE_NR)
		return PROBE_FAILED;
	pthread_mutex_lock(&lock);
	if (!known[id])
		probe_fork(id, &cache[id]);
	known[id] = true;
	result = cache[id].result;
	if (detail)
		snprintf(detail, len, "%s", cache[id].detail);
	pthread_mutex_unlock(&lock);
	return result;
}
