/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every device needs: rows for the screens, state for snapshots. See device.h. */
#include "vmm/device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void dev_row(struct dev_rows *rows, const char *label, const char *fmt, ...)
{
	struct sample_row *row;
	va_list ap;

	if (rows->nr >= rows->max)
		return;
	row = &rows->row[rows->nr++];
	snprintf(row->device, sizeof(row->device), "%s", rows->device);
	snprintf(row->label, sizeof(row->label), "%s", label);
	va_start(ap, fmt);
	vsnprintf(row->value, sizeof(row->value), fmt, ap);
	va_end(ap);
}

void dev_save_bytes(struct buf *out, const void *data, size_t len)
{
	buf_add(out, data, len);
}

/* Little endian whatever the host is: a snapshot file is a format, not a memory image. */
static void dev_save_le(struct buf *out, uint64_t val, size_t len)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(val >> (i * 8));
	buf_add(out, bytes, len);
}

void dev_save_u8(struct buf *out, uint8_t val)
{
	dev_save_le(out, val, 1);
}

void dev_save_u32(struct buf *out, uint32_t val)
{
	dev_save_le(out, val, 4);
}

void dev_save_u64(struct buf *out, uint64_t val)
{
	dev_save_le(out, val, 8);
}

void dev_load_bytes(struct dev_state_in *in, void *data, size_t len)
{
	if (in->failed || in->pos > in->len || len > in->len - in->pos) {
		in->failed = true;
		memset(data, 0, len);
		return;
	}
	memcpy(data, in->data + in->pos, len);
	in->pos += len;
}

static uint64_t dev_load_le(struct dev_state_in *in, size_t len)
{
	uint8_t bytes[8] = { 0 };
	uint64_t val = 0;
	size_t i;

	dev_load_bytes(in, bytes, len);
	for (i = 0; i < len; i++)
		val |= (uint64_t)bytes[i] << (i * 8);
	return val;
}

uint8_t dev_load_u8(struct dev_state_in *in)
{
	return (uint8_t)dev_load_le(in, 1);
}

uint32_t dev_load_u32(struct dev_state_in *in)
{
	return (uint32_t)dev_load_le(in, 4);
}

uint64_t dev_load_u64(struct dev_state_in *in)
{
	return dev_load_le(in, 8);
}

int dev_load_end(const struct dev_state_in *in, const char *device, struct err *err)
{
	if (in->failed)
		return err_set(err, EINVAL, "%s: saved state is too short", device);
	return 0;
}

int dev_claim_ports(const struct dev_env *env, const struct dev_ports *ports, unsigned int nr,
		    bus_fn fn, void *opaque, struct err *err)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = bus_register(env->bus, BUS_PIO, ports[i].base, ports[i].len, ports[i].name,
				   fn, opaque, err);
		if (ret) {
			bus_unregister(env->bus, opaque);
			return ret;
		}
	}
	return 0;
}
