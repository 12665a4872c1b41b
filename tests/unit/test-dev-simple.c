/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small devices: debug console and exit, pvpanic, reset, post code, ACPI fixed hardware. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake-env.h"
#include "vmm/acpi.h"
#include "vmm/dev/acpipm.h"
#include "vmm/dev/debugcon.h"
#include "vmm/dev/debugexit.h"
#include "vmm/dev/postcode.h"
#include "vmm/dev/pvpanic.h"
#include "vmm/dev/reset.h"

static struct fake_env *fake;
static void *dev;

static int setup(void **state)
{
	(void)state;
	fake = fake_env_new();
	return fake ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fake_env_free(fake);
	return 0;
}

static void count_range(void *ctx, uint64_t base, uint64_t len, const char *name)
{
	(void)base;
	(void)len;
	(void)name;
	++*(unsigned int *)ctx;
}

static void start(const struct device_ops *ops)
{
	struct err err = ERR_INIT;

	assert_int_equal(ops->init(&fake->env, &dev, &err), 0);
}

static void stop(const struct device_ops *ops)
{
	unsigned int left = 0;

	assert_true(fake_load_refuses_short(ops, dev, dev));
	ops->exit(dev);
	bus_each(fake->env.bus, BUS_PIO, count_range, &left);
	assert_int_equal(left, 0);
}

static void test_debugcon(void **state)
{
	(void)state;
	start(&debugcon_ops);
	assert_int_equal(fake_inb(fake, 0xe9), 0xe9);
	assert_int_equal(fake_inb(fake, 0x402), 0xe9);
	fake_outb(fake, 0xe9, 'h');
	fake_out(fake, 0x402, 1, 'i');
	assert_memory_equal(fake->out[2], "hi", 2);
	assert_string_equal(fake_row(&debugcon_ops, dev, "written"), "2 bytes");
	stop(&debugcon_ops);
}

static void test_debugexit(void **state)
{
	(void)state;
	start(&debugexit_ops);
	assert_int_equal(fake_in(fake, 0xf4, 4), 0);
	assert_int_equal(fake->nr_requests, 0);
	fake_out(fake, 0xf4, 4, 0x12345678);
	assert_int_equal(fake->request, DEV_REQ_DEBUG_EXIT);
	assert_int_equal(fake->value, 0x12345678);
	fake_out(fake, 0x501, 1, 0x31);
	assert_int_equal(fake->value, 0x31);
	fake_out(fake, 0xf4, 2, 0xffff);
	assert_int_equal(fake->value, 0xffff);
	assert_int_equal(fake->nr_requests, 3);
	stop(&debugexit_ops);
}

static void test_pvpanic(void **state)
{
	(void)state;
	start(&pvpanic_ops);
	assert_int_equal(fake_inb(fake, 0x505), 3);
	fake_outb(fake, 0x505, 2);
	assert_int_equal(fake->nr_requests, 0);
	fake_outb(fake, 0x505, 1);
	assert_int_equal(fake->request, DEV_REQ_PANICKED);
	assert_string_equal(fake_row(&pvpanic_ops, dev, "last event"), "panicked");
	stop(&pvpanic_ops);
}

static void test_postcode(void **state)
{
	(void)state;
	start(&postcode_ops);
	fake_outb(fake, 0x80, 0x5a);
	assert_int_equal(fake_inb(fake, 0x80), 0x5a);
	assert_string_equal(fake_row(&postcode_ops, dev, "last code"), "0x5a");
	postcode_ops.reset(dev);
	assert_int_equal(fake_inb(fake, 0x80), 0);
	stop(&postcode_ops);
}

static void test_port_92(void **state)
{
	(void)state;
	start(&reset_ops);
	assert_int_equal(fake_inb(fake, 0x92), 0x02);
	fake_outb(fake, 0x92, 0x00);
	assert_int_equal(fake_inb(fake, 0x92), 0x00);
	assert_int_equal(fake->nr_requests, 0);
	fake_outb(fake, 0x92, 0x03);
	assert_int_equal(fake->nr_requests, 1);
	fake_outb(fake, 0x92, 0x03); /* no edge */
	assert_int_equal(fake->nr_requests, 1);
	stop(&reset_ops);
}

static void intruder_io(void *opaque, struct bus_access *acc)
{
	(void)opaque;
	(void)acc;
}

static void test_init_fails_cleanly(void **state)
{
	struct err err = ERR_INIT;
	unsigned int left = 0;
	int other;

	(void)state;
	assert_int_equal(bus_register(fake->env.bus, BUS_PIO, ACPI_PM_TMR, 1, "intruder",
				      intruder_io, &other, NULL),
			 0);
	assert_int_equal(acpipm_ops.init(&fake->env, &dev, &err), -EEXIST);
	assert_non_null(strstr(err.text, "intruder"));
	bus_each(fake->env.bus, BUS_PIO, count_range, &left);
	assert_int_equal(left, 1);
}

static void test_power_button(void **state)
{
	(void)state;
	start(&acpipm_ops);
	/* Not enabled: latched, no interrupt until it is. */
	acpipm_power_button(dev);
	assert_int_equal(fake_level(fake, ACPI_SCI_IRQ), 0);
	assert_int_equal(fake_in(fake, ACPI_PM1A_EVT, 2), 0x0100);
	fake_out(fake, ACPI_PM1A_EVT + 2, 2, 0x0120);
	assert_int_equal(fake_level(fake, ACPI_SCI_IRQ), 1);
	/* Writing other bits does not clear it, writing ours does. */
	fake_out(fake, ACPI_PM1A_EVT, 2, 0x8031);
	assert_int_equal(fake_level(fake, ACPI_SCI_IRQ), 1);
	fake_outb(fake, ACPI_PM1A_EVT + 1, 0x01);
	assert_int_equal(fake_level(fake, ACPI_SCI_IRQ), 0);
	assert_int_equal(fake_in(fake, ACPI_PM1A_EVT, 4), 0x01200000);
	acpipm_power_button(dev);
	assert_int_equal(fake_edges(fake, ACPI_SCI_IRQ), 2);
	acpipm_ops.reset(dev);
	assert_int_equal(fake_level(fake, ACPI_SCI_IRQ), 0);
	stop(&acpipm_ops);
}

static void test_power_off(void **state)
{
	(void)state;
	start(&acpipm_ops);
	assert_int_equal(fake_in(fake, ACPI_PM1A_CNT, 2), 0x0001);
	fake_out(fake, ACPI_PM1A_CNT, 2, ACPI_S5_TYPE << 10);
	assert_int_equal(fake->nr_requests, 0);
	assert_int_equal(fake_in(fake, ACPI_PM1A_CNT, 2), 0x1401);
	fake_out(fake, ACPI_PM1A_CNT, 2, ACPI_S5_TYPE << 10 | 1 << 13);
	assert_int_equal(fake->request, DEV_REQ_POWEROFF);
	assert_int_equal(fake->nr_requests, 1);
	fake_out(fake, 0xb004, 2, 0x2000);
	assert_int_equal(fake->nr_requests, 2);
	stop(&acpipm_ops);
}

static void test_pm_timer(void **state)
{
	uint32_t before;

	(void)state;
	start(&acpipm_ops);
	before = fake_in(fake, ACPI_PM_TMR, 4);
	fake_advance(fake, 1000000000);
	assert_int_equal(fake_in(fake, ACPI_PM_TMR, 4) - before, 3579545);
	fake_advance(fake, 3600ull * 1000000000);
	assert_int_equal(fake_in(fake, ACPI_PM_TMR, 4) - before, (uint32_t)(3601ull * 3579545));
	stop(&acpipm_ops);
}

static void test_acpi_state(void **state)
{
	uint32_t ticks;

	(void)state;
	start(&acpipm_ops);
	fake_out(fake, ACPI_PM1A_EVT + 2, 2, 0x0100);
	fake_advance(fake, 12345678);
	ticks = fake_in(fake, ACPI_PM_TMR, 4);
	acpipm_power_button(dev);
	assert_int_equal(fake_copy(&acpipm_ops, dev, dev), 0);
	assert_int_equal(fake_in(fake, ACPI_PM1A_EVT, 4), 0x01000100);
	assert_int_equal(fake_in(fake, ACPI_PM_TMR, 4), ticks);
	stop(&acpipm_ops);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_debugcon),	 TEST(test_debugexit), TEST(test_pvpanic),
		TEST(test_postcode),	 TEST(test_port_92),   TEST(test_init_fails_cleanly),
		TEST(test_power_button), TEST(test_power_off), TEST(test_pm_timer),
		TEST(test_acpi_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
