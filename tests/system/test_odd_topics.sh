#!/usr/bin/env bash
# Topics that somebody else made: of unequal partition counts, which `sharding: single` reads all the same, exactly; an input that takes
# longer messages than ours, and a dead-letter topic that does not: an over-long message arrives there as its beginning, and says how long
# it was; one that fits arrives whole.
. "$(dirname "$0")/lib.sh"
start_kafka
start_redis
cat >"$work/topics.py" <<-'PY'
	import random, sys
	import confluent_kafka
	from confluent_kafka.admin import AdminClient, NewTopic
	verb, brokers, root = sys.argv[1:]
	sys.path.insert(0, root + "/tests/oracle")
	import compare


	def make():
	    counts = {"lead": 3, "opportunity": 5, "deal": 2, "call": 1, "rep": 4, "account": 6}
	    topics = [NewTopic("crm." + kind, count, 1, config={"max.message.bytes": "3000000"}) for kind, count in counts.items()]
	    topics.append(NewTopic("kpi.dlq", 1, 1))
	    admin = AdminClient({"bootstrap.servers": brokers})
	    for future in admin.create_topics(topics).values():
	        future.result()


	def noise(size):
	    return b"\x02" + random.Random(size).randbytes(size - 1)  # nothing that compresses


	def plant():
	    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "message.max.bytes": 3000000})
	    for size in (2_500_000, 900_000, 40):
	        producer.produce("crm.deal", noise(size), key=b"nobody")
	    assert producer.flush(20) == 0


	def letters():
	    for message in compare.consume(brokers, ["kpi.dlq"], idle=1):
	        headers = {k: v.decode() for k, v in message.headers()}
	        size = int(headers.get("truncated_from_bytes", len(message.value())))
	        same = noise(size).startswith(message.value())
	        print(size, len(message.value()), "same" if same else "other", headers["topic"], "reason" if headers["reason"] else "none")


	{"make": make, "plant": plant, "letters": letters}[verb]()
PY
topics() { "$python" "$work/topics.py" "$1" "$brokers" "$root"; }
check "topics of 3, 5, 2, 1, 4 and 6 partitions" topics make
"$program" simulate --brokers "$brokers" --sharding=single --seed 9 --from 2026-06-01T00:00:00Z --to 2026-06-15T00:00:00Z --tenants 4 --reps 3 \
	--events 3000 >"$work/simulate.log" 2>&1
check "events are on them" test $? -eq 0
instance() { # NAME
	start_run "$1" --sharding=single --clock=event --publish.restate=1s --checkpoint.interval=300ms --kafka.session_timeout=3s --kafka.instance_id="$1"
}
serves() { [ "$(metric_of "$1" salespulse_shards_serving)" = "$2" ]; }
instance a
a=$run_pid
check "single: one instance reads all of them" wait_for 20 serves a 1
has_events() { [ "$(metric_of a salespulse_events_total)" -ge 1000 ]; }
wait_for 10 has_events
kill -KILL "$a"
wait "$a" 2>/dev/null
instance b
b=$run_pid
check "after a kill -9 another goes on from its checkpoint" wait_for 25 serves b 1
topics plant
letters_are() { [ "$(metric_of b salespulse_dead_letters_total)" = "$1" ]; }
check "what is no event is counted, however long" wait_for 10 letters_are 3
topics letters >"$work/letters"
check "the over-long one arrived as its beginning, with its length" grep -qx '2500000 65536 same crm.deal reason' "$work/letters"
check "the others whole" test "$(grep -cxE '(900000 900000|40 40) same crm.deal reason' "$work/letters")" = 2
check "and each once" test "$(wc -l <"$work/letters")" = 3
"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --idle 3 --single >"$work/compare.log" 2>&1
check "its values equal the oracle's" test $? -eq 0
tail -n 6 "$work/compare.log"
kill -TERM "$b"
wait "$b"
check "it ends in order" test $? -eq 0
timeout 20 "$program" run --kafka.brokers="$brokers" --redis.address="unix:$work/redis.sock" --http.address= --job=parts >"$work/parts.log" 2>&1
check "without \`sharding: single\` they are refused" test $? -eq 2
check "with the remedy" grep -q 'sharding: single' "$work/parts.log"
summary
