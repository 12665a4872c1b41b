/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a Linux guest tells those who read its memory later: VMCOREINFO, and where it lies. */
#ifndef VITRINE_CTL_DUMP_LINUX_H
#define VITRINE_CTL_DUMP_LINUX_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/view.h"

struct dump_linux {
	uint64_t note_gpa, note_len;	       /* an ELF note, whole; 0: the guest has given none */
	uint64_t text_gva, text_gpa, text_len; /* the kernel's image; 0: not known */
	uint64_t direct_map;		       /* where all of RAM is mapped; 0: not known */
};

/* Look for all that in VIEW; what is not there is left 0. Reads all of RAM. */
void dump_linux_find(const struct vm_view *view, struct dump_linux *out);

#endif
