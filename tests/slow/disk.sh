#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's guest with stock virtio_blk on four processors: raw, qcow2 and read-only disks, checksums
# both ways, discard, reboot, who may have an image, and what is left when the VM process is killed.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk)
kernel=$("$top/tests/bed/fetch" cloud-kernel) &&
	"$top/tests/bed/mkinitrd" "$tmp/initrd" "${modules[@]}" || exit
marks=0

# guest SECONDS COMMAND: in the guest's shell, its output on $out; false if it fails or takes longer.
guest()
{
	local mark="END$((++marks))" from

	from=$(wc -l <"$tmp/serial")
	printf '%s; echo "%s-$?"\n' "${2//[$'\t\n']/ }" "$mark" >&"$in" # a tab would complete
	poll_until "$1" grep -q "^$mark-[0-9]" "$tmp/serial"
	tail -n +"$from" "$tmp/serial" | tr -d '\r' >"$out"
	grep -q "^$mark-0" "$out"
}

want_guest()
{
	guest "$@" || fail "in the guest: $2"
}

# ready TIMES: the guest's shell has come up that often.
ready()
{
	[ "$(grep -c READY "$tmp/serial")" -ge "$1" ]
}

want_ready()
{
	poll_until 300 ready "$1" && return
	cp "$tmp/serial" "$out"
	cp "$tmp/said" "$err"
	fail "the guest does not come up"
}

sum_of()
{
	md5sum <"$1" | cut -c 1-32
}

blocks_of()
{
	stat -c %b "$1"
}

mkdir "$tmp/root"
head -c 3000000 /dev/urandom >"$tmp/root/from-host"
truncate -s 96M "$tmp/root.img"
truncate -s 4M "$tmp/ro.img"
mkfs.ext4 -q -d "$tmp/root" "$tmp/root.img"
mkfs.ext4 -q -d "$tmp/root" "$tmp/ro.img" 2>/dev/null || mkfs.ext4 -q "$tmp/ro.img"
disks=(--disk "$tmp/root.img,format=raw,serial=ROOT-0001,queues=4"
	--disk "$tmp/ro.img,ro,format=raw,cache=unsafe")
if command -v qemu-img >/dev/null; then
	qemu-img create -q -f qcow2 "$tmp/third.qcow2" 64M
	disks+=(--disk "$tmp/third.qcow2,cache=writethrough")
fi
ro_sum=$(sum_of "$tmp/ro.img")
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name disk --cpus 4 --mem 512M --initrd "$tmp/initrd" \
	"${disks[@]}" "$kernel" -- console=ttyS0 quiet <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
vm=$!
exec {in}>"$tmp/in"

case_begin "an image in use is refused"
want_ready 1
run vitrine run --headless --name other --disk "$tmp/root.img,format=raw" "$kernel"
want_status 126
want_err "in use"
run vitrine run --headless --name other --disk "$tmp/root.img,format=raw,ro" "$kernel"
want_status 126

case_begin "stock virtio_blk: size, serial number, four queues, MSI-X"
want_guest 200 '[ "$(cat /sys/block/vda/size)" = 196608 ] &&
	[ "$(cat /sys/block/vda/serial)" = ROOT-0001 ] && [ "$(ls /sys/block/vda/mq | wc -l)" = 4 ] &&
	[ "$(grep -c "MSI.*virtio0-req" /proc/interrupts)" = 4 ] &&
	[ "$(cat /sys/block/vda/cache_type)" = "write back" ]'

case_begin "checksums both ways"
want_guest 200 "mkdir -p /mnt && mount /dev/vda /mnt &&
	echo \"$(sum_of "$tmp/root/from-host")  /mnt/from-host\" | md5sum -c"
want_guest 200 'head -c 5000000 /dev/urandom >/mnt/from-guest && for i in 1 2 3 4; do
	taskset $((1 << (i - 1))) dd if=/mnt/from-guest of=/mnt/copy$i bs=64k conv=fsync 2>/dev/null &
	done; wait; cmp /mnt/copy1 /mnt/from-guest && cmp /mnt/copy4 /mnt/from-guest &&
	md5sum </mnt/from-guest && sync'
guest_sum=$(grep -o '^[0-9a-f]\{32\}' "$out" | head -n 1)

case_begin "discard gives space back to the host"
before=$(blocks_of "$tmp/root.img")
want_guest 200 'rm /mnt/copy* && sync && fstrim /mnt'
[ "$(blocks_of "$tmp/root.img")" -lt $((before - 20000)) ] ||
	fail "$before blocks before, $(blocks_of "$tmp/root.img") after"

case_begin "a read-only disk"
want_guest 200 '[ "$(cat /sys/block/vdb/ro)" = 1 ] && ! dd if=/dev/zero of=/dev/vdb bs=4k count=1 &&
	mkdir -p /two && mount -t ext4 -o ro /dev/vdb /two && ! touch /two/x && umount /two &&
	dd if=/dev/vdb of=/dev/null bs=64k'
[ "$(sum_of "$tmp/ro.img")" = "$ro_sum" ] || fail "it was written to"

case_begin "qcow2 through qemu-nbd"
if [ -e "$tmp/third.qcow2" ]; then
	want_guest 200 '[ "$(cat /sys/block/vdc/size)" = 131072 ] && mke2fs /dev/vdc >/dev/null 2>&1 &&
		mkdir -p /three && mount /dev/vdc /three && cp /mnt/from-guest /three/ && sync &&
		umount /three && mount /dev/vdc /three && cmp /mnt/from-guest /three/from-guest &&
		umount /three'
else
	skip "qemu-img is not installed"
fi

case_begin "after a reboot it is all there"
want_guest 200 'umount /mnt'
printf 'reboot -f\n' >&"$in"
want_ready 2
want_guest 200 "mkdir -p /mnt && mount /dev/vda /mnt &&
	echo \"$guest_sum  /mnt/from-guest\" | md5sum -c"

case_begin "show and QMP know the disks"
run vitrine show disk devices
want_out "root.img"
want_out "io_uring"
run socat -t 20 - "UNIX-CONNECT:$XDG_RUNTIME_DIR/vitrine/disk/qmp.sock" <<-'END'
	{"execute": "qmp_capabilities"}
	{"execute": "query-block"}
	{"execute": "query-blockstats"}
END
jq -e -s 'map(select(.return | type == "array")) |
	.[0].return[0].inserted.drv == "raw" and .[0].return[0].device == "disk0" and
	.[0].return[1].inserted.ro and .[1].return[0].stats.rd_bytes > 3000000 and
	.[1].return[1].stats.wr_operations == 0' <"$out" >/dev/null || fail "not what was expected"

# Every file whose number the guest has printed is stable: that is what fsync told it.
case_begin "killed while it writes: no flushed write is lost"
printf '%s%s\n' 'i=0; while :; do i=$((i + 1)); yes "file $i" | head -c 20000 >/tmp/src; ' \
	'dd if=/tmp/src of=/mnt/f$i bs=4k conv=fsync 2>/dev/null && echo "ACK $i"; done' >&"$in"
poll_until 200 grep -q '^ACK 40' "$tmp/serial" || fail "no writes"
kill -KILL "$vm"
wait "$vm" 2>/dev/null
exec {in}>&-
last=$(tr -d '\r' <"$tmp/serial" | sed -n 's/^ACK \([0-9]*\)$/\1/p' | tail -n 1)
e2fsck -p "$tmp/root.img" >"$out" 2>&1 || [ $? -eq 1 ] || fail "e2fsck -p: $?"
e2fsck -fn "$tmp/root.img" >"$out" 2>&1 || fail "the file system is damaged"
for ((i = 1; i <= last; i++)); do
	echo "cat /f$i"
done >"$tmp/asked"
debugfs -f "$tmp/asked" "$tmp/root.img" 2>/dev/null | grep '^file ' | sort | uniq -c |
	awk '{ lines[$3] += $1 } END { for (f in lines) print f, lines[f] }' >"$tmp/found"
for ((i = 1; i <= last; i++)); do
	text="file $i"
	grep -q "^$i " "$tmp/found" || { fail "file $i of $last is lost"; break; }
	[ "$(awk -v f=$i '$1 == f { print $2 }' "$tmp/found")" -ge $((20000 / (${#text} + 1))) ] ||
		{ fail "file $i of $last is cut short"; break; }
done
debugfs -R "dump /from-guest $tmp/back" "$tmp/root.img" 2>/dev/null
[ "$(sum_of "$tmp/back")" = "$guest_sum" ] || fail "from-guest differs"

case_begin "our own drivers, by both faces"
truncate -s 1M "$tmp/scratch.img"
run vitrine run --headless --timeout 120 --disk "$tmp/scratch.img,serial=OURS" --net user \
	"$build/guests/virtio.elf"
want_status 33
for want in "block (legacy): 2048 sectors, serial 'OURS'" "block (modern): 2048 sectors, serial 'OURS'" \
		"entropy (legacy)" "entropy (modern)" "net (legacy)" "net (modern)" "virtio: done"; do
	want_out "$want"
done

case_begin "bad disks are one line each"
echo "not a disk" >"$tmp/short.qcow2"
printf 'QFI\373\0\0\0\003' >"$tmp/damaged.qcow2"
head -c 100000 /dev/zero >>"$tmp/damaged.qcow2"
for bad in "$tmp/none.img" "$tmp" /dev/null "$tmp/damaged.qcow2" "$tmp/short.qcow2,format=qcow2" \
		"$tmp/root.img,format=vmdk"; do
	run vitrine run --headless --disk "$bad" "$kernel"
	want_status 126
	[ "$(wc -l <"$err")" = 1 ] || fail "$bad: $(wc -l <"$err") lines"
done
for bad in "" "x,cache=fast" "x,bus=ata" "x,queues=99"; do
	run vitrine run --headless --disk "$bad" "$kernel"
	want_status 2
done
case_end
