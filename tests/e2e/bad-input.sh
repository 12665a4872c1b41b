#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images, options and hosts that cannot work: one clear line, status 126, and
# nothing left running or lying about.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

demo=$build/guests/demo.elf
folder=$XDG_RUNTIME_DIR/vitrine

# refused WHAT TEXT ARGUMENT...: such a run does not start, and says TEXT.
refused()
{
	local what=$1 text=$2

	shift 2
	run timeout 60 "$build/vitrine" run --headless --timeout 20 "$@"
	if [ "$status" -ne 126 ]; then
		fail "$what: exit status $status"
	elif [ "$(wc -l <"$err")" -ne 1 ] || ! grep -q '^vitrine: .' "$err"; then
		fail "$what: not one line"
	elif ! grep -qiF -- "$text" "$err"; then
		fail "$what: does not say '$text'"
	elif [ -n "$(ls "$folder" 2>/dev/null)" ]; then
		fail "$what: leaves $(ls "$folder")"
	fi
}

# patched [OFFSET HEX]...: $tmp/lie is a copy of $original with other bytes.
original=$demo
patched()
{
	local to=$tmp/lie

	cp "$original" "$to"
	while [ $# -ge 2 ]; do
		fold -w 2 <<<"$2" | while read -r byte; do
			printf '%b' "\\x$byte"
		done | dd of="$to" bs=1 seek=$(($1)) conv=notrunc status=none
		shift 2
	done
}

case_begin "files that are no kernels"
: >"$tmp/empty"
printf 'x' >"$tmp/byte"
head -c 100000 /dev/zero >"$tmp/zeros"
printf '#!/bin/sh\n' >"$tmp/script"
gzip -c "$demo" >"$tmp/kernel.gz"
mkdir "$tmp/dir"
refused "empty" "" "$tmp/empty"
refused "one byte" "" "$tmp/byte"
refused "zeros" "" "$tmp/zeros"
refused "script" "script" "$tmp/script"
refused "gzip" "gzip" "$tmp/kernel.gz"
refused "folder" "dir" "$tmp/dir"
refused "missing" "No such file" "$tmp/missing"
refused "device" "" /dev/zero
mkfifo "$tmp/fifo"
refused "fifo" "" "$tmp/fifo"

case_begin "truncated images"
for size in 4 20 63 64 100 500 4096 30000; do
	head -c $size "$demo" >"$tmp/short"
	refused "$size bytes of ELF64" "" --boot elf "$tmp/short"
done
for size in 10 52 300 5000; do
	head -c $size "$build/guests/hello32.elf" >"$tmp/short"
	refused "$size bytes of ELF32" "" "$tmp/short"
done
head -c 300 "$build/guests/hello16.bin" >"$tmp/short"
refused "half a boot sector" "" "$tmp/short"

case_begin "headers that lie"
patched 32 ffffffffffffff7f
refused "program headers far away" "" --boot elf "$tmp/lie"
patched 32 f8ffffffffffffff
refused "program headers that wrap" "" --boot elf "$tmp/lie"
patched 56 ffff
refused "65535 program headers" "" --boot elf "$tmp/lie"
patched 54 0100
refused "program headers of one byte" "" --boot elf "$tmp/lie"
patched 18 b700
refused "another machine" "" "$tmp/lie"
segments=$(readelf -hW "$demo" | sed -n 's/.*Start of program headers: *\([0-9]*\).*/\1/p')
patched $((segments + 32)) ffffffffffffff7f
refused "a segment larger than the file" "" --boot elf "$tmp/lie"
patched $((segments + 40)) ffffffffffffff7f
refused "a segment larger than memory" "" --boot elf "$tmp/lie"
patched $((segments + 24)) 00f0ffffffffffff
refused "a segment that wraps" "" --boot elf "$tmp/lie"
patched $((segments + 8)) ffffffffffffffff
refused "a segment from behind the file" "" --boot elf "$tmp/lie"

patched $((segments + 56 + 24)) 0000100000000000
refused "two segments in one place" "" --boot elf "$tmp/lie"

case_begin "Multiboot addresses that lie"
original=$build/guests/hello-aout.bin
header=$(LC_ALL=C grep -obUaP '\x02\xb0\xad\x1b' "$original" | head -n 1 | cut -d : -f 1)
for lie in "16 00000000" "16 ffffffff" "20 f0ffffff" "24 ffffffff" "12 00000000"; do
	# shellcheck disable=SC2086 # two words
	patched $((header + ${lie% *})) ${lie#* }
	refused "$lie" "" --boot multiboot "$tmp/lie"
done

case_begin "Linux images that are cut or lie"
original=$("$top/tests/bed/fetch" cloud-kernel) || exit
for size in 600 700 20000 1000000; do
	head -c $size "$original" >"$tmp/short"
	refused "$size bytes" "" --boot linux "$tmp/short"
done
for lie in "0x1f1 ff" "0x206 0001" "0x260 ffffffff" "0x258 ffffffffffffffff"; do
	# shellcheck disable=SC2086 # two words
	patched ${lie% *} ${lie#* }
	refused "$lie" "" --boot linux "$tmp/lie"
done
refused "16M" "" --mem 16M "$original"
truncate -s 1G "$tmp/large"
refused "an initrd larger than memory" "" --initrd "$tmp/large" "$original"
refused "a command line of 100 KiB" "" "$original" -- "$(head -c 100000 /dev/zero | tr '\0' x)"

case_begin "the wrong kind"
refused "ELF as linux" "" --boot linux "$demo"
refused "ELF64 without note as pvh" "" --boot pvh "$demo"
refused "boot sector as multiboot" "" --boot multiboot "$build/guests/hello16.bin"

case_begin "memory that is too small or too large"
refused "demo in 1M" "" --mem 1M "$demo"
refused "100 TiB" "" --mem 100T "$demo"
truncate -s 20G "$tmp/huge"
refused "an initrd of 20G" "" --initrd "$tmp/huge" "$demo"

case_begin "a missing initrd"
refused "missing" "$tmp/none" --initrd "$tmp/none" "$demo"
refused "a folder" "" --initrd "$tmp/dir" "$demo"

case_begin "--load outside memory"
printf '\xf4' >"$tmp/hlt"
refused "behind the end" "" --mem 16M --load "0x1000000:$tmp/hlt" --entry 0x1000000 --mode 32
refused "in the hole" "" --load "0xfee00000:$tmp/hlt" --entry 0xfee00000 --mode 32
refused "at the last byte" "" --load "0xffffffffffffffff:$tmp/hlt" --entry 0 --mode 32
refused "on the image" "" --load "0x109000:$tmp/hlt" "$demo"
refused "twice" "" --load "0x10000:$tmp/hlt" --load "0x10000:$tmp/hlt" --entry 0x10000 --mode 32
refused "a missing file" "" --load "0x10000:$tmp/none" --entry 0x10000 --mode 32

case_begin "outputs that cannot be opened"
refused "--serial file" "$tmp/none/x" --serial "file:$tmp/none/x" "$demo"
refused "--serial unix" "$tmp/none/x" --serial "unix:$tmp/none/x" "$demo"
refused "--debugcon" "$tmp/none/x" --debugcon "$tmp/none/x" "$demo"
refused "--gdb unix" "$tmp/none/x" --gdb "unix:$tmp/none/x" "$demo"
refused "--gdb tcp" "tcp" --gdb "tcp:127.0.0.1:99999" "$demo"
run vitrine run --headless --result "$tmp/none/x" "$demo" -- "run=exit 1"
want_status 3
want_err "$tmp/none/x"

case_begin "a runtime folder that cannot be used"
XDG_RUNTIME_DIR=$tmp/$(printf 'x%.0s' {1..120}) && mkdir "$XDG_RUNTIME_DIR"
run vitrine run --headless "$demo"
want_status 126
want_err "too long"
XDG_RUNTIME_DIR=$tmp/open && mkdir -p "$XDG_RUNTIME_DIR/vitrine" && chmod 777 "$XDG_RUNTIME_DIR/vitrine"
run vitrine run --headless "$demo"
want_status 126
want_err "chmod 700"
XDG_RUNTIME_DIR=$tmp/runtime

case_begin "a full disk does not stop the guest"
for option in --serial=file:/dev/full --debugcon=/dev/full --result=/dev/full; do
	run vitrine run --headless --timeout 60 "$option" "$demo" -- "run=help;exit 1"
	want_status 3
done
vitrine run --headless --timeout 60 "$demo" -- "run=help;exit 1" >/dev/full 2>"$err" </dev/null
status=$?
want_status 3

# in_namespace SCRIPT: as root, with mounts of its own.
in_namespace()
{
	rm -rf "$tmp/ns"
	run unshare --mount bash -c "export XDG_RUNTIME_DIR='$tmp/ns' PATH='$build:$PATH'
		mkdir -m 700 '$tmp/ns'; $1"
}

if [ "$(id -u)" -ne 0 ] || ! unshare --mount true 2>/dev/null; then
	for name in "no /dev/kvm" "no permission on /dev/kvm" "another device" \
		"a runtime folder without room" "a log without room"; do
		case_begin "$name"
		skip "needs root and mount namespaces"
	done
	exit 0
fi

case_begin "no /dev/kvm"
in_namespace "mkdir $tmp/dev && mount -t tmpfs dev $tmp/dev && cp -a /dev/null $tmp/dev/ &&
	mount --bind $tmp/dev /dev && vitrine run --headless $demo"
want_status 126
want_err "/dev/kvm"
[ "$(wc -l <"$err")" -eq 1 ] || fail "not one line"

case_begin "no permission on /dev/kvm"
: >"$tmp/kvm"
chmod 000 "$tmp/kvm"
chmod 755 "$tmp"
in_namespace "mount --bind $tmp/kvm /dev/kvm && chown 65534 $tmp/ns &&
	setpriv --reuid 65534 --regid 65534 --clear-groups vitrine run --headless $demo"
want_status 126
want_err "/dev/kvm"
want_err "group"
[ "$(wc -l <"$err")" -eq 1 ] || fail "not one line"
in_namespace "mount --bind $tmp/kvm /dev/kvm && chown 65534 $tmp/ns &&
	setpriv --reuid 65534 --regid 65534 --clear-groups vitrine doctor"
[ "$status" -ne 0 ] || fail "doctor is content"
want_out "group"

case_begin "another device in the place of /dev/kvm"
in_namespace "mount --bind /dev/null /dev/kvm && vitrine run --headless $demo"
want_status 126
want_err "/dev/kvm"
in_namespace "mount --bind /dev/null /dev/kvm && vitrine doctor"
[ "$status" -ne 0 ] || fail "doctor is content"

case_begin "a runtime folder without room"
in_namespace "mount -t tmpfs -o size=4k,nr_inodes=2,mode=700 full $tmp/ns &&
	vitrine run --headless $demo"
want_status 126
want_err "No space left"
[ "$(wc -l <"$err")" -eq 1 ] || fail "not one line"

case_begin "a log without room"
in_namespace "mount -t tmpfs -o size=8k,mode=700 full $tmp/ns &&
	vitrine run --headless $demo -- 'run=map;help;map;help;map;help;map;exit 1'"
want_status 3
want_err "recording ends here"
[ "$(grep -c 'the page tables, folded' "$out")" -eq 3 ] || fail "the guest's words are lost"
