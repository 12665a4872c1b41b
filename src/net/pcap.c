/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures: see pcap.h. The format is that of draft-ietf-opsawg-pcapng, sections 4.1 to 4.3. */
#include "net/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "net/net.h"

#define PCAP_BLOCK_SECTION   0x0a0d0d0au
#define PCAP_BLOCK_INTERFACE 1u
#define PCAP_BLOCK_PACKET    6u
#define PCAP_MAGIC	     0x1a2b3c4du
#define PCAP_LINK_ETHERNET   1u
#define PCAP_OPT_USERAPPL    4u
#define PCAP_OPT_NAME	     2u
#define PCAP_OPT_TSRESOL     9u
#define PCAP_OPT_FLAGS	     2u
#define PCAP_WAIT_MS	     200
#define PCAP_BLOCK_MAX	     (NET_FRAME_MAX + 128)

struct pcap {
	pthread_mutex_t lock; /* fd, block */
	int fd;		      /* -1: over */
	struct buf block;
	char path[64]; /* for messages */
	atomic_ulong frames;
};

static void pcap_put32(struct buf *buf, uint32_t val)
{
	buf_add(buf, &val, sizeof(val));
}

static void pcap_pad(struct buf *buf)
{
	while (!buf->failed && buf->len % 4)
		buf_addc(buf, '\0');
}

static void pcap_option(struct buf *buf, uint16_t code, const void *data, size_t len)
{
	uint16_t head[2] = { code, (uint16_t)len };

	buf_add(buf, head, sizeof(head));
	buf_add(buf, data, len);
	pcap_pad(buf);
}

/* What a block holds is in BUF behind 8 free bytes: the type and the length, here and at the end.
 */
static void pcap_end_block(struct buf *buf, size_t start, uint32_t type)
{
	uint32_t len;

	pcap_pad(buf);
	len = (uint32_t)(buf->len - start + 4);
	pcap_put32(buf, len);
	if (buf->failed)
		return;
	memcpy(buf->data + start, &type, 4);
	memcpy(buf->data + start + 4, &len, 4);
}

static void pcap_add_section(struct buf *buf)
{
	static const char program[] = "vitrine " PACKAGE_VERSION;
	size_t start = buf->len;
	uint16_t version[2] = { 1, 0 };
	int64_t unknown = -1;

	pcap_put32(buf, 0);
	pcap_put32(buf, 0);
	pcap_put32(buf, PCAP_MAGIC);
	buf_add(buf, version, sizeof(version));
	buf_add(buf, &unknown, sizeof(unknown));
	pcap_option(buf, PCAP_OPT_USERAPPL, program, sizeof(program) - 1);
	pcap_put32(buf, 0);
	pcap_end_block(buf, start, PCAP_BLOCK_SECTION);
}

static void pcap_add_interface(struct buf *buf, const char *name)
{
	size_t start = buf->len;
	uint16_t link[2] = { PCAP_LINK_ETHERNET, 0 };
	uint8_t nanoseconds = 9;

	pcap_put32(buf, 0);
	pcap_put32(buf, 0);
	buf_add(buf, link, sizeof(link));
	pcap_put32(buf, 0); /* frames are whole */
	pcap_option(buf, PCAP_OPT_NAME, name, strlen(name));
	pcap_option(buf, PCAP_OPT_TSRESOL, &nanoseconds, 1);
	pcap_put32(buf, 0);
	pcap_end_block(buf, start, PCAP_BLOCK_INTERFACE);
}

static void pcap_add_packet(struct buf *buf, bool outbound, uint64_t real_ns,
			    const struct iovec *iov, unsigned int nr, size_t len)
{
	size_t start = buf->len, left = len, part;
	uint32_t flags = outbound ? 2 : 1;
	unsigned int i;

	pcap_put32(buf, 0);
	pcap_put32(buf, 0);
	pcap_put32(buf, 0); /* the interface */
	pcap_put32(buf, (uint32_t)(real_ns >> 32));
	pcap_put32(buf, (uint32_t)real_ns);
	pcap_put32(buf, (uint32_t)len);
	pcap_put32(buf, (uint32_t)len);
	for (i = 0; i < nr && left; i++, left -= part) {
		part = iov[i].iov_len < left ? iov[i].iov_len : left;
		buf_add(buf, iov[i].iov_base, part);
	}
	pcap_pad(buf);
	pcap_option(buf, PCAP_OPT_FLAGS, &flags, 4);
	pcap_put32(buf, 0);
	pcap_end_block(buf, start, PCAP_BLOCK_PACKET);
}

/* A reader of a pipe gets that long: a guest's network must not hang on one. */
static bool pcap_patient(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	return poll(&poll_fd, 1, PCAP_WAIT_MS) > 0;
}

static int pcap_flush(struct pcap *pcap)
{
	size_t done = 0;
	ssize_t n;

	if (pcap->block.failed)
		return -ENOMEM;
	while (done < pcap->block.len) {
		n = write(pcap->fd, pcap->block.data + done, pcap->block.len - done);
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && pcap_patient(pcap->fd))))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int pcap_open(const char *path, const char *name, struct pcap **out, struct err *err)
{
	struct pcap *pcap = calloc(1, sizeof(*pcap));
	int ret;

	if (!pcap)
		return err_sys(err, ENOMEM, "pcap");
	pthread_mutex_init(&pcap->lock, NULL);
	buf_init(&pcap->block, PCAP_BLOCK_MAX);
	strncpy(pcap->path, path, sizeof(pcap->path) - 1);
	/* A pipe nobody reads is refused instead of waited for. */
	pcap->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
	if (pcap->fd < 0) {
		ret = err_sys(err, errno, "pcap=%s", path);
		pcap_close(pcap);
		return ret;
	}
	pcap_add_section(&pcap->block);
	pcap_add_interface(&pcap->block, name);
	ret = pcap_flush(pcap);
	if (ret < 0) {
		err_sys(err, -ret, "pcap=%s", path);
		pcap_close(pcap);
		return ret;
	}
	*out = pcap;
	return 0;
}

void pcap_write(struct pcap *pcap, bool outbound, uint64_t real_ns, const struct iovec *iov,
		unsigned int nr, size_t len)
{
	int ret;

	pthread_mutex_lock(&pcap->lock);
	if (pcap->fd >= 0) {
		buf_clear(&pcap->block);
		pcap_add_packet(&pcap->block, outbound, real_ns, iov, nr, len);
		ret = pcap_flush(pcap);
		if (ret < 0) {
			log_line("pcap=%s: %s; the capture ends here", pcap->path, strerror(-ret));
			close(pcap->fd);
			pcap->fd = -1;
		} else {
			atomic_fetch_add(&pcap->frames, 1);
		}
	}
	pthread_mutex_unlock(&pcap->lock);
}

void pcap_close(struct pcap *pcap)
{
	if (!pcap)
		return;
	if (pcap->fd >= 0)
		close(pcap->fd);
	buf_free(&pcap->block);
	pthread_mutex_destroy(&pcap->lock);
	free(pcap);
}

uint64_t pcap_frames(const struct pcap *pcap)
{
	return atomic_load(&pcap->frames);
}
