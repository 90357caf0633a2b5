#!/usr/bin/env bash
# The bench goes through, every part of it, and says a figure in each of its lines; what it says is not looked at: tests are never timed.
. "$(dirname "$0")/lib.sh"
number='[0-9][0-9.]*'

says() { # EXTENDED-REGEX
	grep -qE "$1" "$work/out" || { sed 's/^/    /' "$work/out"; return 1; }
}

EVENTS=20000 ROUNDS=1 SHIPPED=0 LATENCY_SECONDS=3 LATENCY_WARM_UP=1 LATENCY_HALF=0 START_EVENTS=20000 CORE_EVENTS=20000 MEMORY_COUNT=5000 CHECKPOINT_EVENTS=20000 \
	"$root/tests/bench/run.sh" >"$work/out" 2>"$work/err"
check "all parts end in order" test $? -eq 0
check "raw consumption and run are compared" says "^comparison job .* run keeps $number of raw .* CPU s per million: raw $number, run $number"
check "latency of quiet and of busy keys" says "^latency, 10ms.fiftieth .*quiet key p50 $number ms, p99 $number ms.* busy key p50 $number ms"
check "the program's size" says "^program .*$number bytes stripped"
check "the start, empty and from a checkpoint" says "^run, from a checkpoint .*ready after $number s"
check "events alone, at few and many groups, small and great steps" says "^ratios of events/s .*10 s : 1 s $number \\(few groups\\), $number \\(many\\)"
check "memory of an idle entity" says "^memory: entities: .*: $number bytes of RSS each"
check "memory of a ledger entry" says "^memory: ledger entries: .*: $number bytes of RSS each"
check "a checkpoint beside memcpy" says "^checkpoint in memory, .*save $number MiB/s.*restore $number MiB/s"
check "a checkpoint beside Redis" says "^checkpoint in Redis, .*save $number MiB/s.*restore $number MiB/s"
summary || { sed 's/^/    /' "$work/err" | tail -n 20; exit 1; }
