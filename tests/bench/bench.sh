#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bench.sh BUILD-DIR: measure vitrine beside its peers, in one run, on this machine's KVM.
# Prints Markdown. `make bench` runs it inside the bed; docs/performance.md keeps the results.
set -u
build=$(cd "$1" && pwd)
src=$(cd "$(dirname "$0")/../.." && pwd)
here=$src/tests/bench
vitrine=$build/vitrine
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_RUNTIME_DIR=$tmp
: "${QEMU:=qemu-system-x86_64}"
kernel=${BENCH_KERNEL:-}
initrd=${BENCH_INITRD:-}

gcc -O2 -D_GNU_SOURCE "$here/raw.c" -o "$tmp/raw"
gcc -O2 -D_GNU_SOURCE "$here/compare.c" -o "$tmp/compare"

# Flat real-mode code at 0x7c00. exit: mov al,0; out 0xf4,al; hlt.
printf '\xb0\x00\xe6\xf4\xf4' >"$tmp/exit.bin"
# loop: mov ecx,N; 1: out 0x80,al; dec ecx; jnz 1b; exit.
loop_n=100000
count=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((loop_n & 255)) $((loop_n >> 8 & 255)) \
	$((loop_n >> 16 & 255)) $((loop_n >> 24 & 255)))
printf '%b' "\\x66\\xb9${count}\\xe6\\x80\\x66\\x49\\x75\\xfa\\xb0\\x00\\xe6\\xf4\\xf4" >"$tmp/loop.bin"
# spin: mov ecx,N; 1: dec ecx; jnz 1b; exit. No exits at all.
spin_n=1500000000
count=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((spin_n & 255)) $((spin_n >> 8 & 255)) \
	$((spin_n >> 16 & 255)) $((spin_n >> 24 & 255)))
printf '%b' "\\x66\\xb9${count}\\x66\\x49\\x75\\xfc\\xb0\\x00\\xe6\\xf4\\xf4" >"$tmp/spin.bin"

run_raw() { # the same flat code under vitrine
	echo "$vitrine run --headless --no-balloon --serial none --mem 128M --load 0x7c00:$1 --entry 0x7c00 --mode 16 --success 0"
}
# The boot-sector form for QEMU: the same code, padded to 510 bytes, with the signature.
sector() {
	{ cat "$1"; head -c $((510 - $(stat -c %s "$1"))) /dev/zero; printf '\x55\xaa'; } >"$2"
}
sector "$tmp/exit.bin" "$tmp/exit.img"
head -c 1048576 /dev/zero >>"$tmp/exit.img"
head_row='| | least ms | median ms | greatest ms | ratio |
|---|---|---|---|---|'

echo "## Start: process spawn to first guest instruction to exit"
echo
echo "$head_row"
"$tmp/compare" -n 15 "raw ioctls, no interrupt controllers=$tmp/raw spawn $tmp/exit.bin" \
	"raw ioctls, PIC, IOAPIC, PIT=$tmp/raw machine $tmp/exit.bin" \
	"vitrine=$(run_raw "$tmp/exit.bin")"
echo
echo "QEMU can only be given a kernel or a disk, so it is compared on a whole guest that prints"
echo "one line and exits (\`guests/hello-pvh\`):"
echo
echo "$head_row"
"$tmp/compare" -n 7 "vitrine=$vitrine run --headless --mem 128M $build/guests/hello-pvh.elf" \
	"QEMU microvm=$QEMU -M microvm -enable-kvm -cpu host -m 128 -nodefaults -no-user-config -nographic -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel $build/guests/hello-pvh.elf -no-reboot"

echo
echo "## Port exits a second"
echo
raw_best=0 regs_best=0 vit_best=0
for _ in 1 2 3 4 5; do
	raw=$("$tmp/raw" loop "$tmp/loop.bin")
	regs=$("$tmp/raw" loop-regs "$tmp/loop.bin")
	start=$(date +%s%N)
	sh -c "$(run_raw "$tmp/exit.bin")" >/dev/null 2>&1
	mid=$(date +%s%N)
	sh -c "$(run_raw "$tmp/loop.bin")" >/dev/null 2>&1
	end=$(date +%s%N)
	vit=$((loop_n * 1000000000 / ((end - mid) - (mid - start))))
	[ "${raw%.*}" -gt "$raw_best" ] && raw_best=${raw%.*}
	[ "${regs%.*}" -gt "$regs_best" ] && regs_best=${regs%.*}
	[ "$vit" -gt "$vit_best" ] && vit_best=$vit
done
echo "| | exits/s (best of 5) | of the raw loop | of the one with registers |"
echo "|---|---|---|---|"
echo "| raw loop | $raw_best | 100% | |"
echo "| raw loop, registers brought out as vitrine needs them | $regs_best | $((regs_best * 100 / raw_best))% | 100% |"
echo "| vitrine | $vit_best | $((vit_best * 100 / raw_best))% | $((vit_best * 100 / regs_best))% |"

if [ -n "$kernel" ] && [ -n "$initrd" ]; then
	append="console=ttyS0 quiet"
	echo
	echo "## Debian's kernel to user space"
	echo
	echo "$head_row"
	"$tmp/compare" -n 5 -u READY \
		"vitrine=$vitrine run --headless --mem 256M --initrd $initrd $kernel -- $append" \
		"QEMU microvm=$QEMU -M microvm,x-option-roms=off,acpi=on,rtc=on -enable-kvm -cpu host -m 256 -nodefaults -no-user-config -nographic -serial stdio -kernel $kernel -initrd $initrd -append '$append' -no-reboot" \
		"QEMU q35=$QEMU -M q35 -enable-kvm -cpu host -m 256 -nodefaults -no-user-config -nographic -serial stdio -kernel $kernel -initrd $initrd -append '$append' -no-reboot"
fi

echo
echo "## Private memory of the VM process"
echo
"$vitrine" run --detach --name bench-mem --mem 128M "$build/guests/demo.elf" >/dev/null 2>&1
sleep 3
pid=$("$vitrine" ls --json 2>/dev/null | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -1)
if [ -n "$pid" ]; then
	awk '/^[0-9a-f]+-[0-9a-f]+ /{skip = /memfd:|kvm-vcpu/} /^Private_(Clean|Dirty)/{if (!skip) s += $2}
	     END{printf "Running `guests/demo` with 128 MiB: %.1f MiB private (guest memory and its sample page not counted).\n", s / 1024}' \
		"/proc/$pid/smaps"
fi
"$vitrine" kill bench-mem >/dev/null 2>&1

echo
echo "## What a viewer costs the guest"
echo
# From `resume` to the guest's end; what opens and starts is done by then.
spin() { # NAME, or NAME and anything: with the dashboard open
	local pid s e

	sh -c "$(run_raw "$tmp/spin.bin") --freeze --name $1" >/dev/null 2>&1 &
	pid=$!
	until "$vitrine" ls --json 2>/dev/null | grep -q '"prelaunch"'; do sleep 0.1; done
	if [ $# -gt 1 ]; then
		tmux -L "bench$$" -f /dev/null new-session -d -x 120 -y 40 \
			-e "XDG_RUNTIME_DIR=$tmp" "$vitrine attach $1"
		until tmux -L "bench$$" capture-pane -p | grep -q "$1"; do sleep 0.1; done
		sleep 1
	fi
	s=$(date +%s%N)
	"$vitrine" resume "$1" >/dev/null 2>&1
	wait "$pid"
	e=$(date +%s%N)
	tmux -L "bench$$" kill-server 2>/dev/null
	echo $(((e - s) / 1000000))
}
alone= seen=
for i in 1 2 3 4 5; do
	t=$(spin "spin-alone-$i")
	{ [ -z "$alone" ] || [ "$t" -lt "$alone" ]; } && alone=$t
	t=$(spin "spin-seen-$i" seen)
	{ [ -z "$seen" ] || [ "$t" -lt "$seen" ]; } && seen=$t
done
echo "| a guest that only computes | best of 5, ms | ratio |"
echo "|---|---|---|"
echo "| nobody looks | $alone | 1.000 |"
echo "| dashboard at 30 Hz | $seen | $(awk "BEGIN{printf \"%.3f\", $seen / $alone}") |"

echo
echo "## The debugger: one operation in gdb, QEMU under the same KVM"
echo
"$here/gdb.sh" "$build"

echo
echo "## Snapshots of a machine that has written to 10 MiB since the last"
echo
"$here/snapshot.sh" "$build"

if [ -n "${BENCH_DISK_INITRD:-}" ]; then
	echo
	"$here/block.sh" "$build"
fi

if [ -n "${BENCH_NET_INITRD:-}" ]; then
	echo
	"$here/net.sh" "$build"
fi
