#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# balloon.sh BUILD-DIR: the balloon beside QEMU's with the same guest, rounds of
# the balancer over 50 sockets, many guests at once. Prints Markdown. Run by
# `make bench BENCH_ONLY=balloon`, in the bed where there is no KVM.
set -u
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run VITRINE_PROC=
unset VITRINE_PROC
mkdir -m 700 "$XDG_RUNTIME_DIR"
: "${QEMU:=qemu-system-x86_64}"
kernel=${BENCH_KERNEL:-}
initrd=$tmp/initrd
mib=1048576

now_ms()
{
	date +%s%3N
}

# qmp SOCKET COMMAND: one command's reply.
qmp()
{
	{
		printf '{"execute":"qmp_capabilities"}\n%s\n' "$2"
		sleep 0.2
	} | timeout 10 socat -t 2 - "UNIX-CONNECT:$1" | tail -n 1
}

# move NAME SOCKET FROM TO: MiB a second until "actual" is there.
move()
{
	local begin end

	begin=$(now_ms)
	qmp "$2" "{\"execute\":\"balloon\",\"arguments\":{\"value\":$(($4 * mib))}}" >/dev/null
	until [ "$(qmp "$2" '{"execute":"query-balloon"}' | jq '.return.actual')" = $(($4 * mib)) ]; do
		[ $(($(now_ms) - begin)) -lt 120000 ] || { echo "| $1 | $3 to $4 MiB | not done |"; return; }
	done
	end=$(now_ms)
	echo "| $1 | $3 to $4 MiB | $(((($3 > $4 ? $3 - $4 : $4 - $3) * 1000) / (end - begin))) MiB/s |"
}

# Free memory becomes memory that was used, so that there is something to give.
guest_ready()
{
	local n

	for ((n = 0; n < 1200; n++)); do
		grep -q TOUCHED "$1" && return
		sleep 0.1
	done
	echo "the guest does not come up" >&2
	return 1
}
touch_all='vitrine.run="dd if=/dev/zero of=/tmp/f bs=1M count=380 2>/dev/null; rm /tmp/f; echo TOUCHED; sleep 10000"'

bench_device()
{
	"$top/tests/e2e/guest-initrd" "$initrd" || return
	echo "## Balloon: inflate and deflate"
	echo
	echo "| | | |"
	echo "|---|---|---|"
	"$build/vitrine" run --headless --name bench --mem 512M --initrd "$initrd" "$kernel" -- \
		console=ttyS0 quiet "$touch_all" >"$tmp/ours" 2>&1 </dev/null &
	guest_ready "$tmp/ours" && {
		move vitrine "$XDG_RUNTIME_DIR/vitrine/bench/qmp.sock" 512 256
		move vitrine "$XDG_RUNTIME_DIR/vitrine/bench/qmp.sock" 256 512
		"$build/vitrine" balloon bench --json |
			jq -r '"| vitrine | statistics round trip | \(."stats-round-trip-us") us |"'
	}
	"$build/vitrine" kill bench
	"$QEMU" -M q35 -enable-kvm -cpu host -m 512 -nographic -nodefaults -serial "file:$tmp/theirs" \
		-device virtio-balloon-pci -qmp "unix:$tmp/qemu.sock,server,nowait" -kernel "$kernel" \
		-initrd "$initrd" -append "console=ttyS0 quiet $touch_all" >/dev/null 2>&1 &
	guest_ready "$tmp/theirs" && {
		move QEMU "$tmp/qemu.sock" 512 256
		move QEMU "$tmp/qemu.sock" 256 512
	}
	qmp "$tmp/qemu.sock" '{"execute":"quit"}' >/dev/null
	wait
}

bench_rounds()
{
	mkdir -p "$tmp/proc"
	"$build/tests/unit/fake-fleet" 50 "$tmp/proc" >"$tmp/fleet" &
	fleet=$!
	until grep -q ready "$tmp/fleet"; do sleep 0.1; done
	VITRINE_PROC=$tmp/proc timeout 20 "$build/vitrine" balance --interval 200ms --verbose >"$tmp/log"
	kill "$fleet"
	wait "$fleet"
	echo
	echo "## A round of the balancer, 50 VMs (one of them never answers)"
	echo
	sed -n 's/.*round: 50 VMs, \(.*\) ms/\1/p' "$tmp/log" | sort -n |
		awk '{ v[NR] = $1 } END { printf "least %s ms, median %s ms of %d rounds\n", v[1], v[int((NR + 1) / 2)], NR }'
}

bench_many()
{
	local begin i

	for i in {1..20}; do
		printf '[vm d%d]\nimage = %s/guests/demo.elf\nmemory = 16M\n' "$i" "$build"
	done >"$tmp/many.fleet"
	begin=$(now_ms)
	"$build/vitrine" up "$tmp/many.fleet"
	for i in {1..20}; do
		until "$build/vitrine" logs "d$i" | grep -q "demo: ready"; do :; done
	done
	echo
	echo "## 20 demo guests"
	echo
	echo "All at their prompt after $(($(now_ms) - begin)) ms. Memory of one, idle:"
	echo
	"$build/vitrine" ls --json | jq -r '.[0].pid' | while read -r pid; do
		awk '/^(Rss|Pss|Private_Dirty|Private_Clean|Shared_Clean):/ { print "- " $0 }' \
			"/proc/$pid/smaps_rollup"
	done
	"$build/vitrine" down --timeout 0 "$tmp/many.fleet"
}

[ -z "$kernel" ] || bench_device
bench_rounds
bench_many
rm -rf "$tmp"
