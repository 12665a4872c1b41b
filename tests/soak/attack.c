/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in a process: several "processors" attack the PCI bus and
 * every virtio device behind it with register, configuration and MSI-X writes,
 * rings and descriptors that are random or made to hurt, while the machine is
 * looked at, reset, saved and loaded. The same seed attacks the same way (but
 * for the threads' timing). Afterwards the devices must still answer.
 *
 *	attack [-n OPERATIONS] [-s SEED] [-t THREADS] [-v]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "balloon/balloon.h"
#include "base/log.h"
#include "base/time.h"
#include "net/config.h"
#include "vmm/acpi.h"
#include "vmm/pci.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/rng.h"

#define ATTACK_RAM	 (3584ull << 20) /* so that there is a hole, and RAM above it */
#define ATTACK_BASE	 0x100000u	 /* where the guest's rings and buffers are */
#define ATTACK_SPACE	 0x100000u
#define ATTACK_DEVICES	 8
#define ATTACK_THREADS	 8
#define ATTACK_QUEUES	 16
#define ATTACK_QUEUE_LEN 0x4000u
#define ATTACK_WAIT_S	 30
#define ATTACK_GROWTH	 (32l << 10) /* KiB of private memory between warm-up and end */
#define ATTACK_PATTERN	 0xa5

#define MODERN_NOTIFY 0x3000

#if defined(__SANITIZE_ADDRESS__)
#define ATTACK_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ATTACK_ASAN
#endif
#endif

struct dev_msi {
	int fd;
};

struct dev_timer {
	char unused;
};

struct target {
	unsigned int slot;
	uint64_t io, msix, modern; /* where the firmware put the BARs */
	unsigned int nr_queues;
};

/* One processor: its random numbers, and nothing shared. */
struct attacker {
	pthread_t thread;
	uint64_t rand;
	unsigned long count;
};

static struct {
	struct dev_env env;
	void *host;
	struct vconsole_line *line;
	struct pci_plug plug[ATTACK_DEVICES]; /* and, behind it, what the options became */
	unsigned int nr_plugs;
	struct target target[ATTACK_DEVICES];
	unsigned int nr_targets;
	atomic_long nr_events;
	atomic_ulong nr_out;
	atomic_bool stop;
	pthread_rwlock_t running; /* attackers read; who resets or saves writes */
	char dir[64];
} atk;

/* --- the machine --- */

static void env_irq_set(void *ctx, unsigned int gsi, int level)
{
	(void)ctx;
	(void)level;
	if (gsi >= 24)
		abort();
}

static void env_request(void *ctx, enum dev_request req, uint32_t value)
{
	(void)ctx;
	(void)req;
	(void)value;
}

static void env_serial_out(void *ctx, unsigned int index, const uint8_t *data, size_t len)
{
	(void)ctx;
	(void)index;
	(void)data;
	atomic_fetch_add(&atk.nr_out, len);
}

static uint64_t env_now_ns(void *ctx)
{
	(void)ctx;
	return time_now_ns();
}

static int64_t env_wall_sec(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static struct dev_timer *env_timer_new(void *ctx, void (*fn)(void *arg), void *arg)
{
	(void)ctx;
	(void)fn;
	(void)arg;
	return calloc(1, sizeof(struct dev_timer)); /* one that never comes */
}

static void env_timer_arm(struct dev_timer *timer, uint64_t when_ns)
{
	(void)timer;
	(void)when_ns;
}

static void env_timer_free(struct dev_timer *timer)
{
	free(timer);
}

static struct dev_msi *env_msi_new(void *ctx, struct err *err)
{
	struct dev_msi *msi = calloc(1, sizeof(*msi));

	(void)ctx;
	if (msi)
		msi->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (msi && msi->fd >= 0)
		return msi;
	free(msi);
	err_sys(err, ENOMEM, "MSI");
	return NULL;
}

/* As KVM's irqchip: what is no message is refused. */
static int env_msi_set(struct dev_msi *msi, uint64_t addr, uint32_t data)
{
	(void)msi;
	(void)data;
	return addr >> 20 == 0xfee ? 0 : -EINVAL;
}

static int env_msi_fd(const struct dev_msi *msi)
{
	return msi->fd;
}

static void env_msi_free(struct dev_msi *msi)
{
	close(msi->fd);
	free(msi);
}

static int env_ioeventfd(void *ctx, int fd, const struct dev_ioevent *ev, bool add)
{
	(void)ctx;
	(void)ev;
	if (fcntl(fd, F_GETFD) < 0)
		abort();
	atomic_fetch_add(&atk.nr_events, add ? 1 : -1);
	return 0;
}

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "attack: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
	exit(1);
}

static uint64_t access_at(enum bus_kind kind, uint64_t addr, uint32_t size, bool write,
			  uint64_t val)
{
	struct bus_access acc = { .addr = addr, .size = size, .write = write, .data = val };

	bus_dispatch(atk.env.bus, kind, &acc);
	return acc.data;
}

static uint64_t cfg_addr(const struct target *tgt, unsigned int off)
{
	return ACPI_ECAM_BASE + ((uint64_t)tgt->slot << 15) + off;
}

static uint32_t cfg_read(const struct target *tgt, unsigned int off)
{
	return (uint32_t)access_at(BUS_MMIO, cfg_addr(tgt, off), 4, false, 0);
}

static void cfg_write(const struct target *tgt, unsigned int off, uint32_t size, uint32_t val)
{
	access_at(BUS_MMIO, cfg_addr(tgt, off), size, true, val);
}

static void target_find(unsigned int slot)
{
	struct target *tgt = &atk.target[atk.nr_targets];

	tgt->slot = slot;
	if ((cfg_read(tgt, 0) & 0xffff) != 0x1af4 || cfg_read(tgt, 0) >> 16 < 0x1000)
		return;
	tgt->io = cfg_read(tgt, 0x10) & ~3u;
	tgt->msix = cfg_read(tgt, 0x14) & ~15u;
	tgt->modern = (cfg_read(tgt, 0x20) & ~15u) | (uint64_t)cfg_read(tgt, 0x24) << 32;
	tgt->nr_queues = (unsigned int)access_at(BUS_MMIO, tgt->modern + 18, 2, false, 0);
	if (!tgt->io || !tgt->modern || !tgt->nr_queues)
		die("a device without BARs", NULL);
	if (tgt->nr_queues > ATTACK_QUEUES)
		tgt->nr_queues = ATTACK_QUEUES;
	atk.nr_targets++;
}

static void machine_plug(int (*parse)(const char *val, struct pci_plug *plug, struct err *err),
			 const char *val, const char *name)
{
	struct pci_plug *plug = &atk.plug[atk.nr_plugs++];
	struct err err = ERR_INIT;

	if (parse(val, plug, &err) < 0)
		die(name, &err);
	plug->name = name;
	if (!atk.line)
		atk.line = vconsole_plug_line(plug);
	net_plugs_bind(plug, 1, "attack", atk.dir);
	if (pci_host_plug(atk.host, &atk.env, plug, &err) < 0)
		die(name, &err);
}

static int parse_rng(const char *val, struct pci_plug *plug, struct err *err)
{
	static const struct virtio_plug rng = { .ops = &virtio_rng_ops };

	(void)val;
	(void)err;
	plug->ops = &virtio_pci_ops;
	plug->config = &rng;
	return 0;
}

static void machine_disk(char *val, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/disk", atk.dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		die(path, NULL);
	close(fd);
	snprintf(val, len, "%s,format=raw", path);
}

static void machine_make(void)
{
	struct err err = ERR_INIT;
	char val[256];
	unsigned int i;

	atk.env = (struct dev_env){
		.nr_cpus = 2,
		.irq_set = env_irq_set,
		.request = env_request,
		.serial_out = env_serial_out,
		.now_ns = env_now_ns,
		.wall_sec = env_wall_sec,
		.timer_new = env_timer_new,
		.timer_arm = env_timer_arm,
		.timer_free = env_timer_free,
		.msi_new = env_msi_new,
		.msi_set = env_msi_set,
		.msi_fd = env_msi_fd,
		.msi_free = env_msi_free,
		.ioeventfd = env_ioeventfd,
	};
	if (bus_create(NULL, &atk.env.bus, &err) || mem_create(ATTACK_RAM, &atk.env.mem, &err) ||
	    pci_host_ops.init(&atk.env, &atk.host, &err))
		die("machine", &err);
	/* Where no device has any business. */
	mem_set(atk.env.mem, MEM_VGA_BASE, ATTACK_PATTERN, MEM_HIGH_BASE - MEM_VGA_BASE);
	machine_plug(parse_rng, NULL, "rng");
	snprintf(val, sizeof(val), "virtio,port=one:%s/one,port=two:%s/two", atk.dir, atk.dir);
	machine_plug(vconsole_parse, val, "console");
	machine_disk(val, sizeof(val));
	machine_plug(blk_parse_disk, val, "disk0");
	machine_plug(net_plug_parse, "hub=attack", "net0");
	machine_plug(balloon_plug_parse, "3G,stats=0", "balloon");
	for (i = 0; i < 32 && atk.nr_targets < ATTACK_DEVICES; i++)
		target_find(i);
}

static void machine_end(void)
{
	char cmd[160];

	pci_host_ops.exit(atk.host);
	if (atomic_load(&atk.nr_events))
		die("eventfds are left", NULL);
	bus_destroy(atk.env.bus);
	mem_destroy(atk.env.mem);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", atk.dir);
	if (system(cmd))
		die("cannot clean up", NULL);
}

/* --- random numbers, and numbers made to hurt --- */

static uint64_t rnd(struct attacker *at)
{
	at->rand ^= at->rand << 13;
	at->rand ^= at->rand >> 7;
	at->rand ^= at->rand << 17;
	return at->rand;
}

static uint64_t pick(struct attacker *at, uint64_t nr)
{
	return (rnd(at) >> 11) % nr;
}

static uint64_t bad_number(struct attacker *at)
{
	static const uint64_t edge[] = { 0,	   1,	       2,	   3,	    4,	       15,
					 16,	   63,	       64,	   65,	    127,       128,
					 255,	   256,	       1023,	   1024,    4095,      4096,
					 0x7fff,   0x8000,     0xffff,	   0x10000, 1u << 20,  ~0u,
					 1u << 31, 0x7fffffff, 1ull << 32, ~0ull,   1ull << 63 };

	if (pick(at, 3))
		return edge[pick(at, sizeof(edge) / sizeof(edge[0]))];
	return rnd(at) >> pick(at, 64);
}

static uint64_t bad_addr(struct attacker *at)
{
	static const uint64_t edge[] = { 0,	     0x9fff0,	 0xa0000,    0xb8000,	 0xf0000,
					 0xffff0,    0xbffffff0, 0xc0000000, 0xe0000000, 0xfebff000,
					 0xfec00000, 0xfee00000, 0xfffffff0, 1ull << 32, ~0ull };

	if (pick(at, 4)) /* the good part of memory, so that something happens */
		return ATTACK_BASE + pick(at, ATTACK_SPACE);
	if (pick(at, 2))
		return edge[pick(at, sizeof(edge) / sizeof(edge[0]))] + pick(at, 32) - 16;
	return pick(at, 2) ? ATTACK_RAM + 0x40000000 - pick(at, 64) : rnd(at);
}

/* Where queue Q of TGT has its rings when it was set up as it should. */
static uint64_t ring_addr(const struct target *tgt, unsigned int queue)
{
	return ATTACK_BASE +
	       (((tgt->slot * ATTACK_QUEUES + queue) * ATTACK_QUEUE_LEN) & (ATTACK_SPACE - 1));
}

static void poke(uint64_t gpa, const void *data, size_t len)
{
	const uint8_t *from = data;
	uint8_t *to = mem_span(atk.env.mem, gpa, len);
	size_t i;

	for (i = 0; to && i < len; i++)
		__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
}

static uint16_t peek16(uint64_t gpa)
{
	uint16_t *at = mem_span(atk.env.mem, gpa, 2);

	return at ? __atomic_load_n(at, __ATOMIC_ACQUIRE) : 0;
}

static void poke16(uint64_t gpa, uint16_t val)
{
	uint16_t *at = mem_span(atk.env.mem, gpa, 2);

	if (at)
		__atomic_store_n(at, val, __ATOMIC_RELEASE);
}

/* --- a driver that does right, to begin with --- */

static void set(const struct target *tgt, uint64_t off, uint32_t size, uint64_t val)
{
	access_at(BUS_MMIO, tgt->modern + off, size, true, val);
}

static uint64_t get(const struct target *tgt, uint64_t off, uint32_t size)
{
	return access_at(BUS_MMIO, tgt->modern + off, size, false, 0);
}

static void repair(const struct target *tgt)
{
	cfg_write(tgt, 4, 2, 0);
	cfg_write(tgt, 0x10, 4, (uint32_t)tgt->io);
	cfg_write(tgt, 0x14, 4, (uint32_t)tgt->msix);
	cfg_write(tgt, 0x20, 4, (uint32_t)tgt->modern);
	cfg_write(tgt, 0x24, 4, (uint32_t)(tgt->modern >> 32));
	cfg_write(tgt, 4, 2, 7);
}

static void start_queue(const struct target *tgt, unsigned int queue, unsigned int size)
{
	uint64_t at = ring_addr(tgt, queue);

	set(tgt, 22, 2, queue);
	set(tgt, 24, 2, size);
	set(tgt, 26, 2, queue + 1);
	set(tgt, 32, 4, (uint32_t)at);
	set(tgt, 36, 4, at >> 32);
	set(tgt, 40, 8, at + 0x2000);
	set(tgt, 48, 8, at + 0x3000);
	poke16(at + 0x2000, 0);
	poke16(at + 0x2002, 0);
	poke16(at + 0x3002, 0);
	set(tgt, 28, 2, 1);
}

static void start(const struct target *tgt, uint64_t features)
{
	uint64_t offer;
	unsigned int i;

	set(tgt, 20, 1, 0);
	set(tgt, 20, 1, 1);
	set(tgt, 20, 1, 3);
	set(tgt, 0, 4, 0);
	offer = get(tgt, 4, 4);
	set(tgt, 0, 4, 1);
	offer |= get(tgt, 4, 4) << 32;
	features = (features & offer) | 1ull << 32;
	set(tgt, 8, 4, 0);
	set(tgt, 12, 4, (uint32_t)features);
	set(tgt, 8, 4, 1);
	set(tgt, 12, 4, features >> 32);
	set(tgt, 20, 1, 11);
	for (i = 0; i < tgt->nr_queues; i++)
		start_queue(tgt, i, 64);
	set(tgt, 20, 1, 15);
}

static void start_legacy(const struct target *tgt)
{
	unsigned int i;

	access_at(BUS_PIO, tgt->io + 18, 1, true, 0);
	access_at(BUS_PIO, tgt->io + 4, 4, true, ~0u);
	for (i = 0; i < tgt->nr_queues; i++) {
		access_at(BUS_PIO, tgt->io + 14, 2, true, i);
		access_at(BUS_PIO, tgt->io + 8, 4, true, ring_addr(tgt, i) >> 12);
	}
	access_at(BUS_PIO, tgt->io + 18, 1, true, 7);
}

/* --- the attack --- */

static void hit_register(struct attacker *at, const struct target *tgt)
{
	uint32_t size = 1u << pick(at, 4);
	uint64_t off = pick(at, 8) ? pick(at, 64) : pick(at, 0x4000);

	if (pick(at, 4))
		off &= ~(uint64_t)(size - 1);
	if (pick(at, 4))
		set(tgt, off, size, pick(at, 3) ? bad_number(at) : bad_addr(at));
	else
		get(tgt, off, size);
}

static void hit_device_config(struct attacker *at, const struct target *tgt)
{
	uint32_t size = 1u << pick(at, 4);
	uint64_t off = 0x2000 + pick(at, 128);

	if (pick(at, 2))
		set(tgt, off, size, bad_number(at));
	else
		get(tgt, off, size);
}

static void hit_port(struct attacker *at, const struct target *tgt)
{
	uint32_t size = 1u << pick(at, 3);

	access_at(BUS_PIO, tgt->io + pick(at, 128), size, pick(at, 2), bad_number(at));
}

static void hit_config(struct attacker *at, const struct target *tgt)
{
	uint32_t size = 1u << pick(at, 3);

	if (pick(at, 4) == 0) {
		access_at(BUS_PIO, 0xcf8, 4, true, rnd(at));
		access_at(BUS_PIO, 0xcfc + pick(at, 4), size, pick(at, 2), bad_number(at));
	} else if (pick(at, 2)) {
		cfg_write(tgt, (unsigned int)pick(at, 256), size, (uint32_t)bad_number(at));
	} else {
		access_at(BUS_MMIO, cfg_addr(tgt, (unsigned int)pick(at, 4096)), size, pick(at, 2),
			  bad_number(at));
	}
	if (pick(at, 4))
		repair(tgt);
}

static void hit_msix(struct attacker *at, const struct target *tgt)
{
	static const uint32_t entry[] = { 0xfee00000, 0, 0x41, 0 };
	unsigned int i, nr = (unsigned int)pick(at, 64);
	uint32_t size = 1u << pick(at, 4);

	if (pick(at, 2)) {
		access_at(BUS_MMIO, tgt->msix + pick(at, 4096), size, pick(at, 4), bad_number(at));
		return;
	}
	for (i = 0; i < 4; i++)
		access_at(BUS_MMIO, tgt->msix + 16 * nr + 4 * i, 4, true, entry[i]);
}

static void hit_desc(struct attacker *at, const struct target *tgt, unsigned int queue)
{
	uint64_t table = pick(at, 4) ? ring_addr(tgt, queue) : ATTACK_BASE + pick(at, ATTACK_SPACE);
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = {
		.addr = bad_addr(at),
		.len = pick(at, 2) ? (uint32_t)pick(at, 4096) : (uint32_t)bad_number(at),
		.flags = (uint16_t)(pick(at, 16) ? pick(at, 4) : rnd(at)),
		.next = (uint16_t)(pick(at, 8) ? pick(at, 64) : rnd(at)),
	};

	poke(table + 16 * pick(at, 64), &desc, sizeof(desc));
}

static void hit_indirect(struct attacker *at, const struct target *tgt, unsigned int queue)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = { .addr = ATTACK_BASE + (pick(at, ATTACK_SPACE) & ~15ull),
		   .len = (uint32_t)(16 * pick(at, 64) + !pick(at, 16)),
		   .flags = 4 };

	poke(ring_addr(tgt, queue) + 16 * pick(at, 64), &desc, sizeof(desc));
}

static void hit_avail(struct attacker *at, const struct target *tgt, unsigned int queue)
{
	uint64_t avail = ring_addr(tgt, queue) + 0x2000;
	uint16_t idx = peek16(avail + 2), nr = (uint16_t)(1 + pick(at, 4)), i;

	for (i = 0; i < nr; i++)
		poke16(avail + 4 + 2 * ((idx + i) % 64),
		       (uint16_t)(pick(at, 32) ? pick(at, 64) : rnd(at)));
	poke16(avail + 2, (uint16_t)(pick(at, 64) ? idx + nr : rnd(at)));
	if (!pick(at, 8))
		poke16(avail, (uint16_t)rnd(at));
	if (!pick(at, 8))
		poke16(avail + 4 + 128, (uint16_t)rnd(at));
	set(tgt, MODERN_NOTIFY + 4 * queue, 2, queue);
}

/* What a device reads of a request: its header, mostly small numbers. */
static void hit_buffer(struct attacker *at)
{
	uint64_t data[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		data[i] = pick(at, 3) ? pick(at, 16) | pick(at, 16) << 32 : bad_number(at);
	poke(ATTACK_BASE + pick(at, ATTACK_SPACE - sizeof(data)), data, sizeof(data));
}

static void hit_storm(struct attacker *at, const struct target *tgt)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		set(tgt, MODERN_NOTIFY + 4 * pick(at, 64), 1u << pick(at, 3), rnd(at));
		access_at(BUS_PIO, tgt->io + 16, 2, true, pick(at, 70));
	}
}

static void hit_life(struct attacker *at, const struct target *tgt)
{
	switch (pick(at, 8)) {
	case 0:
		set(tgt, 20, 1, 0);
		set(tgt, 20, 1, 0);
		break;
	case 1:
		access_at(BUS_PIO, tgt->io + 18, 1, true, bad_number(at));
		break;
	case 2:
		start_legacy(tgt);
		break;
	default:
		start(tgt, pick(at, 2) ? ~0ull : rnd(at));
	}
}

static void hit(struct attacker *at)
{
	const struct target *tgt = &atk.target[pick(at, atk.nr_targets)];
	unsigned int queue = (unsigned int)pick(at, tgt->nr_queues), what;
	uint8_t text[32];

	what = (unsigned int)pick(at, 1000);
	if (what < 150)
		hit_register(at, tgt);
	else if (what < 200)
		hit_device_config(at, tgt);
	else if (what < 250)
		hit_port(at, tgt);
	else if (what < 270)
		hit_config(at, tgt);
	else if (what < 300)
		hit_msix(at, tgt);
	else if (what < 550)
		hit_desc(at, tgt, queue);
	else if (what < 600)
		hit_indirect(at, tgt, queue);
	else if (what < 850)
		hit_avail(at, tgt, queue);
	else if (what < 980)
		hit_buffer(at);
	else if (what < 982)
		hit_storm(at, tgt);
	else if (what < 990)
		vconsole_line_input(atk.line, memset(text, 'a', sizeof(text)), sizeof(text));
	else if (what < 992)
		vconsole_line_resize(atk.line, (uint16_t)rnd(at), (uint16_t)rnd(at));
	else
		hit_life(at, tgt);
}

static void *attacker_main(void *arg)
{
	struct attacker *at = arg;
	unsigned long i, part;

	for (i = 0; i < at->count; i += part) {
		pthread_rwlock_rdlock(&atk.running);
		for (part = 0; part < 256 && i + part < at->count; part++)
			hit(at);
		pthread_rwlock_unlock(&atk.running);
	}
	return NULL;
}

/* --- what goes on beside it --- */

static void look(void)
{
	static struct sample_row row[256];
	struct dev_rows rows = { .row = row, .max = 256, .device = "pci" };

	pci_host_ops.describe(atk.host, &rows);
}

static void save_and_load(void)
{
	struct dev_state_in in = { 0 };
	struct err err = ERR_INIT;
	struct buf buf = BUF_INIT;

	pci_host_ops.hold(atk.host, true);
	pci_host_ops.save(atk.host, &buf);
	in.data = (const uint8_t *)buf.data;
	in.len = buf.len;
	/* A device may refuse what the guest brought about, but says so. */
	if (pci_host_ops.load(atk.host, &in, &err) < 0 && !err.text[0])
		die("refuses its own state without a word", NULL);
	pci_host_ops.hold(atk.host, false);
	buf_free(&buf);
}

static void *beside_main(void *arg)
{
	struct timespec nap = { .tv_nsec = 20000000 };
	unsigned int i;

	(void)arg;
	for (i = 0; !atomic_load(&atk.stop); i++) {
		nanosleep(&nap, NULL);
		look();
		if (i % 8)
			continue;
		pthread_rwlock_wrlock(&atk.running);
		if (i % 16)
			save_and_load();
		else
			pci_host_ops.reset(atk.host);
		pthread_rwlock_unlock(&atk.running);
	}
	return NULL;
}

/* --- afterwards --- */

static long private_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *fp = fopen("/proc/self/status", "re");

	while (fp && fgets(line, sizeof(line), fp)) {
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	}
	if (fp)
		fclose(fp);
	return kib;
}

/* One buffer through QUEUE of TGT, begun anew; false if nothing comes back. */
static bool answers(const struct target *tgt, unsigned int queue)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = { .addr = 0x800000, .len = 64, .flags = 2 };
	uint64_t ring = ring_addr(tgt, queue), end = time_now_ns() + ATTACK_WAIT_S * 1000000000ull;
	struct timespec nap = { .tv_nsec = 1000000 };

	start(tgt, 0);
	poke(ring, &desc, sizeof(desc));
	poke16(ring + 0x2004, 0);
	poke16(ring + 0x2002, 1);
	set(tgt, MODERN_NOTIFY + 4 * queue, 2, queue);
	while (peek16(ring + 0x3002) != 1) {
		if (time_now_ns() > end)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

static void afterwards(void)
{
	const uint8_t *rom = mem_span(atk.env.mem, MEM_VGA_BASE, 1);
	const struct target *tgt;
	uint64_t i;

	for (i = 0; i < MEM_HIGH_BASE - MEM_VGA_BASE; i++) {
		if (rom[i] != ATTACK_PATTERN)
			die("memory that is no RAM was written", NULL);
	}
	pci_host_ops.reset(atk.host);
	for (tgt = atk.target; tgt < atk.target + atk.nr_targets; tgt++) {
		repair(tgt);
		start(tgt, 0);
		if (get(tgt, 20, 1) != 15)
			die("a device does not start any more", NULL);
	}
	if (!answers(&atk.target[0], 0))
		die("the entropy device does not answer any more", NULL);
}

int main(int argc, char **argv)
{
	struct attacker at[ATTACK_THREADS] = { 0 };
	unsigned long total = 20000, seed = 1, threads = 2, i;
	long warm, end;
	pthread_t beside;
	bool say = false;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:t:v")) != -1) {
		if (opt == 'n')
			total = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (opt == 't')
			threads = strtoul(optarg, NULL, 0);
		else
			say = opt == 'v';
	}
	if (!threads || threads > ATTACK_THREADS)
		die("1 to 8 threads", NULL);
	if (!say)
		log_open(-1);
	snprintf(atk.dir, sizeof(atk.dir), "/tmp/vitrine-attack-XXXXXX");
	if (!mkdtemp(atk.dir))
		die(atk.dir, NULL);
	pthread_rwlock_init(&atk.running, NULL);
	machine_make();
	for (i = 0; i < threads; i++) {
		at[i].rand = (seed * ATTACK_THREADS + i + 1) * 0x9e3779b97f4a7c15ull | 1;
		at[i].count = total / threads / 10;
	}
	if (pthread_create(&beside, NULL, beside_main, NULL))
		die("thread", NULL);
	/* A tenth to warm up, then the rest. */
	for (i = 0; i < threads; i++)
		pthread_create(&at[i].thread, NULL, attacker_main, &at[i]);
	for (i = 0; i < threads; i++)
		pthread_join(at[i].thread, NULL);
	warm = private_kib();
	for (i = 0; i < threads; i++) {
		at[i].count = total / threads - total / threads / 10;
		pthread_create(&at[i].thread, NULL, attacker_main, &at[i]);
	}
	for (i = 0; i < threads; i++)
		pthread_join(at[i].thread, NULL);
	atomic_store(&atk.stop, true);
	pthread_join(beside, NULL);
	end = private_kib();
	afterwards();
	machine_end();
	printf("%lu operations, seed %lu, %lu threads: private memory %ld KiB, then %ld KiB\n",
	       total, seed, threads, warm, end);
#ifndef ATTACK_ASAN /* which keeps what was freed */
	if (end - warm > ATTACK_GROWTH)
		die("it grew", NULL);
#endif
	return 0;
}
