#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# net.sh BUILD-DIR: the network beside QEMU's: the same guest, host side and addresses, by user
# networking, by tap, and by tap with vhost-net in both where the host has it. As root; BENCH_KERNEL and BENCH_NET_INITRD name what the guest is. Prints
# Markdown; bench.sh runs it.
set -u
vitrine=$(cd "$1" && pwd)/vitrine
initrd=$BENCH_NET_INITRD
: "${QEMU:=qemu-system-x86_64}" "${BENCH_NET_MB:=64}" "${BENCH_NET_ROUNDS:=2}"
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$XDG_RUNTIME_DIR" "$tmp/www"
http=18080 sink=18081
truncate -s "${BENCH_NET_MB}M" "$tmp/www/file"
# What the guest does; times in hundredths of a second, as /proc/uptime has them.
cat >"$tmp/www/s" <<END
now() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }
a=\$(now)
wget -q -O /dev/null http://10.0.2.2:$http/file || exit
b=\$(now)
head -c ${BENCH_NET_MB}M /dev/zero | nc 10.0.2.2 $sink || exit
c=\$(now)
rtt=\$(ping -q -A -c 300 10.0.2.2 | sed -n 's|.*= [0-9.]*/\([0-9.]*\)/.*|\1|p')
echo RESULT \$((b - a)) \$((c - b)) \$rtt
END
busybox httpd -f -p "$http" -h "$tmp/www" &
servers=$!
socat -u "TCP-LISTEN:$sink,fork,reuseaddr" OPEN:/dev/null &
servers="$servers $!"
# shellcheck disable=SC2064 # as they are now
trap "kill $servers; rm -rf '$tmp'" EXIT

command="ifconfig eth0 10.0.2.15 up; wget -q -O /s http://10.0.2.2:$http/s; sh /s"
append="console=ttyS0 quiet vitrine.run=\"$command\""

# The host's end of the tap appears with the machine.
tap_address()
{
	for _ in $(seq 200); do
		busybox ip addr add 10.0.2.2/24 dev bench0 2>/dev/null && break
		sleep 0.05
	done
	busybox ip link set bench0 up 2>/dev/null
}

# run_one PROGRAM KIND: "DOWN UP RTT".
run_one()
{
	local net=$2 qemu=$2,id=n

	case $2 in
	tap)	net=tap,ifname=bench0,vhost=off
		qemu+=,ifname=bench0,script=no,downscript=no,vhost=off ;;
	vhost)	net=tap,ifname=bench0,vhost=on
		qemu=tap,id=n,ifname=bench0,script=no,downscript=no,vhost=on ;;
	esac
	[ "$2" = user ] || tap_address &
	case $1 in
	vitrine)
		set -- "$vitrine" run --headless --mem 256M --timeout 120 --initrd "$initrd" \
			--net "$net" "$BENCH_KERNEL" -- "$append" ;;
	qemu)
		set -- timeout 120 "$QEMU" -M q35 -enable-kvm -cpu host -m 256 -nodefaults -no-user-config \
			-display none -serial stdio -no-reboot -kernel "$BENCH_KERNEL" -initrd "$initrd" \
			-append "$append" -device virtio-net-pci,netdev=n,romfile= \
			-netdev "$qemu" ;;
	esac
	"$@" 2>>"$tmp/said" </dev/null | tr -d '\r' | sed -n 's/^RESULT //p'
}

# The best of what the file $1 holds, column $2; 0 where there is nothing.
best()
{
	awk -v c="$2" 'NF >= 3 && (!n++ || $c < m) { m = $c } END { print m + 0 }' "$1"
}

# row WHAT COLUMN SCALE UNIT: SCALE / time where it is not 0, else the time itself.
row()
{
	awk -v what="$1" -v q="$(best "$tmp/qemu" "$2")" -v v="$(best "$tmp/vitrine" "$2")" -v s="$3" \
		-v unit="$4" 'BEGIN {
		if (!q || !v) { printf "| %s | - | - | no result |\n", what; exit }
		printf "| %s, %s | %.2f | %.2f | %.2f |\n", what, unit, s ? s / q : q, s ? s / v : v, q / v }'
}

echo "## Network: $BENCH_NET_MB MiB each way and 300 pings, best of $BENCH_NET_ROUNDS"
echo
echo "| | QEMU | vitrine | ratio |"
echo "|---|---|---|---|"
for kind in user tap $([ ! -e /dev/vhost-net ] || echo vhost); do
	rm -f "$tmp/qemu" "$tmp/vitrine"
	for _ in $(seq "$BENCH_NET_ROUNDS"); do
		run_one qemu $kind >>"$tmp/qemu"
		run_one vitrine $kind >>"$tmp/vitrine"
	done
	row "$kind: to the guest" 1 $((BENCH_NET_MB * 100)) MiB/s
	row "$kind: from the guest" 2 $((BENCH_NET_MB * 100)) MiB/s
	row "$kind: round trip" 3 0 ms
done
[ -z "${BENCH_NET_VERBOSE-}" ] || cat "$tmp/said" >&2
