/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest gone mad against the balloon: frames, statistics, reports and hints of
 * any content and layout on every queue, configuration writes, targets, resets,
 * time. What the guest did not give must still be there at the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-env.h"
#include "../unit/fake-virtio.h"
#include "balloon/balloon.h"
#include "base/log.h"
#include "vmm/punch.h"

#define FUZZ_SIZE   (4ull << 20)
#define FUZZ_ROUNDS 2000
#define FUZZ_BUFFER 4096
#define FUZZ_KEPT   0x3ff000ull /* a page that no fuzzed frame or report names */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct fake_env *fake;
	struct mem *mem;
	struct virtio *vdev;
	struct balloon_config cfg;
	const uint8_t *data;
	size_t len;
	uint8_t buffer[FUZZ_BUFFER];
};

static uint64_t fuzz_take(struct fuzz *fz, unsigned int nr)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < nr && fz->len; i++, fz->len--)
		val |= (uint64_t)*fz->data++ << (i * 8);
	return val;
}

static void fuzz_frames(struct fuzz *fz, uint32_t *pfn, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pfn[i] = (uint32_t)fuzz_take(fz, 2);
		if (pfn[i] & 0x8000)
			pfn[i] = pfn[i] << 16 | (uint32_t)fuzz_take(fz, 1);
		if (pfn[i] == FUZZ_KEPT >> 12)
			pfn[i] = 0;
	}
}

static void fuzz_restart(struct fuzz *fz)
{
	fake_virtio_reset(fz->vdev);
	fake_virtio_forget(fz->vdev);
	fake_virtio_start(fz->vdev, fuzz_take(fz, 1));
}

static void fuzz_chain(struct fuzz *fz, unsigned int queue)
{
	unsigned int nr = (unsigned int)fuzz_take(fz, 1), out = nr & 3, in = nr >> 2 & 3, i;
	struct iovec iov[6];
	uint64_t gpa, len;

	fuzz_frames(fz, (uint32_t *)fz->buffer, 1 + (nr >> 4));
	for (i = 0; i < out + in; i++) {
		gpa = fuzz_take(fz, 2) << 6;
		len = fuzz_take(fz, 1) << 8;
		if (gpa + len > FUZZ_KEPT)
			len = gpa < FUZZ_KEPT ? FUZZ_KEPT - gpa : 0;
		iov[i] = i < out ? (struct iovec){ fz->buffer, len % FUZZ_BUFFER }
				 : (struct iovec){ mem_span(fz->mem, gpa, 1), len };
		if (!iov[i].iov_base)
			return;
	}
	if (fake_chain(fz->vdev, queue, iov, out, in) < 0)
		fuzz_restart(fz);
}

static void fuzz_step(struct fuzz *fz)
{
	uint8_t what = (uint8_t)fuzz_take(fz, 1);
	void *state = fake_virtio_state(fz->vdev);
	struct balloon_info info;

	switch (what & 7) {
	case 0:
	case 1:
	case 2:
		fuzz_chain(fz, (what >> 3) % 5);
		fake_virtio_kick(fz->vdev, (what >> 3) % 5);
		break;
	case 3:
		balloon_ops.config_write(state, (uint32_t)fuzz_take(fz, 1) % 24, 1u << (what >> 6),
					 fuzz_take(fz, 4));
		balloon_ops.config_read(state, what >> 3, 8);
		break;
	case 4:
		balloon_set_target(fz->cfg.instance, fuzz_take(fz, 4));
		break;
	case 5:
		fake_advance(fz->fake, fuzz_take(fz, 2) * 1000000);
		balloon_set_interval(fz->cfg.instance, what >> 6);
		break;
	case 6:
		balloon_hint(fz->cfg.instance, NULL);
		balloon_get(fz->cfg.instance, &info);
		break;
	default:
		fuzz_restart(fz);
	}
}

/* Saved and loaded again, and again from what the fuzzer says. */
static void fuzz_snapshot(struct fuzz *fz)
{
	struct dev_state_in in = { .data = fz->data, .len = fz->len };
	struct buf saved = BUF_INIT;

	balloon_ops.save(fake_virtio_state(fz->vdev), &saved);
	balloon_ops.load(fake_virtio_state(fz->vdev), &in, NULL);
	in = (struct dev_state_in){ .data = (const uint8_t *)saved.data, .len = saved.len };
	if (balloon_ops.load(fake_virtio_state(fz->vdev), &in, NULL) < 0)
		abort();
	buf_free(&saved);
}

static void fuzz_check(struct fuzz *fz)
{
	const uint8_t *kept = mem_look(fz->mem, FUZZ_KEPT, 4096);
	struct balloon_info info;

	balloon_get(fz->cfg.instance, &info);
	if (kept[0] != 0xa5 || kept[4095] != 0xa5 || info.actual > info.size ||
	    info.target > info.size || info.counts.nr > FUZZ_SIZE / 4096)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fz = { .data = data, .len = size, .cfg = { .stats_s = 1, .reporting = true } };
	struct mem *ours;
	unsigned int i;

	log_open(-1);
	fz.fake = fake_env_new();
	if (!fz.fake || mem_create(FUZZ_SIZE, &fz.mem, NULL) < 0)
		abort();
	ours = fz.fake->env.mem;
	fz.fake->env.mem = fz.mem;
	mem_set(fz.mem, FUZZ_KEPT, 0xa5, 4096);
	fz.vdev = fake_virtio_on(&fz.fake->env, &balloon_ops, &fz.cfg, NULL);
	if (!fz.vdev)
		abort();
	fake_virtio_start(fz.vdev, fuzz_take(&fz, 1));
	for (i = 0; i < FUZZ_ROUNDS && fz.len; i++) {
		fuzz_step(&fz);
		if (i == 20)
			fuzz_snapshot(&fz);
	}
	fuzz_check(&fz);
	fake_virtio_free(fz.vdev);
	fz.fake->env.mem = ours;
	mem_destroy(fz.mem);
	fake_env_free(fz.fake);
	return 0;
}
