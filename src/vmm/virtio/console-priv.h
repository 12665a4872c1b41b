/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the console device's files share. */
#ifndef VITRINE_VMM_VIRTIO_CONSOLE_PRIV_H
#define VITRINE_VMM_VIRTIO_CONSOLE_PRIV_H

#include <stdatomic.h>

#include "vmm/virtio/console.h"

#define VCONSOLE_CHUNK 4096

struct vconsole;

/* Host side of a port: what console.c asks of console-host.c. In the worker. */
struct vconsole_port {
	struct vconsole *con;
	unsigned int index;
	const char *name, *path;
	struct vconsole_line *line; /* port 0 */
	int listen_fd, fd;	    /* the others */
	uint32_t watched;	    /* events of fd */
	uint16_t sent_cols, sent_rows;
	bool guest_open, ready;
	unsigned int todo; /* control messages due to the driver */
	size_t tx_off;	   /* of the next chain, how much is out already */
	atomic_ulong nr_in, nr_out;
};

struct vconsole {
	struct virtio *vdev;
	const struct dev_env *env;
	unsigned int nr_ports;
	struct vconsole_port port[VCONSOLE_MAX_PORTS];
	struct virtq_elem elem; /* the worker's */
	uint8_t chunk[VCONSOLE_CHUNK];
};

/* console-line.c */
/* Wake FD when there is input or a new size; -1: no more. */
void vconsole_line_attach(struct vconsole_line *line, int fd);
void vconsole_line_set_open(struct vconsole_line *line, bool open);
size_t vconsole_line_take(struct vconsole_line *line, uint8_t *data, size_t len);
void vconsole_line_size(struct vconsole_line *line, uint16_t *cols, uint16_t *rows);

/* console-host.c */
int vconsole_host_start(struct vconsole_port *port, struct err *err);
void vconsole_host_stop(struct vconsole_port *port);
/* Someone is there to talk to. */
bool vconsole_host_connected(const struct vconsole_port *port);
/* Bytes taken: fewer than LEN means wait for vconsole_port_writable(). */
size_t vconsole_host_write(struct vconsole_port *port, const uint8_t *data, size_t len);
size_t vconsole_host_read(struct vconsole_port *port, uint8_t *data, size_t len);
/* Call vconsole_port_readable() (READ), ...writable() (WRITE) when they may go on. */
void vconsole_host_want(struct vconsole_port *port, bool read, bool write);

/* console.c, called by console-host.c in the worker */
void vconsole_port_readable(struct vconsole_port *port);
void vconsole_port_writable(struct vconsole_port *port);
void vconsole_port_connected(struct vconsole_port *port);
void vconsole_port_resized(struct vconsole_port *port);

#endif
