/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fleet file: VMs that belong together, the order they start in, the networks
 * between them, their limits and what happens when one ends. See vitrine(1).
 */
#ifndef VITRINE_FARM_FLEETFILE_H
#define VITRINE_FARM_FLEETFILE_H

#include "farm/guest.h"

#define FLEET_MAX_VMS 256

enum fleet_restart { FLEET_NEVER, FLEET_ON_FAILURE, FLEET_ALWAYS };

struct fleet_vm {
	char name[64];
	unsigned int line;
	struct guest guest;
	struct words after;    /* names of those that start before */
	struct words networks; /* names of networks it is on */
	enum fleet_restart restart;
	unsigned int cpu_weight; /* 1..10000; 0: none */
	uint64_t memory_high;	 /* bytes; 0: none */
};

struct fleet_net {
	char name[64];
	char *pcap; /* NULL: no capture */
};

struct fleet {
	struct fleet_vm *vm;
	struct fleet_net *net;
	size_t nr_vms, nr_nets;
	size_t order[FLEET_MAX_VMS]; /* indices of VM in the order to start them */
};

/* Understand TEXT; paths count from DIR. -EINVAL with the line, -ENOMEM. */
int fleetfile_parse(const char *text, size_t len, const char *dir, struct fleet **out,
		    struct err *err);
int fleetfile_load(const char *path, struct fleet **out, struct err *err);
void fleetfile_free(struct fleet *fleet);

#endif
