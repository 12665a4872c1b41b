# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For test scripts: `. "$(dirname "$0")/../lib.sh"`. Each says what it found as
# lines on stdout, which runtests counts:
#	ok NAME		not ok NAME - why	skip NAME - why
# and what helps to understand a failure as lines that begin with "# ".
#
#	case_begin NAME		a case begins, and the one before it ends
#	fail WHY		the case fails; at most one line each case
#	skip WHY		the case cannot be tried here
#	case_end		implied by the next case_begin and by the end of the script
#	run COMMAND...		status in $status, output in $out and $err (files)
#	want_status N, want_out TEXT, want_err TEXT	of the last `run`, or the case fails
#	poll_until SECONDS COMMAND...	until it succeeds; false when the time is over
#	vitrine ARGUMENT...	the one under test
#	free_port		prints a port of the host that nobody has
#	vm_state NAME, vm_is NAME STATE, vm_says NAME TEXT	of a VM that runs
#	gdb_session VM SCRIPT [PROGRAM]	Debian's gdb runs tests/gdb/SCRIPT, connected to VM
#	screen_start COMMAND..., screen_keys KEY..., screen_text, screen_has TEXT,
#	screen_wait SECONDS TEXT, screen_size COLUMNS ROWS	a terminal (tmux)
#
# $tmp is a folder of the script's own, $top the checkout, $build the build
# folder ($VITRINE_BUILD). Guests started here are ended with the script.
set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${VITRINE_BUILD:-$top/build-gcc}")
tmp=$(mktemp -d) || exit 1
out=$tmp/out err=$tmp/err status= screen_nr=0
lib_case= lib_state=
export XDG_RUNTIME_DIR=$tmp/runtime VITRINE_BUILD=$build
mkdir -m 700 "$XDG_RUNTIME_DIR"
touch "$out" "$err"
trap lib_exit EXIT

case_begin()
{
	case_end
	lib_case=$1
	lib_state=ok
}

fail()
{
	[ "$lib_state" = ok ] || return 0
	lib_state=failed
	echo "not ok $lib_case - $*"
	lib_show "$out" out
	lib_show "$err" err
}

skip()
{
	[ "$lib_state" = ok ] || return 0
	lib_state=skipped
	echo "skip $lib_case - $*"
}

case_end()
{
	[ "$lib_state" != ok ] || echo "ok $lib_case"
	lib_state=
}

lib_show()
{
	[ ! -s "$1" ] || tail -n 20 "$1" | tr -cd '[:print:]\n\t' | sed "s/^/# $2: /"
}

lib_exit()
{
	local rc=$? name

	[ $rc -eq 0 ] || fail "the script ended with status $rc"
	case_end
	screen_kill
	for name in "$XDG_RUNTIME_DIR"/vitrine/*/; do
		[ ! -d "$name" ] || timeout 10 "$build/vitrine" kill "$(basename "$name")" >/dev/null 2>&1
	done
	rm -rf "$tmp"
}

vitrine()
{
	"$build/vitrine" "$@"
}

vm_state()
{
	vitrine ls --json | jq -r --arg name "$1" '.[] | select(.name == $name).state'
}

vm_is()
{
	[ "$(vm_state "$1")" = "$2" ]
}

# Whether its serial port has said so by now.
vm_says()
{
	vitrine logs "$1" | grep -qF -- "$2"
}

# Standard input is empty unless the caller redirects it.
run()
{
	if [ -t 0 ]; then
		"$@" >"$out" 2>"$err" </dev/null
	else
		"$@" >"$out" 2>"$err"
	fi
	status=$?
}

want_status()
{
	[ "$status" = "$1" ] || fail "exit status $status, not $1"
}

want_out()
{
	grep -qF -- "$1" "$out" || fail "does not print \"$1\""
}

want_err()
{
	grep -qF -- "$1" "$err" || fail "does not say \"$1\" on stderr"
}

# The script's result lines go out as they come; that it stops in the midst is one too.
gdb_session()
{
	local name=$1 script=$2 log=$tmp/gdb-session rc

	shift 2
	timeout "${gdb_limit:-240}" gdb -nx -q "${gdb_how[@]:--batch}" \
		-iex "set debuginfod enabled off" \
		-ex "target remote $XDG_RUNTIME_DIR/vitrine/$name/gdb.sock" \
		-x "$top/tests/gdb/$script" "$@" 2>&1 | tee "$log" |
		grep --line-buffered -E '^(ok|not ok|skip|# |Traceback|Python)' |
		grep --line-buffered -v '^# \(case\|all\) '
	rc=${PIPESTATUS[0]}
	[ "$rc" -ne 0 ] || ! grep -q '^# all ' "$log" || return 0
	echo "not ok $script - gdb ended with $rc in \"$(sed -n 's/^# case //p' "$log" | tail -n 1)\""
	tail -n 8 "$log" | cut -c1-160 | sed 's/^/# gdb: /'
}

poll_until()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

# A port of the host that nobody has.
free_port()
{
	local port

	for port in $(shuf -i 20000-30000 -n 50); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
}

screen_tmux()
{
	tmux -L "lib$$.$screen_nr" -f /dev/null "$@"
}

# 80x24 unless screen_columns and screen_rows say something else.
screen_start()
{
	screen_kill
	screen_nr=$((screen_nr + 1)) # the server before may still be on its way out
	screen_tmux new-session -d -x "${screen_columns:-80}" -y "${screen_rows:-24}" \
		-e XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" "$(printf '%q ' "$@")" \; \
		set -g remain-on-exit on \; set -g status off
}

screen_keys()
{
	screen_tmux send-keys "$@"
}

screen_text()
{
	screen_tmux capture-pane -p
}

screen_has()
{
	screen_text | grep -qF -- "$1"
}

screen_wait()
{
	poll_until "$1" screen_has "$2" && return
	screen_text >"$out" 2>&1
	return 1
}

screen_size()
{
	screen_tmux resize-window -x "$1" -y "$2"
}

screen_kill()
{
	screen_tmux kill-server 2>/dev/null || true
}
