#!/usr/bin/env bash
# Two instances share four partitions; one ends, comes back, is killed: every company is served throughout, at the end every published value
# equals the oracle's, and no revision ever fell. `make years`: the same over thirteen months of events. With `sharding: single` the second stands by and takes over.
. "$(dirname "$0")/lib.sh"
history="2026-06-01T00:00:00Z 2026-06-20T00:00:00Z 4000" slower=1
[ "${HISTORY:-short}" = long ] && history="2025-05-10T00:00:00Z 2026-06-20T00:00:00Z 9000" slower=8
wait_long() { wait_for $(($1 * slower)) "${@:2}"; }
start_kafka
start_redis
simulate() { # FROM TO EVENTS
	"$program" simulate --brokers "$brokers" --seed 7 --from "$1" --to "$2" --tenants 8 --reps 4 --foreign 0.2 --events "$3" >>"$work/simulate.log" 2>&1
}
instance() { # NAME FLAG…
	local log=$1
	shift
	start_run "$log" --clock=event --publish.restate=1s --checkpoint.interval=300ms --kafka.session_timeout=6s --kafka.instance_id="$log" \
		--workdays="$root/deploy/workdays-id.yaml" "$@"
}
serving() { metric_of "$1" salespulse_shards_serving; }
serves() { [ "$(serving "$1")" = "$2" ]; }
both_serve() { [ "$(serving a)" -ge 1 ] && [ "$(serving b)" -ge 1 ] && [ $(($(serving a) + $(serving b))) -eq 4 ]; }
compare() { "$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --workdays "$root/deploy/workdays-id.yaml" --idle 5 "$@" >"$work/compare.log" 2>&1; }

check "events are on the topics" simulate $history
instance a
a=$run_pid
check "one instance serves all four" wait_long 20 serves a 4
instance b
b=$run_pid
check "two share them" wait_long 25 both_serve
kill -TERM "$b"
wait "$b"
check "one ends in order" test $? -eq 0
check "the other takes over" wait_long 20 serves a 4
instance b
b=$run_pid
check "it comes back" wait_long 25 both_serve
live() { # METRIC WINDOW FLAG…
	local metric=$1 window=$2
	shift 2
	"$program" explain --tenant cendana-prima --window "$window" "$@" "$metric" >"$work/live.log" 2>&1
}
knows() { live won_revenue year_to_date --http "$(http_of "$1")"; }
either() { live won_revenue year_to_date --http "$(http_of a)" --http "$(http_of b)"; }
check "a running number is explained by whichever has the company" wait_long 10 either
knowing=$( (knows a && echo a; knows b && echo b) | xargs)
check "which is one of them ($knowing)" test "${#knowing}" -eq 1
[ "$knowing" = a ] && other=b || other=a
knows $other
check "and the other says that it is not there" grep -q "belongs to shard .*, which is not ours" "$work/live.log"
kill -KILL "$b"
wait "$b" 2>/dev/null
check "after a kill -9 the other takes over" wait_long 25 serves a 4
check "all values equal the oracle's, and revisions never fell" compare
tail -n 6 "$work/compare.log"
answer() { curl -s -o "$work/answer" -w '%{http_code}' "http://$(http_of a)/v1/explain?$1"; }
check "a running number's records add up" live won_revenue year_to_date --http "$(http_of a)"
cp "$work/live.log" "$work/live.year"
check "and are there as JSON" test "$(answer 'metric=win_rate&tenant=cendana-prima&window=30d&group=team%3Djakarta&format=json')" = 200
adds_up() { "$python" -c 'import json, sys; x = json.load(open(sys.argv[1])); sys.exit(not (x["adds_up"] and x["value"] > 0 and all(p["records"] for p in x["parts"])))' "$work/answer"; }
check "which say that they add up" adds_up
check "an unknown metric is 404" test "$(answer 'metric=win_rat&tenant=cendana-prima&window=30d')" = 404
check "with what is near" grep -q "there is no metric «win_rat»; the nearest is «win_rate»" "$work/answer"
check "a wrong question is 400" test "$(answer 'metrik=win_rate')" = 400
kill -TERM "$a"
wait "$a"
check "the last one ends in order" test $? -eq 0
explain() { # METRIC WINDOW FLAG…
	local metric=$1 window=$2
	shift 2
	"$program" explain --redis.address="unix:$work/redis.sock" --workdays="$root/deploy/workdays-id.yaml" --tenant cendana-prima --window "$window" "$@" "$metric" >"$work/explain.log" 2>&1 &&
		grep -q "^Every list adds up to its total.$" "$work/explain.log"
}
check "a number is explained by the records that it adds up to" explain won_revenue year_to_date
check "the running processor said the same as its last checkpoint does" cmp "$work/live.year" "$work/explain.log"
check "so is a team's rate" explain win_rate 30d --group team=jakarta
explain win_rat today
check "what nobody counts is named, with what is near" grep -q "there is no metric «win_rat»; the nearest is «win_rate»" "$work/explain.log"

single="--sharding=single --job=one --topics.latest=one.latest --topics.history=one.history"
instance c $single
c=$run_pid
check "single: one instance reads all partitions" wait_long 20 serves c 1
instance d $single
sleep 2
check "single: the second stands by" serves d 0
kill -KILL "$c"
wait "$c" 2>/dev/null
check "single: it takes over after a kill -9" wait_long 25 serves d 1
check "single: its values equal the oracle's" compare --single --outputs one.latest,one.history
tail -n 6 "$work/compare.log"
summary
