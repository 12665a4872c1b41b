/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One touch of one address from long mode, and back from whatever exception it ends in.
 */
#define SEL_DATA      0x10
#define SEL_USER_DATA 0x1b
#define SEL_USER_CODE 0x23

	.text
	.macro	touch_begin
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, touch_rsp
	shll	$4, %edx
	movl	$0xcc, %eax
	.endm

/* touch_kernel(va, flags, how) */
	.globl	touch_kernel
	.type	touch_kernel, @function
touch_kernel:
	touch_begin
	leaq	touch_code(%rdx), %rdx
	pushq	%rsi
	popfq
	jmp	*%rdx
	.size	touch_kernel, . - touch_kernel

/* touch_cr4(val): never refused here */
	.globl	touch_cr4
	.type	touch_cr4, @function
touch_cr4:
	movq	%rdi, %cr4
	movq	$0, touch_vector(%rip)
	ret
	.size	touch_cr4, . - touch_cr4

	.globl	touch_user
	.type	touch_user, @function
touch_user:
	touch_begin
	addq	touch_user_va, %rdx
	pushq	$SEL_USER_DATA
	pushq	$0
	pushq	%rsi
	pushq	$SEL_USER_CODE
	pushq	%rdx
	iretq
	.size	touch_user, . - touch_user

/* Position-independent, the same bytes in 32 and 64 bits. */
	.balign	16
	.globl	touch_code, touch_code_end
touch_code:
	movb	(%rdi), %al
	int	$0x80
	.balign	16
	movb	%al, (%rdi)
	int	$0x80
	.balign	16
	jmp	*%rdi
touch_code_end:

	.macro	touch_stub vector, has_error
touch_stub_\vector:
	.if	\has_error == 0
	pushq	$0
	.endif
	pushq	$\vector
	jmp	touch_fault
	.endm

	.altmacro
	.macro	touch_one vector
	.if	(\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21)
	touch_stub \vector, 1
	.else
	touch_stub \vector, 0
	.endif
	.endm
	.set	i, 0
	.rept	32
	touch_one %i
	.set	i, i + 1
	.endr
	touch_stub 128, 0

	.type	touch_fault, @function
touch_fault:
	popq	touch_vector
	popq	touch_error
	movq	%cr2, %rax
	movq	%rax, touch_cr2
	movl	$SEL_DATA, %eax
	movl	%eax, %ss
	cmpq	$0, touch_rsp
	je	1f
	movq	touch_rsp, %rsp
	movq	$0, touch_rsp
	pushq	$2
	popfq
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
1:	popq	%rdi				/* none was under way: where was it? */
	call	touch_lost
	.size	touch_fault, . - touch_fault

	.section .rodata
	.balign	8
	.globl	touch_stubs
	.macro	touch_entry vector
	.quad	touch_stub_\vector
	.endm
touch_stubs:
	.set	i, 0
	.rept	32
	touch_entry %i
	.set	i, i + 1
	.endr
	.quad	touch_stub_128

	.bss
	.balign	8
	.globl	touch_vector, touch_error, touch_cr2
touch_vector:
	.skip	8
touch_error:
	.skip	8
touch_cr2:
	.skip	8
touch_rsp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
