#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# soak.sh BUILD-DIR [loop|hour|short]: `make soak`. Long runs, on this machine's KVM
# or inside the bed. Prints what it saw; exit status 0 if all of it was right.
# "short" is the hour's first eight phases, and shorter ones.
#
#   SOAK_VMS     VMs of the loop (50)          SOAK_LOOPS    rounds of it (10)
#   SOAK_SECONDS of the hour (3600)            SOAK_PHASE_S  rest after each phase's work (50)
#   SOAK_PHASES  at most (1000)
#   SOAK_KERNEL, SOAK_INITRD  the Linux guest (tests/e2e/guest-initrd)
#   SOAK_LIMIT   what the balancer shall take the host to have (all that it has)
#   SOAK_CONTROL phases of the control run without the balancer (8)
set -u
build=$(cd "$1" && pwd)
what=${2:-hour}
[ "$what" != short ] || : "${SOAK_PHASES:=8}" "${SOAK_PHASE_S:=15}" "${SOAK_CONTROL:=5}"
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
trap 'soak_clean' EXIT
failed=0
kills=$(awk '/^oom_kill / { print $2 }' /proc/vmstat)

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

# A boot sector that halts: 50 clocks would take the whole of an emulated processor.
soak_idle_image()
{
	{
		printf '\372\364\353\375' # cli; hlt; and again
		head -c 506 /dev/zero
		printf '\125\252'
	} >"$1"
}

# What there is of the loop's VMs: processes, and sockets by their folder.
soak_processes()
{
	pgrep -cf "^vitrine run --detach --name soak[0-9]"
}

soak_sockets()
{
	grep -c "$XDG_RUNTIME_DIR/vitrine/" /proc/net/unix
}

soak_round()
{
	local nr=$1 i

	"$build/vitrine" up "$tmp/many.fleet" || bad "up"
	[ "$("$build/vitrine" ls --json | jq length)" = "$nr" ] || bad "not $nr VMs"
	[ "$(soak_processes)" = "$nr" ] || bad "not $nr processes, but $(soak_processes)"
	for ((i = 1; i <= nr; i++)); do
		"$build/vitrine" pause "soak$i" && "$build/vitrine" resume "soak$i" || bad "soak$i"
	done
	[ "$("$build/vitrine" ls --json | jq 'map(select(.state == "running")) | length')" = "$nr" ] ||
		bad "not all run"
	"$build/vitrine" down --timeout 0 "$tmp/many.fleet" || bad "down"
	[ -z "$(ls "$XDG_RUNTIME_DIR/vitrine")" ] || bad "folders are left"
	[ "$(soak_processes)" = 0 ] || bad "processes are left"
	[ "$(soak_sockets)" = 0 ] || bad "sockets are left"
}

soak_loop()
{
	local nr=${SOAK_VMS:-50} loops=${SOAK_LOOPS:-10} i n first now

	soak_idle_image "$tmp/idle.img"
	for ((i = 1; i <= nr; i++)); do
		printf '[vm soak%d]\nimage = %s/idle.img\nmemory = 8M\n' "$i" "$tmp"
	done >"$tmp/many.fleet"
	for ((n = 1; n <= loops; n++)); do
		soak_round "$nr"
		now=$(soak_available)
		: "${first:=$now}" # the first round fills the host's caches
		echo "round $n of $loops: $nr VMs in $SECONDS s, MemAvailable $now kB ($((now - first)))"
	done
	[ $((first - now)) -lt 16384 ] || bad "memory is left behind"
}

# --- four guests that want more together than there is

soak_nr=0

# soak_guest VM COMMAND SECONDS: in its shell, until it says that it has succeeded.
soak_guest()
{
	local end=$((SECONDS + $3))

	soak_nr=$((soak_nr + 1))
	printf '%s; echo done-$((%d))-$?\n' "$2" $soak_nr |
		"$build/vitrine" console "$1" >/dev/null 2>&1
	until soak_logs "$1" | grep -q "^done-$soak_nr-0"; do
		[ $SECONDS -lt $end ] || return 1
		[ "$(soak_host_kills)" = "$kills" ] || return 1
		sleep 0.5
	done
}

soak_logs()
{
	"$build/vitrine" logs "$1" 2>/dev/null
}

soak_oom_kills()
{
	local i sum=0

	for i in 1 2 3 4; do
		sum=$((sum + $(soak_logs "linux$i" | grep -c "Killed process\|Out of memory")))
	done
	echo "$sum"
}

# What the host's kernel has ended, and what went to swap or came from it.
soak_host_kills()
{
	awk '/^oom_kill / { print $2 }' /proc/vmstat
}

soak_swapped()
{
	awk '/^pswp(in|out) / { sum += $2 } END { print sum + 0 }' /proc/vmstat
}

soak_actual()
{
	local i

	for i in 1 2 3 4; do
		"$build/vitrine" balloon "linux$i" --json 2>/dev/null |
			jq -j '" ", (.actual / 1048576 | floor), "/", (.resident / 1048576 | floor)'
	done
}

# soak_phases NR [SECONDS]: one guest after the other fills 300 MiB, the others keep 40; no phase
# begins when the seconds are over.
soak_phases()
{
	local secs=${SOAK_PHASE_S:-50} end=$((SECONDS + ${2:-1000000})) p busy how

	for ((p = 0; p < $1 && SECONDS < end; p++)); do
		busy=$((p % 4 + 1)) how=whole
		soak_guest "linux$(((p + 3) % 4 + 1))" "rm -f /fill/f" 60
		soak_guest "linux$busy" "dd if=/dev/zero of=/fill/f bs=1M count=300 2>/dev/null && (cd /fill && md5sum -c sum)" 300 ||
			how="NOT DONE"
		sleep "$secs"
		echo "phase $((p + 1)), $SECONDS s: linux$busy busy, $how; host $(soak_available) kB, has/resident MiB:$(soak_actual)"
		[ "$(soak_host_kills)" = "$kills" ] || return 1
	done
}

soak_start()
{
	local i n

	for i in 1 2 3 4; do
		"$build/vitrine" run --detach --name "linux$i" --mem 512M --initrd "$SOAK_INITRD" \
			--balloon stats=1,floor=96M "$SOAK_KERNEL" -- console=ttyS0 quiet ||
			bad "linux$i does not start"
	done
	for i in 1 2 3 4; do
		for ((n = 0; n < 1800; n++)); do
			soak_logs "linux$i" | grep -q READY && break
			sleep 0.2
		done
		soak_guest "linux$i" "mkdir /fill; mount -t tmpfs -o size=400M fill /fill; head -c 20000000 /dev/urandom >/fill/data; cd /fill; md5sum data >sum" 120 ||
			bad "linux$i is not ready"
	done
}

soak_balance_end()
{
	local dir

	for dir in /proc/[0-9]*; do
		tr '\0' ' ' <"$dir/cmdline" 2>/dev/null | grep -q "^$build/vitrine balance " && kill "${dir#/proc/}"
	done
}

# The same guests and work with nobody who balances: the host has to run out.
soak_control()
{
	local i

	for i in 1 2 3 4; do
		"$build/vitrine" balloon "linux$i" 512M >/dev/null
	done
	soak_phases "${SOAK_CONTROL:-8}"
	if [ "$(soak_host_kills)" = "$kills" ]; then
		bad "without the balancer nothing went wrong: the host has too much memory to show anything"
	else
		echo "without the balancer: $(dmesg | grep -m1 "Out of memory: Killed process")"
	fi
}

# On a host of about 1 GiB for the guests: see run.
soak_hour()
{
	local i swapped

	swapped=$(soak_swapped)
	"$build/vitrine" balance --background --interval 1 --log "$tmp/balance.log" \
		${SOAK_LIMIT:+--limit "$SOAK_LIMIT"} || bad "no balancer"
	soak_start
	soak_phases "${SOAK_PHASES:-1000}" "${SOAK_SECONDS:-3600}"
	[ "$(soak_host_kills)" = "$kills" ] || bad "the host killed: $(dmesg | grep "Out of memory")"
	[ "$(soak_oom_kills)" = 0 ] || bad "a guest killed processes"
	[ "$(soak_swapped)" = "$swapped" ] || bad "the host swapped"
	for i in 1 2 3 4; do
		soak_logs "linux$i" | grep -q "FAILED" && bad "linux$i: contents changed"
	done
	soak_balance_end
	grep -cE ': (take|give|return|cancel) ' "$tmp/balance.log" | sed 's/$/ moves of the balancer/'
	grep -E ': (take|give|return|cancel) |host: ' "$tmp/balance.log" | tail -n "${SOAK_SHOW:-20}"
	soak_control
}

case $what in
loop)	soak_loop ;;
*)	soak_hour ;;
esac
exit $failed
