# lib.sh: what the system tests share; sourced. A test has a folder of its own ($work), a real broker, a real Redis on a Unix socket, and
# leaves nothing behind. Checks are counted; `summary` prints "NAME: N passed, N failed" and answers.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=$(basename "$0" .sh)
program=${SALESPULSE:-$root/build/salespulse}
python=$root/build/venv/bin/python
work=$(mktemp -d "${TMPDIR:-/tmp}/salespulse-$name-XXXXXX")
passed=0 failed=0
pids=()

cleanup() {
	local pid
	for pid in "${pids[@]:-}"; do
		[ -n "$pid" ] && disown "$pid" 2>/dev/null
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	done
	[ -e "$work/kafka" ] && "$root/tests/system/kafka.sh" kill "$work/kafka" 2>/dev/null
	wait 2>/dev/null
	[ "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# check TITLE COMMAND…
check() {
	local title=$1
	shift
	if "$@"; then
		echo "ok $title"
		passed=$((passed + 1))
	else
		echo "not ok $title"
		failed=$((failed + 1))
	fi
}

# The logs of what failed are gone with $work: their last lines are said.
summary() {
	local log
	if [ "$failed" -gt 0 ]; then
		for log in "$work"/*.log; do
			[ -s "$log" ] && echo "-- the last lines of ${log##*/}" && tail -n 25 "$log" | cut -c1-400
		done
	fi
	echo "$name: $passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

start_kafka() {
	brokers=$("$root/tests/system/kafka.sh" start "$work/kafka") || exit 1
}

# start_redis [COMMAND…]: through a wrapper, if one is given.
start_redis() {
	mkdir -p "$work/redis"
	"$@" redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$work/redis" --save '' --appendonly no \
		>"$work/redis.log" 2>&1 &
	redis_pid=$!
	pids+=("$redis_pid")
	wait_for 10 test -S "$work/redis.sock"
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# start_run LOG FLAG…: the processor in the background; $run_pid. Settings that every test wants come
# first. Without refresh: it is a steady trickle, and who waits until a topic is quiet would wait for ever.
start_run() {
	local log=$1
	shift
	${RUN_WRAPPER:-} "$program" run --kafka.brokers="$brokers" --redis.address="unix:$work/redis.sock" --http.address=127.0.0.1:0 \
		--publish.refresh=1d "$@" \
		>>"$work/$log.log" 2>&1 &
	run_pid=$!
	pids+=("$run_pid")
}

# The HTTP address that a run said in its log, the last one.
http_of() {
	grep -aoE 'http[a-z_.]*=127\.0\.0\.1:[0-9]+' "$work/$1.log" | tail -n 1 | cut -d= -f2
}

metric_of() { # LOG NAME
	curl -sf "http://$(http_of "$1")/metrics" | awk -v name="$2" '$1 == name { print $2 }'
}
