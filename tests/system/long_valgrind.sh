#!/usr/bin/env bash
# The real program under memcheck: `simulate`, `replay`, and a `run` that reads from a real broker, saves, is stopped, comes back from
# its checkpoint and is stopped again. Not one byte is definitely lost, and nothing that was never written is read. What is left
# at the end belongs to somebody. No library needs to be forgiven anything.
. "$(dirname "$0")/lib.sh"
memcheck="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite"
memcheck="$memcheck --child-silent-after-fork=yes"
start_kafka
start_redis

# clean NAME COMMAND…: ends well, and memcheck has nothing to say.
clean() {
	local status
	"${@:2}" >"$work/$1.out" 2>"$work/$1.err" </dev/null
	status=$?
	[ "$status" -eq 0 ] && ! grep -aE '^==[0-9]+==' "$work/$1.err" && return
	echo "$1: status $status"
	tail -n 5 "$work/$1.err"
	return 1
}
events=(--seed 6 --from 2026-05-01T00:00:00Z --to 2026-06-08T00:00:00Z --tenants 2 --reps 2 --leads 1)
check "simulate, files" clean files $memcheck "$program" simulate "${events[@]}" --format jsonl --out "$work/events"
check "simulate, broker" clean broker $memcheck "$program" simulate "${events[@]}" --brokers "$brokers"
check "replay" clean replay $memcheck "$program" replay --format csv --history --at 2026-05-20 --at 2026-06-09 "$work"/events/*.jsonl
check "replay says values" test "$(wc -l <"$work/replay.out")" -gt 100
if [ -d "$root/../shared/data/maven_crm" ] || [ -n "${MAVEN:-}" ]; then
	check "replay of CSV files" clean csv $memcheck "$program" replay --mapping "$root/tests/mapping/maven.yaml" --format csv \
		"${MAVEN:-$root/../shared/data/maven_crm}"
fi
check "check" clean check $memcheck "$program" check "$root/deploy/kpis.yaml"

serves() { [ "$(metric_of "$1" salespulse_shards_serving)" = 4 ]; }
has_saved() { [ "$(metric_of "$1" salespulse_checkpoints_total)" -ge 4 ] && [ "$(metric_of "$1" salespulse_records_total)" -ge 1 ]; }
RUN_WRAPPER=$memcheck
for round in first second; do
	start_run "$round" --clock=event --checkpoint.interval=500ms --kafka.session_timeout=1m
	check "$round run: all shards serve" wait_for 240 serves "$round"
	check "$round run: has published and saved" wait_for 240 has_saved "$round"
	check "$round run: answers HTTP" curl -sf -o "$work/readyz" "http://$(http_of "$round")/readyz"
	kill -TERM "$run_pid"
	wait "$run_pid"
	check "$round run: ends by itself" test $? -eq 0
	check "$round run: memcheck has nothing to say" bash -c "! grep -aE -A 14 '^==[0-9]+==' '$work/$round.log'"
done
summary
