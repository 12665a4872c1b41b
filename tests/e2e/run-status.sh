#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How `vitrine run --headless` ends: exit status, streams, --result, refusals.
. "$(dirname "$0")/../lib.sh"
guests=$build/guests

case_begin "the debug-exit value is the exit status, the serial line is stdout"
run vitrine run --headless --timeout 60 "$guests/hello64.elf"
want_status 33
want_out "hello from 64 bits"
[ ! -s "$err" ] || fail "says something on stderr"

case_begin "input comes from a pipe, --success means 0, --result tells"
run vitrine run --headless --timeout 60 --success 3 --result "$tmp/result" "$guests/demo.elf" \
	<<<"exit 3"
want_status 0
tr -d '\n' <"$tmp/result" | grep -q '"reason": "debug-exit".*"value": 3' ||
	fail "--result does not say it"

case_begin "power-off is 0"
run vitrine run --headless --timeout 60 "$guests/demo.elf" <<<"poweroff"
want_status 0

case_begin "a reset with --on-reset exit is 0"
run vitrine run --headless --timeout 60 --on-reset exit "$guests/demo.elf" <<<"reboot"
want_status 0

case_begin "a triple fault is 120, with a verdict in one line"
run vitrine run --headless --timeout 60 "$guests/faults/idt-missing.elf"
want_status 120
want_err "vitrine: guest crashed: "
want_err "fault_here"
want_err "last exits:"

case_begin "the time-out is 124"
run vitrine run --headless --timeout 1 "$guests/demo.elf"
want_status 124

case_begin "SIGTERM is 130 and leaves nothing"
"$build/vitrine" run --headless --name term "$guests/demo.elf" >/dev/null 2>&1 </dev/null &
poll_until 20 vitrine monitor term info status || fail "does not answer"
kill $!
wait $!
status=$?
want_status 130
[ ! -e "$XDG_RUNTIME_DIR/vitrine/term" ] || fail "its folder is still there"

case_begin "wrong usage is 2 and names the nearest"
run vitrine run --cpus 65 x
want_status 2
run vitrine run --memm 1G x
want_status 2
want_err "did you mean --mem"
run vitrine lss
want_status 2
want_err "did you mean 'ls'"
run vitrine run --boot bios x
want_status 2
want_err "not yet"
run vitrine run --disk x,chache=none y
want_status 2
want_err "did you mean cache"
run vitrine run
want_status 2

# Each refused with one line and nothing left: what cannot be run.
refused()
{
	run vitrine run --headless "$@"
	[ "$status" = 126 ] || fail "exit status $status, not 126: $*"
	[ "$(wc -l <"$err")" = 1 ] || fail "not one line: $*"
	[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || fail "leaves a folder: $*"
}

case_begin "what cannot be run is 126, in one line, and leaves nothing"
head -c 100 "$guests/demo.elf" >"$tmp/short.elf"
head -c 5000 /dev/urandom >"$tmp/noise"
refused "$tmp/nothing"
refused /dev/null
refused "$tmp"
refused "$tmp/short.elf"
refused "$tmp/noise"
refused --initrd "$tmp/nothing" "$guests/demo.elf"
refused --disk "$tmp/nothing" "$guests/demo.elf"
refused --mem 1M "$guests/demo.elf"
refused --load "0xffffffffff000:$tmp/noise" --entry 0 --mode 64
refused --serial "file:$tmp/no/such/folder" "$guests/demo.elf"
refused --gdb "unix:$tmp/no/such/folder" "$guests/demo.elf"

case_begin "a full disk does not stop the guest"
run vitrine run --headless --timeout 60 --serial file:/dev/full "$guests/hello64.elf"
want_status 33

case_begin "a reader that leaves does not stop the guest"
vitrine run --headless --timeout 60 "$guests/hello64.elf" </dev/null 2>"$err" | true
status=${PIPESTATUS[0]}
want_status 33

case_begin "--dry-run shows the plan and runs nothing"
run vitrine run --dry-run "$guests/demo.elf"
want_status 0
want_out "loader: multiboot"
want_out "entry: "
