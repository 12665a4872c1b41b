/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `vitrine balance`: shares the host's memory out between all VMs. A client like
 * any other: it asks every VM for its balloon, lets the policy decide, and sets
 * targets. It keeps nothing that could be lost: killed at any point, every VM
 * stays with the target it has, and guests take memory back when they run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "balloon/host.h"
#include "balloon/policy.h"
#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/rundir.h"

#define BALANCE_MAX_VMS	     1024
#define BALANCE_INTERVAL_S   5
#define BALANCE_PATIENCE_NS  1000000000ull /* for all VMs together, each half of a tick */
#define BALANCE_CONNECT_NS   250000000ull
#define BALANCE_RETRY_S	     2u /* twice as long after each failure */
#define BALANCE_RETRY_MAX_S  256u
#define BALANCE_STALE_MIN_NS 3000000000ull /* guests are asked once a second at most */

static const struct cmd_help balance_help = {
	.synopsis = "vitrine balance [OPTION...]",
	.what = "Moves memory between the VMs of this user as the host and the guests need it,\n"
		"and says why. Ctrl-C ends it; every VM then stays as it is.",
	.options = "  --dry-run            say what would be done, and do nothing\n"
		   "  --once               one round, then leave\n"
		   "  --interval SECONDS   between rounds, 1 to 3600 (default 5)\n"
		   "  --log FILE           append there instead of printing\n"
		   "  --background         let go of the terminal (with --log)\n"
		   "  --limit SIZE         as if the host had no more memory than SIZE\n"
		   "  --verbose            every VM in every round, and what the round cost\n",
	.example = { "vitrine balance --dry-run --once",
		     "vitrine balance --background --log ~/balance.log" },
};

/* One VM, known from when its folder was first seen. */
struct balance_vm {
	char name[VM_NAME_MAX];
	struct ctl_client *cli; /* NULL: does not answer */
	uint64_t retry_ns;	/* when to connect again */
	unsigned int retry_s;
	long long pending; /* a request's number, or negative */
	bool seen, asked;
	struct policy_memory mem;
	char said[POLICY_REASON_MAX]; /* the reason that was logged last, without its numbers */
};

struct balance {
	struct policy_config policy;
	uint64_t interval_ns, limit;
	bool dry_run, once, verbose, background;
	const char *log_path;
	FILE *log;
	time_t when; /* of the last line */
	char when_text[32];
	int lock_fd;
	enum policy_mode mode;
	struct policy_host host;
	struct balance_vm *vm[BALANCE_MAX_VMS];
	struct policy_guest guest[BALANCE_MAX_VMS];
	struct policy_decision dec[BALANCE_MAX_VMS];
	size_t nr;
};

static volatile sig_atomic_t balance_over;

static void balance_on_signal(int sig)
{
	(void)sig;
	balance_over = 1;
}

/* --- the log --- */

static void __attribute__((format(printf, 2, 3)))
balance_log(struct balance *bal, const char *fmt, ...)
{
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;

	if (now != bal->when) { /* the time zone is a file */
		localtime_r(&now, &tm);
		strftime(bal->when_text, sizeof(bal->when_text), "%Y-%m-%dT%H:%M:%S", &tm);
		bal->when = now;
	}
	fprintf(bal->log, "%s ", bal->when_text);
	va_start(ap, fmt);
	vfprintf(bal->log, fmt, ap);
	va_end(ap);
	fputc('\n', bal->log);
}

/* TEXT without its digits: what it says, apart from how much. */
static void balance_gist(const char *text, char *gist)
{
	for (; *text; text++) {
		if (!strchr("0123456789.", *text))
			*gist++ = *text;
	}
	*gist = '\0';
}

static void balance_report(struct balance *bal, size_t i)
{
	const struct policy_decision *dec = &bal->dec[i];
	char from[16], to[16], gist[POLICY_REASON_MAX];
	struct balance_vm *vm = bal->vm[i];

	balance_gist(dec->reason, gist);
	parse_size_text(bal->guest[i].target, from);
	if (dec->action != POLICY_KEEP)
		balance_log(bal, "%s: %s%s %s -> %s: %s", vm->name, bal->dry_run ? "would " : "",
			    policy_action_name(dec->action), from, parse_size_text(dec->target, to),
			    dec->reason);
	else if (bal->verbose || strcmp(gist, vm->said) != 0)
		balance_log(bal, "%s: keep %s: %s", vm->name, from, dec->reason);
	snprintf(vm->said, sizeof(vm->said), "%s", gist);
}

/* --- which VMs there are --- */

static void balance_drop(struct balance_vm *vm)
{
	ctl_close(vm->cli);
	vm->cli = NULL;
	vm->pending = -1;
	vm->asked = false;
	vm->retry_s = vm->retry_s ? vm->retry_s * 2 : BALANCE_RETRY_S;
	if (vm->retry_s > BALANCE_RETRY_MAX_S)
		vm->retry_s = BALANCE_RETRY_MAX_S;
	vm->retry_ns = time_now_ns() + vm->retry_s * 1000000000ull;
}

static struct balance_vm *balance_find(struct balance *bal, const char *name)
{
	size_t i;

	for (i = 0; i < bal->nr; i++) {
		if (strcmp(bal->vm[i]->name, name) == 0)
			return bal->vm[i];
	}
	return NULL;
}

static void balance_add(struct balance *bal, const char *name)
{
	struct balance_vm *vm = balance_find(bal, name);

	if (!vm && bal->nr < BALANCE_MAX_VMS && rundir_alive(name, NULL)) {
		vm = calloc(1, sizeof(*vm));
		if (!vm)
			return;
		snprintf(vm->name, sizeof(vm->name), "%s", name);
		vm->pending = -1;
		bal->vm[bal->nr++] = vm;
	}
	if (!vm)
		return;
	vm->seen = true;
	if (!vm->cli && time_now_ns() >= vm->retry_ns &&
	    ctl_connect_within(name, BALANCE_CONNECT_NS, &vm->cli, NULL) < 0)
		balance_drop(vm);
}

static void balance_sweep(struct balance *bal)
{
	size_t i, kept = 0;

	for (i = 0; i < bal->nr; i++) {
		if (bal->vm[i]->seen) {
			bal->vm[i]->seen = false;
			bal->vm[kept++] = bal->vm[i];
			continue;
		}
		balance_log(bal, "%s: has gone", bal->vm[i]->name);
		ctl_close(bal->vm[i]->cli);
		free(bal->vm[i]);
	}
	bal->nr = kept;
}

static int balance_scan(struct balance *bal, struct err *err)
{
	char **names;
	int i, nr;

	nr = rundir_names(&names, err);
	if (nr < 0)
		return nr;
	for (i = 0; i < nr; i++)
		balance_add(bal, names[i]);
	rundir_names_free(names);
	balance_sweep(bal);
	return 0;
}

/* --- asking and telling, all at once --- */

static uint64_t balance_u64(const json_t *obj, const char *key)
{
	const json_t *val = json_object_get(obj, key);

	return json_is_integer(val) && json_integer_value(val) >= 0
		       ? (uint64_t)json_integer_value(val)
		       : POLICY_UNKNOWN;
}

static void balance_take_stats(const json_t *info, struct policy_guest *guest)
{
	const json_t *stats = json_object_get(info, "stats");
	uint64_t age_ms = balance_u64(info, "stats-age-ms");

	guest->stats_age_ns = age_ms == POLICY_UNKNOWN ? age_ms : age_ms * 1000000;
	guest->free = balance_u64(stats, "stat-free-memory");
	guest->available = balance_u64(stats, "stat-available-memory");
	guest->caches = balance_u64(stats, "stat-disk-caches");
	guest->swap_in = balance_u64(stats, "stat-swap-in");
	guest->major_faults = balance_u64(stats, "stat-major-faults");
	guest->oom_kills = balance_u64(stats, "stat-oom-kills");
	guest->alloc_stalls = balance_u64(stats, "stat-alloc-stalls");
	guest->direct_reclaim = balance_u64(stats, "stat-direct-reclaims");
}

static void balance_take_info(const json_t *info, struct policy_guest *guest)
{
	uint64_t weight = balance_u64(info, "weight");

	guest->running = json_is_true(json_object_get(info, "running"));
	guest->driver = json_is_true(json_object_get(info, "driver"));
	guest->size = balance_u64(info, "size");
	guest->floor = balance_u64(info, "floor");
	guest->ceiling = balance_u64(info, "ceiling");
	guest->weight = weight <= POLICY_WEIGHT_MAX ? (unsigned int)weight : POLICY_WEIGHT;
	guest->actual = balance_u64(info, "actual");
	guest->target = balance_u64(info, "target");
	balance_take_stats(info, guest);
}

/* A VM that has not answered by DEADLINE is left out of this round; nobody waits for it. */
static void balance_hear(struct balance *bal, size_t i, uint64_t deadline)
{
	struct policy_guest *guest = &bal->guest[i];
	struct balance_vm *vm = bal->vm[i];
	json_t *info = NULL;
	int ret;

	if (vm->pending < 0)
		return;
	ret = ctl_finish(vm->cli, vm->pending, "x-vitrine-balloon", deadline, &info, NULL);
	vm->pending = -1;
	if (ret == 0) {
		vm->retry_s = 0;
		balance_take_info(info, guest);
	}
	if (ret < 0 && ret != -EREMOTEIO)
		balance_drop(vm);
	json_decref(info);
}

static void balance_ask(struct balance *bal)
{
	uint64_t deadline;
	size_t i;

	for (i = 0; i < bal->nr; i++) {
		bal->guest[i] = (struct policy_guest){ .name = bal->vm[i]->name,
						       .stats_age_ns = POLICY_UNKNOWN };
		if (bal->vm[i]->cli)
			bal->vm[i]->pending =
				ctl_begin(bal->vm[i]->cli, "x-vitrine-balloon", NULL, NULL);
	}
	deadline = time_now_ns() + BALANCE_PATIENCE_NS;
	for (i = 0; i < bal->nr; i++)
		balance_hear(bal, i, deadline);
}

/* Statistics have to be younger than two rounds: see to it that they come. */
static void balance_want_stats(struct balance *bal, size_t i)
{
	struct balance_vm *vm = bal->vm[i];
	uint64_t secs = bal->interval_ns / 2000000000ull;

	if (vm->asked || !bal->guest[i].driver || bal->dry_run)
		return;
	vm->asked = true;
	ctl_exec(vm->cli, "x-vitrine-balloon-set",
		 json_pack("{s:I}", "stats-interval", (json_int_t)(secs ? secs : 1)), NULL, NULL);
}

static void balance_tell(struct balance *bal)
{
	uint64_t deadline;
	size_t i;

	for (i = 0; i < bal->nr && !bal->dry_run; i++) {
		if (bal->dec[i].action != POLICY_KEEP && bal->vm[i]->cli)
			bal->vm[i]->pending = ctl_begin(
				bal->vm[i]->cli, "balloon",
				json_pack("{s:I}", "value", (json_int_t)bal->dec[i].target), NULL);
	}
	deadline = time_now_ns() + BALANCE_PATIENCE_NS;
	for (i = 0; i < bal->nr; i++) {
		if (bal->vm[i]->pending >= 0 &&
		    ctl_finish(bal->vm[i]->cli, bal->vm[i]->pending, "balloon", deadline, NULL,
			       NULL) == -EPIPE)
			balance_drop(bal->vm[i]);
		bal->vm[i]->pending = -1;
	}
}

/* --- one round --- */

static int balance_host(struct balance *bal, struct err *err)
{
	int ret = host_read(&bal->host, err);
	uint64_t used;

	if (ret < 0 || !bal->limit || bal->limit >= bal->host.total)
		return ret;
	used = bal->host.total - bal->host.available;
	bal->host.total = bal->limit;
	bal->host.available = used < bal->limit ? bal->limit - used : 0;
	return 0;
}

static void balance_decide(struct balance *bal)
{
	struct policy_memory mem[BALANCE_MAX_VMS];
	enum policy_mode before = bal->mode;
	char have[16], all[16];
	size_t i;

	for (i = 0; i < bal->nr; i++)
		mem[i] = bal->vm[i]->mem;
	policy_tick(&bal->policy, &bal->host, bal->guest, bal->nr, &bal->mode, mem, bal->dec);
	if (bal->mode != before || bal->verbose)
		balance_log(bal, "host: %s: %s of %s available, some %.2f full %.2f",
			    policy_mode_name(bal->mode), parse_size_text(bal->host.available, have),
			    parse_size_text(bal->host.total, all), bal->host.some, bal->host.full);
	for (i = 0; i < bal->nr; i++) {
		bal->vm[i]->mem = mem[i];
		balance_report(bal, i);
	}
	fflush(bal->log); /* said before it is done */
}

static int balance_round(struct balance *bal, struct err *err)
{
	uint64_t begin = time_now_ns();
	size_t i;
	int ret;

	ret = balance_scan(bal, err);
	if (ret == 0)
		ret = balance_host(bal, err);
	if (ret < 0)
		return ret;
	balance_ask(bal);
	balance_decide(bal);
	balance_tell(bal);
	for (i = 0; i < bal->nr; i++)
		balance_want_stats(bal, i);
	if (bal->verbose)
		balance_log(bal, "round: %zu VMs, %.2f ms", bal->nr,
			    (double)(time_now_ns() - begin) / 1e6);
	return fflush(bal->log) == 0 ? 0 : err_sys(err, errno, "the log");
}

/* --- from the first to the last --- */

/* Two balancers would pull at the same guests. */
static int balance_lock(struct balance *bal, struct err *err)
{
	char path[RUNDIR_PATH_MAX + 32];
	int ret;

	ret = rundir_base(path, RUNDIR_PATH_MAX, err);
	if (ret < 0 || bal->dry_run)
		return ret;
	strcat(path, "/.balance.lock");
	bal->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (bal->lock_fd < 0)
		return err_sys(err, errno, "%s", path);
	if (flock(bal->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, EBUSY, "a balancer is at work already (%s is locked)", path);
	return 0;
}

static int balance_open(struct balance *bal, struct err *err)
{
	struct sigaction act = { .sa_handler = balance_on_signal };

	bal->log = bal->log_path ? fopen(bal->log_path, "ae") : stdout;
	if (!bal->log)
		return err_sys(err, errno, "%s", bal->log_path);
	if (bal->background && daemon(1, 0) != 0)
		return err_sys(err, errno, "background");
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return balance_lock(bal, err);
}

static int balance_loop(struct balance *bal, struct err *err)
{
	uint64_t next = time_now_ns();
	struct timespec nap;
	int ret = 0;

	while (ret == 0 && !balance_over) {
		ret = balance_round(bal, err);
		if (bal->once)
			break;
		next += bal->interval_ns;
		if (next < time_now_ns()) /* the machine slept */
			next = time_now_ns();
		nap.tv_sec = (time_t)(next / 1000000000ull);
		nap.tv_nsec = (long)(next % 1000000000ull);
		while (!balance_over &&
		       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &nap, NULL) == EINTR)
			;
	}
	if (balance_over)
		balance_log(bal, "ended: every VM keeps its target");
	return ret;
}

static void balance_close(struct balance *bal)
{
	while (bal->nr) {
		ctl_close(bal->vm[--bal->nr]->cli);
		free(bal->vm[bal->nr]);
	}
	if (bal->lock_fd >= 0)
		close(bal->lock_fd);
	if (bal->log && bal->log != stdout)
		fclose(bal->log);
}

enum { BALANCE_DRY = 256, BALANCE_ONCE, BALANCE_EVERY, BALANCE_LOG, BALANCE_BACK, BALANCE_LIMIT };

/* Seconds, or "250ms" for those who cannot wait. */
static bool balance_interval(const char *arg, uint64_t *ns)
{
	size_t len = strlen(arg);
	char text[16];
	uint64_t num;

	if (len < 3 || len >= sizeof(text) || strcmp(arg + len - 2, "ms") != 0) {
		*ns = parse_range(arg, 1, 3600, &num) ? num * 1000000000ull : 0;
		return *ns != 0;
	}
	snprintf(text, sizeof(text), "%.*s", (int)len - 2, arg);
	*ns = parse_range(text, 10, 3600000, &num) ? num * 1000000ull : 0;
	return *ns != 0;
}

/* -1: go on; else the exit status. */
static int balance_option(struct balance *bal, int opt, const char *arg)
{
	switch (opt) {
	case BALANCE_DRY:
		bal->dry_run = true;
		return -1;
	case BALANCE_ONCE:
		bal->once = true;
		return -1;
	case BALANCE_EVERY:
		if (!balance_interval(arg, &bal->interval_ns))
			return cmd_usage("balance", "--interval %s: 1 to 3600 seconds, or 20ms",
					 arg);
		return -1;
	case BALANCE_LOG:
		bal->log_path = arg;
		return -1;
	case BALANCE_BACK:
		bal->background = true;
		return -1;
	case BALANCE_LIMIT:
		if (!parse_size(arg, &bal->limit) || bal->limit < 16ull << 20)
			return cmd_usage("balance", "--limit %s: a size, at least 16M", arg);
		return -1;
	case 'v':
		bal->verbose = true;
		return -1;
	case 'h':
		return cmd_print_help(&balance_help);
	}
	return cmd_usage("balance", "that is no option, or it lacks its value");
}

static int balance_options(struct balance *bal, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dry-run", no_argument, NULL, BALANCE_DRY },
		{ "once", no_argument, NULL, BALANCE_ONCE },
		{ "interval", required_argument, NULL, BALANCE_EVERY },
		{ "log", required_argument, NULL, BALANCE_LOG },
		{ "background", no_argument, NULL, BALANCE_BACK },
		{ "limit", required_argument, NULL, BALANCE_LIMIT },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = -1;

	opterr = 0;
	while (status < 0 && (opt = getopt_long(argc, argv, ":vh", longs, NULL)) != -1)
		status = balance_option(bal, opt, optarg);
	if (status < 0 && optind < argc)
		return cmd_usage("balance", "what is %s? It is about all VMs", argv[optind]);
	if (status < 0 && bal->background && !bal->log_path)
		return cmd_usage("balance", "--background needs --log FILE");
	return status;
}

int cmd_balance(int argc, char **argv)
{
	struct balance *bal = calloc(1, sizeof(*bal));
	struct err err = ERR_INIT;
	int status, ret;

	if (!bal)
		return 1;
	bal->policy = policy_defaults;
	bal->interval_ns = BALANCE_INTERVAL_S * 1000000000ull;
	bal->lock_fd = -1;
	status = balance_options(bal, argc, argv);
	if (status < 0) {
		bal->policy.stale_ns = 2 * bal->interval_ns;
		if (bal->policy.stale_ns < BALANCE_STALE_MIN_NS)
			bal->policy.stale_ns = BALANCE_STALE_MIN_NS;
		ret = balance_open(bal, &err);
		if (ret == 0)
			ret = balance_loop(bal, &err);
		status = ret < 0 ? cmd_fail(&err, 1) : 0;
	}
	balance_close(bal);
	free(bal);
	return status;
}
