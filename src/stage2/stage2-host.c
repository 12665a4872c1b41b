/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The derived engine: where guest memory is resident on the host, from this
 * process's own page map. A page that is not resident cannot be in the second
 * stage; one that is may be. Frame numbers need CAP_SYS_ADMIN and read 0 without.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "stage2/stage2.h"
#include "vmm/mem.h"

#define S2HOST_SPAN	0x200000ull
#define S2HOST_PRESENT	(1ull << 63)
#define S2HOST_PFN_MASK ((1ull << 55) - 1)

struct s2host {
	int fd;
	const struct mem *mem;
	uint64_t done; /* gpa up to which it has been walked */
};

/* One page map entry as an NPT leaf. */
static uint64_t s2host_entry(uint64_t raw)
{
	return raw & S2HOST_PRESENT ? (raw & S2HOST_PFN_MASK) << 12 | 0x27 : 0;
}

/*
 * The page map dressed as one bottom table, so that the one walker folds it:
 * HPA is the guest-physical address of its 2 MiB.
 */
static bool s2host_table(void *ctx, uint64_t hpa, uint64_t table[512])
{
	const struct s2host *host = ctx;
	const uint8_t *hva = mem_guest_hva(host->mem, hpa, S2HOST_SPAN);
	unsigned int i;

	memset(table, 0, 4096);
	if (hva && pread(host->fd, table, 4096, (off_t)((uintptr_t)hva / 4096 * 8)) != 4096)
		return false;
	for (i = 0; i < 512; i++) {
		if (!hva) {
			const uint8_t *page = mem_guest_hva(host->mem, hpa + i * 4096ull, 4096);

			if (!page ||
			    pread(host->fd, &table[i], 8, (off_t)((uintptr_t)page / 4096 * 8)) != 8)
				continue;
		}
		table[i] = s2host_entry(table[i]);
	}
	return true;
}

static int s2host_walk(struct s2host *host, const struct sample_region *region,
		       struct stage2_map *out)
{
	uint64_t gpa = region->gpa & ~(S2HOST_SPAN - 1), end = region->gpa + region->len;
	int ret = 0;

	for (; gpa < end && !ret; gpa += S2HOST_SPAN) {
		if (gpa < host->done)
			continue; /* the region before this one shares these 2 MiB */
		out->root_hpa = gpa;
		ret = stage2_walk(s2host_table, host, gpa, out);
		host->done = gpa + S2HOST_SPAN;
	}
	return ret;
}

int stage2_host_read(struct vm *vm, struct stage2_map *out, struct err *err)
{
	struct s2host host = { .mem = vm_mem(vm) };
	unsigned int i;
	int ret = 0;

	host.fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (host.fd < 0)
		return err_sys(err, errno, "/proc/self/pagemap");
	out->levels = 1;
	for (i = 0; i < mem_nr_regions(host.mem) && !ret; i++)
		ret = s2host_walk(&host, mem_region(host.mem, i), out);
	close(host.fd);
	out->tier = "derived (pagemap)";
	out->root_hpa = 0;
	return ret;
}
