/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sample page: what a VM process publishes to its viewers in a memfd they
 * map read-only. The VM process is the only writer. Per-vCPU blocks and the
 * device rows are under a seqlock (odd while written); counters are single
 * 64-bit words and need none.
 */
#ifndef VITRINE_INSPECT_SAMPLE_H
#define VITRINE_INSPECT_SAMPLE_H

#include <stdint.h>

#include "inspect/regs.h"

#define SAMPLE_MAGIC   0x56545231u /* "VTR1" */
#define SAMPLE_VERSION 3

#define VM_MAX_VCPUS	64
#define VM_NAME_MAX	64
#define VM_MAX_REGIONS	8
#define SAMPLE_ROWS	1024
#define SAMPLE_LEDGER	256
#define SAMPLE_FLIGHTS	65536 /* a power of two */
#define SAMPLE_PATCHES	256
#define SAMPLE_TEXT_MAX 256
#define SAMPLE_SYMS_MAX 1024

enum vm_state {
	VM_STATE_PRELAUNCH, /* created, waiting before the first instruction */
	VM_STATE_RUNNING,
	VM_STATE_PAUSED,   /* by a person or a program */
	VM_STATE_DEBUG,	   /* by a breakpoint, a step, a watchpoint, a catch */
	VM_STATE_CRASHED,  /* triple fault: kept */
	VM_STATE_INTERNAL, /* KVM internal or emulation error: kept */
	VM_STATE_SHUTDOWN, /* the guest powered off or left through a debug-exit port */
};

enum sample_region_type {
	SAMPLE_REGION_RAM,
	SAMPLE_REGION_VGA, /* 0xA0000..0xBFFFF */
	SAMPLE_REGION_ROM, /* 0xC0000..0xFFFFF: read only to the guest where KVM can */
};

/* A stretch of guest-physical memory and where it lies in the RAM memfd. Bytes. */
struct sample_region {
	uint64_t gpa, len, offset;
	uint64_t hva; /* in the VM process */
	uint32_t type;
	uint32_t slot; /* KVM memslot id */
	char name[16];
};

/* Why KVM_RUN returned, as the ledger groups it. */
enum exit_kind {
	EXIT_IO_IN,
	EXIT_IO_OUT,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_HLT,
	EXIT_DEBUG,
	EXIT_SHUTDOWN,
	EXIT_INTERNAL_ERROR,
	EXIT_FAIL_ENTRY,
	EXIT_INTR, /* kicked */
	EXIT_IRQ_WINDOW,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_SYSTEM_EVENT,
	EXIT_IOAPIC_EOI,
	EXIT_OTHER,
	EXIT_NR,
};

/* An 8259A (its own words), as KVM keeps it. */
struct sample_pic {
	uint8_t irr, isr, imr, base;
	uint8_t level;	 /* lines that are level-triggered (ELCR) */
	uint8_t line;	 /* lines that are up */
	uint8_t first;	 /* the line of highest priority */
	uint8_t special; /* special mask mode */
	uint8_t auto_eoi, init, nested, pad;
};

struct sample_pit {
	uint32_t count;
	uint8_t mode, gate, pad[2];
};

#define SAMPLE_PINS 24

/* The interrupt controllers but the local APICs, which are in each vCPU's state. */
struct sample_irqchips {
	uint32_t valid; /* 0: never read */
	struct sample_pic pic[2];
	uint32_t pins_up;
	uint64_t redir[SAMPLE_PINS]; /* redirection entries, 82093AA 3.2.4 */
	struct sample_pit pit[3];
};

/* KVM's own counters; all ones where this kernel has no such counter. */
struct sample_kvm {
	uint64_t pages_4k, pages_2m, pages_1g; /* mapped in the second stage */
	uint64_t flushes;		       /* of remote TLBs */
};

struct vcpu_sample {
	uint32_t seq;	  /* seqlock: odd while being written */
	uint32_t exact;	  /* 1: the vCPU stands and this is its state; 0: sampled while running */
	uint64_t time_ns; /* when published, CLOCK_MONOTONIC */
	uint64_t count;	  /* publications */
	struct x86_state state;
	/* outside the seqlock */
	uint64_t exits[EXIT_NR];
	uint64_t exit_tsc[EXIT_NR]; /* time spent on them in the VM process, TSC ticks */
	uint64_t kvm_exits;	    /* all, also those the kernel handled; as struct sample_kvm */
	uint64_t kvm_irqs;	    /* interrupts injected */
	uint64_t irq_rate;	    /* of them a second, last second */
};

/* One label/value row of a device, from device_ops.describe(). */
struct sample_row {
	char device[16];
	char label[24];
	char value[88];
};

enum ledger_kind { LEDGER_PIO, LEDGER_MMIO };

/* What one range of the bus cost. */
struct sample_ledger {
	char name[24];
	uint64_t base, len;
	uint32_t kind; /* enum ledger_kind */
	uint32_t para; /* 1: a para-virtual device, 0: a fully virtualized one */
	uint64_t reads, writes, tsc;
};

/* One exit in the flight recorder; written without a lock, may be torn when very old. */
struct sample_flight {
	uint64_t tsc;
	uint64_t rip;  /* linear */
	uint64_t addr; /* port, gpa or MSR */
	uint32_t data; /* low 32 bits of the value, or the reason's own number */
	uint8_t kind;  /* enum exit_kind */
	uint8_t vcpu;
	uint8_t size;
	uint8_t pad;
};

#define SAMPLE_PCI	32
#define SAMPLE_PCI_BARS 6

/* A function on the PCI bus as its configuration space has it now. */
struct sample_pci {
	char name[16];
	uint16_t vendor, device, subsys_vendor, subsys;
	uint32_t class_code; /* 24 bits */
	uint8_t slot, pin, line, pad;
	struct {
		uint64_t base, size; /* SIZE 0: there is none */
		uint8_t io, is64, prefetch, mapped, pad[4];
	} bar[SAMPLE_PCI_BARS];
};

/* A byte of guest memory that a software breakpoint hides. */
struct sample_patch {
	uint64_t gpa;
	uint8_t orig;
	uint8_t used;
	uint8_t pad[6];
};

#define SAMPLE_BALLOON_MAP 128 /* parts of RAM in a picture of it */

/* The memory balloon; UINT64_MAX where the guest does not say. Refreshed with the rows. */
struct sample_balloon {
	uint32_t present, driver, stalled, pad;
	uint64_t size, actual, target, resident; /* bytes; resident: of RAM, held by the host */
	uint64_t stats_ns;			 /* when the guest's word came; 0: never */
	uint64_t free, available, caches, swap_in, swap_out; /* bytes, in the guest's words */
	uint8_t map[SAMPLE_BALLOON_MAP]; /* of each equal part of RAM, how much is in it: 0..255 */
};

struct sample_page {
	uint32_t magic, version, size, pid;
	char name[VM_NAME_MAX];
	char image[SAMPLE_TEXT_MAX];
	char symbols[SAMPLE_SYMS_MAX]; /* sources of symbols as sym.h has them, or empty */
	char gdb[SAMPLE_TEXT_MAX];     /* where the gdb stub listens */
	uint32_t nr_vcpus, nr_regions;
	struct sample_region region[VM_MAX_REGIONS];
	uint64_t ram_len;  /* bytes of the RAM memfd */
	uint64_t mem_size; /* what the user asked for, bytes */
	uint64_t start_ns; /* first instruction, CLOCK_MONOTONIC; 0: not yet */
	uint64_t tsc_khz;

	/* state, under seq */
	uint32_t seq;
	uint32_t state; /* enum vm_state */
	uint32_t stop_vcpu;
	uint32_t stop_count;		 /* counts stops */
	uint64_t stop_ns;		 /* when the VM last stopped */
	char stop_text[SAMPLE_TEXT_MAX]; /* "breakpoint 2 demo_tick", "triple fault on vcpu0" */
	uint32_t nr_rows;
	uint32_t vga_start;  /* CRTC start address, in characters */
	uint32_t vga_cursor; /* CRTC cursor address, in characters */
	uint32_t vga_cursor_on, vga_cols, vga_rows;
	struct sample_row row[SAMPLE_ROWS];
	uint32_t nr_pci;
	struct sample_pci pci[SAMPLE_PCI];
	struct sample_irqchips irqchips;
	struct sample_kvm kvm;

	uint32_t nr_ledger;
	struct sample_ledger ledger[SAMPLE_LEDGER];
	struct sample_patch patch[SAMPLE_PATCHES];
	uint64_t serial_out[2]; /* bytes the guest wrote to COM1, COM2 */
	struct vcpu_sample vcpu[VM_MAX_VCPUS];
	/* the state at the last exit: what AMD-V would otherwise lose in a crash */
	struct x86_state shadow[VM_MAX_VCPUS];
	/* 1: the shadow is the state of the very instruction that crashed, found by a rerun */
	uint8_t shadow_exact[VM_MAX_VCPUS];
	uint64_t flight_next; /* total exits recorded; index modulo SAMPLE_FLIGHTS */
	struct sample_flight flight[SAMPLE_FLIGHTS];
	struct sample_balloon balloon;
};

/* "running", "paused", ... ; QMP's RunState word for STATE. */
const char *vm_state_name(enum vm_state state);
/* "io out", "mmio read", "hlt", ... */
const char *exit_kind_name(enum exit_kind kind);

#endif
