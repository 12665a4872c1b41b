/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk: its configuration space, features, queues and statistics. Each
 * queue has a worker thread and a queue of the image of its own, where the
 * image allows it.
 */
#include "vmm/virtio/blk.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "vmm/virtio/blk-priv.h"

#define BLK_CLASS	  0x010000 /* mass storage, SCSI by name only */
#define BLK_QUEUES_BY_CPU 4

/* Section 5.2.4. */
struct blk_space {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

_Static_assert(sizeof(struct blk_space) == 60, "configuration space of section 5.2.4");

/* --- configuration --- */

/* What a BIOS of old would make of the size; nothing depends on it any more. */
static void blk_geometry(uint64_t capacity, struct blk_space *space)
{
	uint64_t cylinders = capacity / (16 * 63);

	space->cylinders = htole16((uint16_t)(cylinders < 16383 ? cylinders : 16383));
	space->heads = 16;
	space->sectors = 63;
}

static uint8_t blk_log2(uint32_t ratio)
{
	uint8_t exp = 0;

	while (ratio >>= 1)
		exp++;
	return exp;
}

static void blk_fill_space(struct blk *blk)
{
	const struct block_info *info = blk->info;
	uint32_t most = BLOCK_MAX_LEN / BLOCK_SECTOR;
	struct blk_space space = {
		.capacity = htole64(blk->capacity),
		.seg_max = htole32(BLK_SEG_MAX),
		.blk_size = htole32(info->block_size),
		.physical_block_exp = blk_log2(info->physical_size / info->block_size),
		.min_io_size = htole16((uint16_t)(info->physical_size / info->block_size)),
		.num_queues = htole16((uint16_t)blk->nr_queues),
		.max_discard_sectors = htole32(most),
		.max_discard_seg = htole32(BLK_MAX_RANGES),
		.discard_sector_alignment = htole32(info->discard_align / BLOCK_SECTOR),
		.max_write_zeroes_sectors = htole32(most),
		.max_write_zeroes_seg = htole32(BLK_MAX_RANGES),
		.write_zeroes_may_unmap = 1,
	};

	blk_geometry(blk->capacity, &space);
	memcpy(blk->cfg, &space, sizeof(space));
}

static bool blk_caches(const struct blk *blk)
{
	return blk->info->cache != BLOCK_CACHE_WRITETHROUGH &&
	       blk->info->cache != BLOCK_CACHE_DIRECTSYNC;
}

static uint64_t blk_features(void *state)
{
	struct blk *blk = state;
	uint64_t bits = BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_BLK_SIZE | BLK_F_FLUSH |
			BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;

	if (blk->nr_queues > 1)
		bits |= BLK_F_MQ;
	return bits | (blk->info->read_only ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
}

/* Who cannot flush shall not need to (sections 5.2.5.2 and 5.2.6.2). */
static void blk_negotiated(void *state, uint64_t features)
{
	struct blk *blk = state;

	atomic_store(&blk->features, features);
	atomic_store(&blk->writeback, (features & BLK_F_FLUSH) && blk_caches(blk));
}

static uint64_t blk_config_read(void *state, uint32_t off, uint32_t size)
{
	struct blk *blk = state;
	uint64_t val = 0;
	uint32_t i;

	for (i = 0; i < size && i < 8; i++) {
		uint64_t at = (uint64_t)off + i;
		uint8_t byte = at < sizeof(blk->cfg) ? blk->cfg[at] : 0;

		if (at == offsetof(struct blk_space, writeback))
			byte = atomic_load(&blk->writeback);
		val |= (uint64_t)byte << (i * 8);
	}
	return val;
}

static void blk_config_write(void *state, uint32_t off, uint32_t size, uint64_t val)
{
	struct blk *blk = state;

	if (off != offsetof(struct blk_space, writeback) || size != 1 ||
	    !(atomic_load(&blk->features) & BLK_F_CONFIG_WCE) ||
	    !(atomic_load(&blk->features) & BLK_F_FLUSH))
		return;
	atomic_store(&blk->writeback, (val & 0xff) != 0);
}

/* --- queues --- */

static void blk_notify(struct blk_queue *queue)
{
	if (queue->pushed) {
		queue->pushed = false;
		virtq_notify(queue->vq);
	}
}

/* Take what is there, as far as there are free requests. False: broken. */
static bool blk_take(struct blk_queue *queue)
{
	int ret = 0;

	while (queue->nr_free > 0) {
		ret = virtq_pop(queue->vq, &queue->elem);
		if (ret <= 0)
			break;
		if (!blk_request_begin(queue))
			return false;
	}
	return ret >= 0;
}

/* Notifications are off while requests are taken; without a free one they stay off. */
static void blk_run(struct blk_queue *queue)
{
	bool more;

	do {
		virtq_want_kick(queue->vq, false);
		if (!blk_take(queue))
			break;
		block_commit(queue->worker->block);
		queue->starved = queue->nr_free == 0;
		more = !queue->starved && virtq_want_kick(queue->vq, true);
	} while (more);
	blk_notify(queue);
}

static void blk_queue_kicked(void *state, unsigned int index)
{
	struct blk *blk = state;

	if (index < blk->nr_queues && virtq_ready(blk->queue[index].vq))
		blk_run(&blk->queue[index]);
}

/* Requests have come back from the image. */
static void blk_settled(void *ctx)
{
	struct blk_worker *worker = ctx;
	struct blk *blk = worker->blk;
	unsigned int i;

	for (i = 0; i < blk->nr_queues; i++) {
		if (blk->queue[i].worker != worker)
			continue;
		if (blk->queue[i].starved)
			blk_run(&blk->queue[i]);
		blk_notify(&blk->queue[i]);
	}
}

static void blk_drain(struct blk *blk)
{
	unsigned int i;

	for (i = 0; i < blk->nr_workers; i++) {
		if (blk->worker[i].block)
			block_drain(blk->worker[i].block);
	}
}

static void blk_reset(void *state)
{
	struct blk *blk = state;
	unsigned int i;

	atomic_store(&blk->dropping, true);
	blk_drain(blk);
	atomic_store(&blk->dropping, false);
	for (i = 0; i < blk->nr_queues; i++)
		blk->queue[i].pushed = blk->queue[i].starved = false;
	atomic_store(&blk->features, 0);
	atomic_store(&blk->writeback, blk_caches(blk));
}

/* --- birth and death --- */

static unsigned int blk_map_own(unsigned int queue)
{
	return queue;
}

static unsigned int blk_map_one(unsigned int queue)
{
	(void)queue;
	return 0;
}

static int blk_watch(void *ctx, int fd, uint32_t events, void (*fn)(void *arg, uint32_t events),
		     void *arg, struct err *err)
{
	struct blk_worker *worker = ctx;

	return virtio_watch(virtio_worker(worker->blk->vdev, worker->index), fd, events, fn, arg,
			    err);
}

static int blk_open_worker(struct blk *blk, unsigned int index, struct err *err)
{
	struct blk_worker *worker = &blk->worker[index];
	struct block_loop loop = { .ctx = worker, .watch = blk_watch, .settled = blk_settled };
	unsigned int shared = (blk->nr_queues + blk->nr_workers - 1) / blk->nr_workers;

	worker->blk = blk;
	worker->index = index;
	return block_queue_open(blk->block, shared * BLK_DEPTH, &loop, &worker->block, err);
}

static int blk_open_queue(struct blk *blk, unsigned int index, struct err *err)
{
	struct blk_queue *queue = &blk->queue[index];
	unsigned int i;

	queue->blk = blk;
	queue->index = index;
	queue->vq = virtio_queue(blk->vdev, index);
	queue->worker = &blk->worker[index % blk->nr_workers];
	queue->count = &blk->config->stats->queue[index];
	queue->request = calloc(BLK_DEPTH, sizeof(*queue->request));
	if (!queue->request)
		return err_sys(err, ENOMEM, "%s", blk->name);
	for (i = 0; i < BLK_DEPTH; i++)
		queue->free[i] = (uint16_t)(BLK_DEPTH - 1 - i);
	queue->nr_free = BLK_DEPTH;
	return 0;
}

static unsigned int blk_choose_queues(const struct blk_config *config, unsigned int nr_cpus)
{
	if (config->nr_queues)
		return config->nr_queues;
	if (!nr_cpus)
		return 1;
	return nr_cpus < BLK_QUEUES_BY_CPU ? nr_cpus : BLK_QUEUES_BY_CPU;
}

static int blk_set_up(struct blk *blk, unsigned int nr_cpus, struct err *err)
{
	unsigned int i;
	int ret;

	blk->nr_queues = blk_choose_queues(blk->config, nr_cpus);
	blk->nr_workers = blk->info->max_queues < blk->nr_queues ? 1 : blk->nr_queues;
	ret = virtio_queues(blk->vdev, blk->nr_queues, BLK_QUEUE_SIZE, err);
	if (ret == 0)
		ret = virtio_workers(blk->vdev, blk->nr_workers,
				     blk->nr_workers > 1 ? blk_map_own : blk_map_one, err);
	blk->queue = calloc(blk->nr_queues, sizeof(*blk->queue));
	if (ret == 0 && !blk->queue)
		ret = err_sys(err, ENOMEM, "%s", blk->name);
	for (i = 0; i < blk->nr_workers && ret == 0; i++)
		ret = blk_open_worker(blk, i, err);
	for (i = 0; i < blk->nr_queues && ret == 0; i++)
		ret = blk_open_queue(blk, i, err);
	return ret;
}

static void blk_exit(void *state)
{
	struct blk *blk = state;
	unsigned int i;

	if (!blk)
		return;
	atomic_store(&blk->dropping, true);
	for (i = 0; i < blk->nr_workers; i++)
		block_queue_close(blk->worker[i].block);
	for (i = 0; blk->queue && i < blk->nr_queues; i++)
		free(blk->queue[i].request);
	free(blk->queue);
	block_close(blk->block);
	free(blk);
}

static int blk_init(const struct dev_env *env, struct virtio *vdev, const void *config,
		    void **state, struct err *err)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int ret;

	if (!blk)
		return err_sys(err, ENOMEM, "disk");
	blk->vdev = vdev;
	blk->config = config;
	blk->name = virtio_name(vdev);
	ret = block_open(&blk->config->image, &blk->block, err);
	if (ret == 0) {
		blk->info = block_info(blk->block);
		blk->capacity = blk->info->size / BLOCK_SECTOR;
		ret = blk_set_up(blk, env->nr_cpus, err);
	}
	if (ret < 0) {
		blk_exit(blk);
		return ret;
	}
	blk_fill_space(blk);
	atomic_store(&blk->writeback, blk_caches(blk));
	blk->config->stats->info = *blk->info;
	atomic_store(&blk->config->stats->ready, true);
	*state = blk;
	return 0;
}

/* --- for the screens --- */

void blk_stats_sum(const struct blk_stats *stats, struct blk_counters *out)
{
	const atomic_uint_fast64_t *from;
	atomic_uint_fast64_t *to = (atomic_uint_fast64_t *)out;
	size_t q, i;

	memset((void *)out, 0, sizeof(*out));
	for (q = 0; q < BLOCK_MAX_QUEUES; q++) {
		from = (const atomic_uint_fast64_t *)&stats->queue[q];
		for (i = 0; i < sizeof(*out) / sizeof(*to); i++)
			to[i] += from[i];
	}
}

static void blk_describe(void *state, struct dev_rows *rows)
{
	struct blk *blk = state;
	const struct block_info *info = blk->info;
	struct blk_counters sum;
	char size[16], rd[16], wr[16];

	blk_stats_sum(blk->config->stats, &sum);
	dev_row(rows, "image", "%s", blk->config->image.path);
	dev_row(rows, "format", "%s, %s, %s", info->format, parse_size_text(info->size, size),
		info->read_only ? "read only" : "writable");
	dev_row(rows, "cache", "%s (write %s), %s, %u queue%s", block_cache_name(info->cache),
		atomic_load(&blk->writeback) ? "back" : "through", info->engine, blk->nr_queues,
		blk->nr_queues > 1 ? "s" : "");
	dev_row(rows, "in flight", "%" PRIuFAST64, sum.in_flight);
	dev_row(rows, "requests",
		"%" PRIuFAST64 " read, %" PRIuFAST64 " write, %" PRIuFAST64 " flush, %" PRIuFAST64
		" discard",
		sum.rd_ops, sum.wr_ops, sum.flush_ops, sum.unmap_ops);
	dev_row(rows, "bytes", "%s read, %s written", parse_size_text(sum.rd_bytes, rd),
		parse_size_text(sum.wr_bytes, wr));
	dev_row(rows, "errors", "%" PRIuFAST64 " failed, %" PRIuFAST64 " refused",
		sum.rd_failed + sum.wr_failed + sum.flush_failed + sum.unmap_failed, sum.invalid);
}

/* What is in flight is finished, not saved: the used ring has it. */
static void blk_save(void *state, struct buf *out)
{
	struct blk *blk = state;
	unsigned int i;

	blk_drain(blk);
	for (i = 0; i < blk->nr_queues; i++) {
		blk_notify(&blk->queue[i]);
		if (blk->queue[i].starved)
			virtio_kick(blk->vdev, i);
	}
	dev_save_u64(out, blk->info->size);
	dev_save_u64(out, atomic_load(&blk->features));
	dev_save_u8(out, atomic_load(&blk->writeback));
}

static int blk_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct blk *blk = state;
	uint64_t size = dev_load_u64(in), features = dev_load_u64(in);
	bool writeback = dev_load_u8(in) & 1;
	int ret = dev_load_end(in, blk->name, err);

	if (ret < 0)
		return ret;
	if (size != blk->info->size)
		return err_set(err, EINVAL, "%s: the image had another size", blk->name);
	blk_reset(blk);
	atomic_store(&blk->features, features);
	atomic_store(&blk->writeback, writeback);
	return 0;
}

const struct virtio_ops virtio_blk_ops = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.class_code = BLK_CLASS,
	.init = blk_init,
	.exit = blk_exit,
	.reset = blk_reset,
	.features = blk_features,
	.negotiated = blk_negotiated,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.queue = blk_queue_kicked,
	.describe = blk_describe,
	.save = blk_save,
	.load = blk_load,
};
