#!/usr/bin/env bash
# While events flow: kill -9 again and again, Redis away, Redis back with older data and with none, the broker away, the broker restarted,
# and the processor killed while either is away. In between /readyz and the counters say what is so; at the end every published value
# equals the oracle's, revisions never fell, and the audit of the last checkpoint agrees.
# `make storms`: a million events, ten kills, a minute without each part; here the same with fewer events and seconds.
. "$(dirname "$0")/lib.sh"
if [ "${STORMS:-short}" = full ]; then
	events=${EVENTS:-1000000} rate=${RATE:-4500} away=60 kills=10 tenants=12 reps=16 to=2026-11-05 publish="--publish.interval=5s --publish.budget=4000"
else
	events=${EVENTS:-9000} rate=${RATE:-200} away=5 kills=4 tenants=4 reps=3 to=2026-10-15 publish=--publish.interval=500ms
fi
killed=0
start_kafka
start_redis
simulate() {
	"$program" simulate --brokers "$brokers" --seed "${SEED:-11}" --from 2026-10-05T00:00:00Z --to "${to}T00:00:00Z" --tenants $tenants --reps $reps \
		--kafka.session_timeout=5m --events "$events" --late 0.02 --duplicates 0.02 --corrections 0.03 "$@" >>"$work/simulate.log" 2>&1
}
start() {
	start_run run --clock=event --publish.restate=1s --checkpoint.interval=400ms --kafka.session_timeout=4s --redis.timeout=500ms $publish
}
kill_run() {
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
	killed=$((killed + 1))
}

# ---- what it says
readyz() { curl -s -m 5 "http://$(http_of run)/readyz"; }
status() { curl -s -m 5 -o /dev/null -w '%{http_code}' "http://$(http_of run)/readyz"; }
is_ready() { [ "$(status)" = 200 ] && ! readyz | grep -q 'not reachable' && [ "$(metric_of run salespulse_shards_serving)" = 4 ]; }
ready_but_says() { [ "$(status)" = 200 ] && readyz | grep -q "$1"; }
unready_says() { [ "$(status)" = 503 ] && readyz | grep -q "$1"; }
counter() { metric_of run "salespulse_$1"; }
above() { [ "$(counter "$1")" -gt "$2" ]; }  # COUNTER VALUE
below() { [ "$(counter "$1")" -lt "$2" ]; }
wait_away() { # since when, in $SECONDS
	while [ $((SECONDS - $1)) -lt $away ]; do sleep 0.2; done
}
end_redis() {
	kill -KILL "$redis_pid"
	wait "$redis_pid" 2>/dev/null
	rm -f "$work/redis.sock"
}
redis() { redis-cli -s "$work/redis.sock" "$@"; }

simulate --rate "$rate" &
simulate_pid=$!
pids+=("$simulate_pid")
start
check "it serves" wait_for 30 is_ready

# ---- kill -9
for _ in $(seq $((kills - 3))); do
	sleep "$((1 + RANDOM % 2)).$((RANDOM % 10))"
	kill_run
	start
done
check "after kill -9 it serves again" wait_for 60 is_ready

# ---- Redis away; counting goes on
wait_for 10 above checkpoints_total 4
redis save >/dev/null
sleep 1.5 # older data than the last checkpoint
begun=$SECONDS
end_redis
check "Redis away: /readyz says so, and that it still serves" wait_for 5 ready_but_says '^redis: not reachable'
done_before=$(counter checkpoints_total) events_before=$(counter events_total)
check "Redis away: the checkpoint's age grows" wait_for 10 above checkpoint_age_milliseconds 2500
check "Redis away: no checkpoint is claimed" test "$(counter checkpoints_total)" = "$done_before"
check "Redis away: those that are due count as failed or skipped" test $(($(counter checkpoints_failed_total) + $(counter checkpoints_skipped_total))) -ge 4
check "Redis away: events are counted" wait_for 5 above events_total "$events_before"
kill_run
start
check "killed while Redis is away: it waits, and says for what" wait_for 15 unready_says '^redis: not reachable'
wait_away "$begun"
start_redis
check "Redis is back with older data: it serves" wait_for 60 is_ready
check "and the checkpoint is young again" wait_for 10 below checkpoint_age_milliseconds 1500

# ---- Redis restarted under it: with older data, and with none
redis save >/dev/null
sleep 1.5
done_before=$(counter checkpoints_total)
end_redis
start_redis
check "Redis restarted with older data: checkpoints go on" wait_for 10 above checkpoints_total $((done_before + 1))
check "and it is ready" wait_for 10 is_ready
end_redis
rm -f "$work/redis/dump.rdb"
start_redis
done_before=$(counter checkpoints_total)
check "Redis restarted without its data: a whole checkpoint follows" wait_for 10 above checkpoints_total $((done_before + 4))
redis_is_full() { [ "$(redis --raw keys '*:manifest:0' | wc -l)" = 4 ]; }
check "of every shard" wait_for 10 redis_is_full
kill_run
lines=$(wc -l <"$work/run.log")
start
check "killed after that, it comes back" wait_for 60 is_ready
restored() { tail -n "+$lines" "$work/run.log" | grep -c 'event=restored.*entities=[1-9]'; }
check "from what the empty Redis was given" test "$(restored)" -ge 2

# ---- the broker away
begun=$SECONDS
"$root/tests/system/kafka.sh" kill "$work/kafka"
check "broker away: /readyz says so" wait_for 5 bash -c "$(declare -f readyz http_of); work=$work; readyz | grep -q '^kafka: not reachable'"
check "broker away for half a session: it is not ready, as the group cannot confirm" wait_for 8 unready_says 'group has not confirmed'
messages=$(counter messages_total)
sleep 0.5
check "broker away: no message is claimed" test "$(counter messages_total)" = "$messages"
kill_run
start
check "killed while the broker is away: it waits, and says for what" wait_for 15 unready_says 'kafka at'
wait_away "$begun"
start_kafka
check "the broker is back: it serves" wait_for 60 is_ready
messages=$(counter messages_total)

# ---- the broker restarted under it, in order
"$root/tests/system/kafka.sh" stop "$work/kafka"
start_kafka
check "the broker restarted: it is ready again" wait_for 60 is_ready
reads_on() { above messages_total "$messages" || ! kill -0 "$simulate_pid"; } # unless there is no more
check "and reads on" wait_for 60 reads_on

# ---- the end
while [ $killed -lt $kills ]; do
	sleep "1.$((RANDOM % 10))"
	kill_run
	start
done
wait "$simulate_pid"
check "all $events events are on the topics" test $? -eq 0
stands_still() {
	local before now=-1
	for _ in $(seq 60); do
		before=$now
		sleep 2
		now=$(counter records_total)/$(counter messages_total)
		is_ready && [ "$now" = "$before" ] && return 0
		# Heartbeats are records too: one a second and tenant.
		is_ready && [ "${now#*/}" = "${before#*/}" ] && [ $((${now%/*} - ${before%/*})) -le $((tenants * 3)) ] && return 0
	done
	return 1
}
check "it becomes quiet, and serves" stands_still
check "nothing was a dead letter" test "$(counter dead_letters_total)" = 0
check "no shard met what its table has no row for" test "$(counter unexpected_transitions_total)" = 0
kill -TERM "$run_pid"
wait "$run_pid"
check "it ends with status 0" test $? -eq 0
"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --idle 2 >"$work/compare.log" 2>&1
check "after $killed kill -9 and all that, every value equals the oracle's, and revisions never fell" test $? -eq 0
cat "$work/compare.log"
"$program" audit --redis.address="unix:$work/redis.sock" >"$work/audit.log" 2>&1
check "the audit of its last checkpoint agrees" test $? -eq 0
summary
