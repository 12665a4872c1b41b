/* SPDX-License-Identifier: MIT */
/*
 * Register packets: g, G, p, P.  The layout of g is the in_g part of the embedder's table and
 * nothing else, in every mode of the machine, so that what g says G takes back.
 */
#include <errno.h>
#include <string.h>

#include "session-int.h"

const struct gdb_reg *gdb_reg_by_role(const struct gdb_arch *arch, enum gdb_reg_role role)
{
	size_t i;

	for (i = 0; i < arch->reg_count; i++)
		if (arch->regs[i].role == role)
			return &arch->regs[i];
	return NULL;
}

static const struct gdb_reg *gdb_reg_by_number(const struct gdb_arch *arch, uint64_t regnum)
{
	size_t i;

	/* Tables are mostly dense. */
	if (regnum < arch->reg_count && arch->regs[regnum].regnum == regnum)
		return &arch->regs[regnum];
	for (i = 0; i < arch->reg_count; i++)
		if (arch->regs[i].regnum == regnum)
			return &arch->regs[i];
	return NULL;
}

int gdb_put_reg(struct gdb_session *s, struct rsp_buf *buf, int tid, const struct gdb_reg *reg,
		struct gdb_err *err)
{
	uint8_t value[GDB_REG_MAX_BYTES] = { 0 };
	size_t len = gdb_reg_bytes(reg);
	int rc;

	if (len > sizeof(value))
		return gdb_fail(err, -E2BIG, "register %s is too wide", reg->name);
	rc = s->ops->reg_read(s->ctx, tid, reg, value, err);
	if (rc && rc != -ENODATA)
		return rc;
	if (!rc)
		rsp_buf_hex(buf, value, len);
	else
		while (len--)
			rsp_buf_str(buf, "xx");
	return 0;
}

int gdb_pkt_read_regs(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	int tid = gdb_thread_selected(s), rc;
	size_t i;

	(void)c;
	for (i = 0; i < s->arch->reg_count; i++) {
		if (!s->arch->regs[i].in_g)
			continue;
		rc = tid < 0 ? tid : gdb_put_reg(s, &s->reply, tid, &s->arch->regs[i], err);
		if (rc)
			return rc;
	}
	return GDB_REPLY;
}

/*
 * Takes one register's value from the packet.  1: x's, that is, leave it alone; 0: *value is set;
 * -EINVAL: not hex, or not all of it.
 */
static int gdb_take_value(struct gdb_cursor *c, size_t len, uint8_t *value)
{
	size_t i;

	if (c->left >= 2 * len && c->at[0] == 'x') {
		for (i = 0; i < 2 * len; i++)
			if (c->at[i] != 'x')
				return -EINVAL;
		c->at += 2 * len;
		c->left -= 2 * len;
		return 1;
	}
	return gdb_cursor_bytes(c, value, len) == (ssize_t)len ? 0 : -EINVAL;
}

static int gdb_write_reg(struct gdb_session *s, int tid, const struct gdb_reg *reg,
			 const uint8_t *value, struct gdb_err *err)
{
	if (!s->ops->reg_write)
		return gdb_fail(err, -EROFS, "registers cannot be written");
	return s->ops->reg_write(s->ctx, tid, reg, value, err);
}

/* Goes over the registers of G; with tid 0 only checks, so that a bad packet changes nothing. */
static int gdb_walk_regs(struct gdb_session *s, struct gdb_cursor c, int tid, struct gdb_err *err)
{
	uint8_t value[GDB_REG_MAX_BYTES];
	const struct gdb_reg *reg;
	size_t i;
	int rc;

	for (i = 0; i < s->arch->reg_count && c.left; i++) {
		reg = &s->arch->regs[i];
		if (!reg->in_g)
			continue;
		if (gdb_reg_bytes(reg) > sizeof(value))
			return gdb_fail(err, -E2BIG, "register %s is too wide", reg->name);
		rc = gdb_take_value(&c, gdb_reg_bytes(reg), value);
		if (rc < 0)
			return gdb_fail(err, rc, "bad value of register %s", reg->name);
		if (tid && !rc)
			rc = gdb_write_reg(s, tid, reg, value, err);
		if (rc < 0)
			return rc;
	}
	return c.left ? gdb_fail(err, -EINVAL, "more than all registers") : 0;
}

int gdb_pkt_write_regs(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	int tid = gdb_thread_selected(s), rc;

	if (tid < 0)
		return tid;
	if (!c->left)
		return gdb_fail(err, -EINVAL, "no registers");
	rc = gdb_walk_regs(s, *c, 0, err);
	return rc ? rc : gdb_walk_regs(s, *c, tid, err);
}

/* The register an "N" in p or P means. */
static const struct gdb_reg *gdb_take_reg(struct gdb_session *s, struct gdb_cursor *c,
					  struct gdb_err *err)
{
	const struct gdb_reg *reg;
	uint64_t regnum;

	if (!gdb_cursor_hex(c, &regnum)) {
		gdb_fail(err, -EINVAL, "not a register number");
		return NULL;
	}
	reg = gdb_reg_by_number(s->arch, regnum);
	if (!reg || gdb_reg_bytes(reg) > GDB_REG_MAX_BYTES) {
		gdb_fail(err, -EINVAL, "no register 0x%llx", (unsigned long long)regnum);
		return NULL;
	}
	return reg;
}

int gdb_pkt_read_reg(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	const struct gdb_reg *reg = gdb_take_reg(s, c, err);
	int tid = gdb_thread_selected(s), rc;

	if (!reg || c->left)
		return -EINVAL;
	rc = tid < 0 ? tid : gdb_put_reg(s, &s->reply, tid, reg, err);
	return rc ? rc : GDB_REPLY;
}

int gdb_pkt_write_reg(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	const struct gdb_reg *reg = gdb_take_reg(s, c, err);
	uint8_t value[GDB_REG_MAX_BYTES];
	int tid = gdb_thread_selected(s), rc;

	if (!reg)
		return -EINVAL;
	if (tid < 0)
		return tid;
	if (!gdb_cursor_char(c, '='))
		return gdb_fail(err, -EINVAL, "no value");
	rc = gdb_take_value(c, gdb_reg_bytes(reg), value);
	if (rc < 0 || c->left)
		return gdb_fail(err, -EINVAL, "%s takes %zu bytes", reg->name, gdb_reg_bytes(reg));
	return rc ? GDB_OK : gdb_write_reg(s, tid, reg, value, err);
}

int gdb_set_pc(struct gdb_session *s, int tid, uint64_t pc, struct gdb_err *err)
{
	const struct gdb_reg *reg = gdb_reg_by_role(s->arch, GDB_ROLE_PC);
	uint8_t value[8];
	size_t len, i;

	if (!reg || gdb_reg_bytes(reg) > sizeof(value))
		return gdb_fail(err, -EOPNOTSUPP, "no program counter to set");
	len = gdb_reg_bytes(reg);
	for (i = 0; i < len; i++)
		value[s->arch->big_endian ? len - 1 - i : i] = (uint8_t)(pc >> (8 * i));
	return gdb_write_reg(s, tid, reg, value, err);
}
