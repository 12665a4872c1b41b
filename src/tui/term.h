/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal for the guest's serial line (libvterm), with scroll-back. It is fed
 * with bytes nobody vouches for; what it would answer goes to a callback.
 */
#ifndef VITRINE_TUI_TERM_H
#define VITRINE_TUI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tui/surface.h"

#define TERM_SCROLLBACK 10000

struct term;

/* Bytes the terminal sends back: answers to queries, and keys (term_key()). */
typedef void (*term_reply_fn)(void *ctx, const char *data, size_t len);

/* ROWS and COLS are brought between 2 and 500. NULL without memory. REPLY may be NULL. */
struct term *term_new(int rows, int cols, term_reply_fn reply, void *ctx);
void term_free(struct term *term);
void term_resize(struct term *term, int rows, int cols);
void term_feed(struct term *term, const void *data, size_t len);
/* A key (a character or VKEY_*) as the guest's program expects it in the present mode. */
void term_key(struct term *term, int key);
/* Lines of scroll-back there are. */
int term_history(const struct term *term);
/* How many lines ever went there: one line's number stays the same while others follow. */
uint64_t term_pushed(const struct term *term);
/*
 * The line that has TEXT (ASCII case ignored) nearest to line ROW, itself included, going by STEP
 * (1 or -1); line 0 is the oldest of the scroll-back. -1: none.
 */
int term_find(const struct term *term, int row, int step, const char *text);
int term_rows(const struct term *term);
/* Draw the screen moved up by SCROLL lines into the past; follows the cursor where AREA is small.
 */
void term_draw(const struct term *term, struct surface *sf, struct rect area, int scroll);
/* Scroll-back and screen as lines of text; appended to OUT. */
void term_text(const struct term *term, struct buf *out);
/* Bytes fed so far, for "N bytes so far". */
uint64_t term_bytes(const struct term *term);

#endif
