/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings file: what is taken, what is refused and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/settings.h"

static int parse(const char *text, struct settings *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	*err = (struct err)ERR_INIT;
	return settings_parse("conf", text, strlen(text), out, err);
}

static void test_good(void **state)
{
	struct settings set;
	struct err err;

	(void)state;
	assert_int_equal(parse("", &set, &err), 0);
	assert_false(set.mouse);
	assert_int_equal(set.ascii, SETTINGS_AUTO);
	assert_int_equal(parse("# all\n\n mouse = on # yes\r\nascii=on\n\tcolour =off", &set, &err),
			 0);
	assert_true(set.mouse);
	assert_int_equal(set.ascii, SETTINGS_ON);
	assert_int_equal(set.colour, SETTINGS_OFF);
	assert_int_equal(parse("mouse = on\nmouse = off\n", &set, &err), 0);
	assert_false(set.mouse);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "\nmouse = maybe\n", "conf:2: mouse: 'maybe' is neither on nor off" },
		{ "mous = on\n", "conf:1: there is no 'mous'; did you mean mouse?" },
		{ "mouse\n", "conf:1: a line is `key = value`" },
		{ "= on\n", "conf:1: a line is `key = value`" },
		{ "mouse = \n", "conf:1: a line is `key = value`" },
		{ "colour = \033[31m\n", "conf:1: a line is `key = value`" },
		{ "ascii = 1\nmouse = 2\n", "conf:1: ascii: '1' is not auto, on or off" },
	};
	struct settings set;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text, &set, &err), -EINVAL);
		assert_string_equal(err.text, bad[i].why);
	}
	/* What is right counts, whatever stands beside it. */
	assert_int_equal(parse("nonsense\nmouse = on\n", &set, &err), -EINVAL);
	assert_true(set.mouse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
