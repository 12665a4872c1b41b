/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What panel-cpu.c puts together from its parts: registers, code, stack. */
#ifndef VITRINE_TUI_PANEL_PARTS_H
#define VITRINE_TUI_PANEL_PARTS_H

#include <jansson.h>

#include "tui/panel.h"

/*
 * The registers of the selected vCPU in as few rows as they fit; SF may be NULL.
 * Returns the rows they take (which may be more than AREA has).
 */
int panel_regs_brief(const struct panel_ctx *ctx, struct surface *sf, struct rect area);
/* Registers of at most 64 bits by name, as "0x..." strings. New reference. */
json_t *panel_regs_object(const struct x86_state *st);
/* New references: instructions from rip on; slots of the stack; frames. */
json_t *panel_code_array(const struct panel_ctx *ctx, unsigned int nr);
json_t *panel_frames_array(const struct panel_ctx *ctx);
/* New references: the next instruction's operands and meaning; the frame an IRET ahead takes. */
json_t *panel_next_object(const struct panel_ctx *ctx);
json_t *panel_iret_object(const struct panel_ctx *ctx);
/*
 * All vCPUs, each with its state, where it is and what it exited for last: in ROWS rows of AREA
 * (SF may be NULL: only count); fewer rows than vCPUs make a shorter form. Returns the rows used,
 * none with one vCPU.
 */
int panel_vcpus(const struct panel_ctx *ctx, struct surface *sf, struct rect area);
json_t *panel_vcpu_object(const struct panel_ctx *ctx, unsigned int vcpu);
/*
 * An address as a person types it: a symbol, a register, or hexadecimal digits,
 * each with an optional "+offset".
 */
bool panel_address(const struct panel_ctx *ctx, const char *text, uint64_t *addr);
/* Take the goal a person typed for PAN; false where there is none, or it means nothing. */
bool panel_goal(struct panel *pan, const struct panel_ctx *ctx, uint64_t *addr);
/* The value of the selected vCPU's register NAME, with or without a leading '$'. */
bool panel_register(const struct panel_ctx *ctx, const char *name, uint64_t *val);
/* Has the guest nothing on its VGA text screen? */
bool panel_vga_blank(const struct vm_view *view);
/* Forget where the cursor was put: the next draw follows rip again. */
void panel_code_follow(struct panel *pan);

#endif
