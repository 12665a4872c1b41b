/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest gone mad against virtio-blk: requests of any type, length, layout and
 * range, configuration writes, resets under way, over a file in memory. Each
 * step begins with a byte whose low bits say what it is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/fake-virtio.h"
#include "base/log.h"
#include "vmm/virtio/blk-priv.h"

#define FUZZ_QUEUES  2
#define FUZZ_SECTORS 64
#define FUZZ_RAM     (256u << 10)
#define FUZZ_SEGS    6
#define FUZZ_ROUNDS  4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct virtio *vdev;
	uint8_t *ram;
	const uint8_t *data;
	size_t len;
	int chain[FUZZ_QUEUES][FAKE_MAX_CHAINS];
	unsigned int nr[FUZZ_QUEUES];
};

static uint64_t fuzz_take(struct fuzz *fz, unsigned int nr)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < nr && fz->len; i++, fz->len--)
		val |= (uint64_t)*fz->data++ << (i * 8);
	return val;
}

/* A buffer within the guest's RAM: anywhere, any length, mostly a round one. */
static struct iovec fuzz_iov(struct fuzz *fz)
{
	static const uint32_t usual[] = { 0, 1, 16, 20, 511, 512, 513, 4096, 32768, 15, 32, 1024 };
	uint8_t what = (uint8_t)fuzz_take(fz, 1);
	uint32_t off = (uint32_t)fuzz_take(fz, 2) * 4 % FUZZ_RAM, len;

	len = what < 240 ? usual[what % 12] : (uint32_t)fuzz_take(fz, 3) % FUZZ_RAM;
	if (len > FUZZ_RAM - off)
		len = FUZZ_RAM - off;
	return (struct iovec){ fz->ram + off, len };
}

/* A header that makes some sense, so that what is behind it is reached. */
static void fuzz_header(struct fuzz *fz, struct iovec *iov)
{
	static const uint8_t types[] = { 0, 1, 4, 8, 11, 13, 2, 14 };
	uint32_t type = types[fuzz_take(fz, 1) % 8];
	uint64_t sector = fuzz_take(fz, 1) & 127;

	if (iov->iov_len < 16)
		return;
	memcpy(iov->iov_base, &type, 4);
	memset((char *)iov->iov_base + 4, 0, 4);
	memcpy((char *)iov->iov_base + 8, &sector, 8);
}

static void fuzz_request(struct fuzz *fz, uint8_t op)
{
	unsigned int queue = op & 1, nr_out = op >> 1 & 3, nr_in = op >> 3 & 3, i;
	struct iovec iov[FUZZ_SEGS];
	int head;

	for (i = 0; i < nr_out + nr_in; i++)
		iov[i] = fuzz_iov(fz);
	if (nr_out && (op & 0x40))
		fuzz_header(fz, &iov[0]);
	head = fake_chain(fz->vdev, queue, iov, nr_out, nr_in);
	if (head >= 0)
		fz->chain[queue][fz->nr[queue]++] = head;
	fake_virtio_kick(fz->vdev, queue);
}

/* Every chain comes back, or the device says that it is broken. */
static void fuzz_settle(struct fuzz *fz)
{
	unsigned int queue, i, round = 0;

	for (queue = 0; queue < FUZZ_QUEUES; queue++) {
		fake_virtio_kick(fz->vdev, queue);
		for (i = 0; i < fz->nr[queue]; i++) {
			while (!fake_virtio_why(fz->vdev)[0] &&
			       !fake_chain_done(fz->vdev, queue, fz->chain[queue][i], NULL)) {
				if (!fake_virtio_turn(fz->vdev, 5000) || ++round > FUZZ_ROUNDS)
					abort();
			}
		}
	}
}

static void fuzz_reset(struct fuzz *fz)
{
	fake_virtio_reset(fz->vdev);
	fz->nr[0] = fz->nr[1] = 0;
	fake_virtio_start(fz->vdev, fuzz_take(fz, 4) | BLK_F_MQ);
}

static void fuzz_step(struct fuzz *fz)
{
	uint8_t op = (uint8_t)fuzz_take(fz, 1);
	void *blk = fake_virtio_state(fz->vdev);

	if (op & 0x80) {
		switch (op & 7) {
		case 0:
			fuzz_reset(fz);
			break;
		case 1:
			virtio_blk_ops.config_write(blk, (uint32_t)fuzz_take(fz, 1),
						    1u << fuzz_take(fz, 1) % 4, fuzz_take(fz, 1));
			break;
		case 2:
			virtio_blk_ops.config_read(blk, (uint32_t)fuzz_take(fz, 4),
						   1u << fuzz_take(fz, 1) % 4);
			break;
		case 3:
			memset(fz->ram + fuzz_take(fz, 2), (int)fuzz_take(fz, 1), 512);
			break;
		case 4:
			fuzz_settle(fz);
			break;
		default:
			fake_virtio_turn(fz->vdev, 0);
			break;
		}
		return;
	}
	fuzz_request(fz, op);
}

/* One disk for all inputs: its content changes nothing about what may happen. */
static struct blk_config *fuzz_config(int *fd)
{
	static struct blk_config config = { .nr_queues = FUZZ_QUEUES };
	static struct blk_stats stats;
	static char path[32];

	*fd = memfd_create("disk", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, FUZZ_SECTORS * 512) != 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	config.image.path = path;
	config.stats = &stats;
	log_open(-1);
	return &config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtio *vdev;
	static uint8_t *ram;
	static int fd;
	struct fuzz fz = { .data = data, .len = size };
	struct stat st;

	if (!vdev) {
		vdev = fake_virtio_new(&virtio_blk_ops, fuzz_config(&fd), 1, NULL);
		ram = calloc(1, FUZZ_RAM);
	}
	if (!vdev || !ram)
		return 0;
	fz.vdev = vdev;
	fz.ram = ram;
	fuzz_reset(&fz);
	while (fz.len)
		fuzz_step(&fz);
	fuzz_settle(&fz);
	fake_virtio_reset(vdev);
	/* The image never grows. */
	if (fstat(fd, &st) != 0 || st.st_size != FUZZ_SECTORS * 512)
		abort();
	return 0;
}
