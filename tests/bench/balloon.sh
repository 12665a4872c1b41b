#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# balloon.sh BUILD-DIR [PART...]: the balloon beside QEMU's with the same guest
# (device), many guests at once (many), rounds of the balancer over 50 sockets
# (rounds, which needs no KVM). Prints Markdown. `BENCH_ONLY=balloon make bench`.
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
unset VITRINE_PROC
mkdir -m 700 "$XDG_RUNTIME_DIR"
: "${QEMU:=qemu-system-x86_64}"
kernel=${BENCH_KERNEL:-}
initrd=$tmp/initrd

now_ms()
{
	date +%s%3N
}

guest_ready()
{
	local n

	for ((n = 0; n < 1200; n++)); do
		grep -qs TOUCHED "$1" && return
		sleep 0.1
	done
	echo "the guest does not come up" >&2
	return 1
}

# Free memory becomes memory that was used, so that there is something to give.
touch_all='vitrine.run="mkdir /fill; mount -t tmpfs -o size=450M fill /fill; dd if=/dev/zero of=/fill/f bs=1M count=380 2>/dev/null; rm /fill/f; echo TOUCHED; sleep 10000"'

# Three times there and back, in turn with the other side's.
bench_ours()
{
	"$build/vitrine" run --headless --name bench --mem 512M --balloon stats=1 --initrd "$initrd" \
		"$kernel" -- console=ttyS0 quiet "$touch_all" >"$tmp/ours" 2>&1 </dev/null &
	guest_ready "$tmp/ours" &&
		"$here/balloon.py" "$XDG_RUNTIME_DIR/vitrine/bench/qmp.sock" 512 256 512 256 512 256 512
	"$build/vitrine" balloon bench --json |
		jq -r '."stats-round-trip-us"' >"$tmp/trip"
	"$build/vitrine" kill bench
	wait
}

bench_theirs()
{
	"$QEMU" -M q35 -enable-kvm -cpu host -m 512 -display none -nodefaults -serial "file:$tmp/theirs" \
		-device virtio-balloon-pci -qmp "unix:$tmp/qemu.sock,server=on,wait=off" -kernel "$kernel" \
		-initrd "$initrd" -append "console=ttyS0 quiet $touch_all" >/dev/null 2>&1 &
	guest_ready "$tmp/theirs" && "$here/balloon.py" "$tmp/qemu.sock" 512 256 512 256 512 256 512
	kill $!
	wait
}

bench_device()
{
	"$top/tests/e2e/guest-initrd" "$initrd" || return
	echo "### Balloon: MiB/s between 512 and 256 MiB"
	echo
	echo "| | inflate | deflate |"
	echo "|---|---|---|"
	{
		bench_ours
		bench_theirs
	} | awk '
		{ for (i = 1; i <= 6; i += 2) { if ($i > in_[NR]) in_[NR] = $i; if ($(i + 1) > out[NR]) out[NR] = $(i + 1) } }
		END {
			printf "| vitrine | %s | %s |\n| QEMU | %s | %s |\n", in_[1], out[1], in_[2], out[2]
			if (in_[2] && out[2])
				printf "| ratio | %.2f | %.2f |\n", in_[1] / in_[2], out[1] / out[2]
		}'
	echo
	echo "Statistics: asked and answered in $(cat "$tmp/trip") us."
}

bench_rounds()
{
	mkdir -p "$tmp/proc"
	"$build/tests/unit/fake-fleet" 50 "$tmp/proc" >"$tmp/fleet" &
	fleet=$!
	until grep -qs ready "$tmp/fleet"; do sleep 0.1; done
	VITRINE_PROC=$tmp/proc timeout 20 "$build/vitrine" balance --interval 200ms --verbose >"$tmp/log"
	kill "$fleet"
	wait "$fleet"
	echo "### A round of the balancer, 50 VMs (one of them never answers)"
	echo
	sed -n 's/.*round: 50 VMs, \(.*\) ms/\1/p' "$tmp/log" | sort -n |
		awk '{ v[NR] = $1 } END { printf "least %s ms, median %s ms, greatest %s ms of %d rounds\n", v[1], v[int((NR + 1) / 2)], v[NR], NR }'
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
		until grep -qs "demo: ready" "$XDG_RUNTIME_DIR/vitrine/d$i/log"; do sleep 0.05; done
	done
	echo "### 20 demo guests"
	echo
	echo "All at their prompt after $(($(now_ms) - begin)) ms. Memory of one, idle:"
	echo
	"$build/vitrine" ls --json | jq -r '.[0].pid' | while read -r pid; do
		awk '/^(Rss|Pss|Private_Dirty|Private_Clean|Shared_Clean):/ { print "- " $0 }' \
			"/proc/$pid/smaps_rollup"
	done
	"$build/vitrine" down --timeout 0 "$tmp/many.fleet"
}

shift
[ $# -gt 0 ] || set -- device many rounds
for part; do
	"bench_$part"
	echo
done
rm -rf "$tmp"
