/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-blk (virtio 1.2, section 5.2.6). The header and the ranges
 * are copied out of guest memory once, and only the copies are looked at.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "vmm/virtio/blk-priv.h"

enum blk_type {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13,
};

enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

#define BLK_RANGE_UNMAP 1u
#define BLK_MAX_CLEAR	(1u << 20)

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
} __attribute__((packed));

struct blk_segment {
	uint64_t sector;
	uint32_t nr_sectors, flags;
} __attribute__((packed));

static void blk_add(atomic_uint_fast64_t *counter, uint64_t n)
{
	/* One writer each: no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* --- answering --- */

static void blk_answer(struct blk_queue *queue, uint16_t head, uint8_t *status, uint32_t written,
		       enum blk_status result)
{
	*(volatile uint8_t *)status = (uint8_t)result;
	virtq_push(queue->vq, head, written);
	queue->pushed = true;
}

/*
 * What the used ring says was written has been written, also where nothing was read; but not
 * gigabytes of it. The number of bytes, from the first.
 */
static uint32_t blk_clear(const struct iovec *iov, unsigned int nr)
{
	uint32_t done = 0;

	for (; nr > 0 && done < BLK_MAX_CLEAR; iov++, nr--) {
		size_t room = BLK_MAX_CLEAR - done;
		size_t len = iov->iov_len < room ? iov->iov_len : room;

		memset(iov->iov_base, 0, len);
		done += (uint32_t)len;
	}
	return done;
}

static uint32_t blk_iov_len(const struct iovec *iov, unsigned int nr)
{
	size_t len = 0;

	while (nr > 0)
		len += iov[--nr].iov_len;
	return (uint32_t)len;
}

static void blk_count(struct blk_request *req, bool failed)
{
	struct blk_counters *c = req->queue->count;
	uint64_t ns = time_now_ns() - req->start_ns;

	switch (req->class) {
	case BLK_READS:
		blk_add(failed ? &c->rd_failed : &c->rd_ops, 1);
		blk_add(&c->rd_bytes, failed ? 0 : req->bytes);
		blk_add(&c->rd_ns, ns);
		break;
	case BLK_WRITES:
		blk_add(failed ? &c->wr_failed : &c->wr_ops, 1);
		blk_add(&c->wr_bytes, failed ? 0 : req->bytes);
		blk_add(&c->wr_ns, ns);
		break;
	case BLK_FLUSHES:
		blk_add(failed ? &c->flush_failed : &c->flush_ops, 1);
		blk_add(&c->flush_ns, ns);
		break;
	case BLK_UNMAPS:
		blk_add(failed ? &c->unmap_failed : &c->unmap_ops, 1);
		blk_add(&c->unmap_bytes, failed ? 0 : req->bytes);
		blk_add(&c->unmap_ns, ns);
		break;
	}
}

static void blk_free(struct blk_request *req)
{
	struct blk_queue *queue = req->queue;

	queue->free[queue->nr_free++] = (uint16_t)(req - queue->request);
	atomic_store_explicit(&queue->count->in_flight, BLK_DEPTH - queue->nr_free,
			      memory_order_relaxed);
}

static void blk_submit_range(struct blk_request *req)
{
	const struct blk_range *range = &req->range[req->range_at++];

	req->block.off = range->off;
	req->block.len = range->len;
	req->block.flags = range->flags;
	block_submit(req->queue->worker->block, &req->block);
}

/* The image has read up to some point. */
static void blk_clear_rest(struct blk_request *req)
{
	uint32_t left = blk_iov_len(req->block.iov, req->block.nr_iov);
	uint32_t done = blk_clear(req->block.iov, req->block.nr_iov);

	if (done < left)
		req->written -= 1 + left - done;
}

/* The image is done with REQ, or with one of its ranges. */
static void blk_request_done(struct block_req *block, int result)
{
	struct blk_request *req = (struct blk_request *)block;
	struct blk_queue *queue = req->queue;

	if (atomic_load_explicit(&queue->blk->dropping, memory_order_relaxed)) {
		blk_free(req);
		return;
	}
	if (result == 0 && req->range_at < req->nr_ranges) {
		blk_submit_range(req);
		return;
	}
	if (result < 0) {
		log_guest("%s: a request failed: %s", queue->blk->name, strerror(-result));
		if (req->class == BLK_READS)
			blk_clear_rest(req);
	}
	blk_count(req, result < 0);
	blk_answer(queue, req->head, req->status, req->written,
		   result < 0 ? BLK_S_IOERR : BLK_S_OK);
	blk_free(req);
}

/* --- asking --- */

/* The chain as it was popped, and what its header says. */
struct blk_chain {
	struct blk_queue *queue;
	const struct virtq_elem *elem;
	uint8_t *status;
	uint32_t type;
	uint64_t sector;
};

/* It is refused, and the image never hears of it. */
static void blk_refuse(const struct blk_chain *chain, enum blk_status result)
{
	const struct virtq_elem *elem = chain->elem;

	blk_add(&chain->queue->count->invalid, 1);
	blk_answer(chain->queue, elem->head, chain->status,
		   blk_clear(elem->iov + elem->nr_out, elem->nr_in), result);
}

static struct blk_request *blk_alloc(const struct blk_chain *chain, enum block_op op,
				     enum blk_class class)
{
	struct blk_queue *queue = chain->queue;
	struct blk_request *req = &queue->request[queue->free[--queue->nr_free]];

	atomic_store_explicit(&queue->count->in_flight, BLK_DEPTH - queue->nr_free,
			      memory_order_relaxed);
	req->queue = queue;
	req->head = chain->elem->head;
	req->class = class;
	req->status = chain->status;
	req->written = (uint32_t)chain->elem->in_len;
	req->bytes = 0;
	req->start_ns = time_now_ns();
	req->nr_ranges = req->range_at = 0;
	req->block.op = op;
	req->block.flags = 0;
	req->block.off = req->block.len = 0;
	req->block.iov = req->iov;
	req->block.nr_iov = 0;
	req->block.done = blk_request_done;
	return req;
}

/* IOV without its first SKIP bytes, cut at LEN bytes; its number of buffers, or -1 if too many. */
static int blk_slice(struct iovec *out, const struct iovec *iov, unsigned int nr, uint64_t skip,
		     uint64_t len)
{
	int n = 0;

	for (; nr > 0 && len > 0; iov++, nr--) {
		uint64_t part = iov->iov_len;

		if (part <= skip) {
			skip -= part;
			continue;
		}
		part -= skip;
		part = part < len ? part : len;
		if (n == BLK_MAX_SEGS)
			return -1;
		out[n].iov_base = (char *)iov->iov_base + skip;
		out[n++].iov_len = part;
		skip = 0;
		len -= part;
	}
	return n;
}

/* LEN bytes from SECTOR on lie within the disk. */
static bool blk_in_range(const struct blk *blk, uint64_t sector, uint64_t len)
{
	return len % BLOCK_SECTOR == 0 && sector <= blk->capacity &&
	       len / BLOCK_SECTOR <= blk->capacity - sector;
}

static unsigned int blk_fua(const struct blk *blk)
{
	return atomic_load_explicit(&blk->writeback, memory_order_relaxed) ? 0 : BLOCK_FUA;
}

static void blk_transfer(const struct blk_chain *chain, bool write)
{
	const struct virtq_elem *elem = chain->elem;
	struct blk *blk = chain->queue->blk;
	const struct iovec *iov = write ? elem->iov : elem->iov + elem->nr_out;
	uint64_t skip = write ? sizeof(struct blk_header) : 0;
	uint64_t len = write ? elem->out_len - skip : elem->in_len - 1;
	struct blk_request *req;
	int nr;

	if (len > BLOCK_MAX_LEN || !blk_in_range(blk, chain->sector, len) ||
	    (write && blk->info->read_only)) {
		blk_refuse(chain, BLK_S_IOERR);
		return;
	}
	req = blk_alloc(chain, write ? BLOCK_WRITE : BLOCK_READ, write ? BLK_WRITES : BLK_READS);
	nr = blk_slice(req->iov, iov, write ? elem->nr_out : elem->nr_in, skip, len);
	if (nr < 0) {
		blk_free(req);
		blk_refuse(chain, BLK_S_IOERR);
		return;
	}
	req->block.nr_iov = (unsigned int)nr;
	req->block.off = chain->sector * BLOCK_SECTOR;
	req->block.len = req->bytes = len;
	req->block.flags = write ? blk_fua(blk) : 0;
	block_submit(chain->queue->worker->block, &req->block);
}

static void blk_flush(const struct blk_chain *chain)
{
	struct blk_request *req = blk_alloc(chain, BLOCK_FLUSH, BLK_FLUSHES);

	block_submit(chain->queue->worker->block, &req->block);
}

static void blk_get_id(const struct blk_chain *chain)
{
	const struct virtq_elem *elem = chain->elem;
	const char *serial = chain->queue->blk->config->serial;
	uint64_t room = elem->in_len - 1;
	uint32_t written = blk_clear(elem->iov + elem->nr_out, elem->nr_in);

	virtq_elem_write(elem, 0, serial, room < BLK_SERIAL_LEN ? room : BLK_SERIAL_LEN);
	blk_answer(chain->queue, elem->head, chain->status, written, BLK_S_OK);
}

/* One range of a discard or write-zeroes, checked as section 5.2.6.2 wants it. */
static enum blk_status blk_check_range(const struct blk *blk, const struct blk_segment *seg,
				       bool discard, struct blk_range *range)
{
	uint64_t sector = le64toh(seg->sector), nr = le32toh(seg->nr_sectors);
	uint32_t flags = le32toh(seg->flags);

	if ((flags & ~BLK_RANGE_UNMAP) || (discard && flags))
		return BLK_S_UNSUPP;
	range->off = sector * BLOCK_SECTOR;
	range->len = nr * BLOCK_SECTOR;
	range->flags = discard ? 0 : blk_fua(blk) | (flags ? BLOCK_UNMAP : 0);
	if (range->len == 0 || range->len > BLOCK_MAX_LEN || !blk_in_range(blk, sector, range->len))
		return BLK_S_IOERR;
	return BLK_S_OK;
}

/* All ranges are checked before the first is touched. */
static void blk_ranges(const struct blk_chain *chain, bool discard)
{
	uint64_t len = chain->elem->out_len - sizeof(struct blk_header), off;
	struct blk *blk = chain->queue->blk;
	enum blk_status status = BLK_S_OK;
	struct blk_segment seg;
	struct blk_request *req;

	if (blk->info->read_only || len == 0 || len % sizeof(seg) ||
	    len / sizeof(seg) > BLK_MAX_RANGES) {
		blk_refuse(chain, BLK_S_IOERR);
		return;
	}
	req = blk_alloc(chain, discard ? BLOCK_DISCARD : BLOCK_ZEROES,
			discard ? BLK_UNMAPS : BLK_WRITES);
	for (off = 0; off < len && status == BLK_S_OK; off += sizeof(seg)) {
		virtq_elem_read(chain->elem, sizeof(struct blk_header) + off, &seg, sizeof(seg));
		status = blk_check_range(blk, &seg, discard, &req->range[req->nr_ranges]);
		req->bytes += req->range[req->nr_ranges++].len;
	}
	if (status != BLK_S_OK) {
		blk_free(req);
		blk_refuse(chain, status);
		return;
	}
	blk_submit_range(req);
}

/* The status is the last byte that the driver lets the device write. */
static uint8_t *blk_status_of(const struct virtq_elem *elem)
{
	unsigned int i = elem->nr_out + elem->nr_in;

	while (i-- > elem->nr_out) {
		if (elem->iov[i].iov_len)
			return (uint8_t *)elem->iov[i].iov_base + elem->iov[i].iov_len - 1;
	}
	return NULL;
}

bool blk_request_begin(struct blk_queue *queue)
{
	struct blk_chain chain = { .queue = queue, .elem = &queue->elem };
	struct blk_header head;

	chain.status = blk_status_of(chain.elem);
	if (!chain.status || chain.elem->in_len > UINT32_MAX) {
		virtio_broken(queue->blk->vdev, "a request %s",
			      chain.status ? "of 4 GiB" : "without room for its status");
		return false;
	}
	if (virtq_elem_read(chain.elem, 0, &head, sizeof(head)) != sizeof(head)) {
		blk_refuse(&chain, BLK_S_IOERR);
		return true;
	}
	chain.type = le32toh(head.type);
	chain.sector = le64toh(head.sector);
	switch (chain.type) {
	case BLK_T_IN:
	case BLK_T_OUT:
		blk_transfer(&chain, chain.type == BLK_T_OUT);
		break;
	case BLK_T_FLUSH:
		blk_flush(&chain);
		break;
	case BLK_T_GET_ID:
		blk_get_id(&chain);
		break;
	case BLK_T_DISCARD:
	case BLK_T_WRITE_ZEROES:
		blk_ranges(&chain, chain.type == BLK_T_DISCARD);
		break;
	default:
		blk_refuse(&chain, BLK_S_UNSUPP);
		break;
	}
	return true;
}
