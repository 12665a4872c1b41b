/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network device and vhost-net: the order of set-up, hand-over, what happens without it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake-virtio.h"
#include "net/vhost.h"
#include "net/virtio-net.h"

/* Last: it names feature bits as virtio.h names their masks. */
#include <linux/vhost.h>

#define VHOST_FD 77
#define TAP_FD	 55
#define LOG_MAX	 1024

/* --- a kernel that writes down what it is asked --- */

static struct {
	char log[LOG_MAX];
	int open_errno;
	unsigned long refuse; /* this request */
	uint64_t features, asked;
	uint16_t next[VHOST_NR_RINGS];
	unsigned int nr_regions, nr_closed;
} kern;

static const struct {
	unsigned long request;
	const char *name;
} requests[] = {
	{ VHOST_SET_OWNER, "owner" },	   { VHOST_GET_FEATURES, "offers" },
	{ VHOST_SET_MEM_TABLE, "memory" }, { VHOST_SET_FEATURES, "features" },
	{ VHOST_SET_LOG_BASE, "log" },	   { VHOST_SET_VRING_NUM, "num" },
	{ VHOST_SET_VRING_BASE, "base" },  { VHOST_SET_VRING_ADDR, "addr" },
	{ VHOST_SET_VRING_KICK, "kick" },  { VHOST_SET_VRING_CALL, "call" },
	{ VHOST_SET_VRING_ERR, "err" },	   { VHOST_GET_VRING_BASE, "next" },
};

static void kern_note(const char *text)
{
	strncat(kern.log, text, sizeof(kern.log) - strlen(kern.log) - 1);
	strncat(kern.log, " ", sizeof(kern.log) - strlen(kern.log) - 1);
}

static int kern_open(const char *path)
{
	assert_string_equal(path, "/dev/vhost-net");
	errno = kern.open_errno;
	return kern.open_errno ? -1 : VHOST_FD;
}

static void kern_backend(const struct vhost_vring_file *file)
{
	assert_true(file->fd == TAP_FD || file->fd == -1);
	kern_note(file->fd < 0 ? file->index ? "stop1" : "stop0" : file->index ? "run1" : "run0");
}

static int kern_ioctl(int fd, unsigned long request, void *arg)
{
	struct vhost_vring_state *state = arg;
	size_t i;

	assert_int_equal(fd, VHOST_FD);
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].request == request)
			kern_note(requests[i].name);
	}
	if (request == kern.refuse) {
		errno = EINVAL;
		return -1;
	}
	if (request == VHOST_NET_SET_BACKEND)
		kern_backend(arg);
	else if (request == VHOST_GET_FEATURES)
		*(uint64_t *)arg = kern.features;
	else if (request == VHOST_SET_FEATURES)
		kern.asked = *(uint64_t *)arg;
	else if (request == VHOST_SET_MEM_TABLE)
		kern.nr_regions = ((struct vhost_memory *)arg)->nregions;
	else if (request == VHOST_GET_VRING_BASE)
		state->num = kern.next[state->index];
	return 0;
}

static void kern_close(int fd)
{
	assert_int_equal(fd, VHOST_FD);
	kern.nr_closed++;
}

static const struct vhost_sys kern_sys = { .open = kern_open,
					   .ioctl = kern_ioctl,
					   .close = kern_close };

/* --- a tap that can be lent --- */

static struct {
	const struct net_port *port;
	bool lent;
	size_t hdr_len;
} tap;

static int tap_open(const struct net_port *port, const struct net_config *cfg, void **state,
		    struct err *err)
{
	(void)cfg;
	(void)err;
	memset(&tap, 0, sizeof(tap));
	tap.port = port;
	*state = &tap;
	return 0;
}

static void tap_close(void *state)
{
	(void)state;
	assert_false(tap.lent);
}

static int tap_send(void *state, unsigned int pair, const struct net_hdr *hdr,
		    const struct iovec *iov, unsigned int nr, size_t len)
{
	(void)state;
	(void)pair;
	(void)hdr;
	(void)iov;
	(void)nr;
	(void)len;
	return 0;
}

static void tap_pairs(void *state, unsigned int nr)
{
	(void)state;
	(void)nr;
}

static int tap_fd(void *state, unsigned int pair)
{
	(void)state;
	return TAP_FD + (int)pair;
}

static void tap_lend(void *state, bool on, size_t hdr_len)
{
	(void)state;
	tap.lent = on;
	tap.hdr_len = hdr_len;
}

static const struct net_backend_ops tap_ops = { .kind = "tap",
						.open = tap_open,
						.close = tap_close,
						.send = tap_send,
						.pairs = tap_pairs,
						.fd = tap_fd,
						.lend = tap_lend };

/* --- the device --- */

/* What fake-virtio lets a driver agree to, of what rings and headers depend on. */
#define FEATURES (1ull << 32 | NET_F(MRG_RXBUF))

static struct mem *mem;
static struct dev_env env;
static struct net_config *config;
static struct virtio *vdev;

static int begin(void **state)
{
	(void)state;
	memset(&kern, 0, sizeof(kern));
	kern.features = FEATURES | 1ull << VHOST_F_LOG_ALL;
	assert_int_equal(mem_create(2 << 20, &mem, NULL), 0);
	env = (struct dev_env){ .mem = mem };
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (vdev) {
		fake_virtio_reset(vdev);
		fake_virtio_free(vdev);
	}
	net_config_free(config);
	mem_destroy(mem);
	vdev = NULL;
	config = NULL;
	return 0;
}

static int make(const char *option, struct err *err)
{
	assert_int_equal(net_config_parse(option, &config, err), 0);
	config->live->backend = &tap_ops;
	config->live->vhost_sys = &kern_sys;
	vdev = fake_virtio_on(&env, &virtio_net_ops, config, err);
	return vdev ? 0 : -1;
}

/* What the kernel was asked for since the last time. */
static void asked(const char *want)
{
	assert_string_equal(kern.log, want);
	kern.log[0] = '\0';
}

static void *device(void)
{
	return fake_virtio_state(vdev);
}

#define SET_UP "features num base addr kick call err num base addr kick call err run1 run0 "
#define ENDED  "stop0 next stop1 next "

static void test_order(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make("tap", &err), 0);
	asked("owner offers memory ");
	assert_true(kern.nr_regions >= 1);
	fake_virtio_start(vdev, FEATURES | NET_F(CSUM));
	asked(SET_UP);
	assert_int_equal(kern.asked, FEATURES);
	assert_true(tap.lent);
	assert_int_equal(tap.hdr_len, 12);
	assert_true(fake_virtio_lent(vdev, 0) && fake_virtio_lent(vdev, 1));
	kern.next[0] = 5;
	kern.next[1] = 9;
	fake_virtio_reset(vdev);
	asked(ENDED);
	assert_false(tap.lent || fake_virtio_lent(vdev, 0) || fake_virtio_lent(vdev, 1));
}

static void test_pause(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make("tap", &err), 0);
	fake_virtio_start(vdev, FEATURES);
	kern.log[0] = '\0';
	virtio_net_ops.pause(device(), true);
	asked("stop0 stop1 ");
	virtio_net_ops.pause(device(), true);
	asked("");
	/* A snapshot of a guest that stands leaves it standing. */
	virtio_net_ops.hold(device(), true);
	asked(ENDED);
	assert_false(fake_virtio_lent(vdev, 0));
	virtio_net_ops.hold(device(), false);
	asked("features num base addr kick call err num base addr kick call err ");
	virtio_net_ops.pause(device(), false);
	asked("run1 run0 ");
}

static void test_cable_and_master(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make("tap", &err), 0);
	fake_virtio_start(vdev, FEATURES);
	kern.log[0] = '\0';
	net_device_set_link(config->live->dev, false);
	asked(ENDED);
	net_device_set_link(config->live->dev, true);
	asked(SET_UP);
	fake_virtio_master(vdev, false);
	virtio_net_ops.irqs_changed(device());
	asked(ENDED);
	fake_virtio_master(vdev, true);
	virtio_net_ops.irqs_changed(device());
	asked(SET_UP);
	virtio_net_ops.irqs_changed(device());
	asked("call call ");
}

/* A driver that agreed to what this kernel does not know is the worker's. */
static void test_not_suited(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	kern.features &= ~NET_F(MRG_RXBUF);
	assert_int_equal(make("tap", &err), 0);
	kern.log[0] = '\0';
	fake_virtio_start(vdev, FEATURES);
	asked("");
	assert_false(fake_virtio_lent(vdev, 0));
}

static void test_absent(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	kern.open_errno = ENOENT;
	assert_int_equal(make("tap", &err), 0);
	fake_virtio_start(vdev, FEATURES);
	asked("");
	assert_false(tap.lent || fake_virtio_lent(vdev, 0));
}

static void test_absent_but_wanted(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	kern.open_errno = ENOENT;
	assert_int_equal(make("tap,vhost=on", &err), -1);
	assert_non_null(strstr(err.text, "/dev/vhost-net"));
}

static void test_off(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make("tap,vhost=off", &err), 0);
	fake_virtio_start(vdev, FEATURES);
	asked("");
}

/* Refused at any step: the rings are the worker's again, and it is not tried once more. */
static void test_refused(void **state)
{
	static const unsigned long steps[] = { VHOST_SET_FEATURES, VHOST_SET_VRING_NUM,
					       VHOST_SET_VRING_ADDR, VHOST_SET_VRING_ERR,
					       VHOST_NET_SET_BACKEND };
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (i) {
			end(state);
			begin(state);
		}
		assert_int_equal(make("tap", &err), 0);
		kern.refuse = steps[i];
		fake_virtio_start(vdev, FEATURES);
		assert_false(tap.lent || fake_virtio_lent(vdev, 0) || fake_virtio_lent(vdev, 1));
		kern.log[0] = '\0';
		virtio_net_ops.irqs_changed(device());
		asked("");
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_pause),
		TEST(test_cable_and_master),
		TEST(test_absent),
		TEST(test_absent_but_wanted),
		TEST(test_not_suited),
		TEST(test_off),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
