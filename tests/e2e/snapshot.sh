#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Snapshots: a machine that goes back is byte for byte what it was, and lives on.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf

# say LINE: to the guest's shell on the serial line.
say()
{
	printf '%s\r' "$1" | socat -u - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/demo/console.sock"
}

# answers COMMAND TEXT: the guest's shell takes a line and says something new.
answers()
{
	local before

	before=$(vitrine logs demo | grep -cF -- "$2")
	say "$1"
	poll_until 20 eval "[ \$(vitrine logs demo | grep -cF -- '$2') -gt $before ]"
}

case_begin "a snapshot is taken of a running guest, which runs on"
run vitrine run --detach --cpus 2 --mem 128M --name demo "$demo"
poll_until 60 vm_says demo "demo: ready" || fail "the guest does not get ready"
run vitrine snapshot demo save start
want_status 0
vm_is demo running || fail "it is $(vm_state demo)"
answers cpus "cpu" || fail "it does not answer"

case_begin "a guest that went back is what it was, byte for byte"
vitrine pause demo
vitrine snapshot save here
vitrine dump demo "$tmp/before" 2>"$err" || fail "no dump"
vitrine resume demo
answers help "switch off" || fail "it does not answer"
run vitrine monitor demo "loadvm here"
want_out "loaded here"
vm_is demo running || fail "a running guest does not run on"
vitrine pause demo
vitrine snapshot demo load here
vitrine dump demo "$tmp/after" 2>"$err" || fail "no dump"
cmp "$tmp/before" "$tmp/after" >"$out" 2>&1 || fail "registers or memory differ"

case_begin "it lives on from there"
vitrine resume demo
answers ticks "ticks" || fail "it does not answer"

case_begin "a breakpoint stays out of snapshots, and is there after a load"
run vitrine monitor demo "break demo_tick"
poll_until 20 vm_is demo debug || fail "not hit"
vitrine snapshot demo save broken
run vitrine monitor demo "delete"
vitrine snapshot demo load broken
run vitrine monitor demo 'x/2i demo_tick'
if grep -q int3 "$out"; then fail "an int3 is left"; fi
vitrine resume demo
answers ticks "ticks" || fail "it does not answer"

case_begin "a crash can be taken back"
run vitrine snapshot demo save alive
say "fault triple"
poll_until 60 vm_is demo guest-panicked || fail "it is $(vm_state demo)"
run vitrine snapshot demo save dead
want_status 1
want_err "cannot go on"
vitrine snapshot demo load alive
vm_is demo paused || fail "it is $(vm_state demo)"
vitrine resume demo
answers cpus "cpu" || fail "it does not answer"

case_begin "snapshots are listed, replaced and deleted"
run vitrine snapshot demo list
want_out alive
[ "$(grep -c : "$out")" -eq 4 ] || fail "not four of them"
vitrine snapshot demo save alive
run vitrine monitor demo "info snapshots"
[ "$(grep -c alive "$out")" -eq 1 ] || fail "two of one name"
for tag in start here broken alive; do
	vitrine snapshot demo delete $tag || fail "cannot delete $tag"
done
run vitrine snapshot demo list
want_out "no snapshots"
run vitrine snapshot demo load here
want_status 1
want_err "no snapshot 'here'"
run vitrine snapshot demo save "a/b"
want_err "a tag has"
