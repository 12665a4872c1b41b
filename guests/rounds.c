/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rounds without end, of lines that take a debugger long: a loop in one line, a loop of calls
 * in one line, and a function that is entered often. For the benchmark of debug stubs; a PVH
 * kernel, so that other machines boot it as well.
 */
#include "guest32.h"

__asm__(".pushsection .note.Xen, \"a\", @note\n"
	"	.balign 4\n"
	"	.long 4, 4, 18\n" /* name and descriptor length, XEN_ELFNOTE_PHYS32_ENTRY */
	"	.asciz \"Xen\"\n"
	"	.long _start\n"
	"	.popsection\n");

static volatile unsigned int rounds_total;

__attribute__((noinline)) static unsigned int rounds_inner(unsigned int n)
{
	rounds_total += n;
	return rounds_total;
}

__attribute__((noinline)) static void rounds_done(void)
{
	rounds_total = 0;
}

static void rounds_play(void)
{
	unsigned int i;

	/* clang-format off */
	for (i = 0; i < 40; i++) rounds_total += i;
	for (i = 0; i < 10; i++) rounds_total += rounds_inner(i);
	for (i = 0; i < 50; i++) rounds_total += rounds_inner(i);
	/* clang-format on */
	rounds_done();
}

void kmain32(uint32_t magic, uint32_t info)
{
	(void)magic;
	(void)info;
	for (;;)
		rounds_play();
}
