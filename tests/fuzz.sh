#!/usr/bin/env bash
# fuzz.sh PROGRAM…: each harness over its corpus, then FUZZ_SECONDS of new inputs. What is found new goes under build/, a
# crash is shown with the input's path: copy it to tests/fuzz/corpus/NAME once it is mended.
set -u
seconds=${FUZZ_SECONDS:-3}
passed=0 failed=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=0}

for program in "$@"; do
	name=$(basename "$program")
	name=${name#fuzz_}
	fresh=build/fuzz/found/$name
	log=build/fuzz/$name.log
	mkdir -p "$fresh" build/fuzz/crash
	corpus=()
	[ -d "tests/fuzz/corpus/$name" ] && corpus+=("tests/fuzz/corpus/$name")
	if timeout -k 5 $((seconds + 120)) "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
		-artifact_prefix="build/fuzz/crash/$name-" -print_final_stats=1 "$fresh" "${corpus[@]}" >"$log" 2>&1; then
		echo "ok fuzz_$name $(sed -n 's/^stat::number_of_executed_units: */runs=/p' "$log")"
		passed=$((passed + 1))
	else
		echo "not ok fuzz_$name"
		tail -n 40 "$log"
		failed=$((failed + 1))
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
