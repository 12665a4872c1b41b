# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for vitrine(1): verbs, options of run, names of running machines, screens.

_vitrine_names()
{
	local dir=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/vitrine} path

	[[ -n $dir && -d $dir ]] || dir=/tmp/vitrine-$UID
	for path in "$dir"/*/; do
		[[ -e ${path}lock ]] && basename "$path"
	done
}

_vitrine_run()
{
	local cur=$1 prev=$2
	local options='--name --cpus --mem --initrd --boot --load --entry --mode --disk --cdrom --net --console --no-rng --serial --balloon --no-balloon
		--debugcon --symbols --gdb --gdb-arch --freeze --headless --detach --timeout --success
		--result --on-reset --on-crash --dry-run --help'

	case $prev in
	--boot) mapfile -t COMPREPLY < <(compgen -W 'auto linux pvh multiboot elf sector' -- "$cur") ;;
	--mode) mapfile -t COMPREPLY < <(compgen -W '16 32 64' -- "$cur") ;;
	--on-reset) mapfile -t COMPREPLY < <(compgen -W 'reset exit' -- "$cur") ;;
	--on-crash) mapfile -t COMPREPLY < <(compgen -W 'keep exit' -- "$cur") ;;
	--serial) mapfile -t COMPREPLY < <(compgen -W 'stdio none file: unix:' -- "$cur") ;;
	--net) mapfile -t COMPREPLY < <(compgen -W 'none user tap hub=' -- "$cur") ;;
	--gdb-arch) mapfile -t COMPREPLY < <(compgen -W 'x86-64 i386 i8086' -- "$cur") ;;
	--gdb) mapfile -t COMPREPLY < <(compgen -W 'unix: tcp:127.0.0.1: stdio' -- "$cur") ;;
	--name | --cpus | --mem | --load | --entry | --timeout | --success) ;;
	*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			compopt -o filenames
		fi
		;;
	esac
}

_vitrine()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs='run ls ps attach console logs monitor gdb pause resume reset stop kill wait
		show explain snapshot dump balloon balance up down test doctor --help --version'
	local screens='cpu paging ept tables irq devices exits autopsy vga serial'

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _vitrine_run "$cur" "$prev" ;;
	ls | ps | doctor) mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$cur") ;;
	show)
		mapfile -t COMPREPLY < <(compgen -W "$(_vitrine_names) $screens --json --vcpu --cols --table --follow
			--dirty --last" \
			-- "$cur")
		;;
	snapshot) mapfile -t COMPREPLY < <(compgen -W "$(_vitrine_names) save load delete list --help" -- "$cur") ;;
	balloon) mapfile -t COMPREPLY < <(compgen -W "$(_vitrine_names) --wait --stats-interval
		--floor --ceiling --weight --json --help" -- "$cur") ;;
	balance) mapfile -t COMPREPLY < <(compgen -W '--dry-run --once --interval --log
		--background --limit --verbose --help' -- "$cur") ;;
	up | down | test)
		mapfile -t COMPREPLY < <(compgen -f -W '--watch --timeout --jobs --memory --junit --list
			--help' -- "$cur")
		compopt -o filenames
		;;
	stop) mapfile -t COMPREPLY < <(compgen -W "$(_vitrine_names) --timeout" -- "$cur") ;;
	*)
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W "$(_vitrine_names) --help$(
				[[ ${COMP_WORDS[1]} == dump ]] && echo " --bundle")" -- "$cur")
		elif [[ ${COMP_WORDS[1]} == dump ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			compopt -o filenames
		fi
		;;
	esac
}

complete -F _vitrine vitrine
