/* SPDX-License-Identifier: MIT */
/*
 * A debugger gone mad, against the stub and the fake machine.  The first byte chooses what the
 * machine is able to; then come records that end with a newline: a packet's payload, which gets
 * its frame here, or after a control byte something else (see fuzz_record).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../rsp/fake-target.h"
#include "gdb/rsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out must always be whole packets with good checksums, + or -. */
static void fuzz_output(struct gdb_session *s, struct rsp_buf *out)
{
	const uint8_t *data, *end;
	size_t len, i, at = 0;
	uint8_t sum;

	data = gdb_session_output(s, &len);
	rsp_buf_put(out, data, len);
	gdb_session_sent(s, len);
	for (; at < out->len && !out->failed; at = (size_t)(end - out->data) + 3) {
		data = out->data + at;
		end = data - 2;
		if (*data == '+' || *data == '-')
			continue;
		if (*data != '$' && *data != '%')
			abort();
		end = memchr(data, '#', out->len - at);
		if (!end || end + 3 > out->data + out->len)
			abort();
		for (sum = 0, i = 1; data + i < end; i++)
			sum = (uint8_t)(sum + data[i]);
		if (memchr(data + 1, '$', (size_t)(end - data) - 1) ||
		    (rsp_hex_digit(end[1]) << 4 | rsp_hex_digit(end[2])) != sum)
			abort();
	}
	rsp_buf_clear(out);
}

static void fuzz_packet(struct gdb_session *s, const uint8_t *payload, size_t len)
{
	char sum[4] = "#00";
	uint8_t n = 0;
	size_t i;

	for (i = 0; i < len; i++)
		n = (uint8_t)(n + payload[i]);
	sum[1] = "0123456789abcdef"[n >> 4];
	sum[2] = "0123456789abcdef"[n & 15];
	gdb_session_input(s, "$", 1);
	gdb_session_input(s, payload, len);
	gdb_session_input(s, sum, 3);
}

static void fuzz_stop(struct fake *f, const uint8_t *data, size_t len)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SIGNAL, .text = "text" };

	if (len < 4)
		return;
	stop.kind = (enum gdb_stop_kind)(data[0] % (GDB_STOP_KILLED + 1));
	stop.tid = data[1] % (FAKE_CPUS + 1);
	stop.signal = data[2];
	stop.addr = stop.code = data[3];
	fake_stop(f, &stop);
}

static void fuzz_record(struct fake *f, const uint8_t *data, size_t len)
{
	struct gdb_session *s = fake_session(f);

	switch (len ? data[0] : 0) {
	case 1:
		gdb_session_input(s, data + 1, len - 1);
		break;
	case 2:
		fuzz_stop(f, data + 1, len - 1);
		break;
	case 3:
		gdb_session_input(s, "\x03", 1);
		break;
	case 4:
		gdb_session_disconnect(s);
		break;
	case 5:
		gdb_session_connect(s);
		break;
	default:
		fuzz_packet(s, data, len);
		break;
	}
	fake_run(f, 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end;
	struct rsp_buf out;
	struct fake *f;
	size_t n;

	if (!size)
		return 0;
	f = fake_new(data[0] >> 6);
	if (!f)
		return 0;
	rsp_buf_init(&out, 64u << 20);
	fake_set_nonstop(f, data[0] & 1);
	fake_set_reverse(f, data[0] & 2);
	fake_set_running(f, data[0] & 4);
	gdb_session_connect(fake_session(f));
	for (data++, size--; size; data += n, size -= n) {
		end = memchr(data, '\n', size);
		n = end ? (size_t)(end - data) : size;
		fuzz_record(f, data, n);
		fuzz_output(fake_session(f), &out);
		n += end != NULL;
	}
	rsp_buf_free(&out);
	fake_free(f);
	return 0;
}
