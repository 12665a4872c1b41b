#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's gdb from a boot sector's first instruction to 64-bit mode in one
# session: modes.py.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case_begin "a boot sector waits frozen"
run vitrine run --detach --freeze --name modes --symbols "$build/guests/modes.elf" \
	"$build/guests/modes.bin"
want_status 0
case_end

gdb_session modes modes.py "$build/guests/modes.elf"
