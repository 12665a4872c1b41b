/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine doctor`: what this host's KVM can do, what that means, and what to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd.h"
#include "vmm/kvm.h"
#include "vmm/probe.h"

#define DOCTOR_MAX_ROWS	     32
#define DOCTOR_CAP_SYS_ADMIN 21
#define DOCTOR_CAP_PERFMON   38
#define DOCTOR_CAP_BPF	     39

struct doctor_row {
	const char *what;
	const char *result; /* "yes", "no", "timeout", "failed" */
	char detail[96];
	const char *means;
	const char *fix; /* or NULL */
};

struct doctor {
	struct doctor_row row[DOCTOR_MAX_ROWS];
	unsigned int nr;
	bool can_run;
};

static const struct cmd_help doctor_help = {
	.synopsis = "vitrine doctor [--json]",
	.what = "Probe this host's KVM with tiny guests and say what it can do. "
		"Exit status 0 if VMs can run here, 126 if not.",
	.options = "  --json   the same for programs\n",
	.example = { "vitrine doctor", "vitrine doctor --json | jq .can_run" },
};

/* What each probe means to the user, and what to do where it says no. */
static const struct {
	enum probe_id id;
	const char *yes, *no, *fix;
} doctor_probes[] = {
	{ PROBE_REAL, "boot sectors and BIOS code run", "boot sectors and BIOS code do not run",
	  "on Intel processors before 2010 real mode is incomplete" },
	{ PROBE_PROTECTED, "32-bit kernels run", "32-bit kernels with paging do not run here",
	  "use a host with VT-x or AMD-V" },
	{ PROBE_LONG, "64-bit kernels run", "64-bit kernels do not run here",
	  "use a host with VT-x or AMD-V" },
	{ PROBE_INT3, "any number of breakpoints, as int3 in guest memory",
	  "breakpoints use the four debug registers", NULL },
	{ PROBE_HW_BREAK, "four breakpoints that need no mapped memory", "no hardware breakpoints",
	  "use a newer kernel on the host" },
	{ PROBE_WATCH, "stops at the instruction that wrote", "watchpoints never fire",
	  "use a host with VT-x or AMD-V" },
	{ PROBE_STEP, "stepping works", "no stepping", "use a newer kernel on the host" },
	{ PROBE_BLOCK_IRQ, "a step does not land in the timer handler",
	  "a step may land in an interrupt handler", "Linux 5.15 or newer on the host" },
	{ PROBE_ROM, "the guest cannot change its ROM; watching whole pages is possible",
	  "ROM is plain memory", NULL },
	{ PROBE_GUARD, "watchpoints without number, of any length and kind",
	  "only the four debug registers watch: no reads alone, at most 8 bytes", NULL },
	{ PROBE_DIRTY, "written pages can be seen and snapshots are quick",
	  "written pages cannot be seen", NULL },
	{ PROBE_SYNC_REGS, "registers come with every exit at no cost",
	  "registers cost one more call at every stop", NULL },
	{ PROBE_MSR_FILTER, "MSR accesses can be caught", "MSR accesses cannot be caught",
	  "Linux 5.10 or newer on the host" },
	{ PROBE_STATS, "KVM's own counters are shown", "KVM's own counters are not shown",
	  "Linux 5.14 or newer on the host" },
	{ PROBE_TRIPLE, "after a triple fault the registers are those of the faulting instruction",
	  "after a triple fault the last registers come from the exit before it", NULL },
};

static struct doctor_row *doctor_add(struct doctor *doc, const char *what, const char *result,
				     const char *means, const char *fix)
{
	struct doctor_row *row = &doc->row[doc->nr];

	if (doc->nr < DOCTOR_MAX_ROWS - 1)
		doc->nr++;
	*row = (struct doctor_row){ .what = what, .result = result, .means = means, .fix = fix };
	return row;
}

static bool doctor_read(const char *path, char *out, size_t len)
{
	if (io_read_small(path, out, len) < 0)
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static bool doctor_cpu_flag(const char *flag)
{
	static char text[16384];
	char word[16];
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool found = false;

	if (!file)
		return false;
	snprintf(word, sizeof(word), " %s ", flag);
	while (!found && fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = ' ';
		found = !strncmp(text, "flags", 5) && strstr(text, word);
	}
	fclose(file);
	return found;
}

static void doctor_check_cpu(struct doctor *doc)
{
	bool vmx = doctor_cpu_flag("vmx"), svm = doctor_cpu_flag("svm");
	struct doctor_row *row;

	row = doctor_add(doc, "virtualization", vmx || svm ? "yes" : "no",
			 vmx || svm ? "the processor runs guests itself"
				    : "KVM, if there is one, interprets guests: slow and partial",
			 vmx || svm ? NULL
				    : "enable VT-x or AMD-V (SVM) in the firmware setup, or nested "
				      "virtualization in the hypervisor around this host");
	snprintf(row->detail, sizeof(row->detail), "%s", vmx ? "VT-x" : svm ? "AMD-V" : "neither");
}

static void doctor_check_stage2(struct doctor *doc)
{
	bool ept, npt;
	char val[8] = "";
	struct doctor_row *row;

	ept = doctor_read("/sys/module/kvm_intel/parameters/ept", val, sizeof(val)) &&
	      (val[0] == 'Y' || val[0] == '1');
	npt = doctor_read("/sys/module/kvm_amd/parameters/npt", val, sizeof(val)) &&
	      (val[0] == 'Y' || val[0] == '1');
	row = doctor_add(
		doc, "second-stage paging", ept || npt ? "yes" : "no",
		ept || npt ? "guest page tables cost nothing"
			   : "KVM shadows guest page tables: slow, and no second stage to see",
		ept || npt ? NULL : "modprobe kvm_intel ept=1, or kvm_amd npt=1");
	snprintf(row->detail, sizeof(row->detail), "%s", ept ? "EPT" : npt ? "NPT" : "none");
}

static const char *doctor_result_name(enum probe_result result)
{
	static const char *const name[] = { [PROBE_YES] = "yes",
					    [PROBE_NO] = "no",
					    [PROBE_TIMEOUT] = "timeout",
					    [PROBE_FAILED] = "failed" };

	return name[result];
}

static void doctor_check_probes(struct doctor *doc)
{
	enum probe_result result;
	char detail[96];
	struct doctor_row *row;
	size_t i;

	for (i = 0; i < sizeof(doctor_probes) / sizeof(doctor_probes[0]); i++) {
		result = probe_run(doctor_probes[i].id, detail, sizeof(detail));
		row = doctor_add(doc, probe_name(doctor_probes[i].id), doctor_result_name(result),
				 result == PROBE_YES ? doctor_probes[i].yes : doctor_probes[i].no,
				 result == PROBE_YES ? NULL : doctor_probes[i].fix);
		memcpy(row->detail, detail, sizeof(row->detail));
		if (doctor_probes[i].id == PROBE_LONG)
			doc->can_run = result == PROBE_YES;
	}
}

static bool doctor_has_cap(unsigned int cap)
{
	unsigned long long mask = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %llx", &mask) == 1)
			break;
	}
	if (file)
		fclose(file);
	return mask >> cap & 1;
}

static void doctor_check_bpf(struct doctor *doc)
{
	bool caps = doctor_has_cap(DOCTOR_CAP_SYS_ADMIN) ||
		    (doctor_has_cap(DOCTOR_CAP_BPF) && doctor_has_cap(DOCTOR_CAP_PERFMON));
	bool btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	struct doctor_row *row;

	row = doctor_add(doc, "EPT/NPT view by BPF", caps && btf ? "yes" : "no",
			 caps && btf
				 ? "the real second stage can be read exactly"
				 : "the second stage is derived from the host's own page tables",
			 caps ? "a kernel with CONFIG_DEBUG_INFO_BTF"
			      : "run as root, or give CAP_BPF and CAP_PERFMON");
	if (caps && btf)
		row->fix = NULL;
	snprintf(row->detail, sizeof(row->detail), "%s, %s", caps ? "permitted" : "not permitted",
		 btf ? "BTF there" : "no BTF");
}

static void doctor_check_file(struct doctor *doc, const char *what, const char *path, int flags,
			      const char *yes, const char *no, const char *fix)
{
	int fd = open(path, flags | O_CLOEXEC);
	struct doctor_row *row;

	row = doctor_add(doc, what, fd >= 0 ? "yes" : "no", fd >= 0 ? yes : no,
			 fd >= 0 ? NULL : fix);
	snprintf(row->detail, sizeof(row->detail), "%s%s%s", path, fd >= 0 ? "" : ": ",
		 fd >= 0 ? "" : strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void doctor_check_hugepages(struct doctor *doc)
{
	char mode[64] = "", count[32] = "0";
	struct doctor_row *row;
	bool yes;

	doctor_read("/sys/kernel/mm/transparent_hugepage/shmem_enabled", mode, sizeof(mode));
	doctor_read("/proc/sys/vm/nr_hugepages", count, sizeof(count));
	yes = strstr(mode, "[always]") || strstr(mode, "[advise]") || strcmp(count, "0");
	row = doctor_add(doc, "huge pages", yes ? "yes" : "no",
			 yes ? "guest memory can use large host pages"
			     : "guest memory uses 4 KiB host pages",
			 yes ? NULL
			     : "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled");
	snprintf(row->detail, sizeof(row->detail), "shmem THP %.40s; %.20s reserved",
		 mode[0] ? mode : "unknown", count);
}

static void doctor_examine(struct doctor *doc)
{
	struct err err = ERR_INIT;
	struct doctor_row *row;
	int ret;

	doctor_check_cpu(doc);
	ret = kvm_open(&err);
	row = doctor_add(doc, "/dev/kvm", ret ? "no" : "yes",
			 ret ? "no VM can run on this host" : "VMs can be made",
			 ret == -EACCES ? "usermod -aG kvm USER, then log in again"
			 : ret		? "enable virtualization in the firmware setup and load "
					  "kvm-intel or kvm-amd"
					: NULL);
	snprintf(row->detail, sizeof(row->detail), "%.90s", ret ? err.text : "opened");
	if (!ret) {
		doctor_check_stage2(doc);
		doctor_check_probes(doc);
	}
	doctor_check_bpf(doc);
	doctor_check_file(doc, "EPT/NPT view by kcore", "/proc/kcore", O_RDONLY,
			  "the second stage of any VM can be read", "only by BPF, if at all",
			  "run as root on a kernel with CONFIG_PROC_KCORE");
	doctor_check_file(doc, "TAP", "/dev/net/tun", O_RDWR, "guests can join host networks",
			  "guests have user networking only", "modprobe tun; or run as root");
	doctor_check_file(doc, "vhost-net", "/dev/vhost-net", O_RDWR,
			  "the host's kernel serves taps by itself", "taps go through vitrine",
			  "modprobe vhost_net; or run as root");
	doctor_check_hugepages(doc);
}

static int doctor_print_json(const struct doctor *doc)
{
	json_t *rows = json_array(), *row, *root;
	unsigned int i;
	char *text;

	for (i = 0; i < doc->nr; i++) {
		row = json_pack("{s:s, s:s, s:s, s:s, s:s?}", "what", doc->row[i].what, "result",
				doc->row[i].result, "detail", doc->row[i].detail, "means",
				doc->row[i].means, "fix", doc->row[i].fix);
		json_array_append_new(rows, row);
	}
	root = json_pack("{s:b, s:o}", "can_run", doc->can_run, "checks", rows);
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	if (text)
		puts(text);
	free(text);
	json_decref(root);
	return text ? 0 : -ENOMEM;
}

static void doctor_print(const struct doctor *doc)
{
	const struct doctor_row *row;
	unsigned int i;

	for (i = 0; i < doc->nr; i++) {
		row = &doc->row[i];
		printf("%-31s %-8s %s", row->what, row->result, row->means);
		if (row->detail[0])
			printf(" (%s)", row->detail);
		putchar('\n');
		if (row->fix)
			printf("%-31s          to do: %s\n", "", row->fix);
	}
	printf("\n%s\n", doc->can_run ? "VMs can run here."
				      : "VMs cannot run here: see the first \"no\" above.");
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct doctor doc = { .nr = 0 };
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h')
			return cmd_print_help(&doctor_help);
		if (opt != 'j')
			return cmd_usage("doctor", "unknown option");
		json = true;
	}
	if (optind < argc)
		return cmd_usage("doctor", "unexpected argument %s", argv[optind]);
	doctor_examine(&doc);
	if (!json)
		doctor_print(&doc);
	else if (doctor_print_json(&doc))
		return EXIT_CANNOT_START;
	return doc.can_run ? 0 : EXIT_CANNOT_START;
}
