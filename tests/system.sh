#!/usr/bin/env bash
# system.sh [SCRIPT…]: runs the system tests (all of tests/system/test_*.sh by default) one after another and sums up.
# Each prints its checks and "NAME: N passed, N failed" last; one that dies without that counts as one failure.
set -u
[ $# -gt 0 ] || set -- tests/system/test_*.sh
passed=0 failed=0
logs=build/system
mkdir -p "$logs"

for script in "$@"; do
	[ -x "$script" ] || continue
	name=$(basename "$script" .sh)
	echo "system: $name"
	begun=$(date +%s)
	timeout -k 30 "${SYSTEM_SECONDS_MAX:-1800}" "$script" </dev/null 2>&1 | tee "$logs/$name.log"
	status=${PIPESTATUS[0]}
	counts=$(sed -nE 's/^.*[^0-9]([0-9]+) passed, ([0-9]+) failed.*$/\1 \2/p; s/^([0-9]+) passed, ([0-9]+) failed.*$/\1 \2/p' \
		"$logs/$name.log" | tail -n 1)
	read -r good bad <<<"${counts:-0 1}"
	[ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	passed=$((passed + good)) failed=$((failed + bad))
	echo "system: $name took $(($(date +%s) - begun)) s, status $status"
done
echo "system: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
