#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Garbage on every socket of a VM: it answers as before, has grown by nothing,
# and the guest runs.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

run vitrine run --detach --name victim "$build/guests/demo.elf"
folder=$XDG_RUNTIME_DIR/vitrine/victim
poll_until 60 vm_says victim "demo: ready"
pid=$(vitrine ls --json | jq '.[0].pid')

descriptors()
{
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}

as_before()
{
	[ "$(descriptors)" -eq "$before" ]
}

# Private memory, in KiB.
anonymous()
{
	sed -n 's/RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

# What is typed while garbage is still being read may be lost with it.
answered()
{
	printf '\025ticks\r' | timeout 5 socat -t 0.2 - "UNIX-CONNECT:$folder/console.sock" >/dev/null
	[ "$(vitrine logs victim | grep -c 'rounds')" -gt "$answers" ]
}

# still_well WHAT: control, debugger, guest; no descriptor more than at first.
still_well()
{
	[ -d "/proc/$pid" ] || { fail "$1: the VM is dead"; return; }
	poll_until 20 vm_is victim running || fail "$1: it is $(vm_state victim)"
	run timeout 20 "$build/vitrine" monitor victim info status
	[ "$status" -eq 0 ] || fail "$1: the monitor does not answer"
	answers=$(vitrine logs victim | grep -c 'rounds')
	poll_until 60 answered || fail "$1: the guest's prompt does not answer"
	poll_until 20 as_before || fail "$1: $(descriptors) descriptors, $before at first"
}

# pour SOCKET: standard input into it; whether it takes all is its own affair.
pour()
{
	timeout 20 socat -t 0.2 - "UNIX-CONNECT:$folder/$1" >"$tmp/poured" 2>/dev/null
	return 0
}

noise()
{
	head -c "$1" /dev/urandom
}

fill()
{
	head -c "$1" /dev/zero | tr '\0' "$2"
}

vitrine monitor victim info status >/dev/null # which opens the symbols
before=$(descriptors)
memory=$(anonymous)

case_begin "random bytes"
for socket in qmp.sock gdb.sock; do
	noise 100000 | pour $socket
	still_well $socket
done
# The guest reads and echoes every one of these: not more than it can in a few seconds.
noise 8000 | pour console.sock
still_well console.sock

case_begin "lines without an end"
fill 5000000 x | pour qmp.sock
still_well "qmp x"
{ printf '{"execute": "'; fill 5000000 x; } | pour qmp.sock
still_well "qmp string"
fill 5000000 x | pour gdb.sock
still_well "gdb x"
{ printf '$m'; fill 5000000 1; } | pour gdb.sock
still_well "gdb packet"

case_begin "JSON that is deep, wrong, or not UTF-8"
{ fill 200000 '['; echo; } | pour qmp.sock
still_well deep
{
	printf '{"execute":"qmp_capabilities"}\n{"execute":5}\n{}\n[]\n"x"\n{"execute":"nonsense"}\n'
	printf '{"execute":"stop","arguments":7}\n{"execute":"\xff\xfe"}\n}\n'
	printf '{"execute":"query-status","id":"last"}\n'
} | pour qmp.sock
grep -q '"id": *"last"' "$tmp/poured" || fail "the last request has no answer"
[ "$(grep -c '"error"' "$tmp/poured")" -ge 6 ] || fail "errors: $(grep -c '"error"' "$tmp/poured")"
still_well wrong

case_begin "debugger's packets with wrong sums, lengths and numbers"
{
	printf '+$?#00$?#3f-$g#00$mffffffffffffffff,ffffffff#00$m0,#8a$Z9,0,0#4f$vCont;x#5e'
	printf '$H#48$X0,ffffffffffffffff:#00$qXfer:features:read:target.xml:ffffffff,ffffffff#00'
	fill 100000 -
	fill 100000 +
	fill 20000 '$'
	fill 20000 '#'
} | pour gdb.sock
still_well packets

case_begin "connections that say nothing"
idle=()
for socket in qmp.sock gdb.sock console.sock; do
	for ((i = 0; i < 34; i++)); do
		socat -u "UNIX-CONNECT:$folder/$socket" "OPEN:/dev/null" 2>/dev/null &
		idle+=($!)
	done
done
kill "${idle[@]}" 2>/dev/null
wait "${idle[@]}" 2>/dev/null
still_well "after many of them"
for ((i = 0; i < 30; i++)); do
	: | socat -t 0 - "UNIX-CONNECT:$folder/qmp.sock" >/dev/null 2>&1
done
still_well "after 30 short ones"

case_begin "half a request, then the end"
printf '{"execute": "qmp_capab' | pour qmp.sock
printf '$vCon' | pour gdb.sock
still_well half

case_begin "readers that do not read"
{
	printf '{"execute":"qmp_capabilities"}\n'
	for ((i = 0; i < 3000; i++)); do
		echo '{"execute":"query-commands"}'
	done
} >"$tmp/requests"
socat -u "OPEN:$tmp/requests" "UNIX-CONNECT:$folder/qmp.sock" 2>/dev/null &
writer=$!
mkfifo "$tmp/never"
exec {never}<>"$tmp/never"
socat -u "UNIX-CONNECT:$folder/console.sock" "FD:$never" 2>/dev/null &
reader=$!
for ((i = 0; i < 20; i++)); do
	printf 'help\rmap\r'
done | pour console.sock
kill "$writer" "$reader" 2>/dev/null
wait "$writer" "$reader" 2>/dev/null
exec {never}>&-
still_well readers

case_begin "no private memory more than 16 MiB"
[ $(($(anonymous) - memory)) -lt 16384 ] || fail "$memory KiB at first, $(anonymous) KiB now"
