/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that goes through the modes of the processor, one label each, for debuggers:
 * real mode with a code segment that does not begin at 0, 16-bit and 32-bit protected mode,
 * compatibility and 64-bit mode. It prints on COM1 and leaves through the debug-exit port.
 */
	.set	PAGE_TABLES, 0x9000		/* three pages: PML4, PDPT, PD */
	.set	CODE32, 0x08
	.set	DATA32, 0x10
	.set	CODE64, 0x18
	.set	CODE16, 0x20

	.code16
	.text
	.globl	_start, real_mode, real_call, real_far, real_done, prot16_mode, prot32_mode, prot32_done
	.globl	compat_mode, long_mode, long_loop, long_done, modes_word, modes_stack
	.type	_start, @function
_start:
	cli
	cld
	ljmp	$0, $real_mode
	.size	_start, . - _start

	.type	real_mode, @function
real_mode:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$modes_stack, %sp
	movw	$0x1234, %bx
	pushw	%bx
	popw	modes_word
	call	real_call
	ljmp	$0x7c0, $real_far - _start	/* the same code, further from its segment */
real_done:
	inb	$0x92, %al			/* A20 */
	orb	$2, %al
	outb	%al, $0x92
	lgdt	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$CODE16, $prot16_mode
real_call:
	addw	$1, %bx
	ret
real_far:					/* 07c0:xxxx */
	incw	%bx
	decw	%bx
	ljmp	$0, $real_done
	.size	real_mode, . - real_mode

	.type	prot16_mode, @function
prot16_mode:
	nop
	ljmpl	$CODE32, $prot32_mode
	.size	prot16_mode, . - prot16_mode

	.code32
	.type	prot32_mode, @function
prot32_mode:
	movl	$DATA32, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$modes_stack, %esp
	movl	$0x11223344, modes_word
prot32_done:
	movl	$PAGE_TABLES, %edi
	xorl	%eax, %eax
	movl	$0x3000 / 4, %ecx
	rep stosl
	movl	$PAGE_TABLES + 0x1003, PAGE_TABLES
	movl	$PAGE_TABLES + 0x2003, PAGE_TABLES + 0x1000
	movl	$0x83, PAGE_TABLES + 0x2000	/* the first 2 MiB */
	movl	%cr4, %eax
	orl	$1 << 5, %eax			/* PAE */
	movl	%eax, %cr4
	movl	$PAGE_TABLES, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$1 << 8, %eax			/* EFER.LME */
	wrmsr
	movl	%cr0, %eax
	orl	$1 << 31, %eax			/* PG */
	movl	%eax, %cr0
	.size	prot32_mode, . - prot32_mode
	.type	compat_mode, @function
compat_mode:
	nop
	ljmp	$CODE64, $long_mode
	.size	compat_mode, . - compat_mode

	.code64
	.type	long_mode, @function
long_mode:
	movq	$0x1122334455667788, %rax
	movq	%rax, modes_word
	movl	$5, %ecx
long_loop:
	addq	$1, modes_word
	loop	long_loop
long_done:
	movl	$greeting, %esi
	movl	$0x3f8, %edx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	movl	$0x10, %eax
	outl	%eax, $0xf4
	hlt
	jmp	2b
	.size	long_mode, . - long_mode

greeting:
	.asciz	"through all modes\r\n"

	.balign	8
modes_word:
	.quad	0

	/* access and flags: present, code or data, readable, 4 KiB granularity */
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00af9a000000ffff
	.quad	0x00009a000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55
modes_stack = _start + 0x1000

	.section .note.GNU-stack, "", @progbits
