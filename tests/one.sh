#!/usr/bin/env bash
# one.sh BUILD TEST COMPILER LIBS OBJECT…: links what compiled, for work on one part while another is broken.
# With TEST: builds tests/unit/test_TEST.c and runs it. Without: BUILD/one/salespulse, where a missing function is a crash.
set -eu
build=$1 test=$2 compiler=$3 libs=$4
shift 4

mkdir -p "$build/one"
objects=()
for object in "$@"; do
	[ -e "$object" ] && objects+=("$object")
done
archive="$build/one/lib-$$.a"
trap 'rm -f "$archive"' EXIT
ar rcs "$archive" "${objects[@]}"
if [ -z "$test" ]; then
	$compiler "$build/asan/processor/main.o" "$archive" -no-pie -Wl,--unresolved-symbols=ignore-all $libs -o "$build/one/salespulse"
	echo "$build/one/salespulse"
	exit 0
fi
helpers=()
for source in tests/unit/*.c; do
	case "$source" in tests/unit/test_*) ;; *) [ -e "$source" ] && helpers+=("$build/asan/${source%.c}.o") ;; esac
done
${MAKE:-make} -s "$build/asan/tests/unit/test_$test.o" "${helpers[@]}"
$compiler "$build/asan/tests/unit/test_$test.o" "${helpers[@]}" "$archive" $libs -lcmocka -o "$build/one/test_$test"
tests/unit.sh one "$build/one/test_$test"
