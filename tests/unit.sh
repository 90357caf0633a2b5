#!/usr/bin/env bash
# unit.sh NAME PROGRAM…: runs cmocka programs, two at a time, and sums up: "NAME: N passed, N failed".
# A program that dies, hangs, or runs no test counts as one failure. Only what failed is shown.
set -u
name=$1
shift
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:suppressions=$(dirname "$0")/tsan.supp}
export CMOCKA_MESSAGE_OUTPUT=tap logs

run_program() {
	log="$logs/$(basename "$1")"
	timeout -k 5 "${UNIT_SECONDS_MAX:-300}" "$1" >"$log" 2>&1 </dev/null
	echo $? >"$log.status"
}
export -f run_program
printf '%s\0' "$@" | xargs -0 -r -n 1 -P 2 bash -c 'run_program "$0"'

passed=0 failed=0
for program in "$@"; do
	log="$logs/$(basename "$program")"
	status=$(cat "$log.status" 2>/dev/null || echo missing)
	good=$(grep -acE '^ok [0-9]+' "$log")
	bad=$(grep -acE '^not ok [0-9]+' "$log")
	if [ "$status" != 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
	elif [ "$status" = 0 ] && [ "$good" -eq 0 ]; then
		bad=1
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	[ "$bad" -eq 0 ] && continue
	echo "---- $program (status $status)"
	grep -avE '^ok [0-9]+' "$log" | tail -n 60
done
echo "$name: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
