/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of stops: see history.h. */
#include "tui/history.h"

#include <stdlib.h>
#include <string.h>

struct vm_view *history_copy(const struct vm_view *view)
{
	struct vm_view *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *view;
	copy->vcpu = reallocarray(NULL, view->nr_vcpus ? view->nr_vcpus : 1, sizeof(*copy->vcpu));
	if (!copy->vcpu) {
		free(copy);
		return NULL;
	}
	memcpy(copy->vcpu, view->vcpu, view->nr_vcpus * sizeof(*copy->vcpu));
	return copy;
}

void history_copy_free(struct vm_view *view)
{
	if (view)
		free(view->vcpu);
	free(view);
}

bool history_add(struct history *hist, const struct vm_view *view)
{
	const struct vm_view *last = history_get(hist, 0);
	struct vm_view *copy;

	if (view->state == VM_STATE_RUNNING || (last && last->stop_count == view->stop_count))
		return false;
	copy = history_copy(view);
	if (!copy)
		return false;
	history_copy_free(hist->stop[hist->next]);
	hist->stop[hist->next] = copy;
	hist->next = (hist->next + 1) % HISTORY_MAX;
	hist->nr += hist->nr < HISTORY_MAX;
	return true;
}

const struct vm_view *history_get(const struct history *hist, unsigned int back)
{
	if (back >= hist->nr)
		return NULL;
	return hist->stop[(hist->next + HISTORY_MAX - 1 - back) % HISTORY_MAX];
}

void history_clear(struct history *hist)
{
	for (unsigned int i = 0; i < HISTORY_MAX; i++)
		history_copy_free(hist->stop[i]);
	memset(hist, 0, sizeof(*hist));
}
