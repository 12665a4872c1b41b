/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void steps_run(volatile void *mmio): one round over the instructions that are hard to step.
 * step_NAME is the instruction, step_NAME_next where one step from there must arrive.
 */
	.macro step name, insn:vararg
	.globl	step_\name, step_\name\()_next
step_\name:
	\insn
step_\name\()_next:
	.endm

/* An instruction whose next one is elsewhere: step_NAME_next stands there. */
	.macro step_away name, insn:vararg
	.globl	step_\name
step_\name:
	\insn
	.endm

	.macro arrive name
	.globl	step_\name\()_next
step_\name\()_next:
	.endm

	.cfi_sections .debug_frame
	.text
	.globl	steps_run
	.type	steps_run, @function
steps_run:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	%rbx
	pushq	%r12
	movq	%rdi, %rbx
	step	nop, nop
	step	out, outb %al, $0x80
	step	in, inb $0x80, %al
	step	mmio_read, movl (%rbx), %eax
	step	mmio_write, movl %eax, (%rbx)
	pushq	%rbx
	xorl	%eax, %eax
	step	cpuid, cpuid
	popq	%rbx
	movl	$0x1b, %ecx
	step	rdmsr, rdmsr
	movq	%cr3, %rdx
	movq	steps_root(%rip), %rax
	step	cr3, movq %rax, %cr3
	movq	%rdx, %cr3
	step	pushf, pushfq
	step	pop_flags, popq %rax
	andl	$0x100, %eax			/* TF */
	shrl	$8, %eax
	addq	%rax, steps_tf_seen
	pushq	$0x202
	step	popf, popfq
	movl	%ss, %eax
	step	mov_ss, movl %eax, %ss
	step	after_mov_ss, nop
	step	cli, cli
	step	sti, sti
	step	after_sti, nop
	step_away int, int $0x50
	arrive	iret
	nop
	step_away syscall, syscall
	arrive	sysret
	leaq	steps_from(%rip), %rsi
	leaq	steps_to(%rip), %rdi
	movl	$64, %ecx
	step	rep, rep movsb
	step	int3, int3
	step	hlt, hlt
	step	pause, pause
	popq	%r12
	popq	%rbx
	popq	%rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size	steps_run, . - steps_run

	.globl	steps_int
	.type	steps_int, @function
steps_int:
	arrive	int
	nop
	step_away iret, iretq
	.size	steps_int, . - steps_int

/* SYSRET would go to user mode; rcx and r11 hold all there is to return to. */
	.globl	steps_syscall
	.type	steps_syscall, @function
steps_syscall:
	arrive	syscall
	nop
	pushq	%r11
	popfq
	step_away sysret, jmp *%rcx
	.size	steps_syscall, . - steps_syscall

	.section .note.GNU-stack, "", @progbits
