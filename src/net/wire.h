/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network device and its driver say to each other (virtio 1.2, sections 5.1.3 to 5.1.6). */
#ifndef VITRINE_NET_WIRE_H
#define VITRINE_NET_WIRE_H

#include <stdint.h>

/* Feature bits (5.1.3). */
enum {
	NET_F_CSUM = 0,
	NET_F_GUEST_CSUM = 1,
	NET_F_CTRL_GUEST_OFFLOADS = 2,
	NET_F_MTU = 3,
	NET_F_MAC = 5,
	NET_F_GUEST_TSO4 = 7,
	NET_F_GUEST_TSO6 = 8,
	NET_F_GUEST_ECN = 9,
	NET_F_GUEST_UFO = 10,
	NET_F_HOST_TSO4 = 11,
	NET_F_HOST_TSO6 = 12,
	NET_F_HOST_ECN = 13,
	NET_F_HOST_UFO = 14,
	NET_F_MRG_RXBUF = 15,
	NET_F_STATUS = 16,
	NET_F_CTRL_VQ = 17,
	NET_F_CTRL_RX = 18,
	NET_F_CTRL_VLAN = 19,
	NET_F_CTRL_RX_EXTRA = 20,
	NET_F_GUEST_ANNOUNCE = 21,
	NET_F_MQ = 22,
	NET_F_CTRL_MAC_ADDR = 23,
};

#define NET_F(bit) (1ull << NET_F_##bit)

/* Configuration space (5.1.4): bits of its status. */
#define NET_S_LINK_UP  1
#define NET_S_ANNOUNCE 2

/* What stands before each frame (5.1.6), little endian as this host is. */
struct net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size;
	uint16_t csum_start, csum_offset; /* bytes from the frame's start; from csum_start */
	uint16_t num_buffers;
};

#define NET_HDR_NEEDS_CSUM 1
#define NET_HDR_DATA_VALID 2

#define NET_GSO_NONE  0
#define NET_GSO_TCPV4 1
#define NET_GSO_UDP   3
#define NET_GSO_TCPV6 4
#define NET_GSO_ECN   0x80

/* The control queue (5.1.6.5): classes, their commands, the answer. */
enum {
	NET_CTRL_RX,
	NET_CTRL_MAC,
	NET_CTRL_VLAN,
	NET_CTRL_ANNOUNCE,
	NET_CTRL_MQ,
	NET_CTRL_GUEST_OFFLOADS,
};

enum {
	NET_CTRL_RX_PROMISC,
	NET_CTRL_RX_ALLMULTI,
	NET_CTRL_RX_ALLUNI,
	NET_CTRL_RX_NOMULTI,
	NET_CTRL_RX_NOUNI,
	NET_CTRL_RX_NOBCAST,
};

enum { NET_CTRL_MAC_TABLE_SET, NET_CTRL_MAC_ADDR_SET };
enum { NET_CTRL_VLAN_ADD, NET_CTRL_VLAN_DEL };
enum { NET_CTRL_ANNOUNCE_ACK };
enum { NET_CTRL_MQ_VQ_PAIRS_SET };
enum { NET_CTRL_GUEST_OFFLOADS_SET };

#define NET_OK	0
#define NET_ERR 1

#endif
