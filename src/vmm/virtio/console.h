/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console device (virtio 1.2, section 5.3): port 0 is a console (hvc0) on the
 * machine's console line; the others are plain channels (/dev/virtio-ports/NAME
 * in Linux), each a unix socket on the host.
 */
#ifndef VITRINE_VMM_VIRTIO_CONSOLE_H
#define VITRINE_VMM_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/pci.h"
#include "vmm/virtio/virtio.h"

#define VCONSOLE_MAX_PORTS    8
#define VCONSOLE_SERIAL_INDEX 3 /* dev_env.serial_out's index of port 0 */

/* The way to port 0: bounded input, and its size. Made before the device, ended after it. */
struct vconsole_line;
struct vconsole_line *vconsole_line_new(void);
void vconsole_line_free(struct vconsole_line *line);
/* Bytes for the guest; returns how many there was room for. Any thread. */
size_t vconsole_line_input(struct vconsole_line *line, const uint8_t *data, size_t len);
/* The guest's driver has the port open. Any thread. */
bool vconsole_line_open(struct vconsole_line *line);
/* The terminal has COLS columns and ROWS rows now. Any thread. */
void vconsole_line_resize(struct vconsole_line *line, uint16_t cols, uint16_t rows);

struct vconsole_config {
	struct vconsole_line *line;
	unsigned int nr_ports; /* with port 0 */
	struct {
		const char *name; /* NULL for port 0 */
		const char *path; /* unix socket, made by the device */
	} port[VCONSOLE_MAX_PORTS];
};

extern const struct virtio_ops virtio_console_ops;

/* The value of --console: "serial" or "virtio[,size=COLSxROWS][,port=NAME:PATH]...". Fills PLUG,
 * or leaves plug->ops NULL for "serial". -EINVAL. */
int vconsole_parse(const char *val, struct pci_plug *plug, struct err *err);
/* The line of a plug that vconsole_parse() made, NULL for other plugs. */
struct vconsole_line *vconsole_plug_line(const struct pci_plug *plug);

#endif
