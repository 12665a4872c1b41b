#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's stock virtio_balloon: memory goes to the host and comes back, what the guest keeps is
# bit-exact, statistics arrive, a guest that runs out helps itself, and a hostile one harms nobody.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/e2e/guest-initrd" "$tmp/initrd" || exit
mib=$((1 << 20))

# value PATH: of what the VM says of its balloon.
value()
{
	vitrine balloon debian --json | jq "$1"
}

# guest COMMAND: in the guest's shell, done when its mark comes back.
guest_nr=0
guest()
{
	guest_nr=$((guest_nr + 1))
	printf '%s; echo done-$((%d + 0))-$?\n' "$1" $guest_nr >&"$in"
	poll_until "${2:-240}" grep -q "done-$guest_nr-0" "$tmp/serial" || {
		tail -n 30 "$tmp/serial" >"$out"
		fail "in the guest: $1"
	}
}

leaves()
{
	printf '{"execute":"qmp_capabilities"}\n{"execute":"x-vitrine-stage2"}\n' |
		timeout 20 socat -t 10 - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/debian/qmp.sock" |
		jq -r 'select(.return.tier?).return | "\(."leaves-4k" + 512 * ."leaves-2m") \(.tier)"'
}

# at_least WHAT IS WANTED
at_least()
{
	echo "# $1: $2, at least $3 expected"
	[ "$2" -ge "$3" ] || fail "$1: $2, not $3"
}

case_begin "the driver finds the balloon, statistics come by themselves"
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name debian --cpus 2 --mem 512M --initrd "$tmp/initrd" \
	"$kernel" -- console=ttyS0 quiet <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
vm=$!
exec {in}>"$tmp/in"
poll_until 120 grep -q "^READY 2" "$tmp/serial" || fail "does not boot"
guest "stty -echo; mkdir /fill; mount -t tmpfs -o size=600M fill /fill"
run vitrine balloon debian --stats-interval 1
want_status 0
# free_is -gt|-lt BYTES: what the guest says is free.
free_is()
{
	test "$(value '.stats["stat-free-memory"]')" "$1" "$2"
}

has_stats()
{
	[ "$(value '.["stats-age-ms"] >= 0 and .["stats-age-ms"] < 3000')" = true ]
}
poll_until 30 has_stats || fail "no statistics"
[ "$(value '.driver and .stats["stat-available-memory"] > 200000000')" = true ] ||
	fail "wrong statistics: $(value .stats)"

case_begin "256 of 512 MiB: the host has them, the guest runs on"
guest "cd /tmp; for i in 1 2 3 4; do cat /bin/busybox; done >data; md5sum data >sum"
# Free memory becomes memory that was used: pages the guest never touched are nobody's to give.
# The kernel's reserves would keep some back.
guest 'echo 1024 >/proc/sys/vm/min_free_kbytes; echo 0 0 0 0 0 >/proc/sys/vm/lowmem_reserve_ratio; n=$(($(sed -n "s/MemFree: *\([0-9]*\).*/\1/p" /proc/meminfo) / 1024 - 4)); dd if=/dev/zero of=/fill/f bs=1M count=$n 2>/dev/null; rm /fill/f'
poll_until 20 free_is -gt $((300 * mib)) ||
	fail "not much is free in the guest"
resident=$(value .resident)
echo "# resident of 512 MiB before: $((resident / mib)) MiB"
was_free=$(value '.stats["stat-free-memory"]')
read -r before tier < <(leaves)
guest "cd /tmp; (while sleep 1; do md5sum -c sum || echo BROKEN; done >log 2>&1) & true"
run vitrine balloon debian 256M --wait 600
want_status 0
[ "$(value '.actual')" = $((256 * mib)) ] || fail "it has $(value .actual)"
at_least "MiB that left the VM" $(((resident - $(value .resident)) / mib)) $((256 * 95 / 100))
poll_until 20 free_is -lt $((was_free - 200 * mib)) ||
	fail "the guest's free memory did not fall"
read -r after tier < <(leaves)
at_least "second-stage leaves gone ($tier)" $((before - after)) $((65536 * 95 / 100))
guest "md5sum -c /tmp/sum >/dev/null"
[ "$(value '.balloon.refused | add')" = 0 ] || fail "refused: $(value .balloon)"

case_begin "back to 512 MiB, contents bit-exact throughout"
run vitrine balloon debian +256M --wait 600
want_status 0
poll_until 20 free_is -gt $((was_free - 32 * mib)) ||
	fail "the guest's free memory did not come back"
guest 'dd if=/dev/zero of=/fill/f bs=1M count=300 2>/dev/null && rm /fill/f'
guest "sleep 1; grep -q OK /tmp/log && ! grep -q BROKEN /tmp/log && md5sum -c /tmp/sum >/dev/null"
guest 'kill $!'

case_begin "a guest that runs out takes memory back by itself"
run vitrine balloon debian 128M --wait 600
want_status 0
guest 'dd if=/dev/zero of=/fill/f bs=1M count=128 2>/dev/null && rm /fill/f' 240
at_least "MiB it has now" $(($(value .actual) / mib)) 140
guest "md5sum -c /tmp/sum >/dev/null"

case_begin "QMP as QEMU has it, and the event"
qmp()
{
	{
		printf '{"execute":"qmp_capabilities"}\n%s\n' "$1"
		sleep "${2:-0.5}"
	} | timeout 30 socat -t 5 - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/debian/qmp.sock"
}
qmp '{"execute":"balloon","arguments":{"value":402653184}}' 4 >"$out"
jq -es 'any(.[]; .event == "BALLOON_CHANGE" and (.data.actual | type) == "number")' \
	"$out" >/dev/null || fail "no BALLOON_CHANGE"
qmp '{"execute":"query-balloon"}' >"$out"
jq -es 'any(.[]; .return.actual? > 100000000)' "$out" >/dev/null || fail "no actual"
qmp '{"execute":"qom-get","arguments":{"path":"/machine/peripheral/balloon0","property":"guest-stats"}}' >"$out"
jq -es 'any(.[]; .return.stats?["stat-free-memory"] > 0 and .return["last-update"] > 0)' \
	"$out" >/dev/null || fail "no guest-stats"
run vitrine monitor debian info balloon
grep -qE '^balloon: actual=[0-9]+$' "$out" || fail "info balloon"
run vitrine balloon debian
want_out "guest has:"
run vitrine balloon nobody 1G
want_status 1

case_begin "reset gives everything back, and the target stays"
run vitrine balloon debian 300M --wait 300
run vitrine reset debian
poll_until 120 eval '[ "$(grep -c "READY 2" "$tmp/serial")" = 2 ]' || fail "no second boot"
poll_until 60 eval '[ "$(value .actual)" = $((300 * mib)) ]' || fail "it has $(value .actual)"
run vitrine kill debian
exec {in}>&-
wait "$vm"
status=$?
want_status 130
