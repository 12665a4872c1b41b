# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# What the bed's scripts share: where the cache is, how they complain, which
# modules the emulated PC loads. Sourced, never run.

bed_dir=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
bed_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vitrine-bed
bed_name=${0##*/}

bed_say()
{
	printf '%s: %s\n' "$bed_name" "$*" >&2
}

# 125 is the bed's own word, as in env(1) and timeout(1): the command did not
# run, or did not run to its end.
bed_die()
{
	bed_say "$*"
	exit 125
}

# bed_need COMMAND PACKAGE...: pairs of what is called and what brings it.
bed_need()
{
	local missing=()

	while [ $# -ge 2 ]; do
		command -v "$1" >/dev/null || [ -e "$1" ] || missing+=("$2")
		shift 2
	done
	[ ${#missing[@]} -eq 0 ] || bed_die "not installed: ${missing[*]}: apt-get install ${missing[*]}"
}

# bed_lock NAME / bed_unlock: one builder of a cache entry at a time.
bed_lock()
{
	mkdir -p "$bed_cache" || bed_die "$bed_cache: cannot be made"
	exec {bed_lock_fd}>"$bed_cache/.lock-$1" || bed_die "$bed_cache: not writable"
	flock "$bed_lock_fd"
}

bed_unlock()
{
	exec {bed_lock_fd}>&-
}

# bed_pack FOLDER: the folder as a newc archive on stdout, reproducibly, so
# that the same contents always give the same bytes.
bed_pack()
{
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc --quiet -R 0:0)
}

# bed_modules VMLINUZ NAME...: the module files beside an unpacked kernel, in
# the order given; one that is built in has no file and is passed over.
bed_modules()
{
	local root=${1%/boot/*} release=${1##*/vmlinuz-} name

	shift
	for name; do
		find "$root/lib/modules/$release/kernel" -name "$name.ko*" -print -quit
	done
}
