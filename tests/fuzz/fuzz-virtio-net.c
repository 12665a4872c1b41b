/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile driver of the network device, over a network that sends back what it gets. Records of
 * four bytes (what, and three of arguments), then data: chains of any shape in any queue, frames
 * from outside, configuration accesses, resets, snapshots.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-virtio.h"
#include "net/virtio-net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_RAM     (160u << 10)
#define FUZZ_RECORDS 200

static struct {
	const struct net_port *port, *ports[2];
	bool busy;
	unsigned int nr_sent;
	struct net_hdr hdr;
	uint8_t frame[NET_FRAME_MAX];
} echo;

static uint8_t fuzz_ram[FUZZ_RAM];

static int echo_open(const struct net_port *port, const struct net_config *cfg, void **state,
		     struct err *err)
{
	(void)err;
	echo.ports[cfg->kind == NET_TAP] = port;
	*state = &echo;
	return 0;
}

static void echo_close(void *state)
{
	(void)state;
}

static int echo_send(void *state, unsigned int pair, const struct net_hdr *hdr,
		     const struct iovec *iov, unsigned int nr, size_t len)
{
	(void)state;
	if (++echo.nr_sent % 7 == 0 && echo.busy)
		return -EAGAIN;
	echo.hdr = *hdr;
	if (net_gather(iov, nr, 0, echo.frame, sizeof(echo.frame)) != len)
		abort();
	echo.port->ops->receive(echo.port->ctx, pair, hdr, echo.frame, len);
	return 0;
}

static uint64_t echo_features(void *state)
{
	(void)state;
	return NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) | NET_F(GUEST_ECN) | NET_F(GUEST_UFO);
}

static const struct net_backend_ops echo_ops = {
	.kind = "echo",
	.open = echo_open,
	.close = echo_close,
	.send = echo_send,
	.features = echo_features,
};

/* A chain of pieces of one buffer; ARG: the queue, the shape, the length. */
static void fuzz_chain(struct virtio *vdev, const uint8_t *arg, const uint8_t *data, size_t size)
{
	unsigned int queue = arg[0] % fake_virtio_nr_queues(vdev), nr = arg[1] % 16 + 1u, i;
	size_t step = arg[2] ? arg[2] * 40u : 1u, at = 0;
	unsigned int nr_out = arg[1] / 16u < nr ? arg[1] / 16u : nr;
	struct iovec iov[16];

	memcpy(fuzz_ram, data, size < FUZZ_RAM ? size : FUZZ_RAM);
	for (i = 0; i < nr; i++, at += step)
		iov[i] = (struct iovec){ fuzz_ram + at, step };
	fake_chain(vdev, queue, iov, nr_out, nr - nr_out);
	fake_virtio_kick(vdev, queue);
}

static void fuzz_snapshot(struct virtio *vdev, const uint8_t *data, size_t size)
{
	struct dev_state_in in = { .data = data, .len = size };

	virtio_net_ops.load(fake_virtio_state(vdev), &in, NULL);
}

static void fuzz_record(struct virtio *vdev, const uint8_t *rec, const uint8_t *data, size_t size)
{
	void *dev = fake_virtio_state(vdev);
	uint64_t features = 0;

	switch (rec[0] % 8) {
	case 0:
	case 1:
	case 2:
		fuzz_chain(vdev, rec + 1, data, size);
		break;
	case 3:
		memcpy(&echo.hdr, rec + 1, 3);
		if (size > sizeof(echo.hdr))
			memcpy(&echo.hdr, data, sizeof(echo.hdr));
		echo.port->ops->receive(echo.port->ctx, 0, &echo.hdr, data,
					size < NET_FRAME_MAX ? size : NET_FRAME_MAX);
		break;
	case 4:
		virtio_net_ops.config_read(dev, rec[1] | (uint32_t)rec[2] << 24, rec[3] % 9u);
		virtio_net_ops.config_write(dev, rec[1] | (uint32_t)rec[2] << 24, rec[3] % 9u,
					    0x0102030405060708ull);
		break;
	case 5:
		net_device_set_link(dev, rec[1] & 1);
		echo.busy = rec[1] & 2;
		net_device_announce(dev);
		break;
	case 6:
		memcpy(&features, rec + 1, 3);
		fake_virtio_reset(vdev);
		fake_virtio_start(vdev, ~features);
		break;
	case 7:
		fuzz_snapshot(vdev, data, size);
		break;
	}
}

/* Made once: a device takes longer to make than to fool. */
static struct virtio *fuzz_device(unsigned int which)
{
	static const char *const options[] = { "user,mtu=9000", "tap,queues=3" };
	static struct virtio *made[2];
	struct net_config *cfg;

	if (!made[which]) {
		if (net_config_parse(options[which], &cfg, NULL) < 0)
			abort();
		cfg->live->backend = &echo_ops;
		made[which] = fake_virtio_new(&virtio_net_ops, cfg, 1, NULL);
	}
	if (!made[which])
		abort();
	return made[which];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio *vdev;
	unsigned int nr;

	if (size < 4)
		return 0;
	vdev = fuzz_device(data[0] & 1);
	echo.busy = false;
	echo.nr_sent = 0;
	echo.port = echo.ports[data[0] & 1];
	fake_virtio_reset(vdev);
	net_device_set_link(fake_virtio_state(vdev), true);
	fake_virtio_start(vdev, ~0ull);
	for (nr = 0; size >= 4 && nr < FUZZ_RECORDS; nr++, data += 4, size -= 4)
		fuzz_record(vdev, data, data + 4, size - 4);
	return 0;
}
