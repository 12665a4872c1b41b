/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the VM process knows of its guest's memory on the host: per memslot what is resident and
 * what is swapped out, how fast the guest writes, where one page lies. [main]
 */
#ifndef VITRINE_CTL_HOSTMAP_H
#define VITRINE_CTL_HOSTMAP_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "stage2/stage2.h"
#include "vmm/vm.h"

/*
 * Go on counting the pages the guest writes for some seconds more; the first call begins. It
 * costs the guest a fault a page.
 */
int hostmap_count(struct vm *vm, struct err *err);
/* One line a memslot, appended to OUT; the same as an array (new reference). */
void hostmap_text(struct vm *vm, struct buf *out);
json_t *hostmap_json(struct vm *vm);
/*
 * From a guest-physical address to its host page, and beside it what MAP, which was read for that
 * address, says: lines appended to OUT; the same as an object (new reference).
 */
void hostmap_follow_text(struct vm *vm, const struct stage2_map *map, struct buf *out);
json_t *hostmap_follow_json(struct vm *vm, const struct stage2_map *map);

#endif
