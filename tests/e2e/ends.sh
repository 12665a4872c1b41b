#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How `vitrine run` ends: exit status, --result, --dry-run, and what it says.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf

headless()
{
	run vitrine run --headless --timeout 60 "$@"
}

case_begin "poweroff is 0"
headless "$demo" -- run=poweroff
want_status 0
want_out "demo: ready"

case_begin "a value at the debug-exit port is odd"
headless "$demo" -- "run=exit 16"
want_status 33

case_begin "--success makes its value 0, and only its"
headless --success 0x10 "$demo" -- "run=exit 16"
want_status 0
headless --success 0x11 "$demo" -- "run=exit 16"
want_status 33

case_begin "a reset with --on-reset exit is 0"
headless --on-reset exit "$demo" -- run=reboot
want_status 0
[ "$(grep -c "demo: ready" "$out")" -eq 1 ] || fail "it was started again"

case_begin "a triple fault is 120, named with address and symbol"
headless "$demo" -- "run=fault triple"
want_status 120
head -n 1 "$err" | grep -qE '^vitrine: .*crashed.*fault_triple\+0x[0-9a-f]+ \([0-9a-f]{16}\)' ||
	fail "the first line does not say so"

case_begin "an error of KVM is 122"
printf '\xb8\x00\x00\x00\xf0\xff\xe0' >"$tmp/nowhere"
headless --load "0x10000:$tmp/nowhere" --entry 0x10000 --mode 32
want_status 122
want_err "vitrine: "

case_begin "--timeout is 124"
run vitrine run --headless --timeout 1 "$build/guests/faults/endless-interrupt.elf"
want_status 124
run vitrine run --headless --timeout 1 "$demo"
want_status 124
want_err "time-out"

case_begin "SIGINT and SIGTERM are 130"
for signal in INT TERM; do
	"$build/vitrine" run --headless --name signalled "$demo" >"$out" 2>"$err" </dev/null &
	vm=$!
	poll_until 60 grep -q "demo: ready" "$out" || fail "the guest does not get ready"
	kill -$signal $vm
	wait $vm
	status=$?
	want_status 130
	[ ! -e "$XDG_RUNTIME_DIR/vitrine/signalled" ] || fail "its folder is left"
done

case_begin "usage is 2, and names the nearest"
run vitrine run --headlss "$demo"
want_status 2
want_err "--headless"
run vitrine rum
want_status 2
want_err "run"
for words in "--cpus 0" "--cpus 65" "--cpus x" "--mem 12Q" "--mem 4097" "--timeout 0" "--boot el" \
	"--mode 48" "--on-reset x" "--serial x" "--load x" "--gdb x" "--success x"; do
	# shellcheck disable=SC2086 # words
	run vitrine run --headless $words "$demo"
	{ [ "$status" -eq 2 ] && [ "$(wc -l <"$err")" -eq 1 ]; } || fail "$words: status $status"
done
run vitrine run
want_status 2

case_begin "every verb has --help with two examples"
for verb in run ls attach console logs monitor gdb pause resume reset stop kill wait show \
	explain dump doctor; do
	run vitrine $verb --help
	{ [ "$status" -eq 0 ] && [ "$(sed -n '/^examples:/,$p' "$out" | grep -c vitrine)" -eq 2 ]; } ||
		fail "$verb: status $status"
done

case_begin "--result tells how it ended"
headless --result "$tmp/result" "$demo" -- "run=exit 16"
jq -e '.reason == "debug-exit" and .status == 33 and .value == 16 and .seconds > 0 and
	(.serial | contains("demo: ready")) and (.rip | startswith("0x"))' "$tmp/result" >/dev/null ||
	fail "$(tr '\n' ' ' <"$tmp/result")"
headless --result "$tmp/result" "$demo" -- "run=fault triple"
jq -e '.reason == "crashed" and .status == 120 and .symbol != ""' "$tmp/result" >/dev/null ||
	fail "$(tr '\n' ' ' <"$tmp/result")"
run vitrine run --headless --timeout 1 --result "$tmp/result" "$demo"
jq -e '.reason == "timeout" and .status == 124' "$tmp/result" >/dev/null ||
	fail "$(tr '\n' ' ' <"$tmp/result")"

case_begin "--dry-run says what would be loaded where, and runs nothing"
for image in demo.elf hello32.elf hello64.elf hello-pvh.elf hello16.bin hello-aout.bin; do
	run vitrine run --dry-run "$build/guests/$image"
	{ [ "$status" -eq 0 ] && [ "$(wc -l <"$out")" -gt 2 ]; } || fail "$image: status $status"
done
run vitrine run --dry-run "$demo" -- some words
head -n 1 "$out" | grep -qi multiboot || fail "the loader is not named"
want_out "command line"

case_begin "stdout is the guest's serial port and nothing else"
headless "$build/guests/hello64.elf"
[ "$(cat "$out")" = "$(vitrine run --headless --serial stdio "$build/guests/hello64.elf" \
	</dev/null 2>/dev/null)" ] || fail "two runs differ"
grep -q vitrine: "$out" && fail "vitrine speaks on stdout"

case_begin "standard streams that are closed"
vitrine run --headless "$build/guests/hello64.elf" <&- >&- 2>&-
status=$?
want_status 33
timeout 60 "$build/vitrine" run --detach --freeze --name closed "$demo" <&- >&- 2>&-
status=$?
want_status 0
vm_is closed prelaunch || fail "it is $(vm_state closed)"
vitrine kill closed

case_begin "--serial file: and none, --debugcon"
headless --serial "file:$tmp/serial" "$build/guests/hello64.elf"
[ ! -s "$out" ] || fail "something on stdout"
grep -q hello "$tmp/serial" || fail "nothing in the file"
headless --serial none "$build/guests/hello64.elf"
[ ! -s "$out" ] || fail "something on stdout with none"
headless --serial none --debugcon stdio "$demo" -- run=poweroff
want_status 0

case_begin "--serial unix: is a socket"
"$build/vitrine" run --headless --serial "unix:$tmp/serial.sock" "$demo" >"$out" 2>"$err" </dev/null &
vm=$!
poll_until 20 test -S "$tmp/serial.sock" || fail "no socket"
(poll_until 60 vm_says demo "demo: ready"; printf 'exit 3\r') |
	timeout 100 socat -t 100 - "UNIX-CONNECT:$tmp/serial.sock" >"$out"
wait $vm
status=$?
want_status 7
want_out "demo> exit 3"

case_begin "--on-crash keep keeps the guest without a viewer"
run vitrine run --detach --name crashed "$demo" -- "run=fault triple"
want_status 0
poll_until 60 vm_is crashed guest-panicked || fail "it is $(vm_state crashed)"
run vitrine show crashed autopsy
want_status 0
want_out "triple fault"
run vitrine resume crashed
want_status 1
run vitrine kill crashed
want_status 0
