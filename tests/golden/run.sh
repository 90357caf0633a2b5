#!/usr/bin/env bash
# run.sh [PROGRAM]: compares what fixed records are on the wire with tests/golden/*.hex, which tests/unit/test_golden.c does.
# GOLDEN_WRITE=1 writes them anew instead.
set -eu
cd "$(dirname "$0")/../.."
program=${1:-build/asan/unit/test_golden}
[ -x "$program" ] || ${MAKE:-make} -s "$program"
exec tests/unit.sh golden "$program"
