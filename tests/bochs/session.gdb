# SPDX-License-Identifier: GPL-2.0-or-later
#
# A gdb without Python on the demo kernel, which waits before its first
# instruction: the session of tests/gdb/session.py where int3 in a guest comes to
# the debugger. Result lines as in ../lib.sh; cases.sh reads the rest.
set pagination off
set confirm off
set width 0
set remotetimeout 300

# expect NAME CONDITION, without blanks
define expect
	if $arg1
		echo ok gdb/$arg0\n
	else
		echo not ok gdb/$arg0\n
		info registers rip
		info breakpoints
	end
end

# within FUNCTION: whether the program counter is near its beginning
define within
	set $within = $pc - (long)&$arg0 < 0x400 && $pc >= (long)&$arg0
end

echo # software breakpoint, set before there is paging\n
break kmain
continue
within kmain
expect break $within
delete

echo # hardware breakpoint\n
hbreak demo_work
continue
within demo_work
expect hbreak $within
delete

echo # watchpoint\n
set $before = demo_counter
watch demo_counter
continue
expect watch demo_counter==$before+1
delete

echo # more breakpoints than there are debug registers\n
set breakpoint always-inserted on
break demo_inner
break demo_work
break demo_loop
break ap_main
break shell_poll
continue
set $hits = 0
within demo_inner
set $hits = $hits + $within
within demo_work
set $hits = $hits + $within
within shell_poll
set $hits = $hits + $within
expect five-breakpoints $hits==1
monitor info breakpoints
delete
set breakpoint always-inserted off

echo # finish\n
break demo_inner
continue
delete
finish
within demo_work
expect finish $within

echo # a thousand instructions, and no interrupt among them\n
break demo_work
continue
delete
break demo_timer_irq
set $before = demo_now
stepi 1000
expect stepi-1000 demo_now==$before
delete

echo # interrupt handler, and back through its frame\n
break demo_timer_irq
continue
within demo_timer_irq
expect timer $within
backtrace
delete

echo # catch: the next interrupt\n
monitor catch interrupt 32-48
continue
monitor uncatch

echo # record: back to where it was, an instruction at a time and at once\n
monitor record on 100
set remote reverse-step-packet on
set remote reverse-continue-packet on
set $there = $pc
set $stack = $rsp
stepi 12
set $beyond = $pc
reverse-stepi 12
expect record-steps $pc==$there&&$rsp==$stack&&$beyond!=$there
stepi 12
reverse-continue
expect record-begin $pc==$there&&$rsp==$stack
monitor record off

echo # threads\n
info threads
thread 2
info symbol $pc
expect threads $_thread==2
thread 1
detach
