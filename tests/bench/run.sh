#!/usr/bin/env bash
# run.sh: the bench: ratios between two things that are done in turn in one run, and figures with what they stand beside. PARTS says which:
#   run         how much of raw librdkafka consumption `run` keeps while it does the whole job, on one broker, the same topics, after a warm-up: the
#               comparison job (tests/bench/kpis.yaml on the funnel's events, published each second), then the shipped definitions on the same
#   latency     from an event to its snapshot, open loop, at half of the rate that `run` keeps up (measured before, in the same session), at the
#               default and at the least publish.interval, and once with no checkpoint after the first
#   start       from the start of `run` until /readyz says so, empty and from a checkpoint of a million entities; `check`; the program's size
#   core        decode, apply, windows alone, at few and many groups, at small and great steps of the clock
#   memory      resident bytes of an idle entity and of a ledger entry
#   checkpoint  save and restore over the storage in memory and over Redis, beside a memcpy and SET/GET of the same bytes
# EVENTS and ROUNDS set the size; LATENCY_SECONDS, LATENCY_WARM_UP, LATENCY_HALF=0, START_EVENTS, CORE_EVENTS, MEMORY_COUNT, CHECKPOINT_EVENTS those of one part.
. "$(dirname "$0")/../system/lib.sh"
set -o pipefail
events=${EVENTS:-3000000}
rounds=${ROUNDS:-3}
parts=${PARTS:-run latency start core memory checkpoint}
built=$root/build/obj/bench
kpis=$root/tests/bench/kpis.yaml
topics="crm.lead crm.opportunity crm.deal crm.call"
sustained= is_fed=
echo "bench: $(nproc) cores,$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), load $(cut -d' ' -f1 /proc/loadavg)"

wants() {
	case " $parts " in *" $1 "*) return 0 ;; esac
	return 1
}

say() { # TITLE TEXT
	printf '%-32s %s\n' "$@"
}

need_broker() {
	[ -n "${brokers:-}" ] || start_kafka
}

need_redis() {
	[ -n "${redis_pid:-}" ] || start_redis
}

input_topics() { # PREFIX: flags that name the inputs, so that a part has them for itself
	echo "--topics.lead=$1.lead --topics.opportunity=$1.opportunity --topics.deal=$1.deal --topics.call=$1.call --topics.rep=$1.rep --topics.account=$1.account"
}

is_ready() { # LOG
	curl -sf -o "$work/ready" "http://$(http_of "$1")/readyz"
}

quietly() { # COMMAND…: what it says on stderr is shown only when it fails
	"$@" 2>"$work/quietly" || { cat "$work/quietly" >&2; exit 1; }
}

elapsed() { # SINCE, as of EPOCHREALTIME
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# ---- run ------------------------------------------------------------------------------------------------------------

# One pass of `run` from the beginning, with a job and outputs of its own; prints seconds, CPU seconds, MiB when all has been read.
pass() { # NUMBER FLAG…
	local number=$1 begun
	shift
	begun=$(date +%s.%N)
	start_run "pass$number" --clock=event --job="bench$number" --publish.interval=1s \
		--topics.latest="b$number.latest" --topics.history="b$number.history" "$@"
	wait_for 10 http_of "pass$number"
	# Asking costs as much as a tenth of these cores: until all partitions are read, its log says when, and nobody asks.
	grep -q -m 4 'to=serving' < <(tail -n +1 -f --pid="$run_pid" "$work/pass$number.log" 2>/dev/null)
	until [ "$(metric_of "pass$number" salespulse_messages_total)" = "$events" ]; do
		kill -0 "$run_pid" 2>/dev/null || { tail -n 5 "$work/pass$number.log" >&2; return 1; }
		sleep 0.02
	done
	echo "$(date +%s.%N) $begun" | awk '{ printf "%.3f ", $1 - $2 }'
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%.3f ", ($14 + $15) / hz }' "/proc/$run_pid/stat"
	awk '/VmRSS/ { printf "%d\n", $2 / 1024 }' "/proc/$run_pid/status"
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
	return 0
}

ratio() { # NAME FLAG…: medians over the rounds; the median seconds of `run` stay in $run_seconds
	local title=$1 i lines=""
	shift
	for i in $(seq "$rounds"); do
		raw_line=$("$built/raw" "$brokers" $topics | sed -E 's/.*seconds=([0-9.]+) cpu=([0-9.]+)/\1 \2/')
		run_line=$(pass "$RANDOM$i" "$@") || exit 1
		lines+="$raw_line $run_line"$'\n'
	done
	printf '%s' "$lines" | sort -n | awk -v title="$title" -v n="$events" '{ r[NR] = $1 / $3; raw[NR] = $1; rawcpu[NR] = $2; runcpu[NR] = $4; rss[NR] = $5 }
		END { n_r = NR; for (i = 1; i <= n_r; i++) for (k = i + 1; k <= n_r; k++) if (r[k] < r[i]) { t = r[i]; r[i] = r[k]; r[k] = t } m = int((NR + 1) / 2)
			printf "%-32s run keeps %.2f of raw (%.2f … %.2f; raw %.0f/s); CPU s per million: raw %.2f, run %.2f; RSS %d MiB\n", title, r[m], r[1], r[NR],
				n / raw[m], rawcpu[m] / n * 1e6, runcpu[m] / n * 1e6, rss[m] }'
	run_seconds=$(printf '%s' "$lines" | awk '{ print $3 }' | median)
}

need_feed() {
	[ -z "$is_fed" ] || return 0
	need_broker
	need_redis
	quietly "$built/feed" "$events" 200 10 20 --kafka.brokers="$brokers"
	"$built/raw" "$brokers" $topics
	is_fed=yes
}

run_part() {
	need_feed
	quietly pass warm-up --definitions="$kpis" >/dev/null # raw consumption has had its own
	ratio "comparison job" --definitions="$kpis"
	sustained=$(awk -v n="$events" -v s="$run_seconds" 'BEGIN { printf "%d", n / s }')
	[ "${SHIPPED:-1}" = 0 ] || rounds=1 ratio "shipped kpis.yaml, once"
}

# ---- latency --------------------------------------------------------------------------------------------------------

latency() { # NAME RATE FLAG…
	local inputs title=$1 rate=$2
	shift 2
	inputs=$(input_topics "l$title")
	start_run "latency$title" --job="latency$title" --definitions="$kpis" --topics.latest="l$title.latest" --topics.history="l$title.history" $inputs "$@"
	wait_for 60 is_ready "latency$title" || { tail -n 5 "$work/latency$title.log" >&2; exit 1; }
	say "latency, $title" "$(quietly "$built/latency" "$rate" "${LATENCY_SECONDS:-30}" "${LATENCY_WARM_UP:-25}" --kafka.brokers="$brokers" --topics.latest="l$title.latest" $inputs)"
	say "" "records published $(metric_of "latency$title" salespulse_records_total), clock behind $(metric_of "latency$title" salespulse_clock_lag_milliseconds) ms at the end"
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
}

latency_at_half() {
	latency 250ms "$((sustained / 2))" --publish.interval=250ms
	latency 10ms "$((sustained / 2))" --publish.interval=10ms
	latency 250ms.no-checkpoints "$((sustained / 2))" --publish.interval=250ms --checkpoint.interval=1h
}

latency_part() {
	if [ -z "$sustained" ]; then
		need_feed
		sustained=$(pass latency --definitions="$kpis" | awk -v n="$events" '{ printf "%d", n / $1 }')
	fi
	say "latency" "half of $sustained events/s, then a fiftieth of it"
	[ "${LATENCY_HALF:-1}" = 0 ] || latency_at_half
	latency 250ms.fiftieth "$((sustained / 50 + 1))" --publish.interval=250ms
	latency 10ms.fiftieth "$((sustained / 50 + 1))" --publish.interval=10ms
}

# ---- start ----------------------------------------------------------------------------------------------------------

until_ready() { # LOG FLAG…: prints the seconds, and ends it in order
	local log=$1 begun=$EPOCHREALTIME
	shift
	start_run "$log" "$@"
	until [ -s "$work/$log.log" ] && is_ready "$log"; do
		kill -0 "$run_pid" 2>/dev/null || { tail -n 5 "$work/$log.log" >&2; return 1; }
		sleep 0.01
	done
	elapsed "$begun"
	kill "$run_pid"
	wait "$run_pid" 2>/dev/null
	return 0
}

seconds_of_20() { # COMMAND…: of one of them
	local begun=$EPOCHREALTIME i
	for i in $(seq 20); do
		"$@" >"$work/out" || return 1
	done
	elapsed "$begun" | awk '{ printf "%.3f", $1 / 20 }'
}

start_part() {
	local i inputs count=${START_EVENTS:-1600000} empty=() full=() flags
	need_broker
	need_redis
	say "salespulse check" "$(seconds_of_20 "$program" check) s with the shipped definitions, $(seconds_of_20 "$program" check --definitions="$kpis") s with the comparison job's; --version $(seconds_of_20 "$program" --version) s"
	strip -o "$work/stripped" "$program"
	say "program" "$(stat -c %s "$work/stripped") bytes stripped, $(stat -c %s "$program") with symbols, and shared libraries"
	inputs=$(input_topics e)
	until_ready empty0 --job=empty0 $inputs >"$work/first" || exit 1
	for i in $(seq "$rounds"); do
		empty+=("$(until_ready "empty$i" --job="empty$i" $inputs)")
	done
	say "run, empty" "ready after $(printf '%s\n' "${empty[@]}" | median) s (${empty[*]}); with its topics to make, once: $(cat "$work/first") s"
	inputs=$(input_topics s)
	flags="--job=full --definitions=$kpis --clock=event --topics.latest=s.latest --topics.history=s.history $inputs"
	quietly "$built/feed" "$count" 200 10 20 --kafka.brokers="$brokers" $inputs
	start_run full0 $flags
	wait_for 10 http_of full0
	until [ "$(metric_of full0 salespulse_messages_total)" = "$count" ]; do
		kill -0 "$run_pid" || exit 1
		sleep 0.1
	done
	entities=$(metric_of full0 salespulse_entities)
	kill "$run_pid"
	wait "$run_pid"
	for i in $(seq "$rounds"); do
		full+=("$(until_ready "full$i" $flags)")
	done
	say "run, from a checkpoint" "of $entities entities: ready after $(printf '%s\n' "${full[@]}" | median) s (${full[*]})"
}

# ---- without a network ----------------------------------------------------------------------------------------------

idle_kpis() { # COUNT: the comparison job with so many KPIs more, of deals too, that its events do not touch
	local i
	sed '/^metrics:/,$d' "$kpis"
	for i in $(seq "$1"); do
		echo "  - {name: idle_$i, on: deal, at: deal.cancelled_at, where: 'deal.status == \"CANCELLED\" && deal.lead_id != \"$i\"', agg: sum, value: deal.amount, by: {team: deal.win_team_id, rep: deal.win_owner_id}}"
	done
	sed -n '/^metrics:/,$p' "$kpis"
	for i in $(seq "$1"); do
		echo "  - {name: idle_$i, value: idle_$i, windows: [1h, 24h, today], group_by: [[], [team], [rep]], compare: none}"
	done
}

core() { # TITLE EVENTS TENANTS TEAMS REPS STEP_MS: the figures; $ns stays for ratios
	local title=$1 line
	shift
	line=$("$built/core" "$kpis" "$@") || exit 1
	say "$title" "$line"
	ns=$(sed -E 's/.*ns_per_event=([0-9]+).*/\1/' <<<"$line")
}

core_part() {
	local few few_often many many_often busy idle count=${CORE_EVENTS:-1000000}
	core "10^3 groups, clock by 10 s" "$count" 5 10 20 10000
	few=$ns
	core "10^3 groups, clock by 1 s" "$count" 5 10 20 1000
	few_often=$ns
	core "10^6 reps, clock by 10 s" "$((count * 3))" 200 100 50 10000
	many=$ns
	core "10^6 reps, clock by 1 s" "$((count * 3))" 200 100 50 1000
	many_often=$ns
	say "ratios of events/s" "$(awk -v a="$few" -v b="$few_often" -v c="$many" -v d="$many_often" \
		'BEGIN { printf "10 s : 1 s %.2f (few groups), %.2f (many); few : many %.2f", b / a, d / c, c / a }')"
	idle_kpis 400 >"$work/idle.yaml"
	core "10^3 groups, the job's KPIs" "$count" 5 10 20 10000
	busy=$ns
	kpis=$work/idle.yaml core "and 400 that no event touches" "$count" 5 10 20 10000
	idle=$ns
	kpis=$root/deploy/kpis.yaml core "the shipped ones" "$((count / 3))" 5 10 20 10000
	say "ratios of time per event" "$(awk -v a="$busy" -v b="$idle" -v c="$ns" \
		'BEGIN { printf "400 idle KPIs more: %.2f; the shipped ones: %.1f", b / a, c / a }')"
}

memory_part() {
	"$built/memory" "$kpis" "${MEMORY_COUNT:-500000}" | sed 's/^/memory: /' || exit 1
}

checkpoint_part() {
	need_redis
	"$built/checkpoint" "$kpis" "${CHECKPOINT_EVENTS:-1600000}" "$rounds" "$work/redis.sock" | sed 's/^/checkpoint in /' || exit 1
}

for part in run latency start core memory checkpoint; do
	if wants "$part"; then
		"${part}_part"
	fi
done
exit 0
