#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs of a VM's life, from run --detach to what SIGKILL leaves behind.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf
folder=$XDG_RUNTIME_DIR/vitrine

# How often the demo has come to its prompt.
starts()
{
	vitrine logs "$1" | grep -c "demo: ready"
}

starts_is()
{
	[ "$(starts "$1")" -eq "$2" ]
}

vm_pid()
{
	vitrine ls --json | jq -r --arg name "$1" '.[] | select(.name == $name).pid'
}

case_begin "ls without a VM"
run vitrine ls
want_status 0
want_err "no VM is running"
run vitrine ls --json
jq -e '. == []' "$out" >/dev/null || fail "not an empty list"

case_begin "verbs without a VM say so"
for verb in attach console logs monitor gdb pause resume reset stop kill wait; do
	run vitrine $verb
	{ [ "$status" -eq 1 ] && [ "$(wc -l <"$err")" -eq 1 ]; } || fail "$verb: status $status"
done

case_begin "run --detach prints the name and returns"
run vitrine run --detach --cpus 2 --mem 64M "$demo"
want_status 0
[ "$(cat "$out")" = demo ] || fail "says '$(cat "$out")'"
poll_until 60 vm_says demo "demo: ready" || fail "the guest does not get ready"

case_begin "ls, ps and ls --json"
for verb in ls ps; do
	run vitrine $verb
	grep -qE '^demo +running +[0-9]+ +2 +64M' "$out" || fail "$verb: no such line"
done
run vitrine ls --json
jq -e 'length == 1 and (.[0] | .name == "demo" and .state == "running" and .cpus == 2 and
	.memory == 67108864 and (.pid | type) == "number")' "$out" >/dev/null || fail "wrong JSON"

case_begin "the folder and the sockets are the owner's alone"
modes=$(stat -c %a "$folder/demo" "$folder"/demo/*.sock | tr '\n' ' ')
[ "$modes" = "700 600 600 600 " ] || fail "modes $modes"

case_begin "a name in use is refused"
run vitrine run --detach --name demo "$demo"
want_status 126
want_err "the name 'demo' is in use"
run vitrine run --headless --name demo "$demo"
want_status 126

case_begin "a name that nobody chose gets a number"
run vitrine run --detach --freeze "$demo"
want_status 0
[ "$(cat "$out")" = demo-2 ] || fail "says '$(cat "$out")'"

case_begin "names that cannot be folders are refused"
for name in ../x .x "" "a b" -x "$(printf 'x%.0s' {1..300})"; do
	run vitrine run --detach --name "$name" "$demo"
	[ "$status" -eq 2 ] || fail "--name '$name': status $status"
done

case_begin "a unique prefix is enough, another is not"
run vitrine run --detach --freeze --name other "$demo"
run vitrine logs o
want_status 0
run vitrine pause d
want_status 1
want_err "demo"
run vitrine pause nobody
want_status 1
run vitrine logs
want_status 1
run vitrine kill o
want_status 0
run vitrine kill demo-2
want_status 0

case_begin "pause and resume, with the one name left out"
run vitrine pause
want_status 0
vm_is demo paused || fail "it is $(vm_state demo)"
run vitrine pause
want_status 0
before=$(vitrine monitor demo x/1gx demo_counter)
[ "$(vitrine monitor demo x/1gx demo_counter)" = "$before" ] || fail "it runs while paused"
run vitrine resume
want_status 0
vm_is demo running || fail "it is $(vm_state demo)"
counts()
{
	[ "$(vitrine monitor demo x/1gx demo_counter)" != "$before" ]
}
poll_until 30 counts || fail "its counter stands"

case_begin "resume starts a guest that is frozen"
run vitrine run --detach --freeze --name frozen "$demo"
vm_is frozen prelaunch || fail "it is $(vm_state frozen)"
run vitrine resume frozen
want_status 0
poll_until 60 vm_says frozen "demo: ready" || fail "it does not get ready"
run vitrine kill frozen

case_begin "reset starts the image again"
run vitrine reset demo
want_status 0
poll_until 60 starts_is demo 2 || fail "ready $(starts demo) times"
vm_is demo running || fail "it is $(vm_state demo)"

case_begin "reset of a paused guest leaves it paused"
run vitrine pause demo
run vitrine reset demo
want_status 0
vm_is demo paused || fail "it is $(vm_state demo)"
run vitrine resume demo
poll_until 60 starts_is demo 3 || fail "ready $(starts demo) times"

case_begin "a screen of every kind as lines, and as JSON"
for screen in cpu paging ept tables irq devices exits vga serial; do
	run vitrine show demo $screen
	{ [ "$status" -eq 0 ] && [ -s "$out" ]; } || fail "show $screen: status $status"
	run vitrine show demo $screen --json
	{ [ "$status" -eq 0 ] && jq -e . "$out" >/dev/null; } || fail "show $screen --json: status $status"
done

case_begin "explain an address, dump memory and registers"
run vitrine explain demo demo_counter
want_status 0
want_out PML4
run vitrine pause demo
run vitrine dump demo "$tmp/core"
want_status 0
readelf -h "$tmp/core" | grep -q "CORE (Core file)" || fail "no core file"
run vitrine resume demo

case_begin "wait ends with the status that run would have had"
vitrine wait demo >"$out" 2>"$err" &
waiter=$!
run vitrine run --detach --name seven "$demo" -- "run=exit 7"
run vitrine wait seven
[ "$status" -eq 15 ] || [ "$status" -eq 1 ] || fail "status $status"
printf 'exit 5\n' | vitrine console demo >/dev/null 2>&1
wait "$waiter"
[ $? -eq 11 ] || fail "status $? for exit 5"
[ ! -e "$folder/demo" ] || fail "its folder is still there"

case_begin "stop presses the power button, then insists"
run vitrine run --detach --name stopped "$demo"
run vitrine stop --timeout 1 stopped
want_status 0
[ -z "$(vm_state stopped)" ] || fail "it is $(vm_state stopped)"

case_begin "kill ends a guest that is paused, and wait says 130"
run vitrine run --detach --freeze --name victim "$demo"
vitrine wait victim >/dev/null 2>&1 &
waiter=$!
run vitrine kill victim
want_status 0
wait "$waiter"
rc=$?
# 1: it came too late
[ $rc -eq 130 ] || [ $rc -eq 1 ] || fail "wait: status $rc"
[ ! -e "$folder/victim" ] || fail "its folder is still there"

case_begin "after SIGKILL of the VM's process ls leaves nothing behind"
run vitrine run --detach --name dead "$demo"
pid=$(vm_pid dead)
kill -KILL "$pid"
poll_until 10 test ! -e "/proc/$pid/fd" || fail "process $pid is still there"
run vitrine ls
want_status 0
grep -q dead "$out" && fail "it is listed"
[ ! -e "$folder/dead" ] || fail "left: $(ls "$folder/dead")"
run vitrine run --detach --name dead --freeze "$demo"
want_status 0
run vitrine kill dead

case_begin "wait for a VM that is killed"
run vitrine run --detach --name dead "$demo"
vitrine wait dead >"$out" 2>"$err" &
waiter=$!
kill -KILL "$(vm_pid dead)"
wait "$waiter"
[ $? -eq 1 ] || fail "status $?"

case_begin "nothing is left at the end"
run vitrine ls --json
jq -e '. == []' "$out" >/dev/null || fail "a VM"
[ -z "$(ls "$folder")" ] || fail "in its folder: $(ls "$folder")"
