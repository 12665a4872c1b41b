/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock and CMOS memory (Motorola data sheet). Time is the
 * host's plus an offset that the guest sets by writing the time registers; it
 * is worked out when somebody looks. Flags are caught up with then, too, and a
 * timer runs only while an interrupt that is enabled and not yet raised waits.
 */
#include "vmm/dev/rtc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

#define RTC_PORT    0x70
#define RTC_GSI	    8
#define RTC_LEN	    128
#define RTC_SEC_NS  1000000000ull
#define RTC_UIP_NS  244000 /* an update is announced so long before */
#define RTC_DAY	    86400
#define RTC_FAR_SEC 1000000000000ll /* no sensible offset is larger */

enum {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04,
	RTC_HOURS_ALARM = 0x05,
	RTC_WEEKDAY = 0x06,
	RTC_DAY_OF_MONTH = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_EQUIPMENT = 0x14,
	RTC_BASE_KB = 0x15,
	RTC_EXT_KB = 0x17,
	RTC_SUM_FIRST = 0x10,
	RTC_SUM_LAST = 0x2d,
	RTC_SUM = 0x2e, /* high byte first */
	RTC_EXT_KB_POST = 0x30,
	RTC_CENTURY = 0x32,
	RTC_EXT_64KB = 0x34,  /* above 16 MiB */
	RTC_HIGH_64KB = 0x5b, /* above 4 GiB, three bytes */
	RTC_MORE_CPUS = 0x5f,
};

#define RTC_A_UIP     0x80
#define RTC_A_DIVIDER 0x70
#define RTC_A_RUNNING 0x20
#define RTC_A_RATE    0x0f
#define RTC_B_SET     0x80
#define RTC_B_PIE     0x40
#define RTC_B_AIE     0x20
#define RTC_B_UIE     0x10
#define RTC_B_SQWE    0x08
#define RTC_B_BINARY  0x04
#define RTC_B_24H     0x02
#define RTC_C_IRQF    0x80
#define RTC_C_PF      0x40 /* flags match their enables in B */
#define RTC_C_AF      0x20
#define RTC_C_UF      0x10
#define RTC_C_FLAGS   0x70
#define RTC_D_VALID   0x80
#define RTC_PM	      0x80 /* in the hours register, 12-hour mode */
#define RTC_ANY	      0xc0 /* in an alarm register: every value matches */

struct rtc {
	const struct dev_env *env;
	struct dev_timer *timer;

	pthread_mutex_t lock; /* everything below */
	uint8_t index;
	uint8_t ram[RTC_LEN];
	int64_t offset_sec; /* guest's clock less the host's */
	int64_t base_sec;   /* host's clock ... */
	uint64_t base_ns;   /* ... at this monotonic time */
	int64_t done_sec;   /* the second up to which flags are right */
	uint64_t tick_ns;   /* when the next periodic tick is due, 0: none */
	uint64_t armed_ns;
	bool level;
};

/* --- number formats --- */

static uint8_t rtc_encode(const struct rtc *rtc, unsigned int val)
{
	return (uint8_t)(rtc->ram[RTC_B] & RTC_B_BINARY ? val : val / 10 % 10 << 4 | val % 10);
}

static int rtc_decode(const struct rtc *rtc, uint8_t val)
{
	return rtc->ram[RTC_B] & RTC_B_BINARY ? val : (val >> 4) * 10 + (val & 0x0f);
}

static uint8_t rtc_encode_hour(const struct rtc *rtc, unsigned int hour)
{
	unsigned int half = hour % 12 ? hour % 12 : 12;

	if (rtc->ram[RTC_B] & RTC_B_24H)
		return rtc_encode(rtc, hour);
	return (uint8_t)(rtc_encode(rtc, half) | (hour >= 12 ? RTC_PM : 0));
}

static int rtc_decode_hour(const struct rtc *rtc, uint8_t val)
{
	if (rtc->ram[RTC_B] & RTC_B_24H)
		return rtc_decode(rtc, val);
	return rtc_decode(rtc, val & (uint8_t)~RTC_PM) % 12 + (val & RTC_PM ? 12 : 0);
}

/* --- time --- */

/* The host's clock in whole seconds; PHASE_NS (may be NULL): how far into the second. */
static int64_t rtc_host_sec_locked(struct rtc *rtc, uint64_t now, uint64_t *phase_ns)
{
	int64_t wall = rtc->env->wall_sec(rtc->env->ctx);
	int64_t sec = rtc->base_sec + (int64_t)((now - rtc->base_ns) / RTC_SEC_NS);

	/* The host slept, or its clock was set. */
	if (wall - sec > 1 || sec - wall > 1) {
		rtc->base_sec = sec = wall;
		rtc->base_ns = now;
	}
	if (phase_ns)
		*phase_ns = (now - rtc->base_ns) % RTC_SEC_NS;
	return sec;
}

static bool rtc_updating_locked(const struct rtc *rtc)
{
	return !(rtc->ram[RTC_B] & RTC_B_SET) && (rtc->ram[RTC_A] & RTC_A_DIVIDER) == RTC_A_RUNNING;
}

/* Put the guest's time into its registers, unless the guest holds them. */
static void rtc_latch_locked(struct rtc *rtc, uint64_t now)
{
	time_t sec = rtc_host_sec_locked(rtc, now, NULL) + rtc->offset_sec;
	struct tm tm;

	if (rtc->ram[RTC_B] & RTC_B_SET)
		return;
	time_to_utc(sec, &tm);
	rtc->ram[RTC_SECONDS] = rtc_encode(rtc, (unsigned int)tm.tm_sec);
	rtc->ram[RTC_MINUTES] = rtc_encode(rtc, (unsigned int)tm.tm_min);
	rtc->ram[RTC_HOURS] = rtc_encode_hour(rtc, (unsigned int)tm.tm_hour);
	rtc->ram[RTC_WEEKDAY] = rtc_encode(rtc, (unsigned int)tm.tm_wday + 1);
	rtc->ram[RTC_DAY_OF_MONTH] = rtc_encode(rtc, (unsigned int)tm.tm_mday);
	rtc->ram[RTC_MONTH] = rtc_encode(rtc, (unsigned int)tm.tm_mon + 1);
	rtc->ram[RTC_YEAR] = rtc_encode(rtc, (unsigned int)(tm.tm_year + 1900) % 100);
	rtc->ram[RTC_CENTURY] = rtc_encode(rtc, (unsigned int)(tm.tm_year + 1900) / 100);
}

/* What the guest's registers say becomes its time. */
static void rtc_commit_locked(struct rtc *rtc, uint64_t now)
{
	struct tm tm = {
		.tm_sec = rtc_decode(rtc, rtc->ram[RTC_SECONDS]),
		.tm_min = rtc_decode(rtc, rtc->ram[RTC_MINUTES]),
		.tm_hour = rtc_decode_hour(rtc, rtc->ram[RTC_HOURS]),
		.tm_mday = rtc_decode(rtc, rtc->ram[RTC_DAY_OF_MONTH]),
		.tm_mon = rtc_decode(rtc, rtc->ram[RTC_MONTH]) - 1,
		.tm_year = rtc_decode(rtc, rtc->ram[RTC_CENTURY]) * 100 +
			   rtc_decode(rtc, rtc->ram[RTC_YEAR]) - 1900,
	};

	rtc->offset_sec = time_from_utc(&tm) - rtc_host_sec_locked(rtc, now, NULL);
}

/* --- flags and the interrupt --- */

static bool rtc_alarm_field(uint8_t reg, int want, int have)
{
	return (reg & RTC_ANY) == RTC_ANY || want == have;
}

static bool rtc_alarm_at(const struct rtc *rtc, int64_t guest_sec)
{
	int day = (int)((guest_sec % RTC_DAY + RTC_DAY) % RTC_DAY);
	const uint8_t *ram = rtc->ram;

	return rtc_alarm_field(ram[RTC_SECONDS_ALARM], rtc_decode(rtc, ram[RTC_SECONDS_ALARM]),
			       day % 60) &&
	       rtc_alarm_field(ram[RTC_MINUTES_ALARM], rtc_decode(rtc, ram[RTC_MINUTES_ALARM]),
			       day / 60 % 60) &&
	       rtc_alarm_field(ram[RTC_HOURS_ALARM], rtc_decode_hour(rtc, ram[RTC_HOURS_ALARM]),
			       day / 3600);
}

/* Seconds that passed since the last look: updates, and an alarm among them. */
static void rtc_catch_seconds_locked(struct rtc *rtc, uint64_t now)
{
	int64_t sec = rtc_host_sec_locked(rtc, now, NULL);
	int64_t i = rtc->done_sec;

	if (sec > rtc->done_sec && rtc_updating_locked(rtc)) {
		rtc->ram[RTC_C] |= RTC_C_UF;
		if (sec - i > RTC_DAY)
			i = sec - RTC_DAY;
		while (i < sec && !(rtc->ram[RTC_C] & RTC_C_AF)) {
			if (rtc_alarm_at(rtc, ++i + rtc->offset_sec))
				rtc->ram[RTC_C] |= RTC_C_AF;
		}
	}
	rtc->done_sec = sec;
}

/* The periodic tick in ns, 0: none. */
static uint64_t rtc_period_ns(const struct rtc *rtc)
{
	unsigned int rate = rtc->ram[RTC_A] & RTC_A_RATE;

	if (!rate || (rtc->ram[RTC_A] & RTC_A_DIVIDER) != RTC_A_RUNNING)
		return 0;
	/* The first two rates are those of 8 and 9. */
	if (rate <= 2)
		rate += 7;
	return (RTC_SEC_NS << (rate - 1)) / 32768;
}

static void rtc_catch_up_locked(struct rtc *rtc, uint64_t now)
{
	uint64_t period = rtc_period_ns(rtc);

	rtc_catch_seconds_locked(rtc, now);
	if (period && rtc->tick_ns && now >= rtc->tick_ns) {
		rtc->ram[RTC_C] |= RTC_C_PF;
		rtc->tick_ns += period * (1 + (now - rtc->tick_ns) / period);
	}
}

/* When the next thing happens that the guest wants an interrupt for; 0: nothing. */
static uint64_t rtc_next_ns_locked(struct rtc *rtc, uint64_t now)
{
	uint8_t enabled = rtc->ram[RTC_B];
	uint64_t next = 0, second, phase;

	if (rtc->ram[RTC_C] & RTC_C_IRQF)
		return 0;
	if (enabled & RTC_B_PIE)
		next = rtc->tick_ns;
	if (enabled & (RTC_B_UIE | RTC_B_AIE) && rtc_updating_locked(rtc)) {
		rtc_host_sec_locked(rtc, now, &phase);
		second = now + RTC_SEC_NS - phase;
		if (!next || second < next)
			next = second;
	}
	return next;
}

/* Work out IRQF, drive the line, set the timer. */
static void rtc_update_locked(struct rtc *rtc, uint64_t now)
{
	uint8_t *c = &rtc->ram[RTC_C];
	bool level = *c & rtc->ram[RTC_B] & RTC_C_FLAGS;
	uint64_t next;

	*c = (uint8_t)((*c & RTC_C_FLAGS) | (level ? RTC_C_IRQF : 0));
	if (level != rtc->level) {
		rtc->level = level;
		rtc->env->irq_set(rtc->env->ctx, RTC_GSI, level);
	}
	next = rtc_next_ns_locked(rtc, now);
	if (next != rtc->armed_ns) {
		rtc->armed_ns = next;
		rtc->env->timer_arm(rtc->timer, next);
	}
}

static void rtc_timer(void *arg)
{
	struct rtc *rtc = arg;
	uint64_t now;

	pthread_mutex_lock(&rtc->lock);
	now = rtc->env->now_ns(rtc->env->ctx);
	rtc->armed_ns = 0;
	rtc_catch_up_locked(rtc, now);
	rtc_update_locked(rtc, now);
	pthread_mutex_unlock(&rtc->lock);
}

/* --- registers --- */

static void rtc_restart_ticks_locked(struct rtc *rtc, uint64_t now)
{
	uint64_t period = rtc_period_ns(rtc);

	rtc->tick_ns = period ? now + period : 0;
}

static void rtc_write_a_locked(struct rtc *rtc, uint8_t val, uint64_t now)
{
	uint8_t old = rtc->ram[RTC_A];

	rtc->ram[RTC_A] = val & (uint8_t)~RTC_A_UIP;
	if (rtc->ram[RTC_A] != old)
		rtc_restart_ticks_locked(rtc, now);
}

static void rtc_write_b_locked(struct rtc *rtc, uint8_t val, uint64_t now)
{
	bool was_set = rtc->ram[RTC_B] & RTC_B_SET;

	if (val & RTC_B_SET) {
		rtc_latch_locked(rtc, now);
		val &= (uint8_t)~RTC_B_UIE;
	}
	rtc->ram[RTC_B] = val;
	if (was_set && !(val & RTC_B_SET))
		rtc_commit_locked(rtc, now);
}

static bool rtc_is_time(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	}
	return false;
}

static void rtc_write_locked(struct rtc *rtc, uint8_t val, uint64_t now)
{
	switch (rtc->index) {
	case RTC_A:
		rtc_write_a_locked(rtc, val, now);
		break;
	case RTC_B:
		rtc_write_b_locked(rtc, val, now);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		if (!rtc_is_time(rtc->index)) {
			rtc->ram[rtc->index] = val;
			break;
		}
		rtc_latch_locked(rtc, now);
		rtc->ram[rtc->index] = val;
		if (!(rtc->ram[RTC_B] & RTC_B_SET))
			rtc_commit_locked(rtc, now);
	}
}

static uint8_t rtc_read_locked(struct rtc *rtc, uint64_t now)
{
	uint64_t phase;
	uint8_t val;

	if (rtc_is_time(rtc->index))
		rtc_latch_locked(rtc, now);
	val = rtc->ram[rtc->index];
	if (rtc->index == RTC_A && rtc_updating_locked(rtc)) {
		rtc_host_sec_locked(rtc, now, &phase);
		if (phase >= RTC_SEC_NS - RTC_UIP_NS)
			val |= RTC_A_UIP;
	}
	if (rtc->index == RTC_C)
		rtc->ram[RTC_C] = 0;
	return val;
}

static void rtc_io(void *opaque, struct bus_access *acc)
{
	struct rtc *rtc = opaque;
	uint64_t now;

	if (acc->size > 1) {
		bus_split(acc, 1, rtc_io, opaque);
		return;
	}
	pthread_mutex_lock(&rtc->lock);
	if (acc->off == 0 && acc->write) {
		rtc->index =
			acc->data & (RTC_LEN - 1); /* the top bit gates NMI: nobody raises one */
	} else if (acc->off == 1) {
		now = rtc->env->now_ns(rtc->env->ctx);
		rtc_catch_up_locked(rtc, now);
		rtc_update_locked(rtc, now);
		if (acc->write)
			rtc_write_locked(rtc, (uint8_t)acc->data, now);
		else
			acc->data = rtc_read_locked(rtc, now);
		rtc_update_locked(rtc, now);
	}
	pthread_mutex_unlock(&rtc->lock);
}

/* --- life --- */

static void rtc_store(struct rtc *rtc, unsigned int index, uint64_t val, uint64_t max,
		      unsigned int len)
{
	if (val > max)
		val = max;
	for (; len; len--, index++, val >>= 8)
		rtc->ram[index] = (uint8_t)val;
}

/* What firmware finds in the CMOS memory of a PC of this size. */
static void rtc_fill(struct rtc *rtc)
{
	const struct mem *mem = rtc->env->mem;
	uint64_t low = mem ? mem_low_end(mem) : 0;
	uint64_t high = mem ? mem_high_end(mem) : 0;
	uint64_t ext = low > MEM_HIGH_BASE ? low - MEM_HIGH_BASE : 0;
	unsigned int i, sum = 0;

	rtc->ram[RTC_EQUIPMENT] = 0x06; /* coprocessor, PS/2 mouse, VGA */
	rtc_store(rtc, RTC_BASE_KB, 640, 640, 2);
	rtc_store(rtc, RTC_EXT_KB, ext >> 10, 0xffff, 2);
	rtc_store(rtc, RTC_EXT_KB_POST, ext >> 10, 0xffff, 2);
	rtc_store(rtc, RTC_EXT_64KB, low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0, 0xffff, 2);
	rtc_store(rtc, RTC_HIGH_64KB, high > MEM_HOLE_END ? (high - MEM_HOLE_END) >> 16 : 0,
		  0xffffff, 3);
	rtc->ram[RTC_MORE_CPUS] = (uint8_t)(rtc->env->nr_cpus - 1);
	for (i = RTC_SUM_FIRST; i <= RTC_SUM_LAST; i++)
		sum += rtc->ram[i];
	rtc->ram[RTC_SUM] = (uint8_t)(sum >> 8);
	rtc->ram[RTC_SUM + 1] = (uint8_t)sum;
}

/* The chip has a battery: time and memory stay, interrupts go off. */
static void rtc_reset(void *state)
{
	struct rtc *rtc = state;
	uint64_t now;

	pthread_mutex_lock(&rtc->lock);
	now = rtc->env->now_ns(rtc->env->ctx);
	rtc->index = 0;
	rtc->ram[RTC_B] &= (uint8_t) ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | RTC_B_SQWE);
	rtc->ram[RTC_C] = 0;
	rtc_update_locked(rtc, now);
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_exit(void *state)
{
	struct rtc *rtc = state;

	bus_unregister(rtc->env->bus, rtc);
	if (rtc->timer)
		rtc->env->timer_free(rtc->timer);
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

static void rtc_power_on(struct rtc *rtc)
{
	rtc->base_ns = rtc->env->now_ns(rtc->env->ctx);
	rtc->base_sec = rtc->done_sec = rtc->env->wall_sec(rtc->env->ctx);
	rtc->ram[RTC_A] = 0x26; /* running, 1024 Hz */
	rtc->ram[RTC_B] = RTC_B_24H;
	rtc->ram[RTC_D] = RTC_D_VALID;
	rtc_fill(rtc);
	rtc_restart_ticks_locked(rtc, rtc->base_ns);
}

static int rtc_init(const struct dev_env *env, void **state, struct err *err)
{
	static const struct dev_ports ports = { RTC_PORT, 2, "rtc" };
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int ret = 0;

	if (!rtc)
		return err_sys(err, ENOMEM, "rtc");
	rtc->env = env;
	pthread_mutex_init(&rtc->lock, NULL);
	rtc_power_on(rtc);
	rtc->timer = env->timer_new(env->ctx, rtc_timer, rtc);
	if (!rtc->timer)
		ret = err_sys(err, ENOMEM, "rtc");
	if (!ret)
		ret = dev_claim_ports(env, &ports, 1, rtc_io, rtc, err);
	if (ret) {
		rtc_exit(rtc);
		return ret;
	}
	*state = rtc;
	return 0;
}

static void rtc_describe_alarm_locked(const struct rtc *rtc, struct dev_rows *rows)
{
	const uint8_t *ram = rtc->ram;

	dev_row(rows, "alarm", "%s, registers %02x:%02x:%02x (c0 and up: every)",
		ram[RTC_B] & RTC_B_AIE ? "on" : "off", ram[RTC_HOURS_ALARM], ram[RTC_MINUTES_ALARM],
		ram[RTC_SECONDS_ALARM]);
}

static void rtc_describe(void *state, struct dev_rows *rows)
{
	struct rtc *rtc = state;
	uint64_t now;
	char text[32] = "?";
	uint64_t period;
	struct tm tm;
	time_t sec;

	pthread_mutex_lock(&rtc->lock);
	now = rtc->env->now_ns(rtc->env->ctx);
	sec = rtc_host_sec_locked(rtc, now, NULL) + rtc->offset_sec;
	time_to_utc(sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	dev_row(rows, "time", "%s, %s, %s hours%s", text,
		rtc->ram[RTC_B] & RTC_B_BINARY ? "binary" : "BCD",
		rtc->ram[RTC_B] & RTC_B_24H ? "24" : "12",
		rtc->ram[RTC_B] & RTC_B_SET ? ", held by the guest" : "");
	rtc_describe_alarm_locked(rtc, rows);
	period = rtc_period_ns(rtc);
	dev_row(rows, "periodic interrupt", "%s, %u Hz", rtc->ram[RTC_B] & RTC_B_PIE ? "on" : "off",
		period ? (unsigned int)((RTC_SEC_NS + period / 2) / period) : 0);
	dev_row(rows, "update interrupt", "%s", rtc->ram[RTC_B] & RTC_B_UIE ? "on" : "off");
	dev_row(rows, "registers", "A %02x B %02x C %02x, line %d %s", rtc->ram[RTC_A],
		rtc->ram[RTC_B], rtc->ram[RTC_C], RTC_GSI, rtc->level ? "high" : "low");
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_save(void *state, struct buf *out)
{
	struct rtc *rtc = state;

	pthread_mutex_lock(&rtc->lock);
	dev_save_u8(out, rtc->index);
	dev_save_bytes(out, rtc->ram, RTC_LEN);
	dev_save_u64(out, (uint64_t)rtc->offset_sec);
	pthread_mutex_unlock(&rtc->lock);
}

static int rtc_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct rtc *rtc = state;
	uint64_t now;

	pthread_mutex_lock(&rtc->lock);
	now = rtc->env->now_ns(rtc->env->ctx);
	rtc->index = dev_load_u8(in) & (RTC_LEN - 1);
	dev_load_bytes(in, rtc->ram, RTC_LEN);
	rtc->ram[RTC_A] &= (uint8_t)~RTC_A_UIP;
	rtc->ram[RTC_D] = RTC_D_VALID;
	rtc->offset_sec = (int64_t)dev_load_u64(in);
	if (rtc->offset_sec > RTC_FAR_SEC || rtc->offset_sec < -RTC_FAR_SEC)
		rtc->offset_sec = 0;
	rtc->done_sec = rtc_host_sec_locked(rtc, now, NULL);
	rtc_restart_ticks_locked(rtc, now);
	rtc_update_locked(rtc, now);
	pthread_mutex_unlock(&rtc->lock);
	return dev_load_end(in, "rtc", err);
}

const struct device_ops rtc_ops = {
	.name = "rtc",
	.init = rtc_init,
	.reset = rtc_reset,
	.exit = rtc_exit,
	.describe = rtc_describe,
	.save = rtc_save,
	.load = rtc_load,
};
