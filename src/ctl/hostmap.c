/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory as the host has it: see hostmap.h. */
#include "ctl/hostmap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "vmm/mem.h"

#define HOSTMAP_PAGE	 4096ull
#define HOSTMAP_CHUNK	 (64ull << 20) /* of mincore() at once */
#define HOSTMAP_EXTENTS	 65536	       /* of data in the memfd, at most */
#define HOSTMAP_COUNT_S	 6	       /* without being asked again */
#define HOSTMAP_PRESENT	 (1ull << 63)
#define HOSTMAP_SWAPPED	 (1ull << 62)
#define HOSTMAP_PFN_MASK ((1ull << 55) - 1)

/* One VM a process, so there is one of these. */
static struct {
	bool counting;
	uint64_t asked_ns, taken_ns; /* 0: nothing was taken yet */
	uint64_t rate[VM_MAX_REGIONS];
	bool known; /* RATE is of some moment */
} hostmap_count_state;

/* Bytes of REG that are in memory. */
static uint64_t hostmap_resident(const struct mem *mem, const struct sample_region *reg)
{
	unsigned char *vec = malloc(HOSTMAP_CHUNK / HOSTMAP_PAGE);
	const uint8_t *base = (const uint8_t *)mem_base(mem) + reg->offset;
	uint64_t off, pages = 0, i;

	for (off = 0; vec && off < reg->len; off += HOSTMAP_CHUNK) {
		uint64_t len = reg->len - off < HOSTMAP_CHUNK ? reg->len - off : HOSTMAP_CHUNK;

		if (mincore((void *)(uintptr_t)(base + off), len, vec) < 0)
			break;
		for (i = 0; i < (len + HOSTMAP_PAGE - 1) / HOSTMAP_PAGE; i++)
			pages += vec[i] & 1;
	}
	free(vec);
	return pages * HOSTMAP_PAGE;
}

/* Bytes of REG that are not a hole: in memory or swapped out. */
static uint64_t hostmap_data(const struct mem *mem, const struct sample_region *reg)
{
	off_t at = (off_t)reg->offset, end = at + (off_t)reg->len, hole;
	uint64_t sum = 0;

	for (int i = 0; i < HOSTMAP_EXTENTS && at < end; i++) {
		at = lseek(mem_fd(mem), at, SEEK_DATA);
		if (at < 0 || at >= end)
			break;
		hole = lseek(mem_fd(mem), at, SEEK_HOLE);
		if (hole < 0)
			break;
		hole = hole < end ? hole : end;
		sum += (uint64_t)(hole - at);
		at = hole;
	}
	return sum;
}

struct hostmap_use {
	uint64_t resident, swapped;
};

static struct hostmap_use hostmap_use(const struct mem *mem, const struct sample_region *reg)
{
	struct hostmap_use use = { .resident = hostmap_resident(mem, reg) };
	uint64_t data = hostmap_data(mem, reg);

	use.swapped = data > use.resident ? data - use.resident : 0;
	return use;
}

/* Nobody has asked for a while: the guest shall not pay any longer. */
static void hostmap_on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval again = { .tv_sec = HOSTMAP_COUNT_S };
	struct vm *vm = arg;

	(void)fd;
	(void)what;
	if (time_now_ns() - hostmap_count_state.asked_ns < HOSTMAP_COUNT_S * 1000000000ull &&
	    event_base_once(vm_event_base(vm), -1, EV_TIMEOUT, hostmap_on_timer, vm, &again) == 0)
		return;
	mem_count(vm_mem(vm), false, NULL);
	memset(&hostmap_count_state, 0, sizeof(hostmap_count_state));
}

static int hostmap_count_begin(struct vm *vm, struct err *err)
{
	const struct timeval after = { .tv_sec = HOSTMAP_COUNT_S };
	int ret = mem_count(vm_mem(vm), true, err);

	if (ret < 0)
		return ret;
	if (event_base_once(vm_event_base(vm), -1, EV_TIMEOUT, hostmap_on_timer, vm, &after) < 0) {
		mem_count(vm_mem(vm), false, NULL);
		return err_set(err, ENOMEM, "dirty rate: no timer");
	}
	hostmap_count_state.counting = true;
	hostmap_count_state.taken_ns = time_now_ns();
	return 0;
}

int hostmap_count(struct vm *vm, struct err *err)
{
	uint64_t now = time_now_ns(), span, pages;

	hostmap_count_state.asked_ns = now;
	if (!hostmap_count_state.counting)
		return hostmap_count_begin(vm, err);
	span = now - hostmap_count_state.taken_ns;
	if (span < 100000000)
		return 0;
	for (unsigned int i = 0; i < mem_nr_regions(vm_mem(vm)) && i < VM_MAX_REGIONS; i++) {
		if (mem_count_take(vm_mem(vm), i, &pages, err) < 0)
			return -EIO;
		hostmap_count_state.rate[i] = (uint64_t)((double)pages * 1e9 / (double)span + 0.5);
	}
	hostmap_count_state.taken_ns = now;
	hostmap_count_state.known = true;
	return 0;
}

void hostmap_text(struct vm *vm, struct buf *out)
{
	const struct mem *mem = vm_mem(vm);
	char text[2][16];

	buf_puts(out, "slot  resident  swapped  written\n");
	for (unsigned int i = 0; i < mem_nr_regions(mem); i++) {
		const struct sample_region *reg = mem_region(mem, i);
		struct hostmap_use use = hostmap_use(mem, reg);

		buf_printf(out, "%4u  %8s %8s  ", reg->slot, parse_size_text(use.resident, text[0]),
			   parse_size_text(use.swapped, text[1]));
		if (hostmap_count_state.known)
			buf_printf(out, "%llu pages/s",
				   (unsigned long long)hostmap_count_state.rate[i]);
		else
			buf_puts(out, hostmap_count_state.counting ? "counting" : "not counted");
		buf_printf(out, "  %s\n", reg->name);
	}
}

json_t *hostmap_json(struct vm *vm)
{
	const struct mem *mem = vm_mem(vm);
	json_t *list = json_array(), *one;

	for (unsigned int i = 0; i < mem_nr_regions(mem); i++) {
		const struct sample_region *reg = mem_region(mem, i);
		struct hostmap_use use = hostmap_use(mem, reg);

		one = json_pack("{s:i, s:s, s:I, s:I}", "slot", (int)reg->slot, "name", reg->name,
				"resident", (json_int_t)use.resident, "swapped",
				(json_int_t)use.swapped);
		if (hostmap_count_state.known)
			json_object_set_new(one, "written-pages-per-s",
					    json_integer((json_int_t)hostmap_count_state.rate[i]));
		json_array_append_new(list, one);
	}
	return list;
}

/* --- one page --- */

struct hostmap_page {
	const struct sample_region *reg;
	uint64_t hva, raw;			/* RAW: its page map entry */
	bool readable, present, swapped, named; /* NAMED: the frame number may be seen */
	uint64_t hpa;
};

static void hostmap_page(struct vm *vm, uint64_t gpa, struct hostmap_page *out)
{
	const struct mem *mem = vm_mem(vm);
	int fd;

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < mem_nr_regions(mem); i++) {
		if (gpa - mem_region(mem, i)->gpa < mem_region(mem, i)->len)
			out->reg = mem_region(mem, i);
	}
	if (!out->reg)
		return;
	out->hva = out->reg->hva + (gpa - out->reg->gpa);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	out->readable = pread(fd, &out->raw, 8, (off_t)(out->hva / HOSTMAP_PAGE * 8)) == 8;
	close(fd);
	out->present = out->raw & HOSTMAP_PRESENT;
	out->swapped = out->raw & HOSTMAP_SWAPPED;
	out->hpa = (out->raw & HOSTMAP_PFN_MASK) * HOSTMAP_PAGE + gpa % HOSTMAP_PAGE;
	out->named = out->present && out->raw & HOSTMAP_PFN_MASK;
}

/* How the second stage's page stands to the host's: one word for scripts. */
static const char *hostmap_verdict(const struct hostmap_page *page, const struct stage2_map *map)
{
	if (!stage2_is_exact(map))
		return "derived";
	if (!map->want.found)
		return page->present ? "absent" : "untouched";
	if (!page->present)
		return "mismatch";
	if (!page->named)
		return "unknown";
	return map->want.hpa == page->hpa ? "same" : "mismatch";
}

static const char *hostmap_verdict_text(const char *verdict)
{
	static const struct {
		const char *word, *text;
	} table[] = {
		{ "derived", "derived from the host's page: nothing to compare" },
		{ "absent", "the host has the page, the second stage maps it at the next access" },
		{ "untouched", "neither has it: the guest has not touched it" },
		{ "unknown", "the host's frame number is hidden (needs CAP_SYS_ADMIN)" },
		{ "same", "the same page" },
		{ "mismatch", "✗ MISMATCH: not the host's page" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcmp(table[i].word, verdict))
			return table[i].text;
	}
	return verdict;
}

void hostmap_follow_text(struct vm *vm, const struct stage2_map *map, struct buf *out)
{
	static const char *const size[] = { "", "4K", "2M", "1G" };
	const char *format = map->format == STAGE2_EPT ? "EPT" : "NPT";
	struct hostmap_page page;
	char perm[16];

	hostmap_page(vm, map->want.gpa, &page);
	if (!page.reg) {
		buf_printf(out, "memslot  none holds %llx: an access is emulated\n",
			   (unsigned long long)map->want.gpa);
		return;
	}
	buf_printf(out, "memslot  %u %s, host virtual %llx\n", page.reg->slot, page.reg->name,
		   (unsigned long long)page.hva);
	if (page.named)
		buf_printf(out, "host     present, at physical %llx\n",
			   (unsigned long long)page.hpa);
	else
		buf_printf(out, "host     %s\n",
			   page.present	  ? "present, where is not for us to see"
			   : page.swapped ? "swapped out"
					  : "not in the page tables of the VM process");
	if (map->want.found)
		buf_printf(out, "%s      maps it to %llx, %s %s\n", format,
			   (unsigned long long)map->want.hpa, size[map->want.level],
			   stage2_perm_text(map->want.perm, map->format, perm));
	else
		buf_printf(out, "%s      maps nothing there\n", format);
	buf_printf(out, "so       %s\n", hostmap_verdict_text(hostmap_verdict(&page, map)));
}

json_t *hostmap_follow_json(struct vm *vm, const struct stage2_map *map)
{
	struct hostmap_page page;
	json_t *obj;

	hostmap_page(vm, map->want.gpa, &page);
	obj = json_pack("{s:I, s:b, s:s}", "gpa", (json_int_t)map->want.gpa, "mapped",
			map->want.found, "verdict",
			page.reg ? hostmap_verdict(&page, map) : "no-memslot");
	if (page.reg) {
		json_object_set_new(obj, "slot", json_integer(page.reg->slot));
		json_object_set_new(obj, "hva", json_integer((json_int_t)page.hva));
		json_object_set_new(obj, "present", json_boolean(page.present));
		json_object_set_new(obj, "swapped", json_boolean(page.swapped));
	}
	if (page.named)
		json_object_set_new(obj, "host-physical", json_integer((json_int_t)page.hpa));
	if (map->want.found) {
		json_object_set_new(obj, "second-stage", json_integer((json_int_t)map->want.hpa));
		json_object_set_new(obj, "level", json_integer(map->want.level));
	}
	return obj;
}
