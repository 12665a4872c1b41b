/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading libnbd: see nbd-lib.h. */
#include "vmm/block/nbd-lib.h"

#ifdef HAVE_NBD
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define NBD_LIB_NAME "libnbd.so.0"

struct nbd_symbol {
	const char *name;
	size_t off;
};

static const struct nbd_symbol nbd_symbols[] = {
#define NBD_SYMBOL(name) { "nbd_" #name, offsetof(struct nbd_lib, name) },
	NBD_CALLS(NBD_SYMBOL)
#undef NBD_SYMBOL
};

int nbd_lib_load(const struct nbd_lib **out, struct err *err)
{
	static struct nbd_lib lib;
	static void *handle;
	size_t i;

	if (!handle)
		handle = dlopen(NBD_LIB_NAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(err, ENOENT, "libnbd is missing: apt-get install libnbd0");
	for (i = 0; i < sizeof(nbd_symbols) / sizeof(nbd_symbols[0]); i++) {
		void *addr = dlsym(handle, nbd_symbols[i].name);

		if (!addr)
			return err_set(err, ENOENT, "libnbd is too old: no %s",
				       nbd_symbols[i].name);
		memcpy((char *)&lib + nbd_symbols[i].off, &addr, sizeof(addr));
	}
	*out = &lib;
	return 0;
}
#endif
