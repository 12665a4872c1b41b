/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libnbd, loaded when the first image needs it: it brings a TLS library and
 * more along, which every start of the program would otherwise pay for.
 */
#ifndef VITRINE_VMM_BLOCK_NBD_LIB_H
#define VITRINE_VMM_BLOCK_NBD_LIB_H

#ifdef HAVE_NBD
#include <libnbd.h>

#include "base/err.h"

#define NBD_CALLS(X)          \
	X(create)             \
	X(close)              \
	X(get_error)          \
	X(set_export_name)    \
	X(aio_connect_uri)    \
	X(aio_connect_unix)   \
	X(aio_connect_tcp)    \
	X(aio_connect_socket) \
	X(aio_is_connecting)  \
	X(aio_is_ready)       \
	X(aio_is_dead)        \
	X(aio_is_closed)      \
	X(poll)               \
	X(get_size)           \
	X(get_block_size)     \
	X(is_read_only)       \
	X(can_flush)          \
	X(can_fua)            \
	X(can_trim)           \
	X(can_zero)           \
	X(aio_get_fd)         \
	X(aio_get_direction)  \
	X(aio_notify_read)    \
	X(aio_notify_write)   \
	X(aio_pread)          \
	X(aio_pwrite)         \
	X(aio_flush)          \
	X(aio_trim)           \
	X(aio_zero)           \
	X(aio_disconnect)

struct nbd_lib {
#define NBD_MEMBER(name) __typeof__(&nbd_##name) name;
	NBD_CALLS(NBD_MEMBER)
#undef NBD_MEMBER
};

/* The library's functions, for the rest of the process's life. -ENOENT. [main] */
int nbd_lib_load(const struct nbd_lib **out, struct err *err);
#endif

#endif
