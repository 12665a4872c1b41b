/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of `--net`: see config.h. */
#include "net/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "net/net.h"
#include "net/virtio-net.h"
#include "vmm/virtio/virtio.h"

#define NET_GUEST_DEFAULT "10.0.2.15"
#define NET_MTU_LEAST	  68
#define NET_MTU_MOST	  65521

int net_mac_parse(const char *val, uint8_t *mac)
{
	unsigned int byte[6], i;
	int end = 0;

	if (sscanf(val, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &end) != 6 ||
	    val[end] || strspn(val, "0123456789abcdefABCDEF:") != strlen(val))
		return -EINVAL;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
	return mac[0] & 1 ? -EINVAL : 0;
}

/* FNV-1a: the same VM has the same address every time, another one another. */
void net_mac_make(const char *vm_name, unsigned int index, uint8_t *mac)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	char text[96];
	const char *c;
	int i;

	snprintf(text, sizeof(text), "%s/%u", vm_name, index);
	for (c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3ull;
	mac[0] = 0x56; /* locally administered, one station */
	for (i = 1; i < 6; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
}

const char *net_mac_text(const uint8_t *mac, char *buf)
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}

/* --- forwarded ports --- */

static bool net_addr_ok(const char *text)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, text, &addr) == 1 || inet_pton(AF_INET6, text, &addr) == 1;
}

/* "ADDR:" or "[ADDR6]:" or ":" or nothing, before a port; *VAL moves on. */
static int net_take_addr(const char **val, size_t len, const char *fallback, char *out)
{
	const char *at = *val, *end, *colon;
	size_t n;

	snprintf(out, NET_ADDR_MAX, "%s", fallback);
	if (*at == '[') {
		end = memchr(at, ']', len);
		if (!end || end[1] != ':')
			return -EINVAL;
		at++;
		colon = end + 1;
	} else {
		end = colon = memrchr(at, ':', len);
		if (!colon)
			return 0;
	}
	n = (size_t)(end - at);
	*val = colon + 1;
	if (!n)
		return 0;
	if (n >= NET_ADDR_MAX)
		return -EINVAL;
	memcpy(out, at, n);
	out[n] = '\0';
	if (strcmp(out, "*") == 0)
		strcpy(out, "0.0.0.0");
	return net_addr_ok(out) ? 0 : -EINVAL;
}

static int net_take_port(const char *at, size_t len, uint16_t *out)
{
	char text[8];
	uint64_t port;

	if (!len || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, at, len);
	text[len] = '\0';
	if (!isdigit((unsigned char)text[0]) || !parse_range(text, 1, 65535, &port))
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

/* "[ADDR:]PORT" of LEN bytes. */
static int net_take_end(const char *at, size_t len, const char *fallback, char *addr,
			uint16_t *port)
{
	const char *end = at + len;
	int ret = net_take_addr(&at, len, fallback, addr);

	return ret < 0 ? ret : net_take_port(at, (size_t)(end - at), port);
}

static int net_take_proto(const char **val, struct net_forward *out)
{
	memset(out, 0, sizeof(*out));
	out->udp = strncmp(*val, "udp:", 4) == 0;
	if (!out->udp && strncmp(*val, "tcp:", 4) != 0)
		return -EINVAL;
	*val += 4;
	return 0;
}

int net_forward_parse_host(const char *val, struct net_forward *out, struct err *err)
{
	const char *at = val;

	if (net_take_proto(&at, out) < 0 ||
	    net_take_end(at, strlen(at), "127.0.0.1", out->host, &out->host_port) < 0)
		return err_set(err, EINVAL, "%s: tcp:[HOST:]PORT or udp:[HOST:]PORT", val);
	return 0;
}

int net_forward_parse(const char *val, struct net_forward *out, struct err *err)
{
	const char *at = val, *dash = strrchr(val, '-');

	if (!dash || net_take_proto(&at, out) < 0 || at > dash ||
	    net_take_end(at, (size_t)(dash - at), "127.0.0.1", out->host, &out->host_port) < 0 ||
	    net_take_end(dash + 1, strlen(dash + 1), NET_GUEST_DEFAULT, out->guest,
			 &out->guest_port) < 0 ||
	    !strchr(out->host, ':') != !strchr(out->guest, ':'))
		return err_set(err, EINVAL,
			       "hostfwd=%s: tcp:[HOST:]PORT-[GUEST:]PORT, or udp: the same", val);
	return 0;
}

/* --- the option --- */

/* A key with its value; NULL: it has none. */
struct net_key {
	const char *name;
	unsigned int kinds; /* bits of enum net_kind that know it */
	bool bare;	    /* may stand without a value */
	int (*set)(struct net_config *cfg, const char *val);
	const char *what;
};

#define NET_ANY (1u << NET_USER | 1u << NET_TAP | 1u << NET_HUB)

static int net_set_word(char *out, size_t size, const char *val)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";

	if (!*val || strlen(val) >= size || val[strspn(val, good)] || val[0] == '.')
		return -EINVAL;
	snprintf(out, size, "%s", val);
	return 0;
}

static int net_set_id(struct net_config *cfg, const char *val)
{
	return net_set_word(cfg->id, sizeof(cfg->id), val);
}

static int net_set_mac(struct net_config *cfg, const char *val)
{
	cfg->has_mac = true;
	return net_mac_parse(val, cfg->mac);
}

static int net_set_mtu(struct net_config *cfg, const char *val)
{
	uint64_t mtu;

	if (!parse_range(val, NET_MTU_LEAST, NET_MTU_MOST, &mtu))
		return -EINVAL;
	cfg->mtu = (uint16_t)mtu;
	return 0;
}

static int net_set_pcap(struct net_config *cfg, const char *val)
{
	if (!*val || strlen(val) >= sizeof(cfg->pcap))
		return -EINVAL;
	snprintf(cfg->pcap, sizeof(cfg->pcap), "%s", val);
	return 0;
}

static int net_set_restrict(struct net_config *cfg, const char *val)
{
	cfg->restricted = !val || strcmp(val, "on") == 0 || strcmp(val, "yes") == 0;
	return cfg->restricted || strcmp(val, "off") == 0 || strcmp(val, "no") == 0 ? 0 : -EINVAL;
}

static int net_set_forward(struct net_config *cfg, const char *val)
{
	if (cfg->nr_forwards == NET_MAX_FORWARDS ||
	    net_forward_parse(val, &cfg->forward[cfg->nr_forwards], NULL) < 0)
		return -EINVAL;
	cfg->nr_forwards++;
	return 0;
}

static int net_set_ifname(struct net_config *cfg, const char *val)
{
	return net_set_word(cfg->ifname, sizeof(cfg->ifname), val);
}

static int net_set_queues(struct net_config *cfg, const char *val)
{
	uint64_t nr;

	if (!parse_range(val, 1, NET_MAX_PAIRS, &nr))
		return -EINVAL;
	cfg->queues = (unsigned int)nr;
	return 0;
}

static int net_set_vhost(struct net_config *cfg, const char *val)
{
	static const char *const words[] = { "auto", "on", "off" };
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(val, words[i]) == 0) {
			cfg->vhost = (enum net_vhost_wish)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int net_set_hub(struct net_config *cfg, const char *val)
{
	return net_set_word(cfg->hub, sizeof(cfg->hub), val);
}

static const struct net_key net_keys[] = {
	{ "id", NET_ANY, false, net_set_id, "a name of at most 15 letters and digits" },
	{ "mac", NET_ANY, false, net_set_mac, "an address like 56:00:00:00:00:01, not a group's" },
	{ "mtu", NET_ANY, false, net_set_mtu, "a number from 68 to 65521" },
	{ "pcap", NET_ANY, false, net_set_pcap, "a file" },
	{ "restrict", 1u << NET_USER, true, net_set_restrict, "on or off" },
	{ "hostfwd", 1u << NET_USER, false, net_set_forward,
	  "tcp:[HOST:]PORT-[GUEST:]PORT, or udp: the same" },
	{ "ifname", 1u << NET_TAP, false, net_set_ifname, "an interface of this host" },
	{ "vhost", 1u << NET_TAP, false, net_set_vhost, "on, off or auto" },
	{ "queues", 1u << NET_TAP, false, net_set_queues, "a number from 1 to 8" },
};

#define NET_NR_KEYS (sizeof(net_keys) / sizeof(net_keys[0]))

static int net_unknown_key(const char *val, const char *name, struct err *err)
{
	const char *names[NET_NR_KEYS + 1] = { NULL }, *near;
	size_t i;

	for (i = 0; i < NET_NR_KEYS; i++)
		names[i] = net_keys[i].name;
	near = parse_nearest(name, names);
	return err_set(err, EINVAL, "--net %s: there is no '%s'%s%s%s", val, name,
		       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* WORD: "key", "key=value"; cut at the '='. */
static int net_apply_key(struct net_config *cfg, const char *val, char *word, struct err *err)
{
	char *eq = strchr(word, '=');
	const struct net_key *key = NULL;
	size_t i;

	if (eq)
		*eq++ = '\0';
	for (i = 0; i < NET_NR_KEYS && !key; i++)
		key = strcmp(net_keys[i].name, word) == 0 ? &net_keys[i] : NULL;
	if (!key)
		return net_unknown_key(val, word, err);
	if (!(key->kinds & 1u << cfg->kind))
		return err_set(err, EINVAL, "--net %s: %s= is not for this kind of network", val,
			       word);
	if ((!eq && !key->bare) || key->set(cfg, eq) < 0)
		return err_set(err, EINVAL, "--net %s: %s=%s: %s", val, word, eq ? eq : "",
			       key->what);
	return 0;
}

static int net_apply_kind(struct net_config *cfg, const char *val, const char *word,
			  struct err *err)
{
	static const char *const kinds[] = { "none", "user", "tap", "hub=NAME", NULL };
	const char *near;

	if (strcmp(word, "user") == 0) {
		cfg->kind = NET_USER;
	} else if (strcmp(word, "tap") == 0) {
		cfg->kind = NET_TAP;
	} else if (strncmp(word, "hub=", 4) == 0 && net_set_hub(cfg, word + 4) == 0) {
		cfg->kind = NET_HUB;
	} else {
		near = strncmp(word, "hub", 3) == 0 ? kinds[3]
		       : *word			    ? parse_nearest(word, kinds)
						    : NULL;
		return err_set(err, EINVAL, "--net %s: %s%s", val,
			       near ? "did you mean " : "none, user, tap or hub=NAME",
			       near ? near : "");
	}
	return 0;
}

static int net_apply(struct net_config *cfg, const char *val, char *copy, struct err *err)
{
	char *save = NULL, *word = strtok_r(copy, ",", &save);
	int ret;

	ret = net_apply_kind(cfg, val, word ? word : "", err);
	while (ret == 0 && (word = strtok_r(NULL, ",", &save)))
		ret = net_apply_key(cfg, val, word, err);
	if (ret == 0 && cfg->kind != NET_TAP)
		cfg->queues = 1;
	return ret;
}

int net_config_parse(const char *val, struct net_config **out, struct err *err)
{
	struct net_config *cfg;
	char *copy;
	int ret;

	*out = NULL;
	if (strcmp(val, "none") == 0)
		return 0;
	cfg = calloc(1, sizeof(*cfg));
	copy = strdup(val);
	if (cfg)
		cfg->live = calloc(1, sizeof(*cfg->live));
	if (!cfg || !copy || !cfg->live) {
		ret = err_sys(err, ENOMEM, "--net %s", val);
	} else {
		cfg->queues = 1;
		ret = net_apply(cfg, val, copy, err);
	}
	free(copy);
	if (ret < 0)
		net_config_free(cfg);
	else
		*out = cfg;
	return ret;
}

void net_config_free(struct net_config *cfg)
{
	if (!cfg)
		return;
	free(cfg->live);
	free(cfg);
}

/* --- plugs --- */

int net_plug_parse(const char *val, struct pci_plug *plug, struct err *err)
{
	struct virtio_plug *virtio;
	struct net_config *cfg;
	int ret;

	ret = net_config_parse(val, &cfg, err);
	if (ret < 0 || !cfg)
		return ret;
	virtio = calloc(1, sizeof(*virtio));
	if (!virtio) {
		net_config_free(cfg);
		return err_sys(err, ENOMEM, "--net %s", val);
	}
	*virtio = (struct virtio_plug){ .ops = &virtio_net_ops, .config = cfg };
	plug->ops = &virtio_pci_ops;
	plug->name = cfg->id[0] ? cfg->id : NULL;
	plug->config = virtio;
	return 0;
}

struct net_config *net_plug_config(const struct pci_plug *plug)
{
	const struct virtio_plug *virtio = plug->config;

	/* Ours is what net_plug_parse() allocated, so it may be changed. */
	if (plug->ops == &virtio_pci_ops && virtio->ops == &virtio_net_ops)
		return (struct net_config *)(uintptr_t)virtio->config;
	return NULL;
}

void net_plugs_bind(const struct pci_plug *plug, unsigned int nr, const char *vm_name,
		    const char *run_dir)
{
	struct net_config *cfg;
	unsigned int i, index = 0;

	for (i = 0; i < nr; i++) {
		cfg = net_plug_config(&plug[i]);
		if (!cfg)
			continue;
		snprintf(cfg->live->vm_name, sizeof(cfg->live->vm_name), "%s", vm_name);
		snprintf(cfg->live->run_dir, sizeof(cfg->live->run_dir), "%s",
			 run_dir ? run_dir : "");
		net_mac_make(vm_name, index++, cfg->live->mac);
	}
}
