/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fleet files, guest tests, results, and how the host is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "balloon/host.h"
#include "farm/fleetfile.h"
#include "farm/report.h"
#include "farm/testspec.h"

#define MIB (1ull << 20)

static struct fleet *fleet_of(const char *text)
{
	struct fleet *fleet = NULL;
	struct err err = ERR_INIT;

	if (fleetfile_parse(text, strlen(text), "/lab", &fleet, &err) < 0)
		print_message("%s\n", err.text);
	assert_non_null(fleet);
	return fleet;
}

static void refused(const char *text, const char *why)
{
	struct fleet *fleet = NULL;
	struct err err = ERR_INIT;

	assert_true(fleetfile_parse(text, strlen(text), "/lab", &fleet, &err) < 0);
	if (!strstr(err.text, why))
		print_message("says: %s\n", err.text);
	assert_non_null(strstr(err.text, why));
}

static void want_words(const struct words *words, const char *text)
{
	char all[1024] = "";
	size_t i;

	for (i = 0; i < words->nr; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "|" : "",
			 words->word[i]);
	assert_string_equal(all, text);
}

static void test_fleet(void **state)
{
	struct words more = { 0 }, argv = { 0 };
	struct fleet *fleet;

	(void)state;
	fleet = fleet_of("# a lab\n"
			 "[network lan]\npcap = lan.pcap\n"
			 "[vm web]\n"
			 "image = vmlinuz\ninitrd=/boot/initrd\n memory = 512M \r\ncpus = 2\n"
			 "cmdline = console=ttyS0 quiet # not a comment\n"
			 "disk = web.img,ro\nnet = user\nnetwork = lan\nafter = db\n"
			 "restart = on-failure\nballoon = 256M,weight=50\noption = --freeze\n"
			 "cpu-weight = 50\nmemory-high = 600M\n"
			 "[vm db]\nimage = /k\nno-balloon = no\nfreeze = yes\n");
	assert_int_equal(fleet->nr_vms, 2);
	assert_int_equal(fleet->order[0], 1);
	assert_int_equal(fleet->order[1], 0);
	assert_string_equal(fleet->net[0].pcap, "/lab/lan.pcap");
	assert_int_equal(fleet->vm[0].restart, FLEET_ON_FAILURE);
	assert_int_equal(fleet->vm[0].cpu_weight, 50);
	assert_int_equal(fleet->vm[0].memory_high, 600 * MIB);
	assert_int_equal(fleet->vm[0].guest.mem_size, 512 * MIB);
	want_words(&fleet->vm[0].networks, "lan");
	words_add(&more, "--detach");
	assert_int_equal(guest_argv(&fleet->vm[0].guest, &more, &argv), 0);
	want_words(&argv, "vitrine|run|--detach|--initrd|/boot/initrd|--mem|512M|--cpus|2|--disk|"
			  "/lab/web.img,ro|--net|user|--balloon|256M,weight=50|--freeze|"
			  "/lab/vmlinuz|--|console=ttyS0 quiet # not a comment");
	want_words(&fleet->vm[1].guest.options, "--freeze");
	words_free(&more);
	words_free(&argv);
	fleetfile_free(fleet);
}

static void test_fleet_refuses(void **state)
{
	(void)state;
	refused("", "no [vm NAME]");
	refused("image = x\n", "line 1");
	refused("[vm a]\n", "a has no image");
	refused("[vm a b]\nimage = x\n", "is no name");
	refused("[vm ../a]\nimage = x\n", "is no name");
	refused("[vm a\nimage = x\n", "line 1: a section is");
	refused("[vm a]\nimage = x\n[vm a]\nimage = x\n", "line 3: there is a VM a already");
	refused("[pc a]\n", "[vm NAME] or [network NAME]");
	refused("[vm a]\nimage = x\nmemroy = 1G\n",
		"line 3: a VM has no 'memroy'; did you mean memory");
	refused("[vm a]\nimage = x\nmemory = much\n", "line 3: memory = much");
	refused("[vm a]\nimage = x\nrestart = maybe\n", "never, on-failure or always");
	refused("[vm a]\nimage = x\ncpu-weight = 0\n", "1 to 10000");
	refused("[vm a]\nimage = x\nafter = b\n", "starts after b, which is no VM");
	refused("[vm a]\nimage = x\nafter = a\n", "waits for itself");
	refused("[vm a]\nimage = x\nafter = b\n[vm b]\nimage = x\nafter = a\n", "waits for itself");
	refused("[vm a]\nimage = x\nnetwork = lan\n", "which is no network");
	refused("[vm a]\nimage = x\nfreeze = perhaps\n", "yes or no");
	refused("[network n]\nspeed = 3\n", "only pcap");
	refused("[vm a]\nnonsense\n", "line 2: neither");
	refused("[vm a]\n= x\n", "no key");
}

static struct testspec *test_of(struct testspecs *specs, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(
		testspec_parse(text, strlen(text), "dir/t", "/dir", "/dir/t.elf", specs, &err), 0);
	return specs->spec[0];
}

static bool judge(const char *text, int status, const char *said, const char *why)
{
	struct testspecs specs = { 0 };
	struct buf out = BUF_INIT, reason = BUF_INIT;
	bool good;

	buf_puts(&out, said);
	good = testspec_judge(test_of(&specs, text), status, &out, &reason);
	if (!good && !strstr(buf_str(&reason), why))
		print_message("because: %s\n", buf_str(&reason));
	assert_true(good || strstr(buf_str(&reason), why));
	buf_free(&out);
	buf_free(&reason);
	testspec_free(&specs);
	return good;
}

static void test_specs(void **state)
{
	struct testspecs specs = { 0 };

	(void)state;
	test_of(&specs, "");
	assert_int_equal(specs.nr, 1);
	assert_string_equal(specs.spec[0]->name, "dir/t");
	assert_string_equal(specs.spec[0]->guest.image, "/dir/t.elf");
	testspec_free(&specs);
	test_of(&specs,
		"timeout = 5\n[test one]\ncmdline = a\n[test two]\nimage = x\nskip = later\n");
	assert_int_equal(specs.nr, 3);
	assert_int_equal(specs.spec[0]->timeout_s, 5);
	assert_string_equal(specs.spec[1]->name, "dir/t:one");
	assert_string_equal(specs.spec[2]->guest.image, "/dir/x");
	assert_string_equal(specs.spec[2]->skip, "later");
	testspec_free(&specs);
}

static void test_judging(void **state)
{
	(void)state;
	assert_true(judge("", 0, "", ""));
	assert_false(judge("", 120, "", "status 120, not 0 (crash)"));
	assert_false(judge("", 124, "", "time-out"));
	assert_true(judge("status = 15\n", 15, "", ""));
	assert_true(judge("expect = one\nexpect = two\n", 0, "one, then two", ""));
	assert_false(judge("expect = one\nexpect = two\n", 0, "two, then one", "\"two\" after"));
	assert_false(judge("expect = one\nexpect = one\n", 0, "one", "\"one\" after"));
	assert_false(judge("reject = panic\n", 0, "a panic", "says \"panic\""));
	assert_false(judge("output = /nonexistent/file\n", 0, "", "/nonexistent/file"));
}

static void test_specs_refused(void **state)
{
	static const char *const bad[] = { "expects = x\n", "timeout = 0\n", "status = 256\n",
					   "[vm x]\n", "word\n" };
	struct testspecs specs = { 0 };
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(testspec_parse(bad[i], strlen(bad[i]), "t", "/", "/i", &specs, &err) <
			    0);
		assert_non_null(strstr(err.text, "line 1"));
		testspec_free(&specs);
	}
	assert_true(testspec_parse("", 0, "t", "/", NULL, &specs, &err) < 0);
	testspec_free(&specs);
}

static char *slurp(FILE *file)
{
	static char text[8192];
	size_t n;

	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void test_tap(void **state)
{
	struct report_case bad = { "b#1", REPORT_FAIL, 0.5, "why\nok 9 - fooled", "said\nit" };
	struct report_case skip = { "c", REPORT_SKIP, 0, "not\nhere", "" };
	FILE *file = tmpfile();

	(void)state;
	report_tap_plan(file, 2);
	report_tap_case(file, 1, &bad);
	report_tap_case(file, 2, &skip);
	assert_string_equal(slurp(file), "TAP version 13\n1..2\nnot ok 1 - b.1\n# 0.50 s\n"
					 "#   why\n#   ok 9 - fooled\n#   said\n#   it\n"
					 "ok 2 - c # SKIP not.here\n");
}

static void test_junit(void **state)
{
	struct report_case list[] = {
		{ "a<b", REPORT_PASS, 0.25, "", "" },
		{ "b", REPORT_FAIL, 1, "it \"failed\"", "x & \x01\xff ]]>" },
		{ "c", REPORT_SKIP, 0, "later", "" },
	};
	struct err err = ERR_INIT;
	char path[] = "/tmp/vitrine-junit-XXXXXX";
	char *text;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(report_junit(path, list, 3, 2, &err), 0);
	text = slurp(fopen(path, "r"));
	unlink(path);
	assert_non_null(strstr(text, "tests=\"3\" failures=\"1\" skipped=\"1\""));
	assert_non_null(strstr(text, "<testcase name=\"a&lt;b\" time=\"0.250\"></testcase>"));
	assert_non_null(
		strstr(text, "message=\"it &quot;failed&quot;\">x &amp; ?? ]]&gt;</failure>"));
	assert_non_null(strstr(text, "<skipped message=\"later\">"));
	assert_true(report_junit("/nonexistent/x", list, 3, 2, &err) < 0);
}

static void test_host(void **state)
{
	struct policy_host host = { 0 };

	(void)state;
	assert_int_equal(host_parse_meminfo("MemTotal:  1000 kB\nMemFree: 1 kB\n"
					    "MemAvailable:   500 kB\n",
					    &host),
			 0);
	assert_int_equal(host.total, 1000 * 1024);
	assert_int_equal(host.available, 500 * 1024);
	assert_true(host_parse_meminfo("MemTotal: 1000 kB\n", &host) < 0);
	assert_true(host_parse_meminfo("MemTotal: 1 kB\nMemAvailable: 2 kB\n", &host) < 0);
	assert_true(host_parse_meminfo("", &host) < 0);
	assert_int_equal(host_parse_pressure("some avg10=12.34 avg60=1.00 avg300=0.00 total=1\n"
					     "full avg10=0.05 avg60=0.00 avg300=0.00 total=1\n",
					     &host),
			 0);
	assert_true(host.some > 12.33 && host.some < 12.35);
	assert_true(host.full > 0.04 && host.full < 0.06);
	assert_true(host_parse_pressure("nothing", &host) < 0);
	assert_true(host.some < 0 && host.full < 0);
}

static void test_limit(void **state)
{
	struct policy_host host = { .total = 1000, .available = 600 };

	(void)state;
	host_apply_limit("max\n", "700\n", "inactive_file 100\n", &host);
	assert_int_equal(host.total, 1000);
	host_apply_limit("500\n", "400\n", "anon 300\ninactive_file 50\n", &host);
	assert_int_equal(host.total, 500);
	assert_int_equal(host.available, 150);
	host_apply_limit("500\n", "600\n", "", &host);
	assert_int_equal(host.available, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fleet),	      cmocka_unit_test(test_fleet_refuses),
		cmocka_unit_test(test_specs),	      cmocka_unit_test(test_judging),
		cmocka_unit_test(test_specs_refused), cmocka_unit_test(test_tap),
		cmocka_unit_test(test_junit),	      cmocka_unit_test(test_host),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
