/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain ELF64 with no boot header at all: the loader enters it in long mode
 * with the first 4 GiB identity mapped.  It trusts nothing but rip and cr3,
 * prints its line on COM1 and leaves through the debug-exit port.
 */
	.code64
	.section .text, "ax"
	.globl _start
	.type _start, @function
_start:
	leaq	stack_top(%rip), %rsp
	leaq	greeting(%rip), %rsi
	call	serial_puts
	movl	$0x10, %eax
	outl	%eax, $0xf4
1:	hlt
	jmp	1b
	.size _start, . - _start

	.type serial_puts, @function
serial_puts:
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	ret
	.size serial_puts, . - serial_puts

	.section .rodata, "a"
greeting:
	.asciz	"hello from 64 bits\r\n"

	.bss
	.balign	16
	.skip	4096
stack_top:

	.section .note.GNU-stack, "", @progbits
