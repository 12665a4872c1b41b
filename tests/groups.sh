# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # runtests' variables
# The groups of runtests. Each prints result lines (see lib.sh) on stdout and
# nothing else that begins like one; a group whose files are not there prints
# nothing. Sourced by runtests, in the checkout's folder.

# --- building: each way once a run, in a folder of its own

# build_need NAME: build-NAME is built now; the first failure is remembered.
build_need()
{
	local dir=$top/build-$1 done=$logs/built-$1

	if [ ! -e "$done" ]; then
		build_make "$1" "$dir" >"$logs/make-$1.log" 2>&1
		echo $? >"$done"
	fi
	[ "$(cat "$done")" = 0 ]
}

build_make()
{
	[ -x configure ] || autoreconf -fi || return
	mkdir -p "$2"
	[ -e "$2/Makefile" ] || (cd "$2" && build_configure "$1") || return
	# The second target: what `make check` wants, without running it. Both, even
	# if one is broken, so that as much as possible is tested.
	make -k -C "$2" -j"$(nproc)" all
	set -- "$2" $?
	make -k -C "$1" -j"$(nproc)" check TESTS= && [ "$2" -eq 0 ]
}

build_configure()
{
	case $1 in
	gcc)	../configure -q --enable-werror CC=gcc ;;
	clang)	../configure -q --enable-werror CC=clang ;;
	asan)	../configure -q --disable-guests --enable-asan CC=clang \
			CFLAGS="-g -O1 -fsanitize=fuzzer-no-link" ;;
	tsan)	../configure -q --disable-guests --enable-tsan CC=gcc CFLAGS="-g -O1" ;;
	esac
}

build_report()
{
	if build_need "$1"; then
		echo "ok build-$1"
	else
		echo "not ok build-$1 - see $logs/make-$1.log"
		grep -E 'error|Error|warning:' "$logs/make-$1.log" | head -n 20 | sed 's/^/# /'
	fi
}

group_build_gcc()
{
	build_report gcc
}

group_build_clang()
{
	build_report clang
}

# --- what `make check` runs, by folder, with every case counted

# make_variable BUILD VARIABLE: its words, one a line.
make_variable()
{
	printf 'include Makefile\nprint: ; @printf "%%s\\n" $(%s)\n' "$2" |
		make -s -C "$top/build-$1" -f - print 2>/dev/null
}

# A sanitizer of this age wants an address space laid out the old way.
test_run()
{
	local build=$1 name=$2 program=$2

	cd "$top/build-$build" || return
	[ -x "$program" ] || program=$top/$name
	case $build in
	asan|tsan)	set -- setarch -R timeout 600 "$program" ;;
	*)		set -- timeout 300 "$program" ;;
	esac
	srcdir=$top top_srcdir=$top CMOCKA_MESSAGE_OUTPUT=TAP TSAN_OPTIONS=halt_on_error=1 \
		UBSAN_OPTIONS=print_stacktrace=1 "$@"
}

# test_report BUILD TEST: result lines named after the test, and never none.
test_report()
{
	local name=${2#tests/} said rc

	[ "$1" = gcc ] || name=$1/$name
	if [ ! -x "build-$1/$2" ] && [ ! -x "$2" ]; then
		echo "not ok $name - does not build"
		return
	fi
	said=$(test_run "$1" "$2" 2>&1)
	rc=$?
	if [ $rc -eq 77 ]; then
		echo "skip $name - ${said##*$'\n'}"
		return
	fi
	sed -E -e '/^(ok|not ok|skip) /!s/^/# /' \
		-e "s|^(ok\|not ok\|skip) ([0-9]+ )?(- )?|\1 $name: |" <<<"$said"
	if [ $rc -ne 0 ] && ! grep -q '^not ok ' <<<"$said"; then
		echo "not ok $name - exit status $rc"
	elif ! grep -qE '^(ok|not ok) ' <<<"$said"; then
		echo "ok $name"
	fi
}

# A test whose source is there but that no Makefile names would never run.
# test_unlisted VARIABLE FOLDER PREFIX
test_unlisted()
{
	local source

	for source in tests/"$2"/"$3"-*.c; do
		[ ! -e "$source" ] || make_variable gcc "$1" | grep -qx "${source%.c}" ||
			echo "not ok ${source#tests/} - is not in Makefile.am"
	done
}

make_group()
{
	local name

	build_need "$1" || echo "# build-$1 is not whole"
	for name in $(make_variable "$1" TESTS | grep "^tests/$2/" | grep -F -- "${only[$2]-}"); do
		test_report "$1" "$name"
	done
}

group_unit()
{
	make_group gcc unit
	test_unlisted TESTS unit test
}

group_rsp()
{
	make_group gcc rsp
}

group_panels()
{
	make_group gcc panels
}

group_tui()
{
	make_group gcc tui
}

group_asan()
{
	local folder

	for folder in unit rsp panels tui fuzz; do
		make_group asan "$folder"
	done
	build_need asan || echo "not ok asan - does not build: $logs/make-asan.log"
}

group_tsan()
{
	make_group tsan unit
	build_need tsan || echo "not ok tsan - does not build: $logs/make-tsan.log"
}

# --- fuzz: the corpora replayed, then a short run that is the same every time

# The sanitizer build's target, linked with libFuzzer's main() in the place of ours.
fuzz_link()
{
	local target=$1 rc

	mkdir -p fuzz
	[ fuzz/empty.o -nt Makefile ] || clang -c -x c /dev/null -o fuzz/empty.o || return
	cp tests/fuzz/replay.o fuzz/replay.o && cp fuzz/empty.o tests/fuzz/replay.o || return
	cp "$target" fuzz/saved
	rm -f "$target"
	make -s "$target" LDFLAGS="-fsanitize=fuzzer" && mv "$target" "fuzz/${target##*/}"
	rc=$?
	mv fuzz/saved "$target"
	mv fuzz/replay.o tests/fuzz/replay.o
	return "$rc"
}

# A fixed number of runs from a fixed seed: what a test finds must not hang on how fast the
# machine is. With $VITRINE_FUZZ_SECONDS it goes exploring for that long instead.
fuzz_one()
{
	local target=$1 name=${1##*/fuzz-} said rc
	local length=(-seed=1 -runs=1000) limit=150

	if ! said=$(fuzz_link "$target" 2>&1); then
		echo "not ok fuzz/$name - cannot be linked with libFuzzer"
		tail -n 10 <<<"$said" | sed 's/^/# /'
		return
	fi
	if [ -n "${VITRINE_FUZZ_SECONDS:-}" ]; then
		length=(-max_total_time="$VITRINE_FUZZ_SECONDS") limit=$((VITRINE_FUZZ_SECONDS + 60))
	else
		rm -rf "fuzz/found-$name"
	fi
	mkdir -p "fuzz/found-$name"
	said=$(setarch -R timeout "$limit" "fuzz/fuzz-$name" "${length[@]}" -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="fuzz/found-$name/" \
		"fuzz/found-$name" "$top/tests/fuzz/corpus/$name" 2>&1)
	rc=$?
	if [ $rc -eq 0 ]; then
		echo "ok fuzz/$name"
	else
		echo "not ok fuzz/$name - libFuzzer ended with $rc; what it found is in build-asan/fuzz/found-$name"
		grep -Ev '^(#[0-9]|INFO:|[[:space:]]*NEW_)' <<<"$said" | tail -n 60 | cut -c1-160 | sed 's/^/# /'
	fi
}

group_fuzz()
{
	local source

	make_group gcc fuzz
	test_unlisted check_PROGRAMS fuzz fuzz
	if ! clang -fsanitize=fuzzer -x c -o "$logs/fuzzer" - 2>/dev/null \
			<<<"int LLVMFuzzerTestOneInput(const char *d, long n) { return !d && n; }"; then
		echo "skip fuzz/libfuzzer - clang has no libFuzzer"
		return
	fi
	build_need asan || echo "# build-asan is not whole"
	for source in tests/fuzz/fuzz-*.c; do
		[ ! -x "build-asan/${source%.c}" ] || (cd build-asan && fuzz_one "${source%.c}")
	done
}

# --- style

# style_case NAME COMMAND...: fails with what the command prints.
style_case()
{
	local name=$1 said

	shift
	if said=$("$@" 2>&1); then
		echo "ok style/$name"
	else
		echo "not ok style/$name - see below"
		head -n 40 <<<"$said" | sed 's/^/# /'
	fi
}

style_sources()
{
	find src guests tests -name '*.[ch]' -print0
}

style_format()
{
	local wrong

	wrong=$(style_sources | xargs -0 clang-format --dry-run -Werror 2>&1 |
		sed -n 's/^\([^: ]*\):[0-9].*error: .*/\1/p' | sort | uniq -c)
	[ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

style_licence()
{
	style_sources | xargs -0 awk 'FNR == 1 && !/SPDX-License-Identifier: (GPL-2.0-or-later|MIT)/ {
		print FILENAME ": no licence in its first line"; bad = 1 } END { exit bad }'
}

style_scripts()
{
	local -a scripts

	mapfile -t scripts < <(find quickstart runtests .ci tests -type f ! -path '*/corpus/*' -print0 |
		xargs -0 awk 'FNR == 1 { if (/^#!.*sh$/ || FILENAME ~ /\.sh$/) print FILENAME; nextfile }')
	shellcheck -x -S warning "${scripts[@]}"
}

style_man()
{
	local -a pages

	mapfile -t pages < <(find man build-gcc/man -name '*.[0-9]' 2>/dev/null)
	[ ${#pages[@]} -eq 0 ] || mandoc -Tlint -W warning "${pages[@]}"
}

group_style()
{
	style_case format style_format
	style_case licence style_licence
	style_case dependencies tests/check-deps
	style_case scripts style_scripts
	style_case manual style_man
}

# --- on real KVM: this machine's where it is able, else the bed's

kvm_here()
{
	timeout 120 build-gcc/vitrine doctor --json >"$logs/doctor.json" 2>/dev/null
}

kvm_run()
{
	local within

	within=$(run_left)
	export VITRINE_BUILD=$top/build-gcc VITRINE_SCRIPTS_WITHIN=$within
	if kvm_here; then
		tests/run-scripts "$@"
	else
		# What guests boot comes from the archive, out of reach inside.
		tests/bed/fetch cloud-kernel >&2 && tests/bed/fetch debian-vmlinux >&2
		tests/bed/bed --timeout $((within < 1200 ? within : 1200)) --mem 3G \
			--env VITRINE_SCRIPTS_WITHIN="$within" \
			--env VITRINE_SCRIPT_LIMIT="${VITRINE_SCRIPT_LIMIT:-300}" -- tests/run-scripts "$@"
	fi
}

# kvm_hold_back RETRY TRIED: results as they come, a script at a time. One that failed
# and is not in TRIED is noted in the file RETRY, and its results become remarks.
kvm_hold_back()
{
	awk -v retry="$1" -v tried=" $2 " '
		/^# begin / { script = $3; nr = bad = 0 }
		{ line[++nr] = $0 }
		/^not ok / { bad = 1 }
		/^# end / {
			hold = bad && !index(tried, " " script " ")
			if (hold)
				print script >>retry
			for (i = 1; i <= nr; i++)
				if (!hold)
					print line[i]
				else if (line[i] !~ /^(ok|# begin|# end) /)
					print "# flaky? " line[i]
			fflush()
			nr = bad = 0
		}
		END { for (i = 1; i <= nr; i++) print "# unfinished: " line[i] }'
}

# kvm_group GROUP: the scripts of tests/GROUP, all in one boot. A script that fails, or
# under which the emulator ends, gets one more try in a fresh boot, and that is said.
kvm_group()
{
	local group=$1 run=$logs/$1.run retry=$logs/$1.retry script boot rc
	local -a todo tried=()

	mapfile -t todo < <(find "tests/$group" -name '*.sh' -perm -u+x 2>/dev/null | LC_ALL=C sort |
		grep -F -- "${only[$group]-}")
	[ ${#todo[@]} -gt 0 ] || return 0
	build_need gcc || echo "# build-gcc is not whole"
	[ -x build-gcc/vitrine ] || { echo "not ok $group - there is no vitrine"; return; }
	for boot in 1 2 3 4 5; do
		: >"$retry"
		kvm_run "${todo[@]}" 2>"$logs/$group.bed.$boot" </dev/null | tee "$run" |
			kvm_hold_back "$retry" "${tried[*]}"
		rc=${PIPESTATUS[0]}
		mapfile -t todo < <(printf '%s\n' "${todo[@]}" |
			grep -vxF -f <(sed -n 's/^# end //p' "$run"))
		if [ ${#todo[@]} -gt 0 ]; then
			sed 's/^/# /' "$logs/$group.bed.$boot"
			script=$(sed -n 's/^# begin //p' "$run" | tail -n 1)
			[ -n "$script" ] || { echo "not ok $group - the bed ended with status $rc"; return; }
			if [[ " ${tried[*]} " == *" $script "* ]]; then
				echo "not ok $script - the bed ended with status $rc"
				mapfile -t todo < <(printf '%s\n' "${todo[@]}" | grep -vxF -- "$script")
			else
				echo "# flaky? the bed ended with status $rc under $script"
				tried+=("$script")
			fi
		fi
		mapfile -t -O "${#todo[@]}" todo <"$retry"
		mapfile -t -O "${#tried[@]}" tried <"$retry"
		[ ${#todo[@]} -gt 0 ] || return 0
		if [ "$(run_left)" -lt 120 ]; then
			printf 'not ok %s - failed, and there is no time for a second try\n' "${todo[@]}"
			return
		fi
		printf '# flaky? once more: %s\n' "${todo[*]}"
	done
	printf 'not ok %s - not run: the bed ended too often\n' "${todo[@]}"
}

group_guests()
{
	kvm_group guests
}

group_gdb()
{
	kvm_group gdb
}

group_e2e()
{
	kvm_group e2e
}

# Minutes each, so only by name.
group_slow()
{
	VITRINE_SCRIPT_LIMIT=900 kvm_group slow
}

# --- on VT-x, slowly: one boot of the Bochs bed

group_bochs()
{
	local kernel gdb initrd=$logs/guest-initrd file
	local -a copy=()

	build_need gcc || echo "# build-gcc is not whole"
	[ -x build-gcc/vitrine ] || { echo "not ok bochs - there is no vitrine"; return; }
	if ! kernel=$(tests/bed/fetch cloud-kernel) || ! tests/bed/mkinitrd "$initrd" virtio_ring \
			virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; then
		echo "not ok bochs - no guest kernel"
		return
	fi
	gdb=$(tests/bed/fetch gdb) || { echo "not ok bochs - no gdb"; return; }
	for file in "$kernel" "$initrd" "$gdb" tests/bochs/session.gdb build-gcc/guests/*.{elf,bin} \
		build-gcc/guests/faults/*.elf build-gcc/tests/guests/oracle-check; do
		copy+=(--copy "$file")
	done
	tests/bed/bed --engine bochs --timeout 900 "${copy[@]}" -- sh tests/bochs/cases.sh \
		build-gcc/vitrine build-gcc/guests "$kernel" "$initrd" "$gdb" 2>"$logs/bochs.bed" |
		sed -E 's/^(ok|not ok|skip) /\1 bochs\//'
	[ "${PIPESTATUS[0]}" -eq 0 ] || {
		echo "not ok bochs - the bed ended with status ${PIPESTATUS[0]}"
		sed 's/^/# /' "$logs/bochs.bed"
	}
}

group_dist()
{
	build_need gcc || echo "# build-gcc is not whole"
	if make -C build-gcc distcheck >"$logs/distcheck.log" 2>&1; then
		echo "ok distcheck"
	else
		echo "not ok distcheck - see $logs/distcheck.log"
		tail -n 25 "$logs/distcheck.log" | sed 's/^/# /'
	fi
}
