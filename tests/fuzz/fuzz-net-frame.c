/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A header and a frame from the network's side, or from a guest: everything that works on frames,
 * and the receive filter. The first byte chooses; then a header, then the frame.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/filter.h"
#include "net/net.h"
#include "net/offload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_pieces {
	size_t bytes;
	unsigned int nr;
};

/* Each is a frame of its own, and together they are not more than so much. */
static bool fuzz_piece(void *ctx, uint8_t *frame, size_t len)
{
	struct fuzz_pieces *pieces = ctx;
	struct offload_layout at;

	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || offload_layout(frame, len, &at) < 0)
		abort();
	pieces->bytes += len;
	return ++pieces->nr < 70000;
}

static void fuzz_filter(const uint8_t *frame, size_t len, uint8_t flags)
{
	static const uint8_t mac[6] = { 0x56, 1, 2, 3, 4, 5 };
	struct filter filter;

	filter_reset(&filter, mac);
	filter.promisc = flags & 1;
	filter.allmulti = flags & 2;
	filter.nouni = flags & 4;
	filter.use_vlan = flags & 8;
	filter_vlan(&filter, flags, true);
	filter_pass(&filter, frame, len);
}

static void fuzz_frame(struct net_hdr *hdr, uint8_t *frame, size_t len, uint8_t choice)
{
	static uint8_t out[NET_FRAME_MAX];
	struct fuzz_pieces pieces = { 0 };
	struct net_hdr other;
	size_t head = len < OFFLOAD_HEAD_MAX ? len : OFFLOAD_HEAD_MAX;

	if (offload_check(hdr, frame, head, len) == 0) {
		if (hdr->gso_type != NET_GSO_NONE)
			offload_segment(hdr, frame, len, out, fuzz_piece, &pieces);
		if (hdr->flags & NET_HDR_NEEDS_CSUM)
			offload_checksum(hdr, frame, len);
	}
	if (choice & 1)
		offload_set_mss(frame, len, 32120);
	/* What is made here must pass our own check. */
	if (offload_coalesced(&other, frame, len, choice & 2 ? 1500 : 68) &&
	    (offload_check(&other, frame, len, len) < 0 || !other.gso_size))
		abort();
	fuzz_filter(frame, len, choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_hdr hdr;
	uint8_t *frame;

	if (size < 1 + sizeof(hdr) + NET_FRAME_MIN || size > 1 + sizeof(hdr) + NET_FRAME_MAX)
		return 0;
	memcpy(&hdr, data + 1, sizeof(hdr));
	size -= 1 + sizeof(hdr);
	frame = malloc(size);
	if (!frame)
		return 0;
	memcpy(frame, data + 1 + sizeof(hdr), size);
	fuzz_frame(&hdr, frame, size, data[0]);
	free(frame);
	return 0;
}
