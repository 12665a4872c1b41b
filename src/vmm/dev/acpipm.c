/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware (ACPI 6.4, section 4.8.3): PM1a event and control
 * registers, the PM timer, and the power button behind them. The SCI is level
 * triggered: it stands while an enabled status bit does. There is no sleep
 * state but off, so SLP_EN with any type turns the machine off.
 */
#include "vmm/dev/acpipm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "vmm/acpi.h"

#define ACPIPM_TIMER_HZ 3579545ull
#define ACPIPM_PORT_OLD 0xb004 /* where old guests look for the control register */

#define ACPIPM_PWRBTN	  0x0100 /* in status and enable */
#define ACPIPM_STS_ALL	  0x8731 /* writing a one clears */
#define ACPIPM_EN_ALL	  0x0721
#define ACPIPM_CNT_SCI_EN 0x0001
#define ACPIPM_CNT_KEPT	  0x1c03
#define ACPIPM_CNT_SLP_EN 0x2000

struct acpipm {
	const struct dev_env *env;
	pthread_mutex_t lock; /* everything below */
	uint16_t sts, en, cnt;
	bool sci;
	uint64_t epoch_ns; /* when the PM timer was zero */
};

static void acpipm_update_locked(struct acpipm *pm)
{
	bool sci = pm->sts & pm->en;

	if (sci == pm->sci)
		return;
	pm->sci = sci;
	pm->env->irq_set(pm->env->ctx, ACPI_SCI_IRQ, sci);
}

/* Status and enable as one 32-bit register, so that any width and offset works. */
static void acpipm_evt_io(void *opaque, struct bus_access *acc)
{
	struct acpipm *pm = opaque;
	unsigned int shift = (unsigned int)acc->off * 8;
	uint32_t mask = (uint32_t)((acc->size == 4 ? ~0u : (1u << acc->size * 8) - 1) << shift);
	uint32_t val = (uint32_t)acc->data << shift;

	pthread_mutex_lock(&pm->lock);
	if (acc->write) {
		pm->sts &= (uint16_t) ~(val & mask & ACPIPM_STS_ALL);
		pm->en =
			(uint16_t)((pm->en & ~(mask >> 16)) | ((val & mask) >> 16)) & ACPIPM_EN_ALL;
		acpipm_update_locked(pm);
	} else {
		acc->data = (pm->sts | (uint32_t)pm->en << 16) >> shift;
	}
	pthread_mutex_unlock(&pm->lock);
}

static void acpipm_cnt_io(void *opaque, struct bus_access *acc)
{
	struct acpipm *pm = opaque;
	unsigned int shift = (unsigned int)acc->off * 8;
	uint16_t mask = (uint16_t)((acc->size == 1 ? 0xff : 0xffff) << shift);
	uint16_t val = (uint16_t)(acc->data << shift) & mask;

	pthread_mutex_lock(&pm->lock);
	if (acc->write)
		pm->cnt = (uint16_t)((((pm->cnt & ~mask) | val) & ACPIPM_CNT_KEPT) |
				     ACPIPM_CNT_SCI_EN);
	else
		acc->data = pm->cnt >> shift;
	pthread_mutex_unlock(&pm->lock);
	if (acc->write && val & ACPIPM_CNT_SLP_EN)
		pm->env->request(pm->env->ctx, DEV_REQ_POWEROFF, 0);
}

static uint32_t acpipm_ticks(uint64_t ns)
{
	uint64_t sec = ns / 1000000000, rest = ns % 1000000000;

	return (uint32_t)(sec * ACPIPM_TIMER_HZ + rest * ACPIPM_TIMER_HZ / 1000000000);
}

static void acpipm_tmr_io(void *opaque, struct bus_access *acc)
{
	struct acpipm *pm = opaque;
	uint64_t now;

	if (acc->write)
		return;
	now = pm->env->now_ns(pm->env->ctx);
	pthread_mutex_lock(&pm->lock);
	acc->data = acpipm_ticks(now - pm->epoch_ns) >> (acc->off * 8);
	pthread_mutex_unlock(&pm->lock);
}

void acpipm_power_button(void *state)
{
	struct acpipm *pm = state;

	pthread_mutex_lock(&pm->lock);
	pm->sts |= ACPIPM_PWRBTN;
	acpipm_update_locked(pm);
	pthread_mutex_unlock(&pm->lock);
}

static void acpipm_reset(void *state)
{
	struct acpipm *pm = state;

	pthread_mutex_lock(&pm->lock);
	pm->sts = pm->en = 0;
	pm->cnt = ACPIPM_CNT_SCI_EN; /* no SMM, so ACPI mode from the start */
	acpipm_update_locked(pm);
	pthread_mutex_unlock(&pm->lock);
}

static int acpipm_claim(struct acpipm *pm, struct err *err)
{
	static const struct dev_ports evt = { ACPI_PM1A_EVT, 4, "pm1 event" };
	static const struct dev_ports cnt[] = {
		{ ACPI_PM1A_CNT, 2, "pm1 control" },
		{ ACPIPM_PORT_OLD, 2, "pm1 control" },
	};
	static const struct dev_ports tmr = { ACPI_PM_TMR, 4, "pm timer" };
	int ret;

	ret = dev_claim_ports(pm->env, &evt, 1, acpipm_evt_io, pm, err);
	if (!ret)
		ret = dev_claim_ports(pm->env, cnt, 2, acpipm_cnt_io, pm, err);
	if (!ret)
		ret = dev_claim_ports(pm->env, &tmr, 1, acpipm_tmr_io, pm, err);
	return ret;
}

static void acpipm_exit(void *state)
{
	struct acpipm *pm = state;

	bus_unregister(pm->env->bus, pm);
	pthread_mutex_destroy(&pm->lock);
	free(pm);
}

static int acpipm_init(const struct dev_env *env, void **state, struct err *err)
{
	struct acpipm *pm = calloc(1, sizeof(*pm));
	int ret;

	if (!pm)
		return err_sys(err, ENOMEM, "acpipm");
	pm->env = env;
	pm->epoch_ns = env->now_ns(env->ctx);
	pthread_mutex_init(&pm->lock, NULL);
	ret = acpipm_claim(pm, err);
	if (ret) {
		acpipm_exit(pm);
		return ret;
	}
	acpipm_reset(pm);
	*state = pm;
	return 0;
}

static void acpipm_describe(void *state, struct dev_rows *rows)
{
	struct acpipm *pm = state;

	pthread_mutex_lock(&pm->lock);
	dev_row(rows, "pm1 status", "0x%04x%s", pm->sts,
		pm->sts & ACPIPM_PWRBTN ? " power button pressed" : "");
	dev_row(rows, "pm1 enable", "0x%04x%s", pm->en,
		pm->en & ACPIPM_PWRBTN ? " power button" : "");
	dev_row(rows, "pm1 control", "0x%04x", pm->cnt);
	dev_row(rows, "SCI (line 9)", "%s", pm->sci ? "high" : "low");
	pthread_mutex_unlock(&pm->lock);
}

static void acpipm_save(void *state, struct buf *out)
{
	struct acpipm *pm = state;
	uint64_t now = pm->env->now_ns(pm->env->ctx);

	pthread_mutex_lock(&pm->lock);
	dev_save_u32(out, pm->sts);
	dev_save_u32(out, pm->en);
	dev_save_u32(out, pm->cnt);
	dev_save_u64(out, now - pm->epoch_ns);
	pthread_mutex_unlock(&pm->lock);
}

static int acpipm_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct acpipm *pm = state;
	uint64_t now = pm->env->now_ns(pm->env->ctx);

	pthread_mutex_lock(&pm->lock);
	pm->sts = dev_load_u32(in) & ACPIPM_STS_ALL;
	pm->en = dev_load_u32(in) & ACPIPM_EN_ALL;
	pm->cnt = (dev_load_u32(in) & ACPIPM_CNT_KEPT) | ACPIPM_CNT_SCI_EN;
	pm->epoch_ns = now - dev_load_u64(in);
	acpipm_update_locked(pm);
	pthread_mutex_unlock(&pm->lock);
	return dev_load_end(in, "acpipm", err);
}

const struct device_ops acpipm_ops = {
	.name = "acpipm",
	.init = acpipm_init,
	.reset = acpipm_reset,
	.exit = acpipm_exit,
	.describe = acpipm_describe,
	.save = acpipm_save,
	.load = acpipm_load,
};
