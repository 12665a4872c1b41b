/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to be started, as fleet files and guest tests name it: settings that
 * become the words of a `vitrine run`. One table knows the keys for both.
 */
#ifndef VITRINE_FARM_GUEST_H
#define VITRINE_FARM_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "farm/conf.h"

#define GUEST_MEM_DEFAULT (256ull << 20)

struct guest {
	char *image;	      /* whole path; NULL: none given */
	char *cmdline;	      /* NULL: none */
	uint64_t mem_size;    /* bytes, also where nothing was said */
	struct words options; /* of `vitrine run`, without image and name */
};

void guest_init(struct guest *guest);
void guest_free(struct guest *guest);
/*
 * Take one setting; paths count from DIR. 0: taken; -ENOENT: no key of a guest's (ERR is left
 * alone); -EINVAL, -ENOMEM.
 */
int guest_set(struct guest *guest, const char *dir, const struct conf_item *item, struct err *err);
/* ARGV: "vitrine" "run" MORE... options image ["--" command line]. -ENOMEM. */
int guest_argv(const struct guest *guest, const struct words *more, struct words *argv);
/* The key nearest to WORD among a guest's and the NULL-ended OTHERS, or NULL. */
const char *guest_nearest(const char *word, const char *const *others);
/* Whether NAME can be a VM's: letters, digits, '.', '_', '-'. */
bool guest_name_ok(const char *name);

#endif
