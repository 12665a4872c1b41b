/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drivers for virtio's disk, network and entropy devices, small enough to be read in one sitting.
 * Each device found on bus 0 is used by both faces of virtio-pci, one after the other:
 *
 *	vitrine run --headless --disk scratch.img --net user guests/virtio.elf
 *
 * The disk's first 64 KiB are overwritten. The debug-exit port gets 0x10, or the number of
 *failures.
 */
#include "cpu.h"
#include "guest.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "string.h"
#include "virtio.h"

#define MAIN_SUCCESS 0x10
#define MAIN_SLOTS   32

#define BLK_IN	    0
#define BLK_OUT	    1
#define BLK_FLUSH   4
#define BLK_GET_ID  8
#define BLK_F_FLUSH (1ull << 9)
#define BLK_BYTES   65536
#define BLK_SECTOR  512

#define NET_F_MAC   (1ull << 5)
#define NET_RX	    0
#define NET_TX	    1
#define NET_FRAME   1526
#define NET_ARP_LEN 42

static unsigned int main_failures;

static void main_fail(const struct virtio *dev, const char *what)
{
	printf("slot %u: %s\n", dev->slot, what);
	main_failures++;
}

static const char *main_face(const struct virtio *dev)
{
	return dev->face == VIRTIO_MODERN ? "modern" : "legacy";
}

/* --- block: section 5.2 --- */

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

static uint8_t blk_out[BLK_BYTES] __attribute__((aligned(512)));
static uint8_t blk_in[BLK_BYTES] __attribute__((aligned(512)));

/* Header, data, status: one chain. The status byte, or 0xff. */
static uint8_t blk_request(struct virtq *vq, uint32_t type, uint64_t sector, void *data,
			   uint32_t len)
{
	static struct blk_header header;
	static volatile uint8_t status;
	struct virtq_buf buf[3] = { { &header, sizeof(header), false } };
	unsigned int nr = 1;

	header = (struct blk_header){ .type = type, .sector = sector };
	status = 0xff;
	if (len)
		buf[nr++] = (struct virtq_buf){ data, len, type != BLK_OUT };
	buf[nr++] = (struct virtq_buf){ (void *)&status, 1, true };
	virtq_offer(vq, buf, nr);
	return virtq_wait(vq) < 0 ? 0xff : status;
}

static void blk_use(struct virtio *dev)
{
	static char serial[21];
	struct virtq vq;
	unsigned int i;

	if (!virtio_features(dev, BLK_F_FLUSH) || !virtio_queue(dev, 0, &vq)) {
		main_fail(dev, "block: cannot be set up");
		return;
	}
	virtio_go(dev);
	for (i = 0; i < BLK_BYTES; i++)
		blk_out[i] = (uint8_t)(i * 31 + i / 251 + dev->face);
	memset(blk_in, 0, sizeof(blk_in));
	if (blk_request(&vq, BLK_GET_ID, 0, serial, 20) != 0 ||
	    blk_request(&vq, BLK_OUT, 0, blk_out, BLK_BYTES) != 0 ||
	    blk_request(&vq, BLK_FLUSH, 0, NULL, 0) != 0 ||
	    blk_request(&vq, BLK_IN, 0, blk_in, BLK_BYTES) != 0)
		main_fail(dev, "block: a request failed");
	else if (memcmp(blk_in, blk_out, BLK_BYTES) != 0)
		main_fail(dev, "block: what was read is not what was written");
	else if (blk_request(&vq, BLK_IN, UINT64_MAX, blk_in, BLK_SECTOR) != 1)
		main_fail(dev, "block: a sector that cannot be was read");
	else
		printf("block (%s): %u sectors, serial '%s', %u bytes there and back\n",
		       main_face(dev), virtio_config(dev, 0, 4), serial, BLK_BYTES);
}

/* --- entropy: section 5.4 --- */

static void rng_use(struct virtio *dev)
{
	static uint8_t bytes[32];
	struct virtq_buf buf = { bytes, sizeof(bytes), true };
	struct virtq vq;
	unsigned int i, zeroes = 0;

	if (!virtio_features(dev, 0) || !virtio_queue(dev, 0, &vq)) {
		main_fail(dev, "entropy: cannot be set up");
		return;
	}
	virtio_go(dev);
	memset(bytes, 0, sizeof(bytes));
	virtq_offer(&vq, &buf, 1);
	if (virtq_wait(&vq) <= 0) {
		main_fail(dev, "entropy: none came");
		return;
	}
	for (i = 0; i < 8; i++)
		zeroes += !bytes[i];
	if (zeroes == 8)
		main_fail(dev, "entropy: eight zeroes");
	else
		printf("entropy (%s): %02x %02x %02x %02x\n", main_face(dev), bytes[0], bytes[1],
		       bytes[2], bytes[3]);
}

/* --- net: section 5.1 --- */

/* The header before each frame has two bytes more since version 1. */
static unsigned int net_header_len(const struct virtio *dev)
{
	return dev->face == VIRTIO_MODERN ? 12 : 10;
}

/* Who has 10.0.2.2? Tell 10.0.2.15. */
static void net_ask(uint8_t *frame, const uint8_t *mac)
{
	static const uint8_t arp[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1 };
	static const uint8_t from[] = { 10, 0, 2, 15 }, to[] = { 10, 0, 2, 2 };

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, arp, sizeof(arp));
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, from, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, to, 4);
}

static bool net_is_answer(const uint8_t *frame)
{
	return frame[12] == 8 && frame[13] == 6 && frame[21] == 2 && frame[31] == 2;
}

static void net_use(struct virtio *dev)
{
	static uint8_t rx[12 + NET_FRAME], tx[12 + NET_FRAME];
	unsigned int head = net_header_len(dev), i;
	struct virtq_buf in = { rx, head + 1514, true }, out = { tx, head + NET_ARP_LEN, false };
	struct virtq rxq, txq;
	uint8_t mac[6];

	if (!virtio_features(dev, NET_F_MAC) || !virtio_queue(dev, NET_RX, &rxq) ||
	    !virtio_queue(dev, NET_TX, &txq)) {
		main_fail(dev, "net: cannot be set up");
		return;
	}
	virtio_go(dev);
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)virtio_config(dev, i, 1);
	memset(tx, 0, sizeof(tx));
	net_ask(tx + head, mac);
	virtq_offer(&rxq, &in, 1);
	virtq_offer(&txq, &out, 1);
	if (virtq_wait(&txq) < 0) {
		main_fail(dev, "net: the frame was not taken");
		return;
	}
	while (virtq_wait(&rxq) >= 0) {
		const uint8_t *who = rx + head + 22;

		if (net_is_answer(rx + head)) {
			printf("net (%s): 10.0.2.2 is at %02x:%02x:%02x:%02x:%02x:%02x\n",
			       main_face(dev), who[0], who[1], who[2], who[3], who[4], who[5]);
			return;
		}
		virtq_offer(&rxq, &in, 1);
	}
	main_fail(dev, "net: no answer");
}

/* --- all of them --- */

static void main_use(unsigned int slot, enum virtio_face face)
{
	struct virtio dev;

	if (!virtio_open(&dev, slot, face))
		return; /* not every device has both */
	switch (dev.type) {
	case VIRTIO_BLOCK:
		blk_use(&dev);
		break;
	case VIRTIO_RNG:
		rng_use(&dev);
		break;
	case VIRTIO_NET:
		net_use(&dev);
		break;
	default:
		printf("slot %u: virtio type %u: no driver here\n", slot, dev.type);
	}
	virtio_close(&dev);
}

void kmain(void)
{
	unsigned int slot;

	for (slot = 0; slot < MAIN_SLOTS; slot++) {
		if (!virtio_type(slot))
			continue;
		main_use(slot, VIRTIO_LEGACY);
		main_use(slot, VIRTIO_MODERN);
	}
	printf("virtio: %s\n", main_failures ? "failed" : "done");
	power_exit(main_failures ? main_failures : MAIN_SUCCESS);
}
