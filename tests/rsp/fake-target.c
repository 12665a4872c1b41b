/* SPDX-License-Identifier: MIT */
/*
 * The fake machine and its binding to the debug stub: what src/gdb/target.h asks of an embedder,
 * in its simplest form.
 */
#include "fake-target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb/agent.h"

#define CORE	 "org.gnu.gdb.i386.core"
#define SSE	 "org.gnu.gdb.i386.sse"
#define SEGMENTS "org.gnu.gdb.i386.segments"
#define SYSTEM	 "org.example.system"

/* clang-format off */
#define GPR(name, num) { name, 64, "int64", "general", CORE, num, true, GDB_ROLE_NONE }
#define PTR(name, num, role) { name, 64, "data_ptr", "general", CORE, num, true, role }
#define SEL(name, num) { name, 32, "int32", "general", CORE, num, true, GDB_ROLE_NONE }
#define X87(name, num) { name, 80, "i387_ext", "float", CORE, num, true, GDB_ROLE_NONE }
#define FCTL(name, num) { name, 32, "int32", "float", CORE, num, true, GDB_ROLE_NONE }
#define XMM(name, num) { name, 128, "vec128", "vector", SSE, num, true, GDB_ROLE_NONE }
#define SYS(name, num, bits, type) { name, bits, type, "system", SYSTEM, num, false, GDB_ROLE_NONE }

static const struct gdb_reg fake_regs[] = {
	GPR("rax", 0), GPR("rbx", 1), GPR("rcx", 2), GPR("rdx", 3), GPR("rsi", 4), GPR("rdi", 5),
	PTR("rbp", 6, GDB_ROLE_FP), PTR("rsp", 7, GDB_ROLE_SP), GPR("r8", 8), GPR("r9", 9),
	GPR("r10", 10), GPR("r11", 11), GPR("r12", 12), GPR("r13", 13), GPR("r14", 14),
	GPR("r15", 15),
	{ "rip", 64, "code_ptr", "general", CORE, 16, true, GDB_ROLE_PC },
	{ "eflags", 32, "i386_eflags", "general", CORE, 17, true, GDB_ROLE_FLAGS },
	SEL("cs", 18), SEL("ss", 19), SEL("ds", 20), SEL("es", 21), SEL("fs", 22), SEL("gs", 23),
	X87("st0", 24), X87("st1", 25), X87("st2", 26), X87("st3", 27), X87("st4", 28),
	X87("st5", 29), X87("st6", 30), X87("st7", 31),
	FCTL("fctrl", 32), FCTL("fstat", 33), FCTL("ftag", 34), FCTL("fiseg", 35),
	FCTL("fioff", 36), FCTL("foseg", 37), FCTL("fooff", 38), FCTL("fop", 39),
	XMM("xmm0", 40), XMM("xmm1", 41), XMM("xmm2", 42), XMM("xmm3", 43), XMM("xmm4", 44),
	XMM("xmm5", 45), XMM("xmm6", 46), XMM("xmm7", 47), XMM("xmm8", 48), XMM("xmm9", 49),
	XMM("xmm10", 50), XMM("xmm11", 51), XMM("xmm12", 52), XMM("xmm13", 53), XMM("xmm14", 54),
	XMM("xmm15", 55),
	{ "mxcsr", 32, "i386_mxcsr", "vector", SSE, 56, true, GDB_ROLE_NONE },
	{ "fs_base", 64, "int64", "general", SEGMENTS, 57, false, GDB_ROLE_NONE },
	{ "gs_base", 64, "int64", "general", SEGMENTS, 58, false, GDB_ROLE_NONE },
	SYS("cr0", 59, 64, "x86_cr0"), SYS("cr2", 60, 64, "data_ptr"), SYS("cr3", 61, 64, "x86_cr3"),
	SYS("cr4", 62, 64, "x86_cr4"), SYS("efer", 63, 64, "x86_efer"),
	SYS("gdtr_limit", 64, 16, "uint16"), SYS("cs_attr", 65, 32, "x86_segattr"),
	SYS("nothing", 66, 64, "int64"),
};

/* clang-format on */

#define FAKE_REGS (sizeof(fake_regs) / sizeof(fake_regs[0]))

enum {
	FAKE_RAX = 0,
	FAKE_RDI = 5,
	FAKE_RIP = 16,
	FAKE_EFLAGS = 17,
	FAKE_CR0 = 59,
	FAKE_NOTHING = 66, /* a register that never has a value */
};

static const struct gdb_arch fake_arch_x86_64 = {
	.name = "i386:x86-64",
	.triple = "x86_64-unknown-none-elf",
	.ptr_bytes = 8,
	.regs = fake_regs,
	.reg_count = FAKE_REGS,
};

#define FAKE_BPS 64

struct fake_cpu {
	uint8_t regs[FAKE_REGS][16];
	bool going;
	struct gdb_resume how;
	bool fresh; /* at a breakpoint that was reported: step over it first */
};

struct fake {
	struct gdb_session *session;
	struct fake_cpu cpus[FAKE_CPUS];
	int cpu_count;
	uint8_t ram[FAKE_RAM];
	struct gdb_bp *bps[FAKE_BPS];
	bool gone;
	bool held; /* does the debugger hold it */
	bool can_nonstop;
	bool can_reverse;
	struct gdb_stop stop;
};

static uint64_t fake_get(const struct fake_cpu *cpu, int reg)
{
	uint64_t value;

	memcpy(&value, cpu->regs[reg], sizeof(value));
	return value;
}

static void fake_set(struct fake_cpu *cpu, int reg, uint64_t value)
{
	memcpy(cpu->regs[reg], &value, sizeof(value));
}

/* --- the machine ---------------------------------------------------------------------------- */

/* clang-format off */
static const uint8_t fake_program[] = {
	0x90,			/* 1000 nop */
	0x48, 0xff, 0xc0,	/* 1001 inc %rax */
	0x48, 0x89, 0x07,	/* 1004 mov %rax,(%rdi) */
	0x90,			/* 1007 nop */
	0xeb, 0xf7,		/* 1008 jmp 1001 */
	0xf4,			/* 100a hlt */
};

/* clang-format on */

static void fake_reset(struct fake *f)
{
	struct fake_cpu *cpu;
	int i;

	memset(f->ram, 0, sizeof(f->ram));
	memcpy(f->ram + 0x1000, fake_program, sizeof(fake_program));
	for (i = 0; i < f->cpu_count; i++) {
		cpu = &f->cpus[i];
		memset(cpu, 0, sizeof(*cpu));
		fake_set(cpu, FAKE_RIP, 0x1000);
		fake_set(cpu, FAKE_RDI, 0x2000 + 8 * (uint64_t)i);
		fake_set(cpu, FAKE_EFLAGS, 2);
		fake_set(cpu, FAKE_CR0, 0x80000011);
		memset(cpu->regs[40], 0x11 * (i + 1), 16);
	}
	f->gone = false;
}

/* Where len bytes at addr are in RAM, or NULL; *left: how many there are. */
static uint8_t *fake_ram(struct fake *f, uint64_t addr, enum gdb_space space, size_t *left)
{
	if (space == GDB_SPACE_VIRTUAL && addr >= FAKE_HIGH)
		addr -= FAKE_HIGH;
	if (addr >= FAKE_RAM)
		return NULL;
	*left = FAKE_RAM - (size_t)addr;
	return f->ram + addr;
}

static struct gdb_bp *fake_bp_at(struct fake *f, enum gdb_bp_type from, enum gdb_bp_type to,
				 uint64_t addr, uint64_t len)
{
	struct gdb_bp *bp;
	int i;

	for (i = 0; i < FAKE_BPS; i++) {
		bp = f->bps[i];
		if (bp && bp->type >= from && bp->type <= to && addr < bp->addr + bp->len &&
		    bp->addr < addr + len)
			return bp;
	}
	return NULL;
}

struct fake_agent {
	struct fake *f;
	struct fake_cpu *cpu;
};

static int fake_agent_reg(void *ctx, uint32_t regnum, uint64_t *value)
{
	struct fake_agent *a = ctx;

	if (regnum >= FAKE_REGS)
		return -EINVAL;
	*value = fake_get(a->cpu, (int)regnum);
	return 0;
}

static int fake_agent_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fake_agent *a = ctx;
	size_t left;
	uint8_t *ram = fake_ram(a->f, addr, GDB_SPACE_VIRTUAL, &left);

	if (!ram || left < len)
		return -EFAULT;
	memcpy(buf, ram, len);
	return 0;
}

static void fake_agent_print(void *ctx, const char *text, size_t len)
{
	struct fake_agent *a = ctx;

	gdb_session_console(a->f->session, text, len);
}

static enum gdb_hit fake_hit(struct fake *f, struct fake_cpu *cpu, const struct gdb_bp *bp)
{
	struct fake_agent a = { f, cpu };
	struct gdb_agent_env env = {
		.ctx = &a,
		.reg = fake_agent_reg,
		.mem = fake_agent_mem,
		.print = fake_agent_print,
	};

	return gdb_bp_hit(&env, bp);
}

static int fake_tid(const struct fake *f, const struct fake_cpu *cpu)
{
	return (int)(cpu - f->cpus) + 1;
}

/* In all-stop mode one vCPU's stop is everybody's. */
static void fake_tell(struct fake *f, struct fake_cpu *cpu, struct gdb_stop stop)
{
	int i;

	if (cpu) {
		cpu->going = false;
		stop.tid = fake_tid(f, cpu);
	}
	if (!cpu || gdb_session_running(f->session) || !f->can_nonstop)
		for (i = 0; i < f->cpu_count; i++)
			f->cpus[i].going = false;
	f->stop = stop;
	f->held = true;
	gdb_session_stopped(f->session, &stop);
}

static bool fake_breakpoint(struct fake *f, struct fake_cpu *cpu)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SWBREAK, .signal = GDB_SIG_TRAP };
	struct gdb_bp *bp = fake_bp_at(f, GDB_BP_SW, GDB_BP_HW, fake_get(cpu, FAKE_RIP), 1);

	if (!bp || cpu->fresh || fake_hit(f, cpu, bp) != GDB_HIT_REPORT)
		return false;
	if (bp->type == GDB_BP_HW)
		stop.kind = GDB_STOP_HWBREAK;
	fake_tell(f, cpu, stop);
	return true;
}

/* mov %rax,(%rdi), watched */
static bool fake_store(struct fake *f, struct fake_cpu *cpu)
{
	uint64_t addr = fake_get(cpu, FAKE_RDI), value = fake_get(cpu, FAKE_RAX);
	struct gdb_stop stop = { .kind = GDB_STOP_WATCH, .signal = GDB_SIG_TRAP };
	struct gdb_bp *bp = fake_bp_at(f, GDB_BP_WRITE, GDB_BP_ACCESS, addr, 8);
	size_t left = 0;
	uint8_t *ram = fake_ram(f, addr, GDB_SPACE_VIRTUAL, &left);

	if (left < 8) {
		stop = (struct gdb_stop){ .signal = GDB_SIG_SEGV, .text = "triple fault" };
		fake_tell(f, cpu, stop);
		return true;
	}
	memcpy(ram, &value, 8);
	if (!bp || bp->type == GDB_BP_READ || fake_hit(f, cpu, bp) != GDB_HIT_REPORT)
		return false;
	stop.kind = bp->type == GDB_BP_WRITE ? GDB_STOP_WATCH : GDB_STOP_AWATCH;
	stop.addr = bp->addr;
	fake_tell(f, cpu, stop);
	return true;
}

/* One instruction; true when it stopped the machine. */
static bool fake_execute(struct fake *f, struct fake_cpu *cpu)
{
	uint64_t rip = fake_get(cpu, FAKE_RIP);
	struct gdb_stop stop = { .signal = GDB_SIG_ILL };
	size_t left = 0;
	const uint8_t *code = fake_ram(f, rip, GDB_SPACE_VIRTUAL, &left);

	if (left >= 3 && code[0] == 0x90) {
		fake_set(cpu, FAKE_RIP, rip + 1);
	} else if (left >= 3 && code[0] == 0xeb) {
		fake_set(cpu, FAKE_RIP, rip + 2 + (uint64_t)(int8_t)code[1]);
	} else if (left >= 3 && !memcmp(code, "\x48\xff\xc0", 3)) {
		fake_set(cpu, FAKE_RAX, fake_get(cpu, FAKE_RAX) + 1);
		fake_set(cpu, FAKE_RIP, rip + 3);
	} else if (left >= 3 && !memcmp(code, "\x48\x89\x07", 3)) {
		fake_set(cpu, FAKE_RIP, rip + 3);
		return fake_store(f, cpu);
	} else if (left >= 3 && code[0] == 0xf4) {
		f->gone = true;
		stop = (struct gdb_stop){ .kind = GDB_STOP_EXITED,
					  .code = (int)fake_get(cpu, FAKE_RAX) & 0xff };
		fake_tell(f, NULL, stop);
		return true;
	} else {
		fake_tell(f, cpu, stop);
		return true;
	}
	return false;
}

/* A step is done: tell, unless it goes on within its range. */
static bool fake_step_done(struct fake *f, struct fake_cpu *cpu)
{
	struct gdb_stop stop = { .signal = GDB_SIG_TRAP };
	uint64_t rip = fake_get(cpu, FAKE_RIP);

	if (cpu->how.action == GDB_CONTINUE)
		return false;
	if (cpu->how.action == GDB_RANGE_STEP && rip >= cpu->how.start && rip < cpu->how.end)
		return false;
	fake_tell(f, cpu, stop);
	return true;
}

static void fake_run_one(struct fake *f, struct fake_cpu *cpu)
{
	if (fake_breakpoint(f, cpu))
		return;
	cpu->fresh = false;
	if (!fake_execute(f, cpu))
		fake_step_done(f, cpu);
}

void fake_run(struct fake *f, int steps)
{
	int i;

	while (steps--)
		for (i = 0; i < f->cpu_count; i++)
			if (f->cpus[i].going)
				fake_run_one(f, &f->cpus[i]);
}

/* --- operations ----------------------------------------------------------------------------- */

static const struct gdb_arch *fake_arch(void *ctx)
{
	(void)ctx;
	return &fake_arch_x86_64;
}

static int fake_thread_next(void *ctx, int after, struct gdb_thread *thread)
{
	struct fake *f = ctx;

	if (after >= f->cpu_count)
		return -ENOENT;
	thread->id = after + 1;
	thread->core = after;
	thread->running = f->cpus[after].going;
	snprintf(thread->name, sizeof(thread->name), "CPU %d", after);
	snprintf(thread->state, sizeof(thread->state), "%s",
		 thread->running ? "running" : "stopped <\"&");
	return 0;
}

static int fake_stop_query(void *ctx, struct gdb_stop *stop)
{
	struct fake *f = ctx;

	*stop = f->stop;
	return f->held;
}

static int fake_reg_read(void *ctx, int tid, const struct gdb_reg *reg, void *buf,
			 struct gdb_err *err)
{
	struct fake *f = ctx;

	if (f->cpus[tid - 1].going)
		return gdb_fail(err, -EBUSY, "CPU %d is running", tid - 1);
	if (reg->regnum == FAKE_NOTHING)
		return -ENODATA;
	memcpy(buf, f->cpus[tid - 1].regs[reg->regnum], reg->bitsize / 8);
	return 0;
}

static int fake_reg_write(void *ctx, int tid, const struct gdb_reg *reg, const void *buf,
			  struct gdb_err *err)
{
	struct fake *f = ctx;

	if (reg->regnum == FAKE_NOTHING)
		return gdb_fail(err, -EROFS, "there is nothing to write");
	memcpy(f->cpus[tid - 1].regs[reg->regnum], buf, reg->bitsize / 8);
	if (reg->regnum == FAKE_RIP)
		f->cpus[tid - 1].fresh = false;
	return 0;
}

static ssize_t fake_mem_read(void *ctx, int tid, enum gdb_space space, uint64_t addr, void *buf,
			     size_t len, struct gdb_err *err)
{
	size_t left;
	uint8_t *ram = fake_ram(ctx, addr, space, &left);

	(void)tid;
	if (!ram)
		return gdb_fail(err, -EFAULT, "0x%llx is not mapped", (unsigned long long)addr);
	if (len > left)
		len = left;
	memcpy(buf, ram, len);
	return (ssize_t)len;
}

static int fake_mem_write(void *ctx, int tid, enum gdb_space space, uint64_t addr, const void *buf,
			  size_t len, struct gdb_err *err)
{
	size_t left;
	uint8_t *ram = fake_ram(ctx, addr, space, &left);

	(void)tid;
	if (!ram || len > left)
		return gdb_fail(err, -EFAULT, "0x%llx is not mapped", (unsigned long long)addr);
	memcpy(ram, buf, len);
	return 0;
}

static struct gdb_bp **fake_bp_slot(struct fake *f, enum gdb_bp_type type, uint64_t addr,
				    uint64_t len)
{
	struct gdb_bp **slot;

	for (slot = f->bps; slot < f->bps + FAKE_BPS; slot++)
		if (*slot && (*slot)->type == type && (*slot)->addr == addr && (*slot)->len == len)
			return slot;
	return NULL;
}

static int fake_bp_insert(void *ctx, int tid, const struct gdb_bp *bp, struct gdb_err *err)
{
	struct fake *f = ctx;
	struct gdb_bp **slot = fake_bp_slot(f, bp->type, bp->addr, bp->len), *copy;
	size_t i;

	(void)tid;
	if (bp->type == GDB_BP_READ)
		return -EOPNOTSUPP;
	if (bp->type >= GDB_BP_WRITE && bp->len > 8)
		return gdb_fail(err, -EINVAL, "watch at most 8 bytes, not %llu",
				(unsigned long long)bp->len);
	for (i = 0; !slot && i < FAKE_BPS; i++)
		if (!f->bps[i])
			slot = &f->bps[i];
	if (!slot)
		return gdb_fail(err, -ENOSPC, "no breakpoint left");
	copy = gdb_bp_dup(bp);
	if (!copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

static int fake_bp_remove(void *ctx, enum gdb_bp_type type, uint64_t addr, uint64_t len,
			  struct gdb_err *err)
{
	struct gdb_bp **slot = fake_bp_slot(ctx, type, addr, len);

	if (!slot)
		return gdb_fail(err, -ENOENT, "no such breakpoint");
	free(*slot);
	*slot = NULL;
	return 0;
}

static int fake_resume(void *ctx, const struct gdb_resume *threads, size_t count,
		       struct gdb_err *err)
{
	struct fake *f = ctx;
	struct fake_cpu *cpu;
	size_t i;

	if (f->gone)
		return gdb_fail(err, -ESRCH, "the machine has ended");
	for (i = 0; i < count; i++) {
		cpu = &f->cpus[threads[i].tid - 1];
		cpu->how = threads[i];
		cpu->going = true;
		cpu->fresh = true;
	}
	f->held = false;
	return 0;
}

static int fake_interrupt(void *ctx, int tid)
{
	struct gdb_stop stop = { .signal = GDB_SIG_INT };
	struct fake *f = ctx;

	fake_tell(f, tid > 0 ? &f->cpus[tid - 1] : NULL, stop);
	return 0;
}

/* The only history there is: back to the reset. */
static int fake_reverse(void *ctx, int tid, bool step, struct gdb_err *err)
{
	struct gdb_stop stop = { .kind = GDB_STOP_HISTORY_BEGIN, .signal = GDB_SIG_TRAP };
	struct fake *f = ctx;

	(void)err;
	(void)step;
	fake_reset(f);
	fake_tell(f, &f->cpus[tid - 1], stop);
	return 0;
}

static bool fake_can_reverse(void *ctx)
{
	return ((struct fake *)ctx)->can_reverse;
}

static void fake_detach(void *ctx)
{
	fake_set_running(ctx, true);
}

static int fake_kill(void *ctx, struct gdb_err *err)
{
	struct fake *f = ctx;
	int i;

	(void)err;
	for (i = 0; i < f->cpu_count; i++)
		f->cpus[i].going = false;
	f->gone = true;
	return 0;
}

static int fake_restart(void *ctx, struct gdb_err *err)
{
	struct gdb_stop stop = { .signal = GDB_SIG_TRAP, .tid = 1 };
	struct fake *f = ctx;

	(void)err;
	fake_reset(f);
	fake_tell(f, NULL, stop);
	return 0;
}

static int fake_monitor(void *ctx, const char *line, struct gdb_sink *sink, struct gdb_err *err)
{
	int i;

	(void)ctx;
	if (!strcmp(line, "hello")) {
		sink->write(sink, "hello, user\n", 12);
		return 0;
	}
	if (strcmp(line, "long"))
		return gdb_fail(err, -EINVAL, "unknown command `%s`; try hello, long", line);
	for (i = 0; i < 1000; i++)
		sink->write(sink, "0123456789 line\n", 16);
	return 0;
}

static int fake_region_next(void *ctx, uint64_t from, struct gdb_region *region)
{
	static const struct gdb_region rom = { 0xf000, 0x1000, GDB_REGION_ROM };

	(void)ctx;
	if (from >= rom.start + rom.len)
		return -ENOENT;
	*region = rom;
	return 0;
}

static const char *fake_exec_file(void *ctx)
{
	(void)ctx;
	return "/tmp/kernel.elf";
}

static unsigned int fake_sstep_mask(void *ctx)
{
	(void)ctx;
	return GDB_SSTEP_ENABLE | GDB_SSTEP_NOIRQ;
}

static bool fake_can_nonstop(void *ctx)
{
	return ((struct fake *)ctx)->can_nonstop;
}

static const struct gdb_target_ops fake_ops = {
	.arch = fake_arch,
	.thread_next = fake_thread_next,
	.stop_query = fake_stop_query,
	.reg_read = fake_reg_read,
	.reg_write = fake_reg_write,
	.mem_read = fake_mem_read,
	.mem_write = fake_mem_write,
	.bp_insert = fake_bp_insert,
	.bp_remove = fake_bp_remove,
	.resume = fake_resume,
	.interrupt = fake_interrupt,
	.reverse = fake_reverse,
	.can_reverse = fake_can_reverse,
	.detach = fake_detach,
	.kill = fake_kill,
	.restart = fake_restart,
	.monitor = fake_monitor,
	.region_next = fake_region_next,
	.exec_file = fake_exec_file,
	.sstep_mask = fake_sstep_mask,
	.can_nonstop = fake_can_nonstop,
};

/* --- life ----------------------------------------------------------------------------------- */

struct fake *fake_new(int cpus)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->cpu_count = cpus < 1 ? 1 : cpus > FAKE_CPUS ? FAKE_CPUS : cpus;
	f->session = gdb_session_new(&fake_ops, f);
	if (!f->session) {
		free(f);
		return NULL;
	}
	fake_reset(f);
	f->held = true;
	f->stop = (struct gdb_stop){ .signal = GDB_SIG_TRAP, .tid = 1 };
	return f;
}

void fake_free(struct fake *f)
{
	int i;

	if (!f)
		return;
	gdb_session_free(f->session);
	for (i = 0; i < FAKE_BPS; i++)
		free(f->bps[i]);
	free(f);
}

struct gdb_session *fake_session(struct fake *f)
{
	return f->session;
}

void fake_set_running(struct fake *f, bool running)
{
	int i;

	for (i = 0; i < f->cpu_count; i++) {
		f->cpus[i].going = running && !f->gone;
		f->cpus[i].how = (struct gdb_resume){ .action = GDB_CONTINUE };
	}
	f->held = !running;
}

void fake_set_nonstop(struct fake *f, bool able)
{
	f->can_nonstop = able;
}

void fake_set_reverse(struct fake *f, bool able)
{
	f->can_reverse = able;
}

void fake_stop(struct fake *f, const struct gdb_stop *stop)
{
	fake_tell(f, stop->tid > 0 && stop->tid <= f->cpu_count ? &f->cpus[stop->tid - 1] : NULL,
		  *stop);
}

bool fake_running(const struct fake *f)
{
	int i;

	for (i = 0; i < f->cpu_count; i++)
		if (f->cpus[i].going)
			return true;
	return false;
}

int fake_bp_count(const struct fake *f)
{
	int i, n = 0;

	for (i = 0; i < FAKE_BPS; i++)
		n += f->bps[i] != NULL;
	return n;
}

uint64_t fake_rip(const struct fake *f, int tid)
{
	return fake_get(&f->cpus[tid - 1], FAKE_RIP);
}
