/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receive filter: see filter.h. */
#include "net/filter.h"

#include <string.h>

void filter_reset(struct filter *filter, const uint8_t *mac)
{
	memset(filter, 0, sizeof(*filter));
	memcpy(filter->mac, mac, 6);
	filter->promisc = true;
}

void filter_vlan(struct filter *filter, unsigned int vid, bool on)
{
	uint8_t bit = (uint8_t)(1u << (vid % 8));

	if (on)
		filter->vlan[vid % 4096 / 8] |= bit;
	else
		filter->vlan[vid % 4096 / 8] &= (uint8_t)~bit;
}

bool filter_has_vlan(const struct filter *filter, unsigned int vid)
{
	return filter->vlan[vid % 4096 / 8] >> (vid % 8) & 1;
}

static bool filter_in_table(const struct filter_table *table, const uint8_t *mac)
{
	unsigned int i;

	if (table->overflow)
		return true;
	for (i = 0; i < table->nr; i++) {
		if (memcmp(table->mac[i], mac, 6) == 0)
			return true;
	}
	return false;
}

bool filter_pass(const struct filter *filter, const uint8_t *frame, size_t len)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (len < 14)
		return false;
	if (filter->use_vlan && len >= 16 && frame[12] == 0x81 && frame[13] == 0x00 &&
	    !filter_has_vlan(filter, (frame[14] & 15u) << 8 | frame[15]))
		return false;
	if (filter->promisc)
		return true;
	if (memcmp(frame, broadcast, 6) == 0)
		return !filter->nobcast;
	if (frame[0] & 1)
		return !filter->nomulti &&
		       (filter->allmulti || filter_in_table(&filter->multicast, frame));
	return !filter->nouni && (filter->alluni || memcmp(frame, filter->mac, 6) == 0 ||
				  filter_in_table(&filter->unicast, frame));
}

static void filter_save_table(const struct filter_table *table, struct buf *out)
{
	dev_save_u32(out, table->nr);
	dev_save_u8(out, table->overflow);
	dev_save_bytes(out, table->mac, sizeof(table->mac));
}

static void filter_load_table(struct filter_table *table, struct dev_state_in *in)
{
	table->nr = dev_load_u32(in);
	table->overflow = dev_load_u8(in) != 0;
	dev_load_bytes(in, table->mac, sizeof(table->mac));
	if (table->nr > FILTER_MAX_MACS) {
		table->nr = 0;
		in->failed = true;
	}
}

void filter_save(const struct filter *filter, struct buf *out)
{
	const bool flags[] = { filter->promisc, filter->allmulti, filter->alluni,  filter->nomulti,
			       filter->nouni,	filter->nobcast,  filter->use_vlan };
	size_t i;

	dev_save_bytes(out, filter->mac, sizeof(filter->mac));
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		dev_save_u8(out, flags[i]);
	filter_save_table(&filter->unicast, out);
	filter_save_table(&filter->multicast, out);
	dev_save_bytes(out, filter->vlan, sizeof(filter->vlan));
}

void filter_load(struct filter *filter, struct dev_state_in *in)
{
	bool *const flags[] = { &filter->promisc, &filter->allmulti, &filter->alluni,
				&filter->nomulti, &filter->nouni,    &filter->nobcast,
				&filter->use_vlan };
	size_t i;

	memset(filter, 0, sizeof(*filter));
	dev_load_bytes(in, filter->mac, sizeof(filter->mac));
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		*flags[i] = dev_load_u8(in) != 0;
	filter_load_table(&filter->unicast, in);
	filter_load_table(&filter->multicast, in);
	dev_load_bytes(in, filter->vlan, sizeof(filter->vlan));
}
