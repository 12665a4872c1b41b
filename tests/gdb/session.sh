#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's gdb on the demo kernel, from its first instruction: session.py, and
# what happens before, after and beside it.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf

case_begin "a frozen guest waits"
run vitrine run --detach --freeze --cpus 2 --name demo "$demo"
want_status 0
vm_is demo prelaunch || fail "its state is $(vm_state demo)"
case_end

export SESSION_RUN_DIR=$XDG_RUNTIME_DIR/vitrine/demo
gdb_session demo session.py "$demo"

case_begin "the guest runs on when gdb detaches"
vm_is demo running || fail "its state is $(vm_state demo)"
poll_until 60 vm_says demo "demo: ready" || fail "it does not come to its prompt"

case_begin "vitrine gdb attaches again, with symbols"
run vitrine gdb de -nx -batch -ex "info threads" -ex "break demo_work" -ex continue -ex bt
want_status 0
want_out "Breakpoint 1, demo_work"
want_out "in kmain ()"
poll_until 10 vm_is demo running || fail "it does not run on: $(vm_state demo)"

case_begin "gdb's end by SIGKILL takes its breakpoints away"
rm -f "$tmp/stopped"
vitrine gdb demo -nx -batch -ex "break demo_work" -ex continue -ex "shell touch $tmp/stopped" \
	-ex "shell kill -9 \$PPID" >"$out" 2>"$err" </dev/null
[ -e "$tmp/stopped" ] || fail "the breakpoint was not hit"
poll_until 10 vm_is demo running || fail "it does not run on: $(vm_state demo)"

case_begin "a loopback TCP port on request"
run vitrine run --detach --freeze --name tcp --gdb tcp:127.0.0.1:0 "$demo"
want_status 0
address=$(vitrine ls --json | jq -r '.[] | select(.name == "tcp").gdb')
if exec {tcp}<>"/dev/tcp/${address%:*}/${address##*:}"; then
	printf '+$?#3f' >&"$tcp"
	read -r -t 20 -d '#' reply <&"$tcp"
	exec {tcp}>&-
	[[ $reply == *T05* ]] || fail "$address answers '$reply'"
else
	fail "no connection to $address"
fi
