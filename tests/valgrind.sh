#!/usr/bin/env bash
# valgrind.sh SIM PROGRAM…: the simulation's first seeds and unit tests under memcheck: reads of what was never written, which ASan
# does not see. An error is a failure; leaks are ASan's part. The last line sums up.
set -u
sim=$1
shift
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
check=(valgrind -q --error-exitcode=99 --leak-check=no --child-silent-after-fork=no --trace-children=no)

run_program() {
	local log="$logs/$(basename "$1")"
	timeout -k 5 "${UNIT_SECONDS_MAX:-900}" valgrind -q --error-exitcode=99 --leak-check=no "$1" >"$log" 2>&1 </dev/null
	echo $? >"$log.status"
}
export -f run_program
export logs
printf '%s\0' "$@" | xargs -0 -r -n 1 -P 2 bash -c 'run_program "$0"'
passed=0 failed=0
for program in "$@"; do
	name=$(basename "$program")
	if [ "$(cat "$logs/$name.status")" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$name:"
		grep -aE '^==|FAILED|Assert|assert' "$logs/$name" | head -n 20
	fi
done
for seed in $(seq 1 "${SEEDS:-20}"); do
	if timeout 600 "${check[@]}" "$sim" tests/sim/seeds seed "$seed" >"$logs/sim" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "seed $seed:"
		grep -aE '^==' "$logs/sim" | head -n 20
	fi
done
echo "check-valgrind: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
