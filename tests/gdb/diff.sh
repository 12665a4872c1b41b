#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The debug stub beside QEMU's: the same packets to both, with the same guest;
# diff.py has them, and explains where the replies differ.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case_begin "the packets of vitrine and QEMU"
if ! command -v "${QEMU:-qemu-system-x86_64}" >/dev/null; then
	skip "there is no QEMU"
else
	timeout 200 gdb -nx -q -batch -x "$top/tests/gdb/diff.py" >"$out" 2>"$err" </dev/null
	status=$?
	grep -E '^(ok|not ok|skip|#)' "$out"
	grep -q "^# .* the same" "$out" || fail "it does not come to its end: status $status"
fi
