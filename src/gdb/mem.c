/* SPDX-License-Identifier: MIT */
/*
 * Memory packets: m, x, M, X, search and checksum, and the physical address mode.  Lengths are
 * the client's: reads are cut to what a reply holds, searches to what does not hold up the loop.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem: linear whatever the pattern, which is the client's */
#endif
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "session-int.h"

#define GDB_SCAN_MAX	(128u << 20)
#define GDB_PATTERN_MAX 4096

static enum gdb_space gdb_space(const struct gdb_session *s)
{
	return s->physical ? GDB_SPACE_PHYSICAL : GDB_SPACE_VIRTUAL;
}

/* Reads into scratch: the count of bytes, or -errno.  Never wraps around the address space. */
static ssize_t gdb_mem_read(struct gdb_session *s, uint64_t addr, uint64_t len, struct gdb_err *err)
{
	int tid = gdb_thread_selected(s);
	ssize_t n;

	if (tid < 0)
		return tid;
	if (len > GDB_PACKET_MAX)
		len = GDB_PACKET_MAX;
	if (len > UINT64_MAX - addr)
		len = UINT64_MAX - addr + 1;
	if (!len)
		return 0;
	n = s->ops->mem_read(s->ctx, tid, gdb_space(s), addr, s->scratch, (size_t)len, err);
	if (!n)
		n = gdb_fail(err, -EFAULT, "cannot read 0x%" PRIx64, addr);
	return n < 0 || (uint64_t)n <= len ? n : (ssize_t)len;
}

int gdb_pkt_read_hex(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t addr, len;
	ssize_t n;

	if (!gdb_cursor_range(c, &addr, &len) || c->left)
		return -EINVAL;
	n = gdb_mem_read(s, addr, len < GDB_PACKET_MAX / 2 ? len : GDB_PACKET_MAX / 2, err);
	if (n < 0)
		return (int)n;
	rsp_buf_hex(&s->reply, s->scratch, (size_t)n);
	return GDB_REPLY;
}

int gdb_pkt_read_binary(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t addr, len;
	ssize_t n;

	if (!gdb_cursor_range(c, &addr, &len) || c->left)
		return -EINVAL;
	n = gdb_mem_read(s, addr, len, err);
	if (n < 0)
		return (int)n;
	rsp_buf_byte(&s->reply, 'b');
	rsp_buf_escaped(&s->reply, s->scratch,
			rsp_escaped_fit(s->scratch, (size_t)n, GDB_PACKET_MAX - 8));
	return GDB_REPLY;
}

static int gdb_mem_write(struct gdb_session *s, uint64_t addr, const uint8_t *data, uint64_t len,
			 struct gdb_err *err)
{
	int tid = gdb_thread_selected(s);

	if (tid < 0)
		return tid;
	if (!s->ops->mem_write)
		return gdb_fail(err, -EROFS, "memory cannot be written");
	if (!len)
		return GDB_OK;
	if (len - 1 > UINT64_MAX - addr)
		return gdb_fail(err, -EFAULT, "beyond the end of the address space");
	return s->ops->mem_write(s->ctx, tid, gdb_space(s), addr, data, (size_t)len, err);
}

int gdb_pkt_write_hex(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t addr, len;
	ssize_t n;

	if (!gdb_cursor_range(c, &addr, &len) || !gdb_cursor_char(c, ':'))
		return -EINVAL;
	n = gdb_cursor_bytes(c, s->scratch, GDB_PACKET_MAX);
	if (n < 0 || (uint64_t)n != len || c->left)
		return gdb_fail(err, -EINVAL, "the data does not have the length announced");
	return gdb_mem_write(s, addr, s->scratch, len, err);
}

int gdb_pkt_write_binary(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t addr, len;

	if (!gdb_cursor_range(c, &addr, &len) || !gdb_cursor_char(c, ':'))
		return -EINVAL;
	if (c->left != len)
		return gdb_fail(err, -EINVAL, "the data does not have the length announced");
	return gdb_mem_write(s, addr, c->at, len, err);
}

/* --- search --------------------------------------------------------------------------------- */

/*
 * Looks for the pattern block by block; consecutive blocks overlap by its length less one.
 * 1: found at *addr, 0: not there.
 */
static int gdb_mem_search(struct gdb_session *s, uint64_t *addr, uint64_t len,
			  const uint8_t *pattern, size_t n, struct gdb_err *err)
{
	const uint8_t *hit;
	uint64_t step;
	ssize_t got;

	while (len >= n) {
		got = gdb_mem_read(s, *addr, len, err);
		if (got < 0)
			return (int)got;
		hit = memmem(s->scratch, (size_t)got, pattern, n);
		if (hit) {
			*addr += (uint64_t)(hit - s->scratch);
			return 1;
		}
		if ((uint64_t)got == len)
			return 0;
		if (got < GDB_PACKET_MAX)
			return gdb_fail(err, -EFAULT, "cannot read 0x%" PRIx64,
					*addr + (uint64_t)got);
		step = (uint64_t)got - n + 1;
		*addr += step;
		len -= step;
	}
	return 0;
}

int gdb_pkt_search(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t addr, len;
	int rc;

	if (!gdb_cursor_hex(c, &addr) || !gdb_cursor_char(c, ';') || !gdb_cursor_hex(c, &len) ||
	    !gdb_cursor_char(c, ';'))
		return -EINVAL;
	if (!c->left || c->left > GDB_PATTERN_MAX)
		return gdb_fail(err, -EINVAL, "the pattern must have 1 to %d bytes",
				GDB_PATTERN_MAX);
	if (len > GDB_SCAN_MAX)
		return gdb_fail(err, -E2BIG, "search at most %u MiB at once", GDB_SCAN_MAX >> 20);
	rc = gdb_mem_search(s, &addr, len, c->at, c->left, err);
	if (rc < 0)
		return rc;
	if (rc)
		rsp_buf_printf(&s->reply, "1,%" PRIx64, addr);
	else
		rsp_buf_byte(&s->reply, '0');
	return GDB_REPLY;
}

/* --- checksum ------------------------------------------------------------------------------- */

/* The CRC-32 of the protocol: polynomial 0x04c11db7, most significant bit first, not inverted. */
static void gdb_crc_table(uint32_t table[256])
{
	uint32_t i, crc;
	int bit;

	for (i = 0; i < 256; i++) {
		crc = i << 24;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
		table[i] = crc;
	}
}

int gdb_pkt_crc(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint32_t table[256], crc = 0xffffffffu;
	uint64_t addr, len;
	ssize_t n, i;

	if (!gdb_cursor_range(c, &addr, &len) || c->left)
		return -EINVAL;
	if (len > GDB_SCAN_MAX)
		return gdb_fail(err, -E2BIG, "check at most %u MiB at once", GDB_SCAN_MAX >> 20);
	if (len && len - 1 > UINT64_MAX - addr)
		return gdb_fail(err, -EFAULT, "beyond the end of the address space");
	gdb_crc_table(table);
	for (; len; addr += (uint64_t)n, len -= (uint64_t)n) {
		n = gdb_mem_read(s, addr, len, err);
		if (n < 0)
			return (int)n;
		for (i = 0; i < n; i++)
			crc = crc << 8 ^ table[(crc >> 24 ^ s->scratch[i]) & 0xff];
	}
	rsp_buf_printf(&s->reply, "C%" PRIx32, crc);
	return GDB_REPLY;
}

/* --- physical addresses --------------------------------------------------------------------- */

int gdb_pkt_phys_get(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	(void)c;
	(void)err;
	rsp_buf_byte(&s->reply, s->physical ? '1' : '0');
	return GDB_REPLY;
}

int gdb_pkt_phys_set(struct gdb_session *s, struct gdb_cursor *c, struct gdb_err *err)
{
	uint64_t value;

	(void)err;
	if (!gdb_cursor_hex(c, &value) || c->left)
		return -EINVAL;
	s->physical = value != 0;
	return GDB_OK;
}
