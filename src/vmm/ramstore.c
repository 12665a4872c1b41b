/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM of several moments: see ramstore.h. A page is a number: 0 is the zero page,
 * the others count from 1 through chunks of memory. An image is a number for each
 * page of RAM, and a bitmap of the pages where RAM may differ from it by now.
 */
#include "vmm/ramstore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_PAGE  4096ull
#define RAM_CHUNK 512u /* pages in a chunk: 2 MiB, so that the host can use a large page */

struct ram_image {
	struct ram_image *next;
	uint32_t *page;
	uint64_t *stale;
	uint64_t held; /* pages that are not zero */
};

struct ram_store {
	struct mem *mem;
	uint8_t *ram;
	uint64_t nr_pages;
	struct ram_image *images;
	uint8_t **chunk;
	uint32_t *refs; /* of page I + 1; of a free one: the next free one */
	uint32_t nr_chunks, free;
	uint64_t used, copied;
	uint64_t data_start, data_end; /* where the memfd is known to have pages */
};

struct ram_store *ram_store_new(struct mem *mem)
{
	struct ram_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->mem = mem;
	store->ram = (uint8_t *)(uintptr_t)mem_base(mem);
	store->nr_pages = mem_fd_len(mem) / RAM_PAGE;
	return store;
}

/* --- pages --- */

static uint8_t *ram_page(const struct ram_store *store, uint32_t nr)
{
	return store->chunk[(nr - 1) / RAM_CHUNK] + (uint64_t)((nr - 1) % RAM_CHUNK) * RAM_PAGE;
}

static bool ram_grow(struct ram_store *store)
{
	uint32_t base = store->nr_chunks * RAM_CHUNK, i;
	uint8_t **chunk = reallocarray(store->chunk, store->nr_chunks + 1, sizeof(*chunk));
	uint32_t *refs;
	void *mem;

	if (!chunk)
		return false;
	store->chunk = chunk;
	refs = reallocarray(store->refs, base + RAM_CHUNK, sizeof(*refs));
	if (!refs)
		return false;
	store->refs = refs;
	mem = mmap(NULL, RAM_CHUNK * RAM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (mem == MAP_FAILED)
		return false;
	store->chunk[store->nr_chunks++] = mem;
	for (i = RAM_CHUNK; i > 0; i--) {
		refs[base + i - 1] = store->free;
		store->free = base + i;
	}
	return true;
}

/* A page with one user, or 0 where there is no memory. */
static uint32_t ram_take(struct ram_store *store)
{
	uint32_t nr;

	if (!store->free && !ram_grow(store))
		return 0;
	nr = store->free;
	store->free = store->refs[nr - 1];
	store->refs[nr - 1] = 1;
	store->used++;
	return nr;
}

static void ram_give(struct ram_store *store, uint32_t nr)
{
	if (!nr || --store->refs[nr - 1])
		return;
	store->refs[nr - 1] = store->free;
	store->free = nr;
	store->used--;
}

/* Whether page I of the memfd exists: reading one that does not would make it. */
static bool ram_exists(struct ram_store *store, uint64_t i)
{
	uint64_t off = i * RAM_PAGE;
	int fd = mem_fd(store->mem);
	off_t at;

	if (off >= store->data_end) {
		at = lseek(fd, (off_t)off, SEEK_DATA);
		if (at < 0) {
			store->data_start = store->data_end = store->nr_pages * RAM_PAGE;
			return errno != ENXIO; /* nothing but a hole, or a file that cannot say */
		}
		store->data_start = (uint64_t)at;
		at = lseek(fd, at, SEEK_HOLE);
		store->data_end = at < 0 ? store->nr_pages * RAM_PAGE : (uint64_t)at;
	}
	return off >= store->data_start;
}

static bool ram_is_zero(const uint8_t *page)
{
	uint64_t head;

	memcpy(&head, page, sizeof(head));
	return !head && memcmp(page, page + 8, RAM_PAGE - 8) == 0;
}

/* --- images --- */

static void ram_free_image(struct ram_store *store, struct ram_image *img)
{
	uint64_t i;

	for (i = 0; img->page && i < store->nr_pages; i++)
		ram_give(store, img->page[i]);
	free(img->page);
	free(img->stale);
	free(img);
}

static struct ram_image *ram_new_image(struct ram_store *store)
{
	struct ram_image *img = calloc(1, sizeof(*img));

	if (!img)
		return NULL;
	img->page = calloc(store->nr_pages, sizeof(*img->page));
	img->stale = calloc(mem_nr_words(store->mem), sizeof(*img->stale));
	if (img->page && img->stale)
		return img;
	free(img->page);
	free(img->stale);
	free(img);
	return NULL;
}

/* Let every image know what has changed in RAM since it was asked last. */
static int ram_catch_up(struct ram_store *store, struct err *err)
{
	size_t i, words = mem_nr_words(store->mem);
	struct ram_image *img;
	uint64_t *bits;
	int ret;

	store->copied = store->data_start = store->data_end = 0;
	if (!store->images)
		return 0;
	bits = calloc(words, sizeof(*bits));
	if (!bits)
		return err_sys(err, ENOMEM, "snapshot");
	ret = mem_dirty_take(store->mem, bits, err);
	for (img = store->images; img && !ret; img = img->next) {
		for (i = 0; i < words; i++)
			img->stale[i] |= bits[i];
	}
	free(bits);
	return ret;
}

static uint64_t ram_count(const struct ram_store *store, const struct ram_image *img)
{
	size_t i, words = mem_nr_words(store->mem);
	uint64_t nr = 0;

	for (i = 0; i < words; i++)
		nr += (uint64_t)__builtin_popcountll(img->stale[i]);
	return nr;
}

/* The image that is nearest to RAM as it is. */
static struct ram_image *ram_nearest(const struct ram_store *store)
{
	struct ram_image *img, *best = NULL;
	uint64_t nr, least = UINT64_MAX;

	for (img = store->images; img; img = img->next) {
		nr = ram_count(store, img);
		if (nr < least) {
			least = nr;
			best = img;
		}
	}
	return best;
}

static void ram_drop_page(struct ram_store *store, struct ram_image *img, uint64_t i)
{
	ram_give(store, img->page[i]);
	img->held -= img->page[i] != 0;
	img->page[i] = 0;
}

/* A page of IMG's own to write to: the one it has, if nobody shares it. */
static uint32_t ram_own(struct ram_store *store, struct ram_image *img, uint64_t i)
{
	uint32_t nr = img->page[i];

	if (nr && store->refs[nr - 1] == 1)
		return nr;
	ram_drop_page(store, img, i);
	return ram_take(store);
}

static int ram_copy_page(struct ram_store *store, struct ram_image *img, uint64_t i,
			 struct err *err)
{
	const uint8_t *src = store->ram + i * RAM_PAGE;
	uint32_t nr;

	if (!ram_exists(store, i) || ram_is_zero(src)) {
		ram_drop_page(store, img, i);
		return 0;
	}
	nr = ram_own(store, img, i);
	if (!nr)
		return err_sys(err, ENOMEM, "snapshot: RAM");
	memcpy(ram_page(store, nr), src, RAM_PAGE);
	img->held += !img->page[i];
	img->page[i] = nr;
	store->copied += RAM_PAGE;
	return 0;
}

static void ram_share_page(struct ram_store *store, struct ram_image *img, uint64_t i, uint32_t nr)
{
	if (!nr)
		return;
	store->refs[nr - 1]++;
	img->page[i] = nr;
	img->held++;
}

static int ram_fill(struct ram_store *store, struct ram_image *img, const struct ram_image *from,
		    struct err *err)
{
	uint64_t i;
	int ret = 0;

	for (i = 0; i < store->nr_pages && !ret; i++) {
		if (from && !(from->stale[i / 64] >> i % 64 & 1))
			ram_share_page(store, img, i, from->page[i]);
		else
			ret = ram_copy_page(store, img, i, err);
	}
	return ret;
}

static int ram_update(struct ram_store *store, struct ram_image *img, struct err *err)
{
	size_t w, words = mem_nr_words(store->mem);
	uint64_t bits;
	int ret = 0;

	for (w = 0; w < words && !ret; w++) {
		for (bits = img->stale[w]; bits && !ret; bits &= bits - 1)
			ret = ram_copy_page(store, img, w * 64 + (uint64_t)__builtin_ctzll(bits),
					    err);
		img->stale[w] = 0;
	}
	return ret;
}

static int ram_create(struct ram_store *store, struct ram_image **out, struct err *err)
{
	const struct ram_image *near = ram_nearest(store);
	struct ram_image *img = ram_new_image(store);
	int ret;

	if (!img)
		return err_sys(err, ENOMEM, "snapshot");
	img->next = store->images;
	store->images = *out = img;
	ret = near ? 0 : mem_track(store->mem, true, err);
	return ret ? ret : ram_fill(store, img, near, err);
}

int ram_save(struct ram_store *store, struct ram_image **img, struct err *err)
{
	int ret;

	ret = ram_catch_up(store, err);
	if (!ret)
		ret = *img ? ram_update(store, *img, err) : ram_create(store, img, err);
	if (ret && *img) {
		ram_drop(store, *img); /* half of it is of another moment */
		*img = NULL;
	}
	return ret;
}

static void ram_restore_page(struct ram_store *store, const struct ram_image *img, uint64_t i)
{
	uint8_t *dst = store->ram + i * RAM_PAGE;

	if (img->page[i])
		memcpy(dst, ram_page(store, img->page[i]), RAM_PAGE);
	else if (ram_exists(store, i))
		memset(dst, 0, RAM_PAGE);
	else
		return;
	store->copied += RAM_PAGE;
}

int ram_load(struct ram_store *store, struct ram_image *img, struct err *err)
{
	size_t w, words = mem_nr_words(store->mem);
	struct ram_image *other;
	uint64_t bits;
	int ret;

	ret = ram_catch_up(store, err);
	if (ret)
		return ret;
	for (w = 0; w < words; w++) {
		for (bits = img->stale[w]; bits; bits &= bits - 1)
			ram_restore_page(store, img, w * 64 + (uint64_t)__builtin_ctzll(bits));
		for (other = store->images; other; other = other->next)
			other->stale[w] |= img->stale[w];
		img->stale[w] = 0;
	}
	return 0;
}

void ram_drop(struct ram_store *store, struct ram_image *img)
{
	struct ram_image **link;

	for (link = &store->images; *link && *link != img; link = &(*link)->next)
		;
	if (!*link)
		return;
	*link = img->next;
	ram_free_image(store, img);
	if (!store->images)
		mem_track(store->mem, false, NULL); /* nobody asks for changes any more */
}

void ram_store_free(struct ram_store *store)
{
	uint32_t i;

	if (!store)
		return;
	while (store->images)
		ram_drop(store, store->images);
	for (i = 0; i < store->nr_chunks; i++)
		munmap(store->chunk[i], RAM_CHUNK * RAM_PAGE);
	free(store->chunk);
	free(store->refs);
	free(store);
}

uint64_t ram_store_bytes(const struct ram_store *store)
{
	return store->used * RAM_PAGE;
}

uint64_t ram_store_copied(const struct ram_store *store)
{
	return store->copied;
}

uint64_t ram_image_bytes(const struct ram_image *img)
{
	return img->held * RAM_PAGE;
}
