#!/usr/bin/env bash
# Other definitions while running, on the real broker and Redis: a KPI is added by editing the file and a SIGHUP; it knows the past at once, what
# did not change goes on, a wrong file changes nothing and says where, and a kill -9 right behind it loses nothing.
. "$(dirname "$0")/lib.sh"
start_kafka
start_redis
now=$(date +%s)
"$program" simulate --brokers "$brokers" --seed 5 --from "$(date -u -d @$((now - 86400 * 3)) +%FT%TZ)" --to "$(date -u -d @$((now - 600)) +%FT%TZ)" \
	--tenants 2 --reps 8 --events 15000 >"$work/simulate.log" 2>&1
check "three days of events" test $? -eq 0
cat >"$work/kpis.yaml" <<'YAML'
measures:
  - {name: leads, on: lead, at: lead.created_at, agg: count, by: {source: lead.source_channel}}
  - {name: good, extends: leads, where: 'lead.qualification == "GOOD"'}
metrics:
  - {name: leads_new, value: leads, windows: [7d, today], group_by: [[], [source]]}
YAML
values() { # METRIC WINDOW: the company's, of both tenants
	"$python" "$root/tests/system/latest.py" --brokers "$brokers" --schemas "$root/schemas" --metric "$1" --window "$2"
}
some() { values "$@" >"$work/values" && [ "$(grep -cE '^[0-9]' "$work/values")" = 2 ]; }
says() { grep -q "$1" "$work/run.log"; }
begin() { start_run run --definitions="$work/kpis.yaml" --checkpoint.interval=1s; }

begin
check "it serves, and leads are there" wait_for 60 some leads_new 7d
cp "$work/values" "$work/before"
check "a KPI that nobody defined is not" test -z "$(values good_share 7d)"
messages=$(metric_of run salespulse_messages_total)
cp "$work/kpis.yaml" "$work/before.yaml"
checkpointed() { [ "$(metric_of run salespulse_checkpoints_total)" -ge 12 ]; }

echo "  - {name: good_share, value: good / leads, windows: [7d], group_by: [[], [source]], unit: percent, compare: nothing_such}" >>"$work/kpis.yaml"
kill -HUP "$run_pid"
check "a wrong file is refused" wait_for 10 says 'event=definitions_refused'
check "with its place" says 'kpis.yaml:6:'
check "and the process goes on" kill -0 "$run_pid"

sed -i 's/, compare: nothing_such//' "$work/kpis.yaml"
wait_for 10 checkpointed
differs() { "$program" diff --redis.address="unix:$work/redis.sock" --definitions="$work/before.yaml" "$@" >"$work/diff" 2>&1; }
differs "$work/before.yaml"
check "by the same file nothing would be another number" test $? -eq 0
check "and it says so" grep -qE '^diff: 0 changed, 0 new, 0 gone, [1-9][0-9]* the same$' "$work/diff"
differs "$work/kpis.yaml"
check "by the mended one something would" test $? -eq 1
check "nothing that is there" grep -qE '^diff: 0 changed, [1-9][0-9]* new, 0 gone, [1-9][0-9]* the same$' "$work/diff"
check "but the new KPI" grep -qE '^[^ ]+  good_share 7d  \(none\) -> [1-9][0-9.]* %$' "$work/diff"
differs "$work/nowhere.yaml"
check "a file that is not there is named" grep -q 'nowhere.yaml' "$work/diff"
kill -HUP "$run_pid"
check "the mended file is taken up" wait_for 20 says 'event=redefined'
check "the new KPI knows the past" wait_for 20 some good_share 7d
check "it is a share" awk '$1 <= 0 || $1 >= 100 { exit 1 }' "$work/values"
check "what did not change is there" some leads_new 7d
check "and as it was" cmp "$work/before" "$work/values"
check "nothing was read again" test "$(metric_of run salespulse_messages_total)" = "$messages"
check "it says that it was redefined once" test "$(metric_of run salespulse_redefinitions_total)" = 1
check "and serves" test "$(metric_of run salespulse_shards_serving)" = 4
kill -HUP "$run_pid"
check "the same file once more changes nothing" wait_for 10 says 'event=definitions_unchanged'

check "before the kill it has values" some good_share 7d
cp "$work/values" "$work/share"
sleep 3 # a checkpoint under the new ones
kill -KILL "$run_pid"
wait "$run_pid" 2>/dev/null
: >"$work/run.log"
begin
check "killed, it comes back from its checkpoint" wait_for 60 says 'event=restored'
check "which is of the new definitions: nothing is rebuilt" test -z "$(grep 'event=definitions_changed' "$work/run.log")"
serving() { [ "$(metric_of run salespulse_shards_serving)" = 4 ]; }
check "and serves again" wait_for 60 serving
values good_share 7d >"$work/values"
check "with values" test -s "$work/values"
check "the same ones" cmp "$work/share" "$work/values"
summary
