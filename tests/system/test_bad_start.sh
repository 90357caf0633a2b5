#!/usr/bin/env bash
# What is wrong at the start is refused with its place and its remedy; what is only absent is waited for: said once and then at growing
# intervals, visible in /readyz, and the program goes on by itself once it is there.
. "$(dirname "$0")/lib.sh"

# refused TITLE PART… -- ARGUMENT…: exit status 2, and each part is said.
refused() {
	local title=$1 parts=() part
	shift
	while [ "$1" != -- ]; do parts+=("$1") && shift; done
	shift
	timeout 20 "$program" "$@" >"$work/said" 2>&1
	check "$title: status 2" test $? -eq 2
	for part in "${parts[@]}"; do
		check "$title: says «$part»" grep -qF -- "$part" "$work/said"
	done
}

readyz() { curl -s "http://$(http_of "$1")/readyz"; }
ready_status() { curl -s -o /dev/null -w '%{http_code}' "http://$(http_of "$1")/readyz"; }
is_ready() { [ "$(ready_status "$1")" = 200 ]; }
unready_says() { [ "$(ready_status "$1")" = 503 ] && readyz "$1" | grep -qE "$2"; }
stop_run() {
	kill -TERM "$run_pid" && wait "$run_pid"
}

# ---- wrong settings and definitions
printf 'job: a\nkafka:\n  broker: x:9092\n' >"$work/name.yaml"
refused "unknown name" "name.yaml:3:" "^" "brokers" -- run --settings "$work/name.yaml"
printf 'checkpoint:\n  interval: soon\n' >"$work/value.yaml"
refused "bad value" "value.yaml:2:13:" "^" -- run --settings "$work/value.yaml"
refused "unknown flag" "kafka.brokers" -- run --kafka.broker=x:1
printf 'measures:\n  - nam: x\n' >"$work/kpis.yaml"
refused "wrong definitions" "kpis.yaml:2:5:" "^" "name" -- run --definitions="$work/kpis.yaml"
SALESPULSE_SHARDING=singel refused "wrong environment" "SALESPULSE_SHARDING" "^" "single" -- run

# ---- no broker yet
mkdir -p "$work/kafka"
brokers=127.0.0.1:$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo "$brokers" >"$work/kafka/address"
start_redis
start_run wait --checkpoint.interval=300ms --kafka.session_timeout=6s
check "no broker: /readyz says 503 and why" wait_for 10 unready_says wait 'kafka at'
sleep 9
said=$(grep -c 'event=broker_waits' "$work/wait.log")
check "no broker: said once and then seldom ($said lines in 10 s)" test "$said" -ge 1 -a "$said" -le 3
check "no broker: nothing else repeats" test "$(wc -l <"$work/wait.log")" -le 12
start_kafka
check "it goes on once the broker is there" wait_for 30 is_ready wait

# ---- Redis goes, and comes back
"$program" simulate --brokers "$brokers" --seed 2 --from 2026-06-01T00:00:00Z --to 2026-06-08T00:00:00Z --tenants 2 --reps 4 --events 600 \
	>"$work/simulate.log" 2>&1
has_offsets() { [ "$(metric_of wait salespulse_events_total)" -ge 300 ]; }
check "events are counted" wait_for 15 has_offsets
sleep 1.5
stop_run
check "it ends in order" test $? -eq 0
kill -KILL "$redis_pid" && wait "$redis_pid" 2>/dev/null
rm -f "$work/redis.sock"
start_run noredis --checkpoint.interval=300ms --kafka.session_timeout=6s
check "no Redis: /readyz says 503 and why" wait_for 15 unready_says noredis 'redis: not reachable'
sleep 6
said=$(grep -ciE 'redis|storage' "$work/noredis.log")
check "no Redis: said, and not at every attempt ($said lines)" test "$said" -ge 2 -a "$said" -le 8

# ---- and is empty when it comes: the state is lost beside committed offsets
start_redis
check "an empty Redis beside committed offsets stops with the choice" wait_for 20 grep -q 'has no checkpoint, but the group has committed offsets.*--rebuild' "$work/noredis.log"
wait_for 5 bash -c "! kill -0 $run_pid" || kill -TERM "$run_pid"
wait "$run_pid" 2>/dev/null
check "and it does not end as if all were well" test $? -ne 0

highest() {
	"$python" - "$brokers" "$root" <<-'PY'
		import sys
		sys.path.insert(0, sys.argv[2] + "/tests/oracle")
		import compare
		schemas = compare.Schemas(sys.argv[2] + "/schemas")
		last, fell = {}, 0
		for m in compare.consume(sys.argv[1], ["kpi.latest"], idle=1, ignore=lambda m: b"heartbeat" in (m.key() or b"")):
		    if m.value() is not None and b"heartbeat" not in (m.key() or b""):
		        r = schemas.read("kpi_snapshot", m.value())
		        fell += r["revision"] <= last.get(m.key(), 0)
		        last[m.key()] = r["revision"]
		print(len(last), max(last.values(), default=0), fell)
	PY
}
read -r keys before fell <<<"$(highest)"
start_run rebuild --rebuild=true --checkpoint.interval=300ms --kafka.session_timeout=6s
check "--rebuild=true goes on" wait_for 20 is_ready rebuild
sleep 2
read -r keys_after after fell <<<"$(highest)"
check "its revisions rise ($before, then $after; $fell of $keys_after keys fell)" test "$before" -gt 0 -a "$after" -gt "$before" -a "$fell" -eq 0 -a "$keys_after" -ge "$keys"
stop_run

# ---- a twin: two processes with one instance id fence each other; one ends and says why, the other goes on
start_run elder --rebuild=true --checkpoint.interval=300ms --kafka.session_timeout=6s --kafka.instance_id=twin
elder=$run_pid
wait_for 20 is_ready elder
start_run younger --rebuild=true --checkpoint.interval=300ms --kafka.session_timeout=6s --kafka.instance_id=twin
younger=$run_pid
one_has_ended() { ! kill -0 $elder || ! kill -0 $younger; }
check "one of two twins ends" wait_for 60 one_has_ended
ended=elder lives=younger
kill -0 $elder 2>/dev/null && ended=younger lives=elder
check "it says why, and what to do" grep -q 'event=failed.*a kafka.instance_id of its own' "$work/$ended.log"
check "not at the first time" test "$(grep -c 'event=fenced_by_group' "$work/$ended.log")" -ge 2
check "the other goes on" wait_for 20 is_ready $lives
before=$(metric_of $lives salespulse_events_total)
"$program" simulate --brokers "$brokers" --seed 3 --from 2026-06-08T00:00:00Z --to 2026-06-10T00:00:00Z --tenants 2 --reps 4 --events 300 \
	>>"$work/simulate.log" 2>&1
reads_more() { [ "$(metric_of $lives salespulse_events_total)" -gt "$before" ]; }
check "and reads" wait_for 15 reads_more
run_pid=${!lives}
stop_run
check "and ends in order" test $? -eq 0

# ---- a Redis that evicts
redis-cli -s "$work/redis.sock" config set maxmemory-policy allkeys-lru >/dev/null
start_run evicts
check "an evicting Redis is refused" wait_for 15 grep -q 'evicts keys (maxmemory-policy allkeys-lru); set it to noeviction' "$work/evicts.log"
wait_for 5 bash -c "! kill -0 $run_pid" || kill -TERM "$run_pid"
wait "$run_pid" 2>/dev/null
redis-cli -s "$work/redis.sock" config set maxmemory-policy noeviction >/dev/null

# ---- unequal partition counts
"$python" - "$brokers" <<-'PY'
	import sys
	from confluent_kafka.admin import AdminClient, NewTopic
	admin = AdminClient({"bootstrap.servers": sys.argv[1]})
	for future in admin.create_topics([NewTopic("odd.lead", 3, 1), NewTopic("odd.deal", 5, 1)]).values():
	    future.result()
PY
refused "unequal partition counts" "partitions" "create odd.deal anew with" "sharding: single" -- run --kafka.brokers="$brokers" \
	--redis.address="unix:$work/redis.sock" --http.address= --job=odd --topics.lead=odd.lead --topics.deal=odd.deal \
	--topics.opportunity=odd.opportunity --topics.call=odd.call --topics.rep=odd.rep --topics.account=
summary
