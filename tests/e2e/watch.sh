#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Watchpoints by page protection: each kind of access, more than four, nothing lost.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

m()
{
	vitrine monitor watch "$@"
}

# stands_behind LABEL: a watchpoint has stopped the guest there.
stands_behind()
{
	poll_until 20 vm_is watch debug || { fail "$1: it is $(vm_state watch)"; return; }
	m "print \$rip - watch_$1_next" >"$out" 2>"$err"
	grep -qE '(^|[ x])0+$' "$out" || fail "$1: stands elsewhere"
}

# watched LABEL COMMAND...: the watchpoint stops behind the label.
watched()
{
	local label=$1

	shift
	m "$*" >"$out" 2>"$err" || fail "$*"
	m cont
	stands_behind "$label"
	m delete
}

case_begin "the guest that is hard to watch runs"
run vitrine run --detach --cpus 2 --mem 64M --name watch "$build/guests/watch.elf"
poll_until 60 vm_says watch "watch: ready" || fail "it does not get ready"
if ! vitrine doctor | grep -q "guarded pages *yes"; then
	skip "this KVM cannot guard pages"
	exit
fi

case_begin "locked, string, vector, page-crossing and stack accesses"
watched locked "watch watch_page+8 3"
watched read "rwatch watch_page+16"
watched swapped "awatch watch_page+24 7"
watched vector "watch watch_page+0x68 3"
watched cross "watch watch_page+0x1000 3"
watched push "watch watch_page+0xe8 3"

case_begin "by physical address"
phys=$(m "gva2gpa watch_page+8" | grep -o '0x[0-9a-f]*' | head -n 1)
watched locked "watch $phys 8 phys"

case_begin "a value that is waited for"
vitrine pause watch
rounds=$(m "x/1xg watch_rounds" | grep -o '0x[0-9a-f]*$')
m "watch watch_rounds 8 =$((rounds + 3))" >/dev/null
m cont
poll_until 60 vm_is watch debug || fail "not hit"
m "x/1xg watch_rounds" >"$out"
want_out "$(printf '%016x' $((rounds + 3)))"
m delete

case_begin "more than four at once, each with its kind"
for i in 1 2 3 4 5 6 7; do
	m "watch watch_page+0x800+$((i * 16)) 8" >"$out"
done
m "info breakpoints" >"$out"
[ "$(grep -c "watch  *register" "$out")" -eq 4 ] && [ "$(grep -c "watch  *page" "$out")" -eq 3 ] ||
	fail "not four registers and three pages"
want_out "all 4 debug registers are in use"
m "rwatch watch_page+16 8" >/dev/null
m cont
stands_behind read
m delete

case_begin "no locked addition is lost while its page is watched"
m "watch watch_page+0x700 3" >/dev/null
m cont
m "x/1xg watch_added" >"$tmp/before"
adds()
{
	! m "x/1xg watch_added" | cmp -s "$tmp/before" -
}
poll_until 20 adds || fail "it does not add"
vitrine pause watch
m "x/2xg watch_added" >"$out"
m "x/1xg watch_page" >>"$out"
read -r a b sum <<<"$(grep -o '0x[0-9a-f]\{16\}' "$out" | tr '\n' ' ')"
# The guest may stand between an addition and its count.
lost=$((sum - a - b))
{ [ $lost -ge 0 ] && [ $lost -le 2 ]; } || fail "$a + $b is not $sum"
m delete
