/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that needs no BIOS: it prints on COM1 and on the debug console by port, then
 * leaves through the debug-exit port.
 */
	.code16
	.text
	.globl	_start
	.type	_start, @function
_start:
	ljmp	$0, $1f				/* some loaders enter at 07c0:0000 */
1:	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movw	$greeting, %si
	call	sector_puts
	movl	$0x10, %eax
	outl	%eax, $0xf4
2:	hlt
	jmp	2b
	.size	_start, . - _start

	.type	sector_puts, @function
sector_puts:
1:	lodsb
	testb	%al, %al
	jz	2f
	movw	$0x3f8, %dx
	outb	%al, %dx
	outb	%al, $0xe9
	jmp	1b
2:	ret
	.size	sector_puts, . - sector_puts

greeting:
	.asciz	"hello from 16 bits\r\n"

	.org	510
	.word	0xaa55

	.section .note.GNU-stack, "", @progbits
