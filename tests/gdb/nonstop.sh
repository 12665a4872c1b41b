#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's gdb in non-stop mode: nonstop.py.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case_begin "non-stop: a frozen guest waits"
run vitrine run --detach --freeze --cpus 2 --name demo "$build/guests/demo.elf"
want_status 0
case_end

# Not in a batch: gdb hears of stops while it waits for the next command, which never comes.
mkfifo "$tmp/hold"
exec {hold}<>"$tmp/hold"
gdb_how=(-iex "set prompt" -iex "set non-stop on")
gdb_session demo nonstop.py "$build/guests/demo.elf" <&"$hold"

case_begin "non-stop: the guest works when gdb has left"
poll_until 60 vm_says demo "demo: ready" || fail "it does not come to its prompt"
