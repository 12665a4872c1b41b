/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk images: both engines, O_DIRECT, locks, guessed formats, qemu-nbd, bad files, --disk values.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/block/block.h"
#include "vmm/block/probe.h"
#include "vmm/virtio/blk.h"

#define TEST_DEPTH   64
#define TEST_WAIT_MS 60000
#define TEST_SIZE    (4u << 20)

static char test_dir[64];

/* --- a loop with one descriptor --- */

struct test_loop {
	int fd;
	uint32_t events;
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

static int test_watch(void *ctx, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events),
		      void *arg, struct err *err)
{
	struct test_loop *loop = ctx;

	(void)err;
	*loop = (struct test_loop){ .fd = fd, .events = events, .fn = fn, .arg = arg };
	return 0;
}

struct test_disk {
	struct block *block;
	struct block_queue *queue;
	struct test_loop loop;
};

static int test_open(struct test_disk *disk, const struct block_config *config, struct err *err)
{
	struct block_loop loop = { .ctx = &disk->loop, .watch = test_watch };
	int ret = block_open(config, &disk->block, err);

	if (ret == 0)
		assert_int_equal(
			block_queue_open(disk->block, TEST_DEPTH, &loop, &disk->queue, err), 0);
	return ret;
}

static void test_close(struct test_disk *disk)
{
	block_queue_close(disk->queue);
	block_close(disk->block);
}

struct test_req {
	struct block_req block; /* first */
	struct iovec iov[8];
	bool done;
	int result;
};

static void test_done(struct block_req *block, int result)
{
	struct test_req *req = (struct test_req *)block;

	assert_false(req->done);
	req->done = true;
	req->result = result;
}

static void test_submit(struct test_disk *disk, struct test_req *req)
{
	req->done = false;
	req->block.done = test_done;
	req->block.iov = req->iov;
	block_submit(disk->queue, &req->block);
	assert_false(req->done);
}

static int test_wait(struct test_disk *disk, struct test_req *req)
{
	block_commit(disk->queue);
	while (!req->done) {
		struct pollfd pfd = { .fd = disk->loop.fd,
				      .events = (short)(disk->loop.events & (EPOLLIN | EPOLLOUT)) };

		assert_true(poll(&pfd, 1, TEST_WAIT_MS) > 0);
		disk->loop.fn(disk->loop.arg, (uint32_t)pfd.revents);
	}
	return req->result;
}

static int test_op(struct test_disk *disk, enum block_op op, unsigned int flags, uint64_t off,
		   uint64_t len)
{
	struct test_req req = {
		.block = { .op = op, .flags = flags, .off = off, .len = len },
	};

	test_submit(disk, &req);
	return test_wait(disk, &req);
}

/* One buffer, cut at CUT into two. */
static int test_io(struct test_disk *disk, bool write, uint64_t off, void *buf, size_t len,
		   size_t cut)
{
	struct test_req req = {
		.block = { .op = write ? BLOCK_WRITE : BLOCK_READ, .off = off, .len = len },
		.iov = { { buf, cut }, { (char *)buf + cut, len - cut } },
	};

	req.block.nr_iov = 2;
	test_submit(disk, &req);
	return test_wait(disk, &req);
}

/* --- files --- */

static const char *test_path(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", test_dir, name);
	return out;
}

static void test_fill(uint8_t *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = (uint8_t)(seed >> 24);
	}
}

static void test_make(const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void test_put(const char *path, size_t at, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
	close(fd);
}

static uint64_t test_blocks(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks;
}

static int test_set_up(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(test_dir, sizeof(test_dir), "%s/test-block-XXXXXX", base && *base ? base : "/tmp");
	return mkdtemp(test_dir) ? 0 : -1;
}

static int test_tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", test_dir);
	return system(command);
}

/* --- raw --- */

static void test_rewrite(struct test_disk *disk, const char *path)
{
	static uint8_t out[300 << 10], in[sizeof(out)];
	size_t len = sizeof(out), i;

	test_fill(out, len, 1);
	assert_int_equal(test_io(disk, true, 512, out, len, 1000), 0);
	assert_int_equal(test_op(disk, BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(test_io(disk, false, 512, in, len, 7), 0);
	assert_memory_equal(in, out, len);
	/* Zeroes, with and without room given back; a discard is a hint. */
	assert_int_equal(test_op(disk, BLOCK_ZEROES, 0, 4096, 8192), 0);
	assert_int_equal(test_op(disk, BLOCK_ZEROES, BLOCK_UNMAP | BLOCK_FUA, 16384, 65536), 0);
	assert_int_equal(test_io(disk, false, 512, in, len, 3000), 0);
	memset(out + 4096 - 512, 0, 8192);
	memset(out + 16384 - 512, 0, 65536);
	assert_memory_equal(in, out, len);
	assert_int_equal(test_op(disk, BLOCK_DISCARD, 0, 0, block_info(disk->block)->size), 0);
	assert_true(test_blocks(path) < 16);
	assert_int_equal(test_io(disk, false, 512, in, len, 512), 0);
	for (i = 0; i < len; i++)
		assert_int_equal(in[i], 0);
	assert_int_equal(test_io(disk, false, 512, in, 0, 0), 0);
}

static void test_raw_engine(bool threads)
{
	const char *path = test_path("raw");
	struct block_config config = { .path = path, .format = "raw", .threads = threads };
	enum block_cache cache;
	struct test_disk disk;

	test_make(path, TEST_SIZE);
	for (cache = BLOCK_CACHE_WRITEBACK; cache < BLOCK_NR_CACHES; cache++) {
		struct err err = ERR_INIT;

		config.cache = cache;
		if (test_open(&disk, &config, &err) < 0) {
			/* Not every file system has it; then one line says so. */
			if (!strstr(err.text, "O_DIRECT"))
				fail_msg("%s", err.text);
			continue;
		}
		if (threads)
			assert_string_equal(block_info(disk.block)->engine, "threads");
		assert_int_equal(block_info(disk.block)->size, TEST_SIZE);
		test_rewrite(&disk, path);
		test_close(&disk);
	}
}

static void raw_by_io_uring(void **state)
{
	(void)state;
	test_raw_engine(false);
}

static void raw_by_threads(void **state)
{
	(void)state;
	test_raw_engine(true);
}

/* More requests at once than there are bounce buffers, all with odd buffers. */
static void raw_many_at_once(void **state)
{
	const char *path = test_path("many");
	struct block_config config = { .path = path, .cache = BLOCK_CACHE_NONE };
	static struct test_req req[TEST_DEPTH];
	static uint8_t buf[TEST_DEPTH][8192 + 1], in[8192];
	struct test_disk disk;
	unsigned int i;

	(void)state;
	test_make(path, TEST_DEPTH * 8192);
	if (test_open(&disk, &config, NULL) < 0) {
		config.cache = BLOCK_CACHE_WRITEBACK;
		assert_int_equal(test_open(&disk, &config, NULL), 0);
	}
	for (i = 0; i < TEST_DEPTH; i++) {
		test_fill(buf[i], 8192 + 1, i);
		req[i] = (struct test_req){
			.block = { .op = BLOCK_WRITE, .off = i * 8192, .len = 8192, .nr_iov = 2 },
			.iov = { { buf[i] + 1, 1 }, { buf[i] + 2, 8191 } },
		};
		test_submit(&disk, &req[i]);
	}
	for (i = 0; i < TEST_DEPTH; i++)
		assert_int_equal(test_wait(&disk, &req[i]), 0);
	for (i = 0; i < TEST_DEPTH; i++) {
		assert_int_equal(test_io(&disk, false, i * 8192, in, 8192, 8192), 0);
		assert_memory_equal(in, buf[i] + 1, 8192);
	}
	/* What is under way when a queue closes is waited for. */
	for (i = 0; i < TEST_DEPTH; i++)
		test_submit(&disk, &req[i]);
	test_close(&disk);
	for (i = 0; i < TEST_DEPTH; i++)
		assert_true(req[i].done);
}

/* A last sector that is not whole: zeroes follow the file's end, and it grows no further. */
static void raw_odd_size(void **state)
{
	const char *path = test_path("odd");
	struct block_config config = { .path = path, .format = "raw" };
	uint8_t buf[2048], want[2048] = { 0 };
	struct test_disk disk;
	struct stat st;

	(void)state;
	test_make(path, 0);
	test_fill(want, 1300, 9);
	test_put(path, 0, want, 1300);
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_int_equal(block_info(disk.block)->size, 1536);
	assert_int_equal(test_io(&disk, false, 0, buf, 1536, 1400), 0);
	assert_memory_equal(buf, want, 1536);
	assert_int_equal(test_io(&disk, true, 1024, buf, 512, 100), 0);
	test_close(&disk);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 1536);
}

static void raw_shrunk_below_us(void **state)
{
	const char *path = test_path("shrunk");
	struct block_config config = { .path = path, .format = "raw" };
	struct test_disk disk;
	uint8_t buf[4096];

	(void)state;
	test_make(path, 1 << 20);
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(test_io(&disk, false, 8192, buf, 4096, 512), -EIO);
	test_close(&disk);
}

/* --- who may have it --- */

static int test_try(const char *path, const char *format, bool read_only, struct err *err)
{
	struct block_config config = { .path = path, .format = format, .read_only = read_only };
	struct block *block;
	int ret = block_open(&config, &block, err);

	if (ret == 0)
		block_close(block);
	return ret;
}

static void test_locking(const char *path, const char *format)
{
	struct block_config config = { .path = path, .format = format };
	struct block *one, *two;
	struct err err = ERR_INIT;

	assert_int_equal(block_open(&config, &one, NULL), 0);
	assert_int_equal(test_try(path, format, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(test_try(path, format, true, NULL), -EBUSY);
	block_close(one);
	config.read_only = true;
	assert_int_equal(block_open(&config, &one, NULL), 0);
	assert_int_equal(block_open(&config, &two, NULL), 0);
	assert_int_equal(test_try(path, format, false, NULL), -EBUSY);
	block_close(one);
	block_close(two);
	assert_int_equal(test_try(path, format, false, NULL), 0);
}

static void locks(void **state)
{
	(void)state;
	test_make(test_path("locked"), 1 << 20);
	test_locking(test_path("locked"), "raw");
}

static bool test_have(const char *program)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

static int test_sh(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* Somebody holds QEMU's lock of a writer; asking takes none. */
static bool test_written_by_qemu(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1 };
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

/* QEMU's programs refuse what we have, and we what they have. */
static void locks_of_qemu(void **state)
{
	const char *path = test_path("shared");
	struct block_config config = { .path = path, .format = "raw" };
	struct block *block;
	char command[256];
	int tries;
	FILE *io;

	(void)state;
	if (!test_have("qemu-io"))
		skip();
	test_make(path, 1 << 20);
	assert_int_equal(block_open(&config, &block, NULL), 0);
	assert_int_not_equal(test_sh("qemu-io -f raw -c quit %s >/dev/null 2>&1", path), 0);
	block_close(block);
	config.read_only = true;
	assert_int_equal(block_open(&config, &block, NULL), 0);
	assert_int_equal(test_sh("qemu-io -r -f raw -c quit %s >/dev/null 2>&1", path), 0);
	assert_int_not_equal(test_sh("qemu-io -f raw -c quit %s >/dev/null 2>&1", path), 0);
	block_close(block);
	snprintf(command, sizeof(command), "exec qemu-io -f raw %s >/dev/null 2>&1", path);
	io = popen(command, "w");
	assert_non_null(io);
	/* It may take its time to start. */
	for (tries = 0; tries < 3000 && !test_written_by_qemu(path); tries++)
		usleep(10000);
	assert_int_equal(test_try(path, "raw", false, NULL), -EBUSY);
	pclose(io);
	assert_int_equal(test_try(path, "raw", false, NULL), 0);
}

/* --- formats --- */

static const char qcow2_head[80] = "QFI\xfb\0\0\0\3";

static void formats_by_first_bytes(void **state)
{
	uint8_t head[PROBE_LEN] = { 0 };
	struct probe probe;

	(void)state;
	probe_header(head, sizeof(head), &probe);
	assert_string_equal(probe.format, "raw");
	memcpy(head, qcow2_head, sizeof(qcow2_head));
	probe_header(head, sizeof(head), &probe);
	assert_string_equal(probe.format, "qcow2");
	assert_false(probe.refers);
	head[15] = 104; /* a backing file's name at that offset */
	probe_header(head, sizeof(head), &probe);
	assert_true(probe.refers);
	head[15] = 0;
	head[79] = 4; /* data in another file */
	probe_header(head, sizeof(head), &probe);
	assert_true(probe.refers);
	probe_header(head, 20, &probe); /* cut short: nothing is known, so nothing is allowed */
	assert_true(probe.refers);
	probe_header(head, 3, &probe);
	assert_string_equal(probe.format, "raw");
	memcpy(head, "# Disk DescriptorFile", 21);
	probe_header(head, sizeof(head), &probe);
	assert_string_equal(probe.format, "vmdk");
	assert_true(probe.refers);
}

/* The guest of a raw disk writes itself a qcow2 header: not where the format was a guess. */
static void guests_do_not_choose_formats(void **state)
{
	const char *path = test_path("guessed");
	struct block_config config = { .path = path };
	static uint8_t buf[4096], in[4096];
	struct test_disk disk;

	(void)state;
	test_make(path, 1 << 20);
	memcpy(buf, qcow2_head, sizeof(qcow2_head));
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_string_equal(block_info(disk.block)->format, "raw");
	assert_int_equal(test_io(&disk, true, 0, buf, 4096, 2), -EPERM);
	assert_int_equal(test_io(&disk, false, 0, in, 4096, 4096), 0);
	assert_int_equal(in[0], 0);
	assert_int_equal(test_io(&disk, true, 512, buf, 4096, 2), 0);
	memcpy(buf, "boot", 4);
	assert_int_equal(test_io(&disk, true, 0, buf, 4096, 2), 0);
	test_close(&disk);
	/* Raw is raw where the user says so. */
	memcpy(buf, qcow2_head, sizeof(qcow2_head));
	config.format = "raw";
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_int_equal(test_io(&disk, true, 0, buf, 4096, 2), 0);
	test_close(&disk);
}

/* A header that leads to a file of the host is not followed on its own word. */
static void headers_lead_nowhere(void **state)
{
	const char *path = test_path("leads");
	struct err err = ERR_INIT;
	char head[512] = { 0 };

	(void)state;
	test_make(path, 1 << 20);
	memcpy(head, qcow2_head, sizeof(qcow2_head));
	head[15] = 104;
	head[19] = 11;
	memcpy(head + 104, "/etc/passwd", 11);
	test_put(path, 0, head, sizeof(head));
	assert_int_equal(test_try(path, NULL, true, &err), -EPERM);
	assert_non_null(strstr(err.text, "format="));
	assert_null(strchr(err.text, '\n'));
	assert_int_equal(test_try(path, "raw", true, NULL), 0);
}

static void bad_files(void **state)
{
	static const char *const bad[] = { "missing", ".", "empty", "fifo" };
	struct err err = ERR_INIT;
	unsigned int i;

	(void)state;
	test_make(test_path("empty"), 0);
	assert_int_equal(mkfifo(test_path("fifo"), 0600), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct err)ERR_INIT;
		assert_true(test_try(test_path(bad[i]), NULL, true, &err) < 0);
		assert_non_null(strstr(err.text, bad[i]));
		assert_null(strchr(err.text, '\n'));
		assert_true(test_try(test_path(bad[i]), "raw", i > 1, NULL) < 0);
	}
	assert_int_equal(test_try(test_path("empty"), "qcow3", true, &err), -EINVAL);
}

/* --- qemu-nbd --- */

static void formats_by_qemu_nbd(void **state)
{
	const char *path = test_path("disk.qcow2");
	struct block_config config = { .path = path };
	static uint8_t out[300 << 10], in[sizeof(out)];
	struct err err = ERR_INIT;
	struct test_disk disk;

	(void)state;
	if (!test_have("qemu-nbd") || !test_have("qemu-img"))
		skip();
	assert_int_equal(test_sh("qemu-img create -q -f qcow2 %s 8M", path), 0);
	if (test_open(&disk, &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(block_info(disk.block)->format, "qcow2");
	assert_int_equal(block_info(disk.block)->size, 8 << 20);
	test_fill(out, sizeof(out), 3);
	assert_int_equal(test_io(&disk, true, 65536 - 512, out, sizeof(out), 999), 0);
	assert_int_equal(test_op(&disk, BLOCK_ZEROES, BLOCK_FUA, 65536, 4096), 0);
	memset(out + 512, 0, 4096);
	assert_int_equal(test_op(&disk, BLOCK_DISCARD, 0, 4 << 20, 1 << 20), 0);
	assert_int_equal(test_op(&disk, BLOCK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(test_io(&disk, false, 65536 - 512, in, sizeof(in), 4097), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(test_try(path, NULL, false, &err), -EBUSY);
	assert_int_equal(test_io(&disk, false, 0, in, 0, 0), 0);
	test_close(&disk);
	assert_int_equal(test_sh("qemu-img check -q %s", path), 0);
	config.read_only = true;
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_int_equal(test_io(&disk, false, 65536 - 512, in, sizeof(in), 1), 0);
	assert_memory_equal(in, out, sizeof(in));
	test_close(&disk);
}

static void damaged_qcow2(void **state)
{
	const char *path = test_path("damaged.qcow2");
	struct err err = ERR_INIT;

	(void)state;
	if (!test_have("qemu-nbd"))
		skip();
	test_make(path, 1 << 16);
	test_put(path, 0, qcow2_head, sizeof(qcow2_head));
	assert_true(test_try(path, NULL, false, &err) < 0);
	assert_non_null(strstr(err.text, path));
	if (!strstr(err.text, "qemu-nbd"))
		fail_msg("%s", err.text);
	assert_null(strchr(err.text, '\n'));
}

/* The server dies under requests: they fail, and so do later ones; nothing hangs. */
static void server_dies(void **state)
{
	const char *path = test_path("dies.qcow2");
	struct block_config config = { .path = path };
	static uint8_t buf[65536];
	struct test_disk disk;
	int i;

	(void)state;
	if (!test_have("qemu-nbd") || !test_have("qemu-img"))
		skip();
	assert_int_equal(test_sh("qemu-img create -q -f qcow2 %s 8M", path), 0);
	assert_int_equal(test_open(&disk, &config, NULL), 0);
	assert_int_equal(test_io(&disk, true, 0, buf, sizeof(buf), 1), 0);
	assert_int_equal(test_sh("pkill -KILL -P %d qemu-nbd", (int)getpid()), 0);
	for (i = 0; i < 5; i++)
		assert_int_not_equal(test_io(&disk, true, 0, buf, sizeof(buf), 1), 0);
	test_close(&disk);
}

/* --- --disk --- */

/* What an option makes lives as long as the process: kept, so that it is no leak. */
static struct pci_plug kept[3];

static const struct blk_config *test_parse(const char *val, struct pci_plug *plug)
{
	struct err err = ERR_INIT;

	if (blk_parse_disk(val, plug, &err) < 0)
		fail_msg("%s", err.text);
	return blk_of_plug(plug);
}

static void disk_options(void **state)
{
	static const char *const bad[] = {
		"",
		",ro",
		"f,cache=fast",
		"f,format=",
		"f,format=zip",
		"f,queues=0",
		"f,queues=17",
		"f,serial=123456789012345678901",
		"f,bus=ata",
		"f,id=a b",
		"f,ro=1",
		"f,chache=none",
		"f,",
		"f,bus=scsi",
		"f,id=a234567890123456",
	};
	const struct blk_config *cfg;
	struct pci_plug plug = { 0 };
	struct err err = ERR_INIT;
	unsigned int i;

	(void)state;
	cfg = test_parse("a,,b.img", &kept[0]);
	assert_string_equal(cfg->image.path, "a,b.img");
	assert_null(cfg->image.format);
	assert_null(kept[0].name);
	cfg = test_parse("x,ro,format=qcow2,cache=none,serial=S1,queues=4,id=root,bus=virtio",
			 &kept[1]);
	assert_true(cfg->image.read_only);
	assert_string_equal(cfg->image.format, "qcow2");
	assert_int_equal(cfg->image.cache, BLOCK_CACHE_NONE);
	assert_string_equal(cfg->serial, "S1");
	assert_int_equal(cfg->nr_queues, 4);
	assert_string_equal(kept[1].name, "root");
	assert_int_equal(blk_parse_cdrom("cd.iso", &kept[2], NULL), 0);
	assert_true(blk_of_plug(&kept[2])->image.read_only);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(blk_parse_disk(bad[i], &plug, &err), -EINVAL);
		assert_int_equal(strncmp(err.text, "--disk ", 7), 0);
	}
	blk_parse_disk("f,chache=none", &plug, &err);
	assert_non_null(strstr(err.text, "did you mean cache"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_by_io_uring),
		cmocka_unit_test(raw_by_threads),
		cmocka_unit_test(raw_many_at_once),
		cmocka_unit_test(raw_odd_size),
		cmocka_unit_test(raw_shrunk_below_us),
		cmocka_unit_test(locks),
		cmocka_unit_test(locks_of_qemu),
		cmocka_unit_test(formats_by_first_bytes),
		cmocka_unit_test(guests_do_not_choose_formats),
		cmocka_unit_test(headers_lead_nowhere),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(formats_by_qemu_nbd),
		cmocka_unit_test(damaged_qcow2),
		cmocka_unit_test(server_dies),
		cmocka_unit_test(disk_options),
	};

	return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
