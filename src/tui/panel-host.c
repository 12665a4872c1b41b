/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the guest's physical memory lies in the host: memslots, what of them is resident, the second
 * stage; one address followed through all of it.
 */
#include "tui/panel.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "inspect/mmu.h"
#include "tui/fmt.h"
#include "tui/lines.h"
#include "tui/panel-balloon.h"
#include "tui/panel-parts.h"

struct host {
	struct lines list;
	bool follow;   /* one address */
	bool physical; /* it was given as a guest-physical one */
	bool dirty;    /* count what the guest writes */
	uint64_t addr;
};

static int host_create(struct panel *pan)
{
	pan->data = calloc(1, sizeof(struct host));
	return pan->data ? 0 : -ENOMEM;
}

static void host_destroy(struct panel *pan)
{
	struct host *host = pan->data;

	if (host)
		lines_free(&host->list);
	free(host);
}

/* "pa:ADDR": a guest-physical address; "dirty": count; else any address of the guest's. */
static void host_take_goal(struct panel *pan, const struct panel_ctx *ctx)
{
	struct host *host = pan->data;
	bool physical = !strncmp(pan->goal, "pa:", 3);
	uint64_t addr;

	if (!strcmp(pan->goal, "dirty")) {
		host->dirty = true;
	} else if (pan->goal[0] && panel_address(ctx, pan->goal + (physical ? 3 : 0), &addr)) {
		host->follow = true;
		host->physical = physical;
		host->addr = addr;
		pan->scroll = 0;
	}
	pan->goal[0] = '\0';
}

/* Where the followed address is in guest-physical memory; false where it is nowhere. */
static bool host_gpa(const struct host *host, const struct panel_ctx *ctx, uint64_t *gpa)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);

	*gpa = host->addr;
	return host->physical || (st && mmu_translate(ctx->view, st, host->addr, gpa));
}

static json_t *host_ask(struct panel *pan, const struct panel_ctx *ctx)
{
	struct host *host = pan->data;
	json_t *args = json_object();
	uint64_t gpa;

	host_take_goal(pan, ctx);
	if (host->follow && host_gpa(host, ctx, &gpa))
		json_object_set_new(args, "follow", json_integer((json_int_t)gpa));
	if (host->dirty)
		json_object_set_new(args, "dirty", json_true());
	return args;
}

static const char *host_type(uint32_t type)
{
	return type == SAMPLE_REGION_RAM   ? "RAM"
	       : type == SAMPLE_REGION_VGA ? "VGA window"
	       : type == SAMPLE_REGION_ROM ? "ROM"
					   : "?";
}

static unsigned int host_regions(const struct vm_view *view)
{
	return view->nr_regions < VM_MAX_REGIONS ? view->nr_regions : VM_MAX_REGIONS;
}

/* The VM process's own words, line by line. */
static void host_add_text(struct lines *list, const char *text)
{
	int len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = (int)strcspn(text, "\n");
		lines_add(list, " %.*s", len, text);
	}
}

/* "PML4[511] PDPT[510] PD[0] PT[257] → 101a18": the guest's own tables. */
static void host_add_walk(struct lines *list, const struct panel_ctx *ctx, uint64_t gva)
{
	static const char *const name[] = { "?", "PT", "PD", "PDPT", "PML4", "PML5" };
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct buf text = BUF_INIT;
	struct mmu_walk walk;
	char size[16];

	mmu_walk(ctx->view, st, gva, &walk);
	for (unsigned int i = 0; i < walk.nr_levels; i++)
		buf_printf(&text, "%s[%u] ",
			   name[walk.level[i].level <= 5 ? walk.level[i].level : 0],
			   walk.level[i].index);
	if (walk.present)
		buf_printf(&text, "→ physical %" PRIx64 ", a page of %s", walk.gpa,
			   parse_size_text(walk.page_len, size));
	else
		buf_puts(&text, AS_BAD "✗ not mapped");
	lines_add(list, " guest    %s", walk.mode == MMU_OFF ? "paging is off" : buf_str(&text));
	buf_free(&text);
}

/*
 * The followed address: what the guest's tables say, then what the VM process added. Returns the
 * rest of its words.
 */
static const char *host_add_follow(struct host *host, const struct panel_ctx *ctx)
{
	const char *text = ctx->stage2, *end = text ? strstr(text, "\n\n") : NULL;
	char sym[96];

	sym_text(ctx->syms, host->addr, sym, sizeof(sym));
	lines_add(&host->list, AS_TITLE " follow %s%" PRIx64 "  " AS_SYMBOL "%s",
		  host->physical ? "guest-physical " : "", host->addr, host->physical ? "" : sym);
	if (!host->physical && fmt_state_of(ctx->view, ctx->vcpu))
		host_add_walk(&host->list, ctx, host->addr);
	if (!text || strncmp(text, "memslot", 7) != 0 || !end)
		return text;
	while (text < end) {
		int len = (int)strcspn(text, "\n");
		bool bad = memmem(text, (size_t)len, "MISMATCH", 8) != NULL;

		lines_add(&host->list, " %s%.*s", bad ? AS_BAD : "", len, text);
		text += len + (text[len] == '\n');
	}
	lines_add(&host->list, " ");
	return end + 2;
}

/* KVM's own count of what it has mapped, to be held against the tree. */
static void host_add_counters(struct lines *list, const struct sample_kvm *kvm)
{
	const uint64_t val[] = { kvm->pages_4k, kvm->pages_2m, kvm->pages_1g, kvm->flushes };
	static const char *const name[] = { "4K", "2M", "1G", "TLB flushes" };
	struct buf text = BUF_INIT;

	for (int i = 0; i < 4; i++) {
		if (val[i] == UINT64_MAX)
			buf_printf(&text, "  %s ?", name[i]);
		else
			buf_printf(&text, "  %s %" PRIu64, name[i], val[i]);
	}
	lines_add(list, " KVM counts, mapped pages:%s", buf_str(&text));
	buf_free(&text);
}

static void host_add_slots(struct lines *list, const struct vm_view *view, int cols)
{
	char size[16];

	lines_add(list, " memory of pid %u: one memfd of %s, %u memslots", view->pid,
		  parse_size_text(view->ram_len, size), view->nr_regions);
	lines_add(list, AS_DIM " slot  guest physical                  size  %shost virtual  %s",
		  cols >= 100 ? "in memfd      " : "", "what");
	for (unsigned int i = 0; i < host_regions(view); i++) {
		const struct sample_region *reg = &view->region[i];
		char off[24] = "";

		if (cols >= 100)
			snprintf(off, sizeof(off), "%012" PRIx64 "  ", reg->offset);
		lines_add(list,
			  " %4u  %012" PRIx64 "-%012" PRIx64 "  %6s  %s%012" PRIx64 "  " AS_SYMBOL
			  "%s%s%s",
			  reg->slot, reg->gpa, reg->gpa + reg->len - 1,
			  parse_size_text(reg->len, size), off, reg->hva, host_type(reg->type),
			  reg->name[0] ? "  " : "", reg->name);
		lines_tag(list, reg->gpa);
	}
}

static void host_build(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	struct host *host = pan->data;
	const char *text = ctx->stage2;

	lines_clear(&host->list);
	host_take_goal(pan, ctx);
	if (host->follow)
		text = host_add_follow(host, ctx);
	host_add_slots(&host->list, ctx->view, cols);
	balloon_add_lines(&host->list, ctx->view, cols);
	host_add_counters(&host->list, &ctx->view->kvm);
	lines_add(&host->list, " ");
	if (text)
		host_add_text(&host->list, text);
	else
		lines_add(&host->list, AS_DIM " the second stage was not asked for");
}

static void host_draw(struct panel *pan, const struct panel_ctx *ctx, struct surface *sf,
		      struct rect area)
{
	if (!ctx->view)
		return;
	host_build(pan, ctx, area.cols);
	lines_draw(&((struct host *)pan->data)->list, pan, sf, area, false);
}

static int host_rows(struct panel *pan, const struct panel_ctx *ctx, int cols)
{
	if (!ctx->view)
		return 1;
	host_build(pan, ctx, cols);
	return (int)((struct host *)pan->data)->list.nr;
}

static unsigned int host_request(struct panel *pan, const struct panel_ctx *ctx, enum request req)
{
	const struct x86_state *st = fmt_state_of(ctx->view, ctx->vcpu);
	struct host *host = pan->data;

	if (req == REQ_EXPLAIN && st) { /* where the code is really; `g` asks for an address */
		host->follow = true;
		host->physical = false;
		host->addr = x86_state_linear_rip(st);
		pan->scroll = 0;
	} else if (req == REQ_DIFF) {
		host->dirty = !host->dirty;
	} else if (req == REQ_BACK && host->follow) {
		host->follow = false;
	} else {
		return PANEL_IGNORED;
	}
	return PANEL_HANDLED | PANEL_REDRAW;
}

static void host_subtitle(struct panel *pan, const struct panel_ctx *ctx, char *out, size_t len)
{
	const struct host *host = pan->data;

	(void)ctx;
	if (host->dirty)
		snprintf(out, len, "counting what the guest writes");
}

static json_t *host_counters_object(const struct sample_kvm *kvm)
{
	json_t *obj = json_object();
	const struct {
		const char *name;
		uint64_t val;
	} row[] = { { "pages-4k", kvm->pages_4k },
		    { "pages-2m", kvm->pages_2m },
		    { "pages-1g", kvm->pages_1g },
		    { "tlb-flushes", kvm->flushes } };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].val != UINT64_MAX)
			json_object_set_new(obj, row[i].name, json_integer((json_int_t)row[i].val));
	return obj;
}

static char *host_json(struct panel *pan, const struct panel_ctx *ctx)
{
	json_t *list = json_array(), *obj;
	char *text;

	(void)pan;
	for (unsigned int i = 0; ctx->view && i < host_regions(ctx->view); i++) {
		const struct sample_region *reg = &ctx->view->region[i];
		char hva[24];

		snprintf(hva, sizeof(hva), "0x%" PRIx64, reg->hva);
		json_array_append_new(list, json_pack("{s:i, s:I, s:I, s:I, s:s, s:s, s:s}", "slot",
						      (int)reg->slot, "gpa", (json_int_t)reg->gpa,
						      "len", (json_int_t)reg->len, "offset",
						      (json_int_t)reg->offset, "hva", hva, "type",
						      host_type(reg->type), "name", reg->name));
	}
	obj = json_pack("{s:I, s:o}", "memfd", (json_int_t)(ctx->view ? ctx->view->ram_len : 0),
			"memslots", list);
	if (ctx->view)
		json_object_set_new(obj, "kvm", host_counters_object(&ctx->view->kvm));
	text = obj ? json_dumps(obj, JSON_INDENT(2)) : NULL;
	json_decref(obj);
	return text;
}

static const enum request host_verbs[] = { REQ_EXPLAIN,	 REQ_GOTO,  REQ_DIFF, REQ_FILTER,
					   REQ_CONTINUE, REQ_PAUSE, REQ_ZOOM, REQ_YANK,
					   REQ_WRITE,	 REQ_NONE };

const struct panel_ops panel_host_ops = {
	.id = "ept",
	.title = "Host map",
	.min_rows = 2,
	.min_cols = 36,
	.create = host_create,
	.destroy = host_destroy,
	.draw = host_draw,
	.request = host_request,
	.ask = host_ask,
	.subtitle = host_subtitle,
	.json = host_json,
	.rows = host_rows,
	.verbs = host_verbs,
};
