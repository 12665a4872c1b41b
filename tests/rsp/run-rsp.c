/* SPDX-License-Identifier: MIT */
/*
 * Plays transcripts (*.rsp) against the stub and the fake machine: run-rsp FILE...
 * Each is played three times, its bytes given whole, one by one, and in threes, as no stub may
 * care how a transport cuts them.  Prints "ok NAME" or what differed; README.md has the format.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-target.h"
#include "gdb/rsp.h"

#define LINE_MAX_BYTES (1u << 20)
#define RUN_STEPS      200

struct play {
	const char *file;
	int line;
	size_t cut; /* bytes given at once, 0: all */
	struct fake *f;
	struct rsp_buf got; /* output not yet expected */
	bool failed;
};

static void play_fail(struct play *p, const char *what, const uint8_t *data, size_t len)
{
	size_t i;

	printf("not ok %s:%d (cut %zu): %s: ", p->file, p->line, p->cut, what);
	for (i = 0; i < len && i < 400; i++)
		printf(isprint(data[i]) && data[i] != '\\' ? "%c" : "\\x%02x", data[i]);
	printf("\n");
	p->failed = true;
}

/* --- text to bytes -------------------------------------------------------------------------- */

/* \xNN and \\; returns behind what was read. */
static const char *play_byte(const char *s, uint8_t *byte)
{
	if (s[0] == '\\' && s[1] == 'x' && rsp_hex_digit(s[2]) >= 0 && rsp_hex_digit(s[3]) >= 0) {
		*byte = (uint8_t)(rsp_hex_digit(s[2]) << 4 | rsp_hex_digit(s[3]));
		return s + 4;
	}
	if (s[0] == '\\' && s[1])
		s++;
	*byte = (uint8_t)*s;
	return s + 1;
}

static void play_frame(struct rsp_buf *out, char lead, const uint8_t *payload, size_t len)
{
	uint8_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint8_t)(sum + payload[i]);
	rsp_buf_byte(out, (uint8_t)lead);
	rsp_buf_put(out, payload, len);
	rsp_buf_printf(out, "#%02x", sum);
}

/* "{payload}" is a packet, anything else is sent as it stands.  `N*{...}` repeats. */
static const char *play_token(const char *s, struct rsp_buf *out)
{
	uint8_t payload[4096], byte;
	size_t n = 0;

	if (*s != '{') {
		s = play_byte(s, &byte);
		rsp_buf_byte(out, byte);
		return s;
	}
	for (s++; *s && *s != '}';) {
		s = play_byte(s, &byte);
		if (n < sizeof(payload))
			payload[n++] = byte;
	}
	play_frame(out, '$', payload, n);
	return *s ? s + 1 : s;
}

static void play_bytes(const char *s, struct rsp_buf *out)
{
	char *end;
	long times = strtol(s, &end, 10);

	if (end == s || *end != '*')
		times = 1;
	else
		s = end + 1;
	while (times-- > 0) {
		const char *at = s;

		while (*at)
			at = play_token(at, out);
	}
}

/* --- output --------------------------------------------------------------------------------- */

static void play_collect(struct play *p)
{
	const uint8_t *data;
	size_t len;

	while ((data = gdb_session_output(fake_session(p->f), &len))) {
		rsp_buf_put(&p->got, data, len);
		gdb_session_sent(fake_session(p->f), len);
	}
}

static void play_feed(struct play *p, const uint8_t *data, size_t len)
{
	size_t n;

	for (; len; data += n, len -= n) {
		n = p->cut && len > p->cut ? p->cut : len;
		gdb_session_input(fake_session(p->f), data, n);
		play_collect(p);
	}
	fake_run(p->f, RUN_STEPS);
	play_collect(p);
}

static void play_drop(struct play *p, size_t n)
{
	p->got.len -= n;
	memmove(p->got.data, p->got.data + n, p->got.len);
}

/* A client's view of the packet at the start of the output: checked and expanded.  0: none. */
static size_t play_decode(const struct play *p, char lead, struct rsp_buf *payload)
{
	const uint8_t *d = p->got.data, *end;
	size_t i, n;
	char sum[3];
	uint8_t have = 0;

	if (!p->got.len || d[0] != (uint8_t)lead)
		return 0;
	end = memchr(d, '#', p->got.len);
	if (!end || (size_t)(end - d) + 3 > p->got.len)
		return 0;
	for (i = 1; d + i < end; i++) {
		have = (uint8_t)(have + d[i]);
		if (d[i] != '*' || i == 1) {
			rsp_buf_byte(payload, d[i]);
			continue;
		}
		have = (uint8_t)(have + d[i + 1]);
		for (n = d[++i] - 29u; n; n--)
			rsp_buf_byte(payload, d[i - 2]);
	}
	snprintf(sum, sizeof(sum), "%02x", have);
	return memcmp(sum, end + 1, 2) ? 0 : (size_t)(end - d) + 3;
}

/* "~text": somewhere; "^text": at the start; else exactly. */
static bool play_same(const struct rsp_buf *got, const char *want, size_t len)
{
	if (len && want[0] == '~')
		return memmem(got->data, got->len, want + 1, len - 1) != NULL;
	if (len && want[0] == '^')
		return got->len >= len - 1 && !memcmp(got->data, want + 1, len - 1);
	return got->len == len && !memcmp(got->data, want, len);
}

/* "{payload}" or "%{payload}" (a notification). */
static const char *play_expect_packet(struct play *p, char lead, const char *s)
{
	struct rsp_buf want, payload;
	uint8_t byte;
	size_t n;

	rsp_buf_init(&want, LINE_MAX_BYTES);
	rsp_buf_init(&payload, LINE_MAX_BYTES);
	rsp_buf_room(&payload, 1);
	rsp_buf_room(&want, 1);
	while (*s && *s != '}') {
		s = play_byte(s, &byte);
		rsp_buf_byte(&want, byte);
	}
	n = play_decode(p, lead, &payload);
	if (!n)
		play_fail(p, "no good packet", p->got.data, p->got.len);
	else if (!play_same(&payload, (const char *)want.data, want.len))
		play_fail(p, "got", payload.data, payload.len);
	play_drop(p, n);
	rsp_buf_free(&want);
	rsp_buf_free(&payload);
	return *s ? s + 1 : s;
}

static void play_expect(struct play *p, const char *s)
{
	uint8_t byte;

	while (*s && !p->failed) {
		if (*s == '{') {
			s = play_expect_packet(p, '$', s + 1);
		} else if (s[0] == '%' && s[1] == '{') {
			s = play_expect_packet(p, '%', s + 2);
		} else {
			s = play_byte(s, &byte);
			if (!p->got.len || p->got.data[0] != byte)
				play_fail(p, "output is", p->got.data, p->got.len);
			else
				play_drop(p, 1);
		}
	}
}

/* --- directives ----------------------------------------------------------------------------- */

static void play_check(struct play *p, const char *what, unsigned long long is,
		       unsigned long long want)
{
	if (is == want)
		return;
	printf("not ok %s:%d (cut %zu): %s is 0x%llx\n", p->file, p->line, p->cut, what, is);
	p->failed = true;
}

static void play_stop(struct play *p, const char *args)
{
	struct gdb_stop stop = { .kind = GDB_STOP_SIGNAL };
	char text[64] = "";

	sscanf(args, "%d %d %63[^\n]", &stop.tid, &stop.signal, text);
	stop.text = text[0] ? text : NULL;
	fake_stop(p->f, &stop);
	play_collect(p);
}

/* The machine is ended from elsewhere. */
static void play_exit(struct play *p, const char *args)
{
	struct gdb_stop stop = { .kind = GDB_STOP_EXITED, .code = (int)strtol(args, NULL, 16) };

	fake_stop(p->f, &stop);
	play_collect(p);
}

static void play_connect(struct play *p, const char *args)
{
	(void)args;
	p->got.len = 0;
	gdb_session_connect(fake_session(p->f));
}

static void play_disconnect(struct play *p, const char *args)
{
	(void)args;
	gdb_session_disconnect(fake_session(p->f));
}

static void play_nonstop(struct play *p, const char *args)
{
	(void)args;
	fake_set_nonstop(p->f, true);
}

static void play_reverse(struct play *p, const char *args)
{
	(void)args;
	fake_set_reverse(p->f, true);
}

static void play_running(struct play *p, const char *args)
{
	(void)args;
	fake_set_running(p->f, true);
}

static void play_check_running(struct play *p, const char *args)
{
	play_check(p, "running", fake_running(p->f), strtoull(args, NULL, 16));
}

static void play_check_bps(struct play *p, const char *args)
{
	play_check(p, "count of breakpoints", (unsigned int)fake_bp_count(p->f),
		   strtoull(args, NULL, 16));
}

static void play_check_rip(struct play *p, const char *args)
{
	play_check(p, "rip", fake_rip(p->f, 1), strtoull(args, NULL, 16));
}

static void play_check_broken(struct play *p, const char *args)
{
	play_check(p, "broken", gdb_session_broken(fake_session(p->f)), strtoull(args, NULL, 16));
}

/* Discards output; what comes after is expected again. */
static void play_ignore(struct play *p, const char *args)
{
	(void)args;
	p->got.len = 0;
}

static const struct {
	const char *name;
	void (*run)(struct play *p, const char *args);
} play_directives[] = {
	{ "stop ", play_stop },
	{ "exit ", play_exit },
	{ "connect", play_connect },
	{ "disconnect", play_disconnect },
	{ "nonstop", play_nonstop },
	{ "reverse", play_reverse },
	{ "running", play_running },
	{ "is-running ", play_check_running },
	{ "breakpoints ", play_check_bps },
	{ "rip ", play_check_rip },
	{ "broken ", play_check_broken },
	{ "ignore", play_ignore },
};

static void play_directive(struct play *p, const char *s)
{
	size_t i, len;

	for (i = 0; i < sizeof(play_directives) / sizeof(play_directives[0]); i++) {
		len = strlen(play_directives[i].name);
		if (!strncmp(s, play_directives[i].name, len)) {
			play_directives[i].run(p, s + len);
			return;
		}
	}
	play_fail(p, "unknown directive", (const uint8_t *)s, strlen(s));
}

/* --- a transcript --------------------------------------------------------------------------- */

static void play_send(struct play *p, const char *s)
{
	struct rsp_buf bytes;

	if (p->got.len) {
		play_fail(p, "unexpected output before", p->got.data, p->got.len);
		return;
	}
	rsp_buf_init(&bytes, 16 * LINE_MAX_BYTES);
	play_bytes(s, &bytes);
	if (bytes.failed)
		play_fail(p, "line too long", NULL, 0);
	play_feed(p, bytes.data, bytes.len);
	rsp_buf_free(&bytes);
}

static void play_line(struct play *p, char *s)
{
	s[strcspn(s, "\n")] = '\0';
	if (!strncmp(s, "-> ", 3))
		play_send(p, s + 3);
	else if (!strncmp(s, "<- ", 3))
		play_expect(p, s + 3);
	else if (!strncmp(s, "! ", 2))
		play_directive(p, s + 2);
	else if (*s && *s != '#')
		play_fail(p, "what is", (const uint8_t *)s, strlen(s));
}

static bool play_file(const char *file, size_t cut)
{
	struct play p = { .file = file, .cut = cut, .f = fake_new(2) };
	FILE *in = fopen(file, "r");
	char *line = NULL;
	size_t cap = 0;

	rsp_buf_init(&p.got, 64 * LINE_MAX_BYTES);
	rsp_buf_room(&p.got, 1);
	if (!in || !p.f) {
		play_fail(&p, "cannot open", NULL, 0);
	} else {
		gdb_session_connect(fake_session(p.f));
		while (!p.failed && getline(&line, &cap, in) > 0) {
			p.line++;
			play_line(&p, line);
		}
		if (!p.failed && p.got.len)
			play_fail(&p, "unexpected output at the end", p.got.data, p.got.len);
	}
	free(line);
	if (in)
		fclose(in);
	rsp_buf_free(&p.got);
	fake_free(p.f);
	return !p.failed;
}

int main(int argc, char **argv)
{
	static const size_t cuts[] = { 0, 1, 3 };
	int i, bad = 0;
	size_t c;
	bool ok;

	for (i = 1; i < argc; i++) {
		ok = true;
		for (c = 0; ok && c < sizeof(cuts) / sizeof(cuts[0]); c++)
			ok = play_file(argv[i], cuts[c]);
		if (ok)
			printf("ok %s\n",
			       strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i]);
		bad += !ok;
	}
	return bad || argc < 2;
}
