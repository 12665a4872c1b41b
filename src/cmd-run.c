/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine run`: what is asked for, and in which process it happens. */
#include "cmd-run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"
#include "ctl/rundir.h"
#include "inspect/sym.h"
#include "tui/dashboard.h"

#define RUN_MEM_DEFAULT (256ull << 20)
#define RUN_MEM_MIN	(1ull << 20)
#define RUN_END_WAIT_MS 2000
#define RUN_OPT_FIRST	256

static const struct cmd_help run_help = {
	.synopsis = "vitrine run [OPTION...] IMAGE [-- GUEST-COMMAND-LINE]",
	.what = "Runs IMAGE in a virtual machine. In a terminal its dashboard opens; `q` leaves "
		"the\n"
		"machine running. Exit status: odd is the guest's word, even is vitrine's\n"
		"(vitrine(1)).",
	.options =
		"  --name NAME           how to call it (default: after the image)\n"
		"  --cpus N              virtual processors, 1 to 64 (default 1)\n"
		"  --mem SIZE            memory (default 256M)\n"
		"  --initrd FILE         initial RAM disk; with Multiboot a module, may be "
		"repeated\n"
		"  --boot KIND           auto, linux, pvh, multiboot, elf or sector (default "
		"auto)\n"
		"  --load ADDR:FILE      put FILE at ADDR, may be repeated\n"
		"  --entry ADDR          first instruction, with --load\n"
		"  --mode 16|32|64       processor mode at that instruction\n"
		"  --disk FILE[,ro][,format=F][,cache=MODE][,serial=S][,queues=N][,id=ID]\n"
		"                        a disk; raw, or qcow2 and others through qemu-nbd\n"
		"  --cdrom FILE          a read-only disk\n"
		"  --net WHERE           user, tap or hub=NAME: a network device (default: none);\n"
		"                        vitrine(1) lists what may follow\n"
		"  --console KIND        serial (default) or virtio: hvc0 beside COM1\n"
		"  --no-rng              no entropy device\n"
		"  --balloon SIZE        what the guest shall make do with; --no-balloon: no "
		"balloon\n"
		"  --serial WHERE        stdio, none, file:PATH or unix:PATH for COM1\n"
		"  --debugcon WHERE      FILE or stdio for the debug port 0xe9\n"
		"  --symbols FILE[@OFFSET]  ELF file, System.map or kallsyms with the guest's "
		"symbols;\n"
		"                        repeat for more; guest: the table a Linux kernel has of "
		"itself\n"
		"  --gdb WHERE           unix:PATH or tcp:ADDRESS:PORT (a unix socket is always "
		"there)\n"
		"  --gdb-arch ARCH       describe the processor to gdb as x86-64 (default), i386 "
		"or i8086\n"
		"  --freeze              wait before the first instruction\n"
		"  --headless            no dashboard: the guest's serial port on stdio\n"
		"  --detach              start it and return\n"
		"  --timeout SECONDS     end it after that time, exit status 124\n"
		"  --success VALUE       the debug-exit value that means success: exit status 0\n"
		"  --result FILE         write how it ended as JSON\n"
		"  --on-reset WHAT       reset (default) or exit\n"
		"  --on-crash WHAT       keep or exit (default: keep, with --headless exit)\n"
		"  --dry-run             print what would be loaded where\n",
	.example = { "vitrine run kernel.elf",
		     "vitrine run --headless --cpus 2 --initrd initrd.img bzImage -- "
		     "console=ttyS0" },
};

static int run_set_name(struct run_config *cfg, const char *val, struct err *err)
{
	char path[RUNDIR_PATH_MAX];

	cfg->vm.name = val;
	cfg->named = true;
	return rundir_name_ok(val) ? 0 : rundir_path(val, path, sizeof(path), err);
}

static int run_set_cpus(struct run_config *cfg, const char *val, struct err *err)
{
	uint64_t nr;

	if (!parse_range(val, 1, VM_MAX_VCPUS, &nr))
		return err_set(err, EINVAL, "--cpus %s: a number from 1 to %d", val, VM_MAX_VCPUS);
	cfg->vm.nr_cpus = cfg->vm.boot.nr_cpus = (unsigned int)nr;
	return 0;
}

static int run_set_mem(struct run_config *cfg, const char *val, struct err *err)
{
	if (!parse_size(val, &cfg->vm.mem_size))
		return err_set(err, EINVAL, "--mem %s: a size like 256M or 1G", val);
	if (cfg->vm.mem_size < RUN_MEM_MIN || cfg->vm.mem_size % 4096)
		return err_set(err, EINVAL, "--mem %s: at least 1M, a multiple of 4K", val);
	return 0;
}

static int run_set_initrd(struct run_config *cfg, const char *val, struct err *err)
{
	struct boot_config *boot = &cfg->vm.boot;

	if (boot->nr_initrd == BOOT_MAX_LOADS)
		return err_set(err, EINVAL, "--initrd: at most %d", BOOT_MAX_LOADS);
	boot->initrd[boot->nr_initrd++] = val;
	return 0;
}

static int run_set_boot(struct run_config *cfg, const char *val, struct err *err)
{
	static const char *const kinds[] = { "auto", "linux",  "pvh", "multiboot",
					     "elf",  "sector", NULL };
	static const char *const later[] = { "multiboot2", "bios", NULL };
	const char *near;
	int i;

	for (i = 0; kinds[i]; i++) {
		if (strcmp(kinds[i], val) == 0) {
			cfg->vm.boot.kind = val;
			return 0;
		}
	}
	for (i = 0; later[i]; i++) {
		if (strcmp(later[i], val) == 0)
			return err_set(err, EINVAL, "--boot %s: not yet", val);
	}
	near = parse_nearest(val, kinds);
	return err_set(err, EINVAL, "--boot %s: %s%s", val,
		       near ? "did you mean " : "auto, linux, pvh, multiboot, elf or sector",
		       near ? near : "");
}

static int run_set_load(struct run_config *cfg, const char *val, struct err *err)
{
	struct boot_config *boot = &cfg->vm.boot;
	const char *colon = strchr(val, ':');
	char addr[32];

	if (boot->nr_load == BOOT_MAX_LOADS)
		return err_set(err, EINVAL, "--load: at most %d", BOOT_MAX_LOADS);
	if (!colon || !colon[1] || (size_t)(colon - val) >= sizeof(addr))
		return err_set(err, EINVAL, "--load %s: ADDR:FILE", val);
	snprintf(addr, sizeof(addr), "%.*s", (int)(colon - val), val);
	if (!parse_u64(addr, &boot->load[boot->nr_load].gpa))
		return err_set(err, EINVAL, "--load %s: '%s' is not an address", val, addr);
	boot->load[boot->nr_load++].path = colon + 1;
	return 0;
}

static int run_set_entry(struct run_config *cfg, const char *val, struct err *err)
{
	if (!parse_u64(val, &cfg->vm.boot.entry))
		return err_set(err, EINVAL, "--entry %s: not an address", val);
	cfg->vm.boot.has_entry = true;
	return 0;
}

static int run_set_mode(struct run_config *cfg, const char *val, struct err *err)
{
	uint64_t mode;

	if (!parse_u64(val, &mode) || (mode != 16 && mode != 32 && mode != 64))
		return err_set(err, EINVAL, "--mode %s: 16, 32 or 64", val);
	cfg->vm.boot.mode = (unsigned int)mode;
	return 0;
}

static int run_set_serial(struct run_config *cfg, const char *val, struct err *err)
{
	cfg->serial = val;
	if (strcmp(val, "stdio") == 0 || strcmp(val, "none") == 0 ||
	    (strncmp(val, "file:", 5) == 0 && val[5]) || (strncmp(val, "unix:", 5) == 0 && val[5]))
		return 0;
	return err_set(err, EINVAL, "--serial %s: stdio, none, file:PATH or unix:PATH", val);
}

static int run_set_debugcon(struct run_config *cfg, const char *val, struct err *err)
{
	(void)err;
	cfg->debugcon = val;
	return 0;
}

static int run_set_symbols(struct run_config *cfg, const char *val, struct err *err)
{
	static char spec[SYM_SPEC_MAX]; /* one command line, one list */

	cfg->vm.symbols = spec;
	return sym_spec_add(spec, val, err);
}

static int run_set_headless(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	if (cfg->style == RUN_DETACHED)
		return err_set(err, EINVAL, "--headless and --detach exclude each other");
	cfg->style = RUN_HEADLESS;
	return 0;
}

static int run_set_gdb(struct run_config *cfg, const char *val, struct err *err)
{
	cfg->gdb = val;
	if (strncmp(val, "unix:", 5) == 0 || strncmp(val, "tcp:", 4) == 0)
		return 0;
	if (strcmp(val, "stdio") == 0)
		return run_set_headless(cfg, val, err);
	return err_set(err, EINVAL, "--gdb %s: unix:PATH, tcp:ADDRESS:PORT or stdio", val);
}

static int run_set_gdb_arch(struct run_config *cfg, const char *val, struct err *err)
{
	cfg->gdb_arch = val;
	if (!strcmp(val, "x86-64") || !strcmp(val, "i386") || !strcmp(val, "i8086"))
		return 0;
	return err_set(err, EINVAL, "--gdb-arch %s: x86-64, i386 or i8086", val);
}

static int run_set_freeze(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	(void)err;
	cfg->vm.freeze = true;
	return 0;
}

static int run_set_detach(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	if (cfg->style == RUN_HEADLESS)
		return err_set(err, EINVAL, "--headless and --detach exclude each other");
	cfg->style = RUN_DETACHED;
	return 0;
}

static int run_set_timeout(struct run_config *cfg, const char *val, struct err *err)
{
	uint64_t secs;

	if (!parse_range(val, 1, 10000000, &secs))
		return err_set(err, EINVAL, "--timeout %s: a number of seconds", val);
	cfg->timeout_s = (unsigned int)secs;
	return 0;
}

static int run_set_success(struct run_config *cfg, const char *val, struct err *err)
{
	uint64_t num;

	if (!parse_range(val, 0, UINT32_MAX, &num))
		return err_set(err, EINVAL, "--success %s: a number", val);
	cfg->has_success = true;
	cfg->success = (uint32_t)num;
	return 0;
}

static int run_set_result(struct run_config *cfg, const char *val, struct err *err)
{
	(void)err;
	cfg->result = val;
	return 0;
}

static int run_set_on_reset(struct run_config *cfg, const char *val, struct err *err)
{
	bool leave = strcmp(val, "exit") == 0;

	if (!leave && strcmp(val, "reset") != 0)
		return err_set(err, EINVAL, "--on-reset %s: reset or exit", val);
	cfg->vm.on_reset = leave ? VM_ON_RESET_EXIT : VM_ON_RESET_RESET;
	return 0;
}

static int run_set_on_crash(struct run_config *cfg, const char *val, struct err *err)
{
	bool leave = strcmp(val, "exit") == 0;

	if (!leave && strcmp(val, "keep") != 0)
		return err_set(err, EINVAL, "--on-crash %s: keep or exit", val);
	cfg->vm.on_crash = leave ? VM_ON_CRASH_EXIT : VM_ON_CRASH_KEEP;
	cfg->on_crash_given = true;
	return 0;
}

static int run_set_dry_run(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	(void)err;
	cfg->dry_run = true;
	return 0;
}

static int run_set_disk(struct run_config *cfg, const char *val, struct err *err)
{
	return run_devices_option(cfg, "disk", val, err);
}

static int run_set_cdrom(struct run_config *cfg, const char *val, struct err *err)
{
	return run_devices_option(cfg, "cdrom", val, err);
}

static int run_set_net(struct run_config *cfg, const char *val, struct err *err)
{
	return strcmp(val, "none") == 0 ? 0 : run_devices_option(cfg, "net", val, err);
}

static int run_set_console(struct run_config *cfg, const char *val, struct err *err)
{
	return run_devices_option(cfg, "console", val, err);
}

static int run_set_balloon(struct run_config *cfg, const char *val, struct err *err)
{
	return run_devices_option(cfg, "balloon", val, err);
}

static int run_set_no_balloon(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	(void)err;
	cfg->devices.no_balloon = true;
	return 0;
}

static int run_set_no_rng(struct run_config *cfg, const char *val, struct err *err)
{
	(void)val;
	(void)err;
	cfg->devices.no_rng = true;
	return 0;
}

struct run_option {
	const char *name;
	int has_arg;
	int (*set)(struct run_config *cfg, const char *val, struct err *err);
};

static const struct run_option run_options[] = {
	{ "name", required_argument, run_set_name },
	{ "cpus", required_argument, run_set_cpus },
	{ "mem", required_argument, run_set_mem },
	{ "initrd", required_argument, run_set_initrd },
	{ "boot", required_argument, run_set_boot },
	{ "load", required_argument, run_set_load },
	{ "entry", required_argument, run_set_entry },
	{ "mode", required_argument, run_set_mode },
	{ "serial", required_argument, run_set_serial },
	{ "debugcon", required_argument, run_set_debugcon },
	{ "symbols", required_argument, run_set_symbols },
	{ "gdb", required_argument, run_set_gdb },
	{ "gdb-arch", required_argument, run_set_gdb_arch },
	{ "freeze", no_argument, run_set_freeze },
	{ "headless", no_argument, run_set_headless },
	{ "detach", no_argument, run_set_detach },
	{ "timeout", required_argument, run_set_timeout },
	{ "success", required_argument, run_set_success },
	{ "result", required_argument, run_set_result },
	{ "on-reset", required_argument, run_set_on_reset },
	{ "on-crash", required_argument, run_set_on_crash },
	{ "dry-run", no_argument, run_set_dry_run },
	{ "net", required_argument, run_set_net },
	{ "no-balloon", no_argument, run_set_no_balloon },
	{ "no-rng", no_argument, run_set_no_rng },
	{ "console", required_argument, run_set_console },
	{ "disk", required_argument, run_set_disk },
	{ "cdrom", required_argument, run_set_cdrom },
	{ "balloon", required_argument, run_set_balloon },
};

#define RUN_NR_OPTIONS (sizeof(run_options) / sizeof(run_options[0]))

static int run_unknown_option(const char *arg)
{
	const char *names[RUN_NR_OPTIONS + 1] = { NULL }, *near;
	size_t i;

	if (strncmp(arg, "--", 2) != 0)
		return cmd_usage("run", "there is no option %s", arg);
	for (i = 0; i < RUN_NR_OPTIONS; i++)
		names[i] = run_options[i].name;
	near = parse_nearest(arg + 2, names);
	if (near)
		return cmd_usage("run", "there is no option %s; did you mean --%s?", arg, near);
	return cmd_usage("run", "there is no option %s", arg);
}

/* One option's value into CFG: 0, or the exit status. */
static int run_apply(struct run_config *cfg, const struct run_option *opt, const char *val)
{
	struct err err = ERR_INIT;

	return opt->set(cfg, val, &err) < 0 ? cmd_usage("run", "%s", err.text) : 0;
}

/* getopt's table is made from ours. -1: go on; else the exit status. */
static int run_parse_options(struct run_config *cfg, int argc, char **argv)
{
	struct option longs[RUN_NR_OPTIONS + 2] = { 0 };
	size_t i;
	int opt, status;

	for (i = 0; i < RUN_NR_OPTIONS; i++)
		longs[i] = (struct option){ run_options[i].name, run_options[i].has_arg, NULL,
					    RUN_OPT_FIRST + (int)i };
	longs[RUN_NR_OPTIONS] = (struct option){ "help", no_argument, NULL, 'h' };
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		if (opt == 'h')
			return cmd_print_help(&run_help);
		if (opt == ':')
			return cmd_usage("run", "%s: what?", argv[optind - 1]);
		if (opt < RUN_OPT_FIRST)
			return run_unknown_option(argv[optind - 1]);
		status = run_apply(cfg, &run_options[opt - RUN_OPT_FIRST], optarg);
		if (status)
			return status;
	}
	return -1;
}

/* The words after "--" are the guest's. */
static int run_split(int argc, char **argv, struct run_config *cfg)
{
	struct buf line = BUF_INIT;
	int i, end = argc;

	for (i = 1; i < argc; i++) {
		if (end == argc && strcmp(argv[i], "--") == 0)
			end = i;
		else if (end < argc)
			buf_printf(&line, "%s%s", line.len ? " " : "", argv[i]);
	}
	cfg->vm.boot.cmdline = strdup(buf_str(&line));
	buf_free(&line);
	return end;
}

/* "kernel" from "/some/where/kernel.elf": what the VM is called where nobody says. */
static const char *run_default_name(const char *image)
{
	static char name[VM_NAME_MAX];
	const char *base = image ? strrchr(image, '/') : NULL;
	char *c;

	snprintf(name, sizeof(name) - 4, "%s", base ? base + 1 : image ? image : "vm");
	c = strrchr(name, '.');
	if (c && c != name)
		*c = '\0';
	for (c = name; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *c))
			*c = '-';
	}
	return rundir_name_ok(name) ? name : "vm";
}

static int run_take_image(struct run_config *cfg, int argc, char **argv)
{
	struct boot_config *boot = &cfg->vm.boot;
	char *full;

	if (argc - optind > 1)
		return cmd_usage("run",
				 "one image, please (the guest's command line goes after --): %s",
				 argv[optind + 1]);
	if (argc == optind && !boot->nr_load)
		return cmd_usage("run", "which image?");
	if (argc == optind && !boot->has_entry)
		return cmd_usage("run", "--load without an image needs --entry and --mode");
	if (argc > optind) {
		/* The dashboard, gdb and whoever asks later may live in other folders. */
		full = realpath(argv[optind], NULL);
		boot->image = full ? full : argv[optind];
	}
	if (!cfg->vm.name)
		cfg->vm.name = run_default_name(boot->image);
	return -1;
}

static void run_choose_style(struct run_config *cfg)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	if (cfg->style == RUN_DASHBOARD && !terminal)
		cfg->style = RUN_HEADLESS;
	if (!cfg->on_crash_given)
		cfg->vm.on_crash = cfg->style == RUN_HEADLESS ? VM_ON_CRASH_EXIT : VM_ON_CRASH_KEEP;
}

static int run_dry(const struct run_config *cfg)
{
	struct boot_ctx *ctx = calloc(1, sizeof(*ctx));
	struct x86_state *st = calloc(1, sizeof(*st));
	struct err err = ERR_INIT;
	struct mem *mem = NULL;
	struct buf out = BUF_INIT;
	int ret;

	ret = ctx && st ? mem_create(cfg->vm.mem_size, &mem, &err)
			: err_sys(&err, ENOMEM, "dry run");
	if (ret == 0)
		ret = boot_load(&cfg->vm.boot, mem, ctx, st, &err);
	if (ret == 0) {
		boot_plan_text(ctx, st, &out);
		fputs(buf_str(&out), stdout);
	}
	buf_free(&out);
	mem_destroy(mem);
	free(ctx);
	free(st);
	return ret < 0 ? cmd_fail(&err, EXIT_CANNOT_START) : 0;
}

/* The child's whole life; it shares nothing with the terminal. */
static void __attribute__((noreturn)) run_child(struct run_config *cfg, int report_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null_fd >= 0) {
		dup2(null_fd, STDIN_FILENO);
		dup2(null_fd, STDOUT_FILENO);
		dup2(null_fd, STDERR_FILENO);
		close(null_fd);
	}
	exit(run_vm(cfg, report_fd));
}

/* Start the VM process; REPORT receives how that went. Its id, or -errno. */
static pid_t run_spawn(struct run_config *cfg, struct run_report *report, struct err *err)
{
	int fds[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_sys(err, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run_child(cfg, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_sys(err, errno, "fork");
	}
	do {
		n = read(fds[0], report, sizeof(*report));
	} while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n == sizeof(*report))
		return pid;
	waitpid(pid, NULL, 0);
	return err_set(err, EIO, "the VM process died before it could say why");
}

/* The VM's exit status if it has ended (or is about to), -1 if it runs on. */
static int run_reap(pid_t pid, const char *name)
{
	uint64_t deadline = time_now_ns() + RUN_END_WAIT_MS * 1000000ull;
	struct timespec nap = { .tv_nsec = 10000000 };
	int status;

	do {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
		if (rundir_alive(name, NULL))
			return -1;
		nanosleep(&nap, NULL);
	} while (time_now_ns() < deadline);
	return -1;
}

static int run_dashboard(pid_t pid, const char *name)
{
	struct err err = ERR_INIT;
	int ret, status;

	ret = dashboard_run(name, &err);
	status = run_reap(pid, name);
	if (ret < 0)
		fprintf(stderr, "vitrine: %s\n", err.text);
	if (status >= 0)
		return status;
	fprintf(stderr, "vitrine: %s runs on (vitrine attach %s, vitrine stop %s)\n", name, name,
		name);
	return ret < 0 ? 1 : 0;
}

int cmd_run(int argc, char **argv)
{
	struct run_config cfg = {
		.vm = { .nr_cpus = 1,
			.mem_size = RUN_MEM_DEFAULT,
			.boot = { .kind = "auto", .nr_cpus = 1 },
			.serial_fd = { -1, -1, -1 } },
	};
	struct run_report report;
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	argc = run_split(argc, argv, &cfg);
	status = run_parse_options(&cfg, argc, argv);
	if (status < 0)
		status = run_take_image(&cfg, argc, argv);
	if (status >= 0)
		return status;
	run_choose_style(&cfg);
	if (run_devices_finish(&cfg, &err) < 0)
		return cmd_usage("run", "%s", err.text);
	if (cfg.dry_run)
		return run_dry(&cfg);
	if (cfg.style == RUN_HEADLESS)
		return run_vm(&cfg, -1);
	pid = run_spawn(&cfg, &report, &err);
	if (pid < 0)
		return cmd_fail(&err, EXIT_CANNOT_START);
	if (report.status) {
		waitpid(pid, NULL, 0);
		fprintf(stderr, "vitrine: %s\n", report.text);
		return report.status;
	}
	if (cfg.style == RUN_DASHBOARD)
		return run_dashboard(pid, report.name);
	printf("%s\n", report.name);
	return 0;
}
