/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Check sums and segments of frames: see offload.h. */
#include "net/offload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define OFFLOAD_VLAN_TAGS 2
#define OFFLOAD_TCP_FIN	  0x01
#define OFFLOAD_TCP_SYN	  0x02
#define OFFLOAD_TCP_RST	  0x04
#define OFFLOAD_TCP_PSH	  0x08
#define OFFLOAD_TCP_URG	  0x20
#define OFFLOAD_TCP_CWR	  0x80
#define OFFLOAD_FRAG_LEN  8 /* IPv6 fragment header */

static uint16_t offload_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void offload_put16(uint8_t *p, uint16_t val)
{
	p[0] = (uint8_t)(val >> 8);
	p[1] = (uint8_t)val;
}

static void offload_put32(uint8_t *p, uint32_t val)
{
	offload_put16(p, (uint16_t)(val >> 16));
	offload_put16(p + 2, (uint16_t)val);
}

static uint32_t offload_get32(const uint8_t *p)
{
	return (uint32_t)offload_get16(p) << 16 | offload_get16(p + 2);
}

/* --- where things are --- */

static int offload_layout_v4(const uint8_t *head, size_t len, struct offload_layout *out)
{
	const uint8_t *ip = head + out->network;
	unsigned int ihl;

	if (len < out->network + 20u || ip[0] >> 4 != 4)
		return -EINVAL;
	ihl = (ip[0] & 15u) * 4;
	if (ihl < 20 || len < out->network + ihl)
		return -EINVAL;
	out->transport = (uint16_t)(out->network + ihl);
	out->proto = offload_get16(ip + 6) & 0x1fff ? 0 : ip[9];
	return 0;
}

/* Extension headers are stepped over, but not past a fragment. */
static int offload_layout_v6(const uint8_t *head, size_t len, struct offload_layout *out)
{
	size_t at = out->network + 40u;
	uint8_t next;

	if (len < at || head[out->network] >> 4 != 6)
		return -EINVAL;
	next = head[out->network + 6];
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		if (len < at + 8)
			return -EINVAL;
		next = head[at];
		at += (head[at + 1] + 1u) * 8;
		if (len < at)
			return -EINVAL;
	}
	out->transport = (uint16_t)at;
	out->proto = next == IPPROTO_FRAGMENT ? 0 : next;
	return 0;
}

int offload_layout(const uint8_t *head, size_t head_len, struct offload_layout *out)
{
	size_t at = 12;
	unsigned int tags;
	int ret;

	memset(out, 0, sizeof(*out));
	for (tags = 0; tags <= OFFLOAD_VLAN_TAGS; tags++, at += 4) {
		if (head_len < at + 2)
			return -EINVAL;
		out->type = offload_get16(head + at);
		if (out->type != ETHERTYPE_VLAN && out->type != 0x88a8)
			break;
	}
	out->network = (uint16_t)(at + 2);
	if (out->type == ETHERTYPE_IP)
		ret = offload_layout_v4(head, head_len, out);
	else if (out->type == ETHERTYPE_IPV6)
		ret = offload_layout_v6(head, head_len, out);
	else
		return 0;
	out->payload = out->transport;
	if (ret < 0)
		return ret;
	if (out->proto == IPPROTO_UDP) {
		out->payload = (uint16_t)(out->transport + 8);
	} else if (out->proto == IPPROTO_TCP) {
		if (head_len < out->transport + 20u || head[out->transport + 12] >> 4 < 5)
			return -EINVAL;
		out->payload = (uint16_t)(out->transport + (head[out->transport + 12] >> 4) * 4u);
	}
	return head_len < out->payload ? -EINVAL : 0;
}

static int offload_check_gso(struct net_hdr *hdr, const uint8_t *head, size_t head_len, size_t len)
{
	struct offload_layout at;
	uint16_t type = ETHERTYPE_IP;
	uint8_t proto = IPPROTO_TCP;

	if (!hdr->gso_size || !(hdr->flags & NET_HDR_NEEDS_CSUM) ||
	    offload_layout(head, head_len, &at) < 0)
		return -EINVAL;
	switch (hdr->gso_type & ~NET_GSO_ECN) {
	case NET_GSO_TCPV4:
		break;
	case NET_GSO_TCPV6:
		type = ETHERTYPE_IPV6;
		break;
	case NET_GSO_UDP:
		type = at.type == ETHERTYPE_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
		proto = IPPROTO_UDP;
		break;
	default:
		return -EINVAL;
	}
	if (at.type != type || at.proto != proto || hdr->csum_start != at.transport ||
	    hdr->csum_offset != (proto == IPPROTO_TCP ? 16 : 6) || len < at.payload)
		return -EINVAL;
	hdr->hdr_len = at.payload;
	return 0;
}

int offload_check(struct net_hdr *hdr, const uint8_t *head, size_t head_len, size_t len)
{
	hdr->flags &= NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID;
	hdr->num_buffers = 0;
	hdr->hdr_len = 0;
	if (hdr->flags & NET_HDR_NEEDS_CSUM) {
		if ((size_t)hdr->csum_start + hdr->csum_offset + 2 > len || hdr->csum_start < 14)
			return -EINVAL;
	} else {
		hdr->csum_start = hdr->csum_offset = 0;
	}
	if (hdr->gso_type != NET_GSO_NONE)
		return offload_check_gso(hdr, head, head_len, len);
	hdr->gso_size = 0;
	return 0;
}

/* --- check sums --- */

uint64_t offload_sum(const uint8_t *data, size_t len, uint64_t sum)
{
	uint32_t word[4];
	uint16_t half;

	/* Sums of 16 bits in network order may be made of wider words in any one order: only the
	 * fold has to know. 65557 bytes cannot overflow 64 bits. */
	for (; len >= sizeof(word); len -= sizeof(word), data += sizeof(word)) {
		memcpy(word, data, sizeof(word));
		sum += (uint64_t)word[0] + word[1] + word[2] + word[3];
	}
	for (; len >= 2; len -= 2, data += 2) {
		memcpy(&half, data, 2);
		sum += half;
	}
	if (len)
		sum += htons((uint16_t)(data[0] << 8));
	return sum;
}

uint16_t offload_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ntohs((uint16_t)sum);
}

/* Zero says "no check sum" in UDP; in TCP both zeroes are the same. */
static uint16_t offload_finish(uint64_t sum)
{
	uint16_t val = (uint16_t)~offload_fold(sum);

	return val ? val : 0xffff;
}

void offload_checksum(const struct net_hdr *hdr, uint8_t *frame, size_t len)
{
	uint8_t *start = frame + hdr->csum_start;

	offload_put16(start + hdr->csum_offset,
		      offload_finish(offload_sum(start, len - hdr->csum_start, 0)));
}

/* The sum of the pseudo header of LEN bytes of transport header and payload. */
static uint64_t offload_pseudo(const uint8_t *frame, const struct offload_layout *at, size_t len)
{
	uint8_t tail[4] = { 0, at->proto };
	uint64_t sum;

	offload_put16(tail + 2, (uint16_t)len);
	if (at->type == ETHERTYPE_IP)
		sum = offload_sum(frame + at->network + 12, 8, 0);
	else
		sum = offload_sum(frame + at->network + 8, 32, 0);
	return offload_sum(tail, sizeof(tail), sum);
}

static void offload_fix_v4(uint8_t *ip)
{
	unsigned int ihl = (ip[0] & 15u) * 4;

	offload_put16(ip + 10, 0);
	offload_put16(ip + 10, (uint16_t)~offload_fold(offload_sum(ip, ihl, 0)));
}

/* The length fields of the IP header of a frame of LEN bytes. */
static void offload_set_length(uint8_t *frame, const struct offload_layout *at, size_t len)
{
	uint8_t *ip = frame + at->network;

	if (at->type == ETHERTYPE_IP) {
		offload_put16(ip + 2, (uint16_t)(len - at->network));
		offload_fix_v4(ip);
	} else {
		offload_put16(ip + 4, (uint16_t)(len - at->network - 40));
	}
}

static void offload_full_checksum(uint8_t *frame, const struct offload_layout *at, size_t len)
{
	uint8_t *field = frame + at->transport + (at->proto == IPPROTO_TCP ? 16 : 6);
	size_t bytes = len - at->transport;

	offload_put16(field, 0);
	offload_put16(field, offload_finish(offload_sum(frame + at->transport, bytes,
							offload_pseudo(frame, at, bytes))));
}

/* --- from large to small --- */

static bool offload_cut_tcp(const struct net_hdr *hdr, const struct offload_layout *at,
			    const uint8_t *frame, size_t len, size_t off, uint8_t *out,
			    size_t *out_len)
{
	size_t left = len - at->payload - off;
	size_t n = left < hdr->gso_size ? left : hdr->gso_size;
	uint8_t *tcp = out + at->transport, *ip = out + at->network;

	memcpy(out, frame, at->payload);
	memcpy(out + at->payload, frame + at->payload + off, n);
	*out_len = at->payload + n;
	if (at->type == ETHERTYPE_IP)
		offload_put16(ip + 4, (uint16_t)(offload_get16(ip + 4) + off / hdr->gso_size));
	offload_put32(tcp + 4, offload_get32(tcp + 4) + (uint32_t)off);
	if (n < left)
		tcp[13] &= (uint8_t) ~(OFFLOAD_TCP_FIN | OFFLOAD_TCP_PSH);
	if (off)
		tcp[13] &= (uint8_t)~OFFLOAD_TCP_CWR;
	offload_set_length(out, at, *out_len);
	offload_full_checksum(out, at, *out_len);
	return n < left;
}

static void offload_segment_tcp(const struct net_hdr *hdr, const struct offload_layout *at,
				const uint8_t *frame, size_t len, uint8_t *out,
				bool (*fn)(void *, uint8_t *, size_t), void *ctx)
{
	size_t off = 0, out_len;
	bool more;

	do {
		more = offload_cut_tcp(hdr, at, frame, len, off, out, &out_len);
		off += hdr->gso_size;
	} while (fn(ctx, out, out_len) && more);
}

/*
 * One fragment of a datagram: bytes OFF.. of what follows the IP headers. ID names the datagram
 * in IPv6, where a header of its own has to be put in.
 */
static bool offload_cut_udp(const struct offload_layout *at, const uint8_t *frame, size_t len,
			    size_t off, size_t size, uint32_t id, uint8_t *out, size_t *out_len)
{
	size_t left = len - at->transport - off;
	size_t n = left < size ? left : size;
	size_t head = at->transport;
	uint8_t *ip = out + at->network, *frag;

	memcpy(out, frame, head);
	if (at->type == ETHERTYPE_IPV6) {
		frag = out + at->transport;
		/* The header before it now announces a fragment; no extension headers here. */
		ip[6] = IPPROTO_FRAGMENT;
		frag[0] = IPPROTO_UDP;
		frag[1] = 0;
		offload_put16(frag + 2, (uint16_t)(off | (n < left)));
		offload_put32(frag + 4, id);
		head += OFFLOAD_FRAG_LEN;
	} else {
		offload_put16(ip + 6, (uint16_t)(off / 8 | (n < left ? 0x2000 : 0)));
	}
	memcpy(out + head, frame + at->transport + off, n);
	*out_len = head + n;
	offload_set_length(out, at, *out_len);
	return n < left;
}

static void offload_fragment_udp(const struct net_hdr *hdr, const struct offload_layout *at,
				 const uint8_t *frame, size_t len, uint8_t *out,
				 bool (*fn)(void *, uint8_t *, size_t), void *ctx)
{
	size_t size = hdr->gso_size & ~7u, off = 0, out_len;
	uint64_t sum = offload_sum(frame + at->transport, len - at->transport, 0);
	uint8_t check[2];
	bool more;

	if (!size || (at->type == ETHERTYPE_IPV6 && at->transport != at->network + 40))
		return;
	/* The field holds the pseudo header's sum, so the sum over all is the whole one. */
	offload_put16(check, offload_finish(sum));
	do {
		more = offload_cut_udp(at, frame, len, off, size, (uint32_t)sum, out, &out_len);
		if (!off)
			memcpy(out + out_len -
				       (size < len - at->transport ? size : len - at->transport) +
				       6,
			       check, 2);
		off += size;
	} while (fn(ctx, out, out_len) && more);
}

void offload_segment(const struct net_hdr *hdr, const uint8_t *frame, size_t len, uint8_t *out,
		     bool (*fn)(void *ctx, uint8_t *frame, size_t len), void *ctx)
{
	struct offload_layout at;

	if (offload_layout(frame, len, &at) < 0)
		return;
	if (at.proto == IPPROTO_TCP)
		offload_segment_tcp(hdr, &at, frame, len, out, fn, ctx);
	else
		offload_fragment_udp(hdr, &at, frame, len, out, fn, ctx);
}

/* --- from small to large --- */

bool offload_coalesced(struct net_hdr *hdr, uint8_t *frame, size_t len, uint16_t mtu)
{
	struct offload_layout at;
	uint16_t size;

	if (offload_layout(frame, len, &at) < 0 || len - at.network <= mtu)
		return false;
	*hdr = (struct net_hdr){ .flags = NET_HDR_NEEDS_CSUM,
				 .hdr_len = at.payload,
				 .csum_start = at.transport };
	if (at.proto == IPPROTO_TCP) {
		if (frame[at.transport + 13] &
		    (OFFLOAD_TCP_SYN | OFFLOAD_TCP_RST | OFFLOAD_TCP_URG))
			return false;
		hdr->gso_type = at.type == ETHERTYPE_IP ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
		hdr->csum_offset = 16;
		size = (uint16_t)(at.payload - at.network);
	} else if (at.proto == IPPROTO_UDP) {
		hdr->gso_type = NET_GSO_UDP;
		hdr->csum_offset = 6;
		size = (uint16_t)(at.transport - at.network + OFFLOAD_FRAG_LEN);
	} else {
		return false;
	}
	if (size + 8 > mtu)
		return false;
	hdr->gso_size = (uint16_t)(mtu - size);
	offload_put16(frame + at.transport + hdr->csum_offset,
		      offload_fold(offload_pseudo(frame, &at, len - at.transport)));
	return true;
}

/* Exchange one 16-bit field of what a check sum covers (RFC 1624). */
static void offload_update(uint8_t *check, uint16_t was, uint16_t is)
{
	uint32_t sum = (uint16_t)~offload_get16(check);

	sum += (uint16_t)~was + (uint32_t)is;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	offload_put16(check, (uint16_t)~sum);
}

void offload_set_mss(uint8_t *frame, size_t len, uint16_t mss)
{
	struct offload_layout at;
	size_t opt;

	if (offload_layout(frame, len, &at) < 0 || at.proto != IPPROTO_TCP ||
	    !(frame[at.transport + 13] & OFFLOAD_TCP_SYN))
		return;
	for (opt = at.transport + 20u; opt + 4 <= at.payload;) {
		if (frame[opt] == 0)
			return;
		if (frame[opt] == 1) {
			opt++;
			continue;
		}
		/* Fields at odd offsets would be summed the other way round: left alone. */
		if (frame[opt] == 2 && frame[opt + 1] == 4 && (opt - at.transport) % 2 == 0) {
			offload_update(frame + at.transport + 16, offload_get16(frame + opt + 2),
				       mss);
			offload_put16(frame + opt + 2, mss);
			return;
		}
		if (frame[opt + 1] < 2)
			return;
		opt += frame[opt + 1];
	}
}
