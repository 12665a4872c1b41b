#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the page-table explanation says, against what the processor did: thousands of random
# tables in every paging mode (guests/oracle/), touched and written down by a guest.
. "$(dirname "$0")/../lib.sh"

# oracle IMAGE: one kernel of the oracle; its result lines are oracle-check's.
oracle()
{
	local name=$1

	case_begin "$name"
	run vitrine run --detach --name "$name" --mem 128M "$build/guests/$name.elf" -- \
		"n=${ORACLE_TABLES:-500} seed=${ORACLE_SEED:-1}"
	want_status 0
	if ! poll_until 120 vm_says "$name" "oracle: done"; then
		vitrine logs "$name" >"$out"
		fail "does not finish"
		return
	fi
	vitrine logs "$name" | tr -d '\r' | sed 's/^/# /'
	run "$build/tests/guests/oracle-check" "$name"
	sed "s/^\(ok\|not ok\) /\1 $name /" "$out"
	want_status 0
	vitrine kill "$name" >"$out" 2>&1
}

oracle oracle32
oracle oracle64
