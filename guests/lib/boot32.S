/* SPDX-License-Identifier: MIT */
/*
 * Entry of a 32-bit guest: Multiboot header, a stack, kmain32(eax, ebx). With BOOT_AOUT the
 * header carries the addresses itself (flag 16), for a loader that knows nothing of ELF;
 * with BOOT_BARE there is no header.
 */
#define MULTIBOOT_MAGIC 0x1badb002
#ifdef BOOT_AOUT
#define MULTIBOOT_FLAGS 0x10003
#else
#define MULTIBOOT_FLAGS 3
#endif

#ifndef BOOT_BARE
	.section .multiboot, "a"
	.balign	4
multiboot_header:
	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
#ifdef BOOT_AOUT
	.long	multiboot_header		/* header_addr */
	.long	image_start			/* load_addr */
	.long	image_data_end			/* load_end_addr */
	.long	image_end			/* bss_end_addr */
	.long	_start				/* entry_addr */
#endif
#endif

	.text
	.globl	_start
	.type	_start, @function
_start:
	cli
	cld
	movl	$boot_stack_top, %esp
	xorl	%ebp, %ebp
	pushl	%ebx
	pushl	%eax
	call	kmain32				/* (eax, ebx), does not return */
1:	hlt
	jmp	1b
	.size	_start, . - _start

	.bss
	.balign	4096
	.skip	8192
	.globl	boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
