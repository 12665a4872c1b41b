/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of what the sample page carries as numbers. */
#include "inspect/sample.h"

const char *vm_state_name(enum vm_state state)
{
	static const char *const name[] = {
		[VM_STATE_PRELAUNCH] = "prelaunch",    [VM_STATE_RUNNING] = "running",
		[VM_STATE_PAUSED] = "paused",	       [VM_STATE_DEBUG] = "debug",
		[VM_STATE_CRASHED] = "guest-panicked", [VM_STATE_INTERNAL] = "internal-error",
		[VM_STATE_SHUTDOWN] = "shutdown",
	};

	if ((unsigned int)state >= sizeof(name) / sizeof(name[0]))
		return "unknown";
	return name[state];
}

const char *exit_kind_name(enum exit_kind kind)
{
	static const char *const name[EXIT_NR] = {
		[EXIT_IO_IN] = "io in",
		[EXIT_IO_OUT] = "io out",
		[EXIT_MMIO_READ] = "mmio read",
		[EXIT_MMIO_WRITE] = "mmio write",
		[EXIT_HLT] = "hlt",
		[EXIT_DEBUG] = "debug",
		[EXIT_SHUTDOWN] = "shutdown",
		[EXIT_INTERNAL_ERROR] = "internal error",
		[EXIT_FAIL_ENTRY] = "fail entry",
		[EXIT_INTR] = "kick",
		[EXIT_IRQ_WINDOW] = "irq window",
		[EXIT_RDMSR] = "rdmsr",
		[EXIT_WRMSR] = "wrmsr",
		[EXIT_SYSTEM_EVENT] = "system event",
		[EXIT_IOAPIC_EOI] = "ioapic eoi",
		[EXIT_OTHER] = "other",
	};

	if ((unsigned int)kind >= EXIT_NR)
		return "unknown";
	return name[kind];
}
