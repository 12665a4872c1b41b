/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests as tests: see testspec.h. */
#include "farm/testspec.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

#define TESTSPEC_SUFFIX ".test"

static const char *const testspec_keys[] = { "timeout", "status", "expect", "reject",
					     "output",	"skip",	  NULL };

struct testspec_reader {
	struct testspecs *out;
	const char *prefix, *dir, *image;
	struct testspec *now;
	size_t first;
};

static void testspec_drop(struct testspec *spec)
{
	if (!spec)
		return;
	guest_free(&spec->guest);
	words_free(&spec->expect);
	words_free(&spec->reject);
	free(spec->name);
	free(spec->skip);
	free(spec->output);
	free(spec);
}

void testspec_free(struct testspecs *specs)
{
	while (specs->nr)
		testspec_drop(specs->spec[--specs->nr]);
	free(specs->spec);
	specs->spec = NULL;
}

static struct testspec *testspec_new(struct testspecs *out, const char *prefix, const char *name,
				     struct err *err)
{
	struct testspec *spec, **more;

	if (out->nr == TESTSPEC_MAX) {
		err_set(err, EINVAL, "more than %d tests", TESTSPEC_MAX);
		return NULL;
	}
	more = realloc(out->spec, (out->nr + 1) * sizeof(*more));
	spec = calloc(1, sizeof(*spec));
	if (more)
		out->spec = more;
	if (!more || !spec ||
	    asprintf(&spec->name, "%s%s%s", prefix, name[0] ? ":" : "", name) < 0) {
		free(spec);
		err_sys(err, ENOMEM, "test");
		return NULL;
	}
	guest_init(&spec->guest);
	out->spec[out->nr++] = spec;
	return spec;
}

static int testspec_number(const struct conf_item *item, uint64_t lo, uint64_t hi, uint64_t *num,
			   struct err *err)
{
	if (parse_range(item->value, lo, hi, num))
		return 0;
	return err_set(err, EINVAL, "%s = %s: a number from %llu to %llu", item->key, item->value,
		       (unsigned long long)lo, (unsigned long long)hi);
}

static int testspec_text(char **out, char *text, struct err *err)
{
	if (!text)
		return err_sys(err, ENOMEM, "test");
	free(*out);
	*out = text;
	return 0;
}

static int testspec_own(struct testspec *spec, const char *dir, const struct conf_item *item,
			struct err *err)
{
	uint64_t num = 0;
	int ret;

	if (strcmp(item->key, "timeout") == 0) {
		ret = testspec_number(item, 1, 86400, &num, err);
		spec->timeout_s = (unsigned int)num;
	} else if (strcmp(item->key, "status") == 0) {
		ret = testspec_number(item, 0, 255, &num, err);
		spec->status = (int)num;
	} else if (strcmp(item->key, "expect") == 0) {
		ret = words_add(&spec->expect, item->value);
	} else if (strcmp(item->key, "reject") == 0) {
		ret = words_add(&spec->reject, item->value);
	} else if (strcmp(item->key, "output") == 0) {
		ret = testspec_text(&spec->output, conf_path(dir, item->value), err);
	} else if (strcmp(item->key, "skip") == 0) {
		ret = testspec_text(&spec->skip, strdup(item->value), err);
	} else {
		return -ENOENT;
	}
	return ret == -ENOMEM ? err_sys(err, ENOMEM, "test") : ret;
}

static int testspec_setting(struct testspec *spec, const char *dir, const struct conf_item *item,
			    struct err *err)
{
	const char *near;
	int ret;

	ret = testspec_own(spec, dir, item, err);
	if (ret == -ENOENT)
		ret = guest_set(&spec->guest, dir, item, err);
	if (ret != -ENOENT)
		return ret;
	near = guest_nearest(item->key, testspec_keys);
	return err_set(err, EINVAL, "a test has no '%s'%s%s", item->key,
		       near ? "; did you mean " : "", near ? near : "");
}

static int testspec_item(void *ctx, const struct conf_item *item, struct err *err)
{
	struct testspec_reader *rd = ctx;

	if (!item->key && strcmp(item->kind, "test") != 0)
		return err_set(err, EINVAL, "[%s]: a section is [test NAME]", item->kind);
	if (!item->key || !rd->now)
		rd->now = testspec_new(rd->out, rd->prefix, item->key ? "" : item->name, err);
	if (!rd->now)
		return -err->code;
	return item->key ? testspec_setting(rd->now, rd->dir, item, err) : 0;
}

/* What runs where none is named. */
static int testspec_finish(struct testspec_reader *rd, struct err *err)
{
	struct testspec *spec;
	size_t i;

	for (i = rd->first; i < rd->out->nr; i++) {
		spec = rd->out->spec[i];
		if (!spec->guest.image && rd->image)
			spec->guest.image = strdup(rd->image);
		if (!spec->guest.image && !spec->skip)
			return err_set(err, EINVAL, "%s: no image", spec->name);
	}
	return 0;
}

int testspec_parse(const char *text, size_t len, const char *prefix, const char *dir,
		   const char *image, struct testspecs *out, struct err *err)
{
	struct testspec_reader rd = {
		.out = out, .prefix = prefix, .dir = dir, .image = image, .first = out->nr
	};
	struct err local = ERR_INIT;
	int ret;

	err = err ? err : &local;
	ret = conf_parse(text, len, testspec_item, &rd, err);
	if (ret == 0 && out->nr == rd.first) /* an empty one: the usual expectations */
		ret = testspec_new(out, prefix, "", err) ? 0 : -err->code;
	return ret == 0 ? testspec_finish(&rd, err) : ret;
}

/* --- files and folders --- */

static bool testspec_ends(const char *path, const char *suffix)
{
	size_t len = strlen(path), tail = strlen(suffix);

	return len > tail && strcmp(path + len - tail, suffix) == 0;
}

/* PATH without ".test", with ".elf" behind it if only that is there; NULL: neither. */
static char *testspec_image(const char *path)
{
	static const char *const tails[] = { "", ".elf", ".bin" };
	char *image = NULL;
	size_t i;

	for (i = 0; i < 3; i++) {
		if (asprintf(&image, "%.*s%s", (int)(strlen(path) - strlen(TESTSPEC_SUFFIX)), path,
			     tails[i]) < 0)
			return NULL;
		if (access(image, R_OK) == 0)
			return image;
		free(image);
	}
	return NULL;
}

static int testspec_load_file(const char *path, struct testspecs *out, struct err *err)
{
	char *text = NULL, *full = realpath(path, NULL), *image, *prefix = NULL;
	size_t len;
	int ret;

	if (!full)
		return err_sys(err, errno, "%s", path);
	image = testspec_image(full);
	ret = conf_read_file(full, &text, &len, err);
	if (ret == 0 &&
	    asprintf(&prefix, "%.*s", (int)(strlen(path) - strlen(TESTSPEC_SUFFIX)), path) < 0)
		ret = err_sys(err, ENOMEM, "%s", path);
	if (ret == 0) {
		ret = testspec_parse(text, len, prefix, dirname(full), image, out, err);
		if (ret < 0)
			err_prefix(err, "%s", path);
	}
	free(prefix);
	free(text);
	free(image);
	free(full);
	return ret;
}

static int testspec_load_image(const char *path, struct testspecs *out, struct err *err)
{
	char *full = realpath(path, NULL);
	int ret;

	if (!full)
		return err_sys(err, errno, "%s", path);
	ret = testspec_parse("", 0, path, "/", full, out, err);
	free(full);
	return ret;
}

static int testspec_wanted(const struct dirent *ent)
{
	return testspec_ends(ent->d_name, TESTSPEC_SUFFIX) || testspec_ends(ent->d_name, ".elf");
}

/* An image that a .test file beside it speaks for is not a test by itself. */
static bool testspec_spoken_for(const char *image)
{
	char *with = NULL, *without = NULL;
	bool yes = false;

	if (asprintf(&with, "%s" TESTSPEC_SUFFIX, image) > 0)
		yes = access(with, F_OK) == 0;
	if (!yes && asprintf(&without, "%.*s" TESTSPEC_SUFFIX, (int)strlen(image) - 4, image) > 0)
		yes = access(without, F_OK) == 0;
	free(with);
	free(without);
	return yes;
}

static int testspec_load_dir(const char *path, struct testspecs *out, struct err *err)
{
	struct dirent **list;
	int i, nr, ret = 0;
	char *file;

	nr = scandir(path, &list, testspec_wanted, alphasort);
	if (nr < 0)
		return err_sys(err, errno, "%s", path);
	for (i = 0; i < nr; i++) {
		file = ret == 0 ? conf_path(path, list[i]->d_name) : NULL;
		if (file && (testspec_ends(file, TESTSPEC_SUFFIX) || !testspec_spoken_for(file)))
			ret = testspec_load(file, out, err);
		free(file);
		free(list[i]);
	}
	free(list);
	return ret;
}

int testspec_load(const char *path, struct testspecs *out, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_sys(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return testspec_load_dir(path, out, err);
	return testspec_ends(path, TESTSPEC_SUFFIX) ? testspec_load_file(path, out, err)
						    : testspec_load_image(path, out, err);
}

/* --- judging --- */

static bool testspec_judge_output(const struct testspec *spec, const struct buf *said,
				  struct buf *why)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len, at;

	if (!spec->output)
		return true;
	if (conf_read_file(spec->output, &text, &len, &err) < 0) {
		buf_printf(why, "output: %s", err.text);
		return false;
	}
	for (at = 0; at < len && at < said->len && text[at] == said->data[at]; at++)
		;
	free(text);
	if (at == len && at == said->len)
		return true;
	buf_printf(why, "what it says differs from %s from byte %zu on", spec->output, at);
	return false;
}

bool testspec_judge(const struct testspec *spec, int status, const struct buf *said,
		    struct buf *why)
{
	const char *at = buf_str(said), *end = at + said->len, *found;
	size_t i;

	if (status != spec->status) {
		buf_printf(why, "ended with status %d, not %d%s", status, spec->status,
			   status == 124   ? " (time-out)"
			   : status == 120 ? " (crash)"
					   : "");
		return false;
	}
	for (i = 0; i < spec->expect.nr; i++) {
		found = memmem(at, (size_t)(end - at), spec->expect.word[i],
			       strlen(spec->expect.word[i]));
		if (!found) {
			buf_printf(why, "does not say \"%s\"%s", spec->expect.word[i],
				   i ? " after what comes before it" : "");
			return false;
		}
		at = found + strlen(spec->expect.word[i]);
	}
	for (i = 0; i < spec->reject.nr; i++) {
		if (memmem(buf_str(said), said->len, spec->reject.word[i],
			   strlen(spec->reject.word[i]))) {
			buf_printf(why, "says \"%s\"", spec->reject.word[i]);
			return false;
		}
	}
	return testspec_judge_output(spec, said, why);
}
