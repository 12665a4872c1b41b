#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's gdb steps over each instruction that is hard to step: steps.py.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case_begin "the guest of hard instructions runs"
run vitrine run --detach --name steps "$build/guests/steps.elf"
want_status 0
poll_until 60 vm_says steps "steps: ready" || fail "it does not begin"
case_end

gdb_session steps steps.py "$build/guests/steps.elf"
