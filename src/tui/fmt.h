/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the panels write numbers, addresses, rates, times and states: the same everywhere. */
#ifndef VITRINE_TUI_FMT_H
#define VITRINE_TUI_FMT_H

#include <stddef.h>
#include <stdint.h>

#include "inspect/view.h"
#include "tui/panel.h"

#define FMT_MAX 40

/* All return OUT, which has at least FMT_MAX bytes. */

/* "0", "312", "1204", "43.1k", "2.5M": at most 5 columns. */
const char *fmt_count(uint64_t val, char *out);
/* "0.398s", "12.3s", "4m07s", "2h03m". */
const char *fmt_time(uint64_t ns, char *out);
/* "0.3us", "12us", "4.1ms": at most 5 columns; "-" for nothing. */
const char *fmt_cost(uint64_t ticks, uint64_t count, uint64_t tsc_khz, char *out);
/* ADDR with 16 digits where ST runs 64-bit code, 8 otherwise. */
const char *fmt_addr(const struct x86_state *st, uint64_t addr, char *out);
/* The last 8 digits after an ellipsis where the upper half is that of ST's stack; else all. */
const char *fmt_tail(uint64_t addr, char *out);
/* "▶ live 30 Hz", "■ STOPPED", "✝ CRASHED (kept)", "· wait-SIPI", "○ not started", "exited". */
const char *fmt_state(const struct panel_ctx *ctx, char *out);
/* How that state looks. */
enum style fmt_state_style(const struct panel_ctx *ctx);
/* The selected vCPU's registers, NULL where there is none. */
const struct x86_state *fmt_state_of(const struct vm_view *view, unsigned int vcpu);
/* Where a file lies, shortened to its last LEN columns at a slash. */
const char *fmt_path(const char *path, size_t len);

#endif
