#!/usr/bin/env bash
# run_all.sh: every kind of test, one after another, whatever fails; what CI runs (make test). Each kind is a make target that
# prints "KIND: N passed, N failed"; a build that fails or a run that dies without a count is one failure of its kind. The last
# line sums up. PARTS="unit tidy" runs some; the whole log of each is build/test/KIND.log.
set -u
cd "$(dirname "$0")/.." || exit 1
make=${MAKE:-make}
unset MAKEFLAGS MFLAGS # each part has its own -j2
logs=build/test
mkdir -p "$logs"
passed=0 failed=0
summary=()

# part KIND MAKE-ARGUMENTS…
part() {
	local kind=$1 begun status counts good bad
	shift
	case " ${PARTS:-$kind} " in *" $kind "*) ;; *) return ;; esac
	begun=$(date +%s)
	echo "==== $kind"
	"$make" --no-print-directory -j2 "$@" 2>&1 </dev/null | tee "$logs/$kind.log" | grep -avE '^  (CC|AR|LINK|EMBED|COPY|MAVEN) '
	status=${PIPESTATUS[0]}
	counts=$(sed -nE "s/^$kind: ([0-9]+) passed, ([0-9]+) failed.*\$/\1 \2/p" "$logs/$kind.log" | tail -n 1)
	if [ -z "$counts" ] && [ "$status" -eq 0 ]; then
		counts="1 0"
		[ "$kind" = build ] || counts="0 1"
	fi
	read -r good bad <<<"${counts:-0 1}"
	[ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	passed=$((passed + good)) failed=$((failed + bad))
	summary+=("$(printf '%-12s %5d passed, %d failed  (%d s)' "$kind" "$good" "$bad" $(($(date +%s) - begun)))")
}

any() {
	compgen -G "$1" >/dev/null
}

part build all
part tidy tidy
part symbols symbols
part unit unit
any 'tests/scenario/run.sh' && part scenario scenario
part sim sim
any 'tests/golden/run.sh' && part golden golden
part docs docs
part check-clang check-clang
any 'tests/fuzz/fuzz_*.c' && part fuzz fuzz
any 'tests/system/test_*.sh' && part system system

echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
