/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A qemu-nbd of our own that serves one image over a private socket. */
#ifndef VITRINE_VMM_BLOCK_NBD_SERVER_H
#define VITRINE_VMM_BLOCK_NBD_SERVER_H

#include "vmm/block/block.h"

struct nbd_server;

/*
 * Start it for CONFIG's file, which is of FORMAT. FD is a connection to it (the caller's); whether
 * the server likes the image shows when that is used. It ends with the connection, and with this
 * process at the latest. [main]
 */
int nbd_server_start(const struct block_config *config, const char *format, struct nbd_server **out,
		     int *fd, struct err *err);
/* It runs well: its complaints are of no interest any more. */
void nbd_server_accept(struct nbd_server *server);
/* It did not: wait for its end and put what it said into ERR. -EIO or -EBUSY. */
int nbd_server_blame(struct nbd_server *server, const char *path, struct err *err);
/* After the connection was closed: let it finish, then see that it is gone. NULL is fine. */
void nbd_server_stop(struct nbd_server *server);

#endif
