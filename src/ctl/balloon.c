/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The balloon for the control socket and the monitor: QEMU's words, and ours with all there is. */
#include "ctl/balloon.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "balloon/balloon.h"
#include "balloon/policy.h"
#include "base/parse.h"
#include "base/time.h"
#include "ctl/proto.h"

#define BALLOON_STATS_PROPERTY	  "guest-stats"
#define BALLOON_INTERVAL_PROPERTY "guest-stats-polling-interval"

static struct balloon *balloon_of(struct ctl_server *srv, struct err *err)
{
	const struct vm_config *cfg = vm_config(ctl_server_vm(srv));
	struct balloon *bal = balloon_find(cfg->plug, cfg->nr_plug);

	if (!bal)
		err_set(err, ENODEV, "this VM has no balloon (it was started with --no-balloon)");
	return bal;
}

/* And how it is off now. */
static struct balloon *balloon_look(struct ctl_server *srv, struct balloon_info *info,
				    struct err *err)
{
	struct balloon *bal = balloon_of(srv, err);

	if (bal)
		balloon_get(bal, info);
	return bal;
}

/* --- QEMU's --- */

static int balloon_qmp_set(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			   struct err *err)
{
	struct balloon *bal = balloon_of(ctx, err);
	long long value = -1;
	int res;

	(void)conn;
	(void)ret;
	if (!bal)
		return -err->code;
	res = proto_need_int(args, "value", 1, INT64_MAX, &value, err);
	if (res == 0)
		balloon_set_target(bal, (uint64_t)value);
	return res;
}

static int balloon_qmp_query(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			     struct err *err)
{
	struct balloon_info info;

	(void)conn;
	(void)args;
	if (!balloon_look(ctx, &info, err))
		return -err->code;
	*ret = json_pack("{s:I}", "actual", (json_int_t)info.actual);
	return 0;
}

static json_t *balloon_json_stats(const struct balloon_info *info, bool unknown_too)
{
	json_t *stats = json_object();
	int i;

	for (i = 0; i < STATS_NR; i++) {
		if (info->stats_ns && info->stats.value[i] != STATS_UNKNOWN)
			json_object_set_new(stats, stats_name(i),
					    json_integer((json_int_t)info->stats.value[i]));
		else if (unknown_too)
			json_object_set_new(stats, stats_name(i), json_integer(-1));
	}
	return stats;
}

static int balloon_property(const json_t *args, const char **name, struct err *err)
{
	const char *path;
	int ret;

	ret = proto_need_string(args, "path", &path, err);
	if (ret == 0)
		ret = proto_need_string(args, "property", name, err);
	if (ret < 0)
		return ret;
	/* QEMU has as many paths as ways to name a device; there is one balloon here. */
	return strstr(path, "balloon") ? 0 : err_set(err, ENODEV, "Device '%.64s' not found", path);
}

static int balloon_qmp_qom_get(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			       struct err *err)
{
	struct balloon_info info;
	const char *name;
	json_int_t when = 0;
	int res;

	(void)conn;
	res = balloon_property(args, &name, err);
	if (res < 0)
		return res;
	if (!balloon_look(ctx, &info, err))
		return -err->code;
	if (info.stats_ns)
		when = (json_int_t)(time(NULL) -
				    (time_t)((time_now_ns() - info.stats_ns) / 1000000000));
	if (strcmp(name, BALLOON_INTERVAL_PROPERTY) == 0)
		*ret = json_integer((json_int_t)info.stats_s);
	else if (strcmp(name, BALLOON_STATS_PROPERTY) == 0)
		*ret = json_pack("{s:o,s:I}", "stats", balloon_json_stats(&info, true),
				 "last-update", when);
	else
		return err_set(err, EINVAL, "Property '%.64s' not found", name);
	return 0;
}

static int balloon_qmp_qom_set(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			       struct err *err)
{
	struct balloon *bal;
	const char *name;
	long long secs;
	int res;

	(void)conn;
	(void)ret;
	res = balloon_property(args, &name, err);
	if (res < 0)
		return res;
	bal = balloon_of(ctx, err);
	if (!bal)
		return -err->code;
	if (strcmp(name, BALLOON_INTERVAL_PROPERTY) != 0)
		return err_set(err, EINVAL, "Property '%.64s' cannot be set", name);
	res = proto_need_int(args, "value", 0, BALLOON_INTERVAL_MAX_S, &secs, err);
	if (res == 0)
		balloon_set_interval(bal, (unsigned int)secs);
	return res;
}

/* --- ours --- */

static json_int_t balloon_age_ms(uint64_t when_ns)
{
	return when_ns ? (json_int_t)((time_now_ns() - when_ns) / 1000000) : -1;
}

/* Seconds until the guest has what it shall have at its present rate; -1: not in sight. */
static double balloon_eta(const struct balloon_info *info)
{
	double left = (double)info->target - (double)info->actual;

	if (info->target == info->actual)
		return 0;
	return info->rate && (left < 0) == (info->rate < 0) ? left / (double)info->rate : -1;
}

static json_t *balloon_json_pages(const struct pages_counts *counts)
{
	const struct pages_refused *refused = &counts->refused;

	return json_pack(
		"{s:I,s:I,s:I,s:I,s:I,s:{s:I,s:I,s:I,s:I,s:I}}", "pages", (json_int_t)counts->nr,
		"holes", (json_int_t)counts->nr_holes, "huge-holes", (json_int_t)counts->nr_huge,
		"inflated", (json_int_t)counts->inflated, "deflated", (json_int_t)counts->deflated,
		"refused", "outside", (json_int_t)refused->outside, "repeated",
		(json_int_t)refused->repeated, "watched", (json_int_t)refused->watched, "foreign",
		(json_int_t)refused->foreign, "failed", (json_int_t)refused->failed);
}

static int balloon_qmp_info(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	struct balloon_info info;

	(void)conn;
	(void)args;
	if (!balloon_look(ctx, &info, err))
		return -err->code;
	*ret = json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "running",
			 vm_state(ctl_server_vm(ctx)) == VM_STATE_RUNNING, "driver", info.driver,
			 "features", (json_int_t)info.features, "size", (json_int_t)info.size,
			 "actual", (json_int_t)info.actual, "target", (json_int_t)info.target,
			 "floor", (json_int_t)info.floor, "ceiling", (json_int_t)info.ceiling,
			 "weight", (json_int_t)info.weight);
	json_object_update_new(
		*ret, json_pack("{s:I,s:f,s:b,s:i,s:I,s:I,s:i,s:I,s:o}", "rate",
				(json_int_t)info.rate, "eta-s", balloon_eta(&info), "stalled",
				info.stalled, "stalls", (int)info.stalls, "asked-age-ms",
				balloon_age_ms(info.asked_ns), "stats-age-ms",
				balloon_age_ms(info.stats_ns), "stats-interval", (int)info.stats_s,
				"stats-round-trip-us", (json_int_t)(info.round_trip_ns / 1000),
				"stats", balloon_json_stats(&info, false)));
	json_object_update_new(
		*ret, json_pack("{s:I,s:I,s:I,s:I,s:o}", "resident", (json_int_t)info.resident,
				"reported", (json_int_t)info.reported, "hinted",
				(json_int_t)info.hinted, "poison", (json_int_t)info.poison,
				"balloon", balloon_json_pages(&info.counts)));
	return 0;
}

static int balloon_qmp_configure(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
				 struct err *err)
{
	long long floor, ceiling, weight, secs;
	struct balloon_info info;
	struct balloon *bal = balloon_look(ctx, &info, err);
	int res;

	(void)conn;
	(void)ret;
	if (!bal)
		return -err->code;
	floor = (long long)info.floor;
	ceiling = (long long)info.ceiling;
	weight = info.weight;
	secs = -1;
	res = proto_opt_int(args, "floor", 0, INT64_MAX, &floor, err);
	if (res == 0)
		res = proto_opt_int(args, "ceiling", 0, INT64_MAX, &ceiling, err);
	if (res == 0)
		res = proto_opt_int(args, "weight", 0, POLICY_WEIGHT_MAX, &weight, err);
	if (res == 0)
		res = proto_opt_int(args, "stats-interval", 0, BALLOON_INTERVAL_MAX_S, &secs, err);
	if (res < 0)
		return res;
	balloon_set_limits(bal, (uint64_t)floor, (uint64_t)ceiling, (unsigned int)weight);
	if (secs >= 0)
		balloon_set_interval(bal, (unsigned int)secs);
	return 0;
}

static int balloon_qmp_hint(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	struct balloon *bal = balloon_of(ctx, err);

	(void)conn;
	(void)args;
	(void)ret;
	return bal ? balloon_hint(bal, err) : -err->code;
}

static const struct ctl_command balloon_commands[] = {
	{ "balloon", balloon_qmp_set },
	{ "query-balloon", balloon_qmp_query },
	{ "qom-get", balloon_qmp_qom_get },
	{ "qom-set", balloon_qmp_qom_set },
	{ "x-vitrine-balloon", balloon_qmp_info },
	{ "x-vitrine-balloon-set", balloon_qmp_configure },
	{ "x-vitrine-balloon-hint", balloon_qmp_hint },
};

/* --- the monitor --- */

/* Megabytes as in QEMU, or a size with its unit, or a change. */
static int balloon_hmp_set(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	struct balloon_info info;
	struct balloon *bal = balloon_look(ctx->table_ctx, &info, err);
	const char *word = args->word[0];
	bool sign = word[0] == '+' || word[0] == '-';
	uint64_t size;

	(void)out;
	if (!bal)
		return -err->code;
	if (parse_range(word + sign, 0, UINT64_MAX >> 20, &size))
		size <<= 20;
	else if (!parse_size(word + sign, &size))
		return err_set(err, EINVAL, "balloon %s: megabytes, or 256M, +64M, -64M", word);
	if (word[0] == '+')
		size += info.target;
	if (word[0] == '-')
		size = info.target > size ? info.target - size : 0;
	balloon_set_target(bal, size);
	return 0;
}

static void balloon_say_stats(const struct balloon_info *info, struct buf *out)
{
	char text[16];
	int i;

	if (!info->stats_ns) {
		buf_printf(out, "statistics: none yet\n");
		return;
	}
	buf_printf(out, "statistics: %.1f s old, every %u s, answered in %.1f ms\n",
		   (double)(time_now_ns() - info->stats_ns) / 1e9, info->stats_s,
		   (double)info->round_trip_ns / 1e6);
	for (i = 0; i < STATS_NR; i++) {
		if (info->stats.value[i] == STATS_UNKNOWN)
			continue;
		if (stats_is_bytes(i))
			buf_printf(out, "  %-22s %s\n", stats_name(i) + strlen("stat-"),
				   parse_size_text(info->stats.value[i], text));
		else
			buf_printf(out, "  %-22s %llu\n", stats_name(i) + strlen("stat-"),
				   (unsigned long long)info->stats.value[i]);
	}
}

static void balloon_say_way(const struct balloon_info *info, struct buf *out)
{
	double eta = balloon_eta(info);
	char text[16];

	if (info->target == info->actual) {
		buf_printf(out, "there");
	} else if (info->stalled) {
		buf_printf(out, "stalled");
	} else if (info->rate) {
		buf_printf(out, "%s%s/s", info->rate < 0 ? "-" : "+",
			   parse_size_text((uint64_t)(info->rate < 0 ? -info->rate : info->rate),
					   text));
		if (eta >= 0)
			buf_printf(out, ", %.1f s to go", eta);
	} else {
		buf_printf(out, "waiting for the guest");
	}
	buf_printf(out, "; %u stalls so far\n", info->stalls);
}

static void balloon_say_pages(const struct balloon_info *info, struct buf *out)
{
	const struct pages_refused *refused = &info->counts.refused;

	buf_printf(out,
		   "pages:      %llu in the balloon, %llu holes, %llu of them whole 2M blocks\n",
		   (unsigned long long)info->counts.nr, (unsigned long long)info->counts.nr_holes,
		   (unsigned long long)info->counts.nr_huge);
	buf_printf(out,
		   "refused:    %llu outside RAM, %llu repeated, %llu watched, %llu foreign, "
		   "%llu failed\n",
		   (unsigned long long)refused->outside, (unsigned long long)refused->repeated,
		   (unsigned long long)refused->watched, (unsigned long long)refused->foreign,
		   (unsigned long long)refused->failed);
}

static void balloon_say(const struct balloon_info *info, struct buf *out)
{
	char text[4][16];

	buf_printf(out, "guest has:  %s of %s, shall have %s%s\n",
		   parse_size_text(info->actual, text[0]), parse_size_text(info->size, text[1]),
		   parse_size_text(info->target, text[2]),
		   info->driver ? "" : " (no driver is at work)");
	buf_printf(out, "under way:  ");
	balloon_say_way(info, out);
	buf_printf(out, "host holds: %s of its RAM; %s were reported free\n",
		   parse_size_text(info->resident, text[0]),
		   parse_size_text(info->reported, text[1]));
	balloon_say_pages(info, out);
	if (info->floor || info->ceiling || info->weight)
		buf_printf(out, "limits:     floor %s, ceiling %s, weight %u\n",
			   info->floor ? parse_size_text(info->floor, text[2]) : "as usual",
			   info->ceiling ? parse_size_text(info->ceiling, text[3]) : "as usual",
			   info->weight ? info->weight : POLICY_WEIGHT);
	balloon_say_stats(info, out);
}

static int balloon_hmp_info(const struct monitor_ctx *ctx, struct monitor_args *args,
			    struct buf *out, struct err *err)
{
	struct balloon_info info;

	if (!balloon_look(ctx->table_ctx, &info, err))
		return -err->code;
	if (args->nr && strcmp(args->word[0], "-v") != 0)
		return err_set(err, EINVAL, "info balloon [-v]");
	if (args->nr)
		balloon_say(&info, out);
	else
		buf_printf(out, "balloon: actual=%llu\n", (unsigned long long)(info.actual >> 20));
	return 0;
}

const struct monitor_command balloon_monitor_commands[] = {
	{ "balloon", "SIZE|+SIZE|-SIZE", "ask the guest to make do with that much memory", 1, 1,
	  MONITOR_COMPLETE_NONE, balloon_hmp_set },
	{ "info balloon", "[-v]", "memory the guest has; -v: all that is known", 1, 0,
	  MONITOR_COMPLETE_NONE, balloon_hmp_info },
};
const size_t balloon_monitor_commands_len =
	sizeof(balloon_monitor_commands) / sizeof(balloon_monitor_commands[0]);

/* --- events --- */

static void balloon_changed(void *ctx)
{
	struct ctl_server *srv = ctx;
	struct balloon_info info;

	if (!balloon_look(srv, &info, NULL))
		return;
	ctl_server_event(srv, "BALLOON_CHANGE",
			 json_pack("{s:I}", "actual", (json_int_t)info.actual));
}

int balloon_bind(struct ctl_server *srv, struct err *err)
{
	struct balloon *bal = balloon_of(srv, NULL);
	int ret = ctl_server_add_commands(
		srv, balloon_commands, sizeof(balloon_commands) / sizeof(balloon_commands[0]), srv);

	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), balloon_monitor_commands,
					   balloon_monitor_commands_len, srv);
	if (ret == 0 && bal)
		balloon_listen(bal, balloon_changed, srv);
	return ret < 0 ? err_sys(err, -ret, "balloon's commands") : 0;
}
