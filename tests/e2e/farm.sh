#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fleet files and guests as tests: started in order, stopped, nothing left; TAP and JUnit.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf
cat >"$tmp/lab.fleet" <<-END
	[vm web]
	image = $demo
	memory = 64M
	after = db
	[vm db]
	image = $demo
	memory = 64M
	balloon = 32M,weight=200
	restart = on-failure
	cpu-weight = 50
END

case_begin "up starts a fleet, and once more does no harm"
run vitrine up "$tmp/lab.fleet"
want_status 0
want_err "restart needs --watch"
[ "$(vitrine ls --json | jq 'map(select(.state == "running")) | length')" = 2 ] || fail "not both run"
run vitrine up "$tmp/lab.fleet"
want_status 0
want_err "web runs already"
[ "$(vitrine balloon db --json | jq '.target, .weight' | tr '\n' ' ')" = "33554432 200 " ] ||
	fail "the balloon's settings: $(vitrine balloon db --json)"

case_begin "balance sees every VM and says why it leaves it alone"
run vitrine balance --once --dry-run --verbose
want_status 0
want_out "host: calm"
want_out "web: keep 64M: has no balloon driver"

case_begin "down stops it, and nothing is left"
run vitrine down --timeout 1 "$tmp/lab.fleet"
want_status 0
[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/vitrine")"

case_begin "a fleet file with a mistake starts nothing"
printf '[vm a]\nimage = %s\nmemroy = 1G\n' "$demo" >"$tmp/bad.fleet"
run vitrine up "$tmp/bad.fleet"
want_status 1
want_err "line 3"
[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || fail "something was started"

case_begin "up --watch starts again what fails, not what was ended"
printf '[vm again]\nimage = %s\nrestart = on-failure\n' "$demo" >"$tmp/watch.fleet"
"$build/vitrine" up --watch "$tmp/watch.fleet" >"$tmp/watched" 2>&1 &
watcher=$!
poll_until 60 test -d "$XDG_RUNTIME_DIR/vitrine/again"
poll_until 60 vm_says again "demo: ready" || fail "it does not get ready"
printf 'exit 3\n' | vitrine console again >/dev/null 2>&1
poll_until 60 grep -q "again ended (status 7), again in" "$tmp/watched" || fail "no new start"
poll_until 60 vm_is again running || fail "it does not run again"
run vitrine kill again
poll_until 60 grep -q "ended (status 130)$" "$tmp/watched" || fail "its end is not seen"
poll_until 30 eval '! kill -0 $watcher' || fail "the watcher stays"
cp "$tmp/watched" "$out"
wait "$watcher"

case_begin "guests as tests: TAP, JUnit, exit status"
mkdir "$tmp/tests"
cp "$build/guests/hello32.elf" "$tmp/tests/good.elf"
cp "$build/guests/hello64.elf" "$tmp/tests/plain.elf"
cat >"$tmp/tests/good.test" <<-END
	status = 33
	expect = hello from 32 bits
	memory = 16M
	[test says-other]
	status = 33
	expect = hello from 64 bits
	memory = 16M
	[test skipped]
	skip = not now
	[test late]
	image = $demo
	timeout = 1
	status = 124
END
run vitrine test --jobs 2 --junit "$tmp/junit.xml" "$tmp/tests"
want_status 1
want_out "1..5"
grep -qE '^ok [0-9] - .*/good$' "$out" || fail "good did not pass"
grep -qE '^not ok [0-9] - .*good:says-other$' "$out" || fail "says-other passed"
grep -qE '^ok [0-9] - .*good:skipped # SKIP not now$' "$out" || fail "skipped was not"
grep -qE '^ok [0-9] - .*good:late$' "$out" || fail "late did not pass"
grep -qE '^not ok [0-9] - .*plain.elf$' "$out" || fail "status 33 without a word passed"
want_err "5 tests, 2 failed"
grep -q 'tests="5" failures="2" skipped="1"' "$tmp/junit.xml" || fail "JUnit"
run vitrine test --list "$tmp/tests"
[ "$(wc -l <"$out")" -eq 5 ] || fail "lists $(wc -l <"$out")"

case_begin "eight VMs at once, paused, resumed, ended: nothing is left"
for i in 1 2 3 4 5 6 7 8; do
	printf '[vm m%d]\nimage = %s\nmemory = 16M\n' $i "$demo"
done >"$tmp/many.fleet"
run vitrine up "$tmp/many.fleet"
want_status 0
for i in 1 2 3 4 5 6 7 8; do
	vitrine pause m$i && vitrine resume m$i || fail "m$i"
done
[ "$(vitrine ls --json | jq length)" = 8 ] || fail "$(vitrine ls)"
run vitrine down --timeout 0 "$tmp/many.fleet"
want_status 0
[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/vitrine")"
! pgrep -f "^vitrine run --detach --name m[1-8] " >/dev/null || fail "processes are left"

# as_user GROUP COMMAND...: as somebody else, in that control group.
as_user()
{
	bash -c 'echo 0 >"$0/cgroup.procs" && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
		env XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR-user" "$@"' "$@"
}

case_begin "limits: by a delegated control group, and a plain word where there is none"
groups=/sys/fs/cgroup
sed -i 's/^cpu-weight.*/&\nmemory-high = 48M/' "$tmp/lab.fleet"
if [ "$(id -u)" != 0 ] || [ "$(stat -fc %T $groups)" = cgroup2fs ]; then
	skip "the control groups here are not ours to play with"
else
	run vitrine up "$tmp/lab.fleet"
	want_status 0
	want_err "db runs without its limits: there are no control groups (version 2) here"
	run vitrine down --timeout 0 "$tmp/lab.fleet"
	mount -t cgroup2 none $groups && echo "+cpu +memory" >$groups/cgroup.subtree_control &&
		mkdir -p $groups/other $groups/mine/shell || fail "no control groups"
	chmod 666 /dev/kvm
	chmod 755 "$tmp"
	chown 65534 $groups/mine{,/shell}{,/cgroup.procs,/cgroup.subtree_control}
	install -d -m 700 -o 65534 "$XDG_RUNTIME_DIR-user"
	run as_user $groups/other "$build/vitrine" up "$tmp/lab.fleet"
	want_status 0
	want_err "db runs without its limits: $groups/other is not delegated to this user"
	run as_user $groups/other "$build/vitrine" down --timeout 0 "$tmp/lab.fleet"
	run as_user $groups/mine/shell "$build/vitrine" up "$tmp/lab.fleet"
	want_status 0
	[ ! -s "$err" ] || ! grep -q limits "$err" || fail "no limits"
	group=$groups/mine/vitrine/db
	[ "$(cat $group/cpu.weight)" = 50 ] || fail "cpu.weight: $(cat $group/cpu.weight)"
	[ "$(cat $group/memory.high)" = $((48 << 20)) ] || fail "memory.high: $(cat $group/memory.high)"
	grep -qx "$(cat "$XDG_RUNTIME_DIR-user/vitrine/db/lock")" $group/cgroup.procs ||
		fail "it is not in its group: $(cat $group/cgroup.procs)"
	[ "$(cat $group/memory.current)" -gt $((1 << 20)) ] || fail "its memory counts elsewhere: $(cat $group/memory.current)"
	run as_user $groups/mine/shell "$build/vitrine" down --timeout 0 "$tmp/lab.fleet"
	want_status 0
	[ ! -d $group ] || fail "its group is left"
	umount $groups
fi
