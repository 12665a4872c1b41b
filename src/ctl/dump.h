/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory and registers as an ELF64 core file, for crash, drgn, gdb and readelf. Pure. */
#ifndef VITRINE_CTL_DUMP_H
#define VITRINE_CTL_DUMP_H

#include "base/err.h"
#include "inspect/view.h"

/* Write VIEW to FD: a PT_NOTE with an NT_PRSTATUS each vCPU, a PT_LOAD each region of RAM
 * (p_paddr: guest-physical). -errno of a write. */
int dump_write(const struct vm_view *view, int fd, struct err *err);

#endif
