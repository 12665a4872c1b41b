/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine for one device: a bus, a clock that stands until told, timers that
 * run when the clock passes them, and a record of lines, requests and output.
 */
#ifndef VITRINE_TESTS_FAKE_ENV_H
#define VITRINE_TESTS_FAKE_ENV_H

#include <pthread.h>

#include "vmm/device.h"

#define FAKE_TIMERS  8
#define FAKE_LINES   24
#define FAKE_OUT_MAX 65536
#define FAKE_SERIALS 4 /* COM1, COM2, the debug port, the virtio console */
#define FAKE_MSIS    256

struct dev_timer {
	struct fake_env *fake;
	void (*fn)(void *arg);
	void *arg;
	uint64_t when_ns; /* 0: not armed */
	bool used;
};

struct dev_msi {
	struct fake_env *fake;
	int fd;
	bool used, set;
	uint64_t addr;
	uint32_t data;
};

struct fake_env {
	struct dev_env env;
	struct sample_page *page;
	pthread_mutex_t lock; /* everything below: devices call from several threads */
	uint64_t now_ns;
	int64_t wall_sec; /* at now_ns == 0; the wall clock goes with the other */
	int level[FAKE_LINES];
	unsigned int edges[FAKE_LINES]; /* times the line rose */
	unsigned int nr_requests;
	enum dev_request request; /* the last one */
	uint32_t value;
	uint8_t out[FAKE_SERIALS][FAKE_OUT_MAX];
	size_t out_len[FAKE_SERIALS];
	struct dev_timer timer[FAKE_TIMERS];
	struct dev_msi msi[FAKE_MSIS]; /* the fds are as good as signals: see fake_msi() */
};

/* A fake machine with 1 MiB of RAM and a sample page; NULL when memory is short. */
struct fake_env *fake_env_new(void);
void fake_env_free(struct fake_env *fake);

/* One access to a port. Reads of ports nobody claimed give all ones. */
void fake_out(struct fake_env *fake, uint16_t port, uint32_t size, uint32_t val);
uint32_t fake_in(struct fake_env *fake, uint16_t port, uint32_t size);
void fake_outb(struct fake_env *fake, uint16_t port, uint8_t val);
uint8_t fake_inb(struct fake_env *fake, uint16_t port);
/* Let NS pass; timers that come due run in order, at their time. */
void fake_advance(struct fake_env *fake, uint64_t ns);
int fake_level(struct fake_env *fake, unsigned int gsi);
/* Rising edges of line GSI since the last time this was asked. */
unsigned int fake_edges(struct fake_env *fake, unsigned int gsi);
/* Messages sent to ADDR with DATA since the last time this was asked. */
unsigned int fake_msi(struct fake_env *fake, uint64_t addr, uint32_t data);
/* Messages there are now. */
unsigned int fake_msi_count(struct fake_env *fake);
/* The value of the row LABEL that OPS describe, or "" (valid until the next call). */
const char *fake_row(const struct device_ops *ops, void *state, const char *label);
/* Save STATE, load it into a second device's state TO; -errno. */
int fake_copy(const struct device_ops *ops, void *state, void *to);
/* Every shorter piece of STATE's saved form must be refused, and none may crash. */
bool fake_load_refuses_short(const struct device_ops *ops, void *state, void *to);

#endif
