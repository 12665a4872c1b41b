#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernels: both ways in, every processor up, and out by ACPI.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

"$top/tests/bed/mkinitrd" "$tmp/initrd" || exit
cloud=$("$top/tests/bed/fetch" cloud-kernel) || exit
vmlinux=$("$top/tests/bed/fetch" debian-vmlinux) || exit

# boot CPUS KERNEL WORD...: to its end.
boot()
{
	local cpus=$1 kernel=$2

	shift 2
	run vitrine run --headless --timeout 120 --mem 512M --cpus "$cpus" --initrd "$tmp/initrd" \
		"$kernel" -- console=ttyS0 quiet "$@"
}

case_begin "bzImage, four processors"
boot 4 "$cloud" vitrine.run=true
want_status 0
want_out "READY 4"

case_begin "a shell on the serial line"
boot 1 "$cloud" < <(poll_until 100 grep -q READY "$out"
	printf 'echo $((6 * 7)) answers\npoweroff -f\n')
want_status 0
want_out "42 answers"

case_begin "uncompressed, by its PVH entry"
boot 1 "$vmlinux" vitrine.run=true
want_status 0
want_out "READY 1"
