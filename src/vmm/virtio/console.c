/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console device: see console.h. Everything that moves happens in the worker;
 * control messages to the driver are bits until there is a buffer for them, so
 * a driver that takes none costs nothing.
 */
#include "vmm/virtio/console.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/virtio/console-priv.h"

#define VCONSOLE_F_SIZE	       (1ull << 0)
#define VCONSOLE_F_MULTIPORT   (1ull << 1)
#define VCONSOLE_F_EMERG_WRITE (1ull << 2)

#define VCONSOLE_QUEUE_SIZE 64
#define VCONSOLE_CLASS	    0x078000
#define VCONSOLE_NAME_MAX   64

enum { QUEUE_RX0, QUEUE_TX0, QUEUE_CTRL_RX, QUEUE_CTRL_TX, QUEUE_RX1 };

/* Control messages (5.3.6.2). */
enum {
	CTRL_DEVICE_READY,
	CTRL_PORT_ADD,
	CTRL_PORT_REMOVE,
	CTRL_PORT_READY,
	CTRL_CONSOLE_PORT,
	CTRL_RESIZE,
	CTRL_PORT_OPEN,
	CTRL_PORT_NAME,
};

struct vconsole_ctrl {
	uint32_t id;
	uint16_t event, value;
};

/* Offsets in the configuration space. */
enum { CONFIG_COLS = 0, CONFIG_ROWS = 2, CONFIG_MAX_PORTS = 4, CONFIG_EMERG = 8, CONFIG_LEN = 12 };

static unsigned int vconsole_rx_queue(unsigned int port)
{
	return port ? QUEUE_RX1 + 2 * (port - 1) : QUEUE_RX0;
}

static unsigned int vconsole_tx_queue(unsigned int port)
{
	return vconsole_rx_queue(port) + 1;
}

static bool vconsole_multiport(const struct vconsole *con)
{
	return virtio_has(con->vdev, VCONSOLE_F_MULTIPORT);
}

/* --- control messages to the driver --- */

static size_t vconsole_ctrl_body(struct vconsole_port *port, unsigned int event, uint8_t *out)
{
	struct vconsole_ctrl msg = { .id = port->index, .event = (uint16_t)event, .value = 1 };
	uint16_t size[2];
	size_t len = 0;

	if (event == CTRL_PORT_OPEN)
		msg.value = vconsole_host_connected(port);
	memcpy(out, &msg, sizeof(msg));
	if (event == CTRL_RESIZE) {
		vconsole_line_size(port->line, &size[0], &size[1]);
		len = sizeof(size);
		memcpy(out + sizeof(msg), size, len);
	} else if (event == CTRL_PORT_NAME) {
		len = strlen(port->name) + 1; /* older drivers expect the terminator */
		memcpy(out + sizeof(msg), port->name, len);
	}
	return sizeof(msg) + len;
}

/* One message of PORT; false where the driver has no buffer. */
static bool vconsole_ctrl_send(struct vconsole_port *port, unsigned int event)
{
	uint8_t msg[sizeof(struct vconsole_ctrl) + VCONSOLE_NAME_MAX + 1];
	struct vconsole *con = port->con;
	struct virtq *vq = virtio_queue(con->vdev, QUEUE_CTRL_RX);
	size_t len;

	if (virtq_pop(vq, &con->elem) != 1)
		return false;
	len = vconsole_ctrl_body(port, event, msg);
	len = virtq_elem_write(&con->elem, 0, msg, len);
	virtq_push(vq, con->elem.head, (uint32_t)len);
	port->todo &= ~(1u << event);
	return true;
}

static void vconsole_ctrl_flush(struct vconsole *con)
{
	struct vconsole_port *port;
	unsigned int event;

	if (!vconsole_multiport(con))
		return;
	for (port = con->port; port < con->port + con->nr_ports; port++) {
		for (event = CTRL_PORT_ADD; event <= CTRL_PORT_NAME; event++) {
			if (port->todo & 1u << event && !vconsole_ctrl_send(port, event))
				goto out;
		}
	}
out:
	virtq_notify(virtio_queue(con->vdev, QUEUE_CTRL_RX));
}

static void vconsole_ctrl_queue(struct vconsole_port *port, unsigned int event)
{
	port->todo |= 1u << event;
	vconsole_ctrl_flush(port->con);
}

/* --- control messages from the driver --- */

static void vconsole_port_set_open(struct vconsole_port *port, bool open)
{
	port->guest_open = open;
	if (port->line)
		vconsole_line_set_open(port->line, open);
	if (open)
		vconsole_port_readable(port);
}

static void vconsole_port_get_ready(struct vconsole_port *port)
{
	port->ready = true;
	if (port->line)
		port->todo |= 1u << CTRL_CONSOLE_PORT | 1u << CTRL_RESIZE;
	else
		port->todo |= 1u << CTRL_PORT_NAME;
	if (vconsole_host_connected(port))
		port->todo |= 1u << CTRL_PORT_OPEN;
}

static void vconsole_ctrl_device(struct vconsole *con, bool ready)
{
	unsigned int i;

	for (i = 0; i < con->nr_ports && ready; i++)
		con->port[i].todo |= 1u << CTRL_PORT_ADD;
}

static void vconsole_ctrl_take(struct vconsole *con, const struct vconsole_ctrl *msg)
{
	struct vconsole_port *port = msg->id < con->nr_ports ? &con->port[msg->id] : NULL;

	if (msg->event == CTRL_DEVICE_READY)
		vconsole_ctrl_device(con, msg->value);
	else if (!port)
		virtio_broken(con->vdev, "control message %u for port %" PRIu32, msg->event,
			      msg->id);
	else if (msg->event == CTRL_PORT_READY && msg->value)
		vconsole_port_get_ready(port);
	else if (msg->event == CTRL_PORT_OPEN)
		vconsole_port_set_open(port, msg->value);
}

static void vconsole_ctrl_run(struct vconsole *con)
{
	struct virtq *vq = virtio_queue(con->vdev, QUEUE_CTRL_TX);
	struct vconsole_ctrl msg;
	uint16_t head;

	while (virtq_pop(vq, &con->elem) > 0) {
		head = con->elem.head;
		/* Shorter than a message: nothing that we know. */
		if (virtq_elem_read(&con->elem, 0, &msg, sizeof(msg)) == sizeof(msg))
			vconsole_ctrl_take(con, &msg);
		virtq_push(vq, head, 0);
	}
	virtq_notify(vq);
	vconsole_ctrl_flush(con);
}

/* --- data --- */

/* Without ports the driver's being there is all there is to know. */
static bool vconsole_port_listens(const struct vconsole_port *port)
{
	return virtio_running(port->con->vdev) && virtio_master(port->con->vdev) &&
	       (port->guest_open || (!port->index && !vconsole_multiport(port->con)));
}

/* From the host to the guest, while both have something for the other. */
void vconsole_port_readable(struct vconsole_port *port)
{
	struct vconsole *con = port->con;
	struct virtq *vq = virtio_queue(con->vdev, vconsole_rx_queue(port->index));
	size_t len, got = 1;
	int ret = 0;

	if (!vconsole_port_listens(port)) {
		vconsole_host_want(port, false, false);
		return;
	}
	while (got && (ret = virtq_pop(vq, &con->elem)) > 0) {
		len = con->elem.in_len < VCONSOLE_CHUNK ? con->elem.in_len : VCONSOLE_CHUNK;
		got = len ? vconsole_host_read(port, con->chunk, len) : 0;
		if (got || !len) {
			virtq_elem_write(&con->elem, 0, con->chunk, got);
			virtq_push(vq, con->elem.head, (uint32_t)got);
			atomic_fetch_add(&port->nr_in, got);
			got += !len;
		} else {
			virtq_unpop(vq);
		}
	}
	virtq_notify(vq);
	vconsole_host_want(port, ret > 0, port->tx_off > 0);
}

/* What of the chain from tx_off on the host takes; true when it took all. */
static bool vconsole_port_send(struct vconsole_port *port)
{
	struct vconsole *con = port->con;
	size_t len, took;

	while ((len = virtq_elem_read(&con->elem, port->tx_off, con->chunk, VCONSOLE_CHUNK))) {
		took = vconsole_host_write(port, con->chunk, len);
		port->tx_off += took;
		atomic_fetch_add(&port->nr_out, took);
		if (took < len)
			return false;
	}
	port->tx_off = 0;
	return true;
}

/* From the guest to the host. A chain the host cannot take yet stays the next one. */
void vconsole_port_writable(struct vconsole_port *port)
{
	struct vconsole *con = port->con;
	struct virtq *vq = virtio_queue(con->vdev, vconsole_tx_queue(port->index));
	bool stuck = false;

	while (!stuck && virtq_pop(vq, &con->elem) > 0) {
		stuck = !vconsole_port_send(port);
		if (stuck)
			virtq_unpop(vq);
		else
			virtq_push(vq, con->elem.head, 0);
	}
	virtq_notify(vq);
	vconsole_host_want(port, vconsole_port_listens(port), stuck);
}

void vconsole_port_connected(struct vconsole_port *port)
{
	port->tx_off = 0;
	if (port->ready)
		vconsole_ctrl_queue(port, CTRL_PORT_OPEN);
}

void vconsole_port_resized(struct vconsole_port *port)
{
	uint16_t cols, rows;

	vconsole_line_size(port->line, &cols, &rows);
	if (port->sent_cols == cols && port->sent_rows == rows)
		return;
	port->sent_cols = cols;
	port->sent_rows = rows;
	if (port->ready)
		vconsole_ctrl_queue(port, CTRL_RESIZE);
	else
		virtio_config_changed(port->con->vdev);
}

/* --- the device's table --- */

static void vconsole_queue(void *state, unsigned int queue)
{
	struct vconsole *con = state;
	unsigned int port = queue < QUEUE_CTRL_RX ? 0 : (queue - QUEUE_RX1) / 2 + 1;

	if (queue == QUEUE_CTRL_RX)
		vconsole_ctrl_flush(con);
	else if (queue == QUEUE_CTRL_TX)
		vconsole_ctrl_run(con);
	else if (queue % 2)
		vconsole_port_writable(&con->port[port]);
	else
		vconsole_port_readable(&con->port[port]);
}

static void vconsole_port_init(struct vconsole *con, const struct vconsole_config *cfg,
			       unsigned int index)
{
	struct vconsole_port *port = &con->port[index];

	port->con = con;
	port->index = index;
	port->name = cfg->port[index].name;
	port->path = cfg->port[index].path;
	port->line = index ? NULL : cfg->line;
	port->fd = port->listen_fd = -1;
	if (port->line)
		vconsole_line_size(port->line, &port->sent_cols, &port->sent_rows);
}

static int vconsole_init(const struct dev_env *env, struct virtio *vdev, const void *config,
			 void **state, struct err *err)
{
	const struct vconsole_config *cfg = config;
	struct vconsole *con = calloc(1, sizeof(*con));
	unsigned int i;
	int ret;

	if (!con)
		return err_sys(err, ENOMEM, "%s", virtio_name(vdev));
	con->vdev = vdev;
	con->env = env;
	con->nr_ports = cfg->nr_ports;
	*state = con;
	for (i = 0; i < con->nr_ports; i++)
		vconsole_port_init(con, cfg, i);
	ret = virtio_queues(vdev, QUEUE_RX1 + 2 * (con->nr_ports - 1), VCONSOLE_QUEUE_SIZE, err);
	for (i = 0; i < con->nr_ports && ret == 0; i++)
		ret = vconsole_host_start(&con->port[i], err);
	return ret;
}

static void vconsole_exit(void *state)
{
	struct vconsole *con = state;
	unsigned int i;

	for (i = 0; i < con->nr_ports; i++)
		vconsole_host_stop(&con->port[i]);
	free(con);
}

static void vconsole_reset(void *state)
{
	struct vconsole *con = state;
	struct vconsole_port *port;

	for (port = con->port; port < con->port + con->nr_ports; port++) {
		port->guest_open = port->ready = false;
		port->todo = 0;
		port->tx_off = 0;
		if (port->line)
			vconsole_line_set_open(port->line, false);
	}
}

static uint64_t vconsole_features(void *state)
{
	(void)state;
	return VCONSOLE_F_SIZE | VCONSOLE_F_MULTIPORT | VCONSOLE_F_EMERG_WRITE;
}

static void vconsole_negotiated(void *state, uint64_t features)
{
	(void)state;
	(void)features;
}

static void vconsole_started(void *state)
{
	struct vconsole *con = state;

	if (!vconsole_multiport(con))
		vconsole_line_set_open(con->port[0].line, true);
}

static uint64_t vconsole_config_read(void *state, uint32_t off, uint32_t size)
{
	struct vconsole *con = state;
	uint8_t image[CONFIG_LEN] = { 0 };
	uint32_t nr = con->nr_ports, i;
	uint16_t cols, rows;
	uint64_t val = 0;

	vconsole_line_size(con->port[0].line, &cols, &rows);
	memcpy(image + CONFIG_COLS, &cols, 2);
	memcpy(image + CONFIG_ROWS, &rows, 2);
	memcpy(image + CONFIG_MAX_PORTS, &nr, 4);
	for (i = 0; i < size && off + i < CONFIG_LEN; i++)
		val |= (uint64_t)image[off + i] << (8 * i);
	return val;
}

/* 5.3.4: a character without any set-up, for what is said early or on the way down. */
static void vconsole_config_write(void *state, uint32_t off, uint32_t size, uint64_t val)
{
	struct vconsole *con = state;
	uint8_t c = (uint8_t)val;

	(void)size;
	if (off == CONFIG_EMERG)
		con->env->serial_out(con->env->ctx, VCONSOLE_SERIAL_INDEX, &c, 1);
}

static void vconsole_describe(void *state, struct dev_rows *rows)
{
	struct vconsole *con = state;
	struct vconsole_port *port;
	uint16_t cols, rws;
	char label[24];

	vconsole_line_size(con->port[0].line, &cols, &rws);
	dev_row(rows, "size", "%ux%u", cols, rws);
	for (port = con->port; port < con->port + con->nr_ports; port++) {
		snprintf(label, sizeof(label), "port %u", port->index);
		dev_row(rows, label, "%s, %lu bytes in, %lu out", port->name ? port->name : "hvc0",
			atomic_load(&port->nr_in), atomic_load(&port->nr_out));
	}
}

static void vconsole_save(void *state, struct buf *out)
{
	struct vconsole *con = state;
	struct vconsole_port *port;

	dev_save_u32(out, con->nr_ports);
	for (port = con->port; port < con->port + con->nr_ports; port++) {
		dev_save_u8(out, port->guest_open);
		dev_save_u8(out, port->ready);
		dev_save_u32(out, port->todo);
		dev_save_u64(out, port->tx_off);
	}
}

static int vconsole_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct vconsole *con = state;
	struct vconsole_port *port;

	if (dev_load_u32(in) != con->nr_ports)
		return err_set(err, EINVAL, "%s: saved with other ports", virtio_name(con->vdev));
	for (port = con->port; port < con->port + con->nr_ports; port++) {
		port->guest_open = dev_load_u8(in);
		port->ready = dev_load_u8(in);
		port->todo = dev_load_u32(in);
		port->tx_off = dev_load_u64(in);
		/* Who is connected now may differ from then. */
		if (port->ready)
			port->todo |= 1u << CTRL_PORT_OPEN;
		if (port->line)
			vconsole_line_set_open(port->line, port->guest_open);
	}
	return dev_load_end(in, virtio_name(con->vdev), err);
}

const struct virtio_ops virtio_console_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.class_code = VCONSOLE_CLASS,
	.init = vconsole_init,
	.exit = vconsole_exit,
	.reset = vconsole_reset,
	.features = vconsole_features,
	.negotiated = vconsole_negotiated,
	.started = vconsole_started,
	.config_read = vconsole_config_read,
	.config_write = vconsole_config_write,
	.queue = vconsole_queue,
	.describe = vconsole_describe,
	.save = vconsole_save,
	.load = vconsole_load,
};
