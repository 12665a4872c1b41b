/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one stop protocol, for pause, debugger, crash, reset and end: a request,
 * a kick for every vCPU, each completes its pending I/O and parks, the last one
 * reports, the main loop acts, resume.
 */
#include <stdint.h>
#include <unistd.h>

#include "vmm/vm-priv.h"

/* What must not be forgotten when two reasons come at once. */
static int stop_rank(const struct stop *stop)
{
	switch (stop->why) {
	case STOP_CRASH:
	case STOP_INTERNAL:
	case STOP_END:
		return 4;
	case STOP_RESET:
		return 3;
	case STOP_DEBUG:
		return stop->aside ? 1 : 2;
	default:
		return 0;
	}
}

static void stop_kick_all_locked(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		if (!vm->vcpu[i]->parked)
			vcpu_kick(vm->vcpu[i]);
	}
}

bool stop_request(struct vm *vm, const struct stop *stop)
{
	bool taken = false;

	pthread_mutex_lock(&vm->lock);
	if (vm->stop.why == STOP_NONE || stop_rank(stop) > stop_rank(&vm->stop)) {
		vm->stop = *stop;
		taken = true;
	}
	if (!atomic_load(&vm->stopping)) {
		atomic_store(&vm->stopping, true);
		stop_kick_all_locked(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return taken;
}

static void stop_report(struct vm *vm)
{
	uint64_t one = 1;
	ssize_t n = write(vm->stop_fd, &one, sizeof(one));

	(void)n; /* an eventfd that is already readable says the same */
}

/* Whether VCPU has to stand now. */
static bool stop_holds_locked(const struct vm *vm, const struct vcpu *vcpu)
{
	return !vm->quitting && (atomic_load(&vm->stopping) || atomic_load(&vcpu->frozen));
}

bool stop_park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool go_on;

	state_shadow(vcpu);
	if (vcpu->stale) /* else what was published when it was written still holds */
		state_publish(vcpu, true);
	vcpu->stale = false;
	pthread_mutex_lock(&vm->lock);
	vcpu->parked = true;
	vm->nr_parked++;
	while (stop_holds_locked(vm, vcpu)) {
		if (vm->nr_parked == vm->nr_vcpus && atomic_load(&vm->stopping)) {
			pthread_cond_broadcast(&vm->parked_cond);
			stop_report(vm);
		}
		pthread_cond_wait(&vm->resume_cond, &vm->lock);
	}
	vcpu->parked = false;
	vm->nr_parked--;
	go_on = !vm->quitting;
	pthread_mutex_unlock(&vm->lock);
	return go_on;
}

void stop_wait(struct vm *vm, struct stop *out)
{
	pthread_mutex_lock(&vm->lock);
	while (vm->nr_parked < vm->nr_vcpus)
		pthread_cond_wait(&vm->parked_cond, &vm->lock);
	*out = vm->stop;
	vm->stop.why = STOP_NONE;
	pthread_mutex_unlock(&vm->lock);
}

void stop_release(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->stop.why = STOP_NONE;
	atomic_store(&vm->stopping, false);
	pthread_cond_broadcast(&vm->resume_cond);
	pthread_mutex_unlock(&vm->lock);
}

void stop_quit(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->quitting = true;
	atomic_store(&vm->stopping, true);
	stop_kick_all_locked(vm);
	pthread_cond_broadcast(&vm->resume_cond);
	pthread_mutex_unlock(&vm->lock);
}
