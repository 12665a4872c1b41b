# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# cases.sh VITRINE GUESTS-FOLDER KERNEL INITRD GDB: the cases for VT-x, in the Bochs
# bed, whose shell is busybox's. Result lines as in ../lib.sh.
vitrine=$1 guests=$2 kernel=$3 initrd=$4 gdb=$5
mkdir -p /run/user
chmod 700 /run/user
export XDG_RUNTIME_DIR=/run/user

# expect NAME STATUS OUT ERR COMMAND...: the status, and a text in each stream.
expect()
{
	name=$1 want=$2 says=$3 complains=$4
	shift 4
	"$@" >/tmp/out 2>/tmp/err </dev/null
	status=$?
	if [ "$status" -ne "$want" ]; then
		echo "not ok $name - exit status $status, not $want"
	elif [ -n "$says" ] && ! grep -qF -- "$says" /tmp/out; then
		echo "not ok $name - does not print \"$says\""
	elif [ -n "$complains" ] && ! grep -qF -- "$complains" /tmp/err; then
		echo "not ok $name - does not say \"$complains\""
	else
		echo "ok $name"
		return
	fi
	tail -n 15 /tmp/out /tmp/err | sed 's/^/# /'
}

run()
{
	"$vitrine" run --headless --timeout 240 "$@"
}

# until SECONDS TEXT COMMAND...: whether its output has TEXT before the time is over.
until_says()
{
	tries=$1 text=$2
	shift 2
	while ! "$@" 2>&1 | grep -qF -- "$text"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 1
	done
}

expect doctor 0 "" "" "$vitrine" doctor
expect hello16 33 "hello from 16 bits" "" run "$guests/hello16.bin"
expect hello32 33 "hello from 32 bits" "" run "$guests/hello32.elf"
expect hello64 33 "hello from 64 bits" "" run "$guests/hello64.elf"
for fault in no-idt idt-missing stack-overflow not-present reserved-bit nx-fetch wrong-selector \
		broken-iret; do
	expect "faults/$fault" 120 "fault: $fault:" fault_here run "$guests/faults/$fault.elf"
done
# Those that only misbehave run on, and can be paused, looked into and stopped.
for fault in missing-eoi endless-interrupt; do
	"$vitrine" run --detach --name "$fault" "$guests/faults/$fault.elf" >/dev/null
	until_says 60 "fault: $fault:" "$vitrine" logs "$fault"
	expect "faults/$fault: pause" 0 "" "" "$vitrine" pause "$fault"
	expect "faults/$fault: interrupts" 0 "PIC" "" "$vitrine" show "$fault" irq
	expect "faults/$fault: kill" 0 "" "" "$vitrine" kill "$fault"
done
head -c 1048576 /dev/urandom >/tmp/disk.img
expect linux 0 "READY 4" "" run --cpus 4 --mem 256M --initrd "$initrd" \
	--disk /tmp/disk.img,format=raw "$kernel" -- console=ttyS0 quiet \
	'vitrine.run="md5sum </dev/vda; grep virtio /proc/interrupts"'
# Debian's virtio_blk read all of it, and the vectors of its queues have counted.
name="linux: a virtio disk by MSI-X"
if ! grep -qF "$(md5sum </tmp/disk.img | cut -c 1-32)" /tmp/out; then
	echo "not ok $name - it read something else"
elif ! awk '/PCI-MSI.*virtio[0-9]*-req/ { for (i = 2; i < 6; i++) n += $i } END { exit !n }' /tmp/out
then
	echo "not ok $name - no interrupts"
	sed 's/^/# /' /tmp/out
else
	echo "ok $name"
fi

# seen NAME COMMAND...: a step of the case on the demo that must succeed.
seen()
{
	name=$1
	shift
	if "$@"; then
		echo "ok demo/$name"
	else
		echo "not ok demo/$name"
		"$vitrine" logs demo 2>&1 | tail -n 5 | sed 's/^/# /'
	fi
}

registers_change()
{
	"$vitrine" show demo cpu >/tmp/before
	tries=20
	while "$vitrine" show demo cpu | cmp -s /tmp/before -; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
	done
}

# What inspect/mmu says of random page tables, against this processor: a sample of oracle.sh.
oracle()
{
	"$vitrine" run --detach --name "$1" --mem 128M "$guests/$1.elf" -- n=15 seed=2 >/dev/null
	until_says 90 "oracle: done" "$vitrine" logs "$1"
	expect "$1" 0 "0 told wrong" "" "${vitrine%/*}/tests/guests/oracle-check" "$1"
	"$vitrine" kill "$1" >/dev/null
}

oracle oracle32
oracle oracle64

"$vitrine" run --detach --name demo "$guests/demo.elf"
seen ready until_says 90 "demo: ready" "$vitrine" logs demo
seen registers registers_change
seen paging until_says 5 "R-X" "$vitrine" show demo paging
seen ept until_says 5 "EPT" "$vitrine" show demo ept
seen followed until_says 5 "the same page" "$vitrine" show demo ept --follow demo_tick
seen screen until_says 5 "vitrine demo" "$vitrine" show demo vga
"$vitrine" monitor demo "sendkey h"
seen keys until_says 20 "demo> h" "$vitrine" show demo vga
seen pause "$vitrine" pause demo
seen stopped until_says 5 paused "$vitrine" ls
seen kill "$vitrine" kill demo

# debug NAME ARGUMENT...: gdb on the VM of that name, for the program guests/NAME or demo.
debug()
{
	vm=$1 program=$2
	shift 2
	"$gdb" -nx -batch -iex "set debuginfod enabled off" -ex "set remotetimeout 300" \
		-ex "target remote $XDG_RUNTIME_DIR/vitrine/$vm/gdb.sock" "$@" "$program" 2>&1
}

# told NAME TEXT: whether gdb's last session has the text.
told()
{
	if grep -qF -- "$2" /tmp/session; then
		echo "ok gdb/$1"
	else
		echo "not ok gdb/$1 - does not print \"$2\""
		tail -n 15 /tmp/session | sed 's/^/# /'
	fi
}

"$vitrine" run --detach --freeze --cpus 2 --name step "$guests/demo.elf"
debug step "$guests/demo.elf" -x "${0%/*}/session.gdb" >/tmp/session
grep -E '^(ok|not ok) ' /tmp/session
told backtrace "in kmain ()"
told software-breakpoints "sw     patch"
told catch "takes interrupt"
told detach "[Inferior 1 (process 1) detached]"
debug step "$guests/demo.elf" -ex "break demo_work" -ex continue >/tmp/session
told reattach "Breakpoint 1, demo_work"
"$vitrine" kill step

# VT-x keeps the registers of a processor that shut down; the patch in memory stays too.
"$vitrine" run --detach --freeze --name fall "$guests/faults/no-idt.elf"
debug fall "$guests/faults/no-idt.elf" -ex "break fault_here" -ex continue -ex continue \
	-ex "info symbol \$pc" -ex "monitor system_reset" -ex continue >/tmp/session
told triple-fault "fault_here"
told again-after-reset "Breakpoint 1, fault_here"
"$vitrine" kill fall
