#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two of Debian's guests with stock virtio_net: user networking, tap, hub, captures, cable, drivers.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover
	net_failover virtio_net)
kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/bed/mkinitrd" "$tmp/initrd" "${modules[@]}" || exit
declare -A in
marks=0
size=3000000

# guest_start NAME OPTION...: its serial port is $tmp/NAME.in and .out.
guest_start()
{
	local name=$1 fd

	shift
	mkfifo "$tmp/$name.in"
	"$build/vitrine" run --headless --name "$name" --mem 256M --initrd "$tmp/initrd" "$@" \
		"$kernel" -- console=ttyS0 quiet <"$tmp/$name.in" >"$tmp/$name.out" 2>"$tmp/$name.said" &
	exec {fd}>"$tmp/$name.in"
	in[$name]=$fd
}

# guest NAME SECONDS COMMAND: its output on $out; false if it fails or is not over in time.
guest()
{
	local mark="END$((++marks))" from

	from=$(wc -l <"$tmp/$1.out")
	printf '%s; echo "%s-$?"\n' "$3" "$mark" >&"${in[$1]}"
	poll_until "$2" grep -q "^$mark-[0-9]" "$tmp/$1.out"
	tail -n +"$from" "$tmp/$1.out" | tr -d '\r' >"$out"
	grep -q "^$mark-0" "$out"
}

# want_guest NAME SECONDS COMMAND: or the case fails.
want_guest()
{
	guest "$@" || fail "in $1: $3"
}

sum_of()
{
	md5sum <"$1" | cut -c 1-32
}

mkdir "$tmp/www"
head -c "$size" /dev/urandom >"$tmp/www/file"
sum=$(sum_of "$tmp/www/file")
http=$(free_port)
forward=$(free_port)
busybox httpd -f -p "$http" -h "$tmp/www" &
servers=$!
trap 'kill $servers; lib_exit' EXIT
guest_start one --net "user,hostfwd=tcp:127.0.0.1:$forward-8080,pcap=$tmp/user.pcapng,id=wan" \
	--net tap,ifname=vnettest,queues=2,id=two-pairs --net hub=lab --cpus 2
guest_start two --net hub=lab,mac=56:00:00:00:00:02

case_begin "stock virtio_net finds three devices, with MSI-X"
for name in one two; do
	poll_until 120 grep -q READY "$tmp/$name.out" ||
		{ cp "$tmp/$name.out" "$out"; cp "$tmp/$name.said" "$err"; fail "$name does not boot"; exit; }
done
want_guest one 30 '[ -e /sys/class/net/eth2 ] && grep virtio0-input /proc/interrupts | grep MSI'

case_begin "user: DHCP, the gateway answers"
want_guest one 10 'printf "#!/bin/sh\n[ \$1 = bound ] || exit 0\nip addr add \$ip/24 dev \$interface\nip route add default via \$router\necho leased \$ip dns \$dns\n" >/lease && chmod +x /lease'
want_guest one 30 'ip link set eth0 up && udhcpc -i eth0 -n -q -s /lease'
want_out "leased 10.0.2.15 dns 10.0.2.3"
want_guest one 30 'ping -c 3 -i 0.2 10.0.2.2'
want_out "3 packets received"

case_begin "user: a file from the host"
want_guest one 60 "wget -q -O /tmp/file http://10.0.2.2:$http/file && md5sum /tmp/file"
want_out "$sum"

case_begin "user: a file from the guest, through a forwarded port"
want_guest one 10 'httpd -p 8080 -h /tmp'
busybox timeout 60 busybox wget -q -O "$tmp/back" "http://127.0.0.1:$forward/file"
[ "$(sum_of "$tmp/back")" = "$sum" ] || fail "the file is not what was sent"

case_begin "tap: ping and a file both ways"
busybox ip addr add 192.168.177.1/24 dev vnettest
want_guest one 10 'ip link set eth1 up && ip addr add 192.168.177.2/24 dev eth1'
want_guest one 30 'ping -c 3 -i 0.2 192.168.177.1'
want_out "3 packets received"
want_guest one 60 "wget -q -O /tmp/file2 http://192.168.177.1:$http/file && md5sum /tmp/file2"
want_out "$sum"
busybox timeout 60 busybox wget -q -O "$tmp/back2" "http://192.168.177.2:8080/file2"
[ "$(sum_of "$tmp/back2")" = "$sum" ] || fail "the file is not what was sent"

case_begin "tap: two queue pairs, each by its processor"
want_guest one 10 '[ -e /sys/class/net/eth1/queues/tx-1 ] && grep "MSI.*virtio1-output.1" /proc/interrupts'
want_guest one 30 'for cpu in 1 2; do taskset $cpu ping -c 3 -i 0.2 192.168.177.1 || break; done; awk "/virtio1-input/ { n += \$2 + \$3 } END { exit !n }" /proc/interrupts'
[ "$(grep -c "3 packets received" "$out")" = 2 ] || fail "pings are lost"
run vitrine monitor one info devices two-pairs
want_out "2 of 2"

case_begin "hub: two machines, ping and a file"
want_guest one 10 'ip link set eth2 up && ip addr add 192.168.178.1/24 dev eth2'
want_guest two 10 'ip link set eth0 up && ip addr add 192.168.178.2/24 dev eth0'
want_guest two 30 'ping -c 3 -i 0.2 192.168.178.1'
want_out "3 packets received"
want_guest two 60 'wget -q -O /tmp/file http://192.168.178.1:8080/file && md5sum /tmp/file'
want_out "$sum"

case_begin "the monitor: info network, query-rx-filter, devices"
run vitrine monitor one info network
want_out "wan: index=0,type=nic,model=virtio-net-pci,macaddr=56:"
want_out "type=hub,hub=lab,members=2"
run vitrine monitor two info network
want_out "macaddr=56:00:00:00:00:02"
run vitrine monitor one info devices wan
want_out "libslirp"

case_begin "the cable pulled and plugged"
run vitrine monitor one set_link wan off
want_status 0
want_guest one 20 'for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(cat /sys/class/net/eth0/carrier)" = 0 ] && break; sleep 0.2; done; cat /sys/class/net/eth0/carrier | grep 0'
guest one 20 'ping -c 1 -W 1 10.0.2.2' && fail "the gateway answers without a cable"
run vitrine monitor one set_link wan on
want_guest one 20 'for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break; sleep 0.2; done; ping -c 2 -W 5 10.0.2.2'

case_begin "a driver that comes and goes"
want_guest one 60 'cd /sys/bus/virtio/drivers/virtio_net && for i in 1 2 3 4 5 6 7 8 9 10; do echo virtio0 >unbind && echo virtio0 >bind || break; done; cd /; ip link set eth0 up && udhcpc -i eth0 -n -q -s /lease && ping -c 2 10.0.2.2'
want_out "leased 10.0.2.15"

case_begin "the capture is one that tcpdump reads"
if command -v tcpdump >/dev/null; then
	run tcpdump -nn -r "$tmp/user.pcapng"
	want_status 0
	want_out "BOOTP/DHCP, Request"
	want_out "ICMP echo reply"
	grep -q "10.0.2.15.* > 10.0.2.2.$http: Flags \[S\]" "$out" || fail "no SYN in the capture"
else
	skip "there is no tcpdump"
fi

case_begin "a machine that dies leaves the hub"
vitrine kill two >/dev/null 2>&1
poll_until 20 eval 'vitrine monitor one info network | grep -q members=1' ||
	fail "it is still a member"
want_guest one 20 'ping -c 1 10.0.2.2'

case_begin "the end"
printf 'poweroff -f\n' >&"${in[one]}"
poll_until 30 eval '! vitrine ls | grep -q one' || fail "it does not end"
grep -vE 'tap vnettest|vhost-net|killed' "$tmp/one.said" >"$err"
[ ! -s "$err" ] || fail "it had something to say"
[ ! -e /sys/class/net/vnettest ] || fail "its tap is still there"
