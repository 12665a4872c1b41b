#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# block.sh BUILD-DIR: a virtio disk on a RAM disk of the host, past the page cache, with the same guest
# under vitrine and under QEMU: requests a second, and requests for each exit to the kernel. Markdown
# on stdout. Wants BENCH_KERNEL and BENCH_DISK_INITRD (tests/bench/run makes it), and root.
set -u
build=$(cd "$1" && pwd)
: "${QEMU:=qemu-system-x86_64}"
: "${BENCH_SECONDS:=4}" "${BENCH_ROUNDS:=2}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_RUNTIME_DIR=$tmp
exits=/sys/kernel/debug/kvm/exits
[ -e "$exits" ] || mount -t debugfs none /sys/kernel/debug 2>/dev/null
brd=$(find "/lib/modules/$(uname -r)" -name 'brd.ko*' -print -quit)
busybox insmod "$brd" rd_nr=1 rd_size=262144 || { echo "block.sh: no RAM disk" >&2; exit 1; }
dd if=/dev/urandom of=/dev/ram0 bs=1M count=256 2>/dev/null
append="console=ttyS0 quiet vitrine.run=\"diskload /dev/vda $BENCH_SECONDS\""

# Lines of the guest with the number of exits so far in front.
stamp()
{
	local line

	while IFS= read -r line; do
		case $line in LOAD*|DONE*) echo "$(cat "$exits") ${line%$'\r'}" ;; esac
	done
}

run_one()
{
	case $1 in
	vitrine)
		"$build/vitrine" run --headless --no-balloon --no-rng --mem 256M \
			--disk /dev/ram0,format=raw,cache=none,queues=1 --initrd "$BENCH_DISK_INITRD" \
			"$BENCH_KERNEL" -- "$append" ;;
	*)
		"$QEMU" -M q35 -enable-kvm -cpu host -m 256 -nodefaults -no-user-config -nographic \
			-serial stdio -no-reboot -kernel "$BENCH_KERNEL" -initrd "$BENCH_DISK_INITRD" \
			-append "$append" -device virtio-blk-pci,drive=d,num-queues=1 \
			-drive "if=none,id=d,file=/dev/ram0,format=raw,cache=none,aio=${1#QEMU }" ;;
	esac 2>"$tmp/said" </dev/null | stamp >>"$tmp/of $1"
}

for ((round = 0; round < BENCH_ROUNDS; round++)); do
	for who in vitrine "QEMU io_uring" "QEMU threads"; do
		run_one "$who"
	done
done

echo "## A virtio disk: requests a second (best of $BENCH_ROUNDS), and requests for each exit"
echo
echo "| | vitrine | QEMU, io_uring | QEMU, threads | vitrine to the better QEMU | requests an exit: vitrine | QEMU |"
echo "|---|---|---|---|---|---|---|"
for load in randread-qd1 randread-qd32 seqwrite; do
	for who in vitrine "QEMU io_uring" "QEMU threads"; do
		awk -v load="$load" '$3 == load && $2 == "LOAD" { from = $1 }
			$3 == load && $2 == "DONE" { rate = $4 * 1000 / $5
				if (rate > best) { best = rate; per = $1 > from ? $4 / ($1 - from) : 0 } }
			END { printf "%d %.2f ", best, per }' "$tmp/of $who"
	done | awk -v load="$load" '{ q = $3 > $5 ? $3 : $5; p = $3 > $5 ? $4 : $6
		printf "| %s | %d | %d | %d | %.2f | %s | %s |\n", load, $1, $3, $5, q ? $1 / q : 0, $2, p }'
done
busybox rmmod brd
