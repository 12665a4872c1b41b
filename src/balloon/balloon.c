/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio memory balloon: see balloon.h. Its queues share one worker thread,
 * which alone touches `pages` and the statistics buffer; everything that others
 * see is under `lock`.
 */
#include "balloon/balloon.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "vmm/punch.h"

#define BALLOON_CLASS	     0x00ff00
#define BALLOON_QUEUE_SIZE   128
#define BALLOON_PFN_SHIFT    12
#define BALLOON_MIN	     (1ull << 20)
#define BALLOON_ARRAY_MAX    16384 /* frames in one request: Linux sends 256 */
#define BALLOON_STALL_NS     5000000000ull
#define BALLOON_TELL_NS	     250000000ull /* between two notes to the listener */
#define BALLOON_TICK_NS	     1000000000ull
#define BALLOON_RATE_NS	     2000000000ull /* the rate is of this long */
#define BALLOON_POINTS	     16
#define BALLOON_CONFIG_WORDS 4

/* Feature bits and queues of 5.5.2 and 5.5.3. */
#define BALLOON_F_STATS	      (1ull << 1)
#define BALLOON_F_DEFLATE_OOM (1ull << 2)
#define BALLOON_F_FREE_HINT   (1ull << 3)
#define BALLOON_F_POISON      (1ull << 4)
#define BALLOON_F_REPORTING   (1ull << 5)

enum balloon_queue {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_STATS,
	BALLOON_HINT,
	BALLOON_REPORT,
	BALLOON_NR_QUEUES,
	BALLOON_NO_QUEUE,
};

/* Words of the configuration space (5.5.4). */
enum { BALLOON_CFG_TARGET, BALLOON_CFG_ACTUAL, BALLOON_CFG_HINT, BALLOON_CFG_POISON };

/* Commands of free page hinting; larger numbers are rounds. */
enum { BALLOON_HINT_STOP = 0, BALLOON_HINT_DONE = 1, BALLOON_HINT_FIRST = 0x80000000u };

struct balloon_point {
	uint64_t ns, actual;
};

struct balloon {
	struct virtio *vdev;
	const struct dev_env *env;
	struct balloon_config *cfg;
	struct dev_timer *timer;

	/* the worker's */
	struct pages *pages;
	struct virtq_elem elem;
	uint32_t pfn[BALLOON_ARRAY_MAX];
	bool stats_held; /* a statistics buffer is here, until new ones are wanted */
	uint16_t stats_head;
	bool hint_open; /* the guest sends hints of the present round */

	pthread_mutex_t lock; /* everything below */
	struct balloon_info info;
	uint32_t config[BALLOON_CONFIG_WORDS];
	struct balloon_point point[BALLOON_POINTS];
	unsigned int nr_points;
	bool stats_wanted;
	uint64_t stats_asked_ns, stats_next_ns;
	bool tell;
	uint64_t told_ns;
	uint8_t map[SAMPLE_BALLOON_MAP];
	void (*listener)(void *ctx); /* [main] */
	void *listener_ctx;
};

static uint64_t balloon_now(const struct balloon *bal)
{
	return bal->env->now_ns(bal->env->ctx);
}

/* --- time: statistics, stalls, the listener. On the main loop. --- */

static void balloon_arm_locked(struct balloon *bal)
{
	uint64_t now = balloon_now(bal), when = 0;

	if (bal->info.stats_s && bal->info.driver)
		when = bal->stats_next_ns;
	if (bal->info.target != bal->info.actual && (!when || when > now + BALLOON_TICK_NS))
		when = now + BALLOON_TICK_NS;
	if (bal->tell && (!when || when > bal->told_ns + BALLOON_TELL_NS))
		when = bal->told_ns + BALLOON_TELL_NS;
	bal->env->timer_arm(bal->timer, when);
}

static void balloon_check_stall_locked(struct balloon *bal, uint64_t now)
{
	struct balloon_info *info = &bal->info;
	uint64_t since = info->asked_ns > info->moved_ns ? info->asked_ns : info->moved_ns;
	bool stalled =
		info->target != info->actual && info->asked_ns && now - since > BALLOON_STALL_NS;

	info->stalls += stalled && !info->stalled;
	info->stalled = stalled;
}

static bool balloon_stats_due_locked(struct balloon *bal, uint64_t now)
{
	if (!bal->info.stats_s || !bal->info.driver || now < bal->stats_next_ns)
		return false;
	bal->stats_next_ns = now + bal->info.stats_s * 1000000000ull;
	if (!bal->stats_wanted)
		bal->stats_asked_ns = now;
	bal->stats_wanted = true;
	return true;
}

static enum balloon_queue balloon_role(struct balloon *bal, unsigned int queue);

/* The queue that serves ROLE, which depends on the driver's age. */
static unsigned int balloon_queue_of(struct balloon *bal, enum balloon_queue role)
{
	unsigned int i;

	for (i = 0; i < BALLOON_NR_QUEUES; i++) {
		if (virtq_ready(virtio_queue(bal->vdev, i)) && balloon_role(bal, i) == role)
			return i;
	}
	return BALLOON_NO_QUEUE;
}

static void balloon_tick(void *arg)
{
	struct balloon *bal = arg;
	uint64_t now = balloon_now(bal);
	bool stats, tell;
	unsigned int queue;

	pthread_mutex_lock(&bal->lock);
	balloon_check_stall_locked(bal, now);
	stats = balloon_stats_due_locked(bal, now);
	tell = bal->tell && now >= bal->told_ns + BALLOON_TELL_NS;
	if (tell) {
		bal->tell = false;
		bal->told_ns = now;
	}
	balloon_arm_locked(bal);
	pthread_mutex_unlock(&bal->lock);
	queue = stats ? balloon_queue_of(bal, BALLOON_STATS) : BALLOON_NO_QUEUE;
	if (queue != BALLOON_NO_QUEUE)
		virtio_kick(bal->vdev, queue);
	if (tell && bal->listener)
		bal->listener(bal->listener_ctx);
}

/* --- how fast it goes --- */

static void balloon_moved_locked(struct balloon *bal, uint64_t actual)
{
	uint64_t now = balloon_now(bal);

	if (bal->nr_points == BALLOON_POINTS) {
		memmove(bal->point, bal->point + 1, (BALLOON_POINTS - 1) * sizeof(bal->point[0]));
		bal->nr_points--;
	}
	/* The first step of a movement counts from where it began. */
	if (bal->nr_points && now - bal->point[bal->nr_points - 1].ns > BALLOON_RATE_NS)
		bal->nr_points = 0;
	if (!bal->nr_points)
		bal->point[bal->nr_points++] = (struct balloon_point){
			bal->info.asked_ns + BALLOON_RATE_NS > now ? bal->info.asked_ns : now,
			bal->info.actual
		};
	bal->point[bal->nr_points++] = (struct balloon_point){ now, actual };
	bal->info.actual = actual;
	bal->info.moved_ns = now;
	bal->info.stalled = false;
	bal->tell = true;
	balloon_arm_locked(bal);
}

static int64_t balloon_rate_locked(const struct balloon *bal, uint64_t now)
{
	const struct balloon_point *first = bal->point, *last;
	double secs;

	if (bal->nr_points < 2)
		return 0;
	last = &bal->point[bal->nr_points - 1];
	if (now - last->ns > BALLOON_RATE_NS || last->ns <= first->ns)
		return 0;
	secs = (double)(last->ns - first->ns) / 1e9;
	return (int64_t)(((double)last->actual - (double)first->actual) / secs);
}

/* --- configuration space --- */

static void balloon_publish_target_locked(struct balloon *bal)
{
	uint64_t pages = (bal->info.size - bal->info.target) >> BALLOON_PFN_SHIFT;

	bal->config[BALLOON_CFG_TARGET] = pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages;
}

static uint64_t balloon_config_read(void *state, uint32_t off, uint32_t size)
{
	struct balloon *bal = state;
	uint8_t bytes[sizeof(bal->config)];
	uint64_t val = 0;
	uint32_t i;

	pthread_mutex_lock(&bal->lock);
	memcpy(bytes, bal->config, sizeof(bytes)); /* the host is little endian, too */
	pthread_mutex_unlock(&bal->lock);
	for (i = 0; i < size && i < 8 && off < sizeof(bytes) - i; i++)
		val |= (uint64_t)bytes[off + i] << (8 * i);
	return val;
}

static void balloon_config_write(void *state, uint32_t off, uint32_t size, uint64_t val)
{
	struct balloon *bal = state;
	uint8_t bytes[sizeof(bal->config)];
	uint32_t config[BALLOON_CONFIG_WORDS], i;
	uint64_t out;

	pthread_mutex_lock(&bal->lock);
	memcpy(bytes, bal->config, sizeof(bytes));
	for (i = 0; i < size && i < 8 && off < sizeof(bytes) - i; i++)
		bytes[off + i] = (uint8_t)(val >> (8 * i));
	memcpy(config, bytes, sizeof(config));
	bal->config[BALLOON_CFG_ACTUAL] = config[BALLOON_CFG_ACTUAL];
	bal->config[BALLOON_CFG_POISON] = config[BALLOON_CFG_POISON];
	bal->info.poison = config[BALLOON_CFG_POISON];
	/* It is the driver's word: one that lies is shown as lying, by what is really held. */
	out = (uint64_t)config[BALLOON_CFG_ACTUAL] << BALLOON_PFN_SHIFT;
	out = out > bal->info.size ? 0 : bal->info.size - out;
	if (out != bal->info.actual)
		balloon_moved_locked(bal, out);
	pthread_mutex_unlock(&bal->lock);
}

/* --- queues, in the worker --- */

/*
 * Drivers number their queues without gaps where a feature was not accepted (Linux up to 6.10), or
 * as the specification does. They are told apart by a queue in use that the latter would not have.
 */
static bool balloon_has_role(struct balloon *bal, enum balloon_queue role)
{
	static const uint64_t needs[BALLOON_NR_QUEUES] = {
		[BALLOON_STATS] = BALLOON_F_STATS,
		[BALLOON_HINT] = BALLOON_F_FREE_HINT,
		[BALLOON_REPORT] = BALLOON_F_REPORTING,
	};

	return virtio_has(bal->vdev, needs[role]);
}

static enum balloon_queue balloon_role(struct balloon *bal, unsigned int queue)
{
	bool gaps = true;
	unsigned int i, at;

	for (i = 0; i < BALLOON_NR_QUEUES; i++) {
		if (!balloon_has_role(bal, i) && virtq_ready(virtio_queue(bal->vdev, i)))
			gaps = false;
	}
	if (gaps)
		return balloon_has_role(bal, queue) ? (enum balloon_queue)queue : BALLOON_NO_QUEUE;
	for (i = 0, at = 0; i < BALLOON_NR_QUEUES; i++) {
		if (balloon_has_role(bal, i) && at++ == queue)
			return (enum balloon_queue)i;
	}
	return BALLOON_NO_QUEUE;
}

static void balloon_counted(struct balloon *bal)
{
	pthread_mutex_lock(&bal->lock);
	bal->info.counts = *pages_counts(bal->pages);
	pages_map(bal->pages, bal->map);
	pthread_mutex_unlock(&bal->lock);
}

/* An array of frame numbers: NR of them in bal->pfn, or -EINVAL. */
static int balloon_read_frames(struct balloon *bal, size_t *nr)
{
	if (bal->elem.nr_in || bal->elem.out_len > sizeof(bal->pfn)) {
		virtio_broken(bal->vdev, "a request of %llu bytes in, %llu out",
			      (unsigned long long)bal->elem.in_len,
			      (unsigned long long)bal->elem.out_len);
		return -EINVAL;
	}
	*nr = virtq_elem_read(&bal->elem, 0, bal->pfn, bal->elem.out_len) / sizeof(bal->pfn[0]);
	return 0;
}

static void balloon_frames(struct balloon *bal, struct virtq *vq, bool inflate)
{
	size_t nr;

	while (virtq_pop(vq, &bal->elem) > 0) {
		if (balloon_read_frames(bal, &nr) < 0)
			return;
		if (inflate)
			pages_give(bal->pages, bal->pfn, nr);
		else
			pages_take(bal->pages, bal->pfn, nr);
		virtq_push(vq, bal->elem.head, 0);
		balloon_counted(bal);
	}
	virtq_notify(vq);
}

static void balloon_stats_came(struct balloon *bal)
{
	uint8_t data[STATS_MAX_LEN];
	struct stats stats;
	size_t len;

	len = virtq_elem_read(&bal->elem, 0, data, sizeof(data));
	stats_parse(data, len, &stats);
	pthread_mutex_lock(&bal->lock);
	bal->info.stats = stats;
	bal->info.stats_ns = balloon_now(bal);
	if (bal->stats_asked_ns)
		bal->info.round_trip_ns = bal->info.stats_ns - bal->stats_asked_ns;
	bal->stats_asked_ns = 0;
	pthread_mutex_unlock(&bal->lock);
}

/* The driver's one buffer stays here; giving it back asks for new numbers. */
static void balloon_stats_queue(struct balloon *bal, struct virtq *vq)
{
	bool wanted;

	while (virtq_pop(vq, &bal->elem) > 0) {
		if (bal->stats_held) /* a second one: the first goes back */
			virtq_push(vq, bal->stats_head, 0);
		bal->stats_held = true;
		bal->stats_head = bal->elem.head;
		balloon_stats_came(bal);
	}
	pthread_mutex_lock(&bal->lock);
	wanted = bal->stats_wanted && bal->stats_held;
	if (wanted)
		bal->stats_wanted = false;
	pthread_mutex_unlock(&bal->lock);
	if (wanted) {
		bal->stats_held = false;
		virtq_push(vq, bal->stats_head, 0);
		virtq_notify(vq);
	}
}

/* Free pages go back to the host; poisoned ones must keep what is in them. */
static void balloon_report_queue(struct balloon *bal, struct virtq *vq)
{
	uint64_t bytes;
	unsigned int i;
	bool poison;

	while (virtq_pop(vq, &bal->elem) > 0) {
		pthread_mutex_lock(&bal->lock);
		poison = virtio_has(bal->vdev, BALLOON_F_POISON) && bal->info.poison;
		pthread_mutex_unlock(&bal->lock);
		for (bytes = 0, i = bal->elem.nr_out;
		     !poison && i < bal->elem.nr_out + bal->elem.nr_in; i++)
			bytes += pages_report(bal->pages, bal->elem.iov[i].iov_base,
					      bal->elem.iov[i].iov_len);
		virtq_push(vq, bal->elem.head, 0);
		pthread_mutex_lock(&bal->lock);
		bal->info.reported += bytes;
		bal->info.counts = *pages_counts(bal->pages);
		pthread_mutex_unlock(&bal->lock);
	}
	virtq_notify(vq);
}

/* A command number opens or ends a round, buffers to write into are the free pages. */
static void balloon_hint_elem_locked(struct balloon *bal, uint32_t id, bool has_id)
{
	if (has_id && id == bal->config[BALLOON_CFG_HINT] && id >= BALLOON_HINT_FIRST)
		bal->hint_open = true;
	else if (has_id && id == BALLOON_HINT_STOP && bal->hint_open) {
		bal->hint_open = false;
		bal->config[BALLOON_CFG_HINT] = BALLOON_HINT_DONE;
	} else if (!has_id && bal->hint_open) {
		bal->info.hinted += bal->elem.in_len;
	}
}

/* The pages stay the guest's: it may need them again at any moment, so they are only counted. */
static void balloon_hint_queue(struct balloon *bal, struct virtq *vq)
{
	bool has_id, done = false;
	uint32_t id = 0;

	while (virtq_pop(vq, &bal->elem) > 0) {
		has_id = virtq_elem_read(&bal->elem, 0, &id, sizeof(id)) == sizeof(id);
		pthread_mutex_lock(&bal->lock);
		done |= bal->hint_open;
		balloon_hint_elem_locked(bal, id, has_id);
		done &= !bal->hint_open;
		pthread_mutex_unlock(&bal->lock);
		virtq_push(vq, bal->elem.head, 0);
	}
	virtq_notify(vq);
	if (done)
		virtio_config_changed(bal->vdev);
}

static void balloon_queue(void *state, unsigned int queue)
{
	struct balloon *bal = state;
	struct virtq *vq = virtio_queue(bal->vdev, queue);

	switch (balloon_role(bal, queue)) {
	case BALLOON_INFLATE:
		balloon_frames(bal, vq, true);
		break;
	case BALLOON_DEFLATE:
		balloon_frames(bal, vq, false);
		break;
	case BALLOON_STATS:
		balloon_stats_queue(bal, vq);
		break;
	case BALLOON_HINT:
		balloon_hint_queue(bal, vq);
		break;
	case BALLOON_REPORT:
		balloon_report_queue(bal, vq);
		break;
	default:
		break;
	}
}

/* --- life --- */

static int balloon_start(struct balloon *bal, struct err *err)
{
	bal->pages = pages_new(bal->env->mem, bal->env->page);
	bal->timer = bal->env->timer_new(bal->env->ctx, balloon_tick, bal);
	if (!bal->pages || !bal->timer)
		return err_sys(err, ENOMEM, "%s", virtio_name(bal->vdev));
	return virtio_queues(bal->vdev, BALLOON_NR_QUEUES, BALLOON_QUEUE_SIZE, err);
}

static void balloon_exit(void *state)
{
	struct balloon *bal = state;

	bal->cfg->instance = NULL;
	if (bal->timer)
		bal->env->timer_free(bal->timer);
	pages_free(bal->pages);
	pthread_mutex_destroy(&bal->lock);
	free(bal);
}

static uint64_t balloon_clamp(const struct balloon *bal, uint64_t size)
{
	size = size / PUNCH_PAGE * PUNCH_PAGE;
	if (size < BALLOON_MIN)
		size = BALLOON_MIN;
	return size > bal->info.size ? bal->info.size : size;
}

static int balloon_init(const struct dev_env *env, struct virtio *vdev, const void *config,
			void **state, struct err *err)
{
	struct balloon *bal = calloc(1, sizeof(*bal));
	int ret;

	if (!bal)
		return err_sys(err, ENOMEM, "%s", virtio_name(vdev));
	bal->vdev = vdev;
	bal->env = env;
	bal->cfg = (struct balloon_config *)config; /* ours: balloon_plug_parse() made it */
	pthread_mutex_init(&bal->lock, NULL);
	bal->info.size = bal->info.actual = mem_size(env->mem);
	bal->info.target = balloon_clamp(bal, bal->cfg->target ? bal->cfg->target : UINT64_MAX);
	bal->info.floor = bal->cfg->floor;
	bal->info.ceiling = bal->cfg->ceiling;
	bal->info.weight = bal->cfg->weight;
	bal->info.stats_s = bal->cfg->stats_s;
	balloon_publish_target_locked(bal);
	ret = balloon_start(bal, err);
	if (ret < 0) {
		balloon_exit(bal);
		return ret;
	}
	bal->cfg->instance = bal;
	*state = bal;
	return 0;
}

static uint64_t balloon_features(void *state)
{
	struct balloon *bal = state;

	return BALLOON_F_STATS | BALLOON_F_FREE_HINT | BALLOON_F_POISON |
	       (bal->cfg->no_oom ? 0 : BALLOON_F_DEFLATE_OOM) |
	       (bal->cfg->reporting ? BALLOON_F_REPORTING : 0);
}

static void balloon_negotiated(void *state, uint64_t features)
{
	struct balloon *bal = state;

	pthread_mutex_lock(&bal->lock);
	bal->info.features = features;
	pthread_mutex_unlock(&bal->lock);
}

static void balloon_started(void *state)
{
	struct balloon *bal = state;

	pthread_mutex_lock(&bal->lock);
	bal->info.driver = true;
	bal->info.asked_ns = balloon_now(bal);
	bal->stats_next_ns = bal->info.asked_ns + bal->info.stats_s * 1000000000ull;
	balloon_arm_locked(bal);
	pthread_mutex_unlock(&bal->lock);
}

/* All pages are the guest's again; what it shall have stays as it was asked. */
static void balloon_reset(void *state)
{
	struct balloon *bal = state;

	pages_forget(bal->pages);
	bal->stats_held = bal->hint_open = false;
	pthread_mutex_lock(&bal->lock);
	bal->info.driver = bal->info.stalled = false;
	bal->info.features = 0;
	bal->info.actual = bal->info.size;
	bal->info.stats_ns = bal->info.asked_ns = bal->info.moved_ns = 0;
	bal->info.poison = 0;
	bal->info.counts = *pages_counts(bal->pages);
	bal->config[BALLOON_CFG_ACTUAL] = bal->config[BALLOON_CFG_POISON] = 0;
	bal->config[BALLOON_CFG_HINT] = BALLOON_HINT_STOP;
	bal->stats_wanted = false;
	bal->stats_asked_ns = 0;
	bal->nr_points = 0;
	memset(bal->map, 0, sizeof(bal->map));
	bal->env->timer_arm(bal->timer, 0);
	pthread_mutex_unlock(&bal->lock);
}

/* --- for the others --- */

void balloon_get(struct balloon *bal, struct balloon_info *out)
{
	uint64_t now = balloon_now(bal);

	pthread_mutex_lock(&bal->lock);
	balloon_check_stall_locked(bal, now);
	*out = bal->info;
	out->rate = balloon_rate_locked(bal, now);
	pthread_mutex_unlock(&bal->lock);
	out->driver &= virtio_running(bal->vdev);
	out->resident = mem_resident(bal->env->mem);
}

void balloon_set_target(struct balloon *bal, uint64_t size)
{
	pthread_mutex_lock(&bal->lock);
	bal->info.target = balloon_clamp(bal, size);
	bal->info.asked_ns = balloon_now(bal);
	bal->info.stalled = false;
	balloon_publish_target_locked(bal);
	balloon_arm_locked(bal);
	pthread_mutex_unlock(&bal->lock);
	virtio_config_changed(bal->vdev);
}

void balloon_set_limits(struct balloon *bal, uint64_t floor, uint64_t ceiling, unsigned int weight)
{
	pthread_mutex_lock(&bal->lock);
	bal->info.floor = floor;
	bal->info.ceiling = ceiling;
	bal->info.weight = weight;
	pthread_mutex_unlock(&bal->lock);
}

void balloon_set_interval(struct balloon *bal, unsigned int seconds)
{
	pthread_mutex_lock(&bal->lock);
	bal->info.stats_s = seconds > BALLOON_INTERVAL_MAX_S ? BALLOON_INTERVAL_MAX_S : seconds;
	bal->stats_next_ns = balloon_now(bal);
	balloon_arm_locked(bal);
	pthread_mutex_unlock(&bal->lock);
}

int balloon_hint(struct balloon *bal, struct err *err)
{
	uint32_t *cmd = &bal->config[BALLOON_CFG_HINT];
	int ret = 0;

	if (!virtio_running(bal->vdev) || !virtio_has(bal->vdev, BALLOON_F_FREE_HINT))
		return err_set(err, ENOTSUP, "the guest's driver gives no free page hints");
	pthread_mutex_lock(&bal->lock);
	if (*cmd >= BALLOON_HINT_FIRST) {
		ret = err_set(err, EBUSY, "a round of free page hints is under way");
	} else {
		*cmd = BALLOON_HINT_FIRST + (uint32_t)(balloon_now(bal) / 1000000 & 0xffffff);
		bal->info.hinted = 0;
	}
	pthread_mutex_unlock(&bal->lock);
	if (ret == 0)
		virtio_config_changed(bal->vdev);
	return ret;
}

void balloon_listen(struct balloon *bal, void (*fn)(void *ctx), void *ctx)
{
	bal->listener = fn;
	bal->listener_ctx = ctx;
}

/* --- the screen --- */

static void balloon_publish(const struct balloon_info *info, const uint8_t *map,
			    struct sample_page *page)
{
	struct sample_balloon *out;

	if (!page)
		return;
	out = &page->balloon;
	out->present = 1;
	out->driver = info->driver;
	out->stalled = info->stalled;
	out->size = info->size;
	out->actual = info->actual;
	out->target = info->target;
	out->resident = info->resident;
	out->stats_ns = info->stats_ns;
	out->free = info->stats.value[STATS_FREE];
	out->available = info->stats.value[STATS_AVAILABLE];
	out->caches = info->stats.value[STATS_CACHES];
	out->swap_in = info->stats.value[STATS_SWAP_IN];
	out->swap_out = info->stats.value[STATS_SWAP_OUT];
	memcpy(out->map, map, sizeof(out->map));
}

static void balloon_describe_stats(const struct balloon_info *info, uint64_t now,
				   struct dev_rows *rows)
{
	char text[3][16];

	if (!info->stats_ns) {
		dev_row(rows, "guest says", "nothing yet");
		return;
	}
	parse_size_text(info->stats.value[STATS_FREE], text[0]);
	parse_size_text(info->stats.value[STATS_AVAILABLE], text[1]);
	parse_size_text(info->stats.value[STATS_CACHES], text[2]);
	dev_row(rows, "guest says", "free %s, available %s, caches %s (%.0f s ago)",
		info->stats.value[STATS_FREE] == STATS_UNKNOWN ? "?" : text[0],
		info->stats.value[STATS_AVAILABLE] == STATS_UNKNOWN ? "?" : text[1],
		info->stats.value[STATS_CACHES] == STATS_UNKNOWN ? "?" : text[2],
		(double)(now - info->stats_ns) / 1e9);
}

static void balloon_describe(void *state, struct dev_rows *rows)
{
	const struct pages_refused *refused;
	struct balloon *bal = state;
	struct balloon_info info;
	uint8_t map[SAMPLE_BALLOON_MAP];
	char text[3][16];

	balloon_get(bal, &info);
	pthread_mutex_lock(&bal->lock);
	memcpy(map, bal->map, sizeof(map));
	pthread_mutex_unlock(&bal->lock);
	balloon_publish(&info, map, bal->env->page);
	dev_row(rows, "guest has", "%s of %s, shall have %s%s",
		parse_size_text(info.actual, text[0]), parse_size_text(info.size, text[1]),
		parse_size_text(info.target, text[2]),
		!info.driver   ? " (no driver)"
		: info.stalled ? " (stalled)"
			       : "");
	dev_row(rows, "resident", "%s; %llu pages in the balloon, %llu holes made",
		parse_size_text(info.resident, text[0]), (unsigned long long)info.counts.nr,
		(unsigned long long)info.counts.nr_holes);
	balloon_describe_stats(&info, balloon_now(bal), rows);
	if (info.reported)
		dev_row(rows, "reported free", "%s in all",
			parse_size_text(info.reported, text[0]));
	refused = &info.counts.refused;
	if (refused->outside + refused->repeated + refused->watched + refused->foreign)
		dev_row(rows, "refused",
			"%llu outside RAM, %llu repeated, %llu watched, %llu foreign",
			(unsigned long long)refused->outside, (unsigned long long)refused->repeated,
			(unsigned long long)refused->watched, (unsigned long long)refused->foreign);
}

/* --- snapshots --- */

static void balloon_save(void *state, struct buf *out)
{
	struct balloon *bal = state;
	int i;

	pages_save(bal->pages, out);
	dev_save_u8(out, bal->stats_held);
	dev_save_u32(out, bal->stats_head);
	dev_save_u8(out, bal->hint_open);
	pthread_mutex_lock(&bal->lock);
	dev_save_u64(out, bal->info.target);
	dev_save_u64(out, bal->info.actual);
	dev_save_u64(out, bal->info.features);
	dev_save_u8(out, bal->info.driver);
	for (i = 0; i < BALLOON_CONFIG_WORDS; i++)
		dev_save_u32(out, bal->config[i]);
	pthread_mutex_unlock(&bal->lock);
}

static void balloon_load_locked(struct balloon *bal, struct dev_state_in *in)
{
	int i;

	bal->info.target = balloon_clamp(bal, dev_load_u64(in));
	bal->info.actual = dev_load_u64(in);
	if (bal->info.actual > bal->info.size)
		in->failed = true;
	bal->info.features = dev_load_u64(in);
	bal->info.driver = dev_load_u8(in);
	for (i = 0; i < BALLOON_CONFIG_WORDS; i++)
		bal->config[i] = dev_load_u32(in);
	bal->info.poison = bal->config[BALLOON_CFG_POISON];
	bal->info.counts = *pages_counts(bal->pages);
	bal->info.stats_ns = 0; /* of another time */
	bal->nr_points = 0;
	bal->stats_wanted = false;
	bal->stats_next_ns = balloon_now(bal);
	pages_map(bal->pages, bal->map);
	balloon_arm_locked(bal);
}

static int balloon_load(void *state, struct dev_state_in *in, struct err *err)
{
	struct balloon *bal = state;

	pages_load(bal->pages, in);
	bal->stats_held = dev_load_u8(in);
	bal->stats_head = (uint16_t)dev_load_u32(in);
	if (bal->stats_head >= BALLOON_QUEUE_SIZE)
		in->failed = true;
	bal->hint_open = dev_load_u8(in);
	pthread_mutex_lock(&bal->lock);
	balloon_load_locked(bal, in);
	pthread_mutex_unlock(&bal->lock);
	return dev_load_end(in, virtio_name(bal->vdev), err);
}

const struct virtio_ops balloon_ops = {
	.name = "virtio-balloon",
	.id = VIRTIO_ID_BALLOON,
	.class_code = BALLOON_CLASS,
	.init = balloon_init,
	.exit = balloon_exit,
	.reset = balloon_reset,
	.features = balloon_features,
	.negotiated = balloon_negotiated,
	.started = balloon_started,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.queue = balloon_queue,
	.describe = balloon_describe,
	.save = balloon_save,
	.load = balloon_load,
};
