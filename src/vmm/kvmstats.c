/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM's binary statistics: see kvmstats.h and the kernel's Documentation/virt/kvm/api.rst 4.133. */
#include "vmm/kvmstats.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* More than any kernel has: a bound for what is read. */
#define KVMSTATS_MAX	  1024
#define KVMSTATS_NAME_MAX 256

struct kvmstats {
	int fd;
	size_t nr;
	uint64_t offset[]; /* in the file; KVMSTATS_NONE: there is no such counter */
};

static void kvmstats_match(struct kvmstats *stats, const char *const *names,
			   const struct kvm_stats_header *head, const uint8_t *raw)
{
	struct kvm_stats_desc desc;
	const char *name = (const char *)raw + sizeof(desc);
	size_t i;

	memcpy(&desc, raw, sizeof(desc));
	for (i = 0; i < stats->nr; i++) {
		if (!strncmp(name, names[i], head->name_size))
			stats->offset[i] = head->data_offset + desc.offset;
	}
}

/* All descriptors with one read. */
static void kvmstats_find(struct kvmstats *stats, const char *const *names)
{
	struct kvm_stats_header head;
	uint8_t *raw;
	size_t len;
	uint32_t i;

	if (pread(stats->fd, &head, sizeof(head), 0) != sizeof(head) ||
	    head.name_size > KVMSTATS_NAME_MAX || head.num_desc > KVMSTATS_MAX)
		return;
	len = sizeof(struct kvm_stats_desc) + head.name_size;
	raw = malloc(head.num_desc * len);
	if (raw && pread(stats->fd, raw, head.num_desc * len, head.desc_offset) ==
			   (ssize_t)(head.num_desc * len)) {
		for (i = 0; i < head.num_desc; i++)
			kvmstats_match(stats, names, &head, raw + i * len);
	}
	free(raw);
}

struct kvmstats *kvmstats_open(int fd, const char *const *names, size_t nr)
{
	struct kvmstats *stats = malloc(sizeof(*stats) + nr * sizeof(stats->offset[0]));
	size_t i;

	if (!stats)
		return NULL;
	stats->nr = nr;
	for (i = 0; i < nr; i++)
		stats->offset[i] = KVMSTATS_NONE;
	stats->fd = ioctl(fd, KVM_GET_STATS_FD, NULL);
	if (stats->fd < 0) {
		free(stats);
		return NULL;
	}
	kvmstats_find(stats, names);
	return stats;
}

void kvmstats_close(struct kvmstats *stats)
{
	if (!stats)
		return;
	close(stats->fd);
	free(stats);
}

uint64_t kvmstats_get(const struct kvmstats *stats, size_t index)
{
	uint64_t val;

	if (!stats || index >= stats->nr || stats->offset[index] == KVMSTATS_NONE ||
	    pread(stats->fd, &val, sizeof(val), (off_t)stats->offset[index]) != sizeof(val))
		return KVMSTATS_NONE;
	return val;
}
