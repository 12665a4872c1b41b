/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which received frames a guest wants (virtio 1.2, section 5.1.6.5). Pure. */
#ifndef VITRINE_NET_FILTER_H
#define VITRINE_NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "vmm/device.h"

#define FILTER_MAX_MACS 64 /* more of a kind: all of that kind */

struct filter_table {
	unsigned int nr;
	bool overflow;
	uint8_t mac[FILTER_MAX_MACS][6];
};

struct filter {
	uint8_t mac[6];
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	struct filter_table unicast, multicast;
	bool use_vlan;
	uint8_t vlan[4096 / 8];
};

/* As a device is before its driver says more: everything passes (5.1.6.5.1). */
void filter_reset(struct filter *filter, const uint8_t *mac);
bool filter_pass(const struct filter *filter, const uint8_t *frame, size_t len);
void filter_vlan(struct filter *filter, unsigned int vid, bool on);
bool filter_has_vlan(const struct filter *filter, unsigned int vid);
void filter_save(const struct filter *filter, struct buf *out);
/* OUT is whole and within bounds whatever IN holds; in->failed says the rest. */
void filter_load(struct filter *filter, struct dev_state_in *in);

#endif
