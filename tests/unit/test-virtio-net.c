/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network device against a driver that does right and one that does wrong; its hub; captures.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-virtio.h"
#include "net/pcap.h"
#include "net/virtio-net.h"

#define RX   0
#define TX   1
#define CTRL 2
#define ALL  (~0ull)
#define V1   VIRTIO_F_VERSION_1
#define HDR  sizeof(struct net_hdr)

/* --- a back-end that keeps what it gets --- */

static struct {
	const struct net_port *port;
	struct net_hdr hdr;
	uint8_t frame[NET_FRAME_MAX];
	size_t len;
	unsigned int nr_sent, nr_resumed, pairs;
	uint64_t offloads;
	int answer;
} sink;

static int sink_open(const struct net_port *port, const struct net_config *cfg, void **state,
		     struct err *err)
{
	(void)cfg;
	(void)err;
	memset(&sink, 0, sizeof(sink));
	sink.port = port;
	*state = &sink;
	return 0;
}

static void sink_close(void *state)
{
	(void)state;
}

static int sink_send(void *state, unsigned int pair, const struct net_hdr *hdr,
		     const struct iovec *iov, unsigned int nr, size_t len)
{
	(void)state;
	(void)pair;
	if (sink.answer)
		return sink.answer;
	sink.hdr = *hdr;
	sink.len = net_gather(iov, nr, 0, sink.frame, sizeof(sink.frame));
	assert_int_equal(sink.len, len);
	sink.nr_sent++;
	return 0;
}

static void sink_resume(void *state, unsigned int pair)
{
	(void)state;
	(void)pair;
	sink.nr_resumed++;
}

static void sink_offloads(void *state, uint64_t features)
{
	(void)state;
	sink.offloads = features;
}

static void sink_pairs(void *state, unsigned int nr)
{
	(void)state;
	sink.pairs = nr;
}

static uint64_t sink_features(void *state)
{
	(void)state;
	return NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_ECN) | NET_F(GUEST_UFO);
}

static const struct net_backend_ops sink_ops = {
	.kind = "sink",
	.open = sink_open,
	.close = sink_close,
	.send = sink_send,
	.resume = sink_resume,
	.offloads = sink_offloads,
	.pairs = sink_pairs,
	.features = sink_features,
};

static struct net_config *config;
static struct virtio *vdev;

static void start_with(const char *option, uint64_t features, const struct net_backend_ops *backend)
{
	struct err err = ERR_INIT;

	assert_int_equal(net_config_parse(option, &config, &err), 0);
	config->live->backend = backend;
	net_mac_make("vm", 0, config->live->mac);
	vdev = fake_virtio_new(&virtio_net_ops, config, 1, &err);
	if (!vdev)
		fail_msg("%s", err.text);
	fake_virtio_start(vdev, features);
}

static void start(uint64_t features)
{
	start_with("user", features, &sink_ops);
}

static int stop(void **state)
{
	(void)state;
	fake_virtio_free(vdev);
	net_config_free(config);
	vdev = NULL;
	config = NULL;
	return 0;
}

static int tx(void *data, size_t len)
{
	struct iovec iov = { data, len };
	int head = fake_chain(vdev, TX, &iov, 1, 0);

	fake_virtio_kick(vdev, TX);
	return head;
}

/* NR receive buffers of LEN bytes, behind each other in DATA. */
static void rx_buffers(uint8_t *data, unsigned int nr, size_t len)
{
	for (; nr; nr--, data += len) {
		struct iovec iov = { data, len };

		fake_chain(vdev, RX, &iov, 0, 1);
	}
	fake_virtio_kick(vdev, RX);
}

static bool receive(const struct net_hdr *hdr, const uint8_t *frame, size_t len)
{
	return sink.port->ops->receive(sink.port->ctx, 0, hdr, frame, len);
}

static uint8_t ctrl(unsigned int class, unsigned int cmd, const void *data, size_t len)
{
	uint8_t head[2] = { (uint8_t) class, (uint8_t)cmd }, ack = 0xee;
	struct iovec iov[3] = { { head, 2 }, { (void *)(uintptr_t)data, len }, { &ack, 1 } };
	int chain = fake_chain(vdev, CTRL, iov, 2, 1);

	fake_virtio_kick(vdev, CTRL);
	assert_true(fake_chain_done(vdev, CTRL, chain, NULL));
	return ack;
}

/* --- sending --- */

static void test_send(void **state)
{
	uint8_t data[HDR + 60];
	struct net_hdr hdr = { .flags = 1, .csum_start = 34, .csum_offset = 16 };
	int head;

	(void)state;
	memset(data, 0x5a, sizeof(data));
	memcpy(data, &hdr, sizeof(hdr));
	start(ALL);
	head = tx(data, sizeof(data));
	assert_true(fake_chain_done(vdev, TX, head, NULL));
	assert_int_equal(sink.nr_sent, 1);
	assert_int_equal(sink.len, 60);
	assert_int_equal(sink.hdr.csum_start, 34);
	assert_int_equal(sink.frame[59], 0x5a);
	assert_true(fake_interrupts(vdev, TX) > 0);
}

/* A header in pieces, behind and before what is none. */
static void test_send_scattered(void **state)
{
	uint8_t data[HDR + 100];
	struct iovec iov[HDR + 3];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	memset(data, 0, HDR);
	start(ALL);
	for (i = 0; i < HDR - 1; i++)
		iov[i] = (struct iovec){ data + i, 1 };
	iov[i] = (struct iovec){ data + i, 21 };
	iov[i + 1] = (struct iovec){ data + i + 21, sizeof(data) - i - 21 };
	fake_chain(vdev, TX, iov, i + 2, 0);
	fake_virtio_kick(vdev, TX);
	assert_int_equal(sink.len, 100);
	assert_memory_equal(sink.frame, data + HDR, 100);
}

static void test_send_waits(void **state)
{
	uint8_t data[HDR + 60] = { 0 };
	int head;

	(void)state;
	start(ALL);
	sink.answer = -EAGAIN;
	head = tx(data, sizeof(data));
	assert_false(fake_chain_done(vdev, TX, head, NULL));
	sink.answer = 0;
	fake_virtio_kick(vdev, TX);
	assert_true(fake_chain_done(vdev, TX, head, NULL));
	assert_int_equal(sink.nr_sent, 1);
}

/* Drivers of before 1.0 have a header of ten bytes. */
static void test_send_legacy(void **state)
{
	uint8_t data[10 + 60] = { 0 };

	(void)state;
	data[10] = 0x77;
	start(NET_F(CSUM));
	tx(data, sizeof(data));
	assert_int_equal(sink.len, 60);
	assert_int_equal(sink.frame[0], 0x77);
}

static void test_send_nonsense(void **state)
{
	static uint8_t data[NET_FRAME_MAX + 100];
	int head;

	(void)state;
	start(ALL);
	head = tx(data, HDR + 13); /* shorter than a frame is */
	assert_true(fake_chain_done(vdev, TX, head, NULL));
	head = tx(data, HDR + NET_FRAME_MAX + 1);
	assert_true(fake_chain_done(vdev, TX, head, NULL));
	assert_int_equal(sink.nr_sent, 0);
	assert_string_equal(fake_virtio_why(vdev), "");
	tx(data, 5); /* no header */
	assert_string_not_equal(fake_virtio_why(vdev), "");
}

/* --- receiving --- */

static const struct net_hdr plain;

static void test_receive(void **state)
{
	uint8_t data[2048] = { 0 }, frame[60];
	struct net_hdr hdr;
	uint32_t written;

	(void)state;
	memset(frame, 0xff, sizeof(frame));
	start(ALL);
	assert_false(receive(&plain, frame, sizeof(frame)));
	rx_buffers(data, 1, sizeof(data));
	assert_int_equal(sink.nr_resumed, 1);
	assert_true(receive(&plain, frame, sizeof(frame)));
	assert_true(fake_chain_done(vdev, RX, 0, &written));
	assert_int_equal(written, HDR + 60);
	memcpy(&hdr, data, HDR);
	assert_int_equal(hdr.num_buffers, 1);
	assert_int_equal(hdr.flags, 0);
	assert_memory_equal(data + HDR, frame, sizeof(frame));
}

/* 4.1: a function that is no bus master leaves memory alone, whatever comes. */
static void test_receive_no_master(void **state)
{
	uint8_t data[2048] = { 0 }, frame[60];

	(void)state;
	memset(frame, 0xff, sizeof(frame));
	start(ALL);
	rx_buffers(data, 1, sizeof(data));
	fake_virtio_master(vdev, false);
	assert_true(receive(&plain, frame, sizeof(frame)));
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	assert_int_equal(data[HDR], 0);
	fake_virtio_master(vdev, true);
	assert_true(receive(&plain, frame, sizeof(frame)));
	assert_true(fake_chain_done(vdev, RX, 0, NULL));
}

static void test_receive_merged(void **state)
{
	uint8_t data[4][100] = { { 0 } }, frame[350];
	struct net_hdr hdr;
	uint32_t written;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 3);
	frame[0] = 0xfe;
	start(ALL);
	rx_buffers(data[0], 3, 100); /* one too few: none may be used */
	assert_false(receive(&plain, frame, sizeof(frame)));
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	rx_buffers(data[3], 1, 100);
	assert_int_equal(sink.nr_resumed, 1);
	assert_true(receive(&plain, frame, sizeof(frame)));
	for (i = 0; i < 4; i++) {
		assert_true(fake_chain_done(vdev, RX, (int)i, &written));
		assert_int_equal(written, i < 3 ? 100 : 62);
	}
	memcpy(&hdr, data, HDR);
	assert_int_equal(hdr.num_buffers, 4);
	assert_memory_equal((uint8_t *)data + HDR, frame, sizeof(frame));
}

/* Without mergeable buffers a frame that does not fit is lost, its buffer not. */
static void test_receive_too_long(void **state)
{
	uint8_t data[100] = { 0 }, frame[350] = { 0xff };

	(void)state;
	start(V1);
	rx_buffers(data, 1, sizeof(data));
	assert_true(receive(&plain, frame, sizeof(frame)));
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	assert_true(receive(&plain, frame, 60));
	assert_true(fake_chain_done(vdev, RX, 0, NULL));
}

static void test_receive_mtu(void **state)
{
	static uint8_t data[4096], frame[2000] = { 0xff };

	(void)state;
	start_with("user,mtu=1000", ALL, &sink_ops);
	rx_buffers(data, 1, sizeof(data));
	assert_true(receive(&plain, frame, 1023));
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	assert_true(receive(&plain, frame, 1014));
	assert_true(fake_chain_done(vdev, RX, 0, NULL));
}

/* A header that the driver wants in single bytes; a buffer too small for any. */
static void test_receive_scattered(void **state)
{
	uint8_t data[200] = { 0 }, frame[60] = { 0xff, 1, 2, 3 };
	struct iovec iov[HDR + 1];
	struct net_hdr hdr;
	unsigned int i;

	(void)state;
	start(ALL);
	for (i = 0; i < HDR; i++)
		iov[i] = (struct iovec){ data + i, 1 };
	iov[i] = (struct iovec){ data + i, 188 };
	fake_chain(vdev, RX, iov, 0, HDR + 1);
	assert_true(receive(&plain, frame, sizeof(frame)));
	memcpy(&hdr, data, HDR);
	assert_int_equal(hdr.num_buffers, 1);
	assert_memory_equal(data + HDR, frame, sizeof(frame));
	rx_buffers(data, 1, 5);
	assert_true(receive(&plain, frame, sizeof(frame)));
	assert_string_not_equal(fake_virtio_why(vdev), "");
}

/* TCP over IPv4, PAYLOAD zero bytes, its check sum left to do. */
static size_t make_tcp(uint8_t *frame, struct net_hdr *hdr, size_t payload)
{
	size_t len = 54 + payload;

	memset(frame, 0, len);
	memset(frame, 0xff, 6);
	memcpy(frame + 12, "\x08\x00\x45\x00", 4);
	frame[16] = (uint8_t)((len - 14) >> 8);
	frame[17] = (uint8_t)(len - 14);
	frame[23] = 6;
	frame[46] = 0x50;
	*hdr = (struct net_hdr){ .flags = NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	return len;
}

/* What the guest did not say that it can do is done for it. */
static void test_receive_finished(void **state)
{
	static uint8_t data[16][2048], frame[NET_FRAME_MAX];
	struct net_hdr hdr, got;
	size_t len;
	unsigned int i;

	(void)state;
	start(V1 | NET_F(MRG_RXBUF));
	assert_int_equal(sink.offloads, 0);
	rx_buffers(data[0], 16, 2048);
	len = make_tcp(frame, &hdr, 100);
	assert_true(receive(&hdr, frame, len));
	memcpy(&got, data[0], HDR);
	assert_int_equal(got.flags, 0);
	assert_int_not_equal(data[0][HDR + 50] << 8 | data[0][HDR + 51], 0);
	len = make_tcp(frame, &hdr, 4000);
	hdr.gso_type = NET_GSO_TCPV4;
	hdr.gso_size = 1000;
	assert_true(receive(&hdr, frame, len));
	for (i = 1; i < 5; i++) {
		uint32_t written;

		assert_true(fake_chain_done(vdev, RX, (int)i, &written));
		assert_int_equal(written, HDR + 1054);
		memcpy(&got, data[i], HDR);
		assert_int_equal(got.gso_type, NET_GSO_NONE);
	}
	assert_false(fake_chain_done(vdev, RX, 5, NULL));
}

static void test_receive_offloaded(void **state)
{
	static uint8_t data[8192], frame[NET_FRAME_MAX];
	struct net_hdr hdr, got;
	size_t len;

	(void)state;
	start(ALL);
	rx_buffers(data, 1, sizeof(data));
	len = make_tcp(frame, &hdr, 4000);
	hdr.gso_type = NET_GSO_TCPV4;
	hdr.gso_size = 1000;
	assert_true(receive(&hdr, frame, len));
	memcpy(&got, data, HDR);
	assert_int_equal(got.flags, NET_HDR_NEEDS_CSUM);
	assert_int_equal(got.gso_type, NET_GSO_TCPV4);
	assert_int_equal(got.gso_size, 1000);
	assert_int_equal(got.hdr_len, 54);
	/* A header that lies goes nowhere. */
	hdr.csum_start = 60000;
	assert_true(receive(&hdr, frame, len));
	assert_string_equal(fake_virtio_why(vdev), "");
}

/* --- control --- */

static void test_ctrl_filter(void **state)
{
	uint8_t off = 0, on = 1, other[60] = { 0x56, 9, 9, 9, 9, 9 }, own[60], data[8][100];
	uint8_t multicast[60] = { 0x01, 0, 0x5e, 1, 2, 3 };
	struct {
		uint32_t nr_unicast;
		uint8_t unicast[6];
		uint32_t nr_multicast;
		uint8_t multicast[6];
	} __attribute__((packed))
	table = { 1, { 0x56, 9, 9, 9, 9, 9 }, 1, { 1, 0, 0x5e, 1, 2, 3 } };

	(void)state;
	start(ALL);
	memset(own, 0, sizeof(own));
	memcpy(own, config->live->mac, 6);
	rx_buffers(data[0], 8, 100);
	receive(&plain, other, 60); /* all pass until the driver says otherwise */
	assert_true(fake_chain_done(vdev, RX, 0, NULL));
	assert_int_equal(ctrl(NET_CTRL_RX, NET_CTRL_RX_PROMISC, &off, 1), NET_OK);
	receive(&plain, other, 60);
	receive(&plain, multicast, 60);
	assert_false(fake_chain_done(vdev, RX, 1, NULL));
	receive(&plain, own, 60);
	assert_true(fake_chain_done(vdev, RX, 1, NULL));
	assert_int_equal(ctrl(NET_CTRL_MAC, NET_CTRL_MAC_TABLE_SET, &table, sizeof(table)), NET_OK);
	receive(&plain, other, 60);
	receive(&plain, multicast, 60);
	assert_true(fake_chain_done(vdev, RX, 3, NULL));
	assert_int_equal(ctrl(NET_CTRL_RX, NET_CTRL_RX_NOUNI, &on, 1), NET_OK);
	receive(&plain, own, 60);
	assert_false(fake_chain_done(vdev, RX, 4, NULL));
	assert_int_equal(ctrl(NET_CTRL_RX, NET_CTRL_RX_NOUNI, &off, 1), NET_OK);
	own[0] ^= 4;
	assert_int_equal(ctrl(NET_CTRL_MAC, NET_CTRL_MAC_ADDR_SET, own, 6), NET_OK);
	receive(&plain, own, 60);
	assert_true(fake_chain_done(vdev, RX, 4, NULL));
}

static void test_ctrl_vlan(void **state)
{
	uint8_t frame[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x81, 0, 0x01, 5
	};
	uint8_t data[2][100];
	uint16_t vid = 0x105, none = 4096;

	(void)state;
	start(ALL);
	rx_buffers(data[0], 2, 100);
	receive(&plain, frame, 60);
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	assert_int_equal(ctrl(NET_CTRL_VLAN, NET_CTRL_VLAN_ADD, &vid, 2), NET_OK);
	assert_int_equal(ctrl(NET_CTRL_VLAN, NET_CTRL_VLAN_ADD, &none, 2), NET_ERR);
	receive(&plain, frame, 60);
	assert_true(fake_chain_done(vdev, RX, 0, NULL));
	assert_int_equal(ctrl(NET_CTRL_VLAN, NET_CTRL_VLAN_DEL, &vid, 2), NET_OK);
	receive(&plain, frame, 60);
	assert_false(fake_chain_done(vdev, RX, 1, NULL));
}

static void test_ctrl_offloads(void **state)
{
	uint64_t some = NET_F(GUEST_CSUM), more = NET_F(GUEST_CSUM) | NET_F(MAC);

	(void)state;
	start(ALL);
	assert_true(sink.offloads & NET_F(GUEST_TSO4));
	assert_int_equal(ctrl(NET_CTRL_GUEST_OFFLOADS, 0, &some, 8), NET_OK);
	assert_int_equal(sink.offloads, some);
	assert_int_equal(ctrl(NET_CTRL_GUEST_OFFLOADS, 0, &more, 8), NET_ERR);
	assert_int_equal(ctrl(NET_CTRL_GUEST_OFFLOADS, 0, &some, 7), NET_ERR);
}

static void test_ctrl_announce(void **state)
{
	(void)state;
	start(ALL);
	assert_int_equal(ctrl(NET_CTRL_ANNOUNCE, 0, NULL, 0), NET_ERR);
	assert_true(net_device_announce(config->live->dev));
	assert_int_equal(virtio_net_ops.config_read(config->live->dev, 6, 2), 3);
	assert_int_equal(ctrl(NET_CTRL_ANNOUNCE, 0, NULL, 0), NET_OK);
	assert_int_equal(virtio_net_ops.config_read(config->live->dev, 6, 2), 1);
}

static void test_ctrl_pairs(void **state)
{
	uint8_t head[2] = { NET_CTRL_MQ, 0 }, ack = 0xee;
	uint16_t nr = 3;
	struct iovec iov[3] = { { head, 2 }, { &nr, 2 }, { &ack, 1 } };

	(void)state;
	start_with("tap,queues=4", ALL, &sink_ops);
	assert_int_equal(fake_virtio_nr_queues(vdev), 9);
	assert_int_equal(virtio_net_ops.config_read(config->live->dev, 8, 2), 4);
	fake_chain(vdev, 8, iov, 2, 1);
	fake_virtio_kick(vdev, 8);
	assert_int_equal(ack, NET_OK);
	assert_int_equal(sink.pairs, 3);
	nr = 5;
	fake_chain(vdev, 8, iov, 2, 1);
	fake_virtio_kick(vdev, 8);
	assert_int_equal(ack, NET_ERR);
	nr = 0;
	fake_chain(vdev, 8, iov, 2, 1);
	fake_virtio_kick(vdev, 8);
	assert_int_equal(ack, NET_ERR);
	fake_virtio_reset(vdev);
	assert_int_equal(sink.pairs, 1);
}

static void test_ctrl_nonsense(void **state)
{
	uint32_t huge[2] = { 0x2aaaaaab, 0 };
	static uint8_t many[8 + 6 * 200];
	uint8_t on = 1;

	(void)state;
	start(ALL);
	assert_int_equal(ctrl(77, 0, &on, 1), NET_ERR);
	assert_int_equal(ctrl(NET_CTRL_RX, 6, &on, 1), NET_ERR);
	assert_int_equal(ctrl(NET_CTRL_RX, 0, NULL, 0), NET_ERR);
	assert_int_equal(ctrl(NET_CTRL_MAC, 0, huge, 8), NET_ERR); /* times 6 it is 2 */
	assert_int_equal(ctrl(NET_CTRL_MAC, 7, huge, 8), NET_ERR);
	many[0] = 200; /* more than we keep: all of the kind */
	assert_int_equal(ctrl(NET_CTRL_MAC, 0, many, sizeof(many)), NET_OK);
	assert_string_equal(fake_virtio_why(vdev), "");
	fake_virtio_reset(vdev);
	fake_virtio_start(vdev, V1); /* without a control queue nothing is obeyed */
	assert_int_equal(ctrl(NET_CTRL_RX, 0, &on, 1), NET_ERR);
}

static void test_ctrl_without_room(void **state)
{
	uint8_t head[3] = { 0, 0, 1 };
	struct iovec iov = { head, 3 };

	(void)state;
	start(ALL);
	fake_chain(vdev, CTRL, &iov, 1, 0);
	fake_virtio_kick(vdev, CTRL);
	assert_string_not_equal(fake_virtio_why(vdev), "");
}

/* --- link, configuration, snapshots --- */

static void test_link(void **state)
{
	uint8_t data[HDR + 60] = { 0 }, buffer[100];

	(void)state;
	start(ALL);
	rx_buffers(buffer, 1, sizeof(buffer));
	net_device_set_link(config->live->dev, false);
	assert_int_equal(virtio_net_ops.config_read(config->live->dev, 6, 2), 0);
	assert_true(fake_chain_done(vdev, TX, tx(data, sizeof(data)), NULL));
	assert_int_equal(sink.nr_sent, 0);
	assert_true(receive(&plain, data, 60));
	assert_false(fake_chain_done(vdev, RX, 0, NULL));
	net_device_set_link(config->live->dev, true);
	tx(data, sizeof(data));
	assert_int_equal(sink.nr_sent, 1);
}

/* Reads of any size at any place; none beyond the structure. */
static void test_config_space(void **state)
{
	uint8_t mac[6];
	uint32_t off;
	void *dev;

	(void)state;
	start_with("user,mtu=9000,mac=56:11:22:33:44:55", V1 | NET_F(MAC), &sink_ops);
	dev = config->live->dev;
	assert_int_equal(virtio_net_ops.config_read(dev, 0, 8), 0x0001554433221156ull);
	assert_int_equal(virtio_net_ops.config_read(dev, 10, 2), 9000);
	assert_int_equal(virtio_net_ops.config_read(dev, 10, 8), 9000);
	for (off = 12; off < 5000; off += 7)
		assert_int_equal(virtio_net_ops.config_read(dev, off, 8), 0);
	assert_int_equal(virtio_net_ops.config_read(dev, 0xffffffff, 8), 0);
	virtio_net_ops.config_write(dev, 0, 1, 0);
	virtio_net_ops.config_write(dev, 0xfffffffe, 8, ALL);
	assert_int_equal(virtio_net_ops.config_read(dev, 0, 1), 0x56); /* 1.0: read only */
	fake_virtio_reset(vdev);
	fake_virtio_start(vdev, NET_F(MAC));
	virtio_net_ops.config_write(dev, 5, 4, 0x11223377);
	assert_int_equal(virtio_net_ops.config_read(dev, 4, 2), 0x7744);
	assert_int_equal(net_mac_parse("56:0:0:0:0:1", mac), 0);
	assert_int_equal(net_mac_parse("57:0:0:0:0:1", mac), -EINVAL);
	assert_int_equal(net_mac_parse("56:0:0:0:0", mac), -EINVAL);
	assert_int_equal(net_mac_parse("56:0:0:0:0:1x", mac), -EINVAL);
}

static void test_save_load(void **state)
{
	struct dev_state_in in = { 0 };
	struct buf saved = BUF_INIT;
	struct err err = ERR_INIT;
	uint8_t off = 0;
	size_t len;

	(void)state;
	start(ALL);
	ctrl(NET_CTRL_RX, NET_CTRL_RX_PROMISC, &off, 1);
	net_device_set_link(config->live->dev, false);
	virtio_net_ops.save(config->live->dev, &saved);
	fake_virtio_reset(vdev);
	net_device_set_link(config->live->dev, true);
	fake_virtio_start(vdev, ALL);
	in.data = (uint8_t *)saved.data;
	for (len = 0; len < saved.len; len += 13) {
		in.pos = 0;
		in.failed = false;
		in.len = len;
		assert_int_not_equal(virtio_net_ops.load(config->live->dev, &in, &err), 0);
	}
	in = (struct dev_state_in){ .data = (uint8_t *)saved.data, .len = saved.len };
	assert_int_equal(virtio_net_ops.load(config->live->dev, &in, &err), 0);
	assert_false(net_device_link(config->live->dev));
	/* Where it wakes up it is asked to announce itself. */
	assert_int_equal(virtio_net_ops.config_read(config->live->dev, 6, 2), 2);
	buf_free(&saved);
}

/* --- options --- */

static void option_bad(const char *option, const char *why)
{
	struct net_config *cfg = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(net_config_parse(option, &cfg, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("%s: %s", option, err.text);
	assert_null(cfg);
}

static void test_options(void **state)
{
	struct net_config *cfg;
	struct err err = ERR_INIT;
	uint8_t one[6], two[6];

	(void)state;
	assert_int_equal(net_config_parse("none", &cfg, &err), 0);
	assert_null(cfg);
	assert_int_equal(net_config_parse("user,hostfwd=tcp:127.0.0.1:2222-22,hostfwd=udp::53-"
					  "10.0.2.16:5353,restrict",
					  &cfg, &err),
			 0);
	assert_int_equal(cfg->nr_forwards, 2);
	assert_int_equal(cfg->forward[0].host_port, 2222);
	assert_string_equal(cfg->forward[0].guest, "10.0.2.15");
	assert_int_equal(cfg->forward[0].guest_port, 22);
	assert_true(cfg->forward[1].udp);
	assert_string_equal(cfg->forward[1].host, "127.0.0.1");
	assert_string_equal(cfg->forward[1].guest, "10.0.2.16");
	assert_true(cfg->restricted);
	net_config_free(cfg);
	assert_int_equal(net_config_parse("user,hostfwd=tcp:[::1]:80-[fec0::15]:8080,restrict=off",
					  &cfg, &err),
			 0);
	assert_string_equal(cfg->forward[0].host, "::1");
	assert_string_equal(cfg->forward[0].guest, "fec0::15");
	assert_false(cfg->restricted);
	net_config_free(cfg);
	option_bad("usr", "did you mean user");
	option_bad("hub", "hub=NAME");
	option_bad("hub=../x", "hub=NAME");
	option_bad("", "none, user, tap");
	option_bad("user,ifname=x", "not for this kind");
	option_bad("user,hostfw=tcp::1-2", "did you mean hostfwd");
	option_bad("user,hostfwd=tcp::0-2", "hostfwd");
	option_bad("user,hostfwd=tcp::80000-2", "hostfwd");
	option_bad("user,hostfwd=tcp:nohost:80-2", "hostfwd");
	option_bad("user,hostfwd=tcp:::1:80-2", "hostfwd");
	option_bad("user,hostfwd", "hostfwd");
	option_bad("tap,queues=9", "from 1 to 8");
	option_bad("tap,ifname=averyverylongname", "an interface");
	option_bad("user,mac=01:00:00:00:00:00", "mac");
	option_bad("user,mtu=5", "mtu");
	option_bad("user,id=", "id");
	net_mac_make("one", 0, one);
	net_mac_make("two", 0, two);
	assert_int_equal(one[0] & 3, 2);
	assert_memory_not_equal(one, two, 6);
	net_mac_make("one", 1, two);
	assert_memory_not_equal(one, two, 6);
}

/* --- captures --- */

static uint32_t at32(const uint8_t *p)
{
	uint32_t val;

	memcpy(&val, p, 4);
	return val;
}

static void test_pcap(void **state)
{
	char path[] = "/tmp/test-pcap.XXXXXX";
	struct iovec iov[2] = { { (char *)"0123456789abcd", 14 }, { (char *)"xyz", 3 } };
	struct err err = ERR_INIT;
	struct pcap *pcap;
	uint8_t data[1024], *at = data;
	ssize_t len;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(pcap_open(path, "net0", &pcap, &err), 0);
	pcap_write(pcap, true, 0x123456789abcdefull, iov, 2, 17);
	pcap_write(pcap, false, 1, iov, 1, 14);
	assert_int_equal(pcap_frames(pcap), 2);
	pcap_close(pcap);
	len = read(fd, data, sizeof(data));
	assert_int_equal(at32(at), 0x0a0d0d0a); /* a section */
	assert_int_equal(at32(at + 8), 0x1a2b3c4d);
	assert_int_equal(at32(at + 12), 1);
	at += at32(at + 4);
	assert_int_equal(at32(at - 4), at32(data + 4));
	assert_int_equal(at32(at), 1); /* an Ethernet interface */
	assert_int_equal(at32(at + 8), 1);
	assert_memory_equal(at + 16, "\2\0\4\0net0\x09\0\1\0\x09\0\0\0\0\0\0\0", 20);
	at += at32(at + 4);
	assert_int_equal(at32(at), 6); /* a frame: 28 bytes, 17 and 3 of padding, 12, 4 */
	assert_int_equal(at32(at + 4), 64);
	assert_int_equal(at32(at + 12), 0x1234567);
	assert_int_equal(at32(at + 16), 0x89abcdef);
	assert_int_equal(at32(at + 20), 17);
	assert_memory_equal(at + 28, "0123456789abcdxyz\0\0\0", 20);
	assert_memory_equal(at + 48, "\2\0\4\0\2\0\0\0\0\0\0\0", 12); /* outbound */
	at += 64;
	assert_int_equal(at32(at + 20), 14);
	assert_memory_equal(at + 44, "\2\0\4\0\1\0\0\0", 8);
	at += at32(at + 4);
	assert_int_equal(at - data, len);
	close(fd);
	unlink(path);
	assert_int_equal(pcap_open("/nowhere/x", "net0", &pcap, &err), -ENOENT);
}

/* --- the hub --- */

#define HUB_VMS 3

static struct {
	char dir[HUB_VMS][64];
	struct net_config *cfg[HUB_VMS];
	struct virtio *vdev[HUB_VMS];
	uint8_t buffer[HUB_VMS][16][2048];
} hub;

static char hub_base[32];

static void hub_add(int i)
{
	struct err err = ERR_INIT;
	int k;

	snprintf(hub.dir[i], sizeof(hub.dir[i]), "%s/vm%d", hub_base, i);
	assert_int_equal(mkdir(hub.dir[i], 0700), 0);
	assert_int_equal(net_config_parse("hub=lab", &hub.cfg[i], &err), 0);
	snprintf(hub.cfg[i]->live->run_dir, sizeof(hub.cfg[i]->live->run_dir), "%s", hub.dir[i]);
	net_mac_make(hub.dir[i], 0, hub.cfg[i]->live->mac);
	hub.vdev[i] = fake_virtio_new(&virtio_net_ops, hub.cfg[i], 1, &err);
	if (!hub.vdev[i])
		fail_msg("%s", err.text);
	fake_virtio_start(hub.vdev[i], ALL);
	for (k = 0; k < 16; k++) {
		struct iovec iov = { hub.buffer[i][k], 2048 };

		fake_chain(hub.vdev[i], RX, &iov, 0, 1);
	}
}

static void hub_turns(void)
{
	bool more = true;
	int i;

	while (more) {
		more = false;
		for (i = 0; i < HUB_VMS; i++)
			more |= hub.vdev[i] && fake_virtio_turn(hub.vdev[i], 10);
	}
}

static void hub_say(int from, const uint8_t *dst, char mark)
{
	uint8_t data[HDR + 60] = { 0 };
	struct iovec iov = { data, sizeof(data) };

	memcpy(data + HDR, dst, 6);
	memcpy(data + HDR + 6, hub.cfg[from]->live->mac, 6);
	data[HDR + 20] = (uint8_t)mark;
	fake_chain(hub.vdev[from], TX, &iov, 1, 0);
	fake_virtio_kick(hub.vdev[from], TX);
	hub_turns();
}

static int hub_heard(int i)
{
	int n = 0;

	while (fake_chain_done(hub.vdev[i], RX, n, NULL))
		n++;
	return n;
}

static void hub_remove(int i)
{
	char path[128];

	fake_virtio_free(hub.vdev[i]);
	net_config_free(hub.cfg[i]);
	hub.vdev[i] = NULL;
	snprintf(path, sizeof(path), "%s/hub.lab.fake0", hub.dir[i]);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(rmdir(hub.dir[i]), 0);
}

static void test_hub(void **state)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	int i;

	(void)state;
	strcpy(hub_base, "/tmp/test-hub.XXXXXX");
	assert_non_null(mkdtemp(hub_base));
	for (i = 0; i < HUB_VMS; i++)
		hub_add(i);
	hub_turns();
	hub_say(0, all, 'a');
	assert_int_equal(hub_heard(0), 0);
	assert_int_equal(hub_heard(1), 1); /* once: one connection for each pair */
	assert_int_equal(hub_heard(2), 1);
	assert_int_equal(hub.buffer[1][0][HDR + 20], 'a');
	hub_say(1, hub.cfg[0]->live->mac, 'b'); /* known: to no one else */
	assert_int_equal(hub_heard(0), 1);
	assert_int_equal(hub_heard(2), 1);
	assert_int_equal(hub.buffer[0][0][HDR + 20], 'b');
	hub_remove(0);
	hub_turns();
	hub_say(1, all, 'c');
	assert_int_equal(hub_heard(2), 2);
	hub_remove(1);
	hub_remove(2);
	assert_int_equal(rmdir(hub_base), 0);
}

#define NET_TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_send),
		NET_TEST(test_send_scattered),
		NET_TEST(test_send_waits),
		NET_TEST(test_send_legacy),
		NET_TEST(test_send_nonsense),
		NET_TEST(test_receive),
		NET_TEST(test_receive_no_master),
		NET_TEST(test_receive_merged),
		NET_TEST(test_receive_too_long),
		NET_TEST(test_receive_mtu),
		NET_TEST(test_receive_scattered),
		NET_TEST(test_receive_finished),
		NET_TEST(test_receive_offloaded),
		NET_TEST(test_ctrl_filter),
		NET_TEST(test_ctrl_vlan),
		NET_TEST(test_ctrl_offloads),
		NET_TEST(test_ctrl_announce),
		NET_TEST(test_ctrl_pairs),
		NET_TEST(test_ctrl_nonsense),
		NET_TEST(test_ctrl_without_room),
		NET_TEST(test_link),
		NET_TEST(test_config_space),
		NET_TEST(test_save_load),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_pcap),
		cmocka_unit_test(test_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
