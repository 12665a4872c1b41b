/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine for one device: see fake-env.h. */
#include "fake-env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void fake_irq_set(void *ctx, unsigned int gsi, int level)
{
	struct fake_env *fake = ctx;

	if (gsi >= FAKE_LINES)
		abort();
	pthread_mutex_lock(&fake->lock);
	if (level && !fake->level[gsi])
		fake->edges[gsi]++;
	fake->level[gsi] = level;
	pthread_mutex_unlock(&fake->lock);
}

static void fake_request(void *ctx, enum dev_request req, uint32_t value)
{
	struct fake_env *fake = ctx;

	pthread_mutex_lock(&fake->lock);
	fake->nr_requests++;
	fake->request = req;
	fake->value = value;
	pthread_mutex_unlock(&fake->lock);
}

static void fake_serial_out(void *ctx, unsigned int index, const uint8_t *data, size_t len)
{
	struct fake_env *fake = ctx;
	size_t room;

	if (index >= FAKE_SERIALS)
		abort();
	pthread_mutex_lock(&fake->lock);
	room = FAKE_OUT_MAX - fake->out_len[index];
	memcpy(fake->out[index] + fake->out_len[index], data, len < room ? len : room);
	fake->out_len[index] += len < room ? len : room;
	pthread_mutex_unlock(&fake->lock);
}

static uint64_t fake_now_ns(void *ctx)
{
	struct fake_env *fake = ctx;
	uint64_t now;

	pthread_mutex_lock(&fake->lock);
	now = fake->now_ns;
	pthread_mutex_unlock(&fake->lock);
	return now;
}

static int64_t fake_wall_sec(void *ctx)
{
	struct fake_env *fake = ctx;
	int64_t sec;

	pthread_mutex_lock(&fake->lock);
	sec = fake->wall_sec + (int64_t)(fake->now_ns / 1000000000);
	pthread_mutex_unlock(&fake->lock);
	return sec;
}

static struct dev_timer *fake_timer_new(void *ctx, void (*fn)(void *arg), void *arg)
{
	struct fake_env *fake = ctx;
	struct dev_timer *timer;

	for (timer = fake->timer; timer < fake->timer + FAKE_TIMERS; timer++) {
		if (!timer->used) {
			*timer = (struct dev_timer){ .fake = fake, .fn = fn, .arg = arg };
			timer->used = true;
			return timer;
		}
	}
	return NULL;
}

static void fake_timer_arm(struct dev_timer *timer, uint64_t when_ns)
{
	pthread_mutex_lock(&timer->fake->lock);
	timer->when_ns = when_ns;
	pthread_mutex_unlock(&timer->fake->lock);
}

static void fake_timer_free(struct dev_timer *timer)
{
	if (timer)
		timer->used = false;
}

static struct dev_msi *fake_msi_new(void *ctx, struct err *err)
{
	struct fake_env *fake = ctx;
	struct dev_msi *msi;

	for (msi = fake->msi; msi < fake->msi + FAKE_MSIS; msi++) {
		if (msi->used)
			continue;
		*msi = (struct dev_msi){ .fake = fake, .used = true };
		msi->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		return msi->fd < 0 ? NULL : msi;
	}
	err_set(err, ENOSPC, "no more messages");
	return NULL;
}

/* As KVM has it: only a local APIC takes messages. */
static int fake_msi_set(struct dev_msi *msi, uint64_t addr, uint32_t data)
{
	if (addr >> 20 != 0xfee)
		return -EINVAL;
	pthread_mutex_lock(&msi->fake->lock);
	msi->set = true;
	msi->addr = addr;
	msi->data = data;
	pthread_mutex_unlock(&msi->fake->lock);
	return 0;
}

static int fake_msi_fd(const struct dev_msi *msi)
{
	return msi->fd;
}

static void fake_msi_free(struct dev_msi *msi)
{
	close(msi->fd);
	msi->used = false;
}

unsigned int fake_msi(struct fake_env *fake, uint64_t addr, uint32_t data)
{
	unsigned int total = 0;
	struct dev_msi *msi;
	uint64_t count;

	for (msi = fake->msi; msi < fake->msi + FAKE_MSIS; msi++) {
		if (msi->used && msi->set && msi->addr == addr && msi->data == data &&
		    read(msi->fd, &count, sizeof(count)) == sizeof(count))
			total += (unsigned int)count;
	}
	return total;
}

unsigned int fake_msi_count(struct fake_env *fake)
{
	unsigned int total = 0;
	struct dev_msi *msi;

	for (msi = fake->msi; msi < fake->msi + FAKE_MSIS; msi++)
		total += msi->used;
	return total;
}

struct fake_env *fake_env_new(void)
{
	struct fake_env *fake = calloc(1, sizeof(*fake));

	if (!fake)
		return NULL;
	pthread_mutex_init(&fake->lock, NULL);
	fake->now_ns = 1000000000;
	fake->page = calloc(1, sizeof(*fake->page));
	fake->env = (struct dev_env){
		.page = fake->page,
		.nr_cpus = 1,
		.ctx = fake,
		.irq_set = fake_irq_set,
		.request = fake_request,
		.serial_out = fake_serial_out,
		.now_ns = fake_now_ns,
		.wall_sec = fake_wall_sec,
		.timer_new = fake_timer_new,
		.timer_arm = fake_timer_arm,
		.timer_free = fake_timer_free,
		.msi_new = fake_msi_new,
		.msi_set = fake_msi_set,
		.msi_fd = fake_msi_fd,
		.msi_free = fake_msi_free,
	};
	if (!fake->page || bus_create(fake->page, &fake->env.bus, NULL) ||
	    mem_create(1 << 20, &fake->env.mem, NULL)) {
		fake_env_free(fake);
		return NULL;
	}
	return fake;
}

void fake_env_free(struct fake_env *fake)
{
	if (!fake)
		return;
	mem_destroy(fake->env.mem);
	bus_destroy(fake->env.bus);
	pthread_mutex_destroy(&fake->lock);
	free(fake->page);
	free(fake);
}

void fake_out(struct fake_env *fake, uint16_t port, uint32_t size, uint32_t val)
{
	struct bus_access acc = { .addr = port, .size = size, .write = true, .data = val };

	bus_dispatch(fake->env.bus, BUS_PIO, &acc);
}

uint32_t fake_in(struct fake_env *fake, uint16_t port, uint32_t size)
{
	struct bus_access acc = { .addr = port, .size = size };

	bus_dispatch(fake->env.bus, BUS_PIO, &acc);
	return (uint32_t)acc.data;
}

void fake_outb(struct fake_env *fake, uint16_t port, uint8_t val)
{
	fake_out(fake, port, 1, val);
}

uint8_t fake_inb(struct fake_env *fake, uint16_t port)
{
	return (uint8_t)fake_in(fake, port, 1);
}

/* The armed timer that comes due first, until END; takes it out and moves the clock to it. */
static struct dev_timer *fake_timer_next(struct fake_env *fake, uint64_t end)
{
	struct dev_timer *timer, *next = NULL;

	pthread_mutex_lock(&fake->lock);
	for (timer = fake->timer; timer < fake->timer + FAKE_TIMERS; timer++) {
		if (timer->used && timer->when_ns && timer->when_ns <= end &&
		    (!next || timer->when_ns < next->when_ns))
			next = timer;
	}
	if (next) {
		if (next->when_ns > fake->now_ns)
			fake->now_ns = next->when_ns;
		next->when_ns = 0;
	} else {
		fake->now_ns = end;
	}
	pthread_mutex_unlock(&fake->lock);
	return next;
}

void fake_advance(struct fake_env *fake, uint64_t ns)
{
	uint64_t end = fake_now_ns(fake) + ns;
	struct dev_timer *timer;

	while ((timer = fake_timer_next(fake, end)))
		timer->fn(timer->arg);
}

int fake_level(struct fake_env *fake, unsigned int gsi)
{
	int level;

	pthread_mutex_lock(&fake->lock);
	level = fake->level[gsi];
	pthread_mutex_unlock(&fake->lock);
	return level;
}

unsigned int fake_edges(struct fake_env *fake, unsigned int gsi)
{
	unsigned int edges;

	pthread_mutex_lock(&fake->lock);
	edges = fake->edges[gsi];
	fake->edges[gsi] = 0;
	pthread_mutex_unlock(&fake->lock);
	return edges;
}

const char *fake_row(const struct device_ops *ops, void *state, const char *label)
{
	static struct sample_row row[32];
	struct dev_rows rows = { .row = row, .max = 32, .device = ops->name };
	uint32_t i;

	ops->describe(state, &rows);
	for (i = 0; i < rows.nr; i++) {
		if (!strcmp(row[i].label, label))
			return row[i].value;
	}
	return "";
}

int fake_copy(const struct device_ops *ops, void *state, void *to)
{
	struct buf buf = BUF_INIT;
	struct dev_state_in in = { 0 };
	int ret;

	ops->save(state, &buf);
	in.data = (const uint8_t *)buf.data;
	in.len = buf.len;
	ret = ops->load(to, &in, NULL);
	if (!ret && in.pos != in.len)
		ret = -EBADMSG;
	buf_free(&buf);
	return ret;
}

bool fake_load_refuses_short(const struct device_ops *ops, void *state, void *to)
{
	struct buf buf = BUF_INIT;
	bool refused = true;
	size_t len;

	ops->save(state, &buf);
	for (len = 0; len < buf.len && refused; len++) {
		struct dev_state_in in = { .data = (const uint8_t *)buf.data, .len = len };

		refused = ops->load(to, &in, NULL) == -EINVAL;
	}
	buf_free(&buf);
	return refused;
}
