#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The control protocol as a QMP client meets it.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

vitrine run --detach --freeze --cpus 2 --name spoken "$build/guests/demo.elf" >/dev/null || exit
coproc qmp { exec socat - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/spoken/qmp.sock"; }
exec {from}<&"${qmp[0]}" {to}>&"${qmp[1]}"
: >"$tmp/events"

# The next message into $said; events are remembered.
hear()
{
	read -r -t 30 -u "$from" said || { said=; return 1; }
}

# ask REQUEST: its answer into $said.
ask()
{
	printf '%s\n' "$1" >&"$to"
	while hear; do
		jq -e 'has("event")' <<<"$said" >/dev/null || return 0
		printf '%s\n' "$said" >>"$tmp/events"
	done
	fail "no answer to $1"
}

# wants FILTER: true of the answer.
wants()
{
	jq -e "$1" <<<"$said" >/dev/null || fail "$1: not true of $said"
}

# event NAME: it was told, or is now.
event()
{
	until jq -e "select(.event == \"$1\")" "$tmp/events" >"$tmp/event" && [ -s "$tmp/event" ]; do
		hear || { fail "no event $1"; return; }
		printf '%s\n' "$said" >>"$tmp/events"
	done
	: >"$tmp/events"
}

case_begin "the greeting"
hear || fail "none"
wants '.QMP.version.qemu.major | type == "number"'
wants '.QMP.capabilities | type == "array"'

case_begin "nothing before qmp_capabilities"
ask '{"execute": "query-status"}'
wants '.error.class == "CommandNotFound" or .error.class == "GenericError"'
ask '{"execute": "qmp_capabilities"}'
wants '.return == {}'

case_begin "the PCI bus"
ask '{"execute": "query-pci"}'
wants '.return[0].bus == 0 and .return[0].devices[0].class_info.desc == "Host bridge"'
wants '[.return[0].devices[].regions[] | .address > 0 and .size > 0] | all'

case_begin "ids of every type come back"
for id in '1' '"text"' '{"a": [1, null]}' 'null'; do
	ask "{\"execute\": \"query-name\", \"id\": $id}"
	wants ".id == $id and .return.name == \"spoken\""
done

case_begin "query-status before, while and after"
ask '{"execute": "query-status"}'
wants '.return.status == "prelaunch" and .return.running == false'
ask '{"execute": "cont"}'
event RESUME
ask '{"execute": "query-status"}'
wants '.return.status == "running" and .return.running == true'
ask '{"execute": "stop"}'
event STOP
ask '{"execute": "query-status"}'
wants '.return.status == "paused" and .return.running == false'

case_begin "the standard queries"
ask '{"execute": "query-cpus-fast"}'
wants '.return | length == 2 and .[1]["cpu-index"] == 1 and (.[0]["thread-id"] | type) == "number"'
ask '{"execute": "query-version"}'
wants '.return.qemu.major | type == "number"'
ask '{"execute": "query-kvm"}'
wants '.return.enabled and .return.present'
ask '{"execute": "query-commands"}'
wants '[.return[].name] | contains(["stop", "cont", "quit", "query-status", "human-monitor-command"])'
ask '{"execute": "query-memory-size-summary"}'
wants '.return["base-memory"] == 268435456'

case_begin "human-monitor-command"
ask '{"execute": "human-monitor-command", "arguments": {"command-line": "info registers"}}'
wants '.return | contains("RIP=")'

case_begin "errors: no such command, no arguments, wrong ones"
ask '{"execute": "no-such-thing", "id": 7}'
wants '.error.class == "CommandNotFound" and .id == 7'
ask '{"execute": "human-monitor-command"}'
wants '.error.class == "GenericError"'
ask '{"execute": "x-vitrine-break", "arguments": {"addr": "nonsense_symbol"}}'
wants '.error.desc | length > 0'
ask 'this is not JSON'
wants '.error'

case_begin "a breakpoint by symbol is hit and says where"
ask '{"execute": "x-vitrine-break", "arguments": {"addr": "demo_work"}}'
wants '.return.id | type == "number"'
id=$(jq .return.id <<<"$said")
ask '{"execute": "cont"}'
event STOP
ask '{"execute": "x-vitrine-breakpoints"}'
wants '.return[0].hits >= 1'
ask "{\"execute\": \"x-vitrine-break-delete\", \"arguments\": {\"id\": $id}}"
wants '.return'

case_begin "a step stops again"
ask '{"execute": "x-vitrine-step", "arguments": {"vcpu": 0, "kind": "into"}}'
event STOP

case_begin "reset is an event"
ask '{"execute": "system_reset"}'
event RESET
ask '{"execute": "cont"}'
poll_until 60 vm_says spoken "demo: ready" || fail "the guest does not get ready"

case_begin "keys reach the guest"
ask '{"execute": "x-vitrine-type", "arguments": {"text": "typed\n"}}'
shows()
{
	vitrine show spoken vga | grep -q 'unknown command "typed"'
}
poll_until 30 shows || fail "not on its screen"
ask '{"execute": "send-key", "arguments": {"keys": [{"type": "qcode", "data": "q"}]}}'
wants '.return == {}'

case_begin "a second client at the same time"
answer=$(printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-name","id":2}' |
	socat -t 5 - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/spoken/qmp.sock")
grep -q '"id": 2' <<<"$answer" || fail "it says: $answer"

case_begin "quit: the answer, the last word, the end"
ask '{"execute": "quit", "id": "end"}'
wants '.id == "end"'
event x-vitrine-exit
jq -e '.data.status == 130' "$tmp/event" >/dev/null || fail "$(cat "$tmp/event")"
hear && fail "then it says: $said"
poll_until 10 test ! -e "$XDG_RUNTIME_DIR/vitrine/spoken" || fail "its folder is left"
