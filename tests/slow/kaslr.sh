#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's cloud kernel with KASLR and without a file of symbols: the table it has
# of itself, how far it has moved, a System.map moved as far, and `vitrine gdb`.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

kernel=$("$top/tests/bed/fetch" cloud-kernel) && "$top/tests/bed/mkinitrd" "$tmp/initrd" || exit
wanted='_text|linux_banner|start_kernel|entry_SYSCALL_64|asm_exc_page_fault|schedule|__x64_sys_newuname'

# An address of the guest's own word for it.
told()
{
	awk -v name="$1" '$3 == name { print $1; exit }' "$tmp/syms"
}

case_begin "a kernel that moves itself tells its symbols"
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name kaslr --cpus 2 --mem 256M --initrd "$tmp/initrd" \
	"$kernel" -- console=ttyS0 quiet kaslr <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
exec {in}>"$tmp/in"
poll_until 120 grep -q "READY 2" "$tmp/serial" || { tail "$tmp/serial" >"$out"; fail "no READY 2"; }
printf 'grep -E " (%s)$" /proc/kallsyms; echo "that is $((40 + 2))"\n' "$wanted" >&"$in"
poll_until 60 grep -q "that is 42" "$tmp/serial" || fail "no symbols"
tr -d '\r' <"$tmp/serial" | grep -E '^[0-9a-f]{16} ' >"$tmp/syms"
base=$(told _text)
[ -n "$base" ] || { tail "$tmp/serial" >"$out"; fail "no _text"; }

case_begin "the table in its memory says the same as /proc/kallsyms"
run vitrine monitor kaslr symbols list
want_out "the guest's own table: "
for name in start_kernel entry_SYSCALL_64 schedule __x64_sys_newuname; do
	run vitrine monitor kaslr info symbols "$name"
	want_out "$(told "$name") $name"
done

case_begin "screen 1 names functions"
poll_until 30 sh -c "'$build/vitrine' show kaslr cpu | grep -qE 'idle|halt|mwait'" || {
	run vitrine show kaslr cpu
	fail "no symbol of an idle processor"
}

case_begin "a System.map is moved as far as the kernel"
slide=$(printf '%x' $((0x$base - 0xffffffff81000000)))
while read -r addr type name; do
	printf '%016x %s %s\n' $((0x$addr - 0x$slide)) "$type" "$name"
done <"$tmp/syms" >"$tmp/System.map"
run vitrine monitor kaslr symbols add "$tmp/System.map"
want_status 0
run vitrine monitor kaslr symbols list
want_out "System.map: $(wc -l <"$tmp/syms") symbols, moved by 0x$slide"
want_out "the kernel has moved itself by 0x$slide"

case_begin "vitrine gdb breaks at a function of the moved kernel"
printf 'while :; do uname -r >/dev/null; sleep 1; done\n' >&"$in"
run timeout 120 "$build/vitrine" gdb kaslr -nx -batch -iex "set debuginfod enabled off" \
	-ex "hbreak *__x64_sys_newuname" -ex continue -ex "printf \"pc %#lx\\n\", \$pc" -ex "bt 2"
want_out "pc 0x$(told __x64_sys_newuname)"
want_out "__x64_sys_newuname ()"
case_begin "a dump carries VMCOREINFO and the kernel's own addresses"
run vitrine pause kaslr
run vitrine dump kaslr "$tmp/core"
want_status 0
run readelf -n "$tmp/core"
want_out "VMCOREINFO"
grep -aq "^KERNELOFFSET=$slide$" "$tmp/core" || fail "no KERNELOFFSET=$slide"
run gdb -nx -q -batch -iex "set debuginfod enabled off" -c "$tmp/core" -ex "x/s 0x$(told linux_banner)"
want_out "Linux version 6"
if command -v crash >/dev/null; then
	run crash --osrelease "$tmp/core"
	want_out "-cloud-amd64"
fi
echo "# the kernel has moved itself by 0x$slide"
