#!/usr/bin/env bash
# run.sh: how much of raw librdkafka consumption `run` keeps while it does the whole job: on one broker, the same topics, in turn in one
# run, after a warm-up. The comparison job (tests/bench/kpis.yaml on the funnel's events, published each second), then the shipped
# definitions on the same, then what needs no network. EVENTS and ROUNDS set the size, PARTS what is done.
. "$(dirname "$0")/../system/lib.sh"
events=${EVENTS:-3000000}
rounds=${ROUNDS:-3}
parts=${PARTS:-run core}
built=$root/build/obj/bench
topics="crm.lead crm.opportunity crm.deal crm.call"
echo "bench: $(nproc) cores,$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), load $(cut -d' ' -f1 /proc/loadavg)"

# One pass of `run` from the beginning, with a job and outputs of its own; prints seconds, CPU seconds, MiB when all has been read.
pass() { # NUMBER FLAG…
	local number=$1 begun
	shift
	begun=$(date +%s.%N)
	start_run "pass$number" --clock=event --job="bench$number" --publish.interval=1s \
		--topics.latest="b$number.latest" --topics.history="b$number.history" "$@"
	until [ "$(metric_of "pass$number" salespulse_messages_total)" = "$events" ]; do
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
		raw_line=$("$built/raw" "$brokers" $topics | sed -E 's/.*seconds=([0-9.]+) cpu=([0-9.]+)/\1 \2/')
		run_line=$(pass "$RANDOM$i" "$@") || exit 1
		lines+="$raw_line $run_line"$'\n'
	done
	printf '%s' "$lines" | sort -n | awk -v title="$title" -v n="$events" '{ r[NR] = $1 / $3; raw[NR] = $1; rawcpu[NR] = $2; runcpu[NR] = $4; rss[NR] = $5 }
		END { n_r = NR; for (i = 1; i <= n_r; i++) for (k = i + 1; k <= n_r; k++) if (r[k] < r[i]) { t = r[i]; r[i] = r[k]; r[k] = t } m = int((NR + 1) / 2)
			printf "%-32s run keeps %.2f of raw (%.2f … %.2f; raw %.0f/s); CPU s per million: raw %.2f, run %.2f; RSS %d MiB\n", title, r[m], r[1], r[NR],
				n / raw[m], rawcpu[m] / n * 1e6, runcpu[m] / n * 1e6, rss[m] }'
}

core() { # TITLE EVENTS TENANTS TEAMS REPS STEP_MS
	local title=$1
	shift
	printf '%-32s %s\n' "$title" "$("$built/core" "$root/tests/bench/kpis.yaml" "$@")"
}

case " $parts " in *" run "*)
	start_kafka
	start_redis
	"$built/feed" "$events" 200 10 20 --kafka.brokers="$brokers" || exit 1
	"$built/raw" "$brokers" $topics
	ratio "comparison job" --definitions="$root/tests/bench/kpis.yaml"
	[ "${SHIPPED:-1}" = 0 ] || rounds=1 ratio "shipped kpis.yaml, once"
esac
case " $parts " in *" core "*)
	core "10^3 groups, clock by 10 s" 1000000 5 10 20 10000
	core "10^3 groups, clock by 1 s" 1000000 5 10 20 1000
	core "10^6 reps, clock by 10 s" 3000000 200 100 50 10000
	core "10^6 reps, clock by 1 s" 3000000 200 100 50 1000
esac
exit 0
