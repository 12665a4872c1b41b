#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# snapshot.sh BUILD-DIR: saving and loading a machine whose guest has written to
# 10 MiB since, by vitrine (into memory) and by QEMU (savevm, into a qcow2 in
# memory), with little and with much memory. Prints Markdown; part of bench.sh.
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
: "${QEMU:=qemu-system-x86_64}"
tmp=$(mktemp -d)
trap 'kill "${qemu:-}" 2>/dev/null; "$build/vitrine" kill bench-snap >/dev/null 2>&1; rm -rf "$tmp"' EXIT
export XDG_RUNTIME_DIR=$tmp
guest=$tmp/dirty.elf
gcc -m32 -nostdlib -static -Wl,--build-id=none,--no-warn-rwx-segments,-N,-e,start,-Ttext=0x100000 \
	-Wl,--section-start=.note.Xen=0x101000 -o "$guest" "$here/dirty.S" || exit 1

measure() { # SIDE-MEMORY QMP SERIAL
	BENCH_QMP=$2 BENCH_SERIAL=$3 timeout 600 gdb -nx -q -batch -x "$here/snapshot.py" \
		>"$tmp/$1.out" 2>"$tmp/$1.err"
	grep -v '^warning:' "$tmp/$1.err" | tail -n 3 >&2
	grep '^# ' "$tmp/$1.out" | tail -n 2 >&2
}

echo "| after 10 MiB were written | memory | vitrine, ms (least) | QEMU savevm, ms (least) | QEMU / vitrine |"
echo "|---|---|---|---|---|"
for mem in 128 512; do
	"$build/vitrine" run --detach --name bench-snap --mem ${mem}M --no-balloon \
		--serial "unix:$tmp/serial-v$mem" "$guest" >/dev/null
	measure "vitrine-$mem" "$tmp/vitrine/bench-snap/qmp.sock" "$tmp/serial-v$mem"
	"$build/vitrine" kill bench-snap >/dev/null 2>&1
	qemu-img create -q -f qcow2 "$tmp/disk" 4G
	"$QEMU" -M microvm,isa-serial=on -accel "${BENCH_ACCEL:-kvm}" -m $mem -nodefaults -no-user-config \
		-display none -chardev "socket,id=com,path=$tmp/serial-q$mem,server=on,wait=off" \
		-serial chardev:com -qmp "unix:$tmp/qmp-q$mem,server=on,wait=off" \
		-drive "if=none,file=$tmp/disk,format=qcow2" -kernel "$guest" </dev/null \
		>/dev/null 2>"$tmp/qemu.err" &
	qemu=$!
	measure "qemu-$mem" "$tmp/qmp-q$mem" "$tmp/serial-q$mem"
	kill $qemu
	wait $qemu 2>/dev/null
	for what in save load; do
		awk -v what=$what -v mem=$mem '$1 != what { next }
			FNR == NR { mine = $2; least = $3; next }
			{ theirs = $2; other = $3 }
			END { printf "| %s | %d MiB | %.2f (%.2f) | %s | %s |\n", what, mem, mine, least,
				theirs == "" ? "-" : sprintf("%.2f (%.2f)", theirs, other),
				theirs == "" ? "-" : sprintf("%.1f", theirs / mine) }' \
			"$tmp/vitrine-$mem.out" "$tmp/qemu-$mem.out"
	done
done
