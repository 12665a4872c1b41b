/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One touch of one address from 32-bit protected mode, and back from whatever exception it ends
 * in. DS and ES hold the user's data segment all the time.
 */
#define SEL_DATA      0x10
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE 0x1b

	.text
	.macro	touch_begin
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	movl	20(%esp), %edi			/* va */
	movl	24(%esp), %esi			/* flags */
	movl	28(%esp), %edx			/* how */
	movl	%esp, touch_rsp
	shll	$4, %edx
	movl	$0xcc, %eax
	.endm

/* touch_kernel(va, flags, how) */
	.globl	touch_kernel
	.type	touch_kernel, @function
touch_kernel:
	touch_begin
	leal	touch_code(%edx), %edx
	pushl	%esi
	popfl
	jmp	*%edx
	.size	touch_kernel, . - touch_kernel

	.globl	touch_user
	.type	touch_user, @function
touch_user:
	touch_begin
	addl	touch_user_va, %edx
	pushl	$SEL_USER_DATA
	pushl	$0
	pushl	%esi
	pushl	$SEL_USER_CODE
	pushl	%edx
	iretl
	.size	touch_user, . - touch_user

/* touch_cr4(val): touch_vector is 0 if that was taken, else the exception */
	.globl	touch_cr4
	.type	touch_cr4, @function
touch_cr4:
	movl	4(%esp), %eax
	pushl	%ebx
	pushl	%ebp
	pushl	%esi
	pushl	%edi
	movl	%esp, touch_rsp
	movl	$0, touch_vector
	movl	%eax, %cr4
	movl	$0, touch_rsp
	addl	$16, %esp
	ret
	.size	touch_cr4, . - touch_cr4

/* Position-independent, the same bytes in 32 and 64 bits. */
	.balign	16
	.globl	touch_code, touch_code_end
touch_code:
	movb	(%edi), %al
	int	$0x80
	.balign	16
	movb	%al, (%edi)
	int	$0x80
	.balign	16
	jmp	*%edi
touch_code_end:

	.macro	touch_stub vector, has_error
touch_stub_\vector:
	.if	\has_error == 0
	pushl	$0
	.endif
	pushl	$\vector
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
	popl	touch_vector
	popl	touch_error
	movl	%cr2, %eax
	movl	%eax, touch_cr2
	cmpl	$0, touch_rsp
	je	1f
	movl	touch_rsp, %esp
	movl	$0, touch_rsp
	pushl	$2
	popfl
	popl	%edi
	popl	%esi
	popl	%ebp
	popl	%ebx
	ret
1:	call	touch_lost			/* none was under way: where was it? */
	.size	touch_fault, . - touch_fault

	.section .rodata
	.balign	4
	.globl	touch_stubs
	.macro	touch_entry vector
	.long	touch_stub_\vector
	.endm
touch_stubs:
	.set	i, 0
	.rept	32
	touch_entry %i
	.set	i, i + 1
	.endr
	.long	touch_stub_128

	.bss
	.balign	4
	.globl	touch_vector, touch_error, touch_cr2
touch_vector:
	.skip	4
touch_error:
	.skip	4
touch_cr2:
	.skip	4
touch_rsp:
	.skip	4

	.section .note.GNU-stack, "", @progbits
