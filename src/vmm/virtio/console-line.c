/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line between the machine's console and port 0: what is typed, kept until the guest takes it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/virtio/console-priv.h"

#define LINE_MAX_INPUT 4096
#define LINE_COLS      80
#define LINE_ROWS      25

struct vconsole_line {
	pthread_mutex_t lock;
	int wake_fd; /* the device's, -1: none */
	bool open;
	uint16_t cols, rows;
	uint8_t data[LINE_MAX_INPUT];
	size_t head, nr;
};

struct vconsole_line *vconsole_line_new(void)
{
	struct vconsole_line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	pthread_mutex_init(&line->lock, NULL);
	line->wake_fd = -1;
	line->cols = LINE_COLS;
	line->rows = LINE_ROWS;
	return line;
}

void vconsole_line_free(struct vconsole_line *line)
{
	if (!line)
		return;
	pthread_mutex_destroy(&line->lock);
	free(line);
}

static void line_wake_locked(struct vconsole_line *line)
{
	uint64_t one = 1;

	/* A full counter is a wake-up that is due already. */
	if (line->wake_fd >= 0 && write(line->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void vconsole_line_attach(struct vconsole_line *line, int fd)
{
	pthread_mutex_lock(&line->lock);
	line->wake_fd = fd;
	pthread_mutex_unlock(&line->lock);
}

size_t vconsole_line_input(struct vconsole_line *line, const uint8_t *data, size_t len)
{
	size_t i;

	pthread_mutex_lock(&line->lock);
	if (len > LINE_MAX_INPUT - line->nr)
		len = LINE_MAX_INPUT - line->nr;
	for (i = 0; i < len; i++)
		line->data[(line->head + line->nr++) % LINE_MAX_INPUT] = data[i];
	if (len)
		line_wake_locked(line);
	pthread_mutex_unlock(&line->lock);
	return len;
}

size_t vconsole_line_take(struct vconsole_line *line, uint8_t *data, size_t len)
{
	size_t i;

	pthread_mutex_lock(&line->lock);
	if (len > line->nr)
		len = line->nr;
	for (i = 0; i < len; i++)
		data[i] = line->data[(line->head + i) % LINE_MAX_INPUT];
	line->head = (line->head + len) % LINE_MAX_INPUT;
	line->nr -= len;
	pthread_mutex_unlock(&line->lock);
	return len;
}

/* What was typed for a driver that has gone is not for the next one. */
void vconsole_line_set_open(struct vconsole_line *line, bool open)
{
	pthread_mutex_lock(&line->lock);
	line->open = open;
	if (!open)
		line->nr = 0;
	pthread_mutex_unlock(&line->lock);
}

bool vconsole_line_open(struct vconsole_line *line)
{
	bool open;

	pthread_mutex_lock(&line->lock);
	open = line->open;
	pthread_mutex_unlock(&line->lock);
	return open;
}

void vconsole_line_resize(struct vconsole_line *line, uint16_t cols, uint16_t rows)
{
	pthread_mutex_lock(&line->lock);
	if (line->cols != cols || line->rows != rows) {
		line->cols = cols;
		line->rows = rows;
		line_wake_locked(line);
	}
	pthread_mutex_unlock(&line->lock);
}

void vconsole_line_size(struct vconsole_line *line, uint16_t *cols, uint16_t *rows)
{
	pthread_mutex_lock(&line->lock);
	*cols = line->cols;
	*rows = line->rows;
	pthread_mutex_unlock(&line->lock);
}
