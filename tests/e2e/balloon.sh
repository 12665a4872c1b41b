#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The balloon with a driver of our own, which also lies; tests/slow/balloon.sh has Debian's.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

case_begin "a driver that lies harms only itself"
run vitrine run --headless --timeout 120 --success 0x10 --mem 64M "$build/guests/balloon.elf"
want_status 0
want_out "balloon: done"
