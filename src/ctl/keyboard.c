/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A typist: see keyboard.h. */
#include "ctl/keyboard.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/keycode.h"

#define KEYBOARD_QUEUE	 4096 /* a power of two */
#define KEYBOARD_PACE_MS 6

struct keyboard_edge {
	uint16_t code;
	uint16_t after_ms; /* pause after it */
	bool down;
};

struct keyboard {
	struct vm *vm;
	struct event *timer;
	unsigned int head, nr;
	bool waiting; /* the timer runs */
	struct keyboard_edge queue[KEYBOARD_QUEUE];
};

static void keyboard_next(struct keyboard *kbd)
{
	struct keyboard_edge *edge = &kbd->queue[kbd->head];
	struct timeval pause = { .tv_sec = edge->after_ms / 1000,
				 .tv_usec = edge->after_ms % 1000 * 1000 };

	kbd->head = (kbd->head + 1) % KEYBOARD_QUEUE;
	kbd->nr--;
	kbd->waiting = true;
	event_add(kbd->timer, &pause);
	vm_key(kbd->vm, edge->code, edge->down);
}

static void keyboard_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct keyboard *kbd = arg;

	(void)fd;
	(void)what;
	kbd->waiting = false;
	if (kbd->nr)
		keyboard_next(kbd);
}

struct keyboard *keyboard_new(struct vm *vm)
{
	struct keyboard *kbd = calloc(1, sizeof(*kbd));

	if (!kbd)
		return NULL;
	kbd->vm = vm;
	kbd->timer = event_new(vm_event_base(vm), -1, EV_TIMEOUT, keyboard_on_timer, kbd);
	if (kbd->timer)
		return kbd;
	free(kbd);
	return NULL;
}

void keyboard_free(struct keyboard *kbd)
{
	if (!kbd)
		return;
	event_free(kbd->timer);
	free(kbd);
}

static int keyboard_room(const struct keyboard *kbd, size_t edges, struct err *err)
{
	if (edges <= KEYBOARD_QUEUE - kbd->nr)
		return 0;
	return err_set(err, ENOSPC, "too many keys are waiting to be typed");
}

static void keyboard_push(struct keyboard *kbd, uint16_t code, bool down, unsigned int after_ms)
{
	kbd->queue[(kbd->head + kbd->nr) % KEYBOARD_QUEUE] = (struct keyboard_edge){
		.code = code, .down = down, .after_ms = (uint16_t)after_ms
	};
	kbd->nr++;
	if (!kbd->waiting)
		keyboard_next(kbd);
}

int keyboard_chord(struct keyboard *kbd, const uint16_t *codes, unsigned int nr,
		   unsigned int hold_ms, struct err *err)
{
	unsigned int i;
	int ret;

	ret = keyboard_room(kbd, (size_t)nr * 2, err);
	if (ret < 0)
		return ret;
	for (i = 0; i < nr; i++)
		keyboard_push(kbd, codes[i], true, i + 1 < nr ? KEYBOARD_PACE_MS : hold_ms);
	while (i-- > 0)
		keyboard_push(kbd, codes[i], false, KEYBOARD_PACE_MS);
	return 0;
}

int keyboard_edge(struct keyboard *kbd, uint16_t code, bool down, struct err *err)
{
	int ret = keyboard_room(kbd, 1, err);

	if (ret == 0)
		keyboard_push(kbd, code, down, KEYBOARD_PACE_MS);
	return ret;
}

int keyboard_type(struct keyboard *kbd, const char *text, struct err *err)
{
	uint16_t chord[2] = { KEYCODE_SHIFT, 0 };
	bool shift;
	int ret;

	ret = keyboard_room(kbd, strlen(text) * 4, err);
	for (; ret == 0 && *text; text++) {
		chord[1] = keycode_from_char(*text, &shift);
		if (chord[1])
			ret = keyboard_chord(kbd, shift ? chord : chord + 1, shift ? 2 : 1,
					     KEYBOARD_PACE_MS, err);
	}
	return ret;
}
