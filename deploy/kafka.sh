#!/usr/bin/env bash
# kafka.sh: one Apache Kafka broker (KRaft, one node) on loopback, for tests and the demo.
#
#   kafka.sh start DIR [PORT]   keeps its data in DIR; PORT 0 or none: a free one, or the one DIR had before. Waits until the
#                               broker answers, prints 127.0.0.1:PORT (also in DIR/address).
#   kafka.sh stop DIR           an orderly end; without a broker nothing happens
#   kafka.sh kill DIR           kill -9; `start` again finds the data
#
# KAFKA_LIBS names the folder of Kafka's jars (default: build/kafka/libs beside this tree; `make kafka` fills it).
# KAFKA_HEAP is the size of its heap (512m).
set -eu

usage() {
	sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

[ $# -ge 2 ] || usage
verb=$1
dir=$2
port=${3:-0}
root=$(cd "$(dirname "$0")/.." && pwd)
libs=${KAFKA_LIBS:-$root/build/kafka/libs}

# The broker's process, if it lives and is really ours (process ids are used again).
broker_pid() {
	local pid
	pid=$(cat "$dir/kafka.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/server.properties" || return 1
	echo "$pid"
}

free_ports() {
	python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[s.getsockname()[1] for s in held])'
}

write_settings() {
	cat >"$dir/server.properties" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$2
		controller.listener.names=CONTROLLER
		listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
		advertised.listeners=PLAINTEXT://127.0.0.1:$1
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
		log.dirs=$dir/data
		auto.create.topics.enable=false
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=8
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=8
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		broker.session.timeout.ms=2000
		broker.heartbeat.interval.ms=500
		log.message.timestamp.after.max.ms=9223372036854775807
	END
	cat >"$dir/log4j2.xml" <<-'END'
		<Configuration status="ERROR">
		  <Appenders><Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
		  <Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers>
		</Configuration>
	END
}

prepare() {
	local broker_port=$port controller_port
	mkdir -p "$dir"
	[ "$broker_port" != 0 ] || [ ! -e "$dir/address" ] || broker_port=$(sed 's/.*://' "$dir/address")
	read -r free controller_port <<<"$(free_ports)"
	[ "$broker_port" != 0 ] || broker_port=$free
	write_settings "$broker_port" "$controller_port"
	[ -e "$dir/data/meta.properties" ] || java -XX:TieredStopAtLevel=1 -Xmx128m -cp "$libs/*" \
		-Dlog4j2.configurationFile="$dir/log4j2.xml" kafka.tools.StorageTool format \
		-t salespulse-test-000000 -c "$dir/server.properties" >"$dir/format.log" 2>&1 || {
		cat "$dir/format.log" >&2
		exit 1
	}
	echo "127.0.0.1:$broker_port" >"$dir/address"
}

# A broker that says it started and takes connections.
answers() {
	local address
	address=$(cat "$dir/address")
	grep -q 'Kafka Server started' "$dir/kafka.log" && (exec 3<>"/dev/tcp/127.0.0.1/${address#*:}") 2>/dev/null
}

start() {
	broker_pid >/dev/null && { cat "$dir/address"; return; }
	compgen -G "$libs/kafka_2.13-*.jar" >/dev/null || { echo "kafka.sh: no Kafka in $libs; run 'make kafka'" >&2; exit 1; }
	prepare
	setsid java "-Xmx${KAFKA_HEAP:-512m}" -Xms256m -Dlog4j2.configurationFile="$dir/log4j2.xml" \
		-Dlog4j2.disableJmx=true -Dkafka.logs.dir="$dir" -cp "$libs/*" kafka.Kafka "$dir/server.properties" \
		>"$dir/kafka.log" 2>&1 </dev/null &
	echo $! >"$dir/kafka.pid"
	for _ in $(seq 300); do
		answers && { cat "$dir/address"; return; }
		broker_pid >/dev/null || kill -0 "$(cat "$dir/kafka.pid")" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 30 "$dir/kafka.log" >&2
	echo "kafka.sh: the broker did not start; its log is $dir/kafka.log" >&2
	end KILL
	exit 1
}

# end SIGNAL: and wait until it is gone, at most 30 s.
end() {
	local pid
	pid=$(broker_pid) || { rm -f "$dir/kafka.pid"; return 0; }
	kill "-$1" "$pid" 2>/dev/null || true
	for _ in $(seq 300); do
		broker_pid >/dev/null || break
		sleep 0.1
	done
	broker_pid >/dev/null && kill -KILL "$pid" 2>/dev/null
	rm -f "$dir/kafka.pid"
}

case $verb in
start | stop | kill) mkdir -p "$dir" && dir=$(cd "$dir" && pwd) ;;
*) usage ;;
esac
case $verb in
start) start ;;
stop) end TERM ;;
kill) end KILL ;;
esac
