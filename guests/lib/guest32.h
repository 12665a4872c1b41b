/* SPDX-License-Identifier: MIT */
/*
 * The frame of a 32-bit guest: boot32.S calls kmain32() with what the loader left in EAX and EBX.
 */
#ifndef GUEST_GUEST32_H
#define GUEST_GUEST32_H

#include <stdint.h>

void kmain32(uint32_t magic, uint32_t info_pa) __attribute__((noreturn));

#endif
