#!/usr/bin/env bash
# An instance that is stopped in the middle (SIGSTOP) past the group's session time-out and goes on later (SIGCONT) does not know that
# another has its shards: its checkpoint is refused, and it appends nothing stale to any output (S17, S19, S22). One that was stopped for less
# goes on as if nothing had been. Events flow all the time; at the end every published value equals the oracle's.
. "$(dirname "$0")/lib.sh"
start_kafka
start_redis
instance() { # NAME
	start_run "$1" --clock=event --publish.restate=1s --checkpoint.interval=100ms --kafka.session_timeout=3s --kafka.instance_id="$1"
}
serving() { metric_of "$1" salespulse_shards_serving; }
serves() { [ "$(serving "$1")" = "$2" ]; }
both_serve() { [ "$(serving a)" -ge 1 ] && [ "$(serving b)" -ge 1 ] && [ $(($(serving a) + $(serving b))) -eq 4 ]; }
# The epoch that wrote the current checkpoint of each shard: an id is the epoch and a number.
epochs() {
	for shard in 0 1 2 3; do
		echo $(($(redis-cli -s "$work/redis.sock" --raw get "{salespulse:salespulse:$shard}:manifest:0" | head -n 1 | tr -d '\0') >> 20))
	done
}
"$program" simulate --brokers "$brokers" --seed 4 --from 2026-06-01T00:00:00Z --to 2026-06-20T00:00:00Z --tenants 8 --reps 3 --events 7000 --rate 220 \
	>"$work/simulate.log" 2>&1 &
simulate_pid=$!
pids+=("$simulate_pid")
instance a
a=$run_pid
wait_for 20 serves a 4
instance b
b=$run_pid
check "two share four partitions" wait_for 25 both_serve

# ---- for less than the session
kill -STOP "$a"
sleep 1
kill -CONT "$a"
check "stopped for a second: both go on" wait_for 10 both_serve

# ---- past the session
for round in $(seq ${ROUNDS:-2}); do
	wait_for 20 both_serve
	sleep "0.$((RANDOM % 10))"
	kill -STOP "$a"
	check "$round: the other takes all over" wait_for 25 serves b 4
	sleep 1
	epochs >"$work/before"
	kill -CONT "$a"
	check "$round: what was stopped sees that its shards are lost" wait_for 10 bash -c \
		"[ \$(grep -cE 'event=shard .*(because=(lost|fenced)|from=(serving|catching_up|revoking) to=none)' '$work/a.log') -ge $round ]"
	sleep 0.5
	epochs >"$work/after"
	check "$round: no checkpoint of its old epochs came in" bash -c \
		"paste '$work/before' '$work/after' | awk '\$2 < \$1 { bad = 1 } END { exit bad }'"
	check "$round: it has its share again" wait_for 25 both_serve
done

# ---- Redis has given a newer epoch, and the group knows nothing of it: the next checkpoint is refused, and the shard begins anew
newer() { echo $(($(redis-cli -s "$work/redis.sock" get '{salespulse:salespulse:0}:epoch') + 1)); }
redis-cli -s "$work/redis.sock" set '{salespulse:salespulse:0}:epoch' "$(newer)" >/dev/null
was_fenced() { grep -qa 'event=fenced shard=0' "$work/a.log" "$work/b.log"; }
check "a newer epoch fences the checkpoint" wait_for 10 was_fenced
check "the group confirms, and the shard is served again under a newer one" wait_for 20 both_serve

wait "$simulate_pid"
check "all events are on the topics" test $? -eq 0
stands() { [ "$(grep -ac 'event=shard ' "$work/a.log" "$work/b.log" | paste -sd' ')" = "${was:-}" ] || { was=$(grep -ac 'event=shard ' "$work/a.log" "$work/b.log" | paste -sd' ') && false; }; }
wait_for 10 stands
check "no shard met what its table has no row for" test "$(($(metric_of a salespulse_unexpected_transitions_total) + $(metric_of b salespulse_unexpected_transitions_total)))" = 0

# Every output, in the order of the log: the epoch in a revision never falls within a partition, whoever wrote it.
cat >"$work/stale.py" <<-'PY'
	import collections, sys
	sys.path.insert(0, sys.argv[2] + "/tests/oracle")
	import compare
	schemas, highest, stale, count, epochs = compare.Schemas(sys.argv[2] + "/schemas"), {}, 0, 0, collections.defaultdict(set)
	for m in compare.consume(sys.argv[1], ["kpi.latest", "kpi.history"], idle=3, ignore=lambda m: b"heartbeat" in (m.key() or b"")):
	    if m.value() is None:
	        continue
	    epoch, place = schemas.read("kpi_snapshot", m.value())["revision"] >> 30, (m.topic(), m.partition())
	    stale += epoch < highest.get(place, 0)
	    highest[place] = max(epoch, highest.get(place, 0))
	    epochs[place].add(epoch)
	    count += 1
	print(f"{count} records, {stale} of an older epoch than one before it, {max(map(len, epochs.values()))} epochs in one partition")
	sys.exit(0 if count and not stale and max(map(len, epochs.values())) >= 4 else 1)
PY
check "nothing stale was appended" "$python" "$work/stale.py" "$brokers" "$root"
"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --idle 3 >"$work/compare.log" 2>&1
check "all values equal the oracle's, and revisions never fell" test $? -eq 0
tail -n 6 "$work/compare.log"
kill -TERM "$a" "$b"
wait "$a"
check "one ends in order" test $? -eq 0
wait "$b"
check "and the other" test $? -eq 0
summary
