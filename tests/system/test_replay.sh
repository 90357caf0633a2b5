#!/usr/bin/env bash
# test_replay.sh: the command's manners: what it reads, what it prints, how it says what is wrong, and its exit status.
# SALESPULSE is the program (build/salespulse).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${SALESPULSE:-$root/build/salespulse}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

check() { # NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1: expected «$2», got «$3»"
	fi
}

says() { # NAME STATUS PART ARGUMENT…: its exit status, and that stderr has this part
	local name=$1 status=$2 part=$3
	shift 3
	"$program" replay "$@" >out 2>err </dev/null
	check "$name: status" "$status" $?
	if grep -qF -- "$part" err; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $name: «$part» is not in: $(cat err)"
	fi
}

event() { # ID VERSION TIME STATUS AMOUNT
	printf '{"type":"deal","event_id":"%s-%s","tenant_id":"acme","entity_id":"%s","op":"UPDATE","occurred_at":"%s","ingested_at":"%s",' "$1" "$2" "$1" "$3" "$3"
	printf '"source":"test","source_version":%s,"merged_ids":[],"excluded":false,"ext":{},"status":"%s","deal_type":"UNKNOWN","amount":"%s",' "$2" "$4" "$5"
	printf '"currency":"IDR","won_at":"%s","owner_id":"ana","splits":[],"items":[]}\n' "$3"
}

{
	event D1 1 2026-03-28T10:00:00Z WON 100.50
	event D2 1 2026-03-29T10:00:00Z WON 200
	event D1 1 2026-03-28T10:00:00Z WON 100.50
	echo '{"type":"deal"'
	event D3 1 2026-03-20T10:00:00Z WON 50
	event '' 1 2026-03-20T10:00:00Z WON 50
} >events.jsonl

value() { # METRIC WINDOW FILE
	awk -F, -v m="$1" -v w="$2" '$2 == m && $3 == w && $4 == "" { print $7 }' "$3"
}

"$program" replay --currency IDR --format csv events.jsonl >out 2>err
check "status" 0 $?
check "all" 350.5 "$(value won_revenue all out)"
check "summary" "replay: 5 events of 1 file; 1 duplicate, 0 late, 1 dead letter, 1 reject; see salespulse.rejects.csv" "$(tail -n 1 err)"
check "rejects" 2 "$(grep -c '^events.jsonl,[46],' salespulse.rejects.csv)"
check "no bar without a terminal" 0 "$(grep -c $'\r' err)"

# Events that stand later in the file are in when they happened earlier; what comes after the moment is not.
"$program" replay --currency IDR --format csv --at 2026-03-28T12:00:00+00:00 --at 2026-03-30 --rejects r --metric won_revenue --window all \
	--group-by '' events.jsonl >out 2>err
check "two moments" "150.5 350.5" "$(value won_revenue all out | paste -sd ' ')"
check "only what was asked for" 3 "$(wc -l <out)"
# A local date is its start: 30 March in Kiritimati begins at 10:00 UTC of the 29th, and D2 was won at that very instant.
"$program" replay --currency IDR --zone Pacific/Kiritimati --format csv --at 2026-03-30 --metric won_revenue --window all --group-by '' \
	events.jsonl >out 2>/dev/null
check "a fact at the moment waits" 150.5 "$(value won_revenue all out)"

cat events.jsonl | "$program" replay --currency IDR --format jsonl --metric won_revenue --window all --group-by '' - >out 2>/dev/null
check "standard input, JSON lines" "350.5 acme OK" \
	"$(python3 -c 'import json; r = json.loads(open("out").read()); print(r["value"], r["tenant_id"], r["state"])')"

"$program" replay --currency IDR --metric won_revenue events.jsonl >out 2>/dev/null
check "table" "  company  350.50" "$(grep -m 1 company out | sed -E 's/(company).* ([0-9.]+)$/\1  \2/')"
"$program" replay --currency IDR --history --at 2026-04-05 --format csv --metric won_deals --window day --window week --group-by '' \
	events.jsonl >out 2>/dev/null
check "closed days" "1 1 1" "$(awk -F, '$3 == "day" && $7 > 0 { print $7 }' out | paste -sd ' ')"
check "closed weeks" "1 2" "$(awk -F, '$3 == "week" && $7 > 0 { print $7 }' out | paste -sd ' ')"

# S12: from Sunday the 29th on weeks begin on Sunday: the one before has six days, and D2 is in the next.
"$program" replay --currency IDR --history --at 2026-04-06 --format csv --metric won_deals --window week --group-by '' \
	--calendar-change 2026-03-29,week_start=7 events.jsonl >out 2>/dev/null
check "weeks from a date on" "1 1 1" "$(awk -F, '$3 == "week" && $7 > 0 { print $7 }' out | paste -sd ' ')"
# The 29th begins in Greenwich and ends at Kiritimati's midnight, ten hours later.
"$program" replay --currency IDR --format csv --calendar-change 2026-03-29,zone=Pacific/Kiritimati --at 2026-03-30 --metric won_revenue \
	--window all --group-by '' events.jsonl >out 2>/dev/null
check "a zone from a date on" 150.5 "$(value won_revenue all out)"

says "rejects over the input" 2 "would overwrite" --rejects events.jsonl events.jsonl
says "no files" 2 "which files?"
says "no such file" 2 "No such file" absent.jsonl
says "no such metric" 2 "the nearest is «won_revenue»" --metric won_revenu events.jsonl
says "no such window" 2 "--window: there is no «9y»" --window 9y events.jsonl
says "no such grouping" 2 "the nearest is «team»" --group-by teem events.jsonl
says "no such zone" 2 'did you mean "Asia/Jakarta"?' --zone Asia/Jakrta events.jsonl
printf 'week: [mon, tus]\n' >days.yaml
says "a file of working days that is wrong" 2 "days.yaml:1:13: a day of the week is" --workdays days.yaml events.jsonl
says "a change without a date" 2 "a date like 2026-07-01 is wanted first" --calendar-change zone=UTC events.jsonl
says "a change of nothing" 2 "zone, week_start or fiscal_start is wanted" --calendar-change 2026-07-01 events.jsonl
says "a change of what is not" 2 "the nearest is «zone»" --calendar-change 2026-07-01,zon=UTC events.jsonl
says "a change to no zone" 2 'did you mean "Asia/Makassar"?' --calendar-change 2026-07-01,week_start=7,zone=Asia/Makasar events.jsonl
says "a change to no day" 2 "week_start wants a whole number from 1 to 7, not «8»" --calendar-change 2026-07-01,week_start=8 events.jsonl
says "changes out of order" 2 "in the order of their dates" --calendar-change 2026-07-01,zone=UTC --calendar-change 2026-07-01,week_start=7 events.jsonl
says "no such time" 2 "--at yesterday: not a time" --at yesterday events.jsonl
says "no such format" 2 "table|csv|jsonl" --format xml events.jsonl
says "no such flag" 2 "--mapping" --maping x events.jsonl
echo 'measures: [{nam: x}]' >bad.yaml
says "wrong definitions" 2 "bad.yaml:1:13:" --kpis bad.yaml events.jsonl
echo 'rows: [{form: x}]' >bad.yaml
says "wrong mapping" 2 "the nearest is «from»" --mapping bad.yaml events.jsonl
printf 'a,b\n1,2\n' >rows.csv
says "CSV without a mapping" 2 "a CSV file wants --mapping" rows.csv
printf 'Obj\001' >broken.avro
says "broken Avro" 1 "broken.avro" broken.avro
for i in $(seq 1000); do event "E$i" 1 2026-03-28T10:00:00Z WON 1; done >some.jsonl
for _ in 1 2 3 4 5 6 7 8 9; do cat some.jsonl; done >many.jsonl
says "too little memory" 1 "raise --memory" --memory 1 many.jsonl
"$program" replay --help >out 2>err
check "help: status" 0 $?
check "help: flags" 1 "$(grep -c -- '--history' out)"

echo "test_replay: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
