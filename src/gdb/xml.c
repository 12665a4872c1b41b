/* SPDX-License-Identifier: MIT */
/*
 * Target description, memory map and thread list as XML.  Types go into every feature that uses
 * them, as clients look them up by feature; x86's own are in tables here.
 */
#include "xml.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- x86 types ------------------------------------------------------------------------------ */

/* clang-format off */
#define BIT(name, n) { name, n, n, NULL }
#define BITS(name, from, to) { name, from, to, NULL }
#define MEMBER(name, type) { name, 0, 0, type }
#define FLAGS(name, size, fields) { name, GDB_TYPE_FLAGS, size, fields, NULL, 0 }
#define UNION(name, fields) { name, GDB_TYPE_UNION, 0, fields, NULL, 0 }
#define VECTOR(name, elem, count) { name, GDB_TYPE_VECTOR, 0, NULL, elem, count }

static const struct gdb_field xml_eflags[] = {
	BIT("CF", 0), BIT("", 1), BIT("PF", 2), BIT("AF", 4), BIT("ZF", 6), BIT("SF", 7),
	BIT("TF", 8), BIT("IF", 9), BIT("DF", 10), BIT("OF", 11), BITS("IOPL", 12, 13),
	BIT("NT", 14), BIT("RF", 16), BIT("VM", 17), BIT("AC", 18), BIT("VIF", 19),
	BIT("VIP", 20), BIT("ID", 21), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_mxcsr[] = {
	BIT("IE", 0), BIT("DE", 1), BIT("ZE", 2), BIT("OE", 3), BIT("UE", 4), BIT("PE", 5),
	BIT("DAZ", 6), BIT("IM", 7), BIT("DM", 8), BIT("ZM", 9), BIT("OM", 10), BIT("UM", 11),
	BIT("PM", 12), BITS("RC", 13, 14), BIT("FZ", 15), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_cr0[] = {
	BIT("PE", 0), BIT("MP", 1), BIT("EM", 2), BIT("TS", 3), BIT("ET", 4), BIT("NE", 5),
	BIT("WP", 16), BIT("AM", 18), BIT("NW", 29), BIT("CD", 30), BIT("PG", 31),
	{ NULL, 0, 0, NULL },
};

static const struct gdb_field xml_cr3[] = {
	BITS("PCID", 0, 11), BITS("PDBR", 12, 51), BIT("LAM_U57", 61), BIT("LAM_U48", 62),
	{ NULL, 0, 0, NULL },
};

static const struct gdb_field xml_cr4[] = {
	BIT("VME", 0), BIT("PVI", 1), BIT("TSD", 2), BIT("DE", 3), BIT("PSE", 4), BIT("PAE", 5),
	BIT("MCE", 6), BIT("PGE", 7), BIT("PCE", 8), BIT("OSFXSR", 9), BIT("OSXMMEXCPT", 10),
	BIT("UMIP", 11), BIT("LA57", 12), BIT("VMXE", 13), BIT("SMXE", 14), BIT("FSGSBASE", 16),
	BIT("PCIDE", 17), BIT("OSXSAVE", 18), BIT("KL", 19), BIT("SMEP", 20), BIT("SMAP", 21),
	BIT("PKE", 22), BIT("CET", 23), BIT("PKS", 24), BIT("UINTR", 25), BIT("LAM_SUP", 28),
	{ NULL, 0, 0, NULL },
};

static const struct gdb_field xml_efer[] = {
	BIT("SCE", 0), BIT("LME", 8), BIT("LMA", 10), BIT("NXE", 11), BIT("SVME", 12),
	BIT("LMSLE", 13), BIT("FFXSR", 14), BIT("TCE", 15), BIT("MCOMMIT", 17), BIT("INTWB", 18),
	BIT("UAIE", 20), BIT("AIBRSE", 21), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_xcr0[] = {
	BIT("X87", 0), BIT("SSE", 1), BIT("AVX", 2), BIT("BNDREGS", 3), BIT("BNDCSR", 4),
	BIT("OPMASK", 5), BIT("ZMM_HI256", 6), BIT("HI16_ZMM", 7), BIT("PKRU", 9),
	BIT("TILECFG", 17), BIT("TILEDATA", 18), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_dr6[] = {
	BIT("B0", 0), BIT("B1", 1), BIT("B2", 2), BIT("B3", 3), BIT("BLD", 11), BIT("BD", 13),
	BIT("BS", 14), BIT("BT", 15), BIT("RTM", 16), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_dr7[] = {
	BIT("L0", 0), BIT("G0", 1), BIT("L1", 2), BIT("G1", 3), BIT("L2", 4), BIT("G2", 5),
	BIT("L3", 6), BIT("G3", 7), BIT("LE", 8), BIT("GE", 9), BIT("RTM", 11), BIT("GD", 13),
	BITS("RW0", 16, 17), BITS("LEN0", 18, 19), BITS("RW1", 20, 21), BITS("LEN1", 22, 23),
	BITS("RW2", 24, 25), BITS("LEN2", 26, 27), BITS("RW3", 28, 29), BITS("LEN3", 30, 31),
	{ NULL, 0, 0, NULL },
};

/* As the VMCS has it: descriptor bits 40-47 and 52-55, and the unusable bit. */
static const struct gdb_field xml_segattr[] = {
	BITS("TYPE", 0, 3), BIT("S", 4), BITS("DPL", 5, 6), BIT("P", 7), BIT("AVL", 12),
	BIT("L", 13), BIT("DB", 14), BIT("G", 15), BIT("UNUSABLE", 16), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_vec128[] = {
	MEMBER("v4_float", "v4f"), MEMBER("v2_double", "v2d"), MEMBER("v16_int8", "v16i8"),
	MEMBER("v8_int16", "v8i16"), MEMBER("v4_int32", "v4i32"), MEMBER("v2_int64", "v2i64"),
	MEMBER("uint128", "uint128"), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_vec256[] = {
	MEMBER("v8_float", "v8f"), MEMBER("v4_double", "v4d"), MEMBER("v32_int8", "v32i8"),
	MEMBER("v16_int16", "v16i16"), MEMBER("v8_int32", "v8i32"), MEMBER("v4_int64", "v4i64"),
	MEMBER("v2_int128", "v2ui128"), { NULL, 0, 0, NULL },
};

static const struct gdb_field xml_vec512[] = {
	MEMBER("v16_float", "v16f"), MEMBER("v8_double", "v8d"), MEMBER("v64_int8", "v64i8"),
	MEMBER("v32_int16", "v32i16"), MEMBER("v16_int32", "v16i32"), MEMBER("v8_int64", "v8i64"),
	MEMBER("v4_int128", "v4ui128"), { NULL, 0, 0, NULL },
};

static const struct gdb_type xml_x86_types[] = {
	FLAGS("i386_eflags", 4, xml_eflags),
	FLAGS("i386_mxcsr", 4, xml_mxcsr),
	FLAGS("x86_cr0", 8, xml_cr0),
	FLAGS("x86_cr3", 8, xml_cr3),
	FLAGS("x86_cr4", 8, xml_cr4),
	FLAGS("x86_efer", 8, xml_efer),
	FLAGS("x86_xcr0", 8, xml_xcr0),
	FLAGS("x86_dr6", 8, xml_dr6),
	FLAGS("x86_dr7", 8, xml_dr7),
	FLAGS("x86_segattr", 4, xml_segattr),
	VECTOR("v4f", "ieee_single", 4),
	VECTOR("v2d", "ieee_double", 2),
	VECTOR("v16i8", "int8", 16),
	VECTOR("v8i16", "int16", 8),
	VECTOR("v4i32", "int32", 4),
	VECTOR("v2i64", "int64", 2),
	VECTOR("v2ui128", "uint128", 2),
	VECTOR("v8f", "ieee_single", 8),
	VECTOR("v4d", "ieee_double", 4),
	VECTOR("v32i8", "int8", 32),
	VECTOR("v16i16", "int16", 16),
	VECTOR("v8i32", "int32", 8),
	VECTOR("v4i64", "int64", 4),
	VECTOR("v4ui128", "uint128", 4),
	VECTOR("v16f", "ieee_single", 16),
	VECTOR("v8d", "ieee_double", 8),
	VECTOR("v64i8", "int8", 64),
	VECTOR("v32i16", "int16", 32),
	VECTOR("v16i32", "int32", 16),
	VECTOR("v8i64", "int64", 8),
	UNION("vec128", xml_vec128),
	UNION("vec256", xml_vec256),
	UNION("vec512", xml_vec512),
};

/* clang-format on */

#define XML_X86_TYPES (sizeof(xml_x86_types) / sizeof(xml_x86_types[0]))

/* --- target description --------------------------------------------------------------------- */

static void xml_text(struct rsp_buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			rsp_buf_str(out, "&lt;");
		else if (*text == '>')
			rsp_buf_str(out, "&gt;");
		else if (*text == '&')
			rsp_buf_str(out, "&amp;");
		else if (*text == '"')
			rsp_buf_str(out, "&quot;");
		else if ((unsigned char)*text >= ' ')
			rsp_buf_byte(out, (uint8_t)*text);
	}
}

/* Types are numbered through: the embedder's first, then x86's. */
static const struct gdb_type *xml_type_at(const struct gdb_arch *arch, size_t i)
{
	return i < arch->type_count ? &arch->types[i] : &xml_x86_types[i - arch->type_count];
}

static size_t xml_type_total(const struct gdb_arch *arch)
{
	return arch->type_count + XML_X86_TYPES;
}

/* The index of the named type, or -1 for those that clients know themselves. */
static int xml_type_find(const struct gdb_arch *arch, const char *name)
{
	size_t i;

	for (i = 0; i < xml_type_total(arch); i++)
		if (!strcmp(xml_type_at(arch, i)->name, name))
			return (int)i;
	return -1;
}

static void xml_flags(struct rsp_buf *out, const struct gdb_type *type)
{
	const struct gdb_field *field;

	rsp_buf_printf(out, "<flags id=\"%s\" size=\"%" PRIu32 "\">", type->name, type->size);
	for (field = type->fields; field->name; field++)
		rsp_buf_printf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", field->name,
			       field->start, field->end);
	rsp_buf_str(out, "</flags>\n");
}

static void xml_union(struct rsp_buf *out, const struct gdb_type *type)
{
	const struct gdb_field *field;

	rsp_buf_printf(out, "<union id=\"%s\">", type->name);
	for (field = type->fields; field->name; field++)
		rsp_buf_printf(out, "<field name=\"%s\" type=\"%s\"/>", field->name, field->type);
	rsp_buf_str(out, "</union>\n");
}

#define XML_TYPE_DEPTH 4

/* The type and first those it is made of, unless the feature has them (its bit in done). */
static void xml_type(struct rsp_buf *out, const struct gdb_arch *arch, const char *name,
		     uint64_t *done, int depth)
{
	const struct gdb_type *type;
	const struct gdb_field *field;
	int i = name ? xml_type_find(arch, name) : -1;

	if (i < 0 || i >= 256 || (done[i / 64] >> (i % 64) & 1) || depth > XML_TYPE_DEPTH)
		return;
	done[i / 64] |= 1ull << (i % 64);
	type = xml_type_at(arch, (size_t)i);
	if (type->kind == GDB_TYPE_FLAGS) {
		xml_flags(out, type);
	} else if (type->kind == GDB_TYPE_VECTOR) {
		xml_type(out, arch, type->elem, done, depth + 1);
		rsp_buf_printf(out, "<vector id=\"%s\" type=\"%s\" count=\"%" PRIu32 "\"/>\n",
			       type->name, type->elem, type->count);
	} else {
		for (field = type->fields; field->name; field++)
			xml_type(out, arch, field->type, done, depth + 1);
		xml_union(out, type);
	}
}

static void xml_reg(struct rsp_buf *out, const struct gdb_reg *reg)
{
	rsp_buf_printf(out, "<reg name=\"%s\" bitsize=\"%" PRIu32 "\" regnum=\"%" PRIu32 "\"",
		       reg->name, reg->bitsize, reg->regnum);
	if (reg->type)
		rsp_buf_printf(out, " type=\"%s\"", reg->type);
	if (reg->group)
		rsp_buf_printf(out, " group=\"%s\"", reg->group);
	/* A debugger's function call should not put back control registers. */
	if (reg->group && !strcmp(reg->group, "system"))
		rsp_buf_str(out, " save-restore=\"no\"");
	rsp_buf_str(out, "/>\n");
}

static void xml_feature(struct rsp_buf *out, const struct gdb_arch *arch, size_t from, size_t to)
{
	uint64_t done[4] = { 0 };
	size_t i;

	rsp_buf_printf(out, "<feature name=\"%s\">\n", arch->regs[from].feature);
	for (i = from; i < to; i++)
		xml_type(out, arch, arch->regs[i].type, done, 0);
	for (i = from; i < to; i++)
		xml_reg(out, &arch->regs[i]);
	rsp_buf_str(out, "</feature>\n");
}

void gdb_xml_target(struct rsp_buf *out, const struct gdb_arch *arch)
{
	size_t from, to;

	rsp_buf_str(out, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
			 "<target version=\"1.0\">\n");
	rsp_buf_printf(out, "<architecture>%s</architecture>\n", arch->name);
	for (from = 0; from < arch->reg_count; from = to) {
		for (to = from; to < arch->reg_count; to++)
			if (strcmp(arch->regs[to].feature, arch->regs[from].feature))
				break;
		xml_feature(out, arch, from, to);
	}
	rsp_buf_str(out, "</target>\n");
}

/* --- memory map ----------------------------------------------------------------------------- */

static void xml_region(struct rsp_buf *out, const char *type, uint64_t start, uint64_t len)
{
	rsp_buf_printf(out,
		       "<memory type=\"%s\" start=\"0x%" PRIx64 "\" length=\"0x%" PRIx64 "\"/>\n",
		       type, start, len);
}

/*
 * RAM from start to end, 0 meaning the end of the address space: a length of 2^64 cannot be
 * written, hence the halves.
 */
static void xml_gap(struct rsp_buf *out, uint64_t start, uint64_t end)
{
	if (!start && !end) {
		xml_region(out, "ram", 0, 1ull << 63);
		start = 1ull << 63;
	}
	if (start != end)
		xml_region(out, "ram", start, end - start);
}

#define XML_REGIONS_MAX 4096

void gdb_xml_memory_map(struct rsp_buf *out, const struct gdb_target_ops *ops, void *ctx)
{
	struct gdb_region region;
	uint64_t at = 0;
	bool full = false;
	int n;

	rsp_buf_str(out, "<?xml version=\"1.0\"?>\n<!DOCTYPE memory-map PUBLIC "
			 "\"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
			 "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n<memory-map>\n");
	for (n = 0; n < XML_REGIONS_MAX && !full; n++) {
		if (ops->region_next(ctx, at, &region) || !region.len || region.start < at)
			break;
		if (region.start > at)
			xml_gap(out, at, region.start);
		xml_region(out, region.kind == GDB_REGION_ROM ? "rom" : "ram", region.start,
			   region.len);
		at = region.start + region.len;
		full = at <= region.start;
	}
	if (!full)
		xml_gap(out, at, 0);
	rsp_buf_str(out, "</memory-map>\n");
}

/* --- threads -------------------------------------------------------------------------------- */

#define XML_THREADS_MAX 4096

void gdb_xml_threads(struct rsp_buf *out, const struct gdb_target_ops *ops, void *ctx,
		     bool multiprocess)
{
	struct gdb_thread t = { .id = 0 };
	int n;

	rsp_buf_str(out, "<?xml version=\"1.0\"?>\n<threads>\n");
	for (n = 0; n < XML_THREADS_MAX && !ops->thread_next(ctx, t.id, &t); n++) {
		rsp_buf_printf(out, "<thread id=\"%s%x\"", multiprocess ? "p1." : "",
			       (unsigned int)t.id);
		if (t.core >= 0)
			rsp_buf_printf(out, " core=\"%d\"", t.core);
		rsp_buf_str(out, " name=\"");
		xml_text(out, t.name);
		rsp_buf_str(out, "\">");
		xml_text(out, t.state);
		rsp_buf_str(out, "</thread>\n");
	}
	rsp_buf_str(out, "</threads>\n");
}
