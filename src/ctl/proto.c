/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP on the wire: see proto.h. */
#include "ctl/proto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

/* One message that is nearly complete and one read on top of it. */
#define PROTO_STREAM_MAX (2 * PROTO_MESSAGE_MAX)

void proto_stream_init(struct proto_stream *st)
{
	memset(st, 0, sizeof(*st));
	buf_init(&st->in, PROTO_STREAM_MAX);
}

void proto_stream_free(struct proto_stream *st)
{
	buf_free(&st->in);
	proto_stream_init(st);
}

int proto_stream_feed(struct proto_stream *st, const void *data, size_t len)
{
	buf_drop(&st->in, st->start);
	st->start = 0;
	buf_add(&st->in, data, len);
	return st->in.failed ? -EMSGSIZE : 0;
}

/* The next text begins LEN bytes further. */
static void proto_stream_restart(struct proto_stream *st, size_t len)
{
	st->start += len;
	st->scanned = 0;
	st->depth = 0;
	st->in_string = false;
	st->escaped = false;
}

static bool proto_is_blank(char c)
{
	return c == '\0' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Step over leading blanks and what is left of a refused text; only before a text's first byte. */
static void proto_stream_skip(struct proto_stream *st)
{
	const char *data = buf_str(&st->in);

	if (st->scanned)
		return;
	while (st->start < st->in.len && (st->skipping || proto_is_blank(data[st->start]))) {
		if (data[st->start] == '\n')
			st->skipping = false;
		st->start++;
	}
}

/* Take one more byte into account; true where the text ends with it. */
static bool proto_stream_step(struct proto_stream *st, char c)
{
	if (st->in_string) {
		if (st->escaped)
			st->escaped = false;
		else if (c == '\\')
			st->escaped = true;
		else if (c == '"')
			st->in_string = false;
		return c == '\n'; /* no JSON string has a raw one: let the parser refuse it */
	}
	switch (c) {
	case '"':
		st->in_string = true;
		return false;
	case '{':
	case '[':
		st->depth++;
		return false;
	case '}':
	case ']':
		if (st->depth)
			st->depth--;
		return st->depth == 0;
	case '\n':
		return st->depth == 0;
	}
	return false;
}

ssize_t proto_stream_next(struct proto_stream *st, const char **text)
{
	const char *data;

	if (st->given)
		proto_stream_restart(st, st->given);
	st->given = 0;
	proto_stream_skip(st);
	data = buf_str(&st->in) + st->start;
	while (st->start + st->scanned < st->in.len) {
		if (st->scanned >= PROTO_MESSAGE_MAX || st->depth > PROTO_DEPTH_MAX) {
			proto_stream_restart(st, st->scanned);
			st->skipping = true;
			return -EMSGSIZE;
		}
		if (proto_stream_step(st, data[st->scanned++])) {
			*text = data;
			st->given = st->scanned;
			return (ssize_t)st->given;
		}
	}
	return 0;
}

static int proto_request_check(struct proto_request *req, struct err *err)
{
	const char *key;
	json_t *val;

	req->id = json_object_get(req->root, "id");
	json_object_foreach(req->root, key, val)
	{
		if (strcmp(key, "execute") == 0 && json_is_string(val))
			req->cmd = json_string_value(val);
		else if (strcmp(key, "arguments") == 0 && json_is_object(val))
			req->args = val;
		else if (strcmp(key, "execute") == 0)
			return err_set(err, EINVAL, "'execute' must be a string");
		else if (strcmp(key, "arguments") == 0)
			return err_set(err, EINVAL, "'arguments' must be an object");
		else if (strcmp(key, "id") != 0)
			return err_set(err, EINVAL, "unexpected member '%.64s'", key);
	}
	if (!req->cmd)
		return err_set(err, EINVAL, "'execute' is missing");
	return 0;
}

int proto_request_parse(const char *text, size_t len, struct proto_request *req, struct err *err)
{
	json_error_t why;

	memset(req, 0, sizeof(*req));
	req->root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!req->root)
		return err_set(err, EINVAL, "not JSON: %s (at byte %d)", why.text, why.position);
	if (!json_is_object(req->root))
		return err_set(err, EINVAL, "a request must be an object");
	return proto_request_check(req, err);
}

void proto_request_free(struct proto_request *req)
{
	json_decref(req->root);
	memset(req, 0, sizeof(*req));
}

static int proto_dump(const char *data, size_t len, void *opaque)
{
	buf_add(opaque, data, len);
	return 0;
}

/* OBJ, which is taken over, as one line. */
static void proto_line(struct buf *out, json_t *obj)
{
	json_dump_callback(obj, proto_dump, out, 0);
	buf_puts(out, "\r\n");
	json_decref(obj);
}

void proto_greeting(struct buf *out)
{
	int major = 0, minor = 0, micro = 0;

	sscanf(PACKAGE_VERSION, "%d.%d.%d", &major, &minor, &micro);
	proto_line(out, json_pack("{s:{s:{s:{s:i,s:i,s:i},s:s},s:[]}}", "QMP", "version", "qemu",
				  "major", major, "minor", minor, "micro", micro, "package",
				  "vitrine " PACKAGE_VERSION, "capabilities"));
}

void proto_return(struct buf *out, json_t *ret, json_t *id)
{
	json_t *obj = json_object();

	json_object_set_new(obj, "return", ret ? ret : json_object());
	if (id)
		json_object_set(obj, "id", id);
	proto_line(out, obj);
}

const char *proto_error_class(int code)
{
	switch (code) {
	case ENOSYS:
		return "CommandNotFound";
	case ENODEV:
		return "DeviceNotFound";
	}
	return "GenericError";
}

/* Texts may quote bytes from outside: what is not UTF-8 becomes '?'. */
static json_t *proto_text(const char *text)
{
	json_t *str = json_string(text);
	char safe[ERR_TEXT_MAX];
	size_t i;

	if (str)
		return str;
	for (i = 0; i < sizeof(safe) - 1 && text[i]; i++)
		safe[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	safe[i] = '\0';
	return json_string(safe);
}

void proto_error(struct buf *out, const struct err *err, json_t *id)
{
	json_t *why = json_object(), *obj = json_object();

	json_object_set_new(why, "class", json_string(proto_error_class(err->code)));
	json_object_set_new(why, "desc", proto_text(err->text));
	json_object_set_new(obj, "error", why);
	if (id)
		json_object_set(obj, "id", id);
	proto_line(out, obj);
}

void proto_event(struct buf *out, const char *name, json_t *data)
{
	json_t *obj = json_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(obj, "event", json_string(name));
	if (data)
		json_object_set_new(obj, "data", data);
	json_object_set_new(obj, "timestamp",
			    json_pack("{s:I,s:I}", "seconds", (json_int_t)now.tv_sec,
				      "microseconds", (json_int_t)(now.tv_nsec / 1000)));
	proto_line(out, obj);
}

int proto_need_string(const json_t *args, const char *key, const char **out, struct err *err)
{
	const json_t *val = json_object_get(args, key);

	if (!val)
		return err_set(err, EINVAL, "argument '%s' is missing", key);
	if (!json_is_string(val))
		return err_set(err, EINVAL, "argument '%s' must be a string", key);
	*out = json_string_value(val);
	return 0;
}

int proto_opt_int(const json_t *args, const char *key, long long lo, long long hi, long long *out,
		  struct err *err)
{
	const json_t *val = json_object_get(args, key);

	if (!val)
		return 0;
	if (!json_is_integer(val))
		return err_set(err, EINVAL, "argument '%s' must be a whole number", key);
	if (json_integer_value(val) < lo || json_integer_value(val) > hi)
		return err_set(err, EINVAL, "argument '%s' must lie between %lld and %lld", key, lo,
			       hi);
	*out = json_integer_value(val);
	return 0;
}

int proto_need_int(const json_t *args, const char *key, long long lo, long long hi, long long *out,
		   struct err *err)
{
	if (!json_object_get(args, key))
		return err_set(err, EINVAL, "argument '%s' is missing", key);
	return proto_opt_int(args, key, lo, hi, out, err);
}

int proto_opt_bool(const json_t *args, const char *key, bool *out, struct err *err)
{
	const json_t *val = json_object_get(args, key);

	if (!val)
		return 0;
	if (!json_is_boolean(val))
		return err_set(err, EINVAL, "argument '%s' must be true or false", key);
	*out = json_is_true(val);
	return 0;
}
