#!/usr/bin/env bash
# run.sh PROGRAM: plays every scenario file in every mode, one process a file, two at a time; then asks whether each rule of the
# semantics that the core keeps has a scenario that names it. The last line sums up.
set -u
program=$1
here=$(dirname "$0")
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
files=("$here"/*.kpi)

play() {
	timeout -k 5 120 "$1" "$2" >"$3/$(basename "$2").log" 2>&1 </dev/null
}
export -f play
printf '%s\0' "${files[@]}" | xargs -0 -r -n 1 -P 2 bash -c 'play "$1" "$3" "$2"' play "$program" "$logs"

passed=0 failed=0
for file in "${files[@]}"; do
	log="$logs/$(basename "$file").log"
	read -r good bad <<<"$(sed -nE 's/^played: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log")"
	[ -n "${good:-}" ] || { good=0 bad=1; }
	passed=$((passed + good)) failed=$((failed + bad))
	[ "$bad" -eq 0 ] || tail -n 30 "$log"
done
for rule in ${SCENARIO_RULES:-S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16}; do
	if grep -qE "^rule( .*)? $rule( |\$)|^rule $rule( |\$)" "${files[@]}"; then
		passed=$((passed + 1))
	else
		echo "no scenario names rule $rule"
		failed=$((failed + 1))
	fi
done
echo "scenario: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
