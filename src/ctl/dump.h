/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory and registers as an ELF64 core file, for crash, drgn, gdb and readelf. Pure. */
#ifndef VITRINE_CTL_DUMP_H
#define VITRINE_CTL_DUMP_H

#include "base/err.h"
#include "inspect/view.h"

/*
 * Write VIEW to FD: a PT_NOTE with an NT_PRSTATUS each vCPU and the guest's VMCOREINFO if there is
 * one, a PT_LOAD each region of RAM (p_paddr: guest-physical). Of a 64-bit Linux guest also the
 * virtual addresses: RAM where the kernel maps it, the kernel's image a second time where it has
 * moved itself. -errno of a write.
 */
int dump_write(const struct vm_view *view, int fd, struct err *err);

#endif
