#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb.sh BUILD-DIR: the debug stubs of vitrine and QEMU under the same gdb, then
# without one, with the same guest, on the same KVM. Prints Markdown; part of bench.sh.
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
: "${QEMU32:=qemu-system-i386}" # its description is for 32 bits, as the guest is
tmp=$(mktemp -d)
trap 'kill "${qemu:-}" 2>/dev/null; "$build/vitrine" kill bench-gdb >/dev/null 2>&1; rm -rf "$tmp"' EXIT
export XDG_RUNTIME_DIR=$tmp
guest=$build/guests/rounds.elf

measure() { # SIDE SOCKET
	local waited=0

	while [ ! -S "$2" ] && [ $waited -lt 600 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	BENCH_SOURCE=$here/../../guests/rounds.c timeout 600 gdb -nx -q -batch -iex "set debuginfod enabled off" \
		-ex "set remotetimeout 300" -ex "target remote $2" -x "$here/gdb.py" "$guest" \
		>"$tmp/$1.out" 2>"$tmp/$1.err"
	grep -v "^warning:" "$tmp/$1.err" | tail -n 5 >&2
}

"$build/vitrine" run --detach --freeze --name bench-gdb --mem 64M --gdb-arch i386 \
	"$guest" >/dev/null
measure vitrine "$tmp/vitrine/bench-gdb/gdb.sock"
"$build/vitrine" kill bench-gdb >/dev/null 2>&1
"$QEMU32" -M microvm -accel "${BENCH_ACCEL:-kvm}" -m 64 -nodefaults -no-user-config -display none \
	-serial null -kernel "$guest" -S -gdb "unix:$tmp/qemu.sock,server=on,wait=off" </dev/null \
	>/dev/null 2>&1 &
qemu=$!
measure qemu "$tmp/qemu.sock"

# NAME-SECONDS-SECONDS lines of both sides as a table.
show() {
	awk 'function show(s) {
			if (s == "")
				return "-"
			return s < 0.001 ? sprintf("%.1f us", s * 1e6) : sprintf("%.2f ms", s * 1e3)
		}
		NF < 2 || $1 !~ /^[a-z-]+$/ || $2 !~ /^[0-9.]+$/ { next }
		{ printf "| %s | %s | %s | %s |\n", $1, show($2), show($3),
			$3 == "" ? "-" : sprintf("%.1f", $3 / $2) }'
}

echo "| one | vitrine | QEMU ${BENCH_ACCEL:-kvm} | QEMU / vitrine |"
echo "|---|---|---|---|"
awk 'NF != 2 || $1 !~ /^[a-z-]+$/ { next }
	FNR == NR { mine[$1] = $2; order[++n] = $1; next }
	{ theirs[$1] = $2 }
	END { for (i = 1; i <= n; i++) print order[i], mine[order[i]], theirs[order[i]] }' \
	"$tmp/vitrine.out" "$tmp/qemu.out" | show

echo
echo "The stubs alone, asked by a client that only sends packets:"
echo
echo "| one | vitrine | QEMU ${BENCH_ACCEL:-kvm} | QEMU / vitrine |"
echo "|---|---|---|---|"
VITRINE_BUILD=$build PEER_ACCEL=${BENCH_ACCEL:-kvm} timeout 240 gdb -nx -q -batch -x "$here/rsp.py" \
	2>"$tmp/rsp.err" | show
tail -n 3 "$tmp/rsp.err" >&2
"$build/vitrine" kill peer >/dev/null 2>&1
