/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's link to real VMs, through the control client: see link.h. */
#include "tui/link.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

static long long link_ctl_send(void *ctx, const char *cmd, json_t *args, struct err *err)
{
	return ctl_begin(ctx, cmd, args, err);
}

static long long link_ctl_reply(void *ctx, json_t **ret, struct err *err)
{
	return ctl_reply(ctx, ret, err);
}

static int link_ctl_view(void *ctx, struct vm_view *out, struct err *err)
{
	return ctl_view(ctx, out, err);
}

static json_t *link_ctl_event(void *ctx, bool *gone)
{
	return ctl_event(ctx, gone);
}

static int link_ctl_fd(void *ctx)
{
	return ctl_fd(ctx);
}

static void link_ctl_close(void *ctx)
{
	ctl_close(ctx);
}

static const struct link_ops link_ctl_ops = {
	.send = link_ctl_send,
	.reply = link_ctl_reply,
	.view = link_ctl_view,
	.event = link_ctl_event,
	.fd = link_ctl_fd,
	.close = link_ctl_close,
};

static int link_ctl_list(void *ctx, struct ctl_vm_info **out, struct err *err)
{
	(void)ctx;
	return ctl_names(out, err);
}

static int link_ctl_open(void *ctx, const char *name, unsigned int hz, struct link *out,
			 struct err *err)
{
	struct ctl_client *cli;
	int ret;

	(void)ctx;
	ret = ctl_open(name, hz, &cli, err);
	if (ret < 0)
		return ret;
	*out = (struct link){ &link_ctl_ops, cli };
	return 0;
}

static int link_ctl_console(void *ctx, const char *name, struct err *err)
{
	(void)ctx;
	return ctl_console(name, err);
}

/* utime and stime are fields 14 and 15 of /proc/PID/stat, after the name in brackets. */
static bool link_ctl_usage(void *ctx, int pid, uint64_t *cpu_ns, uint64_t *resident)
{
	unsigned long long user, sys, pages;
	char path[64], text[1024], *end;
	size_t len;
	FILE *f;

	(void)ctx;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu"
			   " %*d %*d %*d %*d %*d %*d %*u %*u %llu",
			   &user, &sys, &pages) != 3)
		return false;
	*cpu_ns = (user + sys) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
	*resident = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static int link_ctl_kill(void *ctx, const char *name, struct err *err)
{
	(void)ctx;
	return ctl_kill(name, err);
}

static uint64_t link_ctl_now(void *ctx)
{
	(void)ctx;
	return time_now_ns();
}

const struct link_host link_host_ctl = {
	.list = link_ctl_list,
	.open = link_ctl_open,
	.console = link_ctl_console,
	.usage = link_ctl_usage,
	.kill = link_ctl_kill,
	.now = link_ctl_now,
};

void link_close(struct link *link)
{
	if (link->ops)
		link->ops->close(link->ctx);
	memset(link, 0, sizeof(*link));
}
