#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# soak.sh BUILD-DIR [loop|hour|all]: `make soak`. Long runs, on this machine's KVM
# or inside the bed. Prints what it saw; exit status 0 if all of it was right.
#
#   SOAK_VMS     VMs of the loop (50)          SOAK_LOOPS    rounds of it (10)
#   SOAK_PHASES  phases of the hour (36)       SOAK_PHASE_S  seconds each (100)
#   SOAK_KERNEL, SOAK_INITRD  the Linux guest (tests/e2e/guest-initrd)
#   SOAK_LIMIT   what the host shall count as having for guests (1G)
set -u
build=$(cd "$1" && pwd)
what=${2:-all}
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap 'soak_clean' EXIT
failed=0

soak_clean()
{
	local dir

	for dir in "$XDG_RUNTIME_DIR"/vitrine/*/; do
		[ ! -d "$dir" ] || "$build/vitrine" kill "$(basename "$dir")" 2>/dev/null
	done
	rm -rf "$tmp"
}

bad()
{
	echo "WRONG: $*"
	failed=1
}

# --- start, pause, resume, stop

soak_available()
{
	awk '/MemAvailable/ { print $2 }' /proc/meminfo
}

soak_loop()
{
	local nr=${SOAK_VMS:-50} loops=${SOAK_LOOPS:-10} i n before

	for ((i = 1; i <= nr; i++)); do
		printf '[vm m%d]\nimage = %s/guests/demo.elf\nmemory = 8M\n' "$i" "$build"
	done >"$tmp/many.fleet"
	before=$(soak_available)
	for ((n = 1; n <= loops; n++)); do
		"$build/vitrine" up "$tmp/many.fleet" || bad "round $n: up"
		[ "$("$build/vitrine" ls --json | jq length)" = "$nr" ] || bad "round $n: not $nr VMs"
		for ((i = 1; i <= nr; i++)); do
			"$build/vitrine" pause "m$i" && "$build/vitrine" resume "m$i" || bad "round $n: m$i"
		done
		"$build/vitrine" down --timeout 0 "$tmp/many.fleet" || bad "round $n: down"
		[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || bad "round $n: folders are left"
		[ "$(pgrep -cf "$build/vitrine run --detach --name m")" = 0 ] || bad "round $n: processes are left"
		echo "round $n of $loops: $nr VMs, MemAvailable $(soak_available) kB (began with $before kB)"
	done
	[ $((before - $(soak_available))) -lt 65536 ] || bad "memory is left behind"
}

# --- four guests that want more together than there is

soak_guest()
{
	printf '%s\n' "$2" | "$build/vitrine" console "$1" >/dev/null 2>&1
}

soak_oom_kills()
{
	local i sum=0

	for i in 1 2 3 4; do
		sum=$((sum + $("$build/vitrine" logs "linux$i" | grep -c "Killed process\|Out of memory")))
	done
	echo "$sum"
}

soak_actual()
{
	local i

	for i in 1 2 3 4; do
		"$build/vitrine" balloon "linux$i" --json | jq -j '" ", (.actual / 1048576 | floor)'
	done
}

# One guest after the other fills 300 MiB, the others keep 40.
soak_phases()
{
	local phases=${SOAK_PHASES:-36} secs=${SOAK_PHASE_S:-100} p busy

	for ((p = 0; p < phases; p++)); do
		busy=$((p % 4 + 1))
		soak_guest "linux$(((p + 3) % 4 + 1))" "rm -f /tmp/fill"
		soak_guest "linux$busy" "dd if=/dev/zero of=/tmp/fill bs=1M count=300 2>/dev/null; md5sum -c /tmp/sum"
		sleep "$secs"
		echo "phase $((p + 1)) of $phases: linux$busy busy, host $(soak_available) kB, MiB:$(soak_actual)"
		dmesg 2>/dev/null | grep -q "Out of memory.*vitrine" && bad "the host killed a VM"
	done
}

soak_hour()
{
	local i

	for i in 1 2 3 4; do
		"$build/vitrine" run --detach --name "linux$i" --mem 512M --initrd "$SOAK_INITRD" \
			--balloon stats=1,floor=96M "$SOAK_KERNEL" -- console=ttyS0 quiet ||
			bad "linux$i does not start"
	done
	for i in 1 2 3 4; do
		for ((n = 0; n < 1800; n++)); do
			"$build/vitrine" logs "linux$i" | grep -q READY && break
			sleep 0.2
		done
		soak_guest "linux$i" "head -c 20000000 /dev/urandom >/tmp/data; cd /tmp; md5sum data >sum"
	done
	"$build/vitrine" balance --background --interval 1 --limit "${SOAK_LIMIT:-1G}" \
		--log "$tmp/balance.log" || bad "no balancer"
	soak_phases
	[ "$(soak_oom_kills)" = 0 ] || bad "a guest killed processes"
	for i in 1 2 3 4; do
		"$build/vitrine" logs "linux$i" | grep -q "data: FAILED" && bad "linux$i: contents changed"
	done
	grep -cE ': (take|give|return) ' "$tmp/balance.log" | sed 's/$/ moves of the balancer/'
	grep -E ': (take|give|return|cancel) ' "$tmp/balance.log" | tail -n 20
	for dir in /proc/[0-9]*; do
		tr '\0' ' ' <"$dir/cmdline" 2>/dev/null | grep -q "^$build/vitrine balance " && kill "${dir#/proc/}"
	done
}

[ "$what" = hour ] || soak_loop
[ "$what" = loop ] || soak_hour
exit $failed
