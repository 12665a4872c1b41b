#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Stock drivers without MSI: a disk and a network by the interrupt pin that ACPI's _PRT names.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/e2e/guest-initrd" "$tmp/initrd" || exit
head -c 1048576 /dev/urandom >"$tmp/disk.img"
sum=$(md5sum <"$tmp/disk.img" | cut -c 1-32)
# shellcheck disable=SC2016 # for the guest
guest='md5sum </dev/vda; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0;
ping -c 3 -i 0.2 10.0.2.2; dd if=/dev/vda of=/dev/vda bs=64k conv=fsync; grep virtio /proc/interrupts'

case_begin "pci=nomsi: virtio_blk and virtio_net by INTx"
run vitrine run --headless --cpus 2 --mem 256M --timeout 200 --initrd "$tmp/initrd" --net user \
	--disk "$tmp/disk.img,format=raw" "$kernel" -- console=ttyS0 quiet pci=nomsi \
	"vitrine.run=\"${guest//$'\n'/ }\""
want_status 0
want_out "$sum"
want_out "3 packets received"
[ "$(md5sum <"$tmp/disk.img" | cut -c 1-32)" = "$sum" ] || fail "the disk is not what it was"

case_begin "the pins have counted, and no message has"
tr -d '\r' <"$out" | grep 'IO-APIC.*virtio' >"$tmp/pins"
for index in 0 1; do # by slot: the disk, the network
	awk -v name="virtio$index" '$0 ~ name { n += $2 + $3 } END { exit !n }' "$tmp/pins" ||
		fail "virtio$index has had no interrupt"
done
if grep -q 'PCI-MSI.*virtio' "$out"; then
	fail "there are messages"
fi
