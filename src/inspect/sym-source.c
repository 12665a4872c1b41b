/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of source files for the code pane. File names come from debug
 * information and are as untrusted as that: only regular files of a sensible
 * size are read, and only a few are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/sym-priv.h"

#define SYM_SOURCES	8u
#define SYM_SOURCE_MAX	(4 << 20)
#define SYM_SOURCE_LINE 1048576u

struct sym_file {
	char *path; /* NULL: slot is free */
	char *text; /* lines, each ended by a NUL; NULL: cannot be read */
	uint32_t *line;
	uint32_t nr_lines;
	uint64_t used;
};

struct sym_sources {
	struct sym_file file[SYM_SOURCES];
	uint64_t clock;
};

static void sym_file_free(struct sym_file *file)
{
	free(file->path);
	free(file->text);
	free(file->line);
	memset(file, 0, sizeof(*file));
}

void sym_sources_close(struct sym_table *tab)
{
	unsigned int i;

	if (!tab->sources)
		return;
	for (i = 0; i < SYM_SOURCES; i++)
		sym_file_free(&tab->sources->file[i]);
	free(tab->sources);
	tab->sources = NULL;
}

static char *sym_file_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	struct stat sb;
	ssize_t got;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &sb) && S_ISREG(sb.st_mode) && sb.st_size <= SYM_SOURCE_MAX)
		text = malloc((size_t)sb.st_size + 1);
	if (text) {
		got = pread(fd, text, (size_t)sb.st_size, 0);
		*len = got > 0 ? (size_t)got : 0;
		text[*len] = '\0';
	}
	close(fd);
	return text;
}

/* Ends each line with a NUL and notes where it starts. */
static void sym_file_split(struct sym_file *file, size_t len)
{
	uint32_t nr = 1;
	size_t i;

	for (i = 0; i < len; i++)
		nr += file->text[i] == '\n';
	if (nr > SYM_SOURCE_LINE)
		nr = SYM_SOURCE_LINE;
	file->line = malloc(nr * sizeof(*file->line));
	if (!file->line)
		return;
	file->line[0] = 0;
	file->nr_lines = 1;
	for (i = 0; i < len; i++) {
		if (file->text[i] != '\n')
			continue;
		file->text[i] = '\0';
		if (i && file->text[i - 1] == '\r')
			file->text[i - 1] = '\0';
		if (file->nr_lines < nr)
			file->line[file->nr_lines++] = (uint32_t)(i + 1);
	}
}

static struct sym_file *sym_file_load(struct sym_sources *src, const char *path)
{
	struct sym_file *file = &src->file[0];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < SYM_SOURCES; i++) {
		if (src->file[i].used < file->used)
			file = &src->file[i];
	}
	sym_file_free(file);
	file->path = strdup(path);
	if (!file->path)
		return NULL;
	file->text = sym_file_read(path, &len);
	if (file->text)
		sym_file_split(file, len);
	return file;
}

const char *sym_source(struct sym_table *tab, const char *path, int line)
{
	struct sym_file *file = NULL;
	unsigned int i;

	if (!tab || !path || line <= 0)
		return NULL;
	if (!tab->sources)
		tab->sources = calloc(1, sizeof(*tab->sources));
	if (!tab->sources)
		return NULL;
	for (i = 0; i < SYM_SOURCES && !file; i++) {
		if (tab->sources->file[i].path && !strcmp(tab->sources->file[i].path, path))
			file = &tab->sources->file[i];
	}
	if (!file)
		file = sym_file_load(tab->sources, path);
	if (!file)
		return NULL;
	file->used = ++tab->sources->clock;
	if ((uint32_t)line > file->nr_lines)
		return NULL;
	return file->text + file->line[line - 1];
}
