/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The work that the header of a virtio-net frame leaves to others: check sums,
 * segments, fragments (virtio 1.2, sections 5.1.6.2 and 5.1.6.4). Pure. Frames
 * and headers are hostile: offload_check() comes first.
 */
#ifndef VITRINE_NET_OFFLOAD_H
#define VITRINE_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/wire.h"

/* Bytes of a frame that offload_check() wants to see at most. */
#define OFFLOAD_HEAD_MAX 256

/* Where the headers of a frame are, in bytes from its start. */
struct offload_layout {
	uint16_t type;	  /* EtherType behind VLAN tags, host order */
	uint16_t network; /* IP header */
	uint16_t transport;
	uint16_t payload; /* behind the TCP or UDP header */
	uint8_t proto;	  /* IPPROTO_*; 0: not IP, or a later fragment */
};

/* Find the headers in the first HEAD_LEN bytes of a frame; -EINVAL where they are cut or wrong. */
int offload_layout(const uint8_t *head, size_t head_len, struct offload_layout *out);
/*
 * Does HDR make sense for a frame of LEN bytes that begins with HEAD (all of it, or its first
 * OFFLOAD_HEAD_MAX bytes)? -EINVAL if not. Clears what this device never negotiates and sets
 * hdr_len right, which no one may trust.
 */
int offload_check(struct net_hdr *hdr, const uint8_t *head, size_t head_len, size_t len);
/* The ones' complement sum over LEN bytes, added to SUM; fold it at the end. */
uint64_t offload_sum(const uint8_t *data, size_t len, uint64_t sum);
uint16_t offload_fold(uint64_t sum);
/* Complete the check sum that NEEDS_CSUM asks for, in place. HDR was checked. */
void offload_checksum(const struct net_hdr *hdr, uint8_t *frame, size_t len);
/*
 * The other way: FRAME is a whole TCP segment or UDP datagram of more than MTU bytes. Make HDR say
 * that it stands for several (its check sum becomes that of the pseudo header). False: FRAME stays
 * as it was, and HDR says nothing that matters.
 */
bool offload_coalesced(struct net_hdr *hdr, uint8_t *frame, size_t len, uint16_t mtu);
/* Set the maximum segment size that a TCP SYN announces, its check sum included. */
void offload_set_mss(uint8_t *frame, size_t len, uint16_t mss);
/*
 * Cut a checked GSO frame into frames that need nothing any more; FN is called for each with a
 * buffer that is valid during the call, until it returns false. OUT: room for one frame.
 */
void offload_segment(const struct net_hdr *hdr, const uint8_t *frame, size_t len, uint8_t *out,
		     bool (*fn)(void *ctx, uint8_t *frame, size_t len), void *ctx);

#endif
