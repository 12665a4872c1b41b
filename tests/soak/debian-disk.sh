#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian installed by debootstrap boots from a virtio disk to its login with four processors, is
# logged into, and shuts down; its file system is clean then. VITRINE_ROOTFS: the image of
# tests/bed/mkrootfs, which is copied.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover
	net_failover virtio_net virtio-rng)
kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/bed/mkinitrd" "$tmp/initrd" "${modules[@]}" || exit
: "${VITRINE_ROOTFS:=$build/rootfs.img}"

said()
{
	poll_until "$1" grep -q "$2" "$tmp/serial" || { tail -n 30 "$tmp/serial" >"$out"; fail "no $2"; }
}

case_begin "Debian from a virtio disk to its login"
cp --sparse=always "$VITRINE_ROOTFS" "$tmp/root.img" || exit
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name debian --cpus 4 --mem 768M --initrd "$tmp/initrd" --net user \
	--disk "$tmp/root.img,format=raw,queues=4" "$kernel" -- \
	console=ttyS0 quiet vitrine.root=/dev/vda <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
vm=$!
exec {in}>"$tmp/in"
said 900 "login:"

case_begin "root logs in: four processors, its disk, a file"
printf 'root\n' >&"$in"
said 200 "root@debian"
printf 'echo processors-$(nproc) root-$(findmnt -no SOURCE /)\n' >&"$in"
said 200 "processors-4 root-/dev/vda"
printf 'dd if=/dev/urandom of=/var/tmp/data bs=1M count=20 2>/dev/null; sync; md5sum /var/tmp/data\n' >&"$in"
said 300 "[0-9a-f]\{32\}  /var/tmp/data"
sum=$(grep -ao '[0-9a-f]\{32\}  /var/tmp/data' "$tmp/serial" | tail -n 1 | cut -c 1-32)

case_begin "it shuts down, and its file system is clean"
printf 'poweroff\n' >&"$in"
wait "$vm"
status=$?
exec {in}>&-
want_status 0
e2fsck -fn "$tmp/root.img" >"$out" 2>&1 || fail "e2fsck: $?"
debugfs -R "dump /var/tmp/data $tmp/data" "$tmp/root.img" 2>/dev/null
[ "$(md5sum <"$tmp/data" | cut -c 1-32)" = "$sum" ] || fail "the file differs"
case_end
