#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gdb on Debian's cloud kernel with two processors: linux.py. The kernel has no
# symbols with it; it is asked for them at its shell, then started again.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

kernel=$("$top/tests/bed/fetch" cloud-kernel) && "$top/tests/bed/mkinitrd" "$tmp/initrd" \
	llc psnap || exit
wanted='start_kernel|sysvec_apic_timer_interrupt|current_task|__switch_to|__switch_to_asm'
wanted+='|llc_sap_open|panic|schedule'

case_begin "the kernel tells where its symbols are"
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name linux --cpus 2 --mem 256M --initrd "$tmp/initrd" \
	"$kernel" -- console=ttyS0 quiet nokaslr <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
exec {in}>"$tmp/in"
poll_until 120 grep -q "READY 2" "$tmp/serial" || { tail "$tmp/serial" >"$out"; fail "no READY 2"; }
printf 'grep -E " (%s)(\t|$)" /proc/kallsyms; echo "that is $((40 + 2))"\n' "$wanted" >&"$in"
poll_until 60 grep -q "that is 42" "$tmp/serial" || fail "no symbols"
tr -d '\r' <"$tmp/serial" >"$tmp/syms"
grep -q " start_kernel" "$tmp/syms" || { tail -n 15 "$tmp/syms" >"$out"; fail "no start_kernel"; }
case_end
: >"$tmp/serial"

export LINUX_SYMS=$tmp/syms
gdb_session linux linux.py

case_begin "the kernel debugged so comes to its shell"
poll_until 120 grep -q "READY 2" "$tmp/serial" || { tail "$tmp/serial" >"$out"; fail "no READY 2"; }
