/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost-net: see vhost.h. The kernel works with this process's mapping of guest RAM and checks
 * every address of the guest against the table it is given here, which names RAM alone.
 */
#include "net/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VHOST_DEVICE  "/dev/vhost-net"
#define VHOST_PAGE    4096ull
#define VHOST_LOG_ALL (1ull << VHOST_F_LOG_ALL)

struct vhost {
	const struct vhost_sys *sys;
	struct mem *mem;
	int fd, tap_fd;
	uint64_t features;
	uint16_t base[VHOST_NR_RINGS]; /* where the kernel began */
	_Atomic uint64_t *log;	       /* a bit for each page it wrote, by gpa; NULL: not kept */
	size_t log_words;
};

static int vhost_host_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int vhost_host_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static void vhost_host_close(int fd)
{
	close(fd);
}

const struct vhost_sys vhost_host = {
	.open = vhost_host_open,
	.ioctl = vhost_host_ioctl,
	.close = vhost_host_close,
};

static int vhost_do(struct vhost *vh, unsigned long request, void *arg, const char *what,
		    struct err *err)
{
	if (vh->sys->ioctl(vh->fd, request, arg) >= 0)
		return 0;
	return err_sys(err, errno, "vhost-net: %s", what);
}

/* --- opening --- */

static int vhost_set_memory(struct vhost *vh, struct err *err)
{
	unsigned int i, nr = mem_nr_regions(vh->mem);
	const struct sample_region *reg;
	struct vhost_memory_region *to;
	struct vhost_memory *table;
	int ret;

	table = calloc(1, sizeof(*table) + nr * sizeof(table->regions[0]));
	if (!table)
		return err_sys(err, ENOMEM, "vhost-net");
	for (i = 0; i < nr; i++) {
		reg = mem_region(vh->mem, i);
		if (reg->type != SAMPLE_REGION_RAM)
			continue;
		to = &table->regions[table->nregions++];
		to->guest_phys_addr = reg->gpa;
		to->memory_size = reg->len;
		to->userspace_addr = (uintptr_t)mem_base(vh->mem) + reg->offset;
	}
	ret = vhost_do(vh, VHOST_SET_MEM_TABLE, table, "memory", err);
	free(table);
	return ret;
}

int vhost_open(const struct vhost_sys *sys, struct mem *mem, struct vhost **out, struct err *err)
{
	struct vhost *vh = calloc(1, sizeof(*vh));
	int ret;

	if (!vh)
		return err_sys(err, ENOMEM, "vhost-net");
	vh->sys = sys;
	vh->mem = mem;
	vh->tap_fd = -1;
	vh->fd = sys->open(VHOST_DEVICE);
	if (vh->fd < 0) {
		ret = err_sys(err, errno, "%s", VHOST_DEVICE);
		free(vh);
		return ret;
	}
	ret = vhost_do(vh, VHOST_SET_OWNER, NULL, "owner", err);
	if (ret == 0)
		ret = vhost_do(vh, VHOST_GET_FEATURES, &vh->features, "features", err);
	if (ret == 0)
		ret = vhost_set_memory(vh, err);
	if (ret < 0) {
		vhost_close(vh);
		return ret;
	}
	*out = vh;
	return 0;
}

void vhost_close(struct vhost *vh)
{
	if (!vh)
		return;
	vh->sys->close(vh->fd);
	free(vh->log);
	free(vh);
}

bool vhost_suits(const struct vhost *vh, uint64_t features)
{
	return !(features & ~vh->features);
}

/* --- what it writes --- */

/* The kernel's writes pass both KVM's dirty log and ours by; it keeps one of its own. */
static int vhost_log(struct vhost *vh, struct err *err)
{
	uint64_t base;

	if (!mem_tracked(vh->mem))
		return 0;
	vh->log_words = (size_t)(mem_high_end(vh->mem) / VHOST_PAGE / 64 + 1);
	vh->log = calloc(vh->log_words, sizeof(*vh->log));
	if (!vh->log)
		return err_sys(err, ENOMEM, "vhost-net: log");
	base = (uintptr_t)vh->log;
	return vhost_do(vh, VHOST_SET_LOG_BASE, &base, "log", err);
}

static void vhost_log_word(struct vhost *vh, size_t word)
{
	uint64_t bits = vh->log[word];

	for (; bits; bits &= bits - 1)
		mem_dirty(vh->mem, (word * 64 + (unsigned int)__builtin_ctzll(bits)) * VHOST_PAGE,
			  VHOST_PAGE);
}

/* The kernel must not write to it any more when it goes. */
static void vhost_log_end(struct vhost *vh)
{
	uint64_t features = 0;
	size_t i;

	if (!vh->log)
		return;
	vh->sys->ioctl(vh->fd, VHOST_SET_FEATURES, &features);
	for (i = 0; i < vh->log_words; i++)
		vhost_log_word(vh, i);
	free(vh->log);
	vh->log = NULL;
}

/* --- rings --- */

static int vhost_ring(struct vhost *vh, unsigned int index, const struct vhost_setup *setup,
		      struct err *err)
{
	const struct virtio_vring *ring = &setup->ring[index];
	struct vhost_vring_state state = { .index = index, .num = ring->size };
	struct vhost_vring_file file = { .index = index, .fd = ring->kick_fd };
	struct vhost_vring_addr addr = { .index = index };
	int ret;

	/* Checked to lie in RAM when the queue was enabled. */
	addr.desc_user_addr = (uintptr_t)ring->desc_hva;
	addr.avail_user_addr = (uintptr_t)ring->avail_hva;
	addr.used_user_addr = (uintptr_t)ring->used_hva;
	ret = vhost_do(vh, VHOST_SET_VRING_NUM, &state, "ring size", err);
	state.num = vh->base[index] = ring->next;
	if (ret == 0)
		ret = vhost_do(vh, VHOST_SET_VRING_BASE, &state, "ring index", err);
	if (ret == 0)
		ret = vhost_do(vh, VHOST_SET_VRING_ADDR, &addr, "ring addresses", err);
	if (ret == 0)
		ret = vhost_do(vh, VHOST_SET_VRING_KICK, &file, "kicks", err);
	if (ret == 0)
		ret = vhost_set_call(vh, index, setup->call_fd[index], err);
	file.fd = setup->err_fd;
	if (ret == 0)
		ret = vhost_do(vh, VHOST_SET_VRING_ERR, &file, "errors", err);
	return ret;
}

int vhost_set_call(struct vhost *vh, unsigned int ring, int fd, struct err *err)
{
	struct vhost_vring_file file = { .index = ring, .fd = fd };

	return vhost_do(vh, VHOST_SET_VRING_CALL, &file, "interrupts", err);
}

int vhost_start(struct vhost *vh, const struct vhost_setup *setup, struct err *err)
{
	uint64_t features = setup->features;
	unsigned int i;
	int ret;

	vh->tap_fd = setup->tap_fd;
	ret = vhost_log(vh, err);
	if (ret == 0 && vh->log)
		features |= VHOST_LOG_ALL;
	if (ret == 0)
		ret = vhost_do(vh, VHOST_SET_FEATURES, &features, "features", err);
	for (i = 0; i < VHOST_NR_RINGS && ret == 0; i++)
		ret = vhost_ring(vh, i, setup, err);
	if (ret < 0)
		vhost_log_end(vh);
	return ret;
}

/* The receive ring stands first and goes last: a guest that sees a frame can answer it. */
int vhost_run(struct vhost *vh, bool on, struct err *err)
{
	struct vhost_vring_file file;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < VHOST_NR_RINGS && ret == 0; i++) {
		file.index = on ? VHOST_NR_RINGS - 1 - i : i;
		file.fd = on ? vh->tap_fd : -1;
		ret = vhost_do(vh, VHOST_NET_SET_BACKEND, &file, "back-end", err);
	}
	return ret;
}

void vhost_stop(struct vhost *vh, uint16_t next[VHOST_NR_RINGS])
{
	struct vhost_vring_file file = { .fd = -1 };
	struct vhost_vring_state state;
	unsigned int i;

	for (i = 0; i < VHOST_NR_RINGS; i++) {
		file.index = i;
		vh->sys->ioctl(vh->fd, VHOST_NET_SET_BACKEND, &file);
		state = (struct vhost_vring_state){ .index = i };
		next[i] = vh->sys->ioctl(vh->fd, VHOST_GET_VRING_BASE, &state) < 0
				  ? vh->base[i]
				  : (uint16_t)state.num;
	}
	vhost_log_end(vh);
}
