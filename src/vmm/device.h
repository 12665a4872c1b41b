/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device is, and what it may use. Devices know only this environment,
 * never the VM, so each can be tested with a bus and a fake environment.
 */
#ifndef VITRINE_VMM_DEVICE_H
#define VITRINE_VMM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inspect/sample.h"
#include "vmm/bus.h"
#include "vmm/mem.h"

/* What a device can ask of the machine. VALUE is the debug-exit value, else 0. */
enum dev_request { DEV_REQ_RESET, DEV_REQ_POWEROFF, DEV_REQ_DEBUG_EXIT, DEV_REQ_PANICKED };

struct dev_timer;
struct dev_msi;

/* Where a guest's write shall signal an eventfd. */
struct dev_ioevent {
	enum bus_kind kind;
	uint64_t addr;
	uint32_t len;
	bool match;
	uint64_t data;
};

struct dev_env {
	struct bus *bus;
	struct mem *mem;
	struct sample_page *page; /* may be NULL in tests */
	unsigned int nr_cpus;
	void *ctx;
	/* Drive interrupt line GSI (0..23) to LEVEL. Any thread. */
	void (*irq_set)(void *ctx, unsigned int gsi, int level);
	/* Ask the machine; returns at once, carried out later. Any thread. */
	void (*request)(void *ctx, enum dev_request req, uint32_t value);
	/* Bytes the guest wrote to serial port INDEX (0: COM1, 1: COM2, 2: debug console, 3: hvc0).
	 * Any thread. */
	void (*serial_out)(void *ctx, unsigned int index, const uint8_t *data, size_t len);
	/* CLOCK_MONOTONIC ns; seconds since the epoch (local tests replace both). */
	uint64_t (*now_ns)(void *ctx);
	int64_t (*wall_sec)(void *ctx);
	/* Timers run FN(ARG) on the main loop at a CLOCK_MONOTONIC time; 0 disarms. Any thread. */
	struct dev_timer *(*timer_new)(void *ctx, void (*fn)(void *arg), void *arg);
	void (*timer_arm)(struct dev_timer *timer, uint64_t when_ns);
	void (*timer_free)(struct dev_timer *timer);
	/*
	 * A message-signalled interrupt: a KVM route and an eventfd bound to it. NULL where there
	 * are none (tests, an irqchip without MSI routes). msi_set() gives it address and data;
	 * msi_fd() is the eventfd to signal (from any thread, by the kernel too). [any thread]
	 */
	struct dev_msi *(*msi_new)(void *ctx, struct err *err);
	int (*msi_set)(struct dev_msi *msi, uint64_t addr, uint32_t data);
	int (*msi_fd)(const struct dev_msi *msi);
	void (*msi_free)(struct dev_msi *msi);
	/*
	 * Signal eventfd FD instead of exiting when the guest writes LEN bytes (1, 2, 4, 8 or, for
	 * MMIO, 0: any) at ADDR and, where MATCH, the value is DATA; ADD or take away again.
	 * -errno where the kernel refuses: the exit comes to the bus as ever. NULL in tests.
	 */
	int (*ioeventfd)(void *ctx, int fd, const struct dev_ioevent *ev, bool add);
};

/* Rows into a table (the sample page's or a test's): DEVICE names them. */
struct dev_rows {
	struct sample_row *row;
	uint32_t nr, max;
	const char *device;
};

/* Add one row; longer texts are cut, rows above MAX are left out. */
void dev_row(struct dev_rows *rows, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* State to and from a flat buffer, field by field, for snapshots. */
struct dev_state_in {
	const uint8_t *data;
	size_t len, pos;
	bool failed;
};

void dev_save_u8(struct buf *out, uint8_t val);
void dev_save_u32(struct buf *out, uint32_t val);
void dev_save_u64(struct buf *out, uint64_t val);
void dev_save_bytes(struct buf *out, const void *data, size_t len);
/* Past the end they return zeroes and set in->failed, which is asked once at the end. */
uint8_t dev_load_u8(struct dev_state_in *in);
uint32_t dev_load_u32(struct dev_state_in *in);
uint64_t dev_load_u64(struct dev_state_in *in);
void dev_load_bytes(struct dev_state_in *in, void *data, size_t len);
/* 0, or -EINVAL naming the device when the state was too short. */
int dev_load_end(const struct dev_state_in *in, const char *device, struct err *err);

/* Ports of a device and the name its ledger row shall have. */
struct dev_ports {
	uint16_t base, len;
	const char *name;
};

/* Claim NR ranges of ports for OPAQUE, all or none. FN is told the port in acc->addr. */
int dev_claim_ports(const struct dev_env *env, const struct dev_ports *ports, unsigned int nr,
		    bus_fn fn, void *opaque, struct err *err);

struct device_ops {
	const char *name; /* "uart0", "rtc", ... also the ledger's and the screen's name */
	/* Claim ranges, allocate; *STATE is handed to the others. ENV outlives the device. */
	int (*init)(const struct dev_env *env, void **state, struct err *err);
	void (*reset)(void *state);
	void (*exit)(void *state);
	void (*describe)(void *state, struct dev_rows *rows);
	void (*save)(void *state, struct buf *out);
	int (*load)(void *state, struct dev_state_in *in, struct err *err);
	/*
	 * Keep this device's workers away from its state and from guest memory (ON), requests in
	 * flight waited for; or let them go on. Called around a snapshot's save or load, also for
	 * one that fails. Never nested. NULL where nothing works beside the vCPUs and main loop.
	 */
	void (*hold)(void *state, bool on);
	/* The guest stands (ON) or goes on: what writes to its memory without a thread of ours
	 * stands, too. Main loop, never nested. May be NULL. */
	void (*pause)(void *state, bool on);
};

#endif
