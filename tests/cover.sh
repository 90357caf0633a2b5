#!/usr/bin/env bash
# cover.sh BUILD PROGRAM…: runs the programs and prints, per source file, how much of it they reach. Least covered first.
set -u
build=$1
shift
find "$build" -name '*.gcda' -delete
for program in "$@"; do
	"$program" >/dev/null 2>&1 </dev/null
done
find "$build/processor" -name '*.gcda' -print0 | xargs -0 -r -n 1 gcov -n 2>/dev/null |
	awk -F "'" '/^File/ { file = $2 } /^Lines executed/ && file ~ /^processor\// { split($0, p, /[:% ]+/); print p[3] "%", p[5], file; file = "" }' |
	sort -n | awk '{ print; lines += $2; hit += $1 * $2 / 100 } END { if (lines) printf "%.1f%% of %d lines\n", 100 * hit / lines, lines }'
