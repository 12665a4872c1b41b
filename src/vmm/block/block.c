/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images, and what all back-ends have in common. */
#include "vmm/block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/block/block-priv.h"
#include "vmm/block/probe.h"

static const char *const block_caches[BLOCK_NR_CACHES] = {
	[BLOCK_CACHE_WRITEBACK] = "writeback",
	[BLOCK_CACHE_NONE] = "none",
	[BLOCK_CACHE_WRITETHROUGH] = "writethrough",
	[BLOCK_CACHE_DIRECTSYNC] = "directsync",
	[BLOCK_CACHE_UNSAFE] = "unsafe",
};

const char *block_cache_name(enum block_cache cache)
{
	return (unsigned int)cache < BLOCK_NR_CACHES ? block_caches[cache] : "?";
}

static bool block_is_uri(const char *path)
{
	return strncmp(path, "nbd:", 4) == 0 || strncmp(path, "nbds:", 5) == 0 ||
	       strncmp(path, "nbd+", 4) == 0 || strncmp(path, "nbds+", 5) == 0;
}

/* The first bytes decide, where nobody said: but never so that another file is opened. */
static int block_probe(const char *path, struct probe *probe, struct err *err)
{
	uint8_t head[PROBE_LEN] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;
	int code;

	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	n = pread(fd, head, sizeof(head), 0);
	code = errno;
	close(fd);
	if (n < 0)
		return err_sys(err, code, "%s", path);
	probe_header(head, (size_t)n, probe);
	if (!probe->refers)
		return 0;
	return err_set(err, EPERM,
		       "%s: begins like %s with a reference to another file, and a guest may have "
		       "written that: say format=%s if the image is yours, or format=raw",
		       path, probe->format, probe->format);
}

static int block_choose(const struct block_config *config, struct block *block, struct err *err)
{
	struct probe probe = { .format = config->format };
	int ret;

	if (config->format && !probe_known(config->format))
		return err_set(err, EINVAL, "%s: format=%s: there is no such format", config->path,
			       config->format);
	if (!config->format && block_is_uri(config->path))
		probe.format = "nbd";
	if (!probe.format && (ret = block_probe(config->path, &probe, err)) < 0)
		return ret;
	snprintf(block->info.format, sizeof(block->info.format), "%s", probe.format);
	block->ops = strcmp(probe.format, "raw") == 0 && !block_is_uri(config->path)
			     ? &block_raw_ops
			     : &block_nbd_ops;
	return 0;
}

int block_open(const struct block_config *config, struct block **out, struct err *err)
{
	struct block *block = calloc(1, sizeof(*block));
	int ret;

	if (!block)
		return err_sys(err, ENOMEM, "%s", config->path);
	block->info.read_only = config->read_only;
	block->info.cache = config->cache;
	ret = block_choose(config, block, err);
	if (ret == 0)
		ret = block->ops->open(block, config, err);
	if (ret < 0) {
		free(block);
		return ret;
	}
	*out = block;
	return 0;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	block->ops->close(block);
	free(block);
}

const struct block_info *block_info(const struct block *block)
{
	return &block->info;
}

int block_queue_open(struct block *block, unsigned int depth, const struct block_loop *loop,
		     struct block_queue **out, struct err *err)
{
	struct block_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return err_sys(err, ENOMEM, "disk queue");
	queue->block = block;
	queue->loop = *loop;
	queue->depth = depth;
	ret = block->ops->queue_open(queue, err);
	if (ret < 0) {
		free(queue);
		return ret;
	}
	*out = queue;
	return 0;
}

void block_queue_close(struct block_queue *queue)
{
	if (!queue)
		return;
	block_drain(queue);
	queue->block->ops->queue_close(queue);
	free(queue);
}

void block_submit(struct block_queue *queue, struct block_req *req)
{
	queue->in_flight++;
	queue->block->ops->submit(queue, req);
}

void block_commit(struct block_queue *queue)
{
	queue->block->ops->commit(queue);
}

void block_drain(struct block_queue *queue)
{
	block_commit(queue);
	while (queue->in_flight > 0)
		queue->block->ops->wait(queue);
}

void block_done(struct block_queue *queue, struct block_req *req, int result)
{
	queue->in_flight--;
	req->done(req, result);
}

int block_watch(struct block_queue *queue, int fd, uint32_t events,
		void (*fn)(void *arg, uint32_t events), void *arg, struct err *err)
{
	return queue->loop.watch(queue->loop.ctx, fd, events, fn, arg, err);
}

void block_settled(struct block_queue *queue)
{
	if (queue->loop.settled)
		queue->loop.settled(queue->loop.ctx);
}
