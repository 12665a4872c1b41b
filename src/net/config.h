/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `--net` asked for: plain data, and the text it comes from. */
#ifndef VITRINE_NET_CONFIG_H
#define VITRINE_NET_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/pci.h"

#define NET_MAX_FORWARDS 32
#define NET_ADDR_MAX	 46 /* INET6_ADDRSTRLEN */
#define NET_NAME_MAX	 32

enum net_vhost_wish { NET_VHOST_AUTO, NET_VHOST_ON, NET_VHOST_OFF };

enum net_kind { NET_USER, NET_TAP, NET_HUB };

/* A port of the host that leads to one of the guest (user). */
struct net_forward {
	bool udp;
	char host[NET_ADDR_MAX], guest[NET_ADDR_MAX];
	uint16_t host_port, guest_port;
};

struct net_device;
struct net_backend_ops;
struct vhost_sys;

/* What becomes known after the options were read. */
struct net_live {
	struct net_device *dev;		       /* NULL while there is none */
	const struct net_backend_ops *backend; /* for tests; NULL: as `kind` says */
	const struct vhost_sys *vhost_sys;     /* the same */
	char vm_name[64];
	char run_dir[128]; /* the VM's folder, beside those of other VMs; "": no hub */
	uint8_t mac[6];	   /* where none was asked for */
};

struct net_config {
	enum net_kind kind;
	char id[16]; /* "": net0, net1, ... */
	bool has_mac;
	uint8_t mac[6];
	uint16_t mtu; /* 0: not said */
	char pcap[PATH_MAX];
	/* user */
	bool restricted;
	unsigned int nr_forwards;
	struct net_forward forward[NET_MAX_FORWARDS];
	/* tap */
	char ifname[16]; /* "": a new one */
	unsigned int queues;
	enum net_vhost_wish vhost;
	/* hub */
	char hub[NET_NAME_MAX];

	struct net_live *live; /* owned */
};

/*
 * VAL: none | user[,hostfwd=...][,restrict] | tap[,ifname=IF][,queues=N][,vhost=on|off|auto] |
 * hub=NAME; then [,mac=..][,mtu=N][,pcap=FILE][,id=ID]. -EINVAL. OUT is freed with
 * net_config_free(); NULL in *OUT: "none".
 */
int net_config_parse(const char *val, struct net_config **out, struct err *err);
void net_config_free(struct net_config *cfg);
/* tcp|udp:[HOST]:PORT-[GUEST]:PORT, and QEMU's and our own shorter forms. -EINVAL. */
int net_forward_parse(const char *val, struct net_forward *out, struct err *err);
/* tcp|udp:[HOST]:PORT, for taking one away. -EINVAL. */
int net_forward_parse_host(const char *val, struct net_forward *out, struct err *err);
int net_mac_parse(const char *val, uint8_t *mac);
/* A locally administered address made from a VM's name and the number of its device. */
void net_mac_make(const char *vm_name, unsigned int index, uint8_t *mac);

/* The parser of `--net` (cmd-run-devices.h). */
int net_plug_parse(const char *val, struct pci_plug *plug, struct err *err);
/* The network configuration behind PLUG, NULL where it is another device. */
struct net_config *net_plug_config(const struct pci_plug *plug);
/* Tell all network devices of PLUG the VM's name and folder, known only now. */
void net_plugs_bind(const struct pci_plug *plug, unsigned int nr, const char *vm_name,
		    const char *run_dir);

#endif
