#!/usr/bin/env bash
# run.sh: raw librdkafka consumption against `run`, on one broker, the same topics, in turn, after a warm-up. Prints ratios: the share of
# the raw speed that `run` keeps while it does the whole job. EVENTS and ROUNDS set the size.
. "$(dirname "$0")/../system/lib.sh"
events=${EVENTS:-1000000}
rounds=${ROUNDS:-3}
raw=$root/build/obj/bench/raw
topics="crm.lead crm.opportunity crm.deal crm.call crm.rep crm.account"
start_kafka
start_redis
"$program" simulate --brokers "$brokers" --seed 1 --from 2026-08-01T00:00:00Z --to 2026-11-01T00:00:00Z --tenants 40 --reps 40 --events "$events" \
	>"$work/simulate.log" 2>&1 || { cat "$work/simulate.log"; exit 1; }
total=$("$raw" "$brokers" $topics | sed -E 's/messages=([0-9]+).*/\1/')
echo "bench: $total messages, $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2)"

# One pass of `run` from the beginning, with a job and outputs of its own; prints seconds and CPU seconds until all has been read.
pass() { # NUMBER FLAG…
	local number=$1 begun
	shift
	begun=$(date +%s.%N)
	start_run "pass$number" --clock=event --job="bench$number" --topics.latest="b$number.latest" --topics.history="b$number.history" "$@"
	until [ "$(metric_of "pass$number" salespulse_messages_total)" = "$total" ]; do
		kill -0 "$run_pid" 2>/dev/null || { tail -n 5 "$work/pass$number.log" >&2; return 1; }
		sleep 0.05
	done
	echo "$(date +%s.%N) $begun" | awk '{ printf "%.3f ", $1 - $2 }'
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%.3f ", ($14 + $15) / hz }' "/proc/$run_pid/stat"
	awk '/VmRSS/ { printf "%d\n", $2 / 1024 }' "/proc/$run_pid/status"
	kill -KILL "$run_pid"
	wait "$run_pid" 2>/dev/null
	return 0
}

ratio() { # NAME FLAG…: medians over the rounds
	local title=$1 i lines=""
	shift
	for i in $(seq "$rounds"); do
		raw_line=$("$raw" "$brokers" $topics | sed -E 's/.*seconds=([0-9.]+) cpu=([0-9.]+)/\1 \2/')
		run_line=$(pass "$RANDOM$i" "$@") || exit 1
		lines+="$raw_line $run_line"$'\n'
	done
	printf '%s' "$lines" | sort -n | awk -v title="$title" -v n="$total" '{ r[NR] = $1 / $3; rawcpu[NR] = $2; runcpu[NR] = $4; rss[NR] = $5 }
		END { n_r = NR; for (i = 1; i <= n_r; i++) for (k = i + 1; k <= n_r; k++) if (r[k] < r[i]) { t = r[i]; r[i] = r[k]; r[k] = t } m = int((NR + 1) / 2)
			printf "%-32s run keeps %.2f of raw (%.2f … %.2f); CPU s per million: raw %.2f, run %.2f; RSS %d MiB\n", title, r[m], r[1], r[NR],
				rawcpu[m] / n * 1e6, runcpu[m] / n * 1e6, rss[m] }'
}
ratio "shipped kpis.yaml"
ratio "sum and count, three windows" --definitions="$root/tests/bench/kpis.yaml"
