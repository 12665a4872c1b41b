#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard in a terminal: what it shows of the demo, its keys, its sizes,
# and what is left of it when it goes, whichever way.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf
export LC_ALL=C.UTF-8

# A shell around the dashboard, which tells how it ended and what the terminal
# was like before and is after.
cat >"$tmp/around" <<'END'
stty -a >"$tmp/stty-before"
rm -f "$tmp/status"
"$build/vitrine" "$@" 2>"$tmp/said"
status=$?
stty -a >"$tmp/stty-after"
echo "$status" >"$tmp/status"
echo "the shell is back"
exec cat
END
export tmp build

dashboard()
{
	screen_start bash "$tmp/around" "$@"
}

dashboard_pid()
{
	pgrep -n -f "^$build/vitrine $1"
}

# wait_for SECONDS TEXT [WHY]: or the case fails.
wait_for()
{
	screen_wait "$1" "$2" || fail "no '$2' on the screen${3:+ $3}"
}

differs()
{
	[ "$(screen_text | "$@")" != "$seen" ]
}

# changes COMMAND...: what the command makes of the screen does not stay as it is.
changes()
{
	seen=$(screen_text | "$@")
	poll_until 30 differs "$@" || fail "it does not change: $seen"
}

ended()
{
	[ -s "$tmp/status" ]
}

# left STATUS: the dashboard is gone, with that status, and the terminal is as before.
left()
{
	poll_until 20 ended || { fail "the dashboard is still there"; return; }
	wait_for 10 "the shell is back"
	[ "$(cat "$tmp/status")" = "$1" ] || fail "status $(cat "$tmp/status"), not $1"
	cmp -s "$tmp/stty-before" "$tmp/stty-after" ||
		fail "stty: $(diff "$tmp/stty-before" "$tmp/stty-after" | tr '\n' ' ')"
	[ "$(screen_tmux display -p '#{cursor_flag}#{alternate_on}#{mouse_any_flag}#{keypad_flag}')" = 1000 ] ||
		fail "cursor, alternate screen, mouse, keypad:" \
			"$(screen_tmux display -p '#{cursor_flag}#{alternate_on}#{mouse_any_flag}#{keypad_flag}')"
}

case_begin "run in a terminal opens it, on a guest that runs"
dashboard run --cpus 2 --name demo "$demo"
wait_for 60 "live 30 Hz"
poll_until 60 vm_says demo "demo: ready" || fail "the guest does not get ready"

case_begin "1: registers change, code has symbols and source"
screen_keys 1
wait_for 10 "1▪CPU"
changes grep -E ' rip | rbx '
wait_for 30 "guests/"
wait_for 10 "long64"
wait_for 10 "NXE LMA LME"

case_begin "2: page tables with NX, and e explains an address"
screen_keys 2
wait_for 10 "2▪Paging"
wait_for 10 "R-X SG"
wait_for 10 "RW- SG"
wait_for 10 "NX=1"
wait_for 10 ".text"
screen_keys e
wait_for 10 "explain"
screen_keys demo_counter Enter
wait_for 10 "PML4"
screen_keys Escape

case_begin "7: exits by reason and device, and the last of them"
screen_keys 7
wait_for 10 "7▪Exits"
wait_for 10 "io out"
wait_for 10 "uart0"
wait_for 10 "flight recorder"
changes grep -E 'io (in|out) '

case_begin "8: the guest's screen, moving"
screen_keys 8
wait_for 10 "vitrine demo   2 cpus"
wait_for 10 "demo: ready"
wait_for 10 "text 80x25"
changes sed -n 5,10p

case_begin "a: keys reach the guest's keyboard until Ctrl-]"
screen_keys a
wait_for 10 "Keys go to the guest"
screen_keys "cpus" Enter
wait_for 30 "main loop"
screen_keys q 1 C-c "say" Enter
wait_for 30 'unknown command "say"'
screen_has "8▪VGA" || fail "keys were taken for the dashboard's"
screen_keys C-]
wait_for 10 "a type"

case_begin "9: the serial line, and a right after the digit is for it"
screen_keys 1 9 a "ticks" Enter
wait_for 30 " rounds"
wait_for 10 "9▪Serial"
screen_keys C-]

case_begin "0: the fleet, and Enter comes back"
screen_keys 0
wait_for 10 "0▪Fleet"
wait_for 10 "> demo"
wait_for 10 "running"
screen_keys Enter
wait_for 10 "1▪CPU"

case_begin "p pauses: the state is named and the picture stands"
screen_keys p
wait_for 10 "■ PAUSED"
vm_is demo paused || fail "it is $(vm_state demo)"
screen_keys p
wait_for 10 "the guest stands already"
screen_keys c
wait_for 10 "live 30 Hz"
vm_is demo running || fail "it is $(vm_state demo)"

case_begin "b: a breakpoint by symbol stops the guest there"
screen_keys b
wait_for 10 "break at:"
screen_keys demo_work Enter
wait_for 30 "■ STOPPED breakpoint 1"
screen_text | grep -qE '^B▶ .* push ' || fail "no mark at its line"

case_begin "s steps, n steps over, f finishes, c continues"
screen_keys s
wait_for 20 " demo_work+0x1 "
screen_text | grep -qF 'rip*' || fail "rip is not marked as changed"
screen_keys s
wait_for 20 " demo_work+0x4 "
screen_keys n
wait_for 20 " demo_work+0x9 "
screen_keys f
wait_for 20 " demo_loop+"
screen_keys c
wait_for 20 "■ STOPPED breakpoint 1"

case_begin "b where a breakpoint is removes it"
screen_keys b
wait_for 10 "breakpoint 1 removed"
screen_keys c
wait_for 10 "live 30 Hz"

case_begin "?: the keys; : any command; Esc goes back"
screen_keys '?'
wait_for 10 "Ctrl-]"
screen_keys Escape
screen_keys : "info status" Enter
wait_for 10 "VM status: running"
screen_keys Escape
wait_for 10 "1▪CPU"

case_begin "120x40: code, registers, stack and serial side by side"
screen_size 120 40
wait_for 20 "? keys"
wait_for 20 "Registers"
wait_for 20 "Stack"
wait_for 20 "Serial"
screen_keys 8
wait_for 20 "vitrine demo   2 cpus"
screen_keys 1

case_begin "200x60: the wall"
screen_size 200 60
wait_for 20 "Paging"
wait_for 20 "vitrine demo   2 cpus"
wait_for 20 "Exits"
[ "$(screen_text | grep -c .)" -ge 55 ] || fail "rows are not used"

case_begin "40x10 is one pane, less says what it needs"
screen_size 40 10
wait_for 20 "? keys : cmd q detach"
screen_has rax || fail "no registers"
screen_size 30 8
wait_for 20 "need 40x10, have 30x8"
screen_size 80 24
wait_for 20 "1▪CPU"

case_begin "many sizes in a row"
for size in "81 24" "80 25" "200 60" "41 11" "132 43" "1 1" "80 24"; do
	# shellcheck disable=SC2086 # two words
	screen_size $size
done
wait_for 20 "1▪CPU"

case_begin "q leaves: status 0, the terminal as before, the guest running"
screen_keys q
left 0
grep -q "demo runs on" "$tmp/said" || fail "it does not say that the guest runs on"
vm_is demo running || fail "it is $(vm_state demo)"

case_begin "the fleet without a verb: Enter opens, q goes back"
dashboard
wait_for 30 "> demo"
screen_keys Enter
wait_for 30 "live 30 Hz"
wait_for 10 "1▪CPU"
screen_keys q
wait_for 20 "0▪Fleet"
screen_keys q
left 0

case_begin "marks: several VMs by one key, asked once before they end"
for name in other third; do
	vitrine run --detach --name $name "$demo" >/dev/null
done
dashboard
wait_for 30 "3 VMs, 3 running"
screen_keys Space Space
wait_for 10 "2 marked"
[ "$(screen_text | grep -c '^\*')" = 2 ] || fail "marks: $(screen_text | sed -n 2,6p)"
screen_keys p
wait_for 20 "pause: 2 of 2 VMs"
vm_is demo paused || fail "demo is $(vm_state demo)"
vm_is other paused || fail "other is $(vm_state other)"
vm_is third running || fail "third is $(vm_state third)"
screen_keys c
wait_for 20 "continue: 2 of 2 VMs"
vm_is demo running || fail "demo is $(vm_state demo)"
screen_keys t k k t
wait_for 10 "2 marked"
screen_keys Q
wait_for 10 "stop 2 VMs? (y/n)   other third"
screen_keys n Enter
wait_for 10 "nothing was done"
kill -STOP "$(vitrine ls --json | jq '.[] | select(.name == "third").pid')"
screen_keys x
wait_for 10 "kill 2 VMs? (y/n)   other third"
screen_keys y Enter
wait_for 20 "kill: 2 of 2 VMs"
wait_for 20 "1 VM, 1 running"
screen_keys q
left 0
vm_is demo running || fail "demo is $(vm_state demo)"

for signal in TERM SEGV HUP; do
	case_begin "SIG$signal gives the terminal back"
	dashboard attach demo
	wait_for 30 "live 30 Hz"
	kill -$signal "$(dashboard_pid attach)"
	left $((128 + $(kill -l $signal)))
	vm_is demo running || fail "it is $(vm_state demo)"
done

case_begin "SIGKILL of the dashboard leaves the guest running"
dashboard attach demo
wait_for 30 "live 30 Hz"
kill -KILL "$(dashboard_pid attach)"
poll_until 20 ended || fail "it is still there"
vm_is demo running || fail "it is $(vm_state demo)"
ticks=$(vitrine monitor demo x/1gx demo_counter)
goes_on()
{
	[ "$(vitrine monitor demo x/1gx demo_counter)" != "$ticks" ]
}
poll_until 20 goes_on || fail "the guest stands"

case_begin "a terminal that vanishes: the dashboard ends, the guest runs"
dashboard attach demo
wait_for 30 "live 30 Hz"
viewer=$(dashboard_pid attach)
screen_kill
poll_until 20 test ! -d "/proc/$viewer" || fail "the dashboard is still there"
vm_is demo running || fail "it is $(vm_state demo)"

case_begin "a terminal that vanishes: a console ends, the guest runs"
screen_start "$build/vitrine" console demo
wait_for 30 "connected to demo"
viewer=$(dashboard_pid console)
screen_kill
poll_until 20 test ! -d "/proc/$viewer" || fail "the console is still there"
vm_is demo running || fail "it is $(vm_state demo)"

case_begin "a terminal that vanishes ends a headless guest"
screen_start "$build/vitrine" run --headless --name bare "$demo"
wait_for 60 "demo: ready"
screen_kill
gone()
{
	[ ! -e "$XDG_RUNTIME_DIR/vitrine/bare" ]
}
poll_until 20 gone || fail "it is still there"

case_begin "two dashboards at a time"
dashboard attach demo
wait_for 30 "live 30 Hz"
timeout -s TERM 5 script -qec "$build/vitrine attach demo" /dev/null </dev/null >"$out" 2>&1
screen_keys 8
wait_for 20 " round "
changes grep " round "
screen_keys q
left 0

case_begin "a VM that is wedged holds nobody: keys work, and it is said"
dashboard attach demo
wait_for 30 "live 30 Hz"
wedged=$(vitrine ls --json | jq '.[0].pid')
kill -STOP "$wedged"
screen_keys p
wait_for 20 "has not answered 'pause'"
screen_keys 2
wait_for 5 "2▪Paging"
screen_keys q
left 0
dashboard attach demo
wait_for 20 "demo has not answered for"
screen_keys q
left 0
dashboard
wait_for 20 "no answer"
kill -CONT "$wedged"
wait_for 20 "paused"
screen_keys q
left 0
vitrine resume demo

case_begin "SIGKILL of the VM's process: the dashboard says so and leaves"
dashboard attach demo
wait_for 30 "live 30 Hz"
kill -KILL "$(vitrine ls --json | jq '.[0].pid')"
poll_until 20 ended || fail "it is still there"
cmp -s "$tmp/stty-before" "$tmp/stty-after" || fail "the terminal is not as before"
run vitrine ls
want_err "no VM is running"

case_begin "a crash is kept and shown"
dashboard run --name crash "$demo" -- "run=fault triple"
wait_for 60 "CRASHED (kept)"
screen_keys !
wait_for 10 "fault_triple"
screen_keys r
wait_for 10 "crash"
screen_keys Escape

case_begin "Q ends the VM after asking for its name; run has its status"
screen_keys Q
wait_for 10 "crash"
screen_keys "wrong" Enter
vm_is crash guest-panicked || fail "it is $(vm_state crash)"
screen_keys Q
screen_keys "crash" Enter
left 130
[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || fail "its folder is left"

case_begin "a guest that switches off ends its dashboard"
dashboard run --name off "$demo" -- "run=poweroff"
left 0

case_begin "ASCII and no colour where the terminal has neither"
LC_ALL=C NO_COLOR=1 dashboard run --name plain "$demo"
wait_for 60 "live 30 Hz"
LC_ALL=C screen_tmux capture-pane -p | grep -q '[^ -~]' && fail "letters that are not ASCII"
screen_tmux capture-pane -p -e | grep -q $'\033\\[[0-9;]*3[0-7]m' && fail "colours"
screen_keys q
left 0
vitrine kill plain

case_begin "no terminal, no dashboard"
run vitrine attach nobody
want_status 1
vitrine run --detach --freeze --name dull "$demo" >/dev/null
run vitrine attach dull
want_status 1
want_err "terminal"
