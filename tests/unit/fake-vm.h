/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM without KVM: the functions of vm.h that the control protocol uses, over
 * real guest RAM and a real sample page. A test links this instead of vm.c.
 */
#ifndef VITRINE_TEST_FAKE_VM_H
#define VITRINE_TEST_FAKE_VM_H

#include <event2/event.h>

#include "vmm/vm.h"

#define FAKE_VM_KEYS  64
#define FAKE_VM_INPUT 4096

struct fake_vm_seen {
	unsigned int resets, powerdowns, quits, sample_hz;
	uint16_t key[FAKE_VM_KEYS]; /* scan code, bit 15 set: released */
	unsigned int nr_keys;
	uint8_t input[FAKE_VM_INPUT];
	size_t input_len;
	uint16_t cols, rows; /* of the terminal at hvc0 */
	size_t uart_room;    /* how many bytes vm_serial_input() takes at once */
};

struct vm *fake_vm_new(struct event_base *base);
void fake_vm_free(struct vm *vm);
struct fake_vm_seen *fake_vm_seen(struct vm *vm);
/* The guest says something on COM1. */
void fake_vm_says(struct vm *vm, const void *data, size_t len);
void fake_vm_crashes(struct vm *vm, const char *text);

#endif
