/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM as it was at several moments. Pages that are the same are kept once,
 * zero pages not at all, and only pages that changed are copied. [main] throughout,
 * while the vCPUs and the devices' workers stand.
 */
#ifndef VITRINE_VMM_RAMSTORE_H
#define VITRINE_VMM_RAMSTORE_H

#include <stdint.h>

#include "base/err.h"
#include "vmm/mem.h"

struct ram_store;
struct ram_image; /* RAM at one moment */

/* MEM must outlive the store; it is tracked while there is an image. */
struct ram_store *ram_store_new(struct mem *mem);
/* With all its images. NULL is fine. */
void ram_store_free(struct ram_store *store);
/* Keep RAM as it is in *IMG: a new image where it is NULL, else that one brought up to date.
 * -ENOMEM: then it is gone and *IMG NULL. */
int ram_save(struct ram_store *store, struct ram_image **img, struct err *err);
/* Make RAM what it was. */
int ram_load(struct ram_store *store, struct ram_image *img, struct err *err);
void ram_drop(struct ram_store *store, struct ram_image *img);
/* Bytes that all images together take; bytes copied by the last save or load. */
uint64_t ram_store_bytes(const struct ram_store *store);
uint64_t ram_store_copied(const struct ram_store *store);
/* Bytes of IMG that are not zero. */
uint64_t ram_image_bytes(const struct ram_image *img);

#endif
