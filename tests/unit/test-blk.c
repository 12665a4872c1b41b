/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio-blk (virtio 1.2, section 5.2) over a file: what it says, every request, every refusal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-virtio.h"
#include "vmm/virtio/blk-priv.h"

#define SECTORS	   2048u
#define S_OK	   0
#define S_IOERR	   1
#define S_UNSUPP   2
#define UNTOUCHED  0xaa
#define T_IN	   0
#define T_OUT	   1
#define T_FLUSH	   4
#define T_GET_ID   8
#define T_DISCARD  11
#define T_ZEROES   13
#define OFF_WCE	   32
#define EVERYTHING UINT64_MAX

struct disk {
	int fd;
	char path[32];
	struct blk_config config;
	struct blk_stats stats;
	struct virtio *vdev;
};

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct segment {
	uint64_t sector;
	uint32_t nr, flags;
};

static void disk_open(struct disk *disk, unsigned int nr_queues, bool read_only)
{
	struct err err = ERR_INIT;

	memset((void *)disk, 0, sizeof(*disk));
	disk->fd = memfd_create("disk", MFD_CLOEXEC);
	assert_true(disk->fd >= 0);
	assert_int_equal(ftruncate(disk->fd, SECTORS * 512), 0);
	snprintf(disk->path, sizeof(disk->path), "/proc/self/fd/%d", disk->fd);
	disk->config.image.path = disk->path;
	disk->config.image.format = "raw";
	disk->config.image.read_only = read_only;
	disk->config.nr_queues = nr_queues;
	disk->config.stats = &disk->stats;
	snprintf(disk->config.serial, sizeof(disk->config.serial), "%s", "SERIAL-7");
	disk->vdev = fake_virtio_new(&virtio_blk_ops, &disk->config, 2, &err);
	if (!disk->vdev)
		fail_msg("%s", err.text);
	fake_virtio_start(disk->vdev, EVERYTHING);
}

static void disk_close(struct disk *disk)
{
	fake_virtio_free(disk->vdev);
	close(disk->fd);
}

static uint64_t disk_config(struct disk *disk, uint32_t off, uint32_t size)
{
	return virtio_blk_ops.config_read(fake_virtio_state(disk->vdev), off, size);
}

/* One request through QUEUE: OUT after the header, IN before the status. Its status. */
static uint8_t disk_do(struct disk *disk, unsigned int queue, uint32_t type, uint64_t sector,
		       const void *out, size_t out_len, void *in, size_t in_len, uint32_t *written)
{
	struct header head = { .type = type, .sector = sector };
	uint8_t status = UNTOUCHED;
	struct iovec iov[4];
	unsigned int nr_out = 0, nr_in = 0;
	int chain;

	iov[nr_out++] = (struct iovec){ &head, sizeof(head) };
	if (out_len)
		iov[nr_out++] = (struct iovec){ (void *)out, out_len };
	if (in_len)
		iov[nr_out + nr_in++] = (struct iovec){ in, in_len };
	iov[nr_out + nr_in++] = (struct iovec){ &status, 1 };
	chain = fake_chain(disk->vdev, queue, iov, nr_out, nr_in);
	assert_true(chain >= 0);
	assert_true(fake_virtio_finish(disk->vdev, queue, chain, written));
	assert_string_equal(fake_virtio_why(disk->vdev), "");
	assert_true(fake_interrupts(disk->vdev, queue) > 0);
	fake_virtio_forget(disk->vdev);
	return status;
}

static uint8_t disk_read(struct disk *disk, uint64_t sector, void *buf, size_t len)
{
	return disk_do(disk, 0, T_IN, sector, NULL, 0, buf, len, NULL);
}

static uint8_t disk_write(struct disk *disk, uint64_t sector, const void *buf, size_t len)
{
	return disk_do(disk, 0, T_OUT, sector, buf, len, NULL, 0, NULL);
}

static uint8_t disk_range(struct disk *disk, uint32_t type, uint64_t sector, uint32_t nr,
			  uint32_t flags)
{
	struct segment seg = { sector, nr, flags };

	return disk_do(disk, 0, type, 0, &seg, sizeof(seg), NULL, 0, NULL);
}

/* --- what it says --- */

static void configuration(void **state)
{
	struct disk disk;
	uint64_t bits;

	(void)state;
	disk_open(&disk, 4, false);
	bits = virtio_blk_ops.features(fake_virtio_state(disk.vdev));
	assert_int_equal(bits, BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_BLK_SIZE | BLK_F_FLUSH |
				       BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE | BLK_F_MQ |
				       BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
	assert_int_equal(disk_config(&disk, 0, 8), SECTORS);
	assert_int_equal(disk_config(&disk, 4, 4), 0);
	assert_int_equal(disk_config(&disk, 12, 4), BLK_SEG_MAX);
	assert_int_equal(disk_config(&disk, 16, 2), SECTORS / (16 * 63));
	assert_int_equal(disk_config(&disk, 18, 1), 16);
	assert_int_equal(disk_config(&disk, 19, 1), 63);
	assert_int_equal(disk_config(&disk, 20, 4), 512);
	assert_int_equal(disk_config(&disk, 24, 1), 3); /* 4 KiB */
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 1);
	assert_int_equal(disk_config(&disk, 33, 1), 0); /* unused0 */
	assert_int_equal(disk_config(&disk, 34, 2), 4);
	assert_int_equal(disk_config(&disk, 57, 1), 0); /* unused1 */
	assert_int_equal(fake_virtio_nr_queues(disk.vdev), 4);
	/* Nothing lies beyond. */
	assert_int_equal(disk_config(&disk, 60, 8), 0);
	assert_int_equal(disk_config(&disk, 4096, 4), 0);
	assert_int_equal(disk_config(&disk, UINT32_MAX, 8), 0);
	disk_close(&disk);
	disk_open(&disk, 1, true);
	bits = virtio_blk_ops.features(fake_virtio_state(disk.vdev));
	assert_int_equal(bits & (BLK_F_RO | BLK_F_MQ | BLK_F_DISCARD), BLK_F_RO);
	disk_close(&disk);
}

/* Section 5.2.5.2 and 5.2.6.2: who cannot flush gets stable writes. */
static void write_back_and_through(void **state)
{
	struct disk disk;
	void *blk;

	(void)state;
	disk_open(&disk, 1, false);
	blk = fake_virtio_state(disk.vdev);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 0);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 0);
	assert_int_equal(disk_write(&disk, 0, "x", 0), S_OK);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 1);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 1);
	virtio_blk_ops.config_write(blk, OFF_WCE, 4, 0);
	virtio_blk_ops.config_write(blk, 0, 8, 1 << 30);
	virtio_blk_ops.config_write(blk, UINT32_MAX, 8, 0);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 1);
	assert_int_equal(disk_config(&disk, 0, 8), SECTORS);
	fake_virtio_reset(disk.vdev);
	fake_virtio_start(disk.vdev, BLK_F_CONFIG_WCE);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 0);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 1);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 0);
	fake_virtio_reset(disk.vdev);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 1);
	fake_virtio_start(disk.vdev, BLK_F_FLUSH);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 0);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 1);
	disk_close(&disk);
}

/* --- requests --- */

static void reads_and_writes(void **state)
{
	uint8_t out[4096], in[4096], raw[512];
	struct disk disk;
	uint32_t written = 0;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	disk_open(&disk, 2, false);
	assert_int_equal(disk_write(&disk, 3, out, sizeof(out)), S_OK);
	assert_int_equal(disk_do(&disk, 1, T_FLUSH, 0, NULL, 0, NULL, 0, &written), S_OK);
	assert_int_equal(written, 1);
	assert_int_equal(pread(disk.fd, raw, 512, 4 * 512), 512);
	assert_memory_equal(raw, out + 512, 512);
	assert_int_equal(disk_do(&disk, 1, T_IN, 3, NULL, 0, in, sizeof(in), &written), S_OK);
	assert_int_equal(written, sizeof(in) + 1);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(disk_do(&disk, 0, T_GET_ID, 0, NULL, 0, in, 20, &written), S_OK);
	assert_int_equal(written, 21);
	assert_memory_equal(in, "SERIAL-7\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(disk_do(&disk, 0, T_GET_ID, 0, NULL, 0, in, 4, NULL), S_OK);
	assert_int_equal(disk_read(&disk, SECTORS - 1, in, 512), S_OK);
	disk_close(&disk);
}

/* The header in three pieces, data in odd ones, data and status in one buffer (2.7.4). */
static void any_layout(void **state)
{
	uint8_t out[1024], in[1025];
	struct header head = { .type = T_OUT, .sector = 8 };
	struct iovec write_iov[] = {
		{ &head, 1 },	  { (char *)&head + 1, 7 }, { (char *)&head + 8, 8 }, { out, 0 },
		{ out, 511 },	  { out + 511, 1 },	    { out + 512, 512 },	      { in, 0 },
		{ in + 1024, 1 },
	};
	struct iovec read_iov[] = { { &head, 16 }, { in, 3 }, { in + 3, 1022 } };
	struct disk disk;
	int chain;

	(void)state;
	memset(out, 0x5c, sizeof(out));
	disk_open(&disk, 1, false);
	in[1024] = UNTOUCHED;
	chain = fake_chain(disk.vdev, 0, write_iov, 7, 2);
	assert_true(fake_virtio_finish(disk.vdev, 0, chain, NULL));
	assert_int_equal(in[1024], S_OK);
	memset(in, UNTOUCHED, sizeof(in));
	head.type = T_IN;
	chain = fake_chain(disk.vdev, 0, read_iov, 1, 2);
	assert_true(fake_virtio_finish(disk.vdev, 0, chain, NULL));
	assert_int_equal(in[1024], S_OK);
	assert_memory_equal(in, out, 1024);
	disk_close(&disk);
}

static void discard_and_zeroes(void **state)
{
	struct segment segs[3] = { { 0, 8, 0 }, { 16, 8, 1 }, { 32, 1, 0 } };
	uint8_t buf[33 * 512], want[33 * 512];
	struct disk disk;

	(void)state;
	memset(want, 0x77, sizeof(want));
	disk_open(&disk, 1, false);
	assert_int_equal(disk_write(&disk, 0, want, sizeof(want)), S_OK);
	assert_int_equal(disk_do(&disk, 0, T_ZEROES, 0, segs, sizeof(segs), NULL, 0, NULL), S_OK);
	memset(want, 0, 8 * 512);
	memset(want + 16 * 512, 0, 8 * 512);
	memset(want + 32 * 512, 0, 512);
	assert_int_equal(disk_read(&disk, 0, buf, sizeof(buf)), S_OK);
	assert_memory_equal(buf, want, sizeof(buf));
	assert_int_equal(disk_range(&disk, T_DISCARD, 0, SECTORS, 0), S_OK);
	assert_int_equal(disk_read(&disk, 0, buf, sizeof(buf)), S_OK);
	/* Unknown flags, and unmap in a discard: 5.2.6.2 */
	assert_int_equal(disk_range(&disk, T_DISCARD, 0, 1, 1), S_UNSUPP);
	assert_int_equal(disk_range(&disk, T_DISCARD, 0, 1, 2), S_UNSUPP);
	assert_int_equal(disk_range(&disk, T_ZEROES, 0, 1, 0x80000000), S_UNSUPP);
	disk_close(&disk);
}

/* A bad range anywhere, and none is touched. */
static void ranges_are_checked_first(void **state)
{
	struct segment segs[2] = { { 0, 8, 0 }, { SECTORS - 1, 2, 0 } };
	struct segment many[BLK_MAX_RANGES + 1];
	uint8_t buf[4096], want[4096];
	struct disk disk;

	(void)state;
	memset(want, 0x33, sizeof(want));
	memset(many, 0, sizeof(many));
	disk_open(&disk, 1, false);
	assert_int_equal(disk_write(&disk, 0, want, sizeof(want)), S_OK);
	assert_int_equal(disk_do(&disk, 0, T_ZEROES, 0, segs, sizeof(segs), NULL, 0, NULL),
			 S_IOERR);
	assert_int_equal(disk_do(&disk, 0, T_DISCARD, 0, segs, 15, NULL, 0, NULL), S_IOERR);
	assert_int_equal(disk_do(&disk, 0, T_DISCARD, 0, NULL, 0, NULL, 0, NULL), S_IOERR);
	assert_int_equal(disk_do(&disk, 0, T_DISCARD, 0, many, sizeof(many), NULL, 0, NULL),
			 S_IOERR);
	assert_int_equal(disk_range(&disk, T_ZEROES, UINT64_MAX, 1, 0), S_IOERR);
	assert_int_equal(disk_range(&disk, T_ZEROES, 1, UINT32_MAX, 0), S_IOERR);
	assert_int_equal(disk_range(&disk, T_ZEROES, UINT64_MAX / 512 + 1, 1, 0), S_IOERR);
	assert_int_equal(disk_read(&disk, 0, buf, sizeof(buf)), S_OK);
	assert_memory_equal(buf, want, sizeof(buf));
	disk_close(&disk);
}

/* Bug class: integer overflow in range checks. */
static void integer_overflow_in_range_checks(void **state)
{
	static const uint64_t bad[] = {
		SECTORS,	  SECTORS + 1,		UINT64_MAX, UINT64_MAX - 7,
		UINT64_MAX / 512, UINT64_MAX / 512 + 1, 1ull << 55, (1ull << 55) + 1,
		INT64_MAX,	  INT64_MAX / 512 + 1,	SECTORS - 1
	};
	uint8_t buf[1024];
	struct disk disk;
	unsigned int i;

	(void)state;
	disk_open(&disk, 1, false);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(disk_read(&disk, bad[i], buf, sizeof(buf)), S_IOERR);
		assert_int_equal(disk_write(&disk, bad[i], buf, sizeof(buf)), S_IOERR);
	}
	assert_int_equal(disk_read(&disk, 0, buf, 511), S_IOERR);
	assert_int_equal(disk_write(&disk, 0, buf, 513), S_IOERR);
	assert_int_equal(lseek(disk.fd, 0, SEEK_END), SECTORS * 512);
	assert_true(disk.stats.queue[0].invalid > 20);
	disk_close(&disk);
}

/* Bug class: the guest's length trusted. A buffer far longer than the disk. */
static void guest_length_trusted(void **state)
{
	size_t len = 64u << 20;
	struct disk disk;
	uint32_t written = 0;
	void *buf = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(buf != MAP_FAILED);
	disk_open(&disk, 1, false);
	assert_int_equal(disk_do(&disk, 0, T_IN, 0, NULL, 0, buf, len, &written), S_IOERR);
	assert_true(written <= len + 1);
	assert_int_equal(disk_write(&disk, 0, buf, len), S_IOERR);
	assert_int_equal(disk_do(&disk, 0, T_GET_ID, 0, NULL, 0, buf, len, NULL), S_OK);
	munmap(buf, len);
	disk_close(&disk);
}

static void read_only_is_read_only(void **state)
{
	uint8_t buf[512] = { 1 };
	struct disk disk;

	(void)state;
	disk_open(&disk, 1, true);
	assert_int_equal(disk_write(&disk, 0, buf, 512), S_IOERR);
	assert_int_equal(disk_range(&disk, T_ZEROES, 0, 1, 0), S_IOERR);
	assert_int_equal(disk_range(&disk, T_DISCARD, 0, 1, 0), S_IOERR);
	assert_int_equal(disk_read(&disk, 0, buf, 512), S_OK);
	assert_int_equal(buf[0], 0);
	assert_int_equal(disk_do(&disk, 0, T_FLUSH, 0, NULL, 0, NULL, 0, NULL), S_OK);
	disk_close(&disk);
}

static void unknown_requests(void **state)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 14, 15, 100, 0x80000000, UINT32_MAX };
	struct disk disk;
	unsigned int i;

	(void)state;
	disk_open(&disk, 1, false);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(disk_do(&disk, 0, types[i], 0, NULL, 0, NULL, 0, NULL), S_UNSUPP);
	disk_close(&disk);
}

/* Headers cut short; chains that leave no room for the answer. */
static void chains_cut_short(void **state)
{
	struct header head = { .type = T_FLUSH };
	uint8_t status = UNTOUCHED;
	struct iovec iov[2] = { { &head, 15 }, { &status, 1 } };
	struct disk disk;
	int chain;

	(void)state;
	disk_open(&disk, 1, false);
	chain = fake_chain(disk.vdev, 0, iov, 1, 1);
	assert_true(fake_virtio_finish(disk.vdev, 0, chain, NULL));
	assert_int_equal(status, S_IOERR);
	chain = fake_chain(disk.vdev, 0, iov + 1, 0, 1);
	assert_true(fake_virtio_finish(disk.vdev, 0, chain, NULL));
	iov[0].iov_len = 16;
	iov[1].iov_len = 0;
	fake_chain(disk.vdev, 0, iov, 1, 1);
	fake_virtio_kick(disk.vdev, 0);
	assert_non_null(strstr(fake_virtio_why(disk.vdev), "status"));
	fake_virtio_reset(disk.vdev);
	fake_virtio_start(disk.vdev, EVERYTHING);
	assert_int_equal(disk_do(&disk, 0, T_FLUSH, 0, NULL, 0, NULL, 0, NULL), S_OK);
	disk_close(&disk);
}

/* Bug class: unbounded work queued by the guest. More chains than the device takes at once. */
static void more_than_fit_in_flight(void **state)
{
	static struct header head[FAKE_MAX_CHAINS];
	static uint8_t status[FAKE_MAX_CHAINS], buf[FAKE_MAX_CHAINS][512];
	struct disk disk;
	int i;

	(void)state;
	disk_open(&disk, 1, false);
	for (i = 0; i < FAKE_MAX_CHAINS; i++) {
		struct iovec iov[] = { { &head[i], 16 }, { buf[i], 512 }, { &status[i], 1 } };

		head[i] = (struct header){ .type = T_IN, .sector = (uint64_t)i };
		status[i] = UNTOUCHED;
		assert_int_equal(fake_chain(disk.vdev, 0, iov, 1, 2), i);
	}
	fake_virtio_kick(disk.vdev, 0);
	for (i = 0; i < FAKE_MAX_CHAINS; i++) {
		while (!fake_chain_done(disk.vdev, 0, i, NULL)) {
			assert_true(disk.stats.queue[0].in_flight <= BLK_DEPTH);
			assert_true(fake_virtio_turn(disk.vdev, 60000));
		}
		assert_int_equal(status[i], S_OK);
	}
	assert_int_equal(disk.stats.queue[0].in_flight, 0);
	disk_close(&disk);
}

/* Bug class: use after free on asynchronous completion and reset. The device must be done with
 * guest memory when reset returns: it is unmapped here. */
static void reset_drains_what_is_in_flight(void **state)
{
	size_t len = 256 * 512;
	struct disk disk;
	int round, i;

	(void)state;
	disk_open(&disk, 1, false);
	for (round = 0; round < 20; round++) {
		uint8_t *ram = mmap(NULL, len + 65536, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert_true(ram != MAP_FAILED);
		for (i = 0; i < 200; i++) {
			struct header *head = (struct header *)(ram + len + i * 32);
			struct iovec iov[] = { { head, 16 },
					       { ram + i * 512, 512 },
					       { (uint8_t *)head + 31, 1 } };

			*head = (struct header){ .type = T_IN, .sector = (uint64_t)i };
			fake_chain(disk.vdev, 0, iov, 1, 2);
		}
		fake_virtio_kick(disk.vdev, 0);
		fake_virtio_reset(disk.vdev);
		munmap(ram, len + 65536);
		assert_false(fake_virtio_turn(disk.vdev, 0));
		fake_virtio_start(disk.vdev, EVERYTHING);
	}
	assert_int_equal(disk_do(&disk, 0, T_FLUSH, 0, NULL, 0, NULL, 0, NULL), S_OK);
	disk_close(&disk);
}

static void save_and_load(void **state)
{
	struct dev_state_in in = { 0 };
	struct buf buf = BUF_INIT;
	struct disk disk;
	void *blk;

	(void)state;
	disk_open(&disk, 1, false);
	blk = fake_virtio_state(disk.vdev);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 0);
	virtio_blk_ops.save(blk, &buf);
	virtio_blk_ops.config_write(blk, OFF_WCE, 1, 1);
	in.data = (const uint8_t *)buf.data;
	in.len = buf.len;
	assert_int_equal(virtio_blk_ops.load(blk, &in, NULL), 0);
	assert_int_equal(disk_config(&disk, OFF_WCE, 1), 0);
	for (in.len = 0; in.len < buf.len; in.len++) {
		in.pos = 0;
		in.failed = false;
		assert_int_equal(virtio_blk_ops.load(blk, &in, NULL), -EINVAL);
	}
	buf.data[0] ^= 1; /* another size */
	in = (struct dev_state_in){ .data = (const uint8_t *)buf.data, .len = buf.len };
	assert_int_equal(virtio_blk_ops.load(blk, &in, NULL), -EINVAL);
	buf_free(&buf);
	disk_close(&disk);
}

static void rows(void **state)
{
	struct sample_row row[16];
	struct dev_rows out = { .row = row, .max = 16, .device = "disk0" };
	struct disk disk;

	(void)state;
	disk_open(&disk, 1, false);
	disk_write(&disk, 0, row, 1024);
	virtio_blk_ops.describe(fake_virtio_state(disk.vdev), &out);
	assert_int_equal(out.nr, 7);
	assert_string_equal(row[0].label, "image");
	assert_string_equal(row[0].value, disk.path);
	assert_string_equal(row[1].value, "raw, 1M, writable");
	assert_non_null(strstr(row[4].value, "1 write"));
	disk_close(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(write_back_and_through),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(any_layout),
		cmocka_unit_test(discard_and_zeroes),
		cmocka_unit_test(ranges_are_checked_first),
		cmocka_unit_test(integer_overflow_in_range_checks),
		cmocka_unit_test(guest_length_trusted),
		cmocka_unit_test(read_only_is_read_only),
		cmocka_unit_test(unknown_requests),
		cmocka_unit_test(chains_cut_short),
		cmocka_unit_test(more_than_fit_in_flight),
		cmocka_unit_test(reset_drains_what_is_in_flight),
		cmocka_unit_test(save_and_load),
		cmocka_unit_test(rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
