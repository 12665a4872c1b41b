/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and states in words: see fmt.h. */
#include "tui/fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *fmt_count(uint64_t val, char *out)
{
	static const char units[] = " kMGTPE";
	double num = (double)val;
	int unit = 0;

	if (val < 10000) {
		snprintf(out, FMT_MAX, "%" PRIu64, val);
		return out;
	}
	while (num >= 999.5 && units[unit + 1]) {
		num /= 1000;
		unit++;
	}
	snprintf(out, FMT_MAX, num < 99.95 ? "%.1f%c" : "%.0f%c", num, units[unit]);
	return out;
}

const char *fmt_time(uint64_t ns, char *out)
{
	uint64_t s = ns / 1000000000;

	if (s < 10)
		snprintf(out, FMT_MAX, "%.3fs", (double)ns / 1e9);
	else if (s < 60)
		snprintf(out, FMT_MAX, "%.1fs", (double)ns / 1e9);
	else if (s < 3600)
		snprintf(out, FMT_MAX, "%" PRIu64 "m%02us", s / 60, (unsigned int)(s % 60));
	else
		snprintf(out, FMT_MAX, "%" PRIu64 "h%02um", s / 3600, (unsigned int)(s / 60 % 60));
	return out;
}

const char *fmt_cost(uint64_t ticks, uint64_t count, uint64_t tsc_khz, char *out)
{
	double us;

	if (!ticks || !count || !tsc_khz)
		return strcpy(out, "-");
	us = (double)ticks / (double)count * 1000.0 / (double)tsc_khz;
	if (us < 9.95)
		snprintf(out, FMT_MAX, "%.1fus", us);
	else if (us < 999.5)
		snprintf(out, FMT_MAX, "%.0fus", us);
	else if (us < 9950)
		snprintf(out, FMT_MAX, "%.1fms", us / 1000);
	else if (us < 999500)
		snprintf(out, FMT_MAX, "%.0fms", us / 1000);
	else
		snprintf(out, FMT_MAX, "%.0fs", us / 1e6);
	return out;
}

const char *fmt_addr(const struct x86_state *st, uint64_t addr, char *out)
{
	if (!st || x86_state_mode(st) == X86_MODE_LONG64 || addr >> 32)
		snprintf(out, FMT_MAX, "%016" PRIx64, addr);
	else
		snprintf(out, FMT_MAX, "%08" PRIx64, addr);
	return out;
}

const char *fmt_tail(uint64_t addr, char *out)
{
	if (addr >> 32)
		snprintf(out, FMT_MAX, "…%08" PRIx32, (uint32_t)addr);
	else
		snprintf(out, FMT_MAX, "%" PRIx64, addr);
	return out;
}

const struct x86_state *fmt_state_of(const struct vm_view *view, unsigned int vcpu)
{
	if (!view || !view->vcpu || vcpu >= view->nr_vcpus)
		return NULL;
	return &view->vcpu[vcpu].state;
}

/* A stopped VM's state in one word that cannot be mistaken for a running one's. */
static const char *fmt_stopped(enum vm_state state)
{
	switch (state) {
	case VM_STATE_PRELAUNCH:
		return "○ not started";
	case VM_STATE_PAUSED:
		return "■ PAUSED";
	case VM_STATE_DEBUG:
		return "■ STOPPED";
	case VM_STATE_CRASHED:
		return "✝ CRASHED (kept)";
	case VM_STATE_INTERNAL:
		return "✝ KVM ERROR (kept)";
	case VM_STATE_SHUTDOWN:
		return "□ exited";
	default:
		return "?";
	}
}

const char *fmt_state(const struct panel_ctx *ctx, char *out)
{
	const struct vm_view *view = ctx->view;
	const struct x86_state *st;

	if (!view)
		return strcpy(out, "-");
	if (ctx->gone && view->state == VM_STATE_RUNNING)
		return strcpy(out, "✝ GONE");
	if (view->state != VM_STATE_RUNNING)
		return strcpy(out, fmt_stopped(view->state));
	st = fmt_state_of(view, ctx->vcpu);
	if (st && st->mp_state == X86_MP_UNINITIALIZED)
		snprintf(out, FMT_MAX, "· wait-SIPI");
	else if (ctx->hz)
		snprintf(out, FMT_MAX, "▶ live %u Hz", ctx->hz);
	else
		snprintf(out, FMT_MAX, "▶ running");
	return out;
}

enum style fmt_state_style(const struct panel_ctx *ctx)
{
	if (!ctx->view)
		return STYLE_DIM;
	switch (ctx->view->state) {
	case VM_STATE_RUNNING:
		return ctx->gone ? STYLE_BAD : STYLE_GOOD;
	case VM_STATE_CRASHED:
	case VM_STATE_INTERNAL:
		return STYLE_BAD;
	case VM_STATE_SHUTDOWN:
		return STYLE_DIM;
	default:
		return STYLE_WARN;
	}
}

const char *fmt_path(const char *path, size_t len)
{
	size_t all = strlen(path);
	const char *cut;

	if (all <= len)
		return path;
	cut = strchr(path + all - len, '/');
	if (cut)
		return cut + 1;
	cut = strrchr(path, '/');
	return cut ? cut + 1 : path;
}
