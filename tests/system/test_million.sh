#!/usr/bin/env bash
# A million simulated events through the real broker and the real Redis: what is on kpi.latest and kpi.history at the end equals what
# the oracle computes from the same events. Then the same again with three kill -9 at random moments.
. "$(dirname "$0")/lib.sh"
events=${EVENTS:-1000000}
start_kafka
start_redis

"$program" simulate --brokers "$brokers" --seed "${SEED:-1}" --from 2026-06-01T00:00:00Z --to 2026-11-01T00:00:00Z --tenants 12 --reps 12 \
	--events "$events" --late 0.02 --duplicates 0.02 --corrections 0.03 --rate max >"$work/simulate.log" 2>&1
check "simulate: $events events are on the topics" test $? -eq 0

compare() { # TOPIC-PREFIX
	"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --latest "$1.latest" --history "$1.history" \
		>"$work/compare.log" 2>&1
	local status=$?
	cat "$work/compare.log"
	return $status
}

start_run run --clock=event --publish.restate=1s --job=whole
check "every published value equals the oracle's" compare kpi
kill -TERM "$run_pid"
wait "$run_pid"
check "run ends with status 0 when it is asked to" test $? -eq 0

kills=3
for i in $(seq $((kills + 1))); do
	start_run killed --clock=event --publish.restate=1s --job=killed --checkpoint.interval=500ms --topics.latest=killed.latest --topics.history=killed.history
	[ "$i" -gt $kills ] && break
	sleep "$((1 + RANDOM % 3)).$((RANDOM % 10))"
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
done
check "the same after $kills kill -9" compare killed
check "it came back from checkpoints" grep -q 'event=restored' "$work/killed.log"
kill -TERM "$run_pid"
wait "$run_pid"
"$program" audit --redis.address="unix:$work/redis.sock" --job=killed >"$work/audit.log" 2>&1
check "the audit of its last checkpoint agrees" test $? -eq 0
tail -n 3 "$work/audit.log"
summary
