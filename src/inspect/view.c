/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building a view from the sample page, and the one checked way to guest
 * memory for readers. The page is written by another process while it is read:
 * every count is read once and bounded, every string is ended here.
 */
#include "inspect/view.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"
#include "inspect/mmu.h"

#define VIEW_PAGE	4096u
#define VIEW_SEQ_TRIES	200
#define VIEW_STATE_LAST VM_STATE_SHUTDOWN

/*
 * A bounded read side of a seqlock: copy between view_seq_begin() and
 * view_seq_again() until the latter is false. A writer that died in between
 * must not hang us: after VIEW_SEQ_TRIES the torn copy is taken as it is.
 */
struct view_seq {
	const uint32_t *seq;
	uint32_t begin;
	unsigned int tries;
	bool whole;
};

static void view_seq_begin(struct view_seq *sl)
{
	unsigned int i;

	for (i = 0; i < VIEW_SEQ_TRIES; i++) {
		sl->begin = __atomic_load_n(sl->seq, __ATOMIC_ACQUIRE);
		if (!(sl->begin & 1))
			return;
		__builtin_ia32_pause();
	}
}

static bool view_seq_again(struct view_seq *sl)
{
	atomic_thread_fence(memory_order_acquire);
	sl->whole = !(sl->begin & 1) && __atomic_load_n(sl->seq, __ATOMIC_RELAXED) == sl->begin;
	return !sl->whole && ++sl->tries < VIEW_SEQ_TRIES;
}

static void view_end_text(char *text, size_t len)
{
	text[len - 1] = '\0';
}

#define VIEW_END_TEXT(array) view_end_text(array, sizeof(array))

static uint32_t view_min(uint32_t val, uint32_t max)
{
	return val < max ? val : max;
}

/* A bool that holds neither 0 nor 1 is undefined behaviour to read. */
static void view_fix_bool(bool *val)
{
	uint8_t byte;

	memcpy(&byte, val, 1);
	byte = !!byte;
	memcpy(val, &byte, 1);
}

static int view_check_regions(const struct vm_view *view, struct err *err)
{
	uint32_t i;

	if (view->nr_regions > VM_MAX_REGIONS)
		return err_set(err, EPROTO, "sample page: %u memory regions", view->nr_regions);
	for (i = 0; i < view->nr_regions; i++) {
		const struct sample_region *reg = &view->region[i];

		if (reg->offset > view->ram_len || reg->len > view->ram_len - reg->offset ||
		    reg->gpa + reg->len < reg->gpa)
			return err_set(err, EPROTO, "sample page: region %u lies outside RAM", i);
	}
	return 0;
}

/* Whatever came in: counts within their arrays, strings ended, enums in range. */
static int view_sanitize(struct vm_view *view, struct err *err)
{
	uint32_t i;

	VIEW_END_TEXT(view->name);
	VIEW_END_TEXT(view->image);
	VIEW_END_TEXT(view->symbols);
	VIEW_END_TEXT(view->gdb);
	VIEW_END_TEXT(view->stop_text);
	view->nr_rows = view_min(view->nr_rows, SAMPLE_ROWS);
	view->nr_pci = view_min(view->nr_pci, SAMPLE_PCI);
	view->nr_ledger = view_min(view->nr_ledger, SAMPLE_LEDGER);
	view->nr_flights = view_min(view->nr_flights, VIEW_FLIGHTS);
	view->nr_patches = view_min(view->nr_patches, SAMPLE_PATCHES);
	if ((unsigned int)view->state > VIEW_STATE_LAST)
		view->state = VM_STATE_INTERNAL;
	if (view->stop_vcpu >= view->nr_vcpus)
		view->stop_vcpu = 0;
	for (i = 0; i < view->nr_rows; i++) {
		VIEW_END_TEXT(view->row[i].device);
		VIEW_END_TEXT(view->row[i].label);
		VIEW_END_TEXT(view->row[i].value);
	}
	for (i = 0; i < view->nr_pci; i++)
		VIEW_END_TEXT(view->pci[i].name);
	for (i = 0; i < view->nr_ledger; i++)
		VIEW_END_TEXT(view->ledger[i].name);
	for (i = 0; i < view->nr_flights; i++) {
		if (view->flight[i].kind >= EXIT_NR)
			view->flight[i].kind = EXIT_OTHER;
	}
	for (i = 0; i < VM_MAX_REGIONS; i++)
		VIEW_END_TEXT(view->region[i].name);
	for (i = 0; i < view->nr_vcpus; i++) {
		view_fix_bool(&view->vcpu[i].state.pdptrs_valid);
		view_fix_bool(&view->vcpu[i].shadow.pdptrs_valid);
		view_fix_bool(&view->vcpu[i].exact);
		view_fix_bool(&view->vcpu[i].shadow_exact);
		view_fix_bool(&view->vcpu[i].lost);
	}
	return view_check_regions(view, err);
}

/* What never changes while the VM lives. */
static void view_copy_fixed(const struct sample_page *page, struct vm_view *out)
{
	memcpy(out->name, page->name, sizeof(out->name));
	memcpy(out->image, page->image, sizeof(out->image));
	memcpy(out->symbols, page->symbols, sizeof(out->symbols));
	memcpy(out->gdb, page->gdb, sizeof(out->gdb));
	memcpy(out->region, page->region, sizeof(out->region));
	out->pid = page->pid;
	out->nr_regions = page->nr_regions;
	out->start_ns = page->start_ns;
	out->mem_size = page->mem_size;
	out->tsc_khz = page->tsc_khz;
}

/* The VM's state and the device rows: one consistent copy under the page's seqlock. */
static void view_copy_state(const struct sample_page *page, struct vm_view *out)
{
	struct view_seq sl = { .seq = &page->seq };

	do {
		view_seq_begin(&sl);
		out->state = page->state;
		out->stop_vcpu = page->stop_vcpu;
		out->stop_count = page->stop_count;
		out->stop_ns = page->stop_ns;
		memcpy(out->stop_text, page->stop_text, sizeof(out->stop_text));
		out->nr_rows = page->nr_rows;
		out->vga_start = page->vga_start;
		out->vga_cursor = page->vga_cursor;
		out->vga_cursor_on = page->vga_cursor_on;
		out->vga_cols = page->vga_cols;
		out->vga_rows = page->vga_rows;
		memcpy(out->row, page->row,
		       view_min(out->nr_rows, SAMPLE_ROWS) * sizeof(out->row[0]));
		out->nr_pci = page->nr_pci;
		memcpy(out->pci, page->pci, sizeof(out->pci));
		out->irqchips = page->irqchips;
		out->balloon = page->balloon;
		out->kvm = page->kvm;
	} while (view_seq_again(&sl));
}

static void view_copy_patches(const struct sample_page *page, struct vm_view *out)
{
	uint32_t i;

	memcpy(out->patch, page->patch, sizeof(out->patch));
	out->nr_patches = 0;
	for (i = 0; i < SAMPLE_PATCHES; i++) {
		if (out->patch[i].used)
			out->nr_patches = i + 1;
	}
}

static void view_copy_counters(const struct sample_page *page, struct vm_view *out)
{
	out->nr_ledger =
		view_min(__atomic_load_n(&page->nr_ledger, __ATOMIC_ACQUIRE), SAMPLE_LEDGER);
	memcpy(out->ledger, page->ledger, out->nr_ledger * sizeof(out->ledger[0]));
	view_copy_patches(page, out);
	memcpy(out->serial_out, page->serial_out, sizeof(out->serial_out));
}

static void view_copy_vcpus(const struct sample_page *page, struct vm_view *out)
{
	uint32_t i;

	for (i = 0; i < out->nr_vcpus; i++) {
		const struct vcpu_sample *from = &page->vcpu[i];
		struct view_vcpu *to = &out->vcpu[i];
		struct view_seq sl = { .seq = &from->seq };
		uint32_t exact;

		do {
			view_seq_begin(&sl);
			exact = from->exact;
			to->time_ns = from->time_ns;
			to->count = from->count;
			to->state = from->state;
		} while (view_seq_again(&sl));
		to->exact = sl.whole && exact;
		memcpy(to->exits, from->exits, sizeof(to->exits));
		memcpy(to->exit_tsc, from->exit_tsc, sizeof(to->exit_tsc));
		to->kvm_exits = from->kvm_exits;
		to->kvm_irqs = from->kvm_irqs;
		to->irq_rate = from->irq_rate;
		to->shadow = page->shadow[i];
		to->shadow_exact = page->shadow_exact[i] != 0;
	}
}

/*
 * A triple fault on AMD-V leaves a vCPU at the reset vector. Nobody wants to see
 * that: the state at its last exit (or better) takes its place.
 */
static void view_recover(struct vm_view *view)
{
	struct view_vcpu *vcpu = &view->vcpu[view->stop_vcpu];

	if (view->state != VM_STATE_CRASHED || vcpu->state.rip != 0xfff0 ||
	    vcpu->state.seg[X86_CS].base != 0xffff0000 || vcpu->state.cr0 & X86_CR0_PE ||
	    !vcpu->shadow.cr0)
		return;
	vcpu->state = vcpu->shadow;
	vcpu->exact = vcpu->shadow_exact;
	vcpu->lost = true;
}

/* The last VIEW_FLIGHTS exits, oldest first. */
static void view_copy_flights(const struct sample_page *page, struct vm_view *out)
{
	uint64_t next = __atomic_load_n(&page->flight_next, __ATOMIC_ACQUIRE);
	uint32_t nr = next < VIEW_FLIGHTS ? (uint32_t)next : VIEW_FLIGHTS;
	uint32_t i;

	for (i = 0; i < nr; i++)
		out->flight[i] = page->flight[(next - nr + i) & (SAMPLE_FLIGHTS - 1)];
	out->nr_flights = nr;
	out->flight_total = next;
	out->ring = page->flight;
}

uint32_t view_nr_flights(const struct vm_view *view)
{
	uint64_t nr = view->ring ? view->flight_total : view->nr_flights;

	return nr < SAMPLE_FLIGHTS ? (uint32_t)nr : SAMPLE_FLIGHTS;
}

bool view_flight(const struct vm_view *view, uint32_t back, struct sample_flight *out)
{
	if (back >= view_nr_flights(view))
		return false;
	if (back < view->nr_flights && view->nr_flights <= VIEW_FLIGHTS)
		*out = view->flight[view->nr_flights - 1 - back];
	else if (view->ring)
		*out = view->ring[(view->flight_total - 1 - back) & (SAMPLE_FLIGHTS - 1)];
	else
		return false;
	if (out->kind >= EXIT_NR)
		out->kind = EXIT_OTHER;
	return true;
}

static int view_check_header(const struct sample_page *page, size_t sample_len, size_t ram_len,
			     struct err *err)
{
	if (sample_len < sizeof(*page) || page->magic != SAMPLE_MAGIC)
		return err_set(err, EPROTO, "not a sample page");
	if (page->version != SAMPLE_VERSION || page->size != sizeof(*page))
		return err_set(err, EPROTO,
			       "sample page of another version: is the VM of another vitrine?");
	if (page->ram_len > ram_len)
		return err_set(err, EPROTO, "sample page: more RAM than was handed over");
	return 0;
}

int view_build(const void *sample, size_t sample_len, const void *ram, size_t ram_len,
	       struct vm_view *out, struct err *err)
{
	const struct sample_page *page = sample;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = view_check_header(page, sample_len, ram_len, err);
	if (ret)
		return ret;
	out->nr_vcpus = page->nr_vcpus;
	if (!out->nr_vcpus || out->nr_vcpus > VM_MAX_VCPUS) {
		out->nr_vcpus = 0;
		return err_set(err, EPROTO, "sample page: impossible number of vCPUs");
	}
	out->vcpu = calloc(out->nr_vcpus, sizeof(*out->vcpu));
	if (!out->vcpu)
		return err_set(err, ENOMEM, "view: out of memory");
	out->ram = ram;
	out->ram_len = ram_len;
	out->now_ns = time_now_ns();
	view_copy_fixed(page, out);
	view_copy_state(page, out);
	view_copy_counters(page, out);
	view_copy_vcpus(page, out);
	view_copy_flights(page, out);
	ret = view_sanitize(out, err);
	if (ret)
		view_release(out);
	else
		view_recover(out);
	return ret;
}

void view_build_memory(const struct sample_page *page, const void *ram, size_t ram_len,
		       struct vm_view *out)
{
	/* The arrays and texts, which make a view large, are left as they are: nobody reads them.
	 */
	out->nr_vcpus = out->nr_rows = out->nr_pci = out->nr_ledger = out->nr_flights = 0;
	out->nr_pages = 0;
	out->flight_total = 0;
	out->vcpu = NULL;
	out->ring = NULL;
	out->page = NULL;
	out->owned = NULL;
	out->ram = ram;
	out->ram_len = ram_len;
	out->nr_regions = page->nr_regions;
	memcpy(out->region, page->region, sizeof(out->region));
	view_copy_patches(page, out);
}

void view_release(struct vm_view *view)
{
	free(view->vcpu);
	view->vcpu = NULL;
	view->nr_vcpus = 0;
	if (view->owned)
		munmap(view->owned, view->ram_len);
	view->owned = NULL;
	view->ram = NULL;
	view->ring = NULL;
	view->ram_len = 0;
	view->nr_regions = 0;
}

const struct sample_region *view_region(const struct vm_view *view, uint64_t gpa)
{
	uint32_t i;

	for (i = 0; i < view->nr_regions && i < VM_MAX_REGIONS; i++) {
		const struct sample_region *reg = &view->region[i];

		if (gpa >= reg->gpa && gpa - reg->gpa < reg->len)
			return reg;
	}
	return NULL;
}

/* Puts the guest's own bytes over our breakpoints in the LEN bytes at GPA just read. */
static void view_hide_patches(const struct vm_view *view, uint64_t gpa, uint8_t *out, size_t len)
{
	uint32_t i;

	for (i = 0; i < view->nr_patches && i < SAMPLE_PATCHES; i++) {
		const struct sample_patch *pat = &view->patch[i];

		if (pat->used && pat->gpa >= gpa && pat->gpa - gpa < len)
			out[pat->gpa - gpa] = pat->orig;
	}
}

/* The kept page that holds GPA, or NULL. */
static const struct view_page *view_find_page(const struct vm_view *view, uint64_t gpa)
{
	uint32_t low = 0, high = view->nr_pages;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (view->page[mid].gpa + VIEW_PAGE <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low < view->nr_pages && view->page[low].gpa <= gpa ? &view->page[low] : NULL;
}

/* Of a moment of the past: what was kept of it. */
static size_t view_read_kept(const struct vm_view *view, uint64_t gpa, uint8_t *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const struct view_page *page = view_find_page(view, gpa + done);
		size_t in = (gpa + done) & (VIEW_PAGE - 1), nr = VIEW_PAGE - in;

		if (!page)
			break;
		nr = nr < len - done ? nr : len - done;
		memcpy(to + done, page->data + in, nr);
		done += nr;
	}
	return done;
}

size_t view_read(const struct vm_view *view, uint64_t gpa, void *out, size_t len)
{
	uint8_t *to = out;
	size_t done = 0;

	if (view->page)
		return view_read_kept(view, gpa, to, len);
	while (done < len) {
		const struct sample_region *reg = view_region(view, gpa + done);
		uint64_t in, nr;

		if (!reg || gpa + done < gpa)
			break;
		in = gpa + done - reg->gpa;
		nr = reg->len - in;
		if (nr > len - done)
			nr = len - done;
		/* Fixtures made by hand have not been through view_check_regions(). */
		if (reg->offset > view->ram_len || in + nr > view->ram_len - reg->offset)
			break;
		memcpy(to + done, view->ram + reg->offset + in, nr);
		view_hide_patches(view, gpa + done, to + done, nr);
		done += nr;
	}
	return done;
}

bool view_read_value(const struct vm_view *view, uint64_t gpa, unsigned int size, uint64_t *out)
{
	uint64_t val = 0;

	if (size > sizeof(val) || view_read(view, gpa, &val, size) != size)
		return false;
	*out = val;
	return true;
}

size_t view_read_va_as(const struct vm_view *view, const struct x86_state *st, uint64_t gva,
		       void *out, size_t len)
{
	uint8_t *to = out;
	size_t done = 0;

	while (done < len) {
		uint64_t addr = gva + done, gpa;
		size_t nr = VIEW_PAGE - (addr & (VIEW_PAGE - 1)), got;

		if (nr > len - done)
			nr = len - done;
		if (!mmu_translate(view, st, addr, &gpa))
			break;
		got = view_read(view, gpa, to + done, nr);
		done += got;
		if (got < nr)
			break;
	}
	return done;
}

size_t view_read_va(const struct vm_view *view, unsigned int vcpu, uint64_t gva, void *out,
		    size_t len)
{
	if (vcpu >= view->nr_vcpus)
		return 0;
	return view_read_va_as(view, &view->vcpu[vcpu].state, gva, out, len);
}

/* --- fixtures: a header, then the parts of the view, its vCPUs and its RAM that are not zero */

#define VIEW_FILE_MAGIC	  0x56525456u /* "VTRV" */
#define VIEW_FILE_VERSION 2
#define VIEW_CHUNK	  512u
#define VIEW_RAM_MAX	  (1ull << 40)

enum view_part { VIEW_PART_VIEW, VIEW_PART_VCPU, VIEW_PART_RAM, VIEW_NR_PARTS };

struct view_file {
	uint32_t magic, version;
	uint32_t view_len, vcpu_len; /* sizes of the structs: another build's file is refused */
	uint32_t nr_vcpus, pad;
	uint64_t ram_len;
};

struct view_record {
	uint32_t part, len;
	uint64_t off;
};

/* Bytes read: less than LEN at the end of the file, -errno on error. */
static ssize_t view_read_all(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t ret = read(fd, (char *)data + done, len - done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return -errno;
		if (!ret)
			break;
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

static bool view_is_zero(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

static int view_save_part(int fd, enum view_part part, const void *data, uint64_t len)
{
	const uint8_t *from = data;
	struct {
		struct view_record rec;
		uint8_t data[VIEW_CHUNK];
	} out;
	uint64_t off;
	int ret;

	for (off = 0; off < len; off += VIEW_CHUNK) {
		size_t nr = len - off < VIEW_CHUNK ? (size_t)(len - off) : VIEW_CHUNK;

		if (view_is_zero(from + off, nr))
			continue;
		out.rec = (struct view_record){ .part = part, .len = (uint32_t)nr, .off = off };
		memcpy(out.data, from + off, nr);
		ret = io_write_all(fd, &out, sizeof(out.rec) + nr);
		if (ret)
			return ret;
	}
	return 0;
}

int view_save(const struct vm_view *view, int fd, struct err *err)
{
	struct view_file head = {
		.magic = VIEW_FILE_MAGIC,
		.version = VIEW_FILE_VERSION,
		.view_len = sizeof(struct vm_view),
		.vcpu_len = sizeof(struct view_vcpu),
		.nr_vcpus = view->nr_vcpus,
		.ram_len = view->ram_len,
	};
	struct vm_view *copy = malloc(sizeof(*copy));
	int ret;

	if (!copy)
		return err_set(err, ENOMEM, "view: out of memory");
	memcpy(copy, view, sizeof(*copy));
	copy->ram = NULL;
	copy->vcpu = NULL;
	copy->owned = NULL;
	copy->ring = NULL;
	copy->page = NULL;
	copy->nr_pages = 0;
	ret = io_write_all(fd, &head, sizeof(head));
	if (!ret)
		ret = view_save_part(fd, VIEW_PART_VIEW, copy, sizeof(*copy));
	if (!ret)
		ret = view_save_part(fd, VIEW_PART_VCPU, view->vcpu,
				     (uint64_t)view->nr_vcpus * sizeof(*view->vcpu));
	if (!ret)
		ret = view_save_part(fd, VIEW_PART_RAM, view->ram, view->ram_len);
	free(copy);
	return ret ? err_sys(err, -ret, "cannot save the view") : 0;
}

static int view_load_head(int fd, struct view_file *head, struct err *err)
{
	ssize_t got = view_read_all(fd, head, sizeof(*head));

	if (got < 0)
		return err_sys(err, (int)-got, "cannot read the view");
	if (got < (ssize_t)sizeof(*head) || head->magic != VIEW_FILE_MAGIC)
		return err_set(err, EPROTO, "not a saved view");
	if (head->version != VIEW_FILE_VERSION || head->view_len != sizeof(struct vm_view) ||
	    head->vcpu_len != sizeof(struct view_vcpu))
		return err_set(err, EPROTO, "saved view of another version");
	if (!head->nr_vcpus || head->nr_vcpus > VM_MAX_VCPUS || !head->ram_len ||
	    head->ram_len > VIEW_RAM_MAX)
		return err_set(err, EPROTO, "saved view: impossible sizes");
	return 0;
}

static int view_load_records(int fd, uint8_t *const base[], const uint64_t len[], struct err *err)
{
	struct view_record rec;
	ssize_t got;

	for (;;) {
		got = view_read_all(fd, &rec, sizeof(rec));
		if (!got)
			return 0;
		if (got < (ssize_t)sizeof(rec))
			break;
		if (rec.part >= VIEW_NR_PARTS || rec.len > VIEW_CHUNK || rec.off > len[rec.part] ||
		    rec.len > len[rec.part] - rec.off)
			break;
		if (view_read_all(fd, base[rec.part] + rec.off, rec.len) != (ssize_t)rec.len)
			break;
	}
	return err_set(err, EPROTO, "saved view: damaged or cut short");
}

int view_load(int fd, struct vm_view *out, struct err *err)
{
	struct view_file head;
	struct view_vcpu *vcpu;
	void *ram;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = view_load_head(fd, &head, err);
	if (ret)
		return ret;
	vcpu = calloc(head.nr_vcpus, sizeof(*vcpu));
	if (!vcpu)
		return err_set(err, ENOMEM, "view: out of memory");
	ram = mmap(NULL, head.ram_len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED) {
		free(vcpu);
		return err_sys(err, errno, "view: no room for the guest's RAM");
	}
	ret = view_load_records(
		fd, (uint8_t *const[]){ (uint8_t *)out, (uint8_t *)vcpu, ram },
		(const uint64_t[]){ sizeof(*out), head.nr_vcpus * sizeof(*vcpu), head.ram_len },
		err);
	/* The file's idea of these must not survive. */
	out->vcpu = vcpu;
	out->nr_vcpus = head.nr_vcpus;
	out->ram = ram;
	out->owned = ram;
	out->ring = NULL;
	out->page = NULL;
	out->nr_pages = 0;
	out->ram_len = head.ram_len;
	if (!ret)
		ret = view_sanitize(out, err);
	if (ret)
		view_release(out);
	return ret;
}
