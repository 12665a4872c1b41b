/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vitrine run` was asked for: plain data, strings owned by whoever parsed them. */
#ifndef VITRINE_VMM_CONFIG_H
#define VITRINE_VMM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/boot.h"
#include "vmm/pci.h"

struct vconsole_line;

enum vm_on_reset { VM_ON_RESET_RESET, VM_ON_RESET_EXIT };
enum vm_on_crash { VM_ON_CRASH_KEEP, VM_ON_CRASH_EXIT };

struct vm_config {
	const char *name;
	unsigned int nr_cpus;
	uint64_t mem_size; /* bytes */
	struct boot_config boot;
	const char *symbols; /* of --symbols, as inspect/sym.h has it; NULL: what the loader says */
	bool freeze;	     /* wait before the first instruction */
	enum vm_on_reset on_reset;
	enum vm_on_crash on_crash;
	int serial_fd[3];    /* copy of COM1, COM2, debug console output goes there; -1: nowhere */
	const char *run_dir; /* .../vitrine/NAME: where the sockets are */
	const struct pci_plug *plug; /* what is plugged into the PCI bus, in order */
	unsigned int nr_plug;
	struct vconsole_line *hvc; /* --console virtio: the way to hvc0, or NULL */
};

#endif
