#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's stock virtio drivers on the console and entropy devices: both faces, data both ways,
# drivers that come and go, reboot.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

export build
kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/e2e/guest-initrd" "$tmp/initrd" || exit

# What the guest runs. It asks on hvc0 whether to go on, and says on COM1 what it saw.
# shellcheck disable=SC2016 # for the guest
guest='
cd /sys/bus/virtio/devices;
echo rng=$(cat /sys/class/misc/hw_random/rng_current);
echo bytes=$(head -c 4096 /dev/hwrng | wc -c);
echo msi=$(grep -c PCI-MSI.*virtio /proc/interrupts);
echo size=$(stty -F /dev/hvc0 size);
stty -F /dev/hvc0 -echo; echo question >/dev/hvc0; read x </dev/hvc0; echo answer=$x;
[ $x = again ] && reboot -f;
p=$(echo /dev/vport*p1); until read y <$p; do sleep 1; done; echo echo-$y >$p; echo name=$(cat /sys/class/virtio-ports/vport*p1/name);
for i in 1 2 3 4 5; do for d in virtio*; do
 f=$(readlink -f $d/driver); echo $d >$f/unbind; echo $d >$f/bind; done; done;
echo bytes=$(head -c 4096 /dev/hwrng | wc -c);
cd /; rmmod virtio_pci; insmod /modules/virtio_pci.ko force_legacy=1;
cut -c 33 /sys/bus/virtio/devices/*/features | tr "\n" " ";
echo legacy-bytes=$(head -c 4096 /dev/hwrng | wc -c); sleep 1;
echo legacy-hvc >/dev/hvc0'
guest=${guest//$'\n'/ }

want_line()
{
	poll_until 120 grep -q "^$1" "$tmp/serial" || {
		tail -n 30 "$tmp/serial" >"$out"
		fail "no $1"
	}
}

case_begin "virtio 1: entropy, MSI-X, a console with its size"
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name virtio --cpus 2 --mem 256M --initrd "$tmp/initrd" \
	--console "virtio,size=100x30,port=chan:$tmp/chan" "$kernel" -- console=ttyS0 quiet \
	"vitrine.run=\"${guest//\"/\'}\"" <"$tmp/in" 2>"$tmp/said" >"$tmp/serial" &
vm=$!
exec {in}>"$tmp/in"
want_line question
want_line "rng=virtio_rng"
want_line "bytes=4096"
want_line "msi=[1-9]"
want_line "size=30 100"

case_begin "reboot: the drivers find the devices again"
echo again >&"$in"
want_line "answer=again"
poll_until 120 eval '[ "$(grep -c ^question "$tmp/serial")" = 2 ]' || fail "no second boot"

case_begin "a channel, both ways"
echo on >&"$in"
want_line "answer=on"
# shellcheck disable=SC2016 # python's
python3 - "$tmp/chan" >"$out" 2>"$err" <<'PY' || fail "no echo"
import socket, sys
chan = socket.socket(socket.AF_UNIX)
chan.settimeout(60)
chan.connect(sys.argv[1])
chan.sendall(b"words\n")
got = b""
while b"\n" not in got:
    got += chan.recv(100) or sys.exit("closed")
print(got)
sys.exit(got != b"echo-words\n")
PY
want_line "name=chan"

case_begin "drivers that leave and return; the transitional face"
want_line "\(0 \)*legacy-bytes=4096"
[ "$(grep -c ^bytes=4096 "$tmp/serial")" = 3 ] || fail "no entropy after the drivers returned"
want_line "legacy-hvc"
exec {in}>&-
wait "$vm"
status=$?
cp "$tmp/said" "$err"
want_status 0
