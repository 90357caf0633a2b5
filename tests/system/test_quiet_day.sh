#!/usr/bin/env bash
# A day with no events after a day with many: rolling KPIs fall to zero on kpi.latest, to-date ones turn over at the tenant's midnight,
# with no event arriving. Wall time is moved by libfaketime, for the processor and its Redis alike.
. "$(dirname "$0")/lib.sh"
echo '+0' >"$work/offset"
shifted() {
	env LD_PRELOAD="$(ls /usr/lib/*/faketime/libfaketime.so.1 | head -n 1)" FAKETIME_TIMESTAMP_FILE="$work/offset" FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 "$@"
}
RUN_WRAPPER=shifted
start_kafka
start_redis shifted
now=$(date +%s)
"$program" simulate --brokers "$brokers" --seed 3 --from "$(date -u -d @$((now - 86400 * 3)) +%FT%TZ)" --to "$(date -u -d @$((now - 1)) +%FT%TZ)" \
	--tenants 2 --reps 8 --events 20000 --rate max >"$work/simulate.log" 2>&1
check "three days of events up to now" test $? -eq 0
start_run run --zone=Asia/Jakarta

# value METRIC WINDOW: the company's, of all tenants; "-" for null.
values() {
	"$python" "$root/tests/system/latest.py" --brokers "$brokers" --schemas "$root/schemas" "$@"
}
has_sales() { values --metric dials --window 24h | grep -qE '^[1-9]'; }
all_zero() { ! values "$@" | grep -qvE '^0(\.0+)?$'; }
check "the rolling day shows calls" wait_for 90 has_sales
echo '+26h' >"$work/offset"
check "26 hours later, with no event, the rolling day is zero" wait_for 60 all_zero --metric dials --window 24h
check "and today is zero" wait_for 30 all_zero --metric dials --window today
values --metric dials --window 7d >"$work/week"
check "the rolling week still has them" grep -qE '^[1-9]' "$work/week"
check "the days that passed were closed" bash -c "\"$python\" \"$root/tests/system/latest.py\" --brokers $brokers --schemas \"$root/schemas\" --topic kpi.history --metric dials --window day | grep -qE '^[1-9]'"
summary
