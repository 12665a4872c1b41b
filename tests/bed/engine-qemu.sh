# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # the bed's variables
# QEMU's TCG as the emulated PC: AMD-V with nested paging. Every stream of the
# command is a virtio port of its own. Sourced by the bed.

# In an order that loads.
engine_modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci
	virtio_console netfs fscache 9pnet 9pnet_virtio 9p overlay failover net_failover virtio_net
	tun tap vhost_iotlb vhost vhost_net ccp irqbypass kvm kvm-amd)

# /tmp is fresh inside, but for its entries that the session names: as its folder,
# in an argument, in a variable.
qemu_tmp_entries()
{
	grep -oE '(^|[^[:alnum:]_.-])/tmp/[[:alnum:]_.+-]+' "$work/own/bed/session" | sed 's|.*/tmp/||' | sort -u
}

# The part of this run: a second archive behind the first.
qemu_initrd_own()
{
	local root=$work/own release=${vmlinuz##*/vmlinuz-}

	mkdir -p "$root/bed"
	bed_session >"$root/bed/session"
	{
		printf 'bed_release=%q\n' "$release"
		printf 'bed_module_tree=%q\n' "${vmlinuz%/boot/*}/lib/modules/$release"
		printf "bed_tty='%s'\n" "$tty_size"
		printf "bed_ports='status %s'\n" "$([ -n "$tty_size" ] && echo control || echo in out err)"
		printf 'bed_share=%q\n' "$opt_share"
		printf "bed_tmp='%s'\n" "$(qemu_tmp_entries)"
		printf "bed_net='%s'\n" "${opt_forward[*]}"
	} >"$root/bed/settings"
	bed_pack "$root"
}

qemu_initrd()
{
	bed_initrd_base >"$work/initrd"
	qemu_initrd_own >>"$work/initrd"
}

# Ports that only carry output: the relays read the other end of the fifos.
qemu_port_out()
{
	qemu_args+=(-chardev "file,id=$1,path=$work/$1"
		-device "virtserialport,nr=$2,chardev=$1,name=$1")
}

qemu_port_tty()
{
	qemu_args+=(-chardev stdio,id=tty,signal=off -device virtconsole,nr=0,chardev=tty
		-chardev "pipe,id=control,path=$work/control"
		-device virtserialport,nr=2,chardev=control,name=control)
}

qemu_port_in()
{
	qemu_args+=(-chardev stdio,id=in,signal=off -device virtserialport,nr=2,chardev=in,name=in)
}

qemu_share()
{
	qemu_args+=(-virtfs "local,path=${1//,/,,},mount_tag=$2,security_model=none,multidevs=remap$3")
}

qemu_network()
{
	local port net=user,id=net,restrict=on

	for port in "${opt_forward[@]}"; do
		net+=,hostfwd=tcp:127.0.0.1:$port-10.0.2.15:$port
	done
	qemu_args+=(-netdev "$net" -device virtio-net-pci,netdev=net,romfile=)
}

qemu_build_args()
{
	qemu_args=(-nodefaults -no-user-config -display none -no-reboot
		-accel tcg,thread=multi -M q35 -cpu max,+svm -smp "${opt_cpus:-2}" -m "${opt_mem:-2048M}"
		-kernel "$vmlinux" -initrd "$work/initrd"
		-append "console=ttyS0 quiet panic=-1 mitigations=off no5lvl tsc=reliable nowatchdog"
		-serial "file:$work/console" -device virtio-serial-pci)
	qemu_share / host ,readonly=on
	[ -z "$opt_share" ] || qemu_share "$opt_share" share ""
	[ ${#opt_forward[@]} -eq 0 ] || qemu_network
	qemu_port_out status 1
	if [ -n "$tty_size" ]; then
		qemu_port_tty
	else
		qemu_port_in
		qemu_port_out out 3
		qemu_port_out err 4
	fi
}

# The outer terminal turns raw and its keys go in as they are; the inner one, a
# virtio console, does all that a terminal driver does.
qemu_take_terminal()
{
	tty_size=$(stty size)
	[ "$tty_size" != "0 0" ] || tty_size="24 80"
	mkfifo "$work/control"
	exec {control}<>"$work/control"
	trap 'stty size <&"$terminal" >&"$control"' WINCH
	saved_tty=$(stty -g)
	stty raw -echo
}

# Streams go through relays and fifos, so that QEMU never makes the caller's
# own descriptors non-blocking. Once all are open they are held open here: the
# readers' end comes when the engine has ended, however it ended.
qemu_start_relays()
{
	if [ -n "$tty_size" ] || [ ! -t "$terminal" ]; then
		cat <&"$terminal" >"$work/in" &
		feeders+=($!)
	else
		: >"$work/in" &
		feeders+=($!)
	fi
	cat "$work/out" &
	relays+=($!)
	cat "$work/err" >&2 &
	relays+=($!)
}

engine_start()
{
	local vmlinuz vmlinux busybox qemu qemu_args

	bed_need busybox busybox-static cpio cpio xz xz-utils setpriv util-linux
	busybox=$(command -v busybox)
	qemu=$("$bed_dir/fetch" qemu) && vmlinuz=$("$bed_dir/fetch" debian-kernel) &&
		vmlinux=$("$bed_dir/fetch" debian-vmlinux) || exit 125
	mkfifo "$work/in" "$work/out" "$work/err"
	exec {terminal}<&0
	if [ -t 0 ] && [ -t 1 ]; then
		qemu_take_terminal
	fi
	qemu_initrd
	qemu_build_args
	qemu_start_relays
	if [ -n "$tty_size" ]; then
		bed_launch "$qemu" "${qemu_args[@]}" <"$work/in" >"$work/out"
	else
		bed_launch "$qemu" "${qemu_args[@]}" <"$work/in" >"$work/engine.log"
	fi
	exec {hold_out}<>"$work/out" {hold_err}<>"$work/err"
}

engine_drain()
{
	exec {hold_out}>&- {hold_err}>&-
	kill "${feeders[@]}" 2>/dev/null
	wait "${relays[@]}"
}
