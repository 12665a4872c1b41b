/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network's commands: see net.h. Names and shapes are QEMU's. */
#include "ctl/net.h"

#include <errno.h>
#include <string.h>

#include "ctl/proto.h"
#include "net/config.h"
#include "net/virtio-net.h"

/* The device called NAME; NULL: the first one that ANY accepts. -ENODEV. */
static int net_find(struct vm *vm, const char *name, bool (*any)(const struct net_config *cfg),
		    struct net_device **out, struct err *err)
{
	const struct vm_config *cfg = vm_config(vm);
	const struct net_config *net;
	unsigned int i;

	for (i = 0; i < cfg->nr_plug; i++) {
		net = net_plug_config(&cfg->plug[i]);
		if (!net || !net->live->dev)
			continue;
		*out = net->live->dev;
		if (name ? strcmp(net_device_name(*out), name) == 0 : !any || any(net))
			return 0;
	}
	if (name)
		return err_set(err, ENODEV, "there is no network device '%s'", name);
	return err_set(err, ENODEV, "there is no such network device");
}

/* Call FN for each network device with its number. */
static void net_each(struct vm *vm,
		     void (*fn)(void *arg, unsigned int index, struct net_device *dev), void *arg)
{
	const struct vm_config *cfg = vm_config(vm);
	const struct net_config *net;
	unsigned int i, index = 0;

	for (i = 0; i < cfg->nr_plug; i++) {
		net = net_plug_config(&cfg->plug[i]);
		if (net && net->live->dev)
			fn(arg, index++, net->live->dev);
	}
}

static bool net_is_user(const struct net_config *cfg)
{
	return cfg->kind == NET_USER;
}

/* --- the monitor --- */

static void net_info_one(void *arg, unsigned int index, struct net_device *dev)
{
	struct filter filter;
	struct buf *out = arg;
	char mac[18];

	net_device_filter(dev, &filter);
	buf_printf(out, "%s: index=%u,type=nic,model=virtio-net-pci,macaddr=%s,link=%s\n \\ ",
		   net_device_name(dev), index, net_mac_text(filter.mac, mac),
		   net_device_link(dev) ? "up" : "down");
	net_device_info(dev, out);
	buf_addc(out, '\n');
}

static int net_info(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
		    struct err *err)
{
	(void)args;
	(void)err;
	net_each(ctl_server_vm(ctx->table_ctx), net_info_one, out);
	return 0;
}

static int net_set_link(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	bool up = strcmp(args->word[1], "on") == 0;
	struct net_device *dev;
	int ret;

	(void)out;
	if (!up && strcmp(args->word[1], "off") != 0)
		return err_set(err, EINVAL, "set_link NAME on or off");
	ret = net_find(ctl_server_vm(ctx->table_ctx), args->word[0], NULL, &dev, err);
	if (ret == 0)
		net_device_set_link(dev, up);
	return ret;
}

/* [NAME] RULE, as QEMU has it. */
static int net_hostfwd(const struct monitor_ctx *ctx, struct monitor_args *args, bool add,
		       struct err *err)
{
	const char *rule = args->word[args->nr - 1];
	struct net_forward fwd;
	struct net_device *dev;
	int ret;

	ret = add ? net_forward_parse(rule, &fwd, err) : net_forward_parse_host(rule, &fwd, err);
	if (ret == 0)
		ret = net_find(ctl_server_vm(ctx->table_ctx), args->nr > 1 ? args->word[0] : NULL,
			       net_is_user, &dev, err);
	return ret < 0 ? ret : net_device_forward(dev, &fwd, add, err);
}

static int net_hostfwd_add(const struct monitor_ctx *ctx, struct monitor_args *args,
			   struct buf *out, struct err *err)
{
	(void)out;
	return net_hostfwd(ctx, args, true, err);
}

static int net_hostfwd_remove(const struct monitor_ctx *ctx, struct monitor_args *args,
			      struct buf *out, struct err *err)
{
	(void)out;
	return net_hostfwd(ctx, args, false, err);
}

static void net_announce_one(void *arg, unsigned int index, struct net_device *dev)
{
	(void)arg;
	(void)index;
	net_device_announce(dev);
}

static int net_announce(const struct monitor_ctx *ctx, struct monitor_args *args, struct buf *out,
			struct err *err)
{
	(void)args;
	(void)out;
	(void)err;
	net_each(ctl_server_vm(ctx->table_ctx), net_announce_one, NULL);
	return 0;
}

const struct monitor_command net_monitor_commands[] = {
	{ "info network", "", "network devices and where their frames go", 0, 0,
	  MONITOR_COMPLETE_NONE, net_info },
	{ "set_link", "name on|off", "plug or pull a network device's cable", 2, 2,
	  MONITOR_COMPLETE_NONE, net_set_link },
	{ "hostfwd_add", "[name] rule", "lead a port of the host into the guest", 2, 1,
	  MONITOR_COMPLETE_NONE, net_hostfwd_add },
	{ "hostfwd_remove", "[name] rule", "take a forwarded port away", 2, 1,
	  MONITOR_COMPLETE_NONE, net_hostfwd_remove },
	{ "announce_self", "", "let the guest tell the network where it is", 0, 0,
	  MONITOR_COMPLETE_NONE, net_announce },
};
const size_t net_monitor_commands_len =
	sizeof(net_monitor_commands) / sizeof(net_monitor_commands[0]);

/* --- QMP --- */

static int net_qmp_set_link(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	struct net_device *dev;
	const char *name;
	bool up = true;
	int res;

	(void)conn;
	(void)ret;
	res = proto_need_string(args, "name", &name, err);
	if (res == 0 && !json_object_get(args, "up"))
		res = err_set(err, EINVAL, "argument 'up' is missing");
	if (res == 0)
		res = proto_opt_bool(args, "up", &up, err);
	if (res == 0)
		res = net_find(ctl_server_vm(ctx), name, NULL, &dev, err);
	if (res == 0)
		net_device_set_link(dev, up);
	return res;
}

static json_t *net_json_macs(const struct filter_table *table)
{
	json_t *list = json_array();
	unsigned int i;
	char mac[18];

	for (i = 0; i < table->nr; i++)
		json_array_append_new(list, json_string(net_mac_text(table->mac[i], mac)));
	return list;
}

static json_t *net_json_vlans(const struct filter *filter)
{
	json_t *list = json_array();
	unsigned int vid;

	for (vid = 0; vid < 4096; vid++) {
		if (filter_has_vlan(filter, vid))
			json_array_append_new(list, json_integer((json_int_t)vid));
	}
	return list;
}

/* QMP's RxState: what it lets through. */
static const char *net_rx_state(bool none, bool all)
{
	return none ? "none" : all ? "all" : "normal";
}

static json_t *net_json_filter(struct net_device *dev)
{
	struct filter filter;
	char mac[18];

	net_device_filter(dev, &filter);
	return json_pack("{s:s, s:b, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:o, s:o, s:o}", "name",
			 net_device_name(dev), "promiscuous", filter.promisc, "multicast",
			 net_rx_state(filter.nomulti, filter.allmulti), "unicast",
			 net_rx_state(filter.nouni, filter.alluni), "vlan",
			 net_rx_state(false, !filter.use_vlan), "broadcast-allowed",
			 !filter.nobcast, "multicast-overflow", filter.multicast.overflow,
			 "unicast-overflow", filter.unicast.overflow, "main-mac",
			 net_mac_text(filter.mac, mac), "vlan-table", net_json_vlans(&filter),
			 "unicast-table", net_json_macs(&filter.unicast), "multicast-table",
			 net_json_macs(&filter.multicast));
}

static void net_filter_one(void *arg, unsigned int index, struct net_device *dev)
{
	(void)index;
	json_array_append_new(arg, net_json_filter(dev));
}

static int net_qmp_filter(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			  struct err *err)
{
	struct net_device *dev;
	const char *name;
	int res;

	(void)conn;
	if (!json_object_get(args, "name")) {
		*ret = json_array();
		net_each(ctl_server_vm(ctx), net_filter_one, *ret);
		return 0;
	}
	res = proto_need_string(args, "name", &name, err);
	if (res == 0)
		res = net_find(ctl_server_vm(ctx), name, NULL, &dev, err);
	if (res == 0) {
		*ret = json_array();
		net_filter_one(*ret, 0, dev);
	}
	return res;
}

static int net_qmp_announce(void *ctx, struct ctl_conn *conn, const json_t *args, json_t **ret,
			    struct err *err)
{
	(void)conn;
	(void)args;
	(void)ret;
	(void)err;
	net_each(ctl_server_vm(ctx), net_announce_one, NULL);
	return 0;
}

static const struct ctl_command net_commands[] = {
	{ "set_link", net_qmp_set_link },
	{ "query-rx-filter", net_qmp_filter },
	{ "announce-self", net_qmp_announce },
};

int net_bind(struct ctl_server *srv, struct err *err)
{
	int ret = ctl_server_add_commands(srv, net_commands,
					  sizeof(net_commands) / sizeof(net_commands[0]), srv);

	if (ret == 0)
		ret = monitor_add_commands(ctl_server_monitor(srv), net_monitor_commands,
					   net_monitor_commands_len, srv);
	return ret < 0 ? err_sys(err, -ret, "network's commands") : 0;
}
