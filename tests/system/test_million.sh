#!/usr/bin/env bash
# A million simulated events through the real broker and the real Redis, twice: by a processor that is left alone, and by one that is
# killed with kill -9 at three random moments. What is on kpi.latest and kpi.history at the end equals what the oracle computes from
# the same events, for both, and revisions never fell. `make million`: that; in `make test` 400,000 of them.
. "$(dirname "$0")/lib.sh"
events=${EVENTS:-400000}
[ "${MILLION:-short}" = full ] && events=1000000
start_kafka
start_redis

"$program" simulate --brokers "$brokers" --seed "${SEED:-1}" --from 2026-10-05T00:00:00Z --to 2026-11-05T00:00:00Z --tenants 12 --reps 16 \
	--events "$events" --late 0.02 --duplicates 0.02 --corrections 0.03 >"$work/simulate.log" 2>&1
check "simulate: $events events are on the topics" test $? -eq 0

start_run whole --clock=event --publish.restate=1s --job=whole
# Nothing more comes, and all that came is published: so it has been for three seconds, which is longer than what is gathered for a second.
settled=0 seen=
is_settled() { # LOG
	local now
	now=$(metric_of "$1" salespulse_messages_total)
	if [ "$now" = "$seen" ] && [ "$(metric_of "$1" salespulse_shards_settled)" = 4 ]; then
		settled=$((settled + 1))
	else
		settled=0
	fi
	seen=$now
	[ "$settled" -ge 30 ]
}

reads_all() { [ "$(metric_of whole salespulse_messages_total)" -ge $((events * 9 / 10)) ] && [ "$(metric_of whole salespulse_shards_serving)" = 4 ]; }
check "run reads them and serves" wait_for 300 reads_all
check "all that it has to say is said" wait_for 120 is_settled whole
kill -TERM "$run_pid"
wait "$run_pid"
check "run ends with status 0 when it is asked to" test $? -eq 0

kills=3
for i in $(seq $((kills + 1))); do
	start_run killed --clock=event --publish.restate=1s --job=killed --checkpoint.interval=500ms --topics.latest=killed.latest \
		--topics.history=killed.history
	[ "$i" -gt $kills ] && break
	sleep "$((2 + RANDOM % 5)).$((RANDOM % 10))"
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
done
serves_again() { [ "$(metric_of killed salespulse_shards_serving)" = 4 ]; }
check "it serves again" wait_for 300 serves_again
settled=0
check "and again all is said" wait_for 120 is_settled killed
kill -TERM "$run_pid"
wait "$run_pid"
"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --outputs kpi.latest,kpi.history \
	--outputs killed.latest,killed.history --idle 2 >"$work/compare.log" 2>&1
check "every published value equals the oracle's, also after $kills kill -9, and revisions never fell" test $? -eq 0
cat "$work/compare.log"
check "it came back from checkpoints" grep -q 'event=restored.*entities=[1-9]' "$work/killed.log"
"$program" audit --redis.address="unix:$work/redis.sock" --job=killed >"$work/audit.log" 2>&1
check "the audit of its last checkpoint agrees" test $? -eq 0
tail -n 1 "$work/audit.log"
summary
