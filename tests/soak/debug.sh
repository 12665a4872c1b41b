#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debug.sh BUILD-DIR [SECONDS]: random stops, steps, breaks and detaches (debug.py)
# on a Linux guest with four processors under load; nothing may be lost, and the
# guest must not notice. An hour by default; `SOAK_ONLY=debug make soak`.
#
#   SOAK_SECONDS  how long (3600)      SOAK_SEED  of the dice (1)
#   SOAK_OPS  what is done, of: step step_running step_range stop brk look
#   SOAK_KERNEL, SOAK_INITRD  the guest (tests/bed/mkinitrd)
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
export XDG_RUNTIME_DIR=$tmp VITRINE_BUILD=$build SOAK_CPUS=4
export SOAK_SECONDS=${2:-${SOAK_SECONDS:-3600}} SOAK_SOCKET=$tmp/vitrine/soak/gdb.sock
trap '"$build/vitrine" kill soak >/dev/null 2>&1; rm -rf "$tmp"' EXIT
failed=0

bad()
{
	echo "WRONG: $*"
	failed=1
}

says()
{
	"$build/vitrine" logs soak | tr -d '\r'
}

beats()
{
	says | grep -c '^beat '
}

waits_for()
{
	local n

	for ((n = 0; n < 1200; n++)); do
		says | grep -q "$1" && return
		sleep 0.2
	done
	bad "the guest does not say '$1'"
	says | tail -n 5
	exit 1
}

"$build/vitrine" run --detach --name soak --cpus 4 --mem 512M --initrd "$SOAK_INITRD" \
	"$SOAK_KERNEL" -- console=ttyS0 quiet >/dev/null || exit 1
waits_for "READY 4"
"$build/vitrine" console soak >/dev/null 2>&1 <<'END'
cd /tmp; head -c 1000000 /dev/urandom >data; md5sum data >sum
for n in 1 2 3 4; do (while :; do md5sum -c sum >/dev/null 2>&1 || echo "BROKEN $n: $?"; sh -c : ; done) & done
(while :; do sleep 1; echo "beat"; done | sed "s/$/ of the guest/") &
END
waits_for "^beat"

for ((i = 0; i < 50; i++)); do # the table is read when it is first asked for
	"$build/vitrine" monitor soak symbols list | grep -q symbols, && break
	sleep 1
done
breaks=
for name in vfs_read __x64_sys_clone do_exit schedule hrtimer_interrupt handle_mm_fault; do
	breaks+=" $("$build/vitrine" monitor soak info symbols "$name" | awk -v n="$name" '$2 == n { print $1; exit }')"
done
echo "breakpoints at$breaks, $SOAK_SECONDS s"
SOAK_BREAKS=$breaks gdb -nx -q -batch -x "$here/debug.py" >"$tmp/out" 2>&1 &
client=$!
tail -f --pid=$client "$tmp/out"
grep -q '^lost 0$' "$tmp/out" || bad "see above"

before=$(beats)
waits_for "^beat"
for ((i = 0; i < 300; i++)); do
	[ "$(beats)" -gt $((before + 2)) ] && break
	sleep 0.2
done
[ "$(beats)" -gt "$before" ] || bad "the guest does not go on"
# Not the line that was typed.
says | grep -E -B 3 -A 3 '^BROKEN [0-9]: [0-9]' && bad "the guest's data has changed, or who reads it was killed"
says | grep -E 'BUG|Oops|lockup|stall|panic|segfault' && bad "the guest's kernel complains"
echo "the guest's heart has beaten $(beats) times"
exit $failed
