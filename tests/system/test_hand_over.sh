#!/usr/bin/env bash
# Two instances share four partitions; one ends, comes back, is killed: every company is served throughout, at the end every published value
# equals the oracle's, and no revision ever fell. With `sharding: single` the second stands by and takes over.
. "$(dirname "$0")/lib.sh"
start_kafka
start_redis
simulate() { # FROM TO EVENTS
	"$program" simulate --brokers "$brokers" --seed 7 --from "$1" --to "$2" --tenants 8 --reps 4 --foreign 0.2 --events "$3" >>"$work/simulate.log" 2>&1
}
instance() { # NAME FLAG…
	local log=$1
	shift
	start_run "$log" --clock=event --publish.restate=1s --checkpoint.interval=300ms --kafka.session_timeout=6s --kafka.instance_id="$log" "$@"
}
serving() { metric_of "$1" salespulse_shards_serving; }
serves() { [ "$(serving "$1")" = "$2" ]; }
both_serve() { [ "$(serving a)" -ge 1 ] && [ "$(serving b)" -ge 1 ] && [ $(($(serving a) + $(serving b))) -eq 4 ]; }
compare() { "$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --idle 5 "$@" >"$work/compare.log" 2>&1; }

check "events are on the topics" simulate 2026-06-01T00:00:00Z 2026-06-20T00:00:00Z 4000
instance a
a=$run_pid
check "one instance serves all four" wait_for 20 serves a 4
instance b
b=$run_pid
check "two share them" wait_for 25 both_serve
kill -TERM "$b"
wait "$b"
check "one ends in order" test $? -eq 0
check "the other takes over" wait_for 20 serves a 4
instance b
b=$run_pid
check "it comes back" wait_for 25 both_serve
kill -KILL "$b"
wait "$b" 2>/dev/null
check "after a kill -9 the other takes over" wait_for 25 serves a 4
check "all values equal the oracle's, and revisions never fell" compare
tail -n 6 "$work/compare.log"
kill -TERM "$a"
wait "$a"
check "the last one ends in order" test $? -eq 0
explain() { # METRIC WINDOW FLAG…
	local metric=$1 window=$2
	shift 2
	"$program" explain --redis.address="unix:$work/redis.sock" --tenant cendana-prima --window "$window" "$@" "$metric" >"$work/explain.log" 2>&1 &&
		grep -q "^Every list adds up to its total.$" "$work/explain.log"
}
check "a number is explained by the records that it adds up to" explain won_revenue year_to_date
check "so is a team's rate" explain win_rate 30d --group team=jakarta
explain win_rat today
check "what nobody counts is named, with what is near" grep -q "there is no metric «win_rat»; the nearest is «win_rate»" "$work/explain.log"

single="--sharding=single --job=one --topics.latest=one.latest --topics.history=one.history"
instance c $single
c=$run_pid
check "single: one instance reads all partitions" wait_for 20 serves c 1
instance d $single
sleep 2
check "single: the second stands by" serves d 0
kill -KILL "$c"
wait "$c" 2>/dev/null
check "single: it takes over after a kill -9" wait_for 25 serves d 1
check "single: its values equal the oracle's" compare --single --outputs one.latest,one.history
tail -n 6 "$work/compare.log"
summary
