#!/usr/bin/env bash
# test_calls.sh: the example of a call centre's export (tests/mapping/calls) gives its expected values and rejects, which were worked
# out by hand from its 29 rows: calls C1 C2 C5 C6 are dialled and C1 alone connects; C1 and C3 talk 3:50 and 1:04:30, with 5 s on hold;
# D1 was won on 3 March at 12:00, 26 hours after it was made, and its amount corrected later to 1,800,000.50; three reps are on the roster.
# SALESPULSE is the program (build/salespulse).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${SALESPULSE:-$root/build/salespulse}
example=$root/tests/mapping/calls
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

same() { # NAME EXPECTED-FILE ACTUAL-FILE
	if diff -u "$2" "$3"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1"
	fi
}

# The mapping finds its files beside itself; wherever it is started.
cd "$work" || exit 1
metrics=()
for metric in won_revenue revenue_per_rep won_deals sales_cycle_days opportunities_new opportunities_open leads_new lead_to_opportunity \
	dials connect_rate talk_time aht rep_revenue; do
	metrics+=(--metric "$metric")
done
"$program" replay --mapping "$example/calls.yaml" --at 2026-03-04 --format csv --window 7d --window now "${metrics[@]}" --rejects rejects \
	>values 2>summary || cat summary
# Revisions count all metrics of the definitions, and so are no matter of this example.
cut -d, -f1-13 values >values.csv
sed "s|$example/||" rejects >rejects.csv
same values "$example/expected.csv" values.csv
same rejects "$example/expected_rejects.csv" rejects.csv
echo "replay: 27 events of 4 files; 0 duplicates, 0 late, 0 dead letters, 4 rejects of 29 rows, 1 row skipped, 2 starts without an end; see rejects" >expected
same summary expected summary

# As of the evening before, the deal is open: nothing that came later shows.
"$program" replay --mapping "$example/calls.yaml" --at 2026-03-02T23:00 --format csv --metric won_deals --window 7d --group-by '' 2>/dev/null |
	cut -d, -f2-7 >before
printf 'metric,window,group_by,group_key,state,value\nwon_deals,7d,,,OK,0\n' >expected
same "the evening before" expected before

echo "test_calls: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
