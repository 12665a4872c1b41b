# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # the bed's variables
# Bochs as the emulated PC: VT-x with EPT, one processor. It has no shared
# folder, so the command, the files that it names and their libraries are packed
# into the initramfs of an ISO image. Sourced by the bed.

engine_modules=(irqbypass kvm kvm-intel)

# bochs_add FILE: into the image at the same path, a symbolic link as what it
# names; bochs_add_all also adds what the dynamic linker will want.
bochs_add()
{
	local dest

	dest=$work/own$(realpath -s "$1")
	[ ! -e "$dest" ] || return 0
	{ mkdir -p "${dest%/*}" && cp -L "$1" "$dest"; } || bed_die "$1: cannot be packed"
}

bochs_add_all()
{
	local library

	bochs_add "$1"
	while read -r library; do
		bochs_add "$library"
	done < <(ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | sort -u)
}

# Busybox is the userland: a command that it has is not packed.
bochs_add_command()
{
	local word path

	if [[ $1 != */* ]] && ! "$busybox" --list | grep -qx "$1"; then
		path=$(type -P "$1") || bed_die "$1: command not found"
		bochs_add_all "$path"
	fi
	for word; do
		[ ! -f "$word" ] || bochs_add_all "$word"
	done
	for word in "${opt_copy[@]}"; do
		bochs_add_all "$word"
	done
}

bochs_initrd()
{
	mkdir -p "$work/own/bed" "$work/own$PWD"
	bochs_add_command "${command[@]}"
	bed_session >"$work/own/bed/session"
	bed_initrd_base
	bed_pack "$work/own"
	rm -rf "$work/own"
}

bochs_image()
{
	local iso=$work/iso

	mkdir -p "$iso/isolinux"
	bochs_initrd >"$iso/initrd" || exit
	cp "$vmlinuz" "$iso/vmlinuz"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$iso/isolinux/"
	cat >"$iso/isolinux/isolinux.cfg" <<-END
		DEFAULT bed
		PROMPT 0
		TIMEOUT 1
		LABEL bed
		 KERNEL /vmlinuz
		 APPEND initrd=/initrd console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr no5lvl 8250.nr_uarts=4
	END
	xorriso -as mkisofs -quiet -o "$work/bed.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$iso" >"$work/engine.log" 2>&1 ||
		bed_die "xorriso: $(tail -n 1 "$work/engine.log")"
	rm -rf "$iso"
}

bochs_config()
{
	local mem=${opt_mem:-1024M}

	case $mem in
	*G)	mem=$((${mem%G} * 1024)) ;;
	*)	mem=${mem%M} ;;
	esac
	cat >"$work/bochsrc" <<-END
		cpu: model=corei7_skylake_x, count=1, ips=50000000, reset_on_triple_fault=1
		memory: guest=$mem, host=$mem
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/vgabios/vgabios.bin
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path=$work/bed.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=$work/console
		com2: enabled=1, mode=file, dev=$work/out
		com3: enabled=1, mode=file, dev=$work/err
		com4: enabled=1, mode=file, dev=$work/status
		display_library: term
		log: $work/engine.log
		panic: action=fatal
		error: action=report
		info: action=ignore
		clock: sync=none
	END
	# Debian's Bochs starts in its debugger.
	echo c >"$work/debugger"
}

# Its display is the terminal, which script(1) gives it.
engine_start()
{
	local vmlinuz busybox

	bed_need bochs bochs /usr/lib/ISOLINUX/isolinux.bin isolinux xorriso xorriso \
		/usr/lib/syslinux/modules/bios/ldlinux.c32 syslinux-common busybox busybox-static \
		/usr/share/bochs/BIOS-bochs-latest bochsbios /usr/share/vgabios/vgabios.bin vgabios \
		cpio cpio script bsdutils setpriv util-linux
	[ "${opt_cpus:-1}" -eq 1 ] || bed_die "bochs has one processor: --cpus 1"
	[ -z "$opt_share${opt_forward[*]}" ] || bed_die "--share and --forward need --engine qemu"
	busybox=$(command -v busybox)
	vmlinuz=$("$bed_dir/fetch" cloud-kernel) || exit 125
	bochs_image
	bochs_config
	mkfifo "$work/out" "$work/err"
	cat "$work/out" &
	relays+=($!)
	cat "$work/err" >&2 &
	relays+=($!)
	TERM=xterm bed_launch script -qec "bochs -q -f $work/bochsrc -rc $work/debugger" /dev/null \
		</dev/null >"$work/screen"
	exec {hold_out}<>"$work/out" {hold_err}<>"$work/err"
}

engine_drain()
{
	exec {hold_out}>&- {hold_err}>&-
	wait "${relays[@]}"
}
