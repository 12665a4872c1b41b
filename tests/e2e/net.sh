#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One of Debian's guests with stock virtio_net: user networking with a forwarded port, a tap served by
# the host's kernel and one served by vitrine; pause, snapshot, cable. slow/net has the rest.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover
	net_failover virtio_net)
kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/bed/mkinitrd" "$tmp/initrd" "${modules[@]}" || exit
size=1000000
mark=0

# guest SECONDS COMMAND: its output on $out; false if it fails or is not over in time.
guest()
{
	local from

	from=$(wc -l <"$tmp/one.out")
	printf '%s; echo "END%d-$?"\n' "$2" "$((++mark))" >&"$in"
	poll_until "$1" grep -q "^END$mark-[0-9]" "$tmp/one.out"
	tail -n +"$((from + 1))" "$tmp/one.out" | tr -d '\r' >"$out"
	grep -q "^END$mark-0" "$out"
}

want_guest()
{
	guest "$@" || fail "in the guest: $2"
}

# The file to the guest at HOST-ADDRESS of this end, and back from BACK.
both_ways()
{
	want_guest 60 "wget -q -O /tmp/file http://$1:$http/file && md5sum /tmp/file"
	want_out "$sum"
	busybox timeout 60 busybox wget -q -O "$tmp/back" "http://$2/file"
	cmp "$tmp/www/file" "$tmp/back" || fail "the file is not what was sent"
}

devices()
{
	run vitrine monitor one info devices "$1"
}

mkdir "$tmp/www"
head -c "$size" /dev/urandom >"$tmp/www/file"
sum=$(md5sum <"$tmp/www/file" | cut -c 1-32)
http=$(free_port) forward=$(free_port)
busybox httpd -f -p "$http" -h "$tmp/www" &
server=$!
trap 'kill $server; lib_exit' EXIT
mkfifo "$tmp/one.in"
"$build/vitrine" run --headless --name one --mem 256M --initrd "$tmp/initrd" \
	--net "user,id=wan,hostfwd=tcp:127.0.0.1:$forward-8080" --net tap,ifname=vnete2e0,id=fast \
	--net tap,ifname=vnete2e1,id=plain,vhost=off \
	"$kernel" -- console=ttyS0 quiet <"$tmp/one.in" >"$tmp/one.out" 2>"$tmp/one.said" &
exec {in}>"$tmp/one.in"

case_begin "three devices, and a driver for each"
poll_until 120 grep -q READY "$tmp/one.out" || { cp "$tmp/one.said" "$err"; fail "no boot"; exit; }
busybox ip addr add 192.168.171.1/24 dev vnete2e0
busybox ip addr add 192.168.172.1/24 dev vnete2e1
want_guest 20 'for i in 0 1 2; do ip link set eth$i up || break; done; ip addr add 10.0.2.15/24 dev eth0; ip addr add 192.168.171.2/24 dev eth1; ip addr add 192.168.172.2/24 dev eth2; httpd -p 8080 -h /tmp'

case_begin "user: a file both ways, through a forwarded port"
both_ways 10.0.2.2 "127.0.0.1:$forward"

case_begin "tap by vitrine: ping and a file both ways"
devices plain
want_out "vhost-net            off"
want_guest 30 'ping -c 3 -i 0.2 192.168.172.1'
want_out "3 packets received"
both_ways 192.168.172.1 192.168.172.2:8080

if [ ! -e /dev/vhost-net ]; then
	case_begin "without vhost-net: said in one line"
	[ "$(grep -c "vhost-net.*; frames go through vitrine" "$tmp/one.said")" = 1 ] ||
		fail "$(cat "$tmp/one.said")"
else
	case_begin "tap by the host's kernel: ping and a file both ways"
	devices fast
	want_out "vhost-net            in the kernel"
	want_guest 30 'ping -c 3 -i 0.2 192.168.171.1'
	want_out "3 packets received"
	both_ways 192.168.171.1 192.168.171.2:8080
	devices fast
	
	case_begin "a guest that stands gets no frames; one that goes on does"
	run vitrine pause one
	devices fast
	want_out "stands with the guest"
	run vitrine monitor one info devices fast
	cp "$out" "$tmp/before"
	busybox ping -c 2 -W 1 192.168.171.2 >/dev/null && fail "a guest that stands answers"
	run vitrine monitor one info devices fast
	diff <(grep rings "$tmp/before") <(grep rings "$out") >&2 || fail "the rings moved"
	run vitrine resume one
	both_ways 192.168.171.1 192.168.171.2:8080

	case_begin "a snapshot has what the kernel wrote"
	run vitrine snapshot one save first
	want_status 0
	both_ways 192.168.171.1 192.168.171.2:8080
	run vitrine snapshot one save second
	want_status 0
	want_guest 10 'rm /tmp/file; echo gone >/tmp/gone'
	run vitrine snapshot one load second
	want_status 0
	run vitrine resume one
	want_guest 30 '[ ! -e /tmp/gone ] && md5sum /tmp/file'
	want_out "$sum"
	both_ways 192.168.171.1 192.168.171.2:8080

	case_begin "the cable pulled and plugged: it is handed over and back"
	run vitrine monitor one set_link fast off
	devices fast
	want_out "vhost-net            ready"
	run vitrine monitor one set_link fast on
	want_guest 30 'ping -c 5 -W 5 192.168.171.1'
	devices fast
	want_out "vhost-net            in the kernel"

	case_begin "a driver that comes and goes"
	want_guest 60 'cd /sys/bus/virtio/drivers/virtio_net && for i in 1 2 3; do echo virtio1 >unbind && echo virtio1 >bind || break; done; cd /; ip link set eth1 up && ip addr add 192.168.171.2/24 dev eth1 && ping -c 2 -W 5 192.168.171.1'
	want_out "2 packets received"
fi

case_begin "the end"
printf 'poweroff -f\n' >&"$in"
poll_until 30 eval '! vitrine ls | grep -q one' || fail "it does not end"
