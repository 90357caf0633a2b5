#!/usr/bin/env bash
# test_maven.sh: the public data replays to the figures that others published (KPIS.md, «Published figures to meet»), and, per rep,
# team and moment, to what a few lines of Python make of the same CSV.
# SALESPULSE is the program (build/salespulse), MAVEN_DATA the folder of the data (../shared/data/maven_crm beside the checkout).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${SALESPULSE:-$root/build/salespulse}
data=${MAVEN_DATA:-$root/../shared/data/maven_crm}
mapping=$root/tests/mapping/maven.yaml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1: expected $2, got $3"
	fi
}

finish() {
	echo "test_maven: $passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

if [ ! -r "$data/sales_pipeline.csv" ]; then
	echo "not ok the public data is not in $data; MAVEN_DATA names its folder"
	failed=1
	finish
fi

# replay NAME ARGUMENT…: into NAME.csv; its summary must say that nothing was lost on the way.
replay() {
	local name=$1
	shift
	"$program" replay --mapping "$mapping" --format csv --rejects "$work/$name.rejects" "$@" "$data" >"$work/$name.csv" 2>"$work/$name.err" ||
		{ cat "$work/$name.err"; check "replay $name" 0 failed; finish; }
	# 35 reps, 8,800 rows opened, 6,711 of them closed, 4,238 of these won
	check "$name: summary" "replay: 19784 events of 2 files; 0 duplicates, 0 late, 0 dead letters, 0 rejects of 8835 rows" \
		"$(cat "$work/$name.err")"
}

# field NAME METRIC WINDOW COLUMN [GROUP_BY GROUP_KEY WINDOW_START]: one cell of the company's row, or that group's. Texts with commas are not in it.
field() {
	awk -F, -v metric="$2" -v window="$3" -v column="$4" -v by="${5:-}" -v key="${6:-}" -v start="${7:-}" '
		NR == 1 { for (i = 1; i <= NF; i++) place[$i] = i; next }
		$2 == metric && $3 == window && $4 == by && $5 == key && (start == "" || $12 == start) { print $place[column]; exit }' "$work/$1.csv"
}

rounded() { # DIGITS VALUE
	LC_ALL=C awk -v d="$1" -v v="$2" 'BEGIN { if (v == "") print "nothing"; else printf "%.*f\n", d, v }'
}

replay end --at 2018-01-01
check "columns" "tenant_id,metric,window,group_by,group_key,state,value,numerator,denominator,sample_size,previous_value,window_start,window_end,revision" \
	"$(head -n 1 "$work/end.csv")"
check "won" 4238 "$(field end win_rate all numerator)"
check "closed" 6711 "$(field end win_rate all denominator)"
check "win rate" 63.15 "$(rounded 2 "$(field end win_rate all value)")"
check "won revenue" 10005534 "$(field end won_revenue all value)"
check "won deals" 4238 "$(field end won_deals all value)"
check "average purchase" 2360.9094 "$(rounded 4 "$(field end average_purchase_value all value)")"
check "mean cycle" 51.78 "$(rounded 2 "$(field end sales_cycle_days all value)")"
check "revenue per rep" 285872.40 "$(rounded 2 "$(field end revenue_per_rep all value)")"
check "reps on the roster" 35 "$(field end revenue_per_rep all denominator)"
check "open" 2089 "$(field end opportunities_open now value)"
# Every lost opportunity has the amount 0: there is no rate by value, and least of all 100 %.
check "win rate by value" "" "$(field end win_rate_value all value)"
check "state of win rate by value" NO_DATA "$(field end win_rate_value all state)"

# By quarter: as it closed, and to date at its last instant. A closing on the first day of a quarter is in one of them only.
replay quarters --history --at 2018-01-02 --window quarter
replay to_date --at 2017-03-31T23:59:59.999 --at 2017-06-30T23:59:59.999 --at 2017-09-30T23:59:59.999 --at 2017-12-31T23:59:59.999 \
	--window quarter_to_date
while read -r start won rate; do
	for of in "quarters quarter" "to_date quarter_to_date"; do
		read -r name window <<<"$of"
		check "$window of $start: won" "$won" "$(field "$name" win_rate "$window" numerator "" "" "${start}T00:00:00Z")"
		check "$window of $start: rate" "$rate" "$(rounded 2 "$(field "$name" win_rate "$window" value "" "" "${start}T00:00:00Z")")"
	done
done <<-END
	2017-01-01 531 82.07
	2017-04-01 1254 61.71
	2017-07-01 1257 61.41
	2017-10-01 1196 60.25
END

# The rest against Python.
replay middle --at 2017-07-01T12:00:00Z
python3 - "$data" "$work" >"$work/python" <<'END'
import collections, csv, datetime, statistics, sys

data, work = sys.argv[1:]
rows = list(csv.DictReader(open(data + "/sales_pipeline.csv", encoding="utf-8")))
team_of = {r["sales_agent"]: r["manager"] for r in csv.DictReader(open(data + "/sales_teams.csv", encoding="utf-8"))}
values = {}


def load(name):
    return {(r["metric"], r["window"], r["group_by"], r["group_key"]): r for r in csv.DictReader(open(f"{work}/{name}.csv", encoding="utf-8"))}


def check(name, expected, row, column="value", tolerance=0.00005):
    got = row and row[column]
    good = bool(got) and abs(float(got) - expected) <= tolerance
    print("ok" if good else f"not ok {name}: expected {expected}, got {got}")


def date(text):
    return datetime.date.fromisoformat(text)


end, middle = load("end"), load("middle")
won = [r for r in rows if r["deal_stage"] == "Won"]
lost = [r for r in rows if r["deal_stage"] == "Lost"]
revenue, wins, losses, teams = (collections.Counter() for _ in range(4))
for r in won:
    revenue[r["sales_agent"]] += int(r["close_value"])
    wins[r["sales_agent"]] += 1
    teams[team_of[r["sales_agent"]]] += int(r["close_value"])
for r in lost:
    losses[r["sales_agent"]] += 1
for rep in team_of:
    check(f"won deals of {rep}", wins[rep], end.get(("won_deals", "all", "rep", rep)))
    if wins[rep]:
        check(f"win rate of {rep}", 100 * wins[rep] / (wins[rep] + losses[rep]), end.get(("win_rate", "all", "rep", rep)))
        check(f"average purchase of {rep}", revenue[rep] / wins[rep], end.get(("average_purchase_value", "all", "rep", rep)))
for team, amount in teams.items():
    check(f"revenue of {team}", amount, end.get(("won_revenue", "all", "team", team)))
    reps = sum(1 for t in team_of.values() if t == team)
    check(f"revenue per rep of {team}", amount / reps, end.get(("revenue_per_rep", "all", "team", team)))

cycles = sorted((date(r["close_date"]) - date(r["engage_date"])).days for r in won)
check("mean cycle", statistics.fmean(cycles), end.get(("sales_cycle_days", "all", "", "")))
# Percentiles are read off a histogram: at most 1 % beside.
for metric, p in (("sales_cycle_days_p50", 0.5), ("sales_cycle_days_p90", 0.9)):
    exact = cycles[max(0, -(-len(cycles) * int(p * 10) // 10) - 1)]
    check(metric, exact, end.get((metric, "all", "", "")), tolerance=0.01 * exact)

# In the middle of history nothing of what came later shows.
now = datetime.date(2017, 7, 1)
before = [r for r in won if date(r["close_date"]) <= now]
opened = [r for r in rows if r["engage_date"] and date(r["engage_date"]) <= now]
closed = [r for r in opened if r["close_date"] and date(r["close_date"]) <= now]
undated = [r for r in rows if not r["engage_date"]]
check("middle: revenue", sum(int(r["close_value"]) for r in before), middle.get(("won_revenue", "all", "", "")))
check("middle: open", len(opened) - len(closed) + len(undated), middle.get(("opportunities_open", "now", "", "")))
month = [r for r in won if date(r["close_date"]) == now]
check("middle: month to date", sum(int(r["close_value"]) for r in month), middle.get(("won_revenue", "month_to_date", "", "")))
week = [r for r in won if now - datetime.timedelta(days=6) <= date(r["close_date"]) <= now]
check("middle: 7 days", sum(int(r["close_value"]) for r in week), middle.get(("won_revenue", "7d", "", "")))
END
passed=$((passed + $(grep -c '^ok' "$work/python")))
failed=$((failed + $(grep -c '^not ok' "$work/python")))
grep '^not ok' "$work/python"
check "Python got to its end" yes "$([ "$(grep -c ok "$work/python")" -gt 100 ] && echo yes)"

finish
