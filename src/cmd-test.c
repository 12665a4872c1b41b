/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine test`: guests as tests, several at once, as many as processors and memory allow. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balloon/host.h"
#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "farm/report.h"
#include "farm/spawn.h"
#include "farm/testspec.h"

#define TEST_MAX_JOBS	  256
#define TEST_SAID_MAX	  (4u << 20) /* what a guest says beyond that is not kept */
#define TEST_DETAIL_MAX	  2000
#define TEST_GRACE_NS	  10000000000ull /* after its time-out a VM that does not end is killed */
#define TEST_MEM_OVERHEAD (16ull << 20)	 /* of a VM besides its guest's memory */
#define TEST_MEM_SHARE	  75		 /* percent of what is available at the start */

static const struct cmd_help test_help = {
	.synopsis = "vitrine test [OPTION...] DIR|FILE...",
	.what = "Runs guests as tests: images, .test files that say what is expected of them\n"
		"(vitrine(1)), folders of both. Prints TAP; exit status 0 if all passed.",
	.options =
		"  --jobs N        at once (default: as many as there are processors)\n"
		"  --memory SIZE   for all guests together (default: most of what is available)\n"
		"  --timeout S     for tests that name no time-out (default 60)\n"
		"  --junit FILE    write the results for a build server\n"
		"  --list          name the tests and run none\n",
	.example = { "vitrine test guests/", "vitrine test --jobs 8 --junit results.xml *.test" },
};

/* A VM at work. */
struct test_job {
	size_t index; /* of its test */
	pid_t pid;    /* 0: the place is free */
	int out_fd, err_fd;
	struct buf said, complaints;
	uint64_t start_ns, deadline_ns;
	bool killed;
};

struct test_run {
	struct testspecs specs;
	struct report_case *result;
	struct test_job job[TEST_MAX_JOBS];
	size_t nr_jobs, next, nr_done, nr_failed;
	uint64_t budget, used; /* bytes */
	unsigned int timeout_s;
	const char *junit;
	bool list;
};

static volatile sig_atomic_t test_over;

static void test_on_signal(int sig)
{
	(void)sig;
	test_over = 1;
}

/* --- results --- */

/* The end of what was said, and what vitrine said. Malloc'ed. */
static char *test_detail(const struct test_job *job)
{
	size_t len = job->said.len, skip = len > TEST_DETAIL_MAX ? len - TEST_DETAIL_MAX : 0, i;
	struct buf text = BUF_INIT;
	char *out;

	buf_puts(&text, buf_str(&job->complaints));
	if (len)
		buf_puts(&text, "the guest said:\n");
	buf_add(&text, buf_str(&job->said) + skip, len - skip);
	for (i = 0; i < text.len; i++) {
		if (!text.data[i])
			text.data[i] = '.';
	}
	out = strdup(buf_str(&text));
	buf_free(&text);
	return out;
}

static void test_result(struct test_run *run, size_t index, enum report_verdict verdict,
			double seconds, const char *why, char *detail)
{
	struct report_case *result = &run->result[index];

	result->name = run->specs.spec[index]->name;
	result->verdict = verdict;
	result->seconds = seconds;
	result->why = strdup(why);
	result->detail = detail;
	run->nr_done++;
	run->nr_failed += verdict == REPORT_FAIL;
	report_tap_case(stdout, run->nr_done, result);
}

/* --- one VM --- */

static uint64_t test_memory(const struct test_run *run, size_t index)
{
	return run->specs.spec[index]->guest.mem_size + TEST_MEM_OVERHEAD;
}

static int test_pipe(int *ours, int *theirs, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_sys(err, errno, "pipe");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

static int test_words(const struct testspec *spec, unsigned int timeout_s, size_t index,
		      struct words *argv)
{
	struct words more = { 0 };
	char name[64], secs[16];
	int ret;

	snprintf(name, sizeof(name), "test-%d-%zu", (int)getpid(), index + 1);
	snprintf(secs, sizeof(secs), "%u", timeout_s);
	ret = words_add(&more, "--headless") | words_add(&more, "--on-crash") |
	      words_add(&more, "exit") | words_add(&more, "--name") | words_add(&more, name) |
	      words_add(&more, "--timeout") | words_add(&more, secs);
	if (ret == 0)
		ret = guest_argv(&spec->guest, &more, argv);
	words_free(&more);
	return ret;
}

static int test_spawn(struct test_run *run, struct test_job *job, size_t index, struct err *err)
{
	const struct testspec *spec = run->specs.spec[index];
	unsigned int timeout_s = spec->timeout_s ? spec->timeout_s : run->timeout_s;
	int out_fd = -1, err_fd = -1, ret;
	struct words argv = { 0 };

	ret = test_words(spec, timeout_s, index, &argv);
	if (ret == 0)
		ret = test_pipe(&job->out_fd, &out_fd, err);
	if (ret == 0)
		ret = test_pipe(&job->err_fd, &err_fd, err);
	if (ret == 0)
		ret = job->pid = spawn_self(&argv, out_fd, err_fd, -1, err);
	words_free(&argv);
	if (out_fd >= 0)
		close(out_fd);
	if (err_fd >= 0)
		close(err_fd);
	job->deadline_ns = time_now_ns() + timeout_s * 1000000000ull + TEST_GRACE_NS;
	return ret < 0 ? ret : 0;
}

static void test_clear(struct test_job *job)
{
	if (job->out_fd >= 0)
		close(job->out_fd);
	if (job->err_fd >= 0)
		close(job->err_fd);
	buf_free(&job->said);
	buf_free(&job->complaints);
	memset(job, 0, sizeof(*job));
}

static void test_start(struct test_run *run, struct test_job *job, size_t index)
{
	const struct testspec *spec = run->specs.spec[index];
	struct err err = ERR_INIT;

	if (spec->skip) {
		test_result(run, index, REPORT_SKIP, 0, spec->skip, strdup(""));
		return;
	}
	memset(job, 0, sizeof(*job));
	job->out_fd = job->err_fd = -1;
	buf_init(&job->said, TEST_SAID_MAX);
	buf_init(&job->complaints, TEST_DETAIL_MAX * 4);
	job->index = index;
	job->start_ns = time_now_ns();
	if (test_spawn(run, job, index, &err) == 0) {
		run->used += test_memory(run, index);
		return;
	}
	test_result(run, index, REPORT_FAIL, 0, err.text, strdup(""));
	test_clear(job);
}

/* Take what is there; what does not fit any more is read and forgotten. */
static void test_drain(int *fd, struct buf *into)
{
	char data[16384];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, data, sizeof(data));
		if (n > 0) {
			buf_add(into, data, (size_t)n);
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(*fd);
			*fd = -1;
		}
		return;
	}
}

static void test_ended(struct test_run *run, struct test_job *job, int status)
{
	double seconds = (double)(time_now_ns() - job->start_ns) / 1e9;
	struct buf why = BUF_INIT;
	bool good;

	test_drain(&job->out_fd, &job->said);
	test_drain(&job->err_fd, &job->complaints);
	good = testspec_judge(run->specs.spec[job->index], status, &job->said, &why);
	if (job->killed) {
		good = false;
		buf_clear(&why);
		buf_puts(&why, "the VM did not end at its time-out");
	}
	test_result(run, job->index, good ? REPORT_PASS : REPORT_FAIL, seconds, buf_str(&why),
		    test_detail(job));
	buf_free(&why);
	run->used -= test_memory(run, job->index);
	test_clear(job);
}

static void test_look(struct test_run *run, struct test_job *job)
{
	int status;

	test_drain(&job->out_fd, &job->said);
	test_drain(&job->err_fd, &job->complaints);
	status = spawn_reap(job->pid, false);
	if (status >= 0) {
		test_ended(run, job, status);
	} else if (test_over || time_now_ns() >= job->deadline_ns) {
		job->killed = !test_over;
		kill(job->pid, test_over ? SIGTERM : SIGKILL);
	}
}

/* --- all of them --- */

static struct test_job *test_free_job(struct test_run *run)
{
	size_t i;

	for (i = 0; i < run->nr_jobs; i++) {
		if (!run->job[i].pid)
			return &run->job[i];
	}
	return NULL;
}

/* The next test, unless memory is short; one alone may always run. */
static void test_start_more(struct test_run *run)
{
	struct test_job *job;

	while (!test_over && run->next < run->specs.nr && (job = test_free_job(run))) {
		if (run->used && !run->specs.spec[run->next]->skip &&
		    run->used + test_memory(run, run->next) > run->budget)
			return;
		test_start(run, job, run->next++);
	}
}

static size_t test_wait(struct test_run *run)
{
	struct pollfd pfd[2 * TEST_MAX_JOBS];
	size_t i, nr = 0, busy = 0;

	for (i = 0; i < run->nr_jobs; i++) {
		if (!run->job[i].pid)
			continue;
		busy++;
		if (run->job[i].out_fd >= 0)
			pfd[nr++] = (struct pollfd){ .fd = run->job[i].out_fd, .events = POLLIN };
		if (run->job[i].err_fd >= 0)
			pfd[nr++] = (struct pollfd){ .fd = run->job[i].err_fd, .events = POLLIN };
	}
	if (busy)
		poll(pfd, nr, nr ? 100 : 10);
	return busy;
}

static void test_all(struct test_run *run)
{
	size_t i;

	report_tap_plan(stdout, run->specs.nr);
	do {
		test_start_more(run);
		for (i = 0; i < run->nr_jobs; i++) {
			if (run->job[i].pid)
				test_look(run, &run->job[i]);
		}
	} while (test_wait(run) || (!test_over && run->next < run->specs.nr));
	if (test_over)
		puts("Bail out! interrupted");
}

static int test_budget(struct test_run *run, struct err *err)
{
	struct policy_host host;
	int ret;

	if (run->budget)
		return 0;
	ret = host_read(&host, err);
	run->budget = host.available / 100 * TEST_MEM_SHARE;
	return ret;
}

static void test_list(const struct test_run *run)
{
	size_t i;

	for (i = 0; i < run->specs.nr; i++)
		puts(run->specs.spec[i]->name);
}

static int test_do(struct test_run *run, struct err *err)
{
	struct sigaction act = { .sa_handler = test_on_signal };
	uint64_t begin = time_now_ns();
	int ret;

	if (!run->specs.nr)
		return err_set(err, ENOENT, "no tests there");
	if (run->list) {
		test_list(run);
		return 0;
	}
	run->result = calloc(run->specs.nr, sizeof(*run->result));
	ret = run->result ? test_budget(run, err) : err_sys(err, ENOMEM, "tests");
	if (ret < 0)
		return ret;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	test_all(run);
	fprintf(stderr, "vitrine: %zu tests, %zu failed, %.1f s\n", run->nr_done, run->nr_failed,
		(double)(time_now_ns() - begin) / 1e9);
	if (run->junit && !test_over)
		ret = report_junit(run->junit, run->result, run->nr_done,
				   (double)(time_now_ns() - begin) / 1e9, err);
	return ret;
}

static void test_free(struct test_run *run)
{
	size_t i;

	for (i = 0; run->result && i < run->specs.nr; i++) {
		free((char *)run->result[i].why);
		free((char *)run->result[i].detail);
	}
	free(run->result);
	testspec_free(&run->specs);
	free(run);
}

enum { TEST_JOBS = 256, TEST_MEMORY, TEST_TIMEOUT, TEST_JUNIT, TEST_LIST };

/* -1: go on; else the exit status. */
static int test_option(struct test_run *run, int opt, const char *arg)
{
	uint64_t num;

	switch (opt) {
	case TEST_JOBS:
		if (!parse_range(arg, 1, TEST_MAX_JOBS, &num))
			return cmd_usage("test", "--jobs %s: 1 to %d", arg, TEST_MAX_JOBS);
		run->nr_jobs = num;
		return -1;
	case TEST_MEMORY:
		if (!parse_size(arg, &run->budget) || !run->budget)
			return cmd_usage("test", "--memory %s: a size like 4G", arg);
		return -1;
	case TEST_TIMEOUT:
		if (!parse_range(arg, 1, 86400, &num))
			return cmd_usage("test", "--timeout %s: a number of seconds", arg);
		run->timeout_s = (unsigned int)num;
		return -1;
	case TEST_JUNIT:
		run->junit = arg;
		return -1;
	case TEST_LIST:
		run->list = true;
		return -1;
	case 'h':
		return cmd_print_help(&test_help);
	}
	return cmd_usage("test", "that is no option, or it lacks its value");
}

static int test_options(struct test_run *run, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "jobs", required_argument, NULL, TEST_JOBS },
		{ "memory", required_argument, NULL, TEST_MEMORY },
		{ "timeout", required_argument, NULL, TEST_TIMEOUT },
		{ "junit", required_argument, NULL, TEST_JUNIT },
		{ "list", no_argument, NULL, TEST_LIST },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = -1;

	opterr = 0;
	while (status < 0 && (opt = getopt_long(argc, argv, ":h", longs, NULL)) != -1)
		status = test_option(run, opt, optarg);
	if (status < 0 && optind == argc)
		return cmd_usage("test", "which folder or file?");
	return status;
}

static size_t test_default_jobs(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > TEST_MAX_JOBS ? TEST_MAX_JOBS : (size_t)cpus;
}

int cmd_test(int argc, char **argv)
{
	struct test_run *run = calloc(1, sizeof(*run));
	struct err err = ERR_INIT;
	int status, ret = 0;

	if (!run)
		return 1;
	run->nr_jobs = test_default_jobs();
	run->timeout_s = TESTSPEC_TIMEOUT_S;
	status = test_options(run, argc, argv);
	if (status < 0) {
		for (; optind < argc && ret == 0; optind++)
			ret = testspec_load(argv[optind], &run->specs, &err);
		if (ret == 0)
			ret = test_do(run, &err);
		status = ret < 0     ? cmd_fail(&err, 1)
			 : test_over ? EXIT_INTERRUPTED
				     : run->nr_failed > 0;
	}
	test_free(run);
	return status;
}
