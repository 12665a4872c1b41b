/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `vitrine balloon`: a VM's memory on loan, seen and set. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/time.h"
#include "cmd.h"

static const struct cmd_help balloon_help = {
	.synopsis = "vitrine balloon [NAME] [SIZE|+SIZE|-SIZE] [OPTION...]",
	.what = "Shows what memory the guest has, should have and says of it; with a SIZE asks it\n"
		"to make do with that much, or with more or less than now.",
	.options = "  --wait SECONDS             until it is so; exit status 1 if it is not\n"
		   "  --stats-interval SECONDS   ask the guest for statistics so often; 0: never\n"
		   "  --floor SIZE               `vitrine balance` takes no more than that\n"
		   "  --ceiling SIZE             and gives no more than that\n"
		   "  --weight N                 how dear its memory is, 1 to 1000 (default 100)\n"
		   "  --json                     as JSON\n",
	.example = { "vitrine balloon debian 256M", "vitrine balloon debian +128M --wait 10" },
};

struct balloon_args {
	const char *name;
	char sign; /* '+', '-', or 0 where SIZE is the whole */
	uint64_t size, wait_s;
	bool has_size, json;
	json_t *settings;
};

/* "256M", "+64M", "-64M". */
static bool balloon_is_size(const char *word, struct balloon_args *args)
{
	bool sign = word[0] == '+' || word[0] == '-';

	if (!parse_size(word + sign, &args->size))
		return false;
	args->sign = sign ? word[0] : 0;
	args->has_size = true;
	return true;
}

static int balloon_word(struct balloon_args *args, const char *word)
{
	if (!args->has_size && balloon_is_size(word, args))
		return -1;
	if (args->name || args->has_size)
		return cmd_usage("balloon", "%s: a size is 256M, +64M or -64M", word);
	args->name = word;
	return -1;
}

static int balloon_setting(struct balloon_args *args, const char *key, const char *val, bool size)
{
	uint64_t num;

	if (!(size ? parse_size(val, &num) : parse_range(val, 0, 86400, &num)) || num > INT64_MAX)
		return cmd_usage("balloon", "--%s %s: %s", key, val,
				 size ? "a size like 256M" : "a number");
	json_object_set_new(args->settings, key, json_integer((json_int_t)num));
	return -1;
}

static int balloon_option(struct balloon_args *args, const char *opt, const char *val)
{
	if (strcmp(opt, "--json") == 0) {
		args->json = true;
		return -1;
	}
	if (strcmp(opt, "--wait") == 0)
		return parse_range(val, 0, 86400, &args->wait_s)
			       ? -1
			       : cmd_usage("balloon", "--wait %s: seconds", val);
	if (strcmp(opt, "--floor") == 0 || strcmp(opt, "--ceiling") == 0)
		return balloon_setting(args, opt + 2, val, true);
	if (strcmp(opt, "--weight") == 0 || strcmp(opt, "--stats-interval") == 0)
		return balloon_setting(args, opt + 2, val, false);
	return cmd_usage("balloon", "there is no option %s", opt);
}

/* By hand: to getopt "-64M" would be four options. */
static int balloon_parse(struct balloon_args *args, int argc, char **argv)
{
	int i, status = -1;
	bool takes;

	for (i = 1; i < argc && status < 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return cmd_print_help(&balloon_help);
		if (strncmp(argv[i], "--", 2) != 0) {
			status = balloon_word(args, argv[i]);
			continue;
		}
		takes = strcmp(argv[i], "--json") != 0;
		if (takes && i + 1 == argc)
			return cmd_usage("balloon", "%s: what?", argv[i]);
		status = balloon_option(args, argv[i], takes ? argv[i + 1] : "");
		i += takes;
	}
	return status;
}

static uint64_t balloon_u64(const json_t *obj, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(obj, key));
}

static int balloon_set(struct ctl_client *cli, const struct balloon_args *args, struct err *err)
{
	uint64_t size = args->size, target;
	json_t *info = NULL;
	int ret;

	ret = ctl_exec(cli, "x-vitrine-balloon", NULL, &info, err);
	if (ret < 0)
		return ret;
	target = balloon_u64(info, "target");
	if (args->sign == '+')
		size = target + size;
	else if (args->sign == '-')
		size = target > size ? target - size : 0;
	json_decref(info);
	return ctl_exec(cli, "balloon", json_pack("{s:I}", "value", (json_int_t)size), NULL, err);
}

/* Until the guest has what it should have. */
static int balloon_await(struct ctl_client *cli, uint64_t seconds, struct err *err)
{
	uint64_t deadline = time_now_ns() + seconds * 1000000000ull;
	json_t *info = NULL;
	bool there = false;
	int ret = 0;

	while (ret == 0 && !there) {
		ret = ctl_exec(cli, "x-vitrine-balloon", NULL, &info, err);
		there = ret == 0 && balloon_u64(info, "actual") == balloon_u64(info, "target");
		json_decref(info);
		info = NULL;
		if (ret == 0 && !there && time_now_ns() >= deadline)
			return err_set(err, ETIMEDOUT, "the guest is not there yet");
		if (!there)
			poll(NULL, 0, 20);
	}
	return ret;
}

static int balloon_show(struct ctl_client *cli, bool as_json, struct err *err)
{
	struct buf out = BUF_INIT;
	json_t *info = NULL;
	int ret;

	if (!as_json) {
		ret = ctl_monitor(cli, "info balloon -v", &out, err);
		if (ret == 0)
			fputs(buf_str(&out), stdout);
		buf_free(&out);
		return ret;
	}
	ret = ctl_exec(cli, "x-vitrine-balloon", NULL, &info, err);
	if (ret == 0) {
		json_dumpf(info, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(info);
	return ret;
}

static int balloon_do(struct ctl_client *cli, struct balloon_args *args, struct err *err)
{
	int ret = 0;

	if (json_object_size(args->settings))
		ret = ctl_exec(cli, "x-vitrine-balloon-set", json_incref(args->settings), NULL,
			       err);
	if (ret == 0 && args->has_size)
		ret = balloon_set(cli, args, err);
	if (ret == 0 && args->wait_s)
		ret = balloon_await(cli, args->wait_s, err);
	if (ret == 0 && ((!args->has_size && !json_object_size(args->settings)) || args->json))
		ret = balloon_show(cli, args->json, err);
	return ret;
}

int cmd_balloon(int argc, char **argv)
{
	struct balloon_args args = { .settings = json_object() };
	struct ctl_client *cli = NULL;
	struct err err = ERR_INIT;
	char name[VM_NAME_MAX];
	int status;

	status = balloon_parse(&args, argc, argv);
	if (status < 0) {
		cli = cmd_connect(args.name, name, &err);
		status = cli && balloon_do(cli, &args, &err) == 0 ? 0 : cmd_fail(&err, 1);
	}
	ctl_close(cli);
	json_decref(args.settings);
	return status;
}
