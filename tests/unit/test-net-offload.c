/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Check sums, segments and fragments of frames against naive oracles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"
#include "net/offload.h"

#define ETH 14

struct frame {
	uint8_t data[NET_FRAME_MAX];
	size_t len;
	unsigned int l3, l4, head;
	bool v6;
	struct net_hdr hdr;
};

static struct frame frame;
static uint32_t seed = 1;

static uint8_t any(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint8_t)(seed >> 24);
}

static void put16(uint8_t *p, unsigned int val)
{
	p[0] = (uint8_t)(val >> 8);
	p[1] = (uint8_t)val;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* RFC 1071, a byte pair at a time. */
static uint32_t naive_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t naive_pseudo(const uint8_t *f, unsigned int l3, bool v6, uint8_t proto, size_t len)
{
	uint8_t tail[4] = { 0, proto, (uint8_t)(len >> 8), (uint8_t)len };

	return naive_sum(tail, 4, naive_sum(f + l3 + (v6 ? 8 : 12), v6 ? 32 : 8, 0));
}

/* Is the whole packet's transport check sum right? */
static bool naive_good(const uint8_t *f, size_t len, unsigned int l3, unsigned int l4, bool v6,
		       uint8_t proto)
{
	return naive_sum(f + l4, len - l4, naive_pseudo(f, l3, v6, proto, len - l4)) == 0xffff;
}

/* A TCP or UDP frame with VLAN tags and PAYLOAD random bytes, its check sum left to others. */
static void make(bool v6, bool tcp, unsigned int tags, size_t payload)
{
	uint8_t proto = tcp ? 6 : 17;
	unsigned int i;
	uint8_t *ip;

	memset(&frame, 0, sizeof(frame));
	for (i = 0; i < sizeof(frame.data); i++)
		frame.data[i] = any();
	frame.v6 = v6;
	for (i = 0; i < tags; i++)
		put16(frame.data + 12 + 4 * i, i || tags == 1 ? 0x8100 : 0x88a8);
	put16(frame.data + 12 + 4 * tags, v6 ? 0x86dd : 0x0800);
	frame.l3 = ETH + 4 * tags;
	frame.l4 = frame.l3 + (v6 ? 40 : 20);
	frame.head = frame.l4 + (tcp ? 32 : 8);
	frame.len = frame.head + payload;
	ip = frame.data + frame.l3;
	ip[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		put16(ip + 4, (unsigned int)(frame.len - frame.l4));
		ip[6] = proto;
	} else {
		put16(ip + 2, (unsigned int)(frame.len - frame.l3));
		put16(ip + 6, 0);
		ip[9] = proto;
		put16(ip + 10, 0);
		put16(ip + 10, ~naive_sum(ip, 20, 0));
	}
	if (tcp) {
		frame.data[frame.l4 + 12] = 0x80;
		frame.data[frame.l4 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	} else {
		put16(frame.data + frame.l4 + 4, (unsigned int)(8 + payload));
	}
	put16(frame.data + frame.l4 + (tcp ? 16 : 6),
	      naive_pseudo(frame.data, frame.l3, v6, proto, frame.len - frame.l4));
	frame.hdr = (struct net_hdr){ .flags = NET_HDR_NEEDS_CSUM,
				      .csum_start = (uint16_t)frame.l4,
				      .csum_offset = tcp ? 16 : 6 };
}

static int check(void)
{
	size_t head = frame.len < OFFLOAD_HEAD_MAX ? frame.len : OFFLOAD_HEAD_MAX;

	return offload_check(&frame.hdr, frame.data, head, frame.len);
}

static void test_sum(void **state)
{
	uint8_t data[600];
	size_t len, i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = any();
	for (len = 0; len < sizeof(data); len++)
		assert_int_equal(offload_fold(offload_sum(data, len, 0)) % 0xffff,
				 naive_sum(data, len, 0) % 0xffff);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(offload_fold(offload_sum(data, sizeof(data), 0)), 0xffff);
}

static void test_checksum(void **state)
{
	unsigned int kind;

	(void)state;
	for (kind = 0; kind < 64; kind++) {
		make(kind & 1, kind & 2, kind >> 2 & 1, kind * 7);
		assert_int_equal(check(), 0);
		offload_checksum(&frame.hdr, frame.data, frame.len);
		assert_true(naive_good(frame.data, frame.len, frame.l3, frame.l4, frame.v6,
				       kind & 2 ? 6 : 17));
		assert_int_not_equal(get16(frame.data + frame.l4 + frame.hdr.csum_offset), 0);
	}
}

/* What the pieces must be, put together again. */
static struct {
	unsigned int nr;
	size_t payload;
	size_t size;
	uint8_t data[NET_FRAME_MAX];
	bool last;
} got;

static bool tcp_piece(void *ctx, uint8_t *f, size_t len)
{
	uint32_t seq = (uint32_t)get16(f + frame.l4 + 4) << 16 | get16(f + frame.l4 + 6);
	uint32_t first =
		(uint32_t)get16(frame.data + frame.l4 + 4) << 16 | get16(frame.data + frame.l4 + 6);
	size_t n = len - frame.head;
	uint8_t flags = f[frame.l4 + 13];

	(void)ctx;
	assert_false(got.last);
	assert_int_equal(seq, (uint32_t)(first + got.payload));
	assert_true(n <= got.size && n > 0);
	got.last = got.payload + n == frame.len - frame.head;
	assert_int_equal(n, got.last ? n : got.size);
	assert_int_equal(flags & 0x09, got.last ? 0x09 : 0); /* PSH, FIN */
	assert_int_equal(flags & 0x80, got.nr ? 0 : 0x80);   /* CWR */
	assert_memory_equal(f, frame.data, frame.l3);
	if (frame.v6) {
		assert_int_equal(get16(f + frame.l3 + 4), len - frame.l4);
	} else {
		assert_int_equal(get16(f + frame.l3 + 2), len - frame.l3);
		assert_int_equal(naive_sum(f + frame.l3, 20, 0), 0xffff);
		assert_int_equal(
			(uint16_t)(get16(f + frame.l3 + 4) - get16(frame.data + frame.l3 + 4)),
			got.nr);
	}
	assert_true(naive_good(f, len, frame.l3, frame.l4, frame.v6, 6));
	memcpy(got.data + got.payload, f + frame.head, n);
	got.payload += n;
	got.nr++;
	return true;
}

static void test_tcp_segments(void **state)
{
	static uint8_t out[NET_FRAME_MAX];
	static const size_t payloads[] = { 1, 1459, 1460, 1461, 2920, 30000, 65000 };
	unsigned int kind, i;

	(void)state;
	for (kind = 0; kind < 6; kind++) {
		for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
			make(kind & 1, true, kind / 2, payloads[i]);
			frame.hdr.gso_type = frame.v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
			frame.hdr.gso_size = 1460;
			assert_int_equal(check(), 0);
			assert_int_equal(frame.hdr.hdr_len, frame.head);
			memset(&got, 0, sizeof(got));
			got.size = 1460;
			offload_segment(&frame.hdr, frame.data, frame.len, out, tcp_piece, NULL);
			assert_true(got.last);
			assert_int_equal(got.nr, (payloads[i] + 1459) / 1460);
			assert_memory_equal(got.data, frame.data + frame.head, payloads[i]);
		}
	}
}

static bool udp_piece(void *ctx, uint8_t *f, size_t len)
{
	size_t head = frame.l4 + (frame.v6 ? 8 : 0), n = len - head, off;
	bool more;

	(void)ctx;
	if (frame.v6) {
		assert_int_equal(f[frame.l3 + 6], 44);
		assert_int_equal(f[frame.l4], 17);
		off = get16(f + frame.l4 + 2) & ~7u;
		more = f[frame.l4 + 3] & 1;
		assert_int_equal(get16(f + frame.l3 + 4), len - frame.l4);
	} else {
		off = (get16(f + frame.l3 + 6) & 0x1fff) * 8;
		more = get16(f + frame.l3 + 6) & 0x2000;
		assert_int_equal(naive_sum(f + frame.l3, 20, 0), 0xffff);
		assert_int_equal(get16(f + frame.l3 + 4), get16(frame.data + frame.l3 + 4));
	}
	assert_int_equal(off, got.payload);
	assert_true(!more || n % 8 == 0);
	memcpy(got.data + frame.l4 + off, f + head, n);
	got.payload += n;
	got.last = !more;
	got.nr++;
	return true;
}

static void test_udp_fragments(void **state)
{
	static uint8_t out[NET_FRAME_MAX];
	static const size_t payloads[] = { 4, 1472, 1473, 9000, 60000 };
	unsigned int kind, i;

	(void)state;
	for (kind = 0; kind < 4; kind++) {
		for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
			make(kind & 1, false, kind / 2, payloads[i]);
			frame.hdr.gso_type = NET_GSO_UDP;
			frame.hdr.gso_size = 1475;
			assert_int_equal(check(), 0);
			memset(&got, 0, sizeof(got));
			offload_segment(&frame.hdr, frame.data, frame.len, out, udp_piece, NULL);
			assert_true(got.last);
			assert_int_equal(got.payload, payloads[i] + 8);
			/* As one packet again it is right. */
			memcpy(got.data, frame.data, frame.l4);
			assert_true(
				naive_good(got.data, frame.len, frame.l3, frame.l4, frame.v6, 17));
		}
	}
}

static bool stop_piece(void *ctx, uint8_t *f, size_t len)
{
	(void)f;
	(void)len;
	return ++*(unsigned int *)ctx < 3;
}

static void test_stop(void **state)
{
	static uint8_t out[NET_FRAME_MAX];
	unsigned int nr = 0;

	(void)state;
	make(false, true, 0, 60000);
	frame.hdr.gso_type = NET_GSO_TCPV4;
	frame.hdr.gso_size = 100;
	assert_int_equal(check(), 0);
	offload_segment(&frame.hdr, frame.data, frame.len, out, stop_piece, &nr);
	assert_int_equal(nr, 3);
}

/* Each lie a header can tell. */
static void test_hostile(void **state)
{
	(void)state;
	make(false, true, 0, 100);
	frame.hdr.csum_offset = (uint16_t)(frame.len - frame.l4 - 1);
	assert_int_equal(check(), -22);
	frame.hdr.csum_start = 0xffff;
	frame.hdr.csum_offset = 0xffff;
	assert_int_equal(check(), -22);
	make(false, true, 0, 100);
	frame.hdr.csum_start = 4;
	assert_int_equal(check(), -22);
	make(false, true, 0, 100);
	frame.hdr.gso_type = NET_GSO_TCPV4; /* into pieces of nothing */
	assert_int_equal(check(), -22);
	frame.hdr.gso_size = 10;
	assert_int_equal(check(), 0);
	frame.hdr.gso_type = NET_GSO_TCPV6;
	assert_int_equal(check(), -22);
	frame.hdr.gso_type = NET_GSO_UDP;
	assert_int_equal(check(), -22);
	frame.hdr.gso_type = 2;
	assert_int_equal(check(), -22);
	frame.hdr.gso_type = NET_GSO_TCPV4 | NET_GSO_ECN;
	assert_int_equal(check(), 0);
	frame.hdr.flags = 0; /* segments without a check sum */
	assert_int_equal(check(), -22);
	make(false, true, 0, 100);
	frame.hdr.gso_type = NET_GSO_TCPV4;
	frame.hdr.gso_size = 10;
	frame.data[frame.l4 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_int_equal(check(), -22);
	frame.data[frame.l4 + 12] = 0xf0; /* one of 60, in a frame that ends before */
	frame.len = frame.l4 + 40;
	assert_int_equal(check(), -22);
	make(false, true, 0, 100);
	frame.hdr.gso_type = NET_GSO_TCPV4;
	frame.hdr.gso_size = 10;
	frame.data[frame.l3] = 0x4f;
	assert_int_equal(check(), -22);
	frame.data[frame.l3] = 0x41;
	assert_int_equal(check(), -22);
	make(true, true, 0, 100);
	frame.hdr.gso_type = NET_GSO_TCPV6;
	frame.hdr.gso_size = 10;
	frame.data[frame.l3 + 6] = 0; /* a chain of options that never ends */
	memset(frame.data + frame.l4, 0, 100);
	assert_int_equal(check(), -22);
	/* A hint that is a lie is put right. */
	make(false, true, 0, 100);
	frame.hdr.hdr_len = 0xffff;
	frame.hdr.num_buffers = 77;
	assert_int_equal(check(), 0);
	assert_int_equal(frame.hdr.hdr_len, 0);
	assert_int_equal(frame.hdr.num_buffers, 0);
}

static void test_coalesced(void **state)
{
	static uint8_t out[NET_FRAME_MAX];
	struct net_hdr hdr = { 0 };
	unsigned int kind;

	(void)state;
	for (kind = 0; kind < 2; kind++) {
		make(kind & 1, true, 0, 32000);
		frame.data[frame.l4 + 13] = 0x99;
		offload_checksum(&frame.hdr, frame.data, frame.len);
		assert_true(offload_coalesced(&hdr, frame.data, frame.len, 1500));
		assert_int_equal(hdr.gso_size, 1500 - (frame.head - frame.l3));
		frame.hdr = hdr;
		assert_int_equal(check(), 0);
		memset(&got, 0, sizeof(got));
		got.size = hdr.gso_size;
		offload_segment(&hdr, frame.data, frame.len, out, tcp_piece, NULL);
		assert_true(got.last);
		assert_memory_equal(got.data, frame.data + frame.head, 32000);
	}
	make(false, true, 0, 1000);
	assert_false(offload_coalesced(&hdr, frame.data, frame.len, 1500));
}

static void test_mss(void **state)
{
	uint8_t *opt;

	(void)state;
	make(false, true, 0, 0);
	frame.data[frame.l4 + 13] = 0x02;
	opt = frame.data + frame.l4 + 20;
	memcpy(opt, "\x02\x04\x05\xb4\x01\x03\x03\x07\x00\x00\x00\x00", 12);
	offload_checksum(&frame.hdr, frame.data, frame.len);
	assert_true(naive_good(frame.data, frame.len, frame.l3, frame.l4, false, 6));
	offload_set_mss(frame.data, frame.len, 32120);
	assert_int_equal(get16(opt + 2), 32120);
	assert_true(naive_good(frame.data, frame.len, frame.l3, frame.l4, false, 6));
	/* Not a SYN: left alone. Options that lie: no harm. */
	frame.data[frame.l4 + 13] = 0x10;
	offload_set_mss(frame.data, frame.len, 1);
	assert_int_equal(get16(opt + 2), 32120);
	frame.data[frame.l4 + 13] = 0x02;
	opt[0] = 9;
	opt[1] = 0;
	offload_set_mss(frame.data, frame.len, 1);
	opt[1] = 255;
	offload_set_mss(frame.data, frame.len, 1);
	assert_int_equal(get16(opt + 2), 32120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),	     cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_tcp_segments), cmocka_unit_test(test_udp_fragments),
		cmocka_unit_test(test_stop),	     cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_coalesced),    cmocka_unit_test(test_mss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
