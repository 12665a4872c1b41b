/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A load for a disk, run inside a guest: diskload DEVICE SECONDS. Random 4 KiB reads with one and
 * with 32 requests in flight, then sequential writes of 256 KiB, four in flight, past the page
 * cache. For each a line "LOAD name" when it begins and "DONE name requests milliseconds".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOAD_MAX_DEPTH 32
#define LOAD_MAX_LEN   (256u << 10)

struct load {
	const char *name;
	unsigned int depth;
	uint32_t len;
	int write, random;
};

static const struct load loads[] = {
	{ "randread-qd1", 1, 4096, 0, 1 },
	{ "randread-qd32", 32, 4096, 0, 1 },
	{ "seqwrite", 4, LOAD_MAX_LEN, 1, 0 },
};

static uint64_t load_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t load_next(const struct load *load, uint64_t size, uint64_t *state)
{
	if (!load->random) {
		uint64_t at = *state % (size / load->len);

		*state += 1;
		return at * load->len;
	}
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % (size / load->len) * load->len;
}

static int load_submit(aio_context_t ctx, int fd, const struct load *load, struct iocb *cb,
		       char *buf, uint64_t off)
{
	memset(cb, 0, sizeof(*cb));
	cb->aio_fildes = (uint32_t)fd;
	cb->aio_lio_opcode = load->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	cb->aio_buf = (uintptr_t)buf;
	cb->aio_nbytes = load->len;
	cb->aio_offset = (int64_t)off;
	cb->aio_data = (uintptr_t)buf;
	return syscall(SYS_io_submit, ctx, 1, &cb) == 1 ? 0 : -1;
}

static int load_run(int fd, const struct load *load, uint64_t size, unsigned int seconds,
		    char *bufs)
{
	static struct iocb cb[LOAD_MAX_DEPTH];
	uint64_t state = load->random ? 0x9e3779b97f4a7c15ull : 0, done = 0, start, now;
	struct io_event ev[LOAD_MAX_DEPTH];
	aio_context_t ctx = 0;
	unsigned int i;
	long n;

	if (syscall(SYS_io_setup, load->depth, &ctx) != 0)
		return -1;
	printf("LOAD %s\n", load->name);
	start = now = load_now_ms();
	for (i = 0; i < load->depth; i++)
		load_submit(ctx, fd, load, &cb[i], bufs + (size_t)i * LOAD_MAX_LEN,
			    load_next(load, size, &state));
	while (now - start < seconds * 1000ull) {
		n = syscall(SYS_io_getevents, ctx, 1, load->depth, ev, NULL);
		for (i = 0; (long)i < n; i++) {
			struct iocb *back = (struct iocb *)(uintptr_t)ev[i].obj;

			if (ev[i].res != (int64_t)load->len)
				return -1;
			done++;
			load_submit(ctx, fd, load, back, (char *)(uintptr_t)ev[i].data,
				    load_next(load, size, &state));
		}
		now = load_now_ms();
	}
	printf("DONE %s %llu %llu\n", load->name, (unsigned long long)done,
	       (unsigned long long)(now - start));
	syscall(SYS_io_destroy, ctx);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t size = 0;
	char *bufs;
	size_t i;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = argc == 3 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
	bufs = aligned_alloc(4096, LOAD_MAX_DEPTH * LOAD_MAX_LEN);
	if (fd < 0 || !bufs || ioctl(fd, BLKGETSIZE64, &size) != 0) {
		fprintf(stderr, "usage: diskload DEVICE SECONDS: %s\n", strerror(errno));
		return 2;
	}
	memset(bufs, 0x5a, LOAD_MAX_DEPTH * LOAD_MAX_LEN);
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (load_run(fd, &loads[i], size, (unsigned int)atoi(argv[2]), bufs) < 0)
			return 1;
	}
	return 0;
}
