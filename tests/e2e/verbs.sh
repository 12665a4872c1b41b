#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs on running machines: names, control, the console, sockets fed with nonsense, death.
. "$(dirname "$0")/../lib.sh"
guests=$build/guests
folder=$XDG_RUNTIME_DIR/vitrine

is_state()
{
	vitrine ls | grep -q "^$1 .* *$2 "
}

case_begin "--detach prints the name, --freeze waits"
run vitrine run --detach --freeze "$guests/demo.elf"
want_status 0
want_out demo
is_state demo prelaunch || fail "not waiting"
run vitrine monitor demo 'print $rip'
want_out _start

case_begin "resume, logs, pause"
run vitrine resume
want_status 0
poll_until 20 eval 'vitrine logs demo | grep -q ready' || fail "the log is empty"
run vitrine pause d
want_status 0
is_state demo paused || fail "not paused"

case_begin "monitor and explain look at the guest"
run vitrine monitor demo info registers
want_out "RIP="
run vitrine monitor demo 'x/2i $rip'
want_out "=> 0x"
run vitrine explain demo '$rsp' w
want_out "write allowed"
run vitrine monitor demo nonsense
want_status 1
want_err "there is no command"

case_begin "a VM's name is its own, others are made up"
run vitrine run --detach --name demo "$guests/demo.elf"
want_status 126
want_err "in use"
run vitrine run --detach "$guests/demo.elf"
want_out demo-2
run vitrine pause dem
want_status 1
want_err "demo, demo-2"

case_begin "show prints each screen, and JSON"
for screen in cpu paging ept devices exits serial vga; do
	run vitrine show demo-2 $screen
	want_status 0
	[ -s "$out" ] || fail "$screen: nothing"
done
run vitrine show demo-2 cpu --json
python3 -m json.tool "$out" >/dev/null || fail "not JSON"

case_begin "dump is an ELF core"
run vitrine dump demo "$tmp/core"
want_status 0
run readelf -lW "$tmp/core"
want_out LOAD
is_state demo paused || fail "does not run on as before"

case_begin "the console replays and takes input"
screen_start "$build/vitrine" console demo-2
screen_wait 20 "connected to demo-2" || fail "does not say so"
screen_has "demo: ready" || fail "no replay"
screen_keys help Enter
screen_wait 20 "switch off" || fail "no answer"
screen_keys C-] d
screen_wait 10 "left demo-2" || fail "does not leave"
screen_kill

case_begin "a console whose input is a pipe says what the guest answers, and leaves"
printf 'help\n' | timeout 60 "$build/vitrine" console demo-2 >"$out" 2>"$err"
status=$?
want_status 0
want_out "switch off"
want_err "left demo-2"

case_begin "the monitor's prompt completes and shows events"
screen_start "$build/vitrine" monitor demo-2
screen_wait 20 "(demo-2)" || fail "no prompt"
screen_keys "info reg" Tab Enter
screen_wait 20 "EFER=" || fail "no completion"
screen_keys stop Enter
screen_wait 20 "[STOP" || fail "no event"
screen_keys C-d
screen_kill

case_begin "nonsense on the sockets harms nobody"
for socket in qmp console gdb; do
	head -c 200000 /dev/urandom |
		timeout 5 socat -u - "UNIX-CONNECT:$folder/demo/$socket.sock" 2>/dev/null
done
printf '{"execute":"qmp_capabilities"}{"execute":"nothing"}[[[[}' |
	timeout 1 socat - "UNIX-CONNECT:$folder/demo/qmp.sock" >"$out"
want_out CommandNotFound
run vitrine monitor demo info name
want_out demo

case_begin "wait has the guest's status"
timeout 90 "$build/vitrine" wait demo-2 &
run vitrine resume demo-2
poll_until 60 eval 'vitrine logs demo-2 | grep -q "demo: ready"' || fail "never ready"
printf 'exit 7\n' | timeout 5 socat -u - "UNIX-CONNECT:$folder/demo-2/console.sock"
wait $!
status=$?
want_status 15

case_begin "SIGKILL of the VM leaves nothing behind ls"
kill -9 "$(cat "$folder/demo/lock")"
poll_until 10 eval '! vitrine ls | grep -q demo' || fail "still listed"
[ ! -e "$folder/demo" ] || fail "its folder is still there"

case_begin "a crashed guest is kept, told, and can be ended"
run vitrine run --detach "$guests/faults/no-idt.elf"
poll_until 20 is_state no-idt guest-panicked || fail "not kept"
run vitrine show no-idt autopsy
want_out fault_here
run vitrine dump --bundle no-idt "$tmp/crash"
want_status 0
jq -e '(.autopsy.verdict | length > 0) and .vcpus[0].registers.rip and (.exits | length > 0) and
	.stop.text and .version' "$tmp/crash/crash.json" >/dev/null || fail "crash.json lacks something"
grep -q fault_here "$tmp/crash/crash.txt" || fail "crash.txt does not name the place"
[ -s "$tmp/crash/serial.log" ] || fail "serial.log is empty"
readelf -hn "$tmp/crash/core" | grep -q PRSTATUS || fail "the core has no registers"
run vitrine dump --bundle no-idt "$tmp/crash"
want_status 1 # it is there already, and stays
[ -s "$tmp/crash/core" ] || fail "the first bundle was harmed"
run vitrine monitor no-idt rerun
want_status 1 # there is nothing to look for, or it was found at the crash
run vitrine resume no-idt
want_status 1
run vitrine stop no-idt
want_status 0
[ -z "$(ls "$folder")" ] || fail "something is left"

case_begin "a guest that never leaves by itself is looked at, again and again"
printf '\xeb\xfe' >"$tmp/spin.bin" # jmp .
run vitrine run --detach --name spin --cpus 2 --load "0x7c00:$tmp/spin.bin" --entry 0x7c00 --mode 16
want_status 0
for screen in cpu exits irq; do
	run vitrine show spin "$screen"
	want_status 0
done
run vitrine monitor spin "info registers"
want_out "EIP=00007c00"
run vitrine kill spin
want_status 0

case_begin "no VM: one clear line"
run vitrine pause
want_status 1
want_err "no VM is running"
