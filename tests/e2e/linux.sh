#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One boot of Debian's cloud kernel with four processors, as users meet it: its
# shell by `vitrine console`, vi in the dashboard, poweroff.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

export LC_ALL=C.UTF-8 build
kernel=$("$top/tests/bed/fetch" cloud-kernel) && "$top/tests/bed/mkinitrd" "$tmp/initrd" || exit

# wait_for SECONDS TEXT: or the case fails.
wait_for()
{
	screen_wait "$1" "$2" || fail "no '$2' on the screen"
}

case_begin "four processors come up, and there is a shell"
mkfifo "$tmp/in"
"$build/vitrine" run --headless --name debian --cpus 4 --mem 512M --initrd "$tmp/initrd" \
	"$kernel" -- console=ttyS0 quiet <"$tmp/in" >"$tmp/serial" 2>"$tmp/said" &
vm=$!
exec {in}>"$tmp/in"
poll_until 120 grep -q "READY 4" "$tmp/serial" || { tail "$tmp/serial" >"$out"; fail "no READY 4"; }
printf 'grep -c ^processor /proc/cpuinfo | sed "s/^/processors: /"\n' >&"$in"
poll_until 30 grep -q "processors: 4" "$tmp/serial" || fail "/proc/cpuinfo does not show 4"

case_begin "Linux and the monitor see the same PCI bus"
printf 'sed "s/^/class: /" /sys/bus/pci/devices/0000:00:00.0/class; grep MMCONFIG /proc/iomem\n' >&"$in"
poll_until 30 grep -q "class: 0x060000" "$tmp/serial" || fail "Linux finds no host bridge"
poll_until 30 grep -q "e0000000-e00fffff : PCI MMCONFIG" "$tmp/serial" || fail "no use of MCFG"
run vitrine monitor debian info pci
want_out "Bus  0, device   0, function 0:"
want_out "Host bridge: PCI device 1b36:0008"

case_begin "vitrine console: the past, a prompt, Ctrl-C for the guest, Ctrl-] d"
screen_start bash -c '"$build/vitrine" console debian; echo "console: $?"; exec cat'
wait_for 30 "connected to debian"
screen_keys "echo \$((6 * 7)) answers" Enter
wait_for 30 "42 answers"
screen_keys "sleep 1000" Enter
wait_for 30 "sleep 1000"
screen_keys C-c "echo \$((40 + 3)) again" Enter
wait_for 30 "43 again"
screen_keys C-] d
wait_for 20 "left debian"
wait_for 10 "console: 0"

case_begin "vi in the dashboard's serial screen"
screen_start "$build/vitrine" attach debian
wait_for 30 "live 30 Hz"
screen_keys 9
wait_for 10 "43 again"
screen_keys a
wait_for 10 "Keys go to the guest"
screen_keys "stty rows 20 cols 80; vi /tmp/text" Enter
wait_for 30 "/tmp/text"
screen_keys i "first line" Enter "second line" Escape
wait_for 20 "second line"
screen_keys k x G o "last, third" Escape
wait_for 20 "last, third"
[ "$(screen_text | grep -cE '^~')" -ge 10 ] || fail "vi does not fill its screen"
screen_keys ":wq" Enter
wait_for 20 "/ # "
screen_keys "wc -l /tmp/text; tail -n 1 /tmp/text" Enter
wait_for 20 "3 /tmp/text"
wait_for 20 "last, third"
screen_keys C-]

case_begin "the dashboard on a Linux guest"
screen_keys 1 v
wait_for 20 "vcpu1/4"
screen_keys 2
wait_for 20 "NX=1"
screen_keys 7
wait_for 20 "io out"
screen_keys p
wait_for 20 "■ PAUSED"
screen_keys c
wait_for 20 "live 30 Hz"
screen_keys q

case_begin "poweroff is exit status 0"
printf 'poweroff -f\n' >&"$in"
exec {in}>&-
wait "$vm"
status=$?
cp "$tmp/said" "$err"
want_status 0
[ ! -e "$XDG_RUNTIME_DIR/vitrine/debian" ] || fail "its folder is left"
