#!/usr/bin/env bash
# A day with no events after a day with many: rolling KPIs fall to zero on kpi.latest, to-date ones turn over at the tenant's midnight,
# with no event arriving. The processor's wall time is moved on by libfaketime (its monotone time is not), by less than max_skew.
. "$(dirname "$0")/lib.sh"
echo '+0' >"$work/offset"
# Runs in the background's subshell, which it becomes.
shifted() {
	exec env LD_PRELOAD="$(ls /usr/lib/*/faketime/libfaketime.so.1 | head -n 1)" FAKETIME_TIMESTAMP_FILE="$work/offset" FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 "$@"
}
RUN_WRAPPER=shifted
start_kafka
start_redis
now=$(date +%s)
# A zone in which it is about noon: 22 hours later it is tomorrow.
east=$((12 - $(date -u +%-H)))
zone=$([ $east -ge 0 ] && echo "Etc/GMT-$east" || echo "Etc/GMT+$((-east))")
"$program" simulate --brokers "$brokers" --seed 3 --from "$(date -u -d @$((now - 86400 * 4)) +%FT%TZ)" --to "$(date -u -d @$((now - 10800)) +%FT%TZ)" \
	--tenants 2 --reps 8 --events 20000 >"$work/simulate.log" 2>&1
check "four days of events, up to three hours ago" test $? -eq 0
start_run run --zone="$zone" --max_skew=1d

# The company's values, of all tenants, one a line.
values() { # METRIC WINDOW [TOPIC]
	"$python" "$root/tests/system/latest.py" --brokers "$brokers" --schemas "$root/schemas" --metric "$1" --window "$2" --topic "${3:-kpi.latest}"
}
some() { values "$@" >"$work/values" && grep -qE '^[1-9]' "$work/values"; }
all_zero() { values "$@" >"$work/values" && [ -s "$work/values" ] && ! grep -qvE '^0(\.0+)?$' "$work/values"; }
check "the rolling day shows leads" wait_for 60 some leads_new 24h
echo '+22h' >"$work/offset"
check "22 hours later, with no event, the rolling day is zero" wait_for 60 all_zero leads_new 24h
check "and today is zero" wait_for 30 all_zero leads_new today
check "the rolling week still has them" some leads_new 7d
check "the days that passed were closed" some leads_new day kpi.history
summary
