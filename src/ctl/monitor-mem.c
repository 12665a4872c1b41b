/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's commands that look at memory, code and addresses. Pure: a view is all. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/monitor.h"
#include "inspect/disasm.h"
#include "inspect/mmu.h"
#include "inspect/unwind.h"

#define MEM_COUNT_MAX  65536
#define MEM_LINE_BYTES 16
#define MEM_INSN_MAX   512
#define MEM_FRAMES_MAX 32
#define MEM_SUM_MAX    (1ull << 30)

/* What x/FMT asks for: x/8xg, x/4i. */
struct mem_format {
	unsigned int count;
	char letter; /* x d u o c i */
	unsigned int size;
};

static unsigned int mem_size_of(char c)
{
	switch (c) {
	case 'b':
		return 1;
	case 'h':
		return 2;
	case 'w':
		return 4;
	case 'g':
		return 8;
	}
	return 0;
}

static int mem_format_parse(const char *text, struct mem_format *fmt, struct err *err)
{
	const char *at = text;
	uint64_t count = 0;

	*fmt = (struct mem_format){ .count = 1, .letter = 'x', .size = 4 };
	for (; isdigit((unsigned char)*at); at++) {
		count = count * 10 + (uint64_t)(*at - '0');
		if (count > MEM_COUNT_MAX)
			return err_set(err, EINVAL, "at most %d items", MEM_COUNT_MAX);
	}
	if (at > text)
		fmt->count = (unsigned int)count;
	for (; *at; at++) {
		if (mem_size_of(*at))
			fmt->size = mem_size_of(*at);
		else if (strchr("xduoci", *at))
			fmt->letter = *at;
		else
			return err_set(err, EINVAL,
				       "format '%s': a count, one of x d u o c i, one of b h w g",
				       text);
	}
	if (fmt->letter == 'c')
		fmt->size = 1;
	return 0;
}

static void mem_print_value(uint64_t val, const struct mem_format *fmt, struct buf *out)
{
	int64_t sval = (int64_t)(val << (64 - 8 * fmt->size)) >> (64 - 8 * fmt->size);

	switch (fmt->letter) {
	case 'd':
		buf_printf(out, "%lld", (long long)sval);
		break;
	case 'u':
		buf_printf(out, "%llu", (unsigned long long)val);
		break;
	case 'o':
		buf_printf(out, "0%llo", (unsigned long long)val);
		break;
	case 'c':
		if (isprint((int)(val & 0xff)) && (val & 0xff) < 0x80)
			buf_printf(out, "'%c'", (char)val);
		else
			buf_printf(out, "'\\x%02x'", (unsigned int)(val & 0xff));
		break;
	default:
		buf_printf(out, "0x%0*llx", (int)fmt->size * 2, (unsigned long long)val);
		break;
	}
}

static size_t mem_read(const struct monitor_ctx *ctx, unsigned int vcpu, bool physical,
		       uint64_t addr, void *data, size_t len)
{
	if (physical)
		return view_read(ctx->view, addr, data, len);
	return view_read_va(ctx->view, vcpu, addr, data, len);
}

/* Lines of at most 16 bytes; false where memory ends. */
static bool mem_dump_line(const struct monitor_ctx *ctx, unsigned int vcpu, bool physical,
			  uint64_t addr, const struct mem_format *fmt, unsigned int items,
			  struct buf *out)
{
	uint8_t data[MEM_LINE_BYTES];
	size_t got = mem_read(ctx, vcpu, physical, addr, data, (size_t)items * fmt->size);
	unsigned int i, k;
	uint64_t val;

	if (got < fmt->size) {
		buf_printf(out, "%016llx: cannot access memory\n", (unsigned long long)addr);
		return false;
	}
	buf_printf(out, "%016llx:", (unsigned long long)addr);
	for (i = 0; i < items && (i + 1) * fmt->size <= got; i++) {
		for (val = 0, k = 0; k < fmt->size; k++)
			val |= (uint64_t)data[i * fmt->size + k] << (8 * k);
		buf_addc(out, ' ');
		mem_print_value(val, fmt, out);
	}
	buf_addc(out, '\n');
	return i == items;
}

static void mem_dump(const struct monitor_ctx *ctx, unsigned int vcpu, bool physical, uint64_t addr,
		     const struct mem_format *fmt, struct buf *out)
{
	unsigned int per_line = fmt->letter == 'c' ? 8 : MEM_LINE_BYTES / fmt->size;
	unsigned int left = fmt->count, items;

	while (left) {
		items = left < per_line ? left : per_line;
		if (!mem_dump_line(ctx, vcpu, physical, addr, fmt, items, out))
			return;
		addr += (uint64_t)items * fmt->size;
		left -= items;
	}
}

static void mem_print_insn(const struct monitor_ctx *ctx, const struct disasm_insn *insn,
			   uint64_t rip, struct buf *out)
{
	char where[96], bytes[48] = "";
	unsigned int i;

	for (i = 0; i < insn->len; i++)
		snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, "%02x ", insn->bytes[i]);
	sym_text(ctx->syms, insn->addr, where, sizeof(where));
	buf_printf(out, "%s0x%016llx:%s%s%s  %-30s %s%s%s\n", insn->addr == rip ? "=> " : "   ",
		   (unsigned long long)insn->addr, where[0] ? " <" : "", where, where[0] ? ">" : "",
		   bytes, insn->text, insn->comment[0] ? "  ; " : "", insn->comment);
}

static int mem_disassemble(const struct monitor_ctx *ctx, unsigned int vcpu, uint64_t addr,
			   unsigned int count, struct buf *out, struct err *err)
{
	uint64_t rip = ctx->view->vcpu[vcpu].state.rip;
	struct disasm_insn insn[16];
	size_t nr, i;

	if (count > MEM_INSN_MAX)
		return err_set(err, EINVAL, "at most %d instructions", MEM_INSN_MAX);
	while (count) {
		nr = disasm_at(ctx->view, vcpu, addr, ctx->syms, insn, count < 16 ? count : 16);
		if (!nr)
			return err_set(err, EFAULT, "0x%llx: cannot access memory",
				       (unsigned long long)addr);
		for (i = 0; i < nr; i++)
			mem_print_insn(ctx, &insn[i], rip, out);
		addr = insn[nr - 1].addr + (insn[nr - 1].len ? insn[nr - 1].len : 1);
		count -= (unsigned int)nr;
	}
	return 0;
}

static int mem_no_vcpu(struct err *err)
{
	return err_set(err, ENODEV, "there is no vCPU to look at");
}

static int mem_examine(const struct monitor_ctx *ctx, struct monitor_args *args, bool physical,
		       struct buf *out, struct err *err)
{
	struct mem_format fmt;
	unsigned int vcpu;
	uint64_t addr;
	int ret;

	if (!monitor_state(ctx, &vcpu))
		return mem_no_vcpu(err);
	ret = mem_format_parse(args->format, &fmt, err);
	if (ret == 0)
		ret = monitor_eval(ctx, args->rest, &addr, err);
	if (ret < 0)
		return ret;
	if (fmt.letter == 'i' && physical)
		return err_set(err, EINVAL, "instructions by virtual address only: x/i");
	if (fmt.letter == 'i')
		return mem_disassemble(ctx, vcpu, addr, fmt.count, out, err);
	mem_dump(ctx, vcpu, physical, addr, &fmt, out);
	return 0;
}

static int mem_cmd_x(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		     struct err *err)
{
	return mem_examine(ctx, args, false, out, err);
}

static int mem_cmd_xp(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	return mem_examine(ctx, args, true, out, err);
}

static int mem_cmd_gva2gpa(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	uint64_t gva, gpa;
	int ret;

	if (!st)
		return mem_no_vcpu(err);
	ret = monitor_eval(ctx, args->rest, &gva, err);
	if (ret < 0)
		return ret;
	if (mmu_translate(ctx->view, st, gva, &gpa))
		buf_printf(out, "gpa: 0x%llx\n", (unsigned long long)gpa);
	else
		buf_puts(out, "Unmapped\n");
	return 0;
}

static int mem_cmd_gpa2hva(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	const struct sample_region *reg;
	uint64_t gpa;
	int ret;

	ret = monitor_eval(ctx, args->rest, &gpa, err);
	if (ret < 0)
		return ret;
	reg = view_region(ctx->view, gpa);
	if (!reg)
		return err_set(err, EFAULT, "No memory is mapped at address 0x%llx",
			       (unsigned long long)gpa);
	buf_printf(out, "Host virtual address for 0x%llx (%s) is 0x%llx\n", (unsigned long long)gpa,
		   reg->name, (unsigned long long)(reg->hva + (gpa - reg->gpa)));
	return 0;
}

static int mem_cmd_print(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			 struct err *err)
{
	struct mem_format fmt;
	char where[96];
	uint64_t val;
	int ret;

	ret = mem_format_parse(args->format, &fmt, err);
	if (ret == 0)
		ret = monitor_eval(ctx, args->rest, &val, err);
	if (ret < 0)
		return ret;
	fmt.size = fmt.letter == 'c' ? 1 : 8;
	if (fmt.letter == 'x' || fmt.letter == 'i')
		buf_printf(out, "0x%llx", (unsigned long long)val);
	else
		mem_print_value(val, &fmt, out);
	sym_text(ctx->syms, val, where, sizeof(where));
	if (where[0] && fmt.letter != 'c')
		buf_printf(out, " <%s>", where);
	buf_addc(out, '\n');
	return 0;
}

/* The 16-bit rotating sum of sum(1). */
static int mem_cmd_sum(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		       struct err *err)
{
	uint64_t addr, len;
	uint8_t data[4096];
	uint16_t sum = 0;
	size_t got, i;
	int ret;

	ret = monitor_eval(ctx, args->word[0], &addr, err);
	if (ret == 0)
		ret = monitor_eval(ctx, args->word[1], &len, err);
	if (ret < 0)
		return ret;
	if (len > MEM_SUM_MAX)
		return err_set(err, EINVAL, "at most 1 GiB");
	for (; len; len -= got, addr += got) {
		got = view_read(ctx->view, addr, data, len < sizeof(data) ? len : sizeof(data));
		if (!got)
			return err_set(err, EFAULT, "0x%llx: not RAM", (unsigned long long)addr);
		for (i = 0; i < got; i++)
			sum = (uint16_t)((sum >> 1 | sum << 15) + data[i]);
	}
	buf_printf(out, "%05u\n", sum);
	return 0;
}

static int mem_explain_access(const struct monitor_args *args, enum mmu_access *access,
			      unsigned int *cpl, struct err *err)
{
	int i;

	for (i = 1; i < args->nr; i++) {
		if (strcmp(args->word[i], "r") == 0)
			*access = MMU_ACCESS_READ;
		else if (strcmp(args->word[i], "w") == 0)
			*access = MMU_ACCESS_WRITE;
		else if (strcmp(args->word[i], "x") == 0)
			*access = MMU_ACCESS_FETCH;
		else if (strcmp(args->word[i], "user") == 0)
			*cpl = 3;
		else if (strcmp(args->word[i], "kernel") == 0)
			*cpl = 0;
		else
			return err_set(err, EINVAL, "'%s': one of r w x, user or kernel",
				       args->word[i]);
	}
	return 0;
}

static int mem_cmd_explain(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	const struct x86_state *st = monitor_state(ctx, NULL);
	enum mmu_access access = MMU_ACCESS_READ;
	struct mmu_explain ex;
	unsigned int cpl;
	uint64_t gva;
	int ret;

	if (!st)
		return mem_no_vcpu(err);
	cpl = x86_state_cpl(st);
	ret = mem_explain_access(args, &access, &cpl, err);
	if (ret == 0)
		ret = monitor_eval(ctx, args->word[0], &gva, err);
	if (ret < 0)
		return ret;
	mmu_explain(ctx->view, st, gva, access, cpl, &ex);
	mmu_explain_text(&ex, gva, out);
	return 0;
}

static int mem_cmd_bt(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		      struct err *err)
{
	struct unwind_frame frame[MEM_FRAMES_MAX];
	const char *file;
	unsigned int vcpu;
	char where[96];
	size_t nr, i;
	int line;

	(void)args;
	if (!monitor_state(ctx, &vcpu))
		return mem_no_vcpu(err);
	nr = unwind_vcpu(ctx->view, vcpu, ctx->syms, frame, MEM_FRAMES_MAX);
	for (i = 0; i < nr; i++) {
		buf_printf(out, "#%-2zu 0x%016llx %s", i, (unsigned long long)frame[i].pc,
			   sym_text(ctx->syms, frame[i].pc, where, sizeof(where)));
		/* a return address belongs to the call before it */
		if (sym_line(ctx->syms, frame[i].pc - (i ? 1 : 0), &file, &line))
			buf_printf(out, " at %s:%d", file, line);
		buf_printf(out, " (%s)\n", unwind_how_name(frame[i].how));
	}
	return 0;
}

static int mem_cmd_disassemble(const struct monitor_ctx *ctx, struct monitor_args *args,
			       struct buf *out, struct err *err)
{
	const struct x86_state *st;
	uint64_t addr, count = 10;
	unsigned int vcpu;
	int ret = 0;

	st = monitor_state(ctx, &vcpu);
	if (!st)
		return mem_no_vcpu(err);
	addr = st->rip;
	if (args->nr > 0)
		ret = monitor_eval(ctx, args->word[0], &addr, err);
	if (ret == 0 && args->nr > 1 && !parse_range(args->word[1], 1, MEM_INSN_MAX, &count))
		ret = err_set(err, EINVAL, "count '%s': 1 to %d", args->word[1], MEM_INSN_MAX);
	if (ret < 0)
		return ret;
	return mem_disassemble(ctx, vcpu, addr, (unsigned int)count, out, err);
}

const struct monitor_command monitor_mem_commands[] = {
	{ "x", "/fmt addr", "guest-virtual memory: x/4xg $rsp, x/8i $rip", -1, 1,
	  MONITOR_COMPLETE_SYMBOL, mem_cmd_x },
	{ "xp", "/fmt addr", "guest-physical memory", -1, 1, MONITOR_COMPLETE_SYMBOL, mem_cmd_xp },
	{ "print|p", "/fmt expr", "value of an expression: registers, symbols, numbers", -1, 1,
	  MONITOR_COMPLETE_SYMBOL, mem_cmd_print },
	{ "gva2gpa", "addr", "guest-physical address of a guest-virtual one", -1, 1,
	  MONITOR_COMPLETE_SYMBOL, mem_cmd_gva2gpa },
	{ "gpa2hva", "addr", "where guest-physical memory lies in the VM process", -1, 1,
	  MONITOR_COMPLETE_NONE, mem_cmd_gpa2hva },
	{ "explain", "addr [r|w|x] [user|kernel]", "why an access there works or faults", 3, 1,
	  MONITOR_COMPLETE_SYMBOL, mem_cmd_explain },
	{ "bt", "", "backtrace, each frame with how it was found", 0, 0, MONITOR_COMPLETE_NONE,
	  mem_cmd_bt },
	{ "disassemble", "[addr [count]]", "instructions with symbols", 2, 0,
	  MONITOR_COMPLETE_SYMBOL, mem_cmd_disassemble },
	{ "sum", "addr size", "checksum of guest-physical memory, as sum(1)", 2, 2,
	  MONITOR_COMPLETE_NONE, mem_cmd_sum },
};
const size_t monitor_mem_commands_len =
	sizeof(monitor_mem_commands) / sizeof(monitor_mem_commands[0]);
